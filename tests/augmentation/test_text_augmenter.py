"""The augmenter of texts: what its parameters do, and what they leave alone."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skdeep import TextAugmenter
from skdeep.exceptions import SkdeepWarning

OFF = {"synonym": 0.0, "insert": 0.0, "swap": 0.0, "delete": 0.0}
TABLE = {"good": ["fine", "nice"], "room": ["chamber"], "the": ["that"]}
TEXTS = ["The room was good.", "Zimmer gut; Frühstück schlecht!", "good", ""]


def every_operation(**more):
    """Return an augmenter with all operations on, fitted."""
    augmenter = TextAugmenter(
        **{"replace": 0.2, "punctuation": 0.3, "random_state": 0, **more}
    )
    return augmenter.set_params(synonyms=TABLE).fit(TEXTS)


def test_originals_come_first_then_new_texts_row_by_row():
    """`n_aug` new texts for each, with its target and weight."""
    grown, y, weight = every_operation(n_aug=3).augment(
        TEXTS, ["a", "b", "c", "d"], [1.0, 2.0, 3.0, 4.0]
    )
    assert grown[:4] == TEXTS
    assert len(grown) == 16
    assert y.tolist() == [*"abcd", *"aaabbbcccddd"]
    assert weight.tolist() == [1, 2, 3, 4, *[1] * 3, *[2] * 3, *[3] * 3, *[4] * 3]


def test_same_seed_gives_the_same_texts():
    """Also from a clone, and from a pickle; another seed gives others."""
    augmenter = every_operation()
    grown = augmenter.augment(TEXTS)
    assert augmenter.augment(TEXTS) == grown
    assert clone(augmenter).fit(TEXTS).augment(TEXTS) == grown
    assert pickle.loads(pickle.dumps(augmenter)).augment(TEXTS) == grown
    assert every_operation(random_state=1).augment(TEXTS) != grown


def test_new_texts_depend_on_no_neighbour():
    """A text alone, among others or in another order becomes the same."""
    augmenter = every_operation(n_aug=2)
    whole = augmenter.augment(TEXTS)
    of_text = {text: whole[4 + 2 * i : 6 + 2 * i] for i, text in enumerate(TEXTS)}
    for order in ([0], [2, 0], [3, 2, 1, 0]):
        chosen = [TEXTS[i] for i in order]
        grown = augmenter.augment(chosen)[len(chosen) :]
        assert grown == [new for text in chosen for new in of_text[text]]


def test_equal_texts_become_different_ones():
    """The second of its kind is told from the first, wherever they stand."""
    augmenter = every_operation(n_aug=4)
    text = "one two three four five six seven"
    both = augmenter.augment([text, text])
    assert both[2:6] != both[6:]
    between = augmenter.augment([text, "other", text])
    assert between[3:7] + between[11:] == both[2:]


def test_operations_take_turns():
    """With as many new texts as operations on, and one more, most are used."""
    shares = {**OFF, "swap": 0.1, "delete": 0.5, "punctuation": 0.3}
    augmenter = TextAugmenter(**shares, n_aug=9, random_state=0)
    text = "a b c d e f g h i j"
    new = augmenter.augment([text])[1:]
    n_words = [len(one.split()) for one in new]
    assert {n < 10 for n in n_words} == {True, False}
    assert any(n > 10 for n in n_words)
    assert any(sorted(one.split()) == text.split() and one != text for one in new)


def test_letters_survive():
    """No lower-casing, no lost accent, emoji or line break; only words move."""
    text = "Crème BRÛLÉE,\n日本 👍🏽 e\u0301t naïve"
    augmenter = TextAugmenter(**{**OFF, "swap": 0.2}, n_aug=8, random_state=0)
    for new in augmenter.augment([text])[1:]:
        assert sorted(new) == sorted(text)
        assert ",\n" in new
        assert " 👍🏽 " in new


@pytest.mark.parametrize("text", ["", " ", "...", "🎉"])
def test_texts_without_words_are_repeated(text):
    """There is nothing to be done to them."""
    assert every_operation().augment([text]) == [text] * 5


def test_single_word_is_changed_by_what_can():
    """It can neither be swapped nor deleted, but replaced or added to."""
    augmenter = TextAugmenter(synonyms=TABLE, random_state=0)
    new = augmenter.augment(["good"])[1:]
    assert len(new) == 4
    assert all(one != "good" for one in new)
    left = TextAugmenter(synonym=0, insert=0, random_state=0).augment(["good"])
    assert left == ["good"] * 5


def test_stop_words_get_no_synonyms():
    """Unless there are none; a list of one's own takes any case."""
    shares: dict[str, Any] = {**OFF, "synonym": 1.0}
    made: dict[str, Any] = {"synonyms": TABLE, "n_aug": 1, "random_state": 0}
    new = TextAugmenter(**shares, **made).augment(["The room"])[1]
    assert new == "The Chamber".replace("C", "c")
    new = TextAugmenter(**shares, **made, stop_words=None).augment(["The room"])[1]
    assert new == "That chamber"
    new = TextAugmenter(**shares, **made, stop_words=["Room"]).augment(["The room"])[1]
    assert new == "That room"


