"""A TCP proxy that cuts, resets and stalls connections by a seeded plan."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections import Counter
from contextlib import suppress


class ChaosProxy:
    """Passes bytes between a client and a server on loopback, until it strikes.

    Each connection is struck after a random number of bytes from the server
    (`limits`), in one of the given ways: `cut` (FIN), `reset` (RST) or `stall`
    (silence, both ends left open). After `faults` strikes all is passed on.
    `passed` counts the bytes from the server.
    """

    def __init__(
        self,
        target: int,
        *,
        faults: int,
        limits: tuple[int, int] = (0, 0),
        ways: tuple[str, ...] = ("cut", "reset", "stall"),
        seed: int = 1,
    ) -> None:
        self._target = target
        self._random = random.Random(seed)
        self._left = faults
        self._limits = limits
        self._ways = ways
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.struck: Counter[str] = Counter()
        self.passed = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> ChaosProxy:
        self._run(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            held = list(self._open)
        for end in held:
            _hang_up(end)
        for thread in self._threads:
            thread.join(10)

    def _run(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            with self._lock:
                self._open += [client, server]
                limit = self._random.randint(*self._limits)
                way = self._random.choice(self._ways)
            self._run(self._pass, client, server)
            self._run(self._strike, server, client, limit, way)

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        _hang_up(target)

    def _strike(self, server: socket.socket, client: socket.socket, limit: int, way: str) -> None:
        passed = 0
        try:
            while data := server.recv(65536):
                if passed + len(data) > limit and self._may_strike(way):
                    client.sendall(data[: limit - passed])
                    if way == "stall":
                        self._ended.wait()
                    elif way == "reset":
                        option = struct.pack("ii", 1, 0)
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
                    client.close() if way == "reset" else _hang_up(client)
                    _hang_up(server)
                    return
                passed += len(data)
                self.passed += len(data)
                client.sendall(data)
        except OSError:
            pass
        _hang_up(client)

    def _may_strike(self, way: str) -> bool:
        with self._lock:
            if not self._left:
                return False
            self._left -= 1
            self.struck[way] += 1
            return True


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
