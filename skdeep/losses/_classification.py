"""Losses on logits: cross-entropy, focal loss, and the loss classes of torch.

All take ``(output, target, weight=None)`` and return ``mean(weight * loss)`` over the
rows of the batch. The sum is divided by the number of rows, not by the sum of the
batch's weights: the weights have mean 1 over the whole training set, so that the
gradient of a random batch is an unbiased estimate of the gradient over all rows.
Dividing by the batch's own sum would let the rows of a light batch count for more.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from skdeep._storable import storable
from skdeep.losses._adapter import instantiate, is_loss_class, mean_over_samples
from skdeep.losses._logits import (
    BinaryCrossEntropy,
    BinaryFocalLoss,
    CrossEntropy,
    FocalLoss,
)
from skdeep.losses._shapes import check_columns, check_indices

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

ClassificationKind: TypeAlias = Literal["binary", "multiclass", "multilabel"]

CLASSIFICATION_KINDS = ("binary", "multiclass", "multilabel")
LOSSES_CLASSIFICATION = ("cross_entropy", "focal")

_TAKES_INDICES = (nn.CrossEntropyLoss, nn.MultiMarginLoss)
_INSTEAD: dict[type[nn.Module], type[nn.Module]] = {
    nn.NLLLoss: nn.CrossEntropyLoss,
    nn.BCELoss: nn.BCEWithLogitsLoss,
}


@storable("criterion", "kind")
class TorchClassificationLoss(nn.Module):
    """Apply a loss of torch, sample weights and all.

    Parameters
    ----------
    criterion : torch.nn.Module
        Called with `output` and `target`; best returns one loss for each sample.
    kind : {"binary", "multiclass", "multilabel"}
        Shapes of output and target.
    """

    def __init__(self, criterion: nn.Module, kind: ClassificationKind) -> None:
        super().__init__()
        self.criterion = criterion
        self.kind = kind
        self.check = check_indices if kind == "multiclass" else check_columns
        self.translate = _translation(criterion, kind)

    def forward(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss of logits against a target of the kind's shape."""
        self.check(output, target, weight)
        if self.translate is not None:
            output, target = self.translate(output, target)
        losses = self.criterion(output, target)
        name = type(self.criterion).__name__
        return mean_over_samples(losses, weight, output.shape[0], name)


def make_classification_loss(
    loss: str | type[nn.Module],
    *,
    kind: ClassificationKind,
    label_smoothing: float = 0.0,
    focal_gamma: float = 2.0,
) -> nn.Module:
    """Build a loss on logits from its name or its torch class.

    Parameters
    ----------
    loss : {"cross_entropy", "focal"} or subclass of torch.nn.Module
        A class is created without arguments but `reduction` and `label_smoothing`, and
        called with the output and target below; further axes of the losses that it
        returns are averaged over. In the binary kind `torch.nn.CrossEntropyLoss` and
        `torch.nn.MultiMarginLoss` see the two logits (0, z) and class indices;
        `torch.nn.SoftMarginLoss` sees targets of -1 and 1 for 0 and 1.
    kind : {"binary", "multiclass", "multilabel"}
        "binary": output of shape (n_samples, 1), one logit for the second class, and a
        float target of 0 and 1 of the same shape. "multiclass": output of shape
        (n_samples, n_classes) and int64 target of shape (n_samples,). "multilabel":
        output and float target of 0 and 1 of shape (n_samples, n_labels); the losses
        are summed over the labels, as scikit-learn's MLP does.
    label_smoothing : float, default=0.0
        Share of each target that is spread evenly over all classes (over 0 and 1 in
        the binary and multilabel kinds), in [0, 1).
    focal_gamma : float, default=2.0
        Exponent of (1 - p) in the focal loss, at least 0, where it is cross-entropy.
        Other losses ignore it.

    Returns
    -------
    module : torch.nn.Module
        Called as ``module(output, target, weight=None)`` it returns the mean over the
        batch of ``weight * loss``. Weights of shape (n_samples,) have mean 1 over the
        whole training set; the sum is not divided by the sum of the batch's weights,
        so that the gradient of a random batch is unbiased.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or a torch class does not suit logits, the
        kind or `label_smoothing`.
    TypeError
        If a torch class needs arguments.

    References
    ----------
    .. [1] Lin, Goyal, Girshick, He, Dollar, "Focal Loss for Dense Object Detection",
       ICCV 2017, :arxiv:`1708.02002`
    .. [2] Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception
       Architecture for Computer Vision", CVPR 2016, :arxiv:`1512.00567`

    Examples
    --------
    >>> import torch
    >>> from skdeep.losses import make_classification_loss
    >>> loss = make_classification_loss("cross_entropy", kind="multiclass")
    >>> logits = torch.zeros(3, 4)
    >>> round(loss(logits, torch.tensor([0, 1, 3])).exp().item(), 4)
    4.0
    """
    _check_kind(kind)
    if not 0.0 <= label_smoothing < 1.0:
        raise ValueError(
            "The 'label_smoothing' parameter must be a float in the range [0.0, 1.0). "
            f"Got {label_smoothing!r} instead."
        )
    if is_loss_class(loss):
        return _adapt(loss, kind, label_smoothing)
    if loss not in LOSSES_CLASSIFICATION:
        raise ValueError(
            f"The 'loss' parameter must be one of {LOSSES_CLASSIFICATION} or a "
            f"subclass of torch.nn.Module. Got {loss!r} instead."
        )
    if not 0.0 <= focal_gamma < math.inf:
        raise ValueError(
            "The 'focal_gamma' parameter must be a float in the range [0.0, inf). "
            f"Got {focal_gamma!r} instead."
        )
    smoothing = float(label_smoothing)
    if loss == "cross_entropy" or focal_gamma == 0:
        plain = CrossEntropy if kind == "multiclass" else BinaryCrossEntropy
        return plain(smoothing)
    focal = FocalLoss if kind == "multiclass" else BinaryFocalLoss
    return focal(float(focal_gamma), smoothing)


