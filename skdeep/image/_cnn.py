"""What the two convolutional networks share: images in, blocks and dense layers."""

from __future__ import annotations

from itertools import pairwise
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, cast

from skdeep._compat import Interval, StrOptions
from skdeep._constraints import DEEPEST, PerLayer, network_constraints
from skdeep.base import SHARED_CONSTRAINTS, Job, PerceptronDoor
from skdeep.image._inputs import IMAGE_CONSTRAINTS, ImageDoor, input_size
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


class CNNDoor(ImageDoor, PerceptronDoor):
    """Hooks of the convolutional networks."""

    _search_table = CNN_SPACE

    def _auto_batch(self, n_rows: int) -> int:
        """Return a batch that makes many steps: images are few, and a step is long."""
        return min(64, n_rows)

    def _channels(self) -> tuple[int, ...]:
        """Return the channels of each block, a single number repeated."""
        channels, n_layers = self.conv_channels, self.n_conv_layers
        single = isinstance(channels, Integral) or len(channels) == 1
        if n_layers is not None and not single:
            raise ValueError(
                f"The 'n_conv_layers' parameter of {type(self).__name__} repeats a "
                f"single number of conv_channels. Got {n_layers!r} and {channels!r}. "
                "Pass an int for conv_channels, or n_conv_layers=None."
            )
        counts = (channels,) if isinstance(channels, Integral) else tuple(channels)
        if n_layers is not None:
            counts *= n_layers
        return tuple(int(count) for count in counts)

    def _layers(self) -> dict[str, Any]:
        """Return what `ConvNet` takes, one value a layer."""
        channels, widths = self._channels(), self._widths()
        n_blocks, n_layers = len(channels), len(channels) + len(widths)
        return {
            "conv_channels": channels,
            "hidden_layer_sizes": widths,
            "kernel_size": per_layer(self.kernel_size, n_blocks, "kernel_size"),
            "pool_size": per_layer(self.pool_size, n_blocks, "pool_size"),
            "activation": per_layer(self.activation, n_layers, "activation"),
            "conv_dropout": per_layer(self.conv_dropout, n_blocks, "conv_dropout"),
            "dropout": per_layer(self.dropout, len(widths), "dropout"),
        }

    def _architecture(self, table: Any) -> dict[str, Any]:
        same = {n: getattr(self, n) for n in (*_OF_THE_NETWORK, *_OF_THE_IMAGES)}
        return {**self._layers(), **same}

    def _n_weights(self, table: Any, n_outputs: int) -> int:
        found = input_size(self, table)
        if found is None:
            return 0
        channels = self._channels()
        sizes = map_sizes(*found, channels, self.pool_size)
        kernels = per_layer(self.kernel_size, len(channels), "kernel_size")
        work = sum(
            before[0] * after[0] * before[1] * before[2] * kernel**2
            for (before, after), kernel in zip(pairwise(sizes), kernels, strict=True)
        )
        last, height, width = sizes[-1]
        flat = last if self.global_pooling else last * height * width
        widths = (flat, *self._widths(), n_outputs)
        return int(work + sum(a * b for a, b in pairwise(widths)))

    def _block_rows(self, state: FittedState, table: Any) -> int:
        sizes = cast(ConvNet, self.module_).map_sizes
        # A block's convolution keeps the height and width of its input.
        largest = max(
            max(before[0], after[0]) * before[1] * before[2]
            for before, after in pairwise((*sizes, sizes[-1]))
        )
        return max(1, min(MAX_BLOCK_IMAGES, BLOCK_NUMBERS // largest))

    def _build_network(self, job: Job) -> torch.nn.Module:
        return _network(
            job.architecture,
            job.scaler,
            job.target.n_outputs,
            dtype=job.dtype,
            generator=job.generators["initialization"],
        )

    def _rebuild_network(
        self, described: Mapping[str, Any], weights: Mapping[str, torch.Tensor]
    ) -> torch.nn.Module:
        state = self._state
        return _network(state.architecture, state.scaler, state.target.n_outputs)


def _network(
    architecture: Mapping[str, Any], encoder: Any, n_outputs: int, **how: Any
) -> ConvNet:
    layers = {k: v for k, v in architecture.items() if k not in _OF_THE_IMAGES}
    channels, size = encoder.n_channels, encoder.size
    return ConvNet(channels, size, n_outputs=n_outputs, **layers, **how)
