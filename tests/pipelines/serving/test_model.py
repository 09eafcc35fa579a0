"""A model to use: pictures with boxes in, faces out."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from components import images
from components.boxes import around
from components.calibration import ExpectedError
from components.drawing import PREDICTED, draw_landmarks
from components.model import Found
from components.schemes import SCHEMES
from pipelines.serving.model import Model, load

BOX = np.array([20.0, 24.5, 101.0, 110.0])


@pytest.fixture(scope="module")
def model(model_folder: Path) -> Model:
    return load(model_folder)


def test_it_finds_what_the_trained_model_predicts_with_its_confidence(model, network, drawn):
    faces = model.find(drawn[0], BOX)
    assert np.array_equal(network.predict(drawn[:1], BOX[None]), faces.landmarks)
    assert (1, 68) == faces.confidence.shape
    assert np.isfinite(faces.confidence).all()
    assert (1, 68) == faces.expected_error.shape
    assert np.isnan(faces.expected_error).all()
    assert "" == faces.protocol  # nobody has measured what to expect
    assert SCHEMES["ibug68"].names == faces.names
    assert np.array_equal(BOX[None], faces.boxes)


def test_a_picture_without_boxes_is_one_face_from_edge_to_edge(model, drawn):
    faces = model.find(drawn[1])
    # Pixel centres are at integers, so that the edges of 96 px are at -0.5 and 95.5.
    assert [[-0.5, -0.5, 95.5, 95.5]] == faces.boxes.tolist()
    assert np.array_equal(model.find(drawn[1], [-0.5, -0.5, 95.5, 95.5]).landmarks, faces.landmarks)


def test_a_file_is_the_picture_that_it_holds(model, photos, drawn):
    for place in (photos / "one.png", str(photos / "one.png")):
        assert np.array_equal(model.find(drawn[0], BOX).landmarks, model.find(place, BOX).landmarks)


def test_of_many_pictures_the_faces_come_in_the_order_of_pictures_and_boxes(model, drawn):
    two = [BOX, BOX + 3]
    faces = model.find([drawn[0], drawn[1], drawn[0]], [two, [], None])
    assert [0, 0, 2] == faces.picture.tolist()
    assert [*map(tuple, two), (-0.5, -0.5, 127.5, 127.5)] == list(map(tuple, faces.boxes))
    assert 0 == len(faces.on(1))
    np.testing.assert_allclose(model.find(drawn[0], two).landmarks, faces.on(0).landmarks, atol=1e-3)
    assert [0, 0] == faces.on(0).picture.tolist()


def test_what_is_to_be_expected_goes_with_the_faces_of_a_picture(network, drawn):
    curve = ExpectedError("inter_ocular", (0.0, 1.0), (9.0, 1.0), (1.0,) * 68, 3.3, 0.7)
    faces = Model(network.under(replace(network.config, expected_error=curve))).find(drawn, [[BOX, BOX + 3], BOX / 2])
    assert ("inter_ocular", (3, 68)) == (faces.protocol, faces.expected_error.shape)
    np.testing.assert_array_equal(curve.at(faces.confidence), faces.expected_error)
    for picture, own in ((0, [0, 1]), (1, [2])):
        of = faces.on(picture)
        assert ("inter_ocular", len(own)) == (of.protocol, len(of))
        for name in ("landmarks", "confidence", "expected_error", "boxes"):
            np.testing.assert_array_equal(getattr(faces, name)[own], getattr(of, name))


def test_which_landmarks_are_visible_goes_with_the_faces_of_a_picture_and_hidden_ones_are_drawn_as_rings(
    network, seeing, drawn
):
    faces, plain = (Model(each).find(drawn, [[BOX, BOX + 3], BOX / 2]) for each in (seeing, network))
    np.testing.assert_array_equal(plain.landmarks, faces.landmarks)
    np.testing.assert_array_equal(faces.visible[2:], faces.on(1).visible)
    np.testing.assert_array_equal(faces.visible < 0.5, faces.hidden)
    assert 0 < faces.hidden.mean() < 1
    assert not plain.hidden.any()
    np.testing.assert_allclose(faces.visible.mean(axis=1), faces.frame()["visible_share"])
    expected = drawn[1]
    for landmarks, hidden in zip(faces.landmarks[2:], faces.hidden[2:], strict=True):
        expected = draw_landmarks(expected, landmarks, faces.scheme, PREDICTED, hidden=hidden)
    np.testing.assert_array_equal(expected, faces.on(1).drawn())
    assert not np.array_equal(plain.on(1).drawn(), faces.on(1).drawn())


def test_more_faces_than_one_pass_of_the_network_takes_are_all_found(model, drawn):
    boxes = np.stack([BOX + i / 10 for i in range(70)])  # components.model.BATCH is 64
    faces = model.find(drawn[0], boxes)
    assert 70 == len(faces)
    np.testing.assert_allclose(model.find(drawn[0], boxes[69]).landmarks, faces.landmarks[69:], atol=1e-3)


class Wandering:
    """Finds all landmarks of a face on the diagonal of the box's middle half, and notes in which boxes it was asked to."""

    def __init__(self, config) -> None:
        self.config, self.asked = config, []

    def find(self, images, boxes):
        self.asked.append(boxes.tolist())
        along = np.linspace(0.25, 0.75, self.config.scheme.num_landmarks)[None, :, None]
        low, high = boxes[:, None, :2], boxes[:, None, 2:]
        sure = np.ones((len(boxes), 68), np.float32)
        return Found((low + along * (high - low)).astype(np.float32), sure, *[np.full_like(sure, np.nan)] * 2)


