"""Small files that ask for much: refused before it is given."""

from __future__ import annotations

import io
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdeep import MLPClassifier, MLPRegressor, load, save
from skdeep.exceptions import PersistenceError
from skdeep.persistence._container import pack, unpack
from tests.placed import LABELS, NUMBERS, ROWS, fitted
from tests.resealed import rewritten

MERSENNE = 2**61 - 1


def fitted_in(payload: Any) -> Any:
    """Return what a fit left, in the JSON of a file."""
    return payload["content"]["fitted"]


def state_in(payload: Any) -> Any:
    """Return the state of a fit, in the JSON of a file."""
    return fitted_in(payload)["_state"]["state"]


def wide_dtype(payload: Any) -> None:
    """Let three labels take gigabytes."""
    fitted_in(payload)["classes_"]["dtype"] = "<U300000000"


def wide_scalar(payload: Any) -> None:
    """Let one word take a gigabyte."""
    word = {"!": "scalar", "dtype": "<U300000000", "value": "a"}
    payload["content"]["parameters"]["scoring"] = word


def wide_layers(payload: Any) -> None:
    """Let the network be a thousand times as wide as its weights."""
    state_in(payload)["architecture"]["hidden_layer_sizes"]["items"] = [14_000, 14_000]
    for name in ("activation", "dropout"):
        item = state_in(payload)["architecture"][name]["items"][0]
        state_in(payload)["architecture"][name]["items"] = [item, item]


def wide_inputs(payload: Any) -> None:
    """Let it have more columns than there are."""
    fitted_in(payload)["n_features_in_"] = 10**9


def deep_layers(payload: Any) -> None:
    """Let it be deeper than its weights."""
    architecture = state_in(payload)["architecture"]
    for name, item in [
        ("hidden_layer_sizes", 1),
        ("activation", "relu"),
        ("dropout", 0),
    ]:
        architecture[name]["items"] = [item] * 50_000


def transformer(payload: Any) -> None:
    """Let the loss be a whole network."""
    kind = {"!": "torch class", "name": "nn.Transformer"}
    loss = {"!": "torch loss", "loss": kind, "options": {"d_model": 4096}}
    fitted_in(payload)["network"]["net"]["criterion"] = loss


def activation(payload: Any) -> None:
    """Let a layer be a whole network."""
    kind = {"!": "torch class", "name": "nn.Transformer"}
    state_in(payload)["architecture"]["activation"]["items"] = [kind]


def same_array(payload: Any) -> None:
    """Read one array twenty times, and once more as something larger."""
    weights = fitted_in(payload)["network"]["weights"]
    node = next(iter(weights.values()))
    payload["content"]["parameters"]["quantile"] = [node] * 20


def numbers(start: int, step: int) -> Callable[[Any], None]:
    """Return a change that puts very many numbers into a set."""

    def change(payload: Any) -> None:
        items = [start + step * i for i in range(50_000)]
        value = {"!": "set", "items": items}
        payload["content"]["parameters"]["class_weight"] = value

    return change


