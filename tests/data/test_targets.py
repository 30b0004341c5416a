"""Tests of labels and numbers, there and back again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import check_array

from skdeep.data import ClassTarget, NumberTarget, ravel_column

LABELS: dict[str, tuple[Any, str]] = {
    "binary ints": (np.array([3, 1, 1, 3]), "binary"),
    "bool": (np.array([True, False, True]), "binary"),
    "binary strings": (np.array(["no", "yes", "no"]), "binary"),
    "ints with gaps": (np.array([10, -5, 30, 10]), "multiclass"),
    "strings": (np.array(["cat", "ant", "bee", "ant"]), "multiclass"),
    "objects": (np.array(["cat", "ant", "bee", "ant"], dtype=object), "multiclass"),
    "whole floats": (np.array([1.0, 2.0, 0.0, 2.0]), "multiclass"),
    "small ints": (np.array([2, 0, 1], dtype=np.int8), "multiclass"),
    "one class": (np.array(["only", "only"]), "single"),
    "one number": (np.array([7, 7, 7]), "single"),
}
INDICATOR = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 0]])


def logits_for(target: ClassTarget, codes: np.ndarray) -> np.ndarray:
    """Return outputs of a network that is sure of some codes."""
    if target.kind == "binary":
        return np.where(codes == 1, 4.0, -4.0)[:, np.newaxis]
    if target.kind == "multilabel":
        return np.where(codes == 1, 4.0, -4.0)
    return 5.0 * np.eye(len(target.classes))[codes]


@pytest.mark.parametrize(("y", "kind"), LABELS.values(), ids=LABELS)
def test_labels_come_back_with_their_dtype(y: np.ndarray, kind: str) -> None:
    """Codes count from 0 in the order of the labels, and decode to the labels."""
    target = ClassTarget.from_labels(y, "Model")
    codes = target.codes(y, "Model")
    assert target.kind == kind
    assert codes.dtype == np.int64
    assert codes.tolist() == [sorted(set(y.tolist())).index(v) for v in y.tolist()]
    assert target.classes.dtype == y.dtype
    decoded = target.decode(logits_for(target, codes))
    assert decoded.dtype == y.dtype
    np.testing.assert_array_equal(decoded, y)


@pytest.mark.parametrize(
    ("kind", "n_outputs", "loss_kind"),
    [("single", 1, "multiclass"), ("binary", 1, "binary"), ("multiclass", 3, None)],
)
def test_outputs_and_loss_follow_the_kind(
    kind: str, n_outputs: int, loss_kind: str | None
) -> None:
    """Two classes need one logit, one class alone is a softmax over one."""
    n_classes = ["single", "binary", "multiclass"].index(kind) + 1
    target = ClassTarget.from_classes(np.arange(n_classes))
    assert target.kind == kind
    assert target.n_outputs == n_outputs
    assert target.loss_kind == (loss_kind or kind)


def test_encode_gives_what_the_loss_takes() -> None:
    """Indices for a softmax, a 0/1 column for one logit, an indicator for several."""
    codes = np.array([0, 1, 1])
    indices = ClassTarget.from_classes(np.arange(3)).encode(codes, torch.float32)
    assert indices.dtype == torch.int64
    assert indices.tolist() == [0, 1, 1]
    column = ClassTarget.from_classes(np.arange(2)).encode(codes, torch.float32)
    assert column.dtype == torch.float32
    assert column.tolist() == [[0.0], [1.0], [1.0]]
    several = ClassTarget.from_labels(INDICATOR, "Model").encode(
        INDICATOR.astype(np.int64), torch.float64
    )
    assert several.dtype == torch.float64
    assert several.tolist() == INDICATOR.tolist()


@pytest.mark.parametrize("dtype", [int, bool, float])
@pytest.mark.parametrize("kind", [None, sp.csr_matrix, sp.csr_array])
def test_indicator_comes_back_dense_or_sparse(dtype: Any, kind: Any) -> None:
    """Several labels a row are answered as they were given."""
    y = INDICATOR.astype(dtype)
    given = y if kind is None else kind(y)
    target = ClassTarget.from_labels(given, "Model")
    assert target.kind == target.loss_kind == "multilabel"
    assert target.classes.tolist() == [0, 1, 2]
    assert target.n_outputs == 3
    codes = target.codes(given, "Model")
    assert codes.dtype == np.int64
    np.testing.assert_array_equal(codes, INDICATOR)
    decoded = target.decode(logits_for(target, codes))
    assert sp.issparse(decoded) == (kind is not None)
    answer = decoded.toarray() if sp.issparse(decoded) else decoded
    np.testing.assert_array_equal(answer, INDICATOR)


def test_tie_goes_to_the_first_class() -> None:
    """A logit of exactly zero is a probability of one half: not more probable."""
    binary = ClassTarget.from_classes(np.array(["a", "b"]))
    assert binary.decode(np.zeros((1, 1))).tolist() == ["a"]
    three = ClassTarget.from_classes(np.array(["a", "b", "c"]))
    assert three.decode(np.zeros((1, 3))).tolist() == ["a"]


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (np.array([0.5, 1.5, 2.5]), "Unknown label type: continuous"),
        (np.array([[0.5, 1.5], [2.5, 0.1]]), "Unknown label type"),
        (np.array([[0, 1, 2], [2, 1, 0]]), r"Model predicts one class a row.*\(2, 3\)"),
    ],
)
def test_targets_that_are_no_classes_raise(y: np.ndarray, sentence: str) -> None:
    """Numbers and several classes a row belong to other estimators."""
    with pytest.raises(ValueError, match=sentence):
        ClassTarget.from_labels(y, "Model")


def test_labels_of_several_types_raise() -> None:
    """Strings and numbers cannot be sorted together."""
    y = np.array(["a", 1, "a"], dtype=object)
    target = ClassTarget.from_classes(np.array(["a", "b"], dtype=object))
    with pytest.raises(ValueError, match=r"Model needs labels of one type.*astype"):
        target.codes(y, "Model")


@pytest.mark.parametrize(
    ("classes", "y", "unseen"),
    [
        (["ant", "bee"], ["ant", "cow"], "'cow'"),
        ([1, 2, 3], [0, 1], "0"),
        ([1, 2, 3], [1, 9], "9"),
        ([1.0, 2.0], [1.5], r"1\.5"),
    ],
)
def test_unseen_labels_raise(classes: Any, y: Any, unseen: str) -> None:
    """A label that is not among the classes is named."""
    target = ClassTarget.from_classes(np.array(classes))
    with pytest.raises(ValueError, match=f"Model knows the classes.*class {unseen}"):
        target.codes(np.array(y), "Model")


def test_unseen_validation_label_says_so() -> None:
    """Validation rows have a remedy of their own."""
    target = ClassTarget.from_classes(np.array([1, 2]))
    with pytest.raises(ValueError, match=r"Got y_val with the unseen class 3. Leave"):
        target.codes(np.array([1, 3]), "Model", validation=True)


def test_classes_of_partial_fit_are_sorted_and_distinct() -> None:
    """A list in any order, with repetitions, is the set of classes."""
    target = ClassTarget.from_list(["b", "a", "c", "a"], "Model")
    assert target.classes.tolist() == ["a", "b", "c"]
    assert target.kind == "multiclass"


@pytest.mark.parametrize("classes", [3, [], [[0, 1]], [0.0, np.nan]])
def test_classes_that_are_no_list_of_labels_raise(classes: Any) -> None:
    """The sentence names the argument and shows what was got."""
    with pytest.raises(ValueError, match=r"The 'classes' of Model.partial_fit must be"):
        ClassTarget.from_list(classes, "Model")


def test_classes_of_several_types_raise() -> None:
    """Strings and numbers cannot be sorted together."""
    classes = np.array(["a", 1], dtype=object)
    with pytest.raises(ValueError, match="Model needs labels of one type"):
        ClassTarget.from_list(classes, "Model")


def test_mixed_labels_raise_in_the_house_voice() -> None:
    """Not all of scikit-learn's own errors say what to do."""
    y = np.array(["a", 1, "a"], dtype=object)
    with pytest.raises(ValueError, match=r"Model needs labels of one type.*astype"):
        ClassTarget.from_labels(y, "Model")


