"""A backbone as it was built once, without memory for weights that are at hand."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from skdeep._seeding import isolated_global_rng
from skdeep.networks._backbone import Backbone, bare_body
from skdeep.networks._backbone_heads import (
    adapt_first_convolution_,
    remove_head_,
    use_generators_,
)
from skdeep.networks._weights import Weights

if TYPE_CHECKING:
    from torch import Tensor


def rebuild_backbone(
    name: str,
    *,
    weights: Weights | None,
    n_channels: int,
    image_size: tuple[int, int],
    n_features: int | None = None,
) -> Backbone:
    """Return an image classifier without its head, its parameters not yet in memory.

    Parameters
    ----------
    name : str
        Of a classifier of torchvision, or "timm/" and a name of timm.
    weights : Weights or None
        What it started with once: some networks are built by them. They are not read.
    n_channels : int
        Of the images.
    image_size : tuple of int
        Height and width of the images.
    n_features : int or None, default=None
        How many features it finds; None goes by what its head was given.

    Returns
    -------
    backbone : Backbone
        In evaluation mode; ``load_state_dict(state, assign=True)`` gives it weights.
        Networks of timm are in memory already.

    Raises
    ------
    ValueError
        If there is no such network.

    Examples
    --------
    >>> from skdeep.networks import rebuild_backbone
    >>> backbone = rebuild_backbone(
    ...     "squeezenet1_1", weights=None, n_channels=3, image_size=(32, 32)
    ... )
    >>> backbone.n_features, next(backbone.parameters()).device
    (512, device(type='meta'))
    """
    nothing: OrderedDict[str, Tensor] = OrderedDict()
    # With a state, be it empty: nothing is drawn or downloaded.
    known = replace(weights or Weights("none"), state=nothing)
    with isolated_global_rng(0, torch.device("cpu")):
        body, head = bare_body(name, known, image_size, "load")
    of_head = remove_head_(body, head) if head else int(body.num_features)  # type: ignore[arg-type]
    if n_channels != 3:
        adapt_first_convolution_(body, n_channels)
    use_generators_(body)
    return Backbone(body, name, n_features or of_head, has_name=True).eval()
