"""`heatmark ...`: one command for all that a person types. Each does its work in flows or pipelines; none has its own.

Imports stand inside the commands: help is quick, and what reads the environment at import finds it set.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from heatmark import __version__
from heatmark.checkout import HERE, settle

FIRST, TRAIN, LOOK, DECIDE = "First", "Train", "Look", "Decide"
DEMO_FOLDER, DEMO_RECIPE = "data/synthetic", "recipes/demo.yaml"


class Commands(TyperGroup):
    """Whatever goes wrong for a reason that the user can mend is one sentence, whichever command it was."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            code, sentence = 130, "stopped"  # 128 and SIGINT, as shells have it
        except Exception as error:
            from pipelines.runtime import disk

            # A full disk comes as any library's error; whatever else is no ValueError is for us to mend.
            code, sentence = 1, disk.full_by(error) or (str(error) if isinstance(error, ValueError) else "")
            if not sentence:
                raise
        print(f"heatmark: {sentence}", file=sys.stderr, flush=True)
        raise typer.Exit(code)


app = typer.Typer(
    cls=Commands,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Recipe = Annotated[
    str | None, typer.Option(metavar="FILE", help="A recipe to make the current one; else params.yaml stays.")
]
Data = Annotated[
    str | None,
    typer.Option(metavar="FOLDER", help="A dataset to copy into data/, by its own name if there are several."),
]
NumFaces = Annotated[int, typer.Option(help="How many faces to draw; two in a row are of one person.")]
Seed = Annotated[int, typer.Option(help="Decides every byte of the drawn faces.")]
Model = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="A registered model; else the one of params.yaml.")
]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="Its number.")]
Because = Annotated[str, typer.Option(metavar="REASON", help="Why; the history keeps it.")]


@app.callback()
def door(
    ctx: typer.Context,
    root: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The checkout to work in; else the one around the working directory."),
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version, and where its code is.")] = False,
) -> None:
    """Facial landmarks by heatmaps: train, evaluate, promote and use models.

    Begin with `heatmark demo`: the whole path on drawn faces, in minutes.
    """
    settle(root)
    if version:
        print(f"heatmark {__version__} ({HERE})")
    elif ctx.invoked_subcommand is None:
        print(ctx.get_help())


@app.command(rich_help_panel=FIRST)
def demo(num_faces: NumFaces = 600, seed: Seed = 0) -> None:
    """Draw faces, and retrain on them by recipes/demo.yaml."""
    root = _checkout()
    os.chdir(root)
    draw(Path(DEMO_FOLDER), num_faces=num_faces, seed=seed)
    retrain(DEMO_RECIPE)


@app.command(rich_help_panel=FIRST)
def predict(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUTS", help="Pictures, folders of them, - for one on standard input; or one video."),
    ],
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="models:/NAME@ALIAS, models:/NAME/VERSION, runs:/ID, a folder, or an exported NAME.onnx.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="For the table and the pictures with landmarks.")],
    boxes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where the faces are: image,x0,y0,x1,y1 in px, a row a face, as CSV or Parquet; image is a path from the "
            "file's folder, or from an input FOLDER.",
        ),
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Each picture was cut around one face.")] = False,
    detector: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A face detector, YuNet in ONNX, that says where they are.")
    ] = None,
    passes: Annotated[
        int | None,
        typer.Option(
            help="Looks at each face: 2 look again around the first landmarks, so that a loose box does.",
            show_default="1, with a detector 2",
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help="Of the table: csv, jsonl, parquet, or pts, a file a face."),
    ] = "csv",
    min_confidence: Annotated[
        float, typer.Option(metavar="0..1", help="Leave out faces of which the mean confidence is below.")
    ] = 0.0,
    pictures: Annotated[bool, typer.Option("--pictures/--no-pictures", help="Draw the landmarks.")] = True,
    ray: Annotated[
        bool, typer.Option("--ray", help="Use all cores, or the cluster that RAY_ADDRESS names: for many pictures.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with work that was cut short.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the whole of an earlier --out.")] = False,
    smooth: Annotated[bool, typer.Option("--smooth", help="Of a video: smooth landmarks over time.")] = False,
) -> None:
    """Find the landmarks of the faces on pictures, or on a video."""
    from pipelines.serving import predict as predicting

    predicting.main(
        inputs,
        model,
        out,
        boxes,
        whole,
        detector,
        passes,
        form,
        min_confidence,
        pictures,
        ray,
        resume,
        overwrite,
        smooth,
    )


@app.command(rich_help_panel=FIRST)
def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="models:/NAME@ALIAS, models:/NAME/VERSION, runs:/ID, or a folder.")
    ],
    out: Annotated[Path, typer.Argument(metavar="FILE", help="To write, NAME.onnx.")],
    half: Annotated[bool, typer.Option("--half", help="Let the network compute in half precision.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE.")] = False,
) -> None:
    """Write a model as one ONNX file: crops in, landmarks out."""
    from pipelines.serving import export as exporting

    exporting.main(model, out, half, overwrite)


