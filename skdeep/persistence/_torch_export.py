"""A fitted estimator as one plain module of torch, from its inputs to its answers."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import nn

from skdeep._compat import check_is_fitted
from skdeep.base import DeepEstimator
from skdeep.data import ClassTarget, ColumnScaler, ImageEncoder, TableEncoder
from skdeep.exceptions import PersistenceError
from skdeep.losses import logits_to_proba
from skdeep.networks import Backbone, TransferNet, all_views, combine, fused
from skdeep.persistence._torch_inputs import (
    ImageInputs,
    MixedInputs,
    NumberInputs,
)

if TYPE_CHECKING:
    from torch import Tensor

    from skdeep.data import NumberTarget

_BYTES = (torch.uint8, torch.uint16, torch.bool)


def to_torch(estimator: Any) -> nn.Module:
    """Return a fitted estimator as a plain `torch.nn.Module`.

    What the estimator does to its inputs and to the outputs of its network is in the
    module: scaling, categories, missing values, the mean over an ensemble or over
    views, probabilities, the units of a target. `torch.export.export` takes it.

    Parameters
    ----------
    estimator : estimator instance
        A fitted classifier, regressor or `ImageFeatureExtractor` of skdeep.

    Returns
    -------
    module : torch.nn.Module
        On the estimator's device, in evaluation mode, with memory of its own. It takes

        - of `MLPClassifier` and `MLPRegressor`: a tensor of shape (n_samples,
          n_features);
        - of the tabular estimators: the numeric columns, NaN where one is missing,
          and, where there are categorical ones, a tensor of int64 of their codes, which
          `module.categories` lists from 1 on, 0 being missing or unknown;
        - of estimators of images: a tensor of shape (n_samples, n_channels, height,
          width) of pixels in the numbers of the training images.

        It returns probabilities of shape (n_samples, n_classes), in the order of
        `classes_`, or predictions with the axes of the training targets, or features;
        in float64, or in float32 where the inputs are; predictions only where the
        training targets were, too.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    PersistenceError
        If it has no such module.

    See Also
    --------
    to_onnx : For servers without Python; of whole Pipelines.
    save : For skdeep itself to read again.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import MLPClassifier, to_torch
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier(max_epochs=20, random_state=0).fit(X, y)
    >>> module = to_torch(classifier)
    >>> with torch.no_grad():
    ...     proba = module(torch.from_numpy(X))
    >>> (proba.numpy() == classifier.predict_proba(X)).all()
    np.True_
    """
    module = export_module(estimator, "to_torch")
    return module.to(estimator.device_)


def export_module(
    estimator: Any, caller: str, dtype: torch.dtype | None = None
) -> Exported:
    """Return the module of an estimator, whose `raw` outputs are asked for as well.

    Parameters
    ----------
    estimator : estimator instance
        Fitted.
    caller : str
        Public name of what asks, for errors.
    dtype : torch.dtype or None, default=None
        What the network is to compute in; None is what it was trained in.

    Returns
    -------
    module : Exported
        On the CPU.
    """
    check_is_fitted(estimator)
    name = type(estimator).__name__
    network = getattr(estimator, "module_", None)
    if isinstance(network, Backbone):
        return _of_extractor(estimator, network, caller).eval()
    scaler = estimator._state.scaler if isinstance(estimator, DeepEstimator) else False
    if not (
        scaler is None or isinstance(scaler, (ColumnScaler, TableEncoder, ImageEncoder))
    ):
        raise PersistenceError(
            f"{caller} takes a fitted classifier or regressor of tables or images, or "
            f"an ImageFeatureExtractor. Got {name}."
        )
    network = _for_prediction(estimator).cpu()
    dtype = dtype or next(network.parameters()).dtype
    return _module_of(estimator, _inputs(scaler, dtype), network.to(dtype)).eval()


def _inputs(scaler: Any, dtype: torch.dtype) -> nn.Module:
    if isinstance(scaler, TableEncoder):
        return MixedInputs(scaler, dtype)
    if isinstance(scaler, ImageEncoder):
        return ImageInputs(scaler, dtype)
    return NumberInputs(scaler, dtype)


def _for_prediction(estimator: Any) -> nn.Module:
    network = estimator.module_
    if isinstance(network, TransferNet):
        backbone = cast("Any", network.backbone)
        parts = (fused(backbone), *copy.deepcopy((network.scale, network.head)))
        return TransferNet(*parts)
    twin: nn.Module = copy.deepcopy(network)
    return twin


def _module_of(estimator: Any, inputs: nn.Module, network: nn.Module) -> Exported:
    n_views = 1 + getattr(estimator, "tta", 0)
    state = estimator._state
    if isinstance(state.target, ClassTarget):
        return ClassProbabilities(
            inputs,
            network,
            n_views,
            kind=state.target.loss_kind,
            temperature=state.temperature,
        )
    criterion = copy.deepcopy(estimator.net_.criterion_).cpu()
    return Predictions(
        inputs,
        network,
        n_views,
        criterion=criterion,
        target=state.target,
        wide=state.input_dtype == np.float64,
    )


def _of_extractor(estimator: Any, network: Backbone, caller: str) -> Exported:
    if estimator.stage is not None:
        raise PersistenceError(
            f"{caller} takes an ImageFeatureExtractor of the last stage. Got one of "
            f"stage={estimator.stage!r}. Set stage=None."
        )
    inputs = ImageInputs(estimator._encoder, next(network.parameters()).dtype)
    return Exported(inputs, fused(network).cpu(), 1 + estimator.tta)


class Exported(nn.Module):
    """Inputs, network, the mean over views.

    Parameters
    ----------
    inputs : nn.Module
        From what the user has to what the network takes.
    network : nn.Module
        The fitted network.
    n_views : int
        Views of an image that outputs are averaged over.
    """

    def __init__(self, inputs: nn.Module, network: nn.Module, n_views: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.network = network
        self.n_views = n_views

    @property
    def categories(self) -> list[list[Any]]:
        """Categories of each categorical column; the first has the code 1."""
        return getattr(self.inputs, "categories", [])

    def raw(self, *given: Tensor) -> Tensor:
        """Return the outputs of the network."""
        x = self.inputs(*given)
        if self.n_views == 1:
            outputs: Tensor = self.network(x)
            return outputs
        views = self.network(all_views(x, self.n_views - 1))
        mean: Tensor = views.view(self.n_views, -1, views.shape[-1]).mean(0)
        return mean

    def forward(self, x: Tensor, codes: Tensor | None = None) -> Tensor:
        """Return what the estimator answers to inputs, see `to_torch`."""
        given = (x,) if codes is None else (x, codes)
        return self.answer(self.raw(*given)).to(self.answered_in(x))

    def answer(self, outputs: Tensor) -> Tensor:
        """Return what the estimator makes of the network's outputs."""
        return outputs

    def answered_in(self, x: Tensor) -> torch.dtype:
        """Return the dtype that inputs are answered in."""
        return _dtype_of(x)


