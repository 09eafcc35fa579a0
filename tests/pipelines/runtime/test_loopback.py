"""A Ray of our own is not to be reached from other machines."""

from __future__ import annotations

import os

import ray


def test_a_ray_of_our_own_listens_on_loopback_alone(local_ray, listening):
    assert 1 == ray.get(ray.remote(lambda: 1).remote())  # so that there is a worker
    found = listening(os.getpid())
    assert {"gcs_server", "raylet"} <= {one.split(" ", 1)[1] for one in found}, found
    assert [] == sorted(one for one in found if not one.startswith("127.0.0.1 "))
