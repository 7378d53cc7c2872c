"""The other side of numpy.rs: chooses commands, writes their inputs with NumPy, judges their outputs.

    python numpy_cases.py FOLDER SEED

Reads one line from standard input and answers with one line of JSON, in turns:

    make NUMBER        writes FOLDER/NUMBER-in.npy; the arguments of the command, and its case in words
    check ANSWER       of {"code", "stdout", "stderr"}: null, or what is wrong

Sums, means and deviations are judged by those in extended precision: Outcore's are computed in double
precision whatever the element type, NumPy's are not. What an operation refuses is what NumPy does.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np

DTYPES = "? i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16".split()
REDUCTIONS = "sum prod min max mean var std any all count-nonzero argmin argmax norm ptp".split()
SKIPPING = "sum prod min max mean var std argmin argmax".split()
SCANS = "cumsum cumprod cummin cummax".split()
UNIT = np.finfo(np.float64).eps
folder, seed = Path(sys.argv[1]), int(sys.argv[2])


class Case:
    """A command, its expected output, and how far from it an answer may be."""

    def __init__(self, number):
        self.rng = np.random.default_rng([seed, number])
        self.source, self.target = folder / f"{number}-in.npy", folder / f"{number}-out.npy"
        self.printed = None  # "plain" or "json" where there is no file.
        self.order = None
        self.raw_dtype = None
        command = self.pick(["reduce"] * 4 + ["fft"] * 3
                            + ["scan", "transpose", "in_place", "convert", "eval"])
        getattr(self, command)()
        self.arguments = list(map(str, self.arguments))
        self.tight = bool(self.rng.random() < 0.5)
        self.threads = int(self.rng.integers(1, 3))

    def pick(self, choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, probability):
        return self.rng.random() < probability

    def shape(self, axes=None):
        axes = self.rng.integers(0, 5) if axes is None else axes
        most = {0: 1, 1: 40000, 2: 200, 3: 35, 4: 14}[int(axes)]
        length = lambda: self.pick([0, 1, 1, *[int(self.rng.integers(2, most))] * 12])
        return tuple(length() for _ in range(axes))

    def numbers(self, dtype, shape, near_one=False):
        """Random numbers of a type; near one they can be multiplied."""
        dtype, rng = np.dtype(dtype), self.rng
        if dtype.kind == "b":
            return np.array(rng.random(shape) < self.pick([0.02, 0.5, 0.98]))
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            low, high = self.pick([(limits.min, limits.max), (max(limits.min, -4), 5)])
            return np.array(rng.integers(low, high, shape, dtype, endpoint=True))
        if near_one:
            return np.array(np.exp(0.1 * rng.standard_normal(shape))).astype(dtype)
        numbers = rng.standard_normal(shape) + self.pick([0, 0, 3])
        if dtype.kind == "c":
            numbers = numbers + 1j * rng.standard_normal(shape)
        elif self.chance(0.4):
            specials = self.pick([[np.nan], [np.inf], [np.inf, -np.inf], [-0.0, 0.0, 1.0]])
            where = rng.random(shape) < self.pick([0.01, 0.3])
            numbers = np.where(where, rng.choice(specials, shape), numbers)
        return np.array(numbers).astype(dtype)

    def save(self, array, path=None):
        """Writes an input in one of both orders and byte orders; keeps it as it is read."""
        dtype = array.dtype.newbyteorder(self.pick("<>"))
        np.save(path or self.source, np.asarray(array.astype(dtype), order=self.pick("CF")))
        self.words = f"{dtype.str} {array.shape}"
        self.input = array

    # --- The commands

    def reduce(self):
        op = self.pick(REDUCTIONS)
        dtype = self.pick([dtype for dtype in DTYPES if (op, dtype) != ("ptp", "?")])
        array = self.numbers(dtype, self.shape(), near_one=op == "prod")
        self.save(array)
        several = array.ndim if not op.startswith("arg") else 1
        count = int(self.rng.integers(0, several + 1)) if array.ndim else 0
        axes = tuple(self.rng.permutation(array.ndim)[:count].tolist()) or None
        keep = self.chance(0.3)
        skip = op in SKIPPING and self.chance(0.3)
        ddof = int(self.rng.integers(0, 3)) if op in ("var", "std") else 0
        self.arguments = ["reduce", op, self.source]
        for axis in axes or ():
            self.arguments += ["--axis", axis]
        self.arguments += ["--keepdims"] * keep + ["--skip-nan"] * skip
        self.arguments += ["--ddof", ddof] if ddof else []
        if axes or keep or self.chance(0.5):
            self.arguments += ["--output", self.target]
        else:
            self.printed = self.pick(["plain", "json"])
        self.expect(lambda: reduction(op, array, axes, keep, skip, ddof))

    def scan(self):
        op = self.pick(SCANS)
        array = self.numbers(self.pick(DTYPES), self.shape(self.rng.integers(1, 5)),
                             near_one=op == "cumprod")
        self.save(array)
        axis = int(self.rng.integers(array.ndim))
        self.arguments = ["scan", op, self.source, self.target, "--axis", axis]
        self.expect(lambda: scan(op, array, axis))

    def transpose(self):
        array = self.numbers(self.pick(DTYPES), self.shape())
        self.save(array)
        self.arguments = ["transpose", self.source, self.target]
        axes = None
        if array.ndim and self.chance(0.6):
            axes = self.rng.permutation(array.ndim).tolist()
            self.arguments += ["--axes", ",".join(map(str, axes))]
        self.expect(lambda: (np.transpose(array, axes), 0))

    def in_place(self):
        side = self.pick([0, 1, 2, 97, 128, int(self.rng.integers(3, 200))])
        array = self.numbers(self.pick(DTYPES), (side, side))
        self.save(array)
        self.arguments = ["transpose", self.source, "--in-place"]
        self.target = self.source
        self.expect(lambda: (array.T, 0))

    def eval(self):
        """One of the expressions that both compute to the last bit, of inputs that are broadcast."""
        shape = self.shape()
        kept = [length if self.chance(0.7) else 1 for length in shape]
        kept = kept[int(self.rng.integers(0, len(kept) + 1)):] if self.chance(0.3) else kept
        one, other = (self.numbers(self.pick("i2 i4 i8 u1 u4 f4 f8".split()), which)
                      for which in (shape, tuple(kept)))
        self.save(one)
        second = self.source.with_name(self.source.stem + "-b.npy")
        words = self.words
        self.save(other, second)
        self.words = f"{words}, {self.words}"
        text = self.pick(["a*b + a", "a - b", "where(a > b, a, b)", "abs(a) + (b == 1)"])
        self.arguments = ["eval", text, f"a={self.source}", f"b={second}", "--output", self.target]
        names = {"a": one, "b": other, "where": np.where, "abs": np.abs}
        self.expect(lambda: (np.asarray(eval(text, names)), 0))

    def convert(self):
        array = self.numbers(self.pick(DTYPES), self.shape())
        to, unsafe = np.dtype(self.pick(DTYPES)), self.chance(0.5)
        if unsafe and to.kind in "iu" and array.dtype.kind in "fc":
            # NumPy leaves open what becomes of numbers that an integer cannot hold.
            array = np.nan_to_num(np.abs(array.real), posinf=9).clip(0, 100).astype(array.dtype)
        self.save(array)
        self.arguments = ["convert", self.source, self.target]
        if unsafe:
            self.arguments += ["--dtype", to.str[1:], "--cast", "unsafe"]
        elif np.can_cast(array.dtype, to, "safe"):
            self.arguments += ["--dtype", to.str[1:]]
        else:
            to = array.dtype
        self.order = self.pick(["C", "F", None])
        self.arguments += ["--order", self.order] if self.order else []
        byte_order = self.pick(["little", "big", None])
        self.arguments += ["--byte-order", byte_order] if byte_order else []
        if self.chance(0.2) and self.order:
            self.arguments.append("--raw")
            self.raw_dtype = to.newbyteorder({"little": "<", "big": ">", None: "="}[byte_order])
        self.expect(lambda: (array.astype(to), 0))

    def fft(self):
        shape = tuple(max(1, length) for length in self.shape(self.rng.integers(1, 5)))
        if len(shape) == 1:
            shape = (min(shape[0], 3000),)
        real, inverse = self.chance(0.5), self.chance(0.4)
        kinds = [dtype for dtype in DTYPES if not (real and not inverse and dtype[0] == "c")]
        array = np.nan_to_num(self.numbers(self.pick(kinds), shape), posinf=9, neginf=-9)
        self.save(array)
        count = int(self.rng.integers(1, len(shape) + 1))
        axes = self.rng.permutation(len(shape))[:count].tolist()
        lens = None
        if self.chance(0.4):
            lens = [max(1, int(shape[axis] * self.pick([0.5, 1, 1.7]))) for axis in axes]
        norm, shift = self.pick(["backward", "ortho", "forward"]), self.chance(0.3)
        self.arguments = ["fft", self.source, self.target, "--axes", ",".join(map(str, axes))]
        self.arguments += ["--norm", norm] if norm != "backward" or self.chance(0.5) else []
        self.arguments += ["--n", ",".join(map(str, lens))] if lens else []
        self.arguments += ["--real"] * real + ["--inverse"] * inverse + ["--shift"] * shift
        self.expect(lambda: transform(array, axes, lens, norm, real, inverse, shift))

    # --- The judgement

    def expect(self, compute):
        try:
            self.expected, self.error = compute()
        except ValueError:
            self.expected = None  # There is none of no elements.

    def answer(self, ran):
        if not self.printed:
            if self.raw_dtype is not None:
                elements = np.fromfile(self.target, self.raw_dtype)
                return elements.reshape(self.expected.shape, order=self.order)
            return np.load(self.target)
        value = json.loads(ran["stdout"])["result"] if self.printed == "json" else ran["stdout"]
        if isinstance(value, str):
            word = value.strip()
            value = {"true": True, "false": False}.get(word.lower())
            if value is None:
                kind = self.expected.dtype.kind
                value = (complex if kind == "c" else int if kind in "iu" else float)(word)
        return np.asarray(value).astype(self.expected.dtype)

    def check(self, ran):
        if self.expected is None:
            refused = ran["code"] == 1 and len(ran["stderr"].splitlines()) == 1
            return None if refused else "NumPy refuses this"
        if ran["code"] != 0:
            return "it failed"
        found, expected = self.answer(ran), self.expected
        if found.shape != expected.shape:
            return f"shape {found.shape}, not {expected.shape}"
        if found.dtype.newbyteorder("=") != expected.dtype.newbyteorder("="):
            return f"type {found.dtype}, not {expected.dtype}"
        flags = {"C": found.flags.c_contiguous, "F": found.flags.f_contiguous, None: True}
        if not flags[self.order]:
            return f"not in order {self.order}"
        return different(found, expected, self.error)


def different(found, expected, error):
    """Where two arrays differ by more than an error, if they do."""
    error = np.where(np.isfinite(error), error, 0)  # Infinities are no excuse.
    if np.iscomplexobj(expected):
        parts = lambda array: (array.real, array.imag)
    else:
        parts = lambda array: (array,)
    for one, other in zip(parts(found), parts(expected)):
        same = (one == other) | ((one != one) & (other != other))
        if other.dtype.kind == "f":
            # As rounded, or the next number: where the exact one lies between two, either may come.
            unit = np.spacing(np.abs(other)).astype(np.longdouble)
            wide = one.astype(np.longdouble) - other.astype(np.longdouble)
            same |= np.abs(wide) <= np.where(error > 0, unit, 0) + error
        if not np.all(same):
            place = tuple(int(index[0]) for index in np.nonzero(np.atleast_1d(~same)))
            values = np.atleast_1d(one)[place], np.atleast_1d(other)[place]
            return f"at {place} {values[0]!r} instead of {values[1]!r}, error {np.max(error)!r}"
    return None


def reduction(op, array, axes, keep, skip, ddof):
    """The result, and how much more than a unit in its last place another may differ from it."""
    if op == "norm":
        inexact = array.dtype.kind in "fc"
        dtype = array.real.dtype if inexact else np.dtype(np.float64)
    else:
        options = {"ddof": ddof} if op in ("var", "std") else {}
        if op.startswith("arg") and axes:
            axes = axes[0]
        numpys = getattr(np, ("nan" if skip else "") + op.replace("-", "_"))
        plain = numpys(array, axis=axes, keepdims=keep, **options)
        plain = np.asarray(plain)
        if op not in ("sum", "prod", "mean", "var", "std") or plain.dtype.kind not in "fc":
            return plain, 0
        dtype = plain.dtype
    wide = array.astype(np.clongdouble if array.dtype.kind == "c" else np.longdouble)
    there = ~np.isnan(wide) if skip else np.ones(wide.shape, bool)
    along = {"axis": axes, "keepdims": keep}
    count = there.sum(**along)
    known = np.where(there, wide, 0)
    # A tree of sums of n numbers is wrong by log2 n roundings of the sum of magnitudes at most; so
    # that of any order of leaves is by a few more.
    roundings = UNIT * (np.log2(count + 2.0) + 10)
    total = known.sum(**along)
    if op == "sum":
        return total.astype(dtype), roundings * np.abs(known).sum(**along)
    if op == "prod":
        product = np.where(there, wide, 1).prod(**along)
        return product.astype(dtype), UNIT * count * np.abs(product)
    squares = np.sum(np.abs(known) ** 2, **along)
    if op == "norm":
        return np.sqrt(squares).astype(dtype), roundings * np.sqrt(squares)
    mean = total / count
    if op == "mean":
        return mean.astype(dtype), roundings * np.abs(known).sum(**along) / count
    middle = np.where(there, wide, 0).sum(axis=axes, keepdims=True)
    middle = middle / there.sum(axis=axes, keepdims=True)
    distance = np.where(there, np.abs(wide - middle), 0)
    freedom = np.maximum(count - ddof, 0)
    if skip:
        freedom = np.where(count <= ddof, np.nan, freedom)
    var = np.sum(distance**2, **along) / freedom
    # What the mean is wrong by weighs as often as the mean is larger than the deviation.
    error = roundings * (var + squares / np.maximum(count, 1) * UNIT + np.abs(mean) ** 2 * UNIT)
    if op == "std":
        return np.sqrt(var).astype(dtype), error / np.sqrt(np.maximum(var, np.finfo(float).tiny))
    return var.astype(dtype), error


def transform(array, axes, lens, norm, real, inverse, shift):
    """The transform in double precision, and several times its promised error as that of an element."""
    single = array.dtype.kind == "b" or array.dtype.itemsize <= 2 or array.dtype.char in "fF"
    wide = array.astype(np.complex128 if array.dtype.kind == "c" or inverse else np.float64)
    shifted = axes[:-1] if real else axes
    if shift and inverse:
        wide = np.fft.ifftshift(wide, axes=shifted)
    function = {(0, 0): np.fft.fftn, (0, 1): np.fft.ifftn,
                (1, 0): np.fft.rfftn, (1, 1): np.fft.irfftn}[real, inverse]
    result = function(wide, s=lens, axes=axes, norm=norm)
    if shift and not inverse:
        result = np.fft.fftshift(result, axes=shifted)
    unit = np.finfo(np.float32 if single else np.float64).eps
    if np.iscomplexobj(result):
        result = result.astype(np.complex64 if single else np.complex128)
    else:
        result = result.astype(np.float32 if single else np.float64)
    count = np.prod([result.shape[axis] for axis in axes]) * 2.0
    # A sum of n numbers has the error of their root mean square times that of n.
    scale = np.sqrt(np.mean(np.abs(wide) ** 2) * count)
    scale *= {"backward": 1 / count if inverse else 1, "ortho": 1 / np.sqrt(count),
              "forward": 1 if inverse else 1 / count}[norm] * 2
    peak = np.max(np.abs(result), initial=0)
    return result, unit * (20 * scale * np.sqrt(np.log2(max(count, 64))) + 4 * peak)


def scan(op, array, axis):
    plain = {"cumsum": np.cumsum, "cumprod": np.cumprod, "cummin": np.minimum.accumulate,
             "cummax": np.maximum.accumulate}[op](array, axis=axis)
    if op in ("cummin", "cummax") or plain.dtype.kind not in "fc":
        return plain, 0
    wide = array.astype(np.clongdouble if array.dtype.kind == "c" else np.longdouble)
    # Each of n steps rounds once.
    roundings = UNIT * array.shape[axis]
    if op == "cumsum":
        error = roundings * np.cumsum(np.abs(wide), axis=axis)
        return np.cumsum(wide, axis=axis).astype(plain.dtype), error
    products = np.cumprod(wide, axis=axis)
    return products.astype(plain.dtype), 4 * roundings * np.abs(products)


warnings.simplefilter("ignore")
case = None
for line in sys.stdin:
    kind, _, rest = line.partition(" ")
    if kind == "make":
        case = Case(int(rest))
        words = f"{' '.join(case.arguments)} of {case.words}"
        answer = {"arguments": case.arguments, "tight": case.tight, "threads": case.threads,
                  "words": words, "prints": case.printed}
    else:
        answer = case.check(json.loads(rest))
    print(json.dumps(answer), flush=True)
