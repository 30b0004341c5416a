"""The error for a row that a network has no finite output for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import scipy.sparse as sp

from skdeep.data import ImageTable, MixedTable, TextTable

if TYPE_CHECKING:
    from skdeep._typing import Array

# Smaller numbers do not overflow on their way through a network.
LARGE = 1e10


def refuse_row(estimator: Any, table: Any, row: int) -> NoReturn:
    """Raise on a row that the network has no finite output for.

    Parameters
    ----------
    estimator : DeepEstimator
        Fitted.
    table : {ndarray, memmap, csr_array, MixedTable, ImageTable, TextTable}
        Validated inputs.
    row : int
        Position of the row.

    Raises
    ------
    ValueError
        Always; where the row holds a very large number the error shows it.
    """
    owner = type(estimator).__name__
    dtype = str(next(estimator.module_.parameters()).dtype).removeprefix("torch.")
    numbers, columns = _numbers(table, row)
    sizes = np.abs(np.nan_to_num(numbers))
    place = int(np.argmax(sizes)) if sizes.size else 0
    if not sizes.size or sizes[place] < LARGE:
        raise ValueError(
            f"{owner} needs a finite output of its network for each row. Got none for "
            f"row {row} of X, whose numbers are not large. Fit it again, e.g. with a "
            "lower learning_rate, or change a network of your own."
        )
    where = "" if columns is None else f" in {_name(estimator, columns[place])}"
    wider = ", or fit with dtype='float64'" if dtype == "float32" else ""
    raise ValueError(
        f"{owner} needs numbers in X that its network, which computes in {dtype}, does "
        f"not overflow on. Got {float(numbers[place])!r} in row {row}{where}. Clip it"
        f"{wider}."
    )


def _numbers(table: Any, row: int) -> tuple[Array, Any]:
    """Return the numbers of a row, and which columns of X they are, if any."""
    if isinstance(table, TextTable):
        return np.empty(0), None
    if isinstance(table, ImageTable):
        one = table[row : row + 1]
        pixels = one.block() if one.is_dense else one.image(0)
        return np.ravel(pixels).astype(np.float64), None
    if isinstance(table, MixedTable):
        return table.numeric[row].astype(np.float64), table.schema.numeric_columns
    block = table[[row]]
    block = block.toarray() if sp.issparse(block) else np.asarray(block)
    return block[0].astype(np.float64), range(block.shape[1])


def _name(estimator: Any, column: int) -> str:
    names = vars(estimator).get("feature_names_in_")
    return f"column {column if names is None else names[column]!r}"
