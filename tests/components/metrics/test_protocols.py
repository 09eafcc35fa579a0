"""Protocols: what a number means, and that numbers of different meaning are told apart."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from components.metrics import PROTOCOLS, Protocol
from components.metrics.protocols import NORMALISERS
from components.schemes import IBUG68, SCHEMES, WFLW98, Scheme

# Another value for each field, whatever protocol.
OTHER = {"name": "other", "normaliser": "none", "failure_threshold": 0.07, "auc_threshold": 0.08, "box": "detected"}


@pytest.fixture(params=sorted(PROTOCOLS))
def protocol(request: pytest.FixtureRequest) -> Protocol:
    return PROTOCOLS[request.param]


def test_a_protocol_stands_under_its_name() -> None:
    assert list(PROTOCOLS) == [protocol.name for protocol in PROTOCOLS.values()]


def test_a_protocol_is_made_of_known_parts(protocol: Protocol) -> None:
    assert protocol.normaliser in NORMALISERS
    assert protocol.box in ("landmarks", "annotated")


@pytest.mark.parametrize("field", [field.name for field in fields(Protocol)])
def test_any_changed_field_changes_the_hash(protocol: Protocol, field: str) -> None:
    assert protocol.hash != replace(protocol, **{field: OTHER[field]}).hash


def test_equal_protocols_have_equal_hashes(protocol: Protocol) -> None:
    assert protocol.hash == replace(protocol).hash
    assert 12 == len(protocol.hash)
    assert set(protocol.hash) <= set("0123456789abcdef")


def test_protocols_have_hashes_of_their_own() -> None:
    assert len(PROTOCOLS) == len({protocol.hash for protocol in PROTOCOLS.values()})


def test_a_normaliser_grows_with_the_face_and_ignores_where_it_is(protocol: Protocol) -> None:
    truth = np.random.default_rng(0).normal(size=(4, 68, 2)).astype(np.float32)
    once = protocol.normalise(truth, IBUG68)
    np.testing.assert_allclose(3 * once, protocol.normalise(truth * 3 + 100, IBUG68), rtol=1e-4)
    assert ((4,), np.float64) == (once.shape, once.dtype)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_a_normaliser_is_the_same_for_a_mirrored_face(protocol: Protocol, scheme: Scheme) -> None:
    truth = np.random.default_rng(0).normal(size=(4, scheme.num_landmarks, 2))
    mirrored = (truth * [-1, 1])[:, list(scheme.flip)]
    np.testing.assert_allclose(protocol.normalise(truth, scheme), protocol.normalise(mirrored, scheme))


def test_inter_ocular_is_the_distance_of_the_outer_eye_corners() -> None:
    truth = np.zeros((1, 98, 2))
    truth[0, 60], truth[0, 72] = (10, 10), (13, 14)
    # By hand: a triangle of sides 3, 4 and 5.
    assert [5.0] == PROTOCOLS["inter_ocular"].normalise(truth, WFLW98).tolist()


def test_inter_pupil_is_the_distance_of_the_means_of_the_eyes() -> None:
    truth = np.zeros((1, 68, 2))
    truth[0, 36:42] = [(0, 0), (1, 1), (2, 1), (3, 0), (2, -1), (1, -1)]
    truth[0, 42:48] = truth[0, 36:42] + [6, 8]
    # By hand: the means are (1.5, 0) and (7.5, 8): sides 6, 8 and 10.
    assert [10.0] == PROTOCOLS["inter_pupil"].normalise(truth, IBUG68).tolist()
