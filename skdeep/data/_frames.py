"""Tables with numbers, categories and holes, from frames and arrays."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array, check_X_y

from skdeep._compat import validate_data
from skdeep.data._column_warnings import Doubt, doubts_about, warn_of_misreading
from skdeep.data._columns import (
    Column,
    Kind,
    Labels,
    Numbers,
    Place,
    as_labels,
    as_numbers,
    read_booleans,
    read_objects,
)
from skdeep.data._mixed import MixedTable, TableSchema
from skdeep.data._scaling import BLOCK_ROWS
from skdeep.data._series import Frame, open_frame
from skdeep.data._torch_inputs import from_torch

if TYPE_CHECKING:
    from skdeep._typing import Array


def read_table(
    estimator: Any,
    X: Any,
    *,
    categorical_features: Any = "from_dtype",
    schema: TableSchema | None = None,
) -> MixedTable:
    """Validate and read a table whose columns hold numbers or categories.

    Parameters
    ----------
    estimator : estimator instance
        Where `n_features_in_` and `feature_names_in_` are set or compared.
    X : {pandas.DataFrame, polars.DataFrame, array-like, MixedTable} of shape \
            (n_samples, n_features)
        Finite numbers, strings and booleans; None, NaN and NA are missing. A table
        that was read by the same schema passes as it is.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Which columns hold categories: names, positions or a mask. "from_dtype" takes
        all that hold strings or booleans, or are categorical by dtype; None takes
        none. Only read where there is no schema.
    schema : TableSchema or None, default=None
        What the columns held in fit. None reads a table to be fitted: the number and
        names of the features are set rather than compared, and the table returned has
        the schema to pass later.

    Returns
    -------
    table : MixedTable

    Raises
    ------
    TypeError
        If `X` is sparse, or a cell holds neither a number nor a string.
    ValueError
        If a column holds dates, complex or infinite numbers, values of several kinds,
        or others than it held in fit; or if the columns are others than in fit.
    """
    owner = type(estimator).__name__
    if isinstance(X, MixedTable):
        return _same_table(X, schema, owner)
    frame = open_frame(X)
    if frame is None:
        X = _validated_array(estimator, X, reset=schema is None)
    else:
        validate_data(estimator, X, reset=schema is None, skip_check_array=True)
        if 0 in X.shape:
            check_array(_stand_in(X.shape), estimator=estimator)
    n_columns = X.shape[1]
    flags: Sequence[bool | None]
    if schema is None:
        names = None if frame is None else frame.names
        flags = _flags(categorical_features, names, n_columns, owner)
    else:
        flags = schema.categorical
    if frame is None:
        if X.dtype.kind in "fiu" and not any(flags):
            return _numeric_table(X, schema, owner)
        frame = Frame(list(range(n_columns)), list(X.T), _read_array)
    return _assemble(frame, flags, schema, owner)


def check_target(
    estimator: Any,
    table: Any,
    y: Any,
    *,
    multi_output: bool = False,
    y_numeric: bool = False,
) -> Array:
    """Validate the targets that go with a table, as scikit-learn does.

    Parameters
    ----------
    estimator : estimator instance
        Named in errors.
    table : MixedTable or ImageTable
        The rows.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The targets.
    multi_output : bool, default=False
        Whether `y` may have two axes, or be sparse.
    y_numeric : bool, default=False
        Whether objects are turned into numbers.

    Returns
    -------
    y : {ndarray, csr_matrix} of shape (n_samples,) or (n_samples, n_outputs)

    Raises
    ------
    ValueError
        If `y` is missing, not finite, or of another length than the table.
    """
    _, checked = check_X_y(
        _stand_in((table.shape[0], 1)),
        from_torch(y, type(estimator).__name__),
        ensure_all_finite=False,
        multi_output=multi_output,
        y_numeric=y_numeric,
        estimator=estimator,
    )
    target: Array = checked
    return target


def _stand_in(shape: tuple[int, int]) -> Array:
    """Return an array for scikit-learn to count the rows and columns of."""
    return np.broadcast_to(np.float64(0.0), shape)


def _same_table(X: MixedTable, schema: TableSchema | None, owner: str) -> MixedTable:
    if X.schema != schema:
        raise ValueError(
            f"{owner} takes a table it has read itself. Got one of another schema. "
            "Pass the frame or array that it came from."
        )
    return X


def _validated_array(estimator: Any, X: Any, *, reset: bool) -> Array:
    """Return what is no frame as an array of two axes."""
    owner = type(estimator).__name__
    if sp.issparse(X):
        raise TypeError(
            f"{owner} takes dense tables, and its scaling would fill up a sparse one. "
            f"Got a {type(X).__name__}. Call X.toarray() first, or use MLPClassifier "
            "or MLPRegressor."
        )
    if hasattr(X, "__dataframe__") or hasattr(X, "collect"):
        kind = f"{type(X).__module__.split('.')[0]} {type(X).__name__}"
        raise TypeError(
            f"{owner} takes the DataFrame of pandas or polars, or an array. Got a "
            f"{kind}. Convert it first, e.g. with to_pandas() or collect()."
        )
    X = from_torch(X, owner)
    array = np.asarray(X)
    if array.dtype.kind in "US" and not isinstance(X, np.ndarray):
        array = np.asarray(X, dtype=object)  # or numbers beside strings become strings
    if array.dtype.kind in "mM":
        Place.of(owner, 0).refuse_dates(str(array.dtype))
    checked: Array = validate_data(
        estimator, array, reset=reset, dtype=None, ensure_all_finite=False
    )
    return checked


def _flags(
    features: Any, names: list[Any] | None, n_columns: int, owner: str
) -> list[bool | None]:
    """Return whether each column is said to hold categories; None leaves it open."""
    if isinstance(features, str) and features == "from_dtype":
        return [None] * n_columns
    given = [] if features is None else features
    items = np.atleast_1d(np.asarray(given, dtype=object)).tolist()
    if items and all(isinstance(item, (bool, np.bool_)) for item in items):
        if len(items) == n_columns:
            return [bool(item) for item in items]
    elif all(isinstance(item, Integral) for item in items):
        if all(0 <= item < n_columns for item in items):
            return [column in items for column in range(n_columns)]
    elif names is not None and all(isinstance(item, str) for item in items):
        unknown = [item for item in items if item not in names]
        if not unknown:
            return [name in items for name in names]
        raise ValueError(
            f"The 'categorical_features' parameter of {owner} must name columns of X. "
            f"Got {unknown[0]!r}, but the columns are {names!r:.200}."
        )
    columns = "columns without names" if names is None else "columns"
    raise ValueError(
        f"The 'categorical_features' parameter of {owner} must hold names of columns, "
        "positions from 0, or a bool for each column. Got "
        f"{features!r:.60} for {n_columns} {columns}."
    )


def _read_array(values: Array, place: Place, *, declared: bool) -> Column:
    """Read a column of an array."""
    if values.dtype.kind in "fiu":
        return Numbers(values)
    if values.dtype.kind == "b":
        return read_booleans(values)
    return read_objects(values.tolist(), place, declared=declared)


def _numeric_table(X: Array, schema: TableSchema | None, owner: str) -> MixedTable:
    """Return an array of numbers as a table, without a copy where that can be."""
    numeric = np.asarray(X, dtype=_float(X.dtype))
    n_rows, n_columns = numeric.shape
    empty = np.ones(n_columns, dtype=bool)
    for start in range(0, n_rows, BLOCK_ROWS):
        block = numeric[start : start + BLOCK_ROWS]
        infinite = np.isinf(block).any(axis=0)
        if infinite.any():
            Place.of(owner, int(np.argmax(infinite))).refuse_infinity()
        if schema is None:
            empty &= np.isnan(block).all(axis=0)
    if schema is None:
        kinds: list[Kind] = ["nothing" if all_nan else "numbers" for all_nan in empty]
        schema = TableSchema((False,) * n_columns, tuple(kinds))
    return MixedTable(numeric, np.empty((n_rows, 0), dtype=np.int32), (), schema)


def _assemble(
    frame: Frame, flags: Sequence[bool | None], schema: TableSchema | None, owner: str
) -> MixedTable:
    numeric: list[Array] = []
    labels: list[Labels] = []
    doubts: list[Doubt] = []
    kinds: list[Kind] = []
    categorical: list[bool] = []
    for i, (name, series) in enumerate(zip(frame.names, frame.series, strict=True)):
        place = Place.of(owner, name)
        column = frame.read(series, place, declared=bool(flags[i]))
        if schema is None:
            kind, holds_categories = _settle(column, flags[i], place)
            doubts += doubts_about(column, place)
        else:
            kind, holds_categories = schema.kinds[i], schema.categorical[i]
            column = _compare(column, kind, place, categorical=holds_categories)
        if holds_categories:
            labels.append(as_labels(column, place))
        else:
            numeric.append(as_numbers(column, place))
        kinds.append(kind)
        categorical.append(holds_categories)
    if doubts:
        warn_of_misreading(owner, doubts)
    n_rows = len(numeric[0] if numeric else labels[0].codes)
    return MixedTable(
        _beside(numeric, n_rows, _float(*(values.dtype for values in numeric))),
        _beside([column.codes for column in labels], n_rows, np.int32),
        tuple(column.levels for column in labels),
        schema or TableSchema(tuple(categorical), tuple(kinds)),
    )


def _settle(column: Column, flag: bool | None, place: Place) -> tuple[Kind, bool]:
    """Return what a column of the training table holds, and if it is categorical."""
    kind = column.kind
    if flag or (flag is None and isinstance(column, Labels)):
        return kind, True
    if kind == "strings":
        raise ValueError(
            f"{place.owner} takes {place.column} for numbers, as categorical_features "
            f"does not name it. Got strings, e.g. {column.example()!r}. Name it there, "
            "or leave categorical_features='from_dtype'."
        )
    return ("nothing" if kind == "nothing" else "numbers"), False


def _compare(column: Column, kind: Kind, place: Place, *, categorical: bool) -> Column:
    """Return a column where it holds what it held in fit, or nothing."""
    if isinstance(column, Numbers) and kind == "numbers":
        return column
    got = column.kind
    if kind == "nothing" and not categorical:
        # It said nothing in fit, so that whatever it says now is not listened to.
        return Numbers(np.full(_n_rows(column), np.nan))
    truth_as_number = got == "booleans" and not categorical
    if got != kind and "nothing" not in (got, kind) and not truth_as_number:
        raise ValueError(
            f"{place.owner} was fitted with {kind} in {place.column}. Got {got}, e.g. "
            f"{column.example()!r}. Convert the column to what it was."
        )
    return column


def _n_rows(column: Column) -> int:
    return len(column.values if isinstance(column, Numbers) else column.codes)


def _float(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    """Return float32 where all columns together make that, else float64."""
    single = bool(dtypes) and np.result_type(*dtypes) == np.float32
    return np.dtype(np.float32 if single else np.float64)


def _beside(columns: list[Array], n_rows: int, dtype: Any) -> Array:
    table = np.empty((n_rows, len(columns)), dtype=dtype)
    for position, column in enumerate(columns):
        table[:, position] = column
    return table
