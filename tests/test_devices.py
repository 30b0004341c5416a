"""Tests of devices that are really there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from skdeep import _devices as module
from skdeep._devices import (
    available_devices,
    plain_torch,
    resolve_device,
    resolve_precision,
    send,
)
from skdeep.exceptions import DeviceNotAvailableError

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda:0"), torch.device("mps")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that pretends a machine."""

    def pretend(
        n_cuda: int = 0, *, mps: bool = False, present: int = 0, bf16: bool = True
    ) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: n_cuda)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: n_cuda > 0)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: present)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: bf16)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(module, "_cpu_has_bfloat16", lambda: bf16)

    return pretend


@pytest.mark.parametrize(
    ("n_cuda", "mps", "expected"),
    [
        (0, False, ["cpu"]),
        (0, True, ["mps", "cpu"]),
        (2, False, ["cuda:0", "cuda:1", "cpu"]),
        (1, True, ["cuda:0", "mps", "cpu"]),
    ],
)
def test_auto_is_the_fastest_there(
    machine: Any, n_cuda: int, mps: bool, expected: list[str]
) -> None:
    """CUDA before MPS before the CPU."""
    machine(n_cuda, mps=mps)
    assert available_devices() == expected
    assert resolve_device("auto") == torch.device(expected[0])


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu"), "cpu:3"])
def test_cpu_is_one_device(device: Any) -> None:
    """There is one CPU, whatever number it is given."""
    assert resolve_device(device) == CPU


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("cuda", "cuda:1"),
        ("cuda:0", "cuda:0"),
        (torch.device("cuda"), "cuda:1"),
        (torch.device("cuda", 0), "cuda:0"),
        ("mps", "mps"),
        ("mps:0", "mps"),
    ],
)
def test_device_that_is_there_is_taken(
    machine: Any, device: Any, expected: str
) -> None:
    """CUDA without a number is the present device."""
    machine(2, mps=True, present=1)
    assert str(resolve_device(device)) == expected


@pytest.mark.parametrize(
    ("device", "shown"),
    [
        ("cuda", "cuda"),
        ("cuda:0", "cuda:0"),
        (torch.device("cuda:1"), "cuda:1"),
        ("mps", "mps"),
        ("xpu", "xpu"),
        ("meta", "meta"),
    ],
)
def test_absent_device_raises(machine: Any, device: Any, shown: str) -> None:
    """The sentence shows what was asked for and what there is instead."""
    machine(0)
    sentence = f"^device='{shown}' was asked for, but this process sees: cpu. Use one"
    with pytest.raises(DeviceNotAvailableError, match=sentence):
        resolve_device(device)


def test_device_beyond_the_last_raises(machine: Any) -> None:
    """Two devices are numbered 0 and 1."""
    machine(2)
    with pytest.raises(ValueError, match=r"'cuda:2' .* sees: cuda:0, cuda:1, cpu"):
        resolve_device("cuda:2")


@pytest.mark.parametrize("device", ["gpu", "", "cuda:x", "cpu,cuda", "Auto", "cuda:-1"])
def test_nonsense_raises(machine: Any, device: str) -> None:
    """A string that names no device is shown with the choices."""
    machine(1)
    sentence = f"^device='{device}' names no device. Use device='auto' or one of: cu"
    with pytest.raises(DeviceNotAvailableError, match=sentence) as caught:
        resolve_device(device)
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize(
    ("precision", "device", "bf16", "expected"),
    [
        ("auto", CPU, True, None),
        ("auto", MPS, True, None),
        ("auto", CUDA, True, torch.bfloat16),
        ("auto", CUDA, False, torch.float16),
        ("full", CPU, True, None),
        ("full", CUDA, True, None),
        ("bfloat16", CPU, True, torch.bfloat16),
        ("bfloat16", CUDA, True, torch.bfloat16),
        ("float16", CUDA, False, torch.float16),
    ],
)
def test_precision_is_what_the_device_computes_in(
    machine: Any,
    precision: str,
    device: torch.device,
    bf16: bool,
    expected: torch.dtype | None,
) -> None:
    """Automatic precision reduces digits on CUDA only."""
    machine(1, bf16=bf16)
    assert resolve_precision(precision, device, torch.float32, 1e12) is expected


