"""Values of a parameter, and what a study stores of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from scipy import stats
from torch import nn

from skdeep.model_selection._dimensions import (
    Labelled,
    Quantile,
    holds,
    make_dimension,
)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (FloatDistribution(0.1, 1.0), FloatDistribution(0.1, 1.0)),
        (stats.uniform(2, 3), FloatDistribution(2.0, 5.0)),
        (stats.loguniform(1e-4, 1.0), FloatDistribution(1e-4, 1.0, log=True)),
        (stats.randint(3, 9), IntDistribution(3, 8)),
        ([1, 2.5, None, "x"], CategoricalDistribution([1, 2.5, None, "x"])),
        (np.array([1, 2]), CategoricalDistribution([1, 2])),
        (range(3), CategoricalDistribution([0, 1, 2])),
        ({"b", "a"}, CategoricalDistribution(["a", "b"])),
    ],
)
def test_forms_become_distributions(given: Any, stored: Any) -> None:
    """Of Optuna's own kinds wherever it has the same one."""
    assert make_dimension("a", given).distribution == stored


def test_objects_are_stored_as_labels() -> None:
    """The same ones in every process; values come back as they were given."""
    choices = [(8,), (8, 8), nn.Tanh, np.tanh, {"a": 1}]
    dimension = make_dimension("a", choices)
    assert isinstance(dimension, Labelled)
    stored: Any = dimension.distribution
    labels = stored.choices
    assert labels == (
        "(8,)",
        "(8, 8)",
        "torch.nn.modules.activation.Tanh",
        "numpy.tanh",
        "{'a': 1}",
    )
    assert [dimension.decode(label) for label in labels] == choices
    assert dimension.encode((8, 8)) == "(8, 8)"
    with pytest.raises(ValueError, match="is none of"):
        dimension.encode((9,))


def test_objects_of_one_name_are_told_apart() -> None:
    """Instances have no name but their class's."""
    first, second = object(), object()
    dimension: Any = make_dimension("a", [first, second])
    labels = dimension.distribution.choices
    assert labels == ("0: object", "1: object")
    assert dimension.decode(labels[1]) is second


@pytest.mark.parametrize(
    "frozen", [stats.norm(2, 0.5), stats.expon(scale=3), stats.beta(2, 5)]
)
def test_continuous_distribution_is_stored_by_quantiles(frozen: Any) -> None:
    """A uniform draw of a quantile is a draw of the distribution."""
    dimension = make_dimension("a", frozen)
    assert isinstance(dimension, Quantile)
    stored: Any = dimension.distribution
    low, high = stored.low, stored.high
    drawn = [
        dimension.decode(q) for q in np.linspace(max(low, 1e-3), min(high, 0.999), 9)
    ]
    assert np.isfinite([dimension.decode(low), dimension.decode(high)]).all()
    np.testing.assert_allclose(
        drawn, frozen.ppf(np.linspace(max(low, 1e-3), min(high, 0.999), 9))
    )
    assert dimension.decode(dimension.encode(drawn[3])) == pytest.approx(drawn[3])


def test_discrete_distribution_gives_whole_numbers() -> None:
    """Also at its first quantile, where SciPy gives the number before the first."""
    dimension: Any = make_dimension("a", stats.binom(5, 0.4))
    drawn = {dimension.decode(q) for q in np.linspace(0, 1, 50)}
    assert drawn == {0, 1, 2, 3, 4, 5}
    assert all(type(number) is int for number in drawn)
    for number in range(6):
        assert dimension.decode(dimension.encode(number)) == number
    for absent in (7, 2.5, "x"):
        with pytest.raises(ValueError, match="is not in binom"):
            dimension.encode(absent)


@pytest.mark.parametrize(
    ("distribution", "inside", "outside"),
    [
        (FloatDistribution(0, 1), [0, 1.0, 0.3], [1.1, True, "a", None]),
        (FloatDistribution(0, 1, step=0.1), [0.3, 0.7], [0.35]),
        (IntDistribution(2, 10, step=2), [2, 4, 10], [3, 4.0, True, 12]),
        (CategoricalDistribution([1, "a", None]), [1, "a", None], [True, 1.0, 2]),
    ],
)
def test_values_inside_are_known(
    distribution: Any, inside: list[Any], outside: list[Any]
) -> None:
    """A bool is no number, and 1.0 not the choice 1."""
    assert all(holds(distribution, value) for value in inside)
    assert not any(holds(distribution, value) for value in outside)


def test_description_tells_dimensions_apart() -> None:
    """And is the same for the same one."""
    given = [
        FloatDistribution(0, 1),
        FloatDistribution(0, 1, log=False, step=0.5),
        IntDistribution(0, 1),
        [0, 1],
        [(0,), (1,)],
        stats.norm(0, 1),
        stats.norm(0, 2),
    ]
    texts = [[make_dimension("a", one).described() for one in given] for _ in "ab"]
    assert texts[0] == texts[1]
    assert len(set(texts[0])) == len(given)
