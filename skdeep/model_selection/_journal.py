"""A journal file that outlives writers that were cut off in the middle of a line."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from skdeep.exceptions import StudyError

# How every record of a journal begins.
_RECORD = b'{"op_code":'


class LineJournal(JournalFileBackend):
    """A journal of whole lines: what is cut off at its end is dropped.

    Optuna's own would write its next record right behind half a line, and could never
    read the file again.

    Parameters
    ----------
    file_path : str
        Of the file, which is made where there is none.
    """

    def __init__(self, file_path: str) -> None:
        super().__init__(file_path)
        self.path = Path(file_path)
        if _is_cut_off(self.path):
            with self._locked():
                _drop_half_line(self.path)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append records, all of them or none.

        Parameters
        ----------
        logs : list of dict
            Records.
        """
        lines = [json.dumps(log, separators=(",", ":")) + "\n" for log in logs]
        data = "".join(lines).encode("utf-8")
        try:
            with self._locked():
                _drop_half_line(self.path)
                _append(self.path, data)
        except OSError as error:
            raise StudyError(
                f"OptunaSearchCV cannot write to the journal {str(self.path)!r}: "
                f"{error.strerror or error}. What had been written is kept; once the "
                "file can be written again, go on with resume=True."
            ) from error

    def repair(self) -> None:
        """Take out halves of lines, which other records were appended to."""
        with self._locked():
            lines = self.path.read_bytes().splitlines(keepends=True)
            whole = [_whole_record(line, self.path, n) for n, line in enumerate(lines)]
            kept = b"".join(whole)
            # Beside it, so that nothing is lost if this is interrupted.
            number, name = tempfile.mkstemp(dir=self.path.parent, suffix=".part")
            try:
                with os.fdopen(number, "wb") as file:
                    file.write(kept)
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).chmod(self.path.stat().st_mode)
                Path(name).replace(self.path)
            except BaseException:
                with suppress(OSError):
                    Path(name).unlink()
                raise
        self._log_number_offset = {0: 0}

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()


def open_journal(path: Path) -> JournalStorage:
    """Open a journal file, and repair it where half lines stand in the middle.

    Parameters
    ----------
    path : Path
        Of the file, in a folder that is there.
    """
    journal = LineJournal(str(path))
    # Optuna passes over damage in the last line, and stumbles once there is another.
    if not _is_record(_last_line(path)):
        journal.repair()
    try:
        return JournalStorage(journal)
    except ValueError:
        journal.repair()
    return JournalStorage(journal)


def _is_record(line: bytes) -> bool:
    # Half a line is being written, by a process that holds the lock.
    return not line.endswith(b"\n") or _reads_as_record(line)


def _reads_as_record(line: bytes) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return False
    return isinstance(record, dict) and "op_code" in record


def _last_line(path: Path) -> bytes:
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        length = 65536
        while True:
            begin = max(0, end - length)
            file.seek(begin)
            lines = file.read(end - begin).splitlines(keepends=True)
            if not begin or len(lines) > 1:
                return lines[-1] if lines else b""
            length *= 2


def _is_cut_off(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _drop_half_line(path: Path) -> None:
    """Cut a file off behind its last whole line; call it under the lock.

    Raises
    ------
    StudyError
        If what stands there is no part of a record: the file is somebody else's.
    """
    if not _is_cut_off(path):
        return
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        begin = 0
        while end:
            start = max(0, end - 65536)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                begin = start + found + 1
                break
            end = start
        file.seek(begin)
        head = file.read(len(_RECORD))
        # A file system may fill what it lost with zeros.
        if not _RECORD.startswith(head.rstrip(b"\0")):
            raise StudyError(
                "OptunaSearchCV keeps trials in a journal of Optuna, which it makes "
                f"where there is no file. Got storage={str(path)!r}, which is another "
                f"file: its last line begins with {head!r}. Choose another path, or "
                "name a database by its URL, such as 'sqlite:///trials.db'."
            )
        file.truncate(begin)


def _append(path: Path, data: bytes) -> None:
    """Write at the end of a file, or leave it as it was."""
    size = path.stat().st_size
    try:
        with path.open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            os.truncate(path, size)
        raise


def _whole_record(line: bytes, path: Path, place: int) -> bytes:
    """Return the record of a line without half of another before it."""
    start = 0
    while start >= 0:
        if _reads_as_record(line[start:]):
            return line[start:]
        start = line.find(_RECORD, start + 1)
    if not line.endswith(b"\n"):
        return b""
    raise ValueError(
        f"line {place + 1} of {str(path)!r} is no record of Optuna. Remove the line, "
        "or use another file."
    )
