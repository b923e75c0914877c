# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A name server for a network namespace of a test. It takes the address of the machine's own one, which nobody can reach from
there, so that every program asks it without being told to."""
import ipaddress
import re
import socket
import struct
import subprocess
import threading
from pathlib import Path

PORT = 53
TYPE_A = 1


def address_of_machine():
    """The one that the C library asks first: resolv.conf(5)."""
    path = Path("/etc/resolv.conf")
    found = re.search(r"^nameserver\s+(\S+)", path.read_text() if path.exists() else "", re.M)
    return found[1] if found else "127.0.0.1"


class NameServer:
    """Knows the IPv4 addresses of @names ({name: [address]}) and of nobody else. To be made in the namespace."""

    def __init__(self, names):
        self.names, address = names, ipaddress.ip_address(address_of_machine())
        if not address.is_loopback:
            subprocess.run(["ip", "address", "add", f"{address}/{address.max_prefixlen}", "dev", "lo"], check=True)
        self._socket = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((str(address), PORT))
        self._socket.settimeout(0.2)
        self._open = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self):
        self._open = False
        self._thread.join(10)
        self._socket.close()

    def _run(self):
        while self._open:
            try:
                query, asker = self._socket.recvfrom(512)
                self._socket.sendto(self._answer(query), asker)
            except TimeoutError:
                pass

    def _answer(self, query):
        """RFC 1035, 4.1. The names have a time to live of 0: nobody may remember them."""
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        question = query[12:at + 5]
        addresses = self.names.get(".".join(labels).lower())
        records = addresses if addresses and question[-4:-2] == struct.pack(">H", TYPE_A) else []
        header = query[:2] + struct.pack(">HHHHH", 0x8580 if addresses else 0x8583, 1, len(records), 0, 0)
        return header + question + b"".join(
            struct.pack(">HHHLH", 0xC00C, TYPE_A, 1, 0, 4) + ipaddress.ip_address(address).packed for address in records)
