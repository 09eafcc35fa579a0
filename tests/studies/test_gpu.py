"""The study of a GPU: its command on two faces, here on the CPU; what it counts, against published numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from pipelines.params import load_params
from studies import gpu
from studies.inputs.crops import read_crops

ROOT = Path(__file__).parents[2]


def test_it_compares_each_way_with_the_cpu_and_says_how_fast_it_is(small):
    words = ("python", "-m", "studies.gpu", "recipes/smallest.yaml", "--crops", "crops", "--no-compile")
    shown = small.run(*words, "--batch", "2", "--steps", "1", CUDA_VISIBLE_DEVICES="").stdout.splitlines()
    peak = float(re.fullmatch(r"no GPU here, the CPU, torch .+: (\S+) TFLOP/s in products .+", shown[0])[1])
    # The CPU is the CPU's own; bfloat16 has 8 bits of a number.
    assert "tiny: float32 on cpu: loss 0.0e+00, gradient 0.0e+00" == shown[1]
    apart = [float(re.search(r"loss (\S+), gradient", line)[1]) for line in shown[2:4]]
    assert all(0 < each < 0.02 for each in apart)
    rows = [
        re.fullmatch(r"tiny: 2 faces a step, (.+): (\S+) faces/s, (\S+) TFLOP/s, (\S+)% of that", s) for s in shown[4:]
    ]
    assert ["bfloat16", "bfloat16, channels_last"] == [row[1] for row in rows]
    work = gpu.flops_per_face(load_params(small.root / "recipes/smallest.yaml"))
    for row in rows:
        rate, reached, share = map(float, row.groups()[1:])
        assert pytest.approx(rate * work / 1e12, rel=0.01) == reached
        assert pytest.approx(100 * reached / peak, rel=0.02, abs=0.1) == share


def test_a_step_that_is_not_the_cpus_is_refused(small, monkeypatch):
    params = load_params(small.root / "recipes/smallest.yaml")
    real = gpu.loss_and_gradient

    def computed(params, batch, device, way):
        """On the CPU; "meta" stands for a device that computes wrongly."""
        loss, gradient = real(params, batch, torch.device("cpu"), way)
        return loss * (1.001 if device.type == "meta" else 1), gradient

    monkeypatch.setattr(gpu, "loss_and_gradient", computed)
    with pytest.raises(ValueError, match="tiny: a step in float32 on meta is not the CPU's"):
        gpu.check(params, read_crops(small.root / "crops", "train", params), torch.device("meta"), compiled=False)


def test_work_is_three_times_that_of_the_published_forward_pass():
    """6.919 G multiply-adds of HIH_T at 98 landmarks, see test_hourglass; backward is twice forward but for the first layer."""
    work = gpu.flops_per_face(load_params(ROOT / "recipes/hih_t_wflw.yaml"))
    assert pytest.approx(3 * 2 * 6.919e9, rel=0.02) == work
