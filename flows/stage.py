"""One stage of DVC, brought up to date; what it takes from DVC's cache is looked at, since DVC trusts its cache."""

from __future__ import annotations

from pathlib import Path

from flows.commands import stream
from pipelines.doctor import dvc_store

FROM_CACHE = "is cached - skipping run, checking out outputs"


def bring_up_to_date(stage: str, root: Path) -> None:
    """Runs a stage where it is out of date, and makes it again where DVC's cache gave back what it was not given.

    Raises:
        ValueError: The stage failed, with what it said last.
    """
    said = stream(["dvc", "repro", "--single-item", stage])
    if not any(FROM_CACHE in line for line in said):
        return
    if damaged := damaged_files(stage, root):
        for path in damaged:
            path.unlink()
        names = ", ".join(
            path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path) for path in damaged
        )
        print(
            f"{stage}: DVC's cache is damaged, and made again: not of the MD5 that it is called by is {names}",
            flush=True,
        )
        stream(["dvc", "repro", "--single-item", "--force", stage])


def damaged_files(stage: str, root: Path) -> list[Path]:
    """Files of DVC's cache that a stage's outputs are copies of, and that are not of their MD5."""
    import yaml

    cache = dvc_store.cache(root)
    lock = yaml.safe_load((root / "dvc.lock").read_text(encoding="utf-8"))
    hashes = [out["md5"] for out in lock["stages"][stage]["outs"] if out.get("md5")]
    for md5 in [md5 for md5 in hashes if md5.endswith(".dir")]:
        hashes += (dvc_store.listing(cache, md5) or {}).values()
    there = [(path, md5) for md5 in dict.fromkeys(hashes) if (path := dvc_store.kept(cache, md5)).is_file()]
    return dvc_store.differing(there, sum(path.stat().st_size for path, _ in there))[0]
