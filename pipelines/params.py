"""The keys of `params.yaml` and of every recipe. Whatever decides a result has no default here: it stands there.

python -m pipelines.params [RECIPE] [--plain]      the whole file that a recipe stands for, with each key's meaning
python -m pipelines.params --list                  the recipes there are
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import torch
import typer
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from components.augment import Augment
from components.codecs import CODECS, Codec
from components.configuration import build, check_known, configure
from components.crops import stored_side
from components.datasets import DATASETS
from components.limits import check_pixels
from components.losses.objective import Objective
from components.markups import shared
from components.metrics import PROTOCOLS, Protocol, check_protocol
from components.model import LandmarkModel, ModelConfig
from components.networks import NETWORKS, Network
from components.schemes import SCHEMES
from pipelines.pages.keys import listed, meanings
from pipelines.runtime.command import run
from pipelines.runtime.environment import ROOT
from pipelines.runtime.recipe import completed, resolve, text_of, values_of
from pipelines.runtime.strict_yaml import Sheet

# What is refused as a slip of the keyboard; each is far above what anybody has use for.
MOST_EPOCHS = 100_000  # 300 days of passes of five minutes
MOST_EVALUATIONS = 100_000  # each writes a checkpoint
MOST_FACES_AT_ONCE = 65_536  # of a step, or of a shard: both are held in memory, at about 50 kB a face
MOST_WORKERS = 1_024
MOST_FAILURES = 1_000
MOST_DECAYS = 100  # the rate is nothing after that many
LARGEST_CROP = 4_096  # px; a batch of 64 takes 3 GB as bytes
LARGEST_MARGIN = 4.0  # crops; a stored one has its square in pixels
SMALLEST_SHARE = 0.001  # of a batch: of 64 faces, one in every sixteenth batch
LARGEST_FIELD = 10_000  # of a codec or network: weights are counted in products of two
LARGEST_SEED = 2**32 - 1  # every generator takes 32 bits, and none a number below 0
LONGEST_NAME = 100  # characters; names are folders, 255 at most
LONGEST_START = 1_000  # characters; of a path
# The one folder below data/ that is no dataset's, see `pipelines.registry.start`.
STARTS = "starts"
SHARES_WITHIN = 1e-6  # of 1, all together
# Readers of the same photographs: 300W-LP turns all faces of 300-W, test faces too; AFLW's are split in two ways.
SAME_PHOTOGRAPHS = (("300w", "300w_lp"), ("aflw19", "merl_rav"))
# Columns of what is printed.
COLUMNS = 80
# The codec, as long as its crop is wrong: said of the crop alone.
UNCHECKED = "unchecked"
EXPECTED = {
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "float_type": "a finite number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "keys below it",
    "string_type": "a text",
    "dict_type": "keys below it",
}

Share = Annotated[float, Field(ge=0, le=1)]
# A folder below data/; DVC takes a dot for the end of a key.
SourceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=LONGEST_NAME)]
Positive = Annotated[float, Field(gt=0)]


def _known(registry: dict, kind: str) -> AfterValidator:
    return AfterValidator(lambda name: check_known(registry, kind, name))


class Section(BaseModel):
    """A part of the params; unknown keys are refused, and nothing is converted but a whole number to a float."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


class SourceParams(Section):
    reader: Annotated[str, _known(DATASETS, "dataset reader")]
    """Key in `components.datasets.DATASETS`."""
    scheme: Annotated[str, _known(SCHEMES, "scheme")]
    """Its own markup; the model's, if left out. Of another one, the landmarks that both share are learnt."""
    share: Annotated[float, Field(ge=SMALLEST_SHARE, le=1)]
    """Of each batch; those of all datasets add up to 1. May be left out of a recipe with one."""
    held_out: bool
    """Whether its validation and test faces are held out and measured (true, if left out); else it trains only."""

    @model_validator(mode="after")
    def _scheme_fits(self) -> SourceParams:
        DATASETS[self.reader].scheme(self.scheme)
        return self


class IngestParams(Section):
    val_share: Annotated[float, Field(gt=0, lt=0.5)]
    """Share of the subjects held out for choosing the checkpoint, by a hash of their ids."""
    test_share: Annotated[float, Field(gt=0, lt=0.5)]
    """The same for testing; used only where the benchmark has no test faces of its own."""
    reserve_share: Annotated[float, Field(ge=0, lt=1)]
    """Share of those test faces that is kept aside: no retraining looks at them, only `heatmark promote --final`."""
    min_inside: Share
    """A face with a smaller share of its landmarks inside the picture is rejected."""


