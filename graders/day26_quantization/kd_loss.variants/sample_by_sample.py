"""A loop over samples, with cross-entropy less entropy and log-sum-exp by hand."""

from __future__ import annotations

import torch
from torch import Tensor


def kd(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    temperature: float,
    alpha: float,
) -> Tensor:
    """Return the distillation loss of one batch, to be minimised."""
    shapes = (student_logits.shape, teacher_logits.shape)
    if shapes[0] != shapes[1] or len(shapes[0]) != 2 or shapes[0][0] == 0:
        raise ValueError("both logits must be [B, C], B above 0")
    if labels.shape != (shapes[0][0],):
        raise ValueError("one label for each sample")
    if temperature <= 0 or not (0 <= alpha <= 1):
        raise ValueError("temperature or alpha out of range")
    total = torch.zeros((), dtype=torch.float64, device=student_logits.device)
    rows = zip(student_logits.double(), teacher_logits.detach().double(), labels, strict=True)
    for s, t, label in rows:
        log_q = s / temperature - torch.logsumexp(s / temperature, 0)
        log_p = t / temperature - torch.logsumexp(t / temperature, 0)
        p = torch.exp(log_p)
        entropy = -torch.dot(p, log_p)
        soft = -torch.dot(p, log_q) - entropy
        hard = torch.logsumexp(s, 0) - s[label]
        total = total + alpha * temperature**2 * soft + (1 - alpha) * hard
    return (total / len(labels)).to(student_logits.dtype)
