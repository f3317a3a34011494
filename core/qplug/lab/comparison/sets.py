"""Sets of runs: planned once, carried out here or by an executor, and gone on with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qplug import catalogue
from qplug.contract.errors import ConfigError, NotSupported, UserError
from qplug.contract.interfaces import Executor
from qplug.lab.comparison.carry import Carried, carry
from qplug.lab.comparison.grid import MOST_CELLS, Arm, Grid
from qplug.lab.comparison.old_folds import resume_folds
from qplug.lab.comparison.summary import located, over_set
from qplug.lab.config.model import RunConfig
from qplug.lab.config.resolve import resolve
from qplug.lab.config.toml import full_hash, to_layer
from qplug.lab.pipeline.components import assemble
from qplug.lab.runner.code import changes_of_code, code_of, naming_what_is_gone
from qplug.lab.runner.examine import Examined, examine
from qplug.lab.runner.inventory import Inventory, split_of
from qplug.lab.runner.on_device import Spending
from qplug.lab.runner.refusals import refuse_small_parts, splits_of_all_folds
from qplug.lab.runner.reporter import Reporter
from qplug.lab.runner.run import resume_run
from qplug.lab.runner.unused import unused_backend
from qplug.lab.runner.workplace import Workplace
from qplug.lab.runs.directory import FOLDS, SET, SUMMARY, RunDirectory
from qplug.lab.runs.run_record import Code
from qplug.lab.runs.set_record import VERSION, ArmRecord, CellRecord, SetRecord, read_set, summaries_of

_OWN = ("seed", "fold", "data_dir")
"""What of a run's configuration is not its arm's."""


def run_set(
    grid: Grid,
    out: Path,
    reporter: Reporter,
    *,
    executor: Executor | None = None,
    workplace: Workplace | None = None,
) -> dict[str, Any]:
    """Runs each arm with each seed on each fold; gives mean, spread and count of each arm, and each run's summary.

    All runs are kept in one folder, which can be moved and copied as a whole. All that can be refused is refused before
    the first begins.

    Args:
        grid: which runs.
        out: where the folder is made.
        reporter: told what goes on.
        executor: who carries the runs out, many at once; None: one after the other, in this process. One that uses
            other machines needs ``out`` to be a folder that all of them share, under the same path.
        workplace: where they are worked on; None: as the environment says.

    Raises:
        UserError: something was asked that cannot be done; nothing is left behind.
        QplugError: some runs failed; the others are finished, and the message says how to go on.
        Interrupted: the user stopped it; the message says how to go on.
    """
    place = workplace or Workplace.from_environment()
    with catalogue.without(place.disabled):
        record = _planned(grid, place, reporter)
        names = [arm.name for arm in record.arms]
        heads = "+".join(names) if len(names) < 4 else f"{len(names)}-heads"
        hashed = full_hash(record.model_dump(mode="json"))[:12]
        named = f"{hashed}-set"
        with RunDirectory.create(out, dataset=record.dataset, head=heads, short_hash=named) as directory:
            directory.write_json(SET, record.model_dump(mode="json", exclude_unset=True))
            return _to_the_end(directory, record, reporter, executor, _where_data_lie(place, record))


def resume_set(
    path: Path, reporter: Reporter, *, executor: Executor | None = None, workplace: Workplace | None = None
) -> dict[str, Any]:
    """Goes on with an interrupted set: finished runs are kept, the others gone on with or begun.

    Raises:
        UserError: it is finished, or another process works on it.
        ConfigError: the code of a component has changed since it was begun.
        QplugError, Interrupted: as ``run_set`` does.
    """
    place = workplace or Workplace.from_environment()
    with RunDirectory.reopen(path) as directory, catalogue.without(place.disabled):
        if directory.status == "finished":
            raise UserError(f"all runs of {path} are finished; there is nothing to resume. Look at them: qplug runs")
        record = read_set(path)
        _refuse_changed_code(path, record)
        return _to_the_end(directory, record, reporter, executor, _where_data_lie(place, record))


def resume(
    path: Path,
    reporter: Reporter,
    *,
    executor: Executor | None = None,
    workplace: Workplace | None = None,
    spending: Spending | None = None,
) -> dict[str, Any]:
    """Goes on with an interrupted run or set, whichever ``path`` holds.

    Raises:
        UserError: an executor was given, and it is a run, which is carried out here.
    """
    if (path / SET).is_file():
        return resume_set(path, reporter, executor=executor, workplace=workplace)
    if executor is not None and path.is_dir():
        raise UserError(
            f"{path} is not a set of many runs, so it is gone on with here, one run after the other. Leave out --jobs "
            "and what else says who carries out many at once."
        )
    if (path / FOLDS).is_file():
        return resume_folds(path, reporter, workplace=workplace)
    return resume_run(path, reporter, workplace=workplace, spending=spending)


# Planning


@dataclass(frozen=True)
class _Planned:
    arm: Arm
    examined: Examined
    folds: Sequence[int | None]
    seeds: Sequence[int]


def _planned(grid: Grid, place: Workplace, reporter: Reporter) -> SetRecord:
    known: dict[str, Inventory] = {}  # a data set is looked at once, however many arms there are
    arms = [_arm(arm, grid, place, reporter, known) for arm in grid.arms]
    cells, folder = tuple(_cells(arms)), arms[0].examined.config.data_dir
    _refuse_twins(arms, cells)
    return SetRecord(
        version=VERSION,
        dataset=arms[0].examined.config.dataset.name,
        arms=tuple(_arm_record(each) for each in arms),
        cells=cells,
        data_dir=None if folder is None or arms[0].examined.config.smoke else str(folder),
    )


def _arm(arm: Arm, grid: Grid, place: Workplace, reporter: Reporter, known: dict[str, Inventory]) -> _Planned:
    config = resolve(arm.layers)
    components = assemble(config)
    if components.backend is not None and components.backend.capabilities.remote:
        raise NotSupported(
            f"backend {config.backend.name!r} is remote, and a set would send it a job for each of its runs. Leave it "
            f"out, and judge the runs that matter afterwards: qplug evaluate RUN --backend {config.backend.name}"
        )
    asked = None if components.training is None else components.training.asked
    if asked is not None and asked.capabilities.remote:
        raise NotSupported(
            f"training.backend is {config.training.backend!r}, which is remote, and each run of a set would be paid "
            "for. Train single runs on it: qplug run with one seed, one head and one fold."
        )
    about = repr((config.dataset, config.smoke, config.data_dir))
    examined = examine(config, place, reporter, components, known.get(about))
    known[about] = examined.inventory
    if unused := unused_backend(arm.layers, config, components):
        reporter.note(unused)
    numbers: Sequence[int | None] = [examined.config.fold]
    if grid.every_fold:
        numbers = list(splits_of_all_folds(config, components, examined.inventory.samples))
    seeds = grid.seeds or [config.seed]
    if len(numbers) * len(seeds) * len(grid.arms) > MOST_CELLS:
        raise UserError(
            f"{len(numbers)} folds x {len(seeds)} seeds x {len(grid.arms)} heads are more than {MOST_CELLS:,} runs."
        )
    for seed in seeds:
        for number in numbers:
            split = split_of(replace(config, seed=seed, fold=number), components, examined.inventory.samples)
            refuse_small_parts(config, components, split, examined.description)
    return _Planned(arm, examined, numbers, seeds)


def _arm_record(planned: _Planned) -> ArmRecord:
    layer = to_layer(planned.examined.config)
    settings = {key: value for key, value in layer.items() if key not in _OWN}
    code = {place: Code(**about) for place, about in planned.examined.code.items()}
    name = planned.arm.name or planned.examined.config.heads
    return ArmRecord(name=name, settings=settings, code=code)


def _cells(arms: Sequence[_Planned]) -> Iterator[CellRecord]:
    for number, planned in enumerate(arms):
        for seed in planned.seeds:
            for fold in planned.folds:
                config = replace(planned.examined.config, seed=seed, fold=fold)
                yield CellRecord(key=full_hash(to_layer(config)), arm=number, seed=seed, fold=fold)


def _refuse_twins(arms: Sequence[_Planned], cells: Sequence[CellRecord]) -> None:
    seen: dict[str, int] = {}
    for cell in cells:
        if (other := seen.setdefault(cell.key, cell.arm)) != cell.arm:
            names = f"{arms[other].arm.name!r} and {arms[cell.arm].arm.name!r}"
            raise UserError(f"the heads {names} are the same with all their settings; name each once.")


def _refuse_changed_code(path: Path, record: SetRecord) -> None:
    for number, arm in enumerate(record.arms):
        first = next(cell for cell in record.cells if cell.arm == number)
        before = {place: about.model_dump() for place, about in arm.code.items()}
        with naming_what_is_gone(before):
            config: RunConfig = resolve([record.settings(first)])
        if changed := list(changes_of_code(before, code_of(config, assemble(config)))):
            raise ConfigError(
                f"{path} cannot go on, because code has changed since it was begun: {'; '.join(changed)}. "
                "Put it back as it was, or start a new set."
            )


# Carrying out


def _to_the_end(
    directory: RunDirectory, record: SetRecord, reporter: Reporter, executor: Executor | None, place: Workplace
) -> dict[str, Any]:
    try:
        carry(Carried(directory.path, record, place, executor), reporter)
    except BaseException:
        if not any((directory.path / cell.folder).is_dir() for cell in record.cells):
            directory.discard()
        raise
    found = over_set(record, summaries_of(directory.path, record))
    directory.write_json(SUMMARY, found)
    return located(directory.path, found)


def _where_data_lie(place: Workplace, record: SetRecord) -> Workplace:
    """The workplace with the folder of the set's data: what it says itself, else where they lay, if they still do."""
    if place.data_dir is not None or record.data_dir is None or not Path(record.data_dir).is_dir():
        return place
    return place.with_data_dir(Path(record.data_dir))
