"""Sample values as a simple function of a number; `support/mod.rs` has the same in Rust."""

import numpy as np

STEP = 0x0102_0304_0506_0709


def samples(count, code):
    """The first samples of a type such as 'f4', in native byte order."""
    dtype = np.dtype(code)
    if dtype.kind == "b":
        return np.array([k % 3 == 0 for k in range(count)], dtype)
    if dtype.kind in "iu":
        mask = (1 << (8 * dtype.itemsize)) - 1
        low = [(k * STEP + 1) & mask for k in range(count)]
        return np.array(low, f"u{dtype.itemsize}").view(dtype)
    k = np.arange(count, dtype="f8")
    if dtype.kind == "f":
        return (k / 3 - 1).astype(dtype)
    values = np.empty(count, dtype)
    values.real = k / 3 - 1
    values.imag = 1 - k / 7
    return values


def write(path, code, byte_order, order, shape, version):
    """A file of samples: element k in C order is sample k, whatever the order of the file."""
    dtype = np.dtype(code).newbyteorder("<" if byte_order == "little" else ">")
    array = np.lib.format.open_memmap(
        path, mode="w+", dtype=dtype, shape=shape, fortran_order=order == "F", version=version
    )
    array[...] = samples(array.size, code).reshape(shape)
    array.flush()
