"""Values to JSON and arrays, and back: each kind that is on the list, and no other."""

from __future__ import annotations

import array
import functools
import json
from collections import OrderedDict
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.models import ResNet18_Weights

from skdeep._storable import storable
from skdeep.exceptions import PersistenceError
from skdeep.losses import make_classification_loss
from skdeep.persistence._decoding import Decoder
from skdeep.persistence._encoding import Encoder
from tests.naming import shown


@storable()
def blend(x: float, *, share: float) -> float:
    """Return a part of x."""
    return x * share


def trip(value: Any) -> Any:
    """Return what a value is after it was text and arrays."""
    encoder = Encoder("It")
    text = json.dumps(encoder.node(value, "place"), allow_nan=False)
    return Decoder(encoder.arrays, {}).value(json.loads(text))


VALUES = [
    None,
    True,
    -(2**70),
    "é",
    0.1,
    float("inf"),
    [1, [2.0, "x"]],
    (1, (2,)),
    {"a"},
    frozenset([1]),
    {"a": 1, "b": {"c": (2,)}},
    {1: "x", "!": 2, None: 3},
    OrderedDict(x=1),
    slice(1, None, 2),
    array.array("f", [0.5, 2.0]),
    torch.float64,
    torch.device("cpu"),
    torch.nn.Tanh,
    torch.optim.SGD,
    np.dtype(">i4"),
    np.float32(0.1),
    np.bool_(True),
    np.int64(-3),
    np.str_("x"),
    Path("a") / "b",
]


@pytest.mark.parametrize("value", VALUES, ids=shown)
def test_value_comes_back_as_it_was(value: Any) -> None:
    """Of the same type, where JSON has none for it as well."""
    back = trip(value)
    assert back == value
    assert type(back) is (dict if isinstance(value, OrderedDict) else type(value))


def test_number_that_is_none_comes_back() -> None:
    """JSON has no word for it."""
    assert np.isnan(trip([float("nan")])[0])
    assert trip(-float("inf")) == -float("inf")


@pytest.mark.parametrize(
    "values",
    [
        np.arange(6, dtype=np.int8).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(3, dtype=">f8"),
        np.arange(8)[::2],
        np.array([1.5], np.float16),
        np.empty((0, 2)),
        np.array(3.0),
        np.array([["é", "abc"]]),
        np.array([None, ("a", 1), 2.5], dtype=object),
    ],
    ids=lambda values: f"{values.dtype.str}{values.shape}",
)
def test_array_comes_back_in_its_layout(values: Any) -> None:
    """Texts and objects are told one by one, numbers lie in arrays."""
    back = trip(values)
    assert back.dtype == values.dtype
    assert back.flags.f_contiguous or not values.flags.f_contiguous
    np.testing.assert_array_equal(back, values)


def test_tensor_comes_back_on_the_cpu() -> None:
    """Without what it was computed from."""
    value = torch.ones(2, 3, requires_grad=True) * 2
    back = trip({"x": value})["x"]
    assert torch.equal(back, value)
    assert not back.requires_grad


def test_arrays_of_one_place_are_told_apart() -> None:
    """The items of a dict may have keys that read alike."""
    back = trip({1: np.zeros(2), "1": np.ones(2)})
    assert back[1].tolist() == [0, 0]
    assert back["1"].tolist() == [1, 1]


@pytest.mark.parametrize("name", ["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"])
def test_generator_goes_on_where_it_was(name: str) -> None:
    """Every kind of bits that NumPy has."""
    generator = np.random.Generator(getattr(np.random, name)(3))
    generator.integers(0, 9, 5)
    back = trip(generator)
    assert (
        back.integers(0, 10**9, 4).tolist() == generator.integers(0, 10**9, 4).tolist()
    )


def test_random_state_goes_on_where_it_was() -> None:
    """With the second normal number that it has in store."""
    state = np.random.RandomState(3)
    state.standard_normal()
    back = trip(state)
    assert back.standard_normal(3).tolist() == state.standard_normal(3).tolist()


