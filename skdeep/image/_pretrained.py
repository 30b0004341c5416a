"""What the two estimators with a pretrained backbone share: head first, then more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from inspect import signature
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from skdeep._compat import Interval
from skdeep._constraints import network_constraints
from skdeep._storable import storable
from skdeep.augmentation import make_augmenter
from skdeep.base import (
    SHARED_CONSTRAINTS,
    Material,
    Modality,
    Network,
    Phase,
    RowSetting,
)
from skdeep.data import open_store
from skdeep.image._backbones import (
    BACKBONE_CONSTRAINTS,
    STAGES,
    describe_backbone,
    find_weights,
    lies_channels_last,
    make_backbone,
    make_encoder,
    make_own_body,
    rebuild_described,
)
from skdeep.image._features import FeatureRows, Features, block_images
from skdeep.image._inputs import IMAGE_CONSTRAINTS, ImageBase
from skdeep.image._search_spaces import PRETRAINED_SPACE
from skdeep.networks import (
    ACTIVATIONS,
    MLP,
    MOST_VIEWS,
    TIMM,
    Backbone,
    FeatureScale,
    TransferNet,
    all_views,
    per_layer,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from skdeep._typing import Array
    from skdeep.base import FittedState
    from skdeep.data import ImageEncoder, Rows
    from skdeep.networks import Weights

# Multiply-adds of an image: more than any network that is called small.
IMAGE_WORK = 10**9
# What the first odds of a head are multiplied by.
SMALL = 0.01
# The phase in which the head learns by itself.
HEAD = "head"

_NETWORK = network_constraints(list(ACTIVATIONS))
PRETRAINED_CONSTRAINTS: dict[str, list[Any]] = {
    **IMAGE_CONSTRAINTS,
    **SHARED_CONSTRAINTS,
    **BACKBONE_CONSTRAINTS,
    "trainable_layers": [STAGES],
    "head_epochs": [Interval(Integral, 1, None, closed="left")],
    "head_learning_rate": [Interval(Real, 0, None, closed="neither")],
    "backbone_lr_mult": [Interval(Real, 0, None, closed="neither")],
    "layer_decay": [Interval(Real, 0, 1, closed="right")],
    **{
        name: _NETWORK[name]
        for name in ("hidden_layer_sizes", "n_hidden_layers", "activation", "dropout")
    },
    "n_views": [Interval(Integral, 0, None, closed="left")],
    "tta": [Interval(Integral, 0, MOST_VIEWS, closed="both")],
}

# What must not change between a training and one that goes on from it.
_OF_THE_NETWORK = (
    "backbone",
    "weights",
    "trainable_layers",
    "image_size",
    "resize_mode",
    "channel_mode",
    "feature_scaling",
)
_OF_THE_HEAD = ("hidden_layer_sizes", "activation", "dropout")


@storable()
@dataclass
class Pretrained:
    """What a network started from."""

    weights: Weights | None


class TransferNetwork(Network):
    """A pretrained backbone, of which some stages may be trained, and a head."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters)
        # Of a fit: where it starts, and the features of its images, found once.
        self.weights: Weights | None = None
        self.body: torch.nn.Module | None = None
        self._found: dict[int, tuple[Any, Array]] = {}

    @property
    def third_party(self) -> bool:
        """Whether the backbone or an activation is foreign code."""
        # All that torchvision's own networks draw has been given a generator.
        backbone = self.parameters.backbone
        foreign = not isinstance(backbone, str) or backbone.startswith(TIMM)
        return foreign or super().third_party

    @property
    def fine_tunes(self) -> bool:
        """Whether any of the backbone is trained."""
        return bool(self.parameters.trainable_layers != 0)

    @property
    def starts_at_random(self) -> bool:
        """Whether all is trained from random numbers.

        Then there is nothing for a head to learn on by itself, nor to be careful with.
        """
        return self.parameters.weights is None and self.fine_tunes

    def start(self, before: FittedState | None) -> None:
        """Find the weights of the backbone."""
        if before is None:
            self.weights = find_weights(self.parameters)
        else:
            self.weights = before.pretrained.weights

    def kept(self) -> Pretrained:
        """Return which weights these are."""
        return Pretrained(self.weights)

    def attributes(
        self, module: torch.nn.Module, encoder: Any, epochs: Mapping[str, int]
    ) -> dict[str, Any]:
        """Return what users may want to know of backbone, weights and head."""
        weights, backbone = self.weights, cast(Backbone, module.backbone)
        return {
            "weights_": None if weights is None else weights.name,
            "weights_sha256_": None if weights is None else weights.sha256,
            "weights_license_": None if weights is None else weights.license,
            "n_backbone_features_": backbone.n_features,
            "n_stages_": len(backbone.stages),
            "preprocessing_": encoder.described(),
            "n_head_epochs_": epochs.get(HEAD, 0),
        }

    def new_encoder(
        self, modality: Modality, table: Any, generator: torch.Generator
    ) -> ImageEncoder:
        """Return an encoder to what the weights have been trained on."""
        p = self.parameters
        self.body, self.weights = make_own_body(p, self.weights, generator)
        return make_encoder(p, self.weights, table.layout.n_channels)

    def architecture(self) -> dict[str, Any]:
        """Return the backbone, the head, and how images are read."""
        p = self.parameters
        return {
            **self._layers(),
            **{name: getattr(p, name) for name in _OF_THE_NETWORK},
        }

    def _layers(self) -> dict[str, Any]:
        p, widths = self.parameters, self.widths()
        return {
            "hidden_layer_sizes": widths,
            "activation": per_layer(p.activation, len(widths), "activation"),
            "dropout": per_layer(p.dropout, len(widths), "dropout"),
        }

    def work(self, table: Any, n_outputs: int) -> int:
        """Return more than any network has that is called small."""
        return IMAGE_WORK

    def block_rows(self, module: torch.nn.Module, modality: Modality) -> int:
        """Return how many images the first maps leave room for."""
        return block_images(modality.encoder)

    def build(self, material: Material) -> torch.nn.Module:
        """Return the backbone with a head that knows nothing yet."""
        p, weights, dtype = self.parameters, self.weights, material.dtype
        encoder, generator = material.modality.encoder, material.generator
        body, self.body = self.body, None
        backbone = make_backbone(p, weights, encoder, generator, dtype, body)
        if weights is not None:
            # They are in the backbone now.
            self.weights = replace(weights, state=None)
        # Before the first image goes through it: there may not be so many stages.
        self._thaw(backbone)
        head = MLP(
            backbone.n_features,
            n_outputs=material.task.n_outputs,
            **self._layers(),
            dtype=dtype,
            generator=generator,
        )
        scale = FeatureScale(backbone.n_features, dtype)
        last = lies_channels_last(p, backbone, trains=self.fine_tunes)
        module = TransferNet(backbone, scale, head, channels_last=last)
        if not self.starts_at_random:
            backbone.to(material.device).freeze_(0)
            found = self._features_of(module, encoder, material.X)
            scale.fit_(found, material.weight)
            # From about equal odds, not from random ones that few images never correct.
            # Not from equal ones: Adam would make steps of what is rounding alone.
            last_layer = cast("torch.nn.Linear", head.layers[-1])
            last_layer.weight.detach().zero_()
            last_layer.bias.detach().mul_(SMALL)
        return module

    def _thaw(self, backbone: Any) -> None:
        """Make the trainable stages trainable.

        Normalizations keep the statistics that they came with: those of batches would
        hand the head other features than it has learnt on. Where they came with none,
        batches are all there is.
        """
        trainable = self.parameters.trainable_layers
        backbone.freeze_(trainable, norms=self.starts_at_random)

    def describe(self, module: Any) -> dict[str, Any]:
        """Return what the backbone was built of."""
        return {
            "backbone": describe_backbone(self.parameters, module.backbone),
            "channels_last": module.channels_last,
        }

    def rebuild(
        self,
        described: Mapping[str, Any],
        weights: Mapping[str, torch.Tensor],
        state: FittedState,
        n_features: int | None,
    ) -> torch.nn.Module:
        """Return the same backbone and head."""
        backbone = rebuild_described(
            described["backbone"], state.scaler, state.pretrained.weights
        )
        layers = {name: state.architecture[name] for name in _OF_THE_HEAD}
        head = MLP(backbone.n_features, n_outputs=state.target.n_outputs, **layers)
        scale = FeatureScale(backbone.n_features)
        last = bool(described["channels_last"])
        return TransferNet(backbone, scale, head, channels_last=last)

    # A head by itself, and then the whole

    def phases(self, *, goes_on: bool, partial: bool) -> list[Phase]:
        """Return the head's phase, then that of all that is trained.

        First the head learns by itself, on features that each image is asked for once;
        then, where stages are trainable, all that is learns together.

        Raises
        ------
        ValueError
            If a parameter does not suit the phases.
        """
        self._check_phases()
        whole = Phase(
            prepare=lambda module: self._thaw(module.backbone),
            title=_parts_trained,
            rate_factors=self._rate_factors,
        )
        if not self.fine_tunes:
            return [self._head(partial=partial)]
        if goes_on or partial or self.starts_at_random:
            return [whole]
        head = replace(self._head(partial=partial), report=False, mixes=False)
        return [head, replace(whole, start="previous")]

    def _head(self, *, partial: bool) -> Phase:
        p = self.parameters
        settings: dict[str, Any] = {"learning_rate": p.head_learning_rate}
        if not partial:
            settings |= {
                "max_epochs": p.head_epochs,
                "lr_schedule": "cosine",
                "max_grad_norm": None,
            }
        if p.optimizer == "lbfgs" and _is_default(p, "weight_decay"):
            # It is for the other optimizers: "lbfgs" is to work without a word.
            settings["weight_decay"] = 0.0
        if p.precision == "auto":
            # There is little to compute in a head.
            settings["precision"] = "full"
        return Phase(
            name=HEAD,
            settings=settings,
            make_rows=self.head_rows,
            title=lambda _: HEAD,
            rate_name="head_learning_rate",
        )

    def _check_phases(self) -> None:
        p = self.parameters
        if self.fine_tunes and p.optimizer == "lbfgs":
            raise ValueError(
                f"{self.owner} trains layers at rates of their own, which "
                "optimizer='lbfgs' does not have. Got trainable_layers="
                f"{p.trainable_layers!r}. Choose another optimizer, or "
                "trainable_layers=0."
            )
        if p.cutmix and not self.fine_tunes:
            raise ValueError(
                f"The 'cutmix' parameter of {self.owner} pastes pixels, which a frozen "
                f"backbone never sees. Got cutmix={p.cutmix!r} with "
                "trainable_layers=0. Set it to 0, or train a stage."
            )

    def _rate_factors(self, module: Any) -> dict[str, float]:
        """Return smaller rates for the backbone, the smallest next to the input."""
        if self.starts_at_random:
            return {}
        p, stages = self.parameters, module.backbone.stages
        return {
            f"backbone.body.{name}": p.backbone_lr_mult
            * p.layer_decay ** (len(stages) - 1 - place)
            for place, stage in enumerate(stages)
            for name in stage
        }

    def head_rows(
        self,
        module: Any,
        modality: Modality,
        table: Any,
        setting: RowSetting,
        *,
        training: bool,
    ) -> Rows:
        """Return the features of images, and in training of augmented ones."""
        p, encoder = self.parameters, modality.encoder
        views = [self._features_of(module, encoder, table)]
        augmenter = make_augmenter(p.augmenter, self.owner)
        if training and augmenter is not None and not self.fine_tunes:
            features = self._features(module, encoder)
            views += [
                features.of_harder(table, augmenter, setting.generator)
                for _ in range(p.n_views)
            ]
        stacked = torch.from_numpy(np.stack(views)).to(setting.device, setting.dtype)
        return FeatureRows(stacked, setting.generator if training else None)

    def _features(self, module: Any, encoder: Any) -> Features:
        p = self.parameters
        return Features(
            module.backbone,
            encoder,
            open_store(p.cache_features),
            None if self.weights is None else self.weights.sha256,
            channels_last=bool(p.channels_last),
        )

    def _features_of(self, module: Any, encoder: Any, table: Any) -> Array:
        """Return the features of the images of a part, found once in a fit."""
        known = self._found.get(id(table))
        if known is None:
            # With the table, lest its number be given to another one.
            known = (table, self._features(module, encoder).of(table))
            self._found[id(table)] = known
        return known[1]

    # Prediction

    def inputs(
        self,
        fitted: Any,
        modality: Modality,
        block: Any,
        dtype: torch.dtype,
        device: torch.device,
    ) -> torch.Tensor:
        """Return features where the backbone is frozen, else images."""
        if self.fine_tunes:
            return self.whole_inputs(modality, block, dtype, device)
        self.weights = fitted._state.pretrained.weights  # noqa: SLF001 - it is one of us
        features = self._features(fitted.module_, modality.encoder)
        n_views = 1 + self.parameters.tta
        found = [features.of(block, view) for view in range(n_views)]
        return torch.from_numpy(np.concatenate(found))

    def whole_inputs(
        self, modality: Modality, block: Any, dtype: torch.dtype, device: torch.device
    ) -> torch.Tensor:
        """Return all views of images."""
        tta = self.parameters.tta
        return all_views(modality.tensor(block, dtype, device), tta)

    def pool(self, output: torch.Tensor, target: Any) -> torch.Tensor:
        """Return the mean over views."""
        n_views = 1 + self.parameters.tta
        return output.view(n_views, -1, output.shape[-1]).mean(0)


def _parts_trained(module: Any) -> str:
    """Return what learns along with the head, for a progress bar."""
    backbone = cast(Backbone, module.backbone)
    frozen = [p for p in backbone.parameters() if not p.requires_grad]
    return "head and last stages" if frozen else "all layers"


def _is_default(parameters: Any, name: str) -> bool:
    default = signature(type(parameters)).parameters[name].default
    return bool(getattr(parameters, name) == default)


class PretrainedBase(ImageBase):
    """What the estimators with a pretrained backbone share."""

    _search_table = PRETRAINED_SPACE

    def _auto_batch(self, n_rows: int) -> int:
        """Return a batch that makes many steps: images are few, and a step is long."""
        return min(32, n_rows)

    def _network(self) -> TransferNetwork:
        return TransferNetwork(self)
