"""MLflow: the server that is named, or the SQLite file beside the runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from pipelines.doctor.check import Check, ok, warning, wrong
from pipelines.runtime.environment import ROOT, tracking_uri
from pipelines.runtime.secrets import without_secrets

UNSET = "unset MLFLOW_TRACKING_URI to track in runs/mlflow.db"

BUSY_S = 10


def look() -> Check:
    """Whether it is there, of this MLflow's schema, and can be written."""
    uri = tracking_uri()
    scheme = urlsplit(uri).scheme.partition("+")[0]
    if scheme == "sqlite":
        return _file(uri, Path(uri.partition(":///")[2]))
    return _server(uri) if scheme in ("http", "https") else _database(uri)


def _file(uri: str, path: Path) -> Check:
    shown = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
    if not path.exists():
        return ok(f"{shown} is not there yet: the first training makes it")
    back = f"put a copy of {shown} back, or move it away and begin another"
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)) as store:
            (whole,) = store.execute("PRAGMA quick_check(1)").fetchone()
            store.execute("BEGIN IMMEDIATE")  # what a writer begins with
            store.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            return warning(f"{shown} has been locked for {BUSY_S} s", f"fuser {shown} says by whom; wait, or end that")
        return wrong(f"{shown} cannot be written: {error}", f"chmod u+w {shown} and its folder, or free the disk")
    except sqlite3.DatabaseError as error:
        return wrong(f"{shown} is damaged: {error}", back)
    if whole != "ok":
        return wrong(f"{shown} is damaged: {whole}", back)
    return _of_schema(uri, shown)


def _database(uri: str) -> Check:
    shown = without_secrets(uri)
    try:
        return _of_schema(uri, shown)
    except Exception as error:  # whatever its driver raises
        return wrong(f"{shown} cannot be used ({type(error).__name__})", f"start it, or {UNSET}")


def _of_schema(uri: str, shown: str) -> Check:
    from pipelines.registry import tracking

    has, wants = tracking.schema(uri)
    if has == wants:
        return ok(f"{shown} has this MLflow's schema ({wants[:6]})")
    # An older MLflow's, or a newer one's, which this one cannot bring back.
    return wrong(
        f"{shown} has the schema {has and has[:6]}, and this MLflow has {wants[:6]}",
        f"make a copy, then `mlflow db upgrade {without_secrets(uri)}`; if that knows no such schema, use the newer MLflow",
    )


def _server(uri: str) -> Check:
    from pipelines.registry import tracking

    shown = without_secrets(uri)
    try:
        refused = tracking.refusal(uri)
    except ValueError as error:
        return wrong(without_secrets(str(error)).partition(": ")[0], f"start it, or {UNSET}")
    if refused:
        return wrong(
            f"{shown} answers, but does not let us write ({refused})",
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to a user's who may",
        )
    return ok(f"{shown} answers, and lets us write")
