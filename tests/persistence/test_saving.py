"""Files without pickle: what they keep, what they refuse, and what they never do."""

from __future__ import annotations

import json
import pickle
import pickletools
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from safetensors import safe_open

import skdeep
from skdeep import (
    ImageAugmenter,
    ImageClassifier,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    load,
    save,
)
from skdeep.exceptions import SkdeepWarning
from skdeep.persistence._container import KEY
from tests.naming import shown
from tests.placed import (
    LABELS,
    NUMBERS,
    PLACED,
    ROWS,
    assert_same_answers,
    fitted,
    those_that,
)

# What makes a pickle run code.
RUNNING = {"GLOBAL", "STACK_GLOBAL", "REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"}


def trip(value: Any, folder: Path, **how: Any) -> Any:
    """Save and load."""
    save(value, folder / "file", **how)
    return load(folder / "file")


def runs_code(data: bytes) -> bool:
    """Tell whether a pickle that runs something begins anywhere in some bytes."""
    for start in range(len(data) - 2):
        if data[start] != 0x80 or not 2 <= data[start + 1] <= 5:
            continue
        try:
            names = {op.name for op, _, _ in pickletools.genops(data[start:])}
        except (ValueError, IndexError, UnicodeDecodeError):
            continue
        if names & RUNNING:
            return True
    return False


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "yes"])[np.arange(48) % 2],
        np.array(["ä", "☃"], dtype=object)[np.arange(48) % 2],
        np.arange(48) % 3 - 5,
        (np.arange(48) % 3).astype(np.uint8),
        (np.arange(48) % 2).astype(">i4"),
        np.arange(48) % 2 == 0,
        np.array([0.0, 2.0])[np.arange(48) % 2].astype(np.float32),
        np.eye(3, dtype=int)[np.arange(48) % 3],
        np.zeros(48, dtype=int),
    ],
    ids=lambda labels: f"{labels.dtype}{labels.shape}",
)
def test_labels_keep_their_type(labels, tmp_path):
    """Texts, numbers in either byte order, flags, indicators and a single class."""
    net = MLPClassifier((4,), max_epochs=2, random_state=0).fit(ROWS, labels)
    back = trip(net, tmp_path)
    assert back.classes_.dtype == net.classes_.dtype
    assert [type(label) for label in back.classes_] == [
        type(label) for label in net.classes_
    ]
    assert_same_answers(back, net, ROWS)


