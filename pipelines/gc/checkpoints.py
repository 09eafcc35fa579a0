"""Checkpoints of trainings that ended well: their model is made, and a training that is asked for again begins anew.

They lie where HEATMARK_STORAGE says, in a folder of the training's key; those of another one's, or of one that MLflow does
not know to have ended well, stay: it may go on from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from contextlib import suppress
from pathlib import Path

from pyarrow.fs import FileSelector, FileSystem, FileType

from pipelines.gc.item import Item
from pipelines.runtime.outputs import alone

FOLDER = re.compile(r"(?P<key>[0-9a-f]{16})(?:-refit)?")


def items(storage: str, locks: Path, finished: Set[str]) -> Iterator[Item]:
    """The folders of finished trainings.

    Args:
        storage: Path or URL of the checkpoints.
        locks: Folder in which a running training holds KEY.lock.
        finished: Keys of the trainings that ended well.
    """
    files, top = FileSystem.from_uri(str(Path(storage).resolve()) if "://" not in storage else storage)
    for found in files.get_file_info(FileSelector(top, allow_not_found=True)):
        named = FOLDER.fullmatch(found.base_name)
        if named and found.type == FileType.Directory and named["key"] in finished:
            below = files.get_file_info(FileSelector(found.path, recursive=True))
            size = sum(each.size for each in below if each.type == FileType.File)
            yield Item(
                "checkpoints", found.base_name, size, _removing(files, found.path, locks / f"{named['key']}.lock")
            )


def _removing(files: FileSystem, folder: str, lock: Path):
    def remove() -> None:
        # One that trains again meanwhile keeps them.
        with suppress(ValueError), alone(lock, "running"):
            files.delete_dir(folder)

    return remove
