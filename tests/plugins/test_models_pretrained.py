"""Reading weights files, loading them strictly, and freezing part of a network."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from qplug.contract.errors import DataError
from qplug_models.pretrained import PartlyFrozen, load_strictly, read_state_dict


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_what_was_saved_is_read(tmp_path: Path, name: str) -> None:
    state = network().state_dict()
    path = tmp_path / name
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    stored = read_state_dict(path)
    assert stored.keys() == state.keys()
    assert all(torch.equal(stored[key], state[key]) for key in state)


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str) -> None:
    torch.save(network().state_dict(), tmp_path / name)
    content = (tmp_path / name).read_bytes()
    for damaged in (b"", content[: len(content) // 2], b"not weights at all"):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(DataError, match=rf"{name} cannot be read as weights"):
            read_state_dict(tmp_path / name)


class Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("trapped"),)


@pytest.mark.parametrize("container", ["zip", "pickle"])
def test_code_in_a_weights_file_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pt"
    if container == "zip":
        torch.save({"a": Trap()}, path)
    else:
        path.write_bytes(pickle.dumps({"a": Trap()}, protocol=2))
    with pytest.raises(DataError, match=r"evil\.pt cannot be read as weights.*never run"):
        read_state_dict(path)
    assert not (tmp_path / "trapped").exists()


def test_a_file_with_something_else_than_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "run.pt")
    with pytest.raises(DataError, match=r"run\.pt holds no table of tensors"):
        read_state_dict(tmp_path / "run.pt")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda state: state.pop("2.bias"), r"'2\.bias' is missing\."),
        (lambda state: state.update({"9.weight": torch.ones(1)}), r"'9\.weight' is not known\."),
        (
            lambda state: state.update({"0.weight": torch.ones(5, 2)}),
            r"'0\.weight' has the shape \(5, 2\), not \(3, 2\)",
        ),
        (lambda state: [state.pop("0.bias"), state.pop("2.bias")], r"'0\.bias' is missing \(2 keys do not fit\)\."),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_their_first_key_and_change_nothing(change, named: str) -> None:  # type: ignore[no-untyped-def]
    target = network()
    before = {key: value.clone() for key, value in target.state_dict().items()}
    state = network().state_dict()
    change(state)
    with pytest.raises(DataError, match=rf"the weights in here are for another network: {named}.*Do this"):
        load_strictly(target, state, where="here", advice="Do this.")
    assert all(torch.equal(before[key], value) for key, value in target.state_dict().items())


@pytest.mark.parametrize(("n_trainable", "learning"), [(0, []), (1, ["2"]), (2, ["1", "2"]), (None, ["0", "1", "2"])])
def test_only_the_last_blocks_learn(n_trainable: int | None, learning: list[str]) -> None:
    module = PartlyFrozen(network(), n_trainable)
    assert sorted({name.split(".")[1] for name, p in module.named_parameters() if p.requires_grad}) == learning


def test_batch_norm_of_a_frozen_block_keeps_its_statistics_in_training() -> None:
    for n_trainable, kept in ((1, True), (2, False)):
        module = PartlyFrozen(network(), n_trainable).train()
        norm = module.blocks[1]
        module(torch.randn(8, 2))
        assert torch.equal(norm.running_mean, torch.zeros(3)) is kept
        assert module.training
