# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The cloud's side: a client of the cloud's broker that sends commands and writes down all that arrives, in order."""
import json
import threading
import time

import paho.mqtt.client as mqtt


PATIENCE_S = 30  # for what takes no time at all, on a machine that has other things to do


class Message:
    def __init__(self, topic, payload, retained):
        self.topic, self.payload, self.retained, self.at = topic, payload, retained, time.monotonic()

    def event(self):
        """The JSON object, or {} if it is none."""
        try:
            event = json.loads(self.payload)
        except ValueError:
            return {}
        return event if isinstance(event, dict) else {}


class _Client(mqtt.Client):
    """Tells of each connection that is lost. Paho says nothing of one that ends with an error of TLS: its thread dies of it."""

    def __init__(self, lost, **options):
        super().__init__(protocol=mqtt.MQTTv311, **options)
        self.lost, self.on_disconnect = lost, lambda *_: lost.set()

    def loop_forever(self, *words, **options):
        try:
            return super().loop_forever(*words, **options)
        except OSError:
            self.lost.set()


class Cloud:
    """@prefix as on the device, "cloud" unless the bridge maps it. It listens at QoS 0: the broker then writes each event into the
    socket before it reads the next packet, so that a broker that is killed has not confirmed what this client has not got.
    @log_in makes the client of Paho ready for a broker that wants TLS or a password. A broker that confirms before it delivers needs a
    listener with a @session: it listens at QoS 1 and gets what it missed."""

    def __init__(self, port, prefix="", log_in=lambda client: None, session=""):
        self.port, self.prefix, self.messages = port, prefix or "cloud", []
        self._arrived = threading.Condition()
        self._client, self._lost, self._log_in, self._session = None, threading.Event(), log_in, session

    def connect(self):
        ready = threading.Event()
        client = _Client(self._lost, client_id=self._session, clean_session=not self._session)
        self._log_in(client)
        client.max_inflight_messages_set(0)
        client.on_message = self._on_message
        # At each connection: Paho makes a lost one again, and the broker may have forgotten it.
        client.on_connect = lambda *_: client.subscribe(f"{self.prefix}/event/#", 1 if self._session else 0)
        client.on_subscribe = lambda *_: ready.set()
        self._lost.clear()
        client.connect("127.0.0.1", self.port, keepalive=60)
        client.loop_start()
        self._client = client
        assert ready.wait(PATIENCE_S), "the cloud's broker does not answer"

    def disconnect(self):
        if self._client:
            self._client.disconnect()
            self._client.loop_stop()
        self._client = None

    def end(self):
        """Its broker has ended: it reads what there is still to be read."""
        if self._client:
            assert self._lost.wait(PATIENCE_S), "the cloud's broker has not ended"
        self.disconnect()

    def publish(self, tail, payload, retain=False, timeout_s=PATIENCE_S):
        """On @tail behind the prefix, at QoS 1; returns when the cloud's broker has it."""
        if isinstance(payload, dict):
            payload = json.dumps(payload)
        sent = self._client.publish(f"{self.prefix}/{tail}", payload, 1, retain)
        sent.wait_for_publish(timeout_s)
        assert sent.is_published(), "the cloud's broker does not take the command"

    def catch_up(self, timeout_s=60):
        """Returns when all that the cloud's broker has now is in self.messages: it sends in order."""
        since, word = self.mark(), f"{time.monotonic_ns()}"
        self.publish("event/cloud/caught-up", word)
        caught_up = self.wait_for(lambda m: m.topic == "cloud/event/cloud/caught-up" and m.payload == word.encode(), timeout_s, since)
        assert caught_up, "the cloud's broker does not deliver"

    def _on_message(self, _client, _user, message):
        topic = message.topic
        if topic.startswith(self.prefix + "/"):
            topic = "cloud" + topic[len(self.prefix):]
        with self._arrived:
            self.messages.append(Message(topic, message.payload, message.retain))
            self._arrived.notify_all()

    # --- what arrived; topics as on the device, without "cloud/"

    def mark(self):
        with self._arrived:
            return len(self.messages)

    def find(self, condition, since=0):
        with self._arrived:
            return [message for message in self.messages[since:] if condition(message)]

    def wait_for(self, condition, timeout_s, since=0):
        """The first message from number @since on for which @condition holds, or None."""
        end = time.monotonic() + timeout_s
        with self._arrived:
            while True:
                for number in range(since, len(self.messages)):
                    if condition(self.messages[number]):
                        return self.messages[number]
                since = len(self.messages)
                left = end - time.monotonic()
                if left <= 0 or not self._arrived.wait(left):
                    if since == len(self.messages):
                        return None
