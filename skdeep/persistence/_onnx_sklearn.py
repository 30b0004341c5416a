"""Steps of scikit-learn as a graph of ONNX, and skdeep's estimators inside of them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import is_classifier

import skdeep
from skdeep._optional import optional_dependency
from skdeep.exceptions import PersistenceError
from skdeep.persistence._estimators import is_ours
from skdeep.persistence._onnx_columns import columns_of
from skdeep.persistence._onnx_network import (
    OPSETS,
    aligned,
    has_categories,
    is_indicator,
    network_model,
    rename,
)
from skdeep.persistence._onnx_runtime import first_line, runnable
from skdeep.persistence._onnx_steps import step_converters

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from skdeep._typing import Array

# Estimators of skdeep that are one network, or several of one shape.
_CLASSIFIERS = (
    "CNNClassifier",
    "ImageClassifier",
    "MLPClassifier",
    "TabularMLPClassifier",
)
_OTHERS = (
    "CNNRegressor",
    "ImageFeatureExtractor",
    "ImageRegressor",
    "MLPRegressor",
    "TabularMLPRegressor",
)
# Rows that a converter is tried with.
_TRIED_ROWS = 2


def sklearn_model(pipeline: Pipeline, rows: Any) -> tuple[Any, dict[str, Array]]:
    """Return steps of scikit-learn as one model, and rows as that takes them.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.
    rows : array-like or data frame of n_samples rows
        Says what comes in.

    Returns
    -------
    model : onnx.ModelProto
        That onnxruntime can run.
    feeds : dict of str to ndarray
        The rows by the names of inputs.

    Raises
    ------
    PersistenceError
        If there is no such graph.
    """
    with optional_dependency("skl2onnx", needed_by="to_onnx of a Pipeline"):
        import skl2onnx  # noqa: F401

    register_onnx_converters()
    feeds = columns_of(rows) if hasattr(rows, "columns") else {"X": as_matrix(rows)}
    names = " and ".join(dict(pipeline.steps))
    wide = any(values.dtype == np.float64 for values in feeds.values())
    try:
        return _runnable(_converted(pipeline, feeds), names), feeds
    # Of skl2onnx, in as many kinds as there are steps that it cannot convert.
    except Exception as error:
        refused = error
    if wide:
        # Many of its converters know float32 alone.
        narrow = {
            name: values.astype(np.float32) if values.dtype == np.float64 else values
            for name, values in feeds.items()
        }
        try:
            model = _widened(_converted(pipeline, narrow), feeds)
            return _runnable(model, names), feeds
        # As above.
        except Exception as error:
            refused = error
    raise _refusal(names, refused) from refused


def _runnable(model: Any, names: str) -> Any:
    runnable(model, names)
    return model


def _refusal(names: str, error: Exception) -> PersistenceError:
    if isinstance(error, PersistenceError):
        return PersistenceError(f"{error} It was made by sklearn-onnx.")
    return PersistenceError(
        f"sklearn-onnx cannot convert {names}: {first_line(error)}. Leave the step out "
        "of the Pipeline and do it in front of the graph, or use a step that "
        "sklearn-onnx knows."
    )


def _converted(pipeline: Pipeline, feeds: dict[str, Array]) -> Any:
    import skl2onnx
    from skl2onnx.common import data_types as types

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
                [None, *values.shape[1:]]
            ),
        )
        for name, values in feeds.items()
    ]
    converters, shapes = step_converters()
    last = pipeline.steps[-1][1]
    options = {id(last): {"zipmap": False}} if is_classifier(last) else None
    # What it has to say of itself is no affair of the caller.
    with warnings.catch_warnings(action="ignore"):
        model = skl2onnx.convert_sklearn(
            pipeline,
            initial_types=inputs,
            target_opset=OPSETS,
            options=options,
            custom_conversion_functions=converters,
            custom_shape_calculators=shapes,
        )
    return aligned(model)


def _widened(model: Any, feeds: dict[str, Array]) -> Any:
    """Let a graph of float32 take float64, and cast it first."""
    from onnx import TensorProto, helper

    wide = [name for name, values in feeds.items() if values.dtype == np.float64]
    narrow = {name: f"{name}_as_float32" for name in wide}
    nodes = [
        helper.make_node("Cast", [name], [given], to=TensorProto.FLOAT)
        for name, given in narrow.items()
    ]
    rename(model.graph, narrow)
    for value, name in zip(model.graph.input, feeds, strict=True):
        value.name = name
        if name in narrow:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    nodes += map(_copied, model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def _copied(node: Any) -> Any:
    twin = type(node)()
    twin.CopyFrom(node)
    return twin


def as_matrix(rows: Any) -> Array:
    """Return rows as an array of a dtype that graphs take."""
    values = np.asarray(rows.toarray() if sp.issparse(rows) else rows)
    if values.dtype.kind == "f":
        return values if values.dtype.itemsize in (4, 8) else values.astype(np.float32)
    if values.dtype.kind in "iu" and values.ndim == 2:
        return values.astype(np.int64)
    return values


def register_onnx_converters() -> None:
    """Let sklearn-onnx convert skdeep's estimators, wherever they stand.

    Afterwards `skl2onnx.to_onnx` and `skl2onnx.convert_sklearn` take Pipelines,
    `VotingClassifier`, `StackingRegressor`, `CalibratedClassifierCV`,
    `BaggingClassifier` and other meta-estimators with fitted networks in them.
    `skdeep.to_onnx` does this by itself.

    Raises
    ------
    MissingDependencyError
        If skl2onnx, onnx, onnxscript or onnxruntime is not installed; the extra "onnx"
        installs all.

    See Also
    --------
    to_onnx : Whole Pipelines, checked against the estimator.

    Notes
    -----
    A network's graph takes what the converter before it puts out. It is written in
    operators of opset 18 and of version 3 of those of machine learning, which the
    parameter `target_opset` of `skl2onnx.to_onnx` must allow.

    Examples
    --------
    >>> from skdeep import register_onnx_converters
    >>> register_onnx_converters()  # doctest: +SKIP
    """
    for package in ("onnx", "onnxruntime", "onnxscript", "skl2onnx"):
        with optional_dependency(package, needed_by="register_onnx_converters"):
            __import__(package)
    from skl2onnx import update_registered_converter

    options = {"zipmap": [True, False, "columns"], "output_class_labels": [False, True]}
    for name in _CLASSIFIERS:
        update_registered_converter(
            getattr(skdeep, name),
            f"Skdeep{name}",
            _classifier_shape,
            _convert,
            options=options,
        )
    for name in _OTHERS:
        update_registered_converter(
            getattr(skdeep, name), f"Skdeep{name}", _number_shape, _convert
        )


def _is_wide(operator: Any) -> bool:
    from skl2onnx.common.data_types import DoubleTensorType

    return any(isinstance(v.type, DoubleTensorType) for v in operator.inputs)


def _classifier_shape(operator: Any) -> None:
    from skl2onnx.common import data_types as types

    classifier = operator.raw_operator
    several = is_indicator(classifier)
    text = np.asarray(classifier.classes_).dtype.kind in "OUS"
    label = types.StringTensorType if text else types.Int64TensorType
    n_columns = len(classifier.classes_)
    proba = types.DoubleTensorType if _is_wide(operator) else types.FloatTensorType
    operator.outputs[0].type = label([None, n_columns] if several else [None])
    operator.outputs[1].type = proba([None, n_columns])


def _number_shape(operator: Any) -> None:
    from skl2onnx.common import data_types as types

    estimator = operator.raw_operator
    width = getattr(estimator, "n_outputs_", None) or estimator.n_features_out_
    kind = types.DoubleTensorType if _is_wide(operator) else types.FloatTensorType
    operator.outputs[0].type = kind([None, int(width)])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Put the graph of an estimator into that which sklearn-onnx makes."""
    sample, columns = _sample(operator)
    model, feeds = network_model(operator.raw_operator, sample)
    graph = model.graph
    every = [value.name for value in (*graph.input, *graph.initializer)]
    every += [name for node in graph.node for name in node.output]
    owner = type(operator.raw_operator).__name__
    names = {
        name: scope.get_unique_variable_name(f"{owner}_{number}")
        for number, name in enumerate(every)
    }
    given = list(feeds)
    before = [
        _input_node(operator.inputs[place], column, names[name], container, scope)
        for name, (place, column) in zip(given, columns, strict=True)
    ]
    after = [
        _output_node(names[output.name], variable, output)
        for output, variable in zip(graph.output, operator.outputs, strict=True)
    ]
    within = [_renamed(node, names) for node in graph.node]
    for node in (*before, *within, *after):
        node.name = scope.get_unique_operator_name(node.op_type)
        container.nodes.append(node)
    for tensor in map(_copied, graph.initializer):
        tensor.name = names[tensor.name]
        container.initializers.append(tensor)
    for entry in model.opset_import:
        container.node_domain_version_pair_sets.add((entry.domain, entry.version))


