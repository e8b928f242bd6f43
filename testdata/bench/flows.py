"""The flows of the agent's benchmark: what runs, and how it is fed."""
import feeds
import works

MEMORY = {"type": "memory", "capacity": 10000, "transactionCapacity": 1000}
FILE = {"type": "file", "checkpointDir": "{dir}/checkpoint", "dataDirs": "{dir}/data"}
NULL = {"type": "null"}
# {dir} is a folder of the run, {input} the input, {port} a free port.
EXEC = {"type": "exec", "command": "cat {dir}/gate {input}"}
SPOOL = {"type": "spooldir", "spoolDir": "{dir}/in"}
TAIL = {"type": "TAILDIR", "filegroups": "f", "filegroups.f": "{dir}/in/.*", "positionFile": "{dir}/positions.json"}
NETCAT = {"type": "netcat", "bind": "127.0.0.1", "port": "{port}"}
AVRO = {"type": "avro", "bind": "127.0.0.1", "port": "{port}"}

TIMES, TIMES_SLOW = 5, 20  # Flume's events per CPU second: the goals
SHARE = 0.1                # of Flume's memory


class Flow:
    """Events from a source over one channel, or two with a hop, to a sink.

    agents are the property files, the last one first: it has to listen before
    the others send. scale is the share of the input, goal how many times
    Flume's events per CPU second are asked for. The quick flows
    together hold each component once.
    """

    def __init__(self, name, source, channel, sink, scale=1.0, goal=TIMES, hop=None, quick=False):
        self.name, self.scale, self.goal, self.quick = name, scale, goal, quick
        self.feed = {"exec": feeds.Gate, "netcat": feeds.Client}.get(source["type"], feeds.Link)
        self.acknowledges = source.get("ack-every-event") != "false"
        if hop:
            to = {"type": "avro", "hostname": "127.0.0.1", "port": "{port}", "batch-size": hop}
            self.agents = [properties(AVRO, channel, batch(sink, hop)), properties(source, channel, to)]
        else:
            self.agents = [properties(source, channel, sink)]
        self.rolls = sink["type"] == "file_roll"


def properties(source, channel, sink):
    """The property file of an agent."""
    lines = ["a1.sources = r1", "a1.channels = c1", "a1.sinks = k1"]
    for name, component in (("sources.r1", {**source, "channels": "c1"}), ("channels.c1", channel), ("sinks.k1", {**sink, "channel": "c1"})):
        lines += [f"a1.{name}.{key} = {value}" for key, value in component.items()]
    return "\n".join(lines) + "\n"


def batch(component, size):
    return {**component, "batchSize": size}


def roll(size):
    return {"type": "file_roll", "sink.directory": "{dir}/out", "sink.batchSize": size}


FLOWS = [
    Flow("exec batch 20 to null", batch(EXEC, 20), MEMORY, NULL),
    Flow("exec batch 1000 to null", batch(EXEC, 1000), MEMORY, NULL, quick=True),
    Flow("spooldir batch 100 to null", batch(SPOOL, 100), MEMORY, NULL, goal=TIMES_SLOW),
    Flow("spooldir batch 1000 to null", batch(SPOOL, 1000), MEMORY, NULL, goal=TIMES_SLOW),
    Flow("spooldir batch 100 to file_roll", batch(SPOOL, 100), MEMORY, roll(100), goal=TIMES_SLOW, quick=True),
    Flow("TAILDIR batch 100 to null", batch(TAIL, 100), MEMORY, NULL),
    Flow("TAILDIR batch 1000 to null", batch(TAIL, 1000), MEMORY, NULL),
    Flow("netcat with OK to null", NETCAT, MEMORY, NULL, scale=0.6, quick=True),
    Flow("netcat without OK to null", {**NETCAT, "ack-every-event": "false"}, MEMORY, NULL, scale=0.6),
    Flow("avro hop batch 100 to null", batch(TAIL, 100), MEMORY, NULL, hop=100, quick=True),
    Flow("avro hop batch 1000 to null", batch(TAIL, 1000), MEMORY, NULL, hop=1000),
    Flow("file channel batch 100 to null", batch(SPOOL, 100), FILE, NULL, scale=0.3, goal=TIMES_SLOW, quick=True),
    Flow("file channel batch 1000 to null", batch(SPOOL, 1000), FILE, NULL, scale=0.3, goal=TIMES_SLOW),
    Flow("file channel batch 100 to file_roll", batch(SPOOL, 100), FILE, roll(100), scale=0.3, goal=TIMES_SLOW),
]
START = properties(NETCAT, MEMORY, NULL)
START_WALL = 0.050  # s until the port is open
INPUT = "access"
LINES = works.INPUTS[INPUT][0]
