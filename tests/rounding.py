"""The rounding of another CPU, for tests of what pages and examples print."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_hook


@contextmanager
def rounding_of_another_cpu() -> Iterator[None]:
    """Move what every module puts out by the last digit, up or down.

    The kernels of another CPU do so too. The sign depends on the value alone, so that
    equal fits are still equal; which values go up, on SKDEEP_TEST_SEED.
    """
    number = int(os.environ.get("SKDEEP_TEST_SEED", "0")) + 1

    def moved(_: Any, inputs: Any, output: Any) -> Any:
        if not isinstance(output, torch.Tensor) or not output.is_floating_point():
            return None
        if torch.compiler.is_exporting():
            return None
        last_digit = torch.finfo(output.dtype).eps
        sign = torch.cos(output.detach() * 1e6 + number).sign()
        return output * (1 + last_digit * sign)

    handle = register_module_forward_hook(moved)
    try:
        yield
    finally:
        handle.remove()
