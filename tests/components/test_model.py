"""Network and codec in one: prediction in picture px, saving and loading."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from components.calibration import ExpectedError
from components.codecs import CODECS, Subpixel
from components.configuration import build, check_known
from components.crops import crop_affine, cut
from components.model import BATCH, CONFIG, WEIGHTS, LandmarkModel, ModelConfig
from components.networks import Hourglass, UNet
from components.samples import Box
from components.schemes import Scheme

RNG = np.random.default_rng(0)


@pytest.fixture(params=sorted(CODECS))
def config(request: pytest.FixtureRequest, three: Scheme) -> ModelConfig:
    """Small, with each codec: 64 px crops, 16 x 16 cells."""
    codec = CODECS[request.param](crop=64, stride=4, sigma=1.5)
    return ModelConfig(three, codec, UNet(width=4), "cross_entropy", expand=1.3, box="landmarks")


@pytest.fixture
def model(config: ModelConfig) -> LandmarkModel:
    torch.manual_seed(0)
    return LandmarkModel(config)


class Brightness(nn.Module):
    """Stands for a trained network: each landmark's map is the mean brightness of each cell's pixels."""

    def forward(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        # Standardised black is -2.1 to -1.8, white 2.2 to 2.6: about 0 to 1.
        cells = functional.avg_pool2d(pixels.mean(1, keepdim=True), 4) / 4.4 + 0.46
        return {"heatmap": cells[:, None].expand(-1, -1, 3, -1, -1)}


@pytest.fixture(scope="module")
def finder(three: Scheme) -> LandmarkModel:
    """Finds the brightest spot of a picture."""
    codec = Subpixel(crop=64, stride=4, sigma=1.5, window=5, temperature=10.0)
    found = LandmarkModel(ModelConfig(three, codec, UNet(width=4), "mse", expand=1.3, box="landmarks"))
    found.network = Brightness()
    return found


def pictures(*sizes: tuple[int, int]) -> list[np.ndarray]:
    return [RNG.integers(0, 256, (height, width, 3)).astype(np.uint8) for height, width in sizes]


@pytest.mark.parametrize("place", [(100.0, 80.0), (93.3, 88.8), (110.7, 70.1)])
@pytest.mark.parametrize("half", [30, 45, 80])
def test_a_spot_is_found_where_it_is_in_the_picture(
    finder: LandmarkModel, dot: Callable, place: tuple[float, float], half: int
) -> None:
    # A spot of 1.5 cells on the map, whatever the box's size; 0.1 cells is what the soft-argmax loses on such a map.
    cell = 4 * 2 * half * 1.3 / 64
    picture = dot(240, 200, *place, sigma=1.5 * cell)
    found = finder.predict([picture], np.array([[100 - half, 80 - half, 100 + half, 80 + half]]))
    assert (1, 3, 2) == found.shape
    np.testing.assert_allclose(found[0], [place] * 3, atol=0.1 * cell)


def test_a_mirrored_picture_and_box_give_mirrored_landmarks(finder: LandmarkModel, dot: Callable) -> None:
    picture, box = dot(240, 200, 93.3, 88.8, sigma=9.0), np.array([60.0, 40.0, 140.0, 130.0])
    found = finder.predict([picture], box[None])[0]
    mirrored = finder.predict([np.ascontiguousarray(picture[:, ::-1])], np.array([[239 - 140, 40, 239 - 60, 130]]))[0]
    np.testing.assert_allclose(np.stack([239 - found[:, 0], found[:, 1]], -1), mirrored, atol=0.1)


def test_a_picture_shifted_by_whole_pixels_gives_shifted_landmarks(model: LandmarkModel) -> None:
    (picture,) = pictures((90, 120))
    shifted = np.zeros((110, 150, 3), np.uint8)
    shifted[11 : 11 + 90, 17 : 17 + 120] = picture
    box = np.array([30.0, 20.0, 80.0, 70.0])  # its crop lies inside the picture
    found = model.predict([picture], box[None])
    offset = np.array([17, 11])
    moved = model.predict([shifted], (box + np.tile(offset, 2))[None])
    np.testing.assert_allclose(found + offset, moved, atol=1e-3)


def test_pictures_of_different_sizes_are_read_as_each_by_itself(model: LandmarkModel) -> None:
    images, boxes = (
        pictures((50, 60), (200, 30), (400, 300)),
        np.array([[5, 5, 40, 45], [0, 20, 30, 120], [50, 60, 250, 300]]),
    )
    together = model.predict(images, boxes)
    assert ((3, 3, 2), np.float32) == (together.shape, together.dtype)
    for i in range(3):
        np.testing.assert_allclose(model.predict(images[i : i + 1], boxes[i : i + 1])[0], together[i], atol=1e-2)


def test_an_array_of_pictures_is_as_good_as_a_list(model: LandmarkModel) -> None:
    images, boxes = pictures((50, 60), (50, 60)), np.array([[5, 5, 40, 45], [10, 5, 40, 45]])
    np.testing.assert_array_equal(model.predict(images, boxes), model.predict(np.stack(images), boxes))


def test_no_pictures_give_no_landmarks(model: LandmarkModel) -> None:
    assert (0, 3, 2) == model.predict([], np.zeros((0, 4))).shape


def test_predicting_leaves_the_statistics_of_the_network_alone(model: LandmarkModel) -> None:
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.predict(pictures((50, 60)), np.array([[5, 5, 40, 45]]))
    for name, value in model.state_dict().items():
        torch.testing.assert_close(before[name], value)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((50, 60), np.uint8),
        np.zeros((50, 60, 4), np.uint8),
        np.zeros((50, 60, 3)),
        np.zeros((3, 50, 60), np.uint8),
    ],
    ids=["gray", "alpha", "float", "channels first"],
)
def test_pictures_that_are_not_rgb_bytes_are_refused(model: LandmarkModel, image: np.ndarray) -> None:
    with pytest.raises(
        ValueError, match="^" + re.escape(f"expected images (H, W, 3) uint8, got {image.shape} {image.dtype}") + "$"
    ):
        model.predict([image], np.array([[5, 5, 40, 45]]))


def test_another_number_of_boxes_is_refused(model: LandmarkModel) -> None:
    with pytest.raises(ValueError, match="^" + re.escape("1 images, but 2 boxes") + "$"):
        model.predict(pictures((50, 60)), np.array([[5, 5, 40, 45]] * 2))


@pytest.mark.parametrize("box", [[5, 5, 40], [5, 5, 40, 45, 1]])
def test_a_box_of_another_length_is_refused(model: LandmarkModel, box: list) -> None:
    with pytest.raises(ValueError, match="shape"):
        model.predict(pictures((50, 60)), np.array([box]))


def test_a_box_without_area_is_refused(model: LandmarkModel) -> None:
    with pytest.raises(ValueError, match="box without area"):
        model.predict(pictures((50, 60)), np.array([[5, 5, 5, 45]]))


def test_crops_give_landmarks_and_confidence(model: LandmarkModel) -> None:
    landmarks, confidence, expected_error, visible = model.predict_crops(np.stack(pictures((64, 64), (64, 64))))
    assert ((2, 3, 2), (2, 3)) == (landmarks.shape, confidence.shape)
    assert (np.float32, np.float32) == (landmarks.dtype, confidence.dtype)
    assert 0 <= confidence.min() <= confidence.max() <= 1
    assert -0.5 <= landmarks.min() <= landmarks.max() <= 63.5
    for unknown in (expected_error, visible):  # nobody has measured the one, nor taught it the other
        assert np.isnan(unknown).all()
        assert ((2, 3), np.float32) == (unknown.shape, unknown.dtype)


def test_what_is_found_is_what_is_predicted_with_the_confidence_of_the_crops(model: LandmarkModel) -> None:
    images, boxes = (
        pictures((50, 60), (200, 30), (400, 300)),
        np.array([[5, 5, 40, 45], [0, 20, 30, 120], [50, 60, 250, 300]]),
    )
    found = model.find(images, boxes)
    np.testing.assert_array_equal(model.predict(images, boxes), found.landmarks)
    assert ((3, 3), np.float32) == (found.confidence.shape, found.confidence.dtype)
    for i in range(3):
        crop = cut(images[i], crop_affine(Box(*boxes[i]), 64, 1.3), 64)
        np.testing.assert_allclose(found.confidence[i], model.predict_crops(crop[None]).confidence[0], atol=1e-4)


def test_more_faces_than_a_batch_keep_their_order(model: LandmarkModel) -> None:
    images, boxes = pictures(*[(50, 60)] * (BATCH + 2)), np.array([[5, 5, 40, 45]] * (BATCH + 2))
    found = model.find(images, boxes)
    last = model.find(images[BATCH:], boxes[BATCH:])
    np.testing.assert_allclose(found.landmarks[BATCH:], last.landmarks, atol=1e-2)
    np.testing.assert_allclose(found.confidence[BATCH:], last.confidence, atol=1e-4)


def test_no_pictures_give_no_confidence(model: LandmarkModel) -> None:
    assert (0, 3) == model.find([], np.zeros((0, 4))).confidence.shape


def test_pixels_are_standardised_as_imagenet_is(model: LandmarkModel) -> None:
    seen = []
    model.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(torch.full((1, 3, 64, 64), 255, dtype=torch.uint8))
    # By hand: (1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225.
    np.testing.assert_allclose(seen[0][0, :, 0, 0], [2.2489, 2.4286, 2.64], atol=1e-4)


def test_a_configuration_comes_back_from_json(config: ModelConfig) -> None:
    assert config == ModelConfig.from_dict(json.loads(json.dumps(config.to_dict())))


def test_a_saved_model_predicts_the_same(model: LandmarkModel, tmp_path: Path) -> None:
    images, boxes = pictures((50, 60), (80, 70)), np.array([[5, 5, 40, 45], [10, 5, 60, 65]])
    model.train()
    model(torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8))  # statistics of its own
    expected = model.predict(images, boxes)
    model.save(tmp_path)
    loaded = LandmarkModel.load(tmp_path)
    assert model.config == loaded.config
    assert not loaded.training
    np.testing.assert_array_equal(expected, loaded.predict(images, boxes))


def test_a_model_is_a_safetensors_and_a_json_file(model: LandmarkModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    assert sorted([CONFIG, WEIGHTS]) == sorted(path.name for path in tmp_path.iterdir())
    assert 4 == json.loads((tmp_path / CONFIG).read_text())["format"]


def test_a_model_is_saved_from_channels_last_weights_too(model: LandmarkModel, tmp_path: Path) -> None:
    images, boxes = pictures((50, 60)), np.array([[5, 5, 40, 45]])
    expected = model.predict(images, boxes)
    model.to(memory_format=torch.channels_last).save(tmp_path)
    np.testing.assert_allclose(expected, LandmarkModel.load(tmp_path).predict(images, boxes), atol=1e-3)


def test_a_model_is_loaded_from_a_path_in_words(model: LandmarkModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    assert model.config == LandmarkModel.load(str(tmp_path)).config


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_missing_file_is_named(model: LandmarkModel, tmp_path: Path, name: str) -> None:
    model.save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ValueError, match="^" + re.escape(f"{tmp_path} holds no model: {name} is missing") + "$"):
        LandmarkModel.load(tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": 5}, "model format 5; this code reads formats 1 to 4"),
        ({"format": None}, "model format None; this code reads formats 1 to 4"),
        (
            {"format": 1},
            "the fields of a model lack nothing, and ['expected_error', 'mirror_offset', 'visibility'] are not known",
        ),
        ({"visibility": 1}, "visibility: expected true or false, got 1"),
        (
            {"mirror_offset": 101},
            "mirror_offset is 101.0: expected -100 to 100 (crop px; annotators err by about one)",
        ),
        ({"mirror_offset": "1"}, "mirror_offset: expected a finite number, got '1'"),
        ({"codec": {"name": "hhi"}}, "unknown codec 'hhi'; known: hih, rounded, subpixel"),
        ({"network": {"name": "unet", "width": 4, "depth": 2}}, "network 'unet' has no depth; it has width"),
        ({"heatmap_loss": "l3"}, "unknown heatmap loss 'l3'; known: adaptive_wing, cross_entropy, mse, star"),
    ],
)
def test_a_configuration_of_another_kind_is_refused(
    model: LandmarkModel, tmp_path: Path, changed: dict, message: str
) -> None:
    model.save(tmp_path)
    fields = json.loads((tmp_path / CONFIG).read_text())
    (tmp_path / CONFIG).write_text(json.dumps({**fields, **changed}))
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        LandmarkModel.load(tmp_path)


def test_a_configuration_that_is_no_json_is_refused(model: LandmarkModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    (tmp_path / CONFIG).write_text("{")
    with pytest.raises(ValueError, match="Expecting property name"):
        LandmarkModel.load(tmp_path)


def test_a_network_of_another_stride_is_refused(config: ModelConfig) -> None:
    with pytest.raises(ValueError, match="^" + re.escape("the network's stride is 4, the codec's 8") + "$"):
        LandmarkModel(replace(config, codec=replace(config.codec, stride=8)))


def test_the_last_of_several_stacks_is_read(three: Scheme) -> None:
    config = ModelConfig(
        three,
        CODECS["rounded"](crop=64, stride=4, sigma=1.5),
        Hourglass(stacks=2, depth=2, features=8),
        "mse",
        1.3,
        "landmarks",
    )
    model = LandmarkModel(config)
    heatmap = torch.zeros(1, 2, 3, 16, 16)
    heatmap[:, 0, :, 2, 3], heatmap[:, 1, :, 5, 9] = 5.0, 1.0
    # By hand: cell (9, 5) is centred on px (37.5, 21.5).
    assert [[[37.5, 21.5]] * 3] == model.decode({"heatmap": heatmap}).landmarks.tolist()


def test_a_name_is_checked_against_what_is_known() -> None:
    assert "hih" == check_known(CODECS, "codec", "hih")
    with pytest.raises(ValueError, match="^" + re.escape("unknown codec 'hhi'; known: hih, rounded, subpixel") + "$"):
        check_known(CODECS, "codec", "hhi")


def test_a_thing_is_built_of_its_fields() -> None:
    assert Subpixel(crop=64, stride=4, sigma=1.0) == build(
        CODECS, "codec", {"name": "subpixel", "crop": 64, "stride": 4, "sigma": 1.0}
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "x"}, "unknown codec 'x'; known: hih, rounded, subpixel"),
        (
            {"name": "rounded", "sgma": 1},
            "codec 'rounded' has no sgma; it has crop, decoder, sigma, stride, temperature, window",
        ),
        ({"name": "rounded", "crop": 64, "stride": 5, "sigma": 1.0}, "stride 5 does not divide crop 64"),
    ],
)
def test_a_thing_of_wrong_fields_is_refused(fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        build(CODECS, "codec", fields)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(ValueError, match=r"codec 'rounded' lacks sigma"):
        build(CODECS, "codec", {"name": "rounded", "crop": 64, "stride": 4})


# The mirror image.


def test_the_mean_with_the_mirror_image_is_the_same_whichever_of_both_is_given(model: LandmarkModel) -> None:
    (picture,) = pictures((64, 64))
    found = model.predict_crops(picture[None], mirrored=True)
    mirrored = model.predict_crops(picture[None, :, ::-1], mirrored=True)
    flip = list(model.config.scheme.flip)
    # By hand: x -> 63 - x, and each landmark is the other eye's.
    x, y = mirrored.landmarks[:, flip].transpose(2, 0, 1)
    np.testing.assert_allclose(found.landmarks, np.stack([63 - x, y], -1), atol=1e-4)
    np.testing.assert_allclose(found.confidence, mirrored.confidence[:, flip], atol=1e-6)


def test_it_is_the_mean_of_both(model: LandmarkModel) -> None:
    (picture,) = pictures((64, 64))
    plain, other = (model.predict_crops(crop[None]) for crop in (picture, picture[:, ::-1]))
    x, y = other.landmarks[:, list(model.config.scheme.flip)].transpose(2, 0, 1)
    expected = (plain.landmarks + np.stack([63 - x, y], -1)) / 2
    np.testing.assert_allclose(expected, model.predict_crops(picture[None], mirrored=True).landmarks, atol=1e-4)


# Landmarks that were annotated to one side.


def test_answers_are_moved_to_the_right_in_crop_px(model: LandmarkModel) -> None:
    (picture,), box = pictures((90, 120)), np.array([[30.0, 20.0, 80.0, 70.0]])
    moving = model.under(replace(model.config, mirror_offset=0.5))
    scale = 64 / (1.3 * 50)  # crop px in one of the picture
    moved = moving.predict([picture], box) - model.predict([picture], box)
    np.testing.assert_allclose(moved, np.broadcast_to([0.5 / scale, 0], moved.shape), atol=1e-4)


def test_the_mean_with_the_mirror_image_is_moved_as_far(model: LandmarkModel) -> None:
    (picture,) = pictures((64, 64))
    found = [
        of.predict_crops(picture[None], mirrored=True).landmarks
        for of in (model, model.under(replace(model.config, mirror_offset=0.5)))
    ]
    np.testing.assert_allclose(found[1] - found[0], np.broadcast_to([0.5, 0], found[0].shape), atol=1e-4)


def test_a_model_of_the_former_format_moves_nothing(model: LandmarkModel, tmp_path: Path) -> None:
    model.under(replace(model.config, mirror_offset=0.5)).save(tmp_path)
    fields = json.loads((tmp_path / CONFIG).read_text())
    del fields["mirror_offset"], fields["expected_error"], fields["visibility"]
    (tmp_path / CONFIG).write_text(json.dumps({**fields, "format": 1}))
    assert 0.0 == LandmarkModel.load(tmp_path).config.mirror_offset


# The error that is to be expected.

KNOWN = ExpectedError("inter_ocular", (0.1, 1 / 3, 0.7), (9.1, 1 / 7, 0.0), (1.0, 0.5, 2 / 3), usual=3.3, power=0.7)


def test_what_is_to_be_expected_at_a_confidence_is_said_of_crops_and_pictures(model: LandmarkModel) -> None:
    knowing = model.under(replace(model.config, expected_error=KNOWN))
    found = knowing.predict_crops(np.stack(pictures((64, 64), (64, 64))))
    np.testing.assert_array_equal(KNOWN.at(found.confidence), found.expected_error)
    images, boxes = pictures(*[(50, 60)] * (BATCH + 2)), np.array([[5, 5, 40, 45]] * (BATCH + 2))
    found = knowing.find(images, boxes)
    np.testing.assert_array_equal(KNOWN.at(found.confidence), found.expected_error)
    assert (0, 3) == knowing.find([], np.zeros((0, 4))).expected_error.shape


def test_averaged_with_the_mirror_image_it_is_that_of_the_mean_confidence(model: LandmarkModel) -> None:
    knowing = model.under(replace(model.config, expected_error=KNOWN))
    found = knowing.predict_crops(np.stack(pictures((64, 64))), mirrored=True)
    np.testing.assert_array_equal(KNOWN.at(found.confidence), found.expected_error)


def test_it_is_kept_to_the_last_bit(model: LandmarkModel, tmp_path: Path) -> None:
    model.under(replace(model.config, expected_error=KNOWN)).save(tmp_path)
    assert KNOWN == LandmarkModel.load(tmp_path).config.expected_error


def test_a_model_of_format_2_does_not_know_it(model: LandmarkModel, tmp_path: Path) -> None:
    model.under(replace(model.config, mirror_offset=0.5, expected_error=KNOWN)).save(tmp_path)
    fields = json.loads((tmp_path / CONFIG).read_text())
    del fields["expected_error"], fields["visibility"]
    (tmp_path / CONFIG).write_text(json.dumps({**fields, "format": 2}))
    former = LandmarkModel.load(tmp_path)
    assert (0.5, None) == (former.config.mirror_offset, former.config.expected_error)
    assert np.isnan(former.predict_crops(np.stack(pictures((64, 64)))).expected_error).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"factor": [1.0]}, "expected_error: factor has 1 values: expected one for each of the 3 landmarks"),
        ({"error": "1"}, "expected_error: error: expected a list, got '1'"),
        ({"error": [9.0, 1.0, None]}, "expected_error: error[2]: expected a finite number, got None"),
        (
            {"protocols": ""},
            "expected_error has no protocols; it has confidence, error, factor, power, protocol, usual",
        ),
    ],
)
def test_an_expected_error_of_another_kind_is_refused(
    model: LandmarkModel, tmp_path: Path, changed: dict, message: str
) -> None:
    model.under(replace(model.config, expected_error=KNOWN)).save(tmp_path)
    fields = json.loads((tmp_path / CONFIG).read_text())
    fields["expected_error"] |= changed
    (tmp_path / CONFIG).write_text(json.dumps(fields))
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        LandmarkModel.load(tmp_path)


# Which landmarks are visible.


@pytest.fixture
def seeing(model: LandmarkModel) -> LandmarkModel:
    """The same model with a word on what is visible, as if it had learnt one."""
    made = model.under(replace(model.config, visibility=True))
    assert made.visibility is not None
    rng = torch.Generator().manual_seed(1)
    for value in made.visibility.parameters():
        value.data = torch.randn(value.shape, generator=rng) / made.visibility.pace
    return made


def test_how_likely_a_landmark_is_visible_is_said_of_crops_and_pictures(seeing: LandmarkModel) -> None:
    crops = np.stack(pictures((64, 64), (64, 64)))
    found = seeing.predict_crops(crops)
    with torch.no_grad():
        logits = seeing(torch.from_numpy(crops.transpose(0, 3, 1, 2).copy()))["visibility"].numpy()
    assert ((2, 3), np.float32) == (found.visible.shape, found.visible.dtype)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), found.visible, atol=1e-6)
    assert found.visible.std() > 0.01
    images, boxes = pictures(*[(50, 60)] * (BATCH + 2)), np.array([[5, 5, 40, 45]] * (BATCH + 2))
    assert (BATCH + 2, 3) == seeing.find(images, boxes).visible.shape
    assert (0, 3) == seeing.find([], np.zeros((0, 4))).visible.shape


def test_landmarks_and_confidence_are_to_the_bit_those_of_the_model_without(
    model: LandmarkModel, seeing: LandmarkModel
) -> None:
    crops = np.stack(pictures((64, 64), (64, 64)))
    one, other = model.predict_crops(crops), seeing.predict_crops(crops)
    np.testing.assert_array_equal(one.landmarks, other.landmarks)
    np.testing.assert_array_equal(one.confidence, other.confidence)


def test_with_the_mirror_image_it_is_the_mean_of_both(seeing: LandmarkModel) -> None:
    (picture,) = pictures((64, 64))
    plain, other = (seeing.predict_crops(crop[None]).visible for crop in (picture, picture[:, ::-1]))
    expected = (plain + other[:, list(seeing.config.scheme.flip)]) / 2
    np.testing.assert_allclose(expected, seeing.predict_crops(picture[None], mirrored=True).visible, atol=1e-4)


def test_it_is_saved_and_loaded(seeing: LandmarkModel, tmp_path: Path) -> None:
    seeing.save(tmp_path)
    crops = np.stack(pictures((64, 64)))
    expected = seeing.predict_crops(crops).visible
    np.testing.assert_array_equal(expected, LandmarkModel.load(tmp_path).predict_crops(crops).visible)


def test_a_file_that_lacks_its_weights_is_refused(model: LandmarkModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    fields = json.loads((tmp_path / CONFIG).read_text())
    (tmp_path / CONFIG).write_text(json.dumps({**fields, "visibility": True}))
    with pytest.raises(ValueError, match=r"2 weights are missing, the first is visibility\.bias$"):
        LandmarkModel.load(tmp_path)


def test_a_model_of_format_3_does_not_say_it(model: LandmarkModel, tmp_path: Path) -> None:
    model.under(replace(model.config, expected_error=KNOWN)).save(tmp_path)
    fields = json.loads((tmp_path / CONFIG).read_text())
    del fields["visibility"]
    (tmp_path / CONFIG).write_text(json.dumps({**fields, "format": 3}))
    former = LandmarkModel.load(tmp_path)
    assert (KNOWN, False) == (former.config.expected_error, former.config.visibility)
    assert np.isnan(former.predict_crops(np.stack(pictures((64, 64)))).visible).all()


def test_weights_pass_between_models_of_which_one_alone_says_it(model: LandmarkModel, seeing: LandmarkModel) -> None:
    crops = np.stack(pictures((64, 64)))
    expected = model.predict_crops(crops).landmarks
    np.testing.assert_array_equal(expected, seeing.under(model.config).predict_crops(crops).landmarks)
    begun = model.under(seeing.config).predict_crops(crops)
    np.testing.assert_array_equal(expected, begun.landmarks)
    np.testing.assert_array_equal(0.5, begun.visible)  # of weights of 0


def test_the_networks_parameters_and_those_that_say_it_are_apart(seeing: LandmarkModel) -> None:
    network, own = seeing.learnt_apart()
    assert seeing.visibility is not None
    assert [id(value) for value in seeing.visibility.parameters()] == [id(value) for value in own]
    assert len(list(seeing.parameters())) == len(network) + len(own)
    assert not {id(value) for value in network} & {id(value) for value in own}
