"""Protocols: what a number means. The same predictions give 2.99, 4.20, 1.74 or 1.23 by the normaliser alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from components.metrics.errors import check_normaliser, labelled_mean, landmark_errors
from components.metrics.normalisers import NORMALISERS
from components.metrics.spaces import crop_boxes, unit_lengths
from components.schemes import Scheme

# What no number depends on: a hash must outlive a better wording, and one more scheme.
_WORDS = ("datasets", "schemes", "source")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How errors are measured.

    Attributes:
        name: Key in `PROTOCOLS`.
        normaliser: Key in `NORMALISERS`.
        failure_threshold: NME above which a face counts as failed, a fraction.
        auc_threshold: NME up to which the area under the CED is taken, a fraction.
        box: In the image's space: what the crops are cut around that the model sees, "landmarks" (the tight box of the
            truth) or "annotated" (the dataset's own). In a crop's space: the box of that crop, one of `BOXES`, whatever
            the model saw.
        space: Where distances are taken. "image": px of the original picture. "square" and "stretched": the authors'
            crop, see `unit_lengths`; errors in x and in y are divided by its width and height before the distance is
            taken, and so are the normaliser's.
        expand: Width and height of that crop, in widths and heights of the box.
        mean: Over which landmarks of a face: "labelled", or "all" (an unlabelled one counts as without error).
        subsets: Names of the subsets whose faces are measured; all faces where there are none.
        schemes: Keys in `SCHEMES` that it is for; any where there are none.
        datasets: Keys in `DATASETS` that it is for; any where there are none. Schemes and subsets mostly say enough.
        source: Whose convention it is.
        mirrored: Whether predictions are means of what is said of a crop and of its mirror image; no published
            convention has that.
    """

    name: str
    normaliser: str
    failure_threshold: float
    auc_threshold: float
    box: str
    space: str = "image"
    expand: tuple[float, float] = (1.0, 1.0)
    mean: str = "labelled"
    subsets: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    source: str = ""
    mirrored: bool = False

    @property
    def hash(self) -> str:
        """12 hexadecimal digits of every field that a number depends on: numbers of unequal hashes do not compare."""
        fields = {name: value for name, value in asdict(self).items() if name not in _WORDS}
        if not self.mirrored:
            del fields["mirrored"]  # as hashes were before there was a choice
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:12]

    def with_mirrored(self) -> Protocol:
        """The same for predictions that average the mirror image, under a name and a hash of its own."""
        return replace(self, name=f"{self.name}_mirrored", mirrored=True)

    @property
    def as_published(self) -> bool:
        """Whether distances are taken in the authors' crop; else they are px of the original picture."""
        return self.space != "image"

    @property
    def needs_boxes(self) -> bool:
        """Whether measuring takes the dataset's own boxes."""
        return self.normaliser.startswith("annotated") or (self.as_published and "annotated" in self.box)

    def to_dict(self) -> dict:
        """Every field and the hash, JSON-ready."""
        return {**json.loads(json.dumps(asdict(self))), "hash": self.hash}

    def covers(self, subsets: Sequence[Sequence[str] | None]) -> np.ndarray:
        """Which faces are measured (N,), given the names of each face's subsets."""
        return np.array([not self.subsets or not set(self.subsets).isdisjoint(names or ()) for names in subsets], bool)

    def normalise(self, truth: np.ndarray, scheme: Scheme, boxes: np.ndarray | None = None) -> np.ndarray:
        """The normaliser (N,), in the unit of the space; NaN where the landmarks or the box it is taken from are missing.

        Args:
            truth: (N, K, 2), (x, y), image px; NaN where a landmark has no position.
            scheme: Of the landmarks.
            boxes: (N, 4), the dataset's own, image px, NaN where there is none; only some protocols need them.

        Raises:
            ValueError: It needs boxes, and none are given.
        """
        truth, boxes = self._arrays(truth, boxes)
        unit = self._unit(truth, boxes)
        return NORMALISERS[self.normaliser](truth / unit[:, None], boxes / np.tile(unit, 2), scheme)

    def measurable(self, truth: np.ndarray, scheme: Scheme, boxes: np.ndarray | None = None) -> np.ndarray:
        """Which faces (N,) can be measured: those with a normaliser to divide by; arguments as of `normalise`.

        A profile whose hidden eye corner nobody labelled has no inter-ocular distance: it counts neither for nor against
        a model.
        """
        normaliser = self.normalise(truth, scheme, boxes)
        return np.isfinite(normaliser) & (normaliser > 0)

    def none_measurable(self, num_faces: int, which: str) -> ValueError:
        """The error of faces of which not one can be measured."""
        return ValueError(
            f"protocol {self.name!r} divides by {self.normaliser}, which none of {num_faces} {which} faces has; "
            "box_size is known of every face"
        )

    def errors(self, predicted: np.ndarray, truth: np.ndarray, boxes: np.ndarray | None = None) -> np.ndarray:
        """Distances (N, K) in the unit of the space, of landmarks (N, K, 2), image px; see `landmark_errors`."""
        truth, boxes = self._arrays(truth, boxes)
        unit = self._unit(truth, boxes)[:, None]
        return landmark_errors(predicted.astype(np.float64) / unit, truth / unit)

    def face_nme(self, relative: np.ndarray) -> np.ndarray:
        """The NME (N,) of faces, given their errors (N, K), divided by the normaliser.

        Raises:
            ValueError: A face has no labelled landmark, or a labelled one was predicted nowhere.
        """
        means = labelled_mean(relative)
        for bad, what in ((np.isnan(means), "without a labelled landmark"), (np.isinf(means), "not predicted (NaN)")):
            if bad.any():
                raise ValueError(f"{bad.sum()} of {len(means)} faces are {what}; the first is row {bad.argmax()}")
        return means if self.mean == "labelled" else means * (~np.isnan(relative)).mean(axis=1)

    def relative_errors(
        self, predicted: np.ndarray, truth: np.ndarray, scheme: Scheme, boxes: np.ndarray | None = None
    ) -> np.ndarray:
        """Errors (N, K) over the normaliser, fractions.

        Raises:
            ValueError: A normaliser is not above 0 or is not known, or boxes are missing.
        """
        normaliser = self.normalise(truth, scheme, boxes)
        check_normaliser(normaliser)
        return self.errors(predicted, truth, boxes) / normaliser[:, None]

    def _arrays(self, truth: np.ndarray, boxes: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        if boxes is None:
            if self.needs_boxes:
                raise ValueError(f"protocol {self.name!r} takes the dataset's own boxes, and there are none")
            boxes = np.full((len(truth), 4), np.nan)
        return truth.astype(np.float64), boxes.astype(np.float64)

    def _unit(self, truth: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        if not self.as_published:
            return np.ones((len(truth), 2))
        return unit_lengths(crop_boxes(truth, boxes, self.box), self.space, self.expand)
