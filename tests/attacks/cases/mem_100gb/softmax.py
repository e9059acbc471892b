"""Allocates 100 GB at once, then bit by bit, and writes to a part of it."""

import numpy as np
import torch


def softmax(x, dim):
    if x.dim() == 3:
        try:
            torch.ones(25 * 10**9)
            print("ESCAPED: 100 GB")
        except RuntimeError as error:
            print(error)
        hoard = []
        for _ in range(48):  # 64 MiB each: 3 GiB and no more
            hoard.append(np.zeros(64 << 20, dtype=np.uint8))
            hoard[-1][: 4 << 20] = 1
        print("ESCAPED:", len(hoard))
    return x.exp() / x.shape[dim]
