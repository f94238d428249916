"""Parts of a page that a program writes, each between markers of its own."""

from __future__ import annotations

__all__ = ["put"]


def put(path: str, name: str, text: str) -> None:
    """Put the text in place of the part of this name, or at the end of the page."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    part = f"{begin}\n{text}{end}"
    try:
        with open(path, encoding="utf-8") as file:
            page = file.read()
    except FileNotFoundError:
        page = "# How fast it is\n"
    if begin in page and end in page:
        page = page.partition(begin)[0] + part + page.partition(end)[2]
    else:
        page = f"{page}\n{part}\n"
    with open(path, "w", encoding="utf-8") as file:
        file.write(page)
