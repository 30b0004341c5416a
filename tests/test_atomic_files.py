"""Tests that a file is whole at any moment, keeps its mode, and leaves no rest."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from skdeep import MLPClassifier, MLPRegressor, load, save
from skdeep._atomic_files import sweep, write_atomically
from skdeep.exceptions import PersistenceError

posix = pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")


def mode_of(path: Path) -> int:
    """Return the bits of a file's mode."""
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    """Return what a folder holds."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("content", [b"", b"text", [b"two", b"parts"]], ids=str)
def test_content_is_what_was_given(content, tmp_path):
    """In one piece or several, new or in place of another."""
    path = tmp_path / "file"
    for _ in range(2):
        write_atomically(path, content)
        assert path.read_bytes() == (
            content if isinstance(content, bytes) else b"".join(content)
        )
    assert names(tmp_path) == ["file"]


def test_writers_of_one_path_do_not_mix(tmp_path):
    """Threads that save and load at once: whatever is read is whole."""
    path = tmp_path / "file"
    estimators = [MLPClassifier(max_epochs=1 + i, random_state=i) for i in range(3)]
    save(estimators[0], path)
    seen: set[int] = set()
    failed: list[Exception] = []
    done = threading.Event()

    def write(estimator: MLPClassifier) -> None:
        for _ in range(20):
            save(estimator, path)

    def read() -> None:
        while not done.is_set():
            try:
                seen.add(load(path).max_epochs)
            except Exception as error:
                failed.append(error)

    writers = [threading.Thread(target=write, args=(e,)) for e in estimators]
    reader = threading.Thread(target=read)
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert not failed
    assert seen <= {1, 2, 3}
    assert names(tmp_path) == ["file"]


def test_writers_with_one_process_number_do_not_mix(tmp_path, monkeypatch):
    """Two containers that share a folder may each have a process 7."""
    monkeypatch.setattr(os, "getpid", lambda: 7)
    test_writers_of_one_path_do_not_mix(tmp_path)


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_mode_of_an_old_file_is_kept(mode, tmp_path):
    """A private model stays private."""
    path = tmp_path / "file"
    save(MLPRegressor(), path)
    path.chmod(mode)
    save(MLPRegressor(max_epochs=7), path)
    assert mode_of(path) == mode
    assert load(path).max_epochs == 7


@posix
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_new_file_obeys_the_umask(mask, mode, tmp_path):
    """As one that `open` makes."""
    before = os.umask(mask)
    try:
        save(MLPRegressor(), tmp_path / "file")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "file") == mode


@posix
def test_content_is_never_more_readable_than_the_old_file(tmp_path, monkeypatch):
    """Not even while it is written."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o600)
    seen = []
    fsync = os.fsync

    def look(descriptor: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    write_atomically(path, b"new")
    assert seen[0] == 0o600


@posix
def test_read_only_file_is_refused(tmp_path):
    """For the superuser too, who could write to it."""
    path = tmp_path / "file"
    save(MLPRegressor(), path)
    path.chmod(0o444)
    with pytest.raises(PersistenceError, match="file cannot be written: the file is r"):
        save(MLPRegressor(max_epochs=7), path)
    assert load(path).max_epochs == MLPRegressor().max_epochs
    assert names(tmp_path) == ["file"]


@posix
def test_what_is_no_file_is_refused(tmp_path):
    """Folders, devices and pipes stay what they are."""
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    for path, reason in [
        (folder, "Is a directory"),
        (pipe, "it is a pipe"),
        (Path(os.devnull), "it is a device"),
    ]:
        with pytest.raises(PersistenceError, match=f"cannot be written: {reason}"):
            save(MLPRegressor(), path)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    assert names(tmp_path) == ["folder", "pipe"]
    with pytest.raises(PersistenceError, match="cannot be read: it is a device or a p"):
        load(pipe)


@posix
def test_link_is_followed_and_stays(tmp_path):
    """To a file that is there, or not yet."""
    (tmp_path / "links").mkdir()
    for name in ("old", "new"):
        link, target = tmp_path / "links" / name, tmp_path / name
        link.symlink_to(target)
        if name == "old":
            target.write_bytes(b"")
        save(MLPRegressor(max_epochs=7), link)
        assert link.is_symlink()
        assert load(target).max_epochs == 7
    assert names(tmp_path / "links") == ["new", "old"]
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    with pytest.raises(PersistenceError, match="circle cannot be written: "):
        save(MLPRegressor(), circle)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_full_disk_leaves_the_old_file(failing, tmp_path, monkeypatch):
    """And no other; whether it is full at the bytes or at the name."""
    path = tmp_path / "file"
    save(MLPRegressor(), path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(PersistenceError, match="cannot be written: No space left on"):
        save(MLPRegressor(max_epochs=7), path)
    assert path.read_bytes() == before
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("path", ["", "a\0b", "none/file"])
def test_impossible_path_is_an_error_in_a_sentence(path, tmp_path, monkeypatch):
    """No name at all, a null character, a folder that is not there."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PersistenceError, match=r"cannot be written: .+\. Whatever"):
        save(MLPRegressor(), path)
    assert not names(tmp_path)


@posix
def test_long_name_is_written(tmp_path):
    """As long as the file system takes it."""
    path = tmp_path / ("m" * 255)
    save(MLPRegressor(max_epochs=7), path)
    assert load(path).max_epochs == 7


_WRITE = """
import os, sys, time
from skdeep._atomic_files import write_atomically
wait = os.fsync
def stay(descriptor):
    print("writing", flush=True)
    time.sleep(60)
os.fsync = stay
write_atomically(sys.argv[1], b"new")
"""


@posix
def test_rest_of_a_killed_writer_is_swept_and_that_of_a_live_one_is_not(tmp_path):
    """Both are looked at while the other process writes, and after it was killed."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    other = subprocess.Popen(
        [sys.executable, "-c", _WRITE, str(path)], stdout=subprocess.PIPE
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"writing\n"
        sweep(path)
        assert len(names(tmp_path)) == 2
    finally:
        other.kill()
        other.wait()
        if other.stdout is not None:
            other.stdout.close()
    assert len(names(tmp_path)) == 2
    save(MLPRegressor(), path)
    assert names(tmp_path) == ["file"]


def test_only_rests_of_the_same_file_are_swept(tmp_path):
    """Whatever characters are in its name."""
    kept = [".m1.ab.part", ".m.part", "m.ab.part", ".m.ab.part.txt", ".m.x.ab.part"]
    for name in [*kept, ".m[1].ab.part", ".m.ab.part"]:
        (tmp_path / name).write_bytes(b"")
    sweep(tmp_path / "m[1]")
    assert names(tmp_path) == sorted([*kept, ".m.ab.part"])
    sweep(tmp_path / "m")
    assert names(tmp_path) == sorted(kept)
    sweep(tmp_path / "none" / "m")


def test_without_locks_age_decides(tmp_path, monkeypatch):
    """A file of today may have a writer, one of yesterday has none."""
    monkeypatch.setattr("skdeep._atomic_files.fcntl", None)
    young, old = tmp_path / ".m.a1.part", tmp_path / ".m.a2.part"
    for part in (young, old):
        part.write_bytes(b"")
    day_before = time.time() - 2 * 86_400
    os.utime(old, (day_before, day_before))
    sweep(tmp_path / "m")
    assert names(tmp_path) == [young.name]
    write_atomically(tmp_path / "m", b"new")
    assert (tmp_path / "m").read_bytes() == b"new"


def test_part_that_somebody_removes_is_written_again(tmp_path, monkeypatch):
    """Another machine may not see the lock."""
    replace, path = os.replace, tmp_path / "file"
    removed: list[Path] = []

    def robbed(part: Path, target: Path) -> None:
        if not removed:
            removed.append(part)
            part.unlink()
        replace(part, target)

    monkeypatch.setattr(os, "replace", robbed)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert removed
