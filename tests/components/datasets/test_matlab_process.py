"""The process that parses `.mat` files: it may die, hang or be killed, and costs one file, not the stage."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from components.datasets import matlab
from components.datasets.matlab import read_variables
from components.datasets.matlab_process import Parser

ROOT = Path(__file__).resolve().parents[3]
# In a file of one variable of two letters and no compression: the type of its numbers' element, where no type of 255 is.
TYPE_OF_NUMBERS = 176
MATRIX = np.arange(136.0).reshape(2, 68)

# The real child, with questions that no file asks as surely, and little patience.
MISCHIEF = f"""
import os, signal, sys, time
sys.path.insert(0, {str(ROOT)!r})
from components.datasets import matlab_child as child

def spoil(path):
    global spoilt
    spoilt = True
    return {{"found": []}}, {{}}

def use(path):
    if "spoilt" in globals():
        os.kill(os.getpid(), signal.SIGSEGV)
    return {{"found": [], "worker": os.getpid()}}, {{}}

child.ASKED |= {{
    "die": lambda path: os.kill(os.getpid(), signal.SIGSEGV),
    "abort": lambda path: os.abort(),
    "hang": lambda path: time.sleep(60),
    "grow": lambda path: bytearray(4 << 30),
    "fail": lambda path: 1 / 0,
    "spoil": spoil,
    "use": use,
    "wait": lambda path: (time.sleep(0.5), ({{"found": []}}, {{}}))[1],
    "group": lambda path: ({{"found": [], "pids": [os.getpid(), os.getppid()]}}, {{}}),
    "end": lambda path: os.kill(os.getppid(), signal.SIGKILL) or os._exit(0),
}}
child.TIME_LIMIT_S = 1
child.main()
"""


@pytest.fixture
def parser(tmp_path: Path) -> Iterator[Parser]:
    (tmp_path / "mischief.py").write_text(MISCHIEF)
    parser = Parser(str(tmp_path / "mischief.py"))
    yield parser
    parser.end()


def ask(parser: Parser, question: str) -> dict:
    return parser.ask(question, Path("/a.mat"))


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it has gone before the file was opened, or read
        return False


def gone(pids: list[int]) -> bool:
    """Whether processes have ended, now or soon."""
    for _ in range(200):
        if not any(map(alive, pids)):
            return True
        time.sleep(0.05)
    return False


def test_a_file_that_crashes_its_parser_is_refused_by_name_and_costs_no_other(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "good.mat", {"ab": MATRIX})
    content = bytearray((tmp_path / "good.mat").read_bytes())
    content[TYPE_OF_NUMBERS] = 0xFF
    (tmp_path / "bad.mat").write_bytes(content)
    # SciPy 1.17 looks the type up behind its table's end: the crash that took a whole stage with it.
    with pytest.raises(ValueError, match=r"^bad\.mat: its parser crashed \(SIG(SEGV|BUS)\): damaged$"):
        read_variables(tmp_path, "bad.mat", ("ab",))
    np.testing.assert_array_equal(MATRIX, read_variables(tmp_path, "good.mat", ("ab",))["ab"])


@pytest.mark.parametrize(("question", "name"), [("die", "SIGSEGV"), ("abort", "SIGABRT")])
def test_a_crash_is_an_answer_and_the_next_question_is_answered(parser: Parser, question: str, name: str) -> None:
    for _ in range(3):
        assert f"its parser crashed ({name}): damaged" == ask(parser, question)["refused"]
        assert "found" in ask(parser, "use")


def test_a_file_that_takes_too_long_is_refused(parser: Parser) -> None:
    assert "its parser took more than 1 s: damaged" == ask(parser, "hang")["refused"]
    assert "found" in ask(parser, "use")


def test_a_file_that_takes_too_much_memory_is_refused(parser: Parser) -> None:
    assert "takes more than 2048 MiB to read" == ask(parser, "grow")["refused"]
    assert "found" in ask(parser, "use")


def test_nothing_is_refused_for_what_an_earlier_file_left_in_memory(parser: Parser) -> None:
    ask(parser, "spoil")
    assert "found" in ask(parser, "use")


def test_a_worker_is_kept_while_files_are_good_and_replaced_after_a_bad_one(parser: Parser) -> None:
    workers = [ask(parser, "use")["worker"] for _ in range(2)]
    assert "division by zero" == ask(parser, "fail")["error"]
    workers.append(ask(parser, "use")["worker"])
    assert [True, False] == [worker == workers[0] for worker in workers[1:]]


def test_a_child_that_was_killed_is_started_again(parser: Parser) -> None:
    (worker, child) = ask(parser, "group")["pids"]
    for pid in (child, worker):
        os.kill(pid, signal.SIGKILL)
    assert gone([worker])
    assert "found" in ask(parser, "use")
    assert "its parser ended without an answer: damaged" == ask(parser, "end")["refused"]
    assert "found" in ask(parser, "use")


def test_threads_ask_in_turn(parser: Parser) -> None:
    answers: list[dict] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(parser, "use"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 20 == len(answers)
    assert 1 == len({answer["worker"] for answer in answers})


def test_a_forked_process_has_a_child_of_its_own_and_leaves_its_parents_alone(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"m": MATRIX})
    read_variables(tmp_path, "a.mat", ("m",))
    matlab._kept.cache_clear()
    forked = os.fork()
    if not forked:
        try:
            os._exit(0 if read_variables(tmp_path, "a.mat", ("m",))["m"].sum() == MATRIX.sum() else 1)
        finally:
            os._exit(2)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1])
    np.testing.assert_array_equal(MATRIX, read_variables(tmp_path, "a.mat", ("m",))["m"])


def test_an_interrupt_amid_an_answer_does_not_mix_it_with_the_next(parser: Parser) -> None:
    ask(parser, "use")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupted)
    try:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        with pytest.raises(KeyboardInterrupt):
            ask(parser, "wait")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert "worker" in ask(parser, "use")


def run(code: str, *words: str) -> subprocess.Popen[str]:
    """A process that reads a `.mat`, tells its child's pids and waits for a line."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}; input()"
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


