"""Files of weights: found or downloaded, verified, and read without running code.

torch reads a cached file unverified, and may run what it holds. Here its sha256 is
compared with the part of it that the name ends in, and only tensors are read.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlparse

import torch

from skdeep.exceptions import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    StateDict = OrderedDict[str, Tensor]

# As in resnet18-f37072fd.pth.
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.[^.]*$")
_WRAPPERS = ("state_dict", "model_state_dict", "model")
# sha256 of files by path, time of their last change and size.
_known: dict[tuple[str, int, int], str] = {}


def cached_path(url: str) -> Path:
    """Return where torch keeps the file of a URL, in the folder TORCH_HOME names.

    Parameters
    ----------
    url : str
        Of a weights file.

    Returns
    -------
    path : Path
        Whether or not there is a file.

    Examples
    --------
    >>> from skdeep.networks._weights_files import cached_path
    >>> cached_path("https://example.org/models/net-01234567.pth").name
    'net-01234567.pth'
    """
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    return folder / Path(urlparse(url).path).name


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, read again only where the file has changed.

    Parameters
    ----------
    path : Path
        Of a file.

    Returns
    -------
    digest : str
        64 hexadecimal digits.
    """
    status = path.stat()
    key = (str(path.resolve()), status.st_mtime_ns, status.st_size)
    if key not in _known:
        with path.open("rb") as file:
            _known[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _known[key]


def download_weights(url: str, *, name: str) -> Path:
    """Return the verified file of a URL, downloaded if it is not in torch's folder.

    Parameters
    ----------
    url : str
        Whose file name ends in the first digits of its sha256.
    name : str
        Of the weights, for errors.

    Returns
    -------
    path : Path
        Of a file whose sha256 begins as its name says.

    Raises
    ------
    WeightsError
        If there is no such file and it cannot be downloaded, or if it is not what
        its name says.
    """
    path = cached_path(url)
    if not path.exists():
        # Where torch announces a download by print, skdeep keeps silent.
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                torch.hub.load_state_dict_from_url(
                    url,
                    map_location="cpu",
                    progress=False,
                    check_hash=True,
                    weights_only=True,
                )
        except (URLError, OSError, RuntimeError, EOFError, pickle.PickleError) as error:
            reason = _one_line(error)
            raise WeightsError(
                f"The weights {name} could not be downloaded from {url} to {path}: "
                f"{reason}. {_remedies(path)}"
            ) from error
    verify_hash(path, name=name)
    return path


def hash_in_name(name: str) -> str | None:
    """Return the digits of a sha256 that the name of a file ends in; None without.

    Parameters
    ----------
    name : str
        Of a file, or its URL.

    Returns
    -------
    beginning : str or None

    Examples
    --------
    >>> from skdeep.networks._weights_files import hash_in_name
    >>> hash_in_name("resnet18-f37072fd.pth"), hash_in_name("resnet18.pth")
    ('f37072fd', None)
    """
    found = _HASH_IN_NAME.search(name)
    return None if found is None else found[1]


def verify_hash(path: Path, *, name: str) -> None:
    """Compare a file's sha256 with what its name ends in, if it ends in any.

    Parameters
    ----------
    path : Path
        Of a file.
    name : str
        Of the weights, for errors.

    Raises
    ------
    WeightsError
        If they differ.
    """
    beginning = hash_in_name(path.name)
    if beginning is None:
        return
    digest = file_sha256(path)
    if not digest.startswith(beginning):
        raise WeightsError(
            f"The weights file {path} of {name} is truncated or was changed: its "
            f"sha256 begins with {digest[: len(beginning)]}, not {beginning} as its "
            f"name says. Delete it, and then: {_remedies(path)}"
        )


def read_state_dict(path: Path, *, name: str) -> StateDict:
    """Read the tensors of a file, a state dict of torch or a safetensors file.

    Parameters
    ----------
    path : Path
        A file whose name ends in ".safetensors", or a file that torch has saved.
    name : str
        Of the weights, for errors.

    Returns
    -------
    state : OrderedDict of str to Tensor
        On the CPU, without what training loops wrap around it: an outer dict with the
        key "state_dict", "model_state_dict" or "model", and the prefix "module.".

    Raises
    ------
    WeightsError
        If the file holds no state dict, or anything but tensors and plain values.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import torch
    >>> from skdeep.networks._weights_files import read_state_dict
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "net.pth")
    ...     torch.save({"state_dict": {"module.fc.bias": torch.ones(2)}}, path)
    ...     read_state_dict(path, name="net")
    OrderedDict([('fc.bias', tensor([1., 1.]))])
    """
    try:
        content = _read(path)
    except pickle.UnpicklingError as error:
        # Said by torch both of foreign objects and of what is no pickle at all.
        raise WeightsError(
            f"The weights file {path} of {name} is damaged, or holds objects other "
            "than tensors, which might run code when read. Save only a state_dict, by "
            f"torch.save(module.state_dict(), path) or as safetensors. {_other_ways()}"
        ) from error
    except Exception as error:
        # Damage shows as any of a dozen classes, two of safetensors' own.
        raise WeightsError(
            f"The weights file {path} of {name} cannot be read: {_one_line(error)}. "
            f"{_other_ways()}"
        ) from error
    state = _unwrapped(content)
    if state is None:
        raise WeightsError(
            f"The weights file {path} of {name} must hold a state dict, names with "
            f"tensors. Got {type(content).__name__} instead. {_other_ways()}"
        )
    return state


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _unwrapped(content: Any) -> StateDict | None:
    """Take a state dict out of its wrappers; None where there is none."""
    for wrapper in _WRAPPERS:
        inside = content.get(wrapper) if isinstance(content, Mapping) else None
        if isinstance(inside, Mapping):
            content = inside
    if not isinstance(content, Mapping) or not content:
        return None
    tensors = [isinstance(value, torch.Tensor) for value in content.values()]
    if not all(tensors) or not all(isinstance(name, str) for name in content):
        return None
    # What versions of layers wrote the tensors: some translate older ones.
    versions = getattr(content, "_metadata", None)
    state: StateDict = OrderedDict(content)
    for prefix in ("module.", "_orig_mod."):
        if all(name.startswith(prefix) for name in state):
            n = len(prefix)
            state = OrderedDict((name[n:], value) for name, value in state.items())
            if versions is not None:
                versions = {path[n:]: entry for path, entry in versions.items()}
    if versions is not None:
        state._metadata = versions  # type: ignore[attr-defined]  # noqa: SLF001
    return state


def _one_line(error: BaseException) -> str:
    """Return what an error says, without its line breaks and its last full stop."""
    return " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")[:300]


def _remedies(path: Path) -> str:
    return (
        f"Copy the file to {path}, where the environment variable TORCH_HOME="
        f"{os.environ.get('TORCH_HOME', '(unset)')} has a say, or pass its path as "
        "weights, or weights=None to start from random numbers."
    )


def _other_ways() -> str:
    return "Pass the path of another file as weights, or weights=None."
