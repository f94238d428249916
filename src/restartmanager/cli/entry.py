"""Where ``restartctl`` begins: loading the program is most of what a short answer costs.

The garbage collector is held back for it. All that is loaded is kept until the end, and looking
through it, again and again while it grows and once more at the end, finds nothing.
"""

from __future__ import annotations

import gc

TYPE_CHECKING = False  # what type checkers take for true; importing typing costs milliseconds
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process, and exit."""
    gc.disable()
    from restartmanager.cli.app import main as run

    gc.freeze()
    gc.enable()
    try:
        run()
    finally:
        gc.freeze()
