"""The environment that a command begins with: also what the C library has read before Python ran."""

from __future__ import annotations

from pipelines.runtime.environment import ALLOCATOR

# What the process was started with; os.environ may have more by now.
PROBE = """
from pathlib import Path
import os, sys
print(Path("/proc/self/environ").read_text().replace("\\0", "\\n"))
print("pid", os.getpid(), sys.argv[1:])
"""


def test_a_command_that_began_without_the_allocators_settings_begins_again_with_them(make_project):
    project = make_project()
    (project.root / "pipelines/probe.py").write_text(PROBE)
    said = project.run("python", "-m", "pipelines.probe", "a word", "--flag").stdout
    for name, value in ALLOCATOR.items():
        assert f"{name}={value}\n" in said
    assert "['a word', '--flag']" in said


def test_settings_of_the_user_s_own_stay(make_project):
    project = make_project()
    (project.root / "pipelines/probe.py").write_text(PROBE)
    said = project.run("python", "-m", "pipelines.probe", MALLOC_ARENA_MAX="3").stdout
    assert "MALLOC_ARENA_MAX=3\n" in said
