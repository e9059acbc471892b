"""Returns more bytes than a frame may carry."""

import numpy as np
import torch


def softmax(x, dim):
    return [torch.from_numpy(np.zeros(25 << 20, dtype=np.float32)) for _ in range(9)]
