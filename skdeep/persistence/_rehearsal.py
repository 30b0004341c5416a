"""What a file held is put to use once, so that what is wrong with it shows at load.

Weights are compared with the network as it is built. What stands around them, encoders,
targets, labels and histories, is many kinds of values that must agree: they are asked
for an answer to a few rows that say nothing.
"""

from __future__ import annotations

import copy
import math
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from skdeep.base import fitted_attributes
from skdeep.data import (
    BagEncoder,
    ImageEncoder,
    SequenceEncoder,
    TableEncoder,
    read_images,
)
from skdeep.exceptions import PersistenceError

if TYPE_CHECKING:
    from skdeep._typing import Array

_METHODS = ("predict", "predict_proba", "transform")
_OF_IMAGES = (
    "deviation",
    "high",
    "interpolation",
    "inverse",
    "kind",
    "low",
    "margin",
    "mean",
    "normalize",
    "resize_mode",
    "seen",
    "size",
)
# Larger images are not tried, nor more categories than this of one column.
_MOST_PIXELS = 2**20
_MOST_ROWS = 4096


def rehearse(estimator: Any) -> None:
    """Raise where a fitted estimator of a file could not answer.

    Parameters
    ----------
    estimator : estimator instance
        Of skdeep, on the CPU. One that is not fitted is left alone.

    Raises
    ------
    PersistenceError
        If what it holds does not agree.
    Exception
        Whatever its code says of values that were not meant for it.
    """
    inside = vars(estimator).get("estimator_")
    if inside is not None:
        estimator._validate_params()
        # They are made of those of its parameters, which are estimators too.
        estimator.__sklearn_tags__()
        rehearse(inside)
        return
    if "module_" not in vars(estimator):
        left = {*fitted_attributes(estimator)} & {"_state", "_encoder", "n_iter_"}
        _require(not left, "what was fitted has no network")
        return
    estimator._validate_params()
    # Where this process may write is no property of the file.
    view = copy.copy(estimator)
    view.__dict__.update({"cache_features": None, "n_threads": 1, "verbose": 0})
    vars(view).pop("feature_names_in_", None)
    _check_names(estimator)
    if "history_" in vars(estimator):
        _check_history(estimator)
    if "_state" not in vars(estimator):
        _try_features(view)
        return
    _check_state(estimator)
    sample = _sample(view)
    if sample is None:
        return
    n_rows = len(sample)
    for method in _METHODS:
        if hasattr(view, method):
            answer = getattr(view, method)(sample)
            _require(len(answer) == n_rows, f"{method} answers to other rows")
    _check_labels(view, sample)


def _require(holds: object, what: str) -> None:
    if not holds:
        raise PersistenceError(
            f"The file does not hold what it should: {what}. Take another copy."
        )


def _check_names(estimator: Any) -> None:
    names = vars(estimator).get("feature_names_in_")
    if names is not None:
        known = isinstance(names, np.ndarray) and names.ndim == 1
        _require(known and all(type(n) is str for n in names), "names are no texts")
        count = vars(estimator).get("n_features_in_", len(names))
        _require(count == len(names), "there are more or fewer names than columns")
    device = vars(estimator).get("device_", "cpu")
    _require(type(device) is str, "the device has no name")
    torch.device(device)


def _check_history(estimator: Any) -> None:
    """Compare what is said of the epochs with one another."""
    history, n_iter = estimator.history_, estimator.n_iter_
    n_epochs = len(history["epoch"])
    for name, column in history.items():
        plain = isinstance(column, np.ndarray) and column.shape == (n_epochs,)
        _require(plain and column.dtype.kind in "fi", f"{name} is no figure an epoch")
    for name in ("n_iter_", "best_epoch_"):
        _require(_is_count(vars(estimator)[name]), f"{name} counts no epochs")
    _require({"train_loss", "duration"} <= history.keys(), "epochs have no loss")
    _require(n_iter <= n_epochs, "there are more epochs than were kept")
    losses = [estimator.loss_, estimator.best_loss_, *estimator.loss_curve_]
    losses += estimator.validation_loss_curve_ or []
    losses += estimator.validation_scores_ or []
    _require(all(type(loss) is float for loss in losses), "a loss is no number")


