"""Who is drawn (identity) and what the face does (expression): the numbers that everything else is made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# What may differ between the bones of two people. The dice are rolled in this order: any change to it draws other people.
TRAITS = (
    *("width", "jaw_width", "forehead_width", "lower_length", "mid_length", "skull_height", "chin", "chin_width"),
    *("cheekbones", "cheeks", "brow_ridge", "nose_length", "nose_width", "nose_height", "nose_bridge", "nose_tip"),
    *("eye_size", "eye_spacing", "eye_tilt", "eye_fold", "mouth_width", "mouth_height", "ears", "asymmetry"),
)


@dataclass(frozen=True)
class Identity:
    """A person. Shape numbers are around 0 (the mean face), most within -2..2; the others say their range.

    Attributes:
        shape: Name of a trait of the skull or the face -> how far from the mean.
        masculine: 0..1; only biases hair, brows, jaw and beard.
        age: 0..1.
        melanin: 0..1, fair to dark skin.
        ruddy: 0..1, how red the cheeks and the nose are.
        freckles: 0..1.
        iris: (3,) linear RGB.
        hair: (3,) linear RGB.
        hair_style: One of `shape.hair.STYLES`, or "bald".
        hair_part: -1..1, where the hair parts.
        beard: 0..1, none, stubble, full.
        brow_thickness: cm, half of it at the thickest.
        brow_arch: cm.
        lips: (upper, lower) thickness, 1 is the mean.
        lip_colour: (3,) linear RGB; a factor on the skin unless it is lipstick.
        lipstick: Whether it is.
        makeup: 0..1, strength of shadow and liner around the eyes.
        makeup_colour: (3,) linear RGB.
        glasses: 0 for none, else how round they are, 0.5..1.
        noise: Seed of everything strewn: pores, hair, freckles.
    """

    shape: dict[str, float]
    masculine: float
    age: float
    melanin: float
    ruddy: float
    freckles: float
    iris: np.ndarray
    hair: np.ndarray
    hair_style: str
    hair_part: float
    beard: float
    brow_thickness: float
    brow_arch: float
    lips: tuple[float, float]
    lip_colour: np.ndarray
    lipstick: bool
    makeup: float
    makeup_colour: np.ndarray
    glasses: float
    noise: int


@dataclass(frozen=True)
class Expression:
    """What the muscles do; each 0..1 but smile and brows, -1..1. Gaze is an angle in rad, (right, down)."""

    jaw: float = 0.0
    smile: float = 0.0
    pucker: float = 0.0
    part_lips: float = 0.0
    snarl: float = 0.0
    brows: float = 0.0
    frown: float = 0.0
    lids: tuple[float, float] = (1.0, 1.0)  # 0 closed, 1 open, 1.3 wide: image-left eye, image-right eye
    gaze: tuple[float, float] = (0.0, 0.0)
    lopsided: float = 0.0
