"""Commands of the benchmark: run for their result, or measured."""
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


class Failed(Exception):
    """A command that did not end with 0, or could not be started."""


class Sample:
    """What one or several runs took: s, s and bytes."""

    def __init__(self, wall, cpu, rss):
        self.wall, self.cpu, self.rss = wall, cpu, rss

    @staticmethod
    def median(samples):
        return Sample(*(statistics.median(getattr(s, k) for s in samples) for k in ("wall", "cpu", "rss")))

    @staticmethod
    def ratio(pairs):
        """The median of the ratios within each pair: what slows the machine
        down for a while slows both of a pair."""
        return Sample(*(statistics.median(getattr(a, k) / max(getattr(b, k), 1e-9) for a, b in pairs)
                        for k in ("wall", "cpu", "rss")))


def save(command, path):
    """Runs command with stdout in the file path."""
    with open(path, "wb") as out:
        check(command, run(command, out))


def measure(command):
    """Runs command with stdout to /dev/null and returns its Sample."""
    with tempfile.NamedTemporaryFile() as result, open(os.devnull, "wb") as out:
        meter = [sys.executable, "-I", "-S", os.path.join(HERE, "meter.py"), result.name]
        check(command, run(meter + command, out))
        return Sample(**json.load(result))


def run(command, out):
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE)
    except OSError as e:
        raise Failed(f"{command[0]}: {e.strerror}") from e


def check(command, done):
    if done.returncode != 0:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise Failed(f"{show(command)}: exit {done.returncode}: " + " / ".join(told[-3:]))


def show(command):
    text = " ".join(w if w and not set(w) & set(" |'\"*()") else repr(w) for w in command)
    return text if len(text) <= 160 else text[:157] + "..."


def pairs(ours, theirs, count, warm=True):
    """Measures ours, theirs, ours, theirs ... after one of each to warm up."""
    if warm:
        measure(ours), measure(theirs)
    return [(measure(ours), measure(theirs)) for _ in range(count)]
