"""Tests of blended and pasted pairs of images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skdeep.augmentation import cutmix, mix_targets, mixup


def images(n=64):
    """Return images whose pixels all hold the number of the image."""
    return torch.arange(n, dtype=torch.float64).view(-1, 1, 1, 1).expand(n, 2, 8, 10)


def draw(seed=0):
    """Return a generator."""
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("mix", [mixup, cutmix])
def test_alpha_zero_leaves_images(mix):
    """Every image is its own partner, whole, and the very same tensor."""
    X = images(5)
    mixed = mix(X, draw(), alpha=0.0)
    assert mixed.X is X
    assert mixed.partner.tolist() == list(range(5))
    assert mixed.share.tolist() == [1.0] * 5


@pytest.mark.parametrize("mix", [mixup, cutmix])
def test_partners_are_a_permutation(mix):
    """Every image is mixed in once; shares differ, and lie between 0 and 1."""
    X = images()
    mixed = mix(X, draw(), alpha=1.0)
    assert sorted(mixed.partner.tolist()) == list(range(64))
    assert mixed.partner.tolist() != list(range(64))
    assert ((mixed.share >= 0) & (mixed.share <= 1)).all()
    assert mixed.share.unique().numel() > 10
    assert mixed.share.dtype == X.dtype


@pytest.mark.parametrize("mix", [mixup, cutmix])
def test_mean_of_an_image_is_that_of_its_targets(mix):
    """What is left of an image and what came in make up what its target says."""
    X = images()
    mixed = mix(X, draw(), alpha=1.0)
    values = mix_targets(torch.arange(64, dtype=torch.float64), mixed)
    np.testing.assert_allclose(mixed.X.mean(dim=(1, 2, 3)), values, atol=1e-9)


def test_mixup_shares_follow_the_beta_distribution():
    """Mean and variance are those of Beta(alpha, alpha)."""
    alpha = 0.4
    share = mixup(torch.zeros(20_000, 1), draw(), alpha=alpha).share
    assert share.mean().item() == pytest.approx(0.5, abs=0.01)
    assert share.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), abs=0.01)


def test_mixup_takes_features():
    """Rows of numbers are blended as images are."""
    X = torch.eye(6)
    mixed = mixup(X, draw(), alpha=1.0)
    share = mixed.share[:, None]
    expected = share * X + (1 - share) * X[mixed.partner]
    np.testing.assert_allclose(mixed.X, expected, atol=1e-6)


def test_cutmix_pastes_one_rectangle():
    """Pixels are those of either image, and those of the other fill a rectangle."""
    X = images()
    mixed = cutmix(X, draw(), alpha=1.0)
    for row, image in enumerate(mixed.X.numpy()):
        partner = int(mixed.partner[row])
        if partner == row:
            continue
        pasted = image[0] == partner
        assert (pasted | (image[0] == row)).all()
        ys, xs = np.nonzero(pasted)
        if ys.size:
            assert pasted[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].all()


def test_probabilities_stay_probabilities():
    """Rows of blended one-hot classes add up to one."""
    mixed = mixup(images(6), draw(), alpha=1.0)
    blended = mix_targets(torch.eye(6), mixed)
    np.testing.assert_allclose(blended.sum(dim=1), np.ones(6), rtol=1e-6)
    assert blended.dtype == torch.float32


@pytest.mark.parametrize("mix", [mixup, cutmix])
def test_one_seed_gives_the_same_bits(mix):
    """And another seed gives others."""
    X = images()
    first, again, other = (mix(X, draw(seed), alpha=1.0) for seed in (1, 1, 2))
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first.X, other.X)


@pytest.mark.parametrize("mix", [mixup, cutmix])
@pytest.mark.parametrize("alpha", [-0.1, float("inf"), float("nan")])
def test_alpha_is_checked(mix, alpha):
    """The sentence names the parameter of the estimator."""
    with pytest.raises(ValueError, match=rf"The '{mix.__name__}' parameter must be a"):
        mix(images(3), draw(), alpha=alpha)