def test_bytes_raise_in_the_words_of_sklearn() -> None:
    """Labels of bytes are not supported there; before 1.7 it said so in a warning."""
    with pytest.raises((TypeError, FutureWarning), match="bytes"):
        ClassTarget.from_labels(np.array([b"a", b"b"]), "Model")


def test_labels_of_a_wrong_shape_raise() -> None:
    """What is learnt has one shape throughout."""
    single = ClassTarget.from_classes(np.arange(3))
    with pytest.raises(ValueError, match=r"Model learns one class a row.*\(2, 2\)"):
        single.codes(np.zeros((2, 2), dtype=int), "Model")
    several = ClassTarget.from_labels(INDICATOR, "Model")
    for y in (np.zeros(3), np.zeros((3, 2)), sp.csr_matrix((3, 2))):
        with pytest.raises(ValueError, match="Model learns an indicator of 3 labels"):
            several.codes(y, "Model")


@pytest.mark.parametrize("strange", [-1, 2, 0.5])
@pytest.mark.parametrize("sparse", [False, True])
def test_indicator_of_other_numbers_raises(strange: float, sparse: bool) -> None:
    """A loss would take -1 or 2 for a target and never say so."""
    target = ClassTarget.from_labels(INDICATOR, "Model")
    y = np.where(INDICATOR == 0, strange, 1)
    with pytest.raises(ValueError, match=f"zeros and ones. Got y with {strange}"):
        target.codes(sp.csr_matrix(y) if sparse else y, "Model")


