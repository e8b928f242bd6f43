"""Prepares the work folder: logpipe, the peers, the inputs."""
import hashlib
import os
import shutil
import subprocess
import sys

import command
import works

REPOSITORY = os.path.dirname(os.path.dirname(command.HERE))
PEERS = os.path.join(command.HERE, "peers")
PYTHON_PEERS = {"duckdb": "duckdb==2.0.0", "polars": "polars==2.1.0"}
# The packages that hold a tool, with the libraries that come in packages of their own.
PACKAGES = {"mawk": ["mawk"], "jq": ["jq", "libjq1", "libonig5"], "mlr": ["miller"]}
ALL_PEERS = [*PYTHON_PEERS, *PACKAGES]


class Bench:
    """The work folder and what is in it."""

    def __init__(self, folder, say):
        self.folder, self.say = os.path.abspath(folder), say
        self.python = self.path("venv", "Scripts" if os.name == "nt" else "bin", "python")
        self.logpipe = self.path("logpipe")
        self.versions = {}  # of the peers that are there
        shutil.rmtree(self.path("out"), ignore_errors=True)  # of an earlier run that was broken off
        for sub in ("in", "out", "tools"):
            os.makedirs(self.path(sub), exist_ok=True)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def build(self):
        """Builds logpipe from the repository around this script, static as its releases are."""
        words = ["go", "build", "-buildvcs=false", "-trimpath", "-o", self.logpipe, "./cmd/logpipe"]
        self.quietly(words, cwd=REPOSITORY, env={**os.environ, "CGO_ENABLED": "0"})

    def install(self, wanted):
        """Finds or installs the peers, and says which ones it could not."""
        for peer in wanted:
            try:
                find = self.install_python if peer in PYTHON_PEERS else self.install_tool
                self.versions[peer] = find(peer)
            except command.Failed as e:
                self.say(f"without {peer}: {e}")
        self.say("peers: " + (", ".join(f"{p} {v}" for p, v in self.versions.items()) or "none"))

    def install_python(self, peer):
        if not os.path.exists(self.python):
            self.quietly([sys.executable, "-m", "venv", self.path("venv")])
        version = [self.python, "-c", f"import {peer}; print({peer}.__version__)"]
        want = PYTHON_PEERS[peer].partition("==")[2]
        try:
            if self.quietly(version) == want:
                return want
        except command.Failed:
            pass  # not there yet
        self.quietly([self.python, "-m", "pip", "install", "--quiet", PYTHON_PEERS[peer]])
        return self.quietly(version)

    def install_tool(self, peer):
        """Looks on the PATH, then unpacks the packages of a Debian into the
        work folder, which needs no rights and leaves the system alone."""
        if not shutil.which(peer):
            if not (shutil.which("apt-get") and shutil.which("dpkg")):
                raise command.Failed("not on the PATH")
            tools = self.path("tools")
            for package in PACKAGES[peer]:
                self.quietly(["apt-get", "download", package], cwd=tools)
            for file in os.listdir(tools):
                if file.endswith(".deb"):
                    self.quietly(["dpkg", "-x", os.path.join(tools, file), tools])
                    os.remove(os.path.join(tools, file))
            if not shutil.which(peer):
                raise command.Failed("its package holds no such command")
        flag = "-W" if peer == "mawk" else "--version"
        words = self.quietly([peer, flag, "version"] if peer == "mawk" else [peer, flag]).split()
        return next((w for w in words if any(c.isdigit() for c in w)), "?").rstrip(",").replace("jq-", "")

    def use_tools(self):
        """Puts what install_tool unpacks behind the PATH."""
        root = self.path("tools", "usr")
        os.environ["PATH"] += os.pathsep + os.path.join(root, "bin")
        libraries = os.path.join(root, "lib")
        found = [libraries] + [os.path.join(libraries, d) for d in ls(libraries)]
        if ls(libraries):
            old = os.environ.get("LD_LIBRARY_PATH")
            os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(found + ([old] if old else []))

    def quietly(self, words, cwd=None, env=None):
        """Runs a command of the preparation and returns its stdout."""
        try:
            done = subprocess.run(words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except OSError as e:
            raise command.Failed(f"{words[0]}: {e.strerror}") from e
        command.check(words, done)
        return done.stdout.decode(errors="replace").strip()

    def input(self, name, scale):
        """Makes an input, or takes the one of an earlier run if gen still
        makes the same."""
        full, kind, words = works.INPUTS[name]
        count = max(1, round(full * scale))
        path = self.path("in", f"{name}-{count}.{kind}")
        gen = [self.logpipe, "gen", *words, "--seed", "1"]
        if words[0] == "behavior":
            gen += ["--step", f"{max(1, works.SPAN_MS // count)}ms"]
        sample = subprocess.run(gen + ["-n", "1000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        command.check(gen, sample)
        stamp = " ".join(gen[1:]) + " " + hashlib.sha256(sample.stdout).hexdigest()
        if read(path + ".stamp") != stamp or not os.path.exists(path):
            self.say(f"making {os.path.basename(path)}")
            command.save(gen + ["-n", str(count)], path)
            with open(path + ".stamp", "w") as f:
                f.write(stamp)
        return path

    def ours(self, work, path):
        return [self.logpipe, "run", work.run, path]

    def theirs(self, work, peer, path):
        if peer == "duckdb":
            return [self.python, os.path.join(PEERS, "duckdb_run.py"), os.path.join(PEERS, work.script + ".sql"), path]
        if peer == "polars":
            return [self.python, os.path.join(PEERS, f"polars-{work.script}.py"), path]
        return ["sh", os.path.join(PEERS, f"{peer}-{work.script}.sh"), path]


def ls(folder):
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return None
