"""Where the files are, and how the competitors take turns."""

import json
import shutil
import subprocess
import sys

from compare.process import measure
from compare.say import MIB, last_line, run, say, show_bytes
from compare.works import PEERS, Competitor, Work


class Bench:
    """Where the files are, and how runs are made."""

    def __init__(self, folder, tools, versions, missing, arguments, has_groups):
        self.inputs, self.outputs = folder / "in", folder / "out"
        self.inputs.mkdir()
        self.tools, self.versions, self.missing = tools, versions, missing
        self.arguments, self.has_groups = arguments, has_groups

    def input(self, array):
        path = self.inputs / array.name
        if not path.exists():
            say(f"makes {array.name}, {show_bytes(array.bytes)}")
            make = [self.tools["python"], str(PEERS / "make_input.py"), str(path), array.dtype]
            subprocess.run([*make, *map(str, array.shape), str(array.seed)], check=True)
        return path

    def run(self, work, competitor):
        """One run, the output of which stays until the next: a file, or what was printed."""
        shutil.rmtree(self.outputs, ignore_errors=True)
        self.outputs.mkdir()
        arrays = [competitor.source or work.sources[0], *work.sources[1:]]
        sources, target = list(map(self.input, arrays)), self.outputs / f"out.{arrays[0].format}"
        if not work.is_cold:
            for source in sources:
                with source.open("rb") as file:
                    while file.read(16 * MIB):
                        pass
        cap = competitor.cap if self.has_groups else None
        command = in_place(competitor.command, sources, target)
        result = measure(command, target, cap, self.arguments.timeout, work.is_cold)
        if competitor.times_itself and not result.failure:
            own = json.loads(result.output)
            result.seconds, result.cpu_seconds = own["seconds"], own["cpu_seconds"]
        if not target.exists():
            target = target.with_suffix(".txt")
            target.write_text(result.output)
        return result, target

    def check(self, work, target):
        """The relative error of what is sampled of an output."""
        sources = [self.inputs / array.name for array in work.sources]
        options = in_place(work.check.split(), sources, target)
        script = str(PEERS / "check.py")
        done = run([self.tools["python"], script, str(sources[0]), str(target), *options])
        if done.returncode:
            return last_line(done)
        error = float(done.stdout)
        return f"{error:.1e}" if error else "0"

    def compare(self, work):
        """All rounds of a work; the runs, the check and the skipped of each competitor."""
        results = {competitor.name: [] for competitor in work.competitors}
        checks = {}
        for number in range(self.arguments.runs):
            for competitor in work.competitors:
                runs = results[competitor.name]
                spent = sum(run.seconds for run in runs)
                if competitor.needs in self.missing or any(run.failure for run in runs):
                    continue
                if spent >= self.arguments.timeout / 2:
                    continue  # A slow one has shown that it is.
                result, target = self.run(work, competitor)
                runs.append(result)
                said = result.failure or f"{result.seconds:.2f} s"
                say(f"{work.key}, round {number + 1}: {competitor.name}: {said}")
                if competitor.is_checked and not result.failure and competitor.name not in checks:
                    checks[competitor.name] = self.check(work, target)
                    say(f"    relative error {checks[competitor.name]}")
        return results, checks

    def tune_floor(self, array, cap):
        """The block size and the number of threads with which a direct copy is fastest."""
        best = None
        for block in (1, 4, 16):
            for threads in (2, 4, 8):
                options = [str(block), str(threads)]
                script = str(PEERS / "direct_copy.py")
                command = [sys.executable, script, *options, "{source}", "{target}"]
                work = Work("floor", "", [array], "", [], array.bytes)
                result, _ = self.run(work, Competitor("floor", command, cap))
                if result.failure:
                    sys.exit(f"the direct copy {result.failure}")
                say(f"floor with blocks of {block} MiB, {threads} threads: {result.seconds:.2f} s")
                best = min(best or (result.seconds, options), (result.seconds, options))
        return best[1]


def in_place(words, sources, target):
    """A command with the names of its files."""
    names = {"source": sources[0], "source2": sources[-1], "target": target}
    return [word.format(**names) for word in words]
