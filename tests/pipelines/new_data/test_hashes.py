"""The hash of a face: near for its copies, far for others."""

from __future__ import annotations

import cv2
import numpy as np

from components.synthetic import draw_face
from pipelines.new_data import hashes
from pipelines.new_data.hashes import BYTES, distances, hash_face, near
from pipelines.new_data.twins import MOST_BITS


def array(*texts: bytes) -> np.ndarray:
    return np.frombuffer(b"".join(texts), np.uint8).reshape(len(texts), BYTES)


def test_the_distance_is_the_number_of_bits_that_differ():
    zero, one, three, all_ones = bytes(BYTES), b"\x01" + bytes(BYTES - 1), bytes(BYTES - 1) + b"\x07", b"\xff" * BYTES
    expected = [[0, 1, 3, 256], [1, 0, 4, 255]]  # by hand
    assert expected == distances(array(zero, one), array(zero, one, three, all_ones)).tolist()


def test_near_pairs_are_those_of_all_pairs_whatever_is_compared_at_once(monkeypatch):
    bits = np.random.default_rng(0).random((30, 256)) < 0.5
    ours = np.packbits(bits, axis=1)
    theirs = np.packbits(bits[:20] ^ (np.arange(256) < np.arange(20)[:, None]), axis=1)  # number k differs in k bits
    rows, columns, apart = near(ours, theirs, 7)
    assert [(k, k, k) for k in range(8)] == list(zip(rows.tolist(), columns.tolist(), apart.tolist(), strict=True))
    monkeypatch.setattr(hashes, "PAIRS_AT_ONCE", 50)
    assert [(k, k, k) for k in range(8)] == [tuple(pair) for pair in np.stack(near(ours, theirs, 7), axis=1).tolist()]
    assert [0, 0, 0] == [len(part) for part in near(ours[:0], theirs, 7)]


def test_a_smaller_or_cropped_copy_is_near_and_another_face_is_far():
    (face, other) = (draw_face(0, index, 256) for index in (0, 2))
    marks = face.landmarks["ibug68"].astype(np.float32)
    own = array(hash_face(face.image, marks)[0])
    half = cv2.resize(face.image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    copies = [hash_face(half, (marks + 0.5) / 2 - 0.5)[0], hash_face(face.image[8:, 12:], marks - [12, 8])[0]]
    assert (distances(own, array(*copies)) <= 8).all()
    stranger = hash_face(other.image, other.landmarks["ibug68"].astype(np.float32))[0]
    assert distances(own, array(stranger))[0, 0] > MOST_BITS


def test_the_hash_of_the_mirror_image_is_that_of_a_mirrored_picture():
    face = draw_face(0, 0, 256)
    marks = face.landmarks["ibug68"].astype(np.float32)
    own = hash_face(face.image, marks)
    mirrored = hash_face(np.ascontiguousarray(face.image[:, ::-1]), (np.array([255, 0]) + marks * [-1, 1]))
    assert distances(array(own[0]), array(mirrored[1]))[0, 0] <= 8
    assert distances(array(own[1]), array(mirrored[0]))[0, 0] <= 8
    assert distances(array(own[0]), array(mirrored[0]))[0, 0] > MOST_BITS
