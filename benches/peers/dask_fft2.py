"""The 2-D transform of a file larger than memory with dask.array.

    python dask_fft2.py IN.npy OUT.npy [BLOCK_MIB [THREADS]]

Row blocks of BLOCK_MIB (64) are transformed, rechunked to column blocks, and transformed again,
with scipy.fft, THREADS (2) blocks at a time. (da.fft.fft2 wants the whole array in one block.)
Between the two, dask holds what the column blocks still need: nearly all of the array.
"""

import sys

import dask.array as da
import numpy as np
import scipy.fft
from dask_blocks import open_blocks, store


def main(source, target, block_mib=64, threads=2):
    rows, columns = np.load(source, mmap_mode="r").shape
    block = (block_mib << 20) // 8
    fft = da.fft.fft_wrap(scipy.fft.fft, dtype=np.complex64)
    field = open_blocks(source, (max(1, block // columns), columns))
    by_rows = fft(field, axis=1)
    by_columns = by_rows.rechunk((rows, max(1, block // rows)))
    store(fft(by_columns, axis=0), target, threads)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
