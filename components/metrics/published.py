"""The registry of protocols: general ones, and what was published of each benchmark.

Of a benchmark there is one protocol in px of the original picture, under the benchmark's name. Where authors measured in
their crop instead, there is a second one, named after them. HIH's crop is not known; it is one of two, so both stand here:
the square around the landmarks of PFLD's practice, and the stretched box of its author's earlier code.
"""

from __future__ import annotations

from dataclasses import replace

from components.metrics.protocols import Protocol

Expand = tuple[float, float]

_IMAGE = Protocol(
    name="inter_ocular",
    normaliser="inter_ocular",
    failure_threshold=0.1,
    auc_threshold=0.1,
    box="landmarks",
    source="outer eye corners; any scheme",
)
_PUPIL = replace(
    _IMAGE, name="inter_pupil", normaliser="inter_pupil", source="means of the eyes, or pupils; any scheme"
)
_SIZE = replace(
    _IMAGE,
    name="box_size",
    normaliser="box_size",
    failure_threshold=0.07,
    auc_threshold=0.07,
    source="square root of the landmark box's area; LUVLi, SPIGA, SHR-FAN",
)
_PUBLIC = ("challenge", "common")
_POSES = ("frontal", "half_profile", "profile")


def _from_annotated(protocol: Protocol) -> Protocol:
    """The same of crops around the dataset's own boxes: another task, and so another protocol."""
    return replace(protocol, name=f"{protocol.name}_annotated", box="annotated")


def _hih(protocol: Protocol) -> tuple[Protocol, Protocol]:
    """Both candidates of the crop in whose space HIH's code measures.

    Reference: guoqiangqi/PFLD, SetPreparation.py (square, longer side times 1.2; its rounding to whole px is left out);
    starhiking/ATF, dataset_online.py (landmarks and the annotated box's corners, both sides times 1.12, stretched).
    """
    square = replace(
        protocol,
        name=f"{protocol.name}_hih_square",
        space="square",
        expand=(1.2, 1.2),
        source="HIH, if its crops are PFLD's; equals the image's space",
    )
    stretched = replace(
        protocol,
        name=f"{protocol.name}_hih_stretched",
        box="landmarks+annotated",
        space="stretched",
        expand=(1.12, 1.12),
        source="HIH, if its crops are ATF's 98+2 box",
    )
    return square, stretched


def _pipnet(protocol: Protocol, box: str, supervised: Expand, gssl: Expand) -> tuple[Protocol, Protocol]:
    """PIPNet's stretched crops, in whose space it measures; authors also clamp crop and truth to the picture.

    There are two scripts, of its supervised training and of its generalizable semi-supervised one. On WFLW the second
    widens the box by 1.2 and moves it down without making it higher. A factor on both sides cancels, but for the clamping.

    Reference: jhb86253817/PIPNet, lib/preprocess.py and lib/preprocess_gssl.py (lib/preprocess_uda.py until it was
    renamed): process_300w and process_wflw of each.
    """
    clamps = "but for faces at the picture's edge, where it clamps"
    one = replace(
        protocol,
        name=f"{protocol.name}_pipnet",
        box=box,
        space="stretched",
        expand=supervised,
        source=f"PIPNet, preprocess.py, {clamps}",
    )
    other = replace(one, name=f"{one.name}_gssl", expand=gssl, source=f"PIPNet, preprocess_gssl.py, {clamps}")
    return one, other


_WFLW = replace(_IMAGE, name="wflw", schemes=("wflw98",), source="WFLW; full set and its six subsets")
_300W = replace(_IMAGE, name="300w", schemes=("ibug68",), subsets=_PUBLIC, source="300-W; full is common + challenge")
_300W_PUPIL = replace(_300W, name="300w_pupil", normaliser="inter_pupil", source="300-W before 2018; STAR, ADNet")
_STAR = {"failure_threshold": 0.05, "auc_threshold": 0.05}
_MERL_RAV = replace(
    _SIZE, name="merl_rav", schemes=("ibug68",), subsets=_POSES, source="MERL-RAV, mean of the labelled landmarks"
)
_COFW = replace(_IMAGE, name="cofw", schemes=("cofw29",), source="COFW-29, outer eye corners; HIH, SHR-FAN, SLPT")
_AFLW = replace(_IMAGE, name="aflw19", schemes=("aflw19",), box="annotated")

_ALL = (
    *(_IMAGE, _PUPIL, _SIZE),
    *(_from_annotated(protocol) for protocol in (_IMAGE, _PUPIL, _SIZE)),
    *(_WFLW, *_hih(_WFLW), *_pipnet(_WFLW, "annotated", supervised=(1.2, 1.2), gssl=(1.2, 1.0))),
    *(_300W, *_hih(_300W), *_pipnet(_300W, "landmarks", supervised=(1.1, 1.1), gssl=(1.3, 1.3)), _300W_PUPIL),
    replace(_300W, name="300w_star", **_STAR, source="300-W, FR and AUC as STAR and ADNet count them"),  # type: ignore[arg-type]
    replace(_300W_PUPIL, name="300w_star_pupil", **_STAR, source="300-W, pupils, FR and AUC as STAR counts them"),  # type: ignore[arg-type]
    replace(_SIZE, name="300w_private", schemes=("ibug68",), subsets=("private",), source="300-W private; LUVLi, SPIGA, SHR-FAN"),
    replace(_SIZE, name="cofw68", schemes=("ibug68",), datasets=("cofw68",), source="COFW-68; LUVLi, SPIGA, SHR-FAN"),
    _MERL_RAV,
    replace(_MERL_RAV, name="merl_rav_luvli", mean="all", source="MERL-RAV, divided by all 68; LUVLi, SPIGA (its box unverified)"),
    *(_COFW, *_hih(_COFW)),
    replace(_COFW, name="cofw_pupil", normaliser="inter_pupil", source="COFW-29, pupils; STAR, ADNet, Wing"),
    replace(_AFLW, name="aflw19_diagonal", normaliser="annotated_box_diagonal", source="AFLW-19, box diagonal; LUVLi, SHR-FAN"),
    replace(
        _AFLW,
        name="aflw19_box",
        normaliser="annotated_box_size",
        failure_threshold=0.07,
        auc_threshold=0.07,
        source="AFLW-19, box size; LUVLi, SHR-FAN",
    ),
    replace(
        _hih(_AFLW)[0],
        box="landmarks",
        normaliser="crop_side",
        source="HIH's code on AFLW: crop width, if its crops are PFLD's",
    ),
)  # fmt: skip

PROTOCOLS = {protocol.name: protocol for protocol in sorted(_ALL, key=lambda protocol: protocol.name)}
