"""Off with the head of an image classifier, and its first convolution made to fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from skdeep.networks._dropout import GeneratorDropout

if TYPE_CHECKING:
    from torch import Tensor


def find_head(body: nn.Module) -> str:
    """Return the name of the layer that makes an image classifier's outputs.

    Parameters
    ----------
    body : nn.Module
        Its head is the last dense layer or convolution in order of registration,
        auxiliary classifiers aside.

    Returns
    -------
    name : str
        As `body.get_submodule` takes it.

    Raises
    ------
    ValueError
        If the network has neither, or is that layer itself.

    Examples
    --------
    >>> from torch import nn
    >>> from skdeep.networks._backbone_heads import find_head
    >>> find_head(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 10)))
    '2'
    """
    heads: list[str] = [
        name
        for name, part in body.named_modules()
        if isinstance(part, nn.Linear | nn.Conv2d)
        and name
        and not name.lower().startswith("aux")
    ]
    if not heads:
        msg = (
            "The 'backbone' parameter must make a network whose last layer is an "
            f"nn.Linear or nn.Conv2d. Got a {type(body).__name__} without one instead."
        )
        raise ValueError(msg)
    return heads[-1]


def remove_head_(body: nn.Module, head: str) -> int:
    """Let a network return the features that its head was given, in place.

    A dropout right in front of the head goes with it.

    Parameters
    ----------
    body : nn.Module
        An image classifier.
    head : str
        As `find_head` returns it.

    Returns
    -------
    n_features : int
        Number of features.

    Examples
    --------
    >>> from torch import nn
    >>> from skdeep.networks._backbone_heads import remove_head_
    >>> body = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 10))
    >>> remove_head_(body, "2")
    4
    """
    layer = body.get_submodule(head)
    if isinstance(layer, nn.Conv2d):
        n_features = layer.in_channels
    else:
        n_features = int(layer.in_features)  # type: ignore[arg-type]
    path, _, last = head.rpartition(".")
    parent = body.get_submodule(path)
    names = [name for name, _ in parent.named_children()]
    before = names[names.index(last) - 1] if names.index(last) else last
    if isinstance(getattr(parent, before), nn.Dropout):
        setattr(parent, before, nn.Identity())
    setattr(parent, last, nn.Identity())
    return n_features


class GeneratorStochasticDepth(GeneratorDropout):
    """Leave out the branch of a residual block at random, row by row.

    Stochastic depth [1]_ as torchvision has it, by an explicit generator, see
    `attach_generator`.

    Parameters
    ----------
    p : float
        Probability of leaving out the branch of a row, in [0, 1).

    References
    ----------
    .. [1] G. Huang, Y. Sun, Z. Liu, D. Sedra, K. Weinberger, "Deep Networks with
       Stochastic Depth", 2016, arXiv:1603.09382.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks._backbone_heads import GeneratorStochasticDepth
    >>> depth = GeneratorStochasticDepth(0.5)
    >>> depth.generator = torch.Generator().manual_seed(0)
    >>> depth(torch.ones(100, 3, 2, 2)).flatten(1).std(dim=1).max()
    tensor(0.)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Zero whole rows, and divide the others by what share of them is left.

        Parameters
        ----------
        x : Tensor of shape (n_rows, ...)
            Left as it is.

        Returns
        -------
        dropped : Tensor of the shape of `x`
            `x` itself in evaluation mode or with ``p=0``.
        """
        if not self.training or self.p == 0.0:
            return x
        row = x.new_ones((x.shape[0], *[1] * (x.ndim - 1)))
        return x * super().forward(row)


def use_generators_(body: nn.Module) -> None:
    """Replace torch's dropout, and stochastic depth, by those with a generator.

    Parameters
    ----------
    body : nn.Module
        Changed in place. Other layers that draw numbers are left as they are.

    Examples
    --------
    >>> from torch import nn
    >>> from skdeep.networks._backbone_heads import use_generators_
    >>> body = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    >>> use_generators_(body)
    >>> body[1]
    GeneratorDropout(p=0.5)
    """
    from torchvision.ops import StochasticDepth

    for parent in [*body.modules()]:
        for name, child in parent.named_children():
            if type(child) is nn.Dropout and child.p < 1.0:
                setattr(parent, name, GeneratorDropout(child.p))
            elif type(child) is StochasticDepth and child.mode == "row":
                depth = GeneratorStochasticDepth(float(child.p))  # type: ignore[arg-type]
                setattr(parent, name, depth)


def adapt_first_convolution_(body: nn.Module, n_channels: int) -> None:
    """Let a network for RGB images take another number of channels, in place.

    For one channel the weights are summed over the three, which is what gray copied
    to each of them would give. For n channels they are repeated in order and scaled
    by ``3 / n``, so that the first layer answers on the same scale [1]_.

    Parameters
    ----------
    body : nn.Module
        Its first convolution in order of registration has three input channels.
    n_channels : int
        At least 1; with 3 nothing is done.

    Raises
    ------
    ValueError
        If there is no first convolution of three channels.

    References
    ----------
    .. [1] R. Wightman, "PyTorch Image Models", 2019,
       https://github.com/huggingface/pytorch-image-models.

    Examples
    --------
    >>> from torch import nn
    >>> from skdeep.networks._backbone_heads import adapt_first_convolution_
    >>> body = nn.Sequential(nn.Conv2d(3, 8, 5), nn.ReLU())
    >>> adapt_first_convolution_(body, 1)
    >>> body[0].weight.shape
    torch.Size([8, 1, 5, 5])
    """
    if n_channels == 3:
        return
    for part in body.modules():
        if not isinstance(part, nn.Conv2d):
            continue
        if part.in_channels != 3 or part.groups != 1:
            break
        weight = part.weight.detach()
        if n_channels == 1:
            adapted = weight.sum(dim=1, keepdim=True)
        else:
            order = torch.arange(n_channels) % 3
            adapted = weight[:, order] * (3.0 / n_channels)
        part.weight = nn.Parameter(adapted)
        part.in_channels = n_channels
        return
    msg = (
        "The 'backbone' parameter must make a network whose first convolution has 3 "
        f"input channels, for it to be adapted to {n_channels}. Got a "
        f"{type(body).__name__} instead."
    )
    raise ValueError(msg)
