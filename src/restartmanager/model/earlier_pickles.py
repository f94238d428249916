"""Pickled errors of 0.1.0 before its modules moved: where their parts are found now.

``restartmanager.errors`` loads this module when a pickle asks it for ``_rebuild``, which is the
first thing that such a pickle asks for.
"""

from __future__ import annotations

import sys
from importlib import import_module

from restartmanager.model.errors import rebuild as rebuild  # noqa: PLC0414 - handed on

_MOVED = {
    "restartmanager.identity": "restartmanager.model.identity",
    "restartmanager.model.acting": "restartmanager.model.actions",
}

for _before, _now in _MOVED.items():
    sys.modules.setdefault(_before, import_module(_now))
