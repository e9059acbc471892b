"""Uses of torch that a course makes, one function each; each returns `done`."""

from __future__ import annotations

import io
import tempfile
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn

# As in the fork server: probing for a folder to write to, as some late imports do, would fail.
tempfile.tempdir = "/tmp"  # noqa: S108 - named, never written


def backward() -> str:
    """Multiply, normalise and differentiate."""
    x = torch.randn(64, 64, requires_grad=True)
    torch.autograd.backward((x @ x).softmax(-1).square().sum())
    return _done(x.grad is not None)


def second_gradient() -> str:
    """Differentiate a gradient, which imports late."""
    x = torch.randn(4, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(x.pow(3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(gradient.sum(), x)
    return _done(torch.allclose(second, 6 * x))


def optimize() -> str:
    """Make one step of an optimizer on a small network."""
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Linear(8, 1))
    optimizer = torch.optim.AdamW(model.parameters())
    torch.autograd.backward(model(torch.randn(4, 8)).sum())
    optimizer.step()
    return _done(condition=True)


def save_and_load() -> str:
    """Store a state in memory and read it back."""
    stream = io.BytesIO()
    torch.save({"w": torch.ones(3)}, stream)
    stream.seek(0)
    return _done(bool(torch.load(stream)["w"].eq(1).all()))


def script() -> str:
    """Run an operator that a compiler fuses at run time."""
    traced = torch.jit.trace(  # type: ignore[no-untyped-call]  # torch does not annotate it
        lambda x: (x * 2 + 1).relu(), torch.ones(3)
    )
    return _done(bool(traced(torch.ones(3)).eq(3).all()))


def trace_vmap() -> str:
    """Transform a function."""
    gradients = torch.func.vmap(torch.func.grad(torch.sin))(torch.zeros(3))
    return _done(bool(gradients.eq(1).all()))


def attend() -> str:
    """Attend, convolve and normalise."""
    q = torch.randn(1, 2, 8, 4)
    attended = nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True)
    convolved = nn.functional.conv2d(torch.randn(1, 3, 16, 16), torch.randn(4, 3, 3, 3))
    return _done(attended.shape == q.shape and convolved.shape == (1, 4, 14, 14))


def recur() -> str:
    """Run a recurrent network under automatic mixed precision."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, _ = nn.LSTM(4, 8)(torch.randn(5, 1, 4))
    return _done(output.shape == (5, 1, 8))


def load_batches() -> str:
    """Load data in this process."""
    data = torch.utils.data.TensorDataset(torch.arange(8))
    loader = torch.utils.data.DataLoader(data, batch_size=4, shuffle=True)
    return _done(sum(int(batch.sum()) for (batch,) in loader) == 28)


def profile() -> str:
    """Profile an operation."""
    with torch.profiler.profile() as profiler:
        torch.ones(8, 8).matmul(torch.ones(8, 8))
    return _done(len(profiler.key_averages()) > 0)


def use_threads() -> str:
    """Compute in several threads at once."""
    with ThreadPoolExecutor(4) as pool:
        sums = list(pool.map(lambda i: float(torch.full((64, 64), i).sum()), range(4)))
    return _done(sums == [4096.0 * i for i in range(4)])


def decompose() -> str:
    """Call the linear algebra library."""
    a = torch.randn(32, 32, dtype=torch.float64)
    u, s, v = torch.linalg.svd(a)
    return _done(torch.allclose(u @ s.diag() @ v, a))


def use_numpy() -> str:
    """Cross to numpy and back, and import a part of it late."""
    import numpy.polynomial  # noqa: PLC0415 - lazily, as a learner's

    x = torch.arange(3.0)
    series = numpy.polynomial.Polynomial([0.0, 1.0])
    return _done(bool(torch.from_numpy(series(x.numpy())).eq(x).all()))


def check_close() -> str:
    """Compare as suites do, which imports late."""
    torch.testing.assert_close(torch.ones(3), torch.ones(3))
    return _done(condition=True)


def _done(condition: bool) -> str:  # noqa: FBT001 - one truth is its whole purpose
    assert condition
    return "done"
