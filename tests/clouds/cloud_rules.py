# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What AWS IoT Core and Azure IoT Hub take from a device and what they refuse, as their documents say it: one row a rule. The
stand-in (stand_in.py) enforces the rows on what a device sends; breaches_of_file() holds a generated bridge.conf against the
same rows without any connection.

Sources, by the word in the last column:
  protocols   "Device communication protocols", AWS IoT Core Developer Guide
  mqtt        "MQTT", AWS IoT Core Developer Guide: quality of service, persistent sessions, retained messages, differences from MQTT 3.1.1
  quotas      "AWS IoT Core endpoints and quotas", AWS General Reference: message broker and protocol limits
  keep-alive  "iot disconnected lifecycle event is not generated on device power network loss", AWS re:Post: below 30 s counts as 30 s
  hub         "Communicate with an IoT hub using the MQTT protocol", Azure IoT
  bag         issue 869 of Azure/azure-iot-sdk-c, "Some characters in message property bag ... can disconnect MQTT client"
  MQTT        MQTT 3.1.1, which both claim for what they do not say otherwise
"""
import re
from collections import namedtuple
from types import SimpleNamespace
from urllib.parse import unquote

# What the cloud does with what breaks a rule: ends the connection; says no in CONNACK or SUBACK; takes it without a word and
# does nothing; or takes it and does something else than was meant.
CLOSE, REFUSE, SILENCE, NOTE = "close", "refuse", "silence", "note"

Rule = namedtuple("Rule", "on name broken does source")


def slashes(topic):
    return topic.count("/")


def is_level(level):
    return level == 4  # MQTT 3.1.1; Mosquitto marks a bridge with 0x80


AWS_ALPN = "x-amzn-mqtt-ca"  # MQTT with a client certificate on port 443
AWS_SLASHES, AWS_TOPIC_BYTES, AWS_PAYLOAD_BYTES = 7, 256, 128 * 1024


def aws_policy_allows(topic, who):
    """The policy of this stand-in's account: a thing speaks beneath devices/<its name>/, and is not granted iot:RetainPublish."""
    return topic.startswith(f"devices/{who.device}/")


AWS_RULES = (
    Rule("tls", "no ALPN", lambda p, w: p.alpn != AWS_ALPN, CLOSE, "protocols"),
    Rule("tls", "no server name", lambda p, w: not p.server_name, CLOSE, "protocols"),
    Rule("connect", "protocol level", lambda p, w: not is_level(p.level), REFUSE, "MQTT"),
    Rule("connect", "client id", lambda p, w: p.client_id != w.device, REFUSE, "quotas"),  # by the policy
    Rule("connect", "client id size", lambda p, w: len(p.client_id.encode()) > 128, REFUSE, "quotas"),
    Rule("connect", "keep-alive", lambda p, w: not 30 <= p.keepalive_s <= 1200, NOTE, "keep-alive"),
    Rule("connect", "no session", lambda p, w: p.clean, NOTE, "mqtt"),
    Rule("connect", "will topic", lambda p, w: p.will and not aws_policy_allows(p.will.topic, w), CLOSE, "mqtt"),
    Rule("connect", "will retained", lambda p, w: p.will and p.will.retain, CLOSE, "mqtt"),
    Rule("publish", "QoS 2", lambda p, w: p.qos > 1, SILENCE, "mqtt"),
    Rule("publish", "slashes", lambda p, w: slashes(p.topic) > AWS_SLASHES, CLOSE, "quotas"),
    Rule("publish", "topic size", lambda p, w: len(p.topic.encode()) > AWS_TOPIC_BYTES, CLOSE, "quotas"),
    Rule("publish", "payload size", lambda p, w: p.payload_bytes > AWS_PAYLOAD_BYTES, CLOSE, "quotas"),
    Rule("publish", "retained", lambda p, w: p.retain, CLOSE, "mqtt"),
    Rule("publish", "topic", lambda p, w: not aws_policy_allows(p.topic, w), CLOSE, "mqtt"),
    Rule("subscribe", "QoS 2", lambda p, w: any(qos > 1 for _, qos in p.filters), SILENCE, "mqtt"),
    Rule("subscribe", "slashes", lambda p, w: any(slashes(f) > AWS_SLASHES for f, _ in p.filters), CLOSE, "quotas"),
    Rule("subscribe", "filters at once", lambda p, w: len(p.filters) > 8, CLOSE, "quotas"),
    Rule("subscribe", "topic", lambda p, w: not all(aws_policy_allows(f, w) for f, _ in p.filters), REFUSE, "mqtt"),
)

AZURE_HUB = "localhost"  # the stand-in's host name, which is the first part of the user name
AZURE_PAYLOAD_BYTES, AZURE_SUBSCRIPTIONS = 256 * 1024, 5
AZURE_OUT = (r"devices/{device}/messages/events/.*", r"\$iothub/twin/GET/\?\$rid=[^&]+",
             r"\$iothub/twin/PATCH/properties/reported/\?\$rid=[^&]+", r"\$iothub/methods/res/\d+/\?\$rid=[^&]+")
AZURE_IN = ("devices/{device}/messages/devicebound/#", "$iothub/twin/res/#", "$iothub/twin/PATCH/properties/desired/#",
            "$iothub/methods/POST/#")
_ENCODED = r"(?:[A-Za-z0-9\-_.!~*'()$]|%[0-9A-Fa-f]{2})"  # RFC 2396, 2.3 and 2.4.1; $ begins the hub's own names
_BAG = re.compile(rf"(?:{_ENCODED}+(?:={_ENCODED}*)?)(?:&{_ENCODED}+(?:={_ENCODED}*)?)*/?")