class PreprocessParams(Section):
    box: Literal["landmarks", "annotated"]
    """The tight box of the landmarks, of a dataset's own markup, or the box that the dataset gives."""
    crop: Annotated[int, Field(gt=0, le=LARGEST_CROP)]
    """Side of the network's input, px."""
    expand: Positive
    """Side of the crop, in longer sides of the box."""
    margin: Annotated[float, Field(ge=1, le=LARGEST_MARGIN)]
    """Side of the stored crop, in crops: room for augmentation."""
    jpeg_quality: Annotated[int, Field(ge=1, le=100)]
    """Of the stored crops."""
    faces_per_shard: Annotated[int, Field(gt=0, le=MOST_FACES_AT_ONCE)]
    """Rows per Parquet file."""

    @property
    def stored(self) -> int:
        """Side of the stored crop, px."""
        return stored_side(self.crop, self.margin)

    @model_validator(mode="after")
    def _fits_into_memory(self) -> PreprocessParams:
        check_pixels(self.stored, self.stored, "a stored crop (crop times margin)")
        return self


class TrainParams(Section):
    start_from: Annotated[str, Field(max_length=LONGEST_START)]
    """The model whose weights are trained further: a folder, runs:/ID, models:/NAME@champion or models:/NAME/3; "" is none."""
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)]
    """Of the weights, the order of faces and the augmentation."""
    epochs: Annotated[int, Field(gt=0, le=MOST_EPOCHS)]
    """Passes over the training faces of the datasets that are held out; others are seen as often as their share makes it."""
    batch_size: Annotated[int, Field(gt=0, le=MOST_FACES_AT_ONCE)]
    """Faces per step, over all workers."""
    lr: Positive
    """Highest learning rate of AdamW."""
    weight_decay: Annotated[float, Field(ge=0)]
    """Of AdamW; 0 makes it Adam."""
    warmup: Share
    """Share of the steps in which the rate rises from 0."""
    decay_epochs: Annotated[list[Annotated[int, Field(gt=0, le=MOST_EPOCHS)]], Field(max_length=MOST_DECAYS)]
    """Epochs after which the rate is multiplied by `decay_factor`; none: it falls as half a cosine to 0."""
    decay_factor: Annotated[float, Field(gt=0, le=1)]
    """See `decay_epochs`."""
    clip_norm: Positive
    """Gradients are scaled down to this norm."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)]
    """Decay per step of the averaged weights, which are the ones that are kept."""
    fit_temperature: bool
    """Whether the soft-argmax's temperature is fitted on the validation faces after the training."""
    fit_mirror_offset: bool
    """Whether it is measured on the validation faces how far to one side faces are annotated, and every answer moved by it."""
    refit: bool
    """Whether a second training takes the validation faces in, ended where the first was best; its weights are kept."""
    evaluations: Annotated[int, Field(gt=0, le=MOST_EVALUATIONS)]
    """How often, evenly spread, validation faces are measured and a checkpoint is written."""
    precision: Literal["float32", "bfloat16"]
    """Of the network's arithmetic; weights and losses stay float32."""
    channels_last: bool
    """Memory layout of the network."""
    compile: bool
    """Compile the network; pays on a GPU."""
    num_workers: Annotated[int, Field(ge=0, le=MOST_WORKERS)]
    """Ray Train workers; 0 trains in this one process, without Ray."""
    use_gpu: bool
    """One GPU per worker (NCCL), else CPUs (gloo)."""
    max_failures: Annotated[int, Field(ge=0, le=MOST_FAILURES)]
    """How many lost workers a training survives."""


class EvaluateParams(Section):
    protocol: Annotated[str, _known(PROTOCOLS, "protocol")]
    """Key in `components.metrics.PROTOCOLS`."""
    mirrored: bool
    """Test faces are also shown in the mirror, and both answers averaged; then the protocol is called NAME_mirrored."""

    @property
    def on_test(self) -> Protocol:
        """What test faces are measured under; validation faces are never mirrored."""
        protocol = PROTOCOLS[self.protocol]
        return protocol.with_mirrored() if self.mirrored else protocol


