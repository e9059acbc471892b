"""PyTorch's own divergence and cross-entropy, in float64."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def kd(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    temperature: float,
    alpha: float,
) -> Tensor:
    """Return the distillation loss of one batch, to be minimised."""
    if student_logits.ndim != 2 or student_logits.shape != teacher_logits.shape:
        raise ValueError("logits must be [B, C]")
    if tuple(labels.shape) != (len(student_logits),) or len(labels) == 0:
        raise ValueError("labels must be [B] with B above 0")
    if not temperature > 0 or alpha < 0 or alpha > 1:
        raise ValueError("temperature must be positive and alpha in [0, 1]")
    s = student_logits.to(torch.float64)
    with torch.no_grad():
        target = functional.log_softmax(teacher_logits.to(torch.float64) / temperature, dim=-1)
    soft = functional.kl_div(
        functional.log_softmax(s / temperature, dim=-1),
        target,
        reduction="batchmean",
        log_target=True,
    )
    hard = functional.cross_entropy(s, labels)
    return torch.lerp(hard, soft * temperature * temperature, alpha).to(student_logits.dtype)
