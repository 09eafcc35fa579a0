"""What is known of a version, for its card: all of it is computed from its run, its files and the registry.

Described at registration, as MLflow shows it; `heatmark card` adds what changes later: decisions, and what it costs on the machine
where the card is written.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from rich.console import Console
from rich.markdown import Markdown

from components.datasets.synthetic import SYNTHETIC
from components.model import LandmarkModel
from pipelines.pages.model_card import Section, markdown, write_model_card
from pipelines.pages.plots import percent
from pipelines.pages.report import NUM_SHOWN, tile
from pipelines.pages.words import in_words
from pipelines.registry import links, tracking
from pipelines.registry.ancestry import made_from
from pipelines.registry.history import History
from pipelines.registry.licences import LICENCES
from pipelines.registry.lineage import machine
from pipelines.registry.pictured import params_file, params_of, pictured
from pipelines.registry.verify import TAG, ask
from pipelines.registry.versions import WIDTH, done, when
from pipelines.runtime.tables import read_table
from pipelines.scoring.pictures import pictures_of

EVALUATION = "evaluation"
# The tag of a version: where Prefect shows the flow run that registered it.
FLOW_PAGE = "flow_run_page"
# What MLflow takes as the description of a version.
LONGEST = 5000
BOXES = {
    "landmarks": "boxes that fit the annotated landmarks tightly",
    "annotated": "the boxes that the datasets have themselves",
}


@dataclass(frozen=True, eq=False)
class Known:
    """What a card is made of.

    Attributes:
        name: Of the registered model.
        version: Its number.
        tags: Of the version.
        metrics: As in metrics.json.
        datasets: Of its params: name -> how it was read, its share, and whether test faces were held out of it.
        model: Itself.
        num_bytes: Of its weights' file.
        run_page: Address of its run's page; "" where no server shows it.
    """

    name: str
    version: str
    tags: Mapping[str, str]
    metrics: dict
    datasets: Mapping[str, Mapping[str, Any]]
    model: LandmarkModel
    num_bytes: int
    run_page: str

    @classmethod
    def of(cls, registry: tracking.Registry, version: str) -> Known:
        """Fetches it.

        Raises:
            ValueError: There is no such version, or its run or files are gone.
        """
        registry.require(version)
        tags, what = registry.tags(version), f"{registry.name} version {version}"
        run = tags.get("run_id", "")
        with tempfile.TemporaryDirectory() as folder:
            # As plain YAML: a version that an earlier code made, with other keys, may have a card, too.
            params = yaml.safe_load(params_file(registry.client, run, what, Path(folder)).read_text(encoding="utf-8"))
            if "datasets" not in params:
                raise ValueError(f"{what} was made by a code from before recipes named `datasets`: it can have no card")
            metrics = _evaluation(registry, tags, "metrics.json", Path(folder), what)
            model = registry.model_folder(version, Path(folder) / "model")
            said = json.loads(metrics.read_text(encoding="utf-8"))
            page, loaded = links.run_page(registry.client, run), LandmarkModel.load(model)
            return cls(registry.name, version, tags, said, params["datasets"], loaded, weights_size(model), page)

    @property
    def title(self) -> str:
        return f"{self.name} version {self.version}"


def weights_size(folder: Path) -> int:
    """Of a saved model's weights, bytes."""
    return (folder / "model.safetensors").stat().st_size


def _evaluation(registry: tracking.Registry, tags: Mapping[str, str], name: str, to: Path, what: str) -> Path:
    kept = tracking.fetch(registry.client, tags.get("run_id", ""), f"{EVALUATION}/{name}", to)
    if kept is None:
        raise ValueError(f"{what}: its run has no {EVALUATION}/{name} any more")
    return kept


def description(known: Known, against: str) -> str:
    """The card as MLflow shows it, below a title of its own and in one line in its table: what does not change after registration.

    Args:
        known: What is known of the version.
        against: Where the page that holds it against the champion will be, once that is decided.
    """
    metrics = known.metrics
    first = f"NME {_with_interval(metrics, 'nme', percent)}, {metrics['num_faces']:,} test faces"
    return markdown(f"{first}\n\n[Against the champion]({against})", sections(known), LONGEST)


