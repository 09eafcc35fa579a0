"""Protocols: what a number means, and that numbers of different meaning are told apart."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import pytest

from components.metrics import PROTOCOLS, Protocol, nme
from components.metrics.normalisers import NORMALISERS, tight_boxes
from components.metrics.spaces import BOXES, SPACES
from components.schemes import SCHEMES, Scheme

# Another value for each field, whatever protocol.
OTHER = {
    "name": "other",
    "normaliser": "none",
    "failure_threshold": 0.03,
    "auc_threshold": 0.03,
    "box": "detected",
    "space": "polar",
    "expand": (3.0, 3.0),
    "mean": "median",
    "subsets": ("other",),
    "schemes": ("other",),
    "datasets": ("other",),
    "source": "somebody else",
    "mirrored": True,
}
# What decides no number: who it is for, and how it is told.
WORDS = {"schemes", "datasets", "source"}


@pytest.fixture(params=sorted(PROTOCOLS))
def protocol(request: pytest.FixtureRequest) -> Protocol:
    return PROTOCOLS[request.param]


@pytest.fixture
def faces(protocol: Protocol) -> tuple[np.ndarray, np.ndarray, np.ndarray, Scheme]:
    """Truth, prediction and annotated boxes of five random faces, in a scheme of the protocol's."""
    scheme = SCHEMES[(protocol.schemes or ("ibug68",))[0]]
    rng = np.random.default_rng(0)
    truth = rng.uniform(100, 200, (5, scheme.num_landmarks, 2))
    return (
        truth,
        truth + rng.normal(size=truth.shape),
        tight_boxes(truth) + rng.uniform([-9, -9, 0, 0], [0, 0, 9, 9], (5, 4)),
        scheme,
    )


def relative(
    protocol: Protocol, truth: np.ndarray, predicted: np.ndarray, boxes: np.ndarray, scheme: Scheme
) -> np.ndarray:
    return protocol.relative_errors(predicted, truth, scheme, boxes)


def test_protocols_stand_under_their_names_and_in_their_order() -> None:
    assert sorted(PROTOCOLS) == [protocol.name for protocol in PROTOCOLS.values()]


def test_a_protocol_is_made_of_known_parts(protocol: Protocol) -> None:
    assert protocol.normaliser in NORMALISERS
    assert protocol.space in SPACES
    assert protocol.box in (BOXES if protocol.as_published else ("landmarks", "annotated"))
    assert protocol.mean in ("labelled", "all")
    assert set(protocol.schemes) <= set(SCHEMES)
    assert 0 < protocol.failure_threshold < 1
    assert 0 < protocol.auc_threshold < 1
    assert protocol.source


def test_a_crops_side_is_a_normaliser_in_a_crops_space_only(protocol: Protocol) -> None:
    assert protocol.normaliser != "crop_side" or protocol.as_published


def test_only_a_protocol_as_published_expands_a_box(protocol: Protocol) -> None:
    assert protocol.as_published == (protocol.expand != (1.0, 1.0))


@pytest.mark.parametrize("field", [field.name for field in fields(Protocol) if field.name not in WORDS])
def test_any_changed_field_changes_the_hash(protocol: Protocol, field: str) -> None:
    assert protocol.hash != replace(protocol, **{field: OTHER[field]}).hash


@pytest.mark.parametrize("field", sorted(WORDS))
def test_words_do_not_change_the_hash(protocol: Protocol, field: str) -> None:
    assert protocol.hash == replace(protocol, **{field: OTHER[field]}).hash


def test_every_field_is_tried() -> None:
    assert {field.name for field in fields(Protocol)} == set(OTHER)


def test_equal_protocols_have_equal_hashes(protocol: Protocol) -> None:
    assert protocol.hash == replace(protocol).hash
    assert 12 == len(protocol.hash)
    assert set(protocol.hash) <= set("0123456789abcdef")


def test_protocols_have_hashes_of_their_own() -> None:
    assert len(PROTOCOLS) == len({protocol.hash for protocol in PROTOCOLS.values()})


def test_a_protocol_as_a_dictionary_is_json_and_has_the_hash(protocol: Protocol) -> None:
    assert protocol.to_dict() == json.loads(json.dumps(protocol.to_dict()))
    assert protocol.hash == protocol.to_dict()["hash"]


def test_numbers_do_not_depend_on_where_and_how_large_a_face_is(protocol: Protocol, faces: tuple) -> None:
    truth, predicted, boxes, scheme = faces
    moved = (array * 3 + 40 for array in (truth, predicted, boxes))
    np.testing.assert_allclose(relative(protocol, *faces), relative(protocol, *moved, scheme), rtol=1e-9)


def test_numbers_are_the_same_for_mirrored_faces(protocol: Protocol, faces: tuple) -> None:
    truth, predicted, boxes, scheme = faces
    order = list(scheme.flip)
    mirrored = [(array * [-1, 1])[:, order] for array in (truth, predicted)]
    expected = relative(protocol, *faces)[:, order]
    np.testing.assert_allclose(
        expected, relative(protocol, *mirrored, boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1], scheme), rtol=1e-9
    )


