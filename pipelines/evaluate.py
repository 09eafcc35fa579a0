"""Evaluate: a model on the test faces, under a named protocol.

Reads the model's folder, the shards, and the training's curves for the report. Writes errors.parquet (a row per face), metrics.json, ced.csv, landmarks.csv,
training_faces.parquet (what the faces were like that it was trained on) and report.html. Test faces were never seen in training, nor in choosing the checkpoint. Figures that contradict each other
or the faces are not written.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.metrics import Evidence, Protocol, audit, ced, summarise
from components.model import LandmarkModel, ModelConfig
from components.schemes import Scheme
from pipelines.new_data.drift import of_datasets
from pipelines.new_data.features import TRAINING_FACES, of_training
from pipelines.own_crops import check_crops
from pipelines.pages.curves import read_curves
from pipelines.pages.report import write_report
from pipelines.pages.words import in_words
from pipelines.params import Params, load_params
from pipelines.runtime import command
from pipelines.runtime.outputs import whole_file
from pipelines.runtime.tables import from_column, with_note, write_csv, write_table
from pipelines.scoring.held_out import faces_to_measure
from pipelines.scoring.hidden import which_hidden
from pipelines.scoring.measure import counted, measure
from pipelines.scoring.pictures import pictures_of
from pipelines.scoring.predict import predict
from pipelines.scoring.sure import Errors, expected_and_observed, how_sure

CED_POINTS = 200


def datasets_of(params: Params) -> dict[str, str]:
    """What the report says of each dataset, by its name."""
    said = {name: f"{name} ({source.reader}, {source.scheme})" for name, source in params.datasets.items()}
    if len(said) == 1:
        return {"dataset": next(iter(said.values()))}
    use = {name: "" if name in params.sources("test") else ", trains only" for name in said}
    return {f"dataset {name}": f"{said[name]}: {params.share([name]):.4g} of each batch{use[name]}" for name in said}


def facts_of(params: Params, training: dict, protocol: Protocol) -> dict[str, str]:
    """What the report says of where its numbers come from; nothing that differs between equal runs."""
    return {
        "recipe": params.name,
        **datasets_of(params),
        "box": params.preprocess.box,
        "codec": in_words(params.model_dump()["codec"]),
        "network": in_words(params.model_dump()["network"]),
        "loss": params.loss.heatmap,
        "training": f"{training['key']}: best of {params.train.evaluations} checkpoints, step {training['best_step']} of "
        f"{training['steps']}, validation NME {training['val_nme']:.2%}"
        + (f"; then {training['refit_steps']} steps on {training['trained_on']}" if "refit_steps" in training else ""),
        **started_from(training),
        "protocol": f"{protocol.name} ({protocol.hash})",
    }


def started_from(training: dict) -> dict[str, str]:
    """The fact that says which model a training went on from; none where it began anew."""
    if "start" not in training:
        return {}
    source, key, sha256 = (training["start"][name] for name in ("source", "key", "weights_sha256"))
    return {"started from": f"{source} (training {key or 'unknown'}, weights {sha256[:12]})"}


def measured_faces(errors: pa.Table, protocol: Protocol) -> pa.Table:
    """The rows that the protocol measures: of its subsets, and with a normaliser to divide by.

    Raises:
        ValueError: None; says which subsets it is about, or what it divides by.
    """
    covered = protocol.covers(errors.column("subsets").to_pylist())
    if not covered.any():
        raise ValueError(
            f"protocol {protocol.name!r} measures the subsets {', '.join(protocol.subsets)}, and none of the "
            f"{len(errors)} test faces is in one; inter_ocular measures all faces"
        )
    rows = counted(errors, protocol)
    if not rows.any():
        raise protocol.none_measurable(int(covered.sum()), "test")
    return errors.filter(pa.array(rows))


def audited(errors: pa.Table, scheme: Scheme, protocol: Protocol) -> tuple[dict, tuple[np.ndarray, np.ndarray]]:
    """The figures of rows of errors.parquet, with the names of the identities that they satisfy, and their CED.

    Raises:
        ValueError: They violate one.
    """
    subsets = errors.column("subsets").to_pylist()
    relative = from_column(errors, "errors", scheme.num_landmarks).astype(np.float64)
    relative /= errors.column("normaliser").to_numpy()[:, None]
    per_face = protocol.face_nme(relative)
    thresholds = np.linspace(0, protocol.auc_threshold, CED_POINTS + 1)
    curve = thresholds, ced(per_face, thresholds)
    metrics = summarise(relative, subsets, scheme, protocol)
    checked = audit(metrics, Evidence(per_face, subsets, bool(np.isfinite(relative).all()), curve))
    return {**metrics, "audit": {"checked": checked}}, curve


def check_model(config: ModelConfig, params: Params) -> None:
    """Refuses a model of another recipe: it would be given other crops than those it knows.

    Raises:
        ValueError: Its scheme, crop, box or room around the face is another one.
    """
    own = params.preprocess
    differ = {
        "scheme": (config.scheme.name, params.scheme),
        "preprocess.crop": (config.codec.crop, own.crop),
        "preprocess.expand": (config.expand, own.expand),
        "preprocess.box": (config.box, own.box),
    }
    if wrong := [
        f"{name} is {theirs} there and {ours} here" for name, (theirs, ours) in differ.items() if theirs != ours
    ]:
        raise ValueError(
            f"the model is not of recipe {params.name!r}: {'; '.join(wrong)}. Evaluate it by its own recipe"
        )


def evaluate(model: Path, crops: Path, params: Params, out: Path, curves: Path | None = None) -> None:
    """Runs the stage: the model's folder and a folder with one of shards for each dataset -> files in `out`.

    Args:
        model: The folder.
        crops: The folder of folders.
        params: That both were made with.
        out: Where the files go.
        curves: The training's, for the report; without them it has none.

    Raises:
        ValueError: Model, shards or curves are missing or of another recipe, or the figures do not stand the audit.
    """
    went = read_curves(curves) if curves else None
    protocol = params.evaluate.on_test
    config = LandmarkModel.load(model).config
    scheme = config.scheme
    check_model(config, params)
    check_crops(crops, "test", params)
    training = of_its_training(model)
    faces = faces_to_measure(crops, params)
    everything = measure(predict(model, faces, "evaluate", protocol.mirrored), scheme, protocol)
    errors = measured_faces(everything, protocol)
    metrics, curve = audited(errors, scheme, protocol)
    covered = protocol.covers(everything.column("subsets").to_pylist())
    metrics["num_left_out"] = int(covered.sum()) - len(errors)
    if sure := errors_known(config, errors, params):
        metrics["expected_error"] = how_sure(sure)
    if hidden := which_hidden(errors):
        metrics["visibility"] = hidden
    left_out = f"{metrics['num_left_out']} without {protocol.normaliser}" if metrics["num_left_out"] else ""
    # What rescoring must know of them.
    readers = sorted({params.source(name).reader for name in params.sources("test")})
    facts = {"dataset": ",".join(readers), "scheme": scheme.name, "box": params.preprocess.box}
    facts["mirrored"] = "yes" if protocol.mirrored else "no"
    write_table(with_note(everything, **facts), out / "errors.parquet")
    write_curves(metrics, curve, out)
    trained_on = of_training(crops, params)
    write_table(trained_on, out / TRAINING_FACES)
    write_report(
        out / "report.html",
        f"heatmark-{params.name}",
        metrics,
        errors,
        pictures_of(faces),
        {**facts_of(params, training, protocol), **({"left out": left_out} if left_out else {})},
        of_datasets(trained_on, params),
        sure,
        went,
    )
    # Last: its presence says that the others are there. Landmarks one by one would flood `dvc metrics show`.
    brief = {name: value for name, value in metrics.items() if name != "landmarks"}
    with whole_file(out / "metrics.json") as partial:
        partial.write_text(json.dumps({"training": training["key"], **brief}, indent=1) + "\n", encoding="utf-8")
    low, high = metrics["nme_interval"]
    print(
        f"evaluate: NME {metrics['nme']:.2%} (95% interval {low:.2%} to {high:.2%}), "
        f"FR@{protocol.failure_threshold:.0%} {metrics['failure_rate']:.2%}, AUC@{protocol.auc_threshold:.0%} "
        f"{metrics['auc']:.3f} on {len(errors)} test faces{f' ({left_out} left out)' if left_out else ''}: "
        f"{out / 'report.html'}"
    )


def of_its_training(model: Path) -> dict:
    """What the training that made a saved model says of itself.

    Raises:
        ValueError: It lies there without.
    """
    path = model / "training.json"
    if not path.is_file():
        raise ValueError(
            f"{path} is missing, which says of which training the model is: `python -m pipelines.train` writes both"
        )
    return json.loads(path.read_text(encoding="utf-8"))


def errors_known(config: ModelConfig, errors: pa.Table, params: Params) -> Errors | None:
    """Expected errors beside those of measured faces; None where the model knows none in the normaliser that they are measured in."""
    known = config.expected_error
    if known is None or known.protocol != params.evaluate.protocol or len(errors) < 2:
        return None
    return expected_and_observed(errors)


def write_curves(metrics: dict, curve: tuple[np.ndarray, np.ndarray], out: Path) -> None:
    """ced.csv, up to the protocol's threshold, and landmarks.csv, for `dvc plots`; unlabelled landmarks are left out."""
    thresholds, shares = curve
    write_csv(out / "ced.csv", ("nme", "share"), zip(thresholds.round(6).tolist(), shares.tolist(), strict=True))
    known = [(name, error) for name, error in metrics["landmarks"].items() if error is not None]
    write_csv(out / "landmarks.csv", ("landmark", "nme"), known)


def main(model: Path, crops: Path, out: Path, curves: Path | None = None, params: Path = Path("params.yaml")) -> None:
    """Measures MODEL on the test faces of the held-out datasets in CROPS; writes numbers, curves and report to OUT.

    The report shows the training's CURVES, a curves.csv, where they are given.
    """
    evaluate(model, crops, load_params(params), out, curves)


if __name__ == "__main__":
    command.run(main)