@pytest.mark.parametrize(
    "params",
    [
        {"loss": "poisson", "target_scaling": "standard"},
        {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
        {"loss": "quantile", "quantile": 0.2},
        {"loss": "huber", "huber_delta": 2.0},
        {"loss": "absolute_error"},
        {"loss": torch.nn.SmoothL1Loss},
        {"activation": torch.nn.PReLU, "optimizer": torch.optim.Adamax},
        {"activation": ["tanh", torch.nn.RReLU], "hidden_layer_sizes": (4, 4)},
        {"optimizer": "lbfgs", "max_epochs": 3},
        {"random_state": np.random.RandomState(3)},
        {"random_state": np.random.default_rng(3)},
        {"normalization": "batch", "residual": True, "hidden_layer_sizes": [4, 4]},
        {"dtype": "float64", "batch_size": 8, "weight_averaging": "swa"},
        {"optimizer_params": {"eps": 1e-6}, "device": torch.device("cpu")},
        {"feature_scaling": None, "target_scaling": None},
        {"tol": None, "max_grad_norm": np.float32(1.0), "l1": np.float64(0.1)},
    ],
    ids=shown,
)
def test_parameters_come_back(params, tmp_path):
    """With what was fitted by them, and when they are fitted again to the same bits."""
    net = MLPRegressor(**{"max_epochs": 2, "random_state": 0, **params})
    net.fit(ROWS, NUMBERS - NUMBERS.min())
    back = trip(net, tmp_path)
    assert_same_answers(back, net, ROWS)
    for name, value in back.get_params().items():
        assert type(value) is type(getattr(net, name)), name
    for one in (back, net):
        one.fit(ROWS, NUMBERS - NUMBERS.min())
    assert_same_answers(back, net, ROWS)


@pytest.mark.parametrize(
    "params",
    [
        {"loss": "focal", "focal_gamma": 1.5, "label_smoothing": 0.1},
        {"loss": torch.nn.CrossEntropyLoss, "label_smoothing": 0.1},
        {"loss": torch.nn.MultiMarginLoss},
        {"class_weight": {"no": 1.0, "yes": 2.0, "well": np.float64(3.0)}},
    ],
    ids=shown,
)
def test_losses_of_classifiers_come_back(params, tmp_path):
    """The loss itself too, which the net holds."""
    net = MLPClassifier(max_epochs=2, random_state=0, **params).fit(ROWS, LABELS)
    back = trip(net, tmp_path)
    assert_same_answers(back, net, ROWS)
    assert repr(back.net_.criterion_) == repr(net.net_.criterion_)
    output, y = torch.zeros(2, 3), torch.tensor([0, 2])
    losses = [n.net_.criterion_(output, y, None) for n in (back, net)]
    assert torch.equal(*losses)


def test_file_keeps_what_was_fitted_whatever_was_set_since(tmp_path):
    """Parameters that were set after the fit are those of the next one."""
    net = MLPRegressor((4,), max_epochs=2, random_state=0).fit(ROWS, NUMBERS)
    said = net.predict(ROWS)
    net.set_params(hidden_layer_sizes=(9, 9), loss="poisson", activation="tanh")
    back = trip(net, tmp_path)
    np.testing.assert_array_equal(back.predict(ROWS), said)
    assert back.hidden_layer_sizes == (9, 9)


def test_table_keeps_names_kinds_and_categories(tmp_path):
    """A frame is read by its columns, as before, and refused for the same reasons."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(PLACED["TabularMLPClassifier"].X, columns=list("abcd"))
    net = TabularMLPClassifier((4,), n_ensemble=2, max_epochs=2, random_state=0)
    net.fit(frame, LABELS)
    back = trip(net, tmp_path)
    assert back._schema == net._schema
    assert back.feature_names_in_.dtype == object
    new = frame.assign(c="never seen", a=np.nan)
    with pytest.warns(SkdeepWarning, match="no value of column 'c'"):
        expected = net.predict_proba(new)
    with pytest.warns(SkdeepWarning, match="no value of column 'c'"):
        np.testing.assert_array_equal(back.predict_proba(new), expected)
    with pytest.raises(ValueError, match="feature names should match"):
        back.predict(frame.rename(columns={"a": "z"}))


def test_nested_augmenter_comes_back(tmp_path):
    """It can be set as before."""
    net = skdeep.CNNClassifier(augmenter=ImageAugmenter(rotation=3.0))
    back = trip(net, tmp_path).set_params(augmenter__rotation=5.0)
    assert isinstance(back.augmenter, ImageAugmenter)
    assert back.augmenter.rotation == 5.0


def test_pretrained_weights_are_known_by_name(tmp_path):
    """Where they came from comes back; a member of torchvision's is its name."""
    from torchvision.models import ResNet18_Weights

    net = ImageClassifier(weights=ResNet18_Weights.DEFAULT)
    assert trip(net, tmp_path).weights == "ResNet18_Weights.IMAGENET1K_V1"
    net = ImageClassifier(weights=Path("folder", "weights.pth"), cache_features=True)
    assert trip(net, tmp_path).weights == Path("folder", "weights.pth")


def test_optimizer_is_left_out_where_it_is_not_wanted(tmp_path):
    """The file is a third; training goes on all the same, from a fresh optimizer."""
    net = MLPRegressor((400,), random_state=0)
    net.partial_fit(ROWS, NUMBERS).partial_fit(ROWS, NUMBERS)
    save(net, tmp_path / "with")
    save(net, tmp_path / "without", keep_optimizer=False)
    sizes = [(tmp_path / name).stat().st_size for name in ("with", "without")]
    assert sizes[1] < 0.5 * sizes[0]
    back = load(tmp_path / "without")
    assert_same_answers(back, net, ROWS)
    assert (
        back.partial_fit(ROWS, NUMBERS).predict(ROWS)
        != load(tmp_path / "with").partial_fit(ROWS, NUMBERS).predict(ROWS)
    ).any()
    # The estimator itself keeps it.
    assert net._state.resume


@pytest.mark.parametrize(
    "name", ["MLPClassifier", "TabularMLPRegressor", "CNNRegressor"]
)
def test_same_estimator_makes_the_same_bytes(name, tmp_path):
    """Files can be compared; a loaded estimator saves the file it came from."""
    save(fitted(name), tmp_path / "one")
    save(load(tmp_path / "one"), tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_file_is_one_of_safetensors(tmp_path):
    """Other tools find the tensors by name, and the JSON beside them."""
    save(fitted("MLPClassifier"), tmp_path / "file")
    with safe_open(tmp_path / "file", "np") as file:
        names = list(file.keys())
        text = json.loads(file.metadata()[KEY])
    assert "fitted.network.weights.layers.0.weight" in names
    assert text["content"]["class"] == "MLPClassifier"
    assert text["format"] == 1
    assert set(text["versions"]) == {"skdeep", "torch", "scikit-learn"}


def test_no_pickle_is_written(tmp_path):
    """Nowhere in a file begins a pickle that would run anything."""
    for name in ("MLPClassifier", "TabularMLPClassifier", "CNNClassifier"):
        save(fitted(name), tmp_path / name)
        assert not runs_code((tmp_path / name).read_bytes())
    # The scan does find one that is hidden.
    hidden = pickle.dumps(fitted("MLPClassifier"))
    assert runs_code(b"\x80" * 7 + bytes(range(256)) + hidden)


def test_no_pickle_is_read(tmp_path, monkeypatch):
    """Loading calls no reader that could run what it reads."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("code in a file could have been run")

    saved = those_that(lambda placed: placed.saves)
    for name in saved:
        save(fitted(name), tmp_path / name)
    for module, names in {
        pickle: ("load", "loads", "Unpickler", "_Unpickler"),
        torch: ("load",),
        joblib: ("load",),
        np: ("load",),
    }.items():
        for name in names:
            monkeypatch.setattr(module, name, refuse)
    for name in saved:
        assert type(load(tmp_path / name)).__name__ == name
