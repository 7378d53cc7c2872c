"""What is compared: a table of works, each with those who do it."""

import dataclasses
import os
import sys

from compare.say import MIB, show_bytes
from compare.surroundings import ROOT

PEERS = ROOT / "benches" / "peers"
CORES = len(os.sched_getaffinity(0))
ITEM_BYTES = {"float32": 4, "complex64": 8}


@dataclasses.dataclass(frozen=True)
class Array:
    """An input: its type, its shape, its format, and the seed of its numbers."""

    dtype: str
    shape: tuple
    format: str = "npy"
    seed: int = 1

    @property
    def name(self):
        rows, columns = self.shape
        return f"{self.dtype}-{rows}x{columns}-{self.seed}.{self.format}"

    @property
    def bytes(self):
        return self.shape[0] * self.shape[1] * ITEM_BYTES[self.dtype]


@dataclasses.dataclass
class Competitor:
    """A program that does a work. In its command {source}, {source2} and {target} are files."""

    name: str
    command: list
    cap: int = None
    source: Array = None  # If it is not the work's.
    needs: str = None  # A package.
    is_checked: bool = True
    times_itself: bool = False  # It prints "seconds" and "cpu_seconds" as JSON.


@dataclasses.dataclass
class Work:
    """A table: an operation on arrays, and who does it."""

    key: str
    title: str
    sources: list
    check: str  # Arguments of check.py.
    competitors: list
    written: int  # The bytes of the result.
    reference: str = "floor"  # The first word of the competitor that ratios are taken to.
    is_cold: bool = True


