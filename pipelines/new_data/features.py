"""What faces are like: how large, how turned, how bright, how sharp. From stored crops, so that pictures need not be opened.

size_px      longer side of the face's box, px of its picture
yaw_deg      how far the head is turned, estimated from the landmarks: `components.pose`
brightness   mean of the gray levels in the face's square, 0 to 1
sharpness    variance of the Laplacian there, in squares of gray levels: low is blurred. Crops are of one size, so that a
             face that was small, and was enlarged, is as blurred as it looks to the network
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.images import decode_own
from components.pose import yaw_deg
from components.schemes import SCHEMES
from pipelines.params import Params
from pipelines.runtime.tables import from_column, read_footer, shards

# In the folder of an evaluation.
TRAINING_FACES = "training_faces.parquet"
FEATURES = ("size_px", "yaw_deg", "brightness", "sharpness")
# Of each dataset: two means of so many differ by a few per cent of their spread by chance.
NUM_FACES = 2000
COLUMNS = ["face", "landmarks", "box", "pixels"]
SCHEMA = pa.schema([("dataset", pa.string()), ("face", pa.string()), *((name, pa.float64()) for name in FEATURES)])


def features_of(crops: pa.Table, dataset: str, params: Params) -> pa.Table:
    """Rows of shards -> rows of `SCHEMA`; NaN where a feature has no value.

    Args:
        crops: Rows of one dataset's shards.
        dataset: Its name.
        params: That the crops were cut by.
    """
    scheme, side = SCHEMES[params.scheme], params.preprocess.crop
    x0, y0, x1, y1 = from_column(crops, "box", 4).astype(np.float64).T
    grays = [_gray(data.as_buffer(), side) for data in crops.column("pixels")]
    columns = {
        "size_px": np.maximum(x1 - x0, y1 - y0),
        "yaw_deg": yaw_deg(from_column(crops, "landmarks", scheme.num_landmarks, 2), scheme),
        "brightness": np.array([gray.mean() / 255 for gray in grays]),
        "sharpness": np.array([cv2.Laplacian(gray, cv2.CV_64F).var() for gray in grays]),
    }
    return pa.table({"dataset": [dataset] * len(crops), "face": crops.column("face"), **columns}, SCHEMA)


def _gray(data: pa.Buffer, side: int) -> np.ndarray:
    """(side, side) uint8: the middle of a stored crop, which is what the network sees of a face that is not moved."""
    gray = cv2.cvtColor(decode_own(data), cv2.COLOR_RGB2GRAY)
    first = (len(gray) - side) // 2
    return gray[first : first + side, first : first + side]


def of_training(crops: Path, params: Params) -> pa.Table:
    """Rows of `SCHEMA` for training faces, up to `NUM_FACES` of each dataset, evenly spread; none of one that has no shards here.

    Args:
        crops: A folder with one of shards for each dataset.
        params: That they were cut by.
    """
    here = [name for name in params.sources("train") if next((crops / name).glob("train-*.parquet"), None)]
    tables = [features_of(_spread(crops / name, NUM_FACES), name, params) for name in here]
    return pa.concat_tables([SCHEMA.empty_table(), *tables])


def _spread(folder: Path, count: int) -> pa.Table:
    """So many training rows, evenly spread over all shards; all rows where there are fewer."""
    paths = shards(folder, "train")
    ends = np.cumsum([read_footer(path).num_rows for path in paths])
    rows = np.unique(np.linspace(0, ends[-1] - 1, min(count, ends[-1])).round().astype(int))
    parts = np.split(rows, np.searchsorted(rows, ends[:-1]))
    firsts = [0, *ends[:-1]]
    tables = [
        pq.read_table(path, columns=COLUMNS).take(part - first)
        for path, part, first in zip(paths, parts, firsts, strict=True)
        if len(part)
    ]
    return pa.concat_tables(tables)
