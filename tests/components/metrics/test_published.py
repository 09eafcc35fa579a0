"""What the papers of each benchmark report: normaliser, thresholds, faces (design notes: papers.md 1.8, 2.3, 2.5)."""

from __future__ import annotations

import pytest

from components.metrics import PROTOCOLS


@pytest.mark.parametrize(
    ("name", "normaliser", "failure", "area"),
    [
        # HIH, STAR: FR and AUC at 0.10 on WFLW and COFW, by the outer eye corners.
        ("wflw", "inter_ocular", 0.1, 0.1),
        ("cofw", "inter_ocular", 0.1, 0.1),
        ("cofw_pupil", "inter_pupil", 0.1, 0.1),
        ("300w", "inter_ocular", 0.1, 0.1),
        ("300w_pupil", "inter_pupil", 0.1, 0.1),
        # STAR, lib/metric/fr_and_auc.py: thresh = 0.05 if 300W.
        ("300w_star", "inter_ocular", 0.05, 0.05),
        ("300w_star_pupil", "inter_pupil", 0.05, 0.05),
        # LUVLi, SPIGA, SHR-FAN: NME_box and AUC_7.
        ("300w_private", "box_size", 0.07, 0.07),
        ("cofw68", "box_size", 0.07, 0.07),
        ("merl_rav", "box_size", 0.07, 0.07),
        ("aflw19_box", "annotated_box_size", 0.07, 0.07),
        ("aflw19_diagonal", "annotated_box_diagonal", 0.1, 0.1),
    ],
)
def test_a_benchmark_in_px_of_the_picture(name: str, normaliser: str, failure: float, area: float) -> None:
    protocol = PROTOCOLS[name]
    assert not protocol.as_published
    assert (normaliser, failure, area) == (protocol.normaliser, protocol.failure_threshold, protocol.auc_threshold)


@pytest.mark.parametrize("name", ["wflw", "300w", "cofw"])
def test_hihs_crop_has_two_candidates(name: str) -> None:
    square, stretched = PROTOCOLS[f"{name}_hih_square"], PROTOCOLS[f"{name}_hih_stretched"]
    # PFLD, SetPreparation.py; ATF, dataset_online.py.
    assert ("square", "landmarks", (1.2, 1.2)) == (square.space, square.box, square.expand)
    assert ("stretched", "landmarks+annotated", (1.12, 1.12)) == (stretched.space, stretched.box, stretched.expand)


def test_pipnets_crops_are_stretched() -> None:
    # PIPNet, lib/preprocess.py: process_wflw has scale = 1.2 for both sides, process_300w 1.1. lib/preprocess_gssl.py:
    # process_wflw adds a tenth of the width at either side, and of the height below what it takes off above; 300-W 1.3.
    expected = {
        "wflw_pipnet": ("annotated", (1.2, 1.2)),
        "wflw_pipnet_gssl": ("annotated", (1.2, 1.0)),
        "300w_pipnet": ("landmarks", (1.1, 1.1)),
        "300w_pipnet_gssl": ("landmarks", (1.3, 1.3)),
    }
    for name, (box, expand) in expected.items():
        protocol = PROTOCOLS[name]
        assert ("stretched", box, expand) == (protocol.space, protocol.box, protocol.expand)
        script = "preprocess_gssl.py" if name.endswith("gssl") else "preprocess.py"
        assert script == protocol.source.split()[1].strip(",")


def test_full_300w_is_common_and_challenge_and_private_is_by_itself() -> None:
    assert {"common", "challenge"} == set(PROTOCOLS["300w"].subsets)
    assert {"private"} == set(PROTOCOLS["300w_private"].subsets)


def test_every_general_protocol_is_there_for_both_boxes() -> None:
    general = {name for name, protocol in PROTOCOLS.items() if not (protocol.schemes or protocol.datasets)}
    assert {"box_size", "inter_ocular", "inter_pupil"} == {name for name in general if "annotated" not in name}
    for name in ("box_size", "inter_ocular", "inter_pupil"):
        assert ("landmarks", "annotated") == (PROTOCOLS[name].box, PROTOCOLS[f"{name}_annotated"].box)
