"""Reads damaged folders in a process that may die, for `test_fuzz`: the framing, the restarts and the limits of time
and memory are those of the process that parses `.mat` files."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def read(path: str, dataset: str, scheme: str) -> tuple[dict, dict]:
    """Reads a folder as `pipelines.ingest` does: records, then each with its picture.

    Returns:
        The reasons of what was refused under "reasons", and of what should not have happened, an exception that is
        no ValueError or one that names no file, the story under "wrong".
    """
    from components.datasets import DATASETS
    from components.schemes import SCHEMES

    reader, markup, root = DATASETS[dataset], SCHEMES[scheme], Path(path)
    reasons: list[str] = []
    wrong: list[str] = []

    def tried(action, names):
        try:
            return action()
        except Exception as error:
            named = isinstance(error, ValueError) and any(name in str(error) for name in names)
            (reasons if named else wrong).append(
                str(error) if named else "".join(traceback.format_exception(error)[-3:])
            )

    files = [file.name for file in root.rglob("*") if file.is_file()]
    for record in tried(lambda: reader.records(root, markup), files) or ():
        face = tried(lambda record=record: reader.parse(root, markup, record), [*files, record.where])
        if face:
            tried(lambda face=face: reader.picture(root, face.image), [face.image])
    return {"found": [], "reasons": reasons, "wrong": wrong}, {}


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from components.datasets import matlab_child

    matlab_child.ASKED = {"read": read}
    matlab_child.main()


if __name__ == "__main__":
    main()
