"""Who is told what became of a retraining: a notification block of Prefect (a webhook, Slack, mail), named by HEATMARK_NOTIFY."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.logging.loggers import flow_run_logger

from flows.commands import say
from pipelines.runtime.environment import notify_block
from pipelines.runtime.secrets import without_secrets

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import FlowRun
    from prefect.states import State


def require_block() -> None:
    """Finds out before hours of work whether the block is there that is to tell of them.

    Raises:
        ValueError: HEATMARK_NOTIFY names none that can notify.
    """
    if name := notify_block():
        _block(name)


def tell(subject: str, body: str) -> None:
    """Tells whoever is to know; that it failed is said, and nothing else fails for it."""
    if said := told(subject, body):
        say(said)


def told(subject: str, body: str) -> str:
    """Does it; returns what there is to say of it, "" where nobody is to know."""
    name = notify_block()
    if not name:
        return ""
    try:
        _block(name).notify(body=without_secrets(body), subject=without_secrets(subject))
    except Exception as error:  # whatever the block is, and wherever it sends to
        # Not in its own words: they may hold the address, which is a secret of many a webhook.
        status = getattr(getattr(error, "response", None), "status_code", "")
        return f"notify: {name} could not tell {subject!r}: {type(error).__name__} {status}".rstrip()
    return f"notify: {name} was told {subject!r}"


def tell_failure(flow: Flow, run: FlowRun, state: State) -> None:
    """For Prefect, to be called when a run has failed."""
    said = (state.message or "").removeprefix("Flow run encountered an exception: ")
    subject = f"{flow.name} {(state.name or 'failed').lower()}: {run.name}"
    if line := told(subject, said):
        print(line, flush=True)
        flow_run_logger(run, flow).info(line)


def _block(name: str) -> Any:
    try:
        block = Block.load(name)
    except ValueError as error:
        raise ValueError(
            f"HEATMARK_NOTIFY={name} names no block of this Prefect server: make one on its page under Blocks, and name it TYPE/NAME, "
            "as custom-webhook/team, or unset the variable"
        ) from error
    if not isinstance(block, NotificationBlock):
        raise ValueError(f"HEATMARK_NOTIFY={name} is no notification block, but a {type(block).__name__}")
    return block
