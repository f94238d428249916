"""Mount a file system that never answers, at a folder that only this process sees it at; keep the
mount open, and a file: ``holds_hung.py FOLDER FILE``. Prints "ready", and ends with its input."""

from __future__ import annotations

import ctypes
import os
import sys

MS_REC, MS_PRIVATE = 0x4000, 0x40000
CLONE_NEWNS = 0x20000

folder, path = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
if (
    libc.unshare(CLONE_NEWNS)
    or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    or libc.mount(b"hung", os.fsencode(folder), b"fuse.hung", 0, options.encode())
):
    sys.exit(f"not possible: {os.strerror(ctypes.get_errno())}")
held = os.open(folder, os.O_PATH), os.open(path, os.O_RDONLY)
os.write(1, b"ready\n")
os.read(0, 1)
