"""From X and y to tensors: tables, targets, weights, splits and batches."""

from skdeep.data._batches import Batch, Batches, resolve_batch_size
from skdeep.data._scaling import BLOCK_ROWS, ColumnScaler
from skdeep.data._splits import holdout
from skdeep.data._tables import (
    check_table,
    float_dtype,
    in_memory,
    is_streamed_map,
    make_rows,
    take,
    to_tensor,
)
from skdeep.data._targets import ClassTarget, NumberTarget, ravel_column
from skdeep.data._weights import check_weights, class_weights

__all__ = [
    "BLOCK_ROWS",
    "Batch",
    "Batches",
    "ClassTarget",
    "ColumnScaler",
    "NumberTarget",
    "check_table",
    "check_weights",
    "class_weights",
    "float_dtype",
    "holdout",
    "in_memory",
    "is_streamed_map",
    "make_rows",
    "ravel_column",
    "resolve_batch_size",
    "take",
    "to_tensor",
]
