"""One seed, the same bits in any thread, worker and process; nothing else moved."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import MLPClassifier, MLPRegressor
from tests.naming import shown

ESTIMATORS = [MLPClassifier, MLPRegressor]
# Small, yet with every source of chance: weights, order of rows, dropout, hold-out.
SETTINGS: dict[str, Any] = {
    "hidden_layer_sizes": (12, 6),
    "dropout": 0.3,
    "normalization": "batch",
    "batch_size": 16,
    "max_epochs": 3,
    "early_stopping": True,
    "random_state": 7,
}


class BlurredLoss(torch.nn.Module):
    """A loss of somebody else's, which blurs the outputs by torch's generator."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return squared distances to a blurred output."""
        return (output + 0.1 * torch.randn_like(output) - target) ** 2


# What draws from torch's generator unless it is kept from it.
FOREIGN: list[dict[str, Any]] = [
    {"activation": torch.nn.RReLU},
    {"activation": torch.nn.functional.dropout},
    {"loss": BlurredLoss},
    {"loss": torch.nn.SmoothL1Loss, "activation": ["tanh", torch.nn.RReLU]},
]


def table() -> tuple[np.ndarray, np.ndarray]:
    """Return 80 rows of 5 features and a binary target, good for both estimators."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((80, 5))
    return X, (X[:, 0] + 0.3 * rng.standard_normal(80) > 0).astype(int)


def bits(estimator: Any) -> str:
    """Return a digest of all that a fit computed."""
    digest = hashlib.sha256()
    for name, tensor in estimator.module_.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.numpy().tobytes())
    for name in ("train_loss", "valid_loss", "epoch"):
        digest.update(estimator.history_.get(name, np.zeros(0)).tobytes())
    return digest.hexdigest()


@pytest.fixture
def global_state() -> Iterator[Callable[[], list[bytes]]]:
    """Return a function that copies all global random states; put them back after."""

    def now() -> list[bytes]:
        numpy_state = np.random.get_state(legacy=False)["state"]
        return [
            torch.get_rng_state().numpy().tobytes(),
            numpy_state["key"].tobytes() + bytes(str(numpy_state["pos"]), "ascii"),
            repr(random.getstate()).encode(),
        ]

    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    yield now
    torch.set_rng_state(states[0])
    np.random.set_state(states[1])
    random.setstate(states[2])


def seed_everything(seed: int) -> None:
    """Move every global generator."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def on_pool(tasks: Sequence[Callable[..., str]]) -> list[str]:
    """Run tasks in four threads of a pool."""
    with ThreadPoolExecutor(4) as pool:
        return [done.result() for done in [pool.submit(task) for task in tasks]]


def on_joblib(tasks: Sequence[Callable[..., str]]) -> list[str]:
    """Run tasks in four threads of joblib."""
    found = joblib.Parallel(n_jobs=4, backend="threading")(
        joblib.delayed(task)() for task in tasks
    )
    return list(found)


@pytest.mark.parametrize("run", [on_pool, on_joblib])
@pytest.mark.parametrize("changes", [{}, *FOREIGN[:3:2]], ids=shown)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_concurrent_fits_equal_the_sequential_one(kind, changes, run):
    """Eight fits of one seed on four threads do not disturb one another."""
    X, y = table()
    estimator = kind(**{**SETTINGS, **changes})
    expected = bits(clone(estimator).fit(X, y))
    fits = [lambda: bits(clone(estimator).fit(X, y)) for _ in range(8)]
    assert run(fits) == [expected] * 8


def test_concurrent_fits_of_several_seeds_keep_apart():
    """Fits of different seeds at once give what each gives alone."""
    X, y = table()
    seeds = [0, 1, 2, 3, 0, 1, 2, 3]
    alone = [
        bits(MLPClassifier(**{**SETTINGS, "random_state": s}).fit(X, y))
        for s in range(4)
    ]
    fits = [
        lambda s=s: bits(MLPClassifier(**{**SETTINGS, "random_state": s}).fit(X, y))
        for s in seeds
    ]
    assert len(set(alone)) == 4
    assert on_pool(fits) == alone * 2


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_scores_are_the_same_with_any_backend(kind):
    """Cross-validation gives equal scores in this process, in threads, in workers."""
    X, y = table()
    # In a pipeline, so that the estimator gets its rows from somebody else.
    estimator = make_pipeline(StandardScaler(), kind(**SETTINGS))
    expected = cross_val_score(estimator, X, y, cv=3, n_jobs=1)
    for backend in ("threading", "loky"):
        with joblib.parallel_config(backend):
            scores = cross_val_score(estimator, X, y, cv=3, n_jobs=2)
        np.testing.assert_array_equal(scores, expected, err_msg=backend)


