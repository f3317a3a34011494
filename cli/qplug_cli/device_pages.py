"""What is shown of a device's answer, and of work that waits for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qplug_cli import blocks, output


def show_waiting(told: Mapping[str, Any]) -> None:
    """Prints what a device has and is not done with."""
    console = output.console()
    jobs = ", ".join(told["job_ids"])
    console.print(
        f"{told['backend']}: {told['n_samples']:,} samples with {told['shots']:,} shots are with the device, "
        f"job {jobs}{_of_several(told)}: {told['waiting']}"
    )
    blocks.end(console, told["run"], blocks.command("resume", told["run"]))


def _of_several(told: Mapping[str, Any]) -> str:
    if "n_stages" not in told:
        return ""
    next_job = "" if told["stage"] == told["n_stages"] else "; qplug resume sends the next, made of its values"
    return f" ({told['stage']} of {told['n_stages']}{next_job})"


def show_verification(told: Mapping[str, Any]) -> None:
    """Prints what a device answered beside the exact values of the same samples."""
    from rich.table import Table

    from qplug.lab.runs.evaluations import ObservableValues, chain_in_words

    console = output.console()
    fake = " (a simulator with the noise of one day, no device)" if told["fake"] else ""
    low, high = told["accuracy_interval"]
    console.print(
        f"on {told['device']}{fake}: accuracy {told['accuracy']:.3f} ({low:.3f} to {high:.3f}) on {told['n_samples']:,}"
        f" of {told['n_part']:,} samples, {told['exact_accuracy']:.3f} without shots and noise; the same label for "
        f"{100 * told['label_agreement']:.1f} % of them{_thought(told)}"
    )
    console.print(
        f"|Δ⟨Z⟩| {told['mean_abs_delta_z']:.3g} on average, {told['max_abs_delta_z']:.3g} at most; "
        f"{told['shots']:,} shots alone explain {told['expected_shot_noise']:.3g}"
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("value", "exact", "device", "mean |Δ|", "largest", "by shots alone"):
        table.add_column(heading, justify="left" if heading == "value" else "right")
    several = len({row["circuit"] for row in told["observables"]}) > 1
    for row in told["observables"]:
        name = f"circuit {row['circuit']} {row['observable']}" if several else row["observable"]
        numbers = (row["exact"], row["device"], row["mean_abs_delta"], row["max_abs_delta"], row["expected"])
        table.add_row(name, *("–" if number is None else f"{number:.3f}" for number in numbers))
    console.print(table)
    observables = [ObservableValues.model_validate(row) for row in told["observables"]]
    if chained := chain_in_words(observables, max(told.get("stages", ()), default=1)):
        console.print(chained)
    console.print(_cost(told))


def show_ladder(told: Mapping[str, Any]) -> None:
    """Prints the steps from exact values to a device."""
    console = output.console()
    headings = ("step", "on", "thought before", "accuracy", "95 % interval", "same label")
    rows = []
    for step in told["steps"]:
        low, high = step["interval"]
        same = "–" if step["label_agreement"] is None else f"{100 * step['label_agreement']:.1f} %"
        rows.append((
            step["step"], step["device"] or step["backend"], f"{step['thought']:.3f}", f"{step['accuracy']:.3f}",
            f"{low:.3f} to {high:.3f}", same,
        ))  # fmt: skip
    blocks.numbers(console, headings, rows, n_words=2)
    console.print(
        f"{told['n_samples']:,} samples of the {told['part']} part, {told['shots']:,} shots. {told['sentence']}"
    )


def _cost(told: Mapping[str, Any]) -> str:
    words = [f"job {', '.join(told['job_ids'])}", f"forecast {told['forecast_seconds']:.3g} s of the device"]
    if told["usage_seconds"] is not None:
        words.append(f"used {told['usage_seconds']:.3g} s")
    if told["depth"] is not None:
        words.append(f"depth {told['depth']}")
    if told["two_qubit_gates"] is not None:
        words.append(f"{told['two_qubit_gates']} two-qubit gates")
    if told["calibration_date"]:
        words.append(f"calibrated {told['calibration_date']}")
    return " · ".join(words)


def _thought(told: Mapping[str, Any]) -> str:
    from qplug.lab.runs.evaluations import thought_over

    expected = told["expected_label_agreement"]
    over = thought_over(told["n_thought"], told["n_part"], told["part"])
    return "" if expected is None else f" (thought before, of shots alone{over}: {100 * expected:.1f} %)"
