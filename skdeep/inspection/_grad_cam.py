"""Where in an image a network saw what it predicts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from skdeep.base import FittedView

if TYPE_CHECKING:
    from skdeep._typing import Array, MatrixLike

# Images that go through the network at once.
BLOCK = 32


def grad_cam(
    estimator: Any,
    X: MatrixLike,
    *,
    target: Any = None,
    layer: int | str | None = None,
    normalize: bool = True,
) -> Array:
    """Show where in images a network saw what it predicts.

    Grad-CAM [1]_: the maps of one layer are added up, each weighted by the mean of the
    gradient of an output by it, and what is negative is cut off. The last maps, which
    are the default, tell what, and only coarsely where; earlier ones are finer.

    Parameters
    ----------
    estimator : estimator instance
        A fitted estimator of images, or a Pipeline that ends in one, or a search that
        found one.
    X : array-like of n_samples images
        What `predict` takes.
    target : label, int, array-like of n_samples of these, or None, default=None
        What to explain: a label of `classes_`; of a regressor the number of an output,
        from 0. None takes the class that is predicted, or the first output.
    layer : int, str or None, default=None
        The maps to look at: the number of a block or stage, 0 next to the input and -1
        next to the output, or the name of a module in `module_`. None takes the last
        maps of more than one pixel.
    normalize : bool, default=True
        Divide the map of each image by its largest number, so that it lies in [0, 1].

    Returns
    -------
    maps : ndarray of float32 of shape (n_samples, height, width)
        None negative; of the size of images as the network takes them.

    Raises
    ------
    TypeError
        If the estimator is none of images.
    ValueError
        If there is no such target or layer, or the layer puts out no maps.
    NotFittedError
        If the estimator has not been fitted.

    See Also
    --------
    GradCAMDisplay : The maps over the images.

    Notes
    -----
    Transformers put out a sequence of patches, which is laid out as a map; tokens that
    stand for all of them are left out. Of the last such sequence only the token goes
    on, so that the one before is taken by default.

    References
    ----------
    .. [1] R. R. Selvaraju, M. Cogswell, A. Das, R. Vedantam, D. Parikh, D. Batra,
       "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
       Localization", ICCV 2017, :arxiv:`1610.02391`

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeep import CNNClassifier, grad_cam
    >>> X, y = load_digits(return_X_y=True)
    >>> cnn = CNNClassifier((8, 8), max_epochs=2, random_state=0).fit(X[:200], y[:200])
    >>> maps = grad_cam(cnn, X[:5])
    >>> maps.shape, bool((maps >= 0).all())
    ((5, 8, 8), True)
    """
    view = image_view(estimator, "grad_cam")
    table = view.read(X)
    outputs = _chosen(view, target, table.shape[0])
    maps: list[Array] = []
    module = _map_module(view, layer)
    for start in range(0, table.shape[0], BLOCK):
        rows = slice(start, start + BLOCK)
        chosen = None if outputs is None else outputs[rows]
        maps.append(_block_maps(view, table[rows], module, chosen))
    found = np.concatenate(maps)
    if normalize:
        largest = found.max(axis=(1, 2), keepdims=True)
        found = np.divide(found, largest, out=np.zeros_like(found), where=largest > 0)
    return found


def image_view(estimator: Any, needed_by: str) -> FittedView:
    """Return a view of a fitted estimator of images.

    Raises
    ------
    TypeError
        If it is one of something else.
    """
    view = FittedView(estimator, needed_by)
    if not (view.sees_images and hasattr(view.module, "map_modules")):
        raise TypeError(
            f"{needed_by} takes an estimator of images with a convolutional network or "
            f"a backbone. Got {view.name}."
        )
    return view


def _chosen(view: FittedView, target: Any, n_rows: int) -> Array | None:
    """Return the class or output to explain for each row; None for those predicted."""
    if target is None:
        return None if view.is_classifier else np.zeros(n_rows, dtype=np.intp)
    targets = np.asarray(target)
    if targets.ndim == 0:
        targets = np.full(n_rows, target)
    if targets.shape != (n_rows,):
        raise ValueError(
            "The 'target' parameter of grad_cam must be one target, or one for each of "
            f"the {n_rows} images. Got {targets.shape[0]} of them."
        )
    known = view.classes if view.is_classifier else np.arange(view.n_outputs)
    assert known is not None
    strange = [value for value in targets.tolist() if value not in known.tolist()]
    if strange:
        what = "a class" if view.is_classifier else "the number of an output"
        raise ValueError(
            f"The 'target' parameter of grad_cam must be {what} of {view.name}, one of "
            f"{known.tolist()}. Got {strange[0]!r}."
        )
    return np.searchsorted(known, targets)


def _map_module(view: FittedView, layer: int | str | None) -> nn.Module:
    modules = view.module.map_modules()  # type: ignore[operator]
    if isinstance(layer, str):
        named: dict[str, nn.Module] = dict(view.module.named_modules())
        if layer not in named:
            raise ValueError(
                f"The 'layer' parameter of grad_cam must name a module of {view.name}."
                f"module_, such as {_path(view.module, modules[-1])!r}. Got {layer!r}."
            )
        return named[layer]
    if layer is None:
        return _last_maps(view, modules)
    if not -len(modules) <= layer < len(modules):
        raise ValueError(
            f"The 'layer' parameter of grad_cam must be in the range [-{len(modules)}, "
            f"{len(modules) - 1}] for {view.name}. Got {layer!r}."
        )
    module: nn.Module = modules[layer]
    return module


def _path(network: nn.Module, module: nn.Module) -> str:
    named: dict[str, nn.Module] = dict(network.named_modules())
    return next(name for name, inner in named.items() if inner is module)


def _last_maps(view: FittedView, modules: list[nn.Module]) -> nn.Module:
    """Return the last module that puts out more than one pixel."""
    sizes: dict[nn.Module, int] = {}

    def measure(module: nn.Module, _args: Any, output: Any) -> None:
        if not isinstance(output, torch.Tensor):
            # Branches of several sizes, in networks of timm.
            return
        maps = _as_maps(view, output)
        sizes[module] = 0 if maps is None else maps.shape[2] * maps.shape[3]
        # Nothing but the token for all of them follows the last patches.
        if output.ndim == 3 and module is modules[-1]:
            sizes[module] = 0

    handles = [module.register_forward_hook(measure) for module in modules]
    try:
        with view.running(1):
            view.module(view.blank())
    finally:
        for handle in handles:
            handle.remove()
    several = [module for module in modules if sizes.get(module, 0) > 1]
    if not several:
        raise ValueError(
            f"grad_cam needs maps of more than one pixel, and {view.name} has none. "
            "Give it larger images, by image_size, or less pooling."
        )
    return several[-1]


def _block_maps(
    view: FittedView, table: Any, module: nn.Module, chosen: Array | None
) -> Array:
    seen: list[torch.Tensor] = []

    def restart(_module: nn.Module, _args: Any, output: Any) -> Any:
        if not isinstance(output, torch.Tensor):
            return output
        # Gradients are wanted by the maps alone: what made them need not be kept. And
        # a copy, since what follows may write into them.
        seen.append(output.detach().clone().requires_grad_())
        return seen[-1].clone()

    with view.running(len(table), gradients=True):
        images = view.inputs(table)
        handle = module.register_forward_hook(restart)
        try:
            # The first of several views is the image as it is.
            raw = view.module(images[: len(table)])
        finally:
            handle.remove()
        if not seen or _as_maps(view, seen[0]) is None:
            raise ValueError(
                f"The 'layer' parameter of grad_cam must put out maps. Got a "
                f"{type(module).__name__} that does not."
            )
        score = _scores(view, raw, chosen).sum()
        (gradient,) = torch.autograd.grad(score, seen[0])
    maps, slopes = _as_maps(view, seen[0].detach()), _as_maps(view, gradient)
    assert maps is not None
    assert slopes is not None
    weights = slopes.mean(dim=(2, 3), keepdim=True)
    heat = (weights * maps).sum(dim=1, keepdim=True).relu()
    size = tuple(images.shape[2:])
    large = nn.functional.interpolate(heat.float(), size=size, mode="bilinear")
    found: Array = large[:, 0].cpu().numpy()
    return found


def _scores(view: FittedView, raw: torch.Tensor, chosen: Array | None) -> torch.Tensor:
    """Return the output to explain of each row, before any link."""
    if view.loss_kind == "binary":
        # One logit, for the second class and against the first.
        logit = raw[:, 0]
        if chosen is None:
            return logit.abs()
        return logit * torch.from_numpy(2.0 * chosen - 1.0).to(logit)
    if chosen is None:
        return raw.amax(dim=1)
    index = torch.from_numpy(chosen).to(raw.device)
    return raw.gather(1, index.unsqueeze(1))[:, 0]


def _as_maps(view: FittedView, output: torch.Tensor) -> torch.Tensor | None:
    """Return maps of shape (n, n_channels, height, width), or None for what is none."""
    if output.ndim == 4:
        backbone = getattr(view.module, "backbone", None)
        channels_last = backbone is not None and backbone.maps_channels_last
        return output.permute(0, 3, 1, 2) if channels_last else output
    if output.ndim != 3:
        return None
    # Patches in a square, behind the tokens that stand for all of them.
    side = math.isqrt(output.shape[1])
    patches = output[:, output.shape[1] - side**2 :].transpose(1, 2)
    return patches.reshape(*patches.shape[:2], side, side)
