"""The page as people see it, in Chromium: a drawn face is chosen, a box dragged around it, its landmarks are drawn on it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.serving.model import Model
from pipelines.serving.server.champion import Champion
from tests.flows.browser import CHROMIUM, Page, browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")

FACTS = {
    "test_nme": "0.0312",
    "test_nme_interval": "0.0300 to 0.0325",
    "test_faces": "330",
    "protocol": "inter_ocular:0123",
}
LANDMARKS = "[...document.querySelectorAll('circle.landmark')].map(each => [+each.getAttribute('cx'), +each.getAttribute('cy')])"


@pytest.fixture(scope="module")
def page(serving, answering, seeing, tmp_path_factory) -> Iterator[Page]:
    """Of a server whose model is said to be a version of a registry, and says which landmarks are visible."""
    named = answering._replace(model=Model(seeing), what="heatmark-tiny version 3", facts=FACTS)
    with serving(Champion("a folder", named)) as client, browser(tmp_path_factory.mktemp("profile")) as page:
        page.go(str(client.base_url))
        page.until("heatmark-tiny, version 3")
        yield page


def choose(page: Page, path: Path) -> None:
    root = page.ask("DOM.getDocument")["root"]["nodeId"]
    field = page.ask("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    page.ask("DOM.setFileInputFiles", nodeId=field, files=[str(path)])
    page.until("Drag a box around the face, tightly around")


def drag(page: Page, x0: float, y0: float, x1: float, y1: float) -> None:
    """Over the picture, in shares of its sides."""
    at = "(() => {const at = document.getElementById('picture').getBoundingClientRect(); return [at.x, at.y, at.width, at.height]})()"
    left, top, width, height = page.run(at)
    for kind, x, y in (("mousePressed", x0, y0), ("mouseMoved", x1, y1), ("mouseReleased", x1, y1)):
        where = {"x": left + x * width, "y": top + y * height}
        page.ask("Input.dispatchMouseEvent", type=kind, button="left", buttons=1, clickCount=1, **where)


def test_it_says_which_model_answers_and_how_good_it_is(page):
    said = page.text()
    assert "NME 3.12% (95% interval 3.00% to 3.25%) on 330 test faces, inter_ocular" in said
    assert "68 landmarks, ibug68" in said


def test_a_chosen_picture_taken_whole_shows_the_model_s_own_landmarks(page, answering, photos, drawn):
    choose(page, photos / "one.png")
    page.click("button", "Take the whole picture")
    page.until("mean confidence")
    faces = answering.model.find(drawn[0])
    assert f"{faces.confidence.mean():.2f}" in page.text()
    # A pixel's centre, at its integer, is half a pixel further in a drawing.
    np.testing.assert_allclose(faces.landmarks[0] + 0.5, page.run(LANDMARKS), atol=2e-3)


def test_hidden_landmarks_are_rings(page, seeing, photos, drawn):
    choose(page, photos / "one.png")
    page.click("button", "Take the whole picture")
    page.until("A ring is a landmark that is hidden rather than visible.")
    rings = page.run(
        "[...document.querySelectorAll('circle.landmark')].map(each => each.getAttribute('fill') === 'transparent')"
    )
    assert Model(seeing).find(drawn[0]).hidden[0].tolist() == rings


def test_boxes_that_are_dragged_are_faces_one_after_the_other(page, photos):
    choose(page, photos / "one.png")
    drag(page, 0.2, 0.2, 0.8, 0.85)
    page.until("mean confidence")
    assert 68 == len(page.run(LANDMARKS))
    drag(page, 0.25, 0.25, 0.7, 0.8)
    page.until("mean confidence of 2 faces")
    boxes = page.run("faces.map(face => face.box)")
    expected = [[0.2, 0.2, 0.8, 0.85], [0.25, 0.25, 0.7, 0.8]]
    # 128 px from edge to edge, which are at -0.5 and 127.5; the mouse moves by whole pixels of the screen.
    np.testing.assert_allclose(np.array(expected) * 128 - 0.5, boxes, atol=0.5)
    page.click("button", "Clear")
    page.until("Drag a box around the face, or take the whole picture.")
    assert [] == page.run(LANDMARKS)


def test_a_photograph_that_exif_turns_is_sent_as_it_is_shown(page, drawn, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side
    Image.fromarray(np.ascontiguousarray(drawn[0][:96])).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    choose(page, tmp_path / "turned.jpg")
    sent = bytes(page.run("body.arrayBuffer().then(buffer => [...new Uint8Array(buffer)])"))
    with Image.open(io.BytesIO(sent)) as shown:
        assert ((96, 128), 1) == (shown.size, shown.getexif().get(0x0112, 1))
    page.click("button", "Take the whole picture")
    page.until("mean confidence")


def test_what_the_server_refuses_is_said_on_the_page(page, photos):
    choose(page, photos / "one.png")
    page.run("body = new Blob(['no picture'])")
    page.click("button", "Take the whole picture")
    page.until("Unreadable or truncated image: no known picture format.")


def test_a_file_that_is_no_picture_is_refused_by_the_page_itself(page, tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    root = page.ask("DOM.getDocument")["root"]["nodeId"]
    field = page.ask("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    page.ask("DOM.setFileInputFiles", nodeId=field, files=[str(tmp_path / "notes.png")])
    page.until("This browser cannot show that file: choose another one.")
