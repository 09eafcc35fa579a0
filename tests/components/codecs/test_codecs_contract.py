"""What holds for every codec, registered here or later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from components.codecs import CODECS, Codec


def make(name: str) -> Codec:
    """32 px crops, 8 x 8 cells."""
    return CODECS[name](crop=32, stride=4, sigma=1.5)


@pytest.fixture(params=sorted(CODECS))
def codec(request: pytest.FixtureRequest) -> Codec:
    return make(request.param)


def noise(codec: Codec, *shape: int) -> dict[str, torch.Tensor]:
    """Maps without any order, as an untrained network's."""
    rng = torch.Generator().manual_seed(0)
    maps = {"heatmap": torch.rand(*shape, codec.side, codec.side, generator=rng)}
    if decimal := getattr(codec, "decimal", None):
        maps["decimal"] = torch.rand(shape[0], shape[-1], decimal, decimal, generator=rng)
    return maps


def test_the_registry_is_sorted() -> None:
    assert sorted(CODECS) == list(CODECS)


def test_a_codec_is_its_configuration(codec: Codec) -> None:
    assert codec == type(codec)(**asdict(codec))


def test_a_configuration_needs_its_names(codec: Codec) -> None:
    with pytest.raises(TypeError):
        type(codec)(32, 4, 1.5)  # type: ignore[misc]


@pytest.mark.parametrize(("crop", "stride"), [(30, 4), (32, 0), (0, 4), (32, -4), (-32, 4)])
def test_a_stride_that_does_not_divide_the_crop_is_refused(codec: Codec, crop: int, stride: int) -> None:
    with pytest.raises(ValueError, match=f"stride {stride} does not divide crop {crop}"):
        type(codec)(**{**asdict(codec), "crop": crop, "stride": stride})


@pytest.mark.parametrize("sigma", [0.0, -1.0])
def test_a_sigma_that_is_not_positive_is_refused(codec: Codec, sigma: float) -> None:
    with pytest.raises(ValueError, match="sigma"):
        type(codec)(**{**asdict(codec), "sigma": sigma})


def test_targets_are_under_2_kb_a_face_of_98_landmarks(codec: Codec) -> None:
    targets = codec.encode(np.full((5, 98, 2), 10.0, np.float32), np.ones((5, 98), bool))
    assert 2048 > sum(value.nbytes for value in targets.values()) / 5
    assert {(5, 98)} == {value.shape[:2] for value in targets.values()}


def test_a_landmark_on_the_centre_of_a_cell_peaks_there_with_1(codec: Codec, render: Callable) -> None:
    # By hand: cell 3 is px 12 to 15, centred on 13.5, and cell 5 is px 20 to 23. Rows are y, columns x.
    heatmap = render(codec, [[[13.5, 21.5]]])["heatmap"][0, 0]
    assert (1, 1, 8, 8) == render(codec, [[[13.5, 21.5]]])["heatmap"].shape
    assert (5, 3) == divmod(int(heatmap.argmax()), 8)
    assert 1.0 == heatmap[5, 3]


def test_a_drawn_map_falls_off_as_a_gaussian_of_sigma_cells(codec: Codec, render: Callable) -> None:
    heatmap = render(codec, [[[13.5, 21.5]]])["heatmap"][0, 0].numpy()
    expected = np.empty((8, 8))
    for row in range(8):  # independent: the formula, cell by cell
        for column in range(8):
            expected[row, column] = np.exp(-((column - 3) ** 2 + (row - 5) ** 2) / (2 * 1.5**2))
    np.testing.assert_allclose(heatmap, expected, atol=1e-6)
    np.testing.assert_allclose(heatmap[5, 4], np.exp(-1 / (2 * 1.5**2)), atol=1e-6)


def test_the_centre_of_a_perfect_map_is_read_within_half_a_bin(codec: Codec, through: Callable) -> None:
    # A bin of HIH is 4 / 8 px wide and none is centred on the cell's centre; the others are exact.
    np.testing.assert_allclose(through(codec, [[[13.5, 21.5]]]).landmarks, [[[13.5, 21.5]]], atol=0.2501)


def test_a_perfect_map_is_believed(codec: Codec, through: Callable) -> None:
    decoded = through(codec, [[[13.5, 21.5], [15.4, 23.4]]])
    assert 1.0 == decoded.confidence[0, 0]
    # The formula: the worst place of an exact Gaussian is a cell's corner, half a cell off on both axes.
    assert np.exp(-0.5 / (2 * 1.5**2)) - 1e-6 <= decoded.confidence[0, 1] <= 1.0


