"""Tests of one random state in, private generators out."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
import torch

from skdeep import _seeding as module
from skdeep._seeding import (
    LentGenerator,
    Streams,
    draw_seed,
    isolated_global_rng,
    reproducible_kernels,
    torch_generator,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize("number", [0, 42, 2**32 - 1, np.int64(7)])
def test_int_is_its_own_seed(number: Any) -> None:
    """The number a user gives is used as it is, as a plain int."""
    assert draw_seed(number) == number
    assert type(draw_seed(number)) is int


@pytest.mark.parametrize("maker", [np.random.RandomState, np.random.default_rng])
def test_generator_is_advanced_by_one_draw(maker: Any) -> None:
    """The same state gives the same seed, and the next call another."""
    first, second = maker(3), maker(3)
    seeds = [draw_seed(first) for _ in range(3)]
    assert seeds == [draw_seed(second) for _ in range(3)]
    assert len(set(seeds)) == 3
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_none_takes_fresh_entropy() -> None:
    """Every call has another seed, though the global generators are seeded alike."""
    seeds = set()
    state = np.random.get_state(legacy=False), random.getstate()
    for _ in range(5):
        seeds.add(draw_seed(None))
        assert (
            np.random.get_state(legacy=False)["state"]["pos"]
            == (state[0]["state"]["pos"])
        )
        assert random.getstate() == state[1]
    assert len(seeds) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_streams_are_independent_and_fixed() -> None:
    """One seed gives six others, all different, the same on every call."""
    streams = Streams.from_seed(0)
    assert astuple(streams) == astuple(Streams.from_seed(0))
    assert len(set(astuple(streams)) | set(astuple(Streams.from_seed(1)))) == 12
    assert all(0 <= seed < 2**63 for seed in astuple(streams))


def test_streams_stay_what_they_were() -> None:
    """Seeds of a release are those of the next, or saved experiments do not repeat."""
    # The sixth came later: it must not have moved the first five.
    words = np.random.SeedSequence(12345).generate_state(5, np.uint64)
    expected = tuple(int(word) // 2 for word in words)
    assert astuple(Streams.from_seed(12345))[:5] == expected


def test_torch_generator_is_private_and_seeded() -> None:
    """The same seed draws the same numbers, and torch's own are left alone."""
    before = torch.random.get_rng_state()
    draws = [torch.rand(3, generator=torch_generator(seed)) for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch_generator(2**63 - 1, "cpu").device == CPU


def test_global_generator_is_lent_and_put_back() -> None:
    """Inside, draws follow the seed; after it, also on an error, nothing has moved."""
    before = torch.random.get_rng_state()
    draws = []

    def draw(seed: int) -> None:
        with isolated_global_rng(seed, CPU):
            draws.append(torch.rand(3))
            raise KeyError

    for seed in (1, 1, 2):
        with pytest.raises(KeyError):
            draw(seed)
    assert torch.equal(torch.random.get_rng_state(), before)
    expected = torch.rand(3, generator=torch_generator(1))
    assert torch.equal(draws[0], expected)
    assert torch.equal(draws[1], expected)
    assert not torch.equal(draws[2], expected)


def test_borrowing_can_be_nested() -> None:
    """A build within a training gets its own seed and gives the outer one back."""
    with isolated_global_rng(1, CPU):
        torch.rand(2)
        with isolated_global_rng(2, CPU):
            inner = torch.rand(2)
        outer = torch.rand(2)
    both = torch.rand(4, generator=torch_generator(1))
    assert torch.equal(inner, torch.rand(2, generator=torch_generator(2)))
    assert torch.equal(outer, both[2:])


def test_spans_of_a_loan_go_on_where_the_last_one_ended(device: str) -> None:
    """Whatever others draw meanwhile, they give what one long span gives."""
    with isolated_global_rng(3, torch.device(device)):
        whole = torch.rand(6, device=device)
    lent = LentGenerator(3, torch.device(device))
    other = LentGenerator(4, torch.device(device))
    parts = []
    for _ in range(3):
        with lent.span():
            parts.append(torch.rand(2, device=device))
        with other.span():
            torch.rand(5, device=device)
    # On a device numbers are drawn by blocks: there only the first is the same.
    first = 2 if device == "cuda" else 6
    assert torch.equal(torch.cat(parts)[:first], whole[:first])


def test_threads_borrow_one_after_the_other() -> None:
    """Each thread draws what it would draw alone."""
    draws: dict[int, list[float]] = {}
    start = threading.Barrier(4)

    def work(seed: int) -> None:
        start.wait()
        with isolated_global_rng(seed, CPU):
            values = []
            for _ in range(5):
                values.append(float(torch.rand(())))
                time.sleep(0.001)
            draws[seed] = values

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, values in draws.items():
        generator = torch_generator(seed)
        expected = [float(torch.rand((), generator=generator)) for _ in range(5)]
        assert values == expected


def test_forked_child_is_not_locked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child of a process that was training in another thread can borrow as well."""
    held = threading.Lock()
    held.acquire()
    monkeypatch.setattr(module, "_rng_lock", held)
    module._forget_other_threads()
    with isolated_global_rng(0, CPU):
        torch.rand(1)


def test_kernels_are_reproducible_until_the_last_is_done() -> None:
    """cuDNN's switch is put back where it was, whoever ends first; a CPU needs none."""
    cuda, switch = torch.device("cuda"), torch.backends.cudnn
    assert not switch.deterministic
    with reproducible_kernels(CPU):
        assert not switch.deterministic
    first, second = reproducible_kernels(cuda), reproducible_kernels(cuda)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert switch.deterministic
    second.__exit__(None, None, None)
    assert not switch.deterministic


def test_kernels_of_a_caller_stay_reproducible() -> None:
    """What was on before stays on after."""
    torch.backends.cudnn.deterministic = True
    try:
        with reproducible_kernels(torch.device("cuda")):
            pass
        assert torch.backends.cudnn.deterministic
    finally:
        torch.backends.cudnn.deterministic = False
