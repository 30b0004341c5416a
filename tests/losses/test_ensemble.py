"""Tests of the loss of an ensemble against its members and its predictions."""

import copy
import functools
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from torch import nn

from skdeep.losses import (
    logits_to_proba,
    make_classification_loss,
    make_regression_loss,
)
from skdeep.losses._ensemble import EnsembleLoss
from skdeep.networks._ensembling import combine

CASES: dict[str, tuple[Any, Any]] = {
    "cross_entropy": ("multiclass", "multiclass"),
    "focal": ("multiclass", "multiclass"),
    "binary": ("binary", "binary"),
    "multilabel": ("multilabel", "multilabel"),
    "squared_error": (None, "mean"),
    "absolute_error": (None, "mean"),
    "huber": (None, "mean"),
    "quantile": (None, "mean"),
    "poisson": (None, "log"),
    "torch": ("multiclass", "multiclass"),
}
# Those whose formula is shorter than the criterion's own lines.
SHORT = [name for name in CASES if name not in {"focal", "huber", "torch"}]


def _criterion(name, **options):
    kind, _ = CASES[name]
    if kind is None:
        quantile = {"quantile": 0.8} if name == "quantile" else {}
        return make_regression_loss(name, **quantile)
    special: dict[str, Any] = {"focal": "focal", "torch": nn.MultiMarginLoss}
    loss = special.get(name, "cross_entropy")
    return make_classification_loss(loss, kind=kind, **options)


def _ensemble(name, **options):
    """Return the loss as the estimators will build it."""
    together = functools.partial(combine, kind=CASES[name][1])
    return EnsembleLoss(_criterion(name, **options), together)


def _case(name, n_rows=30, n_members=4):
    """Return outputs of members, targets and weights."""
    rng = np.random.default_rng(0)
    kind, n_outputs = CASES[name][0], 1 if name == "binary" else 3
    output = 2.0 * rng.normal(size=(n_rows, n_members, n_outputs))
    if kind == "multiclass":
        target = rng.integers(0, 3, n_rows)
    elif kind is None:
        target = rng.gamma(2.0, size=(n_rows, n_outputs))
    else:
        target = rng.integers(0, 2, (n_rows, n_outputs)).astype(float)
    weight = rng.uniform(0.0, 3.0, n_rows)
    return tuple(torch.from_numpy(values) for values in (output, target, weight))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_training_loss_is_the_mean_of_the_members(name, weighted):
    """Each member meets the same targets under the same weights."""
    output, target, weight = _case(name)
    weights = weight if weighted else None
    criterion = _criterion(name)
    each = [criterion(output[:, member], target, weights) for member in range(4)]
    expected = np.mean([loss.item() for loss in each])
    loss = _ensemble(name).train()(output, target, weights)
    assert loss.shape == ()
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", SHORT)
def test_evaluation_loss_is_that_of_the_prediction(name, weighted):
    """It is computed from mean probabilities or mean predictions, in plain numbers."""
    output, target, weight = _case(name)
    weights = weight.numpy() if weighted else np.ones(30)
    members, y = output.numpy(), target.numpy()
    if name == "cross_entropy":
        p = softmax(members, axis=2).mean(axis=1)
        losses = -np.log(p[np.arange(30), y])
    elif name in {"binary", "multilabel"}:
        p = expit(members).mean(axis=1)
        losses = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(axis=1)
    elif name == "poisson":
        mean = np.exp(members).mean(axis=1)
        losses = (mean - y * np.log(mean) + y * np.log(y) - y).mean(axis=1)
    else:
        error = y - members.mean(axis=1)
        losses = {
            "squared_error": error**2 / 2,
            "absolute_error": np.abs(error),
            "quantile": np.maximum(0.8 * error, -0.2 * error),
        }[name].mean(axis=1)
    loss = _ensemble(name).eval()(output, target, weight if weighted else None)
    np.testing.assert_allclose(loss.item(), (weights * losses).mean(), rtol=1e-10)


@pytest.mark.parametrize("name", ["focal", "huber", "torch"])
def test_evaluation_loss_is_the_criterion_of_the_combination(name):
    """Any criterion takes combined outputs as it takes those of one network."""
    output, target, weight = _case(name)
    if name == "huber":
        combined = output.mean(dim=1)
    else:
        combined = torch.from_numpy(
            np.log(softmax(output.numpy(), axis=2).mean(axis=1))
        )
    expected = _criterion(name)(combined, target, weight)
    loss = _ensemble(name).eval()(output, target, weight)
    torch.testing.assert_close(loss, expected)


