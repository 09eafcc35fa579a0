"""Ray: that it can be imported, and the cluster that is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pipelines.doctor.check import Check, ok, wrong
from pipelines.runtime.environment import ray_address
from pipelines.runtime.ray_address import fault
from pipelines.runtime.secrets import without_secrets

WAIT_S = 90  # for imports on a busy machine
IMPORT = "import ray; print(ray.__version__)"


def look(root: Path) -> Check:
    """In processes of their own: Ray's libraries may crash, and who has imported them keeps their settings."""
    try:
        done = _python("-c", IMPORT, root=root)
        if done.returncode:
            said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
            return wrong(f"cannot be imported: {said}", "make -B .venv/.done")
        version, address = done.stdout.strip(), ray_address()
        if not address:
            return ok(f"{version}; a stage starts its own")
        said = _fault(address, root)
    except subprocess.TimeoutExpired:
        return wrong(f"did not answer in {WAIT_S} s", "try again when this machine is less busy, or unset RAY_ADDRESS")
    seen = f"{version}; RAY_ADDRESS={without_secrets(address).rpartition('@')[2]}"
    if said:
        return wrong(f"{seen} {said}", "start the cluster (docs/cluster.md), or unset RAY_ADDRESS")
    return ok(f"{seen} answers")


def _fault(address: str, root: Path) -> str:
    """What keeps a cluster from being joined; "" if nothing does."""
    if said := fault(address):
        return said
    if "://" in address:
        return ""  # Ray's client speaks another language
    words = [] if address == "auto" else ["--address", address]
    done = _python("-m", "ray.scripts.scripts", "health-check", *words, root=root)
    return "is no Ray of this version, or refuses our RAY_AUTH_TOKEN" if done.returncode else ""


def _python(*words: str, root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", *words], cwd=root, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
