"""Export: the ONNX file finds what the model finds, for every codec, decoder and head; and it says what it is."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from components.calibration import ExpectedError
from components.codecs import CODECS, DECODERS, Codec
from components.codecs.hih import WITHOUT_OFFSET
from components.crops import crop_affine, cut
from components.heads import HEADS
from components.model import LandmarkModel, ModelConfig
from components.networks import UNet
from components.samples import Box
from components.schemes import SCHEMES
from components.synthetic import draw_face
from pipelines.params import Params, load_params
from pipelines.serving import export
from pipelines.serving.export import check, compare, main, write
from pipelines.serving.model import load
from pipelines.serving.onnx_model import METADATA, OnnxModel
from pipelines.training.optimizer import adamw

ROOT = Path(__file__).parents[3]
RECIPES = sorted(ROOT.glob("recipes/*.yaml"))
SIDE = 64
GRID = {"crop": SIDE, "stride": 4, "sigma": 1.5}
SUBPIXEL = CODECS["subpixel"](**GRID)
FITTED = {
    "mirror_offset": 0.5,
    "expected_error": ExpectedError(
        "inter_ocular", (0.1, 2 / 3), (10 / 3, 0.1), tuple(np.linspace(1 / 3, 3, 68).tolist()), 3.3, 0.7
    ),
}
# The first of each kind is exported by `make test`, the others by `make test-slow`: each takes some seconds.
CODECS_AND_DECODERS = [
    *(CODECS["subpixel"](**GRID, decoder=decoder) for decoder in sorted(DECODERS)),
    CODECS["rounded"](**GRID),
    *(CODECS["hih"](**GRID, decimal_head=head) for head in sorted({*HEADS, WITHOUT_OFFSET})),
    CODECS["hih"](**GRID, decoder="expectation"),
    CODECS["hih"](**GRID, bins="released"),
]


def name(codec: Codec) -> str:
    said = [getattr(codec, field, None) for field in ("decoder", "decimal_head", "bins")]
    return "-".join(filter(None, [type(codec).__name__, *said]))


def model_of(codec: Codec = SUBPIXEL, network: object = UNet(width=4), **more: object) -> LandmarkModel:
    torch.manual_seed(0)
    model = LandmarkModel(ModelConfig(SCHEMES["ibug68"], codec, network, "mse", 1.25, "landmarks", **more))
    # Statistics of its own, so that folding them is no matter of zeros and ones.
    model.train()(torch.randint(0, 256, (8, 3, SIDE, SIDE), dtype=torch.uint8))
    return model.eval()


@cache
def drawn_crops(side: int, number: int) -> np.ndarray:
    """Crops of drawn faces, (number, side, side, 3) uint8."""
    crops = []
    for index in range(number):
        face = draw_face(0, index, side + 32)
        crops.append(cut(face.image, crop_affine(Box.around(face.landmarks["ibug68"]), side, 1.25), side))
    return np.stack(crops)


@pytest.fixture(scope="session")
def faces() -> np.ndarray:
    return drawn_crops(SIDE, 200)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of `model_of()` with an offset of half a px and expected errors."""
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    write(model_of(**FITTED), path, {"model": "faces version 3", "test_nme": "0.03"})
    return path


