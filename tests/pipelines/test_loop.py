"""The training loop in one process, on a handful of faces: every codec, loss and network learns, and resumes exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml

from components import images
from components.synthetic import draw_face
from pipelines.batches import BatchMaker, local_batches
from pipelines.loop import Plan, fit
from pipelines.params import Params
from pipelines.tables import to_column
from pipelines.train import batch_maker, validation_batch

TINY = Path(__file__).parents[1] / "tiny.yaml"
SUBPIXEL = {"name": "subpixel", "stride": 4, "sigma": 1.0}
HIH = {"name": "hih", "stride": 4, "sigma": 1.5, "decimal": 8, "decimal_sigma": 1.0, "bins": "floor"}
ROUNDED = {"name": "rounded", "stride": 4, "sigma": 1.5}
UNET = {"name": "unet", "width": 8}
HOURGLASS = {"name": "hourglass", "stacks": 2, "depth": 2, "features": 16, "decimal_features": 16}


def params(codec: dict = SUBPIXEL, network: dict = UNET, loss: str = "cross_entropy", **train: object) -> Params:
    fields = yaml.safe_load(TINY.read_text())
    fields.update(codec=codec, network=network)
    fields["loss"]["heatmap"] = loss
    fields["train"].update({"epochs": 40, "evaluations": 4, "num_workers": 0, **train})
    return Params.model_validate(fields)


@pytest.fixture(scope="module")
def crops() -> pa.Table:
    """Eight drawn faces, cut at the size that tiny.yaml stores, landmarks and all."""
    side = params().preprocess.stored
    drawn = [draw_face(5, index, size=2 * side) for index in range(0, 16, 2)]
    first = side // 2
    pixels = [images.encode_jpeg(face.image[first : first + side, first : first + side], 95) for face in drawn]
    landmarks = np.stack([face.landmarks["ibug68"] - first for face in drawn])
    return pa.table(
        {"pixels": pa.array(pixels, pa.binary()), "crop_landmarks": to_column(landmarks, pa.list_(pa.float32(), 136))}
    )


class Here:
    """A worker that keeps its states in memory."""

    rank, world, device = 0, 1, torch.device("cpu")

    def __init__(
        self, params: Params, crops: pa.Table, stop_after: int | None = None, state: dict | None = None
    ) -> None:
        self.params, self.crops, self.stop_after, self.state = params, crops, stop_after, state
        self.reported: list[dict] = []

    def batches(self, first, last):
        return local_batches(batch_maker(self.params, 0, 1), self.crops, first, last)

    def validation(self):
        return validation_batch(self.params, self.crops, 0, 1)

    def load(self):
        return self.state

    def report(self, metrics, state):
        self.reported.append(metrics)
        self.state = dict(state)
        if len(self.reported) == self.stop_after:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("codec", "network", "loss"),
    [
        (SUBPIXEL, UNET, "cross_entropy"),
        (SUBPIXEL, UNET, "mse"),
        (ROUNDED, UNET, "mse"),
        (HIH, UNET, "mse"),
        (HIH, HOURGLASS, "cross_entropy"),
        (SUBPIXEL, HOURGLASS, "cross_entropy"),
    ],
)
def test_every_combination_learns(crops, codec, network, loss):
    chosen = params(codec, network, loss)
    worker = Here(chosen, crops)
    fit(chosen, Plan.of(chosen, len(crops)), worker)
    losses = [metrics["loss"] for metrics in worker.reported]
    assert losses[-1] < losses[0]
    assert worker.reported[-1]["step"] == 40  # 40 epochs of 8 faces in batches of 8


def test_an_interrupted_training_ends_with_the_same_weights(crops, tmp_path):
    chosen = params()
    plan = Plan.of(chosen, len(crops))
    whole = fit(chosen, plan, Here(chosen, crops))
    first = Here(chosen, crops, stop_after=2)
    with pytest.raises(KeyboardInterrupt):
        fit(chosen, plan, first)
    torch.save(first.state, tmp_path / "state.pt")
    saved = torch.load(tmp_path / "state.pt", weights_only=True)
    second = Here(chosen, crops, state=saved)
    resumed = fit(chosen, plan, second)
    assert [metrics["from_step"] for metrics in second.reported] == [20, 20]
    assert whole["history"] == resumed["history"]
    for name, value in whole["best"]["weights"].items():
        assert torch.equal(value, resumed["best"]["weights"][name]), name


def test_bfloat16_and_channels_last_learn_the_same_thing(crops):
    last = []
    for precision in ("float32", "bfloat16"):
        chosen = params(precision=precision, channels_last=precision == "bfloat16")
        worker = Here(chosen, crops)
        fit(chosen, Plan.of(chosen, len(crops)), worker)
        last.append(worker.reported[-1]["loss"])
    assert last[0] == pytest.approx(last[1], rel=0.05)  # bfloat16 has 8 bits: 0.4% a number, more after 40 steps


def test_a_loss_that_is_not_finite_ends_with_the_way_out(crops):
    chosen = params(lr=1e30, precision="float32", loss="mse")
    with pytest.raises(ValueError, match=r"the loss is not finite at step \d+: lower train.lr"):
        fit(chosen, Plan.of(chosen, len(crops)), Here(chosen, crops))


def test_the_batch_makers_views_are_the_recipes(crops):
    chosen = params()
    maker = batch_maker(chosen, 1, 2)
    assert isinstance(maker, BatchMaker)
    assert (1, 2, chosen.views()) == (maker.rank, maker.world, maker.augment)
