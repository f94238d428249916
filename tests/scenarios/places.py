"""Other names, mounts, roots and namespaces: one file on many paths, many files on one path."""

from __future__ import annotations

import subprocess
from functools import partial
from typing import TYPE_CHECKING

from scenarios.changes import put_over
from scenarios.stage import NOBODY, Chapter, NotHereError, used_by

if TYPE_CHECKING:
    from pathlib import Path

    from scenarios.stage import Stage, Truth

CHAPTER = Chapter("Other names, roots and mounts")
NAMES = Chapter("Hostile names")


def mount(*arguments: str) -> None:
    """Mount something, in the mount namespace that the situation has for itself."""
    command = ["mount", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotHereError(done.stderr.strip())


@CHAPTER.situation("a hard link", "It was opened under its other name.")
def hard_link(stage: Stage) -> Truth:
    data = stage.data()
    (stage.folder / "other").hardlink_to(data)
    stage.register(data)
    return used_by(stage.holds("open", stage.folder / "other", "map", stage.folder / "other"))


@CHAPTER.situation("a symbolic link", "What is registered is the link, what is open its target.")
def symbolic_link(stage: Stage) -> Truth:
    data, link = stage.data(), stage.folder / "link"
    link.symlink_to("data")
    stage.register(link)
    return used_by(stage.holds("open", data))


@CHAPTER.situation("a bind mount", "Used through another path, in a container's mounts.", root=True)
def bind_mount(stage: Stage) -> Truth:
    data = stage.data("a/data")
    (stage.folder / "b").mkdir()
    stage.register(data)
    before = stage.in_own_mounts('mount --bind "$0/a" "$0/b"')
    return used_by(stage.holds("open", stage.folder / "b" / "data", before=before))


@CHAPTER.situation(
    "another mount namespace", "The same file on the same path, from within.", root=True
)
def mount_namespace(stage: Stage) -> Truth:
    library = stage.library()
    stage.register(library)
    return used_by(stage.hides("load", library, before=stage.in_own_mounts(":")))


@CHAPTER.situation("another pid namespace", "To itself the process is number 1.", root=True)
def pid_namespace(stage: Stage) -> Truth:
    data = stage.data()
    stage.register(data)
    before = ("unshare", "--pid", "--fork", "--kill-child")
    return used_by(stage.only_child_of(stage.holds("open", data, before=before)))


@CHAPTER.situation("a file inside a chroot", "Its path is another one for the process.", root=True)
def inside_chroot(stage: Stage) -> Truth:
    data = stage.data("jail/data")
    stage.register(data)
    return used_by(stage.holds("chroot", stage.folder / "jail", "open", "/data"))


@CHAPTER.situation(
    "the same path in a chroot, another file", "Not a use.", root=True, upgrade=True
)  # fmt: skip
def same_path_in_chroot(stage: Stage) -> Truth:
    library = stage.library()
    stage.register(library)
    jail = stage.folder / "jail"
    inside = stage.library(f"jail{library}")
    stage.hides("chroot", jail, "open", library, before=())
    assert inside.exists()
    return NOBODY


@CHAPTER.situation(
    "the same path on a private mount, another file", "Not a use.", root=True, upgrade=True
)  # fmt: skip
def same_path_on_private_mount(stage: Stage) -> Truth:
    library = stage.library("ours/libexample.so.1")
    stage.library("theirs/libexample.so.1")
    stage.register(library)
    before = stage.in_own_mounts('mount --bind "$0/theirs" "$0/ours"')
    stage.hides("load", library, before=before)
    return NOBODY


@CHAPTER.situation("mounted over", "What was there is hidden now, not gone.", mounts=True)
def mounted_over(stage: Stage) -> Truth:
    data = stage.data("folder/data")
    stage.register(data)
    child = stage.holds("open", data)
    mount("-t", "tmpfs", "none", str(data.parent))
    stage.data("folder/data")
    return used_by(stale=[child])


@CHAPTER.situation("the same inode number on another device", "Not a use.", mounts=True)
def same_number_elsewhere(stage: Stage) -> Truth:
    files = []
    for name in ("a", "b"):
        (stage.folder / name).mkdir()
        mount("-t", "tmpfs", "none", str(stage.folder / name))
        files.append(stage.data(f"{name}/data"))
    if files[0].stat().st_ino != files[1].stat().st_ino:
        raise NotHereError("this kernel numbers the files of all tmpfs together")
    stage.register(files[0])
    stage.holds("open", files[1], "map", files[1])
    return NOBODY


def overlay(stage: Stage) -> Path:
    """A library in the lower folder of an overlay, by its merged path."""
    stage.library("lower/libexample.so.1")
    for name in ("upper", "work", "merged"):
        (stage.folder / name).mkdir()
    layers = ("lowerdir={0}/lower", "upperdir={0}/upper", "workdir={0}/work")
    mount(
        "-t",
        "overlay",
        "overlay",
        "-o",
        ",".join(layers).format(stage.folder),
        f"{stage.folder}/merged",
    )
    return stage.folder / "merged" / "libexample.so.1"


@CHAPTER.situation(
    "overlay, merged path", "A container's library: maps names another device than stat.",
    mounts=True, upgrade=True,
)  # fmt: skip
def merged_path(stage: Stage) -> Truth:
    library = overlay(stage)
    stage.register(library)
    return used_by(stage.hides("load", library))


@CHAPTER.situation(
    "overlay, lower path", "The image's file, mapped through the container.", mounts=True
)
def lower_path(stage: Stage) -> Truth:
    library = overlay(stage)
    stage.register(stage.folder / "lower" / "libexample.so.1")
    return used_by(stage.hides("load", library))


@CHAPTER.situation(
    "overlay, merged path, renamed over", "An upgrade inside the container.",
    mounts=True, upgrade=True,
)  # fmt: skip
def merged_path_replaced(stage: Stage) -> Truth:
    library = overlay(stage)
    stage.register(library)
    child = stage.hides("load", library)
    put_over(library, "libexample.so.1.new")
    return used_by(stale=[child])


# -- names -----------------------------------------------------------------------------------------

HOSTILE = {
    "spaces": (" a  b ", "Columns are split at spaces."),
    "a line feed": ("a\nb", "Lines end at line feeds."),
    "a backslash and digits": ("a\\012b", "It looks like an escaped line feed."),
    "a tabulator": ("a\tb", "Fields are split at tabulators."),
    "an escape sequence": ("\x1b[31ma\r", "It colours terminals."),
    "bytes that are no text": (b"a\xff\xfe".decode(errors="surrogateescape"), "Not UTF-8."),
}


def named(name: str, stage: Stage) -> Truth:
    data = stage.data(name)
    stage.register(data)
    return used_by(stage.holds("open", data), stage.holds("map", data))


for what, (name, note) in HOSTILE.items():
    NAMES.situation(f"name: {what}", note)(partial(named, name))


@NAMES.situation(
    "name: ends in “ (deleted)”",
    "A living program that is called so: in use, not stale.",
    upgrade=True,
)
def called_deleted(stage: Stage) -> Truth:
    program = stage.program("program (deleted)")
    stage.register(program)
    return used_by(stage.runs(program))


@NAMES.situation(
    "the neighbour's name ends in “ (deleted)”",
    "It looks like the registered file, removed: not a use.",
    upgrade=True,
)
def neighbour_called_deleted(stage: Stage) -> Truth:
    program = stage.program()
    stage.register(program)
    stage.runs(stage.program("program (deleted)"))
    return NOBODY


@NAMES.situation(
    "process name with brackets and line feed", "It breaks who cuts /proc/PID/stat wrongly."
)
def process_name(stage: Stage) -> Truth:
    data = stage.data()
    stage.register(data)
    return used_by(stage.holds("name", ") R 1 (x\n)", "open", data))
