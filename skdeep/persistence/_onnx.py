"""Estimators and whole Pipelines as one graph of ONNX, checked as it is written."""

from __future__ import annotations

import copy
import os
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import scipy.sparse as sp
from sklearn.pipeline import Pipeline

from skdeep._atomic_files import path_text, sweep, write_atomically
from skdeep._compat import check_is_fitted
from skdeep._devices import plain_torch
from skdeep._optional import optional_dependency
from skdeep.data import ImageEncoder
from skdeep.exceptions import PersistenceError
from skdeep.persistence._estimators import is_ours
from skdeep.persistence._onnx_checking import answers_of, check_graph
from skdeep.persistence._onnx_network import (
    check_sample,
    encoder_of,
    joined,
    network_model,
)
from skdeep.persistence._onnx_runtime import runnable
from skdeep.persistence._onnx_sklearn import holds_ours, sklearn_model

if TYPE_CHECKING:
    from skdeep._typing import Array


def to_onnx(
    estimator: Any,
    sample: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    tolerance: float | Literal["auto"] | None = "auto",
) -> Any:
    """Return a fitted estimator or Pipeline as one ONNX model.

    All is in the graph: scaling, categories, missing values, the steps of
    scikit-learn, ensembles, probabilities, labels, the units of a target. It takes any
    number of rows. Its outputs are called as sklearn-onnx calls them: "label" and
    "probabilities" of classifiers, in float32, and "variable" of regressors and
    transformers, in the dtype of the estimator's own answers. The extra "onnx" installs
    what is needed.

    Parameters
    ----------
    estimator : estimator instance
        A fitted estimator of skdeep, a `sklearn.pipeline.Pipeline` of it and of steps
        that sklearn-onnx can convert, or a meta-estimator around it, such as
        `VotingClassifier`, `StackingRegressor`, `CalibratedClassifierCV` or
        `BaggingClassifier`. Of a search its `best_estimator_`.
    sample : array-like of shape (n_samples, n_features) or of images
        A few rows in the form in which rows will come: their dtype is that of the
        inputs. Numbers and images are one input, "X". Columns of a table with
        categories, and of a data frame for a Pipeline that begins with a step of
        scikit-learn, are one input each, of shape (n_samples, 1), by their names or
        "x0", "x1" and so on. Images are one array, of the size that the network sees:
        resized already, and where `preprocessing_` has a margin, without it.
    path : str, path or None, default=None
        Where to write the model as well; replaced as a whole.
    tolerance : float, "auto" or None, default="auto"
        How far, beside the largest of the predictions or 1, the answers of onnxruntime
        may be from those of the estimator, at least 0. "auto" is 1e-5; for a network
        that is so deep that rounding in float32 takes more, eight times what it takes,
        0.01 at most, which a pass in float64 tells. None does not compare.

    Returns
    -------
    model : onnx.ModelProto
        Of opset 18.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    PersistenceError
        If there is no graph of a step, the sample is none, or the graph answers
        otherwise.
    MissingDependencyError
        If onnx, onnxscript, onnxruntime or, for steps of scikit-learn, skl2onnx is not
        installed.

    See Also
    --------
    to_torch : For PyTorch.
    register_onnx_converters : For sklearn-onnx itself.
    save : For skdeep itself to read again.

    Notes
    -----
    Answers are compared on the sample and on rows that are made up from it and from
    what the estimator learnt: the edges of quantiles and the numbers next to them,
    numbers beyond those of training, missing ones, known and unknown categories.

    Networks compute in the dtype that they were trained in, what stands before and
    behind them in float64. With a sample of float32 the steps of scikit-learn compute
    in float32, where scikit-learn itself may compute in float64. Where that is too
    coarse, because numbers are large beside their differences, pass a sample of
    float64. Steps that onnxruntime or sklearn-onnx knows in float32 alone compute in
    float32 all the same.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import MLPClassifier, to_onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier(max_epochs=20, random_state=0).fit(X, y)
    >>> model = to_onnx(classifier, X[:5].astype(np.float32))  # doctest: +SKIP
    >>> [output.name for output in model.graph.output]  # doctest: +SKIP
    ['label', 'probabilities']
    """
    for package in ("onnx", "onnxruntime", "onnxscript"):
        with optional_dependency(package, needed_by="to_onnx"):
            __import__(package)
    target = None if path is None else path_text(path, "to_onnx")
    estimator = _exportable(estimator)
    _check_tolerance(tolerance)
    sample = _rows(estimator, sample)
    estimator = _on_cpu(estimator)
    with plain_torch(training=True):
        model, feeds = _chained(_segments(estimator), sample)
    model.graph.name = type(estimator).__name__
    model.producer_name = "skdeep"
    session = runnable(model, type(estimator).__name__)
    if tolerance is not None:
        check_graph(session, estimator, sample, feeds, tolerance)
    if target is not None:
        sweep(target)
        write_atomically(target, model.SerializeToString())
    return model


def _exportable(estimator: Any) -> Any:
    """Return what is fitted and can be a graph; of a search, what it has found."""
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise PersistenceError(
            "to_onnx takes a fitted estimator of skdeep, or a Pipeline or "
            f"meta-estimator with one. Got {_named(estimator)}."
        )
    check_is_fitted(estimator)
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline) and not estimator.steps:
        raise PersistenceError(
            "to_onnx takes a Pipeline that ends in an estimator of skdeep. Got one "
            "without steps. Pass the Pipeline that was fitted."
        )
    if not (is_ours(estimator) or isinstance(estimator, Pipeline)) and not holds_ours(
        estimator
    ):
        raise PersistenceError(
            "to_onnx takes a fitted estimator of skdeep, or a Pipeline or "
            f"meta-estimator with one. Got {type(estimator).__name__}. Use "
            "skl2onnx.to_onnx."
        )
    return estimator


