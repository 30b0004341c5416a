"""Convolutional network: blocks that look at neighbourhoods, then a perceptron."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, cast

import torch
from torch import nn

from skdeep.networks._activations import activation_name, make_activation
from skdeep.networks._dropout import GeneratorDropout
from skdeep.networks._layout import laid_out
from skdeep.networks._mlp import MLP, per_layer

if TYPE_CHECKING:
    from torch import Tensor

    from skdeep._typing import Activation

Pooling = Literal["max", "average"]
Size = tuple[int, int]


class _Convolution(nn.Conv2d):
    """Convolution that draws nothing from torch's global generator when it is made."""

    def reset_parameters(self) -> None:
        """Leave the weights to `initialize_convolution_`."""


class _BatchNorm(nn.BatchNorm2d):
    """Batch normalization that takes a single number by the running statistics.

    One row whose map is one pixel has no variance, and torch refuses it in training.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (batch, n_channels, height, width)."""
        if self.training and x.numel() == x.shape[1]:
            return nn.functional.batch_norm(
                x,
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                eps=self.eps,
            )
        return super().forward(x)


class ChannelDropout(GeneratorDropout):
    """Zero whole channels at random in training, by an explicit generator.

    Neighbouring pixels tell the same, so that dropping some of them hides nothing
    [1]_.

    Parameters
    ----------
    p : float
        Probability of zeroing a channel of a row, in [0, 1).

    References
    ----------
    .. [1] J. Tompson, R. Goroshin, A. Jain, Y. LeCun, C. Bregler, "Efficient Object
       Localization Using Convolutional Networks", CVPR 2015, arXiv:1411.4280.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks import ChannelDropout
    >>> dropout = ChannelDropout(0.5)
    >>> dropout.generator = torch.Generator().manual_seed(0)
    >>> dropout(torch.ones(100, 3, 2, 2)).flatten(2).std(dim=2).max()
    tensor(0.)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Drop channels.

        Parameters
        ----------
        x : Tensor of shape (batch, n_channels, ...)
            Left as it is.

        Returns
        -------
        dropped : Tensor of the shape of `x`
            `x` itself in evaluation mode or with ``p=0``.
        """
        if not self.training or self.p == 0.0:
            return x
        channel = x.new_ones((*x.shape[:2], *[1] * (x.ndim - 2)))
        return x * super().forward(channel)