def logits_to_proba(output: Tensor, kind: ClassificationKind) -> Tensor:
    """Turn logits into probabilities in double precision.

    Parameters
    ----------
    output : torch.Tensor of shape (n_samples, n_outputs)
        Logits in any floating dtype; one column in the binary kind.
    kind : {"binary", "multiclass", "multilabel"}
        What the columns mean, as in `make_classification_loss`.

    Returns
    -------
    proba : torch.Tensor of shape (n_samples, n_classes)
        In float64. Rows sum to 1 in the multiclass kind and in the binary one, which
        has two columns; each column is a probability of its own in the multilabel
        kind. On the device of `output`, but on the CPU where the device has no float64.

    Raises
    ------
    ValueError
        If the kind is unknown, or binary logits have more than one column.

    Examples
    --------
    >>> import torch
    >>> from skdeep.losses import logits_to_proba
    >>> logits_to_proba(torch.tensor([[0.0], [1000.0]]), "binary").tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """
    _check_kind(kind)
    logits = (output.cpu() if output.device.type == "mps" else output).double()
    if kind == "multiclass":
        # torch's softmax over a handful of columns takes twice as long.
        powers = torch.exp_(logits - logits.amax(dim=1, keepdim=True))
        return powers / powers.sum(dim=1, keepdim=True)
    if kind == "multilabel":
        return torch.sigmoid(logits)
    if logits.shape[1:] != (1,):
        raise ValueError(
            "Binary logits must have shape (n_samples, 1). Got shape "
            f"{tuple(logits.shape)}. Pass kind='multiclass' for a logit per class."
        )
    return torch.sigmoid(torch.cat([-logits, logits], dim=1))


def _check_kind(kind: str) -> None:
    if kind not in CLASSIFICATION_KINDS:
        raise ValueError(
            f"The 'kind' parameter must be one of {CLASSIFICATION_KINDS}. "
            f"Got {kind!r} instead."
        )


def _adapt(
    loss: type[nn.Module], kind: ClassificationKind, label_smoothing: float
) -> TorchClassificationLoss:
    instead = _INSTEAD.get(loss)
    if instead is not None:
        raise ValueError(
            "The 'loss' parameter must be a loss on logits. Got "
            f"{loss.__name__}, a loss on probabilities. Use {instead.__name__}."
        )
    if kind == "multilabel" and issubclass(loss, _TAKES_INDICES):
        raise ValueError(
            "The 'loss' parameter must be a loss on 0/1 columns for multilabel "
            f"targets. Got {loss.__name__}, a loss on exclusive classes. Use "
            "BCEWithLogitsLoss."
        )
    options = {"label_smoothing": float(label_smoothing)} if label_smoothing else {}
    return TorchClassificationLoss(instantiate(loss, options), kind)


def _translation(
    criterion: nn.Module, kind: ClassificationKind
) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None:
    if kind == "binary" and isinstance(criterion, _TAKES_INDICES):
        return _as_two_classes
    if kind != "multiclass" and isinstance(criterion, nn.SoftMarginLoss):
        return _as_signs
    return None


def _as_two_classes(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    return F.pad(output, (1, 0)), target.squeeze(1).long()


def _as_signs(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    return output, 2 * target - 1