TELL = (
    "import json; from components.datasets.matlab_process import Parser; from pathlib import Path; "
    "p = Parser(sys.argv[1]); print(json.dumps(p.ask('group', Path('/'))['pids']), flush=True)"
)


@pytest.mark.parametrize("end", ["kill", "terminate", "communicate"])
def test_no_child_outlives_its_process_however_that_ends(parser: Parser, end: str) -> None:
    with run(TELL, parser._script) as process:
        assert process.stdout
        pids = json.loads(process.stdout.readline())
        assert all(map(alive, pids))
        getattr(process, end)()
    assert gone(pids)


def test_ctrl_c_in_a_terminal_leaves_the_child_to_its_process(parser: Parser) -> None:
    deaf = "import signal; signal.signal(signal.SIGINT, lambda *_: None)"
    with run(f"{deaf}; {TELL}; sys.stdin.readline(); {TELL.rpartition('; ')[2]}", parser._script) as process:
        assert process.stdout
        pids = json.loads(process.stdout.readline())
        os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it, to all in the foreground
        assert (f"{pids}\n", "") == process.communicate("\n\n")


def test_a_child_that_does_not_start_is_no_fault_of_the_file(tmp_path: Path) -> None:
    parser = Parser(str(tmp_path / "missing.py"))
    with pytest.raises(RuntimeError, match=r"^no parser of \.mat files; to see why: .*missing\.py < /dev/null$"):
        ask(parser, "variables")


def test_the_child_needs_no_module_of_this_project_and_no_path_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)
    scipy.io.savemat(tmp_path / "a.mat", {"m": MATRIX})
    parser = Parser()
    try:
        answer = parser.ask("variables", tmp_path / "a.mat", names=["m", "n"])
    finally:
        parser.end()
    assert (["m"], {}) == (answer["found"], answer["texts"])
    np.testing.assert_array_equal(MATRIX, answer["arrays"]["m"])
