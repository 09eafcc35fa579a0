"""Clients of a server, most of them honest: each asks, waits for the answer, and asks again."""

from __future__ import annotations

import asyncio
import random
import struct
import sys
import time
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import httpx

from pipelines.serving.server.limits import MAX_BYTES

# Kind of a request -> how many of a hundred are of this kind, and the statuses that are right for it.
KINDS = {
    "a face": (84, {200, 429}),
    "garbage": (4, {422, 429}),
    "a bomb": (4, {422, 429}),
    "no box": (4, {422}),
    "too large": (2, {413, 429}),
    "broken off": (2, {0}),
}
# No answer came, as nobody waited for one; an answer that should have come and did not.
NONE, LOST = 0, -1


class Face(NamedTuple):
    """The bytes of a picture's file, and the box of the face on it, as a query has it."""

    file: bytes
    box: str


class Asked(NamedTuple):
    """A request that is over: of which kind it was, HTTP's status, and how long it took."""

    kind: str
    status: int
    seconds: float


def bomb() -> bytes:
    """A PNG of a few kilobytes that declares 400 megapixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(3_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


BODIES = {"garbage": bytes(range(256)) * 40, "a bomb": bomb(), "too large": bytes(MAX_BYTES + 1)}


async def ask_all(address: str, faces: Sequence[Face], clients: int, seconds: float) -> list[Asked]:
    """All that so many clients asked in so many seconds."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=120, limits=limits) as client:
        until = time.monotonic() + seconds
        each = await asyncio.gather(*(_ask(client, faces, number, until) for number in range(clients)))
    return [asked for one in each for asked in one]


async def _ask(client: httpx.AsyncClient, faces: Sequence[Face], number: int, until: float) -> list[Asked]:
    chance, done = random.Random(number), []
    names, shares = list(KINDS), [share for share, _ in KINDS.values()]
    while time.monotonic() < until:
        (kind,) = chance.choices(names, shares)
        began = time.monotonic()
        answer = await _one(client, kind, chance.choice(faces))
        done.append(Asked(kind, answer[0], time.monotonic() - began))
        await asyncio.sleep(answer[1])
    return done


async def _one(client: httpx.AsyncClient, kind: str, face: Face) -> tuple[int, float]:
    """The status that a request gets, and how many seconds its client then waits, as it was asked to."""
    if kind == "broken off":
        await _break_off(client.base_url, face)
        return NONE, 0.0
    params = {} if kind == "no box" else {"box": face.box}
    try:
        answer = await client.post("/predict", params=params, content=BODIES.get(kind, face.file))
    except httpx.HTTPError as error:
        print(f"{kind}: no answer: {error!r}", file=sys.stderr, flush=True)
        return LOST, 0.0
    return answer.status_code, float(answer.headers.get("retry-after", 0))


async def _break_off(address: httpx.URL, face: Face) -> None:
    """Half a body, and the connection is gone."""
    _, writer = await asyncio.open_connection(address.host, address.port)
    head = f"POST /predict?box={face.box} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(face.file)}\r\n\r\n"
    writer.write(head.encode() + face.file[: len(face.file) // 2])
    await writer.drain()
    writer.transport.abort()
