# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A cloud that cannot be had in a test: a small MQTT 3.1.1 server behind TLS with client certificates, which
holds all that devices send against the rules of cloud_rules.py, as strictly as they are written. What breaks a rule is kept with a sentence,
and the device is treated as the cloud would do. The test is the application behind the cloud: received, send().

It says what a published rule means for this bridge; it is no proof that the real cloud does as its documents say."""
import itertools
import queue
import select
import shutil
import socket
import ssl
import threading
from collections import namedtuple
from types import SimpleNamespace

from paho.mqtt.client import topic_matches_sub

from accounting import Log
from cloud_kit import DEVICE, Program
from cloud_rules import CLOSE, NOTE, REFUSE, SILENCE, breaches
from device_kit import Device, wait_for
from provision_kit import SOURCE

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14
PUBREC, PUBREL, PUBCOMP = 5, 6, 7
READ_TIMEOUT_S = 10

Message = namedtuple("Message", "topic payload qos retain")
Violation = namedtuple("Violation", "name sentence")


class Closed(Exception):
    pass


class Reader:
    """Fields of a packet, first to last."""

    def __init__(self, data):
        self.data = data

    def take(self, size):
        if size > len(self.data):
            raise Closed("a packet that ends too early")
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def number(self, size=2):
        return int.from_bytes(self.take(size), "big")

    def text(self):
        return self.take(self.number()).decode()


def field(data):
    data = data.encode() if isinstance(data, str) else data
    return len(data).to_bytes(2, "big") + data


def packet(kind, flags, body):
    size, length = len(body), b""
    while True:
        size, digit = divmod(size, 128)
        length += bytes([digit | (0x80 if size else 0)])
        if not size:
            return bytes([kind << 4 | flags]) + length + body


class Session:
    """What the cloud keeps of a device between its connections."""

    def __init__(self):
        self.filters, self.unacked, self.connection = {}, {}, None
        self.ids = itertools.cycle(range(1, 65536))

    def give(self, topic, payload):
        if not any(topic_matches_sub(topic_filter, topic) for topic_filter in self.filters):
            return False
        identity = next(self.ids)
        self.unacked[identity] = packet(PUBLISH, 1 << 1, field(topic) + identity.to_bytes(2, "big") + payload)
        if self.connection:
            self.connection.send(self.unacked[identity])
        return True


class Connection:
    """One device that is connected: its thread reads, others may send()."""

    def __init__(self, cloud, plain):
        self.cloud, self.plain, self.tls, self.session = cloud, plain, None, None
        self.who = None
        self.lock, self.out = threading.Lock(), queue.SimpleQueue()
        self.wake_reader, self.wake = socket.socketpair()

    def send(self, data):
        self.out.put(data)
        self.wake.send(b"!")

    def end(self):
        self.send(None)

    def run(self):
        try:
            self._shake_hands()
            self._serve()
        except (Closed, OSError, UnicodeDecodeError):
            pass
        finally:
            if self.session and self.session.connection is self:
                self.session.connection = None
            for end_point in (self.tls or self.plain, self.wake, self.wake_reader):
                end_point.close()

    def _shake_hands(self):
        self.plain.settimeout(READ_TIMEOUT_S)
        try:
            self.tls = self.cloud.context.wrap_socket(self.plain, server_side=True)
        except ssl.SSLError as error:
            self.cloud.tell("TLS", f"the handshake failed: {error.reason}")
            raise
        names = dict(name for names in self.tls.getpeercert()["subject"] for name in names)
        self.who = SimpleNamespace(device=names["commonName"])
        hello = SimpleNamespace(alpn=self.tls.selected_alpn_protocol(), server_name=getattr(self.tls, "server_name", None))
        self._judge("tls", hello)

    def _judge(self, on, what):
        """What is to be done about it: None, NOTE, SILENCE or REFUSE. Ends the connection if that is what the cloud does."""
        broken = breaches(self.cloud.kind, on, what, self.who)
        for rule in broken:
            shown = {key: value for key, value in vars(what).items() if key != "payload"}
            self.cloud.tell(rule.name, f"{self.cloud.kind.name} would {rule.does} this {on} for its {rule.name} ({rule.source}): {shown}")
        does = [rule.does for rule in broken]
        if CLOSE in does:
            raise Closed
        return next((way for way in (REFUSE, SILENCE, NOTE) if way in does), None)

    def _serve(self):
        first = True
        while True:
            if not self.tls.pending():
                ready, _, _ = select.select([self.tls, self.wake_reader], [], [])
                if self.wake_reader in ready:
                    self._write_all()
                if self.tls not in ready:
                    continue
            kind, flags, body = self._read_packet()
            if first != (kind == CONNECT):
                raise Closed
            first = False
            self._handlers[kind](self, flags, Reader(body))

    def _write_all(self):
        self.wake_reader.recv(4096)
        while not self.out.empty():
            data = self.out.get()
            if data is None:
                raise Closed
            self.tls.sendall(data)

    def _read(self, size):
        data = b""
        while len(data) < size:
            more = self.tls.recv(size - len(data))
            if not more:
                raise Closed
            data += more
        return data

    def _read_packet(self):
        head, size = self._read(1)[0], 0
        for shift in range(0, 28, 7):
            digit = self._read(1)[0]
            size |= (digit & 0x7F) << shift
            if digit < 0x80:
                return head >> 4, head & 0xF, self._read(size)
        raise Closed

    # --- what a device may send

    def _on_connect(self, _flags, reader):
        reader.text()
        what = SimpleNamespace(level=reader.number(1), clean=False, keepalive_s=0, client_id="", user=None, will=None)
        flags, what.keepalive_s, what.client_id = reader.number(1), reader.number(), reader.text()
        what.clean = bool(flags & 0x02)
        if flags & 0x04:
            what.will = Message(reader.text(), reader.take(reader.number()), flags >> 3 & 3, bool(flags & 0x20))
        what.user = reader.text() if flags & 0x80 else None
        if self._judge("connect", what) == REFUSE:
            self.tls.sendall(packet(CONNACK, 0, bytes([0, 1 if what.level != 4 else 5])))
            raise Closed
        known = self.cloud.enter(self, what)
        self.tls.sendall(packet(CONNACK, 0, bytes([known, 0])))
        for unacked in list(self.session.unacked.values()):
            self.tls.sendall(bytes([unacked[0] | 0x08]) + unacked[1:])

    def _on_publish(self, flags, reader):
        topic, qos, retain = reader.text(), flags >> 1 & 3, bool(flags & 1)
        identity = reader.take(2) if qos else None
        does = self._judge("publish", SimpleNamespace(topic=topic, qos=qos, retain=retain, payload_bytes=len(reader.data)))
        if does == SILENCE:
            return
        self.cloud.take(self.session, Message(topic, reader.data, qos, retain))
        if qos:
            self.tls.sendall(packet(PUBACK, 0, identity))

    def _on_subscribe(self, _flags, reader):
        identity, filters = reader.take(2), []
        while reader.data:
            filters.append((reader.text(), reader.number(1)))
        added = [(topic_filter, qos) for topic_filter, qos in filters if topic_filter not in self.session.filters]
        does = self._judge("subscribe", SimpleNamespace(filters=filters, subscribed=len(self.session.filters) + len(added) - len(filters)))
        if does == SILENCE:
            return
        if does != REFUSE:
            self.session.filters.update(filters)
        self.tls.sendall(packet(SUBACK, 0, identity + bytes(0x80 if does == REFUSE else min(qos, 1) for _, qos in filters)))

    def _on_unsubscribe(self, _flags, reader):
        identity = reader.take(2)
        while reader.data:
            self.session.filters.pop(reader.text(), None)
        self.tls.sendall(packet(UNSUBACK, 0, identity))

    def _on_puback(self, _flags, reader):
        self.session.unacked.pop(reader.number(), None)

    def _on_ping(self, _flags, _reader):
        self.tls.sendall(packet(PINGRESP, 0, b""))

    def _on_disconnect(self, _flags, _reader):
        raise Closed

    def _on_nothing(self, _flags, _reader):
        """Of QoS 2, which was not answered."""

    _handlers = {CONNECT: _on_connect, PUBLISH: _on_publish, PUBACK: _on_puback, SUBSCRIBE: _on_subscribe, UNSUBSCRIBE: _on_unsubscribe,
                 PINGREQ: _on_ping, DISCONNECT: _on_disconnect, PUBREL: _on_nothing, PUBREC: _on_nothing, PUBCOMP: _on_nothing}


class StandIn:
    """The cloud @kind of cloud_rules.py, with the certificates of @authority. A device is who its certificate says."""

    def __init__(self, kind, authority, port):
        self.kind, self.port = kind, port
        self.received, self.violations, self.connections = [], [], 0
        self._sessions, self._lock, self._listener = {}, threading.Lock(), None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(authority / "server.pem", authority / "server.key")
        self.context.load_verify_locations(authority / "ca.pem")
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.sni_callback = lambda tls, name, _context: setattr(tls, "server_name", name)
        if kind.alpn:
            self.context.set_alpn_protocols([kind.alpn])

    # --- for the test

    def send(self, topic, payload):
        """To the device; kept for it while it is away. Returns whether it has subscribed to that."""
        payload = payload.encode() if isinstance(payload, str) else payload
        with self._lock:
            return any([session.give(topic, payload) for session in self._sessions.values()])

    def wait_until_subscribed(self, *filters):
        wait_for(f"the device listens to {filters}", lambda: set(filters) <= {f for session in self._sessions.values() for f in session.filters})

    def wait_for_violation(self, name):
        return wait_for(f"a violation of {name}; there were {self.violations}", lambda: [v for v in self.violations if v.name == name])

    def drop(self):
        """Ends all connections, as a cloud does now and then."""
        with self._lock:
            for session in self._sessions.values():
                if session.connection:
                    session.connection.end()

    # --- for the connections

    def tell(self, name, sentence):
        self.violations.append(Violation(name, sentence))

    def enter(self, connection, what):
        """Both clouds end the older connection of the same client id. Returns whether there was a session."""
        with self._lock:
            known = what.client_id in self._sessions and not what.clean
            session = self._sessions[what.client_id] if known else Session()
            if session.connection:
                session.connection.end()
            session.connection, connection.session = connection, session
            self._sessions[what.client_id] = session
            self.connections += 1
            return known

    def take(self, session, message):
        with self._lock:
            self.received.append(message)
            if self.kind.routes:
                for other in self._sessions.values():
                    other.give(message.topic, message.payload)
            elif message.topic.startswith("$iothub/twin/GET/"):
                session.give(message.topic.replace("GET/", "res/200/"), b'{"desired":{"$version":1},"reported":{"$version":1}}')

    # --- as a process

    def start(self):
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=Connection(self, plain).run, daemon=True).start()

    def stop(self):
        if self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self._listener = None
        self.drop()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()


# --- a device of it ---------------------------------------------------------------------------------------------------

class BridgedDevice(Device):
    """A device as devbus-provision makes it for that cloud, with the rights of the service `worker`. One is made for many tests, since
    that takes its time; each begins with restore()."""

    def __init__(self, folder, authority, port, *options, **more):
        manifests = folder / "manifests"
        manifests.mkdir(parents=True)
        (manifests / "worker.acl").write_text("")
        super().__init__(folder / "device", "--services-dir", manifests, "--services-dir", SOURCE / "services" / "bridge", "--device-id", DEVICE, "--cloud-cafile", authority / "ca.pem",
                         "--cloud-certfile", authority / f"{DEVICE}.pem", "--cloud-keyfile", authority / f"{DEVICE}.key", *options,
                         cloud=SimpleNamespace(port=port), host="localhost", **more)
        self.files = {path: path.read_text() for path in (self.output / "mosquitto.d" / "bridge.conf", self.output / "cloud.conf")}
        self.generated = self.files[self.output / "cloud.conf"]  # all that the cloud sees

    def __enter__(self):
        super().__enter__()
        self.tunnel = Program(self, "bridge", "services/bridge/devbus-bridge", DEVBUS_BRIDGE_HEARTBEAT_S="1",
                              DEVBUS_BRIDGE_ECHO_TIMEOUT_S="2").__enter__()
        return self

    def __exit__(self, *failure):
        self.tunnel.__exit__(*failure)
        super().__exit__(*failure)

    def restore(self):
        for path, text in self.files.items():
            path.write_text(text)
        for part in ("data", "state"):
            shutil.rmtree(self.output / part)
            (self.output / part).mkdir()
        (self.folder / "worker.numbers").unlink(missing_ok=True)
        return self

    def change(self, right, instead):
        """These words of the generated files are others now."""
        assert right in self.generated
        for path, text in self.files.items():
            path.write_text(text.replace(right, instead))

    def worker(self, *options):
        return Program(self, "worker", "tests/faults/worker", "worker", self.folder / "worker.numbers", *options)

    def numbers(self):
        """What the worker says it did."""
        path = self.folder / "worker.numbers"
        return Log(path.read_text() if path.exists() else "")
