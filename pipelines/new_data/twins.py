"""Twins: two faces of which one is nearly the other, by their hashes. None may train, or choose, while its twin is measured."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from components.samples import Annotation
from components.text import printable
from pipelines.new_data.faces import Faces, faces_of
from pipelines.new_data.hashes import near
from pipelines.new_data.sheet import write_sheet
from pipelines.params import Params
from pipelines.runtime.environment import ROOT, STATE
from pipelines.runtime.tables import RESERVE, write_csv

# Of 256. `heatmark study twins` has what it was chosen by: docs/new_data.md.
MOST_BITS = 48
NUM_NAMED = 3


class Twin(NamedTuple):
    """A face of a pair.

    Attributes:
        faces: The dataset that it is of.
        row: Which of its faces.
    """

    faces: Faces
    row: int

    @property
    def split(self) -> str:
        return self.faces.splits[self.row]

    @property
    def annotation(self) -> Annotation:
        return self.faces.annotations[self.row]

    def __str__(self) -> str:
        return printable(f"{self.faces.dataset}/{self.annotation.face}")


class Pair(NamedTuple):
    """Two faces that are nearly the same.

    Attributes:
        one, other: The faces; the first is the new one.
        bits: In how many of 256 their hashes differ.
        mirrored: Whether the one is nearly the other's mirror image.
    """

    one: Twin
    other: Twin
    bits: int
    mirrored: bool

    def __str__(self) -> str:
        how = "the mirror image of " if self.mirrored else ""
        return f"{self.one} ({self.one.split}) is nearly {how}{self.other} ({self.other.split}), {self.bits} of 256 bits apart"


class Pairs(NamedTuple):
    """All pairs of two datasets, or within one, that are nearly the same, as they are or mirrored; (P,) each.

    Attributes:
        row, column: Which faces of the one and of the other.
        bits: How far they are apart.
        mirrored: Whether the one is nearly the other's mirror image.
        parted: Whether they fall into two splits.
    """

    row: np.ndarray
    column: np.ndarray
    bits: np.ndarray
    mirrored: np.ndarray
    parted: np.ndarray


def refuse_twins(params: Params, brought: Mapping[str, Path]) -> list[str]:
    """Refuses datasets of which a face is nearly one of another dataset, or of the same folder that is brought, across the split.

    Args:
        params: The recipe; one with a single dataset has nothing beside it to compare with.
        brought: Name of a dataset -> the folder that is to be brought for it; of the others, `data/NAME` is read.

    Returns:
        What there is to say of it where none is.

    Raises:
        ValueError: With the nearest; all such faces are listed, and some shown, in `.state/twins/`.
    """
    if len(params.datasets) == 1:
        return []
    # Those that are brought first: a pair begins with the new face.
    names = sorted(params.datasets, key=lambda name: (name not in brought, name))
    faces = {name: faces_of(name, brought.get(name, ROOT / "data" / name), params) for name in names}
    beside = [(name, name) for name in brought] + list(combinations(names, 2))
    compared = [(faces[one], faces[other], pairs(faces[one], faces[other])) for one, other in beside]
    parted = sorted((pair for each in compared for pair in nearest_parted(*each)), key=lambda pair: pair.bits)
    if parted:
        raise _refusal(parted, params.name)
    within = sum(len(np.unique(found.row)) for _, _, found in compared)
    counts = ", ".join(f"{len(of.annotations)} faces of {name}" for name, of in faces.items())
    return [f"twins: none across the split among {counts}; {within} have one within it"]


def count_known(folder: Path, dataset: str, params: Params) -> int | None:
    """How many faces of a folder are nearly ones that the recipe trains or chooses by; None where its data is not in data/.

    The dataset that the folder is read as may be missing: before it is brought for the first time, it is.

    Args:
        folder: Of new faces.
        dataset: The one of the recipe's datasets that says how to read it.
        params: The recipe.
    """
    places = {name: ROOT / "data" / name for name in params.datasets}
    there = {name: place for name, place in places.items() if place.is_dir()}
    if not there or places.keys() - there.keys() - {dataset}:
        return None
    new = faces_of(dataset, folder, params)
    known: set[int] = set()
    for name, place in there.items():
        old = faces_of(name, place, params)
        found = pairs(new, old)
        seen = ~np.isin(np.array(old.splits)[found.column], ("test", RESERVE))
        known |= set(found.row[seen].tolist())
    return len(known)


def pairs(ours: Faces, theirs: Faces) -> Pairs:
    """The pairs of two datasets, or within one, each once."""
    found = [near(hashes, theirs.hashes, MOST_BITS) for hashes in (ours.hashes, ours.mirrored)]
    row, column, bits = (np.concatenate(parts) for parts in zip(*found, strict=True))
    mirrored = np.repeat([False, True], [len(rows) for rows, _, _ in found])
    parted = np.array(ours.splits, str)[row] != np.array(theirs.splits, str)[column]
    every = Pairs(row, column, bits, mirrored, parted)
    # Within one dataset, not a face and itself, nor both ways.
    once = row < column if ours is theirs else np.ones(len(row), bool)
    return Pairs(*(values[once] for values in every))


def nearest_parted(ours: Faces, theirs: Faces, found: Pairs) -> list[Pair]:
    """Of each of our faces that has a twin in another split, the nearest: a film's frames would make a million pairs."""
    order = np.lexsort((found.mirrored, found.bits, found.row))
    order = order[found.parted[order]]
    first = order[np.unique(found.row[order], return_index=True)[1]]
    chosen = (values[first].tolist() for values in found[:4])
    return [
        Pair(Twin(ours, row), Twin(theirs, column), bits, turned)
        for row, column, bits, turned in zip(*chosen, strict=True)
    ]


def _refusal(parted: list[Pair], name: str) -> ValueError:
    place = _shown(parted, name)
    count = "a face is nearly another" if len(parted) == 1 else f"{len(parted)} faces are nearly others"
    named = "; ".join(map(str, parted[:NUM_NAMED])) + ("; ..." if len(parted) > NUM_NAMED else "")
    return ValueError(
        f"{count} across the split, so that one would be measured whose twin was learnt from: {named}. Look at {place}.jpg, and "
        f"take those that {place}.csv lists first out of the new folder, or give both of a pair the same subject"
    )


def _shown(parted: list[Pair], name: str) -> Path:
    """Writes a table of the pairs, and a picture of the nearest; gives their place, without a suffix."""
    place = STATE / "twins" / name
    header = ("bits", "mirrored", "new", "new_split", "other", "other_split")
    rows = [
        (pair.bits, "yes" if pair.mirrored else "no", pair.one, pair.one.split, pair.other, pair.other.split)
        for pair in parted
    ]
    write_csv(place.with_name(f"{name}.csv"), header, rows)
    write_sheet(place.with_name(f"{name}.jpg"), parted)
    return place.relative_to(ROOT)
