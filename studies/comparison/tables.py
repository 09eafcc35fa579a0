"""What was measured, as Markdown: each variant, differences face by face, and the same networks read by other decoders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from studies.comparison.measured import Kept, Measured
from studies.comparison.variants import PAIRS, VARIANTS
from studies.trainings.results import with_interval


@dataclass(frozen=True)
class Tables:
    """Of the trainings with some seeds and one budget; a variant is shown if all of its seeds are there.

    Raises:
        ValueError: The variant that others are held against is not.
    """

    kept: Kept
    against: str
    seeds: tuple[int, ...]
    epochs: int

    def __post_init__(self) -> None:
        for seed in self.seeds:
            if (self.against, seed, self.epochs) not in self.kept.trainings:
                raise ValueError(
                    f"{self.against!r} with seed {seed} and {self.epochs} epochs is not there to compare with: "
                    "choose by --against, --seeds and --epochs"
                )

    def done(self, *variants: str) -> bool:
        return all((name, seed, self.epochs) in self.kept.trainings for name in variants for seed in self.seeds)

    def trainings(self, variant: str) -> list[Measured]:
        return [self.kept.trainings[variant, seed, self.epochs] for seed in self.seeds]

    def errors(self, variant: str, decoder: str | None = None) -> np.ndarray:
        """NME in % of each seed and face (S, N), read by the variant's own decoder or another."""
        return np.array([one.errors[decoder or one.decoder] for one in self.trainings(variant)])

    def variants(self) -> Iterator[str]:
        """Each variant, its difference from one of them, and its mean over the faces of each subset."""
        seeds = " and ".join(map(str, self.seeds))
        subsets = dict(self.kept.members())
        header = [
            f"NME, seed{'s' * (len(self.seeds) > 1)} {seeds}",
            "mean (95%)",
            f"minus {self.against} (95%)",
            *subsets,
        ]
        yield f"| variant | {' | '.join(header)} | disagreement of two views |"
        yield "| --- |" + " --- |" * (len(header) + 1)
        base = self.errors(self.against)
        for variant in filter(self.done, VARIANTS):
            errors, trainings = self.errors(variant), self.trainings(variant)
            apart = np.mean([one.disagreement for one in trainings])
            row = [", ".join(f"{seed.mean():.2f}%" for seed in errors), with_interval(errors)]
            row += [with_interval(errors - base), *(f"{errors[:, chosen].mean():.2f}%" for chosen in subsets.values())]
            yield f"| {variant} | {' | '.join(row)} | {apart:.2f}% |"

    def pairs(self) -> Iterator[str]:
        """Differences, seed by seed and face by face."""
        yield "| difference, face by face | NME (95%) |"
        yield "| --- | --- |"
        for one, other in PAIRS:
            if self.done(one, other):
                yield f"| {one} minus {other} | {with_interval(self.errors(one) - self.errors(other))} |"

    def decoders(self) -> Iterator[str]:
        """Networks of one view, read by every decoder that their codec has."""
        read = {name: self.trainings(name)[0].errors for name in VARIANTS if self.done(name)}
        decoders = sorted({decoder for errors in read.values() if len(errors) > 1 for decoder in errors})
        yield f"| network | {' | '.join(decoders)} |"
        yield "| --- |" + " --- |" * len(decoders)
        for variant, errors in read.items():
            if len(errors) > 1:
                cells = [f"{self.errors(variant, name).mean():.2f}%" if name in errors else "" for name in decoders]
                yield f"| {variant} | {' | '.join(cells)} |"
