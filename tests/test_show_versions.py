"""What a bug report is to say."""

from __future__ import annotations

import platform

import numpy as np
import sklearn
import torch

import skdeep
from skdeep import _show_versions


def printed_rows(capsys) -> dict[str, str]:
    """Return name -> value as show_versions prints them."""
    skdeep.show_versions()
    lines = capsys.readouterr().out.splitlines()
    rows = (line.split(": ", 1) for line in lines if ": " in line)
    return {name.strip(): value for name, value in rows}


def test_show_versions_names_versions(capsys):
    """The versions printed are those that are imported."""
    rows = printed_rows(capsys)
    assert rows["python"] == platform.python_version()
    assert rows["skdeep"] == skdeep.__version__
    assert rows["scikit-learn"] == sklearn.__version__
    assert rows["numpy"] == np.__version__
    assert rows["torch"].split("+")[0] == torch.__version__.split("+")[0]


def test_show_versions_names_every_hard_dependency(capsys):
    """Each package the distribution requires is installed and printed."""
    rows = printed_rows(capsys)
    assert {rows[name] for name in _show_versions.PACKAGES}.isdisjoint(
        {"not installed"}
    )


def test_show_versions_names_devices_and_threads(capsys, monkeypatch):
    """Devices, torch's threads and the variables that set them are printed."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    rows = printed_rows(capsys)
    assert "cpu" in rows
    assert rows["torch threads"] == str(torch.get_num_threads())
    assert rows["OMP_NUM_THREADS"] == "7"
    assert rows["MKL_NUM_THREADS"] == "not set"


def test_show_versions_says_what_is_not_installed(monkeypatch, capsys):
    """A package without metadata is named as missing, not passed over."""
    monkeypatch.setattr(_show_versions, "PACKAGES", ("no-such-distribution",))
    assert printed_rows(capsys)["no-such-distribution"] == "not installed"