def _renamed(node: Any, names: dict[str, str]) -> Any:
    twin = _copied(node)
    if node.op_type == "Clip" and "" in node.input:
        # What is left out has no name, and sklearn-onnx looks for all by their names.
        low, high = [*node.input, "", ""][1:3]
        twin.op_type = "Max" if low else "Min"
        del twin.input[1:]
        twin.input.append(low or high)
    for known in (twin.input, twin.output):
        for place, name in enumerate(known):
            known[place] = names[name] if name else ""
    return twin


def _input_node(
    variable: Any, column: int | None, name: str, container: Any, scope: Any
) -> Any:
    """Return the node that takes what comes in, or one column of it."""
    from onnx import TensorProto, helper

    if column is None:
        return helper.make_node("Identity", [variable.full_name], [name])
    position = scope.get_unique_variable_name("position")
    container.add_initializer(position, TensorProto.INT64, [1], [column])
    return helper.make_node("Gather", [variable.full_name, position], [name], axis=1)


def _output_node(name: str, variable: Any, output: Any) -> Any:
    from onnx import TensorProto, helper
    from skl2onnx.common.data_types import guess_proto_type

    now, wanted = output.type.tensor_type.elem_type, guess_proto_type(variable.type)
    # Meta-estimators declare all labels to be whole numbers, and take others as well.
    if TensorProto.STRING in (now, wanted) or now == wanted:
        return helper.make_node("Identity", [name], [variable.full_name])
    return helper.make_node("Cast", [name], [variable.full_name], to=wanted)


