"""How far two views of one face disagree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from components.geometry import apply, from_unit, invert
from components.metrics import PROTOCOLS, nme
from components.model import LandmarkModel
from pipelines.params import Params
from pipelines.scoring.predict import BATCH
from pipelines.training.workers import batch_maker


def disagreement(model: LandmarkModel, faces: pa.Table, params: Params) -> float:
    """Mean distance between what two views of a face say of it, in per cent of the protocol's normaliser.

    Views are turned, shifted, scaled and mirrored as the recipe's are, and are else as clear as the face.
    """
    maker = replace(batch_maker(params, 0, 1), seed=0, batch_size=len(faces), num_views=2)
    maker = replace(maker, augment=replace(maker.augment, colour=0.0, blur=0.0, occlude=0.0))
    batch, rows = maker.make(0, faces), maker.faces(0, len(faces))
    pixels = batch["pixels"].transpose(0, 2, 3, 1)
    found = np.concatenate(
        [model.predict_crops(pixels[first : first + BATCH])[0] for first in range(0, len(pixels), BATCH)]
    )
    side, flip = maker.codec.crop, list(maker.scheme.flip)
    ordered = np.where(batch["flipped"][:, None, None], found[:, flip], found)
    views = from_unit(batch["back"].astype(np.float64), side, side)  # plain crop px -> view px
    plain = apply(invert(views), ordered)
    normaliser = PROTOCOLS[params.evaluate.protocol].normalise(maker.plain(faces, rows)["landmarks"], maker.scheme)
    measured = normaliser > 0  # NaN is not
    return float(100 * nme(plain[0::2][measured], plain[1::2][measured], normaliser[measured]).mean())