def test_default_object_works_and_says_what_it_lacks():
    """Without synonyms two of four operations are left, and a warning says so."""
    with pytest.warns(SkdeepWarning, match="has no synonyms, so that synonym=0.1"):
        grown = TextAugmenter(random_state=0).augment(["a b c d e f"])
    assert len(grown) == 5
    assert all(set(new.split()) <= set("abcdef") for new in grown)
    # Said to be meant, it is silent.
    quiet = TextAugmenter(synonym=0, insert=0, random_state=0)
    assert quiet.augment(["a b c d e f"]) == grown


@pytest.mark.parametrize("name", ["synonym", "insert"])
def test_share_of_synonyms_without_any_is_refused(name):
    """What was asked for cannot be had: no silence, and no warning only."""
    with pytest.raises(ValueError, match=f"'{name}' parameter .* needs synonyms"):
        TextAugmenter().set_params(**{name: 0.2}).augment(["a b"])


def test_nothing_to_do_is_refused():
    """All shares zero, or only those that need synonyms."""
    for params in (OFF, {"swap": 0, "delete": 0}):
        with pytest.raises(ValueError, match="needs an operation to work with"):
            TextAugmenter(**params).augment(["a b"])


def test_replacement_needs_a_fit():
    """The vocabulary is that of the training texts."""
    augmenter = TextAugmenter(**OFF, replace=0.5, n_aug=3, random_state=0)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        augmenter.augment(["a b c"])
    training = ["the cat", "the dog", "the sun of a cat"]
    grown = augmenter.fit(training).augment(["the cat of x"])
    assert augmenter.word_weights_ is not None
    known = set(augmenter.word_weights_.words)
    new = {word for text in grown[1:] for word in text.split()}
    assert new <= known | {"x"}
    assert len(set(grown)) > 1


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"swap": -0.1}, "'swap' parameter of TextAugmenter must be a float"),
        ({"delete": 1.1}, "'delete' parameter"),
        ({"n_aug": 0}, "'n_aug' parameter"),
        ({"synonyms": "thesaurus"}, "'synonyms' parameter .* {'wordnet'}"),
        ({"stop_words": "german"}, "'stop_words' parameter"),
    ],
)
def test_parameters_are_held_to_their_rules(params, sentence):
    """When they are used, not when they are set."""
    augmenter = TextAugmenter(**params)
    with pytest.raises(ValueError, match=sentence):
        augmenter.augment(["a b"])
    with pytest.raises(ValueError, match=sentence):
        augmenter.fit(["a b"])


def test_targets_of_another_length_are_refused():
    """One item for each text."""
    augmenter = TextAugmenter(synonym=0, insert=0)
    with pytest.raises(ValueError, match=r"one item of y .* Got shape \(1,\) for 2"):
        augmenter.augment(["a", "b"], [1])


def test_forms_of_texts_are_kept():
    """An array in, an array out; no texts, none."""
    augmenter = every_operation(n_aug=1)
    grown = augmenter.augment(np.array(TEXTS))
    assert grown.tolist() == augmenter.augment(TEXTS)
    assert augmenter.augment([]) == []


def test_tokenizer_of_ones_own_is_used():
    """Characters as words, as some do for Chinese."""
    augmenter = TextAugmenter(
        **{**OFF, "swap": 0.5}, tokenizer=list, n_aug=1, random_state=0
    )
    (new,) = augmenter.augment(["我爱你"])[1:]
    assert sorted(new) == sorted("我爱你")
    assert new != "我爱你"


def test_tags_say_that_it_takes_texts():
    """As scikit-learn's vectorizers do."""
    tags = TextAugmenter().__sklearn_tags__()
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array
