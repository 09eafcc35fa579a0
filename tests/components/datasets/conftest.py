"""Tiny datasets of every format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.images import encode_jpeg
from components.schemes import Scheme


@pytest.fixture(scope="session")
def picture() -> bytes:
    return encode_jpeg(np.full((40, 60, 3), 128, np.uint8), 90)


@pytest.fixture(scope="session")
def landmarks_of() -> Callable[[Scheme, int], np.ndarray]:
    """Landmarks (K, 2) of the face with this number, 0-based, exact in float32 and in three decimals."""

    def make(scheme: Scheme, face: int) -> np.ndarray:
        return (np.arange(2 * scheme.num_landmarks).reshape(-1, 2) / 8 + face).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def write_pts() -> Callable[..., None]:
    """Writes landmarks (K, 2), 0-based, as 300-W does: 1-based, with or without a header."""

    def write(path: Path, landmarks: np.ndarray, header: bool = True) -> None:
        lines = [f"{x + 1:.3f} {y + 1:.3f}" for x, y in landmarks.tolist()]
        if header:
            lines = ["version: 1", f"n_points: {len(landmarks)}", "{", *lines, "}"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    return write


@pytest.fixture(scope="session")
def writers(picture: bytes, landmarks_of: Callable, write_pts: Callable) -> dict[str, Callable[[Path, Scheme], None]]:
    """Key in DATASETS -> writes three faces into a folder. A dataset that is added needs one here."""

    def pictures(root: Path, names: list[str]) -> None:
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(picture)

    def write_300w(root: Path, scheme: Scheme) -> None:
        names = ["afw/7_1", "afw/7_2", "lfpw/testset/image_0001"]
        pictures(root, [f"{name}.jpg" for name in names])
        for i, name in enumerate(names):
            write_pts(root / f"{name}.pts", landmarks_of(scheme, i))

    def write_csv(root: Path, scheme: Scheme) -> None:
        header = ["image", *(f"{axis}{k}" for k in range(scheme.num_landmarks) for axis in "xy")]
        rows = [[f"b/{i}.jpg", *map(str, landmarks_of(scheme, i).ravel().tolist())] for i in range(3)]
        pictures(root, [row[0] for row in rows])
        (root / "faces.csv").write_text("\n".join(",".join(row) for row in [header, *rows]) + "\n", encoding="utf-8")

    def write_synthetic(root: Path, scheme: Scheme) -> None:
        names = [f"images/{i:06d}.jpg" for i in range(3)]
        pictures(root, names)
        rows = [
            {
                "image": name,
                "landmarks": landmarks_of(scheme, i).tolist(),
                "visible": [True] * scheme.num_landmarks,
                "subject": f"person{i}",
                "subsets": ["frontal"],
            }
            for i, name in enumerate(names)
        ]
        (root / f"{scheme.name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    return {"300w": write_300w, "csv": write_csv, "synthetic": write_synthetic}
