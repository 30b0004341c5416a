"""Texts as bags of n-grams, and as sequences of words."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from skdeep.data import (
    BagEncoder,
    GramRules,
    GramVocabulary,
    SequenceEncoder,
    TextTable,
)

TEXTS = TextTable.of(["the cat sat", "the cat the dog", "", "a dog on the dog"])


def bags(rules=None, **params):
    """Return an encoder of bags, fitted."""
    given = {"pooling": "sqrtn", "use_idf": False, "sublinear_tf": False, **params}
    vocabulary = GramVocabulary(rules or GramRules(tokenizer=str.split))
    return BagEncoder(vocabulary, **given).update(TEXTS)


@pytest.mark.parametrize("use_idf", [True, False])
@pytest.mark.parametrize("sublinear_tf", [True, False])
@pytest.mark.parametrize(("pooling", "norm"), [("sqrtn", "l2"), ("mean", "l1")])
def test_weights_are_those_of_scikit_learn(use_idf, sublinear_tf, pooling, norm):
    """TF-IDF, put to the norm that the pooling stands for."""
    encoder = bags(pooling=pooling, use_idf=use_idf, sublinear_tf=sublinear_tf)
    expected = TfidfVectorizer(
        tokenizer=str.split,
        token_pattern=None,
        use_idf=use_idf,
        sublinear_tf=sublinear_tf,
        norm=norm,
    ).fit_transform(TEXTS.texts)
    np.testing.assert_allclose(encoder.weights(TEXTS).toarray(), expected.toarray())


def test_sums_are_counts():
    """Without a norm."""
    counts = bags(pooling="sum").weights(TEXTS).toarray()
    assert counts.sum(axis=1).tolist() == [3, 4, 0, 5]


def test_weight_of_two_is_a_text_twice():
    """Document frequencies count weights."""
    weighted: Any = BagEncoder(
        GramVocabulary(GramRules()), pooling="sum", use_idf=True, sublinear_tf=False
    ).update(TEXTS, np.array([2.0, 1.0, 1.0, 1.0]))
    twice: Any = BagEncoder(
        GramVocabulary(GramRules()), pooling="sum", use_idf=True, sublinear_tf=False
    ).update(TextTable.of([TEXTS.texts[0], *TEXTS.texts]))
    np.testing.assert_allclose(weighted.idf, twice.idf)


def test_second_update_changes_nothing():
    """The numbers of n-grams belong to trained vectors."""
    encoder = bags()
    before = list(encoder.vocabulary.grams)
    encoder.update(TextTable.of(["quite other words"]))
    assert encoder.vocabulary.grams == before


def test_training_rows_are_encoded_once(monkeypatch):
    """What the vocabulary was learnt from is not read a second time."""
    encoder = bags()
    calls = []
    look_up = GramVocabulary.number

    def counted(vocabulary, texts):
        calls.append(len(texts))
        return look_up(vocabulary, texts)

    monkeypatch.setattr(GramVocabulary, "number", counted)
    first = encoder.weights(TEXTS)
    assert calls == []
    encoder.forget_rows()
    np.testing.assert_array_equal(first.toarray(), encoder.weights(TEXTS).toarray())
    assert calls == [4]


def test_pickle_holds_no_training_text():
    """But the vocabulary, by which it encodes the same."""
    encoder = bags()
    taken = pickle.loads(pickle.dumps(encoder))
    assert taken._learnt is None
    np.testing.assert_array_equal(
        taken.weights(TEXTS).toarray(), encoder.weights(TEXTS).toarray()
    )


def test_batch_of_bags_has_a_row_for_each_text():
    """Also for one without words."""
    batch = bags().transform(TEXTS, torch.float64)
    assert batch.shape == (4,)
    assert batch.starts.tolist() == [0, 3, 6, 6, 10]
    assert batch.weights.dtype == torch.float64


def test_sequences_number_words_from_one():
    """0 fills shorter texts up; unknown words are left out; long texts are cut."""
    vocabulary = GramVocabulary(GramRules())
    encoder = SequenceEncoder(vocabulary, max_length=3).update(TEXTS)
    names = [None, *(vocabulary.grams or ())]
    words = encoder.transform(TextTable.of(["dog x sat", "", "a a a a"]), torch.float32)
    assert words.dtype == torch.int64
    read = [[names[i] for i in row] for row in words]
    assert read == [[" dog", " sat", None], [None] * 3, [" a"] * 3]


def test_vectors_of_a_file_go_with_the_first_words(tmp_path):
    """Words that the file has come first, in the order of the alphabet."""
    path = tmp_path / "vectors.txt"
    path.write_text("the 1 2\nzebra 3 4\ncat 5 6\n")
    vocabulary: Any = GramVocabulary(GramRules((1, 2)))
    encoder: Any = BagEncoder(
        vocabulary,
        pooling="sum",
        use_idf=True,
        sublinear_tf=False,
        vectors_file=str(path),
        width=2,
    ).update(TEXTS)
    assert encoder.n_known == 2
    assert vocabulary.grams[:2] == [" cat", " the"]
    assert encoder.vectors.tolist() == [[5, 6], [1, 2]]
    plain = bags(GramRules((1, 2)), pooling="sum", use_idf=True)
    one = dict(zip(vocabulary.grams, encoder.idf, strict=True))
    assert one == dict(zip(plain.vocabulary.grams, plain.idf, strict=True))


def test_vectors_of_no_training_word_are_refused(tmp_path):
    """Of another language, most likely."""
    path = tmp_path / "vectors.txt"
    path.write_text("chat 1 2\n")
    encoder = SequenceEncoder(GramVocabulary(GramRules()), vectors_file=str(path))
    with pytest.raises(ValueError, match="are of no word of the training texts"):
        encoder.update(TEXTS)
