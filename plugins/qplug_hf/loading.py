"""Getting models from a folder or the hub: safetensors only, no code of theirs, and plain words where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import torch
from huggingface_hub import try_to_load_from_cache
from pydantic import AfterValidator, Field
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, AutoFeatureExtractor, AutoImageProcessor, AutoModel
from transformers.utils import logging as transformers_logging

from qplug.contract.errors import DataError, NotSupported, ParameterError
from qplug.contract.interfaces import Modality


def _absolute(model: str) -> str:
    folder = Path(model).expanduser()
    return str(folder.absolute()) if model and folder.is_dir() else model


ModelName = Annotated[
    str,
    AfterValidator(_absolute),  # so that a run can be repeated from another folder
    Field(description="folder that save_pretrained wrote, or id on huggingface.co, such as facebook/hubert-base-ls960"),
]
Revision = Annotated[str | None, Field(description="branch, tag or commit of an id; unset: the newest")]
_Auto: TypeAlias = Callable[..., Any]

# Its functions have no annotations.
logging: Any = transformers_logging

_UNUSED = ("masked_spec_embed", "decoder.")
"""Weights that no embedding depends on: what stands for masked frames in pre-training, and decoders."""


BACKBONE_FILES = ("config.json",)
FEATURE_FILES = ("preprocessor_config.json", "processor_config.json", "config.json")
"""What a network and a processor are made from, beside weights."""


def settings_files(model: str, revision: str | None, names: Iterable[str]) -> dict[str, Path]:
    """Where those of a model's files lie that are there: in its folder, or where an id's were downloaded to."""
    folder = Path(model).expanduser()
    if folder.is_dir():
        return {name: folder / name for name in names if (folder / name).is_file()}
    try:
        found = {name: try_to_load_from_cache(model, name, revision=revision) for name in names} if model else {}
    except ValueError:  # no id
        return {}
    return {name: Path(path) for name, path in found.items() if isinstance(path, str)}


def build_network(model: str, revision: str | None) -> nn.Module:
    """The network as its configuration describes it, with weights as they are drawn.

    Raises:
        ParameterError: no model is named.
        DataError: its configuration cannot be found, fetched or read.
        NotSupported: it needs code of its own, or is of a kind that is not known.
    """

    def made(where: str, **settings: Any) -> Any:
        config = AutoConfig.from_pretrained(where, **settings)
        from_config: _Auto = AutoModel.from_config
        return from_config(config, trust_remote_code=False, dtype=torch.float32)

    return _ready(_load(made, model, revision, kind="backbone"))


def load_network(model: str, revision: str | None, *, pooler: bool) -> nn.Module:
    """The network (the encoder of one that has a decoder too) with its published weights, in single precision.

    Args:
        model: folder or id.
        revision: branch, tag or commit of an id.
        pooler: whether the network's own pooling layer is used; if not, its weights may be missing.

    Raises:
        ParameterError: no model is named.
        DataError: it cannot be found or fetched, is damaged, or lacks weights; the message names the first.
        NotSupported: it has no safetensors file, or needs code of its own.
    """
    network, info = _load(
        AutoModel.from_pretrained,
        model,
        revision,
        kind="backbone",
        use_safetensors=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # they are refused here, by name
        dtype=torch.float32,
    )
    spare = _UNUSED if pooler else (*_UNUSED, "pooler.")
    problems = [f"{key!r} is missing" for key in sorted(info["missing_keys"]) if not key.startswith(spare)]
    problems += [
        f"{key!r} has the shape {tuple(stored)}, not {tuple(wanted)}"
        for key, stored, wanted in sorted(info["mismatched_keys"])
    ]
    if problems:
        raise DataError(
            f"the weights of {model!r} do not fit its configuration: {problems[0]} "
            f"({len(problems)} keys in all). Get the model again, or choose another."
        )
    return _ready(network)


def _ready(network: Any) -> nn.Module:
    """The encoder, with what belongs to pre-training switched off."""
    for setting, value in (("apply_spec_augment", False), ("layerdrop", 0.0)):
        # Masking draws from numpy's global generator, and skipped layers get no gradient.
        if hasattr(network.config, setting):
            setattr(network.config, setting, value)
    for part in network.modules():
        if hasattr(part, "_requires_grad"):
            part._requires_grad = False  # asks for gradients to the waveform, and fails where there are some already
    encoder: nn.Module = network.get_encoder() if network.config.is_encoder_decoder else network
    return encoder


def load_processor(model: str, revision: str | None, modality: Modality) -> Any:
    """What turns signals into the network's input; with Pillow, so that results do not depend on torchvision.

    Raises:
        ParameterError: no model is named.
        DataError: it cannot be found or fetched.
        NotSupported: the model is for another modality, or needs code of its own.
    """
    return _load_processor(model, revision, modality, mark_of(model, revision))


def mark_of(model: str, revision: str | None) -> str:
    """The content of what a processor is made from, so that a file edited in place counts as another model."""
    files = settings_files(model, revision, FEATURE_FILES)
    return "\0".join(f"{name}\0{path.read_text('utf-8', 'replace')}" for name, path in files.items())


@lru_cache(maxsize=4)
def _load_processor(model: str, revision: str | None, modality: Modality, mark: str) -> Any:
    other, signals = ("image", "images") if modality == "audio" else ("audio", "recordings")
    advice = f"It was read as a model for {modality}; if it takes {signals}: --set features.modality={other}"
    if modality == "audio":
        return _load(AutoFeatureExtractor.from_pretrained, model, revision, kind="features", advice=advice)
    return _load(AutoImageProcessor.from_pretrained, model, revision, kind="features", advice=advice, backend="pil")


def _load(
    auto: _Auto,
    model: str,
    revision: str | None,
    *,
    kind: Literal["backbone", "features"],
    advice: str = "A model of another kind, or one that needs code of its own (which is never run), cannot be used.",
    **settings: Any,
) -> Any:
    where = _where(model, kind)
    folder = isinstance(where, Path)
    settings |= {"trust_remote_code": False, "local_files_only": folder}
    if revision is not None and not folder:
        settings["revision"] = revision
    try:
        with _quietly():
            return auto(str(where), **settings)
    except (OSError, SafetensorError) as problem:
        way = (
            "The folder must hold config.json, model.safetensors and preprocessor_config.json, as save_pretrained "
            "writes them."
            if folder
            else "Without network, download it elsewhere and give the folder: --set "
            f"{kind}.model=FOLDER. Models without a safetensors file cannot be used."
        )
        raise DataError(f"the model {model!r} cannot be loaded: {_short(problem)} {way}") from problem
    except (ValueError, TypeError, ImportError, RuntimeError, KeyError) as problem:
        raise NotSupported(f"the model {model!r} cannot be used as {kind}: {_short(problem)} {advice}") from problem


def _where(model: str, kind: str) -> Path | str:
    """The folder, or the id if it is none.

    Raises:
        ParameterError: nothing is named.
        DataError: it looks like a path, and there is no such folder.
    """
    if not model:
        raise ParameterError(
            f"{kind} {'hf' if kind == 'backbone' else 'hf-features'}: no model is named. Give a folder that "
            f"save_pretrained wrote, or an id on huggingface.co: --set {kind}.model=facebook/hubert-base-ls960"
        )
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if model.startswith((".", "/", "~")) or model.count("/") > 1 or "\\" in model:
        raise DataError(f"there is no folder {folder}. Give one that save_pretrained wrote: --set {kind}.model=FOLDER")
    return model


def _short(problem: Exception) -> str:
    """The first line of a message that can be a page long, as a sentence."""
    text = str(problem).strip() or type(problem).__name__
    first = text.splitlines()[0].strip().rstrip(".:")
    return f"{first[:300]}."


@contextmanager
def _quietly() -> Iterator[None]:
    """No progress bars and no advice about missing weights, which are reported as errors here."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
