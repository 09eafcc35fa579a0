"""How far right of the network's answers the annotators' landmarks lie, fitted on validation faces after a training.

Annotators may click to one side: in 300-W's AFW and HELEN photographs by about a pixel. Half of the faces of a training are
mirrored, and in those the same landmarks lie as far to the other side; a network cannot tell, and answers in between. On
plain faces it is then off by the whole of it, and nothing that it could learn would mend that (docs/results.md).
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
from pipelines.training.validation import validation_batches


class Offset(NamedTuple):
    """Landmark minus answer along x, crop px: the median over faces, each of them the mean of its landmarks.

    Attributes:
        median: Over the faces; 0 of no face.
        low: The median's 95% interval begins here,
        high: and ends here.
    """

    median: float
    low: float
    high: float

    @property
    def shown(self) -> bool:
        """Whether the faces show that there is one."""
        return self.low > 0 or self.high < 0


def with_mirror_offset(model: LandmarkModel, val: Shards, params: Params) -> LandmarkModel:
    """The same network with the offset that the validation faces show, or with none, if they show none; says which."""
    found = measure_offset(model, validation_batches(params, val.opened(), 0, 1))
    kept = found.median if found.shown else 0.0
    fitted = LandmarkModel(replace(model.config, mirror_offset=kept))
    fitted.load_weights(model.weights())
    does = "the model's answers are moved by it" if found.shown else "not surely any, so that answers are not moved"
    print(
        f"train: validation landmarks lie {found.median:.2f} px ({found.low:.2f} to {found.high:.2f}) right of the network's "
        f"answers: {does}",
        flush=True,
    )
    return fitted


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
        return Offset(0.0, 0.0, 0.0)
    return Offset(float(np.median(each)), *bootstrap_interval(each, np.median))
