"""The works of the benchmark: what logpipe does, which peers do the same, what
counts as the same result, and the goals."""
import datetime

# name -> arguments of gen, for one record in a full run
FULL = 5_000_000
FULL_LOG = 1_000_000
SPAN_MS = 5_000_000  # of event time in the visits, whatever their number: 84 windows of a minute
PREFIX = 100_000     # records of W4 that are compared one by one

INPUTS = {
    "visits": (FULL, "ndjson", ["behavior", "--json"]),
    "visits-of-5M-pages": (FULL, "ndjson", ["behavior", "--json", "--cardinality", "5000000"]),
    "requests": (FULL, "ndjson", ["access", "--json"]),
    "access": (FULL_LOG, "log", ["access"]),
}

HEAT = "'heat=sum(0.8*clicks+0.8*minutes+like)'"

# The chain of W3 in the peers' order: a later client matches only what an earlier one left.
CLIENT = ("if(agent =~ '(?i)bot|spider|crawl|externalhit', 'bot', contains(agent, 'MicroMessenger'), 'WeChat', "
          "contains(agent, 'Edg'), 'Edge', contains(agent, 'OPR/') or starts_with(agent, 'Opera'), 'Opera', "
          "contains(agent, 'SamsungBrowser'), 'Samsung', contains(agent, 'UCBrowser'), 'UC', "
          "contains(agent, 'Firefox') or contains(agent, 'FxiOS'), 'Firefox', "
          "contains(agent, 'Chrome') or contains(agent, 'CriOS'), 'Chrome', "
          "contains(agent, 'Trident') or contains(agent, 'MSIE'), 'IE', contains(agent, 'Safari'), 'Safari', "
          "starts_with(agent, 'curl'), 'curl', starts_with(agent, 'Wget'), 'Wget', "
          "starts_with(agent, 'python-requests'), 'python-requests', starts_with(agent, 'Go-http'), 'Go-http', 'other')")


class Goal:
    """The largest ratio of logpipe to the peer; None where nothing is asked."""

    def __init__(self, wall=None, cpu=None, rss=None):
        self.wall, self.cpu, self.rss = wall, cpu, rss


class Work:
    """One row of the table for each peer.

    run is a pipeline of `logpipe run`. script names the peers' files where
    several works share one. peers maps a peer to its Goal; slow peers do a
    tenth of the input. ours and theirs bring the records into one form, and
    key tells which fields order them (None: their order must be the same).
    """

    def __init__(self, name, title, input, run, peers, slow=(), script=None, key=None,
                 ours=None, theirs=None, prefix=None, measured=True):
        self.name, self.title, self.input, self.run = name, title, input, run
        self.peers, self.slow, self.script, self.key = peers, slow, script or name, key
        self.ours, self.theirs, self.prefix, self.measured = ours, theirs, prefix, measured


def without_rank(row):
    """top writes the rank, which for the peers is the order of the rows."""
    row.pop("rank", None)
    return row


def window_in_ms(row):
    """logpipe prints both ends of a window as RFC 3339, the peers its start in ms."""
    start, end = milliseconds(row.pop("window_start")), milliseconds(row.pop("window_end"))
    row["start"], row["length"] = start, end - start
    return row


def length(ms):
    def add(row):
        row["length"] = ms
        return row
    return add


def milliseconds(text):
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(at.timestamp() * 1000)


def request(row):
    """The peers do less than logpipe in W4: the time stays as it is in the log,
    the query stays in the path, and absent values stay "-" (or null, or "").
    Here this is made up for, after the measured part."""
    row = {k: v for k, v in row.items() if v not in ("-", "", None)}
    at = datetime.datetime.strptime(row["time"], "%d/%b/%Y:%H:%M:%S %z").isoformat()
    row["time"] = at.replace("+00:00", "Z")
    row["path"], _, query = row["path"].partition("?")
    if query:
        row["query"] = query
    return row


WORKS = [
    Work("W1", "heat by page, the top 10", "visits", f"aggregate --by page {HEAT} | top 10 --by heat",
         {"duckdb": Goal(0.35, 0.35), "polars": Goal(), "mawk": Goal(), "jq": Goal(), "mlr": Goal()},
         slow=("jq", "mlr"), ours=without_rank),
    Work("W2t", "windows of 1 minute by page", "visits",
         "aggregate --by page --window 1m --lateness 5s count 'sum(clicks)'",
         {"duckdb": Goal(0.5, 0.5), "polars": Goal(), "mawk": Goal()},
         key=("start", "page"), ours=window_in_ms, theirs=length(60_000)),
    Work("W2s", "windows of 10 minutes, every minute", "visits",
         "aggregate --by page --window 10m --slide 1m --lateness 5s count 'sum(clicks)'",
         {"duckdb": Goal(0.5, 0.5), "polars": Goal()},
         key=("start", "page"), ours=window_in_ms, theirs=length(600_000)),
    Work("W3", "log -> course x status x client", "access",
         "parse access --extract 'path=/course/{course}.html' --extract 'path=/video/{course}' | "
         f'set "client={CLIENT}" | aggregate --by course,status,client count',
         {"duckdb": Goal(0.12, 0.12), "polars": Goal(0.25, 0.25), "mawk": Goal(), "mlr": Goal()},
         slow=("mlr",), key=("course", "status", "client")),
    Work("W4", "log -> NDJSON", "access", "parse access",
         {"duckdb": Goal(0.15, 0.15), "polars": Goal(0.3, 0.3), "mawk": Goal(), "jq": Goal(), "mlr": Goal()},
         slow=("jq", "mlr"), prefix=PREFIX, theirs=request),
    Work("W5", "status >= 400, three fields", "requests", "where 'status>=400' | select ip path status",
         {"duckdb": Goal(0.5, 0.5), "polars": Goal(), "jq": Goal()}, slow=("jq",)),
    Work("W7", "distinct, p50, p95, p99 by page", "visits",
         "aggregate --by page 'distinct(minutes)' 'p50(minutes)' 'p95(minutes)' 'p99(minutes)'",
         {"duckdb": Goal(0.6, 0.6), "polars": Goal()}, key=("page",)),
    Work("W8", "heat by 5 M pages, the top 10", "visits-of-5M-pages",
         f"aggregate --by page {HEAT} | top 10 --by heat",
         {"duckdb": Goal(wall=1, rss=0.5), "polars": Goal()}, script="W1", ours=without_rank),
    Work("W8all", "number and sum of all groups of W8", "visits-of-5M-pages",
         f"aggregate --by page {HEAT} | aggregate count 'sum(heat)'",
         {"duckdb": Goal(), "polars": Goal()}, key=("count",), measured=False),
]

# Works of logpipe alone.
PIPE = ["parse access", "enrich", "aggregate --by country,browser count"]
PIPE_GOAL = Goal(cpu=0.25)     # run against the pipe of three processes
FLAT_GOAL = Goal(rss=1.25)     # W4 against a tenth of its input
START_WALL, START_RSS = 0.010, 20 << 20
START = [["--help"], ["parse", "access"]]
NAMES = [w.name for w in WORKS] + ["PIPE", "FLAT", "START"]
