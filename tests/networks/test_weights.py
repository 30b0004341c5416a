"""Tests of which weights are meant, on real files under torchvision's own names.

No published file of weights is ever downloaded here: they are those of a small network
that the test makes, under the name that their own digest gives them.
"""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import torchvision
from torchvision.models import MobileNet_V2_Weights, ShuffleNet_V2_X0_5_Weights

from skdeep._seeding import isolated_global_rng
from skdeep.exceptions import LicenseWarning, WeightsError
from skdeep.networks import Backbone, Weights, build_backbone, resolve_weights

NAME = "shufflenet_v2_x0_5"
MEMBER: Any = ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1


def make_state(name: str = NAME, **arguments: Any) -> dict[str, torch.Tensor]:
    """Return the state of a network with random weights."""
    with isolated_global_rng(0, torch.device("cpu")):
        network = torchvision.models.get_model(name, weights=None, **arguments)
    state: dict[str, torch.Tensor] = network.state_dict()
    return state


def save(state: Any, folder: Path, prefix: str | None = None) -> Path:
    """Save a state under a name that ends in its digest, or in what is said."""
    path = folder / "net.pth"
    torch.save(state, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return path.rename(folder / f"shufflenet-{prefix or digest}.pth")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder where torch keeps its files."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HUB_DIR", raising=False)
    monkeypatch.setattr(torch.hub, "_hub_dir", None, raising=False)
    folder = tmp_path / "home/hub/checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that lets the member of the enum have another URL."""

    def at(url: str) -> None:
        monkeypatch.setattr(MEMBER.value, "url", url)

    # The dataclass is not frozen, so that its URL can be set for a test.
    return at


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Serve a folder on the loopback interface; return its address and the folder."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, directory=str(folder), **more)

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}", folder
        served.shutdown()
        thread.join()


def build(weights: Weights | None, name: str = NAME, size: int = 32) -> Backbone:
    """Return a backbone with some weights."""
    return build_backbone(
        name,
        weights=weights,
        n_channels=3,
        image_size=(size, size),
        generator=torch.Generator().manual_seed(7),
        owner="Owner",
    )


def resolve(weights: Any, name: Any = NAME) -> Weights:
    """Return the weights that a parameter means."""
    found = resolve_weights(name, weights, owner="Owner")
    assert found is not None
    return found


def assert_loaded(backbone: Backbone, state: dict[str, torch.Tensor]) -> None:
    """Every tensor but the head's is that of the file, bit for bit."""
    loaded = backbone.body.state_dict()
    assert set(loaded) == {name for name in state if not name.startswith("fc.")}
    assert all(torch.equal(loaded[name], state[name]) for name in loaded)


@pytest.mark.parametrize(
    "asked", ["DEFAULT", "IMAGENET1K_V1", "ShuffleNet_V2_X0_5_Weights.DEFAULT", MEMBER]
)
def test_cached_file_is_loaded(asked: Any, cache: Path, publish: Any) -> None:
    """Every way to name the weights finds torch's file; nothing is downloaded."""
    state = make_state()
    path = save(state, cache)
    publish(f"https://example.invalid/models/{path.name}")
    weights = resolve(asked)
    assert weights.name == "ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1"
    assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (weights.image_size, weights.resize_size) == (224, 256)
    assert_loaded(build(weights), state)


def test_file_is_downloaded_once(
    server: tuple[str, Path], cache: Path, publish: Any, capfd: Any
) -> None:
    """What the server sends is verified and kept; then the server may go."""
    address, folder = server
    state = make_state()
    path = save(state, folder)
    publish(f"{address}/{path.name}")
    assert_loaded(build(resolve("DEFAULT")), state)
    path.unlink()
    assert [file.name for file in cache.iterdir()] == [path.name]
    assert_loaded(build(resolve("DEFAULT")), state)
    assert capfd.readouterr().out == ""


def test_download_of_another_digest_is_refused(
    server: tuple[str, Path], cache: Path, publish: Any
) -> None:
    """A file that is not what its name says leaves nothing behind."""
    address, folder = server
    path = save(make_state(), folder, "0123abcd")
    publish(f"{address}/{path.name}")
    with pytest.raises(WeightsError, match=r"could not be downloaded.*invalid hash"):
        resolve("DEFAULT")
    assert [*cache.iterdir()] == []


