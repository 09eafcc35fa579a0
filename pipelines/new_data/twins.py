"""Twins: two faces of which one is nearly the other, by their hashes. None may train, or choose, while its twin is measured."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from components.samples import Annotation
from components.text import printable
from pipelines.new_data.faces import Faces, faces_of
from pipelines.new_data.hashes import near
from pipelines.new_data.sheet import write_sheet
from pipelines.params import Params
from pipelines.runtime.environment import ROOT, STATE
from pipelines.runtime.tables import write_csv

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

    @property
    def parted(self) -> bool:
        return self.one.split != self.other.split

    def __str__(self) -> str:
        how = "the mirror image of " if self.mirrored else ""
        return f"{self.one} ({self.one.split}) is nearly {how}{self.other} ({self.other.split}), {self.bits} of 256 bits apart"


def refuse_twins(params: Params, brought: Mapping[str, Path]) -> list[str]:
    """Refuses datasets of which a face is nearly one of another dataset, or of the same folder that is brought, across the split.

    Args:
        params: The recipe; one with a single dataset has nothing beside it to compare with.
        brought: Name of a dataset -> the folder that is to be brought for it; of the others, `data/NAME` is read.

    Returns:
        What there is to say of pairs within one split.

    Raises:
        ValueError: With the nearest of the pairs; all are listed and shown in `.state/twins/`.
    """
    if len(params.datasets) == 1:
        return []
    # Those that are brought first: a pair begins with the new face.
    names = sorted(params.datasets, key=lambda name: (name not in brought, name))
    faces = {name: faces_of(name, brought.get(name, ROOT / "data" / name), params) for name in names}
    within = [pair for name in brought for pair in pairs(faces[name], faces[name])]
    across = [pair for one, other in combinations(names, 2) for pair in pairs(faces[one], faces[other])]
    found = sorted([*within, *across], key=lambda pair: pair.bits)
    parted = [pair for pair in found if pair.parted]
    if not parted:
        counts = ", ".join(f"{len(of.annotations)} faces of {name}" for name, of in faces.items())
        return [f"twins: none across the split among {counts}; {len(found)} pairs within one"]
    place = _shown(parted, params.name)
    count = "a pair of faces is" if len(parted) == 1 else f"{len(parted)} pairs of faces are"
    raise ValueError(
        f"{count} nearly the same across the split, so that a face would be measured whose twin was learnt from: {'; '.join(map(str, parted[:NUM_NAMED]))}{'; ...' if len(parted) > NUM_NAMED else ''}. Look at "
        f"{place}.jpg, and take those that {place}.csv lists out of the new folder, or give both of a pair the same subject"
    )


def count_known(folder: Path, dataset: str, params: Params) -> int | None:
    """How many faces of a folder are nearly ones that the recipe trains or chooses by; None where a dataset of it is not in data/.

    Args:
        folder: Of new faces.
        dataset: The one of the recipe's datasets that says how to read it.
        params: The recipe.
    """
    places = {name: ROOT / "data" / name for name in params.datasets}
    if not all(place.is_dir() for place in places.values()):
        return None
    new, known = faces_of(dataset, folder, params), set()
    for name, place in places.items():
        found = pairs(new, faces_of(name, place, params))
        known |= {pair.one.row for pair in found if pair.other.split != "test"}
    return len(known)


def pairs(ours: Faces, theirs: Faces) -> list[Pair]:
    """The pairs of two datasets, or within one, that are nearly the same, as they are or mirrored."""
    itself = ours is theirs
    nearest: dict[tuple[int, int], Pair] = {}
    # The mirrored last and only where there is no pair yet: a face that looks the same both ways counts once.
    for mirrored, hashes in ((False, ours.hashes), (True, ours.mirrored)):
        for row, column, bits in zip(*near(hashes, theirs.hashes, MOST_BITS), strict=True):
            if not (itself and row >= column):
                pair = Pair(Twin(ours, int(row)), Twin(theirs, int(column)), int(bits), mirrored)
                nearest.setdefault((pair.one.row, pair.other.row), pair)
    return list(nearest.values())


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
