"""The highest cell of a map, and what a map of offsets says at a cell."""

from __future__ import annotations

import torch


def find_peak(heatmap: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The highest cell of each map (N, K, h, w); of equal ones the first in reading order.

    Returns:
        cell (N, K, 2) int64, (x, y), and its value (N, K).
    """
    flat, width = heatmap.flatten(-2), heatmap.shape[-1]
    # On a CPU numpy's argmax takes about as long as one read of the maps, torch's five times that; no exported graph has it.
    on_cpu = heatmap.device.type == "cpu" and not torch.compiler.is_exporting()
    highest = torch.from_numpy(flat.detach().numpy().argmax(-1)) if on_cpu else flat.argmax(-1)
    y = highest.div(width, rounding_mode="floor")
    return torch.stack([highest - y * width, y], -1), flat.gather(-1, highest[..., None]).squeeze(-1)


def offsets_at(offset_map: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """What a map of offsets (N, 2, h, w) says at whole cells (N, K, 2), (x, y): (N, K, 2), (x, y)."""
    index = (cells[..., 1] * offset_map.shape[-1] + cells[..., 0]).long()
    return offset_map.flatten(-2).gather(-1, index[:, None].expand(-1, 2, -1)).transpose(1, 2)
