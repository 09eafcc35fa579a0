"""Draws an expression at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from components.synthetic.shape.person import Expression

_STRENGTH = (0.65, 1.0)  # of an expression that anyone would name
_ONE_EYE = 0.4  # chance that of two shut eyes one is open: a wink


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
    much = float(rng.uniform(*_STRENGTH))
    still = Expression(gaze=mild.gaze, lopsided=mild.lopsided)
    if kind == 0:  # a laugh
        return replace(still, jaw=0.45 * much, smile=much, part_lips=0.6, brows=0.2, lids=(0.65, 0.65))
    if kind == 1:  # surprise
        return replace(still, jaw=much, smile=-0.1, pucker=0.25, part_lips=0.2, brows=much, lids=(1.3, 1.3))
    if kind == 2:  # anger
        lids = (0.85, 0.85)
        return replace(still, jaw=0.15 * much, smile=-0.5, part_lips=0.5, snarl=much, brows=-0.8, frown=much, lids=lids)
    if kind == 3:  # a kiss
        return replace(still, jaw=0.05, smile=-0.1, pucker=much, brows=0.1, lids=mild.lids)
    if kind == 4:  # eyes shut, or one of them
        one = float(rng.random() < _ONE_EYE)
        return replace(still, jaw=0.1, smile=0.4 * one, brows=-0.2, lids=(0.0, one), lopsided=0.4 * one)
    if kind == 5:  # sadness
        return replace(still, jaw=0.05, smile=-much, part_lips=0.1, brows=0.5, frown=0.5, lids=(0.75, 0.75))
    return replace(still, jaw=0.1 * much, smile=much, part_lips=0.9, brows=0.1, lids=(0.85, 0.85))  # a broad smile
