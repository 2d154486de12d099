"""Connections to the service: sends an input as it says, and reads until the other side ends the connection."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import fastcgi
from inputs import Input

# How long an answer may take. A loaded worker under a sanitizer is slow, and a large body may wait for its turn.
PATIENCE = 45
# A worker gives a request ten seconds to arrive, looks each second, and may be late.
LONGEST_HELD = 25
MOST_HELD = 100

Ended = str


@dataclass
class Held:
    """Connections with the beginning of a request, which the worker has to end."""

    # Is told of each that did not end as it should.
    report: Callable[[Input, bytes, str], None]
    open: list[tuple[socket.socket, float, Input]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, connection: socket.socket, made: Input) -> bool:
        with self.lock:
            if len(self.open) >= MOST_HELD:
                return False
            self.open.append((connection, time.monotonic(), made))
            return True

    def look(self) -> int:
        """Forgets those that have ended. Returns how many have not."""
        with self.lock:
            ready = select.select([each[0] for each in self.open], [], [], 0)[0] if self.open else []
            still = []
            for connection, since, made in self.open:
                if connection in ready:
                    received, ended = read_to_end(connection)
                    self.report(made, received, ended)
                elif time.monotonic() - since > LONGEST_HELD:
                    self.report(made, b"", "timeout")
                    connection.close()
                else:
                    still.append((connection, since, made))
            self.open = still
            return len(still)

    def give_up(self) -> None:
        with self.lock:
            for connection, _, _ in self.open:
                connection.close()
            self.open = []


def connect(made: Input, worker_socket: Path, port: int) -> socket.socket:
    if made.door == "HTTP":
        return socket.create_connection(("127.0.0.1", port), PATIENCE)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    connection.connect(str(worker_socket))
    return connection


def send(made: Input, worker_socket: Path, port: int, held: Held) -> tuple[bytes, Ended] | None:
    """What came back and how the connection ended; None if it is held now."""
    connection = connect(made, worker_socket, port)
    # Where the other side ends the connection early, its answer is still there to be read.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for pause, data in made.steps:
            if pause:
                time.sleep(pause)
            connection.sendall(data)
    if made.ending == "close":
        connection.close()
        return b"", "closed"
    waits = made.ending in ("hold", "await")
    if (
        waits
        and made.door == "FastCGI"
        and fastcgi.reading(made.data).verdict == "incomplete"
        and held.take(connection, made)
    ):
        return None
    if made.ending != "await" or fastcgi.reading(made.data).verdict == "incomplete":
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
    return read_to_end(connection)


def read_to_end(connection: socket.socket) -> tuple[bytes, Ended]:
    received = b""
    with connection:
        connection.settimeout(PATIENCE)
        while True:
            try:
                data = connection.recv(1 << 16)
            except ConnectionResetError:
                return received, "reset"
            except TimeoutError:
                return received, "timeout"
            if not data:
                return received, "end"
            received += data
