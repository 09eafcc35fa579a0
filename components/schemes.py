"""Landmark schemes: what is true of a markup, said once.

Landmarks are named GROUP_INDEX in the order of the markup. "left" and "right" are the subject's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.configuration import configure, shortened

# Names stand in tables, pages and error messages.
MAX_NAME = 60


@dataclass(frozen=True)
class Scheme:
    """A markup of K landmarks.

    Attributes:
        name: Key in `SCHEMES`.
        names: K names, in the order of the markup.
        flip: K indices; landmark k of a mirrored picture is landmark flip[k] of the picture.
        inter_ocular: The outer corners of the right and of the left eye.
        pupils: The landmarks whose means stand for the right and for the left pupil.
        outlines: Runs of landmarks to join when a face is drawn; a closed one ends where it begins.

    Raises:
        ValueError: The parts contradict each other (a flip that is no involution, an index out of range), or a name
            that a terminal or a page cannot show.
    """

    name: str
    names: tuple[str, ...]
    flip: tuple[int, ...]
    inter_ocular: tuple[int, int]
    pupils: tuple[tuple[int, ...], tuple[int, ...]]
    outlines: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        for name in (self.name, *self.names):
            if not (0 < len(name) <= MAX_NAME and name.isprintable()):
                raise ValueError(f"scheme: a name has 1 to {MAX_NAME} printable characters, got {shortened(name)}")
        count = len(self.names)
        if sorted(self.flip) != list(range(count)):
            raise ValueError(f"scheme {self.name}: flip is not a permutation of 0..{count - 1}")
        if any(self.flip[self.flip[k]] != k for k in range(count)):
            raise ValueError(f"scheme {self.name}: flipping twice is not the identity")
        used = [*self.inter_ocular, *self.pupils[0], *self.pupils[1], *(k for line in self.outlines for k in line)]
        if not all(0 <= k < count for k in used):
            raise ValueError(f"scheme {self.name}: an index lies outside 0..{count - 1}")

    @property
    def num_landmarks(self) -> int:
        return len(self.names)

    @classmethod
    def from_dict(cls, fields: object) -> Scheme:
        """The inverse of `dataclasses.asdict`, also after a round through JSON (lists for tuples).

        Raises:
            ValueError: No such fields.
        """
        return configure(cls, "scheme", fields)


def _names(groups: Sequence[tuple[str, int]]) -> tuple[str, ...]:
    return tuple(f"{group}_{i}" for group, count in groups for i in range(count))


def _run(first: int, last: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1)) if first <= last else tuple(range(first, last - 1, -1))


def _loop(first: int, last: int) -> tuple[int, ...]:
    return (*_run(first, last), first)


# Sagonas et al., 300 Faces in-the-Wild Challenge, 2016; flip table as in HIH's and STAR's code.
IBUG68 = Scheme(
    name="ibug68",
    names=_names(
        [
            ("jaw", 17),
            ("right_brow", 5),
            ("left_brow", 5),
            ("nose_bridge", 4),
            ("nostrils", 5),
            ("right_eye", 6),
            ("left_eye", 6),
            ("outer_lip", 12),
            ("inner_lip", 8),
        ]
    ),
    flip=(
        *_run(16, 0),
        *_run(26, 17),
        *_run(27, 30),
        *_run(35, 31),
        *(45, 44, 43, 42, 47, 46),
        *(39, 38, 37, 36, 41, 40),
        *_run(54, 48),
        *_run(59, 55),
        *_run(64, 60),
        *(67, 66, 65),
    ),
    inter_ocular=(36, 45),
    pupils=(_run(36, 41), _run(42, 47)),
    outlines=(
        _run(0, 16),
        _run(17, 21),
        _run(22, 26),
        _run(27, 30),
        _run(31, 35),
        _loop(36, 41),
        _loop(42, 47),
        _loop(48, 59),
        _loop(60, 67),
    ),
)

# Wu et al., Look at Boundary, CVPR 2018; flip table as in HIH's and STAR's code.
WFLW98 = Scheme(
    name="wflw98",
    names=_names(
        [
            ("jaw", 33),
            ("right_brow", 9),
            ("left_brow", 9),
            ("nose_bridge", 4),
            ("nostrils", 5),
            ("right_eye", 8),
            ("left_eye", 8),
            ("outer_lip", 12),
            ("inner_lip", 8),
            ("pupil", 2),
        ]
    ),
    flip=(
        *_run(32, 0),
        *(46, 45, 44, 43, 42, 50, 49, 48, 47),
        *(37, 36, 35, 34, 33, 41, 40, 39, 38),
        *_run(51, 54),
        *_run(59, 55),
        *(72, 71, 70, 69, 68, 75, 74, 73),
        *(64, 63, 62, 61, 60, 67, 66, 65),
        *_run(82, 76),
        *_run(87, 83),
        *_run(92, 88),
        *(95, 94, 93),
        *(97, 96),
    ),
    inter_ocular=(60, 72),
    pupils=((96,), (97,)),
    outlines=(
        _run(0, 32),
        _loop(33, 41),
        _loop(42, 50),
        _run(51, 54),
        _run(55, 59),
        _loop(60, 67),
        _loop(68, 75),
        _loop(76, 87),
        _loop(88, 95),
    ),
)

# Burgos-Artizzu et al., Robust Face Landmark Estimation under Occlusion, ICCV 2013; flip table as in HIH's and STAR's
# code. Unlike the others it goes by pairs, so that left and right alternate.
COFW29 = Scheme(
    name="cofw29",
    names=(
        *("right_brow_outer_0", "left_brow_outer_0", "right_brow_inner_0", "left_brow_inner_0"),
        *("right_brow_upper_0", "right_brow_lower_0", "left_brow_upper_0", "left_brow_lower_0"),
        *("right_eye_0", "left_eye_0", "right_eye_1", "left_eye_1"),  # outer corners, inner corners
        *("right_eye_2", "right_eye_3", "left_eye_2", "left_eye_3"),  # upper lid, lower lid
        *("right_pupil_0", "left_pupil_0"),
        *("right_nostril_0", "left_nostril_0", "nose_0", "nose_1"),
        *("right_mouth_corner_0", "left_mouth_corner_0"),
        *("upper_lip_0", "upper_lip_1", "lower_lip_0", "lower_lip_1"),
        "chin_0",
    ),
    flip=(
        *(1, 0, 3, 2),
        *(6, 7, 4, 5),
        *(9, 8, 11, 10),
        *(14, 15, 12, 13),
        *(17, 16),
        *(19, 18, 20, 21),
        *(23, 22),
        *_run(24, 28),
    ),
    inter_ocular=(8, 9),
    pupils=((16,), (17,)),
    outlines=(
        (0, 4, 2, 5, 0),
        (1, 6, 3, 7, 1),
        (8, 12, 10, 13, 8),
        (9, 14, 11, 15, 9),
        (18, 21, 19),
        (18, 20, 19),
        (22, 24, 23),
        (22, 25, 23),
        (22, 26, 23),
        (22, 27, 23),
    ),
)

# Zhu et al., Unconstrained Face Alignment via Cascaded Compositional Learning, CVPR 2016; flip table as in HIH's code.
AFLW19 = Scheme(
    name="aflw19",
    names=_names(
        [
            ("right_brow", 3),
            ("left_brow", 3),
            ("right_eye", 3),
            ("left_eye", 3),
            ("right_nostril", 1),
            ("nose", 1),
            ("left_nostril", 1),
            ("right_mouth_corner", 1),
            ("mouth", 1),
            ("left_mouth_corner", 1),
            ("chin", 1),
        ]
    ),
    flip=(*_run(5, 0), *_run(11, 6), *(14, 13, 12), *(17, 16, 15), 18),
    inter_ocular=(6, 11),
    pupils=((7,), (10,)),
    outlines=(_run(0, 2), _run(3, 5), _run(6, 8), _run(9, 11), _run(12, 14), _run(15, 17)),
)

SCHEMES = {"aflw19": AFLW19, "cofw29": COFW29, "ibug68": IBUG68, "wflw98": WFLW98}
