"""Thousands of damaged files: each an error in a sentence, or the very estimator."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdeep import Checkpoint, MLPRegressor, load, save
from skdeep.exceptions import (
    DeviceNotAvailableError,
    DivergenceError,
    PersistenceError,
    SkdeepWarning,
)
from skdeep.persistence._container import pack, unpack
from tests.edits import edited
from tests.placed import (
    NUMBERS,
    PLACED,
    ROWS,
    Cut,
    CuttingCheckpoint,
    answers,
    assert_same_answers,
    fit,
    fitted,
    make,
    those_that,
)
from tests.resealed import resealed

N_FILES = [200, pytest.param(2000, marks=pytest.mark.slow)]
Damage = Callable[[bytes, np.random.Generator], bytes]


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    """Flip a bit."""
    changed = bytearray(data)
    changed[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def overwrite(data: bytes, rng: np.random.Generator) -> bytes:
    """Write random bytes somewhere."""
    start, n = int(rng.integers(len(data))), int(rng.integers(1, 40))
    return data[:start] + rng.bytes(n) + data[start + n :]


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    """Leave out the end."""
    return data[: rng.integers(len(data))]


def leave_out(data: bytes, rng: np.random.Generator) -> bytes:
    """Leave out a piece of the middle."""
    start, n = int(rng.integers(len(data))), int(rng.integers(1, 200))
    return data[:start] + data[start + n :]


def insert(data: bytes, rng: np.random.Generator) -> bytes:
    """Repeat a piece somewhere else."""
    start, at = (int(rng.integers(len(data))) for _ in range(2))
    return data[:at] + data[start : start + int(rng.integers(1, 200))] + data[at:]


def in_header(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage what is parsed rather than what is copied."""
    n = 8 + int.from_bytes(data[:8], "little")
    damage = (flip, overwrite, leave_out)[rng.integers(3)]
    return damage(data[:n], rng) + data[n:]


def forged(data: bytes, rng: np.random.Generator) -> bytes:
    """Exchange two values of the JSON, which stays JSON."""
    payload, arrays = unpack(data, "file")
    payload.pop("seal")
    places = list(inside(payload))
    (one, a), (two, b) = (places[rng.integers(len(places))] for _ in range(2))
    one[a], two[b] = json.loads(json.dumps([two[b], one[a]]))
    return pack(payload, arrays)


def inside(value: Any) -> Any:
    """Yield every place of a nest of lists and dicts."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from inside(value[key])


DAMAGES: list[Damage] = [flip, overwrite, cut, leave_out, insert, in_header]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return files of a network, of one with categories, and of a Pipeline."""
    path = tmp_path_factory.mktemp("files") / "file"
    values: dict[str, Any] = {
        "MLPClassifier": fitted("MLPClassifier"),
        "TabularMLPClassifier": fitted("TabularMLPClassifier"),
    }
    pytest.importorskip("skops", reason="steps of scikit-learn need the extra safe")
    pipeline = make_pipeline(StandardScaler(), MLPRegressor((4,), max_epochs=1))
    values["Pipeline"] = pipeline.fit(ROWS, NUMBERS)
    found = {}
    for name, value in values.items():
        save(value, path)
        found[name] = path.read_bytes()
    return found


def read(path: Path, data: bytes) -> Any:
    """Return what a damaged file loads as, or None where it is refused in a line."""
    path.write_bytes(data)
    found, sentence = read_or_refused(path)
    assert sentence.count("\n") == 0
    assert len(sentence) < 800
    return found


def read_or_refused(path: Path) -> tuple[Any, str]:
    """Return what a file loads as, and the sentence where it is refused."""
    try:
        with warnings.catch_warnings():
            # Of an absent device or another version, which a changed text may name.
            warnings.simplefilter("ignore", SkdeepWarning)
            return load(path), ""
    except (PersistenceError, DeviceNotAvailableError) as error:
        return None, str(error)


@pytest.mark.parametrize("n_files", N_FILES, ids=str)
def test_damage_is_an_error_or_no_damage(n_files, files, seed, tmp_path):
    """Nothing else is raised, and no other estimator loaded."""
    rng, path = np.random.default_rng(seed), tmp_path / "file"
    path.write_bytes(files["MLPClassifier"])
    original = load(path)
    names = list(files)
    n_refused = 0
    for number in range(n_files):
        name = names[number % len(names)]
        data = DAMAGES[number % len(DAMAGES)](files[name], rng)
        found = read(path, data)
        n_refused += found is None
        if found is not None:
            assert data == files[name]
    assert n_refused > 0.95 * n_files
    assert_same_answers(original, fitted("MLPClassifier"), ROWS)


