"""Checks that authors of data sets, features, backbones, reducers and classical heads run against their own.

Each check raises an ``AssertionError`` that says which promise of the interface is broken, and returns None where all
are kept. They look at behaviour alone and know no component by name.
"""

from __future__ import annotations

import ast
import copy
import inspect
import math
import pickle
import re
import textwrap
import typing
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qplug import parameters
from qplug.contract.claim import Claim
from qplug.contract.errors import DataError, NotSupported, PluginError, QplugError
from qplug.contract.interfaces import (
    INTERFACE,
    KINDS,
    Audio,
    Backbone,
    Component,
    Dataset,
    FeatureExtractor,
    Head,
    Image,
    Reducer,
    Sample,
    Signal,
    SplitRule,
)
from qplug.testing.trials import normal, training_part, trial_signals

if TYPE_CHECKING:
    from torch import Tensor, nn

_Value = typing.TypeVar("_Value")


def check_component(component: Component) -> None:
    """What holds for every kind: a literal interface number, a constructor that only stores, a copy that is equal.

    Raises:
        AssertionError: with the promise that is broken.
    """
    name = type(component).__name__
    _require(component.kind in KINDS, f"{name}.kind is {component.kind!r}, none of {', '.join(KINDS)}")
    _require(component.summary != "", f"{name} has no summary for `qplug list`")
    _require("\n" not in component.summary, f"{name}.summary must be one line")
    got = component.capabilities.interface
    _require(got == INTERFACE, f"{name} declares interface {got}; these checks are for {INTERFACE}")
    _check_interface_is_literal(type(component))
    _check_constructor(component)
    _check_parameters(_pickled(component), component)
    _check_presets(type(component))


def check_dataset(dataset: Dataset, folder: Path, *, n_read: int = 8) -> None:
    """What holds for every data set: stable order, known labels, groups, usable splits, repeatable signals.

    Args:
        dataset: the data set.
        folder: files in its layout, such as small ones that a test makes; any path where it needs none.
        n_read: how many samples are read, spread over all.

    Raises:
        AssertionError: with the promise that is broken.
    """
    name = type(dataset).__name__
    check_component(dataset)
    samples = dataset.index(folder)
    _require(samples == dataset.index(folder), f"{name}.samples gives another order or other samples the second time")
    _require(len(dataset.classes) >= 2, f"{name} has {len(dataset.classes)} classes; at least two are needed")
    _require(len(set(dataset.classes)) == len(dataset.classes), f"{name}.classes holds a label twice")
    for field in ("layout", "citation", "licence"):
        _require(getattr(dataset, field) != "", f"{name}.{field} is empty")
    for claim in dataset.reference:
        _require(isinstance(claim, Claim), f"{name}.reference holds {claim!r}, which is no Claim")
        _require(math.isfinite(claim.value) and "" not in (claim.metric, claim.protocol, claim.source),
                 f"{name}.reference: {claim!r} lacks a number, a metric, a protocol or a source")  # fmt: skip
    for sample in samples:
        _require(sample.id != "" and sample.group != "", f"{name}: {sample} has an empty id or group")
    _check_defaults(dataset)
    _check_remote_files(dataset, folder)
    _require(len(dataset.splits) > 0, f"{name} offers no split")
    for split, rule in dataset.splits.items():
        check_split_rule(rule, samples, where=f"{name}, split {split!r}")
    for index in np.unique(np.linspace(0, len(samples) - 1, n_read).astype(int)):
        _check_reading(dataset, samples[index])
    if dataset.capabilities.needs_folder:
        _require_raises(
            DataError, lambda: dataset.index(folder / "no-such-folder"), f"{name}.index of a missing folder"
        )