class ConvBlock(nn.Module):
    """Convolution -> normalization -> activation, its input added, -> pooling."""

    def __init__(
        self, layers: list[nn.Module], after: list[nn.Module], *, skips: bool
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.after = nn.Sequential(*after)
        self.skips = skips

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, n_channels, height, width) to a smaller map of other channels."""
        y = self.layers(x)
        pooled: Tensor = self.after(x + y if self.skips else y)
        return pooled


class ConvNet(nn.Module):
    """Convolutional network with raw outputs.

    Each block is convolution -> normalization -> activation -> pooling -> dropout of
    channels, as in LeNet [1]_; an `MLP` over the last map follows. Convolutions keep
    height and width. Where a map is smaller than the window of a convolution or a
    pooling, the window is cut to it: a strip one pixel high is convolved along its
    length only.

    Parameters
    ----------
    n_channels : int
        Channels of an image.
    size : tuple of int
        Height and width of an image.
    conv_channels : sequence of int
        Channels of each block; empty for a perceptron on the pixels.
    hidden_layer_sizes : sequence of int
        Width of each hidden dense layer.
    n_outputs : int
        Number of outputs: logits or regression outputs.
    kernel_size : int or sequence of int, default=3
        Side of the window of a convolution, or one for each block.
    pooling : {"max", "average"}, default="max"
        What stands for the numbers in a pooling window.
    pool_size : int or sequence of int, default=2
        Side and step of the pooling window, or one for each block; 1 does not pool.
    global_pooling : {"max", "average"} or None, default=None
        Reduce each channel of the last map to one number [2]_; None hands all pixels
        to the dense layers.
    activation : str, nn.Module class or callable, or a sequence, default="relu"
        Of all layers, or one for each block and hidden layer.
    normalization : {"batch", "layer"} or None, default=None
        Over the rows and pixels of a batch, or over the channels and pixels of a row.
    conv_dropout : float or sequence of float, default=0.0
        Probability in [0, 1) of dropping a channel, or one for each block.
    dropout : float or sequence of float, default=0.0
        Probability in [0, 1) of dropping a hidden unit, or one for each hidden layer.
    residual : bool, default=False
        Whether to add to the output of a layer, before pooling, its input, wherever
        both have the same channels or width.
    dtype : torch.dtype, default=torch.float32
        Floating type of the parameters.
    generator : torch.Generator or None, default=None
        Source of the initial weights, on the CPU. None is a new generator of seed 0.

    Attributes
    ----------
    blocks : nn.Sequential
        The convolutional blocks.
    head : MLP
        The dense layers.
    map_sizes : tuple of tuple of int
        Channels, height and width of an image, and of the map that each block makes.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied
       to Document Recognition", Proceedings of the IEEE 86, 1998,
       doi:10.1109/5.726791.
    .. [2] M. Lin, Q. Chen, S. Yan, "Network In Network", ICLR 2014, arXiv:1312.4400.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks import ConvNet
    >>> module = ConvNet(3, (32, 32), (8, 16), (20,), 10)
    >>> module.map_sizes
    ((3, 32, 32), (8, 16, 16), (16, 8, 8))
    >>> module(torch.zeros(5, 3, 32, 32)).shape
    torch.Size([5, 10])
    """

    def __init__(  # noqa: PLR0913 - as many as a network has knobs
        self,
        n_channels: int,
        size: Size,
        conv_channels: Sequence[int],
        hidden_layer_sizes: Sequence[int],
        n_outputs: int,
        *,
        kernel_size: int | Sequence[int] = 3,
        pooling: Pooling = "max",
        pool_size: int | Sequence[int] = 2,
        global_pooling: Pooling | None = None,
        activation: Activation | Sequence[Activation] = "relu",
        normalization: Literal["batch", "layer"] | None = None,
        conv_dropout: float | Sequence[float] = 0.0,
        dropout: float | Sequence[float] = 0.0,
        residual: bool = False,
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        n_blocks = len(conv_channels)
        n_layers = n_blocks + len(hidden_layer_sizes)
        kernels = per_layer(kernel_size, n_blocks, "kernel_size")
        pools = per_layer(pool_size, n_blocks, "pool_size")
        dropouts = per_layer(conv_dropout, n_blocks, "conv_dropout")
        activations = per_layer(activation, n_layers, "activation")
        self.map_sizes = map_sizes(n_channels, size, conv_channels, pool_size)
        if generator is None:
            generator = torch.Generator().manual_seed(0)
        blocks: list[nn.Module] = []
        for i, (n_in, *before) in enumerate(self.map_sizes[:-1]):
            n_out = self.map_sizes[i + 1][0]
            function = make_activation(activations[i]).to("cpu", dtype)
            kernel = _cut(kernels[i], before)
            convolution = _Convolution(
                n_in, n_out, kernel, padding="same", device="cpu", dtype=dtype
            )
            initialize_convolution_(convolution, activation_name(function), generator)
            layers: list[nn.Module] = [convolution]
            if normalization is not None:
                layers.append(_normalization(normalization, n_out, dtype))
            layers.append(function)
            blocks.append(
                ConvBlock(
                    layers,
                    [*_pool(pooling, pools[i], before), *_drop(dropouts[i])],
                    skips=residual and n_in == n_out,
                )
            )
        self.blocks = nn.Sequential(*blocks)
        self.global_pooling = global_pooling
        last, height, width = self.map_sizes[-1]
        self.head = MLP(
            last if global_pooling else last * height * width,
            hidden_layer_sizes,
            n_outputs,
            activation=activations[n_blocks:],
            normalization=normalization,
            dropout=dropout,
            residual=residual,
            dtype=dtype,
            generator=generator,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map images to raw outputs.

        Parameters
        ----------
        x : Tensor of shape (batch, n_channels, *size)
            Of the dtype and on the device of the parameters.

        Returns
        -------
        outputs : Tensor of shape (batch, n_outputs)
            Logits or regression outputs.
        """
        outputs: Tensor = self.head(self.features(x))
        return outputs

    def features(self, x: Tensor) -> Tensor:
        """Map images to what the dense layers take.

        Parameters
        ----------
        x : Tensor of shape (batch, n_channels, *size)
            Of the dtype and on the device of the parameters.

        Returns
        -------
        features : Tensor of shape (batch, n_features)
            One number for each channel of the last map under global pooling, else for
            each of its pixels.
        """
        maps = self.blocks(laid_out(x)).flatten(2)
        if self.global_pooling is None:
            flat: Tensor = maps.flatten(1)
            return flat
        pooled: Tensor = (
            maps.amax(dim=2) if self.global_pooling == "max" else maps.mean(dim=2)
        )
        return pooled

    def map_modules(self) -> list[nn.Module]:
        """Return the modules whose outputs are maps, those next to the input first.

        Returns
        -------
        modules : list of nn.Module
            Of each block the part before pooling.
        """
        return [cast("ConvBlock", block).layers for block in self.blocks]