def test_ravel_column_warns_as_sklearn_does() -> None:
    """A column of labels is one axis too many; all else passes in silence."""
    column = np.array([[1], [2]])
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        assert ravel_column(column).tolist() == [1, 2]
    for y in (np.arange(3), INDICATOR, sp.csr_matrix(np.ones((3, 1)))):
        assert ravel_column(y) is y


def number_target(scaling: str | None, y: np.ndarray) -> NumberTarget:
    """Return a target that has seen `y`."""
    n_outputs = 1 if y.ndim == 1 else y.shape[1]
    target = NumberTarget(scaling, one_dimensional=y.ndim == 1, n_columns=n_outputs)
    target.update(target.columns(y, "Model"), None)
    return target


@pytest.mark.parametrize("scaling", ["standard", "mean", None])
@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 3)])
def test_numbers_come_back_with_their_axes(
    scaling: str | None, shape: tuple[int, ...]
) -> None:
    """Encoding and decoding return the numbers, in float64."""
    y = np.random.default_rng(0).uniform(10, 20, shape)
    target = number_target(scaling, y)
    columns = target.columns(y, "Model")
    assert columns.shape == (50, target.n_outputs)
    encoded = target.encode(columns, torch.float64)
    decoded = target.decode(encoded.numpy())
    assert decoded.shape == shape
    np.testing.assert_allclose(decoded, y, rtol=1e-13)
    assert target.decode(encoded.float().numpy()).shape == shape


def test_standard_scaling_is_mean_zero_deviation_one() -> None:
    """The network sees numbers of one size, column by column."""
    y = np.random.default_rng(0).standard_normal((80, 2)) * [1e-3, 1e6] + [5, -1e7]
    target = number_target("standard", y)
    encoded = target.encode(target.columns(y, "Model"), torch.float64).numpy()
    np.testing.assert_allclose(encoded, (y - y.mean(axis=0)) / y.std(axis=0), atol=1e-9)


def test_mean_scaling_keeps_zero() -> None:
    """Counts are divided by their mean, which a log link can take."""
    y = np.array([0.0, 1.0, 5.0])
    target = number_target("mean", y)
    encoded = target.encode(target.columns(y, "Model"), torch.float64)
    assert encoded.tolist() == [[0.0], [0.5], [2.5]]


def test_weights_count_in_the_scaling() -> None:
    """The mean of the target is the weighted one."""
    target = NumberTarget("standard", one_dimensional=True, n_columns=1)
    target.update(np.array([[0.0], [10.0]]), np.array([3.0, 1.0]))
    assert target.decode(np.zeros((1, 1))).tolist() == [2.5]


def test_without_scaling_numbers_pass_as_they_are() -> None:
    """None leaves the units alone."""
    y = np.array([1e6, -3.0])
    target = number_target(None, y)
    values = target.columns(y, "Model")
    assert target.encode(values, torch.float64).tolist() == [[1e6], [-3.0]]
    assert target.decode(np.array([[2.0]])).tolist() == [2.0]


def test_constant_numbers_are_always_predicted() -> None:
    """A target without variation is its mean, whatever the network says."""
    target = number_target("standard", np.full(2000, 0.1))
    encoded = target.encode(np.full((3, 1), 0.1), torch.float32)
    assert encoded.tolist() == [[0.0]] * 3
    assert target.decode(np.array([[-7.0], [7.0]])).tolist() == [0.1, 0.1]


