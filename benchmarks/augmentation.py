"""Augmentation of batches of images against torchvision's transforms of each."""

from __future__ import annotations

from _timing import finish, measure, parse_arguments, report

# isort: split
from collections.abc import Callable

import torch
from torchvision.transforms import v2

from skdeep.augmentation import ImageAugmenter

N_IMAGES, SIDE = 128, 32
TORCHVISION = "torchvision v2, per image"
# "light" crops and turns; the colours come on top.
COLOURS = {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2}


def transforms(*, colours: bool) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return torchvision's words for the same ranges, bilinear as ours."""
    bilinear = v2.InterpolationMode.BILINEAR
    steps = [
        v2.RandomResizedCrop(SIDE, scale=(0.7, 1.0), antialias=True),
        v2.RandomHorizontalFlip(0.5),
        v2.RandomAffine(
            10.0, translate=(0.1, 0.1), scale=(0.9, 1.1), interpolation=bilinear
        ),
    ]
    if colours:
        steps.append(v2.ColorJitter(**COLOURS))
    return v2.Compose(steps)


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments(__doc__, repeats=7)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((N_IMAGES, 3, SIDE, SIDE), generator=generator)
    rows = []
    for title, colours in (("light", False), ("light and colours", True)):
        augmenter = ImageAugmenter.light()
        if colours:
            augmenter.set_params(**COLOURS)
        peer = transforms(colours=colours)
        contestants = {
            "skdeep": lambda augmenter=augmenter: augmenter.augment(images, generator),
            TORCHVISION: lambda peer=peer: torch.stack([peer(each) for each in images]),
        }
        seconds = measure(contestants, repeats=arguments.repeats, number={"skdeep": 20})
        claim = f"{title}, {N_IMAGES} x 3 x {SIDE} x {SIDE}"
        rows += report(claim, seconds, {TORCHVISION: 1.0}, unit="ms")
    finish(rows, arguments.out)


if __name__ == "__main__":
    main()
