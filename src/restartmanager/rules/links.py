"""Links on the way to a folder that the caller names: which of them are followed.

Who can turn a link could make root take anybody's folder for the one that was named. So a link
counts where root or the caller has put it, and else only where it leads to a folder of the very
user who could turn it::

    >>> link = Link(owner=1000, names=1, folder_owner=0, folder_open=True)
    >>> why_not_followed(link, target_owner=1000, caller=0)
    ''
    >>> why_not_followed(link, target_owner=0, caller=0)
    'user 1000 could turn it elsewhere'
"""

from __future__ import annotations

from typing import NamedTuple


class Link(NamedTuple):
    """A symbolic link: its owner, the number of its names, and the folder that holds it.

    ``folder_open`` says that others than its owner may write to that folder.
    """

    owner: int
    names: int
    folder_owner: int
    folder_open: bool


def why_not_followed(link: Link, target_owner: int, caller: int) -> str:
    """Who could have turned this link to a folder that is not theirs; empty where nobody could.

    The owner of a link tells who made it, unless it may be a second name that somebody has given
    to the link of another (link(2)).
    """
    if link.names > 1 and link.folder_open:
        return "others could have put it there"
    makers = {link.owner, link.folder_owner} - {0, caller, target_owner}
    return f"user {min(makers)} could turn it elsewhere" if makers else ""
