"""How the input of a flow gets to its first agent."""
import os
import socket
import threading

import agents


PATIENCE = 20  # s, for an answer to the last event


class Gate:
    """Lets the command of exec begin: cat waits for somebody who opens the
    named pipe before its input."""

    def __init__(self, folder, input):
        self.path = os.path.join(folder, "gate")
        os.mkfifo(self.path)

    def begin(self, **_):
        os.close(os.open(self.path, os.O_WRONLY))

    def end(self):
        pass


class Link:
    """Puts the input into the folder that is watched."""

    def __init__(self, folder, input):
        self.input, self.name = input, os.path.join(folder, "in", "access.log")
        os.mkdir(os.path.dirname(self.name))

    def begin(self, **_):
        os.link(self.input, self.name)

    def end(self):
        pass


class Client:
    """Sends the input over a connection, and reads what is answered."""

    def __init__(self, folder, input):
        self.input, self.answer = input, 0

    def begin(self, port, agent, **_):
        self.connection = agents.opened(port, agent)
        self.threads = [threading.Thread(target=run) for run in (self.send, self.receive)]
        for t in self.threads:
            t.start()

    def send(self):
        with open(self.input, "rb") as f:
            self.connection.sendfile(f)

    def receive(self):
        try:
            while piece := self.connection.recv(1 << 16):
                self.answer += len(piece)
        except OSError:
            pass  # closed

    def end(self):
        self.connection.shutdown(socket.SHUT_WR)
        for t in self.threads:
            t.join(PATIENCE)
        self.connection.close()
