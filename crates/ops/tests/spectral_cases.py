"""The other side of spectral.rs: compares outputs with SciPy and NumPy, in double precision.

Reads one command a line from standard input and answers each with one line:

    convolve SOURCE KERNEL OUTPUT MODE     the error of OUTPUT in the L2 norm, relative to those of SOURCE
    correlate SOURCE KERNEL OUTPUT MODE    and KERNEL
    power SOURCE OUTPUT                    the error of OUTPUT in the L1 norm, relative to that of the power
    lowpass SOURCE OUTPUT                  the relative error of OUTPUT in the L2 norm
"""

import sys

import numpy as np
import scipy.signal


def wide(path):
    numbers = np.load(path)
    return numbers.astype(np.complex128 if numbers.dtype.kind == "c" else np.float64)


def product(operation, source, kernel, output, mode):
    source, kernel, found = wide(source), wide(kernel), wide(output)
    if operation == "convolve":
        expected = scipy.signal.fftconvolve(source, kernel, mode)
    else:
        expected = scipy.signal.correlate(source, kernel, mode, method="fft")
    if found.shape != expected.shape:
        return f"shape {found.shape}, not {expected.shape}"
    size = np.linalg.norm(source.ravel()) * np.linalg.norm(kernel.ravel())
    return repr(float(np.linalg.norm((found - expected).ravel()) / size))


def power(source, output):
    expected = np.abs(np.fft.fftn(wide(source))) ** 2
    return repr(float(np.abs(wide(output) - expected).sum() / expected.sum()))


def lowpass(source, output):
    source = wide(source)
    squares = [np.fft.fftfreq(n) ** 2 for n in source.shape]
    response = np.exp(-10 * sum(np.meshgrid(*squares, indexing="ij")))
    expected = np.fft.ifftn(response * np.fft.fftn(source))
    error = np.linalg.norm((wide(output) - expected).ravel())
    return repr(float(error / np.linalg.norm(source.ravel())))


for line in sys.stdin:
    command, *arguments = line.split()
    if command in ("convolve", "correlate"):
        print(product(command, *arguments), flush=True)
    else:
        print({"power": power, "lowpass": lowpass}[command](*arguments), flush=True)
