"""Tests of the losses on logits and of the probabilities."""

from __future__ import annotations

import pickle
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from skdeep.losses import (
    CLASSIFICATION_KINDS,
    LOSSES_CLASSIFICATION,
    logits_to_proba,
    make_classification_loss,
)

N_SAMPLES = 7
WEIGHT = np.array([0.5, 2.0, 0.0, 1.0, 1.5, 0.7, 1.3])


def problem(kind: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return logits and targets of a kind."""
    rng = np.random.default_rng(seed)
    if kind == "multiclass":
        target = rng.integers(0, 4, N_SAMPLES)
        return 2 * rng.standard_normal((N_SAMPLES, 4)), target
    shape = (N_SAMPLES, 1 if kind == "binary" else 3)
    target = rng.integers(0, 2, shape).astype(np.float64)
    return 2 * rng.standard_normal(shape), target


def reference(
    logits: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    smoothing: float,
    gamma: float,
) -> float:
    """Compute the loss by the textbook formula, on explicit soft targets."""
    if target.ndim == 1:
        n_classes = logits.shape[1]
        soft = (1 - smoothing) * np.eye(n_classes)[target] + smoothing / n_classes
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    else:
        one = (1 - smoothing) * target + smoothing / 2
        soft = np.concatenate([1 - one, one], axis=1)
        p_one = 1 / (1 + np.exp(-logits))
        p = np.concatenate([1 - p_one, p_one], axis=1)
    losses = -(soft * (1 - p) ** gamma * np.log(p)).sum(axis=1)
    return float(np.sum(losses * (1 if weight is None else weight)) / len(losses))


def tensor(values: np.ndarray, *, grad: bool = False) -> torch.Tensor:
    """Return a copy of an array as a tensor."""
    return torch.tensor(values, requires_grad=grad)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("kind", CLASSIFICATION_KINDS)
@pytest.mark.parametrize(
    ("name", "gamma"), [("cross_entropy", 0.0), ("focal", 2.0), ("focal", 0.5)]
)
def test_loss_and_gradient_equal_formula(
    name: str,
    gamma: float,
    kind: Any,
    smoothing: float,
    weight: np.ndarray | None,
    numeric_gradient: Any,
) -> None:
    """Values follow the formula, gradients its finite differences."""
    logits, target = problem(kind)
    loss = make_classification_loss(
        name, kind=kind, label_smoothing=smoothing, focal_gamma=gamma
    )
    output = tensor(logits, grad=True)
    value = loss(output, tensor(target), None if weight is None else tensor(weight))
    value.backward()

    def formula(point: np.ndarray) -> float:
        return reference(point, target, weight, smoothing, gamma)

    assert value.shape == ()
    assert value.item() == pytest.approx(formula(logits), rel=1e-12)
    assert output.grad is not None
    np.testing.assert_allclose(
        output.grad, numeric_gradient(formula, logits), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        *product(LOSSES_CLASSIFICATION, CLASSIFICATION_KINDS),
        *product([nn.CrossEntropyLoss], ["binary", "multiclass"]),
        *product([nn.BCEWithLogitsLoss], ["binary", "multilabel"]),
    ],
)
def test_whole_weights_equal_repeated_and_removed_rows(loss: Any, kind: Any) -> None:
    """With weights of mean one, weight 2 is the row twice and weight 0 no row."""
    logits, target = problem(kind, seed=1)
    counts = np.array([2, 1, 0, 1, 3, 1, 1])
    module = make_classification_loss(loss, kind=kind)
    weighted = module(tensor(logits), tensor(target), tensor(counts / counts.mean()))
    repeated = module(
        tensor(logits.repeat(counts, axis=0)), tensor(target.repeat(counts, axis=0))
    )
    assert weighted.item() == pytest.approx(repeated.item(), rel=1e-12)


def test_batch_gradients_average_to_the_gradient_of_all_rows() -> None:
    """Dividing by rows, not by weights, leaves mini-batch gradients unbiased."""
    logits, target = problem("multiclass")
    rows = slice(0, 6)
    weight = WEIGHT[rows] / WEIGHT[rows].mean()
    loss = make_classification_loss("cross_entropy", kind="multiclass")

    def value(batch: slice) -> float:
        return float(
            loss(
                tensor(logits[rows][batch]),
                tensor(target[rows][batch]),
                tensor(weight[batch]),
            )
        )

    halves = [value(slice(0, 3)), value(slice(3, 6))]
    assert np.mean(halves) == pytest.approx(value(slice(0, 6)), rel=1e-12)


@pytest.mark.parametrize("kind", CLASSIFICATION_KINDS)
def test_focal_without_gamma_is_cross_entropy(kind: Any) -> None:
    """gamma=0 gives the bits of cross-entropy."""
    logits, target = problem(kind)
    values = [
        make_classification_loss(name, kind=kind, focal_gamma=0.0, label_smoothing=0.1)(
            tensor(logits), tensor(target)
        ).item()
        for name in LOSSES_CLASSIFICATION
    ]
    assert values[0] == values[1]


@pytest.mark.parametrize(
    ("name", "smoothing"),
    [
        *product([*LOSSES_CLASSIFICATION, nn.CrossEntropyLoss], [0.0, 0.3]),
        (nn.MultiMarginLoss, 0.0),
    ],
)
def test_binary_is_two_classes_with_logits_zero_and_z(
    name: Any, smoothing: float
) -> None:
    """One logit and two classes agree in value and gradient."""
    logits, target = problem("binary")
    one, two = (
        make_classification_loss(name, kind=kind, label_smoothing=smoothing)
        for kind in ("binary", "multiclass")
    )
    z = tensor(logits, grad=True)
    pair = tensor(np.hstack([np.zeros_like(logits), logits]), grad=True)
    weight = tensor(WEIGHT)
    single = one(z, tensor(target), weight)
    double = two(pair, tensor(target[:, 0].astype(np.int64)), weight)
    single.backward()
    double.backward()
    assert single.item() == pytest.approx(double.item(), rel=1e-12)
    np.testing.assert_allclose(z.grad[:, 0], pair.grad[:, 1], rtol=1e-11)  # type: ignore[index]


@pytest.mark.parametrize("gamma", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("name", LOSSES_CLASSIFICATION)
@pytest.mark.parametrize("kind", CLASSIFICATION_KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits_stay_finite(
    name: str, kind: Any, gamma: float, dtype: torch.dtype
) -> None:
    """Logits of +-1e4, right and wrong, give finite losses and gradients."""
    column = torch.tensor([[1e4], [1e4], [-1e4], [-1e4]], dtype=dtype)
    truth = torch.tensor([[1.0], [0.0], [1.0], [0.0]], dtype=dtype)
    if kind == "multiclass":
        output = torch.cat([-column, column], dim=1)
        target = truth[:, 0].long()
    else:
        output, target = column.clone(), truth
    output.requires_grad_()
    module = make_classification_loss(name, kind=kind, focal_gamma=gamma)
    value = module(output, target)
    value.backward()
    margin = 2e4 if kind == "multiclass" else 1e4
    assert value.item() == pytest.approx(margin / 2)
    assert torch.isfinite(output.grad).all()  # type: ignore[arg-type]
    assert output.grad[1, -1].item() == pytest.approx(0.25)  # type: ignore[index]


def test_focal_loss_plays_down_rows_that_are_right() -> None:
    """At gamma 2 a row with p = 0.9 keeps a hundredth of its cross-entropy."""
    z = torch.tensor([[np.log(9.0)]], dtype=torch.float64)
    target = torch.ones(1, 1, dtype=torch.float64)
    focal = make_classification_loss("focal", kind="binary")(z, target)
    assert focal.item() == pytest.approx(-0.01 * np.log(0.9), rel=1e-12)


def test_single_class_costs_nothing() -> None:
    """A softmax over one class has no loss and no gradient."""
    for name in LOSSES_CLASSIFICATION:
        output = torch.ones(3, 1, requires_grad=True)
        module = make_classification_loss(name, kind="multiclass", label_smoothing=0.1)
        value = module(output, torch.zeros(3, dtype=torch.int64))
        value.backward()
        assert value.item() == 0.0
        assert output.grad.abs().max().item() == 0.0  # type: ignore[union-attr]


def test_plain_cross_entropy_is_one_call_of_torch(operations: Any) -> None:
    """Without weights nothing is computed beside torch's own function."""
    output, target = torch.zeros(5, 3), torch.zeros(5, dtype=torch.int64)
    module = make_classification_loss("cross_entropy", kind="multiclass")
    ours = operations(lambda: module(output, target))
    assert ours == operations(lambda: F.cross_entropy(output, target))
    column, truth = torch.zeros(5, 1), torch.zeros(5, 1)
    module = make_classification_loss("cross_entropy", kind="binary")
    ours = operations(lambda: module(column, truth))
    assert ours == operations(lambda: F.binary_cross_entropy_with_logits(column, truth))


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        (nn.CrossEntropyLoss, "multiclass"),
        (nn.MultiMarginLoss, "multiclass"),
        (nn.BCEWithLogitsLoss, "binary"),
        (nn.BCEWithLogitsLoss, "multilabel"),
        (nn.MultiLabelSoftMarginLoss, "multilabel"),
    ],
)
def test_torch_class_without_weights_is_torchs_own(loss: Any, kind: Any) -> None:
    """Unweighted, an adapted class returns what it returns by itself."""
    logits, target = map(tensor, problem(kind))
    value = make_classification_loss(loss, kind=kind)(logits, target)
    assert value.item() == pytest.approx(loss()(logits, target).item(), rel=1e-12)


