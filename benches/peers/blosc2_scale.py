"""x -> 2x of a file larger than memory with blosc2: a lazy expression, computed into a file.

    python blosc2_scale.py IN.b2nd OUT.b2nd [_ [THREADS]]

Compression is off (clevel=0) in both files, so that as many bytes move as in the other programs;
the sizes of chunks and blocks are those that blosc2 chooses.
"""

import sys

import blosc2


def main(source, target, _block_mib=64, threads=2):
    blosc2.set_nthreads(threads)
    field = blosc2.open(source, mode="r")
    plain = blosc2.CParams(clevel=0, nthreads=threads)
    (field * 2).compute(urlpath=target, mode="w", cparams=plain)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
