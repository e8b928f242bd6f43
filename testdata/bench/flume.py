"""A real Apache Flume as the peer of logpipe's agent."""
import os
import shutil
import subprocess

import command

VERSION = "1.11.0"
# The memory that flume-env.sh.template in Flume's distribution proposes. Java
# then takes G1 where it finds two cores and 2 GB, as it does by itself.
MEMORY = "-Xms100m -Xmx2000m"
# Its distribution's log: a file, at INFO.
LOG = """<Configuration status="ERROR"><Appenders><File name="LogFile" fileName="${sys:flume.log.dir}/flume.log">
<PatternLayout pattern="%d{dd MMM yyyy HH:mm:ss,SSS} %-5p [%t] (%C.%M:%L) %equals{%x}{[]}{} - %m%n"/></File></Appenders>
<Loggers><Logger name="org.apache.flume.lifecycle" level="info"/><Logger name="org.jboss" level="WARN"/>
<Logger name="org.apache.avro.ipc.netty.NettyTransceiver" level="WARN"/><Logger name="org.apache.hadoop" level="INFO"/>
<Root level="INFO"><AppenderRef ref="LogFile"/></Root></Loggers></Configuration>
"""


class Flume:
    """Where Flume's jars are, and how it is started."""

    def __init__(self, jars, conf, memory):
        self.jars, self.conf, self.memory = jars, conf, memory.split()

    def words(self, name, file, folder):
        """The command of an agent, as flume-ng makes it."""
        return ["java", *self.memory, "-cp", self.conf + os.pathsep + os.path.join(self.jars, "*"), "-Dflume.log.dir=" + folder,
                "org.apache.flume.node.Application", "-n", name, "-f", file]


def install(folder, repository, memory):
    """Finds Flume where the suite against real servers keeps it, and lets that
    suite download it with Maven where it is missing."""
    if not shutil.which("java"):
        raise command.Failed("no java in the PATH")
    jars = jar_folder()
    mark = os.path.join(jars, ".ok-" + VERSION)
    told = ""
    if not os.path.exists(mark):
        words = ["go", "test", "-count=1", "-v", "-timeout", "15m", "-run", "^TestRealFlume$", "./pkg/logpipetest"]
        done = subprocess.run(words, cwd=repository, env={**os.environ, "LOGPIPE_REAL": "1"}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        told = done.stdout.decode(errors="replace")
    if not os.path.exists(mark):
        reasons = [line.strip() for line in told.splitlines() if "_test.go" in line or "flume.go" in line or "Flume" in line]
        raise command.Failed((reasons or ["it was not downloaded"])[0])
    conf = os.path.join(folder, "flume-conf")
    os.makedirs(conf, exist_ok=True)
    with open(os.path.join(conf, "log4j2.xml"), "w") as f:
        f.write(LOG)
    return Flume(jars, conf, memory)


def jar_folder():
    """The folder of pkg/logpipetest."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "logpipe-real", "flume", "libs")