def check_same(model: LandmarkModel, path: Path, crops: np.ndarray) -> None:
    found, parts = OnnxModel(path), np.array_split(crops, -(-len(crops) // 20))  # of so many as fit into memory
    apart = [compare(model, found, part) > 0.01 for part in parts]
    assert np.concatenate(apart).mean() < 0.005
    for part, others in zip(parts, apart, strict=True):
        faces = others.any(axis=1)
        if faces.any():
            assert not (others[faces] & decided_by_more_than_rounding(model, part[faces])).any()
    # A height, from 0 to 1: of maps that are many times as high, before training, rounding takes a hundred-thousandth of that.
    with torch.no_grad():
        highest = model(torch.from_numpy(parts[0]).permute(0, 3, 1, 2))["heatmap"].abs().max().item()
    confidences = (each.predict_crops(parts[0]).confidence for each in (found, model))
    np.testing.assert_allclose(*confidences, atol=max(1e-4, 1e-5 * highest), rtol=0)


@torch.no_grad()
def decided_by_more_than_rounding(model: LandmarkModel, crops: np.ndarray) -> np.ndarray:
    """Which landmarks (N, K) stay where they are when all that the network says is shaken by 1e-5 of its size.

    Where two cells are as high but for that, either may be the peak. What rounding does is smaller (1e-6 between HIH_B in float32 and in
    float64), so that such a pair changes places in nearly half of the draws: in one of 64 at the least.
    """
    outputs = model(torch.from_numpy(crops).permute(0, 3, 1, 2))
    still, generator = model.decode(outputs).landmarks, torch.Generator().manual_seed(0)
    decided = torch.ones(still.shape[:2], dtype=torch.bool)
    for _ in range(64):
        noise = {name: torch.randn(value.shape, generator=generator) for name, value in outputs.items()}
        shaken = {name: value + 1e-5 * value.abs().mean() * noise[name] for name, value in outputs.items()}
        decided &= (model.decode(shaken).landmarks - still).norm(dim=-1) < 0.01
    return decided.numpy()


def test_an_exported_model_finds_what_the_model_finds(exported: Path) -> None:
    check_same(model_of(mirror_offset=0.5), exported, drawn_crops(SIDE, 20))
    assert "BatchNormalization" not in {node.op_type for node in onnx.load(exported).graph.node}


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS_AND_DECODERS, ids=name)
def test_so_it_is_for_every_codec_and_decoder(faces: np.ndarray, tmp_path: Path, codec: Codec) -> None:
    model, path = model_of(codec), tmp_path / "model.onnx"
    write(model, path, {})
    check_same(model, path, faces)


@pytest.mark.nightly
@pytest.mark.timeout(3600)  # HIH_B's network takes seconds for a face
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_so_it_is_for_every_recipes_model_after_a_step(tmp_path: Path, recipe: Path) -> None:
    params = load_params(recipe)
    config = params.model()
    torch.manual_seed(0)
    model = LandmarkModel(config)
    for layer in model.modules():
        if isinstance(
            layer, nn.Conv2d
        ):  # HIH's begin at 0.001, and rounding alone would decide where their maps are highest
            nn.init.kaiming_normal_(layer.weight)
    crops = drawn_crops(config.codec.crop, 200)
    take_a_step(model, params, crops[:4])
    write(model.eval(), tmp_path / "model.onnx", {})
    check_same(model, tmp_path / "model.onnx", crops)


def take_a_step(model: LandmarkModel, params: Params, crops: np.ndarray) -> None:
    """One of the recipe's training, on one view, towards landmarks somewhere in the crop."""
    codec, shape = params.codec, (len(crops), model.config.scheme.num_landmarks)
    landmarks = np.random.default_rng(0).uniform(0.2, 0.8, (*shape, 2)) * codec.crop
    targets = codec.encode(landmarks.astype(np.float32), np.ones(shape, bool))
    batch = {name: torch.from_numpy(value) for name, value in targets.items()}
    optimizer, objective = adamw(model, params), replace(params.loss, num_views=1, siamese_weight=0.0)
    before = [value.clone() for value in model.parameters()]
    outputs = model.train()(torch.from_numpy(crops).permute(0, 3, 1, 2))
    flip = torch.tensor(model.config.scheme.flip)
    total, weight = objective.sums(outputs, codec.render(batch), batch, codec.sigma, flip, model.head)
    (total / weight).backward()
    optimizer.step()
    moved = [not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True)]
    assert sum(moved) > 0.9 * len(moved)  # released networks have skips that nothing goes through


def test_any_number_of_crops_is_taken_at_once(exported: Path) -> None:
    found, crops = OnnxModel(exported), drawn_crops(SIDE, 5)
    together = found.predict_crops(crops).landmarks
    for index in range(5):
        one = found.predict_crops(crops[index : index + 1]).landmarks
        np.testing.assert_allclose(one, together[index : index + 1], atol=1e-3)


