"""A training kept in a file: resumed to the same end, or refused in a sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EpochTimer

from skdeep import (
    Checkpoint,
    CNNClassifier,
    ImageClassifier,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
    load,
    save,
)
from skdeep.exceptions import PersistenceError, SkdeepWarning
from tests.naming import shown
from tests.placed import (
    IMAGES,
    LABELS,
    NUMBERS,
    PLACED,
    ROWS,
    SIDES,
    SMALL_IMAGES,
    Cut,
    CuttingCheckpoint,
    assert_same_answers,
    assert_same_fit,
    fit,
    make,
)

SHORT: dict[str, Any] = {"max_epochs": 4, "batch_size": 16, "random_state": 0}


def cut_off(estimator: Any, path: Path, after: int, *data: Any) -> None:
    """Fit until a checkpoint has been written so many times."""
    with pytest.raises(Cut):
        estimator.fit(*data, checkpoint=CuttingCheckpoint(path, after))


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of weights, so that a head learns before the rest does."""
    from torchvision.models import shufflenet_v2_x0_5

    path = tmp_path_factory.mktemp("weights") / "shufflenet.pth"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(shufflenet_v2_x0_5(weights=None).state_dict(), path)
    return path


@pytest.mark.parametrize(
    "params",
    [
        {"optimizer": "sgd", "lr_schedule": "one_cycle", "warmup_fraction": 0.1},
        {"optimizer": "lbfgs"},
        {"optimizer": "radam", "weight_decay": 0.1, "lr_schedule": "cosine"},
        {"optimizer": "adagrad", "lr_schedule": "plateau", "n_iter_no_change": 1},
        {"weight_averaging": "swa", "normalization": "batch", "max_epochs": 6},
        {"weight_averaging": "ema", "dropout": 0.3, "early_stopping": True},
        {"early_stopping": True, "scoring": "r2", "n_iter_no_change": 1},
        {"activation": torch.nn.RReLU},
        {"activation": torch.nn.functional.rrelu},
        {"optimizer": torch.optim.Adamax, "loss": torch.nn.MSELoss},
        {"l1": 0.01, "max_grad_norm": 0.5, "dtype": "float64"},
        {"random_state": None},
        {"shuffle": False, "tol": 10.0, "n_iter_no_change": 1},
    ],
    ids=shown,
)
def test_resumed_fit_has_the_same_bits(params, tmp_path):
    """Optimizers, schedules, averages, stopping, foreign layers, drawn seeds."""
    whole = MLPRegressor((8,), **{**SHORT, **params})
    path = tmp_path / "file"
    if whole.random_state is None:
        # The seed is in the file: what it led to is found by letting it end.
        whole.fit(ROWS, NUMBERS, checkpoint=Checkpoint(path))
        again = MLPRegressor((8,), **{**SHORT, **params})
        again.fit(ROWS, NUMBERS, checkpoint=Checkpoint(path, resume=True))
        assert_same_fit(again, whole)
        return
    whole.fit(ROWS, NUMBERS)
    for after in range(1, len(whole.history_["epoch"]) + 1):
        cut_off(MLPRegressor((8,), **{**SHORT, **params}), path, after, ROWS, NUMBERS)
        resumed = MLPRegressor((8,), **{**SHORT, **params})
        resumed.fit(ROWS, NUMBERS, checkpoint=Checkpoint(path, resume=True))
        assert_same_fit(resumed, whole)


def test_resumed_fit_gives_no_warning_of_torch(tmp_path):
    """Not the first of a process either, and warnings are errors here."""
    path = tmp_path / "file"
    cut_off(MLPRegressor((8,), **SHORT), path, 2, ROWS, NUMBERS)
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        resumed = MLPRegressor((8,), **SHORT)
        resumed.fit(ROWS, NUMBERS, checkpoint=Checkpoint(path, resume=True))
    finally:
        torch.set_warn_always(before)
    assert_same_fit(resumed, MLPRegressor((8,), **SHORT).fit(ROWS, NUMBERS))


