"""Labels and numbers to be learnt, as tensors and back again."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from skdeep._storable import storable
from skdeep.data._scaling import ColumnScaler
from skdeep.data._target_forms import several_types

if TYPE_CHECKING:
    from skdeep._typing import Array, TargetKind


def ravel_column(y: Any) -> Any:
    """Return a column as one axis, with scikit-learn's warning."""
    if getattr(y, "ndim", 1) == 2 and y.shape[1] == 1 and not sp.issparse(y):
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change "
            "the shape of y to (n_samples,), for example using ravel().",
            DataConversionWarning,
            stacklevel=2,
        )
        return y.ravel()
    return y


@storable()
class ClassTarget:
    """Class labels, or a multilabel indicator, as what a classification loss takes.

    Parameters
    ----------
    kind : {"single", "binary", "multiclass", "multilabel"}
        What `y` turned out to be.
    classes : ndarray of shape (n_classes,)
        Sorted labels; 0, 1, ... for the columns of an indicator.
    sparse : bool, default=False
        Whether the indicator came, and is to be returned, as a sparse matrix.
    """

    def __init__(
        self, kind: TargetKind, classes: Array, *, sparse: bool = False
    ) -> None:
        self.kind = kind
        self.classes = classes
        self.sparse = sparse

    @classmethod
    def from_labels(cls, y: Any, owner: str) -> ClassTarget:
        """Find out what the labels are.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or indicator of shape (n_samples, n_labels)
            Labels of one type that can be sorted.
        owner : str
            Name of the estimator, for the error.

        Returns
        -------
        target : ClassTarget

        Raises
        ------
        ValueError
            If `y` holds continuous numbers, several classes a row or labels of
            several types.
        """
        try:
            kind = type_of_target(y, input_name="y")
        except TypeError as error:
            if isinstance(np.asarray(y).flat[0], bytes):
                raise  # scikit-learn has the words
            raise several_types(owner) from error
        if kind not in ("binary", "multiclass", "multilabel-indicator"):
            # It has the words for whatever is wrong.
            check_classification_targets(y)
        if kind == "multilabel-indicator":
            return cls("multilabel", np.arange(y.shape[1]), sparse=sp.issparse(y))
        if kind == "multiclass-multioutput":
            raise ValueError(
                f"{owner} predicts one class a row, or any number of labels given as "
                f"a 0/1 indicator. Got several classes a row in y of shape {y.shape}. "
                "Use MultiOutputClassifier around it, or MultiLabelBinarizer for sets "
                "of labels."
            )
        return cls.from_classes(_unique(y, owner))

    @classmethod
    def from_classes(cls, classes: Array) -> ClassTarget:
        """Take sorted, distinct labels as they are."""
        kinds: dict[int, TargetKind] = {1: "single", 2: "binary"}
        return cls(kinds.get(len(classes), "multiclass"), classes)

    @classmethod
    def from_list(cls, classes: Any, owner: str) -> ClassTarget:
        """Take the labels that a first call of partial_fit names.

        Raises
        ------
        ValueError
            If they are no list of labels, or of several types.
        """
        labels = np.asarray(classes)
        missing = labels.dtype.kind == "f" and np.isnan(labels).any()
        if labels.ndim != 1 or not labels.size or missing:
            raise ValueError(
                f"The 'classes' of {owner}.partial_fit must be a list of all labels "
                f"that will ever come. Got {classes!r}."
            )
        return cls.from_classes(_unique(labels, owner))

    def codes(self, y: Any, owner: str, *, validation: bool = False) -> Array:
        """Return the class index of every row, or the indicator as 0/1 integers.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or indicator of shape (n_samples, n_labels)
            Labels.
        owner : str
            Name of the estimator, for the error.
        validation : bool, default=False
            Whether these are the labels of validation rows, for the error.

        Returns
        -------
        codes : ndarray of int64 of the shape of `y`

        Raises
        ------
        ValueError
            If `y` has a label that is not among the classes, another shape, or is an
            indicator of other numbers than 0 and 1.
        """
        if self.kind == "multilabel":
            if getattr(y, "ndim", 1) != 2 or y.shape[1] != len(self.classes):
                raise ValueError(
                    f"{owner} learns an indicator of {len(self.classes)} labels. Got y "
                    f"of shape {np.shape(y)}."
                )
            values = np.asarray(y.toarray() if sp.issparse(y) else y)
            strange = values[(values != 0) & (values != 1)]
            if strange.size:
                raise ValueError(
                    f"{owner} learns an indicator of zeros and ones. Got y with "
                    f"{strange.tolist()[0]!r}. Mark the labels of a row by 1."
                )
            return values.astype(np.int64)
        if getattr(y, "ndim", 1) != 1:
            raise ValueError(
                f"{owner} learns one class a row. Got y of shape {np.shape(y)}."
            )
        labels = _unique(y, owner)
        unseen = np.setdiff1d(labels, self.classes)
        if unseen.size:
            remedy = (
                "Leave out rows of a class that is not in y."
                if validation
                else "Name all classes in the first call of partial_fit, or fit again "
                "with warm_start=False."
            )
            raise ValueError(
                f"{owner} knows the classes {self.classes.tolist()}. Got "
                f"{'y_val' if validation else 'y'} with the unseen class "
                f"{unseen.tolist()[0]!r}. {remedy}"
            )
        codes: Array = np.searchsorted(self.classes, y).astype(np.int64)
        return codes

    @property
    def n_outputs(self) -> int:
        """Width of the network's last layer: two classes need one logit."""
        return 1 if self.kind == "binary" else len(self.classes)

    @property
    def loss_kind(self) -> Literal["binary", "multiclass", "multilabel"]:
        """What a loss is told: one class alone is a softmax over one logit."""
        return "multiclass" if self.kind == "single" else self.kind

    def encode(self, codes: Array, dtype: torch.dtype) -> torch.Tensor:
        """Return codes as the loss takes them: indices, or columns of 0 and 1."""
        tensor = torch.from_numpy(codes)
        if self.kind == "multilabel":
            return tensor.to(dtype)
        if self.kind == "binary":
            return tensor.to(dtype).unsqueeze(1)
        return tensor

    def restore(self, encoded: torch.Tensor) -> Array:
        """Return the labels that `encode` made a tensor of."""
        codes = encoded.cpu().numpy()
        if self.kind == "multilabel":
            return codes.astype(np.int64)
        flat: Array = codes.reshape(len(codes)).astype(np.intp)
        return self.classes[flat]

    def decode(self, logits: Array) -> Any:
        """Return the labels that logits of shape (n_samples, n_outputs) favour."""
        if self.kind == "binary":
            return self.classes[(logits[:, 0] > 0).astype(np.intp)]
        if self.kind != "multilabel":
            return self.classes[np.argmax(logits, axis=1)]
        labels = (logits > 0).astype(np.int64)
        return sp.csr_matrix(labels) if self.sparse else labels


