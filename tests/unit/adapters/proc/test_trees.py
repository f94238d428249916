"""Trees are walked by descriptors: nothing outside is taken for a part of them."""

from __future__ import annotations

import os
import resource
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from restartmanager.adapters.proc import trees
from restartmanager.adapters.proc.files import identify, resources_at
from restartmanager.adapters.proc.mounts import Mounts
from restartmanager.adapters.proc.trees import Tree, TurnedLinkError, real_path_of
from restartmanager.adapters.scan.targets import Targets
from restartmanager.errors import UsageError
from restartmanager.model import FileResource, Resources, TreeResource

if TYPE_CHECKING:
    from collections.abc import Iterator

STRANGER = 65002
BESIDE = ("b", "c", "d")


@pytest.fixture
def place() -> Iterator[Path]:
    """A tree with two folders, and beside it a folder with files of the same names, for all to
    see."""
    with tempfile.TemporaryDirectory() as made:
        top = Path(made)
        top.chmod(0o755)
        for folder in ("tree/one", "tree/two", "outside"):
            (top / folder).mkdir(parents=True)
            (top / folder / "file").write_bytes(b"x")
            (top / folder / "secret").mkdir()
            (top / folder / "secret/deep").write_bytes(b"x")
        yield top


def exchange(folder: Path, link_to: Path) -> None:
    folder.rename(folder.with_name(f"{folder.name}.away"))
    folder.symlink_to(link_to)


