"""Pictures of a search show what is in its results."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from skdeep import MLPClassifier, OptunaSearchCV, SearchDisplay
from skdeep.exceptions import MissingDependencyError
from skdeep.inspection._search_trials import SearchTrial

plt = pytest.importorskip("matplotlib.pyplot", reason="pictures need matplotlib")
KINDS = ("history", "importance", "parallel", "slice", "curves", "timeline")
START = datetime(2030, 1, 1)
# State, score, parameters and curve of each trial.
TRIALS: list[Any] = [
    ("COMPLETE", 0.5, {"net__rate": 0.01, "net__act": "relu"}, {1: 0.3, 2: 0.5}),
    ("PRUNED", 0.1, {"net__rate": 0.1, "net__act": "tanh"}, {1: 0.1}),
    ("COMPLETE", 0.9, {"net__rate": 0.001, "net__act": "tanh"}, {1: 0.4, 2: 0.9}),
    ("FAIL", None, {"net__rate": 1.0, "net__act": "relu"}, {}),
    ("COMPLETE", 0.7, {"net__rate": 0.1}, {1: 0.6, 2: 0.7}),
]


@pytest.fixture(autouse=True)
def closed_figures() -> Any:
    """Close what a test has drawn."""
    yield
    plt.close("all")


class Found(BaseEstimator):
    """What a display needs of a search, which it knows by no class."""

    def fit(self) -> None:
        """Stand for a search's fit."""


@pytest.fixture
def search() -> Any:
    """Return a search of five trials."""
    rows, stored = range(len(TRIALS)), []
    for number, (_, score, params, curve) in enumerate(TRIALS):
        log = SimpleNamespace(log=True)
        stored.append(
            SimpleNamespace(
                number=number,
                value=score,
                distributions={"net__rate": log} if "net__rate" in params else {},
                intermediate_values=curve,
                datetime_start=START + timedelta(seconds=10 * number),
                datetime_complete=START + timedelta(seconds=10 * number + 4),
            )
        )
    fitted: Any = Found()
    vars(fitted).update(
        cv_results_={
            "trial_number": np.array(rows),
            "state": np.array([trial[0] for trial in TRIALS]),
            "params": [trial[2] for trial in TRIALS],
            "param_net__rate": None,
            "param_net__act": None,
        },
        study_=SimpleNamespace(trials=stored),
        param_importances_={"net__rate": 0.8, "net__act": 0.2},
        refit=True,
        scoring="neg_log_loss",
    )
    return fitted


def points(ax: Any, label: str) -> list[list[float]]:
    """Return x and y of the line of a label."""
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return [list(map(float, part)) for part in line.get_data()]