def test_fit_without_a_score_resumes(tmp_path):
    """The loss goes on to stand in for the R² of a single row."""
    params = {**SHORT, "early_stopping": True, "scoring": "r2"}
    X, y, path = ROWS[:10], NUMBERS[:10], tmp_path / "file"
    with pytest.warns(SkdeepWarning, match="got no score from scoring='r2'"):
        whole = MLPRegressor((8,), **params).fit(X, y)
    cut_off(MLPRegressor((8,), **params), path, 2, X, y)
    resumed = MLPRegressor((8,), **params)
    with pytest.warns(SkdeepWarning, match="got no score from scoring='r2'"):
        resumed.fit(X, y, checkpoint=Checkpoint(path, resume=True))
    assert_same_fit(resumed, whole)


def test_both_phases_of_a_transfer_resume(weights_file, tmp_path):
    """The head's epochs, and those of the stages that follow them."""
    params = {
        "backbone": "shufflenet_v2_x0_5",
        "weights": weights_file,
        "image_size": 32,
        "trainable_layers": 1,
        "head_epochs": 2,
        "max_epochs": 2,
        "random_state": 0,
    }
    y, path = SIDES[:12], tmp_path / "file"
    whole = ImageClassifier(**params).fit(IMAGES, y)
    assert (whole.n_head_epochs_, whole.n_iter_) == (2, 4)
    for after in range(1, 5):
        cut_off(ImageClassifier(**params), path, after, IMAGES, y)
        assert load(path).n_iter_ == after
        resumed = ImageClassifier(**params)
        resumed.fit(IMAGES, y, checkpoint=Checkpoint(path, resume=True))
        assert_same_fit(resumed, whole)


def test_warm_start_resumes(tmp_path):
    """A second fit that was cut off goes on with the second fit."""
    begun = MLPRegressor((8,), **SHORT, warm_start=True).fit(ROWS, NUMBERS)
    save(begun, tmp_path / "begun")
    whole = load(tmp_path / "begun").fit(ROWS, NUMBERS)
    cut_off(load(tmp_path / "begun"), tmp_path / "file", 2, ROWS, NUMBERS)
    checkpoint = Checkpoint(tmp_path / "file", resume=True)
    assert_same_fit(
        load(tmp_path / "begun").fit(ROWS, NUMBERS, checkpoint=checkpoint), whole
    )
    other = MLPRegressor((8,), **{**SHORT, "max_epochs": 1}, warm_start=True)
    other.fit(ROWS, NUMBERS).set_params(max_epochs=4)
    with pytest.raises(PersistenceError, match="began from another fitted network"):
        other.fit(ROWS, NUMBERS, checkpoint=checkpoint)


def test_checkpoint_changes_nothing(tmp_path):
    """A fit that is kept ends as one that is not, and is as silent."""
    whole = MLPClassifier(**SHORT).fit(ROWS, LABELS)
    kept = MLPClassifier(**SHORT)
    kept.fit(ROWS, LABELS, checkpoint=Checkpoint(tmp_path / "file"))
    assert_same_fit(kept, whole)
    assert set(vars(kept)) == set(vars(whole))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_checkpoint_loads_as_the_best_so_far(tmp_path):
    """Under early stopping it has the weights of the best epoch, else the last."""
    path = tmp_path / "file"
    params = {**SHORT, "early_stopping": True, "learning_rate": 0.3, "max_epochs": 12}
    whole = MLPRegressor((8,), **params).fit(ROWS, NUMBERS)
    assert whole.best_epoch_ < 12
    cut_off(MLPRegressor((8,), **params), path, 12, ROWS, NUMBERS)
    assert_same_answers(load(path), whole, ROWS)
    assert load(path).best_epoch_ == whole.best_epoch_
    short = MLPRegressor((8,), **{**SHORT, "max_epochs": 2}).fit(ROWS, NUMBERS)
    cut_off(MLPRegressor((8,), **SHORT), path, 2, ROWS, NUMBERS)
    assert_same_answers(load(path), short, ROWS)


