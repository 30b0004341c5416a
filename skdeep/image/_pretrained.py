"""What the two estimators with a pretrained backbone share: head first, then more."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from inspect import signature
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from skdeep._compat import Interval
from skdeep._constraints import network_constraints
from skdeep._storable import storable
from skdeep.augmentation import make_augmenter
from skdeep.base import SHARED_CONSTRAINTS, Job, PerceptronDoor
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
from skdeep.image._inputs import IMAGE_CONSTRAINTS, ImageDoor
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

    from skdeep._plan import TrainingPlan
    from skdeep._typing import Array
    from skdeep.base import FittedState, Part, Steps
    from skdeep.data import ImageEncoder, Rows
    from skdeep.networks import Weights
    from skdeep.training import TrainedNetwork

# Multiply-adds of an image: more than any network that is called small.
IMAGE_WORK = 10**9
# What the first odds of a head are multiplied by.
SMALL = 0.01
# As many features of validation images as go through a head at once.
HEAD_BATCH = 1024

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
    """What a network started from, and what is known of the images of its fit."""

    weights: Weights | None
    store: Any
    head_phase: bool
    # Found in this fit, of the training and of the validation images.
    features: dict[str, Array] = field(default_factory=dict)
    # Of the user's own, until the backbone is built of it.
    body: torch.nn.Module | None = None

    def identity(self) -> str | None:
        """Return what tells the weights from others; None where only they do."""
        return None if self.weights is None else self.weights.sha256


class PretrainedDoor(ImageDoor, PerceptronDoor):
    """Hooks of the estimators with a pretrained backbone.

    A fit has two phases. First the head learns by itself, on features that each image
    is asked for once; then, where stages are trainable, all that is learns together.
    """

    _search_table = PRETRAINED_SPACE

    def _auto_batch(self, n_rows: int) -> int:
        return min(32, n_rows)

    def _is_third_party(self) -> bool:
        # All that torchvision's own networks draw has been given a generator.
        backbone = self.backbone
        foreign = not isinstance(backbone, str) or backbone.startswith(TIMM)
        return foreign or super()._is_third_party()

    def _fine_tunes(self) -> bool:
        """Tell whether any of the backbone is trained."""
        return bool(self.trainable_layers != 0)

    def _starts_at_random(self) -> bool:
        """Tell whether all is trained from random numbers.

        Then there is nothing for a head to learn on by itself, nor to be careful with.
        """
        return self.weights is None and self._fine_tunes()

    def _learning(self, job: Job, classes: Any) -> Steps:
        self._check_phases()
        self._encode(job, classes)
        self._split(job)
        goes_on = job.before is not None or job.partial
        job.pretrained = Pretrained(
            weights=self._weights(job),
            store=open_store(self.cache_features),
            head_phase=not self._fine_tunes()
            or not (goes_on or self._starts_at_random()),
        )
        self._build(job)
        if not job.pretrained.head_phase:
            return (yield from self._training(job))
        trained = yield from self._training(job, silent=self._fine_tunes())
        if not self._fine_tunes():
            return trained
        job.probe, job.pretrained.head_phase = trained, False
        self._thaw(job.module.backbone)
        self._build(job)
        return (yield from self._training(job))

    def _weights(self, job: Job) -> Weights | None:
        if job.before is None:
            return find_weights(self)
        weights: Weights | None = job.before.pretrained.weights
        return weights

    def _check_phases(self) -> None:
        owner = type(self).__name__
        if self._fine_tunes() and self.optimizer == "lbfgs":
            raise ValueError(
                f"{owner} trains layers at rates of their own, which optimizer='lbfgs' "
                f"does not have. Got trainable_layers={self.trainable_layers!r}. "
                "Choose another optimizer, or trainable_layers=0."
            )
        if self.cutmix and not self._fine_tunes():
            raise ValueError(
                f"The 'cutmix' parameter of {owner} pastes pixels, which a frozen "
                f"backbone never sees. Got cutmix={self.cutmix!r} with "
                "trainable_layers=0. Set it to 0, or train a stage."
            )

    def _thaw(self, backbone: Any) -> None:
        """Make the trainable stages trainable.

        Normalizations keep the statistics that they came with: those of batches would
        hand the head other features than it has learnt on. Where they came with none,
        batches are all there is.
        """
        backbone.freeze_(self.trainable_layers, norms=self._starts_at_random())

    def _make_scaler(self, job: Job) -> ImageEncoder:
        pretrained, generator = job.pretrained, job.generators["initialization"]
        pretrained.body, pretrained.weights = make_own_body(
            self, pretrained.weights, generator
        )
        channels = job.train.X.layout.n_channels
        return make_encoder(self, pretrained.weights, channels)

    def _architecture(self, table: Any) -> dict[str, Any]:
        same = {name: getattr(self, name) for name in _OF_THE_NETWORK}
        return {**self._layers(), **same}

    def _layers(self) -> dict[str, Any]:
        widths = self._widths()
        return {
            "hidden_layer_sizes": widths,
            "activation": per_layer(self.activation, len(widths), "activation"),
            "dropout": per_layer(self.dropout, len(widths), "dropout"),
        }

    def _n_weights(self, table: Any, n_outputs: int) -> int:
        return IMAGE_WORK

    def _block_rows(self, state: FittedState, table: Any) -> int:
        encoder: Any = state.scaler
        return block_images(encoder)

    def _build_network(self, job: Job) -> torch.nn.Module:
        pretrained, generator = job.pretrained, job.generators["initialization"]
        encoder: Any = job.scaler
        weights = pretrained.weights
        body, pretrained.body = pretrained.body, None
        backbone = make_backbone(self, weights, encoder, generator, job.dtype, body)
        if weights is not None:
            # They are in the backbone now.
            pretrained.weights = replace(weights, state=None)
        # Before the first image goes through it: there may not be so many stages.
        self._thaw(backbone)
        head = MLP(
            backbone.n_features,
            n_outputs=job.target.n_outputs,
            **self._layers(),
            dtype=job.dtype,
            generator=generator,
        )
        scale = FeatureScale(backbone.n_features, job.dtype)
        last = lies_channels_last(self, backbone, trains=self._fine_tunes())
        job.module = TransferNet(backbone, scale, head, channels_last=last)
        if not self._starts_at_random():
            backbone.to(job.device).freeze_(0)
            scale.fit_(self._features_of(job, job.train), job.train.weight)
            # From about equal odds, not from random ones that few images never correct.
            # Not from equal ones: Adam would make steps of what is rounding alone.
            last_layer = cast("torch.nn.Linear", head.layers[-1])
            last_layer.weight.detach().zero_()
            last_layer.bias.detach().mul_(SMALL)
        if not pretrained.head_phase:
            self._thaw(backbone)
        return job.module

    def _describe_network(self) -> dict[str, Any]:
        module = cast("Any", self.module_)
        return {
            "backbone": describe_backbone(self, module.backbone),
            "channels_last": module.channels_last,
        }

    def _rebuild_network(
        self, described: Mapping[str, Any], weights: Mapping[str, torch.Tensor]
    ) -> torch.nn.Module:
        state = self._state
        backbone = rebuild_described(
            described["backbone"], state.scaler, state.pretrained.weights
        )
        layers = {name: state.architecture[name] for name in _OF_THE_HEAD}
        head = MLP(backbone.n_features, n_outputs=state.target.n_outputs, **layers)
        scale = FeatureScale(backbone.n_features)
        last = bool(described["channels_last"])
        return TransferNet(backbone, scale, head, channels_last=last)

    def _features(self, module: Any, encoder: Any, pretrained: Pretrained) -> Features:
        return Features(
            module.backbone,
            encoder,
            pretrained.store,
            pretrained.identity(),
            channels_last=bool(self.channels_last),
        )

    def _features_of(self, job: Job, part: Part) -> Array:
        """Return the features of a part's images, found once in a fit."""
        known = job.pretrained.features
        key = "train" if part is job.train else "valid"
        if key not in known:
            features = self._features(job.module, job.scaler, job.pretrained)
            known[key] = features.of(part.X)
        found: Array = known[key]
        return found

    def _make_rows(self, job: Job, part: Part, *, training: bool) -> Rows:
        if not job.pretrained.head_phase:
            return super()._make_rows(job, part, training=training)
        views = [self._features_of(job, part)]
        generator = job.generators["augmentation"]
        augmenter = make_augmenter(self.augmenter, type(self).__name__)
        if training and augmenter is not None and not self._fine_tunes():
            features = self._features(job.module, job.scaler, job.pretrained)
            views += [
                features.of_harder(part.X, augmenter, generator)
                for _ in range(self.n_views)
            ]
        stacked = torch.from_numpy(np.stack(views)).to(job.device, job.dtype)
        return FeatureRows(stacked, generator if training else None)

    def _make_mixer(self, job: Job) -> Any:
        if job.pretrained.head_phase and self._fine_tunes():
            return None
        return super()._make_mixer(job)

    def _valid_batch(self, job: Job) -> int:
        if job.pretrained.head_phase:
            return max(job.batch_size, HEAD_BATCH)
        return job.batch_size

    def _adjust_plan(self, job: Job, plan: TrainingPlan) -> TrainingPlan:
        plan = replace(plan, title=f"{plan.title}, {self._phase(job)}")
        if not job.pretrained.head_phase:
            factors = self._rate_factors(job.module)
            return replace(
                plan, optimizer=replace(plan.optimizer, rate_factors=factors)
            )
        optimizer = replace(
            plan.optimizer, learning_rate=float(self.head_learning_rate)
        )
        if self.optimizer == "lbfgs":
            optimizer = replace(optimizer, weight_decay=0.0)
        plan = replace(
            plan,
            optimizer=optimizer,
            # There is little to compute in a head.
            autocast_dtype=None if self.precision == "auto" else plan.autocast_dtype,
        )
        if job.partial:
            return plan
        return replace(
            plan,
            max_epochs=int(self.head_epochs),
            # It is the whole's epochs that are known, where it is to be trained.
            last_epoch=None if self._fine_tunes() else plan.last_epoch,
            lr_schedule="cosine",
            max_grad_norm=None,
        )

    def _phase(self, job: Job) -> str:
        """Return what learns, in a word or two for a progress bar."""
        if job.pretrained.head_phase:
            return "head"
        backbone = cast(Backbone, job.module.backbone)
        frozen = [p for p in backbone.parameters() if not p.requires_grad]
        return "head and last stages" if frozen else "all layers"

    def _without_effect(self) -> frozenset[str]:
        """Name what a head that learns by itself goes without.

        Gradients are not clipped there, and the default of the decay is for the other
        optimizers: "lbfgs" is to work without a word about either.
        """
        default = signature(type(self)).parameters["weight_decay"].default
        decays = {"weight_decay"} if self.weight_decay == default else set()
        return frozenset({"max_grad_norm", *decays})

    def _rate_factors(self, module: Any) -> dict[str, float]:
        """Return smaller rates for the backbone, the smallest next to the input."""
        if self._starts_at_random():
            return {}
        stages = module.backbone.stages
        return {
            f"backbone.body.{name}": self.backbone_lr_mult
            * self.layer_decay ** (len(stages) - 1 - place)
            for place, stage in enumerate(stages)
            for name in stage
        }

    def _encode_rows(
        self, state: FittedState, block: Any, dtype: torch.dtype
    ) -> torch.Tensor:
        if self._fine_tunes():
            return self._whole_rows(state, block, dtype)
        given = replace(state.pretrained, store=open_store(self.cache_features))
        features = self._features(self.module_, state.scaler, given)
        views = [features.of(block, view) for view in range(1 + self.tta)]
        return torch.from_numpy(np.concatenate(views))

    def _whole_rows(
        self, state: FittedState, block: Any, dtype: torch.dtype
    ) -> torch.Tensor:
        return all_views(super()._encode_rows(state, block, dtype), self.tta)

    def _rate_parameter(self, job: Job) -> str:
        head = job.pretrained.head_phase
        return "head_learning_rate" if head else "learning_rate"

    def _pool(self, state: FittedState, output: torch.Tensor) -> torch.Tensor:
        """Return the mean over views."""
        return output.view(1 + self.tta, -1, output.shape[-1]).mean(0)

    def _make_state(self, job: Job, resume: dict[str, Any]) -> FittedState:
        state = super()._make_state(job, resume)
        state.pretrained = replace(job.pretrained, store=None, features={}, body=None)
        return state

    def _common(self, job: Job) -> dict[str, Any]:
        weights, encoder = job.pretrained.weights, cast("Any", job.scaler)
        backbone = cast(Backbone, job.module.backbone)
        return {
            **super()._common(job),
            "weights_": None if weights is None else weights.name,
            "weights_sha256_": None if weights is None else weights.sha256,
            "weights_license_": None if weights is None else weights.license,
            "n_backbone_features_": backbone.n_features,
            "n_stages_": len(backbone.stages),
            "preprocessing_": encoder.described(),
        }

    def _fitted(self, job: Job, trained: TrainedNetwork) -> dict[str, Any]:
        head = job.probe or (trained if job.pretrained.head_phase else None)
        n_head_epochs = 0 if head is None else head.n_epochs
        return {**super()._fitted(job, trained), "n_head_epochs_": n_head_epochs}
