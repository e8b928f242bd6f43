"""Compares the results of two commands, which are JSON objects, one a line."""
import itertools
import json
import math

# Sums of doubles differ in the last digits by the order of the additions.
TOLERANCE = 1e-9


def rows(path, normal=None):
    """Yields the records of a file without their nulls: a value that is absent
    and one that is null are the same here."""
    with open(path, "rb") as f:
        for line in f:
            row = json.loads(line)
            if normal:
                row = normal(row)
            yield {k: v for k, v in row.items() if v is not None}


def difference(ours, theirs, key=None):
    """Returns what the first difference is, or None.

    ours and theirs are iterables of records. With key, a list of fields, their
    order does not matter; without it they must come in the same order.
    """
    if key:
        ours, theirs = (sorted(r, key=lambda row: [str(row.get(k)) for k in key]) for r in (ours, theirs))
    count = 0
    for a, b in itertools.zip_longest(ours, theirs):
        count += 1
        if a is None or b is None:
            return f"record {count}: {'logpipe' if a is None else 'the peer'} has none, the other {b or a}"
        if not same_row(a, b):
            return f"record {count}: {a} against {b}"
    return None if count else "both are empty"


def same_row(a, b):
    return a.keys() == b.keys() and all(same(v, b[k]) for k, v in a.items())


def same(a, b):
    if float in (type(a), type(b)) and {type(a), type(b)} <= {int, float}:
        return math.isclose(a, b, rel_tol=TOLERANCE)
    return type(a) is type(b) and a == b


def count_lines(path):
    with open(path, "rb") as f:
        return sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 20), b""))


def cut(path, to, lines):
    """Writes the first lines of path to the file to."""
    with open(path, "rb") as f, open(to, "wb") as out:
        out.writelines(itertools.islice(f, lines))