def test_the_mirror_offset_is_in_the_graph(exported: Path) -> None:
    crops = drawn_crops(SIDE, 5)
    moved = OnnxModel(exported).predict_crops(crops).landmarks - model_of().predict_crops(crops).landmarks
    assert pytest.approx([0.5, 0.0], abs=1e-3) == np.median(moved, axis=(0, 1))


def test_the_file_says_what_it_is(exported: Path) -> None:
    found = OnnxModel(exported)
    assert model_of(**FITTED).config == found.config
    assert {"model": "faces version 3", "test_nme": "0.03"} == found.facts
    graph = onnx.load(exported)
    assert [20] == [each.version for each in graph.opset_import if not each.domain]
    said = {each.key: each.value for each in graph.metadata_props}
    assert "float32" == json.loads(said[METADATA])["precision"]


@pytest.mark.slow
def test_in_half_precision_it_is_half_as_large_and_finds_nearly_the_same(tmp_path: Path) -> None:
    model, crops = model_of(network=UNet(width=16)), drawn_crops(SIDE, 20)
    for half in (False, True):
        write(model, tmp_path / f"{half}.onnx", {}, half)
    whole, small = ((tmp_path / f"{half}.onnx").stat().st_size for half in (False, True))
    assert small < 0.7 * whole
    apart = compare(model, OnnxModel(tmp_path / "True.onnx"), crops)
    assert 0 < np.median(apart) < 0.1
    assert torch.float32 == next(model.parameters()).dtype  # the model itself is left as it is


def test_an_exported_model_is_used_as_any_other(exported: Path, tmp_path: Path, drawn: list[np.ndarray]) -> None:
    model_of(**FITTED).save(tmp_path)
    boxes = [np.array([[20.0, 20.0, 100.0, 100.0]]), np.array([[10.0, 10.0, 80.0, 80.0], [0.0, 0.0, 60.0, 60.0]])]
    exported_faces, faces = (load(where).find(drawn, boxes) for where in (exported, tmp_path))
    assert len(faces) == len(exported_faces) == 3
    assert load(exported).names == load(tmp_path).names
    np.testing.assert_allclose(faces.landmarks, exported_faces.landmarks, atol=0.05)
    np.testing.assert_allclose(faces.expected_error, exported_faces.expected_error, atol=1e-3)
    assert "inter_ocular" == faces.protocol == exported_faces.protocol
    # Of its own confidence, it is to the last bit what the model says.
    known = model_of(**FITTED).config.expected(exported_faces.confidence)
    np.testing.assert_array_equal(known, exported_faces.expected_error)


@pytest.mark.parametrize("loss", ["cross_entropy", pytest.param("mse", marks=pytest.mark.slow)])
def test_an_exported_model_says_which_landmarks_are_visible_as_the_model_does(tmp_path: Path, loss: str) -> None:
    model, crops = seeing(loss), drawn_crops(SIDE, 20)
    write(model, tmp_path / "model.onnx", {})
    exported = OnnxModel(tmp_path / "model.onnx")
    expected, found = (each.predict_crops(crops).visible for each in (model, exported))
    np.testing.assert_allclose(expected, found, atol=1e-4)
    assert expected.std() > 0.05
    assert check(model, exported, half=False) < 0.01
    # Of a model that says something else of the same landmarks, it is no export.
    assert model.visibility is not None
    model.visibility.bias.data += 1 / model.visibility.pace
    with pytest.raises(
        ValueError, match=r"of its landmarks are visible with a probability that is more than 0\.001 from"
    ):
        check(model, exported, half=False)


def seeing(loss: str = "mse") -> LandmarkModel:
    """A model with a word on which landmarks are visible, as if it had learnt one."""
    plain = model_of()
    model = plain.under(replace(plain.config, heatmap_loss=loss, visibility=True))
    assert model.visibility is not None
    for value in model.visibility.parameters():
        value.data = torch.randn(value.shape, generator=torch.Generator().manual_seed(1)) / model.visibility.pace
    return model


