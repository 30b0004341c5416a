"""Sums of the vectors of n-grams."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch.nn.utils import parametrize

from skdeep.networks import BagEmbedding
from skdeep.networks._text_bag import _Largest, weighted_sums


def batch(seed, n_rows=6):
    """Return ids with repetitions, starts with empty bags, and weights."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, n_rows, (9,), generator=generator, dtype=torch.int32)
    starts = torch.tensor([0, 0, 4, 5, 5, 9], dtype=torch.int32)
    weights = torch.rand(9, generator=generator, dtype=torch.float64)
    return SimpleNamespace(ids=ids, starts=starts, weights=weights)


def vectors(seed, width=3):
    """Return six vectors."""
    generator = torch.Generator().manual_seed(seed + 1)
    return torch.randn(6, width, dtype=torch.float64, generator=generator)


def matrix(bags, n_rows=6):
    """Return the weights as a dense matrix of bags and rows."""
    dense = torch.zeros(len(bags.starts) - 1, n_rows, dtype=torch.float64)
    for bag in range(len(dense)):
        for item in range(bags.starts[bag], bags.starts[bag + 1]):
            dense[bag, bags.ids[item]] += bags.weights[item]
    return dense


def test_sums_and_their_gradient_are_those_of_a_product(seed):
    """A bag is a row of a matrix, multiplied by the table."""
    bags = batch(seed)
    table = vectors(seed).requires_grad_()
    sums = weighted_sums(table, bags.ids, bags.starts, bags.weights)
    torch.testing.assert_close(sums, matrix(bags) @ table)
    (gradient,) = torch.autograd.grad((sums**2).sum(), table)
    expected = 2 * matrix(bags).T @ matrix(bags) @ table.detach()
    torch.testing.assert_close(gradient, expected)


def test_gradient_is_added_to_what_is_there(seed):
    """In place, into memory that others look at."""
    bags = batch(seed)
    table = torch.nn.Parameter(vectors(seed))
    buffer = torch.ones(6, 3, dtype=torch.float64)
    table.grad = buffer
    weighted_sums(table, bags.ids, bags.starts, bags.weights).sum().backward()
    assert table.grad is buffer
    expected = 1 + matrix(bags).sum(dim=0)[:, None].expand(6, 3)
    torch.testing.assert_close(buffer, expected)


def test_gradient_that_is_asked_for_is_added_to_nothing(seed):
    """It comes as it is, once, whatever there is in `grad` already."""
    bags = batch(seed)
    net = BagEmbedding(vectors(seed))
    net.table.grad = torch.ones_like(net.table)
    expected = matrix(bags).sum(dim=0)[:, None].expand(6, 3)
    for sparse in (False, True):
        net.sparse_gradient = sparse
        (gradient,) = torch.autograd.grad(net(bags).sum(), net.table)
        assert gradient.is_sparse == sparse
        torch.testing.assert_close(gradient.to_dense(), expected)
        assert (net.table.grad == 1).all()
        (twice,) = torch.autograd.grad(net(bags).sum() + net(bags).sum(), net.table)
        torch.testing.assert_close(twice.to_dense(), 2 * expected)


def test_sparse_gradient_is_added_in_place(seed):
    """Into memory that others look at, as the steps of `fit` need it."""
    bags = batch(seed)
    net = BagEmbedding(vectors(seed))
    net.sparse_gradient = True
    buffer = net.table.grad = torch.ones_like(net.table)
    net(bags).sum().backward()
    assert net.table.grad is buffer
    expected = 1 + matrix(bags).sum(dim=0)[:, None].expand(6, 3)
    torch.testing.assert_close(buffer, expected)


def test_parametrized_table_has_a_dense_gradient(seed):
    """What a table is computed from can take no sparse one."""
    bags = batch(seed)
    plain, twice = BagEmbedding(vectors(seed)), BagEmbedding(vectors(seed))

    class Twice(torch.nn.Module):
        def forward(self, table):
            return 2 * table

    parametrize.register_parametrization(twice, "table", Twice())
    for net in (plain, twice):
        net.sparse_gradient = True
        net(bags).sum().backward()
    (original,) = twice.parameters()
    assert plain.table.grad is not None
    torch.testing.assert_close(original.grad, 2 * plain.table.grad.to_dense())


def test_gradient_passes_numerical_check(seed):
    """Against finite differences."""
    bags = batch(seed)
    table = vectors(seed, 2).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda t: weighted_sums(t, bags.ids, bags.starts, bags.weights), table
    )


def test_known_vectors_are_added_and_not_trained(seed):
    """As if all vectors stood in one table, the first ones fixed."""
    bags = batch(seed)
    table = vectors(seed)
    for pooling in ("sum", "max"):
        whole = BagEmbedding(table.clone(), pooling=pooling)
        split = BagEmbedding(table[2:].clone(), table[:2].clone(), pooling)
        torch.testing.assert_close(split(bags), whole(bags))
        split(bags).sum().backward()
        whole(bags).sum().backward()
        assert whole.table.grad is not None
        torch.testing.assert_close(split.table.grad, whole.table.grad[2:])
        assert [name for name, _ in split.named_parameters()] == ["table"]


def test_largest_numbers_are_taken_whatever_the_weights(seed):
    """And nothing of an empty bag."""
    bags = batch(seed)
    table = vectors(seed)
    largest = BagEmbedding(table, pooling="max")(bags)
    expected = table[bags.ids[:4].long()].amax(dim=0)
    torch.testing.assert_close(largest[1], expected)
    assert largest[0].tolist() == [0, 0, 0]


def test_gradient_of_the_largest_is_torchs(seed):
    """Which a GPU would add up in any order; empty bags have none."""
    bags, factors = batch(seed), vectors(seed)[:5]
    ours, theirs = (vectors(seed).requires_grad_() for _ in range(2))
    largest = _Largest.apply(ours, bags.ids, bags.starts)
    expected = torch.nn.functional.embedding_bag(
        bags.ids, theirs, bags.starts, mode="max", include_last_offset=True
    )
    torch.testing.assert_close(largest, expected)
    (largest * factors).sum().backward()
    (expected * factors).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    assert ours.grad.abs().sum() > 0
