"""The plain loader: what is published of HIH's training, face by face and landmark by landmark.

A file per face, opened by Pillow, one warp for each augmentation, landmarks turned one by one, a Gaussian drawn for one
landmark after the other into dense maps, ImageNet's normalisation.

Reference: Lan et al., "HIH", 2021 (arXiv 2104.03100 v2), and the order and the sizes of its released code.
"""

from __future__ import annotations

import copy
import math
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch.utils.data import Dataset

from components.codecs import Codec, Hih
from components.model import MEAN, STD

Face = tuple[Image.Image, np.ndarray]


class PlainFaces(Dataset):
    """One face per call, as the released code of HIH does it.

    Args:
        folder: With 000000.jpg and so on, square crops.
        landmarks: (N, K, 2), (x, y), in crop sides, edge-based: 0 and 1 are the crop's edges.
        flip: K indices, the scheme's permutation.
        codec: Whose maps are drawn: a Gaussian a landmark, and for HIH's decimal map a second one.
    """

    def __init__(self, folder: Path, landmarks: np.ndarray, flip: tuple[int, ...], codec: Codec) -> None:
        self.paths, self.landmarks, self.codec = sorted(folder.glob("*.jpg")), landmarks, codec
        self.changes = (translate, partial(mirror, list(flip)), rotate, blur, occlude, pad)
        self.num_bins, self.pictures = bins_of(codec), list[Image.Image]()
        self.rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.paths)

    def picture(self, index: int) -> Image.Image:
        return self.pictures[index] if self.pictures else Image.open(self.paths[index]).convert("RGB")

    def in_memory(self) -> PlainFaces:
        """The same faces, opened once and kept."""
        kept = copy.copy(self)
        kept.pictures = [self.picture(index) for index in range(len(self))]
        return kept

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        image, landmarks = self.picture(index), self.landmarks[index].copy()
        for change in self.changes:
            image, landmarks = change(image, landmarks, self.rng)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)
        pixels = (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
        return pixels, *map(torch.from_numpy, draw_maps(landmarks, self.codec, self.num_bins))


def translate(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> Face:
    """Half of the faces, by up to 29 px along each axis."""
    if rng.random() < 0.5:
        return image, landmarks
    dx, dy = (int((rng.random() - 0.5) * 60) for _ in range(2))
    moved = landmarks - np.array([dx, dy]) / image.width
    return image.transform(image.size, Image.Transform.AFFINE, (1, 0, dx, 0, 1, dy)), moved


def mirror(flip: list[int], image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> Face:
    """Half of the faces."""
    if rng.random() < 0.5:
        return image, landmarks
    landmarks = landmarks[flip]
    landmarks[:, 0] = 1 - landmarks[:, 0]
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), landmarks


def rotate(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> Face:
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


def blur(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> Face:
    """Three of ten faces, by up to 5 px."""
    if rng.random() < 0.7:
        return image, landmarks
    return image.filter(ImageFilter.GaussianBlur(rng.random() * 5)), landmarks


def occlude(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> Face:
    """Half of the faces, by a rectangle of one colour, up to 0.4 sides."""
    if rng.random() < 0.5:
        return image, landmarks
    pixels, side = np.array(image), image.width
    height, width = (int(side * 0.4 * rng.random()) for _ in range(2))
    top, left = int((side - height - 10) * rng.random()), int((side - width - 10) * rng.random())
    for channel in range(3):
        pixels[top : top + height, left : left + width, channel] = int(rng.random() * 255)
    return Image.fromarray(pixels), landmarks


def pad(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> Face:
    """Faces that lost a landmark over the edge are padded by so much and 8 px, and squeezed back to their size."""
    side = image.width
    excess = np.concatenate([-np.nanmin(landmarks, axis=0), np.nanmax(landmarks, axis=0) - 1]) * side
    if excess.max() <= 0.5:
        return image, np.clip(landmarks, 0, 1)
    left, top, right, bottom = (math.ceil(value) + 8 if value > 0.5 else 0 for value in excess)
    width, height = side + left + right, side + top + bottom
    canvas = Image.new("RGB", (width, height))
    canvas.paste(image, (left, top))
    return canvas.resize((side, side)), np.clip((landmarks * side + [left, top]) / [width, height], 0, 1)


def bins_of(codec: Codec) -> int:
    """Along each axis of the codec's decimal map; 0 where it has none."""
    targets = codec.encode(np.zeros((1, 1, 2), np.float32), np.ones((1, 1), bool))
    maps = codec.render({name: torch.from_numpy(values) for name, values in targets.items()})
    return maps["decimal"].shape[-1] if "decimal" in maps else 0


def draw_maps(landmarks: np.ndarray, codec: Codec, num_bins: int) -> list[np.ndarray]:
    """Landmarks (K, 2), in crop sides -> (K, h, w) and, if there are bins, (K, bins, bins), float32, one by one.

    Nothing is drawn for a landmark without a position.
    """
    side = codec.side
    heatmap = np.zeros((len(landmarks), side, side), np.float32)
    decimal = np.zeros((len(landmarks), num_bins, num_bins), np.float32)
    for k, (x, y) in enumerate((landmarks * side).tolist()):
        if math.isnan(x):
            continue
        i, j = (min(max(math.floor(value), 0), side - 1) for value in (x, y))
        draw_gaussian(heatmap[k], i, j, codec.sigma)
        if num_bins and isinstance(codec, Hih):
            draw_gaussian(decimal[k], round((x - i) * num_bins), round((y - j) * num_bins), codec.decimal_sigma)
    return [heatmap, decimal] if num_bins else [heatmap]


def draw_gaussian(target: np.ndarray, x: int, y: int, sigma: float) -> None:
    """Draws a kernel of 3 sigma to either side of a cell, 10 x 10 for 1.5 and 7 x 7 for 1, cut off at the edge."""
    side, half = len(target), 3 * sigma
    size = int(2 * half + 1)
    left, top = math.floor(x - half), math.floor(y - half)
    steps = np.arange(size, dtype=np.float32)
    kernel = np.exp(-((steps - size // 2) ** 2 + (steps[:, None] - size // 2) ** 2) / (2 * sigma**2))
    x0, x1, y0, y1 = max(0, left), min(side, left + size), max(0, top), min(side, top + size)
    if x0 < x1 and y0 < y1:
        target[y0:y1, x0:x1] = kernel[y0 - top : y1 - top, x0 - left : x1 - left]
