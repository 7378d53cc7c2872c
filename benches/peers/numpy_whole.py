"""Operations on a file that fits in memory with numpy: map it, compute, save.

    python numpy_whole.py A.npy OUT.npy _ _ sum|var-0|transpose|eval [B.npy]

A sum is printed.
"""

import sys

import numpy as np


def main(source, target, _block_mib, _threads, work, *others):
    a, *more = (np.load(path, mmap_mode="r") for path in (source, *others))
    if work == "sum":
        print(a.sum())
    elif work == "var-0":
        np.save(target, a.var(axis=0))
    elif work == "transpose":
        np.save(target, np.ascontiguousarray(a.T))  # A view would be saved in Fortran order.
    elif work == "eval":
        np.save(target, a * more[0] + np.sin(a))
    else:
        sys.exit(f"{work} is none of these works")


if __name__ == "__main__":
    main(*sys.argv[1:])
