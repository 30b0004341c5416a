"""Tests of the vocabulary of parameters and of the sentences of its errors."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from skorch.callbacks import EarlyStopping
from torch import nn

from skdeep._compat import InvalidParameterError, validate_parameter_constraints
from skdeep._constraints import (
    REGULARIZATION,
    RUNNING,
    STOPPING,
    NameOrClass,
    network_constraints,
    optimization_constraints,
)

TABLE: dict[str, list[Any]] = {
    **network_constraints(["relu", "tanh"]),
    **REGULARIZATION,
    **optimization_constraints(
        ["sgd", "adam"], torch.optim.Optimizer, ["cosine", "step"]
    ),
    **STOPPING,
    **RUNNING,
    "loss": [NameOrClass(["focal", "cross_entropy"], nn.Module)],
}

ONE_A_LAYER = ", or a sequence of these with one a hidden layer"

# What each parameter must take, what it must not, and how the error describes it.
CASES: list[tuple[str, list[Any], list[Any], str]] = [
    (
        "hidden_layer_sizes",
        [100, (100,), [64, 32], np.array([8, 8]), np.int64(5), ()],
        [0, -1, 2.5, True, "100", (10, 0), (10, 2.5), None, np.array(2.5), 2**31],
        f"an int in the range [1, 2147483647]{ONE_A_LAYER}",
    ),
    (
        "n_hidden_layers",
        [0, 3, None],
        [-1, 1.5, "2", 10_001],
        "an int in the range [0, 10000] or None",
    ),
    (
        "activation",
        ["relu", nn.GELU, torch.sin, ["relu", nn.GELU], ("tanh", "tanh")],
        ["rel", None, 3, ["relu", "rel"], [None]],
        f"a torch.nn.Module class or a function of a tensor{ONE_A_LAYER}",
    ),
    (
        "normalization",
        ["batch", "layer", None],
        ["group", True],
        "a str among {'batch', 'layer'} or None",
    ),
    (
        "dropout",
        [0.0, 0, 0.5, [0.1, 0.2], np.array([0.5]), np.float32(0.5)],
        [1.0, -0.1, np.nan, "0.5", None, True, [0.1, 1.0]],
        f"a float in the range [0.0, 1.0){ONE_A_LAYER}",
    ),
    ("residual", [True, False, np.bool_(1)], [2, "yes"], "an instance of 'bool'"),
    *(
        (name, [0, 0.0, 1e-4, 10], [-1e-9, np.nan, np.inf, "0", None],
         "a float in the range [0.0, inf)")
        for name in ("l1", "l2", "weight_decay")
    ),
    (
        "max_grad_norm",
        [1, 0.5, None],
        [0, -1.0, np.inf],
        "a float in the range (0.0, inf) or None",
    ),
    (
        "weight_averaging",
        ["ema", "swa", None],
        ["mean", True],
        "a str among {'ema', 'swa'} or None",
    ),
    (
        "optimizer",
        ["sgd", "adam", torch.optim.Adamax],
        ["lion", nn.Linear, torch.optim, None],
        "a str among {'adam', 'sgd'} or a class derived from torch's Optimizer",
    ),
    (
        "learning_rate",
        [1e-3, 1],
        [0, -1.0, np.inf, np.nan, "auto"],
        "a float in the range (0.0, inf)",
    ),
    ("momentum", [0, 0.9], [1, -0.1, None], "a float in the range [0.0, 1.0)"),
    (
        "betas",
        [(0.9, 0.999), [0.0, 0.5]],
        [(0.9,), (0.9, 1.0), (-0.1, 0.9), 0.9, (True, False), ("a", "b"), None],
        "a pair of floats in the range [0.0, 1.0)",
    ),
    ("optimizer_params", [{}, {"eps": 1}, None], [[], "eps"], "an instance of 'dict' "),
    (
        "lr_schedule",
        ["cosine", "step", None],
        ["cos", len],
        "a str among {'cosine', 'step'} or None",
    ),
    ("warmup_fraction", [0, 0.5], [1, -0.1], "a float in the range [0.0, 1.0)"),
    (
        "batch_size",
        ["auto", 1, np.int32(64)],
        [0, 1.5, "full", None],
        "a str among {'auto'} or an int in the range [1, inf)",
    ),
    ("max_epochs", [1, 1000], [0, 1.5, None], "an int in the range [1, inf)"),
    ("early_stopping", [True, False, "auto"], ["yes", 3, None], "{'auto'}"),
    (
        "validation_fraction",
        [0.1, 0.99],
        [0, 1, 5, None],
        "a float in the range (0.0, 1.0)",
    ),
    ("scoring", ["loss", "accuracy", len], [None, 3], "of 'str' or a callable"),
    ("n_iter_no_change", [1, 10], [0, 1.5], "an int in the range [1, inf)"),
    ("tol", [0, 1e-4, None], [-1e-4, np.nan], "in the range [0.0, inf) or None"),
    (
        "random_state",
        [None, 0, 2**32 - 1, np.random.default_rng(0), np.random.RandomState(0)],
        [-1, 0.5, "seed"],
        "'numpy.random._generator.Generator'",
    ),
    ("device", ["auto", "cuda:1", torch.device("cpu")], [0, None], "or an instance of"),
    ("dtype", ["auto", "float32", "float64"], ["float16", np.float32, None], "float64"),
    ("precision", ["auto", "full", "bfloat16", "float16"], ["half", None], "'full'"),
    ("n_threads", ["auto", 1, None], [0, 1.5, "all"], "an int in the range [1, inf)"),
    (
        "callbacks",
        [None, [], (), [EarlyStopping()], [EarlyStopping], [("stop", EarlyStopping())]],
        ["disable", [1], [("stop", 1)], [(1, EarlyStopping())], EarlyStopping()],
        "a list of skorch callbacks or None",
    ),
    ("verbose", [0, 1, 2, True], [-1, "loud"], "an int in the range [0, inf)"),
    (
        "loss",
        ["focal", nn.MSELoss],
        ["hinge", nn.MSELoss(), torch.optim.SGD],
        "a str among {'cross_entropy', 'focal'} or a class derived from torch's Module",
    ),
]  # fmt: skip


def ordered(sentence: str) -> str:
    """Return a sentence with the choices in braces sorted: scikit-learn's vary."""
    return re.sub(
        r"\{(.*?)\}",
        lambda found: "{" + ", ".join(sorted(found[1].split(", "))) + "}",
        sentence,
    )


