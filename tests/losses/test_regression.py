"""Tests of the losses on numbers."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from sklearn.metrics import mean_pinball_loss, mean_poisson_deviance
from torch import nn

from skdeep.losses import LOSSES_REGRESSION, make_regression_loss

QUANTILE = 0.2
DELTA = 0.7
WEIGHT = np.array([0.5, 2.0, 0.0, 1.0, 1.5, 0.7, 1.3])
COUNTS = np.array([[0.0, 2.0], [1, 0], [5, 3], [2, 2], [0, 0], [7, 1], [1, 40]])


def problem(name: Any, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return outputs and targets of shape (7, 2)."""
    rng = np.random.default_rng(seed)
    output = rng.standard_normal(COUNTS.shape)
    return output, COUNTS if name == "poisson" else rng.standard_normal(COUNTS.shape)


def reference(
    name: str, output: np.ndarray, target: np.ndarray, weight: np.ndarray | None
) -> float:
    """Compute the loss by the textbook formula."""
    error = target - output
    size = np.abs(error)
    losses = {
        "squared_error": lambda: error**2 / 2,
        "absolute_error": lambda: size,
        "huber": lambda: np.where(
            size <= DELTA, error**2 / 2, DELTA * (size - DELTA / 2)
        ),
        "quantile": lambda: np.where(error > 0, QUANTILE, QUANTILE - 1) * error,
        "poisson": lambda: (
            np.exp(output)
            - target * output
            - target
            + target * np.log(np.where(target > 0, target, 1))
        ),
    }[name]()
    weights = np.ones(len(output)) if weight is None else weight
    return float((losses.mean(axis=1) * weights).sum() / len(output))


def make(name: Any) -> Any:
    """Build a loss with the constants of this file."""
    return make_regression_loss(name, quantile=QUANTILE, huber_delta=DELTA)


def tensor(values: np.ndarray, *, grad: bool = False) -> torch.Tensor:
    """Return a copy of an array as a tensor."""
    return torch.tensor(values, requires_grad=grad)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("name", LOSSES_REGRESSION)