def _sample(operator: Any) -> tuple[Any, list[tuple[int, int | None]]]:
    """Return rows such as come in, and of each input of a network where it is.

    A place is the position of what comes in, and a column in it or None for all.
    """
    estimator, inputs = operator.raw_operator, operator.inputs
    if not has_categories(estimator):
        if len(inputs) != 1:
            raise PersistenceError(
                f"{type(estimator).__name__} takes one input of all columns. Got "
                f"{len(inputs)} of sklearn-onnx. Put a ColumnTransformer in front."
            )
        shape = list(inputs[0].type.shape[1:])
        if None in shape or not shape:
            shape = [int(estimator.n_features_in_)]
        return np.zeros((_TRIED_ROWS, *shape), _numpy_type(inputs[0])), [(0, None)]
    places: list[tuple[int, int | None]] = []
    parts: list[Array] = []
    for number, variable in enumerate(inputs):
        width = variable.type.shape[1] if len(inputs) > 1 else None
        kind = _numpy_type(variable)
        empty: Any = "" if kind == np.dtype(object) else kind.type(0)
        for column in range(int(width or estimator.n_features_in_)):
            places.append((number, column))
            parts.append(np.full(_TRIED_ROWS, empty, dtype=kind))
    return _Columns(parts), places


class _Columns:
    """Columns of different types, as `columns_of` reads a frame."""

    def __init__(self, parts: list[Array]) -> None:
        self.columns = [f"x{place}" for place in range(len(parts))]
        self.parts = dict(zip(self.columns, parts, strict=True))

    def __getitem__(self, name: str) -> Array:
        return self.parts[name]

    def __len__(self) -> int:
        return _TRIED_ROWS


def _numpy_type(variable: Any) -> np.dtype[Any]:
    from onnx import helper
    from skl2onnx.common.data_types import StringTensorType, guess_proto_type

    if isinstance(variable.type, StringTensorType):
        return np.dtype(object)
    return helper.tensor_dtype_to_np_dtype(guess_proto_type(variable.type))


def holds_ours(value: Any, depth: int = 6) -> bool:
    """Tell whether an estimator is one of skdeep, or has one of them in it."""
    if is_ours(value):
        return True
    if isinstance(value, np.ndarray):
        value = value.ravel().tolist() if value.dtype == object else ()
    if isinstance(value, (list, tuple)):
        parts = list(value)
    elif isinstance(value, dict):
        parts = list(value.values())
    elif type(value).__module__.startswith("sklearn.") or hasattr(value, "get_params"):
        parts = list(getattr(value, "__dict__", {}).values())
    else:
        return False
    return depth > 0 and any(holds_ours(part, depth - 1) for part in parts)
