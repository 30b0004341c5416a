"""What a graph answers against what the estimator does, on rows given and made up."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from skdeep.data import ImageEncoder, TableEncoder
from skdeep.exceptions import PersistenceError
from skdeep.persistence._estimators import is_ours
from skdeep.persistence._onnx_columns import columns_of
from skdeep.persistence._onnx_network import encoder_of, has_categories, pixels_of
from skdeep.persistence._onnx_sklearn import as_matrix
from skdeep.persistence._torch_export import export_module

if TYPE_CHECKING:
    from skdeep._typing import Array

# What answers may differ by, beside the largest of them.
TOLERANCE = 1e-5
# Rows that are made up, of tables and of images.
MADE_UP_ROWS = 48
MADE_UP_IMAGES = 2
# Answers in float32 are as far from the exact ones in other orders of summation as they
# are in the estimator's, times this; never further than the limit.
ROUNDING = 8.0
ROUNDING_LIMIT = 1e-2


def answers_of(estimator: Any, rows: Any) -> Array:
    """Return what a graph is to put out, of two axes, in float64.

    Of a classifier without probabilities the labels, as they are.
    """
    if is_classifier(estimator) and not hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict(rows))
    if hasattr(estimator, "predict_proba"):
        found = estimator.predict_proba(rows)
    elif hasattr(estimator, "predict"):
        found = estimator.predict(rows)
    else:
        found = estimator.transform(rows)
    found = found.toarray() if hasattr(found, "toarray") else found
    return np.asarray(found, dtype=np.float64).reshape(len(found), -1)


def check_graph(
    session: Any,
    estimator: Any,
    sample: Any,
    feeds: dict[str, Array],
    tolerance: float | str,
) -> None:
    """Compare answers to a sample, and to rows made up from it and from the fit.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        Of the graph.
    estimator : estimator instance
        Fitted.
    sample : array-like of n_samples rows
        As the estimator takes it.
    feeds : dict of str to ndarray
        The sample by the names of inputs.
    tolerance : float or "auto"
        See `to_onnx`.

    Raises
    ------
    PersistenceError
        If they differ.
    """
    estimator = _without_margin(estimator)
    _compare(session, estimator, sample, feeds, tolerance, "the sample")
    rows = made_up(estimator, sample)
    if rows is None:
        return
    # What such rows make an estimator say is no affair of the caller.
    with warnings.catch_warnings(action="ignore"):
        try:
            answers_of(estimator, rows)
        # Steps may refuse numbers that are not in the sample.
        except ValueError:
            return
        where = "rows made up from the sample and from what fit saw"
        _compare(session, estimator, rows, _fed(rows, feeds), tolerance, where)


def _fed(rows: Any, like: dict[str, Array]) -> dict[str, Array]:
    if list(like) != ["X"] or (hasattr(rows, "columns") and "X" in rows.columns):
        columns = columns_of(rows)
        return {name: columns[name].astype(like[name].dtype) for name in like}
    return {"X": as_matrix(rows).astype(like["X"].dtype, copy=False)}


def _compare(
    session: Any,
    estimator: Any,
    rows: Any,
    feeds: dict[str, Array],
    tolerance: float | str,
    where: str,
) -> None:
    names = [output.name for output in session.get_outputs()]
    try:
        found = dict(zip(names, session.run(None, feeds), strict=True))
    # Of onnxruntime, in as many kinds as there are operators.
    except Exception as error:
        raise PersistenceError(
            f"onnxruntime cannot run the graph of {type(estimator).__name__} on "
            f"{where}: {error}"
        ) from error
    if is_classifier(estimator) and not hasattr(estimator, "predict_proba"):
        if found["label"].ravel().tolist() != estimator.predict(rows).ravel().tolist():
            raise _other_labels(estimator)
        return
    expected = answers_of(estimator, rows)
    got = found["probabilities" if "probabilities" in found else names[-1]]
    got = np.asarray(got, dtype=np.float64)
    if got.size != expected.size:
        raise PersistenceError(
            f"The graph of {type(estimator).__name__} answers with shape {got.shape}, "
            f"the estimator with {expected.shape}. A step was converted wrongly."
        )
    got = got.reshape(expected.shape)
    apart = _apart(got, expected)
    scale = max(1.0, float(np.nanmax(np.abs(expected), initial=0.0)))
    allowed = (TOLERANCE if isinstance(tolerance, str) else tolerance) * scale
    if not apart <= allowed and isinstance(tolerance, str):
        allowed = max(allowed, _rounding(estimator, rows, scale))
    if not apart <= allowed:
        raise PersistenceError(
            f"The graph's answers are up to {apart:.2g} from those of "
            f"{type(estimator).__name__} to {where}, where {allowed:.2g} is allowed. "
            f"{_advice(feeds)}"
        )
    if "label" in found and hasattr(estimator, "classes_"):
        _check_labels(found["label"], estimator, expected, allowed)


def _apart(one: Array, other: Array) -> float:
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    return float(np.abs(one - other).max(initial=0.0, where=~same))


def _advice(feeds: dict[str, Array]) -> str:
    narrow = any(values.dtype == np.float32 for values in feeds.values())
    tables = all(values.ndim == 2 for values in feeds.values())
    if narrow and tables:
        return "Pass a sample of float64, or a larger tolerance."
    return "Pass a larger tolerance if that is near enough."


def _rounding(estimator: Any, rows: Any, scale: float) -> float:
    """Return how far float32 may bring answers apart, by how far it brings torch's."""
    rough, exact = (_computed(estimator, rows, wide=wide) for wide in (False, True))
    if rough is None or exact is None:
        return 0.0
    return min(ROUNDING * _apart(rough, exact), ROUNDING_LIMIT * scale)


