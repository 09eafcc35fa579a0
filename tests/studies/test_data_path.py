"""The data path against the plain loader: its command on two faces, and that both see the same faces."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.params import load_params
from studies.data_path.__main__ import main
from studies.data_path.loaders import Loaders
from studies.data_path.plain import PlainFaces
from studies.inputs.crops import train_crops
from studies.inputs.recipe import with_changes

ROOT = Path(__file__).parents[2]
WORDS = ("python", "-m", "studies.data_path", "--faces", "2", "--batch", "2", "--repeats", "1", "--kept-goal", "0")
HIH = {"name": "hih", "stride": 4, "sigma": 1.5, "decimal": 8, "decimal_sigma": 1.0}


def test_by_default_it_measures_hihs_targets_on_drawn_faces(small):
    shown = small.run(*WORDS, "--goal", "0").stdout
    rows = dict(re.findall(r"│ (plain loader|Heatmark|and rendered) .*│ +([\d,]+) +│", shown))
    # By hand, in float32: 3 planes of 256 x 256, 98 maps of 64 x 64 and of 8 x 8.
    dense = f"{4 * (3 * 256**2 + 98 * (64**2 + 8**2)):,}"
    assert (dense, dense) == (rows["plain loader"], rows["and rendered"])
    assert int(rows["Heatmark"].replace(",", "")) < int(dense.replace(",", "")) / 10
    assert "│ read, pick, occlude │" in shown


def test_it_takes_any_recipe_and_its_crops_says_what_ray_adds_and_fails_below_its_goal(small):
    words = (*WORDS, "--recipe", "recipes/smallest.yaml", "--crops", "crops", "--ray", "--goal", "1000")
    done = small.run(*words, check=False)
    assert "│ plain loader" in done.stdout
    assert re.search(r"Ray adds -?\d+ ms per epoch of 2 faces", done.stdout)
    assert 1 == done.returncode
    assert re.fullmatch(r"data_path: [\d.]+ times the plain loader; the goal is 1000\n", done.stderr)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"batch": 3}, "2 faces are less than a batch of 3"),
        ({"recipe": Path("away.yaml")}, "away.yaml: No such file"),
        ({"recipe": ROOT / "recipes/hih_t_cofw.yaml"}, "no faces are drawn in scheme 'cofw29' of recipe 'hih_t_cofw'"),
        ({"crops": Path("away")}, "away/wflw has no train shards, as preprocess writes them"),
    ],
)
def test_wrong_input_is_refused_before_any_work(words: dict, sentence: str) -> None:
    given = {"recipe": ROOT / "recipes/hih_b_wflw.yaml", "crops": None, "faces": 2, "repeats": 1, "batch": 2}
    with pytest.raises(ValueError, match=sentence):
        main(**{**given, **words}, goal=0, ray=False)


@pytest.mark.parametrize("codec", [HIH, {"name": "rounded", "stride": 4, "sigma": 1.5}])
def test_both_loaders_draw_the_same_landmarks_of_the_same_faces(codec: dict, small, tmp_path: Path) -> None:
    params = with_changes(load_params(small.root / "recipes/smallest.yaml"), {"codec": codec})
    crops = train_crops(small.root / "crops", params, 2)
    loaders = Loaders.of(crops, tmp_path, params)
    faces = loaders.plain.dataset
    assert isinstance(faces, PlainFaces)
    faces.changes = ()  # as they are
    plain = loaders.maker.plain(crops)
    maps = loaders.maker.codec.render({name: torch.from_numpy(values) for name, values in plain.items()})
    assert ("decimal" in maps) + 2 == len(faces[0])
    for i in range(2):
        pixels, heatmap, *_ = faces[i]
        # The highest cell of each map: where the landmark is, whatever the kernel around it.
        peaks = [maps_of_face.flatten(1).argmax(dim=1) for maps_of_face in (maps["heatmap"][i], heatmap)]
        np.testing.assert_array_equal(peaks[0], peaks[1])
        shown = (
            pixels * torch.tensor((0.229, 0.224, 0.225))[:, None, None]
            + torch.tensor((0.485, 0.456, 0.406))[:, None, None]
        )
        # Written as JPEG once more: a few levels of 255.
        assert 3 > np.abs(255 * shown.numpy() - plain["pixels"][i]).mean()
