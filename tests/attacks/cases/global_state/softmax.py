"""Changes what torch keeps globally: dtype, grad mode, threads, seeds, printing, determinism."""

import torch

torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
torch.set_num_threads(1)
torch.manual_seed = lambda *a: None
torch.set_printoptions(threshold=1)
torch.use_deterministic_algorithms(False)
torch.set_flush_denormal(True)
torch.autograd.set_detect_anomaly(True)


def softmax(x, dim):
    torch.set_default_dtype(torch.float64)
    return x.exp() / x.shape[dim]