def test_every_few_epochs_are_written(tmp_path, monkeypatch):
    """And the last one, whatever its number."""
    epochs = []
    write = Checkpoint.write

    def record(self: Any, training: Any, estimator: Any) -> None:
        epochs.append(training["phases"][-1]["epoch"])
        write(self, training, estimator)

    monkeypatch.setattr(Checkpoint, "write", record)
    checkpoint = Checkpoint(tmp_path / "file", every=3)
    MLPRegressor(max_epochs=7, tol=None).fit(ROWS, NUMBERS, checkpoint=checkpoint)
    assert epochs == [3, 6, 7]


def test_ended_fit_resumes_at_its_end(tmp_path, monkeypatch):
    """A script that is started once more has its result at once."""
    checkpoint = Checkpoint(tmp_path / "file", resume=True)
    whole = TabularMLPClassifier(
        (8,), n_ensemble=2, early_stopping=True, refit=True, **SHORT
    )
    X = PLACED["TabularMLPClassifier"].X
    whole.fit(X, LABELS, checkpoint=checkpoint)
    again = TabularMLPClassifier(**whole.get_params())
    monkeypatch.setattr("skdeep.training._engine.TrainingRun.advance", lambda *_: 1 / 0)
    assert_same_fit(again.fit(X, LABELS, checkpoint=checkpoint), whole)


def test_fresh_fit_replaces_the_file(tmp_path):
    """Without resume what is there is not looked at."""
    path = tmp_path / "file"
    MLPRegressor(**SHORT).fit(ROWS, NUMBERS, checkpoint=Checkpoint(path))
    MLPClassifier(**SHORT).fit(ROWS, LABELS, checkpoint=Checkpoint(path))
    assert isinstance(load(path), MLPClassifier)


def test_checkpoint_goes_through_a_pipeline(tmp_path):
    """As any other argument of a step's fit."""
    pipe = make_pipeline(StandardScaler(), MLPRegressor(**SHORT))
    pipe.fit(ROWS, NUMBERS, mlpregressor__checkpoint=Checkpoint(tmp_path / "file"))
    back = load(tmp_path / "file")
    scaled = pipe[0].transform(ROWS)
    np.testing.assert_array_equal(back.predict(scaled), pipe.predict(ROWS))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"learning_rate": 0.5}, "learning_rate was 0.001, and is 0.5"),
        ({"random_state": 1}, "random_state was 0, and is 1"),
        ({"random_state": None}, "random_state was 0, and is drawn"),
        ({"hidden_layer_sizes": (9,)}, r"hidden_layer_sizes was \[8\], and is \[9\]"),
        ({"loss": torch.nn.MSELoss}, "loss was 'squared_error', and is MSELoss"),
        ({"optimizer_params": {"eps": 1e-3}}, "optimizer_params was None, and is"),
        ({"max_epochs": 9}, "max_epochs was 4, and is 9"),
    ],
    ids=shown,
)
def test_other_parameters_are_refused(change, sentence, tmp_path):
    """The first that is not the same is named; the file is unharmed."""
    path = tmp_path / "file"
    cut_off(MLPRegressor((8,), **SHORT), path, 1, ROWS, NUMBERS)
    before = path.read_bytes()
    other = MLPRegressor(**{"hidden_layer_sizes": (8,), **SHORT, **change})
    with pytest.raises(
        PersistenceError,
        match=f"^MLPRegressor.fit can only resume .* made by: {sentence}",
    ):
        other.fit(ROWS, NUMBERS, checkpoint=Checkpoint(path, resume=True))
    assert path.read_bytes() == before
    assert not hasattr(other, "net_")


@pytest.mark.parametrize(
    "change", [{"verbose": 0}, {"n_threads": 1}, {"device": "cpu"}], ids=shown
)
def test_parameters_of_the_machine_may_change(change, tmp_path):
    """They do not belong to what is trained."""
    path = tmp_path / "file"
    cut_off(MLPRegressor((8,), **SHORT), path, 2, ROWS, NUMBERS)
    resumed = MLPRegressor((8,), **SHORT, **change)
    resumed.fit(ROWS, NUMBERS, checkpoint=Checkpoint(path, resume=True))
    assert_same_fit(resumed, MLPRegressor((8,), **SHORT).fit(ROWS, NUMBERS))


