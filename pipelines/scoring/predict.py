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
# CPUs of a task that cuts, and of an actor that predicts. Actors take all the CPUs where they predict on them, and must leave
# a part of each to the tasks that they wait for; on a GPU they need none.
SHARES, SHARES_WITH_GPUS = (0.25, 0.75), (1, 0)
# What a prediction keeps of a shard's columns.
KEPT = (*FACE_COLUMNS, "annotated_box", "visible")


def prediction_schema(num_landmarks: int) -> pa.Schema:
    """What a model says of each face: `predicted` (x, y), image px, `confidence`, `expected_error`, % of a normaliser, and
    `predicted_visible`, a probability; the latter two NaN where it does not know.

    `annotated_box` is the dataset's own, NaN where there is none: some protocols divide by it. `visible` is what the dataset says:
    1, 0 of a hidden landmark, or NaN.
    """
    return pa.schema(
        [
            *face_fields(num_landmarks),
            ("annotated_box", pa.list_(pa.float32(), 4)),
            ("visible", pa.list_(pa.float32(), num_landmarks)),
            ("predicted", pa.list_(pa.float32(), 2 * num_landmarks)),
            ("confidence", pa.list_(pa.float32(), num_landmarks)),
            ("expected_error", pa.list_(pa.float32(), num_landmarks)),
            ("predicted_visible", pa.list_(pa.float32(), num_landmarks)),
        ]
    )


def cut_views(crops: pa.Table, crop: int, expand: float) -> pa.Table:
    """Decodes stored crops and cuts a model's own out of them.

    Args:
        crops: Rows of a shard.
        crop: Side of the model's crop, px.
        expand: In longer sides of the box.

    Returns:
        The columns that a prediction keeps, `view`, the bytes of (crop, crop, 3) uint8 RGB, and `to_image`, the affine (2, 3),
        crop px -> image px.
    """
    boxes, stored = from_column(crops, "box", 4).astype(np.float64), from_column(crops, "affine", 2, 3)
    wanted = np.stack([crop_affine(Box(*box), crop, expand) for box in boxes])
    # The stored crop is larger than the model's: from its px to the image, and on to the model's crop.
    affines = compose(wanted, invert(stored))
    pixels = (decode_own(data.as_buffer()) for data in crops.column("pixels"))
    views = np.stack([cut(px, affine, crop) for px, affine in zip(pixels, affines, strict=True)])
    columns = {name: crops.column(name) for name in KEPT if name in crops.column_names}
    columns.setdefault("visible", _unsaid(crops))
    columns["view"] = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(views[0].nbytes), len(views), [None, pa.py_buffer(views)]
    )
    columns["to_image"] = to_column(invert(wanted), pa.list_(pa.float64(), 6))
    return pa.table(columns)


def _unsaid(crops: pa.Table) -> pa.Array:
    """What crops say of visibility that were cut before that was kept."""
    num_landmarks = crops.schema.field("landmarks").type.list_size // 2
    return to_column(np.full((len(crops), num_landmarks), np.nan), pa.list_(pa.float32(), num_landmarks))


class Predictor:
    """A model in an actor.

    Args:
        folder: Of the saved model; reachable from every node.
        mirrored: Whether answers are means with those of the mirror image.
    """

    def __init__(self, folder: str, mirrored: bool = False) -> None:
        import torch

        torch.set_num_threads(1)
        self.model = LandmarkModel.load(folder).to("cuda" if torch.cuda.is_available() else "cpu")
        self.mirrored = mirrored

    def __call__(self, views: pa.Table) -> pa.Table:
        """What `cut_views` gives for this model -> rows of `prediction_schema`."""
        config = self.model.config
        side = config.codec.crop
        flat = views.column("view").combine_chunks()
        pixels = np.frombuffer(flat.buffers()[1], np.uint8).reshape(-1, side, side, 3)
        found = self.model.predict_crops(pixels[flat.offset : flat.offset + len(flat)], self.mirrored)
        schema = prediction_schema(config.scheme.num_landmarks)
        predicted = apply(from_column(views, "to_image", 2, 3), found.landmarks)
        columns = {name: views.column(name) for name in KEPT}
        columns["predicted"] = to_column(predicted, schema.field("predicted").type)
        said = {
            "confidence": found.confidence,
            "expected_error": found.expected_error,
            "predicted_visible": found.visible,
        }
        columns |= {name: to_column(values, schema.field(name).type) for name, values in said.items()}
        return pa.table(columns, schema)

    def predict(self, crops: pa.Table) -> pa.Table:
        """Rows of a shard -> rows of `prediction_schema`, all in this process."""
        config = self.model.config
        return self(cut_views(crops, config.codec.crop, config.expand))


def predict(model: Path, faces: pa.Table, stage: str, mirrored: bool) -> pa.Table:
    """Rows of shards -> rows of `prediction_schema`, in the same order; says its progress as `stage`.

    Tasks decode and cut beside the actors, which have the model, so that a GPU does not wait for JPEG.
    """
    config = LandmarkModel.load(model).config
    how = {"crop": config.codec.crop, "expand": config.expand}
    blocks = [faces.slice(first, BATCH) for first in range(0, len(faces), BATCH)]
    progress = Progress(stage, len(faces), "faces")
    done = []
    with cluster.connected():
        gpus, cpus = (int(ray.cluster_resources().get(kind, 0)) for kind in ("GPU", "CPU"))
        cutting, predicting = SHARES_WITH_GPUS if gpus else SHARES
        actors = ray.data.ActorPoolStrategy(size=max(1, min(gpus or cpus, len(blocks))))
        tries = {"max_restarts": cluster.MAX_RETRIES, "max_task_retries": cluster.MAX_RETRIES}
        with warnings.catch_warnings():
            # Ray takes the two limits as "ray_remote_args", of which it warns, and in no other way.
            warnings.simplefilter("ignore", RayDeprecationWarning)
            views = ray.data.from_arrow(blocks).map_batches(
                cut_views, fn_kwargs=how, batch_size=BATCH, batch_format="pyarrow", num_cpus=cutting
            )
            rows = views.map_batches(
                Predictor,
                fn_constructor_args=(str(model.resolve()), mirrored),
                batch_size=BATCH,  # Ray refuses whole blocks where a GPU is asked for
                batch_format="pyarrow",
                compute=actors,
                num_cpus=predicting,
                num_gpus=1 if gpus else 0,
                **tries,
            )
        for block in rows.iter_batches(batch_size=None, batch_format="pyarrow"):
            progress.advance(len(block))
            done.append(block)
    predictions = pa.concat_tables(done)
    assert predictions.column("face").to_pylist() == faces.column("face").to_pylist()
    return predictions
