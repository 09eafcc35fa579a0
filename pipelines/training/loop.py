"""The training loop: one process's share of it, with or without Ray around it.

Invariant: the state that is saved, and the step's number, decide everything that follows.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from components.metrics import PROTOCOLS, nme
from components.model import LandmarkModel
from components.model_file import Weights
from pipelines.params import Params
from pipelines.training.batches import Batch

State = dict[str, Any]


class Worker(Protocol):
    """Where the loop runs: what it is given, and whom it reports to."""

    rank: int
    world: int
    device: torch.device

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        """This worker's share of the steps first to last (exclusive)."""

    def validation(self) -> Iterator[Batch]:
        """This worker's share of the validation faces, each time from the first."""

    def load(self) -> State | None:
        """The last saved state, or None."""

    def report(self, metrics: dict[str, float], state: State) -> None:
        """Takes the metrics, and keeps the state."""


@dataclass(frozen=True)
class Plan:
    """When things are due, in steps."""

    total: int
    evaluations: frozenset[int]

    @classmethod
    def of(cls, params: Params, num_faces: int) -> Plan:
        """Steps for so many epochs of so many faces of the held-out sources; the last evaluation is after the last step."""
        looked_at = params.train.batch_size * params.share(params.sources("val"))
        total = max(1, int(params.train.epochs * num_faces / looked_at))
        count = min(params.train.evaluations, total)
        return cls(total, frozenset(total * i // count for i in range(1, count + 1)))

    def rate(self, step: int, params: Params) -> float:
        """Factor on the learning rate: by steps where the params name epochs, else half a cosine; after the warm-up."""
        rise = max(1, round(self.total * params.train.warmup))
        if step < rise:
            return (step + 1) / rise
        if params.train.decay_epochs:
            epoch = step / self.total * params.train.epochs
            return params.train.decay_factor ** sum(epoch >= at for at in params.train.decay_epochs)
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, self.total - rise)))


def fit(params: Params, plan: Plan, worker: Worker, weights: Weights | None = None) -> State:
    """Trains from the last saved state to the plan's end; returns the final state.

    Args:
        params: The recipe.
        plan: When things are due.
        worker: Where this runs.
        weights: To start from where there is no saved state; None: new ones.

    Raises:
        ValueError: The loss is not finite any more.
    """
    torch.set_num_threads(1)
    torch.manual_seed(params.train.seed)
    config = params.model()
    layout = torch.channels_last if params.train.channels_last else torch.contiguous_format
    model = LandmarkModel(config).to(worker.device, memory_format=layout)
    if weights is not None:
        model.load_weights(weights)  # before the average, which begins as a copy; a saved state replaces both
    average = AveragedModel(model, multi_avg_fn=moving_average(params.train.ema_decay), use_buffers=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=params.train.lr, weight_decay=params.train.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: plan.rate(step, params))
    history: list[dict[str, float]] = []
    best: dict[str, Any] = {"val_nme": math.inf}
    step, state = 0, worker.load() or {}
    if state:
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        history, best, step = state["history"], state["best"], state["step"]
    resumed = step
    objective, flip = params.loss, torch.tensor(config.scheme.flip, device=worker.device)
    network = distribute(model, worker)
    forward = torch.compile(network) if params.train.compile else network
    batches = worker.batches(step, plan.total)
    losses = torch.zeros(2, device=worker.device)
    since, done = time.monotonic(), step

    while True:
        if step in plan.evaluations and step > resumed:
            seconds = time.monotonic() - since
            val_nme = measure(average.module, params, worker)
            loss = (losses[0] / losses[1]).item()
            metrics = {
                "step": step,
                "epoch": round(step / plan.total * params.train.epochs, 3),
                "loss": loss,
                "val_nme": val_nme,
                "lr": schedule.get_last_lr()[0],
            }
            history.append(metrics)
            if val_nme < best["val_nme"]:
                best = {"val_nme": val_nme, "step": step, "weights": copy_of(average.module)}
            state = {
                "model": model.state_dict(),
                "average": average.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
                "history": history,
                "best": best,
                "step": step,
            }
            faces_per_s = (step - done) * params.train.batch_size / seconds
            worker.report({**metrics, "faces_per_s": faces_per_s, "from_step": resumed}, state)
            losses.zero_()
            since, done = time.monotonic(), step
        if step == plan.total:
            break

        network.train()
        batch = to_device(next(batches), worker.device, layout)
        with torch.autocast(worker.device.type, torch.bfloat16, enabled=params.train.precision == "bfloat16"):
            outputs = forward(batch["pixels"])
        maps = config.codec.render(batch)
        total, weight = objective.sums(outputs, maps, batch, config.codec.sigma, flip, model.head, step / plan.total)
        sums = reduce_sum(torch.stack([total.detach(), weight]))
        if not torch.isfinite(sums).all():
            raise ValueError(f"the loss is not finite at step {step}: lower train.lr ({params.train.lr})")
        optimizer.zero_grad(set_to_none=True)
        # DDP takes the mean of the workers' gradients; times their number and over the common weight, it is the
        # gradient of the whole batch, however it was shared out.
        (total * worker.world / sums[1].clamp_min(1)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), params.train.clip_norm)
        optimizer.step()
        schedule.step()
        average.update_parameters(model)
        losses += sums
        step += 1
    return state


