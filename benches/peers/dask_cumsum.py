"""The running sum along axis 0 of a file larger than memory with dask.array.

    python dask_cumsum.py IN.npy OUT.npy BLOCK_MIB THREADS

Row blocks of BLOCK_MIB, THREADS at a time.
"""

import sys

from dask_blocks import open_rows, store


def main(source, target, block_mib, threads):
    store(open_rows(source, int(block_mib)).cumsum(axis=0), target, int(threads))


if __name__ == "__main__":
    main(*sys.argv[1:])
