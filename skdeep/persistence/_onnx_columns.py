"""Columns of a table, each an input of its own, as numbers and codes of categories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skdeep.exceptions import PersistenceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skdeep._typing import Array


def columns_of(sample: Any) -> dict[str, Array]:
    """Return the columns of a sample by name, as a graph takes them.

    Parameters
    ----------
    sample : array-like or data frame of shape (n_samples, n_columns)
        Numbers and texts; a column without a name is called by its position.

    Returns
    -------
    columns : dict of str to ndarray of shape (n_samples, 1)
        Of float32, float64, int64, bool, or of texts as objects, "" being missing.
    """
    names = [str(name) for name in getattr(sample, "columns", ())]
    if names:
        columns = [np.asarray(sample[name]) for name in sample.columns]
    else:
        table = np.asarray(sample)
        columns = [table[:, i] for i in range(table.shape[1])]
        names = [f"x{i}" for i in range(table.shape[1])]
    return {
        name: _as_input(column).reshape(-1, 1)
        for name, column in zip(names, columns, strict=True)
    }


def _as_input(column: Array) -> Array:
    kind = column.dtype.kind
    if kind == "f":
        return column if column.dtype.itemsize in (4, 8) else column.astype(np.float32)
    if kind in "iu":
        return column.astype(np.int64)
    if kind == "b":
        return column
    if kind == "O":
        present = [value for value in column if not _is_missing(value)]
        if present and not any(isinstance(value, str) for value in present):
            return _as_input(np.array(column.tolist()))
    texts = ["" if _is_missing(value) else str(value) for value in column]
    return np.array(texts, dtype=object)


def _is_missing(value: Any) -> bool:
    # NaN is the one number that is not itself.
    return value is None or type(value).__name__ == "NAType" or value != value  # noqa: PLR0124


def check_columns(estimator: Any, sample: Any) -> None:
    """Refuse a sample that has not the columns of an estimator of tables.

    Parameters
    ----------
    estimator : estimator instance
        A fitted one of tables with categories.
    sample : array-like or data frame of shape (n_samples, n_columns)
        Given by the user.

    Raises
    ------
    PersistenceError
        If it has not.
    """
    wanted = len(estimator._schema.categorical)
    columns = getattr(sample, "columns", None)
    shape = np.shape(sample) if columns is None else (len(sample), len(columns))
    if len(shape) != 2 or shape[1] != wanted:
        got = f"shape {shape}" if len(shape) != 2 else shape[1]
        raise PersistenceError(
            f"to_onnx takes a sample of {wanted} columns for this "
            f"{type(estimator).__name__}. Got {got}."
        )


def columns_model(estimator: Any, sample: Any) -> tuple[Any, dict[str, Array], Any]:
    """Return a graph from columns to numbers and codes.

    Parameters
    ----------
    estimator : estimator instance
        A fitted one of tables with categories.
    sample : array-like or data frame of shape (n_samples, n_columns)
        Says what the columns are called, and hold.

    Returns
    -------
    model : onnx.ModelProto
        With the outputs "numbers", if there are any, and "codes".
    feeds : dict of str to ndarray of shape (n_samples, 1)
        The sample by the names of inputs.
    dtype : type
        Of the numbers.
    """
    from onnx import TensorProto, helper

    check_columns(estimator, sample)
    feeds = columns_of(sample)
    schema, names = estimator._schema, list(feeds)
    numeric = [names[i] for i in schema.numeric_columns]
    narrow = all(feeds[name].dtype == np.float32 for name in numeric)
    dtype = np.float32 if narrow else np.float64
    kind = TensorProto.FLOAT if narrow else TensorProto.DOUBLE
    nodes = [
        helper.make_node("Cast", [name], [f"number of {name}"], to=kind)
        for name in numeric
    ]
    outputs = []
    if numeric:
        outputs.append(("numbers", kind, len(numeric)))
        parts = [f"number of {name}" for name in numeric]
        nodes.append(helper.make_node("Concat", parts, ["numbers"], axis=1))
    columns = estimator._state.scaler.categories.columns
    categorical = [names[i] for i in schema.categorical_columns]
    for name, column in zip(categorical, columns, strict=True):
        nodes += _code_nodes(name, feeds[name], list(column.codes))
    outputs.append(("codes", TensorProto.INT64, len(categorical)))
    parts = [f"code of {name}" for name in categorical]
    nodes.append(helper.make_node("Concat", parts, ["codes"], axis=1))
    graph = helper.make_graph(
        nodes,
        "columns",
        [
            helper.make_tensor_value_info(
                name, onnx_type(feeds[name].dtype), ["batch", 1]
            )
            for name in names
        ],
        [
            helper.make_tensor_value_info(name, of, ["batch", width])
            for name, of, width in outputs
        ],
    )
    return helper.make_model(graph), feeds, dtype


def _code_nodes(name: str, values: Array, categories: Sequence[Any]) -> list[Any]:
    """Return the nodes from a column to its code: 1 for the first category, else 0."""
    from onnx import TensorProto, helper

    code, source = f"code of {name}", name
    nodes = []
    if values.dtype.kind == "f" and categories:
        return _float_code_nodes(name, code, [float(c) for c in categories])
    if values.dtype.kind == "O":
        keys: dict[str, Any] = {"keys_strings": [str(c) for c in categories]}
    else:
        source = f"category of {name}"
        nodes.append(helper.make_node("Cast", [name], [source], to=TensorProto.INT64))
        keys = {"keys_int64s": [int(c) for c in categories]}
    if not categories:
        # A column that was empty in training: whatever it holds is unknown.
        nodes.append(helper.make_node("Shape", [name], [f"shape of {name}"]))
        zero = helper.make_tensor("zero", TensorProto.INT64, [1], [0])
        nodes.append(
            helper.make_node(
                "ConstantOfShape", [f"shape of {name}"], [code], value=zero
            )
        )
        return nodes
    nodes.append(
        helper.make_node(
            "LabelEncoder",
            [source],
            [code],
            domain="ai.onnx.ml",
            values_int64s=list(range(1, len(categories) + 1)),
            default_int64=0,
            **keys,
        )
    )
    return nodes


def _float_code_nodes(name: str, code: str, categories: list[float]) -> list[Any]:
    """Return nodes that compare with each category, in all digits of float64."""
    from onnx import TensorProto, helper, numpy_helper

    positions = np.arange(1, len(categories) + 1)
    constants = {
        f"categories of {name}": np.array(categories, dtype=np.float64),
        f"codes of {name}": positions.astype(np.int64),
        f"axis of {name}": np.array([1], dtype=np.int64),
    }
    known, codes, axis = constants
    wide, same, flags = (f"{part} of {name}" for part in ("wide", "same", "flags"))
    return [
        *(
            helper.make_node(
                "Constant", [], [key], value=numpy_helper.from_array(values, key)
            )
            for key, values in constants.items()
        ),
        helper.make_node("Cast", [name], [wide], to=TensorProto.DOUBLE),
        helper.make_node("Equal", [wide, known], [same]),
        helper.make_node("Cast", [same], [flags], to=TensorProto.INT64),
        helper.make_node("Mul", [flags, codes], [f"code where {name}"]),
        helper.make_node("ReduceSum", [f"code where {name}", axis], [code], keepdims=1),
    ]


def onnx_type(dtype: np.dtype[Any]) -> int:
    """Return the number that ONNX has for a dtype; objects are texts."""
    from onnx import TensorProto, helper

    if dtype.kind in "OU":
        return int(TensorProto.STRING)
    return int(helper.np_dtype_to_tensor_dtype(dtype))
