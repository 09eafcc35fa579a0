"""The Ray cluster that RAY_ADDRESS names: whether anybody listens there. Ray itself would wait for one for minutes, in each stage."""

from __future__ import annotations

import re
import socket

from pipelines.runtime.environment import ray_address
from pipelines.runtime.secrets import without_secrets

KNOCK_S = 10
PLACE = re.compile(r"(?:\w+://)?\[?(?P<host>[^/]+?)\]?:(?P<port>\d+)")


def fault(address: str) -> str:
    """What is wrong with an address: "is not HOST:PORT", or "does not answer (...)"; "" where somebody listens."""
    if address == "auto":
        return ""
    place = PLACE.fullmatch(address)
    if place is None:
        return "is not HOST:PORT"
    try:
        socket.create_connection((place["host"], int(place["port"])), KNOCK_S).close()
    except (OSError, OverflowError) as error:
        return f"does not answer ({type(error).__name__})"
    return ""


def require_answer() -> None:
    """Finds out at once whether the cluster is there, if one is named.

    Raises:
        ValueError: It is not.
    """
    address = ray_address()
    if address and (said := fault(address)):
        raise ValueError(
            f"the Ray cluster RAY_ADDRESS={without_secrets(address)} {said}: start it, or unset the variable to work on a Ray of "
            "the stages' own"
        )
