"""How far right of the network's answers faces are annotated, measured on validation faces after a training.

A dataset's landmarks may all lie a little to one side: those of 300-W's AFW and HELEN photographs do, by about a pixel of the
picture. Half of the faces of a training are mirrored, and in those the same landmarks lie as far to the other side; a network
cannot tell, and answers in between. On plain faces it is then off by the whole of it, and nothing that it could learn would mend
that (docs/results.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from components.metrics import bootstrap_interval
from components.model import LandmarkModel
from pipelines.params import Params
from pipelines.training.batches import Batch
from pipelines.training.crops import Shards
from pipelines.training.validation import fitting_device, spread_batches

# Of fewer, an interval says little: a bootstrap of two that lie on one side never reaches the other.
FEWEST_FACES = 20
# Crop px. Who is further off has not learnt, and annotators have nothing to do with it.
LARGEST = 4.0


class Offset(NamedTuple):
    """Landmark minus answer along x, crop px: the median over faces, each of them the mean of its landmarks.

    Attributes:
        median: Over the faces; 0 of no face.
        low: The median's 95% interval begins here,
        high: and ends here.
        num_faces: With landmarks.
    """

    median: float
    low: float
    high: float
    num_faces: int

    @property
    def kept(self) -> float:
        """What a model is to move its answers by: the median, if enough faces show that it is not 0, else 0."""
        shown = self.num_faces >= FEWEST_FACES and (self.low > 0 or self.high < 0)
        return self.median if shown and abs(self.median) <= LARGEST else 0.0


def with_mirror_offset(model: LandmarkModel, val: Shards, params: Params) -> LandmarkModel:
    """The same network, which moves its answers by what the validation faces show, or does not; says which."""
    found = measure_offset(model.to(fitting_device(params)), spread_batches(params, val))
    does = f"answers are moved by {found.kept:.2f}" if found.kept else "answers stay where they are"
    print(
        f"train: along x, validation landmarks minus answers are {found.median:.2f} px ({found.low:.2f} to {found.high:.2f}, "
        f"{found.num_faces} faces): {does}",
        flush=True,
    )
    return model.under(replace(model.config, mirror_offset=found.kept))


def measure_offset(model: LandmarkModel, batches: Iterable[Batch]) -> Offset:
    """The offset that faces show; 0 of faces without landmarks.

    Args:
        model: Without an offset of its own.
        batches: Plain faces: pixels (N, 3, H, W) uint8, landmarks (N, K, 2) crop px, NaN where there is none.
    """
    of_faces = [np.zeros(0)]
    for faces in batches:
        answers = model.predict_crops(faces["pixels"].transpose(0, 2, 3, 1)).landmarks
        right = np.ma.masked_invalid(faces["landmarks"] - answers)[..., 0]
        of_faces.append(right.mean(axis=1).compressed())
    each = np.concatenate(of_faces)
    if not len(each):
        return Offset(0.0, 0.0, 0.0, 0)
    return Offset(float(np.median(each)), *bootstrap_interval(each, np.median), len(each))
