"""The guard of conftest.py over the state of the whole process."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest
import torch


@pytest.fixture
def state_class(request):
    """Return the class that the guard compares states with."""
    (plugin,) = (
        plugin
        for plugin in request.config.pluginmanager.get_plugins()
        if hasattr(plugin, "ProcessState")
        and plugin.ProcessState.__module__ == plugin.__name__
    )
    return plugin.ProcessState


@pytest.mark.parametrize(
    ("move", "name"),
    [
        (lambda: torch.rand(1), "torch's random state"),
        (np.random.rand, "NumPy's random state"),
        (random.random, "Python's random state"),
        (
            lambda: torch.set_num_threads(torch.get_num_threads() + 1),
            "torch's number of threads",
        ),
    ],
    ids=["torch", "numpy", "python", "threads"],
)
def test_guard_names_what_moved_and_puts_it_back(state_class, move, name):
    """One draw, or one thread more, is seen by its name and undone."""
    before = state_class.now()
    move()
    assert before.moved(state_class.now()) == [name]
    before.restore()
    assert before.moved(state_class.now()) == []


def test_guard_allows_private_generators(state_class):
    """Draws from generators of one's own move nothing."""
    before = state_class.now()
    torch.rand(3, generator=torch.Generator())
    np.random.default_rng(0).random(3)
    random.Random(0).random()
    assert before.moved(state_class.now()) == []


def test_hide_module_makes_imports_fail(hide_module):
    """A hidden package cannot be imported, nor anything inside it."""
    import json.decoder

    assert json.decoder
    hide_module("json")
    assert "json" in sys.modules
    with pytest.raises(ModuleNotFoundError, match="json"):
        import json
    with pytest.raises(ModuleNotFoundError, match="json"):
        import json.decoder


def test_tiny_table_has_classes_of_equal_size(tiny_table):
    """The classes of the tiny table are balanced strings."""
    labels, counts = np.unique(tiny_table.labels, return_counts=True)
    assert labels.tolist() == ["ant", "bee", "cat"]
    assert counts.tolist() == [30, 30, 30]
