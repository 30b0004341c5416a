"""Run the trials of a search: here, in workers, and for those who are no more."""

from __future__ import annotations

import time
from pickle import PicklingError
from typing import Any

from joblib import Parallel, delayed, effective_n_jobs
from optuna.trial import TrialState

from skdeep._compat import SearchTasks
from skdeep.exceptions import StudyError
from skdeep.model_selection._leases import Watch
from skdeep.model_selection._opening import OpenStudy
from skdeep.model_selection._search_report import SearchReport
from skdeep.model_selection._worker import SearchJob, is_late, work

# Seconds between two looks at trials that others still run.
WAIT = 0.2


def count_workers(n_jobs: int | None, n_trials: int | None, n_slots: int) -> int:
    """Return how many workers a search starts.

    Parameters
    ----------
    n_jobs : int or None
        As joblib counts them, under its present configuration.
    n_trials : int or None
        No more than there are trials.
    n_slots : int
        Nor than there are slots on devices; 0 is no limit.
    """
    limits = [effective_n_jobs(n_jobs), n_trials or 0, n_slots]
    return int(min(limit for limit in limits if limit))


def run_trials(
    job: SearchJob,
    opened: OpenStudy,
    tasks: SearchTasks | None,
    *,
    n_workers: int,
    verbose: int,
) -> None:
    """Run trials until the budget is spent, also those that others leave behind.

    Parameters
    ----------
    job : SearchJob
        What a worker does.
    opened : OpenStudy
        The study.
    tasks : SearchTasks or None
        Callbacks of scikit-learn, which hear of the trials of a single worker.
    n_workers : int
        How many to start.
    verbose : int
        How much to show.
    """
    watch = Watch(opened.study)
    with SearchReport(verbose, opened.study, job.n_trials, job.deadline) as report:
        if n_workers > 1:
            report.follow()
        while True:
            if _start(job, tasks, report, n_workers) or not opened.shared:
                return
            while not _has_work(opened, job):
                if is_late(job) or not watch.running():
                    return
                time.sleep(WAIT)
                watch.recover()
                report.update()


def _start(
    job: SearchJob, tasks: SearchTasks | None, report: SearchReport, n_workers: int
) -> bool:
    """Start the workers and wait for them; True if a callback asked for the end."""
    if n_workers == 1:

        def around(run: Any) -> bool:
            run()
            report.update()
            return tasks is not None and tasks.stopped

        return work(job, 0, around)
    # One task a worker, however short joblib finds them.
    parallel = Parallel(n_jobs=n_workers, batch_size=1, pre_dispatch="all")
    try:
        return any(parallel(delayed(work)(job, index) for index in range(n_workers)))
    except PicklingError as error:
        lines = f"{error.__cause__ or error}".replace('"', "").split("\n")
        reason = [line for line in lines if line.strip()][-1]
        raise StudyError(
            f"OptunaSearchCV cannot share the search with {n_workers} processes: "
            f"{reason}. Use n_jobs=1, or threads by "
            "joblib.parallel_config(backend='threading')."
        ) from error


def _has_work(opened: OpenStudy, job: SearchJob) -> bool:
    """Tell whether a trial waits that counts, and time is left for it."""
    if job.n_trials is None or is_late(job):
        return False
    trials = opened.study.counted()[: job.n_trials]
    return any(trial.state == TrialState.WAITING for trial in trials)
