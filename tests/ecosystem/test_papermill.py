"""papermill: notebooks that train are executed, with parameters."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.ecosystem("papermill", "ipykernel", "nbformat")

FIT = """
import numpy as np
from skdeep import MLPClassifier

X = np.random.default_rng(0).standard_normal((50, 2))
net = MLPClassifier((4,), max_epochs=n_epochs, verbose=verbose, random_state=0)
net.fit(X, X[:, 0] > 0)
"""


@pytest.mark.parametrize("verbose", [0, 1])
def test_notebook_with_a_parameter_trains(tmp_path, verbose):
    """The cell that fits shows its progress, if asked, and the diagram."""
    import nbformat
    import papermill

    cell = nbformat.v4.new_code_cell
    book = nbformat.v4.new_notebook(
        cells=[
            cell("n_epochs = 1\nverbose = 0", metadata={"tags": ["parameters"]}),
            cell(FIT),
            cell("net.n_iter_"),
        ],
        metadata={
            "kernelspec": {
                "name": "python3",
                "display_name": "Python 3",
                "language": "python",
            }
        },
    )
    nbformat.write(book, tmp_path / "fit.ipynb")
    papermill.execute_notebook(
        tmp_path / "fit.ipynb",
        tmp_path / "done.ipynb",
        parameters={"n_epochs": 3, "verbose": verbose},
        progress_bar=False,
    )
    done = nbformat.read(tmp_path / "done.ipynb", as_version=4)
    (counted,) = done.cells[-1].outputs
    assert counted.data["text/plain"] == "3"
    *progress, diagram = done.cells[-2].outputs
    assert "MLPClassifier" in diagram.data["text/html"]
    assert bool(progress) == bool(verbose)
