"""Everything that a folder can hold, on one file system of its own, looked up by its listing.

    unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
        python lists.py FILE_SYSTEM FOLDER

Mounts FILE_SYSTEM on a folder below FOLDER and writes, as JSON, which paths were told otherwise
than stat(2) tells them, and how many had to be looked at one by one. All ends with the namespaces.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from typing import Any

from programs.situations import NotPossibleError, file_system, mounted, overlaid, run
from restartmanager.adapters.proc import listings
from restartmanager.adapters.proc.listings import Leads, directories_among
from restartmanager.adapters.proc.mounts import Mounts

NOBODY = 65534
PASSABLE = 0o711
PLAIN = 120


def filled(folder: str) -> list[str]:
    """The paths of what there is, and of some that lead nowhere."""
    plain = [f"{folder}/plain{number}" for number in range(PLAIN)]
    for path in plain:
        with open(path, "wb"):
            pass
    names = ["hard", "soft", "dangling", "to-folder", "folder", "pipe", "socket", "covered", "none"]
    special = {name: f"{folder}/{name}" for name in names}
    os.link(plain[0], special["hard"])
    os.symlink("plain1", special["soft"])
    os.symlink("nowhere", special["dangling"])
    os.mkdir(special["folder"])
    os.symlink("folder", special["to-folder"])
    os.mkfifo(special["pipe"])
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(special["socket"])
    with open(special["covered"], "wb"):
        pass
    os.unlink(plain[2])
    odd = [f"{folder}/" + os.fsdecode(name) for name in (b"\xff", b"a\nb", b"x (deleted)")]
    for path in odd:
        with open(path, "wb"):
            pass
    return [*plain, *special.values(), *odd, f"{folder}/none/below", f"{folder}/plain1/below"]


def looked_up(paths: list[str]) -> dict[str, Any]:
    """What is told otherwise than by a look at each, and how many were looked at."""
    looks: list[str] = []

    class Counting(Leads):
        def _look_at(self, path: str) -> None:
            looks.append(path)
            super()._look_at(path)

    leads = Counting()
    leads.look_up(paths, Mounts.read("/proc"))
    each = Leads()
    for path in paths:
        each._look_at(path)
    wrong = [path for path in paths if leads.keys.get(path) != each.keys.get(path)]
    kinds = ("directories", "sockets", "hidden")
    wrong += [kind for kind in kinds if getattr(leads, kind) != getattr(each, kind)]
    if directories_among(paths) != {path for path in paths if os.path.isdir(path)}:
        wrong.append("directories among")
    return {"wrong": [ascii(path) for path in wrong], "looks": len(looks), "paths": len(paths)}


def answers(kind: str, folder: str) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        top = stack.enter_context(file_system(kind, folder))
        if kind == "overlay":
            top = stack.enter_context(overlaid(top))
        os.chmod(top, PASSABLE)
        os.mkdir(f"{top}/there")
        paths = filled(f"{top}/there")
        found = {"plain": looked_up(paths)}
        os.symlink("there", f"{top}/link")
        found["by a link"] = looked_up([f"{top}/link/{os.path.basename(path)}" for path in paths])
        with open(f"{top}/other", "wb"):
            pass
        run("mount", "--bind", f"{top}/other", f"{top}/there/covered")
        stack.callback(run, "umount", f"{top}/there/covered")
        found["covered"] = looked_up(paths)
        with mounted("-t", "tmpfs", "tmpfs", on=f"{top}/elsewhere"):
            found["one folder of two"] = looked_up([*paths, *filled(f"{top}/elsewhere")])
        for number in range(PLAIN * listings._WORTH * 2):
            with open(f"{top}/there/other{number}", "wb"):
                pass
        found["mostly others"] = looked_up(paths)
        for mode in (0o711, 0o744, 0o700):
            os.chmod(f"{top}/there", mode)
            os.seteuid(NOBODY)
            try:
                found[f"{mode:o} to nobody"] = looked_up(paths)
            finally:
                os.seteuid(0)
        return found


def main(kind: str, folder: str) -> None:
    os.chmod(folder, PASSABLE)
    try:
        found = answers(kind, folder)
    except NotPossibleError as error:
        found = {"not possible": str(error)}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