def test_history_shows_scores_and_the_best_so_far(search: Any) -> None:
    """Pruned trials are no candidates for the best."""
    display = SearchDisplay.from_search(search)
    ax: Any = display.ax_
    assert points(ax, "finished") == [[0, 2, 4], [0.5, 0.9, 0.7]]
    assert points(ax, "pruned") == [[1], [0.1]]
    assert points(ax, "best so far") == [[0, 2, 4, 4], [0.5, 0.9, 0.9, 0.9]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("trial", "negative log loss")
    assert display.figure_ is ax.figure


def test_importance_has_a_bar_for_each_parameter(search: Any) -> None:
    """The most important one on top, without the step of the Pipeline."""
    ax: Any = SearchDisplay.from_search(search, kind="importance").ax_
    assert [bar.get_width() for bar in ax.patches] == [0.2, 0.8]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["act", "rate"]
    assert {text.get_text() for text in ax.texts} == {"0.80", "0.20"}


def test_parallel_draws_finished_trials_through_their_parameters(search: Any) -> None:
    """The best in front; a parameter that a trial has not breaks its line."""
    ax: Any = SearchDisplay.from_search(search, kind="parallel").ax_
    lines = [line for line in ax.lines if len(line.get_xdata()) == 3]
    heights = np.array([line.get_ydata() for line in lines])
    # rate: 0.001 ... 1, by magnitude; act: relu, tanh; score: 0.5 ... 0.9
    expected = np.array([[1 / 3, 0, 0], [2 / 3, np.nan, 0.5], [0, 1, 1]])
    np.testing.assert_allclose(heights, expected)
    widths = [line.get_linewidth() for line in lines]
    assert widths.index(max(widths)) == 2
    labels = [tick.get_text() for tick in ax.get_xticklabels()]
    assert labels == ["rate", "act", "negative log loss"]


def test_slice_has_axes_for_each_parameter(search: Any) -> None:
    """By magnitude where the range was; by name where there are no numbers."""
    display = SearchDisplay.from_search(search, kind="slice")
    rate, act = display.axes_
    assert rate.get_xscale() == "log"
    assert points(rate, "finished") == [[0.01, 0.001, 0.1], [0.5, 0.9, 0.7]]
    assert [tick.get_text() for tick in act.get_xticklabels()] == ["relu", "tanh"]
    assert points(act, "finished") == [[0, 1], [0.5, 0.9]]
    one = SearchDisplay.from_search(search, kind="slice", params=["net__act"])
    assert len(one.axes_) == 1
    assert one.ax_.get_xlabel() == "act"


def test_curves_end_where_trials_were_pruned(search: Any) -> None:
    """The best stands out."""
    ax: Any = SearchDisplay.from_search(search, kind="curves").ax_
    drawn = [line for line in ax.lines if len(line.get_xdata()) == 2]
    assert list(drawn[-1].get_ydata()) == [0.4, 0.9]
    assert drawn[-1].get_linewidth() > drawn[0].get_linewidth()
    ends = [line for line in ax.lines if line.get_marker() == "x"]
    assert [line.get_data() for line in ends] == [([1], [0.1])]


def test_curves_need_steps(search: Any) -> None:
    """Without pruning a search notes none."""
    for trial in search.study_.trials:
        trial.intermediate_values = {}
    with pytest.raises(ValueError, match="finds no steps to draw curves of"):
        SearchDisplay.from_search(search, kind="curves")


def test_timeline_shows_when_trials_ran(search: Any) -> None:
    """In seconds from the first."""
    ax: Any = SearchDisplay.from_search(search, kind="timeline").ax_
    bars = {
        round(bar.get_y() + bar.get_height() / 2): (bar.get_x(), bar.get_width())
        for bar in ax.patches
    }
    assert bars == {number: (10.0 * number, 4.0) for number in range(5)}
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["finished", "pruned", "failed"]


def test_strays_do_not_squeeze_the_rest(search: Any) -> None:
    """A trial that was far off is out of the picture."""
    search.study_.trials[1].value = -1e6
    ax: Any = SearchDisplay.from_search(search).ax_
    assert ax.get_ylim()[0] > -1e6
    search.study_.trials[1].value = 0.1
    assert SearchDisplay.from_search(search).ax_.get_ylim()[0] < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_picture_is_drawn_where_it_is_told(search: Any, kind: str) -> None:
    """On the axes given, and again by plot."""
    n_axes = 2 if kind == "slice" else 1
    figure, axes = plt.subplots(1, n_axes)
    display = SearchDisplay.from_search(search, kind=kind, ax=axes)
    assert list(display.axes_) == list(np.atleast_1d(axes))
    assert display.figure_ is figure
    assert display.plot() is display
    assert display.figure_ is not figure
    figure.canvas.draw()


def test_values_that_are_no_numbers_are_words() -> None:
    """In their order where they have one, and cut short."""
    params: list[Any] = [(100,), (8,), (8, 8), MLPClassifier(max_epochs=3, l2=0.5)]
    for given in (params[:3], params[2:]):
        trials = [
            SearchTrial(n, "COMPLETE", 0.1 * n, {"a": value}, {}, START, START)
            for n, value in enumerate(given)
        ]
        display = SearchDisplay(kind="slice", trials=trials).plot()
        words = [tick.get_text() for tick in display.ax_.get_xticklabels()]
        if given == params[:3]:
            assert words == ["(8,)", "(8, 8)", "(100,)"]
        assert all(len(word) <= 18 for word in words)


def test_what_cannot_be_drawn_is_told(search: Any) -> None:
    """With what there is."""
    with pytest.raises(ValueError, match=r"must be one of 'history'.*Got 'pie'"):
        SearchDisplay.from_search(search, kind="pie")
    with pytest.raises(ValueError, match=r"net__rate, net__act\. Got 'rate'"):
        SearchDisplay.from_search(search, kind="slice", params=["rate"])
    with pytest.raises(ValueError, match=r"2 parameters on as many axes\. Got 1"):
        SearchDisplay.from_search(search, kind="slice", ax=plt.gca())
    with pytest.raises(NotFittedError, match="not fitted yet"):
        SearchDisplay.from_search(OptunaSearchCV(MLPClassifier(), {"l2": [0.0]}))


def test_matplotlib_is_asked_for(search: Any, hide_module: Any) -> None:
    """Where it is missing, the command that installs it is named."""
    hide_module("matplotlib")
    with pytest.raises(MissingDependencyError, match=r"skdeep-torch\[plot\]"):
        SearchDisplay.from_search(search)


def test_true_search_is_drawn() -> None:
    """All kinds, of a search that has run."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    net = MLPClassifier(hidden_layer_sizes=(4,), max_epochs=3, random_state=0)
    space = {"learning_rate": [0.001, 0.1], "activation": ["relu", "tanh"]}
    search = OptunaSearchCV(net, space, n_trials=5, cv=2, random_state=0)
    search.fit(X, X[:, 0] > 0)
    for kind in KINDS:
        assert SearchDisplay.from_search(search, kind=kind).ax_.get_figure()