@app.command(rich_help_panel=FIRST)
def serve(
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="models:/NAME@ALIAS, whose moves are followed; models:/NAME/VERSION, runs:/ID, a folder, or an exported "
            "NAME.onnx.",
        ),
    ],
    port: Annotated[int, typer.Option(help="Of this machine; 0 takes any that is free.", min=0, max=65535)] = 8080,
) -> None:
    """Serve a model over HTTP on this machine, until Ctrl-C."""
    from pipelines.serving.server import serve as serving

    serving.main(model, port)


@app.command(rich_help_panel=TRAIN)
def retrain(recipe: Recipe = None, data: Data = None) -> None:
    """Bring data, model and evaluation up to date; promote if better."""
    _checkout()
    from flows import retrain as retraining

    retraining.main(recipe, data)


@app.command(rich_help_panel=TRAIN)
def schedule(
    cron: Annotated[
        str | None,
        typer.Option(metavar="CRON", help="When, in UTC: minute hour day month weekday; else as in prefect.yaml."),
    ] = None,
    recipe: Recipe = None,
    data: Data = None,
    port: Annotated[int, typer.Option(help="Of Prefect's server on this machine.", min=1, max=65535)] = 4200,
) -> None:
    """Retrain again and again, until Ctrl-C."""
    _checkout()
    from flows import schedule as scheduling

    scheduling.main(cron, recipe, data, port)


@app.command(rich_help_panel=TRAIN)
def measure(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="New faces, in the layout of a dataset of the recipe.")
    ],
    recipe: Annotated[
        str | None, typer.Option(metavar="FILE", help="Says how to read and measure them; else params.yaml.")
    ] = None,
    model: Model = None,
) -> None:
    """Measure the champion on new faces, and say how they differ."""
    _checkout()
    from flows import measure as measuring

    measuring.main(folder, recipe, model)


@app.command(rich_help_panel=TRAIN)
def exp(
    changes: Annotated[
        list[str], typer.Argument(metavar="CHANGES", help="KEY=VALUE of params.yaml, as train.lr=0.001.")
    ],
) -> None:
    """Try changed parameters as a DVC experiment, and compare."""
    _checkout()
    from flows import experiment

    experiment.main(changes)


@app.command(rich_help_panel=TRAIN)
def draw(
    folder: Annotated[Path | None, typer.Argument(help="Where the faces go; made by this command.")] = None,
    num_faces: NumFaces = 800,
    seed: Seed = 0,
    size: Annotated[int, typer.Option(help="Side of the pictures, px.")] = 320,
    workers: Annotated[int, typer.Option(help="Processes; they decide nothing but the time.")] = 2,
    sheet: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a contact sheet here instead.")] = None,
    scheme: Annotated[str, typer.Option(help="Markup of the contact sheet.")] = "ibug68",
    rows: Annotated[int, typer.Option(help="Rows of the contact sheet.")] = 4,
    columns: Annotated[int, typer.Option(help="Columns of the contact sheet.")] = 6,
    video: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw a video of one face that moves here (.mp4, .avi) instead.")
    ] = None,
    frames: Annotated[int, typer.Option(help="Frames of the video, 25 a second.")] = 100,
) -> None:
    """Draw faces with exact landmarks, as a dataset or a video."""
    from pipelines import draw as drawing

    drawing.main(folder, num_faces, seed, size, workers, sheet, scheme, rows, columns, video, frames)


@app.command(rich_help_panel=TRAIN)
def params(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe's file.")] = Path("params.yaml"),
    plain: Annotated[bool, typer.Option("--plain", help="As plain YAML, to be read by a program.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the recipes instead.")] = False,
) -> None:
    """Show a whole recipe: every key with its meaning and source."""
    from pipelines import params as printing

    printing.main(recipe, plain, list_)


@app.command(rich_help_panel=LOOK)
def pages(
    mlflow_port: Annotated[int, typer.Option(help="Of MLflow's server on this machine.", min=1, max=65535)] = 5000,
    prefect_port: Annotated[int, typer.Option(help="Of Prefect's server on this machine.", min=1, max=65535)] = 4200,
) -> None:
    """Serve MLflow's and Prefect's pages here, until Ctrl-C."""
    _checkout()
    from flows import pages as serving

    serving.main(mlflow_port, prefect_port)


@app.command(rich_help_panel=LOOK)
def doctor(
    mend_paths: Annotated[
        bool, typer.Option("--mend-paths", help="After the folder was moved: note where the models lie now.")
    ] = False,
) -> None:
    """Look for what is wrong here, and say what mends it."""
    _checkout()
    from pipelines.doctor import examine

    examine.main(mend_paths)


@app.command(rich_help_panel=LOOK)
def gc(
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; else it is listed only.")] = False,
    refused: Annotated[
        bool, typer.Option("--refused", help="Versions too that the gate alone decided against.")
    ] = False,
) -> None:
    """Find what nothing needs any more, and free its disk space."""
    _checkout()
    from flows import gc as collecting

    collecting.main(yes, refused)