def test_a_perfect_prediction_has_no_error(protocol: Protocol, faces: tuple) -> None:
    truth, _, boxes, scheme = faces
    assert not relative(protocol, truth, truth, boxes, scheme).any()


def test_a_protocol_of_px_is_the_plain_nme(protocol: Protocol, faces: tuple) -> None:
    truth, predicted, boxes, scheme = faces
    if not protocol.as_published:
        expected = nme(predicted, truth, protocol.normalise(truth, scheme, boxes))
        np.testing.assert_allclose(expected, protocol.face_nme(relative(protocol, *faces)))


@pytest.mark.parametrize("name", ["wflw", "300w", "cofw"])
def test_an_isotropic_crop_as_published_equals_the_image(name: str) -> None:
    scheme = SCHEMES[PROTOCOLS[name].schemes[0]]
    rng = np.random.default_rng(1)
    truth = rng.uniform(0, 90, (20, scheme.num_landmarks, 2)) * [1, 2]
    predicted = truth + rng.normal(size=truth.shape)
    image, square = (PROTOCOLS[key].relative_errors(predicted, truth, scheme) for key in (name, f"{name}_hih_square"))
    np.testing.assert_allclose(image, square, rtol=1e-12)


def test_in_a_stretched_crop_x_and_y_are_divided_each_by_its_own_side(three: Scheme) -> None:
    # A box twice as wide as high: 40 by 20 px, so the crop is 1 by 1 in units of 40 px and of 20 px.
    truth = np.array([[[0.0, 0.0], [40.0, 0.0], [20.0, 20.0]]])
    predicted = truth + np.array([[[4.0, 0.0], [0.0, 4.0], [4.0, 4.0]]])
    protocol = replace(PROTOCOLS["inter_ocular"], space="stretched")
    # By hand: the eyes are 1 apart; 4 px are 0.1 along x and 0.2 along y.
    assert [1.0] == protocol.normalise(truth, three).tolist()
    np.testing.assert_allclose([[0.1, 0.2, 0.05**0.5]], protocol.errors(predicted, truth))
    # In px all that is 4, 4 and sqrt(32) over 40.
    np.testing.assert_allclose(
        [[0.1, 0.1, 32**0.5 / 40]], PROTOCOLS["inter_ocular"].relative_errors(predicted, truth, three)
    )


def test_how_far_a_stretched_crop_expands_its_box_changes_nothing_if_it_keeps_the_shape(three: Scheme) -> None:
    truth = np.random.default_rng(2).uniform(0, 50, (6, 3, 2))
    tight = replace(PROTOCOLS["inter_ocular"], space="stretched")
    wide, wider = replace(tight, expand=(1.12, 1.12)), replace(tight, expand=(1.2, 1.0))
    expected = tight.relative_errors(truth + 1, truth, three)
    np.testing.assert_allclose(expected, wide.relative_errors(truth + 1, truth, three))
    assert not np.allclose(expected, wider.relative_errors(truth + 1, truth, three))


