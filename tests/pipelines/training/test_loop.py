"""The training loop in one process, on a handful of faces: every codec, loss and network learns, and resumes exactly."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml

from components import images
from components.losses import HEATMAP_LOSSES
from components.losses.siamese import siamese_consistency
from components.metrics import summarise_hidden
from components.model import LandmarkModel
from components.synthetic import draw_face
from pipelines.params import Params
from pipelines.runtime.tables import to_column
from pipelines.training.batches import BatchMaker, local_batches
from pipelines.training.checkpoints import copied
from pipelines.training.loop import Plan, fit
from pipelines.training.validation import Validation
from pipelines.training.workers import batch_maker

TINY = Path(__file__).parents[2] / "tiny.yaml"
SUBPIXEL = {"name": "subpixel", "stride": 4, "sigma": 1.0}
HIH = {"name": "hih", "stride": 4, "sigma": 1.5, "decimal": 8, "decimal_sigma": 1.0, "bins": "floor"}
ROUNDED = {"name": "rounded", "stride": 4, "sigma": 1.5}
UNET = {"name": "unet", "width": 8}
FAN = {"name": "fan", "modules": 2, "depth": 2, "features": 16}
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
    visible = np.stack([face.visible["ibug68"] for face in drawn])
    return pa.table(
        {
            "pixels": pa.array(pixels, pa.binary()),
            "crop_landmarks": to_column(landmarks, pa.list_(pa.float32(), 136)),
            "visible": to_column(visible, pa.list_(pa.float32(), 68)),
        }
    )


class Here:
    """A worker that keeps its states in memory."""

    rank, world, device = 0, 1, torch.device("cpu")

    def __init__(
        self, params: Params, crops: pa.Table, stop_after: int | None = None, state: dict | None = None
    ) -> None:
        self.params, self.crops, self.stop_after, self.state = params, crops, stop_after, state
        self.faces = Validation(params, crops, 0, 1)
        self.reported: list[dict] = []
        self.best: dict = {}

    def batches(self, first, last):
        return local_batches(batch_maker(self.params, 0, 1), self.crops, first, last)

    def validation(self):
        return iter(self.faces)

    def load(self):
        return self.state

    def report(self, metrics, state, best):
        self.reported.append(metrics)
        self.state, self.best = copied(state), copied(best) or self.best
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
        (SUBPIXEL, FAN, "mse"),
        (SUBPIXEL, UNET, "adaptive_wing"),
        (SUBPIXEL, UNET, "star"),
        ({**HIH, "bins": "released"}, UNET, "mse"),
        *(({**HIH, "decimal_head": head}, UNET, "mse") for head in ("afc", "od", "transformer", "woo")),
    ],
)
def test_every_combination_learns(crops, codec, network, loss):
    chosen = params(codec, network, loss)
    worker = Here(chosen, crops)
    fit(chosen, Plan.of(chosen, len(crops)), worker)
    losses = [metrics["loss"] for metrics in worker.reported]
    assert losses[-1] < losses[0]
    assert worker.reported[-1]["step"] == 40  # 40 epochs of 8 faces in batches of 8


@torch.no_grad()
def inconsistency(weights: dict, chosen: Params, faces: pa.Table) -> float:
    """Of what a network says of two views each of some faces; by their own batch statistics, since a network that was
    never trained has no others, and would say next to nothing."""
    model = LandmarkModel(chosen.model())
    model.load_state_dict(weights)
    model.train()
    batch = {name: torch.from_numpy(value) for name, value in batch_maker(chosen, 0, 1).make(0, faces).items()}
    named = HEATMAP_LOSSES[chosen.loss.heatmap]
    read = named.read(model(batch["pixels"])["heatmap"][:, -1], model.config.codec.sigma)
    flip = torch.tensor(model.config.scheme.flip)
    return siamese_consistency(read, batch["back"], batch["flipped"], flip, named.between).mean().item()


def two_views(**loss: float) -> Params:
    fields = params(loss="mse", epochs=80, lr=0.01).model_dump()
    fields["loss"].update({"num_views": 2, "siamese_weight": 1.0, **loss})
    return Params.model_validate(fields)


def siamese(crops) -> tuple[Params, dict, dict]:
    """Params without supervision, and a network's weights before and after a training on five of the eight faces."""
    chosen = two_views(heatmap_weight=0.0)
    torch.manual_seed(chosen.train.seed)
    before = LandmarkModel(chosen.model()).state_dict()
    after = fit(chosen, Plan.of(chosen, 8), Here(chosen, crops.slice(0, 5)))["model"]
    return chosen, before, after


