"""The gate: is a challenger shown to be better than the champion? Pure: faces' errors in, a decision with its reason out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from components.metrics import Difference
from components.metrics.summary import members_of
from pipelines.params import PromotionParams

# A single look at this level would promote; the many looks of a year are held to a stricter one.
SINGLE_LOOK = 0.025
# Of each test that no subset is worse. All of them must pass, so that their number makes no error likelier.
GUARD = 0.05
YEAR_DAYS = 365


@dataclass(frozen=True)
class Promote:
    word: ClassVar[str] = "promote"
    reason: str


@dataclass(frozen=True)
class Keep:
    word: ClassVar[str] = "keep"
    reason: str


@dataclass(frozen=True)
class NeedMoreData:
    """Better, or no worse on a guarded subset, for all that the faces say; but they are too few to show it.

    Attributes:
        reason: With their number.
        faces: How many test faces would show what was seen, four times in five: of all, or of the subset that the reason names.
            None where no number of faces would.
    """

    word: ClassVar[str] = "need more data"
    reason: str
    faces: int | None


@dataclass(frozen=True)
class AwaitApproval:
    """To be promoted, for all that the gate says; `promotion.approval` gives a person the last word."""

    word: ClassVar[str] = "await approval"
    reason: str


Decision = Promote | Keep | NeedMoreData | AwaitApproval


@dataclass(frozen=True, eq=False)
class Measured:
    """A challenger on the test faces.

    Attributes:
        nme: (N,) per face, fractions.
        subjects: (N,) names; faces of one subject or photo are no evidence on their own.
        subsets: (N,) names of the subsets that each face is in.
    """

    nme: np.ndarray
    subjects: np.ndarray
    subsets: Sequence[Sequence[str] | None]


def decide(champion: np.ndarray | None, challenger: Measured, policy: PromotionParams, looks: int = 0) -> Decision:
    """Promotes a first version that is good enough, and one that is shown to be better without being worse on a subset.

    Better is shown where a model that is no better would come out as low by chance less often than a look is allowed to err:
    `error_per_year / looks_per_year`, so that all looks of a year together err at most that often, whatever they have in common.

    Args:
        champion: (N,) NME of the challenger's faces, in their order; None where there is no champion.
        challenger: On the test faces.
        policy: What is asked of it.
        looks: How many challengers were held against a champion in the last 365 days.

    Raises:
        ValueError: Other faces, or fewer than two subjects.
    """
    nme = float(challenger.nme.mean())
    if nme > policy.max_nme:
        return Keep(f"NME {nme:.2%} is above promotion.max_nme, {policy.max_nme:.2%}")
    if champion is None:
        return Promote("the first version")
    if len(champion) != len(challenger.nme):
        raise ValueError(f"cannot compare {len(challenger.nme)} faces with {len(champion)}")
    if looks >= policy.looks_per_year:
        return Keep(
            f"{looks} challengers were compared within {YEAR_DAYS} days, as many as promotion.looks_per_year: one more would make "
            f"it likelier than {policy.error_per_year:.0%} that one of them is promoted by chance"
        )
    difference = paired(champion, challenger.nme, challenger.subjects, policy.seed_spread)
    chance, said = difference.chance(), _said(champion, challenger.nme, difference)
    allowed = policy.error_per_look
    look = f"by chance {_odds(chance)}, and {_odds(allowed)} is what a look may err"
    if chance < allowed:
        return _guarded(champion, challenger, policy) or Promote(f"better: {said}; {look}")
    if chance < SINGLE_LOOK:
        needed = difference.faces_needed(allowed)
        return NeedMoreData(f"better on these faces, but not shown: {said}; {look}: {_faces(needed)}", needed)
    return Keep(f"{'worse' if 1 - chance < SINGLE_LOOK else 'not shown to be better'}: {said}")


def paired(champion: np.ndarray, challenger: np.ndarray, subjects: np.ndarray, seed_spread: float) -> Difference:
    """The challenger's NME (N,) minus the champion's, with what seeds differ by, as a part of the champion's mean.

    Raises:
        ValueError: Fewer than two subjects.
    """
    # Both are trainings with a seed: what seeds differ by counts twice.
    spread = np.sqrt(2) * seed_spread * float(champion.mean())
    return Difference.of(challenger - champion, subjects, spread)


def _guarded(champion: np.ndarray, challenger: Measured, policy: PromotionParams) -> Keep | NeedMoreData | None:
    """What speaks against a better model: a guarded subset on which it is not shown to be no worse; None if nothing does.

    Raises:
        ValueError: A guarded subset has too few test faces, or is none.
    """
    members = members_of(challenger.subsets)
    doubt: Keep | NeedMoreData | None = None
    for name, share in policy.guards.items():
        if name not in members:
            raise ValueError(
                f"promotion.guards: no test face is in subset {name!r}; there are: {', '.join(members) or 'none'}"
            )
        theirs, ours, subjects = (of[members[name]] for of in (champion, challenger.nme, challenger.subjects))
        margin = share * float(theirs.mean())
        difference = paired(theirs, ours, subjects, policy.seed_spread)
        beyond = difference.minus(margin)
        if beyond.chance() < GUARD:
            continue
        said = f"on {name} {_said(theirs, ours, difference)}, where {margin:+.3%} is what promotion.guards allows"
        if 1 - beyond.chance() < GUARD:
            return Keep(f"better on all faces, but worse {said}")
        needed = beyond.faces_needed(GUARD) if beyond.mean < 0 else None
        doubt = doubt or NeedMoreData(
            f"better on all faces, but not shown to be no worse {said}: {_faces(needed, f' of {name}')}", needed
        )
    return doubt


def _said(champion: np.ndarray, challenger: np.ndarray, difference: Difference) -> str:
    low, high = difference.interval()
    return (
        f"NME {challenger.mean():.3%} against the champion's {champion.mean():.3%} on the same {len(champion)} faces; "
        f"difference {difference.mean:+.3%}, 95% interval {low:+.3%} to {high:+.3%}"
    )


def _odds(chance: float) -> str:
    """A probability as one may say it."""
    return f"1 time in {1 / chance:,.0f}" if chance > 1e-9 else "less than 1 time in 1,000,000,000"


def _faces(needed: int | None, of: str = "") -> str:
    if needed is None:
        return f"no number of test faces{of} would show it"
    return f"some {needed:,} test faces{of} would show it"
