"""Estimators and whole Pipelines as one graph of ONNX, checked as it is written."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from sklearn.pipeline import Pipeline

from skdeep._atomic_files import sweep, write_atomically
from skdeep._compat import check_is_fitted
from skdeep._devices import plain_torch
from skdeep._optional import optional_dependency
from skdeep.exceptions import PersistenceError
from skdeep.persistence._estimators import is_ours
from skdeep.persistence._onnx_columns import columns_of
from skdeep.persistence._onnx_network import OPSETS, aligned, network_model

if TYPE_CHECKING:
    from skdeep._typing import Array


def to_onnx(
    estimator: Any,
    sample: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    tolerance: float | None = 1e-5,
) -> Any:
    """Return a fitted estimator or Pipeline as one ONNX model.

    All is in the graph: scaling, categories, missing values, the steps of
    scikit-learn, ensembles, probabilities, labels, the units of a target. It takes any
    number of rows. Its outputs are called as sklearn-onnx calls them: "label" and
    "probabilities" of classifiers, "variable" of regressors and transformers, the
    numbers in float32. The extra "onnx" installs what is needed.

    Parameters
    ----------
    estimator : estimator instance
        A fitted estimator of skdeep, or a `sklearn.pipeline.Pipeline` of it and of
        steps that sklearn-onnx can convert.
    sample : array-like of shape (n_samples, n_features) or of images
        A few rows in the form in which rows will come: their dtype is that of the
        inputs. Numbers and images are one input, "X"; columns of a data frame, and of
        any table with categories, are one input each, of shape (n_samples, 1), by their
        names or "x0", "x1" and so on. Images are one array, of the size that the
        network sees.
    path : str, path or None, default=None
        Where to write the model as well; replaced as a whole.
    tolerance : float or None, default=1e-5
        How far, beside the largest number of the sample's predictions, the answers of
        onnxruntime may be from those of the estimator, at least 0. None does not ask
        it.

    Returns
    -------
    model : onnx.ModelProto
        Of opset 18.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    PersistenceError
        If a step cannot be converted, or the graph answers otherwise.
    MissingDependencyError
        If onnx, onnxscript, onnxruntime or, for steps of scikit-learn, skl2onnx is not
        installed.

    See Also
    --------
    to_torch : For PyTorch.
    save : For skdeep itself to read again.

    Notes
    -----
    With a sample of float32 the steps of scikit-learn compute in float32, where
    scikit-learn itself would compute in float64. Where that is too coarse, because
    numbers are large beside their differences, pass a sample of float64.

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
    check_is_fitted(estimator)
    estimator = _on_cpu(estimator)
    with plain_torch(training=True):
        model, feeds = _chained(_segments(estimator), sample)
    model.graph.name = type(estimator).__name__
    model.producer_name = "skdeep"
    if tolerance is not None:
        _check(model, feeds, estimator, sample, tolerance)
    if path is not None:
        sweep(path)
        write_atomically(path, model.SerializeToString())
    return model


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
        if not is_ours(estimator):
            raise PersistenceError(
                "to_onnx takes a fitted estimator of skdeep, or a Pipeline with one. "
                f"Got {type(estimator).__name__}."
            )
        return [estimator]
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
    from onnx import compose

    whole: Any = None
    feeds: dict[str, Array] = {}
    rows = sample
    for number, segment in enumerate(segments):
        convert = network_model if is_ours(segment) else _sklearn_model
        model, given = convert(segment, rows)
        if whole is None:
            whole, feeds = model, given
        else:
            (out,), (into,) = whole.graph.output, list(given)
            part = compose.add_prefix(model, f"step{number}_", rename_outputs=False)
            pairs = [(out.name, f"step{number}_{into}")]
            before = compose.add_prefix(
                whole, f"before{number}_", rename_inputs=False, rename_outputs=True
            )
            pairs = [(f"before{number}_{out.name}", pairs[0][1])]
            whole = aligned(compose.merge_models(before, part, io_map=pairs))
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


def _sklearn_model(pipeline: Pipeline, rows: Any) -> tuple[Any, dict[str, Array]]:
    with optional_dependency("skl2onnx", needed_by="to_onnx of a Pipeline"):
        import skl2onnx
        from skl2onnx.common import data_types as types

    feeds = columns_of(rows) if hasattr(rows, "columns") else {"X": _array(rows)}
    kinds = {
        "f4": types.FloatTensorType,
        "f8": types.DoubleTensorType,
        "i8": types.Int64TensorType,
        "b1": types.BooleanTensorType,
        "u1": types.UInt8TensorType,
    }
    inputs = [
        (
            name,
            kinds.get(values.dtype.str[1:], types.StringTensorType)(
                [None, values.shape[1]]
            ),
        )
        for name, values in feeds.items()
    ]
    options = {"zipmap": False} if hasattr(pipeline, "predict_proba") else None
    try:
        model = skl2onnx.convert_sklearn(
            pipeline,
            initial_types=inputs,
            target_opset=OPSETS,
            options=None if options is None else {id(pipeline.steps[-1][1]): options},
        )
    # Of skl2onnx, in as many kinds as there are steps that it cannot convert.
    except Exception as error:
        raise PersistenceError(
            f"sklearn-onnx cannot convert {' and '.join(dict(pipeline.steps))}: "
            f"{str(error).splitlines()[0]}"
        ) from error
    return aligned(model), feeds


def _array(rows: Any) -> Array:
    values = np.asarray(rows.toarray() if sp.issparse(rows) else rows)
    if values.dtype.kind == "f" and values.dtype.itemsize in (4, 8):
        return values
    return values.astype(np.int64 if values.dtype.kind in "iu" else values.dtype)


def _check(
    model: Any, feeds: dict[str, Array], estimator: Any, sample: Any, tolerance: float
) -> None:
    """Compare what onnxruntime answers to a sample with what the estimator does."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(None, feeds), strict=True))
    if hasattr(estimator, "predict_proba"):
        expected, got = estimator.predict_proba(sample), found["probabilities"]
    elif hasattr(estimator, "predict"):
        expected, got = estimator.predict(sample), found["variable"]
    else:
        expected, got = estimator.transform(sample), found[names[-1]]
    expected = np.asarray(expected, dtype=np.float64)
    got = np.asarray(got, dtype=np.float64).reshape(expected.shape)
    apart = float(np.abs(got - expected).max(initial=0.0))
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    if not apart <= tolerance * scale:
        raise PersistenceError(
            f"The graph's answers are up to {apart:.2g} from those of "
            f"{type(estimator).__name__}, where {tolerance * scale:.2g} is allowed. "
            "Pass a sample of float64, or a larger tolerance."
        )
    if "label" in found:
        _check_labels(found["label"], estimator, expected, tolerance)


def _check_labels(labels: Any, estimator: Any, proba: Array, tolerance: float) -> None:
    """Compare labels, but for rows where rounding decides between two."""
    classes = np.asarray(estimator.classes_)
    if labels.ndim == 2:
        clear = np.abs(proba - 0.5) > tolerance
        same = labels == (proba > 0.5)
    else:
        ranked = np.sort(proba, axis=1)
        margin = ranked[:, -1] - ranked[:, -2] if proba.shape[1] > 1 else ranked[:, -1]
        clear = margin > 2 * tolerance
        same = labels.astype(classes.dtype) == classes[np.argmax(proba, axis=1)]
    if not same[clear].all():
        raise PersistenceError(
            f"The graph's labels are not those of {type(estimator).__name__}."
        )