def _check_state(estimator: Any) -> None:
    """Look at what training would go on from."""
    state = estimator._state
    _require(_is_count(state.row_work), "the work of a row is no number")
    seed = state.foreign_seed
    _require(seed is None or _is_count(seed), "a seed is no number")
    good = type(state.temperature) in (int, float) and math.isfinite(state.temperature)
    _require(good, "the temperature is no number")
    _require(np.dtype(state.input_dtype).kind == "f", "the dtype is of no number")
    _require(isinstance(state.architecture, dict), "the network is not described")
    _require(isinstance(state.resume, dict), "nothing can be trained on")
    outputs = estimator.n_outputs_
    _require(_is_count(outputs), "there is no number of outputs")
    classes = vars(estimator).get("classes_")
    if classes is not None:
        kept = state.target.classes
        same = isinstance(classes, np.ndarray) and classes.ndim == 1
        _require(same and classes.dtype == kept.dtype, "labels are of two kinds")
        _require(np.array_equal(classes, kept), "labels are not those of the target")


def _check_labels(view: Any, sample: Any) -> None:
    if hasattr(view, "predict_proba"):
        width = view.predict_proba(sample).shape[1]
        _require(width == len(view.classes_), "there is not one label an output")


def _is_count(value: object) -> bool:
    whole = isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
    return whole and 0 <= int(value) < 2**64  # type: ignore[call-overload]


def _sample(view: Any) -> Any:
    """Return rows as the estimator takes them; None where they would be too large."""
    encoder = view._state.scaler
    if isinstance(encoder, ImageEncoder):
        return _show_images(view, encoder)
    if isinstance(encoder, TableEncoder):
        return _mixed_rows(view, encoder)
    if isinstance(encoder, (BagEncoder, SequenceEncoder)):
        grams = encoder.vocabulary.grams or []
        return ["", " ".join(gram.strip() for gram in grams[:_MOST_ROWS])]
    return np.zeros((2, view.n_features_in_), view._state.input_dtype)


def _show_images(view: Any, encoder: ImageEncoder) -> Any:
    """Return images, to be read as they are: how they lie is up to parameters."""
    described = vars(view).get("preprocessing_")
    if described is not None:
        _require(described == encoder.described(), "images are described otherwise")
    for name in _OF_IMAGES:
        _require(hasattr(encoder, name), f"images have no {name}")
    channels, (height, width) = encoder.n_channels or 1, encoder.size
    _require(all(map(_is_count, (channels, height, width))), "images have no size")
    if channels * height * width > _MOST_PIXELS:
        return None
    shape = (1, height, width, channels)
    dtype = np.uint8 if encoder.kind == "bytes" else np.float64
    pixels = np.zeros(shape, dtype)
    table = read_images(pixels, owner=type(view).__name__, channel_axis="last")
    if hasattr(view, "_fitted_modality"):
        images = view._fitted_modality()
        images.read = lambda *_, **__: table
        vars(view)["_fitted_modality"] = lambda: images
    else:
        vars(view)["_read"] = lambda X: table
    return pixels


def _mixed_rows(view: Any, encoder: TableEncoder) -> Array:
    """Return rows in which every category stands once."""
    for column in encoder.categories.columns:
        _require(isinstance(column.codes, dict), "a column has no categories")
    columns = iter(encoder.categories.columns)
    known: list[list[Any]] = [
        [*next(columns).codes][:_MOST_ROWS] or [None] if categorical else [0.0]
        for categorical in view._schema.categorical
    ]
    _require(next(columns, None) is None, "there are more categories than columns")
    _require(len(known) == view.n_features_in_, "there are more or fewer columns")
    n_rows = max([2, *map(len, known)])
    table = np.empty((n_rows, len(known)), dtype=object)
    for place, values in enumerate(known):
        table[:, place] = [values[row % len(values)] for row in range(n_rows)]
    return table


def _try_features(view: Any) -> None:
    """Ask an extractor for the features of one image."""
    encoder = view._encoder
    image = _show_images(view, encoder)
    if image is not None:
        features = view.transform(image)
        _require(features.shape == (1, view._n_features_out), "features are others")
