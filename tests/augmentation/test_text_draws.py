"""What is drawn for a text."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from skdeep.augmentation._text_draws import take_turns, text_generator


def test_generators_tell_seed_text_and_occurrence_apart():
    """Each has a stream of its own, which comes again."""
    asked = [(s, t, o) for s in (0, 1) for t in ("a", "b", "\ud800") for o in (0, 1)]
    drawn = [text_generator(*one).random() for one in asked]
    assert len(set(drawn)) == len(asked)
    assert drawn == [text_generator(*one).random() for one in asked]


@pytest.mark.parametrize(("n_operations", "n_texts"), [(1, 3), (4, 9), (4, 2), (6, 4)])
def test_no_operation_is_used_much_more_than_others(n_operations, n_texts, seed):
    """At most one more than its share, rounded down."""
    turns = take_turns(n_operations, n_texts, np.random.default_rng(seed))
    assert len(turns) == n_texts
    assert set(turns) <= set(range(n_operations))
    assert max(Counter(turns).values()) <= n_texts // n_operations + 1