class ClassProbabilities(Exported):
    """Probabilities of classes.

    Parameters
    ----------
    inputs, network, n_views
        See `Exported`.
    kind : {"binary", "multiclass", "multilabel"}
        What the outputs are logits of.
    temperature : float
        What they are divided by.
    """

    def __init__(
        self,
        inputs: nn.Module,
        network: nn.Module,
        n_views: int,
        *,
        kind: Any,
        temperature: float,
    ) -> None:
        super().__init__(inputs, network, n_views)
        self.kind = kind
        self.temperature = temperature

    def raw(self, *given: Tensor) -> Tensor:
        """Return one row of logits a sample."""
        logits = super().raw(*given)
        if logits.dim() == 3:
            logits = combine(logits, self.kind)
        return logits if self.temperature == 1.0 else logits / self.temperature

    def answer(self, outputs: Tensor) -> Tensor:
        """Return probabilities in float64."""
        return logits_to_proba(outputs, self.kind)

    def codes(self, logits: Tensor) -> Tensor:
        """Return the position of the class that is predicted, or 0 and 1 by label."""
        if self.kind == "multiclass":
            return logits.argmax(dim=1)
        favoured = (logits > 0).long()
        return favoured if self.kind == "multilabel" else favoured.squeeze(1)


class Predictions(Exported):
    """Numbers in the units of the training targets.

    Parameters
    ----------
    inputs, network, n_views
        See `Exported`.
    criterion : nn.Module
        Of the training: its link.
    target : NumberTarget
        Fitted.
    wide : bool
        Whether the training data, inputs or targets, were wider than float32.
    """

    scale: Tensor | None
    offset: Tensor | None
    lowest: Tensor | None
    highest: Tensor | None

    def __init__(
        self,
        inputs: nn.Module,
        network: nn.Module,
        n_views: int,
        *,
        criterion: Any,
        target: NumberTarget,
        wide: bool,
    ) -> None:
        super().__init__(inputs, network, n_views)
        self.criterion = criterion
        self.wide = wide
        self.one_dimensional = target.one_dimensional and target.n_quantiles == 1
        self.ordered = target.n_quantiles > 1
        scaler, limits = target.scaler, target.limits
        constants = {
            "scale": None if scaler is None else scaler.scale,
            "offset": None if scaler is None else scaler.offset,
            "lowest": None if limits is None else limits[0],
            "highest": None if limits is None else limits[1],
        }
        for name, values in constants.items():
            known = None if values is None else torch.from_numpy(values.copy())
            self.register_buffer(name, known)

    def raw(self, *given: Tensor) -> Tensor:
        """Return predictions in the network's units."""
        linked: Tensor = self.criterion.inverse_link(super().raw(*given))
        return linked

    def answer(self, outputs: Tensor) -> Tensor:
        """Return predictions in float64."""
        y = outputs.double()
        if self.scale is not None:
            y = y * self.scale
        if self.offset is not None:
            y = y + self.offset
        if self.lowest is not None and self.highest is not None:
            y = torch.minimum(torch.maximum(y, self.lowest), self.highest)
        if self.ordered:
            return y.sort(dim=1).values
        return y.squeeze(1) if self.one_dimensional else y

    def answered_in(self, x: Tensor) -> torch.dtype:
        """Return the dtype that inputs are answered in."""
        return torch.float64 if self.wide else _dtype_of(x)


def _dtype_of(x: Tensor) -> torch.dtype:
    # Bytes are images, whose pixels float32 holds exactly.
    narrow = x.dtype in _BYTES or x.dtype in (torch.float16, torch.float32)
    return torch.float32 if narrow else torch.float64
