# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The link between the device's bridge and the cloud, as something that a test can break: cut (both ends are told),
black hole (nobody is told, and what is on the way is swallowed), closed (nobody gets through until it is opened again)."""
import select
import socket
import threading


class Link:
    """A TCP proxy on loopback, on @port or any. One thread; it forwards what it gets when the other side takes it."""

    def __init__(self, target_port, port=0):
        self.target_port, self.refusing, self.swallowing = target_port, False, False
        self.links = 0  # how many were made
        self._pairs, self._lock = {}, threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self._wake, self._woken = socket.socketpair()
        self._open = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    # --- what happens to it

    def cut(self):
        """The connections that there are."""
        with self._lock:
            self._drop_all()

    def close_for_now(self):
        """And new ones, until open_again()."""
        with self._lock:
            self.refusing = True
            self._drop_all()

    def swallow(self):
        """Everything from now on, new connections too, which are taken and never answered."""
        with self._lock:
            self.swallowing = True

    def open_again(self):
        """What was swallowed is gone: a connection that lost bytes is dropped."""
        with self._lock:
            if self.swallowing:
                self._drop_all()
            self.refusing = self.swallowing = False

    def end(self):
        """Fine at any time."""
        if not self._open:
            return
        self._open = False
        self._wake.send(b"x")
        self._thread.join(10)
        with self._lock:
            self._drop_all()
        for one in (self._listener, self._wake, self._woken):
            one.close()

    # --- the thread

    def _drop(self, one):
        other = self._pairs.pop(one, None)
        self._pairs.pop(other, None)
        for end in (one, other):
            if end:
                end.close()

    def _drop_all(self):
        for one in list(self._pairs):
            if one in self._pairs:
                self._drop(one)
        if self._open:
            self._wake.send(b"x")

    def _accept(self):
        near, _ = self._listener.accept()
        try:
            if self.refusing:
                raise ConnectionRefusedError
            far = socket.create_connection(("127.0.0.1", self.target_port), 2)
        except OSError:
            near.close()
            return
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.settimeout(5)
        self._pairs[near], self._pairs[far] = far, near
        self.links += 1

    def _forward(self, one):
        try:
            data = one.recv(65536)
            if data and not self.swallowing:
                self._pairs[one].sendall(data)
        except OSError:
            data = b""
        if not data and not self.swallowing:
            self._drop(one)

    def _ready(self):
        with self._lock:
            # What ends while all is swallowed stays readable for ever; nobody is to be told, so nobody looks.
            ends = [] if self.swallowing else list(self._pairs)
        try:
            return select.select([self._listener, self._woken, *ends], [], [], 0.2)[0]
        except (OSError, ValueError):
            return []  # one of them has just been dropped

    def _run(self):
        while self._open:
            for one in self._ready():
                with self._lock:
                    if one is self._woken:
                        one.recv(4096)
                    elif one is self._listener:
                        self._accept()
                    elif one in self._pairs:
                        self._forward(one)
