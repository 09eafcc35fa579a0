"""`params.yaml`: what is accepted, and which sentence refuses the rest."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
import yaml

from components.codecs import Subpixel
from components.metrics import PROTOCOLS
from components.networks import UNet
from components.schemes import SCHEMES, Scheme
from pipelines.pages.keys import meanings
from pipelines.params import Params, load_params, whole_text
from pipelines.runtime.environment import ROOT

RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
# Not the checkout's params.yaml, which is whatever was trained there last.
DEMO = ROOT / "recipes" / "demo.yaml"


DRAWN = "datasets.synthetic"
VIEWS = "blur, colour, flip, move, occlude, rotate, rotate_deg, scale, shift"


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """Writes the demo's params with changes: {"train.lr": 1}; None takes a key away."""

    def write(changes: dict) -> Path:
        fields = yaml.safe_load(whole_text(DEMO))
        for name, value in changes.items():
            *sections, key = name.split(".")
            section = fields
            for part in sections:
                section = section[part]
            if value is None:
                del section[key]
            else:
                section[key] = value
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(fields), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("path", [ROOT / "tests" / "tiny.yaml", *RECIPES], ids=lambda path: path.name)
def test_the_projects_own_params_load(path: Path) -> None:
    params = load_params(path)
    assert params.model().codec.crop == params.preprocess.crop
    assert params.augment.room <= params.preprocess.margin


def test_params_come_back_from_what_is_logged_of_them() -> None:
    params = load_params(DEMO)
    assert params == Params.model_validate(params.model_dump(mode="json"))


def places_below(name: str, section: dict) -> list[str]:
    """Dotted names of all keys; datasets themselves go by names that their section's meaning explains."""
    if name == "datasets":
        return [f"{name}.{source}.{key}" for source, fields in section.items() for key in fields]
    return [f"{name}.{key}" for key in section]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_every_key_says_what_it_is(path: Path) -> None:
    params = load_params(path)
    said = meanings(params)
    keys = {
        place
        for name, section in params.model_dump().items()
        for place in [name, *(places_below(name, section) if isinstance(section, dict) else [])]
    }
    assert set() == {place for place in keys if not said.get(place)}


def test_what_is_logged_are_plain_values_of_every_key_with_the_defaults_of_codec_and_network(changed: Callable) -> None:
    dumped = load_params(changed({"codec": {"name": "hih", "stride": 4, "sigma": 1}})).model_dump()
    # Of Hih's own docstring; its crop stands under preprocess.
    expected = {"name": "hih", "stride": 4, "sigma": 1.0, "decimal": 8, "decimal_sigma": 1.0, "bins": "floor"}
    assert {**expected, "decimal_head": "conv", "decoder": "argmax"} == dumped["codec"]
    assert {"name": "unet", "width": 48} == dumped["network"]
    sections = [section for section in dumped.values() if isinstance(section, dict)]
    sections += dumped["datasets"].values()
    plain = {type(value) for section in sections for value in section.values()} - {dict}
    assert {str, int, float, bool, list} == plain


def test_codec_and_network_are_made_of_their_fields(changed: Callable) -> None:
    config = load_params(
        changed({"codec": {"name": "subpixel", "stride": 4, "sigma": 1.5}, "network.width": 16})
    ).model()
    assert Subpixel(crop=128, stride=4, sigma=1.5, window=5, temperature=10.0) == config.codec
    assert UNet(width=16) == config.network


