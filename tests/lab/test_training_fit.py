"""Training: it learns, repeats itself bit for bit, and goes on after any interruption as if there had been none."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from qplug.contract.errors import ConfigError, DataError, NotSupported, ParameterError, QplugError, UserError
from qplug.lab.config.training import TrainingOptions
from qplug.lab.training import checkpoint
from qplug.lab.training.fit import fit
from qplug.lab.training.progress import Fitted, class_weights

Part = tuple[Tensor, Tensor]


def data(n: int = 97, seed: int = 0) -> tuple[Part, Part]:
    """Three classes, linear in four inputs, with noise: a training part of 97 and a validation part of 50."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n + 50, 4, generator=generator)
    weights = torch.randn(4, 3, generator=torch.Generator().manual_seed(5))
    noise = 0.3 * torch.randn(n + 50, 3, generator=generator)
    labels = (inputs @ weights + noise).argmax(dim=1)
    return (inputs[:n], labels[:n]), (inputs[n:], labels[n:])


def network(seed: int = 0) -> nn.Module:
    """Dropout and batch norm: both have a state that an interruption could lose."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)
        )  # fmt: skip


def one_layer() -> nn.Module:
    """Nothing but the optimiser changes its numbers."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Linear(4, 3)


def train(folder: Path, model: nn.Module | None = None, *, seed: int = 1, **changes: Any) -> Fitted:
    keys = ("resume", "on_epoch", "on_step", "quantum_parameters", "device")
    extra = {key: changes.pop(key) for key in keys if key in changes}
    options = TrainingOptions.model_validate({"epochs": 6, "batch_size": 16, "learning_rate": 0.02, **changes})
    training, validation = data()
    return fit(
        model or network(), training, validation,
        n_classes=3, options=options, seed=seed, checkpoints=folder, **{"device": "cpu", **extra},
    )  # fmt: skip


def numbers(fitted: Fitted) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in fitted.history]


