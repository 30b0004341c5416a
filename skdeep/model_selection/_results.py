"""From the trials of a study to scikit-learn's `cv_results_`."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.exceptions import FitFailedWarning

from skdeep.model_selection._evaluation import Outcome
from skdeep.model_selection._space import Space
from skdeep.model_selection._study import RESULT, SearchStudy


@dataclass
class Row:
    """A trial that has ended."""

    number: int
    params: dict[str, Any]
    outcome: Outcome


def read_rows(study: SearchStudy, space: Space) -> list[Row]:
    """Return the trials that count and have ended, by number.

    Parameters
    ----------
    study : SearchStudy
        The study.
    space : TableSpace or FunctionSpace
        Turns what is stored into parameters.
    """
    return [
        Row(
            trial.number,
            space.read(trial),
            Outcome.from_json(trial.user_attrs[RESULT]),
        )
        for trial in study.counted()
        if trial.state.is_finished() and RESULT in trial.user_attrs
    ]


def check_rows(
    rows: list[Row], timeout: float | None, failure: BaseException | None
) -> None:
    """Warn of trials that failed; raise where none came to its end.

    Parameters
    ----------
    rows : list of Row
        All trials.
    timeout : float or None
        Seconds that the search had.
    failure : BaseException or None
        The first one of this process, which is the cause where all failed.

    Raises
    ------
    ValueError
        If there is nothing to choose from.
    """
    failed = [row.outcome.error for row in rows if row.outcome.state == "FAIL"]
    if not any(row.outcome.state == "COMPLETE" for row in rows):
        if failed:
            raise ValueError(
                f"All {len(failed)} trials of OptunaSearchCV that came to an end "
                "failed. Set error_score='raise' to stop at the first failure. The "
                f"first one was:\n{failed[0]}"
            ) from failure
        limit = "" if timeout is None else f" within timeout={timeout:g} s"
        raise ValueError(
            f"No trial of OptunaSearchCV came to its end{limit}. Give it more time, or "
            "a smaller estimator or space."
        )
    if failed:
        texts = "\n".join(
            f"{count} trial{'s' * (count > 1)} failed with:\n{text}"
            for text, count in Counter(map(str, failed)).items()
        )
        warnings.warn(
            f"\n{len(failed)} of {len(rows)} trials failed and cannot win. If that is "
            f"not expected, set error_score='raise'.\n{texts}",
            FitFailedWarning,
            stacklevel=3,
        )


def best_row(search: Any, metric: Any, results: dict[str, Any]) -> int:
    """Return the row of the best candidate, which may be for a function to say.

    Parameters
    ----------
    search : estimator instance
        With a parameter `refit`.
    metric : str
        The one that decides where `refit` is no function.
    results : dict
        Of all candidates.

    Raises
    ------
    TypeError, IndexError
        If a function returns anything else than a row.
    """
    if not callable(search.refit):
        return int(search._select_best_index(search.refit, metric, results))
    row: Any = search.refit(results)
    n_rows = len(results["params"])
    rule = (
        f"The function given as 'refit' to {type(search).__name__} must return a row "
        f"of cv_results_, from 0 to {n_rows - 1}"
    )
    if not isinstance(row, Integral):
        raise TypeError(f"{rule}: best_index_ returned is not an integer. Got {row!r}.")
    place = int(row)
    if not 0 <= place < n_rows:
        raise IndexError(f"{rule}: best_index_ index out of range. Got {place}.")
    return place


def format_results(search: Any, rows: list[Row], n_splits: int) -> dict[str, Any]:
    """Return what `RandomizedSearchCV` would, and three columns more.

    Parameters
    ----------
    search : OptunaSearchCV
        Formats what it would format of candidates.
    rows : list of Row
        All trials, at least one of which came to its end.
    n_splits : int
        The number of folds.

    Returns
    -------
    results : dict
        With "state", "n_epochs" (over all folds) and "trial_number". Trials that did
        not come to their end keep the scores that they had, and are ranked last.
    """
    complete = [row.outcome for row in rows if row.outcome.state == "COMPLETE"]
    metrics, multimetric = list(complete[0].test_scores), complete[0].multimetric
    more = {
        "state": [row.outcome.state for row in rows],
        "n_epochs": [sum(row.outcome.n_epochs) for row in rows],
        "trial_number": [row.number for row in rows],
    }
    folds = [
        _of_fold(row.outcome, fold, metrics, multimetric, search.return_train_score)
        for row in rows
        for fold in range(n_splits)
    ]
    results: dict[str, Any] = search._format_results(
        [row.params for row in rows], n_splits, folds, more
    )
    parts = ["test", "train"] if search.return_train_score else ["test"]
    for part in parts:
        for metric in metrics:
            _write_unfinished(results, rows, f"{part}_{metric}", search.error_score)
    for metric in metrics:
        results[f"rank_test_{metric}"] = _ranks(
            results[f"mean_test_{metric}"], results["state"] == "COMPLETE"
        )
    return results


def _of_fold(
    outcome: Outcome,
    fold: int,
    metrics: list[str],
    multimetric: bool,
    with_train: bool,
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "fit_time": outcome.fit_time[fold],
        "score_time": outcome.score_time[fold],
    }
    parts = {"test_scores": outcome.test_scores}
    if with_train:
        parts["train_scores"] = outcome.train_scores
    for part, scores in parts.items():
        # Of a trial without an end the scores are put in later: scikit-learn warns of
        # what is not a number.
        ended = outcome.state == "COMPLETE"
        values = {name: scores[name][fold] if ended else 0.0 for name in metrics}
        entry[part] = values if multimetric else values["score"]
    return entry


def _write_unfinished(
    results: dict[str, Any], rows: list[Row], column: str, error_score: Any
) -> None:
    """Put the scores of trials without an end into a column's splits, mean and std."""
    part, _, metric = column.partition("_")
    names = [name for name in results if name.endswith(f"_{column}")]
    splits = [name for name in names if name.startswith("split")]
    for place, row in enumerate(rows):
        outcome = row.outcome
        if outcome.state == "COMPLETE":
            continue
        known = outcome.test_scores if part == "test" else outcome.train_scores
        scores = np.array(known.get(metric, [np.nan] * len(splits)))
        if outcome.state == "FAIL" and error_score != "raise":
            scores[np.isnan(scores)] = error_score
        for split in splits:
            fold = int(split.removeprefix("split").partition("_")[0])
            results[split][place] = scores[fold]
        whole = scores if outcome.state == "FAIL" else np.array([np.nan])
        results[f"mean_{column}"][place] = whole.mean()
        results[f"std_{column}"][place] = whole.std()


def _ranks(means: Any, complete: Any) -> Any:
    """Return ranks from 1, those without an end tied behind all others."""
    ranks = np.full(len(means), np.count_nonzero(complete) + 1, dtype=np.int32)
    # A metric that was not decided by may be no number: behind all that are.
    scores = np.where(np.isnan(means[complete]), -np.inf, means[complete])
    ranks[complete] = rankdata(-scores, method="min")
    return ranks