def _named(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return repr(value) if isinstance(value, (str, type(None))) else type(value).__name__


def _check_tolerance(tolerance: Any) -> None:
    known = tolerance is None or tolerance == "auto"
    number = isinstance(tolerance, Real) and not isinstance(tolerance, bool)
    if not known and not (number and tolerance >= 0):
        raise PersistenceError(
            "The 'tolerance' parameter of to_onnx must be 'auto', None or a number of "
            f"at least 0. Got {tolerance!r}."
        )


def _rows(estimator: Any, sample: Any) -> Any:
    """Return a sample that the estimator takes: rows, one at least."""
    owner = type(estimator).__name__
    if isinstance(sample, (str, bytes, os.PathLike)):
        raise PersistenceError(
            "to_onnx takes a few rows as its second argument, in the form in which "
            f"rows will come, and the path of a file as its third. Got {sample!r} "
            f"where the rows belong. Write to_onnx(model, X[:5], {str(sample)!r})."
        )
    if not (hasattr(sample, "shape") or isinstance(sample, (list, tuple))):
        raise PersistenceError(
            "to_onnx takes a few rows as its second argument, in the form in which "
            f"rows will come. Got {_named(sample)}. Pass X[:5], say."
        )
    shape = tuple(sample.shape) if hasattr(sample, "shape") else (len(sample),)
    if not shape or 0 in shape:
        raise PersistenceError(
            f"to_onnx needs a sample of at least one row and one column for {owner}. "
            f"Got shape {shape}."
        )
    if isinstance(sample, (list, tuple)) and not _sees_images(estimator):
        sample = _array_of(sample, owner)
    first = estimator.steps[0][1] if isinstance(estimator, Pipeline) else estimator
    if is_ours(first):
        check_sample(first, sample)
    try:
        answers_of(estimator, getattr(sample, "iloc", sample)[:1])
    # Of the estimator or of a step, in as many kinds as there are mistakes.
    except Exception as error:
        raise PersistenceError(
            f"to_onnx takes rows that {owner} takes. Got a sample that it refuses: "
            f"{error}"
        ) from error
    return sample


def _array_of(sample: Any, owner: str) -> Array:
    try:
        values = np.asarray(sample)
        if values.dtype.kind in "US":
            # Numbers beside texts would have become texts.
            values = np.asarray(sample, dtype=object)
    except ValueError as error:
        raise PersistenceError(
            f"to_onnx takes a sample of rows of equal length for {owner}. Got a "
            f"{type(sample).__name__} of others."
        ) from error
    return values


def _sees_images(estimator: Any) -> bool:
    first = estimator.steps[0][1] if isinstance(estimator, Pipeline) else estimator
    return is_ours(first) and isinstance(encoder_of(first), ImageEncoder)


def _on_cpu(estimator: Any) -> Any:
    """Return the estimator, or a copy on the CPU: a GPU convolves in fewer digits."""
    steps = (
        estimator.named_steps if isinstance(estimator, Pipeline) else {"": estimator}
    )
    if all(getattr(step, "device_", "cpu") == "cpu" for step in steps.values()):
        return estimator
    copied = copy.deepcopy(estimator)
    steps = copied.named_steps if isinstance(copied, Pipeline) else {"": copied}
    for step in steps.values():
        if hasattr(step, "device_"):
            step.to("cpu")
    return copied


def _segments(estimator: Any) -> list[Any]:
    """Return estimators of skdeep, and Pipelines of what stands between them."""
    if not isinstance(estimator, Pipeline):
        if is_ours(estimator):
            return [estimator]
        return [Pipeline([(type(estimator).__name__.lower(), estimator)])]
    segments: list[Any] = []
    for name, step in estimator.steps:
        if step is None or isinstance(step, str):
            continue
        if is_ours(step):
            segments.append(step)
        elif segments and isinstance(segments[-1], Pipeline):
            segments[-1].steps.append((name, step))
        else:
            segments.append(Pipeline([(name, step)]))
    return segments


def _chained(segments: list[Any], sample: Any) -> tuple[Any, dict[str, Array]]:
    """Return one model of all segments, and the sample as its inputs."""
    whole: Any = None
    feeds: dict[str, Array] = {}
    rows = sample
    for number, segment in enumerate(segments):
        convert = network_model if is_ours(segment) else sklearn_model
        model, given = convert(segment, rows)
        if whole is None:
            whole, feeds = model, given
        else:
            (into,) = given
            whole = joined(whole, model, {whole.graph.output[0].name: into})
        if number + 1 < len(segments):
            rows = _transformed(segment, rows, whole)
    return whole, feeds


def _transformed(segment: Any, rows: Any, model: Any) -> Array:
    """Return rows as the next segment gets them, in the dtype of the graph."""
    from onnx import helper

    (output,) = model.graph.output
    found = segment.transform(rows)
    values = np.asarray(found.toarray() if sp.issparse(found) else found)
    kind = helper.tensor_dtype_to_np_dtype(output.type.tensor_type.elem_type)
    return values.astype(kind)
