"""What the two convolutional networks share: images in, blocks and dense layers."""

from __future__ import annotations

from itertools import pairwise
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, cast

from skdeep._compat import Interval, StrOptions
from skdeep._constraints import DEEPEST, PerLayer, network_constraints
from skdeep.base import SHARED_CONSTRAINTS, Material, Modality, Network
from skdeep.image._inputs import IMAGE_CONSTRAINTS, ImageBase, input_size
from skdeep.image._search_spaces import CNN_SPACE
from skdeep.networks import ACTIVATIONS, ConvNet, map_sizes, per_layer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from skdeep.base import FittedState

POOLINGS = {"max", "average"}
WIDEST = 2**16
# Numbers in the largest map of the rows that go through the network at once.
BLOCK_NUMBERS = 2**21
MAX_BLOCK_IMAGES = 256


def _is_count(value: Any) -> bool:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole and 1 <= int(value) <= WIDEST


def _is_rate(value: Any) -> bool:
    real = isinstance(value, Real) and not isinstance(value, bool)
    return real and 0 <= value < 1


_COUNTS = PerLayer(_is_count, f"an int in the range [1, {WIDEST}]")

CNN_CONSTRAINTS: dict[str, list[Any]] = {
    "conv_channels": [_COUNTS],
    "n_conv_layers": [Interval(Integral, 0, DEEPEST, closed="both"), None],
    "kernel_size": [_COUNTS],
    "pooling": [StrOptions(POOLINGS)],
    "pool_size": [_COUNTS],
    "global_pooling": [StrOptions(POOLINGS), None],
    **network_constraints(list(ACTIVATIONS)),
    "conv_dropout": [PerLayer(_is_rate, "a float in the range [0.0, 1.0)")],
    **IMAGE_CONSTRAINTS,
    **SHARED_CONSTRAINTS,
    "feature_scaling": [StrOptions({"standard"}), None],
}

# What must not change between a training and one that goes on from it.
_OF_THE_NETWORK = (
    "pooling",
    "global_pooling",
    "normalization",
    "residual",
)
_OF_THE_IMAGES = ("image_size", "resize_mode", "feature_scaling")


class ConvolutionalNetwork(Network):
    """Blocks of convolutions, and dense layers after them."""

    def _channels(self) -> tuple[int, ...]:
        """Return the channels of each block, a single number repeated."""
        channels, n_layers = (
            self.parameters.conv_channels,
            self.parameters.n_conv_layers,
        )
        single = isinstance(channels, Integral) or len(channels) == 1
        if n_layers is not None and not single:
            raise ValueError(
                f"The 'n_conv_layers' parameter of {self.owner} repeats a "
                f"single number of conv_channels. Got {n_layers!r} and {channels!r}. "
                "Pass an int for conv_channels, or n_conv_layers=None."
            )
        counts = (channels,) if isinstance(channels, Integral) else tuple(channels)
        if n_layers is not None:
            counts *= n_layers
        return tuple(int(count) for count in counts)

    def _layers(self) -> dict[str, Any]:
        """Return what `ConvNet` takes, one value a layer."""
        p = self.parameters
        channels, widths = self._channels(), self.widths()
        n_blocks, n_layers = len(channels), len(channels) + len(widths)
        return {
            "conv_channels": channels,
            "hidden_layer_sizes": widths,
            "kernel_size": per_layer(p.kernel_size, n_blocks, "kernel_size"),
            "pool_size": per_layer(p.pool_size, n_blocks, "pool_size"),
            "activation": per_layer(p.activation, n_layers, "activation"),
            "conv_dropout": per_layer(p.conv_dropout, n_blocks, "conv_dropout"),
            "dropout": per_layer(p.dropout, len(widths), "dropout"),
        }

    def architecture(self) -> dict[str, Any]:
        """Return the layers, and how images are read."""
        names = (*_OF_THE_NETWORK, *_OF_THE_IMAGES)
        return {**self._layers(), **{n: getattr(self.parameters, n) for n in names}}

    def work(self, table: Any, n_outputs: int) -> int:
        """Return the multiply-adds of an image; 0 where its size is not known."""
        found = input_size(self.parameters.image_size, table)
        if found is None:
            return 0
        channels = self._channels()
        sizes = map_sizes(*found, channels, self.parameters.pool_size)
        kernels = per_layer(self.parameters.kernel_size, len(channels), "kernel_size")
        work = sum(
            before[0] * after[0] * before[1] * before[2] * kernel**2
            for (before, after), kernel in zip(pairwise(sizes), kernels, strict=True)
        )
        last, height, width = sizes[-1]
        flat = last if self.parameters.global_pooling else last * height * width
        widths = (flat, *self.widths(), n_outputs)
        return int(work + sum(a * b for a, b in pairwise(widths)))

    def block_rows(self, module: torch.nn.Module, modality: Modality) -> int:
        """Return how many images the largest map leaves room for."""
        sizes = cast(ConvNet, module).map_sizes
        # A block's convolution keeps the height and width of its input.
        largest = max(
            max(before[0], after[0]) * before[1] * before[2]
            for before, after in pairwise((*sizes, sizes[-1]))
        )
        return max(1, min(MAX_BLOCK_IMAGES, BLOCK_NUMBERS // largest))

    def build(self, material: Material) -> torch.nn.Module:
        """Return a network of random weights."""
        return _network(
            self.architecture(),
            material.modality.encoder,
            material.task.n_outputs,
            dtype=material.dtype,
            generator=material.generator,
        )

    def rebuild(
        self,
        described: Mapping[str, Any],
        weights: Mapping[str, torch.Tensor],
        state: FittedState,
        n_features: int | None,
    ) -> torch.nn.Module:
        """Return a network of the same layers."""
        return _network(state.architecture, state.scaler, state.target.n_outputs)


class CNNBase(ImageBase):
    """What the two convolutional networks share."""

    _search_table = CNN_SPACE

    def _auto_batch(self, n_rows: int) -> int:
        """Return a batch that makes many steps: images are few, and a step is long."""
        return min(64, n_rows)

    def _network(self) -> ConvolutionalNetwork:
        return ConvolutionalNetwork(self)


def _network(
    architecture: Mapping[str, Any], encoder: Any, n_outputs: int, **how: Any
) -> ConvNet:
    layers = {k: v for k, v in architecture.items() if k not in _OF_THE_IMAGES}
    channels, size = encoder.n_channels, encoder.size
    return ConvNet(channels, size, n_outputs=n_outputs, **layers, **how)