def test_other_data_are_refused(tmp_path):
    """A single number, a weight, or rows for validation."""
    path = tmp_path / "file"
    cut_off(MLPRegressor((8,), **SHORT), path, 1, ROWS, NUMBERS)
    changed = ROWS.copy()
    changed[-1, -1] += 1e-9
    checkpoint = Checkpoint(path, resume=True)
    net = MLPRegressor((8,), **SHORT)
    for X, y, extra, which in [
        (changed, NUMBERS, {}, "X were others"),
        (ROWS, NUMBERS + 1, {}, "y were others"),
        (ROWS[:-1], NUMBERS[:-1], {}, "X and y were others"),
        (ROWS, NUMBERS, {"sample_weight": np.ones(48)}, "sample_weight were others"),
        (ROWS, NUMBERS, {"X_val": ROWS, "y_val": NUMBERS}, "the validation rows were"),
    ]:
        with pytest.raises(PersistenceError, match=f"made by: {which}"):
            net.fit(X, y, checkpoint=checkpoint, **extra)


@pytest.mark.parametrize(
    ("net", "X", "y"),
    [
        (TabularMLPRegressor((8,), n_ensemble=2), None, NUMBERS),
        (CNNClassifier(4), SMALL_IMAGES, SIDES),
    ],
    ids=["table", "images"],
)
def test_data_of_all_kinds_are_told_apart(net, X, y, tmp_path):
    """Categories and pixels are looked at as well."""
    X = PLACED["TabularMLPRegressor"].X if X is None else X
    net.set_params(max_epochs=2, random_state=0)
    checkpoint = Checkpoint(tmp_path / "file", resume=True)
    net.fit(X, y, checkpoint=checkpoint).fit(X.copy(), y, checkpoint=checkpoint)
    other = X.copy()
    other.flat[-1] = "level 1" if other.dtype == object else other.flat[-1] ^ 1
    with pytest.raises(PersistenceError, match="made by: X were others"):
        net.fit(other, y, checkpoint=checkpoint)


def test_another_estimator_is_refused(tmp_path):
    """It is said whose the file is."""
    path = tmp_path / "file"
    cut_off(MLPRegressor((8,), **SHORT), path, 1, ROWS, NUMBERS)
    with pytest.raises(PersistenceError, match="it belongs to MLPRegressor"):
        MLPClassifier((8,), **SHORT).fit(
            ROWS, LABELS, checkpoint=Checkpoint(path, resume=True)
        )


def test_file_that_is_no_checkpoint_is_refused(tmp_path):
    """Saved estimators, damaged checkpoints, and anything else."""
    net, path = MLPRegressor((8,), **SHORT), tmp_path / "file"
    checkpoint = Checkpoint(path, resume=True)
    save(net, path)
    with pytest.raises(PersistenceError, match="holds an estimator that was saved"):
        net.fit(ROWS, NUMBERS, checkpoint=checkpoint)
    path.write_bytes(b"something else")
    with pytest.raises(PersistenceError, match="not written by skdeep"):
        net.fit(ROWS, NUMBERS, checkpoint=checkpoint)
    path.unlink()
    cut_off(net, path, 1, ROWS, NUMBERS)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(PersistenceError, match="is damaged"):
        net.fit(ROWS, NUMBERS, checkpoint=checkpoint)


def test_full_disk_is_an_error_that_harms_nothing(tmp_path, monkeypatch):
    """The estimator stays as it was, and so does the file of the epoch before."""
    path = tmp_path / "file"
    cut_off(MLPRegressor((8,), **SHORT), path, 2, ROWS, NUMBERS)
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    net = MLPRegressor((8,), **SHORT)
    with pytest.raises(PersistenceError, match="cannot be written: No space left on"):
        net.fit(ROWS, NUMBERS, checkpoint=Checkpoint(path, resume=True))
    assert path.read_bytes() == before
    assert not hasattr(net, "net_")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    monkeypatch.undo()
    resumed = net.fit(ROWS, NUMBERS, checkpoint=Checkpoint(path, resume=True))
    assert_same_fit(resumed, MLPRegressor((8,), **SHORT).fit(ROWS, NUMBERS))


