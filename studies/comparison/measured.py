"""What the trainings found on the test faces, as a small file keeps it when models and crops are gone.

The file is JSON Lines: a line about the faces, then one for each training. It goes into git, so that tables can be printed
anew, and trainings of another day be held against these face by face.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from components.metrics import PROTOCOLS
from components.metrics.summary import members_of
from pipelines.runtime.outputs import whole_file
from studies.trainings.results import Results

Key = tuple[str, int, int]  # variant, seed, epochs of the single views


@dataclass(frozen=True)
class Faces:
    """The test faces that all are measured on, and how.

    Attributes:
        recipe: Name of the base recipe.
        scheme: Name of the markup.
        protocol: Its name; `protocol_hash` tells whether numbers compare.
        faces: Their names.
        subsets: Of each face.
    """

    recipe: str
    scheme: str
    protocol: str
    protocol_hash: str
    faces: tuple[str, ...]
    subsets: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, results: Results) -> Faces:
        """Those that the protocol measures."""
        params, faces = results.params, results.faces.filter(pa.array(results.measured))
        protocol = PROTOCOLS[params.evaluate.protocol]
        names, subsets = faces.column("face").to_pylist(), faces.column("subsets").to_pylist()
        return cls(params.name, params.scheme, protocol.name, protocol.hash, tuple(names), tuple(map(tuple, subsets)))


@dataclass(frozen=True)
class Measured:
    """One training.

    Attributes:
        variant: Its name in `VARIANTS`.
        seed: Of the training.
        epochs: Of a variant that trains on one view, in that comparison.
        disagreement: Of two views of a face, % of the normaliser.
        decoder: Of the variant.
        errors: Decoder -> NME of each face, %.
    """

    variant: str
    seed: int
    epochs: int
    disagreement: float
    decoder: str
    errors: dict[str, tuple[float, ...]]

    @property
    def key(self) -> Key:
        return self.variant, self.seed, self.epochs


@dataclass(frozen=True)
class Kept:
    """The content of such a file."""

    faces: Faces
    trainings: dict[Key, Measured]

    @classmethod
    def read(cls, path: Path) -> Kept:
        """Reads what `write` wrote.

        Raises:
            ValueError: The file is not there, or is none such.
        """
        try:
            first, *rest = path.read_text(encoding="utf-8").splitlines() or [""]
        except OSError as error:
            raise ValueError(f"{path}: {error.strerror}; `measure` writes it") from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is nothing that `measure` wrote: it is no text") from error
        try:
            faces, trainings = FACES.validate_json(first), [TRAINING.validate_json(line) for line in rest]
        except ValidationError as error:
            wrong = error.errors()[0]
            place = ".".join(map(str, wrong["loc"])) or "a line"
            raise ValueError(f"{path} is nothing that `measure` wrote: {place}: {wrong['msg']}") from error
        for one in trainings:
            if any(len(errors) != len(faces.faces) for errors in one.errors.values()):
                raise ValueError(
                    f"{path} has {len(faces.faces)} faces, and another number of errors of {one.variant!r}"
                )
        return cls(faces, {one.key: one for one in trainings})

    def with_one(self, training: Measured) -> Kept:
        """With one more, or with another in the place of one of the same variant, seed and epochs."""
        return Kept(self.faces, {**self.trainings, training.key: training})

    def write(self, path: Path) -> None:
        lines = [
            FACES.dump_json(self.faces),
            *(TRAINING.dump_json(self.trainings[key]) for key in sorted(self.trainings)),
        ]
        with whole_file(path) as partial:
            partial.write_bytes(b"".join(line + b"\n" for line in lines))

    def members(self) -> Iterator[tuple[str, np.ndarray]]:
        """Each subset that is not all of the faces, and which faces are in it (N,)."""
        for name, chosen in members_of(self.faces.subsets).items():
            if not chosen.all():
                yield name, chosen


FACES, TRAINING = TypeAdapter(Faces), TypeAdapter(Measured)
