"""From X and y to tensors: tables, targets, weights, splits and batches."""

from skdeep.data._batches import Batch, Batches, resolve_batch_size
from skdeep.data._bins import quantile_edges, tree_edges
from skdeep.data._column_warnings import known_categories, warn_of_unknown
from skdeep.data._encoding import TableEncoder
from skdeep.data._feature_cache import cache_context, cached_features
from skdeep.data._feature_store import DiskStore, MemoryStore, open_store
from skdeep.data._frames import check_target, read_table
from skdeep.data._image_encoding import ImageEncoder
from skdeep.data._image_folder import load_images
from skdeep.data._image_keys import image_keys
from skdeep.data._image_rows import ImageRows
from skdeep.data._images import (
    BYTES,
    ImageTable,
    as_list,
    holds_images,
    read_images,
)
from skdeep.data._mixed import MixedTable, TableSchema
from skdeep.data._scaling import BLOCK_ROWS, ColumnScaler
from skdeep.data._splits import holdout, rare_rows, share_rare
from skdeep.data._stacked_batches import StackedBatches
from skdeep.data._tables import (
    NO_TARGETS,
    Rows,
    TensorRows,
    check_table,
    float_dtype,
    in_memory,
    is_streamed_map,
    make_rows,
    take,
    to_tensor,
)
from skdeep.data._target_forms import check_target_form
from skdeep.data._targets import ClassTarget, NumberTarget, ravel_column
from skdeep.data._text_batches import BagRows, RenewedRows, SequenceRows, TokenBags
from skdeep.data._text_encoding import BagEncoder, SequenceEncoder
from skdeep.data._text_grams import GramRules, GramVocabulary
from skdeep.data._texts import TextTable, read_texts
from skdeep.data._torch_inputs import from_torch
from skdeep.data._weights import check_weights, class_weights

__all__ = [
    "BLOCK_ROWS",
    "BYTES",
    "NO_TARGETS",
    "BagEncoder",
    "BagRows",
    "Batch",
    "Batches",
    "ClassTarget",
    "ColumnScaler",
    "DiskStore",
    "GramRules",
    "GramVocabulary",
    "ImageEncoder",
    "ImageRows",
    "ImageTable",
    "MemoryStore",
    "MixedTable",
    "NumberTarget",
    "RenewedRows",
    "Rows",
    "SequenceEncoder",
    "SequenceRows",
    "StackedBatches",
    "TableEncoder",
    "TableSchema",
    "TensorRows",
    "TextTable",
    "TokenBags",
    "as_list",
    "cache_context",
    "cached_features",
    "check_table",
    "check_target",
    "check_target_form",
    "check_weights",
    "class_weights",
    "float_dtype",
    "from_torch",
    "holdout",
    "holds_images",
    "image_keys",
    "in_memory",
    "is_streamed_map",
    "known_categories",
    "load_images",
    "make_rows",
    "open_store",
    "quantile_edges",
    "rare_rows",
    "ravel_column",
    "read_images",
    "read_table",
    "read_texts",
    "resolve_batch_size",
    "share_rare",
    "take",
    "to_tensor",
    "tree_edges",
    "warn_of_unknown",
]
