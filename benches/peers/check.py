"""How far a result is from the definition: the relative L2 error of sampled rows, as one number.

    python check.py IN.npy OUT.npy|OUT.b2nd scale|fft2|tiles [TILE]

The expected rows are computed from the input in double precision.
"""

import sys

import numpy as np
import scipy.fft

def sample(rows, count=3):
    return np.sort(np.random.default_rng(2).choice(rows, count, replace=False))


def expect_scale(field, picked):
    return 2.0 * field[picked]


def expect_fft2(field, picked):
    """Rows of the transform: the picked frequencies of all columns, then a transform of each row."""
    rows = len(field)
    sums = np.zeros((len(picked), field.shape[1]), np.complex128)
    for row in range(0, rows, 128):
        block = field[row : row + 128].astype(np.complex128)
        turns = np.outer(picked, np.arange(row, row + len(block))) % rows / rows
        sums += np.exp(-2j * np.pi * turns) @ block
    return scipy.fft.fft(sums, axis=1)


def expect_tiles(field, picked, length=1024):
    """Rows of the tiles that they lie in."""
    expected = np.empty((len(picked), field.shape[1]))
    for index, row in enumerate(picked):
        top = row // length * length
        for left in range(0, field.shape[1], length):
            tile = field[top : top + length, left : left + length].astype(np.float64)
            expected[index, left : left + length] = scipy.fft.fft2(tile).real[row - top]
    return expected


def main(source, target, work, *options):
    field = np.load(source, mmap_mode="r")
    if target.endswith(".b2nd"):
        import blosc2

        result = blosc2.open(target, mode="r")
    else:
        result = np.load(target, mmap_mode="r")
    expect = {"scale": expect_scale, "fft2": expect_fft2, "tiles": expect_tiles}[work]
    if result.shape != field.shape:
        sys.exit(f"{target}: has shape {result.shape}, not {field.shape}")
    picked = sample(len(field))
    expected = expect(field, picked, *map(int, options))
    found = np.stack([result[int(row)] for row in picked])
    print(np.linalg.norm(found - expected) / np.linalg.norm(expected))


if __name__ == "__main__":
    main(*sys.argv[1:])