def test_absent_folder_is_an_error_before_training(tmp_path, monkeypatch):
    """Not after the first epoch, which may take an hour."""
    monkeypatch.setattr("skdeep.training._engine.TrainingRun.advance", lambda *_: 1 / 0)
    with pytest.raises(PersistenceError, match="none is no folder that this process"):
        MLPRegressor().fit(ROWS, NUMBERS, checkpoint=Checkpoint(tmp_path / "none/file"))


@pytest.mark.skipif(os.name != "posix", reason="pipes and modes of POSIX")
def test_path_that_cannot_be_written_is_an_error_before_training(tmp_path, monkeypatch):
    """A folder, a pipe, a file that is read-only: all are looked at first."""
    monkeypatch.setattr("skdeep.training._engine.TrainingRun.advance", lambda *_: 1 / 0)
    folder, pipe, locked = (tmp_path / n for n in ("folder", "pipe", "locked"))
    folder.mkdir()
    os.mkfifo(pipe)
    locked.write_bytes(b"mine")
    locked.chmod(0o444)
    net = MLPRegressor(max_epochs=1)
    for path, reason in [
        (folder, "Is a directory"),
        (pipe, "it is a pipe"),
        (locked, "the file is read-only"),
        ("a\0b", "embedded null"),
    ]:
        with pytest.raises(PersistenceError, match=f"cannot be written: .*{reason}"):
            net.fit(ROWS, NUMBERS, checkpoint=Checkpoint(path))
    assert locked.read_bytes() == b"mine"
    assert not hasattr(net, "net_")


def test_relative_path_is_where_the_fit_began(tmp_path, monkeypatch):
    """Whatever the working directory is by the end of an epoch."""
    begun, other = tmp_path / "begun", tmp_path / "other"
    begun.mkdir()
    other.mkdir()
    monkeypatch.chdir(begun)

    class Wandering(Checkpoint):
        def write(self, training: dict[str, Any], estimator: Any) -> None:
            super().write(training, estimator)
            os.chdir(other)

    MLPRegressor((8,), **SHORT).fit(ROWS, NUMBERS, checkpoint=Wandering("file"))
    assert load(begun / "file").n_iter_ == 4
    assert not [*other.iterdir()]


