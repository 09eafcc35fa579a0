"""The faces of a dataset's folder before it is ingested: whose they are, which split they fall into, and what they look like.

A hash is kept in `.state/faces.db` under the name, size and time of its picture's file and the face's landmarks: only
pictures that are new are opened.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from components.datasets import DATASETS
from components.samples import Annotation
from components.schemes import SCHEMES
from components.text import printable
from pipelines.new_data.hashes import BYTES, MADE, hash_faces, one_thread
from pipelines.params import Params, SourceParams
from pipelines.runtime.environment import STATE
from pipelines.runtime.processes import in_order, processes
from pipelines.runtime.progress import Progress
from pipelines.splits import splits_of

KEPT = STATE / "faces.db"
# Faces of a worker's piece of work; so many or fewer are hashed before a worker has started.
AT_ONCE = 64


class Faces(NamedTuple):
    """The faces of a folder that the recipe would use.

    Attributes:
        dataset: The folder's name among the recipe's datasets.
        folder: Where they lie.
        reader: Of the dataset.
        annotations: One each, in the reader's order.
        splits: Which each falls into.
        hashes: (N, BYTES) uint8.
        mirrored: The same of their mirror images.
    """

    dataset: str
    folder: Path
    reader: str
    annotations: list[Annotation]
    splits: list[str]
    hashes: np.ndarray
    mirrored: np.ndarray


def faces_of(dataset: str, folder: Path, params: Params) -> Faces:
    """Reads and hashes all faces of a folder, as the recipe reads that dataset; those that it cannot read are left to ingest.

    Raises:
        ValueError: The folder holds nothing that the reader knows.
    """
    source = params.source(dataset)
    keys = {key: face for face in _annotations(folder, source) if (key := _key(folder, face))}
    known = _known(keys)
    known |= _look({key: face for key, face in keys.items() if key not in known}, dataset, folder, source)
    read = {key: face for key, face in keys.items() if known[key]}
    # By names as ingest writes them, which splits by them.
    subjects = [printable(face.subject) for face in read.values()]
    splits = splits_of(subjects, [face.split for face in read.values()], params, source)
    # Of one that only trains, nothing uses the benchmark's own test faces.
    used = [item for item in zip(read.items(), splits, strict=True) if source.held_out or item[1] != "test"]
    both = np.frombuffer(b"".join(known[key] for (key, _), _ in used), np.uint8).reshape(len(used), 2, BYTES)
    annotations, held = [face for (_, face), _ in used], [split for _, split in used]
    return Faces(dataset, folder, source.reader, annotations, held, both[:, 0], both[:, 1])


def _annotations(folder: Path, source: SourceParams) -> Iterator[Annotation]:
    """The faces whose record can be read."""
    dataset, scheme = DATASETS[source.reader], SCHEMES[source.scheme]
    for record in dataset.records(folder, scheme):
        try:
            if not record.problem:
                yield dataset.parse(folder, scheme, record)
        except (ValueError, OSError, RecursionError):  # ingest rejects it, and says why
            continue


def _key(folder: Path, face: Annotation) -> bytes:
    """16 bytes of all that a hash is made of, as far as can be told without opening the picture; none where it is missing."""
    # Of a picture within a file, FILE#VARIABLE/NUMBER, it is the file's.
    places = [folder / face.image, folder / face.image.partition("#")[0]]
    if not (place := next(filter(Path.is_file, places), None)):
        return b""
    stat = place.stat()
    what = [str(folder.resolve()), face.face, face.image, str(stat.st_size), str(stat.st_mtime_ns), MADE]
    return hashlib.blake2b(os.fsencode("\0".join(what)) + face.landmarks.tobytes(), digest_size=16).digest()


def _opened() -> sqlite3.Connection:
    KEPT.parent.mkdir(exist_ok=True)
    kept = sqlite3.connect(KEPT, timeout=60)
    kept.execute("CREATE TABLE IF NOT EXISTS hashes (key BLOB PRIMARY KEY, hash BLOB) WITHOUT ROWID")
    return kept


def _known(keys: Iterable[bytes]) -> dict[bytes, bytes]:
    """Key -> hash of face and mirror image, of those that were looked at before; empty of a face that could not be read."""
    with closing(_opened()) as kept:
        rows = (kept.execute("SELECT key, hash FROM hashes WHERE key = ?", (key,)).fetchone() for key in keys)
        return dict(filter(None, rows))


def _look(new: dict[bytes, Annotation], dataset: str, folder: Path, source: SourceParams) -> dict[bytes, bytes]:
    """The same of faces that are looked at for the first time; keeps what it finds as it goes."""
    faces = [(face.image, face.landmarks) for face in new.values()]
    blocks = [faces[first : first + AT_ONCE] for first in range(0, len(faces), AT_ONCE)]
    progress, keys = Progress(f"faces of {dataset}", len(faces), "faces"), iter(new)
    found: dict[bytes, bytes] = {}
    with closing(_opened()) as kept:
        for hashes in _hashed(blocks, partial(hash_faces, folder=folder, reader=source.reader)):
            rows = {next(keys): each for each in hashes}
            with kept:
                kept.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?)", rows.items())
            found |= rows
            progress.advance(len(hashes))
    return found


def _hashed(blocks: list, look: partial) -> Iterator[list[bytes]]:
    if len(blocks) <= 1:
        yield from map(look, blocks)
        return
    count = min(os.cpu_count() or 1, len(blocks))
    with processes(count, one_thread) as pool:
        yield from in_order(pool, look, blocks, 4 * count)
