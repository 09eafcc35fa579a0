"""Tiny datasets of every format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

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
def write_hdf5() -> Callable[..., None]:
    """Writes variables as MATLAB 7.3 does: arrays transposed, cell arrays (lists) as references."""

    def write(path: Path, **variables: np.ndarray | list) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w", userblock_size=512) as mat:
            for name, value in variables.items():
                if isinstance(value, np.ndarray):
                    mat[name] = value.T
                    continue
                cells = mat.create_dataset(name, (1, len(value)), h5py.ref_dtype)  # n x 1 in MATLAB
                for i, item in enumerate(value):
                    content = np.array([list(map(ord, item))], np.uint16) if isinstance(item, str) else item
                    cells[0, i] = mat.create_dataset(f"#refs#/{name}{i}", data=content.T).ref
        with path.open("r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512, b"\0"))

    return write


@pytest.fixture(scope="session")
def write_cofw(write_hdf5: Callable) -> Callable[..., None]:
    """Writes landmarks (n, 29, 2), 0-based, with flags (n, 29), boxes (n, 4) as x y w h and pictures, as COFW does."""

    def write(path: Path, suffix: str, landmarks: np.ndarray, **given) -> None:
        count = len(landmarks)
        flags = np.asarray(given.get("flags", np.zeros((count, 29))))
        boxes = np.asarray(given.get("boxes", np.tile([5.0, 6.0, 20.0, 30.0], (count, 1))))
        pictures = given.get("pictures", [np.full((40, 60, 3), 128, np.uint8)] * count)
        phis = np.concatenate([landmarks[..., 0] + 1, landmarks[..., 1] + 1, flags], axis=1)
        write_hdf5(path, **{f"Is{suffix}": pictures, f"bboxes{suffix}": boxes, f"phis{suffix}": phis})

    return write


@pytest.fixture(scope="session")
def write_aflw19() -> Callable[..., None]:
    """Writes `AFLWinfo_release.mat`; of what is not given, something that fits the landmarks (n, 19, 2), 0-based."""

    def write(root: Path, landmarks: np.ndarray, without: str | None = None, **given) -> None:
        count = len(landmarks)
        names = np.empty((count, 1), object)
        for i, name in enumerate(given.pop("names", [f"0/image{i:05d}.jpg" for i in range(count)])):
            names[i, 0] = name
        variables = {
            "nameList": names,
            "bbox": np.tile([5.0, 25.0, 6.0, 36.0], (count, 1)),
            "data": np.concatenate([landmarks[..., 0], landmarks[..., 1]], axis=1).astype(np.float64),
            "mask_new": np.ones((count, 19), np.uint8),
            "ra": np.arange(1.0, count + 1)[None],
            **given,
        }
        scipy.io.savemat(root / "AFLWinfo_release.mat", {k: v for k, v in variables.items() if k != without})

    return write


@pytest.fixture(scope="session")
def wflw_line() -> Callable[..., str]:
    """A line of WFLW's lists, of landmarks (98, 2), 0-based, exact in six decimals."""

    def line(
        landmarks: np.ndarray, name: str, box: str = "10 20 110 140", attributes: tuple[int, ...] = (0, 0, 0, 0, 0, 0)
    ) -> str:
        return " ".join([*(f"{value:.6f}" for value in landmarks.ravel()), box, *map(str, attributes), name])

    return line


@pytest.fixture(scope="session")
def writers(
    picture: bytes,
    landmarks_of: Callable,
    write_pts: Callable,
    write_cofw: Callable,
    write_aflw19: Callable,
    wflw_line: Callable,
) -> dict[str, Callable[[Path, Scheme], None]]:
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

    def write_300w_lp(root: Path, scheme: Scheme) -> None:
        names = ["AFW/AFW_7_1_0", "AFW_Flip/AFW_7_1_0", "LFPW/LFPW_image_train_0001_3"]
        pictures(root, [f"{name}.jpg" for name in names])
        for i, name in enumerate(names):
            scipy.io.savemat(root / f"{name}.mat", {"pt2d": landmarks_of(scheme, i).T.astype(np.float64) + 1})

    def write_merl_rav(root: Path, scheme: Scheme) -> None:
        names = ["frontal/trainset/labels/image00002", "frontal/testset/labels/image00007_1"]
        names.append("lefthalf/testset/labels/image00007_2")
        pictures(root, ["aflw/flickr/0/image00002.jpg", "aflw/flickr/3/image00007.jpg"])
        # The signs have tests of their own.
        for i, name in enumerate(names):
            write_pts(root / f"merl_rav_labels/{name}.pts", landmarks_of(scheme, i))

    def write_aflw(root: Path, scheme: Scheme) -> None:
        pictures(root, [f"flickr/0/image{i:05d}.jpg" for i in range(3)])
        write_aflw19(root, np.stack([landmarks_of(scheme, i) for i in range(3)]))

    def write_cofw_29(root: Path, scheme: Scheme) -> None:
        faces = np.stack([landmarks_of(scheme, i) for i in range(3)]).astype(np.float64)
        write_cofw(root / "COFW_train_color.mat", "Tr", faces[:1])
        write_cofw(root / "COFW_test_color.mat", "T", faces[1:])

    def write_cofw68(root: Path, scheme: Scheme) -> None:
        write_cofw(root / "COFW_test_color.mat", "T", np.zeros((3, 29, 2)))
        for i in range(3):
            points = {"Points": landmarks_of(scheme, i).astype(np.float64) + 1, "Occ": np.zeros((1, 68), np.uint8)}
            scipy.io.savemat(root / f"{i + 1}_points.mat", points)
        scipy.io.savemat(root / "cofw68_test_bboxes.mat", {"bboxes": np.full((3, 4), 7, np.int16)})

    def write_wflw(root: Path, scheme: Scheme) -> None:
        lists = root / "WFLW_annotations/list_98pt_rect_attr_train_test"
        lists.mkdir(parents=True)
        pictures(root, [f"WFLW_images/{name}.jpg" for name in ("a/1", "a/2")])
        # Two faces of one picture.
        lines = [wflw_line(landmarks_of(scheme, i), f"a/{(1, 1, 2)[i]}.jpg") for i in range(3)]
        (lists / "list_98pt_rect_attr_train.txt").write_text("\n".join(lines[:2]) + "\n")
        (lists / "list_98pt_rect_attr_test.txt").write_text(lines[2] + "\n")

    return {
        "300w": write_300w,
        "300w_lp": write_300w_lp,
        "aflw19": write_aflw,
        "cofw": write_cofw_29,
        "cofw68": write_cofw68,
        "csv": write_csv,
        "merl_rav": write_merl_rav,
        "synthetic": write_synthetic,
        "wflw": write_wflw,
    }
