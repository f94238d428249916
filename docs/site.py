"""What the site needs beyond the pages: the overview, the examples, and links that lead there.

In the repository pages link to files beside ``docs``. mkdocs calls these hooks while it builds.
"""
# ruff: noqa: INP001 - mkdocs loads it by its path

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

__all__ = ["on_files", "on_page_markdown"]

_ROOT = Path(__file__).parents[1]
_OUTSIDE = re.compile(r"\[([^\]]*)\]\((?:\.\./)+(README\.md|examples/[\w.]+|data)\)")
_INSIDE = re.compile(r"\]\(docs/([^)]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the overview and the examples."""
    overview = (_ROOT / "README.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "overview.md", content=_from_root(overview)))
    for example in sorted((_ROOT / "examples").iterdir()):
        if example.suffix in {".py", ".c"}:
            path = f"examples/{example.name}"
            files.append(File.generated(config, path, abs_src_path=str(example)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links to files beside ``docs`` lead to their place on the site."""
    del config, files
    up = "../" * page.file.src_uri.count("/")
    places = {"README.md": "overview.md"}

    def moved(link: re.Match[str]) -> str:
        words, target = link[1], link[2]
        if target == "data":  # a folder of the repository
            return f"{words} (`data/`)"
        return f"[{words}]({up}{places.get(target, target)})"

    return _OUTSIDE.sub(moved, markdown)


def _from_root(text: str) -> str:
    """The links of a page that stands above ``docs``; those to other files there become words."""
    text = _INSIDE.sub(r"](\1)", text)
    return re.sub(r"\[([^\]]*)\]\((?:LICENSE|CONTRIBUTING\.md|examples/README\.md)\)", r"\1", text)
