"""Logins: who is logged in, where from, and the process that carries that."""

from __future__ import annotations

from typing import NamedTuple


class Login(NamedTuple):
    """A login, as the machine's login manager has it. ``leader`` is the number of the process that
    carries it, ``scope`` the unit in which everything of it runs; texts are hostile."""

    id: str
    leader: int
    scope: str
    user: str
    tty: str = ""
    host: str = ""

    @property
    def words(self) -> str:
        """Whose it is, and where from."""
        where = ", ".join(filter(None, (self.tty, self.host and f"from {self.host}")))
        return f"{self.user} ({where})" if where else self.user
