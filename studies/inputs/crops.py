"""Stored crops of a recipe: those that preprocess wrote, in a folder for each dataset, checked against it, or drawn faces."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from components.datasets import DATASETS
from components.images import encode_jpeg
from components.samples import Box
from components.synthetic import draw_face
from pipelines.ingest import annotation_schema
from pipelines.own_crops import check_crops
from pipelines.params import Params
from pipelines.preprocess import write_shard
from pipelines.runtime.tables import read_shards
from studies.inputs.recipe import with_changes

# Faces fill half of a drawn picture: about 170 px here, as in WFLW's pictures.
PICTURE = 512
JPEG_QUALITY = 95


def read_crops(folder: Path, split: str, params: Params) -> pa.Table:
    """A split's shards, all columns.

    Raises:
        ValueError: There are none, or they are not this recipe's.
    """
    check_crops(folder, split, params)
    return pa.concat_tables([read_shards(folder / name, split) for name in params.sources(split)])


def train_crops(folder: Path | None, params: Params, num_faces: int) -> pa.Table:
    """The first training faces of a folder of shards, or without a folder as many drawn ones.

    Raises:
        ValueError: The folder has fewer, or not this recipe's; or nothing is drawn in the recipe's scheme.
    """
    if folder is not None:
        crops = read_crops(folder, "train", params)
        if len(crops) < num_faces:
            raise ValueError(f"{folder} has {len(crops)} training faces, fewer than {num_faces}")
        return crops.slice(0, num_faces)
    check_drawn(params)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "drawn.parquet"
        draw_shard(path, params, num_faces)
        return pq.read_table(path)


def check_drawn(params: Params) -> None:
    """Refuses a recipe in whose scheme no faces are drawn.

    Raises:
        ValueError: With the schemes in which they are.
    """
    known = DATASETS["synthetic"].schemes
    if params.scheme not in known:
        raise ValueError(
            f"no faces are drawn in scheme {params.scheme!r} of recipe {params.name!r} ({', '.join(known)} are): "
            "give shards that preprocess cut by it, by --crops"
        )


def draw_shard(path: Path, params: Params, num_faces: int, first: int = 0) -> None:
    """Draws faces and cuts them into one shard, by the very function of the pipeline's stage."""
    drawn = with_changes(
        params,
        {
            "datasets": {"drawn": {"reader": "synthetic"}},
            "preprocess": {"box": "landmarks"},
            "evaluate": {"protocol": "inter_ocular"},
        },
    )
    num_landmarks = params.model().scheme.num_landmarks
    with tempfile.TemporaryDirectory() as folder:
        rows = [_row(index, Path(folder), params.scheme) for index in range(first, first + num_faces)]
        faces = pa.Table.from_pylist(rows, annotation_schema(num_landmarks))
        write_shard(faces, Path(folder), path, drawn, drawn.source("drawn"), marks_hidden=True)


def _row(index: int, folder: Path, scheme: str) -> dict:
    """Draws a face into the folder: its row of annotations.parquet, as far as a shard needs it."""
    face = draw_face(0, index, PICTURE)
    name, landmarks, visible = f"{index:06d}.jpg", face.landmarks[scheme], face.visible[scheme]
    (folder / name).write_bytes(encode_jpeg(face.image, JPEG_QUALITY))
    box = list(Box.around(landmarks))
    who = {"face": name, "image": name, "subject": name, "subsets": []}
    return {**who, "landmarks": landmarks.ravel(), "visible": visible, "box": box}