def _unique(y: Any, owner: str) -> Array:
    try:
        return np.unique(y)
    except TypeError as error:
        raise several_types(owner) from error


@storable()
class NumberTarget:
    """Numbers to be predicted, standardised for the network and restored after it.

    Parameters
    ----------
    scaling : {"standard", "mean"} or None
        "mean" divides by the mean only, for losses with a log link.
    one_dimensional : bool
        Whether `y` came, and is to be returned, with one axis.
    n_columns : int
        Number of columns.
    n_quantiles : int, default=1
        How many predictions of a single column are made at once, in ascending order.
    clip : bool, default=False
        Keep predictions within the range of the training targets.

    Attributes
    ----------
    log_link : bool
        Whether the network puts out the logarithm of what it predicts.
    """

    def __init__(
        self,
        scaling: str | None,
        *,
        one_dimensional: bool,
        n_columns: int,
        n_quantiles: int = 1,
        clip: bool = False,
    ) -> None:
        self.scaling = scaling
        self.one_dimensional = one_dimensional
        self.n_columns = n_columns
        self.n_quantiles = n_quantiles
        self.limits: tuple[Array, Array] | None = None
        self.clip = clip
        self.log_link = False
        self.scaler = (
            None if scaling is None else ColumnScaler(by_mean=scaling == "mean")
        )

    def columns(self, y: Array, owner: str) -> Array:
        """Return `y` in float64 with two axes, after comparing its width.

        Raises
        ------
        ValueError
            If `y` holds no numbers, or has another number of columns than at first.
        """
        if sp.issparse(y) or np.asarray(y).dtype.kind not in "fiubO":
            raise ValueError(
                f"{owner} expects y as a dense array of real numbers. Got "
                f"{'a sparse matrix' if sp.issparse(y) else np.asarray(y).dtype}. "
                "Convert it first, e.g. with y.toarray() or y.astype(float)."
            )
        values = np.asarray(y, dtype=np.float64)
        values = values.reshape(len(values), -1)
        if values.shape[1] != self.n_columns:
            raise ValueError(
                f"{owner} predicts {self.n_columns} number(s) a row. Got y of shape "
                f"{np.shape(y)}."
            )
        return values

    def update(self, values: Array, weight: Array | None) -> None:
        """Take more rows of shape (n_samples, n_columns) into the statistics.

        Raises
        ------
        OverflowError
            If the squares of a column overflow.
        """
        if self.scaler is not None:
            self.scaler.update(values, weight)
        self.widen(values)

    def widen(self, values: Array) -> None:
        """Take more rows into the range that predictions keep within, if they do."""
        if not self.clip:
            self.limits = None
            return
        low, high = values.min(axis=0), values.max(axis=0)
        if self.limits is not None:
            low = np.minimum(low, self.limits[0])
            high = np.maximum(high, self.limits[1])
        self.limits = low, high

    @property
    def n_outputs(self) -> int:
        """Width of the network's last layer."""
        return self.n_columns * self.n_quantiles

    def encode(self, values: Array, dtype: torch.dtype) -> torch.Tensor:
        """Return numbers of shape (n_samples, n_columns) as the loss takes them."""
        scaled = values if self.scaler is None else self.scaler.transform(values)
        if self.n_quantiles > 1:
            scaled = np.repeat(scaled, self.n_quantiles, axis=1)
        return torch.from_numpy(np.array(scaled, order="C")).to(dtype)

    def restore(self, encoded: torch.Tensor) -> Array:
        """Return the numbers that `encode` made a tensor of."""
        scaled = encoded[:, : self.n_columns].cpu().double().numpy()
        numbers = (
            scaled if self.scaler is None else self.scaler.inverse_transform(scaled)
        )
        return numbers[:, 0] if self.one_dimensional else numbers

    def decode(self, outputs: Array) -> Array:
        """Return network outputs in the units, and with the axes, of `y`."""
        restored = (
            outputs if self.scaler is None else self.scaler.inverse_transform(outputs)
        )
        if self.limits is not None:
            restored = np.clip(restored, *self.limits)
        if self.n_quantiles > 1:
            # Quantiles that cross are put in order, which makes none of them worse:
            # Chernozhukov et al. (2010), doi:10.3982/ECTA7880.
            return np.sort(restored, axis=1)
        return restored[:, 0] if self.one_dimensional else restored
