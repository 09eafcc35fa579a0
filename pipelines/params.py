"""The keys of `params.yaml` and of every recipe. Whatever decides a result has no default here: it stands there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from components.augment import Augment
from components.codecs import CODECS, Codec
from components.configuration import build, check_known
from components.datasets import DATASETS
from components.losses import DECIMAL_LOSSES, HEATMAP_LOSSES
from components.losses.objective import Objective
from components.metrics import PROTOCOLS, check_protocol
from components.model import LandmarkModel, ModelConfig
from components.networks import NETWORKS, Network
from components.schemes import SCHEMES

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]


def _known(registry: dict, kind: str) -> AfterValidator:
    return AfterValidator(lambda name: check_known(registry, kind, name))


class Section(BaseModel):
    """A part of the params; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class DatasetParams(Section):
    reader: Annotated[str, _known(DATASETS, "dataset reader")]
    """Key in `components.datasets.DATASETS`."""
    folder: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    """Name of the folder under `data/`."""
    scheme: Annotated[str, _known(SCHEMES, "scheme")]
    """Key in `components.schemes.SCHEMES`."""

    @model_validator(mode="after")
    def _scheme_fits(self) -> DatasetParams:
        DATASETS[self.reader].scheme(self.scheme)
        return self


class IngestParams(Section):
    val_share: Annotated[float, Field(gt=0, lt=0.5)]
    """Share of the subjects held out for choosing the checkpoint, by a hash of their ids."""
    test_share: Annotated[float, Field(gt=0, lt=0.5)]
    """The same for testing; used only where the benchmark has no test faces of its own."""
    min_inside: Share
    """A face with a smaller share of its landmarks inside the picture is rejected."""


class PreprocessParams(Section):
    box: Literal["landmarks", "annotated"]
    """The tight box of the landmarks, or the dataset's own."""
    crop: Count
    """Side of the network's input, px."""
    expand: Positive
    """Side of the crop, in longer sides of the box."""
    margin: Annotated[float, Field(ge=1)]
    """Side of the stored crop, in crops: room for augmentation."""
    jpeg_quality: Annotated[int, Field(ge=1, le=100)]
    """Of the stored crops."""
    faces_per_shard: Count
    """Rows per Parquet file."""

    @property
    def stored(self) -> int:
        """Side of the stored crop, px; of the crop's parity, so that both have the same centre on the grid."""
        extra = round(self.crop * (self.margin - 1) / 2)
        return self.crop + 2 * extra


class AugmentParams(Section):
    flip: Share
    """Share of mirrored views."""
    rotate: Share
    """Share of turned views."""
    rotate_deg: Annotated[float, Field(ge=0, le=180)]
    """Largest turn to either side, degrees."""
    scale: Annotated[float, Field(ge=0)]
    """Largest relative change of size."""
    move: Share
    """Share of shifted views."""
    shift: Annotated[float, Field(ge=0)]
    """Largest shift along each axis, in crops."""
    colour: Annotated[float, Field(ge=0)]
    """Largest relative change of contrast, brightness and channels."""
    blur: Share
    """Share of blurred views."""
    occlude: Share
    """Share of views with a rectangle over them."""


class LossParams(Section):
    heatmap: Annotated[str, _known(HEATMAP_LOSSES, "heatmap loss")]
    """Key in `components.losses.HEATMAP_LOSSES`."""
    heatmap_weight: Annotated[float, Field(ge=0)]
    """Weight of the heatmaps' loss."""
    decimal: Annotated[str, _known(DECIMAL_LOSSES, "decimal loss")]
    """Key in `components.losses.DECIMAL_LOSSES`; of use to codecs with a decimal map."""
    decimal_weight: Annotated[float, Field(ge=0)]
    """Weight of the decimal part's loss; of use to codecs that have one."""
    siamese_weight: Annotated[float, Field(ge=0)]
    """Weight of the consistency between two views of each face; 0 trains on one view."""


