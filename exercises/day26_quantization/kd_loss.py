"""The loss of knowledge distillation: learn from the labels and from a teacher's probabilities."""

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
    r"""Return the distillation loss of one batch, to be minimised.

    With the softmax over the C classes, s and t the logits of student and teacher, T the
    temperature, and means taken over the B samples::

        p    = softmax(t / T)                               what the teacher thinks
        q    = softmax(s / T)                               what the student thinks
        soft = T^2 * mean(sum over classes of p * (log p - log q))
        hard = mean(-log softmax(s)[label])                 without a temperature

        loss = alpha * soft + (1 - alpha) * hard

    `soft` is the Kullback-Leibler divergence from the student to the teacher, KL(p || q): the
    teacher's probabilities are the weights. A gradient with respect to s shrinks like 1 / T^2, and
    the factor T^2 undoes that, so that `alpha` means the same at every temperature.

    The teacher is fixed: no gradient reaches `teacher_logits`, even if they require one.

    Args:
        student_logits: [B, C], finite.
        teacher_logits: [B, C], finite.
        labels: [B] in int64, the right class of each sample, 0 to C - 1.
        temperature: T, by which logits are divided; positive.
        alpha: the weight of the teacher, from 0 to 1.

        Both logits share one dtype (float64, float32, bfloat16 or float16); all tensors are on one
        device, may have any strides, and are not changed.

    Returns:
        The loss, of shape [] and in the dtype of the logits. It is computed in float64 whatever
        their dtype, and rounded at the end.

    Raises:
        ValueError: The logits are not both of one shape [B, C], `labels` does not have the shape
            [B], the batch is empty, `temperature` is zero or negative, or `alpha` lies outside
            0 to 1.

    Edge cases:
        * Student and teacher agree: `soft` is 0 and has the gradient 0, up to rounding.
        * Large T: p and q come close to 1 / C, and `soft` tends to half the mean over samples of
          mean over classes of (s - mean(s) - t + mean(t))^2. At T = 10,000 it still has seven right
          digits, which float32 inside would lose: T^2 multiplies a difference of near-equal logs.
        * Logits of +-10,000, or +-300 in float16: loss and gradients are finite where the exact
          ones are. (softmax followed by log gives log 0.)
        * C = 1: the loss is 0.

    Forbidden:
        Nothing. Every operation of `torch` may be used.

    Example:
        The teacher is sure of class 0 by 4 to 1 at T = 1 and by 2 to 1 at T = 2; the student is
        undecided.

        >>> s, t = torch.zeros(1, 2), torch.tensor([[4.0, 1.0]]).log()
        >>> soft = kd(s, t, torch.tensor([1]), temperature=2.0, alpha=1.0)
        >>> round(soft.item(), 4)  # 4 * (2/3 * log(4/3) + 1/3 * log(2/3))
        0.2265
        >>> round(kd(s, t, torch.tensor([1]), temperature=2.0, alpha=0.0).item(), 4)  # log 2
        0.6931

    Source:
        Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015,
        arXiv:1503.02531), section 2; section 2.1 for large temperatures. There the soft term is a
        cross-entropy, which differs from the divergence by a constant of the teacher's.
    """
    # TODO
    raise NotImplementedError("kd_loss: write the soft and the hard term of the loss")
