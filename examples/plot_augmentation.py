"""
Augmentation of images and texts
================================

What each operation does to a photograph, how two images are mixed, what augmentation is
worth on few digits, and what becomes of a sentence. Twenty seconds on one CPU core.
"""

# %%
# Operations on a photograph
# --------------------------
# Each row shows a part of the photograph as it is, and what four epochs of a training
# would see of it. The strengths are exaggerated.

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits, load_sample_image
from sklearn.model_selection import train_test_split

from skdeep import (
    AugmentationDisplay,
    CNNClassifier,
    ImageAugmenter,
    TextAugmenter,
)
from skdeep.augmentation import cutmix, mixup

flower = load_sample_image("flower.jpg")[40:400:3, 140:500:3]
temple = load_sample_image("china.jpg")[40:400:3, 0:360:3]

operations = {
    "rotation=30": ImageAugmenter(rotation=30),
    "translate=0.2": ImageAugmenter(translate=0.2, padding_mode="zeros"),
    "shear=25": ImageAugmenter(shear=25),
    "crop_scale=0.4": ImageAugmenter(crop_scale=0.4),
    "hflip=0.5": ImageAugmenter(hflip=0.5),
    "brightness, contrast=0.5": ImageAugmenter(brightness=0.5, contrast=0.5),
    "saturation=1": ImageAugmenter(saturation=1.0),
    "erase=1": ImageAugmenter(erase=1.0),
}
figure = plt.figure(figsize=(12, 7), layout="constrained")
parts = figure.subfigures(4, 2, wspace=0.04)
for part, (name, augmenter) in zip(parts.flat, operations.items(), strict=True):
    AugmentationDisplay.from_augmenter(
        augmenter, temple[None], n_copies=4, random_state=3, ax=part.add_subplot()
    )
    part.suptitle(name)

# %%
# Two presets
# -----------
# ``augmenter="light"`` turns, shifts, zooms and crops a little and mirrors half of the
# images; ``"strong"`` does more of it, and recolours and erases.

for preset in ("light", "strong"):
    display = AugmentationDisplay.from_augmenter(
        preset, np.stack([temple, flower]), n_copies=7, random_state=0
    )
    display.figure_.suptitle(preset)

# %%
# Mixing two images
# -----------------
# Mixup blends pairs of images, cutmix pastes a part of one into another; the loss
# counts both labels by their shares. In an estimator these are two numbers,
# ``mixup=0.2`` and ``cutmix=1.0``.

pair = np.stack([temple, flower]).transpose(0, 3, 1, 2) / 255
pairs = torch.from_numpy(np.repeat(pair, 8, axis=0))
figure, axes = plt.subplots(2, 6, figsize=(12, 4.3), layout="constrained")
for row, (name, mix) in zip(
    axes, {"mixup": mixup, "cutmix": cutmix}.items(), strict=True
):
    mixed = mix(pairs, torch.Generator().manual_seed(4), alpha=1.0)
    # Images of which the partner is the other photograph.
    other = torch.nonzero((mixed.partner < 8) != (torch.arange(16) < 8))[:6, 0]
    for ax, place in zip(row, other.tolist(), strict=True):
        ax.imshow(mixed.X[place].permute(1, 2, 0).numpy())
        share = mixed.share[place] if place < 8 else 1 - mixed.share[place]
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"{name}: {share:.0%} temple", fontsize=9)

# %%
# What it is worth
# ----------------
# 200 digits to learn from. The test images as they are, and pushed to the right by a
# pixel. Digits are turned and shifted; mirrored, they are other signs.

digits = load_digits()
X, X_test, y, y_test = train_test_split(
    digits.images, digits.target, train_size=200, stratify=digits.target, random_state=0
)
moved = np.roll(X_test, 1, axis=2)
moved[:, :, 0] = 0
in_place, pushed = {}, {}
for name, chosen in {
    "plain": None,
    "augmented": ImageAugmenter(
        rotation=10, translate=0.15, scale=0.1, padding_mode="zeros"
    ),
    "mirrored": ImageAugmenter(
        rotation=10, translate=0.15, scale=0.1, hflip=0.5, padding_mode="zeros"
    ),
}.items():
    cnn = CNNClassifier(
        conv_channels=(16, 32),
        pool_size=(1, 2),
        normalization="batch",
        augmenter=chosen,
        learning_rate=0.003,
        max_epochs=40,
        random_state=0,
    )
    cnn.fit(X, y)
    in_place[name], pushed[name] = cnn.score(X_test, y_test), cnn.score(moved, y_test)
print("Without augmentation")
print(f"  more than 90 % of the test images are right: {in_place['plain'] > 0.9}")
print(f"  more than 65 % of those that are moved: {pushed['plain'] > 0.65}")
print("Turned and shifted in training")
print(f"  more than 90 % of the test images are right: {in_place['augmented'] > 0.9}")
print(f"  more than 85 % of those that are moved: {pushed['augmented'] > 0.85}")
lost = in_place["augmented"] - in_place["mirrored"]
print(f"Mirroring costs more than 0.02 of accuracy: {lost > 0.02}")

# %%
# A sentence
# ----------
# Each operation alone, and two new sentences of each. ``AugmentedClassifier`` lets any
# estimator learn from such sentences, and ``TextClassifier`` makes new
# ones in each epoch.

synonyms = {
    "happy": ["glad", "pleased"],
    "room": ["chamber", "suite"],
    "clean": ["tidy", "spotless"],
    "staff": ["crew", "team"],
}
sentence = "The room was clean, the staff was kind, and we were happy to come back!"
for name in ("synonym", "insert", "swap", "delete", "punctuation"):
    shares = dict.fromkeys(("synonym", "insert", "swap", "delete"), 0.0)
    shares[name] = 0.2
    augmenter = TextAugmenter(synonyms=synonyms, n_aug=2, random_state=0, **shares)
    print(name)
    for text in augmenter.augment([sentence])[1:]:
        print(f"    {text}")
plt.show()
