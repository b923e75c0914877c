# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""Clouds with which something is wrong: one Mosquitto with a listener for each bad certificate and each bad login, and servers that
are no MQTT broker at all. What is on loopback is enough for all of it; the name that does not resolve is one that never does."""
import getpass
import socket
import ssl
import struct
import subprocess
import threading
from pathlib import Path

from device_kit import Steady
from ports import free_port
from provision_kit import openssl

DEVICE, USER, PASSWORD = "thing-7", "device", "correct-horse"
_POLICY = "policy=policy\nunique_subject=no\n[policy]\ncommonName=supplied\n"


class Certificates:
    """NAME.pem and NAME.key in @folder; those of servers are for loopback, of `authority`, and good from 2020 to 2049, but for
    what their name says. The days of others than today are what `openssl ca` is for."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir()
        for name in ("authority", "stranger"):
            self._self_signed(name)
        self._self_signed("selfsigned", "-addext", "subjectAltName=IP:127.0.0.1")
        self._self_signed("odd\x1b", "-addext", "subjectAltName=DER:30078705C0000201FF", file="odd")  # an address of five bytes
        for name in ("server", DEVICE):
            self._issue(name)
        self._issue("expired", until="210101000000Z")
        self._issue("future", since="480101000000Z")
        self._issue("elsewhere", host="DNS:other.example")
        self._issue("foreign", by="stranger")

    def _self_signed(self, name, *more, file=None):
        file = file or name
        openssl(self.folder, "req", "-x509", *self._key(file), "-days", 9000, "-subj", f"/CN={name}", "-out", f"{file}.pem", *more)

    @staticmethod
    def _key(name):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key"

    def _issue(self, name, since="200101000000Z", until="491231000000Z", host="IP:127.0.0.1", by="authority"):
        (self.folder / "index").write_text("")
        (self.folder / "ca.conf").write_text(
            "[ca]\ndefault_ca=it\n[it]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\nx509_extensions=names\n"
            f"{_POLICY}[names]\nsubjectAltName={host}\n")
        openssl(self.folder, "req", *self._key(name), "-subj", f"/CN={name}", "-out", "request")
        openssl(self.folder, "ca", "-batch", "-notext", "-config", "ca.conf", "-in", "request", "-cert", f"{by}.pem", "-keyfile",
                f"{by}.key", "-startdate", since, "-enddate", until, "-out", f"{name}.pem")

    def __truediv__(self, name):
        return self.folder / name


class BadCloud(Steady):
    """@ports: which listener is where. `plain` has no TLS; `password` asks for one, `mutual` for a certificate; on `mute` nobody
    has a right to any topic."""
    OPEN = "allow_anonymous true\n"
    KINDS = {**dict.fromkeys(("server", "expired", "future", "elsewhere", "selfsigned", "odd", "plain"), OPEN),
             "password": "allow_anonymous false\npassword_file {folder}/passwd\n", "mute": OPEN + "acl_file {folder}/acl\n",
             "mutual": OPEN + "require_certificate true\ncafile {folder}/authority.pem\n"}

    def __init__(self, certificates):
        folder = certificates.folder
        self.ports = {kind: free_port() for kind in self.KINDS}
        (folder / "acl").write_text("topic read nothing\n")
        (folder / "passwd").write_text("")
        subprocess.run(["mosquitto_passwd", "-b", folder / "passwd", USER, PASSWORD], check=True, capture_output=True)
        text = f"user {getpass.getuser()}\nper_listener_settings true\nset_tcp_nodelay true\n"
        for kind, lines in self.KINDS.items():
            name = kind if (folder / f"{kind}.pem").exists() else "server"
            text += f"listener {self.ports[kind]} 127.0.0.1\n{lines.format(folder=folder)}"
            if kind != "plain":
                text += f"certfile {folder}/{name}.pem\nkeyfile {folder}/{name}.key\n"
        super().__init__(folder / "cloud.conf", self.ports["plain"], text)


class Server:
    """Whatever @answer makes of a connection; a thread for each, on a port of its own."""

    def __init__(self, answer):
        self._answer, self._links = answer, []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", free_port()))
        self._listener.listen(16)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            self._links.append(link)
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link):
        try:
            self._answer(link)
        except OSError:
            pass

    def close(self):
        self._listener.close()
        for link in self._links:
            link.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def hangs(link):
    """Takes whatever comes and never says a word."""
    while link.recv(4096):
        pass


def closes(link):
    link.close()


def is_a_web_server(link):
    link.recv(16)
    link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    link.shutdown(socket.SHUT_RDWR)


def talks(*answers):
    """An MQTT broker that gives the nth packet the nth answer; None: closes the connection; callable: gets the packet."""
    def answer(link):
        for words in answers:
            packet = link.recv(4096)
            if words is None:
                link.shutdown(socket.SHUT_RDWR)
                return
            link.sendall(words(packet) if callable(words) else words)
        hangs(link)
    return answer


def over_tls(certificates, answer):
    """The same behind TLS, as the host that it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    return lambda link: answer(context.wrap_socket(link, server_side=True))


def floods_and_tears(link):
    """Lets the device in, sends until no more is taken, and is gone without a word."""
    link.recv(4096)
    link.sendall(connack(0))
    link.settimeout(0.5)
    try:
        while True:
            link.sendall(bytes(65536))
    except OSError:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.close()


def connack(code):
    return bytes((0x20, 2, 0, code))


def suback(code):
    return lambda packet: b"\x90\x03" + packet[2:4] + bytes((code,))