def colliding_tuples(payload: Any) -> None:
    """Put as many tuples of one hash into a dictionary as there are."""
    keys = [
        {"!": "tuple", "items": [MERSENNE * (i >> bit & 1) for bit in range(14)]}
        for i in range(2**14)
    ]
    value = {"!": "dict", "items": [[key, 0] for key in keys]}
    payload["content"]["parameters"]["class_weight"] = value


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (wide_dtype, "asks for far more memory"),
        (wide_scalar, "asks for far more memory"),
        (wide_layers, "larger than the weights in it"),
        (wide_inputs, "larger than the weights in it"),
        (deep_layers, "larger than the weights in it"),
        (transformer, "names the class"),
        (activation, "names the class"),
        (same_array, "names it twice"),
        (numbers(MERSENNE, MERSENNE), "keys that are made to collide"),
        (colliding_tuples, "keys that are made to collide"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_small_file_cannot_ask_for_much(change, sentence, tmp_path):
    """Neither for memory, which is measured in a process of its own, nor for time."""
    path = tmp_path / "file"
    save(fitted("MLPClassifier"), path)
    rewritten(path, change)
    start = time.process_time()
    with pytest.raises(PersistenceError, match=sentence) as caught:
        load(path)
    assert time.process_time() - start < 5
    assert len(str(caught.value)) < 800


_PEAK = """
import resource, sys
from skdeep import load
from skdeep.exceptions import PersistenceError
load(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[2:]:
    try:
        load(path)
    except PersistenceError:
        pass
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(after - before)
"""


def grown_by(*paths: Path) -> float:
    """Return by how many MB the second and further files let a process grow."""
    pytest.importorskip("resource")
    command = [sys.executable, "-c", _PEAK, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return int(done.stdout) / unit


@pytest.mark.slow
def test_hostile_files_take_little_memory(tmp_path):
    """All of them: less than twice a hundred megabytes, where each asks for more."""
    paths = []
    changes = (
        wide_dtype,
        wide_scalar,
        wide_layers,
        wide_inputs,
        transformer,
        same_array,
    )
    for number, change in enumerate((lambda _payload: None, *changes)):
        path = tmp_path / str(number)
        save(fitted("MLPClassifier"), path)
        paths.append(rewritten(path, change))
    assert grown_by(*paths) < 200


@pytest.mark.slow
def test_load_takes_a_few_times_the_file(tmp_path):
    """The bytes, the arrays made of them and a network: no more copies."""
    small, large = tmp_path / "small", tmp_path / "large"
    save(fitted("MLPRegressor"), small)
    net = MLPRegressor((2000, 2000), max_epochs=1, dtype="float32", random_state=0)
    save(net.fit(ROWS, NUMBERS), large)
    megabytes = large.stat().st_size / 2**20
    assert megabytes > 15
    assert grown_by(small, large) < 4.5 * megabytes + 20


def test_large_whole_numbers_are_no_attack(tmp_path):
    """Labels of 64 bits, and many numbers that differ."""
    keys = [*range(5000), *(2**61 - 1 + i for i in range(5000)), 2**63 - 1, -(2**63)]
    weights = dict.fromkeys(keys, 1.0)
    save(MLPClassifier(class_weight=weights), tmp_path / "file")
    assert load(tmp_path / "file").class_weight == weights


def test_saving_keeps_to_the_bound_of_loading(tmp_path):
    """What could not be read again is refused while it is still there."""
    texts: Any = np.array(["a" * 100_000, *map(str, range(300))])
    with pytest.raises(PersistenceError, match=r"An array of <U100000 with such short"):
        save(MLPRegressor(quantile=texts), tmp_path / "file")
    save(MLPRegressor(quantile=texts[1:].astype("U9")), tmp_path / "file")
    assert (load(tmp_path / "file").quantile == texts[1:]).all()


@pytest.mark.parametrize(
    "kind", [torch.nn.Transformer, torch.nn.Bilinear, torch.nn.MultiheadAttention]
)
def test_module_of_unknown_cost_is_refused_when_it_is_saved(kind, tmp_path):
    """As when it is loaded."""
    with pytest.raises(PersistenceError, match="no loss, activation or optimizer"):
        save(MLPRegressor(activation=kind), tmp_path / "file")


def test_bomb_within_skops_is_refused(tmp_path):
    """An archive of a few kB that unpacks to gigabytes."""
    pytest.importorskip("skops")
    pipe = make_pipeline(StandardScaler(), MLPRegressor(max_epochs=1))
    save(pipe.fit(ROWS, NUMBERS), tmp_path / "file")
    payload, arrays = unpack((tmp_path / "file").read_bytes(), "file")
    payload.pop("seal")
    (name,) = (key for key, array in arrays.items() if bytes(array[:2]) == b"PK")
    content = arrays[name].tobytes()
    for inside in (False, True):
        arrays[name] = np.frombuffer(bomb(content, inside=inside), np.uint8)
        (tmp_path / "file").write_bytes(pack(payload, arrays))
        with pytest.raises(PersistenceError, match="asks for far more memory"):
            load(tmp_path / "file")


def bomb(content: bytes, *, inside: bool) -> bytes:
    """Return an archive with a large member, itself or in a matrix within it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.npy", bytes(2**27))
    whole = io.BytesIO(content if inside else packed.getvalue())
    with zipfile.ZipFile(whole, "a") as archive:
        if inside:
            archive.writestr("1.npz", packed.getvalue())
        else:
            with zipfile.ZipFile(io.BytesIO(content)) as old:
                for item in old.infolist():
                    archive.writestr(item, old.read(item))
    return whole.getvalue()


def test_sparse_matrix_in_a_step_is_no_bomb(tmp_path):
    """skops does pack those, and they are read."""
    pytest.importorskip("skops")
    step = OneHotEncoder(handle_unknown="ignore")
    pipe = make_pipeline(step, MLPClassifier(max_epochs=1)).fit(ROWS[:, :1], LABELS)
    save(pipe, tmp_path / "file")
    assert (
        load(tmp_path / "file").predict(ROWS[:, :1]) == pipe.predict(ROWS[:, :1])
    ).all()