class Makers:
    """The competitors for a memory cap of so many bytes, `base` of them for an interpreter."""

    def __init__(self, cap, base, tools):
        self.cap, self.limit, self.tools = cap, cap + base, tools

    def peer(self, name, script, *options, times=1, first=None, **others):
        """A program of benches/peers, with so many times the cap; None for no cap."""
        package = script.split("_")[0]
        block = self.cap // (4 * CORES if package == "dask" else 8)  # dask has CORES at a time
        first = first or max(1, block // MIB)
        command = [self.tools["python"], str(PEERS / script), "{source}", "{target}", str(first),
                   str(CORES), *options]
        limit = times and self.limit + (times - 1) * self.cap
        return Competitor(name, command, limit, needs=package, **others)

    def outcore(self, *words, memory=None, capped=True):
        """A command of the program, within a part of the cap."""
        budget = ["--memory", str(memory)] if memory else []
        command = [self.tools["outcore"], *words, "--quiet", *budget]
        return Competitor("outcore", command, self.limit if capped else None)

    def floor(self, script, name, *files, capped=True):
        """The disk alone."""
        command = [sys.executable, str(PEERS / script), *self.tools["floor"], *files]
        cap = self.limit if capped else None
        return Competitor(f"floor: {name}", command, cap, is_checked=False)

    def copy(self, capped=True):
        return self.floor("direct_copy.py", "a direct copy", "{source}", "{target}", capped=capped)

    def read(self):
        return self.floor("direct_read.py", "a direct read", "{source}")


def works(cap, base, tools):
    """All works for a memory cap of so many bytes."""
    columns = 1 << ((cap // 2).bit_length() // 2)
    rows = max(1, cap // 2 // columns // 1024) * 1024
    makers = Makers(cap, base, tools)
    transforms = transform_works(makers, rows, columns)
    square = Array("float32", (rows, columns))
    fits = Array("float32", (rows // 2, columns // 2))
    return [*transforms, *array_works(makers, square), *warm_works(makers, fits)]


def transform_works(makers, rows, columns):
    """Streaming a file, and transforms, of arrays of four times the cap."""
    peer, copy, outcore = makers.peer, makers.copy, makers.outcore
    cap, memory = makers.cap, makers.cap * 3 // 4
    tile = columns // 16
    plane = Array("complex64", (rows, columns))
    field = Array("float32", (2 * rows, columns))
    small = Array("complex64", (columns // 2, columns // 2))
    large = Array("complex64", (2 * rows, columns))
    fft2 = ["fft2", "{source}", "{target}"]
    scale = [makers.tools["scale"], "{source}", "{target}", "2", "--memory", str(memory)]
    return [
        Work("scale", "x -> 2x, file to file", [field], "scale", [
            copy(),
            Competitor("outcore", scale, makers.limit),
            peer("numpy.memmap by hand", "numpy_scale.py"),
            peer("dask", "dask_scale.py"),
            peer("blosc2, compression off", "blosc2_scale.py",
                 source=dataclasses.replace(field, format="b2nd")),
        ], field.bytes),
        Work("fft2", "fft2 of the whole array, file to file", [plane], "fft2", [
            copy(),
            outcore(*fft2, memory=memory),
            peer("numpy.memmap by hand, scipy.fft", "numpy_fft2.py"),
            peer("dask", "dask_fft2.py"),
            peer(f"dask, with {show_bytes(8 * cap)}", "dask_fft2.py", times=8),
        ], plane.bytes),
        Work("tiles", f"fft2 of each tile of {tile} x {tile}, real part, file to file", [field],
             f"tiles {tile}", [
            copy(),
            outcore(*fft2, "--tile", f"{tile},{tile}", "--real", memory=memory),
            peer("numpy.memmap by hand, scipy.fft", "numpy_tiles.py", first=tile),
            peer("dask", "dask_tiles.py", first=tile),
        ], field.bytes),
        Work("in-memory", "fft2 of an array that fits in memory: no cap, warm page cache", [small],
             "fft2", [
            peer("scipy.fft alone, in memory to memory", "scipy_alone.py", times=None,
                 is_checked=False, times_itself=True),
            outcore(*fft2, capped=False),
            peer("numpy, file to file, scipy.fft", "numpy_in_memory.py", times=None),
            copy(capped=False),
        ], small.bytes, reference="scipy", is_cold=False),
        Work("twice", "fft2 of an array twice as large, with the same cap", [large], "fft2",
             [copy(), outcore(*fft2, memory=memory)], large.bytes),
    ]


EXPRESSION = "a*b + sin(a)"
EVAL = ["eval", EXPRESSION, "a={source}", "b={source2}", "--output", "{target}"]
VAR = ["reduce", "var", "{source}", "--output", "{target}", "--axis"]
TRANSPOSE = ["transpose", "{source}", "{target}"]


def array_works(makers, a):
    """Expressions, reductions, scans and transposition of arrays of twice the cap."""
    peer, copy, read = makers.peer, makers.copy, makers.read
    b = dataclasses.replace(a, seed=2)
    (rows, columns), memory = a.shape, makers.cap // 2

    def outcore(*words):
        return makers.outcore(*words, memory=memory)

    def reduction(op, check, *axis):
        command = [*VAR, *axis] if axis else ["reduce", op, "{source}"]
        along = f" along axis {axis[0]}" if axis else " of all"
        written = 4 * (columns if axis == ("0",) else rows) if axis else 0
        return Work("-".join([op, *axis]), f"{op}{along}", [a], check, [
            read(),
            outcore(*command),
            peer("numpy.memmap by hand", "numpy_reduce.py", op, *axis),
            peer("dask", "dask_reduce.py", op, *axis),
        ], written)

    read_twice = makers.floor("direct_copy.py", "direct reads of both and a write of one",
                              "{source}", "{source2}", "{target}")
    return [
        Work("eval", f"`{EXPRESSION}`, two files to one", [a, b], "eval {source2}", [
            read_twice,
            outcore(*EVAL),
            peer("numexpr over numpy.memmap, by hand", "numexpr_eval.py", EXPRESSION, "{source2}"),
            peer("dask", "dask_eval.py", "{source2}"),
        ], a.bytes),
        reduction("sum", "value sum"),
        reduction("mean", "value mean"),
        reduction("var", "var 0", "0"),
        reduction("var", "var 1", "1"),
        Work("cumsum", "cumsum along axis 0, file to file", [a], "cumsum", [
            copy(),
            outcore("scan", "cumsum", "{source}", "{target}", "--axis", "0"),
            peer("numpy.memmap by hand", "numpy_cumsum.py"),
            peer("dask", "dask_cumsum.py"),
        ], a.bytes),
        Work("transpose", "transpose, file to file", [a], "transpose", [
            copy(),
            outcore(*TRANSPOSE),
            peer("numpy.memmap by hand, square tiles", "numpy_transpose.py"),
            peer("dask", "dask_transpose.py"),
        ], a.bytes),
        Work("median", "median of all", [a], "value median", [
            read(),
            outcore("quantile", "{source}", "0.5"),
            peer("numpy.median", "numpy_median.py"),
            peer(f"numpy.median, with {show_bytes(16 * makers.cap)}", "numpy_median.py", times=16),
        ], 0),
    ]


def warm_works(makers, a):
    """The same of an array that fits, and is in the page cache."""
    b = dataclasses.replace(a, seed=2)

    def work(op, title, check, command, written, sources=(a,), *options):
        return Work(f"warm-{op}", f"{title} of an array that fits in memory: no cap, warm page "
                    "cache", list(sources), check, [
            makers.peer("numpy, file to file", "numpy_whole.py", op, *options, times=None),
            makers.outcore(*command, capped=False),
        ], written, reference="numpy", is_cold=False)

    return [
        work("sum", "sum", "value sum", ["reduce", "sum", "{source}"], 0),
        work("var-0", "var along axis 0", "var 0", [*VAR, "0"], 4 * a.shape[1]),
        work("transpose", "transpose", "transpose", TRANSPOSE, a.bytes),
        work("eval", f"`{EXPRESSION}`", "eval {source2}", EVAL, a.bytes, (a, b), "{source2}"),
    ]
