"""What a finished run prints."""

from qplug_cli import results
from qplug_cli.commands.compare import show
from qplug_cli.device_pages import show_waiting

PART = {"accuracy": 0.5, "balanced_accuracy": 0.5, "macro_f1": 0.5, "precision": 0.5, "cross_entropy": 0.7}
SUMMARY = {
    "dataset": "folder", "head": "linear", "backend": None, "seed": 0, "split": "random", "fold": None, "stamps": [],
    "validation": PART, "test": PART, "parameters": {"trainable": 3, "quantum": 0}, "train_seconds": 0.1,
    "n_train": 4, "n_validation": 2, "n_test": 2, "run": "runs[red]/one", "reference": ["90 % [1]"],
    "warnings": ["1 of 9 samples were skipped: low/x[/nope]bad.wav (the file is empty)"],
}  # fmt: skip


def test_brackets_in_names_are_no_markup(capsys) -> None:
    results.show(SUMMARY, json=False)
    printed = capsys.readouterr().out
    assert "warning: 1 of 9 samples were skipped: low/x[/nope]bad.wav (the file is empty)" in printed
    assert "known: 90 % [1]" in printed
    assert "written to runs[red]/one" in printed


def test_the_accuracy_comes_with_its_interval_and_the_next_command(capsys) -> None:
    results.show(SUMMARY | {"run": "runs/my run"}, json=False)
    printed = capsys.readouterr().out
    assert "test accuracy 0.500, 95 % interval 0.095 to 0.905 for other samples like these 2" in printed
    assert "next: qplug report 'runs/my run'" in printed
    results.show(SUMMARY | {"run": ["runs/one", "runs/two"]}, json=False)
    assert "interval" not in capsys.readouterr().out


def test_a_set_of_folds_has_the_interval_of_all_its_samples_and_one_of_seeds_none(capsys) -> None:
    parts = {f"{part}_sd": dict.fromkeys(PART, 0.1) for part in ("validation", "test")}
    runs = ["runs/s/cells/a", "runs/s/cells/b"]
    whole = SUMMARY | parts | {"set": "runs/my set", "run": runs, "n_runs": 2, "seeds": [0], "fold_numbers": [1, 2]}
    folds = [{"n_test": 2, "test": {"accuracy": 0.5}}, {"n_test": 6, "test": {"accuracy": 0.833333}}]
    results.show(whole | {"folds": folds}, json=False)
    printed = capsys.readouterr().out
    whole_set = "all folds together: test accuracy 0.750, 95 % interval 0.409 to 0.929 for other samples like these 8"
    assert whole_set in " ".join(printed.split())
    assert "written to runs/my set\nnext: qplug report 'runs/my set' --runs" in printed
    results.show(whole | {"seeds": [0, 1], "fold_numbers": []}, json=False)
    printed = capsys.readouterr().out
    assert "interval" not in printed
    assert "next: qplug report 'runs/my set' --runs" in printed
    arm = {"n_runs": 2, "test": PART, "test_sd": PART}
    results.show(whole | {"arms": [{"name": "a", **arm}, {"name": "b", **arm}]}, json=False)
    assert "written to runs/my set\nnext: qplug report 'runs/my set' --runs" in capsys.readouterr().out


def test_work_with_a_device_and_a_comparison_that_goes_on_end_with_the_next_command(tmp_path, capsys) -> None:
    show_waiting({"job_ids": ["j1"], "backend": "ibm", "n_samples": 5, "shots": 100, "waiting": "queued",
                  "run": "runs/my run"})  # fmt: skip
    assert "written to runs/my run\nnext: qplug resume 'runs/my run'" in capsys.readouterr().out
    show(tmp_path, None, json=False)
    assert capsys.readouterr().out == f"cells are left\nwritten to {tmp_path}\nnext: qplug resume {tmp_path}\n"
