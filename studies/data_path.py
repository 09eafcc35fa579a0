"""How fast faces become batches: stored crops in Parquet against a plain loader of picture files.

    python -m studies.data_path [--faces 128] [--repeats 9] [--batch 32] [--ray]

Both sides see the same drawn faces, 98 landmarks, crops of 256 px, HIH's targets (64 x 64 and 8 x 8), the same kinds of
augmentation, batches of 32. Both run in this process with one thread each and take turns; a rate is faces per second
of CPU time, its median and quartiles over the repeats, and a ratio is one of medians. Reading the Parquet file, which
a training does once, is part of each of Heatmark's turns. At HIH's own batch of 16 the plain loader is a tenth or more
faster: its stacked maps are then small enough for the C library to use the same memory again.

The plain loader is this file's own, written from what is published of HIH's training (Lan et al. 2021, and the order
and the sizes of its released code): a file per face, opened by Pillow, one warp for each augmentation, landmarks
turned one by one, a Gaussian drawn for one landmark after the other into dense maps, ImageNet's normalisation, and
torch's default collate. It reads 256 px crops; Heatmark reads larger ones, with room for the augmentation.

Heatmark's batch ends in uint8 pixels and compact targets, because the device that trains normalises and renders them.
The line "and rendered" does both on this CPU core as well, so that the tensors are those of the plain loader.

With --ray it also measures what Ray Data adds to an epoch. Ray makes batches beside the training, on other cores, so
its own share is taken from batches that cost nothing to make.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import cv2
import numpy as np
import pyarrow as pa
import torch
import typer
from PIL import Image, ImageFilter
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, Dataset

from components.augment import Augment
from components.crops import crop_face
from components.images import encode_jpeg
from components.model import MEAN, STD
from components.samples import Box
from components.schemes import SCHEMES
from components.synthetic import draw_face
from pipelines.params import Params
from pipelines.preprocess import write_shard
from pipelines.runtime import cluster, command
from pipelines.runtime.tables import face_fields
from pipelines.training import batches
from pipelines.training.batches import Batch, BatchMaker, load_crops, local_batches, ray_batches
from pipelines.training.workers import batch_maker

CROP, STRIDE, DECIMAL, SIGMA, DECIMAL_SIGMA = 256, 4, 8, 1.5, 1.0
EXPAND = 1.2
SCHEME = SCHEMES["wflw98"]
# Faces fill half of a drawn picture: about 170 px here, as in WFLW's pictures.
DRAWN = 512
GOAL = 3.5
AUGMENT = Augment(
    flip=0.5, rotate=0.5, rotate_deg=30, scale=0, move=0.5, shift=29 / CROP, colour=0.2, blur=0.3, occlude=0.5
)
MARGIN = math.ceil(AUGMENT.room * 100) / 100
PARAMS: dict[str, Any] = {
    "name": "data_path",
    "dataset": {"reader": "synthetic", "folder": "synthetic", "scheme": SCHEME.name},
    "ingest": {"val_share": 0.1, "test_share": 0.1, "min_inside": 0.5},
    "preprocess": {
        "box": "landmarks", "crop": CROP, "expand": EXPAND, "margin": MARGIN, "jpeg_quality": 95,
        "faces_per_shard": 128,
    },
    "augment": vars(AUGMENT),
    "codec": {"name": "hih", "stride": STRIDE, "sigma": SIGMA, "decimal": DECIMAL, "decimal_sigma": DECIMAL_SIGMA},
    "network": {"name": "hourglass", "stacks": 4, "depth": 4, "features": 256},
    "loss": {"heatmap": "mse", "decimal_weight": 0.05},
    "train": {
        "seed": 0, "epochs": 60, "batch_size": 32, "lr": 1e-3, "weight_decay": 0.0, "warmup": 0.0, "clip_norm": 1.0,
        "ema_decay": 0.999, "evaluations": 1, "precision": "float32", "channels_last": False, "compile": False,
        "num_workers": 0, "use_gpu": False, "max_failures": 0,
    },
    "evaluate": {"protocol": "inter_ocular"},
    "promotion": {"confidence": 0.95},
}  # fmt: skip

Face = tuple[np.ndarray, np.ndarray]
Epoch = Callable[[], None]


class PlainFaces(Dataset):
    """The plain loader: one face per call, as the released code of HIH does it.

    Args:
        folder: With 000000.jpg and so on, crops of 256 px.
        landmarks: (N, K, 2), (x, y), in crop sides, edge-based: 0 and 1 are the crop's edges.
    """

    def __init__(self, folder: Path, landmarks: np.ndarray) -> None:
        self.paths = sorted(folder.glob("*.jpg"))
        self.landmarks = landmarks
        self.rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        image, landmarks = Image.open(self.paths[index]).convert("RGB"), self.landmarks[index].copy()
        for change in (translate, mirror, rotate, blur, occlude, pad):
            image, landmarks = change(image, landmarks, self.rng)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)
        pixels = (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
        heatmap, decimal = draw_maps(landmarks)
        return pixels, torch.from_numpy(heatmap), torch.from_numpy(decimal)


def translate(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """Half of the faces, by up to 29 px along each axis."""
    if rng.random() < 0.5:
        return image, landmarks
    dx, dy = (int((rng.random() - 0.5) * 60) for _ in range(2))
    return image.transform(image.size, Image.Transform.AFFINE, (1, 0, dx, 0, 1, dy)), landmarks - np.array(
        [dx, dy]
    ) / CROP


def mirror(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """Half of the faces."""
    if rng.random() < 0.5:
        return image, landmarks
    landmarks = landmarks[list(SCHEME.flip)]
    landmarks[:, 0] = 1 - landmarks[:, 0]
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), landmarks


def rotate(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """Half of the faces, by up to 30 degrees, nearest pixel; the landmarks one by one."""
    if rng.random() < 0.5:
        return image, landmarks
    angle = rng.uniform(-30, 30)
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turned = np.zeros_like(landmarks)
    for k in range(len(landmarks)):
        x, y = landmarks[k, 0] - 0.5, landmarks[k, 1] - 0.5
        turned[k, 0] = x * cos + y * sin + 0.5
        turned[k, 1] = y * cos - x * sin + 0.5
    return image.rotate(angle), turned


def blur(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """Three of ten faces, by up to 5 px."""
    if rng.random() < 0.7:
        return image, landmarks
    return image.filter(ImageFilter.GaussianBlur(rng.random() * 5)), landmarks


def occlude(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """Half of the faces, by a rectangle of one colour, up to 0.4 sides."""
    if rng.random() < 0.5:
        return image, landmarks
    pixels = np.array(image)
    height, width = (int(CROP * 0.4 * rng.random()) for _ in range(2))
    top, left = int((CROP - height - 10) * rng.random()), int((CROP - width - 10) * rng.random())
    for channel in range(3):
        pixels[top : top + height, left : left + width, channel] = int(rng.random() * 255)
    return Image.fromarray(pixels), landmarks


def pad(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """Faces that lost a landmark over the edge are padded by so much and 8 px, and squeezed back to 256 px."""
    excess = np.concatenate([-landmarks.min(axis=0), landmarks.max(axis=0) - 1]) * CROP
    if excess.max() <= 0.5:
        return image, np.clip(landmarks, 0, 1)
    left, top, right, bottom = (math.ceil(value) + 8 if value > 0.5 else 0 for value in excess)
    width, height = CROP + left + right, CROP + top + bottom
    canvas = Image.new("RGB", (width, height))
    canvas.paste(image, (left, top))
    return canvas.resize((CROP, CROP)), np.clip((landmarks * CROP + [left, top]) / [width, height], 0, 1)


def draw_maps(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (K, 2), in crop sides -> (K, 64, 64) and (K, 8, 8) float32, landmark by landmark."""
    side = CROP // STRIDE
    heatmap = np.zeros((len(landmarks), side, side), np.float32)
    decimal = np.zeros((len(landmarks), DECIMAL, DECIMAL), np.float32)
    for k, (x, y) in enumerate((landmarks * side).tolist()):
        i, j = (min(max(math.floor(value), 0), side - 1) for value in (x, y))
        draw_gaussian(heatmap[k], i, j, SIGMA)
        draw_gaussian(decimal[k], round((x - i) * DECIMAL), round((y - j) * DECIMAL), DECIMAL_SIGMA)
    return heatmap, decimal


