"""From imported names to lines of the lock, by what is installed."""

from __future__ import annotations

from pathlib import Path

from pipelines.registry.packages import asked_extras, imported_packages, locked, needed_packages
from pipelines.runtime.environment import ROOT


def test_a_name_leads_to_the_package_that_holds_it() -> None:
    found = imported_packages({"cv2", "PIL", "yaml", "safetensors"}, ROOT)
    assert ["opencv-python", "pillow", "pyyaml", "safetensors"] == list(found)
    assert found["safetensors"] == locked(ROOT)["safetensors"]


def test_pythons_own_modules_are_in_no_package() -> None:
    assert {} == imported_packages({"json", "pathlib", "__future__"}, ROOT)


def test_what_a_package_requires_counts_and_what_that_requires() -> None:
    # jinja2 requires markupsafe; matplotlib requires python-dateutil, and that six.
    assert ["jinja2", "markupsafe"] == list(needed_packages({"jinja2"}, ROOT))
    assert {"matplotlib", "python-dateutil", "six", "numpy"} <= needed_packages({"matplotlib"}, ROOT).keys()


def test_an_extra_counts_where_the_project_asks_for_it() -> None:
    # ray[data] requires pyarrow, ray alone does not; ray[serve] requires starlette, which nobody asks for.
    assert {"data", "default", "train"} == asked_extras(ROOT)["ray"]
    assert "pyarrow" in needed_packages({"ray"}, ROOT)
    assert "starlette" not in needed_packages({"ray"}, ROOT)


def test_only_the_versions_of_what_is_needed_decide(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\ndependencies = []\n")
    lock = (ROOT / "requirements.lock").read_text()
    (tmp_path / "requirements.lock").write_text(lock)
    before = needed_packages({"jinja2"}, tmp_path)
    (tmp_path / "requirements.lock").write_text(lock.replace("prefect==", "prefect==9"))
    assert before == needed_packages({"jinja2"}, tmp_path)
    (tmp_path / "requirements.lock").write_text(lock.replace("markupsafe==", "markupsafe==9"))
    assert "9" + before["markupsafe"] == needed_packages({"jinja2"}, tmp_path)["markupsafe"]
