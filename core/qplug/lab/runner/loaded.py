"""A finished run's classifier on new files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from qplug import catalogue
from qplug.catalogue.layers import Layer
from qplug.contract.errors import DataError, UserError
from qplug.contract.interfaces import Audio, FeatureExtractor, Image, Signal
from qplug.contract.interfaces.dataset import checked_signal
from qplug.lab.config.layers import from_file, from_names
from qplug.lab.config.model import RunConfig
from qplug.lab.config.resolve import resolve
from qplug.lab.data.normalise import blank_normalise
from qplug.lab.judging.logits import predict_logits
from qplug.lab.judging.metrics import probabilities
from qplug.lab.pipeline.classifier import Classifier, Front, build_backbone, build_classifier
from qplug.lab.pipeline.components import Components, assemble
from qplug.lab.pipeline.placing import place_in_backbone
from qplug.lab.pipeline.suspects import layers_of, suspects
from qplug.lab.runner.code import code_of, naming_what_is_gone, warn_of_changed_code
from qplug.lab.runner.new_files import Reader, files_of
from qplug.lab.runner.recorded import recorded_dataset
from qplug.lab.runner.reporter import Reporter, Silent
from qplug.lab.runs.directory import CONFIG, SETTINGS, WEIGHTS, RunDirectory
from qplug.lab.runs.shapes import MODEL, refuse_misshapen
from qplug.lab.runs.weights import load_weights

_log = logging.getLogger("qplug")
_SKIP = " To go on without them: --on-bad-file skip"


def predict(
    path: Path,
    files: Sequence[Path],
    reporter: Reporter,
    *,
    backend: str | Mapping[str, Any] | None = None,
    on_bad_file: Literal["refuse", "skip"] = "refuse",
) -> list[dict[str, Any]]:
    """Class probabilities for each file, from the classifier of a finished run.

    Args:
        path: the run directory.
        files: recordings or images, as the run's features need, or folders of them; read by ``qplug.signals`` as in
            training.
        reporter: told what goes on, and which recordings are longer than what their features keep.
        backend: where circuits run, see ``load_run``; None: on the backend that trained them.
        on_bad_file: whether a file that cannot be used refuses all, or is left out with a warning.

    Returns:
        Per file: ``file``, ``label`` (the most probable class) and ``probabilities`` by class.

    Raises:
        UserError: there is no such run, or it is not finished.
        DataError: files that cannot be used; the message names them all. Skipping, only if none can be used.
    """
    return load_run(path, backend, reporter=reporter).predict(files, reporter, on_bad_file=on_bad_file)


@dataclass(frozen=True)
class LoadedRun:
    """A finished run, ready to classify.

    Attributes:
        model: features (batch, *feature_shape) → logits (batch, n_classes), in evaluation mode, with the best weights.
        classes: the names of the classes, in the order of the logits.
        features: the run's feature extractor.
        suspects: its components, one of which is named where its code fails.
    """

    model: Classifier
    classes: tuple[str, ...]
    features: FeatureExtractor
    suspects: tuple[catalogue.Suspect, ...] = ()

    def predict(
        self,
        files: Sequence[Path | str | Signal],
        reporter: Reporter | None = None,
        *,
        on_bad_file: Literal["refuse", "skip"] = "refuse",
    ) -> list[dict[str, Any]]:
        """Class probabilities for each file, each in a folder, or signal that is at hand; see ``predict``."""
        with catalogue.naming_faults(self.suspects, "files were classified", layers_of(self.model, self.suspects)):
            return self._predicted(files, reporter or Silent(), on_bad_file)

    def _predicted(
        self, files: Sequence[Path | str | Signal], reporter: Reporter, on_bad_file: Literal["refuse", "skip"]
    ) -> list[dict[str, Any]]:
        skipped = reporter.warn if on_bad_file == "skip" else None
        given = [Path(file) if isinstance(file, str) else file for file in files]
        found = files_of(given, self.features.capabilities.modality)
        usable = usable_features(self.features, found, skipped=skipped, cropped=reporter.warn, advice=_SKIP)
        reporter.stage(f"classifying {len(usable)} files")
        features = torch.stack([one for _, one in usable])
        chances = probabilities(predict_logits(self.model, features, on_step=reporter.progress))
        return [
            {
                "file": str(file),
                "label": self.classes[int(row.argmax())],
                "probabilities": dict(zip(self.classes, row.tolist(), strict=True)),
            }
            for (file, _), row in zip(usable, chances, strict=True)
        ]


def load_run(
    path: Path | str, backend: str | Mapping[str, Any] | None = None, *, reporter: Reporter | None = None
) -> LoadedRun:
    """A finished run's classifier, to use in Python.

    For example::

        from qplug import load_run

        run = load_run("runs/20260101-120000-fsdd-pennylane-pqc-1a2b3c4d5e6f")
        for answer in run.predict(["new.wav"]):
            print(answer["file"], answer["label"], answer["probabilities"])

    Args:
        path: the run directory.
        backend: where its circuits run: a name, or a table of a name and parameters, such as
            ``{"name": "aer", "shots": 1000}``. None: the backend that trained it, whichever judged it, so that loading
            a run never sends anything to a device.
        reporter: told which components have other code than the run was made with; None: the log is.

    Raises:
        UserError: there is no such run, it is not finished, or the backend cannot run its circuits.
        DataError: its files are damaged.
    """
    directory = RunDirectory.open(Path(path))
    layers = [] if backend is None else [backend_layer(backend)]
    warn = _log.warning if reporter is None else reporter.warn
    loaded = load_classifier(directory, warn, layers)
    if backend is not None and loaded.components.backend is not None:
        loaded.model.evaluate_on(loaded.components.backend)
    components = tuple(suspects(loaded.config, loaded.components))
    return LoadedRun(loaded.model, loaded.classes, loaded.components.features, components)


def backend_layer(backend: str | Mapping[str, Any]) -> Layer:
    """The settings that name a backend."""
    return from_names({"backend": backend}) if isinstance(backend, str) else {"backend": dict(backend)}


@dataclass(frozen=True)
class Loaded:
    """A finished run's classifier, on the backend that trained it.

    Attributes:
        config: its configuration; of the data set nothing is checked, since nothing of it is needed.
        model: the classifier with its best weights, in evaluation mode.
        components: its components.
        classes: the names of its classes, in the order of the logits.
    """

    config: RunConfig
    model: Classifier
    components: Components
    classes: tuple[str, ...]


def load_classifier(directory: RunDirectory, warn: Callable[[str], None], layers: Sequence[Layer] = ()) -> Loaded:
    """The classifier of a finished run.

    Args:
        directory: the run.
        warn: told which components have other code than the run was made with.
        layers: settings that precede those of the run, such as another backend.

    Raises:
        UserError: it is not finished.
        DataError: its files are damaged.
    """
    dataset = recorded_dataset(directory)
    with naming_what_is_gone(directory):
        config = resolve([*layers, from_file(directory.path / CONFIG)], dataset=dataset)
    directory.require_finished("there is no trained model")
    components = assemble(config, directory.path / SETTINGS, dataset=dataset)
    with catalogue.naming_faults(suspects(config, components), "the classifier was built"):
        return _built(directory, config, components, warn)


def _built(directory: RunDirectory, config: RunConfig, components: Components, warn: Callable[[str], None]) -> Loaded:
    code = {place: about for place, about in code_of(config, components).items() if place != "dataset"}
    warn_of_changed_code(directory, code, warn)
    weights, facts = directory.read_weights()
    refuse_misshapen(MODEL, facts, str(directory.path / WEIGHTS), whole=True)
    if facts["feature_shape"] != list(components.features.shape):
        raise DataError(
            f"{directory.path / WEIGHTS} was trained on features of shape {facts['feature_shape']}, but {CONFIG} "
            f"describes features of shape {list(components.features.shape)}; one of the files is damaged."
        )
    shape, classes = tuple(facts["feature_shape"]), tuple(facts["classes"])
    # The run holds all weights itself, so nothing depends on the file that the backbone's once came from.
    place = place_in_backbone(components)
    network = build_backbone(components.backbone, shape, seed=config.seed, learnt=False, place=place)
    front = Front(blank_normalise(shape, components.features.shared_axes), network)
    learn_weights = config.training.learn_branch_weights
    model = build_classifier(
        components, front, shape, n_classes=len(classes), seed=config.seed, learn_weights=learn_weights
    )
    load_weights(model, weights)
    return Loaded(config, model.eval(), components, classes)


def features_of(extractor: FeatureExtractor, files: Sequence[Path]) -> torch.Tensor:
    """The features (file, *shape) of new files, read as those of training were; see ``usable_features``."""
    return torch.stack([features for _, features in usable_features(extractor, files)])


def usable_features(
    extractor: FeatureExtractor,
    files: Sequence[Path | Signal],
    *,
    skipped: Callable[[str], None] | None = None,
    cropped: Callable[[str], None] | None = None,
    advice: str = "",
) -> list[tuple[Path | str, torch.Tensor]]:
    """Those of some new files that can be used, each by name with its features, read as those of training were.

    Args:
        extractor: the run's.
        files: new files, or signals as reading files gives them.
        skipped: told what is left out; None: nothing is, and one file that cannot be used refuses all.
        cropped: told which recordings are longer than what their features keep.
        advice: how to go on without such files, where others can be used.

    Raises:
        UserError: no files are given.
        DataError: files that cannot be used; the message names them all.
    """
    modality = extractor.capabilities.modality
    if not files:
        raise UserError("no files are given. Name recordings or images to classify.")
    usable, problems, reader = [], [], Reader(extractor)
    for number, file in enumerate(files, start=1):
        name = f"{modality} {number}" if isinstance(file, Audio | Image) else file
        try:
            signal = reader.read(file, str(name))
            usable.append((name, torch.from_numpy(extractor(checked_signal(signal, modality, where=str(name))))))
        except DataError as error:
            problems.append(f"{name}: {error.reason}." if error.reason else str(error))
    if problems and (skipped is None or not usable):
        way = advice if usable else ""
        raise DataError(f"{len(problems)} of {len(files)} files cannot be used. {' '.join(problems)}{way}")
    if skipped is not None:
        for problem in problems:
            skipped(f"left out: {problem}")
    if cropped is not None:
        reader.tell(cropped)
    return usable