@pytest.mark.parametrize(
    ("crop", "margin", "stored"),
    # By hand: 128 * 1.9 = 243.2, so 58 px more at either side; 64 * 1.9 = 121.6: 29 more; and none.
    [(128, 1.9, 244), (64, 1.9, 122), (64, 1.0, 64)],
)
def test_a_stored_crop_has_the_crops_parity(changed: Callable, crop: int, margin: float, stored: int) -> None:
    plain = {"augment.rotate_deg": 0, "augment.scale": 0, "augment.shift": 0}
    params = load_params(changed({"preprocess.crop": crop, "preprocess.margin": margin, **plain}))
    assert stored == params.preprocess.stored


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train.lr": None}, "missing key 'train.lr'"),
        ({"codec": None}, "missing key 'codec'"),
        (
            {"ingest.shuffle": True},
            "unknown key 'ingest.shuffle'; known: min_inside, reserve_share, test_share, val_share",
        ),
        (
            {"extra": 1},
            "unknown key 'extra'; known: augment, codec, datasets, evaluate, ingest, loss, name, network, preprocess, "
            "promotion, scheme, train",
        ),
        ({"codec.name": "hhi"}, "unknown codec 'hhi'; known: hih, rounded, subpixel"),
        ({"codec.name": None}, "codec.name is missing"),
        ({"network.name": None}, "network.name is missing"),
        ({"codec.sgma": 1}, "codec 'subpixel' has no sgma; it has crop, decoder, sigma, stride, temperature, window"),
        ({"codec.window": 4}, "a window is odd, a temperature above 0; got 4, 10.0"),
        ({"codec.stride": 3}, "stride 3 does not divide crop 128"),
        ({"codec.stride": 8}, "the network's stride is 4, the codec's 8"),
        ({"network.name": "vit"}, "unknown network 'vit'; known: fan, hourglass, unet"),
        ({"network.depth": 3}, "network 'unet' has no depth; it has width"),
        (
            {"loss.heatmap": "l2"},
            "loss: unknown heatmap loss 'l2'; known: adaptive_wing, cross_entropy, mse, star",
        ),
        (
            {f"{DRAWN}.reader": "wfl"},
            f"{DRAWN}.reader: unknown dataset reader 'wfl'; known: "
            "300w, 300w_lp, aflw19, cofw, cofw68, csv, merl_rav, synthetic, wflw",
        ),
        ({"scheme": "wflw"}, "scheme: unknown scheme 'wflw'; known: aflw19, cofw29, ibug68, wflw98"),
        ({f"{DRAWN}.scheme": "x"}, f"{DRAWN}.scheme: unknown scheme 'x'; known: aflw19, cofw29, ibug68, wflw98"),
        (
            {f"{DRAWN}.reader": "300w", f"{DRAWN}.scheme": "wflw98"},
            f"{DRAWN}: dataset '300w' has no scheme 'wflw98'; known: ibug68",
        ),
        (
            {f"{DRAWN}.scheme": "wflw98"},
            f"{DRAWN} is held out, but marked up in wflw98, which does not measure a model of ibug68: set held_out: false, so "
            "that it trains only",
        ),
        ({f"{DRAWN}.shares": 1}, f"unknown key '{DRAWN}.shares'; known: held_out, reader, scheme, share"),
        ({f"{DRAWN}.reader": None}, f"missing key '{DRAWN}.reader'"),
        ({f"{DRAWN}.share": 0.5}, "datasets: the shares of synthetic add up to 0.5, not to 1"),
        (
            {"datasets": {"starts": {"reader": "300w"}}},
            "datasets: data/starts holds the models that trainings start from: call that dataset's folder otherwise",
        ),
        ({f"{DRAWN}.share": 0}, f"{DRAWN}.share: Input should be greater than or equal to 0.001"),
        (
            {f"{DRAWN}.held_out": False},
            "datasets: none is held out, so that nothing could be measured: set held_out: true for one of them",
        ),
        ({"datasets.more": {"reader": "300w"}}, "missing key 'datasets.more.share'"),
        (
            {"datasets.more": {"reader": "300w", "share": 0.1}},
            "datasets: the shares of more, synthetic add up to 1.1, not to 1",
        ),
        (
            {"datasets.more": {"reader": "cofw", "share": 0.5, "held_out": False}, f"{DRAWN}.share": 0.5},
            "datasets.more: dataset 'cofw' has no scheme 'ibug68'; known: cofw29",
        ),
        (
            {"datasets.more": {"reader": "cofw", "scheme": "cofw29", "share": 0.5}, f"{DRAWN}.share": 0.5},
            "datasets.more is held out, but marked up in cofw29, which does not measure a model of ibug68: set held_out: false, "
            "so that it trains only",
        ),
        (
            {
                "datasets": {
                    "a": {"reader": "300w", "share": 0.5},
                    "b": {"reader": "300w_lp", "share": 0.5, "held_out": False},
                }
            },
            "datasets: 300w and 300w_lp have the same photographs, split differently, so that faces which one holds out would be "
            "trained on as the other's: leave one of them out",
        ),
        ({"datasets": {}}, "datasets: Dictionary should have at least 1 item after validation, not 0"),
        ({"datasets": 1}, "datasets: expected keys below it, got 1"),
        ({"datasets": {"a": 1}}, "datasets.a: expected keys below it, got 1"),
        (
            {"dataset": {"reader": "300w", "folder": "faces", "scheme": "ibug68"}},
            "`dataset:` is now `scheme:` and `datasets:`, which may be several; write `scheme: ibug68` and `datasets: {faces: "
            "{reader: 300w}}` in its place",
        ),
        (
            {"dataset": 1},
            "`dataset:` is now `scheme:` and `datasets:`, which may be several; write `scheme: SCHEME` and "
            "`datasets: {FOLDER: {reader: READER}}` in its place",
        ),
        ({"evaluate.protocol": "box"}, f"evaluate.protocol: unknown protocol 'box'; known: {', '.join(PROTOCOLS)}"),
        (
            {"preprocess.box": "annotated"},
            "protocol 'inter_ocular' takes another box than preprocess.box 'annotated'; those that fit: box_size_annotated, "
            "inter_ocular_annotated, inter_pupil_annotated",
        ),
        (
            {"evaluate.protocol": "cofw"},
            "protocol 'cofw' is for scheme cofw29, not synthetic's ibug68; those that fit: 300w, 300w_private, 300w_pupil, "
            "300w_star, 300w_star_pupil, box_size, inter_ocular, inter_pupil, merl_rav",
        ),
        (
            {"evaluate.protocol": "wflw_hih_square", "scheme": "wflw98", f"{DRAWN}.scheme": "wflw98"},
            "protocol 'wflw_hih_square' measures in its authors' crop and serves rescoring only (`pipelines.rescore`); those "
            "that fit: box_size, inter_ocular, inter_pupil, wflw",
        ),
        (
            {"loss.visibility": True, f"{DRAWN}.reader": "300w"},
            "loss.visibility learns of landmarks that are marked as hidden, and 300w marks none: set loss.visibility: false",
        ),
        ({"loss.visibility": 1}, "loss: visibility: expected true or false, got 1"),
        ({"train.batch_size": 33}, "train.batch_size 33 does not divide by 2 workers"),
        ({"train.lr": 0}, "train.lr: Input should be greater than 0"),
        ({"augment.flip": 1.5}, "augment: flip is 1.5: expected 0 to 1 (it is a share)"),
        ({"augment.flp": 1.5}, f"augment has no flp; it has {VIEWS}"),
        ({"augment.flip": None}, "augment lacks flip"),
        ({"augment": [1]}, "augment: expected its fields, got [1]"),
        ({"train": 1}, "train: expected keys below it, got 1"),
        ({"preprocess.margin": 0.9}, "preprocess.margin: Input should be greater than or equal to 1"),
        ({"train.epochs": 2.5}, "train.epochs: expected a whole number, got 2.5"),
        ({"train.epochs": 1.0}, "train.epochs: expected a whole number, got 1.0"),
        ({"train.epochs": True}, "train.epochs: expected a whole number, got True"),
        ({"train.epochs": "48"}, "train.epochs: expected a whole number, got '48'"),
        ({"train.epochs": 10**9}, "train.epochs: Input should be less than or equal to 100000"),
        ({"train.seed": -1}, "train.seed: Input should be greater than or equal to 0"),
        ({"train.lr": True}, "train.lr: expected a finite number, got True"),
        ({"train.lr": float("nan")}, "train.lr: expected a finite number, got nan"),
        ({"train.compile": 1}, "train.compile: expected true or false, got 1"),
        ({"train.decay_epochs": 3}, "train.decay_epochs: expected a list, got 3"),
        ({"train.decay_epochs": [3, "5"]}, "train.decay_epochs.1: expected a whole number, got '5'"),
        ({f"{DRAWN}.reader": 300}, f"{DRAWN}.reader: expected a text, got 300"),
        ({"network.width": "48"}, "network 'unet': width: expected a whole number, got '48'"),
        ({"network.width": 48.0}, "network 'unet': width: expected a whole number, got 48.0"),
        ({"codec.name": ["hih"]}, "unknown codec ['hih']; known: hih, rounded, subpixel"),
        ({"codec.sigma": True}, "codec 'subpixel': sigma: expected a finite number, got True"),
        ({"codec.crop": 128}, "codec.crop is preprocess.crop; leave it out"),
        ({"preprocess.crop": "128"}, "preprocess.crop: expected a whole number, got '128'"),
        (
            {"preprocess.crop": 4096, "preprocess.margin": 4},
            "preprocess: a stored crop (crop times margin) of 16384 x 16384 pixels is over the limit of 100,000,000; "
            "the variable HEATMARK_MAX_PIXELS sets another",
        ),
        ({"train.precision": "float16"}, "train.precision: Input should be 'float32' or 'bfloat16'"),
        (
            {"train.lr": 0, "train.epochs": 0},
            "train.epochs: Input should be greater than 0; train.lr: Input should be greater than 0",
        ),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_said_with_key_and_way_out(changed: Callable, changes: dict, message: str) -> None:
    path = changed(changes)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}: {message}')}$"):
        load_params(path)