def test_crops_stretched_from_boxes_of_wflws_shape_lower_the_nme_by_about_a_tenth() -> None:
    # papers.md 1.9: boxes of width / height about 0.79 and isotropic errors give a crop-space NME 9.4% lower on WFLW.
    # Here by theory: x errors are divided by 0.79 s, y errors by s, an upright eye distance by 0.79 s. The mean of
    # sqrt(cos^2 + 0.79^2 sin^2) over all directions is 0.897 (by quadrature below), so 10% lower.
    angles = np.linspace(0, 2 * np.pi, 100_001)[:-1]
    expected = np.hypot(np.cos(angles), 0.79 * np.sin(angles)).mean()
    scheme = SCHEMES["wflw98"]
    truth = np.random.default_rng(3).uniform(0, 1, (1, 98, 2)) * [79, 100]
    truth[:, [60, 72]] = [[20, 40], [60, 40]]
    truth[:, 0], truth[:, 1] = [0, 0], [79, 100]
    directions = np.stack([np.cos(angles), np.sin(angles)], -1)[:: 1000 // 98][: 98 * 100].reshape(100, 98, 2)
    many = np.repeat(truth, 100, axis=0)
    boxes = tight_boxes(many)
    crop, image = (
        PROTOCOLS[name].relative_errors(many + directions, many, scheme, boxes).mean()
        for name in ("wflw_hih_stretched", "wflw")
    )
    assert expected == pytest.approx(crop / image, rel=5e-3)
    assert 0.906 == pytest.approx(crop / image, abs=0.015)


def test_the_crop_of_98_landmarks_and_2_corners_by_hand() -> None:
    scheme = SCHEMES["wflw98"]
    truth = np.full((1, 98, 2), 50.0)
    truth[0, 60], truth[0, 72] = (20, 50), (70, 50)
    boxes = np.array([[0.0, 0.0, 60.0, 140.0]])
    # By hand: with the corners (0, 0) and (60, 140), x runs from 0 to 70 and y from 0 to 140: times 1.12 that is 78.4 by
    # 156.8 px. 7 px along x and 14 px along y are both 1 / 11.2; the eyes are 50 / 78.4 apart: a ratio of 0.14.
    moved = truth.copy()
    moved[0, 1] += [7, 0]
    moved[0, 2] += [0, 14]
    errors = PROTOCOLS["wflw_hih_stretched"].relative_errors(moved, truth, scheme, boxes)
    np.testing.assert_allclose([0.0, 0.14, 0.14, 0.0], errors[0, :4], atol=1e-12)


def test_hihs_aflw_divides_by_the_side_of_a_square_crop() -> None:
    truth = np.zeros((1, 19, 2))
    truth[0, 0], truth[0, 1] = (0, 0), (100, 50)
    # By hand: 1.2 times the longer side, 100 px, is 120 px; 6 px are a twentieth.
    errors = PROTOCOLS["aflw19_hih_square"].relative_errors(truth + np.array([6, 0]), truth, SCHEMES["aflw19"])
    np.testing.assert_allclose(np.full((1, 19), 0.05), errors)


def test_a_missing_landmark_is_left_out_of_the_mean_or_counts_as_without_error() -> None:
    errors = np.array([[0.02, 0.04, np.nan, np.nan]])
    # By hand: 0.06 / 2; LUVLi divides by all 4.
    assert [0.03] == PROTOCOLS["merl_rav"].face_nme(errors).tolist()
    assert [0.015] == PROTOCOLS["merl_rav_luvli"].face_nme(errors).tolist()


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        ([[0.1, 0.2], [np.nan, np.nan]], "1 of 2 faces are without a labelled landmark; the first is row 1"),
        ([[0.1, np.inf], [0.1, np.nan]], r"1 of 2 faces are not predicted \(NaN\); the first is row 0"),
    ],
)
def test_faces_that_cannot_be_measured_are_refused(errors: list, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        PROTOCOLS["inter_ocular"].face_nme(np.array(errors))


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_a_protocol_of_annotated_boxes_asks_for_them(name: str) -> None:
    protocol = PROTOCOLS[name]
    scheme = SCHEMES[(protocol.schemes or ("ibug68",))[0]]
    truth = np.random.default_rng(0).normal(size=(2, scheme.num_landmarks, 2))
    # By the registry: AFLW's own boxes, the 98+2 boxes, and PIPNet's on WFLW.
    expected = name in (
        "aflw19_box",
        "aflw19_diagonal",
        "cofw_hih_stretched",
        "wflw_hih_stretched",
        "300w_hih_stretched",
        "wflw_pipnet",
        "wflw_pipnet_gssl",
    )
    assert expected == protocol.needs_boxes
    if expected:
        with pytest.raises(ValueError, match=f"protocol '{name}' takes the dataset's own boxes, and there are none"):
            protocol.normalise(truth, scheme)
    else:
        assert (protocol.normalise(truth, scheme) > 0).all()


def test_a_face_without_its_box_is_refused() -> None:
    truth = np.random.default_rng(0).normal(size=(2, 19, 2))
    boxes = np.array([[0.0, 0, 9, 9], [np.nan] * 4])
    with pytest.raises(ValueError, match="a normaliser is not above 0: 1 of 2 faces, the first is row 1 with nan"):
        PROTOCOLS["aflw19_box"].relative_errors(truth, truth, SCHEMES["aflw19"], boxes)


def test_a_protocol_covers_the_faces_of_its_subsets() -> None:
    subsets = [["common"], ["private"], [], None, ["challenge", "dark"]]
    assert [True, False, False, False, True] == PROTOCOLS["300w"].covers(subsets).tolist()
    assert [False, True, False, False, False] == PROTOCOLS["300w_private"].covers(subsets).tolist()
    assert [True] * 5 == PROTOCOLS["inter_ocular"].covers(subsets).tolist()


def test_a_face_is_measurable_where_its_normaliser_is_a_length() -> None:
    truth = np.random.default_rng(0).uniform(0, 100, (4, 68, 2))
    truth[1, 36] = np.nan  # by hand: no outer corner of the right eye; of face 2, both at one point
    truth[2, 36] = truth[2, 45]
    scheme = SCHEMES["ibug68"]
    assert [True, False, False, True] == PROTOCOLS["inter_ocular"].measurable(truth, scheme).tolist()
    assert [True, True, True, True] == PROTOCOLS["box_size"].measurable(truth, scheme).tolist()
    boxes = np.array([[0, 0, 9, 9], [np.nan] * 4, [5, 5, 5, 9], [0, 0, np.inf, 9]])
    of_own_box = PROTOCOLS["aflw19_box"].measurable(truth[:, :19], SCHEMES["aflw19"], boxes)
    assert [True, False, False, False] == of_own_box.tolist()


def test_averaging_the_mirror_image_has_a_name_and_a_hash_of_its_own() -> None:
    plain = PROTOCOLS["inter_ocular"]
    mirrored = plain.with_mirrored()
    assert "inter_ocular_mirrored" == mirrored.name
    assert plain.hash != mirrored.hash
    # As it stands beside every figure that was ever published by this project.
    assert "6187c11d33a8" == plain.hash
    assert (False, True) == (plain.to_dict()["mirrored"], mirrored.to_dict()["mirrored"])
