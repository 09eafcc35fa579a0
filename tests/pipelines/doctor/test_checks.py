"""Each thing that the doctor looks at, broken for real."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines.doctor import (
    artifact_paths,
    data,
    device,
    disk,
    dvc_cache,
    dvc_remote,
    installed,
    interpreter,
    leftovers,
    prefect_server,
    ray_cluster,
    tracking_store,
)
from pipelines.doctor.check import OK, WARNING, WRONG, Check
from pipelines.doctor.examine import LOOKS, examine, lines, summary
from pipelines.registry import moved
from pipelines.runtime.environment import ROOT
from pipelines.runtime.outputs import alone

DEAD = "http://me:pass@word@127.0.0.1:9/api?token=secret"  # nothing listens at port 9


@contextmanager
def answering(code: int, body: str = "{}") -> Iterator[str]:
    """A server that says the same to everything, but that it is well at /health; yields its address."""

    class Answer(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200 if self.path == "/health" else code)
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_HEAD = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def versioned(tmp_path: Path) -> Path:
    """A checkout whose data DVC has versioned: two files, by hand."""
    listing = []
    for name in ("a.txt", "b.txt"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / name).write_text(name)
        listing.append({"md5": keep(tmp_path, name.encode()), "relpath": name})
    version = keep(tmp_path, json.dumps(listing).encode(), ".dir")
    (tmp_path / "data.dvc").write_text(f"outs:\n- md5: {version}\n  path: data\n")
    return tmp_path


def keep(root: Path, content: bytes, end: str = "") -> str:
    md5 = hashlib.md5(content).hexdigest() + end
    path = root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return md5


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tracking store of a checkout, in a folder of its own."""
    store = tmp_path / "runs/mlflow.db"
    store.parent.mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}")
    return store


def test_the_hand_made_version_is_what_dvc_itself_makes(versioned):
    real = versioned / "real"
    shutil.copytree(versioned / "data", real / "data")
    for words in (["dvc", "init", "-q", "--no-scm"], ["dvc", "add", "-q", "data"]):
        subprocess.run(words, cwd=real, check=True)
    version = (versioned / "data.dvc").read_text().split("md5: ")[1].split()[0]
    assert f"- md5: {version}\n" in (real / "data.dvc").read_text()
    assert (OK, "2 files as in data.dvc") == seen(data.look(real))
    assert (OK, "3 files") == seen(dvc_cache.look(real))


def seen(check: Check) -> tuple[str, str]:
    return check.state, check.seen


def test_another_python():
    assert OK == interpreter.look((3, 11, 7)).state
    assert Check(WRONG, "3.12.1, and the lock is for 3.11", "rm -rf .venv; make shell PYTHON=python3.11") == (
        interpreter.look((3, 12, 1))
    )
    assert f'requires-python = "=={".".join(map(str, interpreter.WANTED))}.*"' in (ROOT / "pyproject.toml").read_text()


def test_a_package_of_the_lock_that_is_missing_or_another(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"typer=={installed.metadata.version('typer')}\n")
    assert (OK, "1, as in the lock") == seen(installed.look(tmp_path))
    lock.write_text("typer==0.0.1\n")
    check = installed.look(tmp_path)
    assert (WARNING, "make -B .venv/.done") == (check.state, check.mend)
    assert "for 0.0.1" in check.seen
    lock.write_text("typer==0.0.1\nnosuch-package==1.0\n")
    assert (WRONG, "1 of 2 in the lock missing: nosuch-package") == seen(installed.look(tmp_path))


@pytest.mark.parametrize("name", ["torch", "ray"])
def test_a_library_that_cannot_be_imported(name, tmp_path):
    """In a process of its own, which finds a broken one first."""
    (tmp_path / f"{name}.py").write_text('raise OSError("libbroken.so: no such file")\n')
    module = {"torch": "device.look()", "ray": "ray_cluster.look('.')"}[name]
    code = f"from pipelines.doctor import device, ray_cluster; check = {module}; print(check.state, check.seen)"
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert "wrong cannot be imported: OSError: libbroken.so: no such file\n" == done.stdout


