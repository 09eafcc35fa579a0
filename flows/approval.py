"""The last word of a person: a retraining that found a better model pauses, and Prefect's page asks what is to become of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from prefect import flow, pause_flow_run, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.exceptions import FlowPauseTimeout
from prefect.input import RunInput
from prefect.runtime import flow_run
from prefect.settings import get_current_settings
from pydantic import Field

from flows.commands import say
from flows.notify import tell
from flows.summary import Summary, markdown

if TYPE_CHECKING:
    from pipelines.registry.gate import Decision
    from pipelines.registry.register import Registered

AWAIT = "await approval"
POLL_S = 2
Text = Annotated[str, Field(min_length=1, pattern=r"\S")]


class Answer(RunInput):
    """What a person types into the page."""

    decision: Literal["approve", "reject"] = Field(
        description="Approve: it becomes champion. Reject: the champion stays."
    )
    because: Text = Field(description="Why; the history keeps it.")
    by: Text = Field(description="Your name, for the history.")


def ask(registered: Registered, summary: Summary, hours: float) -> Answer | None:
    """What a person says of the version, once somebody has; None where nothing is to be asked, or there is no page to ask on.

    Raises:
        ValueError: Nobody has answered in time.
    """
    if summary.decision != AWAIT:
        return None
    if not get_current_settings().api.url:  # the server that Prefect starts for one run has no page, and ends with it
        by_hand = _by_hand(registered.model, registered.version)
        say(f"approval: nobody can be asked without a server (PREFECT_API_URL): {by_hand} makes it champion")
        return None
    return approve(registered.model, registered.version, summary.reason, hours, markdown(summary))


# A flow of its own, which pauses alone: a run that has a deployment's only place loses it by a pause, and is ended for that.
@flow(name="approve", flow_run_name="approve {model} version {version}?")
def approve(model: str, version: str, reason: str, hours: float, table: str) -> Answer:
    """Asks whether a version is to be champion: Resume has the form.

    Args:
        model: Name of the registered model.
        version: Its version.
        reason: What the gate says of it.
        hours: How long to wait.
        table: Its numbers.

    Raises:
        ValueError: Nobody has answered in time.
    """
    create_markdown_artifact(key="approve", markdown=table, description=f"{model} version {version}")
    said = f"{model} version {version} awaits approval"
    say(f"approval: {said} for {hours:g} h: {_by_hand(model, version)}, or Resume on {flow_run.ui_url}")
    tell(said, f"{flow_run.ui_url}\n\n{table}")
    question = f"Is **{model} version {version}** to be champion? The gate says: {reason}."
    try:
        return pause_flow_run(
            Answer.with_initial_data(description=question), timeout=round(hours * 3600), poll_interval=POLL_S
        )
    except FlowPauseTimeout:
        raise ValueError(
            f"nobody has said within {hours:g} h whether {model} version {version} is to be champion, so it stays the challenger: "
            f"{_by_hand(model, version)} makes it champion, and the next retraining asks again"
        ) from None


def _by_hand(model: str, version: str) -> str:
    return f"`heatmark promote {version} --model {model} --because ...`"


@task(cache_policy=NO_CACHE, task_run_name="settle")
def settle(registered: Registered, answer: Answer) -> Decision | None:
    """Carries an answer out; None where what was asked is not the question any more."""
    from pipelines.registry import decisions, tracking
    from pipelines.registry.gate import Keep, Promote

    registry = tracking.Registry(tracking.connect(), registered.model)
    approved = answer.decision == "approve"
    if not decisions.answer(registry, registered.version, approved, answer.because, answer.by):
        say("approval: it was decided otherwise meanwhile, or the champion is another one by now: deciding anew")
        return None
    said = f"by {answer.by}: {answer.because}"
    decision: Decision = Promote(f"approved {said}") if approved else Keep(f"rejected {said}")
    say(f"promote: {decision.word}: {decision.reason}")
    return decision
