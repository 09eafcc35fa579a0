"""`heatmark doctor` as a whole: its exit code, that it changes nothing, and that nothing is too broken for it."""

from __future__ import annotations

import hashlib
from pathlib import Path

LOOKS = ["python", "packages", "torch", "disk", "ray", "mlflow", "paths", "prefect", "data", "dvc cache", "dvc remote", "locks", "processes"]  # fmt: skip


def content(root: Path) -> dict[Path, str]:
    """Every file with its bytes' hash; .state/ is made by any command, and Python's own by any import."""
    files = [path for path in root.rglob("*") if path.is_file() and not {".state", "__pycache__"} & set(path.parts)]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_fresh_checkout_has_nothing_wrong_and_looking_changes_nothing(project):
    before = content(project.root)
    done = project.run("python", "-P", "-m", "heatmark", "doctor", PYTHONPATH=str(project.root))
    lines = done.stdout.splitlines()
    assert LOOKS == [line[9:20].strip() for line in lines if line.startswith(("ok", "warning", "wrong"))]
    assert "doctor: 11 ok, 2 warnings, 0 wrong" == lines[-1]  # neither data nor a remote
    assert before == content(project.root)


def test_nothing_is_too_broken_for_it(project):
    """All at once: dead servers with passwords in their addresses, a torn file of each tool, a package of the lock away."""
    address = "http://me:pass@word@127.0.0.1:9/api?token=hidden"
    (project.root / "requirements.lock").write_text("nosuch==1\n")
    (project.root / "data.dvc").write_text("<<<<<<< HEAD\n")
    (project.root / ".dvc/config").write_text("<<<<<<< HEAD\n")
    (project.root / "params.yaml").unlink()
    (project.root / "runs").mkdir()
    (project.root / "runs/mlflow.db").write_bytes(b"no database, but longer than the head of one is" * 30)
    servers: tuple[dict[str, str], ...] = ({}, {"MLFLOW_TRACKING_URI": address})
    for extra in servers:
        done = project.run(
            "python", "-P", "-m", "heatmark", "doctor", check=False,
            PYTHONPATH=str(project.root), PREFECT_API_URL=address, RAY_ADDRESS="me:hidden@127.0.0.1:9", **extra,
        )  # fmt: skip
        lines = done.stdout.splitlines()
        assert 1 == done.returncode
        assert LOOKS == [line[9:20].strip() for line in lines if line.startswith(("ok", "warning", "wrong"))]
        wrong = {line[9:20].strip() for line in lines if line.startswith("wrong")}
        assert {"packages", "ray", "mlflow", "prefect", "data", "dvc cache", "dvc remote"} == wrong
        assert max(map(len, lines)) <= 80
        for word in ("Traceback", "hidden", "word@", "me:"):
            assert word not in done.stdout + done.stderr
