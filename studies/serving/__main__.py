"""How long do requests take on a loaded server, and how many faces a second does it answer, against the model in a loop?

    python -m studies.serving MODEL [--seconds 60] [--clients 50]

Starts `heatmark serve` on MODEL, whatever that may name, and clients in this process, on the same cores. Each asks, waits for the
answer, and asks again; who finds the queue full waits as it is told. Most send a drawn face with its box; among them are bombs,
garbage, bodies too large, questions without a box, and connections that break within their body. Prints Markdown, and fails if
any request got another status than the ones that are right for it.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, NamedTuple

import httpx
import numpy as np
import psutil
import typer

from components.images import decode, encode_jpeg
from components.samples import Box
from components.synthetic import draw_face
from pipelines.runtime import command, environment
from pipelines.serving.model import Model, load
from studies.serving.clients import KINDS, Asked, Face, ask_all

NUM_FACES, SIDE, QUALITY = 4, 320, 92
BATCHES = (1, 32)
# Of the model in a loop.
TIMED_S = 5.0
# Of the clients, before anything is measured.
WARM_S = 5.0


class Rate(NamedTuple):
    """How many faces were found in how many seconds, and in how many of a CPU: the latter hangs less on who else computes."""

    faces: int
    seconds: float
    cpu_s: float

    def __str__(self) -> str:
        return f"{self.faces / self.seconds:.1f} | {1000 * self.cpu_s / self.faces:.1f}"


def drawn_faces() -> list[Face]:
    """JPEG pictures of 320 px, each with a box drawn tightly around the landmarks."""
    faces = []
    for number in range(NUM_FACES):
        face = draw_face(0, number, SIDE)
        box = Box.around(face.landmarks["ibug68"])
        faces.append(Face(encode_jpeg(face.image, QUALITY), ",".join(f"{side:.2f}" for side in box)))
    return faces


@contextmanager
def served(model: str) -> Iterator[tuple[str, psutil.Process]]:
    """The server's address and process; it is ended after the block.

    Raises:
        ValueError: It does not come up, or does not end well.
    """
    words = [sys.executable, "-P", "-m", "heatmark", "serve", "--model", model, "--port", "0"]
    # As a shell starts it: without the settings of memory that a study begins with.
    env = {name: value for name, value in os.environ.items() if name not in environment.ALLOCATOR}
    process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        if "http://" not in said:
            raise ValueError("the server did not come up: it says why above")
        yield said.rpartition(" ")[2].strip(), psutil.Process(process.pid)
    finally:
        process.terminate()
        rest = process.communicate(timeout=60)[0]
    if process.returncode or "serve: ended" not in rest:
        raise ValueError(f"the server ended with {process.returncode}, saying: {rest}")


def plain_rate(model: Model, faces: Sequence[Face], batch: int, seconds: float) -> Rate:
    """Of the model in a loop that decodes the files as well, so many at once."""
    given = [faces[i % len(faces)] for i in range(batch)]
    boxes = [[float(side) for side in face.box.split(",")] for face in given]
    done, began, cpu = 0, time.monotonic(), time.process_time()
    while done == 0 or time.monotonic() < began + seconds:
        model.find([decode(face.file) for face in given], boxes)
        done += batch
    return Rate(done, time.monotonic() - began, time.process_time() - cpu)


def faces_a_pass(address: str) -> float:
    """Of the server's network, by its own count."""
    text = httpx.get(f"{address}/metrics").text
    faces, passes = (float(re.findall(rf"heatmark_batch_faces_{name} (\S+)", text)[0]) for name in ("sum", "count"))
    return faces / passes


def wrong(asked: Sequence[Asked]) -> Counter[tuple[str, int]]:
    """Requests with a status that is not right for their kind."""
    return Counter((one.kind, one.status) for one in asked if one.status not in KINDS[one.kind][1])


def table(asked: Sequence[Asked]) -> Iterator[str]:
    """Of each kind: how many requests, and how many got which status."""
    statuses = sorted({one.status for one in asked if one.status > 0})
    yield f"| request | number | {' | '.join(map(str, statuses))} |"
    yield "| --- " * (2 + len(statuses)) + "|"
    for kind in KINDS:
        own = [one.status for one in asked if one.kind == kind]
        yield f"| {kind} | {len(own)} | {' | '.join(str(own.count(status)) for status in statuses)} |"


def summary(asked: Sequence[Asked]) -> str:
    """Latency of those answered, and the share of requests that found the queue full.

    Raises:
        ValueError: None was answered.
    """
    took = [one.seconds for one in asked if one.status == 200]
    if not took:
        raise ValueError("no face was answered: try more --seconds")
    middle, late = np.percentile(took, [50, 99])
    full = sum(one.status == 429 for one in asked) / len(asked)
    return f"Latency: p50 {middle:.3f} s, p99 {late:.3f} s; {full:.1%} of all requests found the queue full"


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def main(
    model: Annotated[str, typer.Argument(help="A folder, models:/NAME@ALIAS, or whatever heatmark serve takes.")],
    seconds: Annotated[float, typer.Option(help="How long the clients ask.", min=1)] = 60,
    clients: Annotated[int, typer.Option(help="How many.", min=1)] = 50,
) -> None:
    """Measures a server under load."""
    with served(model) as (address, process):
        faces = drawn_faces()
        # The first passes are slower, and take memory once.
        asyncio.run(ask_all(address, faces, clients, min(WARM_S, seconds)))
        memory, cpu, began = process.memory_info().rss, cpu_s(process), time.monotonic()
        asked = asyncio.run(ask_all(address, faces, clients, seconds))
        answered = sum(one.status == 200 for one in asked)
        rate = Rate(answered, time.monotonic() - began, cpu_s(process) - cpu)
        after, together = process.memory_info().rss, faces_a_pass(address)
    print(f"{clients} clients for {seconds:g} s:\n")
    print("\n".join(table(asked)))
    print(f"\n{summary(asked)}.")
    print(
        f"Memory of the server: {memory / 1e6:.0f} MB before, {after / 1e6:.0f} MB after; {together:.1f} faces a pass of its network.\n"
    )
    print("| | faces/s | CPU, ms a face |\n| --- | --- | --- |")
    print(f"| the server | {rate} |")
    loaded = load(model)
    for batch in BATCHES:
        print(f"| `model.find`, {batch} at once | {plain_rate(loaded, faces, batch, min(TIMED_S, seconds))} |")
    if bad := wrong(asked):
        said = ", ".join(f"{count} x {kind}: {status}" for (kind, status), count in bad.items())
        raise ValueError(f"these requests got a status that is not right for them (-1: none at all): {said}")


if __name__ == "__main__":
    command.run(main)
