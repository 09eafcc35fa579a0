"""Torch, and what it computes on."""

from __future__ import annotations

from pathlib import Path

from pipelines.doctor.check import Check, ok, warning, wrong

GPU = Path("/proc/driver/nvidia/version")


def look(gpu: Path = GPU) -> Check:
    """Imports it and adds two numbers where a training would.

    Args:
        gpu: Is there where the driver of an NVIDIA GPU is.
    """
    try:
        import torch
    except Exception as error:  # a broken library raises whatever it likes
        return wrong(f"cannot be imported: {type(error).__name__}: {error}", "make -B .venv/.done")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        assert torch.ones(2, device=device).sum().item() == 2
    except Exception as error:
        return wrong(f"{torch.__version__} cannot compute on {device}: {error}", "nvidia-smi; restart the machine")
    if device == "cuda":
        return ok(f"{torch.__version__} on {torch.cuda.get_device_name()}")
    if gpu.exists():
        built = f"is built for CUDA {torch.version.cuda}" if torch.version.cuda else "is built without CUDA"
        return warning(
            f"{torch.__version__} {built} and sees no GPU, though a driver is here",
            "nvidia-smi; then PyTorch's build for that driver into .venv",
        )
    return ok(f"{torch.__version__} on the CPU ({torch.backends.cpu.get_cpu_capability()})")