def test_label_smoothing_reaches_both_modes():
    """The criterion is applied as it is."""
    output, target, _ = _case("cross_entropy")
    for mode in (True, False):
        smooth = _ensemble("cross_entropy", label_smoothing=0.2).train(mode)
        sharp = _ensemble("cross_entropy").train(mode)
        assert smooth(output, target).item() > sharp(output, target).item() * 1.01


@pytest.mark.parametrize("name", CASES)
def test_members_that_agree_lose_the_same_in_both_modes(name):
    """Then the ensemble is any one of them."""
    output, target, weight = _case(name, n_members=1)
    output, loss = output.expand(-1, 4, -1), _ensemble(name)
    torch.testing.assert_close(
        loss.train()(output, target, weight), loss.eval()(output, target, weight)
    )


@pytest.mark.parametrize(
    "name", ["cross_entropy", "binary", "multilabel", "squared_error"]
)
def test_ensemble_loses_less_than_its_members(name):
    """Of a convex loss the mean prediction never loses more than the mean loss."""
    output, target, weight = _case(name)
    loss = _ensemble(name)
    together = loss.eval()(output, target, weight)
    assert together < loss.train()(output, target, weight) - 0.01


@pytest.mark.parametrize("name", ["cross_entropy", "binary", "multilabel"])
def test_evaluation_loss_is_that_of_the_predicted_probabilities(name):
    """What `logits_to_proba` makes of the combination is what the loss is of."""
    output, _, _ = _case(name)
    kind = CASES[name][0]
    proba = logits_to_proba(combine(output, CASES[name][1]), kind).numpy()
    if name == "cross_entropy":
        expected = softmax(output.numpy(), axis=2).mean(axis=1)
    else:
        expected = expit(output.numpy()).mean(axis=1)
        if name == "binary":
            expected = np.hstack([1 - expected, expected])
    np.testing.assert_allclose(proba, expected, rtol=1e-10)


@pytest.mark.parametrize("name", ["squared_error", "quantile", "poisson"])
def test_prediction_is_the_mean_of_the_members_predictions(name):
    """Under a link as well."""
    output, _, _ = _case(name)
    criterion = _criterion(name)
    each = torch.stack([criterion.inverse_link(output[:, m]) for m in range(4)])
    torch.testing.assert_close(_ensemble(name).inverse_link(output), each.mean(dim=0))


def test_gradient_of_a_member_is_its_own():
    """In training no member feels what another one says."""
    output, target, _ = _case("cross_entropy")
    output.requires_grad_()
    loss = _ensemble("cross_entropy")
    (gradient,) = torch.autograd.grad(loss(output, target), output)
    p = softmax(output.detach().numpy(), axis=2)
    p[np.arange(30), :, target.numpy()] -= 1.0
    np.testing.assert_allclose(gradient.numpy(), p / (30 * 4), atol=1e-12)


@pytest.mark.parametrize(
    ("output", "target", "weight", "message"),
    [
        ((30, 3), (30,), None, r"Got an output of shape \(30, 3\)"),
        ((30, 4, 3), (120,), None, r"a target of shape \(120,\)"),
        ((30, 4, 3), (30,), (120,), r"weights of shape \(120,\)"),
        ((30, 4, 3), (30,), (30, 1), r"weights of shape \(30, 1\)"),
        ((30, 4, 3), (30, 1), None, r"a target of shape \(\d+, 1\)"),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_other_shapes_are_refused(output, target, weight, message, training):
    """Rows of members and rows of samples are never mixed up silently."""
    loss = _ensemble("cross_entropy").train(training)
    y = torch.zeros(target, dtype=torch.int64)
    weights = None if weight is None else torch.ones(weight)
    with pytest.raises(ValueError, match=message):
        loss(torch.zeros(output), y, weights)


def test_copies_say_the_same():
    """A pickle and a deep copy equal the first."""
    output, target, weight = _case("quantile")
    loss = _ensemble("quantile").eval()
    for twin in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert twin(output, target, weight).equal(loss(output, target, weight))