@app.command(rich_help_panel=LOOK)
def rescore(
    errors: Annotated[Path, typer.Argument(metavar="ERRORS", help="An evaluation's errors.parquet.")],
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="For the tables; else beside ERRORS.")] = None,
) -> None:
    """Measure kept predictions under every protocol that fits."""
    from pipelines import rescore as rescoring

    rescoring.main(errors, out)


@app.command(rich_help_panel=LOOK, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def study(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Of the study; without one, all are listed.")
    ] = None,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="ARGS", help="Of the study; --help shows them.")
    ] = None,
) -> None:
    """Run one of the questions in studies/, or list them."""
    root = _checkout()
    from heatmark import studying

    if name is None:
        studying.show(root)
    else:
        studying.start(root, name, arguments or [])


@app.command(rich_help_panel=DECIDE)
def versions(model: Model = None) -> None:
    """List a registered model's versions: which is champion, and how good each is."""
    from pipelines.registry import versions as listing

    listing.print_shown([listing.versions(_registry(model))])


@app.command(rich_help_panel=DECIDE)
def history(model: Model = None) -> None:
    """List what was decided about a registered model: when, by whom, why."""
    from pipelines.registry import versions as listing

    listing.print_shown([listing.history(_registry(model))])


@app.command(rich_help_panel=DECIDE)
def show(version: Version, model: Model = None) -> None:
    """Show all that is known of a version, and what was decided about it."""
    from pipelines.registry import versions as listing

    registry = _registry(model)
    listing.print_shown([listing.show(registry, version), listing.history(registry, version)])


@app.command(rich_help_panel=DECIDE)
def lineage(version: Version, model: Model = None) -> None:
    """Show all that made a version, what was decided about it, and what came of it."""
    from pipelines.registry import ancestry
    from pipelines.registry import versions as listing

    listing.print_shown([ancestry.tree(_registry(model), version)])


@app.command(rich_help_panel=DECIDE)
def card(
    version: Version,
    model: Model = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as a page here, with the worst faces, NAME.html.")
    ] = None,
) -> None:
    """Show a version's card: what it is, how to use it, how good, from what."""
    from pipelines.registry import model_card

    model_card.show(_registry(model), version, out)


@app.command(rich_help_panel=DECIDE)
def compare(
    version: Version,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="Another version's number.")],
    model: Model = None,
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page here, with pictures of the faces that changed most."),
    ] = None,
) -> None:
    """Compare two versions on the same test faces, by subset."""
    from pipelines.registry import comparison
    from pipelines.registry import versions as listing

    registry = _registry(model)
    pair = comparison.Pair.of(registry, version, other)
    listing.print_shown([comparison.table(pair)])
    if page:
        no_pictures = comparison.write_page(pair, registry.client, page)
        print(
            f"compare: {page} shows the faces that changed most"
            + (f", without pictures: {no_pictures}" if no_pictures else "")
        )


@app.command(rich_help_panel=DECIDE)
def promote(
    version: Version,
    because: Because,
    model: Model = None,
    final: Annotated[
        bool,
        typer.Option(
            "--final",
            help="Only if it is better on the faces that ingest.reserve_share keeps aside: each look wears them out.",
        ),
    ] = False,
) -> None:
    """Make a version champion, whatever the gate says of it."""
    _checkout()
    from flows import decisions

    decisions.main(decisions.promote_final if final else decisions.promote, model, because, version=version)


@app.command(rich_help_panel=DECIDE)
def rollback(
    because: Because,
    to: Annotated[str | None, typer.Option(metavar="VERSION", help="Else the champion before.")] = None,
    model: Model = None,
) -> None:
    """Put an earlier champion back; no retraining takes that back."""
    _checkout()
    from flows import decisions

    decisions.main(decisions.roll_back, model, because, to=to)


@app.command(rich_help_panel=DECIDE)
def retire(version: Version, because: Because, model: Model = None) -> None:
    """Take a version out of the running: no retraining promotes it."""
    _checkout()
    from flows import decisions

    decisions.main(decisions.retire, model, because, version=version)


@app.command(rich_help_panel=DECIDE)
def reproduce(version: Version, model: Model = None) -> None:
    """Make a version again from all that made it, and compare."""
    _checkout()
    from pipelines.registry import reproduce as reproducing

    print(f"reproduce: {reproducing.reproduce(_registry(model), version)}")


def _registry(model: str | None) -> Any:
    """The registered model of this name, or of the checkout's params."""
    if model is None:
        _checkout()
    from pipelines.registry.register import own_model
    from pipelines.registry.tracking import Registry

    return Registry.existing(model or own_model())


def _checkout() -> Path:
    """The checkout; a ValueError without one, before anything large is imported."""
    from pipelines.runtime.environment import require_checkout

    return require_checkout()


def main() -> None:
    """Runs the command."""
    from pipelines.runtime.secrets import hide_in_tracebacks

    hide_in_tracebacks()
    app(prog_name="heatmark")