def check_split_rule(rule: SplitRule, samples: Sequence[Sample], *, where: str) -> None:
    """Whether samples say what a split's rule needs, and no group stands in two official parts or folds.

    Args:
        rule: the rule.
        samples: all samples of the data set.
        where: data set and split, for the error.

    Raises:
        AssertionError: with the promise that is broken.
    """
    _require(rule.description != "", f"{where}: has no description")
    _require(0 < rule.validation < 1, f"{where}: the validation share is {rule.validation}, not in (0, 1)")
    groups = [_group(sample, rule.group, where) for sample in samples]
    if rule.test == "part":
        _require({"train", "test"} <= {sample.part for sample in samples}, f"{where}: needs samples in train and test")
        _check_disjoint(groups, [sample.part for sample in samples], where)
    if rule.test == "fold":
        folds = sorted({-1 if sample.fold is None else sample.fold for sample in samples})
        known = set(range(1, rule.n_folds + 1))
        _require(set(folds) <= known, f"{where}: folds {folds} are not all in 1…{rule.n_folds}")
        _check_disjoint(groups, [sample.fold for sample in samples], where)
    if rule.test == "groups":
        n_groups = len(set(groups))
        least = max(rule.n_folds, 3)
        _require(n_groups >= least, f"{where}: {n_groups} groups cannot be dealt; at least {least} are needed")


def check_features(extractor: FeatureExtractor, signals: Iterable[Signal] = ()) -> None:
    """What holds for every feature extractor: the declared shape from any signal, again and again, inputs untouched.

    Args:
        extractor: the extractor.
        signals: further signals to try, beside silence, very short and very long ones, many channels and rates.

    Raises:
        AssertionError: with the promise that is broken.
    """
    name = type(extractor).__name__
    check_component(extractor)
    shape = extractor.shape
    _require(all(isinstance(size, int) and size > 0 for size in shape), f"{name}.shape is {shape}, not all positive")
    named = len(extractor.axes)
    _require(named in (0, len(shape)), f"{name}.axes names {named} axes of a feature that has {len(shape)}: {shape}")
    axes = extractor.shared_axes or ()
    _require(all(0 <= axis < len(shape) for axis in axes), f"{name}.shared_axes {axes} are not all axes of {shape}")
    twin = _pickled(extractor)
    for signal in (*trial_signals(extractor.capabilities.modality), *signals):
        values = signal.waveform if isinstance(signal, Audio) else signal.pixels
        before = values.copy()
        feature = extractor(signal)
        what = f"{type(signal).__name__} of shape {values.shape}"
        _require(feature.shape == shape, f"{name} gave {feature.shape} for an {what}, but declares {shape}")
        _require(np.array_equal(values, before), f"{name} changed the {what} that it was given")
        _require(
            np.array_equal(feature, extractor(signal)), f"{name} gave something else the second time for an {what}"
        )
        _require(np.array_equal(feature, twin(signal)), f"an unpickled {name} gives something else for an {what}")


def check_backbone(backbone: Backbone, feature_shape: tuple[int, ...]) -> None:
    """What holds for every backbone: 2-D embeddings, one sample at a time if need be, gradients, weights that travel.

    Args:
        backbone: the backbone.
        feature_shape: a shape that it takes, such as (1, 32, 32).

    Raises:
        AssertionError: with the promise that is broken.
    """
    check_component(backbone)
    features, name = normal((6, *feature_shape), seed=0), type(backbone).__name__
    _check_module(lambda: backbone.module(feature_shape), features, name, trainable=not backbone.frozen)
    built, learnt = (_state_shapes(make(feature_shape), features) for make in (backbone.untaught, backbone.module))
    _require(built == learnt, f"{name}.load_weights changes which weights there are, so a run could not be opened")


def _state_shapes(module: nn.Module, inputs: Tensor) -> dict[str, tuple[int, ...]]:
    import torch

    with torch.no_grad():
        module.eval()(inputs)  # some layers find their size with the first batch
    return {key: tuple(value.shape) for key, value in module.state_dict().items()}


def check_reducer(reducer: Reducer, n_inputs: int) -> None:
    """What holds for every reducer: the promised width, fitting that repeats, weights that travel.

    Args:
        reducer: the reducer.
        n_inputs: the width of the embeddings to try it with.

    Raises:
        AssertionError: with the promise that is broken.
    """
    name = type(reducer).__name__
    check_component(reducer)
    n_outputs = reducer.outputs(n_inputs, None)
    training = training_part(n_inputs, n_classes=3)

    def build() -> nn.Module:
        if reducer.capabilities.fitted:
            reducer.fit(training, n_outputs)
        return reducer.module(n_inputs, n_outputs)

    if not reducer.capabilities.fitted:
        _require_raises(NotSupported, lambda: reducer.fit(training, n_outputs), f"{name}.fit, though it is not fitted")
    outputs = _check_module(build, training.inputs[:6], name, trainable=False)
    _require(outputs.shape[1] == n_outputs, f"{name} promised {n_outputs} outputs and gave {outputs.shape[1]}")


