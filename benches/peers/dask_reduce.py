"""A sum, mean or variance of a file larger than memory with dask.array.

    python dask_reduce.py IN.npy OUT.npy BLOCK_MIB THREADS sum|mean|var [AXIS]

Row blocks of BLOCK_MIB, THREADS at a time. Without AXIS the result is printed.
"""

import sys

import numpy as np
from dask_blocks import compute, open_rows


def main(source, target, block_mib, threads, op, axis=None):
    field = open_rows(source, int(block_mib))
    reduced = getattr(field, op)(axis=None if axis is None else int(axis))
    result = compute(reduced, int(threads))
    if axis is None:
        print(result)
    else:
        np.save(target, result)


if __name__ == "__main__":
    main(*sys.argv[1:])