def sections(known: Known) -> list[Section]:
    """What a card says that does not change."""
    return [what_it_is(known), how_to_use(known), how_good(known), limits(known), learnt_from(known), made(known)]


def what_it_is(known: Known) -> Section:
    config, fields = known.model.config, known.model.config.to_dict()
    codec = {name: value for name, value in fields["codec"].items() if name != "crop"}
    parameters = sum(each.numel() for each in known.model.parameters())
    return Section(
        "What it is",
        (
            f"It finds the {config.scheme.num_landmarks} landmarks of the scheme {config.scheme.name} on a face, given the face's box, "
            "by heatmaps.",
        ),
        rows=(
            ("network", in_words(fields["network"])),
            ("codec", in_words(codec)),
            ("input", f"crops of {config.codec.crop} px, {config.expand:g} times the box's longer side"),
            ("size", f"{parameters:,} parameters, {known.num_bytes / 1e6:.1f} MB"),
        ),
    )


def how_to_use(known: Known) -> Section:
    code = (
        "import heatmark\n"
        f'faces = heatmark.load("models:/{known.name}/{known.version}").find("photo.jpg", boxes=[[80, 60, 240, 220]])\n'
        f"faces.landmarks  # (N, {known.model.config.scheme.num_landmarks}, 2), (x, y), px of the picture"
    )
    return Section(
        "How to use it", ("A box is x0, y0, x1, y1 in px; without boxes, the whole picture is one face's.",), code=code
    )


def how_good(known: Known) -> Section:
    """The figures of all faces and of each subset, with their intervals."""
    metrics, protocol = known.metrics, known.metrics["protocol"]
    header = (
        "test faces", "number", "NME", f"FR@{protocol['failure_threshold']:.0%}", f"AUC@{protocol['auc_threshold']:.0%}"
    )  # fmt: skip
    text = (
        f"By protocol {protocol['name']} ({protocol['hash']}): errors over {protocol['normaliser']}, in px of the original pictures. "
        "In brackets 95% intervals.",
    )
    groups = {"all": metrics, **metrics["subsets"]}
    return Section(
        "How good it is", text, header, tuple(_figures(name, of) for name, of in groups.items()), numbers=True
    )


def _figures(name: str, of: dict) -> tuple[str, ...]:
    nme, failed = (_with_interval(of, figure, percent) for figure in ("nme", "failure_rate"))
    return name, f"{of['num_faces']:,}", nme, failed, _with_interval(of, "auc", lambda value: f"{value:.3f}")


def _with_interval(of: dict, name: str, shown: Callable[[float], str]) -> str:
    low, high = of[f"{name}_interval"]
    return f"{shown(of[name])} ({shown(low).removesuffix('%')}–{shown(high).removesuffix('%')})"


def limits(known: Known) -> Section:
    """What its own facts say that it was not shown to do."""
    metrics, config = known.metrics, known.model.config
    names = ", ".join(name for name, source in sorted(known.datasets.items()) if source["held_out"])
    text = [
        f"It was trained and measured with {BOXES[config.box]}; with other boxes, as of a detector, it was not measured.",
        f"It was measured on {metrics['num_faces']:,} faces of {names}; of faces of another kind its numbers say nothing.",
    ]
    if _drawn_only(known):
        text.append("All faces that it was trained and measured on are drawn: it was never measured on a photograph.")
    if metrics["subsets"]:
        name, worst = max(metrics["subsets"].items(), key=lambda item: item[1]["nme"])
        text.append(f"Of the subsets, it is worst on {name}: NME {worst['nme']:.2%}.")
    if left_out := metrics.get("num_left_out", 0):
        text.append(f"{left_out:,} test faces could not be measured by this protocol.")
    return Section("What it was not shown to do", tuple(text))


def _drawn_only(known: Known) -> bool:
    readers = {source["reader"] for source in known.datasets.values()}
    return readers == {SYNTHETIC.name} and "start" not in known.tags