def same_weights(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


class Stop(Exception):
    """Ends a training from within, as a crash would."""


def crash_at(step: int) -> Callable[[int, int], None]:
    def crash(done: int, total: int) -> None:
        if done == step:
            raise Stop

    return crash


def test_training_learns_and_says_how_it_went(tmp_path: Path) -> None:
    fitted = train(tmp_path, epochs=15)
    last = fitted.history[-1]
    assert last["validation_accuracy"] > 0.8
    assert last["train_cross_entropy"] < 0.6 * fitted.history[0]["train_cross_entropy"]
    assert [row["epoch"] for row in fitted.history] == list(range(1, 16))
    assert last["gradient_norm_classical"] > 0
    assert "gradient_norm_quantum" not in last
    assert fitted.seconds == pytest.approx(sum(row["seconds"] for row in fitted.history))
    assert not fitted.stopped_early


def test_the_model_ends_with_the_weights_of_the_best_epoch_in_evaluation_mode(tmp_path: Path) -> None:
    model = network()
    fitted = train(tmp_path, model, epochs=25, learning_rate=0.5, schedule="constant")
    losses = [row["validation_cross_entropy"] for row in fitted.history]
    assert fitted.best_epoch == losses.index(min(losses)) + 1
    assert fitted.best_epoch < 25, "the best epoch must not be the last for this test to mean anything"
    assert not any(module.training for module in model.modules())
    inputs, labels = data()[1]
    again = nn.functional.cross_entropy(model(inputs), labels).item()
    assert again == pytest.approx(min(losses), abs=1e-6)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_same_training_gives_the_same_numbers_bit_for_bit(tmp_path: Path) -> None:
    first, second = network(), network()
    assert numbers(train(tmp_path / "a", first)) == numbers(train(tmp_path / "b", second))
    assert same_weights(first, second)


def test_every_epoch_sees_every_sample_in_an_order_of_its_own(tmp_path: Path) -> None:
    seen: list[list[float]] = []
    model = network()
    model.register_forward_pre_hook(
        lambda module, inputs: seen[-1].extend(inputs[0][:, 0].tolist()) if module.training else None
    )

    def open_epoch(epoch: int, row: Mapping[str, float]) -> None:
        seen.append([])

    open_epoch(0, {})
    train(tmp_path, model, epochs=3, on_epoch=open_epoch)
    orders = seen[:3]
    assert [sorted(order) for order in orders] == [sorted(data()[0][0][:, 0].tolist())] * 3
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_another_seed_gives_other_numbers(tmp_path: Path) -> None:
    assert numbers(train(tmp_path / "a")) != numbers(train(tmp_path / "b", seed=2))


def test_the_callers_random_state_is_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    train(tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_nothing_is_written_but_two_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    train(tmp_path / "run" / "checkpoints")
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == {
        "run/checkpoints/best.ckpt",
        "run/checkpoints/last.ckpt",
    }
    assert capfd.readouterr() == ("", "")


@pytest.mark.filterwarnings("error")
def test_training_warns_about_nothing(tmp_path: Path) -> None:
    assert len(train(tmp_path).history) == 6


@pytest.mark.parametrize("step", [1, 7, 10, 30, 36])
@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_a_training_that_crashed_anywhere_goes_on_to_the_same_numbers(tmp_path: Path, step: int, kind: str) -> None:
    whole, resumed = network(), network()
    expected = train(tmp_path / "whole", whole, optimiser=kind)
    with pytest.raises(Stop):
        train(tmp_path / "torn", network(), optimiser=kind, on_step=crash_at(step))
    fitted = train(tmp_path / "torn", resumed, optimiser=kind, resume=True)
    assert numbers(fitted) == numbers(expected)
    assert fitted.best_epoch == expected.best_epoch
    assert same_weights(whole, resumed)


def test_a_kill_between_the_two_checkpoints_changes_nothing(tmp_path: Path) -> None:
    expected = train(tmp_path / "whole")
    kept = {}

    def keep(epoch: int, row: Mapping[str, float]) -> None:
        kept[epoch] = (tmp_path / "torn" / "last.ckpt").read_bytes()
        if epoch == 4:
            raise Stop

    with pytest.raises(Stop):
        train(tmp_path / "torn", on_epoch=keep)
    assert checkpoint.load(tmp_path / "torn" / "best.ckpt")["epoch"] == 4
    (tmp_path / "torn" / "last.ckpt").write_bytes(kept[3])
    assert numbers(train(tmp_path / "torn", resume=True)) == numbers(expected)


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    first, again = network(), network(seed=9)
    expected = train(tmp_path, first)
    steps: list[int] = []
    fitted = train(tmp_path, again, resume=True, on_step=lambda done, total: steps.append(done))
    assert fitted == expected
    assert steps == []
    assert same_weights(first, again)


def test_resuming_where_nothing_was_finished_starts_from_the_beginning(tmp_path: Path) -> None:
    assert numbers(train(tmp_path / "new", resume=True)) == numbers(train(tmp_path / "whole"))


def test_without_resume_old_checkpoints_are_gone_at_once(tmp_path: Path) -> None:
    train(tmp_path)
    with pytest.raises(Stop):
        train(tmp_path, on_step=crash_at(2))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"learning_rate": 0.05}, "training.learning_rate was 0.02 and is 0.05"),
        ({"seed": 3}, "seed was 1 and is 3"),
        ({"model": nn.Linear(4, 3)}, "the network has weights of other names or sizes"),
    ],
)
def test_a_training_goes_on_only_with_what_it_was_started_with(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(Stop):
        train(tmp_path, on_step=crash_at(8))
    with pytest.raises(ConfigError, match=words):
        train(tmp_path, resume=True, **change)


def test_a_training_does_not_go_on_with_other_data(tmp_path: Path) -> None:
    train(tmp_path)
    training, validation = data(seed=1)
    options = TrainingOptions(epochs=6, batch_size=16, learning_rate=0.02)
    with pytest.raises(
        ConfigError, match="inputs or labels of the training part have changed; inputs or labels of the validation part"
    ):
        fit(
            network(), training, validation,
            n_classes=3, options=options, seed=1, checkpoints=tmp_path, device="cpu", resume=True,
        )  # fmt: skip


CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, {folder!r})
import test_training_fit as t
def slowly(done, total):
    print(done, flush=True)
    time.sleep(0.01)
