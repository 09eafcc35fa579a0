"""What `pip install .` gives to somebody without a checkout: models at work, and a sentence from all that needs one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from components.codecs import Subpixel
from components.model import LandmarkModel, ModelConfig
from components.networks import UNet
from components.schemes import SCHEMES
from components.synthetic import draw_face
from heatmark import __version__
from pipelines.runtime.environment import ROOT

BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
# Python without its site folders (-S), so without what is installed in editable mode; the packages of the lock by hand.
START = "import sys; sys.path[1:1] = {places!r}; "


class Installed:
    """The wheel, unpacked, in a place where there is no checkout.

    Args:
        root: An empty folder; `site` in it holds the wheel's files, `work` is where one stands.
    """

    def __init__(self, root: Path) -> None:
        self.site, self.work = root / "site", root / "work"
        self.work.mkdir()

    def python(self, project, code: str, *words: str) -> subprocess.CompletedProcess[str]:
        start = START.format(places=[str(self.site), sysconfig.get_path("purelib")])
        env = {**project.environment(), "PYTHONDONTWRITEBYTECODE": "1"}
        words = (sys.executable, "-S", "-c", start + code, *words)
        return subprocess.run(words, cwd=self.work, env=env, capture_output=True, text=True, timeout=300, check=False)

    def heatmark(self, project, *words: str) -> subprocess.CompletedProcess[str]:
        return self.python(project, "from heatmark.cli import main; main()", *words)


@pytest.fixture(scope="module")
def installed(project, tmp_path_factory):
    """The wheel of a copy, built without a network; with a picture and a model that was never trained beside it."""
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, project.root / name)
    root = tmp_path_factory.mktemp("wheel")
    project.run("python", "-c", BUILD, str(root))
    (wheel,) = root.glob("*.whl")
    place = Installed(root)
    zipfile.ZipFile(wheel).extractall(place.site)
    torch.manual_seed(0)
    codec = Subpixel(crop=64, stride=4, sigma=1.5, window=5, temperature=10.0)
    (place.work / "model").mkdir()
    config = ModelConfig(SCHEMES["ibug68"], codec, UNet(width=4), "mse", 1.25, "landmarks")
    LandmarkModel(config).save(place.work / "model")
    cv2.imwrite(str(place.work / "face.png"), draw_face(0, 0, 96).image[:, :, ::-1])
    return place


def test_it_holds_the_packages_with_their_templates_and_nothing_else(installed):
    found = {path.relative_to(installed.site).as_posix() for path in installed.site.rglob("*") if path.is_file()}
    info = f"heatmark-{__version__}.dist-info"
    expected = {info, "heatmark", "studies", "flows", "pipelines", "components"}
    assert expected == {name.partition("/")[0] for name in found}
    folders = sorted(expected - {info})
    files = {path.relative_to(ROOT).as_posix() for name in folders for path in (ROOT / name).rglob("*") if path.suffix in (".py", ".html")}  # fmt: skip
    assert files == {name for name in found if not name.startswith(info)}
    assert "heatmark = heatmark.cli:main" in (installed.site / info / "entry_points.txt").read_text()
    assert f"\nVersion: {__version__}\n" in (installed.site / info / "METADATA").read_text()


def test_its_code_is_its_own(installed, project):
    assert f"heatmark {__version__} ({installed.site})\n" == installed.heatmark(project, "--version").stdout


def test_load_and_predict_work(installed, project):
    code = "import heatmark, numpy; numpy.save('found.npy', heatmark.load('model').find('face.png').landmarks)"
    done = installed.python(project, code)
    assert (0, "") == (done.returncode, done.stderr)
    expected = LandmarkModel.load(installed.work / "model").predict([draw_face(0, 0, 96).image], np.float32([[-0.5, -0.5, 95.5, 95.5]]))  # fmt: skip
    np.testing.assert_allclose(expected, np.load(installed.work / "found.npy"), atol=1e-3)
    done = installed.heatmark(project, "predict", "face.png", "--whole", "--model", "model", "--out", "out")
    assert (0, "") == (done.returncode, done.stderr)
    assert ["face.png", "landmarks.csv", "summary.json"] == sorted(
        path.name for path in (installed.work / "out").iterdir()
    )


def test_params_works(installed, project):
    done = installed.heatmark(project, "params", str(project.root / "recipes/demo.yaml"), "--plain")
    assert 0 == done.returncode, done.stderr
    assert "name: demo" in done.stdout


@pytest.mark.parametrize("words", [["demo"], ["retrain"], ["schedule"], ["pages"], ["study", "floors"], ["exp", "a=1"]])
def test_what_needs_a_checkout_says_so(installed, project, words):
    done = installed.heatmark(project, *words)
    assert 1 == done.returncode
    assert done.stderr.startswith("heatmark: this command needs a checkout of Heatmark: ")
    assert 1 == len(done.stderr.splitlines())


def test_it_leaves_nothing_behind(installed):
    assert (
        {"model", "face.png"}
        <= {path.name for path in installed.work.iterdir()}
        <= {"model", "face.png", "found.npy", "out"}
    )


def test_in_a_checkout_that_one_s_code_runs(installed, project):
    done = installed.heatmark(project, "--root", str(project.root), "--version")
    assert f"heatmark {__version__} ({project.root.resolve()})\n" == done.stdout
