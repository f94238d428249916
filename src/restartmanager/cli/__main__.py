"""``python -m restartmanager.cli``: the same as ``restartctl``."""

from __future__ import annotations

from restartmanager.cli.entry import main

if __name__ == "__main__":
    main()
