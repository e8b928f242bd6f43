"""Agents of Flume or logpipe as processes: started, watched, ended."""
import http.client
import json
import os
import signal
import socket
import subprocess
import time

import command

START_LIMIT = 60   # s, until the counters can be read
TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Agent:
    """A process with the agent a1 of a property file.

    words makes the command from the agent's name, its file and a folder for its
    log. Its counters are read by Flume's own monitoring over HTTP, which both
    have under the same names.
    """

    def __init__(self, words, folder, text):
        os.makedirs(folder)
        self.folder, self.port = folder, free_port()
        file = os.path.join(folder, "agent.conf")
        with open(file, "w") as f:
            f.write(text)
        self.words = words("a1", file, folder) + ["--no-reload-conf", "-Dflume.monitoring.type=http", f"-Dflume.monitoring.port={self.port}"]
        if self.words[0] == "java":  # its properties stand before the class
            at = self.words.index("org.apache.flume.node.Application")
            self.words = self.words[:at] + self.words[-2:] + self.words[at:-2]
        self.http = None
        with open(os.path.join(folder, "output"), "wb") as out:
            self.process = subprocess.Popen(self.words, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                            start_new_session=True)

    def counters(self):
        """The counters now: component -> name -> number; None before they can be read."""
        if self.process.poll() is not None:
            raise command.Failed(f"{command.show(self.words)}: ended with {self.process.returncode}: {self.told()}")
        try:
            if not self.http:
                self.http = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            self.http.request("GET", "/metrics")
            return json.loads(self.http.getresponse().read())
        except (OSError, http.client.HTTPException):
            self.http = None
            return None

    def channel(self):
        """How many events were put into the channel c1, and taken out."""
        c = (self.counters() or {}).get("CHANNEL.c1", {})
        return tuple(int(c.get(f"Event{what}SuccessCount", 0)) for what in ("Put", "Take"))

    def wait(self, rest):
        """Waits until the agent has started; with rest, until it does nothing
        any more."""
        end = time.monotonic() + START_LIMIT
        while not self.counters():
            if time.monotonic() > end:
                raise command.Failed(f"{command.show(self.words)}: no counters within {START_LIMIT} s: {self.told()}")
            time.sleep(0.02)
        before = self.cpu()
        while rest and time.monotonic() < end:
            time.sleep(0.25)
            now = self.cpu()
            if now - before <= 2 / TICK:
                return
            before = now

    def cpu(self):
        """CPU seconds, user and system, of the agent and all that it started."""
        return sum(cpu_of(pid) for pid in family(self.process.pid))

    def peak(self):
        """The most memory that the agent has had, in bytes."""
        return status(self.process.pid, "VmHWM")

    def stop(self):
        """Ends the agent as an operator does, and for certain."""
        if self.http:
            self.http.close()
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                self.process.wait(20)
        except subprocess.TimeoutExpired:
            pass
        finally:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()

    def told(self):
        """The last that the agent said."""
        for name in ("flume.log", "output"):
            path = os.path.join(self.folder, name)
            if os.path.exists(path) and os.path.getsize(path):
                with open(path, errors="replace") as f:
                    return " / ".join(line.strip() for line in f.readlines()[-3:])
        return "it said nothing"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def opened(port, agent):
    """Waits until a port is open and returns the connection."""
    end = time.monotonic() + START_LIMIT
    while time.monotonic() < end:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            if agent.process.poll() is not None:
                break
            time.sleep(0.0005)
    raise command.Failed(f"{command.show(agent.words)}: its port did not open: {agent.told()}")


def family(pid):
    """A process and its descendants that live."""
    found = [pid]
    for at in found:
        try:
            for task in os.listdir(f"/proc/{at}/task"):
                with open(f"/proc/{at}/task/{task}/children") as f:
                    found += [int(p) for p in f.read().split()]
        except OSError:
            pass  # it has just ended
    return found


def cpu_of(pid):
    """CPU seconds of a process and of its children that have ended."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(int(n) for n in fields[11:15]) / TICK


def status(pid, name):
    """A size in bytes out of /proc/PID/status."""
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    return 0
