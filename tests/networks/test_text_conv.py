"""Convolution over the words of a text."""

from __future__ import annotations

import pytest
import torch

from skdeep.networks import ConvEmbedding

WORDS = torch.tensor([[1, 2, 3, 4, 5], [2, 2, 0, 0, 0], [0, 0, 0, 0, 0]])


@pytest.fixture
def table(seed):
    """Return vectors of no word and of six words."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(7, 4, dtype=torch.float64, generator=generator)


def by_hand(network, words):
    """Return the largest response of each channel, window by window."""
    vectors = torch.stack([network.table[word] for word in words if word])
    responses = []
    for convolution in network.convolutions:
        kernel = convolution.kernel_size[0]
        before, after = (kernel - 1) // 2, kernel // 2
        empty = vectors.new_zeros
        padded = torch.cat([empty(before, 4), vectors, empty(after, 4)])
        windows = [padded[i : i + kernel] for i in range(len(vectors))]
        at = [
            (convolution.weight * window.T).sum(dim=(1, 2)) + convolution.bias
            for window in windows
        ]
        responses.append(torch.stack(at).amax(dim=0).relu())
    return torch.cat(responses)


def test_vector_is_the_largest_response_of_every_window(table):
    """Of even and odd widths, also wider than the text."""
    network = ConvEmbedding(table, 3, (1, 2, 3, 6))
    assert network.width == 12
    vectors = network(WORDS)
    for row in (0, 1):
        torch.testing.assert_close(vectors[row], by_hand(network, WORDS[row]))


def test_filling_has_no_part_in_it(table):
    """A text alone, and one filled up to the length of another, are the same."""
    network = ConvEmbedding(table, 3, (2, 5))
    torch.testing.assert_close(network(WORDS)[1:2], network(WORDS[1:2, :2]))
    torch.testing.assert_close(network(WORDS)[2:], network(WORDS[2:, :1]))


def test_vector_of_no_word_stays_zero(table):
    """It is set to zero, and no gradient reaches it."""
    network = ConvEmbedding(table, 3, (3,))
    network(WORDS).sum().backward()
    assert network.table[0].tolist() == [0, 0, 0, 0]
    gradient = network.table.grad
    assert gradient is not None
    assert gradient[0].tolist() == [0, 0, 0, 0]
    assert gradient[1:6].abs().sum() > 0


def test_known_vectors_are_read_and_not_trained(table):
    """As if all vectors stood in one table, the first ones fixed."""
    whole = ConvEmbedding(table.clone(), 3, (2, 3))
    rest = torch.cat([table[:1], table[3:]])
    split = ConvEmbedding(rest, 3, (2, 3), known=table[1:3].clone())
    split.convolutions.load_state_dict(whole.convolutions.state_dict())
    torch.testing.assert_close(split(WORDS), whole(WORDS))
    split(WORDS).sum().backward()
    whole(WORDS).sum().backward()
    assert split.table.grad is not None
    assert whole.table.grad is not None
    torch.testing.assert_close(split.table.grad[1:], whole.table.grad[3:])


def test_same_seed_gives_the_same_weights(table):
    """And nothing is drawn from torch's own generator."""
    one, two = (
        ConvEmbedding(
            table.clone(), 3, (2,), generator=torch.Generator().manual_seed(seed)
        )
        for seed in (5, 5)
    )
    weights = two.convolutions.state_dict()
    for name, value in one.convolutions.state_dict().items():
        assert torch.equal(value, weights[name])
