"""Pretrain torchvision's ResNet-18 on eight classes of CIFAR-10, in plain torch.

What it saves is a state dict as torchvision's own files hold it; `transfer.py` loads
it by ``weights=<path>``. Small images first and larger ones in the last epochs, which
halves the time: about half an hour on one core.
"""

from __future__ import annotations

import _timing  # noqa: F401 - sets the number of threads

# isort: split
import argparse
import hashlib
import math
import time
from pathlib import Path

import numpy as np
import torch
import torchvision
from _image_sets import DATA, read_set
from torch import nn

SIZES = (32, 32, 32, 32, 32, 32, 48, 48, 48)
BATCH, RATE, DECAY = 128, 0.2, 5e-4
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def to_inputs(images: np.ndarray, size: int) -> torch.Tensor:
    """Return standardised floats, enlarged where `size` is larger than the images."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255)
    if size != pixels.shape[-1]:
        pixels = nn.functional.interpolate(pixels, size=size, mode="bilinear")
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, DEVIATION))
    return (pixels - mean) / deviation


def shifted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return images shifted by up to four pixels, half of them mirrored."""
    side = images.shape[1]
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)), mode="reflect")
    out = np.empty_like(images)
    for row, (top, left) in enumerate(rng.integers(0, 9, (len(images), 2))):
        out[row] = padded[row, top : top + side, left : left + side]
    mirrored = rng.random(len(images)) < 0.5
    out[mirrored] = out[mirrored, :, ::-1]
    return out


def accuracy(network: nn.Module, X: np.ndarray, y: np.ndarray, size: int) -> float:
    """Return the share of test images told right."""
    network.eval()
    right = 0
    with torch.inference_mode():
        for start in range(0, len(X), 256):
            rows = slice(start, start + 256)
            right += int(
                (network(to_inputs(X[rows], size)).argmax(1).numpy() == y[rows]).sum()
            )
    network.train()
    return right / len(X)


def main() -> None:
    """Train, print an epoch a line, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path())
    arguments = parser.parse_args()
    images = read_set("cifar10_pretrain", arguments.data, size=32)
    classes, y = np.unique(images.y_train, return_inverse=True)
    y_test = np.searchsorted(classes, images.y_test)
    torch.manual_seed(0)  # noqa: TID251 - a script of its own
    rng = np.random.default_rng(0)
    network = torchvision.models.resnet18(weights=None, num_classes=len(classes))
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": DECAY},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.SGD(groups, lr=RATE, momentum=0.9, nesterov=True)
    n_batches = len(y) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=n_batches * len(SIZES), pct_start=0.25
    )
    for epoch, size in enumerate(SIZES, start=1):
        began, total = time.process_time(), 0.0
        for rows in rng.permutation(len(y))[: n_batches * BATCH].reshape(-1, BATCH):
            inputs = to_inputs(shifted(images.X_train[rows], rng), size)
            loss = nn.functional.cross_entropy(
                network(inputs), torch.from_numpy(y[rows])
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() / n_batches
        if not math.isfinite(total):
            message = "The loss is no longer finite."
            raise RuntimeError(message)
        score = accuracy(network, images.X_test, y_test, size)
        seconds = time.process_time() - began
        print(
            f"epoch {epoch} at {size} px: loss {total:.3f}, test accuracy {score:.3f}, "
            f"{seconds:.0f} s",
            flush=True,
        )
        save(network, arguments.out)


def save(network: nn.Module, folder: Path) -> None:
    """Write the state dict, its sha256 in the name as torchvision has it."""
    path = folder / "resnet18.pth"
    torch.save(network.state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    for stale in folder.glob("resnet18-????????.pth"):
        stale.unlink()
    path.rename(folder / f"resnet18-{digest[:8]}.pth")


if __name__ == "__main__":
    main()
