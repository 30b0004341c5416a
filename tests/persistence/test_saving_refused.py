"""What no file without pickle can hold, and files that are not what they should be."""

from __future__ import annotations

import os
import pickle
import warnings
from io import BytesIO
from operator import methodcaller
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch

from skdeep import (
    Checkpoint,
    ImageClassifier,
    MLPClassifier,
    MLPRegressor,
    load,
    save,
)
from skdeep.exceptions import (
    DeviceNotAvailableError,
    DeviceWarning,
    PersistenceError,
)
from skdeep.persistence import _saving
from tests.naming import shown
from tests.placed import PLACED, ROWS, assert_same_answers, fitted
from tests.resealed import rewritten


class OwnLoss(torch.nn.MSELoss):
    """A loss that is not torch's."""


class OwnOptimizer(torch.optim.SGD):
    """An optimizer that is not torch's."""


class OwnClassifier(MLPClassifier):
    """An estimator that is not skdeep's."""


# What the types of the constructor rule out already.
UNUSUAL: list[dict[str, Any]] = [{"l2": np.longdouble(1)}, {"device": object()}]


@pytest.mark.parametrize(
    ("estimator", "sentence"),
    [
        (
            MLPRegressor(activation=torch.sin),
            "^MLPRegressor cannot be saved without pickle: activation holds the fun",
        ),
        (MLPRegressor(activation=torch.nn.PReLU()), "activation holds a PReLU"),
        (MLPRegressor(loss=OwnLoss), "loss holds the class OwnLoss"),
        (MLPRegressor(optimizer=OwnOptimizer), "optimizer holds the class OwnOpt"),
        (MLPRegressor(scoring=max), "scoring holds the function max"),
        (MLPRegressor(optimizer_params={"a": [max]}), "optimizer_params.a.0 holds"),
        (
            MLPRegressor(callbacks=[joblib.Memory(None)]),
            r"callbacks holds a Memory. Remove them with set_params\(callbacks=None\)",
        ),
        (MLPRegressor(activation=torch.sin), "the function sin. Only numbers, texts"),
        (OwnClassifier(), "holds the class OwnClassifier. Only skdeep's own classes"),
        (
            MLPRegressor(**UNUSUAL[0]),
            "l2 holds a longdouble",
        ),
        (
            MLPRegressor(quantile=np.array([np.datetime64("2020")])),
            "quantile holds a ndarray. An array of datetime64",
        ),
        (MLPRegressor(**UNUSUAL[1]), "device holds a object"),
    ],
    ids=lambda value: shown(value)[:40],
)
def test_what_a_file_cannot_hold_is_refused(estimator, sentence, tmp_path):
    """In one sentence that says where it stands and what to do; no file is left."""
    with pytest.raises(PersistenceError, match=sentence):
        save(estimator, tmp_path / "file")
    assert not [*tmp_path.iterdir()]


def test_backbone_that_a_function_made_is_refused(tiny_backbone, tmp_path):
    """Whether the parameter still holds it or not."""
    images = PLACED["ImageClassifier"]
    net = ImageClassifier(tiny_backbone, head_epochs=1).fit(images.X, images.y)
    with pytest.raises(PersistenceError, match="backbone holds the class Shuffle"):
        save(ImageClassifier(tiny_backbone), tmp_path / "file")
    net.set_params(backbone="resnet18")
    with pytest.raises(
        PersistenceError, match="a function or a module of your own, which a fil"
    ):
        save(net, tmp_path / "file")
    # joblib does hold it.
    joblib.dump(net, tmp_path / "dumped")


def test_callbacks_of_scikit_learn_are_refused(tmp_path):
    """They stand beside the parameters."""
    callback = pytest.importorskip("sklearn.callback")
    pytest.importorskip("rich")
    net = MLPRegressor().set_callbacks(callback.ProgressBar())
    with pytest.raises(PersistenceError, match=r"Remove it with set_callbacks\(\)"):
        save(net, tmp_path / "file")
    save(net.set_callbacks(), tmp_path / "file")


@pytest.mark.parametrize("value", [torch.nn.Linear(1, 1), {"a": 1}, MLPRegressor, None])
def test_what_is_no_estimator_is_refused(value, tmp_path):
    """A class is none either."""
    with pytest.raises(PersistenceError, match="save takes an estimator of skdeep"):
        save(value, tmp_path / "file")