def test_confidence_stays_between_0_and_1(codec: Codec) -> None:
    maps = noise(codec, 2, 3)
    maps["heatmap"] = maps["heatmap"] * 6 - 3
    confidence = codec.decode(maps).confidence
    assert 0.0 <= confidence.min() <= confidence.max() <= 1.0
    assert 0.0 == codec.decode({**maps, "heatmap": maps["heatmap"] - 9}).confidence.max()


OUTSIDE = [-0.51, 31.5, 40.0, -100.0, np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("x", OUTSIDE)
@pytest.mark.parametrize("axis", [0, 1])
def test_a_landmark_outside_the_map_has_weight_0_and_maps_of_0(
    codec: Codec, render: Callable, x: float, axis: int
) -> None:
    landmarks = np.full((1, 2, 2), 13.5, np.float32)
    landmarks[0, 0, axis] = x
    targets = codec.encode(landmarks, np.ones((1, 2), bool))
    assert [[0.0, 1.0]] == targets["weight"].tolist()
    assert all(np.isfinite(value).all() for value in targets.values())
    for values in render(codec, landmarks).values():
        assert 0.0 == values[0, 0].abs().max()
        assert 1.0 == values[0, 1].max()


@pytest.mark.parametrize("x", [-0.5, -0.49, 31.49])
def test_a_landmark_at_the_very_edge_of_the_map_counts(codec: Codec, x: float) -> None:
    # By hand: the crop's 32 px reach from -0.5 to 31.5.
    assert [[1.0]] == codec.encode(np.array([[[x, 13.5]]], np.float32), np.ones((1, 1), bool))["weight"].tolist()


def test_an_unlabelled_landmark_has_weight_0_and_maps_of_0(codec: Codec, render: Callable) -> None:
    landmarks, visible = np.full((1, 2, 2), 13.5, np.float32), np.array([[False, True]])
    assert [[0.0, 1.0]] == codec.encode(landmarks, visible)["weight"].tolist()
    assert [0.0] * len(render(codec, landmarks)) == [
        float(values[0, 0].abs().max()) for values in render(codec, landmarks, visible).values()
    ]


def test_the_last_stack_is_read(codec: Codec) -> None:
    maps = noise(codec, 2, 3, 4)
    single = {**maps, "heatmap": maps["heatmap"][:, -1]}
    torch.testing.assert_close(codec.decode(single).landmarks, codec.decode(maps).landmarks)
    torch.testing.assert_close(codec.decode(single).confidence, codec.decode(maps).confidence)


def test_faces_are_read_independently_of_their_batch(codec: Codec) -> None:
    maps = noise(codec, 4, 3)
    whole = codec.decode(maps).landmarks
    for i in range(4):
        torch.testing.assert_close(
            codec.decode({name: value[i : i + 1] for name, value in maps.items()}).landmarks[0], whole[i]
        )


def test_half_precision_maps_are_read_in_float32(codec: Codec) -> None:
    decoded = codec.decode({name: value.bfloat16() for name, value in noise(codec, 2, 3).items()})
    assert (torch.float32, torch.float32) == (decoded.landmarks.dtype, decoded.confidence.dtype)


def test_flipping_the_maps_flips_the_landmarks(codec: Codec) -> None:
    maps = noise(codec, 20, 5)
    landmarks = codec.decode(maps).landmarks
    mirrored = codec.decode({name: value.flip(-1) for name, value in maps.items()}).landmarks
    torch.testing.assert_close(
        torch.stack([31 - landmarks[..., 0], landmarks[..., 1]], -1), mirrored, atol=1e-4, rtol=0
    )


# Inside one of the 64 bins of half a px that a side of 32 px has; on a border between two, a flip may choose the other.
within_a_bin = st.builds(lambda index, part: -0.5 + (index + part) / 2, st.integers(0, 63), st.floats(0.02, 0.98))


@pytest.mark.parametrize("name", sorted(CODECS))
@given(x=within_a_bin, y=within_a_bin)
def test_flip_commutes_with_a_round_trip(through: Callable, name: str, x: float, y: float) -> None:
    there = through(make(name), [[[x, y]]]).landmarks.numpy()
    back = through(make(name), [[[31 - x, y]]]).landmarks.numpy()
    np.testing.assert_allclose([[[31 - there[0, 0, 0], there[0, 0, 1]]]], back, atol=2e-3)


@pytest.mark.parametrize("name", sorted(CODECS))
@given(x=st.floats(-0.5, 31.49), y=st.floats(-0.5, 31.49))
def test_a_round_trip_stays_within_a_cell_everywhere(through: Callable, name: str, x: float, y: float) -> None:
    # 0.55 cells is the worst of all, measured here: the soft-argmax in the outer half of the first cell.
    np.testing.assert_allclose(through(make(name), [[[x, y]]]).landmarks, [[[x, y]]], atol=0.55 * 4)