def test_a_margin_that_does_not_hold_the_views_is_refused_with_the_one_that_does(changed: Callable) -> None:
    # By hand: without rotation and scale, a shift of 0.25 crops to both sides takes 1.5 crops.
    path = changed({"augment.rotate_deg": 0, "augment.scale": 0, "augment.shift": 0.25, "preprocess.margin": 1.2})
    message = "augment reaches 1.50 crops, but preprocess.margin is 1.2: raise it to 1.50, or augment less"
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}: {message}')}$"):
        load_params(path)


@pytest.mark.parametrize("margin", [1.49, 1.50])
def test_the_margin_that_is_asked_for_is_enough(changed: Callable, margin: float) -> None:
    path = changed({"augment.rotate_deg": 0, "augment.scale": 0, "augment.shift": 0.25, "preprocess.margin": margin})
    if margin < 1.5:
        with pytest.raises(ValueError, match=r"raise it to 1.50"):
            load_params(path)
    else:
        assert margin == load_params(path).preprocess.margin


@pytest.mark.parametrize(
    "folder", ["../other", "/etc", "a/b", "", ".hidden", "a.b", "300", "1e5", "0x1f", "null", "300-1"]
)
def test_a_dataset_whose_name_is_not_that_of_a_folder_below_data_or_no_text_to_yaml_is_refused(
    changed: Callable, folder: str
) -> None:
    path = changed({"datasets": {folder: {"reader": "300w"}}})
    with pytest.raises(ValueError, match=r"^.*:\d+: a key is a word of letters, digits and _, got "):
        load_params(path)
    fields = {**yaml.safe_load(path.read_text()), "datasets": {folder: {"reader": "300w"}}}
    if not re.fullmatch("[a-z0-9-]+", folder):  # nor if it comes another way than by a file
        with pytest.raises(ValueError, match=r"should match pattern"):
            Params.model_validate(fields)


