"""Open the study of a search: a new one, one to go on with, or one to take part in."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, InMemoryStorage

from skdeep.exceptions import StudyError
from skdeep.model_selection import _study
from skdeep.model_selection._fingerprint import FORMAT, check_same
from skdeep.model_selection._leases import Watch, is_gone, own_lease
from skdeep.model_selection._storage import open_storage
from skdeep.model_selection._study import (
    PLAN,
    SearchStudy,
    clear_unfinished,
    make_study,
    read_plan,
)


@dataclass(frozen=True)
class Wanted:
    """Which study a search wants."""

    storage: Any
    study_name: str | None
    resume: bool
    join: bool
    n_workers: int
    # Of an earlier fit of this object, all of it in memory.
    left_off: SearchStudy | None


@dataclass
class OpenStudy:
    """A study that is there, with its trials reserved."""

    study: SearchStudy
    # What a worker opens: a path, a URL, or the storage itself.
    storage: Any
    n_trials: int | None
    # Whether other processes may take part.
    shared: bool

    def snapshot(self) -> SearchStudy:
        """Return the study with all trials in this process's memory."""
        study = self.study
        if isinstance(study.storage, InMemoryStorage):
            return study
        return _copy(study, InMemoryStorage())


@contextmanager
def opened(
    wanted: Wanted,
    fingerprint: Mapping[str, Any],
    n_trials: int | None,
    first: Sequence[Mapping[str, Any]],
) -> Iterator[OpenStudy]:
    """Open a study; one in a journal of its own goes when the block is left.

    Parameters
    ----------
    wanted : Wanted
        Which study.
    fingerprint : mapping
        What the search is about.
    n_trials : int or None
        The budget.
    first : sequence of mapping
        Parameters that a new study tries first, as it stores them.

    Raises
    ------
    StudyError
        If the storage cannot be reached, or the study is not the one it is taken for.
        Nothing has been written then.
    """
    with ExitStack() as stack:
        address: Any = wanted.storage
        if address is None and wanted.n_workers > 1:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="skdeep-"))
            address = Path(folder) / "journal.log"
        storage = open_storage(address)
        if isinstance(address, (str, Path)):
            # Workers may run in another folder.
            is_path = "://" not in str(address)
            address = str(Path(address).absolute()) if is_path else str(address)
        else:
            address = storage
        if isinstance(storage, InMemoryStorage) and wanted.n_workers > 1:
            raise ValueError(
                "OptunaSearchCV cannot share a storage in memory with "
                f"{wanted.n_workers} workers. Leave storage=None, or give a path."
            )
        stack.callback(storage.remove_session)
        name = _name(wanted, storage)
        n_trials = _enter(wanted, storage, name, fingerprint, n_trials, first)
        yield OpenStudy(
            SearchStudy(name, storage), address, n_trials, wanted.storage is not None
        )


def _name(wanted: Wanted, storage: BaseStorage) -> str:
    if wanted.study_name is not None:
        return wanted.study_name
    if wanted.storage is None and wanted.resume and wanted.left_off is not None:
        return wanted.left_off.study_name
    if wanted.resume or wanted.join:
        names = [study.study_name for study in storage.get_all_studies()]
        if len(names) > 1:
            raise StudyError(
                "OptunaSearchCV needs study_name where the storage has several "
                f"studies. Got {', '.join(sorted(names))}."
            )
        if names:
            return names[0]
    return f"search-{uuid.uuid4().hex[:12]}"


def _enter(
    wanted: Wanted,
    storage: BaseStorage,
    name: str,
    fingerprint: Mapping[str, Any],
    n_trials: int | None,
    first: Sequence[Mapping[str, Any]],
) -> int | None:
    """Make the study, go on with it or join it; return its budget."""
    plan = {"format": FORMAT, "fingerprint": fingerprint, "n_trials": n_trials}
    left_off = wanted.left_off
    if wanted.storage is None and wanted.resume and left_off is not None:
        # Looked at before it is copied.
        check_same(name, left_off.user_attrs[PLAN]["fingerprint"], fingerprint)
        _copy(left_off, storage)
    if not wanted.join:
        clear_unfinished(storage, name, is_gone, wait=wanted.resume)
        exists = name in {study.study_name for study in storage.get_all_studies()}
        if not exists and make_study(storage, name, plan, first, own_lease()):
            return n_trials
        if not wanted.resume:
            raise StudyError(
                f"OptunaSearchCV finds a study {name!r} in the storage already. Pass "
                "resume=True to go on with it, join=True to take part in it, or "
                "another study_name."
            )
    # Whoever joins may have been started first.
    wait = _study.JOIN_WITHIN if wanted.join else 0.0
    stored = read_plan(storage, name, wait=wait)
    check_same(name, stored["fingerprint"], fingerprint)
    if wanted.join:
        budget: int | None = stored["n_trials"]
        return budget
    study = SearchStudy(name, storage)
    if stored["n_trials"] != n_trials:
        study.set_user_attr(PLAN, plan)
    Watch(study).recover()
    study.reserve(n_trials)
    return n_trials


def _copy(study: SearchStudy, storage: BaseStorage) -> SearchStudy:
    optuna.copy_study(
        from_study_name=study.study_name,
        from_storage=study.storage,
        to_storage=storage,
    )
    return SearchStudy(study.study_name, storage)