def test_the_command_writes_a_file_and_says_how_near_it_is(
    model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "new" / "model.onnx"
    main(str(model_folder), out)
    said = capsys.readouterr().out.splitlines()
    assert f"export: {model_folder}, single precision; a large network takes minutes" == said[0]
    assert re.fullmatch(
        r"export: on 16 pictures of noise (\d+\.\d)% of its landmarks lie within 0\.01 px of the model's: "
        rf"{re.escape(str(out))}, 0\.\d MB, ONNX opset 20",
        said[1],
    )
    assert {} == OnnxModel(out).facts
    before = out.read_bytes()
    assert str(ROOT).encode() not in before  # nodes name the lines that made them, unless they are told not to
    with pytest.raises(
        ValueError, match=r"model\.onnx is there already: name another file, or replace it by --overwrite"
    ):
        main(str(model_folder), out)
    assert before == out.read_bytes()


def test_what_is_no_name_or_no_model_is_refused_before_anything_is_written(model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"model\.pt: an exported model is called NAME\.onnx"):
        main(str(model_folder), tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"holds no model: model\.json is missing"):
        main(str(tmp_path), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ValueError, match=r"folder\.onnx is a folder: name another file$"):
        main(str(model_folder), tmp_path / "folder.onnx", overwrite=True)


def test_weights_that_no_single_file_holds_are_refused_before_they_are_loaded(
    model_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(model_folder, tmp_path / "large")
    os.truncate(tmp_path / "large/model.safetensors", 2_500_000_000)  # a hole: the disk holds none of it
    out = tmp_path / "model.onnx"
    with pytest.raises(
        ValueError,
        match=r"^the model's weights have 2\.5 GB, and one ONNX file holds 1\.5 GB of them: --half halves them$",
    ):
        main(str(tmp_path / "large"), out)
    os.truncate(tmp_path / "large/model.safetensors", 3_100_000_000)
    with pytest.raises(ValueError, match=r"have 1\.6 GB, .* train a smaller network$"):
        main(str(tmp_path / "large"), out, half=True)
    assert ["large"] == [path.name for path in tmp_path.iterdir()]


def test_a_file_that_does_not_do_as_the_model_does_is_not_left_behind(
    exported: Path, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "model.onnx"
    out.write_bytes(b"an earlier one")
    monkeypatch.setattr(export, "write", lambda model, path, *rest: shutil.copy(exported, path))
    with pytest.raises(
        ValueError, match=r"^the exported model does not do as the model does: on pictures of noise 100\.0% "
    ):
        main(str(model_folder), out, overwrite=True)
    assert [out] == list(tmp_path.iterdir())
    assert b"an earlier one" == out.read_bytes()


def test_answers_that_are_no_numbers_are_refused_and_no_file_is_kept(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In half precision a network's numbers may grow too large on one picture, and on another not."""
    overflowing = model_of()
    with torch.no_grad():
        overflowing.network.heatmap.bias.fill_(float("nan"))
    monkeypatch.setattr(export, "write", lambda model, *rest: write(overflowing, *rest))
    with pytest.raises(
        ValueError, match=r"outputs are not finite for 16 of 16 faces: in half precision numbers may grow"
    ):
        main(str(model_folder), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def foreign(path: Path, **metadata: str) -> Path:
    """An ONNX file of somebody else's: it gives back what it is given."""
    value = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("x", "y")]
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "graph", value[:1], value[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def test_files_that_are_no_exported_models_are_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with pytest.raises(ValueError, match=r"model\.onnx: there is no such file$"):
        load(path)
    path.write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"model\.onnx is no ONNX file that can be used: .+$"):
        load(path)
    with pytest.raises(ValueError, match=r"was not written by heatmark export: its metadata have no 'heatmark'$"):
        load(foreign(path))
    said = {
        json.dumps({"format": 7}): "model format 7; this code reads formats 1 to 4",
        "[]": r"expected the fields of a model, got \[\]",
        "{": r"Expecting property name .+",
    }
    for metadata, message in said.items():
        with pytest.raises(ValueError, match=rf"model\.onnx: metadata 'heatmark': {message}$"):
            load(foreign(path, heatmark=metadata))
    with pytest.raises(ValueError, match=r"model\.onnx: its graph is not the one that its metadata are of$"):
        load(foreign(path, heatmark=json.dumps(model_of().config.to_dict())))
