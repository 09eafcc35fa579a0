"""A checkout that was moved, renamed or copied: its own MLflow store still names the former folder, until that is mended.

MLflow notes in its SQLite file where artifacts lie, as absolute paths. Relative ones it takes from whichever folder one
stands in, and finds nothing elsewhere without a word; `mlflow-artifacts:` needs a server. So the paths are rewritten.
"""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from pipelines.runtime.environment import CHECKOUT, ROOT, RUNS, STATE, tracking_uri
from pipelines.runtime.neighbours import having_open
from pipelines.runtime.outputs import alone, in_turn, whole_file

DATABASE = RUNS / "mlflow.db"
COMMAND = "heatmark doctor --mend-paths"
# Where MLflow's tables keep places, as of its schema in the lock; a test looks for others.
COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
# Ours, and where MLflow would put the artifacts of its own experiment "Default", which nobody uses.
OURS, DEFAULT = "/runs/mlartifacts", "/mlruns"
PLACE = re.compile(rf"(?P<root>(?:file:|/).*)(?:{OURS}|{DEFAULT})(?:/.*)?", re.DOTALL)


class Stray(NamedTuple):
    """A place in a former folder.

    Attributes:
        table: That it is noted in.
        column: Of the table.
        was: As it is noted.
        root: The former folder, as it is written there: a path, or a URI.
    """

    table: str
    column: str
    was: str
    root: str

    @property
    def now(self) -> str:
        """The same place in this checkout."""
        root = ROOT.as_uri() if self.root.startswith("file:") else str(ROOT)
        return root + self.was[len(self.root) :]


def own_store() -> Path | None:
    """The SQLite file of this checkout; None where another store is named, or where nothing was tracked yet."""
    return DATABASE if _is_ours() and DATABASE.is_file() else None


def _is_ours() -> bool:
    return CHECKOUT is not None and tracking_uri() == f"sqlite:///{DATABASE}"


def require_unmoved() -> None:
    """Refuses to go on with a store whose artifacts are noted in another folder: they would not be found, or fall there.

    Raises:
        ValueError: They are, with the command that mends it.
    """
    database = own_store()
    # Another experiment's may lie anywhere; whichever lies in a former runs/mlartifacts was made there by us.
    if database is not None and (found := strays(database)):
        raise ValueError(
            f"this checkout was moved or copied: its registry still keeps artifacts in {former(found)[0]}; "
            f"`{COMMAND}` notes where they lie now"
        )


def former(found: list[Stray]) -> list[str]:
    """The former folders, as paths."""
    return sorted({unquote(urlsplit(one.root).path) if one.root.startswith("file:") else one.root for one in found})


def strays(database: Path) -> list[Stray]:
    """All places that lie in a former folder; none in a file that is no tracking store.

    Raises:
        ValueError: The file cannot be read.
    """
    try:
        with closing(sqlite3.connect(database)) as store:
            found = list(_strays(store))
    except sqlite3.Error as error:
        raise ValueError(f"{database} cannot be read ({error}): put a copy back, or move it away") from error
    # What lies in a folder's mlruns may be anybody's, unless that folder was this checkout's.
    folders = set(former([one for one in found if OURS in one.was]))
    return [one for one in found if folders & set(former([one]))]


def _strays(store: sqlite3.Connection) -> Iterator[Stray]:
    known = {name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table, column in COLUMNS:
        if table not in known:
            continue
        for (value,) in store.execute(f"SELECT DISTINCT {column} FROM {table}"):  # noqa: S608 - our own words
            place = PLACE.fullmatch(value or "")
            if place and place["root"] not in (str(ROOT), ROOT.as_uri()):
                yield Stray(table, column, value, place["root"])


def mend() -> str:
    """Notes this checkout's places instead of the former ones, all or none, beside a copy of the store; says what it did.

    Raises:
        ValueError: A process uses the store, or artifacts lie in the former folder alone.
    """
    database = own_store()
    if database is None:
        return "nothing to mend: " + (
            "no runs/mlflow.db yet" if _is_ours() else "MLFLOW_TRACKING_URI names another store"
        )
    busy = "a retraining is running in this folder: end it first"
    with alone(STATE / "retrain.lock", busy), in_turn(RUNS / "mlflow.lock"):
        _require_unused(database)
        found = strays(database)
        if not found:
            return "nothing to mend: all artifacts are noted in this checkout"
        _require_brought(found)
        copy = _rewrite(database, found)
    places = f"{len(found)} place{'s' * (len(found) > 1)}"
    return f"mended: {places} of {', '.join(former(found))} are in {ROOT} now; as it was: {copy.relative_to(ROOT)}"


def _require_unused(database: Path) -> None:
    if users := having_open(database):
        raise ValueError(
            f"{database.relative_to(ROOT)} is in use by process {', '.join(map(str, users))}: end it first, `heatmark pages` "
            "and retrainings with it"
        )


def _require_brought(found: list[Stray]) -> None:
    """Refuses to lose what lies in a former folder alone: what was moved unmended put its new artifacts there."""
    left = [one for one in found if _path(one.was).exists() and not _path(one.now).exists()]
    if left:
        old = Path(former(left)[0])
        raise ValueError(
            f"{len(left)} of the noted places have their files in {old} alone, as {_path(left[0].was)}; bring them first: "
            f"`cp -rn {shlex.quote(f'{old}{OURS}/.')} {shlex.quote(str(RUNS / 'mlartifacts'))}`"
        )


def _path(place: str) -> Path:
    return Path(unquote(urlsplit(place).path) if place.startswith("file:") else place)


def _rewrite(database: Path, found: list[Stray]) -> Path:
    """Makes a copy of the store, then rewrites the places in one transaction; returns the copy.

    Raises:
        ValueError: Somebody began to use the store.
    """
    copy = database.with_name(f"{database.name}.{datetime.now():%Y-%m-%dT%H-%M-%S}")
    try:
        with closing(sqlite3.connect(database, isolation_level=None, timeout=0)) as store:
            store.execute("BEGIN IMMEDIATE")  # nobody else writes from here on
            with whole_file(copy) as partial:
                _copy(database, partial)
            for one in found:
                words = f"UPDATE {one.table} SET {one.column} = ? WHERE {one.column} = ?"  # noqa: S608 - our own words
                store.execute(words, (one.now, one.was))
            store.execute("COMMIT")
    except sqlite3.Error as error:
        raise ValueError(
            f"{database.relative_to(ROOT)} stays as it was ({error}): end whatever uses it, and try again"
        ) from error
    return copy


def _copy(database: Path, to: Path) -> None:
    """By SQLite itself, which knows of what is not in the file yet."""
    with closing(sqlite3.connect(database)) as reader, closing(sqlite3.connect(to)) as target:
        reader.backup(target)
