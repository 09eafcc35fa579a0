"""The drawn faces of `components.synthetic`: `images/` and one `SCHEME.jsonl` per markup, a face a line.

0-based, pixel centres at integers: nothing is converted.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from components.datasets.base import Dataset, Record, no_records, read_list, to_landmarks
from components.samples import Annotation
from components.schemes import Scheme


def records(root: Path, scheme: Scheme) -> list[Record]:
    """One record for each line of `SCHEME.jsonl`."""
    path = root / f"{scheme.name}.jsonl"
    if not path.is_file():
        raise no_records(root, f"{path.name} beside images/, as `python -m pipelines.draw` writes them")
    lines = enumerate(read_list(path), 1)
    return [Record(f"{number:06d}", f"{path.name}:{number}", line) for number, line in lines]


def parse(root: Path, scheme: Scheme, record: Record) -> Annotation:
    """Reads one line."""
    try:
        face = json.loads(record.text)
        landmarks = to_landmarks(face["landmarks"], record.where, scheme.num_landmarks)
        visible = np.asarray(face["visible"], bool)
        if visible.shape != (scheme.num_landmarks,):
            raise ValueError(f"{record.where}: expected {scheme.num_landmarks} flags, got {visible.shape}")
        names = (face["image"], face["subject"], *face["subsets"])
        if not all(isinstance(name, str) for name in names):
            raise ValueError(f"{record.where}: image, subject and subsets are texts, got {str(names)[:80]}")
        return Annotation(
            face=Path(face["image"]).stem,
            image=face["image"],
            landmarks=landmarks,
            visible=visible,
            subject=face["subject"],
            subsets=tuple(face["subsets"]),
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"{record.where}: not a JSON object: {error.msg} at column {error.colno}") from error
    except (KeyError, TypeError) as error:
        raise ValueError(f"{record.where}: missing or misshapen field {error}") from error


SYNTHETIC = Dataset("synthetic", ("ibug68", "wflw98"), records, parse, licence="Apache-2.0", marks_hidden=True)
