"""The transpose of a file larger than memory with dask.array.

    python dask_transpose.py IN.npy OUT.npy BLOCK_MIB THREADS

Square blocks of about BLOCK_MIB, THREADS at a time.
"""

import math
import sys

from dask_blocks import open_blocks, store


def main(source, target, block_mib, threads):
    side = math.isqrt((int(block_mib) << 20) // 4)
    store(open_blocks(source, (side, side)).T, target, int(threads))


if __name__ == "__main__":
    main(*sys.argv[1:])