def test_torch_class_with_weights_averages_further_axes() -> None:
    """The weighted loss of a row is the mean over its labels."""
    logits, target = problem("multilabel")
    module = make_classification_loss(nn.BCEWithLogitsLoss, kind="multilabel")
    value = module(tensor(logits), tensor(target), tensor(WEIGHT))
    summed = reference(logits, target, WEIGHT, 0.0, 0.0)
    assert value.item() == pytest.approx(summed / 3, rel=1e-12)


def test_soft_margin_loss_sees_signs() -> None:
    """On targets of -1 and 1 the soft margin loss is logistic cross-entropy."""
    logits, target = problem("binary")
    module = make_classification_loss(nn.SoftMarginLoss, kind="binary")
    value = module(tensor(logits), tensor(target), tensor(WEIGHT))
    expected = reference(logits, target, WEIGHT, 0.0, 0.0)
    assert value.item() == pytest.approx(expected, rel=1e-12)


def test_label_smoothing_reaches_a_torch_class() -> None:
    """A class that takes label smoothing is given it; another one refuses."""
    logits, target = problem("multiclass")
    module = make_classification_loss(
        nn.CrossEntropyLoss, kind="multiclass", label_smoothing=0.2
    )
    expected = reference(logits, target, WEIGHT, 0.2, 0.0)
    value = module(tensor(logits), tensor(target), tensor(WEIGHT))
    assert value.item() == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match=r"'label_smoothing'.*MultiMarginLoss"):
        make_classification_loss(
            nn.MultiMarginLoss, kind="multiclass", label_smoothing=0.2
        )