class PromotionParams(Section):
    error_per_year: Annotated[float, Field(gt=0, lt=1)]
    """Chance that, in a year, a model becomes champion which is no better than the champion."""
    looks_per_year: Annotated[int, Field(gt=0)]
    """How many challengers may be held against a champion within 365 days; each has an equal part of that chance."""
    seed_spread: Share
    """0 asks for a better model, whatever made it better. To ask for a better recipe: the standard deviation of NME, over all faces,
    among trainings that differ by their seed alone, as a share of the NME; `heatmark study gate` measures it."""
    max_nme: Positive
    """A version with a higher NME never becomes champion by itself, not even the first; a fraction."""
    guards: dict[Annotated[str, Field(min_length=1)], Annotated[float, Field(ge=0)]]
    """Subset -> by how much more a champion may err on it than the one before; a share of that one's NME."""
    refused_licences: list[Annotated[str, Field(min_length=1)]]
    """A version never becomes champion by itself whose faces, or those of a model it started from, have one of these licences:
    `research only`, `unknown`, or as a dataset's licence.txt says."""
    approval: Literal["none", "required"]
    """Whether a person has the last word on a version that is shown to be better, or nobody is asked."""

    @property
    def error_per_look(self) -> float:
        """Chance that one look promotes a model that is no better: the chances of any number of looks at most add up."""
        return self.error_per_year / self.looks_per_year


def _made_of(registry: Mapping[str, type], kind: str, fields: object, **more: int) -> Any:
    """Builds a codec or network by its name; their whole numbers are sizes (floats may be written as such too)."""
    for name, value in fields.items() if isinstance(fields, Mapping) else ():
        if type(value) is int and not 1 <= value <= LARGEST_FIELD:
            raise ValueError(f"{kind}.{name}: expected 1 to {LARGEST_FIELD:,}, got {value}")
    return build(registry, kind, {**fields, **more} if isinstance(fields, Mapping) else fields)


def _codec(fields: object, info: ValidationInfo) -> Codec:
    if isinstance(fields, Mapping) and "crop" in fields:
        raise ValueError("codec.crop is preprocess.crop; leave it out")
    if "preprocess" not in info.data:
        raise PydanticCustomError(UNCHECKED, "preprocess.crop comes first")
    return _made_of(CODECS, "codec", fields, crop=info.data["preprocess"].crop)


def _named(registry: Mapping[str, type], thing: Any) -> dict[str, Any]:
    """The inverse: its name and its fields; without the crop, which stands under preprocess."""
    name = next(name for name, made in registry.items() if type(thing) is made)
    return {"name": name, **{key: value for key, value in asdict(thing).items() if key != "crop"}}


def _moved(dataset: object) -> str:
    """How to write today what was once one dataset."""
    said = dataset if isinstance(dataset, Mapping) else {}
    scheme, folder, reader = (said.get(name, name.upper()) for name in ("scheme", "folder", "reader"))
    return (
        "`dataset:` is now `scheme:` and `datasets:`, which may be several; write "
        f"`scheme: {scheme}` and `datasets: {{{folder}: {{reader: {reader}}}}}` in its place"
    )


@lru_cache(maxsize=32)
def _check_parts(config: ModelConfig) -> None:
    """Whether the parts fit, found out by building them without memory; once for params that differ elsewhere."""
    with torch.device("meta"):
        LandmarkModel(config)


