"""The speed study: its command on two faces, and that what it compares gives the same answers."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
import torch

from components.codecs import CODECS
from components.codecs.decoders import Reading
from components.images import decode_own
from components.model import LandmarkModel
from components.samples import tight_boxes
from pipelines.params import load_params
from pipelines.runtime.tables import from_column
from studies.inputs.crops import train_crops
from studies.speed.plain import OFFSETS, decode_face, find_one
from studies.speed.step import DATA, PARTS, REST
from studies.speed.work import GRID, SIGMA, noisy_maps, targets

WORDS = ("python", "-m", "studies.speed", "out", "--faces", "2", "--repeats", "1", "--steps", "1")
STEP = [DATA, *(part for part, _, _ in PARTS), REST]


def test_it_says_how_fast_each_way_is_and_writes_the_same_rows(small):
    shown = small.run(*WORDS, "--recipe", "recipes/smallest.yaml", "--crops", "crops").stdout
    assert 80 >= max(map(len, shown.splitlines()))
    with (small.root / "out/speed.csv").open(encoding="utf-8") as file:
        rows = {row["what"]: row for row in csv.DictReader(file)}
    pairs = ["targets, hih", "targets, subpixel", "maps written once", *(f"decoder {name}" for name in OFFSETS)]
    assert [*pairs, "maps read once", "inference, tiny", "by ONNX, tiny", *STEP] == list(rows)
    told = re.findall(r"(?m)^│ (\S.*?) +│ +([\d,]+) +│", shown)
    assert [(name, f"{float(row['us']):,.0f}") for name, row in rows.items()] == told
    kept = json.loads((small.root / "out/speed.json").read_text(encoding="utf-8"))
    assert list(rows) == [row["what"] for row in kept]
    for row in kept:
        if row["ratio"] is not None:
            assert row["ratio"] == pytest.approx(row["plain_us"] / row["us"])
    assert pytest.approx(1.0) == sum(row["share"] for row in kept if row["share"] is not None)


@pytest.mark.parametrize("decoder", sorted(OFFSETS))
def test_plain_decoders_find_what_the_codecs_do(decoder: str) -> None:
    maps = noisy_maps(2)
    codec = CODECS["subpixel"](**GRID, sigma=SIGMA, decoder=decoder)
    found = np.stack([decode_face(face, OFFSETS[decoder], Reading(SIGMA, 5, 10.0)) for face in maps.numpy()])
    # Rounding; a quarter of a cell is one px.
    np.testing.assert_allclose(codec.decode({"heatmap": maps}).landmarks, (found + 0.5) * 4 - 0.5, atol=0.02)


def test_plain_targets_peak_where_the_codecs_do() -> None:
    for pair in (targets(2)["targets, hih"], targets(2)["targets, subpixel"]):
        ours, plain = pair.ours()["heatmap"], pair.plain()
        for face, (heatmap, *_) in zip(ours, plain, strict=True):
            assert torch.equal(face.flatten(1).argmax(1), torch.from_numpy(heatmap).flatten(1).argmax(1))


def test_a_face_alone_is_found_where_it_is_found_in_a_batch(small) -> None:
    params = load_params(small.root / "recipes/smallest.yaml")
    crops = train_crops(small.root / "crops", params, 2)
    torch.manual_seed(0)
    model = LandmarkModel(params.model()).eval()
    pictures = [decode_own(jpeg.as_buffer()) for jpeg in crops.column("pixels")]
    boxes = tight_boxes(from_column(crops, "crop_landmarks", 98, 2)).astype(np.float64)
    for picture, box, expected in zip(pictures, boxes, model.predict(pictures, boxes), strict=True):
        np.testing.assert_allclose(find_one(model, picture, box), expected, atol=0.05)
