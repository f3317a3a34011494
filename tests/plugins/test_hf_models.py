"""Hugging Face models as backbones and features, with tiny random ones in the layout of the published."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image as Pillow

transformers = pytest.importorskip("transformers")
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil  # noqa: E402
from transformers.models.mobilenet_v2.image_processing_pil_mobilenet_v2 import (  # noqa: E402
    MobileNetV2ImageProcessorPil,
)

from qplug.contract.errors import DataError, NotSupported, ParameterError  # noqa: E402
from qplug.contract.interfaces import Audio, Image  # noqa: E402
from qplug.lab.data.cache import settings_hashes  # noqa: E402
from qplug.signals import read_signal  # noqa: E402
from qplug.testing.components import check_backbone, check_features  # noqa: E402
from qplug_hf.backbone import Hf  # noqa: E402
from qplug_hf.features import HfFeatures  # noqa: E402

SMALL = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16}
SPEECH = SMALL | {
    "conv_dim": (8, 8), "conv_stride": (5, 4), "conv_kernel": (10, 8), "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2, "layerdrop": 0.5, "mask_time_prob": 0.5,
    "hidden_dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0, "feat_proj_dropout": 0.0,
}  # fmt: skip
WHISPER = {
    "d_model": 16, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "vocab_size": 50, "num_mel_bins": 20, "max_source_positions": 50,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1,
}  # fmt: skip
STAGES = {"hidden_sizes": [8, 16], "depths": [1, 1]}


def ast() -> tuple[Any, Any]:
    config = transformers.ASTConfig(**SMALL, num_mel_bins=32, max_length=64)
    return transformers.ASTModel(config), transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=64)


def wav2vec2() -> tuple[Any, Any]:
    return (
        transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**SPEECH)),
        transformers.Wav2Vec2FeatureExtractor(do_normalize=True),
    )


def hubert() -> tuple[Any, Any]:
    return (
        transformers.HubertModel(transformers.HubertConfig(**SPEECH)),
        transformers.Wav2Vec2FeatureExtractor(do_normalize=True),
    )


def whisper() -> tuple[Any, Any]:
    return (
        transformers.WhisperModel(transformers.WhisperConfig(**WHISPER)),
        transformers.WhisperFeatureExtractor(feature_size=20, chunk_length=1),
    )


def resnet() -> tuple[Any, Any]:
    config = transformers.ResNetConfig(**STAGES, embedding_size=8, layer_type="basic")
    return transformers.ResNetModel(config), ConvNextImageProcessorPil(size={"shortest_edge": 32})


def convnext() -> tuple[Any, Any]:
    config = transformers.ConvNextConfig(**STAGES, num_stages=2)
    return transformers.ConvNextModel(config), ConvNextImageProcessorPil(size={"shortest_edge": 32})


def mobilenet_v2() -> tuple[Any, Any]:
    processor = MobileNetV2ImageProcessorPil(size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32})
    return transformers.MobileNetV2Model(transformers.MobileNetV2Config(depth_multiplier=0.1)), processor


AUDIO = {make.__name__: make for make in (ast, wav2vec2, hubert, whisper)}
IMAGE = {make.__name__: make for make in (resnet, convnext, mobilenet_v2)}
ALL = AUDIO | IMAGE
WIDTHS = {"ast": 16, "wav2vec2": 16, "hubert": 16, "whisper": 16, "resnet": 16, "convnext": 16, "mobilenet_v2": 1280}

Saved = Callable[[str], str]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """``saved("ast")`` is the folder of a tiny random model with its processor."""
    folders: dict[str, Path] = {}

    def folder(name: str) -> str:
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp(name)
            torch.manual_seed(0)
            for part in ALL[name]():
                part.save_pretrained(folders[name])
        return str(folders[name])

    return folder


def features_of(name: str, folder: str) -> HfFeatures:
    return HfFeatures(model=folder, modality="audio" if name in AUDIO else "image", duration=0.5)


def noise(seconds: float = 0.5, rate: int = 16_000) -> Audio:
    waveform = np.random.default_rng(0).normal(0, 0.1, (1, round(seconds * rate)))
    return Audio(waveform.astype(np.float32), rate)


@pytest.mark.parametrize("name", ALL)
def test_features_keep_the_contract(saved: Saved, name: str) -> None:
    check_features(features_of(name, saved(name)))


@pytest.mark.parametrize("name", ALL)
def test_backbones_keep_the_contract_frozen_and_trainable(saved: Saved, name: str) -> None:
    shape = features_of(name, saved(name)).shape
    check_backbone(Hf(model=saved(name)), shape)
    check_backbone(Hf(model=saved(name), frozen=False), shape)


@pytest.mark.parametrize("name", ALL)
def test_features_and_backbone_of_one_model_fit(saved: Saved, name: str) -> None:
    extractor = features_of(name, saved(name))
    signal = noise() if name in AUDIO else Image(np.random.default_rng(0).random((3, 40, 50), dtype=np.float32))
    embedding = Hf(model=saved(name)).module(extractor.shape).eval()(torch.from_numpy(extractor(signal))[None])
    assert embedding.shape == (1, WIDTHS[name])
    assert embedding.std() > 0


@pytest.mark.parametrize("name", ["ast", "wav2vec2", "resnet"])
def test_embeddings_are_the_mean_of_transformers_own_hidden_state(saved: Saved, name: str) -> None:
    inputs = torch.randn(2, *features_of(name, saved(name)).shape)
    with torch.no_grad():
        hidden = transformers.AutoModel.from_pretrained(saved(name)).eval()(inputs).last_hidden_state
        embeddings = Hf(model=saved(name)).module(tuple(inputs.shape[1:])).eval()(inputs)
    expected = hidden.mean(1) if hidden.ndim == 3 else hidden.mean((2, 3))
    torch.testing.assert_close(embeddings, expected)


def test_the_pooling_rule_can_be_chosen(saved: Saved) -> None:
    shape = features_of("ast", saved("ast")).shape
    inputs = torch.randn(2, *shape)
    with torch.no_grad():
        outputs = transformers.AutoModel.from_pretrained(saved("ast")).eval()(inputs)
        first = Hf(model=saved("ast"), pool="first").module(shape).eval()(inputs)
        pooled = Hf(model=saved("ast"), pool="pooler").module(shape).eval()(inputs)
    torch.testing.assert_close(first, outputs.last_hidden_state[:, 0])
    torch.testing.assert_close(pooled, outputs.pooler_output)
    with pytest.raises(NotSupported, match=r"no pooling of its own.*backbone\.pool=mean"):
        Hf(model=saved("hubert"), pool="pooler").module((8000,))


@pytest.mark.parametrize("name", ALL)
def test_partly_frozen_lets_the_last_block_learn_and_keeps_the_rest(saved: Saved, name: str) -> None:
    backbone = Hf(model=saved(name), trainable_blocks=1)
    assert not backbone.frozen
    shape = features_of(name, saved(name)).shape
    module = backbone.module(shape).train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.1)
    module(torch.randn(4, *shape)).square().sum().backward()
    optimiser.step()
    changed = [not torch.equal(value, before[key]) for key, value in module.state_dict().items()]
    learning = [p.requires_grad for p in module.parameters()]
    first = learning.index(True)
    assert first > 0
    names = list(module.state_dict())
    start = names.index(next(name for name, p in module.named_parameters() if p.requires_grad))
    assert not any(changed[:start])
    assert any(changed[start:])


def test_more_blocks_than_there_are_cannot_learn(saved: Saved) -> None:
    with pytest.raises(NotSupported, match=r"has 3 blocks, so the last 4 cannot learn\. Ask for at most 3"):
        Hf(model=saved("ast"), trainable_blocks=4).module((64, 32))


@pytest.mark.parametrize("name", ["wav2vec2", "hubert"])
def test_nothing_is_masked_or_skipped_in_training(saved: Saved, name: str) -> None:
    published = transformers.AutoConfig.from_pretrained(saved(name))
    assert published.layerdrop > 0
    assert published.mask_time_prob > 0
    module = Hf(model=saved(name), frozen=False).module((8000,))
    inputs = torch.randn(2, 8000)
    torch.testing.assert_close(module.train()(inputs), module.eval()(inputs))


def test_what_no_embedding_depends_on_does_not_learn(saved: Saved) -> None:
    learning = {
        name: p.requires_grad for name, p in Hf(model=saved("hubert"), frozen=False).module((8000,)).named_parameters()
    }
    assert [name for name, learns in learning.items() if not learns] == ["network.masked_spec_embed"]


def test_a_classifier_of_the_same_model_gives_the_same_embeddings(saved: Saved, tmp_path: Path) -> None:
    base = transformers.AutoModel.from_pretrained(saved("ast"))
    classifier = transformers.ASTForAudioClassification(base.config)
    classifier.audio_spectrogram_transformer.load_state_dict(base.state_dict())
    classifier.save_pretrained(tmp_path)
    inputs = torch.randn(1, 64, 32)
    one, other = (Hf(model=model).module((64, 32)).eval()(inputs) for model in (saved("ast"), str(tmp_path)))
    assert torch.equal(one, other)


def test_features_that_do_not_fit_are_refused_with_those_that_do(saved: Saved) -> None:
    folder = saved("ast")
    with pytest.raises(
        NotSupported, match=rf"shape \(1, 40, 40\) .*--features hf-features --set features\.model={re.escape(folder)}"
    ):
        Hf(model=folder).module((1, 40, 40))


def test_only_safetensors_are_read(saved: Saved, tmp_path: Path) -> None:
    model = transformers.AutoModel.from_pretrained(saved("resnet"))
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(DataError, match=rf"{re.escape(str(tmp_path))}.*cannot be loaded.*safetensors"):
        Hf(model=str(tmp_path)).module((3, 32, 32))


def test_weights_that_lack_a_key_are_refused_by_its_name(saved: Saved, tmp_path: Path) -> None:
    model = transformers.AutoModel.from_pretrained(saved("resnet"))
    state = model.state_dict()
    del state["encoder.stages.1.layers.0.shortcut.convolution.weight"]
    model.save_pretrained(tmp_path, state_dict=state)
    with pytest.raises(DataError, match=r"'encoder\.stages\.1\.layers\.0\.shortcut\.convolution\.weight' is missing"):
        Hf(model=str(tmp_path)).module((3, 32, 32))


@pytest.mark.parametrize("content", [b"", b"0123456789" * 5])
def test_a_damaged_weights_file_is_refused(saved: Saved, tmp_path: Path, content: bytes) -> None:
    transformers.AutoModel.from_pretrained(saved("resnet")).config.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=rf"{re.escape(str(tmp_path))}.*cannot be loaded"):
        Hf(model=str(tmp_path)).module((3, 32, 32))


def test_a_models_own_code_is_never_run(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"model_type": "strange", "auto_map": {"AutoConfig": "code.Config", "AutoModel": "code.Model"}}'
    )
    (tmp_path / "code.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n")
    with pytest.raises(NotSupported, match=rf"{re.escape(str(tmp_path))}.*code of its own \(which is never run\)"):
        Hf(model=str(tmp_path)).module((3, 32, 32))
    assert not (tmp_path / "ran").exists()


def test_a_processor_of_another_modality_is_refused(saved: Saved) -> None:
    with pytest.raises(
        NotSupported, match=rf"{re.escape(repr(saved('resnet')))}.*if it takes images: --set features\.modality=image"
    ):
        _ = HfFeatures(model=saved("resnet"), modality="audio").shape
    with pytest.raises(
        NotSupported,
        match=rf"{re.escape(repr(saved('hubert')))}.*if it takes recordings: --set features\.modality=audio",
    ):
        _ = HfFeatures(model=saved("hubert"), modality="image").shape


def test_a_processor_edited_in_place_is_read_again(saved: Saved, tmp_path: Path) -> None:
    folder = shutil.copytree(saved("resnet"), tmp_path / "resnet")
    extractor, image = HfFeatures(model=str(folder), modality="image"), Image(np.full((3, 40, 40), 0.5, np.float32))
    before, known = extractor(image), settings_hashes(extractor)
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(
        json.dumps(settings | {"size": {"shortest_edge": 24}, "image_mean": [0.1] * 3})
    )
    assert extractor.shape == (3, 24, 24)
    assert abs(float(extractor(image).mean() - before.mean())) > 0.5
    assert settings_hashes(extractor) != known


def test_the_configuration_of_a_network_is_part_of_what_its_embeddings_are_kept_under(
    saved: Saved, tmp_path: Path
) -> None:
    folder = shutil.copytree(saved("ast"), tmp_path / "ast")
    known = settings_hashes(Hf(model=str(folder)))
    assert settings_hashes(Hf(model=saved("ast"))) == known
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"num_attention_heads": 4}))
    assert settings_hashes(Hf(model=str(folder))) != known


def test_weights_of_another_size_are_refused_by_their_first_key(saved: Saved, tmp_path: Path) -> None:
    folder = shutil.copytree(saved("ast"), tmp_path / "ast")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"intermediate_size": 8}))
    with pytest.raises(DataError, match=r"configuration: 'layers\.0\..* has the shape \(16,\), not \(8,\) \(9 keys"):
        Hf(model=str(folder)).module((64, 32))


@pytest.mark.parametrize("name", ["hubert", "whisper"])
def test_the_learnt_network_learns_where_the_built_one_does(saved: Saved, name: str) -> None:
    backbone, shape = Hf(model=saved(name), trainable_blocks=1), features_of(name, saved(name)).shape
    learning = [
        {key for key, parameter in network.named_parameters() if parameter.requires_grad}
        for network in (backbone.untaught(shape), backbone.module(shape))
    ]
    assert learning[0] == learning[1]
    assert 0 < len(learning[0]) < len(list(backbone.module(shape).parameters()))


def test_a_model_must_be_named() -> None:
    with pytest.raises(ParameterError, match=r"backbone hf: no model is named.*--set backbone\.model="):
        Hf().module((3, 32, 32))
    with pytest.raises(ParameterError, match=r"features hf-features: no model is named.*--set features\.model="):
        _ = HfFeatures().shape


@pytest.mark.parametrize("model", ["./no/such", "/no/such", "a/b/c"])
def test_a_missing_folder_is_not_looked_for_on_the_hub(model: str) -> None:
    with pytest.raises(DataError, match=f"there is no folder {re.escape(str(Path(model)))}"):
        Hf(model=model).module((3, 32, 32))


def test_what_cannot_be_fetched_says_how_to_go_on_without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        DataError, match=r"'no-one/no-model' cannot be loaded.*give the folder: --set backbone\.model=FOLDER"
    ):
        Hf(model="no-one/no-model").module((3, 32, 32))


@pytest.mark.parametrize(("fit", "repeats"), [("loop", True), ("pad-end", False)])
def test_fit_decides_what_fills_a_short_recording(saved: Saved, fit: Any, repeats: bool) -> None:
    feature = HfFeatures(model=saved("hubert"), duration=1.0, fit=fit)(noise(0.5))
    assert np.allclose(feature[8000:], feature[:8000]) is repeats
    assert (float(np.abs(np.diff(feature[8000:])).max()) == 0) is not repeats


def test_recordings_are_resampled_to_the_models_rate(saved: Saved) -> None:
    tone = [
        0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)[None].astype(np.float32) for rate in (16_000, 44_100)
    ]
    extractor = HfFeatures(model=saved("hubert"), duration=1.0)
    one, other = (extractor(Audio(wave, rate)) for wave, rate in zip(tone, (16_000, 44_100), strict=True))
    np.testing.assert_allclose(one[1000:-1000], other[1000:-1000], atol=0.02)


def test_grey_and_rgb_of_the_same_picture_give_the_same_pixels(saved: Saved) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (1, 40, 40)).astype(np.float32) / 255
    extractor = HfFeatures(model=saved("convnext"), modality="image")
    assert np.array_equal(extractor(Image(grey)), extractor(Image(np.repeat(grey, 3, axis=0))))


def test_files_are_opened_and_damaged_ones_named(saved: Saved, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.wav", noise().waveform.T, 16_000, subtype="FLOAT")
    Pillow.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(tmp_path / "picture.png")
    (tmp_path / "damaged").write_bytes(b"nothing")
    sounds = HfFeatures(model=saved("hubert"))
    pictures = HfFeatures(model=saved("resnet"), modality="image")
    sound = read_signal(tmp_path / "tone.wav", sounds.capabilities.modality)
    picture = read_signal(tmp_path / "picture.png", pictures.capabilities.modality)
    assert isinstance(sound, Audio)
    assert np.array_equal(sound.waveform, noise().waveform)
    assert isinstance(picture, Image)
    assert picture.pixels[1, 0, 2] == np.float32(7 / 255)
    for extractor, reason in ((sounds, "holds text, not a recording"), (pictures, "cannot be decoded")):
        with pytest.raises(DataError, match=rf"damaged: {reason}"):
            read_signal(tmp_path / "damaged", extractor.capabilities.modality)
