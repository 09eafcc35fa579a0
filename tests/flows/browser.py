"""Chromium without a window, driven over its DevTools: pages as people see them, clicked and typed into."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
WAIT_S = 600
# The innermost element that is seen, of those that a selector finds and whose text, or label, is the one asked for.
FIND = """
(selector, text) => {
  const seen = [...document.querySelectorAll(selector)].filter(each => each.getClientRects().length && !each.disabled);
  const named = each => [each.innerText, each.getAttribute('aria-label')].some(name => (name || '').trim() === text);
  const found = seen.filter(each => text === null || named(each));
  return found.filter(each => !found.some(other => other !== each && each.contains(other))).at(-1);
}
"""
# The field that a form has below a label.
FIELD = f"""
(label) => {{
  const said = ({FIND})('label, span, div, p', label);
  const fields = [...document.querySelectorAll('textarea, input, select')].filter(each => each.getClientRects().length);
  return said && fields.find(each => said.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING);
}}
"""
# As if somebody had chosen it.
CHOOSE = """
(field, value) => {
  field.value = value;
  for (const name of ['input', 'change']) field.dispatchEvent(new Event(name, {bubbles: true}));
  return field.value;
}
"""


class Page:
    """One page of the browser.

    Args:
        socket: Of its DevTools.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.socket, self.sent = socket, 0

    def ask(self, method: str, **params: Any) -> Any:
        self.sent += 1
        self.socket.send(json.dumps({"id": self.sent, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv(timeout=WAIT_S))).get("id") != self.sent:
            pass
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def run(self, script: str) -> Any:
        """What JavaScript comes to."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, f"{script}: {answer}"
        return answer["result"].get("value")

    def go(self, url: str) -> None:
        self.ask("Page.navigate", url=url)

    def text(self) -> str:
        """All that is to be read, with each space a plain one."""
        return (self.run("document.body ? document.body.innerText : ''") or "").replace("\xa0", " ")

    def until(self, *words: str, timeout_s: float = WAIT_S) -> str:
        """Waits until all of the words are on the page; returns its text."""
        deadline = time.monotonic() + timeout_s
        while not all(word in (text := self.text()) for word in words):
            assert time.monotonic() < deadline, f"{words} did not come; the page says:\n{text}"
            time.sleep(0.5)
        return text

    def click(self, selector: str, text: str | None = None) -> None:
        """Clicks on the last element that is called so, once it is there."""
        self._press(f"({FIND})({json.dumps(selector)}, {json.dumps(text)})")

    def fill(self, label: str, words: str) -> None:
        """Types into a field, or chooses from its list."""
        field = f"({FIELD})({json.dumps(label)})"
        self._press(field)
        if self.run(f"{field}.tagName") == "SELECT":
            assert words == self.run(f"({CHOOSE})({field}, {json.dumps(words)})")
            return
        self.ask("Input.insertText", text=words)

    def _press(self, element: str) -> None:
        where = f"(() => {{const one = {element}; if (!one) return null; one.scrollIntoView({{block: 'center'}});"
        where += "const at = one.getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2]})()"
        deadline, before = time.monotonic() + WAIT_S, None
        while (now := self.run(where)) is None or now != before:  # until it stands still
            assert time.monotonic() < deadline, f"{element} is not there; the page says:\n{self.text()}"
            before = now
            time.sleep(0.3)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=now[0], y=now[1], button="left", clickCount=1)

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A page for the block."""
    assert CHROMIUM, "this test needs Chromium"
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1400,1000"]
    options += ["--remote-debugging-port=0", f"--user-data-dir={profile}", "--disable-background-networking"]
    process = subprocess.Popen(
        [CHROMIUM, *options, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with connect(_socket(profile / "DevToolsActivePort"), max_size=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait(30)


def _socket(port_file: Path) -> str:
    deadline = time.monotonic() + WAIT_S
    while not port_file.exists() or not port_file.read_text():
        assert time.monotonic() < deadline, "Chromium did not start"
        time.sleep(0.2)
    port = port_file.read_text().splitlines()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
        return next(each["webSocketDebuggerUrl"] for each in json.load(answer) if each["type"] == "page")
