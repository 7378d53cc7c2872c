"""Makes the input of a comparison: normally distributed numbers, the same ones for a seed.

    python make_input.py OUT.npy|OUT.b2nd DTYPE ROWS COLUMNS [SEED]
"""

import sys

import numpy as np


def main(path, dtype, rows, columns, seed=1):
    dtype, rows, columns = np.dtype(dtype), int(rows), int(columns)
    words = columns * dtype.itemsize // 4
    if path.endswith(".b2nd"):
        import blosc2

        plain = blosc2.CParams(clevel=0)
        array = blosc2.empty((rows, columns), dtype, urlpath=path, mode="w", cparams=plain)
        step = array.chunks[0]  # Whole chunks, so that none is written twice.
    else:
        array = np.lib.format.open_memmap(path, "w+", dtype, (rows, columns))
        step = max(1, (4 << 20) // words)
    generator = np.random.default_rng(int(seed))
    for row in range(0, rows, step):
        numbers = generator.standard_normal((min(step, rows - row), words), np.float32)
        array[row : row + step] = numbers.view(dtype)


if __name__ == "__main__":
    main(*sys.argv[1:])
