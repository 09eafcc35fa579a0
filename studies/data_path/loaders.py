"""Both loaders over the same faces, from what they store and from decoded pixels in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.utils.data import DataLoader

from components.geometry import to_cells
from components.images import encode_jpeg
from components.model import MEAN, STD
from pipelines.params import Params
from pipelines.training.batches import Batch, BatchMaker, local_batches
from pipelines.training.crops import Shards
from pipelines.training.decoded import with_pixels
from pipelines.training.workers import batch_maker
from studies.data_path.plain import PlainFaces

SHARDS = "shards"


@dataclass(frozen=True)
class Loaders:
    """Both, in one process.

    Attributes:
        folder: Of the Parquet file.
        params: Of the recipe; its batch size is that of both.
        plain: The plain loader, with its pictures in memory.
        files: The same, which opens a file for each face.
        kept: The stored crops with their pixels decoded.
        num_steps: Of an epoch: whole batches only.
    """

    folder: Path
    params: Params
    plain: DataLoader
    files: DataLoader
    kept: pa.Table
    num_steps: int

    @classmethod
    def of(cls, crops: pa.Table, folder: Path, params: Params) -> Loaders:
        """Writes stored crops below `folder`: as a shard, as preprocess does, and as a file each."""
        (folder / SHARDS).mkdir()
        pq.write_table(
            crops, folder / SHARDS / "train-00000-of-00001.parquet", compression="none", use_dictionary=False
        )
        batch = params.train.batch_size
        files = write_files(crops, folder / "files", params)
        plain, from_files = (
            DataLoader(faces, batch, shuffle=True, drop_last=True) for faces in (files.in_memory(), files)
        )
        kept = with_pixels(Shards.of(folder / SHARDS, "train").held())
        return cls(folder, params, plain, from_files, kept, len(crops) // batch)

    @property
    def num_faces(self) -> int:
        return self.num_steps * self.params.train.batch_size

    @property
    def maker(self) -> BatchMaker:
        return batch_maker(self.params, 0, 1)

    def crops(self) -> pa.Table:
        return Shards.of(self.folder / SHARDS, "train").held()

    def batches(self) -> Iterator[Batch]:
        return local_batches(self.maker, self.crops(), 0, self.num_steps)

    def run_plain(self) -> None:
        for _ in self.plain:
            pass

    def run_files(self) -> None:
        for _ in self.files:
            pass

    def run_ours(self) -> None:
        for _ in self.batches():
            pass

    def run_kept(self) -> None:
        for _ in local_batches(self.maker, self.kept, 0, self.num_steps):
            pass

    def run_dense(self) -> None:
        """The batches as the plain loader's: normalised, and maps rendered."""
        mean, std = (torch.tensor(value)[:, None, None] * 255 for value in (MEAN, STD))
        for batch in self.batches():
            tensors = {name: torch.from_numpy(values) for name, values in batch.items()}
            tensors["pixels"].float().sub_(mean).div_(std)
            self.maker.codec.render(tensors)

    def bytes_per_face(self) -> tuple[int, int]:
        """What a face hands to the training: plain, Heatmark."""
        plain = sum(tensor.nbytes for tensor in next(iter(self.plain)))
        ours = sum(values.nbytes for values in next(self.batches()).values())
        return plain // self.params.train.batch_size, ours // self.params.train.batch_size


def write_files(crops: pa.Table, folder: Path, params: Params) -> PlainFaces:
    """A JPEG for each face: its plain crop, without the room that Heatmark stores around it."""
    folder.mkdir()
    maker = batch_maker(params, 0, 1)
    batch = maker.plain(crops)
    for i, planes in enumerate(batch["pixels"]):
        data = encode_jpeg(np.ascontiguousarray(planes.transpose(1, 2, 0)), params.preprocess.jpeg_quality)
        (folder / f"{i:06d}.jpg").write_bytes(data)
    # The whole crop as one cell: centre-based, hence half a side from its edge.
    sides = to_cells(batch["landmarks"].astype(np.float64), maker.codec.crop) + 0.5
    return PlainFaces(folder, sides, maker.scheme.flip, maker.codec)