@pytest.mark.parametrize(
    "loss", [*LOSSES_CLASSIFICATION, nn.BCEWithLogitsLoss, nn.CrossEntropyLoss]
)
def test_binary_shapes_that_would_broadcast_raise(loss: Any) -> None:
    """A column against a row is refused with both shapes in the message."""
    module = make_classification_loss(loss, kind="binary")
    with pytest.raises(ValueError, match=r"\(5, 1\).*\(5,\)"):
        module(torch.zeros(5, 1), torch.zeros(5))
    with pytest.raises(ValueError, match=r"\(5,\).*\(5,\)"):
        module(torch.zeros(5), torch.zeros(5))
    with pytest.raises(ValueError, match=r"weights of shape \(5, 1\)"):
        module(torch.zeros(5, 1), torch.zeros(5, 1), torch.ones(5, 1))


@pytest.mark.parametrize("loss", [*LOSSES_CLASSIFICATION, nn.CrossEntropyLoss])
def test_multiclass_shapes_that_disagree_raise(loss: Any) -> None:
    """Only a row of logits for each index is taken."""
    module = make_classification_loss(loss, kind="multiclass")
    with pytest.raises(ValueError, match=r"\(5, 3\).*\(5, 1\)"):
        module(torch.zeros(5, 3), torch.zeros(5, 1, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"\(5, 3\).*\(4,\)"):
        module(torch.zeros(5, 3), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"weights of shape \(4,\)"):
        module(torch.zeros(5, 3), torch.zeros(5, dtype=torch.int64), torch.ones(4))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"loss": "hinge"}, "'loss' parameter must be one of.*Got 'hinge'"),
        ({"loss": nn.CrossEntropyLoss()}, "'loss' parameter.*CrossEntropyLoss"),
        ({"loss": nn.NLLLoss}, "Use CrossEntropyLoss"),
        ({"loss": nn.BCELoss}, "Use BCEWithLogitsLoss"),
        ({"loss": nn.CrossEntropyLoss, "kind": "multilabel"}, "BCEWithLogitsLoss"),
        ({"kind": "ternary"}, "'kind' parameter.*Got 'ternary'"),
        ({"label_smoothing": 1.0}, "'label_smoothing' parameter.*Got 1.0"),
        ({"label_smoothing": float("nan")}, "'label_smoothing' parameter.*Got nan"),
        ({"loss": "focal", "focal_gamma": -1.0}, "'focal_gamma' parameter.*Got -1.0"),
    ],
)
def test_bad_parameters_raise(parameters: dict[str, Any], message: str) -> None:
    """Each parameter names its rule and what was got."""
    defaults: dict[str, Any] = {"loss": "cross_entropy", "kind": "multiclass"}
    with pytest.raises(ValueError, match=message):
        make_classification_loss(**(defaults | parameters))


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        *product(LOSSES_CLASSIFICATION, CLASSIFICATION_KINDS),
        (nn.CrossEntropyLoss, "binary"),
        (nn.BCEWithLogitsLoss, "multilabel"),
    ],
)
def test_loss_pickles_small(loss: Any, kind: Any) -> None:
    """A pickled loss is the same loss in at most two kilobytes, without a tensor."""
    module = make_classification_loss(loss, kind=kind)
    pickled = pickle.dumps(module)
    assert len(pickled) < 2048
    assert b"torch._utils" not in pickled
    logits, target = map(tensor, problem(kind))
    again = pickle.loads(pickled)(logits, target)
    assert again.item() == module(logits, target).item()


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_probabilities_sum_to_one(kind: Any) -> None:
    """Rows sum to one in float64, whatever the dtype and size of the logits."""
    logits, _ = problem(kind)
    for scale in (1.0, 10.0, 1e4):
        for dtype in (torch.bfloat16, torch.float32, torch.float64):
            proba = logits_to_proba(tensor(scale * logits).to(dtype), kind)
            assert proba.dtype == torch.float64
            assert bool((proba >= 0).all())
            np.testing.assert_allclose(proba.sum(dim=1), 1.0, rtol=0, atol=1e-15)