def test_unwritable_path_is_an_error_that_harms_nothing(tmp_path):
    """A folder that is not there, and a folder in place of a file."""
    with pytest.raises(PersistenceError, match="cannot be written: No such file"):
        save(MLPRegressor(), tmp_path / "none" / "file")
    (tmp_path / "folder").mkdir()
    with pytest.raises(PersistenceError, match="cannot be written: Is a directory"):
        save(MLPRegressor(), tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "was not written by skdeep.save, or is cut off"),
        (b"no", "was not written by skdeep.save"),
        (pickle.dumps(PLACED), r"by joblib.load and pickle.load\.$"),
        (b"\xff" * 100, "was not written by skdeep.save"),
        (b"\x02" + b"\0" * 7 + b"{}", "was not written by skdeep.save"),
    ],
    ids=range(5),
)
def test_foreign_file_is_an_error(content, sentence, tmp_path):
    """Whatever it holds."""
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(PersistenceError, match=sentence):
        load(tmp_path / "file")


def test_missing_file_is_an_error(tmp_path):
    """It is said which."""
    with pytest.raises(PersistenceError, match=r"none cannot be read: No such file"):
        load(tmp_path / "none")


def test_file_of_another_format_is_an_error(tmp_path):
    """One of a later version says that an update is needed."""
    save(MLPRegressor(), tmp_path / "file")
    for number in (2, "1", None, True):
        rewritten(tmp_path / "file", methodcaller("update", format=number))
        with pytest.raises(PersistenceError, match=f"of format {number!r}.*reads 1. U"):
            load(tmp_path / "file")


def test_older_format_has_a_reader_of_its_own(tmp_path, monkeypatch):
    """Readers stay in a table when the format changes."""
    save(MLPRegressor(max_epochs=7), tmp_path / "file")
    rewritten(tmp_path / "file", lambda p: p.update(format=0))
    monkeypatch.setitem(_saving._READERS, 0, _saving._READERS[1])
    assert load(tmp_path / "file").max_epochs == 7


@pytest.mark.parametrize(
    "name", ["Popen", "Pipeline", "os.system", "skdeep.MLPClassifier", "exceptions", 5]
)
def test_class_of_others_is_refused(name, tmp_path):
    """Nothing is imported by a name in a file."""
    save(fitted("MLPRegressor"), tmp_path / "file")

    def change(payload: Any) -> None:
        payload["content"]["class"] = name

    rewritten(tmp_path / "file", change)
    with pytest.raises(PersistenceError, match=r"names the class .*, which is not one"):
        load(tmp_path / "file")


@pytest.mark.parametrize("name", ["Job", "LeanNet", "combine", "eval", None])
def test_inner_class_of_others_is_refused(name, tmp_path):
    """Classes of skdeep that make up no fitted state are not on the list either."""
    save(fitted("MLPRegressor"), tmp_path / "file")

    def change(payload: Any) -> None:
        payload["content"]["fitted"]["_state"]["class"] = name

    rewritten(tmp_path / "file", change)
    with pytest.raises(PersistenceError, match="names the class"):
        load(tmp_path / "file")


def test_torch_class_that_is_none_is_refused(tmp_path):
    """A name is looked for among torch's modules and optimizers alone."""
    save(MLPRegressor(activation=torch.nn.PReLU), tmp_path / "file")
    for name in (
        "nn.functional",
        "nn.Parameter",
        "optim.SGD.step",
        "optim.Adam ",
        "os.x",
    ):

        def change(payload: Any, name: str = name) -> None:
            payload["content"]["parameters"]["activation"]["name"] = name

        rewritten(tmp_path / "file", change)
        with pytest.raises(PersistenceError, match=r"names the class|does not hold"):
            load(tmp_path / "file")


def test_parameter_that_is_none_is_an_error(tmp_path):
    """A file of a version that had another one does not load in silence."""
    save(MLPRegressor(), tmp_path / "file")
    rewritten(
        tmp_path / "file", lambda p: p["content"]["parameters"].update(strength=1)
    )
    with pytest.raises(PersistenceError, match="unexpected keyword argument 'st"):
        load(tmp_path / "file")