def test_missing_download_names_the_remedies(
    server: tuple[str, Path], cache: Path, publish: Any
) -> None:
    """A 404 says which file, where it would go, and what else can be done."""
    publish(f"{server[0]}/gone-01234567.pth")
    with pytest.raises(
        WeightsError, match=r"HTTP Error 404.*TORCH_HOME=.*weights=None"
    ):
        resolve("DEFAULT")


def test_no_network_names_the_remedies(cache: Path, publish: Any) -> None:
    """A port where nobody listens is told like a missing file."""
    publish("http://127.0.0.1:9/net-01234567.pth")
    with pytest.raises(WeightsError, match=r"Copy the file to .*net-01234567\.pth"):
        resolve("DEFAULT")


def test_truncated_cached_file_is_refused(cache: Path, publish: Any) -> None:
    """torch trusts a file that is there; its digest is looked at here."""
    path = save(make_state(), cache)
    path.write_bytes(path.read_bytes()[:-1000])
    publish(f"https://example.invalid/{path.name}")
    with pytest.raises(WeightsError, match="truncated or was changed: its sha256"):
        resolve("DEFAULT")


class Poison:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        """Return what is called when it is read."""
        return Path.write_text, (self.path, "harm")


def test_poisoned_file_is_not_run(tmp_path: Path) -> None:
    """Code in a pickle is refused, not executed."""
    harm, path = tmp_path / "harm", tmp_path / "poison.pth"
    torch.save({"fc.weight": Poison(harm)}, path)
    with pytest.raises(
        WeightsError, match="objects other than tensors, which might run"
    ):
        resolve(path)
    assert not harm.exists()


@pytest.mark.parametrize("content", [b"", b"no pickle at all", b"\x80\x02}q\x00."])
def test_file_that_is_none_is_refused(content: bytes, tmp_path: Path) -> None:
    """Whatever the bytes, the sentence names the file."""
    path = tmp_path / "bad.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"The weights file .*bad\.pth of bad\.pth"):
        resolve(path)


def test_safetensors_are_read(tmp_path: Path) -> None:
    """The other common format needs no pickle at all."""
    state = make_state()
    path = tmp_path / "net.safetensors"
    safetensors.torch.save_file(state, path)
    weights = resolve(str(path))
    assert weights.license is None
    assert_loaded(build(weights), state)


@pytest.mark.parametrize("wrapper", ["state_dict", "model_state_dict", "model", None])
@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", ""])
def test_wrappers_are_taken_off(
    wrapper: str | None, prefix: str, tmp_path: Path
) -> None:
    """What training loops put around a state is no part of it."""
    state = make_state()
    content: Any = {f"{prefix}{name}": value for name, value in state.items()}
    path = tmp_path / "net.pt"
    torch.save({wrapper: content, "epoch": 3} if wrapper else content, path)
    assert_loaded(build(resolve(path)), state)


def test_head_of_other_classes_does_not_matter(tmp_path: Path) -> None:
    """Weights that were trained on eight classes are as good as those of a thousand."""
    state = make_state(num_classes=8)
    path = save(state, tmp_path)
    assert_loaded(build(resolve(path)), state)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ("mobilenet_v2", r"not those of the ShuffleNetV2 .*: it lacks conv1.0.weight"),
        ("shufflenet_v2_x1_0", r"size mismatch for stage2.0.branch1.2.weight"),
    ],
)
def test_weights_of_another_network_are_refused(
    other: str, sentence: str, tmp_path: Path
) -> None:
    """The sentence says what is missing, or of another size."""
    path = save(make_state(other), tmp_path)
    with pytest.raises(WeightsError, match=sentence):
        build(resolve(path))


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    """NaN in a file would make every feature NaN."""
    state = make_state()
    state["conv5.0.weight"][0, 0] = torch.nan
    with pytest.raises(WeightsError, match=r"Got NaN or infinity in conv5\.0\.weight"):
        build(resolve(save(state, tmp_path)))


def test_state_must_be_one(tmp_path: Path) -> None:
    """A list of tensors names no layers."""
    path = tmp_path / "net.pth"
    torch.save([torch.ones(3)], path)
    with pytest.raises(WeightsError, match=r"must hold a state dict.*Got list instead"):
        resolve(path)


