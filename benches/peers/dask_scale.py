"""x -> 2x of a file larger than memory with dask.array.

    python dask_scale.py IN.npy OUT.npy [BLOCK_MIB [THREADS]]

Row blocks of BLOCK_MIB (64), THREADS (2) at a time.
"""

import sys

import numpy as np
from dask_blocks import open_blocks, store


def main(source, target, block_mib=64, threads=2):
    columns = np.load(source, mmap_mode="r").shape[1]
    rows = max(1, (block_mib << 20) // (columns * 4))
    field = open_blocks(source, (rows, columns))
    store(2 * field, target, threads)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
