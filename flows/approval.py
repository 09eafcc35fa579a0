"""The last word of a person: a retraining that found a better model pauses, and Prefect's page asks what is to become of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from prefect import pause_flow_run, task
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
    """Pauses the flow run until somebody has answered; None where nothing is to be asked, or there is no page to ask on.

    Raises:
        ValueError: Nobody has answered in time.
    """
    if summary.decision != AWAIT:
        return None
    by_hand = f"`heatmark promote {registered.version} --model {registered.model} --because ...`"
    if not get_current_settings().api.url:  # the server that Prefect starts for one run has no page, and ends with it
        say(f"approval: nobody can be asked without a server (PREFECT_API_URL): {by_hand} makes it champion")
        return None
    said = f"{registered.model} version {registered.version} awaits approval"
    say(f"approval: {said} for {hours:g} h: Resume on {flow_run.ui_url}, or {by_hand}")
    tell(said, f"{flow_run.ui_url}\n\n{markdown(summary)}")
    question = Answer.with_initial_data(
        description=f"Is **{registered.model} version {registered.version}** to be champion? {summary.reason}"
    )
    try:
        return pause_flow_run(question, timeout=round(hours * 3600), poll_interval=POLL_S)
    except FlowPauseTimeout:
        raise ValueError(
            f"nobody has said within {hours:g} h whether {registered.model} version {registered.version} is to be champion, so it stays "
            f"the challenger: {by_hand} makes it champion, and the next retraining asks again"
        ) from None


@task(cache_policy=NO_CACHE)
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