def test_a_gpu_that_torch_does_not_see(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert OK == device.look(gpu=tmp_path / "away").state
    assert WARNING == device.look(gpu=tmp_path).state


def test_a_full_disk(tmp_path):
    assert OK == disk.look(tmp_path, least=1, good=1).state
    assert WARNING == disk.look(tmp_path, least=1, good=1 << 60).state
    assert WRONG == disk.look(tmp_path, least=1 << 60).state


def test_a_cluster_that_is_away_or_is_none(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    check = ray_cluster.look(ROOT)
    assert WRONG == check.state
    assert check.seen.endswith("RAY_ADDRESS=127.0.0.1:9 does not answer (ConnectionRefusedError)")
    monkeypatch.setenv("RAY_ADDRESS", "somewhere")
    assert ray_cluster.look(ROOT).seen.endswith("RAY_ADDRESS=somewhere is not HOST:PORT")


def test_a_prefect_server_that_is_away_or_refuses(monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", DEAD)
    assert (WRONG, "http://127.0.0.1:9/api?... does not answer (URLError)") == seen(prefect_server.look())
    monkeypatch.setenv("PREFECT_API_URL", "nonsense")
    assert WRONG == prefect_server.look().state
    for code, state in ((200, OK), (401, WRONG), (500, WRONG)):
        with answering(code) as address:
            monkeypatch.setenv("PREFECT_API_URL", f"{address}/api")
            assert state == prefect_server.look().state


def test_an_mlflow_server_that_is_away_or_refuses(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", DEAD)
    check = tracking_store.look()
    assert (WRONG, "start it, or unset MLFLOW_TRACKING_URI to track in runs/mlflow.db") == (check.state, check.mend)
    assert not {"pass", "secret"} & set("".join(lines("mlflow", check)).replace("=", " ").split())
    away = json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such run"})
    refused = json.dumps({"error_code": "PERMISSION_DENIED", "message": "no"})
    for code, body, state in ((404, away, OK), (403, refused, WRONG), (401, "who are you?", WRONG)):
        with answering(code, body) as address:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
            assert state == tracking_store.look().state


def test_a_database_that_is_named_and_away(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@127.0.0.1:9/mlflow")
    check = tracking_store.look()
    assert WRONG == check.state
    assert check.seen.startswith("postgresql://127.0.0.1:9/mlflow cannot be used")


def test_a_store_that_is_damaged_locked_or_of_another_schema(own, monkeypatch):
    assert (OK, f"{own} is not there yet: the first training makes it") == seen(tracking_store.look())
    assert not own.exists()
    from pipelines.registry import tracking

    _, newest = tracking.schema("sqlite://")
    with sqlite3.connect(own) as store:
        store.execute("CREATE TABLE alembic_version (version_num TEXT)")
        store.execute("INSERT INTO alembic_version VALUES (?)", (newest,))
    before = own.read_bytes()
    assert OK == tracking_store.look().state
    assert before == own.read_bytes()
    store.execute("UPDATE alembic_version SET version_num = '0123456789ab'")
    store.commit()
    check = tracking_store.look()
    assert (WRONG, f"{own} has the schema 012345, and this MLflow has {newest[:6]}") == seen(check)
    assert f"mlflow db upgrade sqlite:///{own}" in check.mend
    monkeypatch.setattr(tracking_store, "BUSY_S", 0.1)
    store.execute("BEGIN EXCLUSIVE")
    assert WARNING == tracking_store.look().state
    store.rollback()
    store.close()
    own.write_bytes(b"not a database, but long enough to be one" * 30)
    assert (WRONG, f"{own} is damaged: file is not a database") == seen(tracking_store.look())


def test_artifacts_that_are_noted_elsewhere(tmp_path, monkeypatch):
    """The folder that a store was made in, and this one."""
    database = tmp_path / "mlflow.db"
    with sqlite3.connect(database) as store:
        store.execute("CREATE TABLE runs (artifact_uri TEXT)")
        places = [f"{ROOT.as_uri()}/runs/mlartifacts/1", "s3://bucket/runs/mlartifacts/2", None]
        store.executemany("INSERT INTO runs VALUES (?)", [(place,) for place in places])
    monkeypatch.setattr(moved, "own_store", lambda: database)
    assert OK == artifact_paths.look().state
    store.execute("INSERT INTO runs VALUES ('file:///a%20b/old/runs/mlartifacts/3')")
    store.commit()
    store.close()
    expected = Check(WRONG, "1 place is noted in /a b/old: this folder was moved", "heatmark doctor --mend-paths")
    assert expected == artifact_paths.look()


def test_data_that_is_not_as_its_version(versioned):
    shutil.copy(ROOT / ".dvcignore", versioned)
    (versioned / "data/.DS_Store").touch()
    assert (OK, "2 files as in data.dvc") == seen(data.look(versioned))
    assert (OK, "2 files as in data.dvc; the bytes of 1 were read") == seen(data.look(versioned, budget=5))
    (versioned / "data/a.txt").write_text("a.tXt")
    assert (WRONG, "1 file is not as in data.dvc: a.txt") == seen(data.look(versioned))
    (versioned / "data/c.txt").write_text("new")
    assert (WRONG, "1 file is not in data.dvc: c.txt") == seen(data.look(versioned))
    (versioned / "data/a.txt").unlink()
    assert (WRONG, "1 file is missing: a.txt") == seen(data.look(versioned))
    (versioned / "data").rename(versioned / "away")
    assert (WARNING, "data/ is empty, and data.dvc names a version") == seen(data.look(versioned))
    (versioned / "data.dvc").write_text("<<<<<<< HEAD\nouts: [\n")
    assert WRONG == data.look(versioned).state
    (versioned / "data.dvc").unlink()
    assert WARNING == data.look(versioned).state


def test_a_changed_byte_in_the_cache(versioned):
    assert (OK, "3 files") == seen(dvc_cache.look(versioned))
    (path,) = (versioned / ".dvc/cache/files/md5").glob("*/" + hashlib.md5(b"a.txt").hexdigest()[2:])
    path.write_bytes(b"a.tXt")
    check = dvc_cache.look(versioned)
    assert (WRONG, f"1 file is damaged, of 3 that were read: {path.parent.name}/{path.name}") == seen(check)
    assert check.mend.startswith(f"rm -f {path.relative_to(versioned)};")
    (listing,) = (versioned / ".dvc/cache/files/md5").glob("*/*.dir")
    listing.write_text("[]")
    assert (WARNING, "is not in DVC's cache") == (data.look(versioned).state, data.look(versioned).seen[15:36])


def test_a_remote_that_is_missing_away_or_has_no_url(tmp_path):
    config = tmp_path / ".dvc/config"
    config.parent.mkdir()
    config.write_text("[core]\n    analytics = false\n")
    assert WARNING == dvc_remote.look(tmp_path).state
    config.write_text("[core]\n    remote = store\n")
    assert (WRONG, "store is the default, but has no URL") == seen(dvc_remote.look(tmp_path))
    remote = "[core]\n    remote = store\n['remote \"store\"']\n    url = "
    config.write_text(f"{remote}../store\n")
    assert (WRONG, "store at ../store is not there") == seen(dvc_remote.look(tmp_path))
    (tmp_path / "store").mkdir()
    assert (OK, "store at ../store is there") == seen(dvc_remote.look(tmp_path))
    config.write_text(f"{remote}{DEAD}\n")
    assert (WRONG, "store at http://127.0.0.1:9/api?... does not answer (URLError)") == seen(dvc_remote.look(tmp_path))
    config.write_text("no section\n")
    assert WRONG == dvc_remote.look(tmp_path).state


def test_a_remote_of_a_kind_that_dvc_is_asked_for(tmp_path):
    subprocess.run(["dvc", "init", "-q", "--no-scm"], cwd=tmp_path, check=True)
    subprocess.run(["dvc", "remote", "add", "-q", "-d", "store", "s3://bucket/path"], cwd=tmp_path, check=True)
    check = dvc_remote.look(tmp_path)
    assert WRONG == check.state  # dvc[s3] is not in the lock
    assert "store at s3://bucket/path cannot be reached" in check.seen


def test_locks_that_are_held_and_those_of_a_dead_process(tmp_path):
    tmp = tmp_path / ".dvc/tmp"
    tmp.mkdir(parents=True)
    gone = subprocess.Popen(["true"])
    gone.wait()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/left.lock").touch()  # nobody holds it: what is left of a file is no lock
    assert (OK, "none is held") == seen(leftovers.locks(tmp_path))
    with alone(tmp_path / "runs/key.lock", "busy"):
        assert (OK, f"held: runs/key.lock by process {os.getpid()}, which runs") == seen(leftovers.locks(tmp_path))
    (tmp / "rwlock").write_text(json.dumps({"write": {"data": {"pid": gone.pid, "cmd": "dvc repro"}}, "read": {}}))
    expected = f"DVC's .dvc/tmp/rwlock names processes that are gone: {gone.pid} (dvc repro)"
    assert Check(WARNING, expected, "rm .dvc/tmp/rwlock") == leftovers.locks(tmp_path)
    (tmp / "rwlock").write_text("{")
    assert (WARNING, ".dvc/tmp/rwlock is damaged") == seen(leftovers.locks(tmp_path))
    (tmp / "rwlock").write_text(json.dumps({"write": {}, "read": {"x": [{"pid": os.getpid(), "cmd": "this"}]}}))
    assert OK == leftovers.locks(tmp_path).state


@contextmanager
def called(name: str, folder: Path, *words: str, apart: bool) -> Iterator[int]:
    """A process with another's name; apart, whoever started it is gone."""
    code = "import sys; print(__import__('os').getpid(), flush=True); sys.stdin.read()"
    words = ("bash", "-c", 'exec -a "$0" python -c "$@"', name, code, *words)
    if apart:
        words = ("bash", "-c", '"$@" <&0 & exit', "-", *words)
    process = subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    yield int(process.stdout.readline())
    process.communicate("")


def test_a_ray_without_its_driver(tmp_path, monkeypatch):
    session = f"--session_dir={tmp_path}/.state/ray/session_x"
    assert OK == leftovers.processes(tmp_path).state
    with called("raylet", tmp_path, session, apart=True) as pid:
        expected = Check(WARNING, f"1 of Ray goes on without a driver: {pid}", f"kill {pid}")
        assert expected == leftovers.processes(tmp_path)
    with called("raylet", tmp_path, "--session_dir=/elsewhere/session_x", apart=True):  # by `ray start`, to stay
        assert OK == leftovers.processes(tmp_path).state
    monkeypatch.chdir(tmp_path)  # we are the driver
    with called("raylet", tmp_path, session, apart=False):
        assert OK == leftovers.processes(tmp_path).state


def test_a_look_that_fails_is_wrong_itself_and_the_others_go_on():
    def broken() -> Check:
        raise RuntimeError("postgresql://me:secret@host is\nbroken")

    first, second = examine({"one": broken, "two": LOOKS["python"]})
    assert (WRONG, OK) == (first[1].state, second[1].state)
    assert ["wrong    one        cannot be looked at: RuntimeError: postgresql://host is",
            "                    -> make -B .venv/.done; if that is no help, report this line"] == lines(*first)  # fmt: skip


def test_lines_fit_80_columns_and_a_summary_counts():
    check = Check(WRONG, "word " * 60 + "/a/very/long/path" * 10, "command --with-options " * 10)
    assert max(map(len, lines("dvc remote", check))) <= 80
    assert "doctor: 2 ok, 1 warning, 0 wrong" == summary([OK, WARNING, OK])
    assert "doctor: 0 ok, 0 warnings, 1 wrong" == summary([WRONG])