def test_function_of_the_house_comes_back_with_its_keywords() -> None:
    """By its name, which is on the list."""
    back = trip(functools.partial(blend, share=0.5))
    assert back.func is blend
    assert back(4.0) == 2.0


def test_object_of_the_house_comes_back() -> None:
    """A marked class is its name and the fields that it was marked with."""
    back = trip(make_classification_loss("cross_entropy", kind="multiclass"))
    assert type(back).__name__ == "CrossEntropy"
    smooth = make_classification_loss("focal", kind="binary", label_smoothing=0.2)
    assert vars(trip(smooth))["label_smoothing"] == 0.2


def test_loss_of_torch_comes_back() -> None:
    """As the class and what it was made with."""
    back = trip(torch.nn.CrossEntropyLoss(label_smoothing=0.2, reduction="none"))
    assert type(back) is torch.nn.CrossEntropyLoss
    assert back.label_smoothing == 0.2


def test_weights_of_torchvision_are_their_name() -> None:
    """The member can be found again by it."""
    assert trip(ResNet18_Weights.IMAGENET1K_V1) == "ResNet18_Weights.IMAGENET1K_V1"


class Shade(torch.nn.Module):
    """A module of nobody's."""


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (max, "x.0 holds the function max. Only numbers, texts"),
        (lambda: None, "x.0 holds the function <lambda>"),
        (functools.partial(max, 3), "x.0 holds the function max"),
        (functools.partial(blend, 3), "x.0 holds the function blend"),
        (int, "x.0 holds the class int"),
        (Shade, "x.0 holds the class Shade"),
        (Shade(), r"x.0 holds a Shade. Pass the class"),
        (object(), "x.0 holds a object"),
        (1j, "x.0 holds a complex"),
        (np.longdouble(1), "x.0 holds a longdouble"),
        (np.zeros(2, complex), "x.0 holds a ndarray. An array of complex128"),
        (np.array(["2020"], "M8[D]"), r"An array of datetime64\[D\] cannot be"),
        (torch.zeros(2, dtype=torch.bfloat16), "A tensor of torch.bfloat16 cannot be"),
        (Path.joinpath, "x.0 holds the function joinpath"),
    ],
    ids=lambda value: shown(value)[:30] if isinstance(value, str) else "",
)
def test_what_is_not_on_the_list_is_refused(value: Any, sentence: str) -> None:
    """The error says where it stands, and what to do."""
    with pytest.raises(PersistenceError, match=f"^It cannot be saved.*{sentence}"):
        Encoder("It").node({"x": [value]}, "")


@pytest.mark.parametrize(
    ("node", "sentence"),
    [
        ({"!": "code"}, "holds a 'code', which this version of skdeep does not know"),
        ({"!": "object", "class": "Popen", "state": {}}, "names the class 'Popen'"),
        ({"!": "object", "class": "blend", "state": {}}, "names the class 'blend'"),
        ({"!": "function", "name": "Brush2", "keywords": {}}, "the class 'Brush2'"),
        (
            {"!": "function", "name": "CrossEntropy", "keywords": {}},
            "names the class 'CrossEntropy'",
        ),
        ({"!": "torch class", "name": "nn.Sequential2"}, "class 'nn.Sequential2'"),
        ({"!": "torch class", "name": "optim.Optional"}, "class 'optim.Optional'"),
        ({"!": "torch dtype", "value": "load"}, "holds no dtype: 'load'"),
        (
            {"!": "texts", "dtype": "O", "shape": [1], "items": ["x"]},
            "holds texts of another kind",
        ),
        (
            {"!": "generator", "state": {"bit_generator": "seed"}},
            "names the class 'seed'",
        ),
    ],
    ids=lambda value: shown(value)[:30] if isinstance(value, str) else "",
)
def test_node_that_is_not_on_the_list_is_refused(node: Any, sentence: str) -> None:
    """Names are looked up in lists, never imported."""
    with pytest.raises(PersistenceError, match=sentence):
        Decoder({}, {}).value(node)


def test_path_of_another_system_is_a_path_of_this_one() -> None:
    """What reads it opens files here."""
    assert trip(PurePosixPath("a/b")) == Path("a/b")
