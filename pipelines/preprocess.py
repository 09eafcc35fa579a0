"""Preprocess: annotations and pictures -> Parquet shards of crops with room for augmentation around each face.

Reads annotations.parquet and `data/NAME/`. Every annotation becomes one row, in the same order within its split, with the
model's landmarks: of another markup, those that both share, NaN for the others. Shards are cut by row number, so that their names and bytes do not depend on how many workers ran. Pixels are JPEG in
uncompressed columns: compressing them again gains nothing, and plain pyarrow and pandas read them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import ray.data

from components import images
from components.crops import crop_face
from components.datasets import DATASETS
from components.markups import onto
from components.samples import Box, tight_boxes
from components.schemes import SCHEMES
from pipelines.params import Params, SourceParams, load_params
from pipelines.runtime import cluster, command
from pipelines.runtime.outputs import whole_folder
from pipelines.runtime.progress import Progress
from pipelines.runtime.tables import (
    ANNOTATIONS,
    FACE_COLUMNS,
    SPLITS,
    face_fields,
    from_column,
    optional_boxes,
    read_table,
    to_column,
)


def crop_schema(num_landmarks: int) -> pa.Schema:
    """Columns of a shard; `landmarks` in image px, `crop_landmarks` in px of the stored crop.

    `box` is what the crop was cut around, `annotated_box` the dataset's own, NaN where there is none. `visible` is 1, 0 of a
    landmark that is marked as hidden, whether it has a position or not, and NaN where the dataset does not say.
    """
    return pa.schema(
        [
            *face_fields(num_landmarks),
            ("box", pa.list_(pa.float32(), 4)),
            ("annotated_box", pa.list_(pa.float32(), 4)),
            ("pixels", pa.binary()),
            ("crop_landmarks", pa.list_(pa.float32(), 2 * num_landmarks)),
            ("affine", pa.list_(pa.float64(), 6)),
            ("visible", pa.list_(pa.float32(), num_landmarks)),
        ]
    )


def plan_shards(counts: dict[str, int], faces_per_shard: int) -> list[dict]:
    """split, first row, last row (exclusive) and file name of every shard, for so many faces per split."""
    shards = []
    for split, count in counts.items():
        num_shards = -(-count // faces_per_shard)
        for i in range(num_shards):
            first, last = i * faces_per_shard, min((i + 1) * faces_per_shard, count)
            name = f"{split}-{i:05d}-of-{num_shards:05d}.parquet"
            shards.append({"split": split, "first": first, "last": last, "name": name})
    return shards


def write_shard(
    annotations: pa.Table, folder: Path, path: Path, params: Params, source: SourceParams, marks_hidden: bool = False
) -> int:
    """Cuts the faces of some annotations and writes them as one shard; returns how many.

    Args:
        annotations: Of the faces.
        folder: Of the dataset.
        path: Of the shard.
        params: That say how faces are cut out.
        source: What the params say of the dataset.
        marks_hidden: Whether the dataset says which landmarks are hidden.

    Raises:
        ValueError: A picture cannot be read any more.
    """
    theirs, ours = SCHEMES[source.scheme], SCHEMES[params.scheme]
    annotated = from_column(annotations, "landmarks", theirs.num_landmarks, 2)
    # Of all that the dataset marks, which is a face's own extent: the shared ones alone may be no more than eyes and mouth.
    boxes = _boxes(annotations, annotated, params.preprocess.box)
    landmarks, sizes = onto(annotated, theirs, ours), params.preprocess
    picture, names = DATASETS[source.reader].picture, annotations.column("image").to_pylist()
    crops = [
        crop_face(picture(folder, name), Box(*box), marks, sizes.stored, sizes.expand * sizes.stored / sizes.crop)
        for name, box, marks in zip(names, boxes, landmarks, strict=True)
    ]
    schema = crop_schema(ours.num_landmarks)
    columns = {name: annotations.column(name) for name in FACE_COLUMNS}
    columns["landmarks"] = to_column(landmarks, schema.field("landmarks").type)
    columns["box"] = to_column(boxes, schema.field("box").type)
    columns["annotated_box"] = to_column(optional_boxes(annotations, "box"), schema.field("annotated_box").type)
    columns["pixels"] = pa.array([images.encode_jpeg(crop.pixels, sizes.jpeg_quality) for crop in crops], pa.binary())
    columns["crop_landmarks"] = to_column(np.stack([c.landmarks for c in crops]), schema.field("crop_landmarks").type)
    columns["affine"] = to_column(np.stack([c.affine for c in crops]), schema.field("affine").type)
    visible = onto(_flags(annotations, theirs.num_landmarks, marks_hidden), theirs, ours)
    columns["visible"] = to_column(visible, schema.field("visible").type)
    pq.write_table(pa.table(columns, schema), path, compression="none", use_dictionary=False, write_page_checksum=True)
    return len(crops)


def _boxes(annotations: pa.Table, landmarks: np.ndarray, source: str) -> np.ndarray:
    """(N, 4) float32, image px; the tight boxes of the landmarks (N, K, 2), NaN where without one, or the dataset's own."""
    return from_column(annotations, "box", 4) if source == "annotated" else tight_boxes(landmarks)


def _flags(annotations: pa.Table, num_landmarks: int, marks_hidden: bool) -> np.ndarray:
    """(N, K) float32: 1 visible, 0 hidden, NaN of a dataset that does not say."""
    if not marks_hidden:
        return np.full((len(annotations), num_landmarks), np.nan, np.float32)
    return from_column(annotations, "visible", num_landmarks).astype(np.float32)


def marks_hidden(annotations: pa.Table) -> bool:
    """Whether a dataset says which landmarks are hidden: where none of any face is, nobody looked."""
    return not pc.all(annotations.column("visible").combine_chunks().flatten()).as_py()


def preprocess(annotations: Path, dataset: Path, params: Params, out: Path) -> None:
    """Runs the stage: a folder with annotations.parquet and `data/NAME`, their dataset -> `out`, a folder of shards.

    Raises:
        ValueError: The recipe has no such dataset, the annotations are missing, or a picture cannot be read any more.
    """
    source = params.source(dataset.name)
    table = read_table(annotations / ANNOTATIONS)
    folder = dataset.resolve()
    marked = marks_hidden(table)
    rows = {split: table.filter(pc.equal(table.column("split"), split)) for split in SPLITS}
    shards = plan_shards({split: len(rows[split]) for split in SPLITS}, params.preprocess.faces_per_shard)
    with whole_folder(out) as partial, cluster.connected():
        target = partial.resolve()

        def cut_shard(shard: dict) -> dict:
            annotations = ray.get(references[shard["split"]]).slice(shard["first"], shard["last"] - shard["first"])
            return {"faces": write_shard(annotations, folder, target / shard["name"], params, source, marked)}

        references = {split: ray.put(split_rows) for split, split_rows in rows.items()}
        progress = Progress("preprocess", len(table), "faces")
        blocks = ray.data.from_items(shards, override_num_blocks=len(shards)).map(cut_shard)
        for block in blocks.iter_batches(batch_size=None, batch_format="numpy"):
            progress.advance(int(block["faces"].sum()))
        assert progress.done == len(table)
    print(f"preprocess: {len(table)} faces in {len(shards)} shards of {params.preprocess.stored} px crops: {out}")


def main(annotations: Path, dataset: Path, out: Path, params: Path = Path("params.yaml")) -> None:
    """Cuts the faces in ANNOTATIONS, whose pictures lie in DATASET, a folder that the params name, into shards in OUT."""
    preprocess(annotations, dataset, load_params(params), out)


if __name__ == "__main__":
    command.run(main)