def test_loss_and_gradient_equal_formula(
    name: str, weight: np.ndarray | None, numeric_gradient: Any
) -> None:
    """Values follow the formula, gradients its finite differences."""
    values, target = problem(name)
    output = tensor(values, grad=True)
    value = make(name)(
        output, tensor(target), None if weight is None else tensor(weight)
    )
    value.backward()

    def formula(point: np.ndarray) -> float:
        return reference(name, point, target, weight)

    assert value.shape == ()
    assert value.item() == pytest.approx(formula(values), rel=1e-12)
    assert output.grad is not None
    np.testing.assert_allclose(
        output.grad, numeric_gradient(formula, values), rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize("loss", [*LOSSES_REGRESSION, nn.SmoothL1Loss])
def test_whole_weights_equal_repeated_and_removed_rows(loss: Any) -> None:
    """With weights of mean one, weight 2 is the row twice and weight 0 no row."""
    values, target = problem(loss, seed=1)
    counts = np.array([2, 1, 0, 1, 3, 1, 1])
    module = make(loss)
    weighted = module(tensor(values), tensor(target), tensor(counts / counts.mean()))
    repeated = module(
        tensor(values.repeat(counts, axis=0)), tensor(target.repeat(counts, axis=0))
    )
    assert weighted.item() == pytest.approx(repeated.item(), rel=1e-12)


def test_poisson_is_half_of_scikit_learns_deviance() -> None:
    """The loss of logarithms is half the deviance of their exponentials."""
    values, target = problem("poisson")
    for column in range(2):
        ours = make("poisson")(
            tensor(values[:, [column]]), tensor(target[:, [column]]), tensor(WEIGHT)
        )
        deviance = mean_poisson_deviance(
            target[:, column], np.exp(values[:, column]), sample_weight=WEIGHT
        )
        expected = deviance / 2 * WEIGHT.mean()
        assert ours.item() == pytest.approx(expected, rel=1e-12)


def test_poisson_is_zero_at_a_perfect_fit() -> None:
    """Targets reached exactly cost nothing, a target of zero included."""
    target = torch.tensor([[3.0], [0.0], [50.0]], dtype=torch.float64)
    output = torch.tensor(
        [[np.log(3.0)], [-800.0], [np.log(50.0)]], dtype=torch.float64
    )
    assert make("poisson")(output, target).item() == pytest.approx(0.0, abs=1e-13)


def test_poisson_overflow_is_not_hidden_in_training_but_in_prediction() -> None:
    """The loss of an overflowing exponential is infinite, the prediction finite."""
    output = torch.tensor([[1e4], [-1e4]])
    module = make("poisson")
    assert module(output, torch.ones(2, 1)).item() == float("inf")
    largest = torch.finfo(torch.float32).max
    assert module.inverse_link(output).tolist() == [[largest], [0.0]]


def test_quantile_is_scikit_learns_pinball_loss() -> None:
    """Value and averaging over outputs are scikit-learn's."""
    values, target = problem("quantile")
    ours = make("quantile")(tensor(values), tensor(target), tensor(WEIGHT))
    pinball = mean_pinball_loss(target, values, sample_weight=WEIGHT, alpha=QUANTILE)
    assert ours.item() == pytest.approx(pinball * WEIGHT.mean(), rel=1e-12)


@pytest.mark.parametrize("form", [list, tuple])
def test_several_quantiles_are_as_many_pinball_losses(form: Any) -> None:
    """Each output has its own level; rows are weighted, outputs averaged."""
    levels = [0.1, 0.6]
    output, target = problem("quantile")
    loss = make_regression_loss("quantile", quantile=form(levels)).double()
    for weight in (None, WEIGHT):
        expected = [
            mean_pinball_loss(target[:, i], output[:, i], alpha=level)
            if weight is None
            else np.mean(
                weight
                * np.maximum(
                    level * (target[:, i] - output[:, i]),
                    (level - 1) * (target[:, i] - output[:, i]),
                )
            )
            for i, level in enumerate(levels)
        ]
        value = loss(
            tensor(output), tensor(target), None if weight is None else tensor(weight)
        )
        # The levels are stored in float32.
        assert value.item() == pytest.approx(np.mean(expected), rel=1e-7)
    again = pickle.loads(pickle.dumps(loss))
    assert again(tensor(output), tensor(target)).item() == pytest.approx(
        loss(tensor(output), tensor(target)).item()
    )


@pytest.mark.parametrize("levels", [[0.0, 0.5], [0.5, 1.0], [0.5, np.nan]], ids=str)
def test_quantiles_out_of_range_raise(levels: list[float]) -> None:
    """All of several levels lie between zero and one."""
    with pytest.raises(ValueError, match="'quantile' parameter must be a float in"):
        make_regression_loss("quantile", quantile=levels)


def test_quantile_is_fitted_by_the_quantile() -> None:
    """Of all constants the empirical quantile has the smallest loss."""
    target = np.random.default_rng(0).exponential(size=(101, 1))
    candidates = np.linspace(0, 2, 401)
    losses = [
        make("quantile")(tensor(np.full_like(target, c)), tensor(target)).item()
        for c in candidates
    ]
    best = candidates[int(np.argmin(losses))]
    assert best == pytest.approx(np.quantile(target, QUANTILE), abs=0.005)


@pytest.mark.parametrize(
    "name", ["squared_error", "absolute_error", "huber", "quantile"]
)
def test_extreme_outputs_stay_finite(name: str) -> None:
    """Errors of 1e4 give finite losses and gradients, weighted or not."""
    for weight in (None, torch.ones(2)):
        output = torch.tensor([[1e4], [-1e4]], requires_grad=True)
        value = make(name)(output, torch.zeros(2, 1), weight)
        value.backward()
        assert np.isfinite(value.item())
        assert torch.isfinite(output.grad).all()  # type: ignore[arg-type]
        assert output.grad[0].item() > 0 > output.grad[1].item()  # type: ignore[index]


@pytest.mark.parametrize("name", LOSSES_REGRESSION)
def test_non_finite_outputs_are_not_hidden(name: str) -> None:
    """A NaN in the output is a NaN in the loss, so that training can report it."""
    output = torch.tensor([[float("nan")], [0.0]])
    assert np.isnan(make(name)(output, torch.ones(2, 1)).item())


def test_squared_error_takes_no_more_operations_than_mse(operations: Any) -> None:
    """Halving is free, without weights."""
    output, target = torch.zeros(5, 1, requires_grad=True), torch.zeros(5, 1)
    ours = operations(lambda: make("squared_error")(output, target).backward())
    torchs = operations(lambda: F.mse_loss(output, target).backward())
    # What detaches only makes a name; torch 2.6 also says so when it accumulates.
    ours, torchs = (
        [name for name in names if not name.startswith(("aten.detach", "aten.add_"))]
        for names in (ours, torchs)
    )
    assert len(ours) == len(torchs)


@pytest.mark.parametrize("loss", [nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss])
def test_torch_class_without_weights_is_torchs_own(loss: Any) -> None:
    """Unweighted, an adapted class returns what it returns by itself."""
    values, target = map(tensor, problem(loss))
    value = make(loss)(values, target)
    assert value.item() == pytest.approx(loss()(values, target).item(), rel=1e-12)


@pytest.mark.parametrize("name", [*LOSSES_REGRESSION, nn.MSELoss])
def test_inverse_link(name: Any) -> None:
    """Only the Poisson loss has outputs that are not predictions."""
    output = torch.tensor([[0.5, -1.0]], dtype=torch.float64)
    expected = np.exp(output.numpy()) if name == "poisson" else output.numpy()
    np.testing.assert_allclose(make(name).inverse_link(output), expected, rtol=1e-14)


@pytest.mark.parametrize("name", [*LOSSES_REGRESSION, nn.MSELoss])
def test_shapes_that_would_broadcast_raise(name: Any) -> None:
    """A column against a row is refused with both shapes in the message."""
    module = make(name)
    with pytest.raises(ValueError, match=r"\(5, 1\).*\(5,\)"):
        module(torch.zeros(5, 1), torch.zeros(5))
    with pytest.raises(ValueError, match=r"\(5,\).*\(5,\)"):
        module(torch.zeros(5), torch.zeros(5))
    with pytest.raises(ValueError, match=r"weights of shape \(5, 1\)"):
        module(torch.zeros(5, 1), torch.zeros(5, 1), torch.ones(5, 1))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"loss": "mse"}, "'loss' parameter must be one of.*Got 'mse'"),
        ({"loss": None}, "'loss' parameter must be one of.*Got None"),
        ({"loss": nn.PoissonNLLLoss}, "PoissonNLLLoss.*Use 'poisson'"),
        ({"loss": "quantile", "quantile": 1.0}, "'quantile' parameter.*Got 1.0"),
        ({"loss": "huber", "huber_delta": 0.0}, "'huber_delta' parameter.*Got 0.0"),
    ],
)
def test_bad_parameters_raise(parameters: dict[str, Any], message: str) -> None:
    """Each parameter names its rule and what was got."""
    with pytest.raises(ValueError, match=message):
        make_regression_loss(**parameters)


@pytest.mark.parametrize("name", [*LOSSES_REGRESSION, nn.HuberLoss])
def test_loss_pickles_small(name: Any) -> None:
    """A pickled loss is the same loss in at most two kilobytes."""
    values, target = map(tensor, problem(name))
    module = make(name)
    pickled = pickle.dumps(module)
    assert len(pickled) < 2048
    again = pickle.loads(pickled)(values, target)
    assert again.item() == module(values, target).item()
