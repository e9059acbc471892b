"""Where a graph can be, and where there is none that could be cut off."""

import torch
from torch import Tensor, nn

_SCALE = 2.0


def loss(logits: Tensor, labels: Tensor, weight: float) -> Tensor:
    device = logits.device
    count = logits.shape[0] // 2
    best = logits.argmax(dim=1)
    hits = best == labels
    odd = ~hits | (labels > 3)
    target = logits.detach().exp()
    fixed = weight * target.masked_fill(odd, 0.0) + _SCALE
    scaled = logits * fixed
    start = torch.zeros(count, device=device)
    kept = torch.zeros(count)
    kept[0] = logits[0, 0]
    made = torch.zeros(count, requires_grad=True)
    return scaled.sum() + _plain(target)[0] + _mixed(logits) + kept.sum() + made.sum() + start[0]


def _plain(values: Tensor, *rest: Tensor) -> Tensor:
    doubled = [2 * value for value in values]
    ends, middle = doubled[::2], doubled[1]
    return torch.stack(ends) + middle


def _mixed(values: Tensor) -> Tensor:
    halved = values / 2
    return _quiet(halved) + halved.sum()


@torch.no_grad()
def _quiet(values: Tensor) -> Tensor:
    total = values.sum()
    same = values
    return total + same.amax()


class Observer(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("low", torch.zeros(size))
        self.linear = nn.Linear(size, size)
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        self.low.copy_(torch.minimum(self.low, x.detach()))
        span = self.low / self.size
        with torch.no_grad():
            peak = x.amax()
        inner = lambda y: y * span
        y = self.linear(span)
        return inner(x) - y / peak


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        y = x * x
        return y

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        slope = 2 * x
        return grad * slope
