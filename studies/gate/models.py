"""Models that were never trained, drawn from the errors of trainings that differ by their seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Faces:
    """Test faces, drawn with replacement from the real ones, whole subjects at a time.

    Attributes:
        rows: (N,) of the real faces.
        subjects: (N,) numbers of the drawn subjects: one that was drawn twice is two.
    """

    rows: np.ndarray
    subjects: np.ndarray


@dataclass(frozen=True, eq=False)
class Trainings:
    """Errors of S trainings on the same N faces.

    Attributes:
        nme: (S, N), fractions.
        subjects: (N,) names.
        subsets: (N,) names of the subsets that each face is in.
    """

    nme: np.ndarray
    subjects: np.ndarray
    subsets: Sequence[Sequence[str] | None]

    @cached_property
    def spread(self) -> float:
        """Standard deviation of the NME over all faces that there are, among the trainings; a share of the NME.

        Of the means over these faces, less what the choice of faces adds: (MS_t - MS_r) / N, with the mean squares of the
        two-way analysis of variance; 0 where that is below 0.

        Reference: Searle, Casella, McCulloch, "Variance Components", 1992, section 4.4.
        """
        trainings, faces = self.nme.shape
        rest = self.nme - self.nme.mean(1, keepdims=True) - self.nme.mean(0) + self.nme.mean()
        square_t = faces * self.nme.mean(1).var(ddof=1)
        square_r = (rest**2).sum() / ((trainings - 1) * (faces - 1))
        return float(np.sqrt(max(0.0, square_t - square_r) / faces) / self.nme.mean())

    @cached_property
    def levelled(self) -> np.ndarray:
        """The errors (S, N), after all trainings were brought to the same NME."""
        return self.nme * (self.nme.mean() / self.nme.mean(1, keepdims=True))

    def equal(self) -> Trainings:
        """The same, of models that are equally good on the whole: no seed has luck."""
        return Trainings(self.levelled, self.subjects, self.subsets)

    @cached_property
    def _subject(self) -> tuple[np.ndarray, list[np.ndarray]]:
        """Number of each face's subject (N,), and the rows of each subject."""
        _, number = np.unique(self.subjects, return_inverse=True)
        return number, [np.flatnonzero(number == each) for each in range(number.max() + 1)]

    def draw_faces(self, rng: np.random.Generator, num_faces: int) -> Faces:
        """As many faces, to within a subject."""
        _, rows_of = self._subject
        # No subject has no face, so that as many subjects as faces are enough.
        chosen = [rows_of[number] for number in rng.integers(len(rows_of), size=num_faces)]
        enough = int(np.searchsorted(np.cumsum([len(rows) for rows in chosen]), num_faces)) + 1
        chosen = chosen[:enough]
        sizes = [len(rows) for rows in chosen]
        return Faces(np.concatenate(chosen), np.repeat(np.arange(len(chosen)), sizes))

    def draw_model(self, rng: np.random.Generator, faces: Faces) -> np.ndarray:
        """The errors (N,) of one more training on drawn faces.

        Each subject is answered by a training of its own, picked at random, after all trainings were brought to the same NME;
        then the whole by a seed's luck, normal with the standard deviation `spread`.
        """
        pick = rng.integers(len(self.nme), size=faces.subjects[-1] + 1)
        luck = 1 + self.spread * rng.standard_normal()
        return self.levelled[pick[faces.subjects], faces.rows] * luck

    def subsets_of(self, faces: Faces) -> list[Sequence[str] | None]:
        return [self.subsets[row] for row in faces.rows]