class Params(Section):
    """A whole `params.yaml`."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=LONGEST_NAME)]
    """Of the recipe: `artifacts/NAME`, `reports/NAME`, registered model `heatmark-NAME`."""
    scheme: Annotated[str, _known(SCHEMES, "scheme")]
    """The model's landmarks: key in `components.schemes.SCHEMES`."""
    datasets: Annotated[dict[SourceName, SourceParams], Field(min_length=1)]
    """Which files are read, and how; each by the name of its folder under `data/`."""
    ingest: IngestParams
    """Which faces are taken, and which are held out."""
    preprocess: PreprocessParams
    """How faces are cut out."""
    augment: Annotated[Augment, PlainValidator(partial(configure, Augment, "augment")), PlainSerializer(asdict)]
    """How far a view of a face may differ from it; views that reach beyond `preprocess.margin` are refused."""
    codec: Annotated[Codec, PlainValidator(_codec), PlainSerializer(partial(_named, CODECS))]
    """How a landmark is drawn on a map and read from it; `preprocess.crop` is the codec's as well."""
    network: Annotated[
        Network, PlainValidator(partial(_made_of, NETWORKS, "network")), PlainSerializer(partial(_named, NETWORKS))
    ]
    """What is trained."""
    loss: Annotated[Objective, PlainValidator(partial(configure, Objective, "loss")), PlainSerializer(asdict)]
    """What is minimised."""
    train: TrainParams
    """How it is minimised, and where."""
    evaluate: EvaluateParams
    """How errors are measured."""
    promotion: PromotionParams
    """When a model takes the champion's place."""

    @model_validator(mode="before")
    @classmethod
    def _whole_datasets(cls, fields: Any) -> Any:
        """Completes what a recipe may leave out of a dataset."""
        if isinstance(fields, Mapping) and "dataset" in fields:
            raise ValueError(_moved(fields["dataset"]))
        if not (isinstance(fields, Mapping) and isinstance(fields.get("datasets"), Mapping)):
            return fields
        usual = {"scheme": fields.get("scheme"), "held_out": True}
        usual |= {"share": 1.0} if len(fields["datasets"]) == 1 else {}
        whole = {
            name: {**usual, **source} if isinstance(source, Mapping) else source
            for name, source in fields["datasets"].items()
        }
        return {**fields, "datasets": whole}

    @field_validator("datasets")
    @classmethod
    def _shared_out(cls, sources: dict[str, SourceParams]) -> dict[str, SourceParams]:
        if STARTS in sources:
            raise ValueError(
                f"data/{STARTS} holds the models that trainings start from: call that dataset's folder otherwise"
            )
        total = sum(source.share for source in sources.values())
        if abs(total - 1) > SHARES_WITHIN:
            raise ValueError(f"the shares of {', '.join(sources)} add up to {total:g}, not to 1")
        if not any(source.held_out for source in sources.values()):
            raise ValueError("none is held out, so that nothing could be measured: set held_out: true for one of them")
        readers = {source.reader for source in sources.values()}
        for pair in SAME_PHOTOGRAPHS:
            if readers.issuperset(pair):
                raise ValueError(
                    f"{' and '.join(pair)} have the same photographs, split differently, so that faces which one holds out would "
                    "be trained on as the other's: leave one of them out"
                )
        return sources

    @model_validator(mode="after")
    def _fit_together(self) -> Params:
        _check_parts(self.model())
        room = self.augment.room
        if room > self.preprocess.margin + 1e-9:
            raise ValueError(
                f"augment reaches {room:.2f} crops, but preprocess.margin is {self.preprocess.margin}: "
                f"raise it to {room:.2f}, or augment less"
            )
        for name, source in self.datasets.items():
            self._check_markup(name, source)
            if source.held_out:
                check_protocol(self.evaluate.protocol, source.reader, self.scheme, self.preprocess.box)
        held_out, subsets = self.sources("test"), PROTOCOLS[self.evaluate.protocol].subsets
        if len(held_out) > 1 and subsets:
            raise ValueError(
                f"protocol {self.evaluate.protocol!r} measures the subsets {', '.join(subsets)} of its benchmark alone, but "
                f"{' and '.join(held_out)} are held out: set held_out: false for all but that one, or measure by inter_ocular"
            )
        if self.loss.visibility and not any(DATASETS[each.reader].marks_hidden for each in self.datasets.values()):
            readers = ", ".join(sorted({each.reader for each in self.datasets.values()}))
            raise ValueError(
                f"loss.visibility learns of landmarks that are marked as hidden, and {readers} marks none: set loss.visibility: false"
            )
        if self.train.fit_temperature and getattr(self.codec, "decoder", None) != "soft_argmax":
            raise ValueError("train.fit_temperature is for codecs that are read by decoder soft_argmax")
        if self.train.num_workers and self.train.batch_size % self.train.num_workers:
            raise ValueError(
                f"train.batch_size {self.train.batch_size} does not divide by {self.train.num_workers} workers"
            )
        return self

    def _check_markup(self, name: str, source: SourceParams) -> None:
        """Refuses a dataset whose landmarks are of no use to the model, or do not measure it."""
        if source.scheme == self.scheme:
            return
        if source.held_out:
            raise ValueError(
                f"datasets.{name} is held out, but marked up in {source.scheme}, which does not measure a model of {self.scheme}: "
                "set held_out: false, so that it trains only"
            )
        if not shared(SCHEMES[source.scheme], SCHEMES[self.scheme]):
            raise ValueError(f"datasets.{name}: {source.scheme} shares no landmark with the model's {self.scheme}")

    def source(self, name: str) -> SourceParams:
        """One of the datasets.

        Raises:
            ValueError: The recipe has none of this name.
        """
        return self.datasets[check_known(self.datasets, "dataset of this recipe", name)]

    def sources(self, split: str) -> tuple[str, ...]:
        """Names of the datasets whose faces of a split are used, in the order of their rows: all train, some are held out."""
        return tuple(name for name in sorted(self.datasets) if split == "train" or self.datasets[name].held_out)

    def share(self, names: Iterable[str]) -> float:
        """Of each batch, of some datasets together."""
        return sum(self.datasets[name].share for name in names) / sum(source.share for source in self.datasets.values())

    def model(self) -> ModelConfig:
        """The model."""
        scheme, sizes = SCHEMES[self.scheme], self.preprocess
        network, loss = self.network, self.loss
        return ModelConfig(
            scheme, self.codec, network, loss.heatmap, sizes.expand, sizes.box, visibility=loss.visibility
        )


