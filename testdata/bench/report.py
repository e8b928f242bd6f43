"""The table of the benchmark."""
import json

HEAD = ["work", "peer", "logpipe s / CPU s / MiB", "peer s / CPU s / MiB", "wall", "CPU", "memory", "goal", "met"]


class Row:
    """One work against one peer. ratio is a Sample; goal says in words what is
    asked and met whether it is reached, None where nothing is asked."""

    def __init__(self, work, peer, ours, theirs=None, ratio=None, goal="", met=None):
        self.work, self.peer, self.ours, self.theirs = work, peer, ours, theirs
        self.ratio, self.goal, self.met = ratio, goal, met

    def cells(self):
        ratio = ["", "", ""] if not self.ratio else [f"{r:.2f}" for r in (self.ratio.wall, self.ratio.cpu, self.ratio.rss)]
        met = {None: "", True: "yes", False: "NO"}[self.met]
        return [self.work, self.peer, figures(self.ours), figures(self.theirs), *ratio, self.goal, met]

    def record(self):
        return {k: getattr(v, "__dict__", v) for k, v in self.__dict__.items()}


def figures(sample):
    if not sample:
        return ""
    digits = 2 if sample.wall >= 0.1 else 4
    return f"{sample.wall:.{digits}f} / {sample.cpu:.{digits}f} / {sample.rss / 2**20:.0f}"


def judge(work, peer, ours, theirs, ratio, goal):
    """Makes the Row of a work that has a Goal."""
    asked = [(name, most, got) for name, most, got in
             (("wall", goal.wall, ratio.wall), ("CPU", goal.cpu, ratio.cpu), ("memory", goal.rss, ratio.rss)) if most]
    met = all(got <= most for _, most, got in asked) if asked else None
    if len(asked) > 1 and len({most for _, most, _ in asked}) == 1:
        words = " and ".join(name for name, _, _ in asked) + f" <= {asked[0][1]:g}"
    else:
        words = ", ".join(f"{name} <= {most:g}" for name, most, _ in asked)
    return Row(work, peer, ours, theirs, ratio, words, met)


def table(rows, head=HEAD):
    lines = [head] + [r.cells() for r in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    lines.insert(1, ["-" * w for w in widths])
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(line, widths)) + " |" for line in lines)


def save(path, rows, about):
    with open(path, "w") as f:
        json.dump({**about, "rows": [r.record() for r in rows]}, f, indent=1)
