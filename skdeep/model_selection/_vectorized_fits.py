"""All fits of a grid: together where networks are of one shape, else one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import joblib
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.parallel import Parallel, delayed

from skdeep._compat import (
    SearchTasks,
    check_method_params,
    fit_and_score,
    split_rows,
)
from skdeep.base import (
    CannotFollowError,
    FitRequest,
    can_be_stacked,
    fit_before_last,
    fit_together,
    pipelines_of,
)
from skdeep.model_selection._steps import last_step

if TYPE_CHECKING:
    from collections.abc import Hashable

    from skdeep._typing import Array

# From a candidate and a fold to what scikit-learn says of the fit.
Results = dict[tuple[int, int], dict[str, Any]]


@dataclass
class GridTask:
    """What all fits of a grid have in common."""

    estimator: Any
    X: Any
    y: Any
    splits: list[tuple[Array, Array]]
    fit_params: dict[str, Any]
    # For scikit-learn's own function, which fits and scores.
    scoring: dict[str, Any]


@dataclass
class Candidate:
    """One estimator of the grid on one fold, and the network in it."""

    key: tuple[int, int]
    estimator: Any
    network: Any
    request: FitRequest | None = None
    # Of the preprocessing, which the candidates of a fold share.
    error: Exception | None = None
    seconds: float = 0.0


@dataclass
class _Prepared:
    """Preprocessing that was fitted on one fold, and what came out of it."""

    pipelines: list[Pipeline]
    seconds: float
    error: Exception | None = None
    # What the network would have been fitted with.
    caught: tuple[Any, Any, dict[str, Any]] | None = None
    uses: int = field(default=1)


def run_grid(
    task: GridTask,
    candidates: Sequence[dict[str, Any]],
    n_jobs: Any,
    pre_dispatch: Any,
    tasks: SearchTasks,
) -> tuple[Results, dict[tuple[int, int], int]]:
    """Fit and score every candidate on every fold.

    Parameters
    ----------
    task : GridTask
        What is fitted, and on what.
    candidates : sequence of dict
        Parameters.
    n_jobs, pre_dispatch : int, str or None
        Of joblib, for the fits that are made one by one.
    tasks : SearchTasks
        Callbacks of scikit-learn.

    Returns
    -------
    results : dict
        By place of the candidate and of the fold.
    sizes : dict
        Likewise, how many networks were trained along, the fit's own included.
    """
    results: Results = {}
    sizes = {}
    alone: list[tuple[tuple[int, int], Any]] = []
    together: list[Candidate] = []
    for place, parameters in enumerate(candidates):
        for fold in range(len(task.splits)):
            estimator = clone(task.estimator)
            estimator.set_params(**clone(parameters, safe=False))
            network = last_step(estimator)
            if can_be_stacked(network):
                together.append(Candidate((place, fold), estimator, network))
            else:
                alone.append(((place, fold), estimator))
    for candidate in _fit_stacks(task, candidates, together, alone):
        results[candidate.key] = _score_fitted(task, candidate, tasks)
        request = candidate.request
        sizes[candidate.key] = 1 if request is None else request.together
        candidate.estimator = candidate.network = candidate.request = None
    for key, result in _run_alone(task, alone, n_jobs, pre_dispatch, tasks):
        results[key], sizes[key] = result, 1
    return results, sizes


def _fit_stacks(
    task: GridTask,
    parameters: Sequence[dict[str, Any]],
    together: list[Candidate],
    alone: list[tuple[tuple[int, int], Any]],
) -> Iterator[Candidate]:
    """Yield candidates as they are fitted, or have failed; add others to `alone`."""
    folds = [split_rows(task.estimator, task.X, task.y, s[0]) for s in task.splits]
    prepared: dict[Hashable, _Prepared] = {}
    asked: dict[int, Candidate] = {}
    requests = []
    for candidate in together:
        place, fold = candidate.key
        source = (fold, _of_preprocessing(candidate, parameters[place]))
        if source in prepared:
            ready = prepared[source]
            twins = pipelines_of(candidate.estimator)
            pairs = zip(twins, ready.pipelines, strict=True)
            for pipeline, twin in pairs:
                pipeline.steps[:-1] = twin.steps[:-1]
            ready.uses += 1
        else:
            train = task.splits[fold][0]
            params = check_method_params(task.X, params=task.fit_params, indices=train)
            X, y = folds[fold]
            ready = prepared[source] = _preprocess(candidate, X, y, params)
        if isinstance(ready.error, CannotFollowError):
            alone.append((candidate.key, clone(candidate.estimator)))
            continue
        if ready.caught is None:
            candidate.error = ready.error
            yield candidate
            continue
        X, y, fit_params = ready.caught
        candidate.request = FitRequest(candidate.network, X, y, fit_params, source)
        asked[id(candidate.request)] = candidate
        requests.append((candidate, ready))
    for candidate, ready in requests:
        candidate.seconds = ready.seconds / ready.uses
    for request in fit_together([c.request for c, _ in requests if c.request]):
        yield asked[id(request)]


def _of_preprocessing(candidate: Candidate, parameters: dict[str, Any]) -> str:
    """Return a digest of the parameters of all but the network."""
    names, estimator = [], candidate.estimator
    while isinstance(estimator, Pipeline):
        name, estimator = estimator.steps[-1]
        names.append(name)
    path = "__".join(names)
    others = {
        name: value
        for name, value in parameters.items()
        if path and name != path and not name.startswith(f"{path}__")
    }
    ordered = sorted(others.items(), key=lambda item: item[0])
    try:
        return str(joblib.hash(ordered))
    # What cannot be pickled is the same object in all candidates that share it.
    except Exception:
        return str([(name, id(value)) for name, value in ordered])


def _preprocess(
    candidate: Candidate, X: Any, y: Any, params: dict[str, Any]
) -> _Prepared:
    """Fit all that comes before the network; keep what it would be fitted with."""
    pipelines = pipelines_of(candidate.estimator)
    started = time.perf_counter()
    caught: tuple[Any, Any, dict[str, Any]] | None = None
    error: Exception | None = None
    try:
        for pipeline in pipelines:
            X, y, params = fit_before_last(pipeline, X, y, params)
        caught = X, y, params
    except Exception as raised:
        error = raised
    seconds = time.perf_counter() - started
    return _Prepared(pipelines, seconds, error, caught)


def _fit_instead(
    estimator: Any,
    fit: Callable[..., Any],
    call: Callable[..., Any],
    *args: Any,
) -> Any:
    """Call something while an estimator has another `fit` than its own."""
    *positional, params = args
    estimator.fit = fit
    try:
        return call(*positional, **params)
    finally:
        del estimator.fit


def _score_fitted(
    task: GridTask, candidate: Candidate, tasks: SearchTasks
) -> dict[str, Any]:
    """Return what scikit-learn says of a fit that has been made already."""
    place, fold = candidate.key
    heard = tasks.evaluation(place * len(task.splits) + fold)

    def rows() -> tuple[Any, Any]:
        train = task.splits[fold][0]
        X, y = split_rows(candidate.estimator, task.X, task.y, train)
        return X, y

    tasks.begin(heard, rows)
    result = _scored(task, candidate)
    tasks.end(heard, rows)
    return result


def _scored(task: GridTask, candidate: Candidate) -> dict[str, Any]:
    request = candidate.request
    error = candidate.error if request is None else request.error
    # Raising an error once more would add to where it came from.
    trace = None if error is None else error.__traceback__

    def deliver(*_args: Any, **_params: Any) -> Any:
        if error is not None:
            raise error.with_traceback(trace)
        return candidate.estimator

    train, test = task.splits[candidate.key[1]]
    options = {
        **task.scoring,
        "train": train,
        "test": test,
        "parameters": None,
        "fit_params": task.fit_params,
    }
    result: dict[str, Any] = _fit_instead(
        candidate.estimator,
        deliver,
        fit_and_score,
        candidate.estimator,
        task.X,
        task.y,
        options,
    )
    if error is not None:
        error.__traceback__ = trace
    spent = 0.0 if request is None else request.seconds
    result["fit_time"] = candidate.seconds + spent
    return result


def _run_alone(
    task: GridTask,
    alone: list[tuple[tuple[int, int], Any]],
    n_jobs: Any,
    pre_dispatch: Any,
    tasks: SearchTasks,
) -> Iterator[tuple[tuple[int, int], dict[str, Any]]]:
    """Fit and score one by one, as scikit-learn does."""
    if not alone:
        return
    parallel = Parallel(n_jobs=n_jobs, pre_dispatch=pre_dispatch)
    # Made before: an estimator must not change while it is pickled.
    heard = [_listening(tasks, key, len(task.splits)) for key, _ in alone]
    found = parallel(
        delayed(fit_and_score)(
            estimator,
            task.X,
            task.y,
            train=task.splits[fold][0],
            test=task.splits[fold][1],
            parameters=None,
            fit_params=task.fit_params,
            **listening,
            **task.scoring,
        )
        for ((_, fold), estimator), listening in zip(alone, heard, strict=True)
    )
    for (key, _), result in zip(alone, found, strict=True):
        yield key, result


def _listening(
    tasks: SearchTasks, key: tuple[int, int], n_splits: int
) -> dict[str, Any]:
    """Return what scikit-learn's function is given so that callbacks hear of a fit."""
    heard = tasks.evaluation(key[0] * n_splits + key[1])
    return {} if heard is None else {"caller": tasks.search, "callback_ctx": heard}
