"""The training loop: one process's share of it, with or without Ray around it.

Invariant: the state that is saved, and the step's number, decide everything that follows; on CPUs to the bit, on a GPU but for its own
rounding, since its convolutions are chosen by their speed and add up in no fixed order. Within a step nothing waits for
the device; what has to be known of it is asked for with the evaluations.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from components.model import LandmarkModel
from components.model_file import Weights
from pipelines.params import Params
from pipelines.training.average import Average
from pipelines.training.batches import Batch
from pipelines.training.checkpoints import State
from pipelines.training.feed import feed
from pipelines.training.optimizer import adamw
from pipelines.training.validation import measure, reduce_sum

# What is kept of each evaluation of a training that is measured.
HISTORY = ("step", "epoch", "loss", "val_nme", "lr")


class Worker(Protocol):
    """Where the loop runs: what it is given, and whom it reports to."""

    rank: int
    world: int
    device: torch.device

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        """This worker's share of the steps first to last (exclusive)."""

    def validation(self) -> Iterator[Batch] | None:
        """This worker's share of the validation faces, each time from the first; None where nothing is measured."""

    def load(self) -> State | None:
        """The last saved state, or None."""

    def report(self, metrics: dict[str, float], state: State, best: Weights | None) -> None:
        """Takes the metrics, and keeps a copy of the state and of the best weights, if these are new."""


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

    @property
    def end(self) -> int:
        """Where the training ends."""
        return max(self.evaluations)

    def stopped(self, share: float) -> Plan:
        """The same rates at the same steps, but the training ends with the evaluation that is nearest to a share of all steps."""
        end = min(self.evaluations, key=lambda step: (abs(step - share * self.total), step))
        return Plan(self.total, frozenset(step for step in self.evaluations if step <= end))

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
        ValueError: The loss, or a weight, is not finite any more.
    """
    torch.set_num_threads(1)
    torch.manual_seed(params.train.seed)
    torch.backends.cudnn.benchmark = worker.device.type == "cuda"
    config = params.model()
    layout = torch.channels_last if params.train.channels_last else torch.contiguous_format
    model = LandmarkModel(config).to(worker.device, memory_format=layout)
    if weights is not None:
        model.load_weights(weights)  # before the average, which begins as a copy; a saved state replaces both
    average = Average(model, params.train.ema_decay)
    optimizer = adamw(model, params)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: plan.rate(step, params))
    history: list[dict[str, float]] = []
    best: dict[str, Any] = {"val_nme": math.inf, "step": 0}
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
    forward, measured = network, average.model
    if params.train.compile:
        forward, measured = torch.compile(network), torch.compile(average.model)
    batches = feed(worker.batches(step, plan.end), worker.device, layout)
    losses = torch.zeros(2, dtype=torch.float64, device=worker.device)
    began = since = time.monotonic()
    done = step

    while True:
        if step in plan.evaluations and step > resumed:
            loss = checked_loss(losses, model, (done, step), params)
            seconds = time.monotonic() - since
            # Of a training that is not measured, the last weights are the best.
            val_nme = None if worker.validation() is None else measure(average.model, params, worker, measured)
            improved = val_nme is None or val_nme < best["val_nme"]
            if improved:
                best = {"val_nme": val_nme, "step": step}
            metrics = {
                "step": step,
                "epoch": round(step / plan.total * params.train.epochs, 3),
                "loss": loss,
                **({} if val_nme is None else {"val_nme": val_nme}),
                "lr": schedule.get_last_lr()[0],
            }
            history.append(metrics)
            state = {
                "model": model.state_dict(),
                "average": average.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
                "history": history,
                "best": best,
                "step": step,
            }
            pace = {
                "faces_per_s": (step - done) * params.train.batch_size / seconds,
                "faces_per_s_overall": (step - resumed) * params.train.batch_size / (time.monotonic() - began),
            }
            worker.report(
                {**metrics, **pace, "from_step": resumed}, state, average.model.weights() if improved else None
            )
            losses.zero_()
            since, done = time.monotonic(), step
        if step == plan.end:
            break

        network.train()
        batch = next(batches)
        common = start_sum(batch["weight"].sum(), worker)
        with torch.autocast(worker.device.type, torch.bfloat16, enabled=params.train.precision == "bfloat16"):
            outputs = forward(batch["pixels"])
        maps = config.codec.render(batch)
        total, weight = objective.sums(outputs, maps, batch, config.codec.sigma, flip, model.head, step / plan.total)
        losses += torch.stack([total.detach(), weight])
        if model.visibility is not None:  # beside the loss: no gradient of it reaches what finds landmarks
            total = total + model.visibility.loss(outputs["visibility"], batch["visible"]).sum()
        optimizer.zero_grad(set_to_none=True)
        # DDP takes the mean of the workers' gradients; times their number and over the common weight, it is the
        # gradient of the whole batch, however it was shared out.
        (total * worker.world / common().clamp_min(1)).backward()
        for parameters in model.learnt_apart():
            nn.utils.clip_grad_norm_(parameters, params.train.clip_norm)
        optimizer.step()
        schedule.step()
        average.update()
        step += 1
    return state


def distribute(model: LandmarkModel, worker: Worker) -> nn.Module:
    """The model itself, or DDP around it where there are several workers."""
    if worker.world == 1:
        return model
    # Batch statistics are each worker's own while it trains, and rank 0's when they are measured or saved.
    return DistributedDataParallel(
        model,
        device_ids=[worker.device] if worker.device.type == "cuda" else None,
        broadcast_buffers=False,
        gradient_as_bucket_view=True,
    )


def start_sum(value: torch.Tensor, worker: Worker) -> Callable[[], torch.Tensor]:
    """Begins to sum over all workers, in place; what is returned waits for the sum, and gives it."""
    if worker.world == 1:
        return lambda: value
    work = distributed.all_reduce(value, async_op=True)

    def summed() -> torch.Tensor:
        work.wait()
        return value

    return summed


def checked_loss(sums: torch.Tensor, model: LandmarkModel, steps: tuple[int, int], params: Params) -> float:
    """The mean loss of the steps since the last evaluation, over all workers; the first look at it, and at the weights.

    Args:
        sums: (2,), this worker's sums of losses and of weights.
        model: After these steps.
        steps: That of the last evaluation, or of the start, and the present one.
        params: Of the training.

    Raises:
        ValueError: The loss or a weight is not finite. Nothing of such a state may be saved: nothing good comes after it.
    """
    values = [value for value in model.state_dict().values() if value.is_floating_point()]
    largest = torch.stack(torch._foreach_norm(values, math.inf))
    total, weight, broken = reduce_sum(torch.stack([*sums, (~largest.isfinite()).sum()])).tolist()
    wrong = "the loss is" if not math.isfinite(total) else "weights are" if broken else ""
    if wrong:
        raise ValueError(
            f"{wrong} not finite between steps {steps[0]} and {steps[1]}: lower train.lr ({params.train.lr})"
        )
    return total / max(weight, 1.0)