@pytest.mark.parametrize("n_files", N_FILES, ids=str)
def test_parsers_behind_the_seal_are_safe(n_files, files, seed, tmp_path, monkeypatch):
    """Whoever can change a file can seal it: still no crash, and nothing is run."""
    import os
    import pickle
    import subprocess

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise SystemExit("code in a file was run")

    for module, called in (
        (pickle, "loads"),
        (pickle, "Unpickler"),
        (os, "system"),
        (subprocess, "Popen"),
    ):
        monkeypatch.setattr(module, called, refuse)
    rng, path = np.random.default_rng(seed + 1), tmp_path / "file"
    damages = [*DAMAGES, in_header, forged, forged, forged]
    names = list(files)
    n_loaded = 0
    for number in range(n_files):
        name = names[number % len(names)]
        data = resealed(damages[number % len(damages)](files[name], rng))
        found = read(path, data)
        if found is not None:
            n_loaded += 1
            assert isinstance(found, BaseEstimator)
    # Weights, for one, can be changed without anyone noticing.
    assert 0 < n_loaded < n_files


N_EDITS = [120, pytest.param(2000, marks=pytest.mark.slow)]


@pytest.mark.parametrize("n_edits", N_EDITS, ids=str)
def test_edited_file_answers_or_is_refused_at_load(n_edits, seed, tmp_path):
    """Shapes, dtypes and kinds are looked at there, and not in the first prediction."""
    names = those_that(lambda placed: placed.saves)
    if n_edits < 1000:
        names = [
            "MLPClassifier",
            "MLPRegressor",
            "TabularMLPClassifier",
            "CNNRegressor",
        ]
        names += ["TextClassifier", "TextRegressor"]
    rng, path, files = np.random.default_rng(seed + 2), tmp_path / "file", {}
    for name in names:
        save(fitted(name), path)
        files[name] = path.read_bytes()
    n_loaded = 0
    for number in range(n_edits):
        name = names[number % len(names)]
        path.write_bytes(edited(files[name], rng))
        found, _ = read_or_refused(path)
        if found is None:
            continue
        n_loaded += 1
        try:
            answers(found, PLACED[name].X)
        except (NotFittedError, ValueError) as error:
            # Rows that another model takes, or none at all: a sentence of ours.
            assert name in str(error) or "not fitted" in str(error)  # noqa: PT017
    assert 0.2 * n_edits < n_loaded < 0.8 * n_edits


@pytest.mark.parametrize("n_edits", N_EDITS, ids=str)
def test_edited_checkpoint_ends_or_is_refused(n_edits, seed, tmp_path):
    """At the start of the fit: nothing fails in the middle of an epoch."""
    names = ["MLPRegressor", "TabularMLPClassifier"]
    if n_edits > 1000:
        names += ["MLPClassifier", "CNNClassifier", "TextClassifier", "ImageRegressor"]
    rng, path, files = np.random.default_rng(seed + 3), tmp_path / "file", {}
    for name in names:
        with pytest.raises(Cut):
            fit(make(name), name, checkpoint=CuttingCheckpoint(path, 2))
        files[name] = path.read_bytes()
    n_ended = 0
    for number in range(n_edits):
        name = names[number % len(names)]
        path.write_bytes(edited(files[name], rng))
        net = make(name)
        try:
            fit(net, name, checkpoint=Checkpoint(path, resume=True))
        except PersistenceError:
            assert not hasattr(net, "net_")
        except DivergenceError:
            # Numbers that could be those of a fit, and lead nowhere.
            assert not hasattr(net, "net_")
        else:
            n_ended += 1
    assert 0.2 * n_edits < n_ended < 0.9 * n_edits


def test_nest_without_end_is_an_error(tmp_path):
    """Nor does JSON that is too deep for Python's stack crash it."""
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    payload = {"format": 1, "kind": "estimator", "versions": {}, "content": deep}
    data = pack(payload, {})
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(PersistenceError, match="does not hold what it should"):
        load(tmp_path / "file")
    text = json.dumps({"__metadata__": {"skdeep": '{"seal":"sha256:' + "0" * 64}})
    text = text[:-3] + '\\",\\"a\\":' + "[" * 100_000 + '"}}'
    raw = text.encode()
    (tmp_path / "file").write_bytes(
        resealed(len(raw).to_bytes(8, "little") + raw),
    )
    with pytest.raises(PersistenceError, match="cannot be read"):
        load(tmp_path / "file")


def test_pipeline_with_changed_skops_is_refused(files, tmp_path):
    """Types that scikit-learn does not have are named, and not loaded."""
    from skops.io import dumps

    payload, arrays = unpack(files["Pipeline"], "file")
    payload.pop("seal")
    (name,) = (key for key, array in arrays.items() if bytes(array[:2]) == b"PK")
    arrays[name] = np.frombuffer(dumps(OneHotEncoder(dtype=Own)), np.uint8)
    (tmp_path / "file").write_bytes(pack(payload, arrays))
    with pytest.raises(PersistenceError, match=r"skops does not trust: .*Own\. Look"):
        load(tmp_path / "file")


class Own(float):
    """A type that skops does not know."""