def test_probabilities_equal_formula() -> None:
    """Softmax and logistic function are what they are called."""
    logits, _ = problem("multiclass")
    powers = np.exp(logits)
    np.testing.assert_allclose(
        logits_to_proba(tensor(logits), "multiclass"),
        powers / powers.sum(axis=1, keepdims=True),
        rtol=1e-14,
    )
    np.testing.assert_allclose(
        logits_to_proba(tensor(logits), "multilabel"),
        1 / (1 + np.exp(-logits)),
        rtol=1e-14,
    )


def test_binary_probabilities_are_monotone_in_both_tails() -> None:
    """Where 1 - p would round to 0 or 1, each column still orders the rows."""
    z = torch.linspace(-300, 300, 601, dtype=torch.float64).unsqueeze(1)
    proba = logits_to_proba(z, "binary")
    assert bool((proba[:301, 1].diff() > 0).all())
    assert bool((proba[300:, 0].diff() < 0).all())
    np.testing.assert_allclose(proba[:, 0], proba.flip(0)[:, 1], rtol=0)
    assert proba[0, 1].item() == pytest.approx(np.exp(-300.0), rel=1e-12)


def test_probabilities_refuse_what_they_cannot_read() -> None:
    """Unknown kinds and two binary logits raise."""
    with pytest.raises(ValueError, match=r"'kind' parameter.*Got 'single'"):
        logits_to_proba(torch.zeros(2, 1), "single")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"shape \(2, 2\).*kind='multiclass'"):
        logits_to_proba(torch.zeros(2, 2), "binary")
