"""Tables of numbers as rows that a batch can be gathered from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import numpy as np
import scipy.sparse as sp
import torch

from skdeep._compat import num_samples, validate_data
from skdeep._devices import send
from skdeep.data._mixed import MixedTable
from skdeep.data._scaling import BLOCK_ROWS, ColumnScaler
from skdeep.data._torch_inputs import from_torch
from skdeep.data._words import refuse_words

if TYPE_CHECKING:
    from skdeep._typing import Array, MatrixLike
    from skdeep.data._encoding import TableEncoder

# A memory map above this many bytes is read batch by batch; below, a copy costs less
# than the libraries that are loaded already.
STREAMED_BYTES = 32 * 2**20
# What stands for targets where there are none, as in scikit-learn.
NO_TARGETS: Literal["no_validation"] = "no_validation"
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class Rows(Protocol):
    """What batches are gathered from."""

    n_rows: int
    n_columns: int

    def gather(self, index: Array | slice) -> torch.Tensor:
        """Return the rows at `index` as a dense, scaled tensor on the device."""
        ...


class TensorRows:
    """Rows of any shape that stand ready in a tensor on the device."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor
        self.n_rows, *shape = tensor.shape
        self.n_columns = math.prod(shape)

    def gather(self, index: Array | slice) -> torch.Tensor:
        """Return a view for a slice, a copy for an array of positions."""
        if isinstance(index, slice):
            return self.tensor[index]
        order = torch.from_numpy(index).to(self.tensor.device)
        return torch.index_select(self.tensor, 0, order)


class StreamedRows:
    """Rows of a sparse matrix or a memory map, made dense batch by batch."""

    def __init__(
        self,
        X: Any,
        scaler: ColumnScaler | TableEncoder | None,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.X = X
        self.scaler = scaler
        self.dtype = dtype
        self.device = device
        self.n_rows, self.n_columns = X.shape

    def gather(self, index: Array | slice) -> torch.Tensor:
        """Return the rows at `index`, cast and scaled."""
        return send(to_tensor(self.X[index], self.scaler, self.dtype), self.device)


def check_table(
    estimator: Any,
    X: MatrixLike,
    y: Any = NO_TARGETS,
    *,
    reset: bool,
    **check_y: Any,
) -> Any:
    """Validate a table as scikit-learn does, without reading a large memory map whole.

    Parameters
    ----------
    estimator : estimator instance
        Where `n_features_in_` and `feature_names_in_` are set or compared.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Finite numbers.
    y : array-like, optional
        Targets to be checked along with `X`.
    reset : bool
        Set the number and names of the features rather than compare them.
    **check_y : bool
        `multi_output` and `y_numeric`, as `check_X_y` has them.

    Returns
    -------
    X : {ndarray, csr_matrix, csr_array} of shape (n_samples, n_features)
        Floating point numbers; a streamed memory map comes back as it is.
    y : ndarray
        Only where `y` was given.
    """
    untold = isinstance(y, str) and y == NO_TARGETS
    if untold and not reset and _passes(estimator, X):
        return X
    owner = type(estimator).__name__
    X, y = from_torch(X, owner), from_torch(y, owner)
    _refuse_dates(X, owner)
    given = {} if untold else {"y": y, **check_y}
    if not is_streamed_map(X):
        try:
            return validate_data(
                estimator,
                X,
                **given,
                reset=reset,
                accept_sparse="csr",
                dtype=(np.float64, np.float32),
            )
        except (TypeError, ValueError) as error:
            refuse_words(X, owner, error)
            raise
    checked = validate_data(
        estimator, X, **given, reset=reset, dtype=None, ensure_all_finite=False
    )
    _check_map(X, owner)
    return (X, checked[1]) if given else X


def _passes(estimator: Any, X: Any) -> bool:
    """Tell whether scikit-learn's validation would return X as it is.

    It takes as long as the network of one row, and asks several times what kind of
    table an array is.
    """
    known = vars(estimator)
    if type(X) is not np.ndarray or X.ndim != 2 or "feature_names_in_" in known:
        return False
    n_rows, n_columns = X.shape
    if not n_rows or n_columns != known.get("n_features_in_") or X.dtype not in _FLOATS:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(X.sum()))


def is_streamed_map(X: object) -> bool:
    """Tell whether `X` is a memory map too large to be copied without thought."""
    return isinstance(X, np.memmap) and X.nbytes > STREAMED_BYTES


