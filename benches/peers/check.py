"""How far a result is from the definition: the relative L2 error of what is sampled, as one number.

    python check.py IN.npy OUT WORK [OPTION]

where OUT is a .npy or .b2nd file, or of `value` a text, and WORK one of

    scale  fft2  tiles TILE  cumsum  transpose  eval B.npy      three rows of OUT
    var AXIS                                                    some elements of OUT
    value sum|mean|median                                       the one number in OUT

What is expected is computed from the input in double precision.
"""

import sys

import numpy as np
import scipy.fft

BLOCK_ROWS = 128


def sample(length, count=3):
    return np.sort(np.random.default_rng(2).choice(length, min(count, length), replace=False))


def blocks(field):
    """Blocks of rows in double precision, each with its first row's index."""
    wide = np.result_type(field.dtype, np.float64)
    for row in range(0, len(field), BLOCK_ROWS):
        yield row, field[row : row + BLOCK_ROWS].astype(wide)


def expect_scale(field, picked):
    return 2.0 * field[picked]


def expect_fft2(field, picked):
    """Rows of the transform: the picked frequencies of all columns, then a transform of each row."""
    rows = len(field)
    sums = np.zeros((len(picked), field.shape[1]), np.complex128)
    for row, block in blocks(field):
        turns = np.outer(picked, np.arange(row, row + len(block))) % rows / rows
        sums += np.exp(-2j * np.pi * turns) @ block
    return scipy.fft.fft(sums, axis=1)


def expect_tiles(field, picked, length):
    """Rows of the tiles that they lie in."""
    length = int(length)
    expected = np.empty((len(picked), field.shape[1]))
    for index, row in enumerate(picked):
        top = row // length * length
        for left in range(0, field.shape[1], length):
            tile = field[top : top + length, left : left + length].astype(np.float64)
            expected[index, left : left + length] = scipy.fft.fft2(tile).real[row - top]
    return expected


def expect_cumsum(field, picked):
    """For each picked row the sum of all up to it."""
    expected = np.zeros((len(picked), field.shape[1]))
    for row, block in blocks(field):
        for index, last in enumerate(picked):
            expected[index] += block[: max(0, last + 1 - row)].sum(axis=0)
    return expected


def expect_transpose(field, picked):
    return field[:, picked].T.astype(np.float64)


def expect_eval(field, picked, other):
    a, b = (array[picked].astype(np.float64) for array in (field, np.load(other, mmap_mode="r")))
    return a * b + np.sin(a)


ROWS = {
    "scale": expect_scale,
    "fft2": expect_fft2,
    "tiles": expect_tiles,
    "cumsum": expect_cumsum,
    "transpose": expect_transpose,
    "eval": expect_eval,
}


def check_rows(field, result, work, *options):
    shape = field.shape[::-1] if work == "transpose" else field.shape
    if result.shape != shape:
        sys.exit(f"the result has shape {result.shape}, not {shape}")
    picked = sample(shape[0])
    expected = ROWS[work](field, picked, *options)
    return np.stack([result[int(row)] for row in picked]), expected


def check_var(field, result, axis):
    axis = int(axis)
    shape = (field.shape[1 - axis],)
    if result.shape != shape:
        sys.exit(f"the result has shape {result.shape}, not {shape}")
    picked = sample(shape[0], 64)
    lanes = field[:, picked] if axis == 0 else field[picked].T
    return result[picked], lanes.astype(np.float64).var(axis=0)


def check_value(field, result, op):
    if op == "median":
        return result, np.float64(np.median(np.array(field)))
    total = np.sum([block.sum() for _, block in blocks(field)])
    return result, total if op == "sum" else total / field.size


def load(path):
    if path.endswith(".txt"):
        text = open(path).read()
        try:
            return np.float64(text.split()[-1])  # A quantile has its name before it.
        except (IndexError, ValueError):
            sys.exit(f"printed {text[:60]!r} where a number should be")
    if path.endswith(".b2nd"):
        import blosc2

        return blosc2.open(path, mode="r")
    return np.load(path, mmap_mode="r")


def main(source, target, work, *options):
    field, result = np.load(source, mmap_mode="r"), load(target)
    if (work == "value") != (np.ndim(result) == 0):
        sys.exit(f"the result is {'a number' if np.ndim(result) == 0 else 'an array'}")
    check = {"var": check_var, "value": check_value}.get(work)
    if check:
        found, expected = check(field, result, *options)
    else:
        found, expected = check_rows(field, result, work, *options)
    print(np.linalg.norm(found - expected) / np.linalg.norm(expected))


if __name__ == "__main__":
    main(*sys.argv[1:])
