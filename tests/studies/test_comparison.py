"""The comparison, on two faces of each split in a markup of 98 landmarks, by its own commands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
import yaml

from components.codecs import DECODERS
from components.model import LandmarkModel
from pipelines.params import load_params
from pipelines.runtime.outputs import alone
from pipelines.runtime.tables import from_column
from pipelines.scoring.predict import Predictor
from pipelines.training.workers import batch_maker
from studies.comparison.__main__ import measure, table, train
from studies.comparison.drawing import draw, of_budget
from studies.comparison.measured import Kept
from studies.comparison.variants import PAIRS, READ_BY, VARIANTS, recipe_of
from studies.comparison.views import disagreement
from studies.inputs.crops import read_crops
from studies.trainings.one import predict_each
from studies.trainings.run import Children, Run

ROOT = Path(__file__).parents[2]
BASE, CROPS = "recipes/smallest.yaml", "crops"
CHOSEN = ("subpixel, MSE", "subpixel, cross-entropy")
TABLE = ("python", "-m", "studies.comparison", "table", "--kept", "kept.jsonl", "--seeds", "0", "--epochs", "1")


def train_words(*variants: str, out: str = "runs/compared", base: str = BASE) -> tuple[str, ...]:
    """One seed, one epoch: a step of two faces."""
    chosen = [word for name in variants for word in ("--variants", name)]
    words = ("python", "-m", "studies.comparison", "train", CROPS, out, "--base", base, *chosen)
    return (*words, "--seeds", "0", "--epochs", "1")


def measure_words(base: str = BASE) -> tuple[str, ...]:
    words = ("python", "-m", "studies.comparison", "measure", CROPS, "runs/compared", "--base", base)
    return (*words, "--seeds", "0", "--epochs", "1", "--kept", "kept.jsonl")


@pytest.fixture(scope="module")
def compared(small):
    small.run(*train_words(*CHOSEN))
    small.run(*measure_words())
    return small


def run_of(project, variant: str) -> Run:
    return Run(project.root / "runs/compared", variant, 0)


def test_each_variant_is_trained_by_its_recipe_and_predicts_the_test_faces(compared):
    for variant in CHOSEN:
        run = run_of(compared, variant)
        assert recipe_of(load_params(compared.root / BASE), variant, 0, 1) == run.params()
        assert (2, 98, 2) == np.load(run.folder / "predicted.npy").shape
        assert run.seconds is None or 0 < run.seconds  # another test may have trained the same before
        assert 0 < run.val_nme


def test_the_tables_show_what_was_measured_and_leave_out_the_rest(compared):
    shown = compared.run(*TABLE, "--against", CHOSEN[0]).stdout
    lines = shown.splitlines()
    assert "2 test faces, wflw98, protocol inter_ocular, tiny" == lines[0]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in lines if re.search(r"\d\.\d\d%", line)]
    # As the registry has them; of the pairs, the one of which both are there; each network, read by six decoders.
    assert [*CHOSEN, f"{CHOSEN[1]} minus {CHOSEN[0]}", *CHOSEN] == rows
    assert "0.00% (0.00% to 0.00%)" in next(line for line in lines if line.startswith(f"| {CHOSEN[0]} | "))
    assert f"| network | {' | '.join(sorted(DECODERS))} |" in lines


def test_the_picture_shows_each_budget_with_all_of_its_seeds(compared, tmp_path):
    said = compared.run(*TABLE[:3], "draw", "out.png", "--kept", "kept.jsonl").stdout
    assert "comparison: out.png\n" == said
    once = Kept.read(compared.root / "kept.jsonl")
    worse = replace(once.trainings[CHOSEN[0], 0, 1], epochs=4)
    other = replace(worse, seed=1, errors={name: tuple(2 * e for e in each) for name, each in worse.errors.items()})
    both = once.with_one(worse).with_one(other)
    assert [2, 1] == [len(of_budget(both, epochs)) for epochs in (1, 4)]
    np.testing.assert_allclose(2 * of_budget(once, 1)[CHOSEN[0]][0], of_budget(both, 4)[CHOSEN[0]][1])
    draw(both, tmp_path / "both.png")
    colours = cv2.imread(str(tmp_path / "both.png")).reshape(-1, 3)
    found = [(colours == cycle).all(axis=1).any() for cycle in ((180, 119, 31), (14, 127, 255), (44, 160, 44))]
    assert [True, True, False] == found  # matplotlib's first and second colour, as BGR: a budget each


@pytest.mark.parametrize(
    ("kept", "sentence"), [("away.jsonl", "No such file"), ("", "Is a directory"), ("bytes.jsonl", "it is no text")]
)
def test_a_table_of_nothing_says_what_is_missing(tmp_path, kept, sentence):
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=sentence):
        Kept.read(tmp_path / kept)


def test_a_training_that_another_process_makes_is_left_alone(tmp_path):
    run = Run(tmp_path, CHOSEN[0], 0)
    (tmp_path / f".{run.folder.name}.partial").mkdir()
    (tmp_path / f".{run.folder.name}.partial/half").write_text("of the other")
    run.log.write_text("of the other")
    busy = "is being trained by another process"
    with alone(run.log, "first"), pytest.raises(ValueError, match=busy):
        run.train(recipe_of(load_params(ROOT / "recipes/300w_comparison.yaml"), CHOSEN[0], 0, 1), tmp_path, Children())
    assert "of the other" == (tmp_path / f".{run.folder.name}.partial/half").read_text() == run.log.read_text()


def test_what_is_kept_is_what_the_models_find(compared, tmp_path):
    kept = Kept.read(compared.root / "kept.jsonl")
    run, training = run_of(compared, CHOSEN[1]), kept.trainings[CHOSEN[1], 0, 1]
    model = LandmarkModel.load(run.folder / "model")
    faces = read_crops(compared.root / CROPS, "test", run.params())
    assert tuple(faces.column("face").to_pylist()) == kept.faces.faces
    truth = from_column(faces, "landmarks", 98, 2).astype(np.float64)
    # By hand: the mean distance over that of the outer eye corners, 60 and 72 in WFLW's order.
    eyes = np.linalg.norm(truth[:, 60] - truth[:, 72], axis=1)

    def nme(found: np.ndarray) -> np.ndarray:
        return 100 * np.linalg.norm(found - truth, axis=2).mean(axis=1) / eyes

    np.testing.assert_allclose(nme(run.predicted(len(faces))), training.errors["expectation"], atol=1e-4)
    assert sorted(DECODERS) == sorted(training.errors)
    for decoder in ("argmax", "dark"):
        (tmp_path / decoder).mkdir()
        model.under(replace(model.config, codec=replace(model.config.codec, decoder=decoder))).save(tmp_path / decoder)
        found = from_column(predict_each(Predictor(str(tmp_path / decoder)), faces), "predicted", 98, 2)
        np.testing.assert_allclose(nme(found), training.errors[decoder], atol=1e-4)
    assert pytest.approx(disagreement(model, faces, run.params()), abs=1e-4) == training.disagreement > 0


def test_what_was_kept_of_another_day_stays(compared, tmp_path, monkeypatch):
    monkeypatch.chdir(compared.root)
    file, now = tmp_path / "kept.jsonl", Kept.read(Path("kept.jsonl"))
    former = {key: replace(one, seed=7) for key, one in now.trainings.items()}
    Kept(now.faces, {one.key: one for one in former.values()}).write(file)
    given = {"base": Path(BASE), "seeds": [0], "epochs": 1}
    measure(Path(CROPS), Path("runs/compared"), **given, variants=[CHOSEN[0]], file=file)
    both = Kept.read(file).trainings
    assert {(name, 7, 1) for name in CHOSEN} | {(CHOSEN[0], 0, 1)} == set(both)
    assert now.trainings[CHOSEN[0], 0, 1] == both[CHOSEN[0], 0, 1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"out": Path("away")}, "none of the 1 trainings is in away: `train` makes them"),
        ({"epochs": 2}, "runs/compared/subpixel_MSE_0 was trained by another recipe or for other epochs"),
        ({"crops": Path("away")}, "away/synthetic has no test shards, as preprocess writes them"),
        ({"file": Path("foreign.jsonl")}, "foreign.jsonl is nothing that `measure` wrote: a line: Invalid JSON"),
        (
            {"file": Path("other.jsonl")},
            "other.jsonl is of another, or of other faces than these: choose another by --kept",
        ),
        ({"file": Path("short.jsonl")}, "short.jsonl has 1 faces, and another number of errors of 'subpixel, MSE'"),
    ],
)
def test_what_cannot_be_kept_together_is_refused_and_nothing_written(words, sentence, compared, monkeypatch):
    monkeypatch.chdir(compared.root)
    now = Kept.read(Path("kept.jsonl"))
    Path("foreign.jsonl").write_text("no JSON\n")
    replace(now, faces=replace(now.faces, recipe="another")).write(Path("other.jsonl"))
    replace(now, faces=replace(now.faces, faces=("one",))).write(Path("short.jsonl"))
    before = {path: path.read_bytes() for path in Path().glob("*.jsonl")}
    given = {"crops": Path(CROPS), "out": Path("runs/compared"), "base": Path(BASE), "variants": [CHOSEN[0]]}
    given |= {"seeds": [0], "epochs": 1, "file": Path("kept.jsonl")}
    with pytest.raises(ValueError, match=re.escape(sentence)):
        measure(**{**given, **words})
    assert before == {path: path.read_bytes() for path in Path().glob("*.jsonl")}


def test_a_model_that_says_the_same_of_every_view_disagrees_by_nothing(compared):
    """Two views of one face: what the views' own affines say of the truth must come back to one place."""
    params = run_of(compared, CHOSEN[0]).params()
    faces = read_crops(compared.root / CROPS, "test", params)

    class Knowing:
        """Finds the truth in every view, as the batch has it."""

        def predict_crops(self, pixels):
            maker = replace(batch_maker(params, 0, 1), seed=0, batch_size=len(faces), num_views=2)
            clear = replace(maker.augment, colour=0.0, blur=0.0, occlude=0.0)
            batch = replace(maker, augment=clear).make(0, faces)
            np.testing.assert_array_equal(batch["pixels"].transpose(0, 2, 3, 1), pixels)
            return batch["landmarks"], None

    # float32 px on a crop of 64: six digits.
    assert pytest.approx(0, abs=1e-3) == disagreement(Knowing(), faces, params)


