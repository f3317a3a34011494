"""Learnt weights in a run: fetched and checked before work begins, read once, and not needed any more afterwards."""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from qplug.contract.errors import DataError, NotSupported, QplugError
from qplug.lab.config.layers import from_assignments
from qplug.lab.runner.loaded import load_run
from qplug.lab.runner.plan import plan
from qplug.lab.runner.reporter import Silent
from qplug.lab.runner.run import run_once
from qplug_models.mobilenet_audio import AudioTagger

from .acquire_server import Page, Server
from .places import pictures, without_figures

Layers = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def homes(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QPLUG_CACHE", str(tmp_path_factory.getbasetemp() / "weights-cache"))
    monkeypatch.setenv("QPLUG_DATA", str(tmp_path / "data"))


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Made-up weights in the published layout, of the smallest width."""
    torch.manual_seed(3)
    network = AudioTagger(0.1).train()
    network(torch.randn(4, 1, 128, 32))
    torch.save(network.state_dict(), tmp_path / "mn01.pt")
    return tmp_path / "mn01.pt"


def layers(*assignments: str) -> Layers:
    chosen = {
        "dataset": {"name": "chirps"},
        "features": {"name": "efficientat-mel"},
        "backbone": {"name": "efficientat"},
        "head": {"name": "linear"},
    }
    few = ("dataset.n_samples=100", "features.duration=0.5", "training.epochs=1", "backbone.width=0.1")
    return [from_assignments(assignments), from_assignments(few), chosen]


def run(tmp_path: Path, *assignments: str) -> Path:
    return Path(run_once(layers(*assignments), tmp_path / "runs", Silent(), workplace=without_figures())["run"])


class Telling(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_weights_from_an_address_are_fetched_once_and_make_the_same_run_as_the_file(
    server: Server, saved: Path, tmp_path: Path
) -> None:
    server.pages["mn01.pt"] = Page(saved.read_bytes())
    digits = hashlib.sha256(saved.read_bytes()).hexdigest()
    address = (f"backbone.weights={server.url('mn01.pt')}", f"backbone.sha256={digits}")
    assert "weights: downloaded from http" in " ".join(plan(layers(*address)).work)
    assert server.asked == []
    told = Telling()
    fetched = Path(run_once(layers(*address), tmp_path / "runs", told, workplace=without_figures())["run"])
    assert any(server.url("mn01.pt") in note and "no licence is stated" in note for note in told.notes)
    again = run(tmp_path, *address)
    assert len(server.asked) == 1
    local = run(tmp_path, f"backbone.weights={saved}")
    predictions = [(each / "predictions.csv").read_text() for each in (fetched, again, local)]
    assert predictions[0] == predictions[1] == predictions[2]
    assert (tmp_path / "data" / "weights" / "efficientat" / "mn01.pt").read_bytes() == saved.read_bytes()


def test_a_damaged_download_is_refused_at_the_next_run_too(server: Server, saved: Path, tmp_path: Path) -> None:
    server.pages["mn01.pt"] = Page(saved.read_bytes())
    digits = hashlib.sha256(saved.read_bytes()).hexdigest()
    kept = tmp_path / "data" / "weights" / "efficientat" / "mn01.pt"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(saved.read_bytes()[:-1])
    with pytest.raises(DataError, match=rf"mn01\.pt has the SHA-256 .*, not {digits}.*Remove it and run"):
        run(tmp_path, f"backbone.weights={server.url('mn01.pt')}", f"backbone.sha256={digits}")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("assignments", "error", "match"),
    [
        (("backbone.weights=mn10_as",), NotSupported, r"checksum of mn10_as is not known.*mn10_as_mAP_471\.pt"),
        (("backbone.weights=http://127.0.0.1:1/a.pt",), NotSupported, r"http://127\.0\.0\.1:1/a\.pt is not downloaded"),
        (("backbone.weights=mn4_as",), DataError, r"no weights file .*mn4_as\. Did you mean the published .*mn04_as"),
        (("backbone.weights=SAVED", "backbone.width=0.2"), DataError, r"'features\.2\.block\.2\.0\.weight' is missing"),
        (("backbone.weights=SAVED", f"backbone.sha256={'0' * 64}"), DataError, f"has the SHA-256 .*, not {'0' * 64}"),
        (("backbone.weights=CUT",), DataError, r"cut\.pt cannot be read as weights"),
        (("backbone.weights=TEXT",), DataError, r"text\.pt cannot be read as weights"),
        (("backbone.weights=OTHER",), DataError, r"other\.pt are for another network: 'features.*' is missing"),
    ],
)
def test_weights_that_cannot_be_used_are_refused_before_work_begins(
    assignments: tuple[str, ...], error: type[QplugError], match: str, saved: Path, tmp_path: Path
) -> None:
    files = {name: tmp_path / f"{name.lower()}.pt" for name in ("CUT", "TEXT", "OTHER")} | {"SAVED": saved}
    files["CUT"].write_bytes(saved.read_bytes()[:1000])
    files["TEXT"].write_text("these are no weights")
    torch.save({"a": torch.ones(2)}, files["OTHER"])
    for name, path in files.items():
        assignments = tuple(each.replace(f"weights={name}", f"weights={path}") for each in assignments)
    with pytest.raises(error, match=match):
        run(tmp_path, *assignments)
    with pytest.raises(error, match=match):
        plan(layers(*assignments))
    assert not (tmp_path / "runs").exists()


def test_a_run_reads_its_weights_file_once(saved: Path, tmp_path: Path) -> None:
    opened: list[str] = []
    watching = True

    def watch(event: str, about: tuple[Any, ...]) -> None:
        if watching and event == "open" and str(about[0]) == str(saved):
            opened.append(event)

    sys.addaudithook(watch)
    try:
        run(tmp_path, f"backbone.weights={saved}")
    finally:
        watching = False  # a hook stays for good
    assert len(opened) == 1


@pytest.mark.parametrize("frozen", [True, False])
def test_a_finished_run_does_not_need_the_weights_file_any_more(saved: Path, tmp_path: Path, frozen: bool) -> None:
    path = run(tmp_path, f"backbone.weights={saved}", f"backbone.frozen={str(frozen).lower()}")
    features = torch.randn(2, 1, 128, 50)
    with torch.no_grad():
        before = load_run(path).model(features)
        saved.unlink()
        after = load_run(path).model(features)
    assert torch.equal(before, after)
    untrained = AudioTagger(0.1).features.state_dict()["0.0.weight"]
    loaded = load_run(path).model.front.backbone.state_dict()["0.blocks.0.0.weight"]
    assert not torch.equal(untrained, loaded)


def test_weights_are_found_from_another_folder(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = run(tmp_path, "backbone.weights=mn01.pt")
    assert f'weights = "{saved}"' in (path / "run.toml").read_text()


transformers = pytest.importorskip("transformers")


@pytest.fixture
def resnet(tmp_path: Path) -> Path:
    """A tiny random image model as ``save_pretrained`` writes it."""
    from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil

    torch.manual_seed(0)
    config = transformers.ResNetConfig(hidden_sizes=[8, 16], depths=[1, 1], embedding_size=8, layer_type="basic")
    for part in (transformers.ResNetModel(config), ConvNextImageProcessorPil(size={"shortest_edge": 32})):
        part.save_pretrained(tmp_path / "resnet")
    return tmp_path / "resnet"


def hf_layers(model: Path) -> Layers:
    chosen = {
        "dataset": {"name": "folder", "modality": "image"},
        "data_dir": str(pictures(model.parent / "pictures")),
        "features": {"name": "hf-features", "model": str(model), "modality": "image"},
        "backbone": {"name": "hf", "model": str(model)},
        "reducer": {"name": "identity"},
        "head": {"name": "linear"},
    }
    return [from_assignments(["training.epochs=1"]), chosen]


def test_features_of_the_wrong_kind_of_signal_say_how_to_choose_the_right(resnet: Path, tmp_path: Path) -> None:
    wrong = from_assignments(["features.modality=audio"])
    with pytest.raises(NotSupported, match=r"'hf-features'.* holds image\. Set --set features\.modality=image, or"):
        run_once([wrong, *hf_layers(resnet)], tmp_path / "runs", Silent())


def test_features_are_made_anew_when_a_processor_is_edited_in_place(resnet: Path, tmp_path: Path) -> None:
    content = []
    for mean in (0.5, 0.1):
        settings = json.loads((resnet / "preprocessor_config.json").read_text()) | {"image_mean": [mean] * 3}
        (resnet / "preprocessor_config.json").write_text(json.dumps(settings))
        path = Path(run_once(hf_layers(resnet), tmp_path / "runs", Silent(), workplace=without_figures())["run"])
        content.append(json.loads((path / "split.json").read_text())["content"])
    assert content[0].keys() == content[1].keys()
    assert not any(content[0][name] == content[1][name] for name in content[0])


def test_a_finished_run_of_a_model_in_a_folder_does_not_need_the_folder_any_more(resnet: Path, tmp_path: Path) -> None:
    path = Path(run_once(hf_layers(resnet), tmp_path / "runs", Silent(), workplace=without_figures())["run"])
    assert sorted(file.name for file in (path / "settings" / "backbone").iterdir()) == ["config.json"]
    features = torch.randn(2, *load_run(path).features.shape)
    with torch.no_grad():
        before = load_run(path).model(features)
        shutil.rmtree(resnet)
        after = load_run(path)
        assert torch.equal(after.model(features), before)
    assert after.features.shape == features.shape[1:]
