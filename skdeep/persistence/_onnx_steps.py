"""Steps of scikit-learn that sklearn-onnx converts wrongly, roughly or not at all.

Each converter is handed to sklearn-onnx for one conversion; what is registered there is
left as it is. All compute in the type that comes in, float32 or float64.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from sklearn import feature_selection
from sklearn.ensemble import VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    PowerTransformer,
)

from skdeep._compat import scaler_of_powers

if TYPE_CHECKING:
    from skdeep._typing import Array

Table: TypeAlias = "dict[type, Callable[..., None]]"

_SELECTORS = (
    feature_selection.GenericUnivariateSelect,
    feature_selection.RFE,
    feature_selection.RFECV,
    feature_selection.SelectFdr,
    feature_selection.SelectFpr,
    feature_selection.SelectFromModel,
    feature_selection.SelectFwe,
    feature_selection.SelectKBest,
    feature_selection.SelectPercentile,
    feature_selection.VarianceThreshold,
)


def step_converters() -> tuple[Table, Table]:
    """Return converters, and calculators of the shape of outputs, by type of step.

    Returns
    -------
    converters, shapes : dict of type to callable
        As `skl2onnx.convert_sklearn` takes them.
    """
    converters: Table = {
        SimpleImputer: _imputer,
        KBinsDiscretizer: _bins,
        PowerTransformer: _power,
        FunctionTransformer: _function,
        VotingClassifier: _votes,
        **dict.fromkeys(_SELECTORS, _selector),
    }
    shapes: Table = {
        SimpleImputer: _imputer_shape,
        KBinsDiscretizer: _shape_of(
            lambda step, _width: len(step.get_feature_names_out())
        ),
        PowerTransformer: _shape_of(lambda _step, width: width),
        FunctionTransformer: _shape_of(lambda _step, width: width),
        VotingClassifier: _votes_shape,
        **dict.fromkeys(_SELECTORS, _selector_shape),
    }
    return converters, shapes


class _Nodes:
    """Nodes of one step, in the terms of sklearn-onnx.

    Parameters
    ----------
    scope, operator, container
        What sklearn-onnx hands a converter.
    """

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:
        from skl2onnx.common.data_types import guess_proto_type

        self.scope = scope
        self.container = container
        self.output = operator.outputs[0].full_name
        self.type = guess_proto_type(operator.outputs[0].type)
        names = []
        for variable in operator.inputs:
            name = variable.full_name
            if guess_proto_type(variable.type) != self.type:
                name = self("Cast", name, to=self.type)
            names.append(name)
        self.x = names[0] if len(names) == 1 else self("Concat", *names, axis=1)

    def __call__(
        self, op_type: str, *inputs: str, to_output: bool = False, **attributes: Any
    ) -> str:
        """Add a node; return the name of what it puts out."""
        output: str = (
            self.output
            if to_output
            else self.scope.get_unique_variable_name(op_type.lower())
        )
        self.container.add_node(
            op_type,
            list(inputs),
            output,
            name=self.scope.get_unique_operator_name(op_type),
            **attributes,
        )
        return output

    def constant(self, values: Any, kind: int | None = None) -> str:
        """Add numbers, of the type of the step by default; return their name."""
        array = np.asarray(values)
        name: str = self.scope.get_unique_variable_name("constant")
        self.container.add_initializer(
            name,
            self.type if kind is None else kind,
            array.shape,
            array.ravel().tolist(),
        )
        return name

    def columns(self, values: str, which: Array) -> str:
        """Return columns of a matrix by their positions."""
        from onnx import TensorProto

        positions = self.constant(np.asarray(which), TensorProto.INT64)
        return self("Gather", values, positions, axis=1)

    def put_out(self, values: str) -> None:
        """Let values be what the step puts out."""
        self("Identity", values, to_output=True)


def _width(operator: Any) -> int | None:
    widths = [variable.type.shape[1] for variable in operator.inputs]
    return None if None in widths else sum(widths)


def _shape_of(width: Callable[[Any, int | None], int | None]) -> Callable[..., None]:
    """Return a calculator for steps that put numbers out, however many."""

    def calculate(operator: Any) -> None:
        from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

        n_columns = width(operator.raw_operator, _width(operator))
        # Whole numbers become float64, as in scikit-learn.
        narrow = all(isinstance(v.type, FloatTensorType) for v in operator.inputs)
        kind = FloatTensorType if narrow else DoubleTensorType
        operator.outputs[0].type = kind([None, n_columns])

    return calculate


def _of_sklearn_onnx(operator: Any, table: str) -> Callable[..., None]:
    """Return what sklearn-onnx itself does with a step."""
    from skl2onnx._supported_operators import sklearn_operator_name_map
    from skl2onnx.common import _registration

    alias = sklearn_operator_name_map[type(operator.raw_operator)]
    found: Callable[..., None] = getattr(_registration, table)(alias)
    return found


def _is_text(operator: Any) -> bool:
    from skl2onnx.common.data_types import StringTensorType

    return any(isinstance(v.type, StringTensorType) for v in operator.inputs)


def _kept(imputer: SimpleImputer) -> Array:
    """Return the columns that an imputer does not drop for being empty."""
    statistics = np.asarray(imputer.statistics_, dtype=np.float64)
    if imputer.keep_empty_features:
        return np.arange(len(statistics))
    return np.flatnonzero(~np.isnan(statistics))


def _imputer_shape(operator: Any) -> None:
    imputer = operator.raw_operator
    if _is_text(operator):
        _of_sklearn_onnx(operator, "get_shape_calculator")(operator)
        return

    def width(_step: Any, _given: int | None) -> int:
        added = imputer.indicator_.features_ if imputer.add_indicator else ()
        return len(_kept(imputer)) + len(added)

    _shape_of(width)(operator)


def _imputer(scope: Any, operator: Any, container: Any) -> None:
    imputer = operator.raw_operator
    if _is_text(operator):
        _of_sklearn_onnx(operator, "get_converter")(scope, operator, container)
        return
    nodes = _Nodes(scope, operator, container)
    hole = imputer.missing_values
    is_nan = hole is None or hole != hole  # noqa: PLR0124 - NaN is not itself
    missing = (
        nodes("IsNaN", nodes.x)
        if is_nan
        else nodes("Equal", nodes.x, nodes.constant([hole]))
    )
    kept = _kept(imputer)
    filling = np.nan_to_num(np.asarray(imputer.statistics_, dtype=np.float64)[kept])
    filled = nodes(
        "Where",
        nodes.columns(missing, kept),
        nodes.constant(filling),
        nodes.columns(nodes.x, kept),
    )
    if imputer.add_indicator:
        flags = nodes.columns(missing, imputer.indicator_.features_)
        filled = nodes("Concat", filled, nodes("Cast", flags, to=nodes.type), axis=1)
    nodes.put_out(filled)


def _votes_shape(operator: Any) -> None:
    _of_sklearn_onnx(operator, "get_shape_calculator")(operator)


def _votes(scope: Any, operator: Any, container: Any) -> None:
    convert = _of_sklearn_onnx(operator, "get_converter")
    # It is for `transform` alone, and sklearn-onnx refuses its default.
    operator.raw_operator = copy.copy(operator.raw_operator)
    operator.raw_operator.flatten_transform = False
    convert(scope, operator, container)


def _selector_shape(operator: Any) -> None:
    n_columns = int(operator.raw_operator.get_support().sum())
    kinds = {type(variable.type) for variable in operator.inputs}
    if len(kinds) == 1:
        (kind,) = kinds
        operator.outputs[0].type = kind([None, n_columns])
    else:
        _shape_of(lambda _step, _width: n_columns)(operator)


def _selector(scope: Any, operator: Any, container: Any) -> None:
    # sklearn-onnx takes the first column alone for none.
    nodes = _Nodes(scope, operator, container)
    chosen = operator.raw_operator.get_support(indices=True)
    if not len(chosen):
        raise ValueError("it selects no column")
    nodes.put_out(nodes.columns(nodes.x, chosen))


def _bins(scope: Any, operator: Any, container: Any) -> None:
    from onnx import TensorProto

    binner = operator.raw_operator
    nodes = _Nodes(scope, operator, container)
    # Edges have more digits than float32 holds, and NumPy compares in float64.
    x = nodes("Cast", nodes.x, to=TensorProto.DOUBLE)
    inner = [np.asarray(edges, dtype=np.float64)[1:-1] for edges in binner.bin_edges_]
    table = np.full((len(inner), max(map(len, inner))), np.inf)
    for row, edges in zip(table, inner, strict=True):
        row[: len(edges)] = edges
    two = nodes.constant([2], TensorProto.INT64)
    beyond = nodes(
        "GreaterOrEqual",
        nodes("Unsqueeze", x, two),
        nodes.constant(table, TensorProto.DOUBLE),
    )
    code = nodes(
        "ReduceSum",
        nodes("Cast", beyond, to=TensorProto.FLOAT),
        two,
        keepdims=0,
    )
    if binner.encode != "ordinal":
        n_bins = np.asarray(binner.n_bins_)
        codes = nodes.columns(code, np.repeat(np.arange(len(n_bins)), n_bins))
        wanted = np.concatenate([np.arange(n) for n in n_bins])
        code = nodes("Equal", codes, nodes.constant(wanted, TensorProto.FLOAT))
    nodes.put_out(nodes("Cast", code, to=nodes.type))


def _power(scope: Any, operator: Any, container: Any) -> None:
    step = operator.raw_operator
    nodes = _Nodes(scope, operator, container)
    one = nodes.constant([1.0])
    if step.method == "box-cox":
        powered = _box_cox(nodes, nodes.x, step.lambdas_)
    else:
        zero = nodes.constant([0.0])
        # Each branch sees numbers of its own sign, so that neither makes NaN.
        positive = nodes("Add", nodes("Max", nodes.x, zero), one)
        negative = nodes("Sub", one, nodes("Min", nodes.x, zero))
        powered = nodes(
            "Where",
            nodes("GreaterOrEqual", nodes.x, zero),
            _box_cox(nodes, positive, step.lambdas_),
            nodes("Neg", _box_cox(nodes, negative, 2.0 - step.lambdas_)),
        )
        powered = nodes("Where", nodes("IsNaN", nodes.x), nodes.x, powered)
    if step.standardize:
        scaler = scaler_of_powers(step)
        powered = nodes("Sub", powered, nodes.constant(scaler.mean_))
        powered = nodes("Div", powered, nodes.constant(scaler.scale_))
    nodes.put_out(powered)


def _box_cox(nodes: _Nodes, x: str, lambdas: Array) -> str:
    """Return (x ** lambda - 1) / lambda, and log(x) where lambda is zero."""
    from onnx import TensorProto

    lambdas = np.asarray(lambdas, dtype=np.float64)
    zero = np.abs(lambdas) < np.spacing(1.0)
    safe = np.where(zero, 1.0, lambdas)
    raised = nodes("Sub", nodes("Pow", x, nodes.constant(safe)), nodes.constant([1.0]))
    powered = nodes("Div", raised, nodes.constant(safe))
    if not zero.any():
        return powered
    flags = nodes.constant(zero, TensorProto.BOOL)
    return nodes("Where", flags, nodes("Log", x), powered)


# What NumPy's functions are in ONNX.
_UFUNCS: dict[Any, str] = {
    np.abs: "Abs",
    np.fabs: "Abs",
    np.exp: "Exp",
    np.log: "Log",
    np.sqrt: "Sqrt",
    np.negative: "Neg",
    np.sign: "Sign",
    np.floor: "Floor",
    np.ceil: "Ceil",
    np.reciprocal: "Reciprocal",
    np.tanh: "Tanh",
    np.sin: "Sin",
    np.cos: "Cos",
}


def _function(scope: Any, operator: Any, container: Any) -> None:
    step = operator.raw_operator
    nodes = _Nodes(scope, operator, container)
    function, x = step.func, nodes.x
    if function is not None and step.kw_args:
        raise ValueError("its kw_args have no counterpart in ONNX")
    if function is None:
        y = x
    elif function in _UFUNCS:
        y = nodes(_UFUNCS[function], x)
    elif function is np.log1p:
        y = nodes("Log", nodes("Add", x, nodes.constant([1.0])))
    elif function is np.expm1:
        y = nodes("Sub", nodes("Exp", x), nodes.constant([1.0]))
    elif function is np.square:
        y = nodes("Mul", x, x)
    else:
        name = getattr(function, "__name__", repr(function))
        raise ValueError(f"the function {name} has no counterpart in ONNX")
    nodes.put_out(y)
