"""A secondary installer: the same as secondary_installer.py, as one writes it in Python.

RESTARTMANAGER_SESSION_KEY=... python secondary_installer_pythonic.py FILE...
"""

from __future__ import annotations

import sys

import restartmanager as rm


def main() -> int:
    try:
        with rm.join_session() as session:  # the key comes from the environment
            session.register(files=sys.argv[1:])
            print(f"secondary: registered {len(sys.argv) - 1} file(s)")
    except rm.RestartManagerError as error:
        print(f"secondary failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
