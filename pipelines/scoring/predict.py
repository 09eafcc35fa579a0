"""Predictions for stored crops, by Ray Data and a pool of model actors; landmarks come back in image px.

Rows keep their order, and batches are cut by row number, so that nothing depends on how many actors ran.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import ray.data
from ray.util.annotations import RayDeprecationWarning

from components.crops import crop_affine, cut
from components.geometry import apply, compose, invert
from components.images import decode_own
from components.model import LandmarkModel
from components.samples import Box
from pipelines.runtime import cluster
from pipelines.runtime.progress import Progress
from pipelines.runtime.tables import FACE_COLUMNS, face_fields, from_column, to_column

BATCH = 64
CPUS_PER_ACTOR = 1


def prediction_schema(num_landmarks: int) -> pa.Schema:
    """What a model says of each face: `predicted` (x, y), image px, and `confidence`.

    `annotated_box` is the dataset's own, NaN where there is none: some protocols divide by it.
    """
    return pa.schema(
        [
            *face_fields(num_landmarks),
            ("annotated_box", pa.list_(pa.float32(), 4)),
            ("predicted", pa.list_(pa.float32(), 2 * num_landmarks)),
            ("confidence", pa.list_(pa.float32(), num_landmarks)),
        ]
    )


class Predictor:
    """A model in an actor.

    Args:
        folder: Of the saved model; reachable from every node.
    """

    def __init__(self, folder: str) -> None:
        import torch

        torch.set_num_threads(1)
        self.model = LandmarkModel.load(folder).to("cuda" if torch.cuda.is_available() else "cpu")

    def __call__(self, crops: pa.Table) -> pa.Table:
        """Rows of a shard -> rows of `prediction_schema`."""
        config = self.model.config
        num_landmarks = config.scheme.num_landmarks
        boxes = from_column(crops, "box", 4).astype(np.float64)
        stored = from_column(crops, "affine", 2, 3)
        wanted = np.stack([crop_affine(Box(*box), config.codec.crop, config.expand) for box in boxes])
        # The stored crop is larger than the model's: from its px to the image, and on to the model's crop.
        views = compose(wanted, invert(stored))
        pixels = [decode_own(data.as_buffer()) for data in crops.column("pixels")]
        views_px = np.stack([cut(px, view, config.codec.crop) for px, view in zip(pixels, views, strict=True)])
        landmarks, confidence = self.model.predict_crops(views_px)
        schema = prediction_schema(num_landmarks)
        kept = (*FACE_COLUMNS, "annotated_box")
        columns = {name: crops.column(name) for name in kept}
        columns["predicted"] = to_column(apply(invert(wanted), landmarks), schema.field("predicted").type)
        columns["confidence"] = to_column(confidence, schema.field("confidence").type)
        return pa.table(columns, schema)


def predict(model: Path, faces: pa.Table, stage: str) -> pa.Table:
    """Rows of shards -> rows of `prediction_schema`, in the same order; says its progress as `stage`."""
    blocks = [faces.slice(first, BATCH) for first in range(0, len(faces), BATCH)]
    progress = Progress(stage, len(faces), "faces")
    done = []
    with cluster.connected():
        gpus, cpus = (int(ray.cluster_resources().get(kind, 0)) for kind in ("GPU", "CPU"))
        actors = ray.data.ActorPoolStrategy(size=max(1, min(gpus or cpus, len(blocks))))
        with warnings.catch_warnings():
            # Ray takes the two limits below as "ray_remote_args", of which it warns, and in no other way.
            warnings.simplefilter("ignore", RayDeprecationWarning)
            rows = ray.data.from_arrow(blocks).map_batches(
                Predictor,
                fn_constructor_args=(str(model.resolve()),),
                batch_size=BATCH,  # Ray refuses whole blocks where a GPU is asked for
                batch_format="pyarrow",
                compute=actors,
                num_cpus=CPUS_PER_ACTOR,
                num_gpus=1 if gpus else 0,
                max_restarts=cluster.MAX_RETRIES,
                max_task_retries=cluster.MAX_RETRIES,
            )
        for block in rows.iter_batches(batch_size=None, batch_format="pyarrow"):
            progress.advance(len(block))
            done.append(block)
    predictions = pa.concat_tables(done)
    assert predictions.column("face").to_pylist() == faces.column("face").to_pylist()
    return predictions
