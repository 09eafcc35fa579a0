"""A copy of the project, for commands that are not to touch this one."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def project(make_project):
    return make_project()
