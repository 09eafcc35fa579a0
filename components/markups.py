"""What the markups have in common: which landmarks of two schemes are the same point of a face.

Only points that both benchmarks define by the same place on the face, whatever stands around them: corners, tips, the
middle of an edge; and points along a line where both spread equally many between the same ends, as along 300-W's and WFLW's
nose. So an eye's lids are left out between those two (two points each in the one, three in the other), the brows (a ridge
in the one, an outline in the other), the jaw but for its middle, the chin (its ends are where the annotator began), and the
lips' inner points beside the middle, which WFLW puts nearer to the corners.

Checked on the mean faces of the four training sets, as Jin et al. publish them with their code: each pair's means, scaled
and moved onto each other by the shared points, agree at each of them to 0.05 of the distance between the outer eye corners
(on average to 0.02); at the inner lips' points that are left out they are 0.06 apart, at the brows' and jaw's ends up to 0.09.

Reference: Sagonas et al., "300 Faces In-the-Wild Challenge", IVC 2016 (ibug68); Wu et al., "Look at Boundary", CVPR 2018
(wflw98); Burgos-Artizzu et al., "Robust Face Landmark Estimation under Occlusion", ICCV 2013 (cofw29); Koestinger et al.,
"Annotated Facial Landmarks in the Wild", BeFIT 2011 (AFLW, whose ears aflw19 leaves out); Jin et al., "Pixel-in-Pixel Net",
IJCV 2021 (mean faces).
"""

from __future__ import annotations

import numpy as np

from components.schemes import Scheme

ORDER = ("wflw98", "ibug68", "cofw29", "aflw19")
NONE = ""

# A row for each point: its name in the schemes of `ORDER`. Those of the subject's right side and of the middle; the left ones are
# their mirrored twins.
# fmt: off
POINTS = (
    # An eye's corners: where its lids meet.
    ("right_eye_0", "right_eye_0", "right_eye_0", "right_eye_0"),
    ("right_eye_4", "right_eye_3", "right_eye_1", "right_eye_2"),
    # The pupil. AFLW's centre of an eye is not it: it stays where it is when the subject looks aside.
    ("pupil_0", NONE, "right_pupil_0", NONE),
    # The middle of an eye's upper and lower lid.
    ("right_eye_2", NONE, "right_eye_2", NONE),
    ("right_eye_6", NONE, "right_eye_3", NONE),
    # The nose: along its bridge, its tip, along its lower edge, whose middle is where the septum meets the lip.
    ("nose_bridge_0", "nose_bridge_0", NONE, NONE),
    ("nose_bridge_1", "nose_bridge_1", NONE, NONE),
    ("nose_bridge_2", "nose_bridge_2", NONE, NONE),
    ("nose_bridge_3", "nose_bridge_3", "nose_0", "nose_0"),
    ("nostrils_0", "nostrils_0", NONE, NONE),
    ("nostrils_1", "nostrils_1", NONE, NONE),
    ("nostrils_2", "nostrils_2", "nose_1", NONE),
    # The widest place of a nose's wing; the first of 300-W's five lies below it, where the wing ends.
    (NONE, NONE, "right_nostril_0", "right_nostril_0"),
    # The mouth's corners, and the middle of the four edges of its lips.
    ("outer_lip_0", "outer_lip_0", "right_mouth_corner_0", "right_mouth_corner_0"),
    ("outer_lip_3", "outer_lip_3", "upper_lip_0", NONE),
    ("inner_lip_2", "inner_lip_2", "upper_lip_1", NONE),
    ("inner_lip_6", "inner_lip_6", "lower_lip_0", NONE),
    ("outer_lip_9", "outer_lip_9", "lower_lip_1", NONE),
    # The rest of the lips' contours.
    ("outer_lip_1", "outer_lip_1", NONE, NONE),
    ("outer_lip_2", "outer_lip_2", NONE, NONE),
    ("outer_lip_10", "outer_lip_10", NONE, NONE),
    ("outer_lip_11", "outer_lip_11", NONE, NONE),
    ("inner_lip_0", "inner_lip_0", NONE, NONE),
    # The chin's lowest point, which is the middle of the jaw's line.
    ("jaw_16", "jaw_8", "chin_0", "chin_0"),
)
# fmt: on


def shared(source: Scheme, target: Scheme) -> dict[int, int]:
    """Landmarks of the target that the source has too -> which of the source's they are; all of them in the same scheme."""
    if source == target:
        return {k: k for k in range(target.num_landmarks)}
    found: dict[int, int] = {}
    for point in POINTS:
        names = dict(zip(ORDER, point, strict=True))
        if not (names.get(source.name) and names.get(target.name)):
            continue
        ours, theirs = target.names.index(names[target.name]), source.names.index(names[source.name])
        found |= {ours: theirs, target.flip[ours]: source.flip[theirs]}
    return dict(sorted(found.items()))


def onto(landmarks: np.ndarray, source: Scheme, target: Scheme) -> np.ndarray:
    """Landmarks (N, K of the source, 2), or flags (N, K of the source), in the target's order; NaN where the source has none."""
    common = shared(source, target)
    found = np.full((len(landmarks), target.num_landmarks, *landmarks.shape[2:]), np.nan, landmarks.dtype)
    found[:, list(common)] = landmarks[:, list(common.values())]
    return found
