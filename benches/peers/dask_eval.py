"""a*b + sin(a) of two files larger than memory with dask.array.

    python dask_eval.py A.npy OUT.npy BLOCK_MIB THREADS B.npy

Row blocks of BLOCK_MIB, THREADS at a time.
"""

import sys

import dask.array as da
from dask_blocks import open_rows, store


def main(source, target, block_mib, threads, other):
    a, b = (open_rows(path, int(block_mib)) for path in (source, other))
    store(a * b + da.sin(a), target, int(threads))


if __name__ == "__main__":
    main(*sys.argv[1:])