def draw_gaussian(target: np.ndarray, x: int, y: int, sigma: float) -> None:
    """Draws a kernel of 3 sigma to either side of a cell, 10 x 10 for 1.5 and 7 x 7 for 1, cut off at the edge."""
    side, reach = len(target), 3 * sigma
    size = int(2 * reach + 1)
    left, top = math.floor(x - reach), math.floor(y - reach)
    steps = np.arange(size, dtype=np.float32)
    kernel = np.exp(-((steps - size // 2) ** 2 + (steps[:, None] - size // 2) ** 2) / (2 * sigma**2))
    x0, x1, y0, y1 = max(0, left), min(side, left + size), max(0, top), min(side, top + size)
    if x0 < x1 and y0 < y1:
        target[y0:y1, x0:x1] = kernel[y0 - top : y1 - top, x0 - left : x1 - left]


def drawn_faces(num: int) -> list[Face]:
    """Pictures (H, W, 3) uint8 RGB, each with its landmarks (K, 2), image px."""
    faces = [draw_face(0, i, DRAWN) for i in range(num)]
    return [(face.image, face.landmarks[SCHEME.name]) for face in faces]


@dataclass(frozen=True)
class Work:
    """Both loaders over the same faces."""

    folder: Path
    params: Params
    plain: DataLoader
    num_steps: int

    @classmethod
    def of(cls, faces: list[Face], folder: Path, batch: int = 32) -> Work:
        """Writes the faces below `folder`: as a shard, by the pipeline's own stage, and as a file each."""
        params = Params.model_validate(PARAMS | {"train": PARAMS["train"] | {"batch_size": batch}})
        write_parquet(faces, folder, params)
        dataset = write_files(faces, folder / "files")
        return cls(folder, params, DataLoader(dataset, batch, shuffle=True, drop_last=True), len(faces) // batch)

    @property
    def num_faces(self) -> int:
        """Of an epoch: whole batches only."""
        return self.num_steps * self.params.train.batch_size

    @property
    def maker(self) -> BatchMaker:
        return batch_maker(self.params, 0, 1)

    def run_plain(self) -> None:
        for _ in self.plain:
            pass

    def run_ours(self) -> None:
        for _ in self.batches():
            pass

    def run_dense(self) -> None:
        mean, std = (torch.tensor(value)[:, None, None] * 255 for value in (MEAN, STD))
        for batch in self.batches():
            tensors = {name: torch.from_numpy(values) for name, values in batch.items()}
            tensors["pixels"].float().sub_(mean).div_(std)
            self.maker.codec.render(tensors)

    def batches(self) -> Iterator[Batch]:
        return local_batches(self.maker, load_crops(self.folder, "train"), 0, self.num_steps)


def write_parquet(faces: list[Face], folder: Path, params: Params) -> None:
    names = [f"{i:06d}.jpg" for i in range(len(faces))]
    for name, (image, _) in zip(names, faces, strict=True):
        (folder / name).write_bytes(encode_jpeg(image, 95))
    table = pa.table(
        {
            "face": names,
            "image": names,
            "subject": names,
            "subsets": [[] for _ in names],
            "landmarks": [landmarks.ravel() for _, landmarks in faces],
        },
        pa.schema(face_fields(SCHEME.num_landmarks)),
    )
    write_shard(table, folder, folder / "train-00000-of-00001.parquet", params)


def write_files(faces: list[Face], folder: Path) -> PlainFaces:
    folder.mkdir()
    crops = [crop_face(image, Box.around(landmarks), landmarks, CROP, EXPAND) for image, landmarks in faces]
    for i, crop in enumerate(crops):
        (folder / f"{i:06d}.jpg").write_bytes(encode_jpeg(crop.pixels, 95))
    return PlainFaces(folder, (np.stack([crop.landmarks for crop in crops]).astype(np.float64) + 0.5) / CROP)


def take_turns(epochs: dict[str, Epoch], repeats: int) -> dict[str, np.ndarray]:
    """CPU seconds (repeats,) of each epoch; a first turn is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in epochs}
    for _ in range(repeats + 1):
        for name, epoch in epochs.items():
            start = time.process_time()
            epoch()
            seconds[name].append(time.process_time() - start)
    return {name: np.array(values[1:]) for name, values in seconds.items()}


def stages(work: Work, repeats: int) -> dict[str, float]:
    """CPU seconds of an epoch by stage, medians; measured around the calls that `BatchMaker.make` itself makes."""
    places = [
        ("decode", batches, "decode_own"),
        ("warp", cv2, "cvtColor"),
        ("warp", cv2, "warpAffine"),
        ("blur", cv2, "sepFilter2D"),
        ("photometrics", cv2, "LUT"),
        ("planes", cv2, "split"),
        ("draw parameters", batches, "draw_views"),
        ("targets", batches, "view_landmarks"),
        ("targets", type(work.maker.codec), "encode"),
    ]
    turns = []
    for _ in range(repeats):
        spent = {name: 0.0 for name, _, _ in places}
        with ExitStack() as stack:
            for name, owner, attribute in places:
                stack.enter_context(patch.object(owner, attribute, clocked(getattr(owner, attribute), spent, name)))
            start = time.process_time()
            work.run_ours()
            spent["read, pick, occlude"] = time.process_time() - start - sum(spent.values())
        turns.append(spent)
    return {name: float(np.median([turn[name] for turn in turns])) for name in turns[0]}


def clocked(function: Callable, spent: dict[str, float], name: str) -> Callable:
    def call(*args, **kwargs):
        start = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent[name] += time.process_time() - start

    return call


def bytes_per_face(work: Work) -> tuple[int, int]:
    """What a face hands to the training: plain, Heatmark."""
    plain = sum(tensor.nbytes for tensor in next(iter(work.plain)))
    ours = sum(values.nbytes for values in next(work.batches()).values())
    return plain // work.params.train.batch_size, ours // work.params.train.batch_size


def show_rates(work: Work, seconds: dict[str, np.ndarray], console: Console) -> None:
    faces, sizes = work.num_faces, bytes_per_face(work)
    table = Table("stored crop to batch", "faces/s/core", "quartiles", "ratio", "bytes/face", title_justify="left")
    for name, size in zip(seconds, [*sizes, sizes[0]], strict=True):
        low, median, high = np.percentile(faces / seconds[name], [25, 50, 75])
        ratio = np.median(seconds["plain loader"]) / np.median(seconds[name])
        table.add_row(name, f"{median:,.0f}", f"{low:,.0f} - {high:,.0f}", f"{ratio:.2f}", f"{size:,}")
    console.print(table)


def show_stages(work: Work, spent: dict[str, float], console: Console) -> None:
    total, faces = sum(spent.values()), work.num_faces
    table = Table("stage of Heatmark", "us/face", "share")
    for name, value in spent.items():
        table.add_row(name, f"{value / faces * 1e6:.0f}", f"{value / total:.0%}")
    console.print(table)


@dataclass(frozen=True)
class Replay(BatchMaker):
    """Gives one ready batch for every step: batches that cost nothing to make."""

    ready: Batch = field(default_factory=dict)

    def make(self, step: int, crops: pa.Table) -> Batch:
        return self.ready


RAY_STEPS = 192
# The first tasks of an execution start their processes; what follows is steady.
RAY_WARM = 64


def ray_seconds(maker: BatchMaker, crops) -> tuple[float, float]:
    """Wall seconds to the first batch, and per batch in the steady state; `crops` is a reference."""
    start = time.perf_counter()
    times = [time.perf_counter() - start for _ in ray_batches(maker, crops, 0, RAY_STEPS)]
    return times[0], (times[-1] - times[RAY_WARM]) / (RAY_STEPS - 1 - RAY_WARM)


def local_seconds(maker: BatchMaker, crops: pa.Table) -> float:
    """Wall seconds per batch in this process."""
    start = time.perf_counter()
    for _ in local_batches(maker, crops, 0, RAY_STEPS - RAY_WARM):
        pass
    return (time.perf_counter() - start) / (RAY_STEPS - RAY_WARM)


def show_ray(work: Work, console: Console) -> None:
    import ray

    crops, epoch = load_crops(work.folder, "train"), work.num_steps
    replay = Replay(**vars(work.maker), ready=work.maker.make(0, crops))
    local = {"made": local_seconds(work.maker, crops), "ready": local_seconds(replay, crops)}
    start = time.perf_counter()
    with cluster.connected(2):
        cluster_s = time.perf_counter() - start
        reference = ray.put(crops)
        first_s, made = ray_seconds(work.maker, reference)
        _, ready = ray_seconds(replay, reference)
    added = (ready - local["ready"]) * epoch * 1e3
    console.print(
        f"An epoch of {work.num_faces} faces: {local['made'] * epoch * 1e3:.0f} ms of wall time in the plain loop, "
        f"{made * epoch * 1e3:.0f} ms through Ray, whose workers make batches side by side."
    )
    console.print(
        f"Ray adds {added:.0f} ms per epoch of {work.num_faces} faces ({added / epoch:.1f} ms per batch), "
        f"once {cluster_s + first_s:.1f} s ({cluster_s:.1f} s to start it, {first_s:.1f} s to the first batch)."
    )


def main(
    faces: Annotated[int, typer.Option(help="How many are drawn; whole batches are used.", min=1)] = 128,
    repeats: Annotated[int, typer.Option(help="Turns of each side.", min=1)] = 9,
    batch: Annotated[int, typer.Option(help="Faces per batch.", min=1)] = 32,
    ray: Annotated[bool, typer.Option(help="Also measure what Ray adds to an epoch.")] = False,
) -> None:
    """Measures the way from stored crops to batches against a plain loader; exits with 1 below 3.5 times its rate."""
    if faces < batch:
        raise ValueError(f"{faces} faces are less than a batch of {batch}")
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    console = Console(width=80, highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        work = Work.of(drawn_faces(faces), Path(folder), batch)
        epochs = {"plain loader": work.run_plain, "Heatmark": work.run_ours, "and rendered": work.run_dense}
        seconds = take_turns(epochs, repeats)
        show_rates(work, seconds, console)
        show_stages(work, stages(work, repeats), console)
        if ray:
            show_ray(work, console)
    ratio = np.median(seconds["plain loader"]) / np.median(seconds["Heatmark"])
    if ratio < GOAL:
        raise ValueError(f"{ratio:.2f} times the plain loader; the goal is {GOAL}")


if __name__ == "__main__":
    command.run(main)