def moving_average(decay: float) -> Callable[[list[torch.Tensor], list[torch.Tensor], torch.Tensor], None]:
    """Exponential moving average whose decay rises as (1 + n) / (10 + n), so that the first weights are soon forgotten."""

    def update(averaged: list[torch.Tensor], current: list[torch.Tensor], num: torch.Tensor) -> None:
        if not torch.is_floating_point(averaged[0]):  # batch norm's count of batches
            torch._foreach_copy_(averaged, current)
            return
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + num.item()) / (10 + num.item())))

    return update


def distribute(model: LandmarkModel, worker: Worker) -> nn.Module:
    """The model itself, or DDP around it where there are several workers."""
    if worker.world == 1:
        return model
    return DistributedDataParallel(model, device_ids=[worker.device] if worker.device.type == "cuda" else None)


def reduce_sum(values: torch.Tensor) -> torch.Tensor:
    """The sum over all workers, in place."""
    if distributed.is_initialized() and distributed.get_world_size() > 1:
        distributed.all_reduce(values)
    return values


@torch.no_grad()
def measure(model: LandmarkModel, params: Params, worker: Worker) -> float:
    """NME of the validation faces under the params' protocol, of those that it can measure, over all workers; a fraction.

    Batch statistics differ between workers, so all measure with rank 0's.

    Raises:
        ValueError: The protocol can measure none.
    """
    model.eval()
    if worker.world > 1:
        for buffer in model.buffers():
            distributed.broadcast(buffer, src=0)
    total = torch.zeros(3, dtype=torch.float64, device=worker.device)
    protocol, scheme = PROTOCOLS[params.evaluate.protocol], model.config.scheme
    for faces in worker.validation():
        pixels, truth = torch.from_numpy(faces["pixels"]).to(worker.device), faces["landmarks"]
        predicted = model.decode(model(pixels)).landmarks.cpu().numpy()
        measured = protocol.measurable(truth, scheme)
        errors = nme(predicted[measured], truth[measured], protocol.normalise(truth[measured], scheme))
        total += torch.tensor([errors.sum(), len(errors), len(truth)], device=worker.device)
    total = reduce_sum(total)
    if not total[1]:
        raise protocol.none_measurable(int(total[2]), "validation")
    return (total[0] / total[1]).item()


def to_device(batch: Batch, device: torch.device, layout: torch.memory_format) -> dict[str, torch.Tensor]:
    """Arrays -> tensors; pixels in the network's memory layout."""
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(value)).to(device, non_blocking=True)
        for name, value in batch.items()
    }
    return {**tensors, "pixels": tensors["pixels"].contiguous(memory_format=layout)}


def copy_of(model: LandmarkModel) -> dict[str, torch.Tensor]:
    """The weights as they are now, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in model.weights().items()}
