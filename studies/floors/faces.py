"""The faces of the quantisation study: the landmarks of an annotations table, or of any dataset that can be read."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from components.configuration import check_known
from components.datasets import DATASETS
from components.metrics import PROTOCOLS, check_protocol
from components.metrics.errors import check_normaliser
from components.schemes import SCHEMES, Scheme
from pipelines.runtime.tables import from_column, read_table

# What is meant where a title says no other protocol.
USUAL = "inter_ocular"


class Faces(NamedTuple):
    """Where landmarks really are.

    Attributes:
        landmarks: (N, K, 2), (x, y), image px; NaN where one has no position.
        scheme: Of the landmarks.
        expand: Side of the square crop, in longer sides of the landmarks' box.
        protocol: Key in `PROTOCOLS`: what their errors are divided by.
    """

    landmarks: np.ndarray
    scheme: Scheme
    expand: float
    protocol: str = USUAL

    @property
    def normaliser(self) -> np.ndarray:
        """(N,), image px."""
        return PROTOCOLS[self.protocol].normalise(self.landmarks, self.scheme)

    @property
    def about(self) -> str:
        """For the titles of what is measured on them."""
        faces = f"{len(self.landmarks)} faces, {self.scheme.name}, crops of {self.expand:g} longer sides"
        return faces if self.protocol == USUAL else f"{faces}, {self.protocol}"


def load_faces(
    annotations: Path | None,
    dataset: str | None,
    folder: Path | None,
    scheme: str | None,
    protocol: str,
    expand: float,
    count: int,
) -> Faces | None:
    """Faces from a table or from a dataset's folder, at most `count` of them, evenly over its order; or None.

    Raises:
        ValueError: Options that do not go together, a place without faces, a markup that is not known, or a protocol
            that does not fit the faces or cannot measure one of them.
    """
    if annotations is not None and (dataset or folder):
        raise ValueError("faces come from --annotations or from --dataset and --folder, not from both")
    if (dataset is None) != (folder is None):
        raise ValueError("--dataset and --folder go together")
    if not expand > 1 or count < 1:
        raise ValueError(f"an expand is above 1, and at least one face is measured; got {expand:g}, {count}")
    check_known(PROTOCOLS, "protocol", protocol)
    if annotations is not None:
        landmarks, markup = read_annotations(annotations, scheme)
    elif dataset is not None and folder is not None:
        landmarks, markup = read_dataset(dataset, folder, scheme)
    else:
        return None
    chosen = np.linspace(0, len(landmarks) - 1, min(count, len(landmarks))).round().astype(int)
    check_protocol(protocol, dataset or "a table", markup.name, "landmarks")
    faces = Faces(landmarks[chosen], markup, expand, protocol)
    check_normaliser(faces.normaliser)
    print(f"floors: of {len(landmarks)} faces: {faces.about}", flush=True)
    return faces


def read_annotations(path: Path, scheme: str | None) -> tuple[np.ndarray, Scheme]:
    """Landmarks (N, K, 2), image px, of a table of faces, and their scheme: the named one, else the one with K.

    Raises:
        ValueError: No such table, no landmarks or no faces in it, or no such scheme.
    """
    table = read_table(path)
    kind = table.schema.field("landmarks").type if "landmarks" in table.column_names else None
    if kind is None or not hasattr(kind, "list_size") or not len(table):
        raise ValueError(f"{path}: expected a row of landmarks per face, as pipelines.ingest writes them")
    num_landmarks = kind.list_size // 2
    fitting = [known for known in SCHEMES.values() if known.num_landmarks == num_landmarks]
    chosen = [known for known in fitting if scheme in (None, known.name)]
    if not chosen:
        raise ValueError(
            f"{path}: no scheme {scheme or ''} of {num_landmarks} landmarks; known: "
            + ", ".join(f"{known.name} ({known.num_landmarks})" for known in SCHEMES.values())
        )
    return from_column(table, "landmarks", num_landmarks, 2).astype(np.float64), chosen[0]


def read_dataset(name: str, folder: Path, scheme: str | None) -> tuple[np.ndarray, Scheme]:
    """Landmarks (N, K, 2), image px, of every face in a dataset's folder, and their scheme.

    Raises:
        ValueError: Unknown dataset or scheme, or a record that cannot be read.
    """
    check_known(DATASETS, "dataset", name)
    markup = check_known(SCHEMES, "scheme", DATASETS[name].scheme(scheme))
    landmarks = [annotation.landmarks for annotation in DATASETS[name].read(folder, markup)]
    return np.stack(landmarks).astype(np.float64), SCHEMES[markup]
