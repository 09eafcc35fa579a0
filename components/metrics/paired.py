"""Is one model's error lower than another's on the same faces, and how many faces would tell?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

POWER = 0.8  # with which the faces that are asked for would tell


@dataclass(frozen=True)
class Difference:
    """The mean difference of two models' errors, and how far chance alone moves it.

    Faces of one group (a subject, a photo) are not independent, so a group counts once: with the sums r_g of its faces'
    deviations from the mean, the variance of the mean of N faces in G groups is G / (G - 1) sum_g r_g^2 / N^2, with G - 1
    degrees of freedom. What the faces cannot tell, that trainings which differ by their seed alone differ on all faces
    together, is known beforehand (`spread`) and its square is added; the degrees of freedom of the sum are Satterthwaite's.

    Attributes:
        mean: In the unit of the errors; below 0 where the first model is better.
        faces_variance: Of the mean, by the choice of faces.
        spread: Standard deviation of the mean between equal models, over all faces that there are.
        num_faces: N.
        num_groups: G.

    Reference: Cameron, Miller, "A Practitioner's Guide to Cluster-Robust Inference", Journal of Human Resources 2015,
    section II; Satterthwaite, "An Approximate Distribution of Estimates of Variance Components", Biometrics 1946.
    """

    mean: float
    faces_variance: float
    spread: float
    num_faces: int
    num_groups: int

    @classmethod
    def of(cls, differences: np.ndarray, groups: np.ndarray, spread: float = 0.0) -> Difference:
        """From the differences of single faces.

        Args:
            differences: (N,), the first model's error minus the second's.
            groups: (N,) names; faces of one name are of one group.
            spread: See the attributes.

        Raises:
            ValueError: Fewer than two groups: nothing tells how far chance moves them.
        """
        _, group = np.unique(groups, return_inverse=True)
        num_faces, num_groups = len(differences), int(group.max(initial=-1)) + 1
        if num_groups < 2:
            raise ValueError(f"two models are compared on two subjects or more, got {num_groups}")
        mean = float(differences.mean())
        sums = np.bincount(group, differences - mean)
        variance = num_groups / (num_groups - 1) * float((sums**2).sum()) / num_faces**2
        return cls(mean, variance, spread, num_faces, num_groups)

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return float(np.sqrt(self.faces_variance + self.spread**2))

    @property
    def freedom(self) -> float:
        """Degrees of freedom of `error`."""
        total = self.faces_variance + self.spread**2
        return (self.num_groups - 1) * (total / self.faces_variance) ** 2 if self.faces_variance else np.inf

    def minus(self, margin: float) -> Difference:
        """The same against a second model whose error is larger by a margin."""
        return replace(self, mean=self.mean - margin)

    def chance(self) -> float:
        """How often a model that is no better comes out as low as this, or lower (one-sided t-test)."""
        from scipy import special  # slow to import: not for every worker that touches metrics

        if self.error == 0:
            return 0.0 if self.mean < 0 else 1.0
        return float(special.stdtr(self.freedom, self.mean / self.error))

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """In which the mean over all faces lies (two-sided)."""
        from scipy import special

        half = float(special.stdtrit(self.freedom, (1 + confidence) / 2)) * self.error if self.error else 0.0
        return self.mean - half, self.mean + half

    def faces_needed(self, level: float) -> int | None:
        """How many faces would show a difference of this size at `level`, four times in five; None if no number would.

        The faces' share of the variance falls with their number, the spread between equal models does not:
        mean^2 = (z_level + z_power)^2 (N faces_variance / needed + spread^2), with quantiles of the normal distribution.
        """
        from scipy import special

        reach = float(special.ndtri(1 - level) + special.ndtri(POWER))
        room = (self.mean / reach) ** 2 - self.spread**2
        return int(np.ceil(self.num_faces * self.faces_variance / room)) if room > 0 else None
