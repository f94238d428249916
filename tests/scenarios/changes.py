"""What was changed after it was registered: the old file lives on in who uses it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from scenarios.stage import NOBODY, Chapter, NotHereError, used_by

if TYPE_CHECKING:
    from pathlib import Path

    from scenarios.stage import Stage, Truth

CHAPTER = Chapter("Changed after registration")


def put_over(path: Path, temporary: str) -> None:
    """Put a new file with the same content in the place of this one, as installers do."""
    new = path.with_name(temporary)
    shutil.copy(path, new)
    new.rename(path)


@CHAPTER.situation(
    "program renamed over", "What every package manager does to a running program.", upgrade=True
)
def program_renamed_over(stage: Stage) -> Truth:
    program = stage.program()
    stage.register(program)
    child = stage.runs(program)
    put_over(program, "program.new")
    return used_by(stale=[child])


@CHAPTER.situation("library renamed over", "The same for a loaded library.", upgrade=True)
def library_renamed_over(stage: Stage) -> Truth:
    library = stage.library()
    stage.register(library)
    child = stage.hides("load", library)
    put_over(library, "libexample.so.1.new")
    return used_by(stale=[child])


@CHAPTER.situation("open file renamed over", "An editor saved the file that a server has open.")
def open_file_renamed_over(stage: Stage) -> Truth:
    data = stage.data()
    stage.register(data)
    child = stage.holds("open", data)
    put_over(data, "data~")
    return used_by(stale=[child])


@CHAPTER.situation(
    "program moved aside, new one put",
    "The old file has a name still, so nothing says “(deleted)”.",
    upgrade=True,
)
def program_moved_aside(stage: Stage) -> Truth:
    program = stage.program()
    stage.register(program)
    child = stage.runs(program)
    program.rename(stage.folder / "program.old")
    stage.program()
    return used_by(stale=[child])


@CHAPTER.situation("library moved aside, new one put", "The same for a library.", upgrade=True)
def library_moved_aside(stage: Stage) -> Truth:
    library = stage.library()
    stage.register(library)
    child = stage.hides("load", library)
    library.rename(stage.folder / "libexample.so.1.old")
    stage.library()
    return used_by(stale=[child])


@CHAPTER.situation(
    "library overwritten in place", "cp over a library: the same inode, other code.", upgrade=True
)
def library_overwritten(stage: Stage) -> Truth:
    library = stage.library()
    stage.register(library)
    child = stage.hides("load", library)
    content = library.read_bytes()
    stage.time_passes()
    with open(library, "r+b") as file:
        file.write(content)
    return used_by(stale=[child])


@CHAPTER.situation(
    "open file written to", "It has grown; who reads it sees that: in use, not stale."
)
def open_file_written(stage: Stage) -> Truth:
    data = stage.data()
    stage.register(data)
    child = stage.holds("open", data)
    stage.time_passes()
    with open(data, "ab") as file:
        file.write(b"more")
    return used_by(child)


@CHAPTER.situation("program deleted", "The package was removed, the daemon runs on.", upgrade=True)
def program_deleted(stage: Stage) -> Truth:
    program = stage.program()
    stage.register(program)
    child = stage.runs(program)
    program.unlink()
    return used_by(stale=[child])


@CHAPTER.situation("open file deleted", "The log that still fills the disk.")
def open_file_deleted(stage: Stage) -> Truth:
    data = stage.data()
    stage.register(data)
    child = stage.holds("open", data)
    data.unlink()
    return used_by(stale=[child])


@CHAPTER.situation(
    "deleted and made again", "One process has the old file, one the new: both, and only one stale."
)
def made_again(stage: Stage) -> Truth:
    data = stage.data()
    stage.register(data)
    old = stage.holds("map", data)
    data.unlink()
    stage.data()
    return used_by(stage.holds("map", data), stale=[old])


@CHAPTER.situation(
    "dpkg's way", "A backup link, the new file unpacked beside, renamed over, the backup removed.",
    upgrade=True,
)  # fmt: skip
def dpkg_way(stage: Stage) -> Truth:
    program = stage.program()
    stage.register(program)
    child = stage.runs(program)
    backup = stage.folder / "program.dpkg-tmp"
    backup.hardlink_to(program)
    put_over(program, "program.dpkg-new")
    backup.unlink()
    return used_by(stale=[child])


@CHAPTER.situation(
    "dpkg's way, half done",
    "The backup link is there still: the old file has a name.",
    upgrade=True,
)
def dpkg_half_done(stage: Stage) -> Truth:
    program = stage.program()
    stage.register(program)
    child = stage.runs(program)
    (stage.folder / "program.dpkg-tmp").hardlink_to(program)
    put_over(program, "program.dpkg-new")
    return used_by(stale=[child])


@CHAPTER.situation(
    "rpm's way", "The new library has a temporary name with a number, renamed over.", upgrade=True
)
def rpm_way(stage: Stage) -> Truth:
    library = stage.library()
    stage.register(library)
    child = stage.hides("load", library)
    put_over(library, "libexample.so.1;5f3c9a1b")
    return used_by(stale=[child])


@CHAPTER.situation(
    "a library's link turned to the next version", "What is registered is the link.", upgrade=True
)
def link_turned(stage: Stage) -> Truth:
    stage.library("libexample.so.1.0")
    link = stage.folder / "libexample.so.1"
    link.symlink_to("libexample.so.1.0")
    stage.register(link)
    child = stage.hides("load", link)
    stage.library("libexample.so.1.1")
    new = stage.folder / "new-link"
    new.symlink_to("libexample.so.1.1")
    new.rename(link)
    return used_by(stale=[child])


@CHAPTER.situation(
    "a whole tree exchanged",
    "The folder is moved away and a new one put in its place.",
    upgrade=True,
)
def tree_exchanged(stage: Stage) -> Truth:
    tree = stage.folder / "tree"
    program, data = stage.program("tree/bin/program"), stage.data("tree/data")
    stage.register_tree(tree)
    runner, reader = stage.runs(program), stage.holds("open", data)
    tree.rename(stage.folder / "tree.old")
    stage.program("tree/bin/program")
    stage.data("tree/data")
    return used_by(stale=[runner, reader])


@CHAPTER.situation(
    "the inode number of a removed file",
    "A later file got the number of the registered one, and that one is open: not a use.",
)
def inode_number_again(stage: Stage) -> Truth:
    for attempt in range(100):
        data = stage.data(f"{attempt}/data")
        stage.register(data)
        number = data.stat().st_ino
        data.unlink()
        later = stage.data(f"{attempt}/unrelated")
        if later.stat().st_ino == number:
            stage.holds("open", later, "map", later)
            return NOBODY
    raise NotHereError("this file system does not give numbers again so soon")