@pytest.mark.parametrize(
    ("precision", "device"),
    [
        ("bfloat16", CPU),
        ("bfloat16", CUDA),
        ("bfloat16", MPS),
        ("float16", CPU),
        ("float16", MPS),
    ],
)
def test_precision_that_would_be_emulated_raises(
    machine: Any, precision: str, device: torch.device
) -> None:
    """What a device only emulates is slower than full precision."""
    machine(1, bf16=False)
    sentence = f"precision='{precision}' was asked for, but {device} does not compute"
    with pytest.raises(DeviceNotAvailableError, match=sentence):
        resolve_precision(precision, device, torch.float32, 1e12)


def test_small_steps_are_computed_in_full(machine: Any) -> None:
    """Casting would cost more than it saves; who asks for it gets it all the same."""
    machine(1)
    assert resolve_precision("auto", CUDA, torch.float32, 1e9) is None
    half = resolve_precision("bfloat16", CUDA, torch.float32, 1e9)
    assert half is torch.bfloat16


def test_tensor_that_is_there_is_not_sent() -> None:
    """Nothing is copied on the way to where it is."""
    tensor = torch.zeros(2**16)
    assert send(tensor, CPU) is tensor


@pytest.mark.parametrize("precision", ["auto", "full"])
def test_double_precision_is_never_reduced(machine: Any, precision: str) -> None:
    """Whoever asks for float64 gets it."""
    machine(1)
    assert resolve_precision(precision, CUDA, torch.float64, 1e12) is None


def test_double_and_reduced_precision_contradict(machine: Any) -> None:
    """Both at once cannot be meant."""
    machine(1)
    with pytest.raises(ValueError, match=r"'float16' .* along with dtype='float64'"):
        resolve_precision("float16", CUDA, torch.float64, 1e12)


def test_cpu_is_asked_for_its_own_bfloat16() -> None:
    """The question can be put to this machine, and the answer is kept to."""
    if module._cpu_has_bfloat16():
        assert resolve_precision("bfloat16", CPU, torch.float32, 1e12) is torch.bfloat16
    else:
        with pytest.raises(DeviceNotAvailableError, match="cpu does not compute"):
            resolve_precision("bfloat16", CPU, torch.float32, 1e12)


def torch_modes() -> dict[str, Any]:
    """Return the modes of torch that a caller may have switched."""
    return {
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "device": torch.empty(0).device.type,
        "dtype": torch.get_default_dtype(),
    }


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Let torch make numbers of another kind by default."""
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


CALLERS: dict[str, Any] = {
    "grad": torch.no_grad,
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "device": lambda: torch.device("meta"),
    "dtype": lambda: default_dtype(torch.bfloat16),
}


@pytest.mark.parametrize("mode", CALLERS)
def test_plain_torch_suspends_what_the_caller_switched(mode: str) -> None:
    """A fit finds torch as it is by default, and leaves it as the caller had it."""
    default = torch_modes()
    with CALLERS[mode]():
        switched = torch_modes()
        assert switched[mode] != default[mode]
        with plain_torch(training=True):
            assert torch_modes() == default
        assert torch_modes() == switched
    assert torch_modes() == default


@pytest.mark.parametrize("mode", CALLERS)
def test_prediction_suspends_autocast_alone(mode: str) -> None:
    """What changes no number is left as it is."""
    with CALLERS[mode]():
        switched = torch_modes()
        with plain_torch(training=False):
            assert torch_modes() == {**switched, "autocast": False}


def test_default_dtype_comes_back_with_the_last_of_several_calls() -> None:
    """It is one for all threads, of which one may be done before another."""
    first, second = plain_torch(training=True), plain_torch(training=True)
    with default_dtype(torch.float64):
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert torch.get_default_dtype() == torch.float32
        second.__exit__(None, None, None)
        assert torch.get_default_dtype() == torch.float64


def test_modes_come_back_after_an_error() -> None:
    """A failed fit leaves the caller's modes on."""

    def fail() -> None:
        with plain_torch(training=True):
            raise KeyError

    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        switched = torch_modes()
        with pytest.raises(KeyError):
            fail()
        assert torch_modes() == switched