def test_with_supervision_off_the_inconsistency_of_held_out_faces_falls(crops):
    chosen, before, after = siamese(crops)
    held_out = crops.slice(5)
    assert inconsistency(after, chosen, held_out) < 0.5 * inconsistency(before, chosen, held_out)


def test_two_views_of_a_face_are_two_rows_of_a_batch(crops):
    chosen = two_views()
    batch = batch_maker(chosen, 0, 1).make(0, crops)
    faces = chosen.train.batch_size
    assert {2 * faces} == {len(value) for value in batch.values()}
    shares = [batch_maker(chosen, rank, 2).make(0, crops) for rank in range(2)]
    pairs = batch["pixels"].reshape(faces, 2, *batch["pixels"].shape[1:])
    for rank, share in enumerate(shares):
        np.testing.assert_array_equal(pairs[rank::2].reshape(-1, *pairs.shape[2:]), share["pixels"])


def test_the_ways_back_lead_to_the_landmarks_of_the_plain_crop(crops):
    chosen = two_views()
    maker = batch_maker(chosen, 0, 1)
    batch, rows = maker.make(3, crops), maker.faces(3, len(crops))
    plain = maker.plain(crops)["landmarks"][rows].repeat(2, axis=0)
    side, flip = maker.codec.crop, list(maker.scheme.flip)
    unit = (2 * plain + 1) / side - 1
    seen = np.einsum("nij,nkj->nki", batch["back"][:, :, :2], unit) + batch["back"][:, None, :, 2]
    expected = np.where(batch["flipped"][:, None, None], seen[:, flip], seen)
    np.testing.assert_allclose(expected, (2 * batch["landmarks"] + 1) / side - 1, atol=1e-4)


def test_an_interrupted_training_ends_with_the_same_weights(crops, tmp_path):
    chosen = params()
    plan = Plan.of(chosen, len(crops))
    undisturbed = Here(chosen, crops)
    whole = fit(chosen, plan, undisturbed)
    first = Here(chosen, crops, stop_after=2)
    with pytest.raises(KeyboardInterrupt):
        fit(chosen, plan, first)
    torch.save(first.state, tmp_path / "state.pt")
    saved = torch.load(tmp_path / "state.pt", weights_only=True)
    second = Here(chosen, crops, state=saved)
    resumed = fit(chosen, plan, second)
    assert [metrics["from_step"] for metrics in second.reported] == [20, 20]
    assert whole["history"] == resumed["history"]
    assert whole["best"] == resumed["best"]
    best = {**first.best, **second.best}
    assert undisturbed.best.keys() == best.keys()
    for name, value in undisturbed.best.items():
        assert torch.equal(value, best[name]), name
    for name, value in undisturbed.state["model"].items():
        assert torch.equal(value, second.state["model"][name]), name


@pytest.fixture(scope="module")
def parent() -> dict[str, torch.Tensor]:
    """Weights of a model that tiny.yaml's training does not begin with."""
    torch.manual_seed(7)
    return LandmarkModel(params().model()).weights()


def test_a_training_starts_from_the_weights_that_it_is_given(crops, parent):
    # Steps of so small a rate move nothing but what is 0; batch norm's statistics are no parameters, and follow the faces.
    chosen = params(epochs=2, evaluations=1, lr=1e-30, weight_decay=0.0)
    here, plan = Here(chosen, crops), Plan.of(chosen, len(crops))
    fit(chosen, plan, here, parent)
    trained = here.best
    names = [name for name, _ in LandmarkModel(chosen.model()).network.named_parameters()]
    for name in names:
        torch.testing.assert_close(parent[name], trained[name], rtol=0, atol=1e-25)
    here = Here(chosen, crops)
    fit(chosen, plan, here)
    anew = here.best
    assert not any(torch.equal(anew[name], trained[name]) for name in names if anew[name].ndim == 4)