def _refuse_dates(X: Any, owner: str) -> None:
    """Raise on dates and times, which NumPy would silently take for numbers."""
    dtypes = [X.dtype] if hasattr(X, "dtype") else getattr(X, "dtypes", ())
    dates = [dtype for dtype in dtypes if getattr(dtype, "kind", "") in ("m", "M")]
    if dates:
        raise ValueError(
            f"{owner} expects X of real numbers. Got {dates[0]}. Turn dates into "
            "numbers first, e.g. the days since one of them."
        )


def _check_map(X: Any, owner: str) -> None:
    if X.dtype.kind not in "fiub":
        raise ValueError(
            f"{owner} expects a memory map of real numbers. Got dtype {X.dtype}. "
            "Convert it before mapping."
        )
    if X.dtype.kind != "f":
        return
    for start in range(0, X.shape[0], BLOCK_ROWS):
        finite = np.isfinite(X[start : start + BLOCK_ROWS]).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"Input X contains NaN or infinity: {owner} does not accept missing "
                f"values. Got one in row {start + int(np.argmin(finite))} of the "
                "memory map. Impute or drop such rows."
            )


def float_dtype(X: Any) -> np.dtype[Any]:
    """Return float32 for float32 tables and float64 for all others."""
    return np.dtype(np.float32 if X.dtype == np.float32 else np.float64)


def to_tensor(
    block: Any, scaler: ColumnScaler | TableEncoder | None, dtype: torch.dtype
) -> torch.Tensor:
    """Return a block of rows as a CPU tensor, put to scale; it may share its memory."""
    if isinstance(block, MixedTable):
        encoder = cast("TableEncoder", scaler)
        return torch.from_numpy(encoder.transform(block)).to(dtype)
    scaler = cast("ColumnScaler | None", scaler)
    block = block.toarray() if sp.issparse(block) else np.asarray(block)
    # Half, long double and foreign byte orders are among what a memory map may hold.
    block = block.astype(float_dtype(block), copy=False)
    if scaler is not None:
        block = scaler.transform(block)
    # torch refuses negative strides, and warns of memory it may not write to.
    elif not block.flags.writeable or not block.flags.c_contiguous:
        block = np.array(block, order="C")
    return torch.from_numpy(block).to(dtype)


def make_rows(
    X: Any,
    scaler: ColumnScaler | TableEncoder | None,
    dtype: torch.dtype,
    device: torch.device,
) -> TensorRows | StreamedRows:
    """Return `X` as rows: copied to the device, or streamed where that is too much.

    Parameters
    ----------
    X : {ndarray, memmap, csr_array, MixedTable} of shape (n_samples, n_features)
        A validated table.
    scaler : ColumnScaler, TableEncoder or None
        Applied to each row.
    dtype : torch.dtype
        Of the tensors handed out.
    device : torch.device
        Of the tensors handed out.

    Returns
    -------
    rows : TensorRows or StreamedRows
    """
    if sp.issparse(X) or isinstance(X, MappedSubset) or is_streamed_map(X):
        return StreamedRows(X, scaler, dtype, device)
    if isinstance(X, MixedTable):
        return TensorRows(to_tensor(X, scaler, dtype).to(device))
    tensor = torch.empty(X.shape, dtype=dtype, device=device)
    for start in range(0, X.shape[0], BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        tensor[rows] = to_tensor(X[rows], scaler, dtype)
    return TensorRows(tensor)


def take(X: Any, index: Array) -> Any:
    """Return the rows of a validated table at `index`, a large map as a lazy view."""
    if is_streamed_map(X):
        return MappedSubset(X, index)
    if isinstance(X, MappedSubset):
        return MappedSubset(X.X, X.index[index])
    return X[index]


def in_memory(X: Any) -> Any:
    """Return rows that were held back as positions of a memory map as an array."""
    return X[:] if isinstance(X, MappedSubset) else X


class MappedSubset:
    """Some rows of a memory map, named by position and read when asked for."""

    def __init__(self, X: Any, index: Array) -> None:
        self.X = X
        self.index = index
        self.dtype = X.dtype
        self.shape = (len(index), *X.shape[1:])

    def __getitem__(self, rows: Array | slice) -> Array:
        """Return the rows of the subset at `rows`."""
        return np.asarray(self.X[self.index[rows]])

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.index)


__all__ = [
    "NO_TARGETS",
    "MappedSubset",
    "Rows",
    "StreamedRows",
    "TensorRows",
    "check_table",
    "float_dtype",
    "in_memory",
    "is_streamed_map",
    "make_rows",
    "num_samples",
    "take",
    "to_tensor",
]