def seen_below(folder: Path) -> set[int]:
    """The inodes of a folder and of all below it, by paths."""
    found = {os.stat(folder).st_ino}
    for top, folders, files in os.walk(folder):
        found |= {os.stat(os.path.join(top, name)).st_ino for name in (*folders, *files)}
    return found


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@contextmanager
def few_descriptors(count: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


# -- walking ---------------------------------------------------------------------------------------


def test_a_folder_that_is_exchanged_with_a_link_leads_nowhere(place: Path) -> None:
    """At each moment between two things that are seen."""
    outside = seen_below(place / "outside")
    moment = 0
    while True:
        inner = place / "tree/one"
        with Tree(str(place / "tree")) as tree:
            walk = tree.walk()
            for _ in range(moment):
                if next(walk, None) is None:
                    return
            exchange(inner, place / "outside")
            assert not outside & {facts.st_ino for _, facts in walk}, moment
        inner.unlink()
        inner.with_name("one.away").rename(inner)
        moment += 1


def test_a_folder_that_is_moved_away_while_it_is_walked_leads_no_further_than_itself(
    place: Path,
) -> None:
    """Nobody comes from it to the folders around its new place."""
    (place / "outside/prison").mkdir()
    inner = seen_below(place / "tree/one")
    outside = seen_below(place / "outside") - {os.stat(place / "outside/prison").st_ino}
    with Tree(str(place / "tree")) as tree:
        walk = tree.walk()
        met = next(facts for path, facts in walk if path.endswith("/one/file"))
        (place / "tree/one").rename(place / "outside/prison/one")
        rest = {facts.st_ino for _, facts in walk}
    assert met.st_ino in inner
    assert not outside & rest


def test_a_mount_that_does_not_answer_is_passed_over_behind_a_link_too(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "link").symlink_to("tree")
    monkeypatch.setattr(trees, "dead_mounts_below", lambda folder: {f"{folder}/one"})
    for name in ("tree", "link"):
        with Tree(f"{place}/{name}") as tree:
            seen = {path for path, _ in tree.walk()}
        assert f"{place}/{name}/one" not in seen
        assert f"{place}/{name}/two/file" in seen


def test_another_folder_below_the_tree_may_take_the_place_of_one(place: Path) -> None:
    (place / "tree/two/more").write_bytes(b"x")
    with Tree(str(place / "tree")) as tree:
        walk = tree.walk()
        next(walk)
        (place / "tree/one").rename(place / "tree/away")
        (place / "tree/two").rename(place / "tree/one")
        assert os.stat(place / "tree/one/more").st_ino in {facts.st_ino for _, facts in walk}


def deepened(folder: Path, levels: int) -> Path:
    """The deepest of so many folders, one inside the other, each beside others."""
    for _ in range(levels):
        for name in BESIDE:
            (folder / name).mkdir()
            (folder / name / "file").touch()
        folder /= "a"
        folder.mkdir()
    return folder


def flattened(deepest: Path, levels: int) -> None:
    """Without recursion, for which this is too deep."""
    for _ in range(levels):
        deepest.rmdir()
        deepest = deepest.parent
        for name in BESIDE:
            (deepest / name / "file").unlink()
            (deepest / name).rmdir()


def test_a_deep_tree_takes_few_descriptors(place: Path) -> None:
    levels = 300
    deepest = deepened(place / "tree", levels)
    (deepest / "last").write_bytes(b"x")
    before = descriptors()
    try:
        with few_descriptors(before + 100), Tree(str(place / "tree")) as tree:
            found = [path for path, _ in tree.walk()]
        assert f"{deepest}/last" in found
        assert len(found) == len(set(found)) == 1 + (1 + 2 * len(BESIDE)) * levels + 1 + 2 * 4
        assert descriptors() == before
    finally:
        (deepest / "last").unlink()
        flattened(deepest, levels)


def test_a_folder_that_is_exchanged_far_above_is_not_come_back_to(place: Path) -> None:
    """Folders far above are closed meanwhile, and opened again by their names."""
    levels = 150
    deepest = deepened(place / "tree", levels)
    others = deepened(place / "outside", levels)
    outside = seen_below(place / "outside")
    top = place / "tree/a"
    try:
        with Tree(str(place / "tree")) as tree:
            walk = tree.walk()
            assert any(path == str(deepest) for path, _ in walk)
            top.rename(place / "away")
            top.symlink_to(place / "outside/a")
            assert not outside & {facts.st_ino for _, facts in walk}
        top.unlink()
        (place / "away").rename(top)
    finally:
        flattened(deepest, levels)
        flattened(others, levels)


def test_a_path_that_is_too_long_to_be_one_ends_the_way_down(place: Path) -> None:
    """So it ends also where somebody moves folders ahead of who walks."""
    folder = place / "tree/long"
    folder.mkdir()
    held = os.open(folder, os.O_RDONLY)
    name = "x" * 250
    depth = 20
    try:
        for _ in range(depth):
            os.mkdir(name, dir_fd=held)
            inner = os.open(name, os.O_RDONLY, dir_fd=held)
            os.close(held)
            held = inner
        with Tree(str(place / "tree")) as tree:
            paths = [path for path, _ in tree.walk()]
        assert 10 < sum(path.endswith(name) for path in paths) < depth
        assert max(map(len, paths)) < 4096 + 256
    finally:
        os.close(held)
        while depth:  # from below, by moving what is inside up
            inside = folder / name
            for left in os.listdir(inside):
                (inside / left).rename(folder / "up")
            inside.rmdir()
            if (folder / "up").exists():
                (folder / "up").rename(inside)
            depth -= 1


def test_a_walk_that_is_left_early_leaves_nothing_open(place: Path) -> None:
    before = descriptors()
    with Tree(str(place / "tree")) as tree:
        walk = tree.walk()
        for _ in range(4):
            next(walk)
        walk.close()
    assert descriptors() == before


@pytest.mark.root
def test_what_may_not_be_read_is_left_out(place: Path) -> None:
    (place / "tree/one").chmod(0)
    os.seteuid(STRANGER)
    try:
        with Tree(str(place / "tree")) as tree:
            found = {path.removeprefix(str(place)) for path, _ in tree.walk()}
            looked = dict(tree.look_at([f"{place}/tree/one/file", f"{place}/tree/two/file"]))
    finally:
        os.seteuid(0)
    assert "/tree/one" in found
    assert "/tree/two/file" in found
    assert "/tree/one/file" not in found
    assert looked[f"{place}/tree/one/file"] is None
    assert looked[f"{place}/tree/two/file"] is not None


# -- looking at single things ----------------------------------------------------------------------


def test_single_things_are_looked_at_without_following_links(place: Path) -> None:
    names = ("one", "one/file", "two/file", "two/none", "two/secret/deep")
    exchange(place / "tree/one", place / "outside")
    (place / "tree/two/file").unlink()
    (place / "tree/two/file").symlink_to(place / "outside/file")
    with Tree(str(place / "tree")) as tree:
        seen = [path for path, _ in tree.look_at(f"{place}/tree/{name}" for name in names)]
    assert seen == [f"{place}/tree/two/secret/deep"]


def targets_of(resources: Resources) -> Targets:
    return Targets.look_up(resources, Mounts([]))


def key_of(path: Path) -> tuple[int, int]:
    facts = os.stat(path)
    return facts.st_dev, facts.st_ino


@pytest.mark.parametrize("path", ["tree/one", "tree/one/secret"])
def test_what_was_recorded_is_not_found_behind_a_link(place: Path, path: str) -> None:
    """A recorded path that was made to lead to another's file of the same name."""
    recorded = identify([], [str(place / "tree")])
    old = key_of(place / "tree/one/secret/deep")
    link_to = place / "outside" / path.removeprefix("tree/one").lstrip("/")
    exchange(place / path, link_to)
    targets = targets_of(recorded)
    for name in ("file", "secret", "secret/deep"):
        assert targets.at(key_of(place / "outside" / name)) == (), name
    (target,) = (t for t in targets.at(old) if t.path == f"{place}/tree/one/secret/deep")
    assert target.recorded is not None
    assert target.now is None
    assert target.path in targets.paths.gone


def test_a_file_that_was_named_itself_is_still_found_behind_a_link(place: Path) -> None:
    """As a library that became a link to its next version, though a tree has it as well."""
    file, other = place / "tree/one/file", place / "outside/file"
    recorded = identify([str(file)], [str(place / "tree")])
    file.unlink()
    file.symlink_to(other)
    found = targets_of(recorded).at(key_of(other))
    assert {(target.path, target.now is None) for target in found} == {(str(file), False)}


def test_a_removed_file_counts_below_the_tree_only(place: Path) -> None:
    """Its path is a text, and the tree's own folder may lie behind a link."""
    (place / "link").symlink_to(place / "tree")
    targets = targets_of(Resources(trees=identify([], [str(place / "link")]).trees))
    for folder in ("link", "tree"):
        removed = f"{place}/{folder}/gone (deleted)"
        assert targets.paths.removed_below(removed) == f"{place}/{folder}/gone"
    assert targets.paths.removed_below(f"{place}/outside/gone (deleted)") is None


# -- the way to the tree ---------------------------------------------------------------------------


def test_a_tree_may_be_given_through_a_link_and_with_a_slash(place: Path) -> None:
    (place / "link").symlink_to("tree")
    for given, path in (("link", "link"), ("link/", "link"), ("tree/", "tree")):
        (tree,) = identify([], [f"{place}/{given}"]).trees
        assert tree.path == f"{place}/{path}"
        assert f"{place}/{path}/one/secret/deep" in {entry.path for entry in tree.entries}
    assert real_path_of(str(place / "link")) == f"{place}/tree"
    (place / "tree").rename(place / "gone")
    assert real_path_of(str(place / "link/x")) == f"{place}/link/x"


@pytest.mark.parametrize("text", ["loop", "../loop", "tree/one/file"])
def test_a_link_that_leads_to_no_folder_is_none(place: Path, text: str) -> None:
    (place / "loop").symlink_to(text)
    with pytest.raises(UsageError, match="is not a directory"):
        identify([], [str(place / "loop")])


def owned(path: Path, uid: int) -> Path:
    os.chown(path, uid, uid, follow_symlinks=False)
    return path


@pytest.mark.root
@pytest.mark.parametrize("kind", ["absolute", "relative", "chain", "on the way"])
def test_a_strangers_link_to_the_folder_of_another_is_not_followed(place: Path, kind: str) -> None:
    """Whoever owns it could turn it to any folder, at any moment."""
    link, named = place / "link", place / "link"
    if kind == "chain":
        (place / "hop").symlink_to(place / "outside")
        owned(place / "hop", STRANGER)
        link.symlink_to("hop")
    elif kind == "on the way":
        link.symlink_to("outside")
        owned(link, STRANGER)
        named = link / "secret"
    else:
        link.symlink_to("outside" if kind == "relative" else place / "outside")
        owned(link, STRANGER)
    with pytest.raises(UsageError, match=f"is a link, and user {STRANGER} could turn it"):
        identify([], [str(named)])
    with pytest.raises(UsageError, match=f"is a link, and user {STRANGER} could turn it"):
        resources_at([str(named)])
    assert not targets_of(resources_of(named)).keys
    assert real_path_of(str(named)) is None


def resources_of(tree: Path) -> Resources:
    """As they were when the tree was registered, and nobody had put a link on the way."""
    return Resources(trees=(TreeResource(str(tree)),))


@pytest.mark.root
def test_a_strangers_link_to_a_folder_of_their_own_is_followed(place: Path) -> None:
    link = place / "link"
    link.symlink_to("outside")
    owned(link, STRANGER)
    owned(place / "outside", STRANGER)
    (tree,) = identify([], [str(link)]).trees
    assert f"{link}/file" in {entry.path for entry in tree.entries}


@pytest.mark.root
def test_a_link_in_a_strangers_folder_is_theirs_whoever_made_it(place: Path) -> None:
    owned(place / "tree/two", STRANGER)
    (place / "tree/two/link").symlink_to(place / "outside")
    with pytest.raises(TurnedLinkError):
        Tree(f"{place}/tree/two/link")


@pytest.mark.root
def test_a_folder_turned_to_a_link_after_it_was_registered_leads_nowhere(place: Path) -> None:
    """The tree's own folder, and one above it."""
    owned(place / "tree", STRANGER)
    for registered, turned, link_to in (
        ("tree/one", "tree/one", "outside"),
        ("tree/two/secret", "tree/two", "outside"),
    ):
        recorded = identify([], [str(place / registered)])
        old = key_of(place / registered)
        exchange(place / turned, place / link_to)
        owned(place / turned, STRANGER)
        targets = targets_of(recorded)
        assert not {key_of(place / "outside" / n) for n in ("file", "secret", "secret/deep")} & set(
            targets.keys
        )
        (target,) = targets.at(old)
        assert target.now is None
        assert targets.paths.removed_below(f"{place}/outside/lib (deleted)") is None


def test_files_are_followed_as_before(place: Path) -> None:
    (place / "name").symlink_to("outside/file")
    facts = os.stat(place / "outside/file")
    (file,) = identify([str(place / "name")], []).files
    assert file == FileResource(f"{place}/name", file.identity)
    assert file.identity is not None
    assert file.identity.inode == facts.st_ino