def _computed(estimator: Any, rows: Any, *, wide: bool) -> Array | None:
    """Return answers, those of networks as exported modules give them.

    Parameters
    ----------
    estimator : estimator instance
        Fitted.
    rows : array-like of n_samples rows
        As the estimator takes them.
    wide : bool
        Whether networks compute in float64.

    Returns
    -------
    answers : ndarray or None
        None where there is no network by itself, or it takes more than numbers.
    """
    steps = [estimator]
    if isinstance(estimator, Pipeline):
        steps = [step for _, step in estimator.steps if not isinstance(step, str)]
    if not any(is_ours(step) for step in steps):
        return None
    for number, step in enumerate(steps):
        if is_ours(step):
            if has_categories(step):
                return None
            rows = _of_module(step, rows, wide=wide)
        elif number + 1 == len(steps):
            rows = answers_of(step, rows)
        else:
            rows = step.transform(rows)
    return np.asarray(rows, dtype=np.float64)


def _of_module(estimator: Any, rows: Any, *, wide: bool) -> Array:
    module = export_module(estimator, "to_onnx")
    values = pixels_of(estimator, rows)
    given = torch.from_numpy(np.array(as_matrix(rows) if values is None else values))
    if wide:
        module.compute_in(torch.float64)
    with torch.no_grad():
        answers: Array = module.answer(module.outputs(given).double()).numpy()
    return answers


def _check_labels(labels: Any, estimator: Any, proba: Array, tolerance: float) -> None:
    """Compare labels, but for rows where rounding decides between two."""
    classes = np.asarray(estimator.classes_)
    if labels.ndim == 2 and labels.shape[1] == proba.shape[1] > 1:
        clear = np.abs(proba - 0.5) > tolerance
        same = labels == (proba > 0.5)
    else:
        ranked = np.sort(proba, axis=1)
        margin = ranked[:, -1] - ranked[:, -2] if proba.shape[1] > 1 else ranked[:, -1]
        clear = margin > 2 * tolerance
        same = labels.ravel().astype(classes.dtype) == classes[np.argmax(proba, axis=1)]
    if not same[clear].all():
        raise _other_labels(estimator)


def _other_labels(estimator: Any) -> PersistenceError:
    return PersistenceError(
        f"The graph's labels are not those of {type(estimator).__name__}."
    )


def _without_margin(estimator: Any) -> Any:
    """Return an estimator that takes images of its network's size as they are.

    Where weights want a margin cut off, an estimator enlarges images of that size and
    cuts it off. A graph takes images that have been cut already.
    """
    if isinstance(estimator, Pipeline):
        twin = copy.copy(estimator)
        twin.steps = [(name, _without_margin(step)) for name, step in estimator.steps]
        return twin
    encoder = encoder_of(estimator) if is_ours(estimator) else None
    if not isinstance(encoder, ImageEncoder) or encoder.margin == 1.0:
        return estimator
    encoder = copy.copy(encoder)
    encoder.margin = 1.0
    twin = object.__new__(type(estimator))
    vars(twin).update(vars(estimator), cache_features=False)
    if getattr(twin, "_state", None) is None:
        twin._encoder = encoder
    else:
        twin._state = replace(twin._state, scaler=encoder)
    return twin


def made_up(estimator: Any, sample: Any) -> Any:
    """Return rows of the form of a sample that test what a few rows may not.

    Of tables with missing values and categories: the edges of quantiles and the numbers
    next to them, numbers beyond those of fit, missing ones, each category, and one that
    is unknown. Of other tables: the columns of the sample in other combinations,
    numbers between them and a little beyond. Of images: noise.

    Parameters
    ----------
    estimator : estimator instance
        Fitted.
    sample : array-like of n_samples rows
        Given by the user.

    Returns
    -------
    rows : ndarray, data frame or None
        None where none can be made up.
    """
    rng = np.random.default_rng(0)
    first = estimator.steps[0][1] if isinstance(estimator, Pipeline) else estimator
    encoder = encoder_of(first) if is_ours(first) else None
    if isinstance(encoder, ImageEncoder):
        return _noise(np.asarray(sample), rng)
    columns = _columns(sample)
    numeric = iter(range(len(columns)))
    codes = iter(
        encoder.categories.columns if isinstance(encoder, TableEncoder) else ()
    )
    categorical = getattr(getattr(first, "_schema", None), "categorical", None)
    made = []
    for place, values in enumerate(columns):
        if not isinstance(encoder, TableEncoder):
            pool = _of_sample(values, rng, beyond=0.1 if is_ours(first) else 0.0)
        elif categorical is not None and categorical[place]:
            pool = _of_categories(values, list(next(codes).codes))
        else:
            pool = _of_numbers(values, encoder.numbers, next(numeric), rng)
        made.append(_drawn(pool, values, rng))
    return _like(sample, made)