def test_what_is_done_is_passed_over_and_what_was_cut_short_is_not(compared):
    done, cut = (run_of(compared, variant) for variant in CHOSEN)
    (cut.folder / "predicted.npy").unlink()  # as a run from before folders were written whole
    before = done.folder.stat().st_mtime_ns, (done.folder / "predicted.npy").stat().st_mtime_ns
    said = compared.run(*train_words(*CHOSEN)).stdout
    assert cut.done
    assert before == (done.folder.stat().st_mtime_ns, (done.folder / "predicted.npy").stat().st_mtime_ns)
    assert [str(cut) in said, str(done) in said] == [True, False]


def test_a_training_that_fails_leaves_its_log_and_no_folder(compared):
    fields = yaml.safe_load((compared.root / BASE).read_text(encoding="utf-8"))
    fields["train"]["use_gpu"] = True
    (compared.root / "recipes/gpu.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    words = train_words(CHOSEN[0], out="runs/failed", base="recipes/gpu.yaml")
    done = compared.run(*words, check=False, CUDA_VISIBLE_DEVICES="")
    assert 1 == done.returncode
    assert done.stderr.splitlines() == [
        "comparison: subpixel, MSE, seed 0: one: train.use_gpu is true, and torch finds no GPU here: set "
        "train.use_gpu: false (all that it said is in runs/failed/subpixel_MSE_0.log)"
    ]
    assert ["subpixel_MSE_0.log"] == [path.name for path in (compared.root / "runs/failed").iterdir()]


def test_a_stop_ends_the_training_too_and_what_was_begun_goes_on_later(compared):
    words = list(train_words(CHOSEN[0], out="runs/stopped")[:-1])
    study = subprocess.Popen(
        [sys.executable, *words[1:], "100000"],  # epochs: it would take hours
        cwd=compared.root,
        env=compared.environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    log = compared.root / "runs/stopped/subpixel_MSE_0.log"
    while not (log.is_file() and log.read_text()):
        assert study.poll() is None
        time.sleep(0.1)
    trainings = psutil.Process(study.pid).children()
    study.terminate()  # it alone, as `kill` does
    _, said = study.communicate(timeout=60)
    assert (130, "comparison: stopped") == (study.returncode, said.strip().splitlines()[-1])
    assert (1, []) == (len(trainings), [each for each in trainings if each.is_running()])
    assert [log] == list(log.parent.iterdir())


def test_wrong_input_ends_in_one_line(compared):
    done = compared.run(*train_words("nope"), check=False)
    assert (1, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert done.stderr.startswith("comparison: unknown variant 'nope'; known: hih floor, MSE, ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"base": Path("away.yaml")}, "away.yaml: No such file or directory"),
        (
            {"base": Path("recipes/demo.yaml")},
            "crops/synthetic holds faces of 98 landmarks; recipe 'demo' is for ibug68",
        ),
        (
            {"base": Path("recipes/hih_t_wflw.yaml")},
            "crops/wflw holds crops of 106 px; recipe 'hih_t_wflw' stores 430 px: preprocess by that recipe",
        ),
        ({"crops": Path("away")}, "away/synthetic has no train shards, as preprocess writes them"),
        (
            {"epochs": 2},
            "runs/compared/subpixel_MSE_0 was trained by another recipe or for other epochs: choose another OUT",
        ),
    ],
)
def test_a_wrong_training_is_refused_before_any_work(words, sentence, compared, monkeypatch):
    monkeypatch.chdir(compared.root)
    before = sorted(path.name for path in Path("runs/compared").iterdir())
    given = {"crops": Path(CROPS), "base": Path(BASE), "variants": [CHOSEN[0]], "seeds": [0], "epochs": 1, "at_once": 1}
    with pytest.raises(ValueError, match=re.escape(sentence)):
        train(out=Path("runs/compared"), **{**given, **words})
    assert before == sorted(path.name for path in Path("runs/compared").iterdir())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({}, "'rounded, MSE' with seed 0 and 1 epochs is not there to compare with: choose by --against"),
        ({"against": "nope"}, "unknown variant 'nope'; known: hih floor, MSE, "),
        ({"file": Path("away.jsonl"), "against": CHOSEN[0]}, "away.jsonl"),
    ],
)
def test_tables_of_what_is_not_there_are_refused(words, sentence, compared, monkeypatch):
    monkeypatch.chdir(compared.root)
    given = {"file": Path("kept.jsonl"), "against": "rounded, MSE", "seeds": [0], "epochs": 1}
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(sentence)):
        table(**{**given, **words})


