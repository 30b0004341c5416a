"""
Saving a model, and serving it
==============================

A Pipeline is trained with a checkpoint, killed and resumed, saved without pickle, and
handed over as one ONNX graph. Half a minute on one CPU core, nothing is downloaded. The
steps of scikit-learn need the extra "safe", and the graph the extra "onnx": what is not
installed is left out.
"""

# %%
# The data, and a Pipeline
# ------------------------
# 569 tumours, described by 30 measurements.

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import Checkpoint, MLPClassifier, load, save, to_onnx, to_torch
from skdeep.exceptions import PersistenceError

folder = Path(tempfile.mkdtemp())
X, y = load_breast_cancer(return_X_y=True)
y = np.where(y, "benign", "malignant")
X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# A fit that is cut off
# ---------------------
# The checkpoint is written after every fifth epoch. Here the fit is interrupted after
# the fourth time, as Ctrl-C or a crash would do it.


class Interrupting(Checkpoint):
    """A checkpoint that plays the part of a power cut."""

    written = 0

    def write(self, training, estimator):
        """Write, and interrupt at the fourth time."""
        super().write(training, estimator)
        self.written += 1
        if self.written == 4:
            raise KeyboardInterrupt


def make_net() -> MLPClassifier:
    """Return the network, not fitted."""
    return MLPClassifier((32,), dropout=0.2, max_epochs=60, tol=None, random_state=0)


run = folder / "run.skdeep"
try:
    make_net().fit(X, y, checkpoint=Interrupting(run, every=5))
except KeyboardInterrupt:
    print(f"interrupted; the file holds {load(run).n_iter_} epochs")

# %%
# The same call with ``resume=True`` goes on. It ends with the same weights as a fit
# that nothing has interrupted, to the last bit.

resumed = make_net().fit(X, y, checkpoint=Checkpoint(run, resume=True))
whole = make_net().fit(X, y)
same = np.array_equal(resumed.predict_proba(X_test), whole.predict_proba(X_test))
print(f"resumed to epoch {resumed.n_iter_}; the same bits: {same}")

# Another learning rate would be another fit.
try:
    make_net().set_params(learning_rate=0.1).fit(
        X, y, checkpoint=Checkpoint(run, resume=True)
    )
except PersistenceError as error:
    print(error)

# %%
# A file without pickle
# ---------------------
# What comes back predicts the same; nothing in the file can be run.

save(whole, folder / "net.skdeep")
size = (folder / "net.skdeep").stat().st_size
again = load(folder / "net.skdeep", device="cpu")
same = np.array_equal(again.predict_proba(X_test), whole.predict_proba(X_test))
print(f"less than 20 kB: {size < 20_000}; the same predictions: {same}")

# %%
# The same network as a module of torch, scaling and probabilities included.

module = to_torch(whole)
n_weights = sum(parameter.numel() for parameter in module.parameters())
print(f"a {type(module).__name__} of {n_weights} weights")

# %%
# A whole Pipeline
# ----------------
# Steps of scikit-learn go through skops.

pipe = make_pipeline(StandardScaler(), make_net()).fit(X, y)
if find_spec("skops"):
    save(pipe, folder / "pipe.skdeep")
    served = load(folder / "pipe.skdeep")
    accuracy = served.score(X_test, y_test)
    print(f"the loaded Pipeline tells more than 90 % right: {accuracy > 0.9}")

# %%
# One graph for a server
# ----------------------
# It scales, predicts and names the label; onnxruntime needs neither torch nor
# scikit-learn.

if all(map(find_spec, ("onnx", "onnxscript", "onnxruntime", "skl2onnx"))):
    import onnxruntime

    rows = X_test.astype(np.float32)
    to_onnx(pipe, rows[:5], folder / "pipe.onnx", tolerance=1e-4)
    session = onnxruntime.InferenceSession(folder / "pipe.onnx")
    label, probabilities = session.run(None, {"X": rows})
    agreed = np.mean(label == pipe.predict(X_test))
    print(f"the graph agrees on more than 98 % of rows: {agreed > 0.98}")

# sphinx_gallery_thumbnail_path = '_static/thumb_file.svg'
