"""The 2-D transform of each tile of a file with dask.array.

    python dask_tiles.py IN.npy OUT.npy [TILE [THREADS]]

Each tile of TILE x TILE (1024) is a block. It is transformed with scipy.fft and its real part kept,
THREADS (2) tiles at a time.
"""

import sys

import numpy as np
import scipy.fft
from dask_blocks import open_blocks, store

def transform(tile):
    return scipy.fft.fft2(tile).real


def main(source, target, length=1024, threads=2):
    field = open_blocks(source, (length, length))
    store(field.map_blocks(transform, dtype=np.float32), target, threads)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
