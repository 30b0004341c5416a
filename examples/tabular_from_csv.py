"""
From a CSV file to a saved model
================================

A table with categories and missing values goes into a tabular perceptron as pandas
reads it: no imputer, no encoder, no scaler. It is compared with gradient boosting,
tuned, saved, loaded and asked about rows it has never seen. A minute on one CPU core.
"""

# %%
# A table as it comes
# -------------------
# Rents of made-up flats: numbers with heavy tails, holes, categories few and many, and
# a district without a name.

from __future__ import annotations

import tempfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GridSearchCV, train_test_split

from skdeep import TabularMLPRegressor

N_FLATS, N_STREETS = 1_200, 30
rng = np.random.default_rng(0)
size = rng.lognormal(4.0, 0.4, N_FLATS).round(1)
year = rng.integers(1900, 2025, N_FLATS).astype(float)
floor = rng.integers(0, 8, N_FLATS)
district = rng.choice(["north", "south", "harbour"], N_FLATS, p=[0.5, 0.4, 0.1])
street = rng.integers(0, N_STREETS, N_FLATS)
lift = rng.random(N_FLATS) < 0.4
charm = rng.normal(0, 60, N_STREETS)
rent = 9 * size * np.where(district == "harbour", 1.5, 1.0) + charm[street]
rent += np.where(lift, 15, -25) * floor + 1.5 * np.abs(year - 1960)
rent += rng.normal(0, 40, N_FLATS)
flats = pd.DataFrame(
    {
        "size": size,
        "year": np.where(rng.random(N_FLATS) < 0.15, np.nan, year),
        "floor": floor,
        "district": np.where(rng.random(N_FLATS) < 0.05, None, district),
        "street": [f"street {number}" for number in street],
        "lift": lift,
        "rent": rent.round(2),
    }
)

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "flats.csv"
flats.to_csv(path, index=False)

table = pd.read_csv(path)
print(table.head(3).to_string(index=False))
print(f"{len(table)} rows, missing: {table.isna().sum().sum()}\n")
X, y = table.drop(columns="rent"), table["rent"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=300, random_state=0)

# %%
# Two models at their defaults
# ----------------------------
# Their errors on the flats held out, to the nearest five.

words = X.select_dtypes(exclude=["number", "bool"]).columns
boosting = HistGradientBoostingRegressor(random_state=0)
boosting.fit(X_train.astype(dict.fromkeys(words, "category")), y_train)
guess = boosting.predict(X_test.astype(dict.fromkeys(words, "category")))
of_boosting = root_mean_squared_error(y_test, guess)
print(f"gradient boosting: {5 * round(of_boosting / 5):3} RMSE")

regressor = TabularMLPRegressor(random_state=0).fit(X_train, y_train)
guess = regressor.predict(X_test)
of_perceptron = root_mean_squared_error(y_test, guess)
print(f"tabular perceptron: {5 * round(of_perceptron / 5):2} RMSE\n")

# %%
# Tuning
# ------
# Any parameter can be searched. Fewer members make the search cheap. Here short vectors
# of the categories are better than long ones, at either learning rate.

search = GridSearchCV(
    TabularMLPRegressor(n_ensemble=4, max_epochs=60, random_state=0),
    {"embedding_dim": [4, 8], "learning_rate": [2e-3, 5e-3]},
    scoring="neg_root_mean_squared_error",
    cv=3,
).fit(X_train, y_train)
short, long = -search.cv_results_["mean_test_score"].reshape(2, 2)
print(f"{len(search.cv_results_['params'])} candidates")
print(f"best embedding_dim: {search.best_params_['embedding_dim']}")
print(f"lower RMSE than with the other, on the mean: {short.mean() < long.mean()}")
best = regressor.set_params(**search.best_params_).fit(X_train, y_train)

# %%
# Saving
# ------
# The file holds the encoding of every column along with the weights. New rows may lack
# values, and name streets that were never seen. The noise in the rents alone makes an
# error of 40.

model = Path(folder.name) / "rents.joblib"
joblib.dump(best, model)
loaded = joblib.load(model)
print(f"\nSaved in less than 200 kB: {model.stat().st_size < 200_000}")
same = np.array_equal(loaded.predict(X_test), best.predict(X_test))
print(f"Loaded again, it predicts the same: {same}")
new = X_test.iloc[[11, 12]].assign(
    street=["street 1", "a new street"], year=[np.nan, 1999]
)
for (_, flat), value in zip(new.iterrows(), loaded.predict(new), strict=True):
    rent = 100 * round(value / 100)
    print(f"{flat['size']:.0f} square metres in {flat['street']}: about {rent}")
test_error = root_mean_squared_error(y_test, loaded.predict(X_test))
print(f"RMSE on {len(y_test)} flats never seen is below 60: {test_error < 60}")
print(f"It is at least 15 less than boosting's: {of_boosting - test_error > 15}")
folder.cleanup()

# sphinx_gallery_thumbnail_path = '_static/thumb_table.svg'
