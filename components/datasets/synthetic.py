"""The drawn faces of `components.synthetic`: `images/` and one `SCHEME.jsonl` per markup, a face a line.

0-based, pixel centres at integers: nothing is converted.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from components.datasets.base import Dataset, Record, no_records, to_landmarks
from components.samples import Annotation
from components.schemes import Scheme


def records(root: Path, scheme: Scheme) -> list[Record]:
    """One record for each line of `SCHEME.jsonl`."""
    path = root / f"{scheme.name}.jsonl"
    if not path.is_file():
        raise no_records(root, f"{path.name} beside images/, as `python -m pipelines.draw` writes them")
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines:
        raise ValueError(f"{path} is empty")
    return [Record(f"{number:06d}", f"{path.name}:{number}", line) for number, line in enumerate(lines, 1)]


def parse(root: Path, scheme: Scheme, record: Record) -> Annotation:
    """Reads one line."""
    try:
        face = json.loads(record.text)
        return Annotation(
            face=Path(face["image"]).stem,
            image=face["image"],
            landmarks=to_landmarks(face["landmarks"], record.where, scheme.num_landmarks),
            visible=np.asarray(face["visible"], bool),
            subject=face["subject"],
            subsets=tuple(face["subsets"]),
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"{record.where}: not a JSON object: {error.msg} at column {error.colno}") from error
    except (KeyError, TypeError) as error:
        raise ValueError(f"{record.where}: missing or misshapen field {error}") from error


SYNTHETIC = Dataset("synthetic", ("ibug68", "wflw98"), records, parse)