def map_sizes(
    n_channels: int,
    size: Size,
    conv_channels: Sequence[int],
    pool_size: int | Sequence[int],
) -> tuple[tuple[int, int, int], ...]:
    """Return channels, height and width of an image and of each block's map.

    Parameters
    ----------
    n_channels : int
        Channels of an image.
    size : tuple of int
        Height and width of an image.
    conv_channels : sequence of int
        Channels of each block.
    pool_size : int or sequence of int
        Side and step of the pooling window, or one for each block.

    Returns
    -------
    sizes : tuple of tuple of int
        Of length one more than there are blocks.
    """
    pools = per_layer(pool_size, len(conv_channels), "pool_size")
    height, width = size
    sizes = [(n_channels, height, width)]
    for channels, pool in zip(conv_channels, pools, strict=True):
        height, width = height // min(pool, height), width // min(pool, width)
        sizes.append((int(channels), height, width))
    return tuple(sizes)


def initialize_convolution_(
    convolution: nn.Conv1d | nn.Conv2d, activation_name: str, generator: torch.Generator
) -> None:
    """Draw the initial weights of a convolution in place.

    Weights are uniform with a variance of ``2 / fan_in`` under activations that cut
    the negative half off [1]_, else of ``1 / fan_in``; biases are zero.

    Parameters
    ----------
    convolution : nn.Conv1d or nn.Conv2d
        Of any floating dtype, on any device.
    activation_name : str
        Name of the activation that follows, as `activation_name` returns it.
    generator : torch.Generator
        On the CPU.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Delving Deep into Rectifiers", ICCV 2015,
       arXiv:1502.01852.
    """
    # Drawn in float64 on the CPU: one seed gives the same weights in every dtype.
    weight = torch.empty(convolution.weight.shape, dtype=torch.float64, device="cpu")
    fan_in = weight[0].numel()
    variance = (1.0 if activation_name in _TWO_SIDED else 2.0) / fan_in
    bound = math.sqrt(3.0 * variance)
    weight.uniform_(-bound, bound, generator=generator)
    with torch.no_grad():
        convolution.weight.copy_(weight)
        if convolution.bias is not None:
            convolution.bias.zero_()


_TWO_SIDED: Final = {"identity", "logistic", "selu", "sigmoid", "tanh"}


def _cut(kernel: int, size: Sequence[int]) -> Size:
    # Further than this from the middle a window meets nothing but padding.
    height, width = (min(kernel, 2 * extent - 1) for extent in size)
    return height, width


def _normalization(kind: str, n_channels: int, dtype: torch.dtype) -> nn.Module:
    if kind == "batch":
        return _BatchNorm(n_channels, device="cpu", dtype=dtype)
    return nn.GroupNorm(1, n_channels, device="cpu", dtype=dtype)


def _pool(kind: str, side: int, size: Sequence[int]) -> list[nn.Module]:
    height, width = (min(side, extent) for extent in size)
    window = (height, width)
    if window == (1, 1):
        return []
    return [nn.MaxPool2d(window) if kind == "max" else nn.AvgPool2d(window)]


def _drop(p: float) -> list[nn.Module]:
    return [ChannelDropout(p)] if p else []