t.train(Path(sys.argv[1]), on_step=slowly)
"""


def start(folder: Path) -> subprocess.Popen[str]:
    code = CHILD.format(folder=str(Path(__file__).parent))
    return subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)


def wait_for(process: subprocess.Popen[str], step: int) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= step:
            return
    pytest.fail(f"the training ended before step {step}")


def test_a_killed_process_is_resumed_to_the_same_numbers(tmp_path: Path) -> None:
    expected = train(tmp_path / "whole")
    random = np.random.default_rng(int(time.time()))
    process = start(tmp_path / "torn")
    step = int(random.integers(8, 30))
    wait_for(process, step)
    time.sleep(random.uniform(0, 0.02))
    process.kill()
    process.communicate()
    assert (tmp_path / "torn" / "last.ckpt").exists()
    assert numbers(train(tmp_path / "torn", resume=True)) == numbers(expected), f"killed after step {step}"


def test_ctrl_c_stays_a_keyboard_interrupt_and_keeps_the_last_epoch(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)

    def press(done: int, total: int) -> None:
        if done == 15:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "torn", on_step=press)
    assert signal.getsignal(signal.SIGINT) is before
    assert checkpoint.load(tmp_path / "torn" / "last.ckpt")["epoch"] == 2
    assert numbers(train(tmp_path / "torn", resume=True)) == numbers(train(tmp_path / "whole"))


def test_progress_counts_every_step_once(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    epochs: list[int] = []
    train(tmp_path, on_step=lambda done, total: steps.append((done, total)), on_epoch=lambda e, row: epochs.append(e))
    assert steps == [(done, 36) for done in range(1, 37)]
    assert epochs == [1, 2, 3, 4, 5, 6]


def test_an_epochs_checkpoint_is_written_before_anyone_is_told(tmp_path: Path) -> None:
    written: list[int] = []
    train(tmp_path, on_epoch=lambda epoch, row: written.append(checkpoint.load(tmp_path / "last.ckpt")["epoch"]))
    assert written == [1, 2, 3, 4, 5, 6]


def test_training_stops_early_when_nothing_becomes_better(tmp_path: Path) -> None:
    fitted = train(tmp_path, epochs=60, patience=3, learning_rate=0.2, schedule="constant")
    assert fitted.stopped_early
    assert len(fitted.history) == fitted.best_epoch + 3 < 60


def test_patience_counts_epochs_without_a_better_value_however_the_cross_entropy_falls(tmp_path: Path) -> None:
    fitted = train(tmp_path, one_layer(), epochs=6, patience=2, monitor="accuracy", learning_rate=1e-5)
    assert len({row["validation_accuracy"] for row in fitted.history}) == 1
    assert fitted.stopped_early
    assert len(fitted.history) == 3
    losses = [row["validation_cross_entropy"] for row in fitted.history]
    assert fitted.best_epoch == losses.index(min(losses)) + 1 > 1, "among equals the lower cross-entropy is better"


def test_a_training_that_ran_out_of_patience_is_not_gone_on_with(tmp_path: Path) -> None:
    options: dict[str, Any] = {"epochs": 6, "patience": 2, "monitor": "accuracy", "learning_rate": 1e-5}
    first = train(tmp_path, one_layer(), **options)
    assert train(tmp_path, one_layer(), **options, resume=True) == first


def test_the_best_epoch_follows_the_metric_that_is_watched(tmp_path: Path) -> None:
    fitted = train(tmp_path, epochs=12, monitor="macro_f1", learning_rate=0.1)
    best = max((row["validation_macro_f1"], -row["validation_cross_entropy"]) for row in fitted.history)
    row = fitted.history[fitted.best_epoch - 1]
    assert (row["validation_macro_f1"], -row["validation_cross_entropy"]) == best


@pytest.mark.parametrize("monitor", ["precision", "expected_calibration_error"])
def test_any_metric_chooses_the_best_epoch_and_stands_in_the_history(tmp_path: Path, monitor: str) -> None:
    options = TrainingOptions.model_validate({"monitor": monitor})
    fitted = train(tmp_path, epochs=12, monitor=monitor, learning_rate=0.1)
    values = [options.goodness(row[f"validation_{monitor}"]) for row in fitted.history]
    assert values[fitted.best_epoch - 1] == max(values) > min(values)


def two_classes() -> tuple[Part, Part]:
    (inputs, labels), (others, other_labels) = data()
    return (inputs, (labels == 0).long()), (others, (other_labels == 0).long())


def test_the_best_of_two_classes_may_be_chosen_by_the_area_under_the_roc_curve(tmp_path: Path) -> None:
    options = TrainingOptions(epochs=8, learning_rate=0.1, monitor="roc_auc")
    model, (training, validation) = nn.Linear(4, 2), two_classes()
    fitted = fit(model, training, validation, n_classes=2, options=options, seed=1, checkpoints=tmp_path, device="cpu")
    values = [row["validation_roc_auc"] for row in fitted.history]
    assert values[fitted.best_epoch - 1] == max(values) > 0.5


def test_a_metric_of_two_classes_is_refused_where_it_is_not_defined(tmp_path: Path) -> None:
    with pytest.raises(NotSupported, match=r"'roc_auc', which is defined for two classes, but the data set has 3"):
        train(tmp_path, monitor="roc_auc")
    training, (inputs, labels) = two_classes()
    one_class = (inputs[labels == 0], labels[labels == 0])
    options = TrainingOptions(monitor="average_precision")
    with pytest.raises(DataError, match=r"'average_precision', which needs .* holds 1 of 2"):
        fit(nn.Linear(4, 2), training, one_class, n_classes=2, options=options, seed=1, checkpoints=tmp_path)


def test_a_diverging_training_names_the_epoch_and_the_cure(tmp_path: Path) -> None:
    def poison(epoch: int, row: Mapping[str, float]) -> None:
        if epoch == 2:
            with torch.no_grad():
                model[0].weight.fill_(math.nan)

    model = network()
    assert isinstance(model, nn.Sequential)
    with pytest.raises(QplugError, match=r"the loss became nan in epoch 3.*learning_rate \(now 0\.02\)"):
        train(tmp_path, model, on_epoch=poison)
    assert checkpoint.load(tmp_path / "last.ckpt")["epoch"] == 2


def test_quantum_parameters_move_at_their_own_pace(tmp_path: Path) -> None:
    model = network()
    before = model.state_dict()["4.weight"].clone()
    others = model.state_dict()["0.weight"].clone()
    fitted = train(tmp_path, model, quantum_parameters=["4"], quantum_learning_rate=1e-12)
    assert torch.allclose(model.state_dict()["4.weight"], before, atol=1e-9)
    assert not torch.allclose(model.state_dict()["0.weight"], others, atol=1e-3)
    assert fitted.history[0]["gradient_norm_quantum"] > 0


def test_frozen_parameters_stay_as_they_are(tmp_path: Path) -> None:
    model = network()
    assert isinstance(model, nn.Sequential)
    model[0].requires_grad_(False)
    before = model[0].weight.clone()
    train(tmp_path, model)
    assert torch.equal(model[0].weight, before)


def test_a_clipped_gradient_takes_smaller_steps(tmp_path: Path) -> None:
    start = network().state_dict()["4.weight"]
    distances = []
    for clip in (None, 1e-3):
        model = network()
        train(tmp_path / str(clip), model, epochs=1, optimiser="sgd", gradient_clip=clip)
        distances.append(float((model.state_dict()["4.weight"] - start).norm()))
    assert distances[1] < 0.05 * distances[0]


def test_smoothed_and_weighted_losses_report_the_plain_cross_entropy(tmp_path: Path) -> None:
    plain = train(tmp_path / "plain", epochs=1, learning_rate=1e-9)
    other = train(tmp_path / "other", epochs=1, learning_rate=1e-9, label_smoothing=0.5, class_weights=True)
    assert other.history[0]["train_cross_entropy"] == pytest.approx(plain.history[0]["train_cross_entropy"], rel=1e-5)


def test_class_weights_are_inverse_to_shares_and_one_on_average() -> None:
    labels = torch.tensor([0] * 6 + [1] * 3 + [3] * 1)
    weights = class_weights(labels, 4)
    assert weights[2] == 0
    assert weights[1] / weights[0] == pytest.approx(2)
    assert weights[labels].mean().item() == pytest.approx(1)


def test_class_weights_raise_the_recall_of_a_rare_class(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand(400, generator=generator) < 0.1).long()
    inputs = torch.randn(400, 1, generator=generator) + labels[:, None]
    recall = []
    for weighted in (False, True):
        torch.manual_seed(0)
        model = nn.Linear(1, 2)
        options = TrainingOptions(epochs=8, learning_rate=0.05, class_weights=weighted)
        part = (inputs, labels)
        folder = tmp_path / str(weighted)
        fit(model, part, part, n_classes=2, options=options, seed=0, checkpoints=folder, device="cpu")
        recall.append(float((model(inputs).argmax(dim=1) == 1)[labels == 1].float().mean()))
    assert recall[1] > recall[0] + 0.3


def test_a_batch_size_of_one_is_refused_with_batch_norm(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"training\.batch_size is 1, but the model has batch norm"):
        train(tmp_path, batch_size=1)


def test_an_empty_validation_part_is_refused(tmp_path: Path) -> None:
    training, _ = data()
    nothing = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    with pytest.raises(DataError, match="the validation part has 0 samples"):
        fit(network(), training, nothing, n_classes=3, options=TrainingOptions(), seed=0, checkpoints=tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_is_refused_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(NotSupported, match="device cuda was asked for"):
        train(tmp_path, device="cuda")


def test_memory_that_runs_out_tells_what_to_lower(tmp_path: Path) -> None:
    class Greedy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 3)

        def forward(self, inputs: Tensor) -> Tensor:
            torch.empty(2**55)
            return self.linear(inputs)

    with pytest.raises(UserError, match=r"memory ran out in training.*Lower training\.batch_size \(now 16\)"):
        train(tmp_path, Greedy())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_training_on_cuda_learns_resumes_and_ends_on_the_cpu(tmp_path: Path) -> None:
    model = network()
    expected = train(tmp_path / "whole", model, epochs=15, device="cuda")
    assert expected.history[-1]["validation_accuracy"] > 0.8
    assert {value.device.type for value in model.state_dict().values()} == {"cpu"}
    with pytest.raises(Stop):
        train(tmp_path / "torn", epochs=15, device="cuda", on_step=crash_at(30))
    resumed = train(tmp_path / "torn", epochs=15, device="cuda", resume=True)
    for ours, theirs in zip(resumed.history, expected.history, strict=True):
        assert ours["validation_cross_entropy"] == pytest.approx(theirs["validation_cross_entropy"], rel=1e-3)