def check_head(head: Head, n_inputs: int = 8, n_classes: int = 3) -> None:
    """What holds for every classical head: logits for each class, gradients or a fit that repeats, weights that travel.

    Args:
        head: the head; quantum heads have checks of their own in ``qplug.testing.equivalence``.
        n_inputs: how many inputs to try it with, where it takes any number.
        n_classes: number of classes.

    Raises:
        AssertionError: with the promise that is broken.
    """
    name = type(head).__name__
    check_component(head)
    _require(not head.capabilities.quantum, f"{name} is a quantum head: use the checks of qplug.testing.equivalence")
    width = n_inputs if head.n_inputs is None else head.n_inputs
    training = training_part(width, n_classes=n_classes)

    def build() -> nn.Module:
        if head.capabilities.fitted:
            head.fit(training)
        return head.build(width, n_classes)

    if not head.capabilities.fitted:
        _require_raises(NotSupported, lambda: head.fit(training), f"{name}.fit, though it is trained by gradients")
    logits = _check_module(build, training.inputs[:6], name, trainable=not head.capabilities.fitted)
    _require(logits.shape[1] == n_classes, f"{name} gave {logits.shape[1]} logits for {n_classes} classes")


def _check_interface_is_literal(component: type[Component]) -> None:
    """A number that is imported would follow the core and say nothing about what the author had in mind."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(component)))
    except (OSError, TypeError, IndentationError):
        return  # made without a source file
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "interface":
            literal = isinstance(node.value, ast.Constant) and isinstance(node.value.value, int)
            _require(literal, f"{component.__name__}: write the interface version as a number: interface={INTERFACE}")


def _check_constructor(component: Component) -> None:
    name = type(component).__name__
    try:
        known = parameters.describe(type(component))
    except PluginError as error:
        raise AssertionError(str(error)) from error
    for parameter in known:
        where = f"{name}'s parameter {parameter.name!r}"
        _require(bool(parameter.description), f"{where} has no description: Annotated[…, Field(description='…')]")
        _require(hasattr(component, parameter.name), f"{where} is not stored under its own name")


def _check_parameters(twin: Component, component: Component) -> None:
    for parameter in parameters.describe(type(component)):
        same = getattr(twin, parameter.name) == getattr(component, parameter.name)
        _require(same, f"{type(component).__name__}'s parameter {parameter.name!r} does not survive pickling")


def _check_presets(component: type[Component]) -> None:
    for preset in component.presets:
        try:
            parameters.create(component, {parameters.PRESET: preset}, f"{component.kind} {component.__name__}")
        except QplugError as error:
            raise AssertionError(f"{component.__name__}'s preset {preset!r} cannot be used: {error}") from error


def _check_defaults(dataset: Dataset) -> None:
    for key in dataset.defaults:
        kind = key.partition(".")[0]
        known = {*KINDS, "training", "augmentation"} - {"dataset", "executor"}
        _require(
            kind in known, f"{type(dataset).__name__}.defaults: {key!r} does not begin with {', '.join(sorted(known))}"
        )


def _check_remote_files(dataset: Dataset, folder: Path) -> None:
    for file in dataset.remote_files(folder):
        where = f"{type(dataset).__name__}'s remote file {file.url}"
        _require(file.url.startswith(("https://", "http://")), f"{where} is neither https nor http")
        _require(file.unpack or file.path != "", f"{where} has no path to lie at")
        _require(not {"..", ""} & set(file.path.split("/")[:-1]), f"{where} does not stay in the folder: {file.path}")
        checksum = file.checksum or "md5:" + 32 * "0"
        known = re.fullmatch(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", checksum)
        _require(known is not None, f"{where} has the checksum {checksum!r}, neither sha256:… nor md5:…")


def _check_reading(dataset: Dataset, sample: Sample) -> None:
    name = type(dataset).__name__
    signal, again = dataset.read(sample), dataset.read(sample)
    other = _pickled(dataset).read(_pickled(sample))
    _require(_equal(signal, again), f"{name}.load gives something else the second time for {sample.id!r}")
    _require(_equal(signal, other), f"an unpickled {name} reads something else for {sample.id!r}")
    declared = dataset.capabilities.rate
    if isinstance(signal, Audio):
        _require(signal.rate > 0, f"{name}: {sample.id!r} has the rate {signal.rate}")
        _require(declared in (None, signal.rate), f"{name} declares {declared} Hz, but {sample.id!r} has {signal.rate}")


def _equal(one: Signal, other: Signal) -> bool:
    if isinstance(one, Audio) and isinstance(other, Audio):
        return one.rate == other.rate and np.array_equal(one.waveform, other.waveform)
    return isinstance(one, Image) and isinstance(other, Image) and np.array_equal(one.pixels, other.pixels)


def _group(sample: Sample, key: str, where: str) -> str:
    if key == "group":
        return sample.group
    _require(bool(sample.keys.get(key)), f"{where}: groups by {key!r}, which {sample.id!r} does not have in its keys")
    return sample.keys[key]


def _check_disjoint(groups: Sequence[str], places: Sequence[Hashable], where: str) -> None:
    found: defaultdict[str, set[Hashable]] = defaultdict(set)
    for group, place in zip(groups, places, strict=True):
        found[group].add(place)
    for group, several in found.items():
        _require(len(several) == 1, f"{where}: the group {group!r} stands in {sorted(map(str, several))}")


def _check_module(build: Callable[[], nn.Module], inputs: Tensor, name: str, *, trainable: bool) -> Tensor:
    """Builds the module twice and tries it; returns its outputs for ``inputs`` in evaluation mode."""
    import torch

    torch.manual_seed(0)
    module = build()
    torch.manual_seed(1)
    other = build()
    module.eval(), other.eval()
    with torch.no_grad():
        outputs = module(inputs)
        singly = torch.cat([module(one[None]) for one in inputs])
    _require(outputs.ndim == 2 and len(outputs) == len(inputs), f"{name}'s module gave {tuple(outputs.shape)}")
    _require(outputs.dtype == torch.float32, f"{name}'s module gave {outputs.dtype}, not float32")
    _require(bool(torch.isfinite(outputs).all()), f"{name}'s module gave values that are not finite")
    together = torch.allclose(outputs, singly, rtol=1e-4, atol=1e-5)
    _require(together, f"{name}'s module, in evaluation, gives a sample other outputs alone than in a batch")
    other.load_state_dict(module.state_dict())
    with torch.no_grad():
        _require(torch.equal(other(inputs), outputs), f"{name}'s module gives other outputs after load_state_dict")
        _require(torch.equal(copy.deepcopy(module)(inputs), outputs), f"a copy of {name}'s module gives other outputs")
    if trainable:
        _check_gradients(module, inputs, name)
    return typing.cast("Tensor", outputs)


def _check_gradients(module: nn.Module, inputs: Tensor, name: str) -> None:
    """Every trainable parameter and the inputs must feel the loss."""
    module.train()
    features = inputs.clone().requires_grad_()
    outputs = module(features)
    (outputs * normal(tuple(outputs.shape), seed=2)).sum().backward()
    _require(features.grad is not None, f"{name}'s module passes no gradient on to its inputs")
    parameters = [(key, parameter) for key, parameter in module.named_parameters() if parameter.requires_grad]
    _require(len(parameters) > 0, f"{name} is to be trained, but its module has no trainable parameter")
    for key, parameter in parameters:
        _require(parameter.grad is not None, f"{name}'s parameter {key!r} gets no gradient")


def _pickled(value: _Value) -> _Value:
    """What another process would receive."""
    try:
        sent = pickle.dumps(value)
    except (pickle.PicklingError, AttributeError, TypeError) as problem:
        what = f"{type(value).__name__} cannot be pickled, so other processes cannot get it"
        raise AssertionError(f"{what}: {problem}") from problem
    return typing.cast("_Value", pickle.loads(sent))  # noqa: S301, TID251  # made on the line above, not from outside


def _require(kept: bool, message: str) -> None:
    if not kept:
        raise AssertionError(message)


def _require_raises(error: type[Exception], act: Callable[[], object], what: str) -> None:
    try:
        act()
    except error:
        return
    raise AssertionError(f"{what} does not raise {error.__name__}")
