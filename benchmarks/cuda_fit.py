"""Fits on a GPU against loops written by hand that keep the data there, and the CPU."""

from __future__ import annotations

from _timing import finish, in_turns, parse_arguments, report

# isort: split
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from cnn_fit import SIDE, network
from torch import nn

from skdeep import CNNClassifier, ImageClassifier, MLPClassifier

N_ROWS, N_FEATURES, HIDDEN, ROWS_AT_ONCE, MLP_EPOCHS = 200_000, 100, 512, 1024, 5
N_SMALL, IMAGES_AT_ONCE, CNN_EPOCHS = 10_000, 256, 3
N_PHOTOGRAPHS, WIDTH, PHOTOGRAPHS_AT_ONCE, PHOTOGRAPH_EPOCHS = 512, 224, 64, 2
N_CLASSES = 10
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def wall_seconds(call: Callable[[], object]) -> float:
    """Return the seconds until a call and all that it set going are done."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(
    contestants: Mapping[str, Callable[[], object]], repeats: int
) -> dict[str, list[float]]:
    """Return the wall seconds of every contestant in every round."""
    clocks = {name: partial(wall_seconds, call) for name, call in contestants.items()}
    return in_turns(clocks, repeats)


def by_hand(
    network: nn.Module,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    *,
    batch_size: int,
    epochs: int,
    prepare: Callable[[torch.Tensor], torch.Tensor],
    half: bool,
) -> None:
    """Train a network on data that lie on the GPU, as one writes it by hand."""
    network.cuda().train()
    inputs, labels = inputs.cuda(), labels.cuda()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    for _ in range(epochs):
        total = torch.zeros((), device="cuda")
        order = torch.randperm(len(inputs), device="cuda")
        for rows in order.split(batch_size):
            with torch.autocast("cuda", torch.bfloat16, enabled=half):
                outputs = network(prepare(inputs[rows]))
                loss = nn.functional.cross_entropy(outputs, labels[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach()
        total.item()


def perceptron() -> nn.Sequential:
    """Return two hidden layers."""
    return nn.Sequential(
        nn.Linear(N_FEATURES, HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, N_CLASSES),
    )


def standardised(images: torch.Tensor) -> torch.Tensor:
    """Return bytes as ImageNet's networks want them."""
    mean, deviation = (
        torch.tensor(v, device=images.device).view(1, 3, 1, 1)
        for v in (MEAN, DEVIATION)
    )
    return (images.float().div_(255) - mean) / deviation


def compare_perceptrons(rng: Any, repeats: int) -> list[dict[str, Any]]:
    """Compare fits on rows of numbers."""
    X = rng.standard_normal((N_ROWS, N_FEATURES), dtype=np.float32)
    y = rng.integers(0, N_CLASSES, N_ROWS)

    def ours(device: str, precision: str, epochs: int = MLP_EPOCHS) -> object:
        return MLPClassifier(
            (HIDDEN, HIDDEN),
            batch_size=ROWS_AT_ONCE,
            max_epochs=epochs,
            tol=None,
            device=device,
            precision=precision,
            random_state=0,
        ).fit(X, y)

    def theirs(*, half: bool) -> None:
        by_hand(
            perceptron(),
            torch.from_numpy(X),
            torch.from_numpy(y),
            batch_size=ROWS_AT_ONCE,
            epochs=MLP_EPOCHS,
            prepare=lambda rows: rows,
            half=half,
        )

    title = (
        f"fit ({HIDDEN}, {HIDDEN}), {N_ROWS:,} x {N_FEATURES}, batches of "
        f"{ROWS_AT_ONCE:,}, {MLP_EPOCHS} epochs"
    )
    seconds = compare(
        {
            "skdeep": lambda: ours("cuda", "auto"),
            "skdeep, precision='full'": lambda: ours("cuda", "full"),
            "by hand": lambda: theirs(half=False),
            "by hand, bfloat16": lambda: theirs(half=True),
        },
        repeats,
    )
    return report(title, seconds, {"by hand": 1.1, "by hand, bfloat16": 1.1})