@pytest.mark.parametrize("folder", ["300w", "300w_lp", "a-b", "W300"])
def test_a_dataset_goes_by_its_folders_name(changed: Callable, folder: str) -> None:
    params = load_params(changed({"datasets": {folder: {"reader": "300w"}}, "loss.visibility": False}))
    whole = {"reader": "300w", "scheme": "ibug68", "share": 1.0, "held_out": True}
    assert {folder: whole} == params.model_dump()["datasets"]


def test_of_several_datasets_all_train_and_some_are_measured_in_the_order_of_their_names(changed: Callable) -> None:
    a, c = ({"reader": "synthetic", "share": share} for share in (0.2, 0.3))
    b = {"reader": "300w", "share": 0.5, "held_out": False}
    params = load_params(changed({"datasets": {"c": c, "b": b, "a": a}}))
    assert ("a", "b", "c") == params.sources("train")
    assert ("a", "c") == params.sources("val") == params.sources("test")
    assert pytest.approx(0.5) == params.share(params.sources("val"))


def test_a_protocol_must_fit_every_dataset_that_is_held_out(changed: Callable) -> None:
    both = {"a": {"reader": "cofw68", "share": 0.5}, "b": {"reader": "300w", "share": 0.5}}
    path = changed({"datasets": both, "evaluate.protocol": "cofw68"})
    with pytest.raises(
        ValueError, match="protocol 'cofw68' is for dataset cofw68, not 300w's ibug68; those that fit: "
    ):
        load_params(path)
    both["b"]["held_out"] = False
    load_params(changed({"datasets": both, "evaluate.protocol": "cofw68"}))


def test_a_protocol_of_one_benchmarks_subsets_measures_no_second_dataset(changed: Callable) -> None:
    both = {"a": {"reader": "300w", "share": 0.5}, "b": {"reader": "synthetic", "share": 0.5}}
    with pytest.raises(
        ValueError,
        match="protocol '300w' measures the subsets challenge, common of its benchmark alone, but a and b are",
    ):
        load_params(changed({"datasets": both, "evaluate.protocol": "300w"}))
    both["b"]["held_out"] = False
    load_params(changed({"datasets": both, "evaluate.protocol": "300w"}))


