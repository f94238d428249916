"""Mount a file system of a user whose process never answers, at a folder; then judge ways to it.

Arguments: the user whose it is, the folder, and pairs of a user and a path. Prints the objections
as JSON. Run it in a mount namespace of its own.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys

from restartmanager.adapters.proc.ways import Ways

owner, folder, *questions = sys.argv[1:]
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=40000,user_id={owner},group_id={owner},allow_other"
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"hung", os.fsencode(folder), b"fuse.hung", 0, options.encode()):
    sys.exit(f"not possible: {os.strerror(ctypes.get_errno())}")
answers = [
    Ways(int(uid)).to_working_directory(path).risk
    for uid, path in zip(questions[::2], questions[1::2], strict=True)
]
sys.stdout.write(json.dumps(answers))
sys.stdout.flush()
os._exit(0)
