"""Where the faces of a picture are: boxes that somebody gives, the whole picture, or what a detector sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

from components.boxes import whole
from components.model_file import sha256
from pipelines.serving.boxes import read_boxes
from pipelines.serving.detector import Detector
from pipelines.serving.inputs import Input


class Where(Protocol):
    """Says in which boxes of a picture faces are to be found.

    Attributes:
        said: For people.
        identity: Two of equal identity say the same.
    """

    @property
    def said(self) -> str: ...

    @property
    def identity(self) -> str: ...

    def wanted(self, source: Input) -> int:
        """How much work a picture is likely to be, in faces; one without any counts as well."""

    def boxes(self, source: Input, pixels: np.ndarray) -> np.ndarray:
        """Boxes (F, 4), x0 y0 x1 y1, image px, of a picture (H, W, 3) uint8 RGB.

        Raises:
            ValueError: There is none.
        """

    def among(self, sources: list[Input]) -> Where:
        """The same of a few pictures, small enough to be sent with them to another process."""


class Whole:
    """Each picture is one face's box."""

    said = identity = "each whole one as a face's box"

    def wanted(self, source: Input) -> int:
        return 1

    def boxes(self, source: Input, pixels: np.ndarray) -> np.ndarray:
        return whole(pixels)

    def among(self, sources: list[Input]) -> Whole:
        return self


@dataclass(frozen=True, eq=False)
class Given:
    """The boxes of a file.

    Attributes:
        of: Picture's name -> its boxes (F, 4).
        identity: With the file's hash.
    """

    of: Mapping[str, np.ndarray]
    identity: str

    @classmethod
    def read(cls, path: Path, pictures: list[Input]) -> Given:
        """Those of the pictures, by `read_boxes`.

        Raises:
            ValueError: The file cannot be read, or names none of them.
        """
        return cls(read_boxes(path, pictures), f"boxes {sha256(path)}")

    @property
    def said(self) -> str:
        return f"{sum(map(len, self.of.values()))} boxes"

    def wanted(self, source: Input) -> int:
        return max(1, len(self.of.get(source.name, ())))

    def boxes(self, source: Input, pixels: np.ndarray) -> np.ndarray:
        if source.name not in self.of:
            raise ValueError("it has no box")
        return self.of[source.name]

    def among(self, sources: list[Input]) -> Given:
        return Given({each.name: self.of[each.name] for each in sources if each.name in self.of}, self.identity)


class Detected:
    """What a detector sees.

    Args:
        path: Of the detector's file.

    Raises:
        ValueError: It cannot be used.
    """

    said = "faces that the detector sees"

    def __init__(self, path: Path) -> None:
        detector_of(path)  # now, rather than at the first picture
        self.path, self.identity = path.resolve(), f"detector {sha256(path)}"

    def wanted(self, source: Input) -> int:
        return 1

    def boxes(self, source: Input, pixels: np.ndarray) -> np.ndarray:
        found = detector_of(self.path).boxes(pixels)
        if not len(found):
            raise ValueError("the detector sees no face on it")
        return found

    def among(self, sources: list[Input]) -> Detected:
        return self


@lru_cache(maxsize=1)
def detector_of(path: Path) -> Detector:
    """One for each process: no detector can be sent to another."""
    return Detector(path)


def chosen(sources: list[Input], boxes: Path | None, whole_pictures: bool, detector: Path | None) -> Where:
    """What a person chose, of the three.

    Raises:
        ValueError: None, or more than one; or it cannot be used.
    """
    if [boxes is not None, whole_pictures, detector is not None].count(True) != 1:
        raise ValueError(
            "say where the faces are, in one of three ways: --boxes FILE (image,x0,y0,x1,y1, a row a face), --whole (each "
            "picture was cut around one face), or --detector FILE (YuNet in ONNX)"
        )
    if boxes is not None:
        return Given.read(boxes, sources)
    return Detected(detector) if detector is not None else Whole()