def test_a_second_look_is_in_the_box_around_what_the_first_one_found(network, drawn):
    wandering = Wandering(network.config)
    faces = Model(wandering).find(drawn[0], [8, 16, 72, 80], passes=3)
    # By hand: the middle half of each box is the next one.
    assert [[[8, 16, 72, 80]], [[24, 32, 56, 64]], [[32, 40, 48, 56]]] == wandering.asked
    assert [36, 44, 44, 52] == [*faces.landmarks[0].min(axis=0), *faces.landmarks[0].max(axis=0)]
    assert [[8, 16, 72, 80]] == faces.boxes.tolist()


def test_landmarks_on_a_line_have_no_box_and_the_former_one_stays(network, drawn):
    flat = np.array([[[1.0, 5.0], [9.0, 5.0]], [[1.0, 5.0], [9.0, 6.0]]])
    boxes = np.array([[0.0, 0, 20, 20], [0, 0, 30, 30]])
    assert [[0, 0, 20, 20], [1, 5, 9, 6]] == around(flat, boxes).tolist()


def test_a_model_of_annotated_boxes_takes_no_second_look(network, drawn):
    model = Model(Wandering(replace(network.config, box="annotated")))
    with pytest.raises(ValueError, match=r"trained with its dataset's own boxes, .*: use one pass"):
        model.find(drawn[0], BOX, passes=2)


def test_faces_are_a_frame_of_pandas(model, drawn):
    faces = model.find(drawn, [BOX, [BOX, BOX + 3]])
    frame = faces.frame()
    assert [0, 1, 1] == frame["picture"].tolist()
    assert faces.boxes[:, 3].tolist() == frame["y1"].tolist()
    name = faces.names[5]
    assert np.array_equal(faces.landmarks[:, 5], frame[[f"{name}_x", f"{name}_y"]].to_numpy())
    np.testing.assert_allclose(faces.confidence.mean(axis=1), frame["confidence"])


@pytest.mark.parametrize(
    ("boxes", "words"),
    [
        ([30, 30, 30, 40], "box 30 30 30 40: expected x0 < x1 and y0 < y1, px"),
        ([30, 30, 20, 40], "expected x0 < x1"),
        ([0, 0, float("nan"), 9], "expected x0 < x1"),
        ([0, 0, float("inf"), 9], "expected x0 < x1"),
        ([130, 0, 140, 9], "box 130 0 140 9 lies outside the picture of 128 x 128 px"),
        ([-9, -9, -1, 9], "lies outside the picture"),
        ([[1, 2, 3]], r"expected boxes (4,) or (F, 4), x0 y0 x1 y1, got (1, 3)"),
    ],
)
def test_a_box_in_which_nothing_can_be_found_is_refused(model, drawn, boxes, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        model.find(drawn[0], boxes)


def test_boxes_for_another_number_of_pictures_are_refused(model, drawn):
    with pytest.raises(ValueError, match="2 pictures, but boxes for 1"):
        model.find(drawn, [BOX])


@pytest.mark.parametrize("picture", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.float32)])
def test_what_is_no_picture_is_refused(model, picture):
    with pytest.raises(ValueError, match=r"expected pictures \(H, W, 3\) uint8, got"):
        model.find([picture])


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds no model: model\.json is missing"):
        load(tmp_path)


def test_a_drawing_is_the_picture_with_landmarks_on_it(model, drawn, tmp_path):
    faces = model.find(drawn[0], BOX)
    for name in ("out.png", "sub/OUT.JPG"):
        faces.draw(tmp_path / name)
        assert drawn[0].shape == images.read(tmp_path, name).shape
    shown = cv2.cvtColor(cv2.imread(str(tmp_path / "out.png")), cv2.COLOR_BGR2RGB)
    changed = np.argwhere((shown != drawn[0]).any(axis=2))[:, ::-1]
    inside = ((faces.landmarks[0] > 1) & (faces.landmarks[0] < 126)).all(axis=1)
    # Every landmark inside the picture has a pixel that changed within one px.
    assert all(np.abs(changed - landmark).max(axis=1).min() <= 1 for landmark in faces.landmarks[0][inside])


def test_a_drawing_of_two_pictures_or_of_another_format_is_refused(model, drawn, tmp_path):
    with pytest.raises(ValueError, match="2 pictures do not fit on one"):
        model.find(drawn).draw(tmp_path / "out.png")
    with pytest.raises(ValueError, match=r"out\.gif: expected a name that ends in \.jpg, \.jpeg, \.png"):
        model.find(drawn[0]).draw(tmp_path / "out.gif")
    assert [] == list(tmp_path.iterdir())
