#!/usr/bin/python3
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Takes readings and alarms of all devices from the cloud's broker into an SQLite file; see doc/sensors.md.

Needs python3-paho-mqtt. The session is kept by the broker, and a message is acknowledged when it is in the file: what is published at
QoS 1 while this is down, or is killed, comes later. What comes twice is stored once."""
import argparse
import datetime
import json
import sqlite3

import paho.mqtt.client as mqtt

TABLES = """
CREATE TABLE IF NOT EXISTS readings (time REAL, device TEXT, sensor TEXT, what TEXT, value REAL, unit TEXT, quality TEXT,
                                     PRIMARY KEY (device, sensor, what, time)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alarms (time REAL, device TEXT, sensor TEXT, alarm TEXT, state TEXT, value REAL, unit TEXT,
                                   stream TEXT, seq INTEGER, PRIMARY KEY (device, stream, seq)) WITHOUT ROWID;
"""


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def rows_of_report(device, sensor, event):
    for what in ("min", "max", "mean", "count", "last"):
        if what in event:
            yield seconds(event["time"]), device, sensor, what, event[what], event["unit"], event["quality"]


def rows_of_pack(device, pack):
    """SenML (RFC 8428); bn and bt hold for the records that follow."""
    time, bad = 0, {record["n"].partition("/")[0]: record["vs"] for record in pack if "vs" in record}
    for record in pack:
        time = record.get("bt", time)
        sensor, _, what = record["n"].partition("/")
        if "v" in record:
            yield time, device, sensor, what or "last", record["v"], record.get("u"), bad.get(sensor, "good")


def store(database, device, item, event):
    if item == "alarm":
        alarm = [event.get(name) for name in ("sensor", "alarm", "state", "value", "unit", "stream", "seq")]
        database.execute("INSERT OR IGNORE INTO alarms VALUES (?,?,?,?,?,?,?,?,?)", (seconds(event["time"]), device, *alarm))
    elif item == "batch" or "interval_ms" in event:  # everything else there is the life of a command
        rows = rows_of_pack(device, event["senml"]) if item == "batch" else rows_of_report(device, item, event)
        database.executemany("INSERT OR IGNORE INTO readings VALUES (?,?,?,?,?,?,?)", rows)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("file", help="the database, made if absent")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=1883)
    options.add_argument("--prefix", default="devices/+", help="of the devices' topics at the cloud; + is the device id")
    options.add_argument("--user")
    options.add_argument("--password-file")
    options.add_argument("--ca-file", help="for TLS")
    chosen = options.parse_args()
    database = sqlite3.connect(chosen.file, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(TABLES)
    level = chosen.prefix.split("/").index("+") if "+" in chosen.prefix.split("/") else None

    def on_connect(client, _userdata, _flags, code):
        print("connected" if code == 0 else mqtt.connack_string(code), flush=True)
        client.subscribe(f"{chosen.prefix}/event/sensor/+", 1)

    def on_message(_client, _userdata, message):
        words = message.topic.split("/")
        try:
            with database:
                store(database, words[level] if level is not None else "device", words[-1], json.loads(message.payload))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            print(f"{message.topic}: not stored: {error!r}", flush=True)

    client = mqtt.Client(client_id="readings-to-sqlite", clean_session=False)
    client.on_connect, client.on_message = on_connect, on_message
    if chosen.user:
        client.username_pw_set(chosen.user, open(chosen.password_file, encoding="utf-8").readline().strip())
    if chosen.ca_file:
        client.tls_set(chosen.ca_file)
    client.connect(chosen.host, chosen.port)
    client.loop_forever(retry_first_connection=True)


main()