def load_params(path: Path | str = "params.yaml") -> Params:
    """Reads and checks a params file or a recipe.

    Raises:
        ValueError: Missing, not YAML, a base that is not there, or a key that is unknown, missing or out of range.
    """
    return _load(Path(path))[0]


def whole_text(path: Path | str) -> str:
    """The whole file that a recipe stands for: every key, defaults of codec and network too, with its source mark."""
    return text_of(_load(Path(path))[1])


def _load(path: Path) -> tuple[Params, Sheet]:
    sheet = resolve(path)
    try:
        params = Params.model_validate(values_of(sheet.keys))
    except ValidationError as error:
        problems = [problem for problem in error.errors(include_url=False) if problem["type"] != UNCHECKED]
        if any(problem["loc"] == ("scheme",) for problem in problems):
            # Datasets that name none have the model's.
            problems = [problem for problem in problems if problem["loc"][::2] != ("datasets", "scheme")]
        raise ValueError(f"{path}: " + "; ".join(map(_sentence, problems))) from error
    return params, Sheet(sheet.head, completed(sheet.keys, params.model_dump()))


def _sentence(problem: Any) -> str:
    place, kind = ".".join(str(part) for part in problem["loc"]), problem["type"]
    if kind == "extra_forbidden":
        section: Any = Params
        for part in problem["loc"][:-1]:
            # Datasets go by names that are not ours.
            section = get_args(section)[1] if get_args(section) else section.model_fields[part].annotation
        return f"unknown key {place!r}; known: {', '.join(sorted(section.model_fields))}"
    if place.endswith(".[key]"):
        return f"{place.removesuffix('.[key]')}: expected a folder's name, of letters, digits, _ and -"
    if kind == "missing":
        return f"missing key {place!r}"
    if kind in EXPECTED:
        return f"{place}: expected {EXPECTED[kind]}, got {reprlib.repr(problem['input'])}"
    message = problem["msg"].removeprefix("Value error, ")
    # The parts that are chosen by name say which they are.
    named = place in ("", "codec", "network") or (place in ("augment", "loss") and message.startswith(place))
    return message if named else f"{place}: {message}"


def main(
    recipe: Annotated[Path, typer.Argument(help="A recipe, or a whole params file.")] = Path("params.yaml"),
    plain: Annotated[
        bool, typer.Option("--plain", help="Just the file, as it would be written to params.yaml.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="The recipes there are, instead.")] = False,
) -> None:
    """Prints the whole file that a recipe stands for, with the meaning of each key and where its value is from."""
    if list_:
        print(listed(ROOT / "recipes", COLUMNS))
        return
    params, sheet = _load(recipe)
    print(text_of(sheet) if plain else text_of(sheet, meanings(params), COLUMNS), end="")


if __name__ == "__main__":
    run(main)