def test_every_row_of_the_results_is_printed_from_what_is_kept_in_git():
    text = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    section = text[text.index("## Codecs, losses, decoders") : text.index("## What the Siamese term costs")]
    printed: set[str] = set()
    for words in re.findall(r"^    python (-m studies\.comparison table.*)$", section, re.MULTILINE):
        command = [sys.executable, *shlex.split(words)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        printed |= set(done.stdout.splitlines())
    shown = [line for line in section.splitlines() if line.startswith("|")]
    assert len(shown) > len(VARIANTS)
    assert [] == [line for line in shown if line not in printed]


# Variants.


def test_pairs_and_decoders_are_of_variants_that_there_are():
    assert {name for pair in PAIRS for name in pair} | set(READ_BY) <= set(VARIANTS)


@pytest.mark.parametrize("recipe", ["300w_comparison", "hih_t_cofw", "shr_fan_aflw19"])
def test_every_variant_goes_with_any_base_whose_maps_come_out_of_eight_cells_by_doubling(recipe: str):
    base = load_params(ROOT / f"recipes/{recipe}.yaml")
    for variant, changes in VARIANTS.items():
        params = recipe_of(base, variant, seed=1, epochs=50)
        assert changes.codec["name"] == params.model_dump()["codec"]["name"]
        kept = ("name", "scheme", "datasets", "ingest", "preprocess", "augment", "network", "evaluate", "promotion")
        assert all(getattr(base, name) == getattr(params, name) for name in kept)


def test_equal_time_is_two_fifths_of_the_epochs_and_views_are_two_where_the_name_says_so():
    base = load_params(ROOT / "recipes/300w_comparison.yaml")
    made = {variant: recipe_of(base, variant, seed=0, epochs=50).model_dump() for variant in VARIANTS}
    # By hand, of 50.
    assert all((20 if "equal time" in name else 50) == fields["train"]["epochs"] for name, fields in made.items())
    two_views = {name for name in made if "two views" in name or "Siamese" in name}
    assert two_views == {name for name, fields in made.items() if fields["loss"]["num_views"] == 2}
    assert all((fields["loss"]["siamese_weight"] > 0) == ("Siamese" in name) for name, fields in made.items())
