"""One broker of Apache Kafka for the benchmark, from the libraries that the suite
against real servers keeps (go test with LOGPIPE_REAL=1 downloads them)."""
import os
import shutil
import signal
import socket
import subprocess
import time

import command

CACHE = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
LIBS = os.path.join(CACHE, "logpipe-real", "kafka", "libs")
START = 120  # s
SETTINGS = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/log
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.bytes=2147483648
"""


class Broker:
    """A running broker; stop ends it and removes what it wrote."""

    def __init__(self, folder):
        if not os.path.isdir(LIBS):
            raise command.Failed(f"no Apache Kafka in {LIBS}: LOGPIPE_REAL=1 go test ./pkg/kafka -run Real downloads it")
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        port, controller = free_ports(2)
        self.address = f"127.0.0.1:{port}"
        self.settings = os.path.join(folder, "server.properties")
        with open(self.settings, "w") as f:
            f.write(SETTINGS.format(port=port, controller=controller, folder=folder))
        self.quiet = os.path.join(folder, "log4j.xml")
        with open(self.quiet, "w") as f:
            f.write('<Configuration status="ERROR"><Appenders><Console name="C" target="SYSTEM_ERR"><PatternLayout pattern="%p %m%n"/>'
                    '</Console></Appenders><Loggers><Root level="WARN"><AppenderRef ref="C"/></Root></Loggers></Configuration>')
        command.check(["format"], command.run(self.java("kafka.tools.StorageTool", "format", "-t", "bG9ncGlwZS1iZW5jaC0xMg", "-c", self.settings),
                                              subprocess.DEVNULL))
        self.log = open(os.path.join(folder, "server.log"), "wb")
        self.process = subprocess.Popen(self.java("kafka.Kafka", self.settings, heap=["-Xms512m", "-Xmx768m"]),
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.wait(port)

    def java(self, name, *args, heap=()):
        """The words that run a class of Kafka's."""
        return ["java", *heap, "-Dlog4j2.configurationFile=" + self.quiet, "-cp", os.path.join(LIBS, "*"), name, *args]

    def wait(self, port):
        end = time.monotonic() + START
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise command.Failed(f"Kafka has ended: see {self.log.name}")
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.2)
        raise command.Failed(f"Kafka is not ready after {START} s")

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports
