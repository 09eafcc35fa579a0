"""Draws a person at random."""

from __future__ import annotations

import numpy as np

from components.synthetic.shape.person import TRAITS, Identity

# All colours are linear RGB.
# fmt: off
HAIR_COLOURS = np.array(  # dark to fair, red, and grey last
    [[0.012, 0.010, 0.009], [0.030, 0.018, 0.012], [0.075, 0.038, 0.019], [0.16, 0.085, 0.04],
     [0.42, 0.28, 0.13], [0.60, 0.45, 0.25], [0.30, 0.09, 0.03], [0.38, 0.37, 0.36]]
)
IRIS_COLOURS = np.array(  # browns, then green, blue and grey
    [[0.07, 0.03, 0.012], [0.13, 0.06, 0.02], [0.20, 0.12, 0.04], [0.12, 0.15, 0.06], [0.10, 0.19, 0.33],
     [0.20, 0.25, 0.28]]
)
# fmt: on
LIP_COLOURS = np.array([[0.92, 0.58, 0.62], [0.90, 0.64, 0.66], [0.82, 0.50, 0.52]])  # factors on the skin
LIPSTICKS = np.array([[0.85, 0.12, 0.14], [0.62, 0.10, 0.20], [0.95, 0.33, 0.36], [0.45, 0.10, 0.16]])
EYESHADOWS = np.array([[0.12, 0.08, 0.07], [0.30, 0.14, 0.16], [0.12, 0.14, 0.24], [0.22, 0.13, 0.28]])

# A name that stands twice is drawn twice as often.
HER_HAIR = ("bob", "long", "long", "fringe", "bun", "afro", "side")
HIS_HAIR = ("short", "short", "side", "side", "buzz", "short", "afro")
HIS_HAIR_LATER = ("short", "short", "side", "side", "buzz", "bald", "receding")
_LATER = 0.4  # age, 0..1
_GREYING = 0.55  # age at which hair begins to turn grey

_TRAIT_LIMIT = 2.2  # the furthest that a trait is from the mean
_LEANINGS = (("jaw_width", 0.9), ("nose_height", 0.4), ("brow_ridge", 0.9), ("eye_size", -0.5))  # of masculine faces
_MAKEUP, _FRECKLES, _BEARD, _GLASSES = 0.55, 0.25, 0.6, 0.13  # chances, of those who may have them


def draw_identity(rng: np.random.Generator) -> Identity:
    """A person, drawn at random. The dice are rolled in the order written: any change to it draws other people."""
    shape = {trait: float(np.clip(rng.normal(), -_TRAIT_LIMIT, _TRAIT_LIMIT)) for trait in TRAITS}
    masculine = float(np.clip(rng.beta(0.6, 0.6), 0.0, 1.0))
    age, melanin = float(rng.beta(1.3, 1.9)), float(rng.beta(0.9, 1.2))
    for trait, pull in _LEANINGS:
        shape[trait] += pull * (2.0 * masculine - 1.0)
    made_up = masculine < 0.5 and rng.random() < _MAKEUP
    lip_colour = _one_of(rng, LIPSTICKS if made_up else LIP_COLOURS)
    return Identity(
        shape=shape,
        masculine=masculine,
        age=age,
        melanin=melanin,
        ruddy=float(rng.random()),
        freckles=float(rng.random()) if melanin < 0.45 and rng.random() < _FRECKLES else 0.0,
        iris=_iris(rng, melanin),
        hair=_hair_colour(rng, melanin, age),
        hair_style=_hair_style(rng, masculine, age),
        hair_part=float(rng.uniform(-1.0, 1.0)),
        beard=float(rng.random()) if masculine > 0.55 and rng.random() < _BEARD else 0.0,
        brow_thickness=_near(rng, 0.20 + 0.10 * masculine, 0.045, 0.12, 0.42),
        brow_arch=float(rng.normal(0.10 - 0.12 * masculine, 0.12)),
        lips=(
            _near(rng, 1.08 - 0.2 * masculine + 0.2 * melanin, 0.18, 0.6, 1.6),
            _near(rng, 1.05 - 0.15 * masculine + 0.15 * melanin, 0.15, 0.7, 1.5),
        ),
        lip_colour=lip_colour * rng.uniform(0.9, 1.1),
        lipstick=made_up,
        makeup=float(rng.uniform(0.3, 1.0)) if made_up else 0.0,
        makeup_colour=_one_of(rng, EYESHADOWS),
        glasses=float(rng.uniform(0.5, 1.0)) if rng.random() < _GLASSES else 0.0,
        noise=int(rng.integers(1 << 31)),
    )


def _one_of(rng: np.random.Generator, colours: np.ndarray) -> np.ndarray:
    return colours[rng.integers(len(colours))]


def _near(rng: np.random.Generator, mean: float, deviation: float, low: float, high: float) -> float:
    return float(np.clip(rng.normal(mean, deviation), low, high))


def _iris(rng: np.random.Generator, melanin: float) -> np.ndarray:
    last = len(IRIS_COLOURS) if melanin < 0.4 else 2
    return _one_of(rng, IRIS_COLOURS[:last]) * rng.uniform(0.75, 1.3)


def _hair_colour(rng: np.random.Generator, melanin: float, age: float) -> np.ndarray:
    last = 3 if melanin > 0.5 else len(HAIR_COLOURS) - 1
    colour = _one_of(rng, HAIR_COLOURS[:last]) * rng.uniform(0.8, 1.25)
    grey = np.clip((age - _GREYING) * 2.5 * rng.uniform(0.3, 1.4), 0.0, 0.95)
    return colour * (1.0 - grey) + HAIR_COLOURS[-1] * rng.uniform(0.7, 1.3) * grey


def _hair_style(rng: np.random.Generator, masculine: float, age: float) -> str:
    his = HIS_HAIR_LATER if age > _LATER else HIS_HAIR
    styles = his if masculine > 0.5 else HER_HAIR
    return styles[rng.integers(len(styles))]
