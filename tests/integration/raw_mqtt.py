# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""MQTT by hand, for those who do not keep to a client library: any version, any order, wills, topic aliases, passwords that are missing. Nothing
waits for a time: the broker works on a client's packets in their order and on one client after the other, so who has an answer to a ping
has had everything that came before."""
import socket
import struct

V31, V311, V5 = 3, 4, 5
CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 8, 12, 13, 14
TOPIC_ALIAS, RESPONSE_TOPIC, CORRELATION_DATA, AUTHENTICATION_METHOD, SESSION_EXPIRY = 0x23, 0x08, 0x09, 0x15, 0x11  # MQTT 5.0 2.2.2.2
WITH_WILL = b"\x04"  # reason of a DISCONNECT after which the will is sent
FOR_EVER = 0xFFFFFFFF


def number(value):
    encoded = b""
    while True:
        value, low = value >> 7, value & 0x7F
        encoded += bytes([low | (0x80 if value else 0)])
        if not value:
            return encoded


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">H", len(value)) + value


def properties(level, *encoded):
    return number(len(b"".join(encoded))) + b"".join(encoded) if level == V5 else b""


def property_text(identifier, value):
    return bytes([identifier]) + text(value) if value is not None else b""


class RawClient:
    """One connection to @port. @reason is that of its CONNACK, None when there was none; @received what came, as (topic, payload)."""

    def __init__(self, port, address="127.0.0.1", connect=socket.create_connection):
        self.received, self.reason, self.level, self.reasons = [], None, V5, {}
        self._socket, self._rest, self._packet_id = connect((address, port), 10), b"", 0
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connect(self, user=None, password=None, client_id="", level=V5, will=None, will_retain=False, clean=True, method=None):
        """@will: (topic, payload)."""
        self.level = level
        flags = (0x02 if clean else 0) | (0x80 if user is not None else 0) | (0x40 if password is not None else 0)
        if will:
            flags |= 0x04 | (0x20 if will_retain else 0)
        name = b"MQIsdp" if level == V31 else b"MQTT"
        expiry = b"" if clean else bytes([SESSION_EXPIRY]) + struct.pack(">I", FOR_EVER)
        body = text(name) + bytes([level, flags]) + struct.pack(">H", 60)
        body += properties(level, expiry, property_text(AUTHENTICATION_METHOD, method)) + text(client_id)
        if will:
            body += properties(level) + text(will[0]) + text(will[1])
        body += b"".join(text(value) for value in (user, password) if value is not None)
        self._send(CONNECT, 0, body)
        self._read_until(CONNACK)
        return self

    def publish(self, topic, payload, qos=0, retain=False, alias=None, response=None, correlation=None):
        """At QoS 1 returns the reason; None when the broker has hung up."""
        self._packet_id += qos
        alias = bytes([TOPIC_ALIAS]) + struct.pack(">H", alias) if alias else b""
        more = properties(self.level, alias, property_text(RESPONSE_TOPIC, response), property_text(CORRELATION_DATA, correlation))
        self._send(PUBLISH, qos << 1 | retain, text(topic) + (struct.pack(">H", self._packet_id) if qos else b"") + more + text(payload)[2:])
        if qos and self._read_until(PUBACK):
            return self.reasons.get(self._packet_id)
        return None

    def subscribe(self, topic_filter, qos=0):
        self._packet_id += 1
        self._send(SUBSCRIBE, 2, struct.pack(">H", self._packet_id) + properties(self.level) + text(topic_filter) + bytes([qos]))
        return self

    def ping(self):
        """Whether the connection is still there; afterwards all has come that was on its way."""
        self._send(PINGREQ, 0, b"")
        return self._read_until(PINGRESP)

    def leave(self, reason=b""):
        """And wait until the broker has seen it."""
        self._send(DISCONNECT, 0, reason if self.level == V5 else b"")
        self._read_until(None)

    def topics_with(self, payload):
        self.ping()
        return [topic for topic, found in self.received if found == payload]

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _send(self, kind, flags, body):
        try:
            self._socket.sendall(bytes([kind << 4 | flags]) + number(len(body)) + body)
        except OSError:
            pass  # the broker has hung up: reading tells

    def _read_until(self, wanted):
        while (packet := self._next()) is not None:
            kind, flags, body = packet
            if kind == PUBLISH:
                self._take(flags, body)
            elif kind == CONNACK:
                self.reason = body[1]
            elif kind == PUBACK:
                self.reasons[struct.unpack(">H", body[:2])[0]] = body[2] if len(body) > 2 else 0
            if kind == wanted:
                return True
        return False

    def _next(self):
        while (packet := self._split()) is None:
            try:
                data = self._socket.recv(65536)
            except ConnectionError:
                return None
            if not data:
                return None
            self._rest += data
        return packet

    def _split(self):
        length = 0
        for at, byte in enumerate(self._rest[1:5]):
            length |= (byte & 0x7F) << 7 * at
            if byte < 0x80:
                start = at + 2
                if len(self._rest) < start + length:
                    return None
                head, body, self._rest = self._rest[0], self._rest[start:start + length], self._rest[start + length:]
                return head >> 4, head & 0x0F, body
        return None

    def _take(self, flags, body):
        length = struct.unpack(">H", body[:2])[0]
        topic, at = body[2:2 + length].decode(), 2 + length
        if flags & 0x06:
            self._send(PUBACK, 0, body[at:at + 2])
            at += 2
        if self.level == V5:
            assert body[at] < 0x80, "more properties than this reader expects"
            at += 1 + body[at]
        self.received.append((topic, body[at:].decode(errors="replace")))
