"""The adaptive wing loss: steeper than a square near the Gaussian's top, flat on the background.

Reference: Wang, Bo, Fuxin, "Adaptive Wing Loss for Robust Face Alignment via Heatmap Regression", ICCV 2019, equations 2
to 5 and section 4.3; its constants, and the weight of cells near the Gaussian, are theirs.
"""

from __future__ import annotations

import torch
from torch.nn import functional

OMEGA, THETA, EPSILON, ALPHA = 14.0, 0.5, 1.0, 2.1
# Cells whose 3 x 3 neighbourhood reaches 0.2 weigh 10 more than the others' 1.
NEAR, NEAR_WEIGHT = 0.2, 10.0


def adaptive_wing(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Weighted mean over the cells of: with d = |predicted - target| and p = alpha - target,

    omega * log(1 + (d / epsilon)^p) where d < theta, else the line A * d - C that continues it smoothly.

    Args:
        predicted: (N, K, h, w).
        target: (N, K, h, w), peak 1.

    Returns:
        (N, K).
    """
    distance = (predicted.float() - target).abs()
    power = ALPHA - target
    at_theta = (THETA / EPSILON) ** power
    slope = OMEGA * power / (1 + at_theta) * at_theta / THETA
    curved = OMEGA * torch.log1p((distance / EPSILON) ** power)
    line = slope * distance - (THETA * slope - OMEGA * torch.log1p(at_theta))
    near = functional.max_pool2d(target, 3, stride=1, padding=1) >= NEAR
    return (torch.where(distance < THETA, curved, line) * (1 + NEAR_WEIGHT * near)).mean((-2, -1))
