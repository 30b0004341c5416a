"""Write a file so that its path holds the old content or the new, never a mixture.

All writers of the package come here. The content goes into a file of a unique name in
the same folder, which then takes the place of the old one. The writer holds a lock on
its file, so that another process can tell it from one that a killed writer has left.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from skdeep.exceptions import PersistenceError

try:
    import fcntl
except ModuleNotFoundError:  # Windows only
    fcntl = None  # type: ignore[assignment]

Content = bytes | Sequence[bytes]

_SUFFIX = ".part"
# Longer names would leave no room for ours: file systems stop at 255 bytes.
_LONGEST_NAME = 200
# Where nothing can be locked, a file this old has no writer any more.
_ABANDONED_SECONDS = 86_400.0
_ATTEMPTS = 5
_KINDS = (
    (stat.S_ISDIR, "Is a directory"),
    (stat.S_ISFIFO, "it is a pipe"),
    (stat.S_ISSOCK, "it is a socket"),
    (lambda _mode: True, "it is a device"),
)


def path_text(path: str | os.PathLike[str], owner: str, name: str = "path") -> str:
    """Return a path as a string, whatever kind of path it is.

    Parameters
    ----------
    path : str, bytes or path
        As it was given.
    owner : str
        Whose parameter it is, for the error.
    name : str, default="path"
        Of the parameter.

    Returns
    -------
    path : str

    Raises
    ------
    TypeError
        If it is no path, but an open file, say.
    """
    try:
        return os.fsdecode(path)
    except TypeError as error:
        raise TypeError(
            f"The {name!r} parameter of {owner} must be a path. Got {path!r:.60} of "
            f"type {type(path).__name__}. Pass a string or a pathlib.Path."
        ) from error


def is_file(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is one of a file; False where it cannot be one.

    Parameters
    ----------
    path : str or path
        Of any length, and through folders that this process may not enter, where a
        `Path` raises.

    Returns
    -------
    is_file : bool
    """
    return os.path.isfile(path)  # noqa: PTH113 - see above


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is one of a folder; False where it cannot be one.

    Parameters
    ----------
    path : str or path
        Of any length, and through folders that this process may not enter, where a
        `Path` raises.

    Returns
    -------
    is_folder : bool
    """
    return os.path.isdir(path)  # noqa: PTH112 - see above


def write_atomically(path: str | os.PathLike[str], content: Content) -> None:
    """Write a file so that at any moment its path holds the old one or the new one.

    A link is followed, and stays. An old file leaves its mode and, where the process
    may set them, its owner and group to the new one; a new one gets the mode that
    `open` would give it.

    Parameters
    ----------
    path : str or path
        Of the file, in a folder that is there.
    content : bytes or sequence of bytes
        All of it.

    Raises
    ------
    PersistenceError
        If it cannot be written: the path is a folder, a device or a pipe, the file is
        read-only, the disk is full. What was there is still there.
    """
    try:
        target = Path(os.path.realpath(path))
        old = check_target(target)
        parts = [content] if isinstance(content, bytes) else content
        while not _replaced(target, old, parts):
            pass
    except OSError as error:
        raise refused(path, error) from error
    except ValueError as error:
        # Of a path with a null character in it.
        raise refused(path, OSError(0, str(error))) from error


def check_target(path: str | os.PathLike[str]) -> os.stat_result | None:
    """Return the status of the file to be replaced, None where there is none.

    Parameters
    ----------
    path : str or path
        Of the file.

    Returns
    -------
    status : os.stat_result or None

    Raises
    ------
    OSError
        If the path holds what must not be replaced: anything but a regular file, or a
        file that is read-only.
    """
    try:
        old = Path(path).stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(old.st_mode):
        reason = next(said for holds, said in _KINDS if holds(old.st_mode))
        raise OSError(0, reason)
    # The superuser may write to any file; one without a bit to write is protected.
    if not old.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise OSError(0, "the file is read-only")
    return old


def refused(path: str | os.PathLike[str], error: OSError) -> PersistenceError:
    """Return the error on a file that cannot be written."""
    return PersistenceError(
        f"The file {os.fspath(path)} cannot be written: {error.strerror or error}. "
        "Whatever was there before is unharmed. Choose another path, or make room."
    )


def sweep(path: str | os.PathLike[str]) -> None:
    """Remove what writers of a file that were killed have left beside it.

    Parameters
    ----------
    path : str or path
        Of the file. It and the files of writers at work are left alone.
    """
    # Whoever writes to an impossible path is told so.
    with contextlib.suppress(OSError, ValueError):
        target = Path(os.path.realpath(path))
        sweep_folder(target.parent, re.escape(_stem(target)))


def sweep_folder(folder: Path, names: str) -> None:
    """Remove what killed writers have left of the files of a folder.

    Parameters
    ----------
    folder : path
        Where to look.
    names : str
        A regular expression for the names of the files written.
    """
    pattern = re.compile(rf"\.{names}\.[0-9a-f]+{re.escape(_SUFFIX)}")
    # A folder that cannot be listed is no reason not to write.
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if pattern.fullmatch(entry.name):
                _remove_abandoned(folder / entry.name)


def _replaced(target: Path, old: os.stat_result | None, parts: Sequence[bytes]) -> bool:
    """Write the parts and put them in place; False where somebody took them away."""
    with _part_of(target, old) as (part, file):
        for content in parts:
            file.write(content)
        file.flush()
        os.fsync(file.fileno())
        if fcntl is None:  # Windows only
            file.close()
        try:
            part.replace(target)
        except FileNotFoundError:
            # On some network drives locks of other machines are not seen.
            if target.parent.is_dir():
                return False
            raise
    _sync_folder(target.parent)
    return True


@contextlib.contextmanager
def _part_of(
    target: Path, old: os.stat_result | None
) -> Iterator[tuple[Path, BinaryIO]]:
    """Lend a new file beside the target, locked; it goes if the block raises."""
    part, file = _open_part(target, old)
    try:
        if old is not None:
            _take_over(file.fileno(), old)
        yield part, file
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    finally:
        with contextlib.suppress(OSError):
            file.close()


def _open_part(target: Path, old: os.stat_result | None) -> tuple[Path, BinaryIO]:
    # Never more readable than the file it is to replace, not even for a moment.
    mode = 0o666 if old is None else stat.S_IMODE(old.st_mode) & 0o666 | 0o200
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    for attempt in range(_ATTEMPTS):
        name = f".{_stem(target)}.{secrets.token_hex(8)}{_SUFFIX}"
        part = target.with_name(name)
        file = os.fdopen(os.open(part, flags, mode), "wb")
        if _locked(file.fileno()) is not False and _is_at(file.fileno(), part):
            return part, file
        # Swept between the two calls.
        file.close()
        time.sleep(0.01 * attempt)
    raise OSError(0, "files beside it are removed as soon as they are made")


def _take_over(descriptor: int, old: os.stat_result) -> None:
    """Give a new file owner, group and mode of the old one."""
    new = os.fstat(descriptor)
    if hasattr(os, "fchown") and (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with contextlib.suppress(OSError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    if hasattr(os, "fchmod"):
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _remove_abandoned(path: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NONBLOCK", 0))
        try:
            locked = _locked(descriptor)
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or locked is False:
                return
            old = time.time() - status.st_mtime > _ABANDONED_SECONDS
            if (locked or old) and _is_at(descriptor, path):
                path.unlink()
        finally:
            os.close(descriptor)


def _locked(descriptor: int) -> bool | None:
    """Lock a file; False where another has it, None where there are no locks."""
    if fcntl is None:  # Windows only
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Tell whether an open file is still the one that a path leads to."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _stem(target: Path) -> str:
    name = os.fsencode(target.name)
    if len(name) <= _LONGEST_NAME:
        return target.name
    return hashlib.sha256(name).hexdigest()


def _sync_folder(folder: Path) -> None:
    """Write the new name to the disk too, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