def azure_bag(topic, device):
    """The properties of an event's topic; None if it is no such topic or what is there is no bag."""
    root = f"devices/{device}/messages/events/"
    bag = topic[len(root):]
    if not topic.startswith(root) or (bag and not _BAG.fullmatch(bag)):
        return None
    pairs = [pair.partition("=") for pair in bag.rstrip("/").split("&") if pair]
    return {unquote(name): unquote(value) for name, _, value in pairs}


def azure_takes(topic, who):
    return any(re.fullmatch(form.format(device=re.escape(who.device)), topic) for form in AZURE_OUT)


def azure_user(user, who):
    return re.fullmatch(rf"{re.escape(AZURE_HUB)}/{re.escape(who.device)}/\?api-version=\d{{4}}-\d\d-\d\d", user or "")


def is_event(topic, who):
    return topic.startswith(f"devices/{who.device}/messages/events/")


AZURE_RULES = (
    Rule("connect", "protocol level", lambda p, w: not is_level(p.level), REFUSE, "MQTT"),
    Rule("connect", "client id", lambda p, w: p.client_id != w.device, REFUSE, "hub"),
    Rule("connect", "user name", lambda p, w: not azure_user(p.user, w), REFUSE, "hub"),
    Rule("connect", "keep-alive", lambda p, w: not 0 < p.keepalive_s <= 1177, NOTE, "hub"),
    Rule("connect", "no session", lambda p, w: p.clean, NOTE, "hub"),
    Rule("connect", "will topic", lambda p, w: p.will and azure_bag(p.will.topic, w.device) is None, CLOSE, "hub"),
    Rule("publish", "QoS 2", lambda p, w: p.qos > 1, CLOSE, "hub"),
    Rule("publish", "topic", lambda p, w: not azure_takes(p.topic, w), CLOSE, "hub"),
    Rule("publish", "property bag", lambda p, w: is_event(p.topic, w) and azure_bag(p.topic, w.device) is None, CLOSE, "bag"),
    Rule("publish", "payload size", lambda p, w: p.payload_bytes > AZURE_PAYLOAD_BYTES, CLOSE, "hub"),
    Rule("publish", "retained", lambda p, w: p.retain, NOTE, "hub"),  # a property mqtt-retain; nothing is kept
    Rule("subscribe", "topic", lambda p, w: any(f not in [form.format(device=w.device) for form in AZURE_IN] for f, _ in p.filters),
         REFUSE, "hub"),
    Rule("subscribe", "subscriptions", lambda p, w: len(p.filters) + p.subscribed > AZURE_SUBSCRIPTIONS, REFUSE, "hub"),
)

# routes: what a client publishes comes to those that have subscribed. samples: what matches a pattern of a file.
Cloud = namedtuple("Cloud", "name rules alpn routes samples")
AWS = Cloud("AWS IoT Core", AWS_RULES, AWS_ALPN, True, {})
AZURE = Cloud("Azure IoT Hub", AZURE_RULES, None, False, {"twin/GET/+": "twin/GET/?$rid=1", "messages/events/+": "messages/events/item=x"})


def breaches(cloud, on, packet, who):
    return [rule for rule in cloud.rules if rule.on == on and rule.broken(packet, who)]


# --- a file that was not sent anywhere --------------------------------------------------------------------------------

def settings_of(text):
    """The lines of a bridge.conf: one value a key, and the topics."""
    lines = [line.split(" ") for line in text.splitlines() if line and not line.startswith("#")]
    settings = {key: " ".join(words) for key, *words in lines if key != "topic"}
    return settings, [words for key, *words in lines if key == "topic"]


def longest(pattern):
    """A topic under @pattern as long as the protocol (1.3) lets its levels be."""
    return pattern.replace("#", "/".join(["s" * 64] * 2)).replace("+", "i" * 64)


def packets_of_file(cloud, text):
    """What Mosquitto sends when it reads this."""
    settings, topics = settings_of(text)
    is_on = {key: settings.get(key, "true") == "true" for key in ("try_private", "bridge_outgoing_retain")}
    host, _, _ = settings["address"].rpartition(":")
    yield "tls", SimpleNamespace(alpn=settings.get("bridge_alpn"), server_name=host)
    level = {"mqttv31": 3, "mqttv311": 4, "mqttv50": 5}[settings["bridge_protocol_version"]]
    yield "connect", SimpleNamespace(level=level | 0x80 * is_on["try_private"], client_id=settings["remote_clientid"],
                                     user=settings.get("remote_username"), keepalive_s=int(settings.get("keepalive_interval", "60")),
                                     clean=settings.get("cleansession") == "true", will=None)
    subscribed = 0
    for pattern, direction, qos, local, remote in topics:
        if direction == "out":
            yield "publish", SimpleNamespace(topic=remote + cloud.samples.get(pattern, longest(pattern)), qos=int(qos), retain=is_on["bridge_outgoing_retain"],
                                             payload_bytes=int(settings.get("bridge_max_packet_size", 2 ** 28)))
        else:
            yield "subscribe", SimpleNamespace(filters=[(remote + pattern, int(qos))], subscribed=subscribed)
            subscribed += 1


def breaches_of_file(cloud, text, device):
    """The names of the rules that a bridge with this file would break, sooner or later."""
    who = SimpleNamespace(device=device)
    return {rule.name for on, packet in packets_of_file(cloud, text) for rule in breaches(cloud, on, packet, who)}
