"""Search over a head on frozen features: what passes through the network, and the cost.

Counts how often an image goes through the backbone in a grid search; compares the same
search with skorch over a frozen network of torchvision, and an epoch over kept features
with one through the backbone.
"""

from __future__ import annotations

from _timing import cpu_seconds, finish, one_blas_thread, parse_arguments, verdict

# isort: split
import time
from typing import Any, ClassVar

import numpy as np
import torch
import torchvision
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from torch import nn

from skdeep import ImageClassifier

SIDE, N_CLASSES, N_FOLDS, EPOCHS = 64, 4, 5, 2
# What the weights of most networks are used with.
FULL_SIDE, N_FULL = 224, 96
RATES = [1e-3, 3e-3, 1e-2, 3e-2]
N_COUNTED, N_COMPARED = 1_000, 120


class Counted(nn.Module):
    """ResNet-18 that counts the images it sees."""

    seen: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.body = torchvision.models.resnet18(weights=None)
        self.fc = self.body.fc
        self.body.fc = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, and count."""
        type(self).seen += len(x)
        logits: torch.Tensor = self.fc(self.body(x))
        return logits


class Frozen(nn.Module):
    """The same network for skorch, all but its head frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torchvision.models.resnet18(weights=None)
        self.body.fc = nn.Identity()
        self.body.requires_grad_(requires_grad=False)
        self.head = nn.Linear(512, N_CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        with torch.no_grad():
            features = self.body.eval()(x)
        logits: torch.Tensor = self.head(features)
        return logits


def make_images(n_images: int, side: int = SIDE) -> tuple[Any, Any]:
    """Return noise, which costs as much as photographs, and classes."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n_images, side, side, 3), dtype=np.uint8)
    return X, np.arange(n_images) % N_CLASSES


def estimator(side: int, backbone: Any = Counted) -> ImageClassifier:
    """Return the estimator; the class brings its weights, as frozen as any."""
    return ImageClassifier(
        backbone, image_size=side, head_epochs=EPOCHS, n_threads=1, random_state=0
    )


def with_skdeep(X: Any, y: Any) -> None:
    """Search with kept features."""
    model = estimator(SIDE)
    GridSearchCV(model, {"head_learning_rate": RATES}, cv=N_FOLDS).fit(X, y)


def with_skorch(X: Any, y: Any) -> None:
    """Search over the frozen network."""
    net = NeuralNetClassifier(
        Frozen,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        max_epochs=EPOCHS,
        batch_size=32,
        train_split=None,
        verbose=0,
    )
    floats = np.ascontiguousarray(X.transpose(0, 3, 1, 2), dtype=np.float32) / 255
    GridSearchCV(net, {"lr": RATES}, cv=N_FOLDS).fit(floats, y)


def epoch_ratio() -> tuple[float, float]:
    """Return CPU seconds of an epoch over kept features, and through the backbone."""
    X, y = make_images(N_FULL, FULL_SIDE)
    model = estimator(FULL_SIDE)
    n_epochs = 400
    model.set_params(head_epochs=1).fit(X, y)
    one = cpu_seconds(lambda: model.set_params(head_epochs=1).fit(X, y))
    many = cpu_seconds(lambda: model.set_params(head_epochs=1 + n_epochs).fit(X, y))
    network = Frozen()
    images = torch.from_numpy(X).permute(0, 3, 1, 2).float().div_(255)

    def epoch() -> None:
        for rows in torch.arange(len(images)).split(32):
            loss = network(images[rows]).square().mean()
            loss.backward()

    epoch()
    return (many - one) / n_epochs, cpu_seconds(epoch)


def main() -> None:
    """Count, compare and print."""
    arguments = parse_arguments(__doc__, repeats=1)
    rows: list[dict[str, Any]] = []
    with one_blas_thread():
        torch.set_num_threads(1)  # noqa: TID251 - a script of its own
        X, y = make_images(N_COUNTED)
        began = time.process_time()
        with_skdeep(X, y)
        seconds = time.process_time() - began
        passes = Counted.seen / N_COUNTED
        print(
            f"{N_FOLDS} folds x {len(RATES)} candidates and a refit, {N_COUNTED:,} "
            f"images of {SIDE} px: {passes:g} passes of each image, target 1: "
            f"{verdict(passes, 1)}; {seconds:.1f} s"
        )
        rows.append({"claim": "passes of each image", "passes": passes})
        X, y = make_images(N_COMPARED)
        for turn in range(arguments.repeats):
            # Other images every time: what is kept of the last ones must not help.
            fresh = X ^ np.uint8(turn + 1)
            ours = cpu_seconds(lambda fresh=fresh: with_skdeep(fresh, y))
            theirs = cpu_seconds(lambda fresh=fresh: with_skorch(fresh, y))
            print(
                f"the same search, {N_COMPARED} images, {EPOCHS} epochs: skdeep "
                f"{ours:.2f} s, skorch {theirs:.1f} s, ratio {ours / theirs:.4f}"
            )
            rows.append({"claim": "search", "seconds": ours, "peer_seconds": theirs})
        kept, through = epoch_ratio()
        share = f"1/{through / kept:.0f}"
        print(
            f"an epoch, {N_FULL} images of {FULL_SIDE} px: kept features "
            f"{kept * 1000:.2f} ms, through the backbone {through * 1000:.0f} ms, "
            f"{share}; target 1/500: {verdict(500 * kept, through)}"
        )
        rows.append({"claim": "epoch", "seconds": kept, "peer_seconds": through})
    finish(rows, arguments.out)


if __name__ == "__main__":
    main()