def test_a_markup_that_has_nothing_in_common_with_the_models_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Scheme("ours", ("right", "left"), (1, 0), (0, 1), ((0,), (1,)), ())
    monkeypatch.setitem(SCHEMES, "ours", ours)
    fields = load_params(DEMO).model_dump()
    fields["datasets"]["synthetic"]["share"] = 0.5
    fields["datasets"]["own"] = {"reader": "csv", "scheme": "ours", "share": 0.5, "held_out": False}
    with pytest.raises(ValueError, match=r"datasets\.own: ours shares no landmark with the model's ibug68"):
        Params.model_validate(fields)


@pytest.mark.parametrize("name", ["Demo", "a b", "a/b", "", "_a"])
def test_a_name_that_is_no_plain_word_is_refused(changed: Callable, name: str) -> None:
    with pytest.raises(ValueError, match="name: String should match pattern"):
        load_params(changed({"name": name}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", ":2: not YAML: did not find expected node content"),
        ("", ": expected keys and sections of keys, as in `name: demo`, got nothing"),
        ("- 1", ": expected keys and sections of keys, as in `name: demo`, got a plain value or a list"),
    ],
)
def test_a_file_that_holds_no_params_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}{message}')}$"):
        load_params(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(str(tmp_path / 'none.yaml'))}: No such file or directory$"):
        load_params(tmp_path / "none.yaml")


def test_params_cannot_be_changed() -> None:
    params = load_params(DEMO)
    with pytest.raises(ValueError, match="frozen"):
        params.train.lr = 1.0  # type: ignore[misc]


WRONG = (
    None,
    "48",
    [],
    {},
    True,
    -1,
    0,
    1e9,
    10**9,
    10**30,
    float("inf"),
    float("nan"),
    "x" * 10_000,
    [[1]],
    ["a"],
    {"a": 1},
)


# Calls of Python functions, and lines of our own, in reading one file: 12,000 to 126,000 with the recipes below.
MOST_STEPS = 1_000_000


class TooMuch(BaseException):
    """No Exception, which a validator might take for a refusal."""


class Steps:
    """Counts what is done in a block, whatever else the machine does meanwhile, and ends it where it is too much."""

    def __enter__(self) -> None:
        self.before, self.taken = sys.gettrace(), 0
        sys.settrace(self._take)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before)

    def _take(self, frame: FrameType, event: str, _: object) -> Callable | None:
        self.taken += 1
        if self.taken > MOST_STEPS:
            raise TooMuch
        return self._take if frame.f_code.co_filename.startswith(str(ROOT)) else None


def test_a_loop_over_what_a_file_claims_would_be_seen() -> None:
    def loop(claimed: int) -> None:
        for _ in range(claimed):
            pass

    with pytest.raises(TooMuch), Steps():
        loop(10**9)


@pytest.mark.parametrize(
    "name", ["demo", *(pytest.param(name, marks=pytest.mark.slow) for name in ("300w_small_rounded", "hih_t_300w_cpu"))]
)
def test_whatever_stands_at_a_key_is_taken_or_refused_in_one_sentence_and_a_few_steps(
    name: str, tmp_path: Path
) -> None:
    fields = yaml.safe_load(whole_text(ROOT / "recipes" / f"{name}.yaml"))
    path, before = tmp_path / "params.yaml", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    places = [(name,) for name in fields]
    places += [(name, key) for name in fields if isinstance(fields[name], dict) for key in fields[name]]
    for place in places:
        for value in WRONG:
            path.write_text(
                json.dumps(with_value(fields, place, value)).replace("Infinity", "1e400").replace("NaN", ".nan")
            )
            try:
                with Steps():
                    load_params(path)
            except ValueError as error:
                assert str(error).startswith(str(path)), (place, value, error)  # noqa: PT017
                assert len(str(error).splitlines()) == 1, (place, value, error)  # noqa: PT017
    # kB: nothing took memory for what the file only claims.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def with_value(fields: dict, place: tuple[str, ...], value: object) -> dict:
    section = {**fields[place[0]], place[1]: value} if len(place) == 2 else value
    return {**fields, place[0]: section}


def test_reading_them_imports_neither_torch_s_compiler_nor_what_only_one_stage_needs():
    """Each stage, and each worker of Ray, reads them first: two seconds for each of the former, in each."""
    code = "import sys; from pipelines import params; params.load_params(sys.argv[1]); "
    code += "print({'torch._dynamo', 'scipy.stats', 'ray', 'mlflow', 'prefect'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code, str(DEMO)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "set()\n" == done.stdout
