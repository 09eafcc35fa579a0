"""Prefect's server, where one is named."""

from __future__ import annotations

import os
import urllib.error
import urllib.request

from pipelines.doctor.check import Check, ok, wrong
from pipelines.runtime.secrets import without_secrets

WAIT_S = 10


def look() -> Check:
    """Whether it answers."""
    address = os.environ.get("PREFECT_API_URL")
    if not address:
        return ok("PREFECT_API_URL is not set: a flow starts a server of its own")
    shown = without_secrets(address)
    if not address.startswith(("http://", "https://")):
        return wrong(f"PREFECT_API_URL={shown} is no http address", "unset PREFECT_API_URL")
    try:
        with urllib.request.urlopen(_request(address), timeout=WAIT_S):  # noqa: S310 - http, as seen above
            return ok(f"{shown} answers")
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return wrong(f"{shown} refuses us ({error.code})", "set PREFECT_API_KEY to a key of yours")
        reason = f"says {error.code} for /health"
    except Exception as error:  # an address may be wrong in many ways
        reason = f"does not answer ({type(error).__name__})"
    return wrong(f"{shown} {reason}", "start it, or unset PREFECT_API_URL: a flow starts its own then")


def _request(address: str) -> urllib.request.Request:
    key = os.environ.get("PREFECT_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return urllib.request.Request(f"{address.rstrip('/')}/health", headers=headers)  # noqa: S310
