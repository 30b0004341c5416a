"""Training texts made harder by parameters that a search can reach."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from skdeep._compat import (
    Interval,
    InvalidParameterError,
    StrOptions,
    Tags,
    validate_parameter_constraints,
)
from skdeep._seeding import draw_seed
from skdeep._text_forms import TextForm, occurrences, read_texts
from skdeep.augmentation._synonyms import find_synonyms
from skdeep.augmentation._text_draws import take_turns, text_generator
from skdeep.augmentation._text_operations import (
    delete_words,
    insert_punctuation,
    insert_synonyms,
    replace_by_synonyms,
    replace_by_vocabulary,
    swap_words,
)
from skdeep.augmentation._word_weights import WordWeights
from skdeep.augmentation._words import Words, split_words
from skdeep.exceptions import SkdeepWarning

Operation = Callable[[Words, np.random.Generator], bool]

_SYNONYM_DEFAULT = 0.1
_SHARE = [Interval(Real, 0, 1, closed="both")]


class TextAugmenter(BaseEstimator):
    """Replace, insert, swap and delete words of texts at random.

    The four operations of EDA [1]_, the insertion of punctuation marks of AEDA [2]_ and
    the replacement of words that say little of UDA [3]_. Each new text is made by one
    operation; those that are switched on take turns. What is no word (punctuation,
    emoji, line breaks) stays as it is, and so do the letters of the words that are
    left.

    It makes more rows, and is therefore no step of a Pipeline: hand it to
    `AugmentedClassifier` or `TextClassifier`, which augment what they are fitted on
    and nothing else. A search tunes it there by names such as ``augmenter__delete``.

    Parameters
    ----------
    replace : float, default=0.0
        Share of words, in [0, 1], that are replaced by words of the vocabulary that
        `fit` has learnt: those of low TF-IDF by those of low TF-IDF.
    synonyms : dict, callable, "wordnet" or None, default=None
        From a word to a list of synonyms. A dict and a callable are asked for the word
        as it is, then in lower case. "wordnet" reads the data of WordNet by nltk,
        where both are installed. None has none, see Notes.
    synonym : float, default=0.1
        Share of words, in [0, 1], that are replaced by a synonym each, wherever they
        stand in the text: `n` is this share of all words, at least 1.
    insert : float, default=0.1
        Share of words, in [0, 1]: `n` times a synonym of a random word is put at a
        random place.
    swap : float, default=0.1
        Share of words, in [0, 1]: `n` times two random words change places.
    delete : float, default=0.1
        Probability, in [0, 1], that a word is deleted; one word always stays.
    punctuation : float, default=0.0
        Share of the number of words, in [0, 1]: between 1 and that many of ``. ; ? : !
        ,`` are put before random words. AEDA's is 1/3.
    n_aug : int, default=4
        New texts for each one. EDA's authors recommend shares of 0.05 and 16 new texts
        for 500 texts, 0.05 and 8 for 2,000, 0.1 and 4 for 5,000 and more.
    stop_words : "english", collection of str or None, default="english"
        Words that get no synonyms, in lower case. "english" is scikit-learn's list.
    tokenizer : callable or None, default=None
        From a text to its words, in order and as they stand in it, for languages that
        are written without spaces. None takes what stands between white space, without
        the punctuation at its ends.
    random_state : int, RandomState instance, Generator or None, default=None
        What becomes of a text depends on this, the text, and whether it is the first,
        second, ... of its kind; not on the other texts. None takes fresh entropy.

    Attributes
    ----------
    word_weights_ : WordWeights or None
        The vocabulary and how much its words say; None where `replace` is 0.

    See Also
    --------
    AugmentedClassifier : Augments what any classifier is fitted on.
    TextClassifier : Augments its training texts anew in each epoch.

    Notes
    -----
    Without `synonyms` nothing can be replaced by a synonym or inserted. With the two
    shares at their defaults the other operations are then used alone, and a
    `SkdeepWarning` says so; a share of 0 says that this is meant, and any other one is
    an error.

    Where an operation can do nothing to a text (two words cannot be swapped where
    there is one; there may be no synonym) the next one is tried; a text that none can
    change is repeated as it is.

    Unlike EDA's own code it keeps upper case and accents, respects stop words also
    where it inserts, puts words also at the end, and draws from no global generator.

    References
    ----------
    .. [1] J. Wei, K. Zou, "EDA: Easy Data Augmentation Techniques for Boosting
       Performance on Text Classification Tasks", EMNLP 2019, :arxiv:`1901.11196`
    .. [2] A. Karimi, L. Rossi, A. Prati, "AEDA: An Easier Data Augmentation Technique
       for Text Classification", Findings of EMNLP 2021, :arxiv:`2108.13230`
    .. [3] Q. Xie, Z. Dai, E. Hovy, M.-T. Luong, Q. V. Le, "Unsupervised Data
       Augmentation for Consistency Training", NeurIPS 2020, :arxiv:`1904.12848`

    Examples
    --------
    >>> from skdeep import TextAugmenter
    >>> augmenter = TextAugmenter(
    ...     synonyms={"cheap": ["inexpensive"]},
    ...     swap=0.0,
    ...     delete=0.0,
    ...     n_aug=2,
    ...     random_state=0,
    ... )
    >>> augmenter.augment(["A cheap room!"])
    ['A cheap room!', 'A inexpensive cheap room!', 'A inexpensive room!']
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - as scikit-learn's
        "replace": _SHARE,
        "synonyms": [Mapping, callable, StrOptions({"wordnet"}), None],
        "synonym": _SHARE,
        "insert": _SHARE,
        "swap": _SHARE,
        "delete": _SHARE,
        "punctuation": _SHARE,
        "n_aug": [Interval(Integral, 1, None, closed="left")],
        "stop_words": [StrOptions({"english"}), list, tuple, set, frozenset, None],
        "tokenizer": [callable, None],
        "random_state": ["random_state", np.random.Generator],
    }

    def __init__(
        self,
        replace: float = 0.0,
        synonyms: Any = None,
        synonym: float = _SYNONYM_DEFAULT,
        insert: float = _SYNONYM_DEFAULT,
        swap: float = 0.1,
        delete: float = 0.1,
        punctuation: float = 0.0,
        n_aug: int = 4,
        stop_words: Any = "english",
        tokenizer: Any = None,
        random_state: Any = None,
    ) -> None:
        self.replace = replace
        self.synonyms = synonyms
        self.synonym = synonym
        self.insert = insert
        self.swap = swap
        self.delete = delete
        self.punctuation = punctuation
        self.n_aug = n_aug
        self.stop_words = stop_words
        self.tokenizer = tokenizer
        self.random_state = random_state

    def check(self) -> None:
        """Hold the parameters to their rules.

        Raises
        ------
        ValueError
            If one breaks them, or they leave nothing to do.
        """
        validate_parameter_constraints(
            self._parameter_constraints,
            self.get_params(deep=False),
            caller_name=type(self).__name__,
        )
        if self.synonyms is None:
            self._check_without_synonyms()
        if not any((self.replace, self.swap, self.delete, self.punctuation)) and (
            self.synonyms is None or not (self.synonym or self.insert)
        ):
            raise InvalidParameterError(
                f"{type(self).__name__} needs an operation to work with. Got a share "
                "of 0 for all that it has the means for. Set one above 0, or pass "
                "synonyms."
            )

    def _check_without_synonyms(self) -> None:
        for name in ("synonym", "insert"):
            share = getattr(self, name)
            if share not in (0, _SYNONYM_DEFAULT):
                raise InvalidParameterError(
                    f"The {name!r} parameter of {type(self).__name__} needs synonyms. "
                    f"Got {name}={share!r} and synonyms=None. Pass a dict, a function "
                    f"or 'wordnet' for synonyms, or set {name}=0."
                )

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the vocabulary that `replace` draws from.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,)
            Training texts.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted augmenter.
        """
        self.check()
        texts = read_texts(X, type(self).__name__)
        weights = None
        if self.replace:
            words = (split_words(text, self.tokenizer).words for text in texts)
            weights = WordWeights.of(words)
        self.word_weights_ = weights
        return self

    def augment(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Return the texts, and `n_aug` new ones for each.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,)
            Texts: a list or another sequence, an array, a Series, or a frame of one
            column.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their targets, which the new texts take over.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights, likewise.

        Returns
        -------
        X : list, ndarray, Series or DataFrame of ((1 + n_aug) * n_samples) texts
            Of the kind that was given, a list for other sequences: the texts as they
            were, then the new ones of the first text, of the second, and so on.
        y : ndarray of length ((1 + n_aug) * n_samples)
            Only where `y` was given.
        sample_weight : ndarray of length ((1 + n_aug) * n_samples)
            Only where `sample_weight` was given.

        Raises
        ------
        NotFittedError
            If `replace` is above 0 and there was no `fit`.
        """
        self.check()
        form = TextForm(X, type(self).__name__)
        grown, origin = self._grow(form.texts)
        result: list[Any] = [form.like_given(grown, origin)]
        for name, values in (("y", y), ("sample_weight", sample_weight)):
            if values is None:
                continue
            array = np.asarray(values)
            if array.ndim == 0 or len(array) != len(form.texts):
                raise ValueError(
                    f"{type(self).__name__}.augment takes one item of {name} for each "
                    f"text. Got shape {array.shape} for {len(form.texts)} texts."
                )
            result.append(array[origin])
        return result[0] if len(result) == 1 else tuple(result)

    def _grow(self, texts: Sequence[str]) -> tuple[list[str], np.ndarray[Any, Any]]:
        """Return the texts with the new ones behind them, and whence each comes."""
        renew, n_aug = self.renewer(), int(self.n_aug)
        grown = list(texts)
        for text, occurrence in zip(texts, occurrences(texts), strict=True):
            grown.extend(renew(text, int(occurrence), n_aug))
        first = np.arange(len(texts))
        return grown, np.concatenate([first, first.repeat(n_aug)])

    def renewer(self) -> Callable[[str, int, int], list[str]]:
        """Return the function that makes new texts of one text.

        Returns
        -------
        renew : callable
            From a text, its occurrence and a number to that many new texts. The same
            text and occurrence give the same ones, whatever was asked before.

        Raises
        ------
        NotFittedError
            If `replace` is above 0 and there was no `fit`.
        """
        operations = self._operations()
        seed = draw_seed(self.random_state)
        split: dict[str, Words] = {}

        def renew(text: str, occurrence: int, n_texts: int) -> list[str]:
            if text not in split:
                split[text] = split_words(text, self.tokenizer)
            rng = text_generator(seed, text, occurrence)
            turns = take_turns(len(operations), n_texts, rng)
            made = []
            for turn in turns:
                words = split[text].copy()
                for operation in (*operations[turn:], *operations[:turn]):
                    if operation(words, rng):
                        break
                made.append(words.text)
            return made

        return renew

    def _operations(self) -> list[Operation]:
        """Return what is switched on and can be done, in the order of the signature."""
        lookup = find_synonyms(self.synonyms)
        stop_words = self._stop_words()
        operations: list[Operation] = []
        if self.replace:
            weights = vars(self).get("word_weights_")
            if weights is None:
                raise NotFittedError(
                    f"This {type(self).__name__} is not fitted yet, and replace="
                    f"{self.replace!r} draws from the vocabulary of the training "
                    "texts. Call fit on them, or set replace=0."
                )
            share = self.replace
            operations.append(lambda w, r: replace_by_vocabulary(w, share, weights, r))
        if lookup is not None:
            by_synonyms = (
                (self.synonym, replace_by_synonyms),
                (self.insert, insert_synonyms),
            )
            for share, change in by_synonyms:
                if share:
                    operations.append(_bound(change, share, lookup, stop_words))
        elif self.synonym or self.insert:
            warnings.warn(
                f"{type(self).__name__} has no synonyms, so that synonym="
                f"{self.synonym!r} and insert={self.insert!r} do nothing. Pass "
                "synonyms, or set both to 0.",
                SkdeepWarning,
                stacklevel=4,
            )
        by_words = (
            (self.swap, swap_words),
            (self.delete, delete_words),
            (self.punctuation, insert_punctuation),
        )
        operations += [_bound(change, share) for share, change in by_words if share]
        return operations

    def _stop_words(self) -> frozenset[str]:
        if self.stop_words is None:
            return frozenset()
        if isinstance(self.stop_words, str):
            return frozenset(ENGLISH_STOP_WORDS)
        return frozenset(str(word).lower() for word in self.stop_words)

    def __sklearn_tags__(self) -> Tags:
        """Say that texts are welcome, and tables are not."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags


def _bound(change: Callable[..., bool], *given: Any) -> Operation:
    return lambda words, rng: change(words, *given, rng)