class TrainParams(Section):
    seed: int
    """Of the weights, the order of faces and the augmentation."""
    epochs: Count
    """Passes over the training faces."""
    batch_size: Count
    """Faces per step, over all workers."""
    lr: Positive
    """Highest learning rate of AdamW."""
    weight_decay: Annotated[float, Field(ge=0)]
    """Of AdamW; 0 makes it Adam."""
    warmup: Share
    """Share of the steps in which the rate rises from 0."""
    decay_epochs: list[Count]
    """Epochs after which the rate is multiplied by `decay_factor`; none: it falls as half a cosine to 0."""
    decay_factor: Annotated[float, Field(gt=0, le=1)]
    """See `decay_epochs`."""
    clip_norm: Positive
    """Gradients are scaled down to this norm."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)]
    """Decay per step of the averaged weights, which are the ones that are kept."""
    fit_temperature: bool
    """Whether the soft-argmax's temperature is fitted on the validation faces after the training."""
    evaluations: Count
    """How often, evenly spread, validation faces are measured and a checkpoint is written."""
    precision: Literal["float32", "bfloat16"]
    """Of the network's arithmetic; weights and losses stay float32."""
    channels_last: bool
    """Memory layout of the network."""
    compile: bool
    """Compile the network; pays on a GPU."""
    num_workers: Annotated[int, Field(ge=0)]
    """Ray Train workers; 0 trains in this one process, without Ray."""
    use_gpu: bool
    """One GPU per worker (NCCL), else CPUs (gloo)."""
    max_failures: Annotated[int, Field(ge=0)]
    """How many lost workers a training survives."""


class EvaluateParams(Section):
    protocol: Annotated[str, _known(PROTOCOLS, "protocol")]
    """Key in `components.metrics.PROTOCOLS`."""


class PromotionParams(Section):
    confidence: Annotated[float, Field(gt=0, lt=1)]
    """A challenger is promoted if, at this confidence, its NME on the same faces is below the champion's."""


class Params(Section):
    """A whole `params.yaml`."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")]
    """Of the recipe: `artifacts/NAME`, `reports/NAME`, registered model `heatmark-NAME`."""
    dataset: DatasetParams
    ingest: IngestParams
    preprocess: PreprocessParams
    augment: AugmentParams
    codec: dict[str, Any]
    """`name`, a key in `components.codecs.CODECS`, and its fields, except the crop."""
    network: dict[str, Any]
    """`name`, a key in `components.networks.NETWORKS`, and its fields."""
    loss: LossParams
    train: TrainParams
    evaluate: EvaluateParams
    promotion: PromotionParams

    @model_validator(mode="after")
    def _fit_together(self) -> Params:
        with torch.device("meta"):  # no memory, no time: only whether the parts fit
            LandmarkModel(self.model())
        views = self.views()
        if views.room > self.preprocess.margin + 1e-9:
            raise ValueError(
                f"augment reaches {views.room:.2f} crops, but preprocess.margin is {self.preprocess.margin}: "
                f"raise it to {views.room:.2f}, or augment less"
            )
        check_protocol(self.evaluate.protocol, self.dataset.reader, self.dataset.scheme, self.preprocess.box)
        if self.train.fit_temperature and getattr(self.model().codec, "decoder", None) != "soft_argmax":
            raise ValueError("train.fit_temperature is for codecs that are read by decoder soft_argmax")
        if self.train.num_workers and self.train.batch_size % self.train.num_workers:
            raise ValueError(
                f"train.batch_size {self.train.batch_size} does not divide by {self.train.num_workers} workers"
            )
        return self

    def views(self) -> Augment:
        """The augmentation."""
        return Augment(**self.augment.model_dump())

    def objective(self) -> Objective:
        """What is minimised."""
        return Objective(**self.loss.model_dump())

    def model(self) -> ModelConfig:
        """The model.

        Raises:
            ValueError: Unknown or missing names or fields, or parts that do not fit together.
        """
        if "crop" in self.codec:
            raise ValueError("codec.crop is preprocess.crop; leave it out")
        codec: Codec = build(CODECS, "codec", {**self.codec, "crop": self.preprocess.crop})
        network: Network = build(NETWORKS, "network", self.network)
        scheme = SCHEMES[self.dataset.scheme]
        return ModelConfig(scheme, codec, network, self.loss.heatmap, self.preprocess.expand, self.preprocess.box)


def load_params(path: Path | str = "params.yaml") -> Params:
    """Reads and checks a params file.

    Raises:
        ValueError: Missing, not YAML, or a key that is unknown, missing or out of range; one line for each.
    """
    try:
        fields = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not YAML: {error}") from error
    try:
        return Params.model_validate(fields)
    except ValidationError as error:
        lines = [_sentence(problem) for problem in error.errors(include_url=False)]
        raise ValueError(f"{path}: " + "; ".join(lines)) from error


def _sentence(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        section: Any = Params
        for part in problem["loc"][:-1]:
            section = section.model_fields[part].annotation
        return f"unknown key {place!r}; known: {', '.join(sorted(section.model_fields))}"
    if problem["type"] == "missing":
        return f"missing key {place!r}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