def test_a_training_from_given_weights_resumes_from_its_checkpoint(crops, parent):
    chosen = params(epochs=12)
    plan = Plan.of(chosen, len(crops))
    whole = fit(chosen, plan, Here(chosen, crops), parent)
    first = Here(chosen, crops, stop_after=2)
    with pytest.raises(KeyboardInterrupt):
        fit(chosen, plan, first, parent)
    resumed = fit(chosen, plan, Here(chosen, crops, state=copy.deepcopy(first.state)), parent)
    assert whole["history"] == resumed["history"]
    assert whole["model"].keys() == resumed["model"].keys()
    for name, value in whole["model"].items():
        assert torch.equal(value, resumed["model"][name]), name


def test_bfloat16_and_channels_last_learn_the_same_thing(crops):
    last = []
    for precision in ("float32", "bfloat16"):
        chosen = params(precision=precision, channels_last=precision == "bfloat16")
        worker = Here(chosen, crops)
        fit(chosen, Plan.of(chosen, len(crops)), worker)
        last.append(worker.reported[-1]["loss"])
    assert last[0] == pytest.approx(last[1], rel=0.05)  # bfloat16 has 8 bits: 0.4% a number, more after 40 steps


def test_a_loss_that_is_not_finite_ends_with_the_way_out_and_is_never_saved(crops):
    chosen = params(lr=1e30, precision="float32", loss="mse")
    worker = Here(chosen, crops)
    with pytest.raises(ValueError, match=r"the loss is not finite between steps 0 and 10: lower train.lr \(1e\+30\)"):
        fit(chosen, Plan.of(chosen, len(crops)), worker)
    assert worker.state is None


class Poisoned(Here):
    """Gives steps of which the last has a target that is no number."""

    def batches(self, first, last):
        for step, batch in zip(range(first, last), super().batches(first, last), strict=True):
            yield {**batch, "cells": batch["cells"] * np.nan} if step == last - 1 else batch


def test_one_bad_step_of_many_is_told_by_the_evaluations_around_it(crops):
    chosen = params()
    worker = Poisoned(chosen, crops)
    with pytest.raises(ValueError, match=r"the loss is not finite between steps 30 and 40: lower train.lr"):
        fit(chosen, Plan.of(chosen, len(crops)), worker)
    assert worker.state["step"] == 30
    assert all(value.isfinite().all() for value in worker.state["model"].values())


def test_weights_that_a_finite_loss_has_broken_are_not_saved(crops, monkeypatch):
    chosen = params()
    clip = torch.nn.utils.clip_grad_norm_

    def broken(parameters, norm):
        # As a gradient that overflows: after a loss that is a number, in the last step before an evaluation.
        parameters = list(parameters)
        steps.append(None)
        if len(steps) == 20:
            parameters[0].grad[:] = math.inf
        return clip(parameters, norm)

    steps: list[None] = []
    monkeypatch.setattr("torch.nn.utils.clip_grad_norm_", broken)
    worker = Here(chosen, crops)
    with pytest.raises(ValueError, match=r"weights are not finite between steps 10 and 20: lower train.lr"):
        fit(chosen, Plan.of(chosen, len(crops)), worker)
    assert worker.state["step"] == 10


class Unmeasured(Here):
    def validation(self):
        return None


def test_a_training_that_is_not_measured_keeps_its_last_weights(crops):
    chosen = params(ema_decay=0.0)
    worker = Unmeasured(chosen, crops)
    state = fit(chosen, Plan.of(chosen, len(crops)), worker)
    assert {"val_nme": None, "step": 40} == state["best"]
    assert all("val_nme" not in metrics for metrics in worker.reported)
    for name, value in LandmarkModel(chosen.model()).state_dict().items():
        if name in worker.best:
            assert torch.equal(state["model"][name], worker.best[name]), name
            assert value.shape == worker.best[name].shape


