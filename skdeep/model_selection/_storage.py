"""From a path or a URL to one of Optuna's storages, and silence on the way."""

from __future__ import annotations

import logging
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import optuna
from optuna.storages import BaseStorage, JournalStorage

from skdeep.exceptions import StudyError
from skdeep.model_selection._journal import open_journal

# Seconds that a server may take to answer.
PATIENCE = 10.0
GRPC_PORT = 13000
# What databases say while another process makes tables in them.
_PASSING = (
    "already exists",
    "database is locked",
    "database table is locked",
    "duplicate key",
    "unique constraint",
    "no such table",
)


class _Hush(logging.Filter):
    """Drop the records of threads that are inside `quiet_optuna`."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record may pass."""
        return not getattr(self.inside, "depth", 0)


_hush = _Hush()


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep this thread's lines out of Optuna's log.

    The verbosity that the user set for studies of their own is neither read nor
    changed, and lines of other threads pass.
    """
    root = logging.getLogger("optuna")
    names = [name for name in logging.root.manager.loggerDict if name[:7] == "optuna."]
    # A filter of a logger does not see what comes from its children. Adding one that is
    # there already does nothing.
    for logger in map(logging.getLogger, names):
        logger.addFilter(_hush)
    # Of modules that are loaded later.
    for handler in root.handlers:
        handler.addFilter(_hush)
    _hush.inside.depth = getattr(_hush.inside, "depth", 0) + 1
    try:
        yield
    finally:
        _hush.inside.depth -= 1


def open_storage(storage: Any) -> BaseStorage:
    """Return the storage that a parameter names.

    Parameters
    ----------
    storage : str, Path, optuna.storages.BaseStorage or None
        A path is a journal file, a URL a database or a gRPC server, None the memory of
        this process.

    Raises
    ------
    StudyError
        If it cannot be reached.
    """
    if storage is None or isinstance(storage, BaseStorage):
        return optuna.storages.get_storage(storage)
    text = str(storage)
    try:
        if "://" not in text:
            return _journal(Path(text))
        if text.startswith("journal://"):
            return _journal(Path(text.removeprefix("journal://")))
        if text.startswith("grpc://"):
            return _grpc(text)
        return _database(text)
    except StudyError:
        raise
    # Whatever a driver, a server or a file system raises: the cause is shown.
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise StudyError(
            f"OptunaSearchCV cannot open storage={_without_password(text)!r}: "
            f"{reason[0].rstrip('.')}. Check that it is there, and that its driver is "
            "installed."
        ) from error


def _journal(path: Path) -> JournalStorage:
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r}.")
    # A device may have no end, and a pipe no beginning.
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError("it is a device, a pipe or a socket, and no file.")
    return open_journal(path)


def _database(url: str) -> BaseStorage:
    """Open a database, again where another process makes its tables just now."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return optuna.storages.get_storage(url)
        # Which class depends on the driver.
        except Exception as error:
            text = f"{error} {error.__cause__}".lower()
            passing = any(sign in text for sign in _PASSING)
            if not passing or time.monotonic() > deadline:
                raise
        # Processes that met once are not to meet again.
        time.sleep(0.02 + 0.1 * (time.perf_counter_ns() % 1000) / 1000)


def _grpc(url: str) -> BaseStorage:
    address = urlsplit(url)
    with warnings.catch_warnings():
        # Still experimental in Optuna 5.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = optuna.storages.GrpcStorageProxy(
            host=address.hostname or "localhost", port=address.port or GRPC_PORT
        )
    try:
        storage.wait_server_ready(timeout=PATIENCE)
    except Exception as error:
        storage.close()
        raise TimeoutError(f"no answer within {PATIENCE:.0f} s.") from error
    return storage


def _without_password(url: str) -> str:
    password = urlsplit(url).password if "://" in url else None
    return url.replace(f":{password}@", ":***@") if password else url
