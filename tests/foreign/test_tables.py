"""The tables of tests that do not apply, against the tests that are there."""

from __future__ import annotations

import pytest
import sklearn

from tests.foreign import test_callbacks, test_mlp, test_search

pytestmark = pytest.mark.foreign


@pytest.mark.parametrize("module", [test_callbacks, test_mlp, test_search])
def test_table_lists_tests_that_are_there(module):
    """A name that scikit-learn has given up is taken out of the table."""
    tests = {name for name in vars(module) if name.startswith("test_")}
    assert len(tests) > 30
    listed = {name.partition("[")[0] for name in module.NOT_APPLICABLE}
    assert listed <= tests


def test_scikit_learn_is_the_one_the_tables_were_made_for():
    """Tests of another minor version are others: `tox -e foreign` pins it."""
    assert sklearn.__version__.startswith("1.9.")


def test_tests_that_use_no_estimator_of_ours_are_left_out():
    """What scikit-learn tests of itself alone says nothing of us."""
    assert not hasattr(test_search, "test_parameter_grid")
    assert hasattr(test_search, "test_search_callbacks_propagation")
