"""The S3 bucket as a folder: `python deploy/bucket.py make`, `... save FOLDER`, `... load FOLDER`.

By the environment alone: HEATMARK_BUCKET, AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import boto3


def make(bucket) -> None:
    """Makes the bucket, where it is not there."""
    if bucket.creation_date is None:
        bucket.create()


def save(bucket, folder: Path) -> None:
    """Writes every object of the bucket to a file below the folder."""
    for each in bucket.objects.all():
        path = (folder / each.key).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise ValueError(f"{each.key!r} would leave {folder}")
        path.parent.mkdir(parents=True, exist_ok=True)
        bucket.download_file(each.key, str(path))


def load(bucket, folder: Path) -> None:
    """Makes every file below the folder an object again.

    Raises:
        ValueError: The folder is not there, or the bucket has objects already.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder")
    make(bucket)
    if next(iter(bucket.objects.limit(1)), None) is not None:
        raise ValueError(f"the bucket {bucket.name} has objects already: a backup is loaded into an empty one")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            bucket.upload_file(str(path), path.relative_to(folder).as_posix())


def main(verb: str, *folder: str) -> None:
    """Does it to the bucket that the environment names."""
    bucket = boto3.resource("s3").Bucket(os.environ["HEATMARK_BUCKET"])
    {"make": make, "save": save, "load": load}[verb](bucket, *map(Path, folder))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ValueError as error:
        sys.exit(f"bucket: {error}")