def test_encoded_numbers_are_a_copy() -> None:
    """Training never writes into the caller's target, read-only or not."""
    y = np.arange(4.0)[:, np.newaxis]
    y.flags.writeable = False
    target = NumberTarget(None, one_dimensional=False, n_columns=1)
    encoded = target.encode(y, torch.float64)
    encoded.fill_(9.0)
    assert y[:, 0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("dtype", [np.int64, np.float32, bool, object])
def test_columns_take_any_numbers(dtype: Any) -> None:
    """Whole numbers and single precision become float64 before anything else."""
    y = np.array([1, 0, 1]).astype(dtype)
    target = NumberTarget(None, one_dimensional=True, n_columns=1)
    values = target.columns(check_array(y, ensure_2d=False, dtype=None), "Model")
    assert values.dtype == np.float64
    assert values.tolist() == [[1.0], [0.0], [1.0]]


def test_columns_of_another_width_raise() -> None:
    """A later target must have as many numbers a row as the first."""
    target = number_target("standard", np.ones((5, 2)))
    sentence = r"Model predicts 2 number\(s\) a row. Got y of shape \(5, 3\)"
    with pytest.raises(ValueError, match=sentence):
        target.columns(np.ones((5, 3)), "Model")


@pytest.mark.parametrize(
    ("y", "shown"),
    [
        (sp.csr_matrix(np.ones((3, 1))), "a sparse matrix"),
        (np.array(["a", "b"]), "<U1"),
        (np.array([1j]), "complex128"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "datetime64"),
    ],
)
def test_targets_that_are_no_numbers_raise(y: Any, shown: str) -> None:
    """Dates are numbers to NumPy, but not to a user."""
    target = NumberTarget(None, one_dimensional=True, n_columns=1)
    with pytest.raises(ValueError, match=f"Model expects y as a dense .* Got {shown}"):
        target.columns(y, "Model")


def test_quantiles_of_a_number_are_as_many_outputs() -> None:
    """The target is repeated for each, and outputs come back on its scale, sorted."""
    y = np.array([[1.0], [3.0], [8.0]])
    target = NumberTarget("standard", one_dimensional=True, n_columns=1, n_quantiles=3)
    target.update(y, None)
    assert target.n_outputs == 3
    encoded = target.encode(y, torch.float64).numpy()
    np.testing.assert_allclose(encoded, np.repeat((y - 4) / y.std(), 3, axis=1))
    outputs = np.array([[0.5, -1.0, 2.0], [0.0, 0.0, 0.1]])
    expected = np.sort(4 + y.std() * outputs, axis=1)
    np.testing.assert_allclose(target.decode(outputs), expected)


@pytest.mark.parametrize("scaling", ["standard", None])
@pytest.mark.parametrize("n_quantiles", [1, 2])
def test_clipped_numbers_stay_within_all_that_came(
    scaling: Any, n_quantiles: int
) -> None:
    """Limits are those of each column, over all updates, whatever rows weigh."""
    target = NumberTarget(
        scaling, one_dimensional=True, n_columns=1, n_quantiles=n_quantiles, clip=True
    )
    outputs = np.array([[-1e6] * n_quantiles, [1e6] * n_quantiles])
    target.update(np.array([[2.0], [5.0]]), np.array([1.0, 0.5]))
    np.testing.assert_array_equal(np.unique(target.decode(outputs)), [2.0, 5.0])
    target.update(np.array([[3.0], [9.0]]), None)
    np.testing.assert_array_equal(np.unique(target.decode(outputs)), [2.0, 9.0])
    inside = target.decode(target.encode(np.array([[4.0]]), torch.float64).numpy())
    np.testing.assert_allclose(inside, np.full(np.shape(inside), 4.0))


def test_columns_are_clipped_by_themselves() -> None:
    """The range of one column says nothing of another."""
    target = NumberTarget(None, one_dimensional=False, n_columns=2, clip=True)
    target.update(np.array([[0.0, 10.0], [1.0, 30.0]]), None)
    clipped = target.decode(np.array([[-5.0, -5.0], [50.0, 50.0], [0.5, 20.0]]))
    np.testing.assert_array_equal(clipped, [[0.0, 10.0], [1.0, 30.0], [0.5, 20.0]])
