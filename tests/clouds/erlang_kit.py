# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The brokers that run on Erlang. Debian's start scripts are for a service of the system: they change the user, leave a port
mapper (epmd) behind and find their files in /etc. So the machine is started here as the scripts would, with a mapper of our own."""
import glob
import json
import os
import shutil
import socket
import subprocess

from cloud_kit import APPLICATION, DEVICE, PASSWORD, CloudBroker
from device_kit import _DIE_WITH_PARENT, end, wait_for
from ports import free_port
from provision_kit import has_address


class PortMapper:
    """Tells Erlang's nodes where the others listen; nobody else's."""

    def __init__(self):
        self.port = free_port()
        self._process = subprocess.Popen([*_DIE_WITH_PARENT, "epmd", "-port", str(self.port), "-address", "127.0.0.1"],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("epmd", self._is_open)

    def _is_open(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self):
        end(self._process)

    def environment(self):
        return {"ERL_EPMD_PORT": str(self.port), "ERL_EPMD_ADDRESS": "127.0.0.1"}


class Ejabberd(CloudBroker):
    """A node by itself, or with @node (NAME@localhost) and @mapper one of a cluster."""
    profile = "ejabberd"
    remembers = False
    HOST = "localhost"
    CODE = sorted(glob.glob("/usr/lib/*/ejabberd-[0-9]*"))

    def __init__(self, folder, authority=None, node=None, mapper=None):
        self.node, self.mapper, self.partner = node, mapper, None  # partner: the node whose cluster is joined
        super().__init__(folder, authority)

    @classmethod
    def missing(cls):
        if not (shutil.which("erl") and cls.CODE):
            return "ejabberd is not installed"
        return None if has_address(cls.HOST) else "localhost has no address here"

    def configure(self):
        pem = self.folder / "server-with-key.pem"
        pem.write_text((self.authority / "server.pem").read_text() + (self.authority / "server.key").read_text())
        (self.folder / "ejabberd.yml").write_text(f"""\
hosts: [{self.HOST}]
loglevel: info
certfiles: [{pem}]
auth_method: internal
listen:
  - port: {self.port}
    ip: 127.0.0.1
    module: mod_mqtt
    tls: true
acl:
  application: {{user: {APPLICATION}}}
modules:
  mod_mqtt:
    session_expiry: 1 day
    max_queue: 10000
    access_publish: {{"devices/%u/#": [allow: all], "devices/#": [allow: application]}}
    access_subscribe: {{"devices/%u/#": [allow: all], "devices/#": [allow: application]}}
""")
        (self.folder / "inetrc").write_text('{lookup, ["file", "native"]}.\n{host, {127,0,0,1}, ["localhost"]}.\n')

    def environment(self):
        mapper = self.mapper.environment() if self.mapper else {}
        return {**mapper, "HOME": str(self.folder), "EJABBERD_CONFIG_PATH": str(self.folder / "ejabberd.yml"),
                "EJABBERD_LOG_PATH": str(self.folder / "ejabberd.log"), "ERL_CRASH_DUMP": "/dev/null",
                "ERL_LIBS": os.path.dirname(self.CODE[-1]), "ERL_INETRC": str(self.folder / "inetrc")}

    def command(self):
        users = "".join(f'ejabberd_auth:try_register(<<"{name}">>, <<"{self.HOST}">>, <<"{PASSWORD}">>), '
                        for name in (DEVICE, APPLICATION))
        if self.partner:
            users = f"ok = ejabberd_cluster:join('{self.partner}'), "  # which starts it anew
        network = ["-sname", self.node, "-setcookie", "clouds", "-start_epmd", "false"] if self.node else []
        return ["erl", "-noinput", *network, "+P", 250000, "-kernel", "inet_dist_use_interface", "{127,0,0,1}",
                "-mnesia", "dir", f'"{self.folder}/database"', "-s", "ejabberd", "-eval", f'{users}ok = file:write_file("{self.folder}/ready", <<>>).']

    def start(self):
        """Until its users are there, and it has joined."""
        (self.folder / "ready").unlink(missing_ok=True)
        super().start()

    def is_open(self):
        return super().is_open() and (self.folder / "ready").exists()

    def user(self, name):
        return f"{name}@{self.HOST}"


class RabbitMq(CloudBroker):
    profile = "rabbitmq"
    keeps_order = False  # what was on its way to a listener is put back behind what came meanwhile
    session = APPLICATION  # each listener has a queue, from which it is served later than the device is confirmed
    SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"

    def __init__(self, folder, authority=None):
        self.mapper = PortMapper()
        super().__init__(folder, authority)

    @classmethod
    def missing(cls):
        if not (shutil.which("erl") and os.access(cls.SERVER, os.X_OK)):
            return "rabbitmq-server is not installed"
        return None if has_address("localhost") else "localhost has no address here"

    def configure(self):
        users = {"users": [{"name": name, "password": PASSWORD, "tags": ""} for name in (DEVICE, APPLICATION)],
                 "vhosts": [{"name": "/"}],
                 "permissions": [{"user": name, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"} for name in (DEVICE, APPLICATION)],
                 # Slashes of topics are dots in RabbitMQ.
                 "topic_permissions": [{"user": name, "vhost": "/", "exchange": "amq.topic", "write": topics, "read": topics}
                                       for name, topics in ((DEVICE, rf"^devices\.{DEVICE}\."), (APPLICATION, r"^devices\."))]}
        (self.folder / "users.json").write_text(json.dumps(users))
        (self.folder / "rabbitmq.conf").write_text(f"""\
listeners.tcp = none
load_definitions = {self.folder}/users.json
mqtt.listeners.tcp = none
mqtt.listeners.ssl.1 = 127.0.0.1:{self.port}
mqtt.allow_anonymous = false
mqtt.subscription_ttl = 86400000
ssl_options.cacertfile = {self.authority / 'ca.pem'}
ssl_options.certfile = {self.authority / 'server.pem'}
ssl_options.keyfile = {self.authority / 'server.key'}
ssl_options.verify = verify_none
""")
        (self.folder / "plugins").write_text("[rabbitmq_mqtt].\n")

    def environment(self):
        return {**self.mapper.environment(), "HOME": str(self.folder), "RUNNING_UNDER_SYSTEMD": "true", "ERL_CRASH_DUMP": "/dev/null",
                "RABBITMQ_CONF_ENV_FILE": "/dev/null", "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"), "RABBITMQ_NODENAME": "clouds@localhost",
                "RABBITMQ_MNESIA_BASE": str(self.folder / "database"), "RABBITMQ_LOG_BASE": str(self.folder / "log"),
                "RABBITMQ_PID_FILE": str(self.folder / "pid"), "RABBITMQ_DIST_PORT": str(free_port()),
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"}

    def command(self):
        return [self.SERVER]

    def __exit__(self, *_):
        super().__exit__()
        self.mapper.end()