def compare_small_images(rng: Any, repeats: int) -> list[dict[str, Any]]:
    """Compare fits on small images."""
    X = rng.integers(0, 256, (N_SMALL, SIDE, SIDE, 3), dtype=np.uint8)
    y = rng.integers(0, N_CLASSES, N_SMALL)

    def ours(precision: str) -> object:
        return CNNClassifier(
            batch_size=IMAGES_AT_ONCE,
            max_epochs=CNN_EPOCHS,
            tol=None,
            device="cuda",
            precision=precision,
            random_state=0,
        ).fit(X, y)

    def theirs(*, half: bool) -> None:
        by_hand(
            network(),
            torch.from_numpy(X).permute(0, 3, 1, 2),
            torch.from_numpy(y),
            batch_size=IMAGES_AT_ONCE,
            epochs=CNN_EPOCHS,
            prepare=standardised,
            half=half,
        )

    title = (
        f"fit of the default CNN, {N_SMALL:,} images of {SIDE} px, batches of "
        f"{IMAGES_AT_ONCE}, {CNN_EPOCHS} epochs"
    )
    seconds = compare(
        {
            "skdeep": lambda: ours("auto"),
            "skdeep, precision='full'": lambda: ours("full"),
            "by hand": lambda: theirs(half=False),
            "by hand, bfloat16": lambda: theirs(half=True),
        },
        repeats,
    )
    return report(title, seconds, {"by hand": 1.1, "by hand, bfloat16": 1.1})


def compare_backbones(rng: Any, repeats: int) -> list[dict[str, Any]]:
    """Compare all of a ResNet-50."""
    X = rng.integers(0, 256, (N_PHOTOGRAPHS, WIDTH, WIDTH, 3), dtype=np.uint8)
    y = rng.integers(0, N_CLASSES, N_PHOTOGRAPHS)

    def ours() -> object:
        return ImageClassifier(
            "resnet50",
            weights=None,
            image_size=WIDTH,
            resize_mode="stretch",
            trainable_layers="all",
            batch_size=PHOTOGRAPHS_AT_ONCE,
            max_epochs=PHOTOGRAPH_EPOCHS,
            device="cuda",
            random_state=0,
        ).fit(X, y)

    def theirs(*, channels_last: bool) -> None:
        network = torchvision.models.resnet50(weights=None, num_classes=N_CLASSES)
        images = torch.from_numpy(X).permute(0, 3, 1, 2)
        if channels_last:
            network = network.to(memory_format=torch.channels_last)
        else:
            images = images.contiguous()
        by_hand(
            network,
            images,
            torch.from_numpy(y),
            batch_size=PHOTOGRAPHS_AT_ONCE,
            epochs=PHOTOGRAPH_EPOCHS,
            prepare=standardised,
            half=True,
        )

    title = (
        f"ResNet-50 trained whole, {N_PHOTOGRAPHS} images of {WIDTH} px, batches of "
        f"{PHOTOGRAPHS_AT_ONCE}, {PHOTOGRAPH_EPOCHS} epochs, bfloat16"
    )
    seconds = compare(
        {
            "skdeep": ours,
            "by hand": lambda: theirs(channels_last=False),
            "by hand, channels last": lambda: theirs(channels_last=True),
        },
        repeats,
    )
    return report(title, seconds, {"by hand": 1.1, "by hand, channels last": 1.1})


def compare_predictions(rng: Any, repeats: int) -> list[dict[str, Any]]:
    """Compare what is said of images by a frozen ResNet-50."""
    X = rng.integers(0, 256, (N_PHOTOGRAPHS, WIDTH, WIDTH, 3), dtype=np.uint8)
    y = rng.integers(0, N_CLASSES, N_PHOTOGRAPHS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "resnet50.pth")
        torch.save(torchvision.models.resnet50(weights=None).state_dict(), path)
        model = ImageClassifier(
            "resnet50",
            weights=path,
            image_size=WIDTH,
            resize_mode="stretch",
            head_epochs=3,
            cache_features=False,
            device="cuda",
            random_state=0,
        ).fit(X, y)
    network = torchvision.models.resnet50(weights=None).cuda().eval()
    network = network.to(memory_format=torch.channels_last)

    def theirs() -> None:
        with torch.inference_mode():
            for images in torch.from_numpy(X).permute(0, 3, 1, 2).split(64):
                network(standardised(images.cuda())).float().cpu()

    title = f"predict_proba of a frozen ResNet-50, {N_PHOTOGRAPHS} images of {WIDTH} px"
    seconds = compare(
        {"skdeep": lambda: model.predict_proba(X), "by hand": theirs}, repeats
    )
    return report(title, seconds, {"by hand": 1.1})


def main() -> None:
    """Measure turn by turn, and print."""
    arguments = parse_arguments(__doc__, repeats=5)
    if not torch.cuda.is_available():
        raise SystemExit("This benchmark needs a CUDA device, and torch sees none.")
    print(torch.cuda.get_device_name())
    rng = np.random.default_rng(0)
    rows = []
    for part in (
        compare_perceptrons,
        compare_small_images,
        compare_backbones,
        compare_predictions,
    ):
        rows += part(rng, arguments.repeats)
    finish(rows, arguments.out)


if __name__ == "__main__":
    main()
