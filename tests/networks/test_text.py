"""The network for texts: a vector, then a perceptron."""

from __future__ import annotations

import torch

from skdeep.networks import (
    ConvEmbedding,
    TextNetwork,
    attach_generator,
    draw_vectors,
)

WORDS = torch.tensor([[1, 2], [3, 0]])


def network(**params):
    """Return a small network on convolutions."""
    generator = torch.Generator().manual_seed(0)
    table = draw_vectors(5, 4, torch.float32, generator)
    embedding = ConvEmbedding(table, 3, (2,), generator=generator)
    return TextNetwork(embedding, (6,), 2, generator=generator, **params)


def test_network_is_a_perceptron_on_features():
    """What `features` returns goes through the head."""
    module = network().eval()
    features = module.features(WORDS)
    assert features.shape == (2, 3)
    torch.testing.assert_close(module(WORDS), module.head(features))


def test_features_are_dropped_in_training_only():
    """By the generator that is attached."""
    module = network(embedding_dropout=0.5)
    attach_generator(module, torch.Generator().manual_seed(0))
    first, second = module(WORDS), module(WORDS)
    assert not torch.equal(first, second)
    module.eval()
    assert torch.equal(module(WORDS), module(WORDS))


def test_first_vectors_are_small_and_the_same_in_every_dtype():
    """Uniform, by the generator."""
    one, two = (
        draw_vectors(200, 8, dtype, torch.Generator().manual_seed(3))
        for dtype in (torch.float32, torch.float64)
    )
    assert torch.equal(one, two.float())
    assert two.abs().max() <= 0.05
    # The deviation of uniform numbers, to five standard errors of 1,600.
    assert abs(two.std() - 0.05 / 3**0.5) < 5 * 0.05 / 3**0.5 / (2 * 1600) ** 0.5