def test_parameter_that_is_new_takes_its_default(tmp_path):
    """A file of a version that did not have it is read."""
    save(fitted("MLPRegressor"), tmp_path / "file")
    rewritten(tmp_path / "file", lambda p: p["content"]["parameters"].pop("l1"))
    assert load(tmp_path / "file").l1 == 0.0


def test_weights_of_another_network_are_an_error(tmp_path):
    """Shapes are compared with the network that the state describes."""
    save(fitted("MLPRegressor"), tmp_path / "file")

    def change(payload: Any) -> None:
        state = payload["content"]["fitted"]["_state"]["state"]
        state["architecture"]["hidden_layer_sizes"]["items"] = [9]

    rewritten(tmp_path / "file", change)
    with pytest.raises(PersistenceError, match="does not hold what it should"):
        load(tmp_path / "file")


def on_cuda(path: Path) -> Path:
    """Let a file say that its network was trained on a GPU."""

    def change(payload: Any) -> None:
        payload["content"]["fitted"]["device_"] = "cuda:0"

    return rewritten(path, change)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_file_of_an_absent_device_loads_with_one_warning(tmp_path):
    """On the CPU, and says so once; asking for the CPU is no surprise."""
    save(fitted("MLPRegressor"), tmp_path / "file")
    path = on_cuda(tmp_path / "file")
    with pytest.warns(DeviceWarning, match="trained on cuda:0, which") as caught:
        back = load(path)
    assert len(caught) == 1
    assert back.device_ == back.net_.device == "cpu"
    assert_same_answers(back, fitted("MLPRegressor"), ROWS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(path, device="cpu").device_ == "cpu"
        assert load(path, device=torch.device("cpu")).device_ == "cpu"


def test_absent_device_that_is_asked_for_is_an_error(tmp_path):
    """It names what is there."""
    save(fitted("MLPRegressor"), tmp_path / "file")
    with pytest.raises(DeviceNotAvailableError, match="this process sees: "):
        load(tmp_path / "file", device="cuda:99")


def test_damaged_file_is_an_error(tmp_path):
    """A single bit is enough."""
    save(fitted("MLPRegressor"), tmp_path / "file")
    data = bytearray((tmp_path / "file").read_bytes())
    data[-5] ^= 1
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(PersistenceError, match="is damaged or was changed: its sha256"):
        load(tmp_path / "file")
    (tmp_path / "file").write_bytes(data[:-100])
    with pytest.raises(PersistenceError, match="is damaged or was changed"):
        load(tmp_path / "file")


def test_fitted_estimator_with_an_impossible_parameter_is_refused(tmp_path):
    """When it is saved: `load` would take the parameter for damage."""
    net = MLPRegressor(max_epochs=1).fit(ROWS, PLACED["MLPRegressor"].y)
    net.set_params(n_threads="many")
    with pytest.raises(
        PersistenceError, match=r"breaks its rule\. The 'n_threads' par"
    ):
        save(net, tmp_path / "file")
    assert not [*tmp_path.iterdir()]


def test_model_of_an_absent_cache_folder_is_loaded(tmp_path):
    """What a server may not write to is no property of the file."""
    net = fitted("ImageClassifier")
    before = net.cache_features
    net.set_params(cache_features="/proc/none/at/all")
    try:
        save(net, tmp_path / "file")
    finally:
        net.set_params(cache_features=before)
    assert load(tmp_path / "file").cache_features == "/proc/none/at/all"


@pytest.mark.parametrize("path", [None, 3, BytesIO(), ["file"]], ids=shown)
@pytest.mark.parametrize(
    ("owner", "use"),
    [
        ("save", lambda path: save(MLPRegressor(), path)),
        ("load", load),
        ("Checkpoint", Checkpoint),
    ],
    ids=["save", "load", "Checkpoint"],
)
def test_what_is_no_path_is_refused(path, owner, use):
    """An open file is none."""
    rule = rf"The 'path' parameter of {owner} must be a path\. Got .* of type "
    with pytest.raises(TypeError, match=rule + type(path).__name__) as caught:
        use(path)
    assert isinstance(caught.value.__cause__, TypeError)


def test_path_of_bytes_is_a_path(tmp_path):
    """As for `open`."""
    path: Any = os.fsencode(tmp_path / "file")
    save(MLPRegressor(max_epochs=7), path)
    assert load(path).max_epochs == 7
