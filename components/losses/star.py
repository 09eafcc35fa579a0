"""STAR's anisotropic direction loss: an error counts less in the direction in which the map itself is unsure.

Reference: Zhou, Li, Liu, Wang, Yu, Ji, "STAR Loss: Reducing Semantic Ambiguity in Facial Landmark Detection", CVPR 2023,
section 3; constants from the authors' code (starLoss_v2.py, smoothL1Loss.py).
"""

from __future__ import annotations

import torch

# Weight of the eigenvalues; where smooth L1 turns linear, in half map sides; added below the root.
EIGENVALUE_WEIGHT, LINEAR_FROM, EPSILON = 1.0, 0.01, 1e-5


def star(predicted: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """sum over the two axes i of smooth_l1(v_i . (truth - mean)) / sqrt(l_i + eps), plus l_1 + l_2.

    mean, l_i and v_i are mean, eigenvalues and eigenvectors of the covariance of softmax(predicted); the map's side is 2.
    The eigenvectors carry no gradient here (the authors' do): that of a round map's is infinite. The eigenvalues' is
    exact, as v_i^T C v_i.

    Args:
        predicted: (N, K, h, w), logits.
        cells: (N, K, 2), (x, y): the truth.

    Returns:
        (N, K).
    """
    share = predicted.float().flatten(-2).softmax(-1)
    height, width = predicted.shape[-2:]
    grid = _grid(height, width, predicted.device)  # (h * w, 2)
    mean = share @ grid
    centred = grid - mean[..., None, :]
    # Unbiased for weights: divided by 1 - sum of squares.
    spread = (1 - share.square().sum(-1)).clamp_min(EPSILON)
    covariance = (share[..., None] * centred).transpose(-1, -2) @ centred / spread[..., None, None]
    directions = torch.linalg.eigh(covariance.detach() + EPSILON * torch.eye(2, device=grid.device)).eigenvectors
    values = torch.einsum("nkij,nkia,nkja->nka", covariance, directions, directions).clamp_min(0)
    truth = 2 * cells / torch.tensor([width - 1, height - 1], device=cells.device) - 1
    along = torch.einsum("nki,nkia->nka", truth - mean, directions)
    scaled = _smooth_l1(along) / (values + EPSILON).sqrt()
    return scaled.sum(-1) + EIGENVALUE_WEIGHT * values.sum(-1)


def _grid(height: int, width: int, device: torch.device) -> torch.Tensor:
    """Centres of the cells, row by row, (h * w, 2), (x, y); the outermost ones at -1 and 1."""
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height, device=device), torch.linspace(-1, 1, width, device=device), indexing="ij"
    )
    return torch.stack([x, y], -1).flatten(0, 1)


def _smooth_l1(error: torch.Tensor) -> torch.Tensor:
    size = error.abs()
    return torch.where(size < LINEAR_FROM, 0.5 * error**2 / LINEAR_FROM, size - 0.5 * LINEAR_FROM)
