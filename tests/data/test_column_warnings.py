"""Strings that are numbers, and categories of which not one is known, are told of."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skdeep import (
    OptunaSearchCV,
    TabularMLPClassifier,
    TabularMLPRegressor,
    load,
    save,
    top_losses,
)
from skdeep.exceptions import SkdeepWarning

RNG = np.random.default_rng(0)
N_ROWS = 200
VALUES = RNG.random(N_ROWS) * 1e5
QUICK: dict[str, Any] = {
    "hidden_layer_sizes": (4,),
    "max_epochs": 1,
    "early_stopping": False,
    "random_state": 0,
}
WRITTEN: dict[str, Callable[[float], str]] = {
    "thousands": "{:,.2f}".format,
    "currency": "${:,.2f}".format,
    "percent": lambda value: f"{value / 1000:.2f}%",
    "decimal comma": lambda value: f"{value / 1000:.3f}".replace(".", ","),
    "spaces": lambda value: f" {value:,.0f} ".replace(",", " "),
    "exponents": "{:.5e}".format,
    "plain": str,
    "integers": lambda value: str(int(value)),
}
ESTIMATORS = [TabularMLPClassifier, TabularMLPRegressor]


def said(call: Callable[[], Any]) -> list[str]:
    """Return the sentences of all warnings of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert all(issubclass(one.category, SkdeepWarning) for one in caught)
    return [str(one.message) for one in caught]


def fit_on(kind: Any, column: Any, **others: Any) -> Callable[[], Any]:
    """Return a fit on a column beside a usual one."""
    table = pd.DataFrame({"a": VALUES, "price": column})
    y = VALUES > 5e4 if kind is TabularMLPClassifier else VALUES
    return lambda: kind(**QUICK, **others).fit(table, y)


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("name", WRITTEN)
def test_numbers_written_as_strings_are_told_of(name: str, kind: Any) -> None:
    """They would be a category each, which says nothing of new rows."""
    column = [WRITTEN[name](value) for value in VALUES]
    (sentence,) = said(fit_on(kind, column))
    assert sentence.startswith(f"{kind.__name__} takes each of the ")
    assert "column 'price'" in sentence
    assert f"read as numbers, e.g. {column[0]!r}" in sentence


@pytest.mark.parametrize("missing", ["N/A", "?", "", "unknown"])
def test_word_among_numbers_does_not_hide_them(missing: str) -> None:
    """One cell turns a column of numbers into strings."""
    column = [missing, *map(str, VALUES[1:])]
    (sentence,) = said(fit_on(TabularMLPClassifier, column))
    assert f"e.g. {column[1]!r}" in sentence


@pytest.mark.parametrize(
    "column",
    [
        RNG.integers(0, 3, N_ROWS).astype(str),
        RNG.choice(RNG.integers(10_000, 99_999, 40), N_ROWS).astype(str),
        [f"{i:05d}" for i in range(N_ROWS)],
        RNG.integers(18, 80, N_ROWS).astype(str),
        RNG.choice(["0.5", "1.0", "1.5"], N_ROWS),
        RNG.choice(["9.99", "19.99"], N_ROWS),
        RNG.choice(["2024-01-01", "2024-02-01"], N_ROWS),
        [f"Mrs {i}" for i in range(N_ROWS)],
        pd.Categorical([str(value) for value in VALUES]),
    ],
    ids=[
        "ids",
        "zip codes",
        "codes with zeros",
        "ages",
        "sizes",
        "prices",
        "months",
        "names",
        "dtype",
    ],
)
def test_categories_are_left_alone(column: Any) -> None:
    """What repeats, is a code, or is declared to be a category, is one."""
    assert said(fit_on(TabularMLPClassifier, column)) == []


def test_named_columns_are_categories() -> None:
    """Who names them means it."""
    fit = fit_on(
        TabularMLPClassifier, [*map(str, VALUES)], categorical_features=["price"]
    )
    assert said(fit) == []