def learnt_from(known: Known) -> Section:
    tags = known.tags
    of_each = tuple((name, tags.get(f"data.{name}", "unknown")) for name in sorted(known.datasets))
    rows = (*of_each, ("splits", tags.get("trained_on", "?")), ("licences", tags.get(LICENCES, "unknown")))
    return Section("What it learnt from", rows=rows)


def made(known: Known) -> Section:
    """Its lineage, and where its run is shown."""
    tags = dict(known.tags)
    facts = {name: said for name, said in made_from(tags).items() if not name.startswith("data ")}
    if "start" in tags:
        facts["started from"] = tags["start"]
    pages = {"the run's page": known.run_page, "the flow run's page": tags.get(FLOW_PAGE, "")}
    rows = [*facts.items(), *((name, page) for name, page in pages.items() if page)]
    return Section("What made it", rows=tuple(rows))


def decided(registry: tracking.Registry, version: str) -> Section:
    """The decisions about it, the newest first."""
    entries = [entry for entry in History(registry).entries() if version in (entry.version, entry.champion)]
    rows = tuple((when(entry.at_ms), done(entry), entry.by, entry.reason) for entry in entries)
    return Section(
        "What was decided", () if rows else ("Nothing yet.",), ("when (UTC)", "decision", "by", "reason"), rows
    )


def cost(registry: tracking.Registry, version: str, tags: Mapping[str, str]) -> Section:
    """Its time for a face, measured now, on this machine."""
    if TAG not in tags:
        return Section("What it costs", ("It was registered without faces to measure its time on.",))
    told = ask(registry, version)
    now = datetime.now(UTC).strftime("%Y-%m-%d")
    return Section(
        "What it costs",
        (
            f"{told['ms']:.0f} ms a face, one at a time, from its crop in memory to its landmarks: the mean of {told['faces']} of its test "
            f"faces, measured on {now} when this card was written, on {machine()}.",
        ),
    )


def whole(registry: tracking.Registry, known: Known) -> list[Section]:
    """All that a card says, with what may change."""
    return [*sections(known), decided(registry, known.version), cost(registry, known.version, known.tags)]


def show(registry: tracking.Registry, version: str, page: Path | None) -> None:
    """Writes the card of a version as a page; without a page's name, prints it to the terminal.

    Raises:
        ValueError: There is no such version, or its run or files are gone.
    """
    if page:
        write_card(registry, version, page)
        print(f"card: {page}")
        return
    known = Known.of(registry, version)
    Console(width=WIDTH, highlight=False).print(Markdown(markdown(f"# {known.title}", whole(registry, known))))


def write_card(registry: tracking.Registry, version: str, path: Path) -> None:
    """Writes the card of a version as a page, with its worst faces.

    Raises:
        ValueError: There is no such version, or its run or files are gone.
    """
    known = Known.of(registry, version)
    with tempfile.TemporaryDirectory() as folder:
        errors = read_table(_evaluation(registry, known.tags, "errors.parquet", Path(folder), known.title))
    tiles, why = worst_faces(registry, known, errors)
    aliases = [f"@{alias}" for alias, number in sorted(registry.aliases().items()) if number == version]
    lead = ", ".join([*aliases, f"written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"])
    write_model_card(path, known.title, lead, whole(registry, known), tiles, why)


def worst_faces(registry: tracking.Registry, known: Known, errors: pa.Table) -> tuple[list[dict], str]:
    """The worst of the measured faces, drawn; without pictures where this checkout does not hold them, and then why not."""
    nme = errors.column("nme").to_numpy()
    measured = np.flatnonzero(np.isfinite(nme))
    order = measured[np.argsort(-nme[measured], kind="stable")][:NUM_SHOWN]
    rows = [errors.slice(int(i), 1) for i in order]
    try:
        params = params_of(registry.client, known.tags.get("run_id", ""), known.title)
        faces = pictured(params, errors.column("face").to_pylist())
    except ValueError as error:
        return [
            {**row.select(["face", "nme"]).to_pylist()[0], "subsets": row["subsets"][0].as_py() or []} for row in rows
        ], str(error)
    pictures = pictures_of(faces)
    return [tile(row, pictures, known.model.config.scheme) for row in rows], ""
