"""Tests of the shape rules."""

from __future__ import annotations

import pytest
import torch

from skdeep.losses._shapes import check_columns, check_indices


def test_agreeing_shapes_pass() -> None:
    """What fits is let through, an empty batch included."""
    for n_samples in (0, 1, 4):
        weight = torch.ones(n_samples)
        check_columns(torch.zeros(n_samples, 2), torch.zeros(n_samples, 2), weight)
        check_indices(torch.zeros(n_samples, 2), torch.zeros(n_samples), weight)


@pytest.mark.parametrize(
    ("output", "target"),
    [((4, 2), (4,)), ((4,), (4, 1)), ((4, 1), (1, 4)), ((2, 2, 2), (2, 2, 2))],
)
def test_columns_refuse_other_shapes(
    output: tuple[int, ...], target: tuple[int, ...]
) -> None:
    """Everything but two equal matrices is refused."""
    with pytest.raises(ValueError, match="same shape"):
        check_columns(torch.zeros(output), torch.zeros(target), None)


@pytest.mark.parametrize(
    ("output", "target"),
    [((4, 2), (2,)), ((4,), (4,)), ((4, 2), (4, 2)), ((4, 2, 2), (4,)), ((), ())],
)
def test_indices_refuse_other_shapes(
    output: tuple[int, ...], target: tuple[int, ...]
) -> None:
    """Everything but a matrix and its rows' indices is refused."""
    with pytest.raises(ValueError, match="n_classes"):
        check_indices(torch.zeros(output), torch.zeros(target), None)
