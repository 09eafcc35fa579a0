"""What annotators clicked to one side: found on validation faces, and only where they show it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from components.model import LandmarkModel
from pipelines.training import mirror_offset
from pipelines.training.mirror_offset import Offset, measure_offset, with_mirror_offset

Faces = dict[str, np.ndarray]


@pytest.fixture
def faces(model: LandmarkModel) -> Faces:
    """20 faces whose landmarks lie 0.7 px right of what the network says, all of a face's give or take 0.2, and no higher."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (20, 3, 64, 64)).astype(np.uint8)
    answers = model.predict_crops(pixels.transpose(0, 2, 3, 1)).landmarks
    return {"pixels": pixels, "landmarks": answers + np.float32([0.7, 0]) + rng.normal(0, 0.2, (20, 1, 2))}


def test_how_far_right_landmarks_lie_is_found(model: LandmarkModel, faces: Faces) -> None:
    found = measure_offset(model, [faces])
    assert found.low < 0.7 < found.high < found.low + 0.3
    assert pytest.approx(0.7, abs=0.1) == found.median == found.kept


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
    assert (Offset(0.0, 0.0, 0.0, 0), 0.0) == (found, found.kept)
    assert 0.0 == measure_offset(model, []).kept


@pytest.mark.parametrize(
    ("offset", "kept"),
    [
        (Offset(0.7, 0.6, 0.8, 20), 0.7),
        (Offset(-0.7, -0.8, -0.6, 20), -0.7),
        (Offset(0.7, -0.1, 0.8, 500), 0.0),  # chance may be all of it
        (Offset(0.7, 0.7, 0.7, 19), 0.0),  # of so few, nothing is sure
        (Offset(4.1, 4.0, 4.2, 500), 0.0),  # no annotator does so
    ],
)
def test_what_is_kept_is_what_enough_faces_show_for_sure(offset: Offset, kept: float) -> None:
    assert kept == offset.kept


@pytest.mark.parametrize("left", [False, True])
def test_an_offset_that_the_faces_show_is_kept(
    model: LandmarkModel, faces: Faces, left: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    if left:
        faces["landmarks"][..., 0] -= 1.4
    fitted = fit(model, faces, monkeypatch)
    assert pytest.approx(-0.7 if left else 0.7, abs=0.1) == fitted.config.mirror_offset
    assert capsys.readouterr().out.endswith(f", 20 faces): answers are moved by {fitted.config.mirror_offset:.2f}\n")
    # What is left is nothing, and the network is the same.
    seen = faces["pixels"].transpose(0, 2, 3, 1)
    assert abs(np.median(faces["landmarks"] - fitted.predict_crops(seen).landmarks, axis=(0, 1))[0]) < 0.1
    assert all(value.equal(model.weights()[name]) for name, value in fitted.weights().items())


def test_an_offset_that_chance_may_be_moves_nothing(
    model: LandmarkModel, faces: Faces, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    faces["landmarks"][::2, :, 0] -= 1.4  # ten to either side
    assert 0.0 == fit(model, faces, monkeypatch).config.mirror_offset
    assert capsys.readouterr().out.endswith(", 20 faces): answers stay where they are\n")


def fit(model: LandmarkModel, faces: Faces, monkeypatch: pytest.MonkeyPatch) -> LandmarkModel:
    monkeypatch.setattr(mirror_offset, "spread_batches", lambda *_: iter([faces]))
    nothing: Any = SimpleNamespace(train=SimpleNamespace(use_gpu=False))
    return with_mirror_offset(model, nothing, nothing)