@pytest.mark.parametrize(
    "asked", ["imagenet", "IMAGENET1K_V3", MobileNet_V2_Weights.DEFAULT, 3]
)
def test_unknown_weights_list_those_there_are(asked: Any) -> None:
    """A slip, or the member of another network, gets the choices."""
    with pytest.raises(ValueError, match=r"shufflenet_v2_x0_5's: 'IMAGENET1K_V1'. Got"):
        resolve(asked)


def test_path_to_nothing_is_refused(tmp_path: Path) -> None:
    """What looks like a file has to be one."""
    with pytest.raises(WeightsError, match=r"There is no weights file .*none\.pth"):
        resolve(tmp_path / "none.pth")


def test_function_takes_a_path_only(tmp_path: Path) -> None:
    """Names are those of torchvision's networks."""
    with pytest.raises(
        ValueError, match="must be a path or None where 'backbone' is a"
    ):
        resolve("IMAGENET1K_V1", lambda: None)


def test_license_that_forbids_commerce_is_told(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SWAG's weights may not be sold; the warning says so, and the fit goes on."""
    path = save(make_state(), cache)
    monkeypatch.setattr(MEMBER.value, "url", f"https://example.invalid/{path.name}")
    link = "https://github.com/facebookresearch/SWAG/blob/main/LICENSE"
    monkeypatch.setitem(MEMBER.meta, "license", link)
    with pytest.warns(LicenseWarning, match="must not be used commercially"):
        weights = resolve("DEFAULT")
    assert weights.license == link


def test_positions_are_interpolated_to_the_size(tmp_path: Path) -> None:
    """A transformer trained on 32 pixels takes 64, its table of positions enlarged."""
    state = make_state("vit_b_32", image_size=64)
    path = tmp_path / "vit.pth"
    torch.save(state, path)
    weights = resolve(path, "vit_b_32")
    same = build(weights, "vit_b_32", 64).body.state_dict()
    assert torch.equal(same["encoder.pos_embedding"], state["encoder.pos_embedding"])
    larger = build(weights, "vit_b_32", 96).body.state_dict()["encoder.pos_embedding"]
    assert larger.shape == (1, 10, 768)
    assert torch.equal(larger[:, 0], state["encoder.pos_embedding"][:, 0])


def test_old_names_of_densenet_are_understood(tmp_path: Path) -> None:
    """torchvision's own file has the names of 2017."""
    state = make_state("densenet121")
    old = {
        name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value
        for name, value in state.items()
    }
    assert set(old) != set(state)
    path = tmp_path / "densenet.pth"
    torch.save(old, path)
    loaded = build(resolve(path, "densenet121"), "densenet121").body.state_dict()
    assert all(torch.equal(loaded[name], state[name]) for name in loaded)


def test_auxiliary_heads_in_a_file_are_left_out(tmp_path: Path) -> None:
    """Inception's second head is of no use without the first."""
    state = make_state("googlenet", aux_logits=True, init_weights=False)
    path = tmp_path / "googlenet.pth"
    torch.save(state, path)
    body = build(resolve(path, "googlenet"), "googlenet").body
    assert not any(name.startswith("aux") for name in body.state_dict())
    assert torch.equal(
        body.state_dict()["conv1.conv.weight"], state["conv1.conv.weight"]
    )


def test_regnet_is_loaded(tmp_path: Path) -> None:
    """Its widths are computed by tensors, which need memory while it is built."""
    state = make_state("regnet_y_400mf")
    path = tmp_path / "regnet.pth"
    torch.save(state, path)
    loaded = build(resolve(path, "regnet_y_400mf"), "regnet_y_400mf").body.state_dict()
    assert torch.equal(loaded["stem.0.weight"], state["stem.0.weight"])


def test_published_file_has_the_preprocessing_of_its_member(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Members of one network differ in their sizes; a copy is told by its sha."""
    state = make_state("mobilenet_v2")
    path = save(state, tmp_path)
    other = resolve(path, "mobilenet_v2")
    assert (other.image_size, other.resize_size) == (224, 232)
    first: Any = MobileNet_V2_Weights.IMAGENET1K_V1
    url = f"https://example.invalid/{path.name}"
    monkeypatch.setattr(first.value, "url", url)
    renamed = path.rename(tmp_path / "copy.pth")
    known = resolve(renamed, "mobilenet_v2")
    assert (known.image_size, known.resize_size) == (224, 256)
