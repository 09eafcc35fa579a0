"""The server over real HTTP: landmarks, refusals in a sentence, what it says of itself."""

from __future__ import annotations

import re
import socket
import struct
import time
import zlib

import numpy as np
import pytest

from components.schemes import SCHEMES
from pipelines.serving.server.limits import MAX_BOXES, MAX_BYTES

BOXES = [[20.0, 24.5, 101.0, 110.0], [25.0, 25.0, 96.0, 105.0]]


def test_a_picture_with_boxes_is_answered_as_by_the_model_itself(client, answering, drawn, files):
    answer = client.post("/predict", params={"box": [",".join(map(str, box)) for box in BOXES]}, content=files[0])
    assert 200 == answer.status_code
    told, faces = answer.json(), answering.model.find(drawn[0], BOXES)
    assert ("ibug68", BOXES) == (told["scheme"], [face["box"] for face in told["faces"]])
    np.testing.assert_allclose(faces.landmarks, [face["landmarks"] for face in told["faces"]], atol=2e-3)
    np.testing.assert_allclose(faces.confidence, [face["confidence"] for face in told["faces"]], atol=1e-4)
    means = [np.mean(face["confidence"]) for face in told["faces"]]
    np.testing.assert_allclose(means, [face["mean_confidence"] for face in told["faces"]], atol=1e-4)


def test_a_whole_picture_is_one_face(client, answering, drawn, files):
    (face,) = client.post("/predict?whole=true", content=files[1]).json()["faces"]
    assert [-0.5, -0.5, 95.5, 95.5] == face["box"]  # pixel centres are at integers
    np.testing.assert_allclose(answering.model.find(drawn[1]).landmarks[0], face["landmarks"], atol=2e-3)


NEITHER = "say where the faces are: box=x0,y0,x1,y1 for each, px of the picture, or whole=true"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", NEITHER),
        ("box=1,2,3,4&whole=true", "both at once were given"),
        ("box=1,2,3", r"box=1,2,3: expected x0,y0,x1,y1, four numbers"),
        ("box=a,b,c,d", "four numbers"),
        ("box=nan,0,9,9", "box nan 0 9 9: expected x0 < x1 and y0 < y1, px"),
        ("box=9,9,3,3", "expected x0 < x1"),
        ("box=500,500,600,600", "lies outside the picture of 128 x 128 px"),
        (
            "&".join(["box=1,2,30,40"] * (MAX_BOXES + 1)),
            f"{MAX_BOXES + 1} boxes are too many for one picture: at most 100",
        ),
        ("whole=perhaps", "whole: Input should be a valid boolean"),
    ],
)
def test_boxes_that_cannot_be_used_are_422_and_a_sentence(client, files, query, words):
    answer = client.post(f"/predict?{query}", content=files[0])
    assert 422 == answer.status_code
    assert re.search(words, answer.json()["detail"]), answer.text


def bomb() -> bytes:
    """A PNG of 400 megapixels by its header, which is above the limit of 100; its pixels would be all black."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9999))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "the body is empty"),
        (b"no picture at all", "no known picture format"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "unreadable or truncated image"),
        (bomb(), "a picture of 20000 x 20000 pixels is over the limit of 100,000,000"),
    ],
)
def test_a_body_that_is_no_picture_is_422_and_a_sentence(client, body, words):
    answer = client.post("/predict?whole=true", content=body)
    assert (422, True) == (answer.status_code, words in answer.json()["detail"]), answer.text


def test_a_picture_that_is_cut_off_is_refused(client, files):
    assert 422 == client.post("/predict?whole=true", content=files[0][:-300]).status_code


def test_a_body_over_the_limit_is_413_whether_its_length_is_declared_or_not(client):
    for body in (bytes(MAX_BYTES + 1), iter([bytes(MAX_BYTES), b"1"])):  # a length; chunks
        answer = client.post("/predict?whole=true", content=body)
        assert (413, {"detail": "the picture's file is larger than 20 MB"}) == (answer.status_code, answer.json())


def test_a_connection_that_breaks_within_its_body_is_counted_and_harms_nobody(client, files):
    with socket.create_connection((client.base_url.host, client.base_url.port)) as one:
        one.sendall(b"POST /predict?whole=true HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nhalf")
    assert 200 == client.post("/predict?whole=true", content=files[0]).status_code
    while not re.search(r'requests_total{outcome="client gone"} [1-9]', client.get("/metrics").text):
        time.sleep(0.05)


def test_health_says_which_model_answers(client, answering):
    answer = client.get("/health")
    named = {"name": answering.what, "version": None}
    assert (200, {"status": "ok", "model": named, "trouble": None}) == (answer.status_code, answer.json())


def test_the_model_says_what_it_is(client):
    told, scheme = client.get("/model").json(), SCHEMES["ibug68"]
    assert (list(scheme.names), "ibug68", "landmarks") == (told["landmarks"], told["scheme"], told["boxes"])


def test_metrics_count_requests_by_outcome_and_faces(client, files):
    def counted(name: str) -> float:
        return float(re.search(rf"(?m)^{re.escape(name)} (\S+)$", client.get("/metrics").text)[1])

    names = ['heatmark_requests_total{outcome="answered"}', "heatmark_faces_total", "heatmark_batch_faces_count"]
    names += ["heatmark_latency_seconds_count", 'heatmark_requests_total{outcome="refused"}']
    before = [counted(name) for name in names]
    client.post("/predict?box=1,2,30,40&box=3,4,50,60", content=files[0])
    client.post("/predict", content=files[0])
    assert [1, 2, 1, 1, 1] == [counted(name) - old for name, old in zip(names, before, strict=True)]
    assert 0 == counted("heatmark_open_requests")


def test_the_page_brings_all_it_needs_and_lets_nothing_else_in(client):
    answer = client.get("/")
    assert "text/html; charset=utf-8" == answer.headers["content-type"]
    assert [] == re.findall(r"https?://(?!www\.w3\.org/2000/svg)[^\"' ]+", answer.text)
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")


def test_a_name_that_was_made_to_mean_this_machine_is_refused(client):
    assert 400 == client.get("/health", headers={"Host": "example.org"}).status_code


def test_what_is_not_there_is_said_in_json(client):
    assert {"detail": "Not Found"} == client.get("/nothing").json()
    assert 405 == client.get("/predict").status_code