def test_bits_are_the_same_in_another_interpreter():
    """Neither the seed of hashes nor the order of imports matters."""
    program = (
        "import sys\n"
        "from importlib.util import module_from_spec, spec_from_file_location\n"
        "spec = spec_from_file_location('copy', sys.argv[1])\n"
        "copy = module_from_spec(spec); spec.loader.exec_module(copy)\n"
        "X, y = copy.table()\n"
        "print(copy.bits(copy.MLPClassifier(**copy.SETTINGS).fit(X, y)))\n"
    )
    command = [sys.executable, "-c", program, __file__]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, "PYTHONHASHSEED": "17", "OMP_NUM_THREADS": "2"},
    )
    X, y = table()
    assert done.stdout.strip() == bits(MLPClassifier(**SETTINGS).fit(X, y))


@pytest.mark.parametrize("changes", [{}, *FOREIGN], ids=shown)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_global_random_state_is_neither_read_nor_moved(kind, changes, global_state):
    """Whatever the generators of the process hold, and they hold it afterwards."""
    X, y = table()
    found = []
    for seed in (1, 2):
        seed_everything(seed)
        before = global_state()
        estimator = kind(**{**SETTINGS, "early_stopping": False, **changes})
        found.append(bits(estimator.fit(X, y)))
        estimator.predict(X)
        first = {"classes": [0, 1]} if kind is MLPClassifier else {}
        estimator = clone(estimator).partial_fit(X, y, **first).partial_fit(X, y)
        found.append(bits(estimator))
        assert global_state() == before
    assert found[:2] == found[2:]


@pytest.mark.parametrize("changes", [{}, FOREIGN[0]], ids=shown)
def test_global_random_state_is_restored_after_a_failure(changes, global_state):
    """An error in the midst of a training gives borrowed generators back."""
    X, y = table()
    seed_everything(5)
    before = global_state()
    estimator = MLPRegressor(learning_rate=1e12, max_epochs=9, batch_size=16, **changes)
    with pytest.raises(ArithmeticError, match="diverged"):
        estimator.fit(X, y)
    assert global_state() == before


def test_no_seed_takes_fresh_entropy(global_state):
    """Without a seed fits differ, even where every global generator stands the same."""
    X, y = table()
    found = []
    for _ in range(2):
        seed_everything(0)
        estimator = MLPClassifier(**{**SETTINGS, "random_state": None})
        found.append(bits(estimator.fit(X, y)))
    assert found[0] != found[1]


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_generator_as_seed_moves_on_with_every_fit(make):
    """A generator given as the seed is drawn from once a fit, and so repeatable."""
    X, y = table()
    found = []
    for _ in range(2):
        estimator = MLPRegressor(**{**SETTINGS, "random_state": make(3)})
        found.append([bits(estimator.fit(X, y)), bits(estimator.fit(X, y))])
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_second_fit_forgets_the_first(kind):
    """Fitting again, also after other data, gives what a new estimator gives."""
    X, y = table()
    estimator = kind(**SETTINGS)
    expected = bits(clone(estimator).fit(X, y))
    estimator.fit(X[:40, :3], y[:40])
    assert bits(estimator.fit(X, y)) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"dropout": 0.9},
        {"shuffle": False},
        {"batch_size": 80},
        {"early_stopping": True, "validation_fraction": 0.5},
        {"activation": torch.nn.RReLU, "normalization": "layer"},
    ],
    ids=shown,
)
def test_initial_weights_depend_on_the_seed_alone(changes):
    """Switching another source of chance on does not change where training begins."""
    X, y = table()
    still: dict[str, Any] = {
        "hidden_layer_sizes": (6,),
        "optimizer": "sgd",
        # Too small a step to change a bit.
        "learning_rate": 1e-30,
        "max_epochs": 1,
        "dtype": "float32",
        "random_state": 11,
    }
    plain = MLPRegressor(**still).fit(X, y)
    other = MLPRegressor(**{**still, **changes}).fit(X, y)
    for one, two in zip(plain.coefs_, other.coefs_, strict=True):
        np.testing.assert_array_equal(one, two)