def test_no_step_waits_for_the_device(crops, monkeypatch):
    # On a GPU these wait until everything that was asked for before is done. Between evaluations nothing calls them.
    waits: list[str] = []
    for name in ("item", "tolist", "__bool__", "__float__", "__int__", "cpu", "numpy"):
        plain = getattr(torch.Tensor, name)
        monkeypatch.setattr(
            torch.Tensor, name, lambda self, *more, plain=plain, name=name: (waits.append(name), plain(self, *more))[1]
        )
    counts: list[int] = []

    class Counting(Here):
        def batches(self, first, last):
            for batch in super().batches(first, last):
                counts.append(len(waits))
                yield batch

    chosen = params(evaluations=1)
    fit(chosen, Plan.of(chosen, len(crops)), Counting(chosen, crops))
    # The first step makes the optimiser's state.
    assert [0] * 38 == np.diff(counts)[1:].tolist()


def test_the_pace_is_said_of_the_steps_and_of_everything(crops):
    worker = Here(chosen := params(), crops)
    fit(chosen, Plan.of(chosen, len(crops)), worker)
    assert all(0 < metrics["faces_per_s_overall"] < metrics["faces_per_s"] for metrics in worker.reported[:1])


def test_the_batch_makers_views_are_the_recipes(crops):
    chosen = params()
    maker = batch_maker(chosen, 1, 2)
    assert isinstance(maker, BatchMaker)
    assert (1, 2, chosen.augment) == (maker.rank, maker.world, maker.augment)


def seeing(chosen: Params) -> Params:
    """The same params, with visibility learnt beside."""
    fields = chosen.model_dump()
    fields["loss"]["visibility"] = True
    return Params.model_validate(fields)


@pytest.mark.parametrize(
    ("codec", "network", "loss", "train"),
    [
        (SUBPIXEL, UNET, "cross_entropy", {"clip_norm": 0.05, "weight_decay": 0.01, "ema_decay": 0.9}),
        (HIH, HOURGLASS, "mse", {}),
        (SUBPIXEL, HOURGLASS, "cross_entropy", {}),  # without a head its last fusion is frozen
        (SUBPIXEL, FAN, "mse", {"channels_last": True}),
    ],
)
def test_landmarks_are_learnt_to_the_bit_as_without_visibility(crops, codec, network, loss, train):
    chosen = params(codec, network, loss, epochs=6, evaluations=2, **train)
    without, beside = Here(chosen, crops), Here(seeing(chosen), crops)
    for worker in (without, beside):
        fit(worker.params, Plan.of(chosen, len(crops)), worker)
    apart = {name: beside.best.pop(name) for name in list(beside.best) if name.startswith("visibility.")}
    assert ["visibility.bias", "visibility.weight"] == sorted(apart)
    assert all((value != 0).any() for value in apart.values())
    assert set(without.best) == set(beside.best)
    for name, value in without.best.items():
        assert torch.equal(value, beside.best[name]), name
    assert [each["loss"] for each in without.reported] == [each["loss"] for each in beside.reported]


def test_which_landmarks_are_visible_is_learnt(crops):
    """Of views that it has not seen, of faces that it has, one in three with a rectangle over it; of other faces: docs/results.md."""
    chosen = seeing(params(loss="cross_entropy", epochs=120, lr=0.01))
    worker = Here(chosen, crops)
    fit(chosen, Plan.of(chosen, len(crops)), worker)
    model = LandmarkModel(chosen.model())
    model.load_state_dict(worker.state["model"])
    batches = [batch_maker(chosen, 0, 1).make(step, crops) for step in range(1000, 1008)]
    visible = np.concatenate([batch["visible"] for batch in batches])
    found = [model.predict_crops(batch["pixels"].transpose(0, 2, 3, 1)).visible for batch in batches]
    known = np.isfinite(visible)
    hidden = visible[known] == 0
    said = summarise_hidden(-np.concatenate(found)[known], hidden)
    # A model that knows nothing would have the share of hidden landmarks.
    assert said["average_precision"] > 3 * hidden.mean()
