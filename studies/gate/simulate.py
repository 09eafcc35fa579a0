"""What the gate decides, night after night, about models of which the truth is known. It is asked itself, not a copy of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from components.metrics.summary import members_of
from pipelines.params import PromotionParams
from pipelines.registry.gate import Measured, Promote, decide
from studies.gate.models import Faces, Trainings

Change = Callable[[np.ndarray, Faces], np.ndarray]


def replaced_on(trainings: Trainings, policy: PromotionParams, num_faces: int, nights: int, years: int) -> np.ndarray:
    """The night (years,) on which an equal model first takes the champion's place; `nights` where none does.

    Each year has test faces and a champion of its own; each night brings one more training of the same recipe.
    """
    first = np.full(years, nights)
    for year in range(years):
        rng = np.random.default_rng((0, num_faces, year))
        faces = trainings.draw_faces(rng, num_faces)
        champion = trainings.draw_model(rng, faces)
        for night in range(nights):
            if _promoted(trainings, faces, champion, trainings.draw_model(rng, faces), policy):
                first[year] = night
                break
    return first


def promoted(trainings: Trainings, policy: PromotionParams, num_faces: int, change: Change, times: int) -> float:
    """How often, of so many times, a changed model is promoted at a single look; a fraction.

    Args:
        trainings: Whose errors are drawn from.
        policy: The gate's.
        num_faces: Of the test set, which is drawn anew each time.
        change: Errors of a model that is equal to the champion, and the faces -> the changed model's.
        times: How many.
    """
    count = 0
    for time in range(times):
        rng = np.random.default_rng((1, num_faces, time))
        faces = trainings.draw_faces(rng, num_faces)
        champion, challenger = (trainings.draw_model(rng, faces) for _ in range(2))
        count += _promoted(trainings, faces, champion, change(challenger, faces), policy)
    return count / times


def better_by(share: float) -> Change:
    """On every face, by a share of its error."""
    return lambda nme, faces: nme * (1 - share)


def but_worse_on(trainings: Trainings, subset: str, share: float, worse: float) -> Change:
    """Better by a share on every other face, and worse by another share on a subset's."""
    member = members_of(trainings.subsets)[subset]
    return lambda nme, faces: nme * np.where(member[faces.rows], 1 + worse, 1 - share)


def smallest(differences: np.ndarray, power: np.ndarray, wanted: float) -> float:
    """The smallest difference that is seen as often as wanted, between those that were tried; NaN if none is."""
    reached = np.flatnonzero(power >= wanted)
    if not len(reached):
        return float("nan")
    at = reached[0]
    if at == 0:
        return float(differences[0])
    return float(np.interp(wanted, power[at - 1 : at + 1], differences[at - 1 : at + 1]))


def _promoted(
    trainings: Trainings, faces: Faces, champion: np.ndarray, challenger: np.ndarray, policy: PromotionParams
) -> bool:
    measured = Measured(challenger, faces.subjects, trainings.subsets_of(faces) if policy.guards else ())
    return isinstance(decide(champion, measured, policy), Promote)
