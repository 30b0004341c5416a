"""An epoch of fine-tuning against a loop written by hand in torch and torchvision."""

from __future__ import annotations

from _timing import finish, in_turns, one_blas_thread, parse_arguments, report

# isort: split
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torchvision
from skorch.callbacks import Callback
from torch import nn

from skdeep import ImageClassifier

N_IMAGES, SIDE, N_CLASSES, BATCH, EPOCHS = 192, 64, 5, 32, 2
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class EpochClock(Callback):  # type: ignore[misc]
    """Keep the CPU seconds of each epoch of the net that trained last."""

    seconds: ClassVar[list[float]] = []

    def on_train_begin(self, net: Any, **_: Any) -> None:
        """Forget what an earlier training took."""
        self.seconds.clear()

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        """Look at the clock."""
        self.began_ = time.process_time()

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """Look at it again."""
        self.seconds.append(time.process_time() - self.began_)


def with_skdeep(X: Any, y: Any, path: Path, trainable_layers: Any) -> float:
    """Return the CPU seconds of an epoch of the estimator."""
    model = ImageClassifier(
        "resnet18",
        weights=path,
        image_size=SIDE,
        trainable_layers=trainable_layers,
        head_epochs=1,
        max_epochs=EPOCHS,
        callbacks=[EpochClock()],
        n_threads=1,
        random_state=0,
    )
    model.fit(X, y)
    return sum(EpochClock.seconds) / EPOCHS


def by_hand(X: Any, y: Any, path: Path, trainable_layers: Any) -> float:
    """Return the CPU seconds of an epoch as one writes it by hand."""
    network = torchvision.models.resnet18(weights=None)
    network.load_state_dict(torch.load(path, weights_only=True))
    network.fc = nn.Linear(network.fc.in_features, N_CLASSES)
    frozen: list[nn.Module] = []
    if trainable_layers != "all":
        frozen = [network.conv1, network.bn1, network.layer1, network.layer2]
        frozen.append(network.layer3)
    for part in frozen:
        part.requires_grad_(requires_grad=False)
    body = [
        parameter
        for name, parameter in network.named_parameters()
        if parameter.requires_grad and not name.startswith("fc.")
    ]
    groups = [
        {"params": body, "lr": 1e-4},
        {"params": network.fc.parameters(), "lr": 1e-3},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=1e-2, fused=True)
    n_steps = EPOCHS * len(X) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [1e-4, 1e-3], total_steps=n_steps
    )
    images, labels = torch.from_numpy(X).permute(0, 3, 1, 2), torch.from_numpy(y)
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, DEVIATION))
    began = time.process_time()
    for _ in range(EPOCHS):
        network.train()
        for part in frozen:
            part.eval()
        for rows in torch.randperm(len(images)).split(BATCH):
            inputs = (images[rows].float().div_(255) - mean) / deviation
            loss = nn.functional.cross_entropy(network(inputs), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return (time.process_time() - began) / EPOCHS


def main() -> None:
    """Measure turn by turn, and print."""
    arguments = parse_arguments(__doc__, repeats=5)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (N_IMAGES, SIDE, SIDE, 3), dtype=np.uint8)
    y = rng.integers(0, N_CLASSES, N_IMAGES)
    contestants: dict[str, Callable[..., float]] = {
        "skdeep": with_skdeep,
        "by hand": by_hand,
    }
    rows = []
    with tempfile.TemporaryDirectory() as folder, one_blas_thread():
        torch.set_num_threads(1)  # noqa: TID251 - a script of its own
        path = Path(folder, "resnet18.pth")
        torch.save(torchvision.models.resnet18(weights=None).state_dict(), path)
        for trainable_layers in ("all", 1):
            clocks = {
                name: partial(run, X, y, path, trainable_layers)
                for name, run in contestants.items()
            }
            seconds = in_turns(clocks, arguments.repeats)
            title = (
                f"an epoch of ResNet-18, trainable_layers={trainable_layers!r}, "
                f"{N_IMAGES} images of {SIDE} px, batches of {BATCH}"
            )
            rows += report(title, seconds, {"by hand": 1.1})
    finish(rows, arguments.out)


if __name__ == "__main__":
    main()
