"""What a retraining leaves on Prefect's pages, by recipe: its numbers, and links to its own pages."""

from __future__ import annotations

from prefect.artifacts import create_link_artifact, create_markdown_artifact

from flows.summary import Summary, markdown


def publish(summary: Summary, recipe: str) -> None:
    """Leaves them with the flow run that asks for it."""
    name = recipe.replace("_", "-")  # Prefect's keys have no other sign
    said = f"{summary.model} version {summary.version}"
    create_markdown_artifact(
        key=f"retrain-{name}", markdown=markdown(summary), description=f"{said}: {summary.decision}"
    )
    for what in ("report", "against champion"):
        key = f"{what.replace(' ', '-')}-{name}"
        create_link_artifact(summary.pages()[what], what, key=key, description=said)
