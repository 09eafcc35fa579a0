"""Which protocol fits, and what is said of one that does not."""

from __future__ import annotations

import re

import pytest

from components.metrics import PROTOCOLS, check_protocol, misfit

OF_68 = "300w, 300w_private, 300w_pupil, 300w_star, 300w_star_pupil, box_size, inter_ocular, inter_pupil, merl_rav"
OF_98 = "box_size, inter_ocular, inter_pupil, wflw"
ANNOTATED = "box_size_annotated, inter_ocular_annotated, inter_pupil_annotated"


@pytest.mark.parametrize(
    ("name", "faces", "expected"),
    [
        ("wflw", ("wflw", "wflw98", "landmarks"), ""),
        ("wflw", ("csv", "wflw98", "landmarks"), ""),
        ("wflw", ("300w", "ibug68", "landmarks"), "for scheme wflw98"),
        ("cofw68", ("cofw68", "ibug68", "landmarks"), ""),
        ("cofw68", ("300w", "ibug68", "landmarks"), "for dataset cofw68"),
        ("wflw", ("wflw", "wflw98", "annotated"), "for crops around the landmarks box"),
        ("inter_ocular_annotated", ("wflw", "wflw98", "landmarks"), "for crops around the annotated box"),
        # Measured in a crop of its own, whatever crop was predicted on.
        ("wflw_hih_stretched", ("wflw", "wflw98", "landmarks"), ""),
        ("wflw_hih_stretched", ("wflw", "wflw98", "annotated"), ""),
    ],
)
def test_a_protocol_fits_faces_of_its_scheme_dataset_and_box(name: str, faces: tuple[str, ...], expected: str) -> None:
    assert expected == misfit(PROTOCOLS[name], *faces)


@pytest.mark.parametrize(
    ("name", "faces"),
    [
        ("inter_ocular", ("synthetic", "ibug68", "landmarks")),
        ("inter_ocular_annotated", ("aflw19", "aflw19", "annotated")),
        ("300w", ("300w", "ibug68", "landmarks")),
    ],
)
def test_a_training_takes_a_protocol_in_px_that_knows_the_landmarks_alone(name: str, faces: tuple[str, ...]) -> None:
    check_protocol(name, *faces)


@pytest.mark.parametrize(
    ("name", "faces", "message"),
    [
        (
            "wflw",
            ("300w", "ibug68", "landmarks"),
            f"'wflw' is for scheme wflw98, not 300w's ibug68; those that fit: {OF_68}",
        ),
        (
            "wflw_hih_square",
            ("wflw", "wflw98", "landmarks"),
            f"'wflw_hih_square' measures in its authors' crop and serves rescoring only (`pipelines.rescore`); those that fit: {OF_98}",
        ),
        (
            "aflw19_box",
            ("aflw19", "aflw19", "annotated"),
            "'aflw19_box' divides by the dataset's own boxes and serves rescoring only (`pipelines.rescore`); those that "
            f"fit: {ANNOTATED}",
        ),
        (
            "merl_rav_luvli",
            ("merl_rav", "ibug68", "landmarks"),
            "'merl_rav_luvli' counts unlabelled landmarks as without error and serves rescoring only (`pipelines.rescore`); "
            f"those that fit: {OF_68}",
        ),
        (
            "wflw",
            ("wflw", "wflw98", "annotated"),
            f"'wflw' takes another box than preprocess.box 'annotated'; those that fit: {ANNOTATED}",
        ),
    ],
)
def test_any_other_is_refused_with_those_that_fit(name: str, faces: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape('protocol ' + message)}$"):
        check_protocol(name, *faces)