def test_absent_working_directory_is_an_error_before_training(tmp_path, monkeypatch):
    """An absolute path does without one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "getcwd", lambda: str((tmp_path / "gone").readlink()))
    net = MLPRegressor(max_epochs=1)
    with pytest.raises(PersistenceError, match="the working directory is gone"):
        net.fit(ROWS, NUMBERS, checkpoint=Checkpoint("file"))
    net.fit(ROWS, NUMBERS, checkpoint=Checkpoint(tmp_path / "file"))
    assert (tmp_path / "file").exists()


def test_brackets_in_a_name_match_no_other(tmp_path):
    """What stands beside it belongs to somebody else."""
    (tmp_path / ".run1.12.part").write_bytes(b"of another fit")
    checkpoint = Checkpoint(tmp_path / "run[1]")
    MLPRegressor(max_epochs=1).fit(ROWS, NUMBERS, checkpoint=checkpoint)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".run1.12.part",
        "run[1]",
    ]


def framed(values: Any, **dtypes: str) -> Any:
    """Return the same values as a data frame."""
    pd = pytest.importorskip("pandas")
    columns = {int(name[1:]): dtype for name, dtype in dtypes.items()}
    return pd.DataFrame(values).astype(columns)


def series(values: Any) -> Any:
    """Return the same values as a series."""
    return pytest.importorskip("pandas").Series(values)


def spaced(values: np.ndarray) -> np.ndarray:
    """Return the same values, every second row of an array."""
    return np.repeat(values, 2, axis=0)[::2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("other", [np.asfortranarray, spaced, framed])
def test_equal_numbers_are_the_same_data(other, dtype, tmp_path):
    """However they lie in memory."""
    X = ROWS.astype(dtype)
    cut_off(MLPRegressor((8,), **SHORT), tmp_path / "file", 2, X, NUMBERS)
    checkpoint = Checkpoint(tmp_path / "file", resume=True)
    resumed = MLPRegressor((8,), **SHORT)
    resumed.fit(other(X), spaced(NUMBERS), checkpoint=checkpoint)
    whole = MLPRegressor((8,), **SHORT).fit(X, NUMBERS)
    np.testing.assert_allclose(resumed.predict(X), whole.predict(X), rtol=1e-4)


def test_equal_sparse_rows_are_the_same_data(tmp_path):
    """In whatever format, and with indices in whatever order."""
    X = sp.csr_array(np.where(ROWS > 0, ROWS, 0.0))
    path = tmp_path / "file"
    net = MLPRegressor((8,), **SHORT)
    cut_off(net, path, 2, X, NUMBERS)
    shuffled = sp.csr_array(
        (X.data[::-1], X.nonzero()[1][::-1], X.nnz - X.indptr[::-1])
    )[::-1]
    for other in (sp.csc_array(X), sp.coo_matrix(X), shuffled):
        net.fit(other, NUMBERS, checkpoint=Checkpoint(path, resume=True))


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("TabularMLPClassifier", np.asfortranarray),
        ("TabularMLPClassifier", framed),
        ("TabularMLPClassifier", lambda X: framed(X, c2="category", c3="category")),
        ("CNNClassifier", np.asfortranarray),
        ("CNNClassifier", list),
        ("ImageClassifier", np.asfortranarray),
        ("TextClassifier", np.array),
        ("TextClassifier", series),
    ],
    ids=shown,
)
def test_equal_data_of_all_kinds_are_the_same(name, other, tmp_path):
    """Tables, images and texts, as arrays, lists or frames."""
    placed, path = PLACED[name], tmp_path / "file"
    fit(make(name), name, checkpoint=Checkpoint(path))
    again = make(name)
    again.fit(other(placed.X), placed.y, checkpoint=Checkpoint(path, resume=True))
    assert again.n_iter_ == load(path).n_iter_


def test_callbacks_are_refused(tmp_path):
    """What they have learnt could not be restored."""
    net = MLPRegressor(callbacks=[EpochTimer()])
    with pytest.raises(ValueError, match="cannot keep what callbacks have learnt"):
        net.fit(ROWS, NUMBERS, checkpoint=Checkpoint(tmp_path / "file"))


@pytest.mark.parametrize("value", ["file", Path("file"), True, 3])
def test_what_is_no_checkpoint_is_refused(value):
    """A path is to be wrapped, and the sentence shows how."""
    with pytest.raises(TypeError, match=r"takes an instance of skdeep\.Checkpoint"):
        MLPRegressor().fit(ROWS, NUMBERS, checkpoint=value)


@pytest.mark.parametrize("every", [0, -1, 1.5, "1", True, None])
def test_every_is_a_count(every):
    """Of at least one."""
    with pytest.raises(ValueError, match="'every' parameter of Checkpoint must be an"):
        Checkpoint("file", every=every)


def test_checkpoint_of_functions_resumes_and_does_not_load(tmp_path):
    """A function as a parameter is compared by name; no file holds it."""
    path = tmp_path / "file"
    params = {**SHORT, "activation": torch.sin}
    whole = MLPRegressor((8,), **params).fit(ROWS, NUMBERS)
    cut_off(MLPRegressor((8,), **params), path, 2, ROWS, NUMBERS)
    resumed = MLPRegressor((8,), **params)
    resumed.fit(ROWS, NUMBERS, checkpoint=Checkpoint(path, resume=True))
    assert_same_fit(resumed, whole)
    with pytest.raises(PersistenceError, match=r"no estimator\. .*the function sin"):
        load(path)


def test_rest_of_a_killed_write_is_swept(tmp_path):
    """The next fit removes it."""
    (tmp_path / ".file.123.part").write_bytes(b"half")
    MLPRegressor(max_epochs=1).fit(
        ROWS, NUMBERS, checkpoint=Checkpoint(tmp_path / "file")
    )
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_repr_shows_the_arguments():
    """As they would be typed."""
    shown = repr(Checkpoint("a/file", every=3, resume=True))
    assert shown == "Checkpoint('a/file', every=3, resume=True)"
