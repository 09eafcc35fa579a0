"""Who is drawn (identity) and what the face does (expression)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

HAIR_STYLES = ("bald", "buzz", "short", "side", "fringe", "bob", "long", "afro", "bun", "receding")


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
        hair_style: One of `HAIR_STYLES`.
        hair_part: -1..1, where the hair parts.
        beard: 0..1, none, stubble, full.
        brow_thickness: cm, half of it at the thickest.
        brow_arch: cm.
        lips: (upper, lower) thickness, 1 is the mean.
        lip_colour: (3,) linear RGB; a factor on the skin unless it is lipstick.
        lipstick: Whether it is.
        makeup: 0..1, strength of shadow and liner around the eyes.
        makeup_colour: (3,) linear RGB.
        glasses: 0 for none, else how square they are, 0.5..1.
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


TRAITS = (
    *("width", "jaw_width", "forehead_width", "lower_length", "mid_length", "skull_height", "chin", "chin_width"),
    *("cheekbones", "cheeks", "brow_ridge", "nose_length", "nose_width", "nose_height", "nose_bridge", "nose_tip"),
    *("eye_size", "eye_spacing", "eye_tilt", "eye_fold", "mouth_width", "mouth_height", "ears", "asymmetry"),
)

# fmt: off
HAIR_COLOURS = np.array(
    [[0.012, 0.010, 0.009], [0.030, 0.018, 0.012], [0.075, 0.038, 0.019], [0.16, 0.085, 0.04],
     [0.42, 0.28, 0.13], [0.60, 0.45, 0.25], [0.30, 0.09, 0.03], [0.38, 0.37, 0.36]]
)
IRIS_COLOURS = np.array(
    [[0.07, 0.03, 0.012], [0.13, 0.06, 0.02], [0.20, 0.12, 0.04], [0.12, 0.15, 0.06], [0.10, 0.19, 0.33],
     [0.20, 0.25, 0.28]]
)
# fmt: on
LIP_COLOURS = np.array([[0.92, 0.58, 0.62], [0.90, 0.64, 0.66], [0.82, 0.50, 0.52]])  # factors on the skin
LIPSTICKS = np.array([[0.85, 0.12, 0.14], [0.62, 0.10, 0.20], [0.95, 0.33, 0.36], [0.45, 0.10, 0.16]])
EYESHADOWS = np.array([[0.12, 0.08, 0.07], [0.30, 0.14, 0.16], [0.12, 0.14, 0.24], [0.22, 0.13, 0.28]])


def draw_identity(rng: np.random.Generator) -> Identity:
    """A person, drawn at random."""
    shape = {trait: float(np.clip(rng.normal(), -2.2, 2.2)) for trait in TRAITS}
    masculine = float(np.clip(rng.beta(0.6, 0.6), 0.0, 1.0))
    age, melanin = float(rng.beta(1.3, 1.9)), float(rng.beta(0.9, 1.2))
    for trait, pull in (("jaw_width", 0.9), ("nose_height", 0.4), ("brow_ridge", 0.9), ("eye_size", -0.5)):
        shape[trait] += pull * (2.0 * masculine - 1.0)
    made_up = masculine < 0.5 and rng.random() < 0.55
    lip_colour = LIPSTICKS[rng.integers(len(LIPSTICKS))] if made_up else LIP_COLOURS[rng.integers(len(LIP_COLOURS))]
    return Identity(
        shape=shape,
        masculine=masculine,
        age=age,
        melanin=melanin,
        ruddy=float(rng.random()),
        freckles=float(rng.random()) if melanin < 0.45 and rng.random() < 0.25 else 0.0,
        iris=_iris(rng, melanin),
        hair=_hair_colour(rng, melanin, age),
        hair_style=_hair_style(rng, masculine, age),
        hair_part=float(rng.uniform(-1.0, 1.0)),
        beard=float(rng.random()) if masculine > 0.55 and rng.random() < 0.6 else 0.0,
        brow_thickness=float(np.clip(rng.normal(0.20 + 0.10 * masculine, 0.045), 0.12, 0.42)),
        brow_arch=float(rng.normal(0.10 - 0.12 * masculine, 0.12)),
        lips=(
            float(np.clip(rng.normal(1.08 - 0.2 * masculine + 0.2 * melanin, 0.18), 0.6, 1.6)),
            float(np.clip(rng.normal(1.05 - 0.15 * masculine + 0.15 * melanin, 0.15), 0.7, 1.5)),
        ),
        lip_colour=lip_colour * rng.uniform(0.9, 1.1),
        lipstick=made_up,
        makeup=float(rng.uniform(0.3, 1.0)) if made_up else 0.0,
        makeup_colour=EYESHADOWS[rng.integers(len(EYESHADOWS))],
        glasses=float(rng.uniform(0.5, 1.0)) if rng.random() < 0.13 else 0.0,
        noise=int(rng.integers(1 << 31)),
    )


def _iris(rng: np.random.Generator, melanin: float) -> np.ndarray:
    last = len(IRIS_COLOURS) if melanin < 0.4 else 2
    return IRIS_COLOURS[rng.integers(last)] * rng.uniform(0.75, 1.3)


def _hair_colour(rng: np.random.Generator, melanin: float, age: float) -> np.ndarray:
    last = 3 if melanin > 0.5 else len(HAIR_COLOURS) - 1
    colour = HAIR_COLOURS[rng.integers(last)] * rng.uniform(0.8, 1.25)
    grey = np.clip((age - 0.55) * 2.5 * rng.uniform(0.3, 1.4), 0.0, 0.95)
    return colour * (1.0 - grey) + HAIR_COLOURS[-1] * rng.uniform(0.7, 1.3) * grey


def _hair_style(rng: np.random.Generator, masculine: float, age: float) -> str:
    hers = ("bob", "long", "long", "fringe", "bun", "afro", "side")
    his = (
        "short",
        "short",
        "side",
        "side",
        "buzz",
        "bald" if age > 0.4 else "short",
        "receding" if age > 0.4 else "afro",
    )
    styles = his if masculine > 0.5 else hers
    return styles[rng.integers(len(styles))]


def draw_expression(rng: np.random.Generator, strong: bool) -> Expression:
    """A face at rest or a mild one; with strong, one that anyone would name."""
    gaze = (float(rng.normal(0.0, 0.14)), float(rng.normal(0.0, 0.07)))
    lid = float(np.clip(rng.normal(0.97, 0.10), 0.7, 1.15))
    mild = Expression(
        jaw=float(max(rng.normal(-0.05, 0.06), 0.0)),
        smile=float(np.clip(rng.normal(0.15, 0.2), -0.3, 0.5)),
        part_lips=float(max(rng.normal(-0.1, 0.2), 0.0)),
        brows=float(rng.normal(0.0, 0.2)),
        lids=(lid, lid),
        gaze=gaze,
        lopsided=float(rng.normal(0.0, 0.15)),
    )
    return _strong(rng, mild) if strong else mild


def _strong(rng: np.random.Generator, mild: Expression) -> Expression:
    kind = rng.integers(7)
    much = float(rng.uniform(0.65, 1.0))
    gaze, lopsided = mild.gaze, mild.lopsided
    lid = mild.lids[0]
    if kind == 0:  # a laugh
        return Expression(0.45 * much, much, 0, 0.6, 0, 0.2, 0, (0.65, 0.65), gaze, lopsided)
    if kind == 1:  # surprise
        return Expression(much, -0.1, 0.25, 0.2, 0, much, 0, (1.3, 1.3), gaze, lopsided)
    if kind == 2:  # anger
        return Expression(0.15 * much, -0.5, 0, 0.5, much, -0.8, much, (0.85, 0.85), gaze, lopsided)
    if kind == 3:  # a kiss
        return Expression(0.05, -0.1, much, 0, 0, 0.1, 0, (lid, lid), gaze, lopsided)
    if kind == 4:  # eyes shut, or one of them
        one = float(rng.random() < 0.4)
        return Expression(0.1, 0.4 * one, 0, 0, 0, -0.2, 0, (0.0, one), gaze, 0.4 * one)
    if kind == 5:  # sadness
        return Expression(0.05, -much, 0, 0.1, 0, 0.5, 0.5, (0.75, 0.75), gaze, lopsided)
    return Expression(0.1 * much, much, 0, 0.9, 0, 0.1, 0, (0.85, 0.85), gaze, lopsided)  # a broad smile
