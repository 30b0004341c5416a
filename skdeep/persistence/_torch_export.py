"""A fitted estimator as one plain module of torch, from its inputs to its answers."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import numpy as np
import torch
from torch import nn

from skdeep._compat import check_is_fitted
from skdeep._devices import plain_torch
from skdeep.base import DeepEstimator
from skdeep.data import ClassTarget, ColumnScaler, ImageEncoder, TableEncoder
from skdeep.exceptions import PersistenceError
from skdeep.networks import Backbone, TransferNet, all_views, fused
from skdeep.persistence._torch_activations import separate_activations
from skdeep.persistence._torch_inputs import (
    ImageInputs,
    MixedInputs,
    NumberInputs,
)

if TYPE_CHECKING:
    from torch import Tensor

    from skdeep.data import NumberTarget

_BYTES = (torch.uint8, torch.uint16, torch.bool)

Output: TypeAlias = Literal["probabilities", "logits"]
_OUTPUTS = ("probabilities", "logits")


def to_torch(estimator: Any, *, output: Output = "probabilities") -> nn.Module:
    """Return a fitted estimator as a plain `torch.nn.Module`.

    What the estimator does to its inputs and to the outputs of its network is in the
    module: scaling, categories, missing values, the mean over an ensemble or over
    views, probabilities, the units of a target. `torch.export.export` takes it.

    Parameters
    ----------
    estimator : estimator instance
        A fitted classifier, regressor or `ImageFeatureExtractor` of skdeep.
    output : {"probabilities", "logits"}, default="probabilities"
        What the module of a classifier returns: probabilities, or the logits that they
        are the softmax or the sigmoid of, which most methods of explanation work on.
        Without effect on other estimators.

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
          width), or of any other shape that the estimator takes as an array, of pixels
          in the numbers of the training images.

        It returns

        - probabilities of shape (n_samples, n_classes), in the order of `classes_`;
        - or logits of this shape, with a single column, that of the second class, where
          there are two classes;
        - of regressors: predictions of shape (n_samples, n_outputs);
        - of an `ImageFeatureExtractor`: features of shape (n_samples, n_features).

        They have the dtype of the estimator's own answers to such inputs.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    PersistenceError
        If it has no such module, or `output` is another.

    See Also
    --------
    to_onnx : For servers without Python; of whole Pipelines.
    save : For skdeep itself to read again.

    Notes
    -----
    Softmax, sigmoid and the activations of the network are modules of `torch.nn`, each
    called once in a forward pass, as the hooks of captum's DeepLift and shap's
    DeepExplainer need it. Networks of torchvision and timm are rewritten so by
    torch.fx, where that can follow them.

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
    >>> bool(abs(proba.numpy() - classifier.predict_proba(X)).max() < 1e-12)
    True
    """
    if output not in _OUTPUTS:
        raise PersistenceError(
            f"The 'output' parameter of to_torch must be one of {_OUTPUTS}. Got "
            f"{output!r}."
        )
    with plain_torch(training=True):
        module = export_module(estimator, "to_torch")
        if isinstance(module, ClassProbabilities):
            module.output = output
        return module.to(estimator.device_)


def export_module(
    estimator: Any,
    caller: str,
    dtype: torch.dtype | None = None,
    *,
    resizes: bool = True,
) -> Exported:
    """Return the module of an estimator, whose `outputs` are asked for as well.

    Parameters
    ----------
    estimator : estimator instance
        Fitted.
    caller : str
        Public name of what asks, for errors.
    dtype : torch.dtype or None, default=None
        What the network is to compute in; None is what it was trained in. That of an
        extractor computes in float32.
    resizes : bool, default=True
        Whether images are brought to the size of the network.

    Returns
    -------
    module : Exported
        On the CPU.
    """
    name = type(estimator).__name__
    if isinstance(estimator, type):
        name = f"the class {estimator.__name__}"
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise PersistenceError(
            f"{caller} takes a fitted classifier or regressor of tables or images, or "
            f"an ImageFeatureExtractor. Got {name}."
        )
    check_is_fitted(estimator)
    network = getattr(estimator, "module_", None)
    if isinstance(network, Backbone):
        extractor = _of_extractor(estimator, network, caller)
        return _finished(extractor, resizes=resizes)
    scaler = estimator._state.scaler if isinstance(estimator, DeepEstimator) else False
    if not (
        scaler is None or isinstance(scaler, (ColumnScaler, TableEncoder, ImageEncoder))
    ):
        raise PersistenceError(
            f"{caller} takes a fitted classifier or regressor of tables or images, or "
            f"an ImageFeatureExtractor. Got {name}."
            f"{' Pass its last step.' if hasattr(estimator, 'steps') else ''}"
        )
    network = _for_prediction(estimator).cpu()
    dtype = dtype or next(network.parameters()).dtype
    inputs = _inputs(estimator, scaler, dtype)
    module = _module_of(estimator, inputs, network.to(dtype))
    return _finished(module, resizes=resizes)


def _finished(module: Exported, *, resizes: bool) -> Exported:
    if isinstance(module.inputs, ImageInputs):
        module.inputs.resizes = resizes
    return module.eval()


def _inputs(estimator: Any, scaler: Any, dtype: torch.dtype) -> nn.Module:
    if isinstance(scaler, TableEncoder):
        return MixedInputs(scaler, dtype)
    if isinstance(scaler, ImageEncoder):
        return ImageInputs(
            scaler,
            dtype,
            image_shape=estimator.image_shape,
            channel_axis=estimator.channel_axis,
        )
    return NumberInputs(scaler, dtype)


def _for_prediction(estimator: Any) -> nn.Module:
    network = estimator.module_
    if isinstance(network, TransferNet):
        backbone = cast("Any", network.backbone)
        twin = separate_activations(fused(backbone))
        parts = (twin, *copy.deepcopy((network.scale, network.head)))
        return TransferNet(*parts)
    copied: nn.Module = copy.deepcopy(network)
    return copied


def _module_of(estimator: Any, inputs: nn.Module, network: nn.Module) -> Exported:
    n_views = 1 + getattr(estimator, "tta", 0)
    state = estimator._state
    module: Exported
    if isinstance(state.target, ClassTarget):
        module = ClassProbabilities(
            inputs,
            network,
            n_views,
            kind=state.target.loss_kind,
            temperature=state.temperature,
        )
    else:
        criterion = copy.deepcopy(estimator.net_.criterion_).cpu()
        module = Predictions(
            inputs, network, n_views, criterion=criterion, target=state.target
        )
    module.wide = np.dtype(state.input_dtype) != np.float32
    return module


def _of_extractor(estimator: Any, network: Backbone, caller: str) -> Exported:
    if estimator.stage is not None:
        raise PersistenceError(
            f"{caller} takes an ImageFeatureExtractor of the last stage. Got one of "
            f"stage={estimator.stage!r}. Set stage=None."
        )
    own = next(network.parameters()).dtype
    inputs = _inputs(estimator, estimator._encoder, own)
    twin = separate_activations(fused(network)).cpu()
    return Exported(inputs, twin, 1 + estimator.tta)


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

    Attributes
    ----------
    wide : bool
        Whether answers are in float64 even to inputs in float32, as those of an
        estimator are that was fitted in float64.
    """

    wide = False

    def __init__(self, inputs: nn.Module, network: nn.Module, n_views: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.network = network
        self.n_views = n_views

    def compute_in(self, dtype: torch.dtype) -> None:
        """Let the network compute in a dtype."""
        self.network.to(dtype)
        inputs: Any = self.inputs
        inputs.dtype = dtype
        if isinstance(inputs, ImageInputs):
            inputs.to(dtype)

    @property
    def categories(self) -> list[list[Any]]:
        """Categories of each categorical column; the first has the code 1."""
        return getattr(self.inputs, "categories", [])

    def outputs(self, *given: Tensor) -> Tensor:
        """Return the outputs of the network, of each member of an ensemble."""
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
        dtype = torch.float64 if self.wide else _answered_in(x)
        return self.answer(self.outputs(*given)).to(dtype)

    def answer(self, outputs: Tensor) -> Tensor:
        """Return what the estimator makes of the network's outputs."""
        return outputs


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

    Attributes
    ----------
    output : {"probabilities", "logits"}
        What is returned.
    normalize : nn.Softmax or nn.Sigmoid
        From logits to probabilities. A module, since tools that explain predictions
        look for modules.
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
        self.output: Output = "probabilities"
        self.normalize = nn.Softmax(-1) if kind == "multiclass" else nn.Sigmoid()

    def answer(self, outputs: Tensor) -> Tensor:
        """Return probabilities, or logits, in float64."""
        if self.output == "logits":
            return self.logits(outputs)
        if outputs.dim() == 3 and self.temperature == 1.0:
            members: Tensor = self.normalize(self._of_both(_wide(outputs)))
            return members.mean(dim=1)
        found: Tensor = self.normalize(self._of_both(self.logits(outputs)))
        return found

    def _of_both(self, logits: Tensor) -> Tensor:
        """Return the logits of both classes, where there are two."""
        return torch.cat((-logits, logits), -1) if self.kind == "binary" else logits

    def logits(self, outputs: Tensor) -> Tensor:
        """Return one row of logits a sample in float64, those of an ensemble's mean.

        The logarithms do without the logarithm of a sigmoid, of which runtimes with a
        rough sigmoid lose all digits.
        """
        logits = _wide(outputs)
        if logits.dim() == 3:
            if self.kind == "multiclass":
                logits = _log_mean(logits - _log_sum(logits, 2))
            else:
                softplus = torch.log(1.0 + torch.exp(-logits.abs()))
                positive = logits.clamp(max=0.0) - softplus
                negative = (-logits).clamp(max=0.0) - softplus
                logits = _log_mean(positive) - _log_mean(negative)
        return logits if self.temperature == 1.0 else logits / self.temperature

    def codes(self, outputs: Tensor) -> Tensor:
        """Return the position of the class that is predicted, or 0 and 1 by label."""
        logits = self.logits(outputs)
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
    ) -> None:
        super().__init__(inputs, network, n_views)
        self.criterion = criterion
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

    def answer(self, outputs: Tensor) -> Tensor:
        """Return predictions of shape (n_samples, n_outputs) in float64."""
        y = _wide(self.criterion.inverse_link(outputs))
        if self.scale is not None:
            y = y * self.scale
        if self.offset is not None:
            y = y + self.offset
        if self.lowest is not None and self.highest is not None:
            y = torch.minimum(torch.maximum(y, self.lowest), self.highest)
        return y.sort(dim=1).values if self.ordered else y


def _wide(outputs: Tensor) -> Tensor:
    # Of the devices, Apple's has no float64.
    return (outputs.cpu() if outputs.device.type == "mps" else outputs).double()


def _log_sum(logarithms: Tensor, dim: int) -> Tensor:
    highest = logarithms.amax(dim, keepdim=True)
    return highest + torch.log(torch.exp(logarithms - highest).sum(dim, keepdim=True))


def _log_mean(logarithms: Tensor) -> Tensor:
    """Return the logarithm of the members' mean of what the logarithms are of."""
    return _log_sum(logarithms, 1).squeeze(1) - math.log(logarithms.shape[1])


def _answered_in(x: Tensor) -> torch.dtype:
    # Bytes are images, whose pixels float32 holds exactly.
    narrow = x.dtype in _BYTES or x.dtype in (torch.float16, torch.float32)
    return torch.float32 if narrow else torch.float64