@pytest.mark.parametrize(
    "form",
    [
        pd.DataFrame,
        lambda columns: pd.DataFrame(columns, dtype=object),
        lambda columns: pd.DataFrame(columns, dtype="string"),
        pl.DataFrame,
        lambda columns: np.array(list(columns.values())).T,
        lambda columns: np.array(list(columns.values()), dtype=object).T,
        lambda columns: [list(row) for row in zip(*columns.values(), strict=True)],
    ],
    ids=["pandas", "objects", "string", "polars", "strings", "object array", "lists"],
)
def test_every_form_of_table_is_looked_at_once(form: Any) -> None:
    """One warning a call, whatever the number of columns."""
    columns = {
        "price": [f"{value:,.2f}" for value in VALUES],
        "rate": [f"{value:.4f}" for value in VALUES],
        "kind": ["x", "y"] * (N_ROWS // 2),
        "day": [f"{1900 + i}-01-01" for i in range(N_ROWS)],
    }
    model = TabularMLPRegressor(**QUICK)
    (sentence,) = said(lambda: model.fit(form(columns), VALUES))
    assert "'rate'" in sentence or "column 1" in sentence
    assert "'day'" in sentence or "column 3" in sentence
    assert "kind" not in sentence
    assert said(lambda: model.predict(form(columns))) == []


def test_dates_written_as_strings_are_told_of() -> None:
    """Of a day to come nothing would be known."""
    days = pd.date_range("2020-01-01", periods=N_ROWS).strftime("%d.%m.%Y")
    (sentence,) = said(fit_on(TabularMLPClassifier, days))
    assert "read as dates or times, e.g. '01.01.2020'" in sentence


COLOURS = np.array(["red", "green", "blue"])[np.arange(N_ROWS) % 3]
TABLE = pd.DataFrame({"size": VALUES, "colour": COLOURS, "code": ["0", "1"] * 100})


@pytest.fixture(scope="module", params=ESTIMATORS)
def model(request: pytest.FixtureRequest) -> Any:
    """Return a model of numbers and categories."""
    return request.param(**QUICK).fit(TABLE, np.arange(N_ROWS) % 2)


@pytest.mark.parametrize("n_rows", [1, 2, N_ROWS])
@pytest.mark.parametrize(
    ("column", "late"),
    [
        ("code", lambda codes: codes.astype(float).astype(str)),
        ("code", lambda codes: " " + codes),
        ("colour", lambda colours: colours.str.upper()),
        ("colour", lambda colours: colours.str.title() + " "),
    ],
    ids=["floats", "spaces", "upper case", "title case"],
)
def test_other_notation_is_told_of_in_every_row(
    model: Any, column: str, late: Any, n_rows: int
) -> None:
    """It is a mistake wherever it occurs."""
    new = TABLE.assign(**{column: late(TABLE[column])})[:n_rows]
    (sentence,) = said(lambda: model.predict(new))
    assert f"knows no value of column {column!r}, e.g. {new[column][0]!r}" in sentence
    assert f"where fit saw {sorted(TABLE[column].unique())[0]!r}" in sentence


def test_column_without_a_known_category_is_told_of(model: Any) -> None:
    """Once a call, by every method."""
    new = TABLE.assign(colour="pink", code="7")
    (sentence,) = said(lambda: model.predict(new))
    assert "column 'colour', e.g. 'pink', where fit saw 'blue', 'green', 'red'." in (
        sentence
    )
    assert sentence.endswith("The same holds for column 'code'.")
    y = np.arange(N_ROWS) % 2
    assert len(said(lambda: model.score(new, y))) == 1
    assert len(said(lambda: top_losses(model, new, y))) >= 1
    assert len(said(lambda: make_pipeline(model).predict(new))) == 1


@pytest.mark.parametrize(
    "new",
    [
        TABLE[:1].assign(colour="pink"),
        TABLE.assign(colour=["red", "pink"] * 100),
        TABLE.assign(colour=[None] * (N_ROWS - 1) + ["pink"]),
        TABLE.assign(colour=None),
        TABLE.assign(colour=pd.Categorical(COLOURS, ["pink", "red", "green", "blue"])),
        TABLE.assign(colour=TABLE.colour.astype("category")),
        pl.from_pandas(TABLE),
    ],
    ids=["row", "half", "missing but one", "missing", "levels", "category", "polars"],
)
def test_known_and_single_unseen_categories_are_silent(model: Any, new: Any) -> None:
    """What is new now and then counts as missing, as documented."""
    assert said(lambda: model.predict(new)) == []


def test_levels_that_do_not_occur_are_not_known(model: Any) -> None:
    """A dtype may list categories that no row has."""
    levels = ["red", "green", "blue", "pink"]
    new = TABLE.assign(colour=pd.Categorical(["pink"] * N_ROWS, levels))
    assert len(said(lambda: model.predict(new))) == 1


def test_many_categories_are_told_of_in_many_rows_only() -> None:
    """Where fit saw hundreds, two new ones are nothing unusual."""
    known = pd.DataFrame({"user": [f"u{i % 100}" for i in range(N_ROWS)]})
    model = TabularMLPClassifier(**QUICK).fit(known, np.arange(N_ROWS) % 2)
    new = pd.DataFrame({"user": [f"v{i}" for i in range(20)]})
    assert said(lambda: model.predict(new[:19])) == []
    (sentence,) = said(lambda: model.predict(new))
    assert "where fit saw 'u0', 'u1', 'u10' and others." in sentence
    assert len(said(lambda: model.predict(known[:1].replace("u0", "U0")))) == 1


def test_further_rows_of_a_fit_are_compared_with_its_own() -> None:
    """Validation rows with those of this fit, further ones with those of the first."""
    y, other = np.arange(N_ROWS) % 2, TABLE.assign(colour="pink")
    model = TabularMLPClassifier(**QUICK)
    assert said(lambda: model.fit(TABLE, y, X_val=TABLE, y_val=y)) == []
    (sentence,) = said(lambda: model.fit(TABLE, y, X_val=other, y_val=y))
    assert "where fit saw 'blue', 'green', 'red'." in sentence
    assert said(lambda: model.fit(other, y, X_val=other, y_val=y)) == []
    assert said(lambda: model.partial_fit(other, y)) == []
    assert len(said(lambda: model.partial_fit(TABLE, y))) == 1
    assert "_training_table" not in vars(model)


def test_saved_model_tells_of_unknown_columns(tmp_path: Any, model: Any) -> None:
    """It is loaded with its categories."""
    save(model, tmp_path / "model.skdeep")
    again = load(tmp_path / "model.skdeep")
    assert len(said(lambda: again.predict(TABLE.assign(code="7")))) == 1


@pytest.mark.parametrize("early_stopping", [True, False])
def test_rows_held_out_by_the_fit_are_silent(early_stopping: bool) -> None:
    """Monitors and searches see what was split from one table."""
    y = np.arange(N_ROWS) % 2
    parameters = {**QUICK, "early_stopping": early_stopping, "scoring": "accuracy"}
    grid = {"dropout": [0.0, 0.1]}
    model = TabularMLPClassifier(**parameters)
    assert said(lambda: GridSearchCV(model, grid, cv=2).fit(TABLE, y)) == []
    pytest.importorskip("optuna")
    search = OptunaSearchCV(model, grid, n_trials=2, cv=2, random_state=0)
    assert said(lambda: search.fit(TABLE, y)) == []
