"""A primary installer: the same as primary_installer.py, as one writes it in Python.

    python primary_installer_pythonic.py FILE... --replace OLD NEW --secondary-file FILE

Leaving the blocks brings back what was closed and ends the session, also after an exception.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys

import restartmanager as rm

HERE = os.path.dirname(os.path.abspath(__file__))


def install(options: argparse.Namespace) -> None:
    with rm.start_session() as session:
        if options.secondary_file:
            command = [sys.executable, options.secondary, *options.secondary_file]
            subprocess.run(command, env={**os.environ, **session.environ()}, check=True)
        session.register(files=options.files)
        for application in session.affected().applications:
            used = ", ".join({item.path for item in application.evidence})
            print(f"affected: {application.name} uses {used}")
        with session.shutdown(force=options.force) as stopped:
            for old, new in options.replace:
                replace_file(old, new)
    for outcome in stopped.restarted:
        print(f"{outcome.application.name}: {outcome.message or 'is back'}")


def replace_file(old: str, new: str) -> None:
    """Put the new file in the place of the old one, at one stroke."""
    shutil.copy(new, f"{old}.new")
    os.replace(f"{old}.new", old)
    print(f"replaced {old}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A primary installer.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="what is going to change")
    parser.add_argument(
        "--replace", nargs=2, action="append", default=[], metavar=("OLD", "NEW"),
        help="put the content of NEW in the place of OLD",
    )  # fmt: skip
    parser.add_argument(
        "--secondary-file", action="append", default=[], metavar="FILE",
        help="what the secondary installer registers; without any, none is started",
    )  # fmt: skip
    parser.add_argument(
        "--secondary", metavar="PROGRAM", help="the secondary installer, a Python program",
        default=os.path.join(HERE, "secondary_installer_pythonic.py"),
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="kill what does not exit in time")
    return parser.parse_args()


def main() -> int:
    try:
        install(parse())
    except (rm.RestartManagerError, OSError, subprocess.CalledProcessError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
