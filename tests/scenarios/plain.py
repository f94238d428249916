"""Uses of files that nobody has changed yet, and files that nobody uses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from scenarios.stage import NOBODY, Chapter, used_by

if TYPE_CHECKING:
    from scenarios.stage import Stage, Truth

CHAPTER = Chapter("In use, unchanged")


@CHAPTER.situation("a program runs", "The file is the program of a process.")
def program_runs(stage: Stage) -> Truth:
    program = stage.program()
    stage.register(program)
    return used_by(stage.runs(program))


@CHAPTER.situation("a library is loaded", "The dynamic loader maps it and closes it.")
def library_is_loaded(stage: Stage) -> Truth:
    library = stage.library()
    stage.register(library)
    return used_by(stage.hides("load", library))


@CHAPTER.situation("mapped shared", "A data file that a process maps to write through memory.")
def mapped_shared(stage: Stage) -> Truth:
    data = stage.data()
    stage.register(data)
    return used_by(stage.holds("map-shared", data))


@CHAPTER.situation("mapped, descriptor closed", "No descriptor is left, only the mapping.")
def mapped_and_closed(stage: Stage) -> Truth:
    data = stage.data()
    stage.register(data)
    return used_by(stage.holds("map", data))


@CHAPTER.situation("a descriptor is open", "The plain case.")
def descriptor_is_open(stage: Stage) -> Truth:
    data = stage.data()
    stage.register(data)
    return used_by(stage.holds("open", data))


@CHAPTER.situation(
    "several processes, one bystander", "Three use it; the fourth uses its neighbour."
)
def several_processes(stage: Stage) -> Truth:
    data, neighbour = stage.data(), stage.data("data2")
    stage.register(data)
    stage.holds("open", neighbour)
    return used_by(stage.holds("open", data), stage.holds("map", data), stage.holds("open", data))


@CHAPTER.situation("working directory", "A shell stands in the directory.")
def working_directory(stage: Stage) -> Truth:
    folder = stage.folder / "tree"
    folder.mkdir()
    stage.register_tree(folder)
    return used_by(stage.runs("/bin/cat", cwd=folder))


@CHAPTER.situation(
    "a tree: file and directory inside", "One has a file open far below, one stands there."
)
def tree(stage: Stage) -> Truth:
    file = stage.data("tree/a/b/data")
    stage.register_tree(stage.folder / "tree")
    return used_by(stage.holds("open", file), stage.runs("/bin/cat", cwd=file.parent.parent))


@CHAPTER.situation("root directory", "A daemon has confined itself by chroot(2).", root=True)
def root_directory(stage: Stage) -> Truth:
    folder = stage.folder / "tree"
    folder.mkdir()
    stage.register_tree(folder)
    return used_by(stage.holds("chdir", "/", "chroot", folder))


@CHAPTER.situation("a bound socket", "A server listens on the path; the file itself holds nothing.")
def bound_socket(stage: Stage) -> Truth:
    path = stage.folder / "socket"
    holder = stage.holds("bind", path)
    stage.register(path)
    return used_by(holder)


@CHAPTER.situation(
    "a socket bound by a relative path", "The kernel keeps the path as it was given."
)
def relative_socket(stage: Stage) -> Truth:
    holder = stage.holds("bind", "socket", cwd=stage.folder)
    stage.register(stage.folder / "socket")
    return used_by(holder)


@CHAPTER.situation("a FIFO", "A process waits at it.")
def fifo(stage: Stage) -> Truth:
    path = stage.folder / "fifo"
    os.mkfifo(path)
    stage.register(path)
    return used_by(stage.hides("open-both-ways", path))


@CHAPTER.situation("another user's process", "It runs as nobody; root asks.", root=True)
def another_user(stage: Stage) -> Truth:
    data = stage.data()
    stage.register(data)
    options = {"user": 65534, "group": 65534, "extra_groups": []}
    with open(data, "rb") as file:
        return used_by(stage.runs("/bin/cat", pass_fds=(file.fileno(),), **options))


@CHAPTER.situation("nobody", "The file is free, and so must the answer be.")
def nobody(stage: Stage) -> Truth:
    data, neighbour = stage.data(), stage.data("data2")
    stage.register(data)
    stage.holds("map", neighbour, "open", neighbour)
    return NOBODY


@CHAPTER.situation("the same name in another folder", "A copy elsewhere is used, not this file.")
def same_name_elsewhere(stage: Stage) -> Truth:
    data, other = stage.data(), stage.data("other/data")
    stage.register(data)
    stage.holds("map", other, "open", other)
    return NOBODY


@CHAPTER.situation(
    "only a name among arguments", "A program was started with the path and let it be."
)
def only_an_argument(stage: Stage) -> Truth:
    data = stage.data()
    stage.register(data)
    stage.holds("name", data)
    return NOBODY
