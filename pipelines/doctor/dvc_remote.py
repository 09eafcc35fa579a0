"""DVC's remote: the one place where versions are kept twice."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from pipelines.doctor import dvc_store
from pipelines.doctor.check import Check, ok, warning, wrong
from pipelines.runtime.secrets import without_secrets

KNOCK_S, WAIT_S = 10, 60
ADD = "dvc remote add --default NAME PLACE"
# Storages that DVC reaches by a package of its own: it says what is missing.
ASK = """
import sys
from dvc.repo import Repo
try:
    remote = Repo().cloud.get_remote_odb()
    remote.fs.exists(remote.path)
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}".splitlines()[0])
"""


def look(root: Path) -> Check:
    """Whether one is configured, and there."""
    try:
        config = dvc_store.config(root)
    except ValueError as error:
        return wrong(str(error).splitlines()[0], "git checkout .dvc/config; mend .dvc/config.local by hand")
    name = config.get("core", "remote", fallback=None)
    if not name:
        return warning("none is configured: what is in the cache is nowhere else", ADD)
    place = config.get(f"'remote \"{name}\"'", "url", fallback=None)
    if not place:
        return wrong(f"{name} is the default, but has no URL", ADD)
    fault = _fault(place, root)
    seen = f"{name} at {without_secrets(place)}"
    if fault:
        return wrong(f"{seen} {without_secrets(fault)}", f"bring it back, or dvc remote modify {name} url PLACE")
    return ok(f"{seen} is there")


def _fault(place: str, root: Path) -> str:
    """What keeps us from using a remote; "" if nothing does."""
    if "://" not in place:
        return _of_folder(root / ".dvc" / place)
    if place.startswith(("http://", "https://")):
        return _of_web(place)
    words = [sys.executable, "-P", "-c", ASK]
    try:
        done = subprocess.run(words, cwd=root, capture_output=True, text=True, timeout=WAIT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"did not answer in {WAIT_S} s"
    said = done.stderr.strip().splitlines()
    return f"cannot be reached ({said[-1] if said else 'DVC says nothing'})" if done.returncode else ""


def _of_folder(folder: Path) -> str:
    if not folder.is_dir():  # `dvc push` makes it, wherever that is: below a disk that is not mounted, too
        return "is not there"
    return "" if os.access(folder, os.W_OK) else "cannot be written"


def _of_web(address: str) -> str:
    try:
        request = urllib.request.Request(address, method="HEAD")  # noqa: S310 - http, as seen above
        urllib.request.urlopen(request, timeout=KNOCK_S).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        # A storage need not have anything at its root; 401 is for DVC's own password, which we do not read.
        return f"says {error.code}" if error.code >= 500 else ""
    except Exception as error:
        return f"does not answer ({type(error).__name__})"
    return ""