def shown(value: Any) -> str:
    """Return the words that say what was got, as they read in the error."""
    return re.escape(f"Got {value!r} instead.")


@pytest.mark.parametrize(("name", "good"), [case[:2] for case in CASES])
def test_good_values_pass(name: str, good: list[Any]) -> None:
    """What the docstrings promise is taken."""
    for value in good:
        validate_parameter_constraints({name: TABLE[name]}, {name: value}, "Model")


@pytest.mark.parametrize(("name", "bad", "described"), [(c[0], *c[2:]) for c in CASES])
def test_bad_values_raise_the_sentence(
    name: str, bad: list[Any], described: str
) -> None:
    """The sentence names parameter and estimator, says the rule and what was got."""
    start = f"^The '{name}' parameter of Model must be "
    for value in bad:
        with pytest.raises(InvalidParameterError, match=start) as caught:
            validate_parameter_constraints({name: TABLE[name]}, {name: value}, "Model")
        assert described in ordered(str(caught.value))
        caught.match(shown(value))


def test_every_shared_parameter_is_tried() -> None:
    """No row of the tables is left without cases, but for the plain switches."""
    switches = {name for name, rules in TABLE.items() if rules == ["boolean"]}
    assert {case[0] for case in CASES} | switches == set(TABLE)
    assert switches == {"residual", "nesterov", "shuffle", "warm_start", "compile"}