def _columns(sample: Any) -> list[Array]:
    if hasattr(sample, "columns"):
        return [np.asarray(sample[name]) for name in sample.columns]
    values = np.asarray(sample.toarray() if hasattr(sample, "toarray") else sample)
    return list(values.T)


def _drawn(pool: list[Any], like: Array, rng: np.random.Generator) -> Array:
    """Return a column in which everything of a pool occurs, as far as there is room."""
    order = rng.permutation(len(pool))
    positions = [order[i % len(pool)] for i in range(MADE_UP_ROWS)]
    column = np.empty(MADE_UP_ROWS, dtype=like.dtype)
    for row, position in enumerate(rng.permutation(positions)):
        column[row] = pool[position]
    return column


def _of_sample(values: Array, rng: np.random.Generator, *, beyond: float) -> list[Any]:
    pool = list(values)
    if values.dtype.kind != "f":
        return pool
    finite = values[np.isfinite(values)].astype(np.float64)
    if not len(finite):
        return pool
    low, high = finite.min(), finite.max()
    spread = beyond * ((high - low) or abs(high) or 1.0)
    return [*pool, *rng.uniform(low - spread, high + spread, MADE_UP_ROWS)]


def _of_categories(values: Array, known: list[Any]) -> list[Any]:
    if values.dtype.kind in "OU":
        if known and not isinstance(known[0], str):
            return [*known, None]
        return [*known[:MADE_UP_ROWS], "unknown to the model", None]
    if values.dtype.kind == "f":
        return [*known[:MADE_UP_ROWS], np.nan, -12345.5]
    if values.dtype.kind == "b":
        return [True, False]
    return [*known[:MADE_UP_ROWS], -12345 if values.dtype.kind == "i" else 0]


def _of_numbers(
    values: Array, encoder: Any, column: int, rng: np.random.Generator
) -> list[Any]:
    floats = values.dtype.kind == "f" or any(type(v) is float for v in values.tolist())
    if not floats:
        return list(values)
    dtype = np.float32 if values.dtype == np.float32 else np.float64
    unit, table = encoder.unit[column], encoder.tables[column]
    if table is None:
        finite = np.array([v for v in values.tolist() if v is not None], dtype=float)
        pool = [*_of_sample(finite, rng, beyond=0.1), 0.0]
    else:
        knots = table[0][:: max(1, len(table[0]) // 12)] / unit
        spread = float(knots[-1] - knots[0]) or 1.0
        knots = np.append(knots, table[0][-1] / unit).astype(dtype)
        beyond = [knots[0] - spread, knots[-1] + spread, -1e30, 1e30]
        pool = [
            *knots,
            *np.nextafter(knots, dtype(np.inf)),
            *np.nextafter(knots, dtype(-np.inf)),
            *rng.uniform(knots[0], knots[-1], 16),
            *beyond,
        ]
    return [*pool, np.nan, np.nan]


def _like(sample: Any, columns: list[Array]) -> Any:
    if not hasattr(sample, "columns"):
        if not columns:
            return None
        return np.stack(columns, axis=1)
    data = dict(zip(map(str, sample.columns), columns, strict=True))
    try:
        if not hasattr(sample, "iloc"):
            return type(sample)(data)
        frame = sample.iloc[np.arange(MADE_UP_ROWS) % len(sample)].reset_index(
            drop=True
        )
        for place, column in enumerate(columns):
            old = sample.iloc[:, place]
            # Whatever kind a column has: categories, strings, nullable numbers.
            frame.isetitem(place, type(old)(column).astype(old.dtype))
    # A kind of frame, or of column, that is made otherwise.
    except (TypeError, ValueError, AttributeError):
        return None
    return frame


def _noise(sample: Array, rng: np.random.Generator) -> Array:
    shape = (MADE_UP_IMAGES, *sample.shape[1:])
    if sample.dtype.kind == "b":
        return rng.random(shape) < 0.5
    low, high = sample.min(), sample.max()
    if sample.dtype.kind in "iu":
        return rng.integers(low, int(high) + 1, shape).astype(sample.dtype)
    return rng.uniform(low, high, shape).astype(sample.dtype)
