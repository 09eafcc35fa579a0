"""Addresses of MLflow's pages."""

from __future__ import annotations

import pytest

from pipelines.registry import links
from pipelines.registry.tracking import Run, connect


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://ann:secret@mlflow.example.org/team/", "https://mlflow.example.org/team"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("sqlite:////data/mlflow.db", ""),
    ],
)
def test_a_server_has_pages_and_a_file_has_none(uri, shown, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert shown == links.server()


def test_a_models_name_is_quoted():
    assert "http://m/#/models/a%2Fb%20c" == links.model_page("http://m", "a/b c")


def test_a_run_is_shown_where_a_server_is_named(store):
    client = connect()
    run = Run(client, "a" * 16, "demo").id
    assert "" == links.run_page(client, run)
    assert links.run_page(client, run, "http://m").endswith(f"/runs/{run}")
    experiment = client.get_run(run).info.experiment_id
    assert f"#/experiments/{experiment}/runs/{run}/artifacts/a/b%20c.html" == links.artifact(
        links.of_run(client, run), "a/b c.html"
    )
