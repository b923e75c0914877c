# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The brokers that run on Erlang. Debian's start scripts are for a service of the system: they change the user, leave a port
mapper (epmd) behind and find their files in /etc. So the machine is started here as the scripts would, with a mapper of our own."""
import glob
import os
import shutil
import socket
import subprocess

from cloud_kit import APPLICATION, DEVICE, PASSWORD, CloudBroker
from device_kit import _DIE_WITH_PARENT, end, free_port, wait_for
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
    HOST = "localhost"
    CODE = sorted(glob.glob("/usr/lib/*/ejabberd-[0-9]*"))

    def __init__(self, folder, authority=None, node=None, mapper=None):
        self.node, self.mapper = node, mapper
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
        network = ["-sname", self.node, "-setcookie", "clouds", "-start_epmd", "false"] if self.node else []
        return ["erl", "-noinput", *network, "+P", 250000, "-kernel", "inet_dist_use_interface", "{127,0,0,1}",
                "-mnesia", "dir", f'"{self.folder}/database"', "-s", "ejabberd", "-eval", f"{users}ok."]

    def user(self, name):
        return f"{name}@{self.HOST}"
