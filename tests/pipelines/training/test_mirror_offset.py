"""What annotators clicked to one side: found on validation faces, and only where they show it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from components.codecs import Subpixel
from components.model import LandmarkModel, ModelConfig
from components.networks import UNet
from components.schemes import IBUG68
from pipelines.training import mirror_offset
from pipelines.training.mirror_offset import Offset, measure_offset, with_mirror_offset

RNG = np.random.default_rng(0)
Faces = dict[str, np.ndarray]


@pytest.fixture
def model() -> LandmarkModel:
    torch.manual_seed(0)
    codec = Subpixel(crop=64, stride=4, sigma=1.5, window=5, temperature=10.0)
    return LandmarkModel(ModelConfig(IBUG68, codec, UNet(width=4), "mse", expand=1.3, box="landmarks"))


@pytest.fixture
def faces(model: LandmarkModel) -> Faces:
    """20 faces whose landmarks lie 0.7 px right of what the network says, all of a face's give or take 0.2, and no higher."""
    pixels = RNG.integers(0, 256, (20, 3, 64, 64)).astype(np.uint8)
    answers = model.predict_crops(pixels.transpose(0, 2, 3, 1)).landmarks
    return {"pixels": pixels, "landmarks": answers + np.float32([0.7, 0]) + RNG.normal(0, 0.2, (20, 1, 2))}


def test_how_far_right_landmarks_lie_is_found(model: LandmarkModel, faces: Faces) -> None:
    found = measure_offset(model, [faces])
    assert found.low < 0.7 < found.high < found.low + 0.3
    assert pytest.approx(0.7, abs=0.1) == found.median
    assert found.shown


def test_batches_count_as_one(model: LandmarkModel, faces: Faces) -> None:
    parts = [{name: values[part] for name, values in faces.items()} for part in (slice(7), slice(7, None))]
    assert pytest.approx(measure_offset(model, [faces]), abs=1e-5) == measure_offset(model, parts)


def test_missing_landmarks_and_a_face_that_is_not_found_do_not_matter(model: LandmarkModel, faces: Faces) -> None:
    faces["landmarks"][:5, 1:9] = np.nan
    faces["landmarks"][5] = np.nan
    faces["landmarks"][6] += 1000
    assert pytest.approx(0.7, abs=0.1) == measure_offset(model, [faces]).median


def test_faces_without_landmarks_show_none(model: LandmarkModel, faces: Faces) -> None:
    faces["landmarks"][:] = np.nan
    found = measure_offset(model, [faces])
    assert (Offset(0.0, 0.0, 0.0), False) == (found, found.shown)
    assert not measure_offset(model, []).shown


@pytest.mark.parametrize("left", [False, True])
def test_an_offset_that_the_faces_show_is_kept(
    model: LandmarkModel, faces: Faces, left: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    if left:
        faces["landmarks"][..., 0] -= 1.4
    fitted = fit(model, faces, monkeypatch)
    assert pytest.approx(-0.7 if left else 0.7, abs=0.1) == fitted.config.mirror_offset
    assert capsys.readouterr().out.endswith("of the network's answers: the model's answers are moved by it\n")
    # What is left is nothing, and the network is the same.
    seen = faces["pixels"].transpose(0, 2, 3, 1)
    assert abs(np.median(faces["landmarks"] - fitted.predict_crops(seen).landmarks, axis=(0, 1))[0]) < 0.1
    assert all(value.equal(model.weights()[name]) for name, value in fitted.weights().items())


def test_an_offset_that_chance_may_be_moves_nothing(
    model: LandmarkModel, faces: Faces, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    faces["landmarks"][::2, :, 0] -= 1.4  # ten to either side
    assert 0.0 == fit(model, faces, monkeypatch).config.mirror_offset
    assert capsys.readouterr().out.endswith("answers: not surely any, so that answers are not moved\n")


def fit(model: LandmarkModel, faces: Faces, monkeypatch: pytest.MonkeyPatch) -> LandmarkModel:
    monkeypatch.setattr(mirror_offset, "validation_batches", lambda *_: iter([faces]))
    nothing: Any = SimpleNamespace(opened=lambda: None)
    return with_mirror_offset(model, nothing, nothing)
