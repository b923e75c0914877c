# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A device in QEMU, on a processor that is only emulated: it boots in about 15 s without any right on the host."""

import signal
import subprocess
from pathlib import Path


class Machine:
    """The network of the host is 10.0.2.2 for it, and nobody reaches it from outside."""

    def __init__(self, folder, disk, grub):
        self.disk, self.grub, self.process = Path(disk), Path(grub), None
        self.log_file = Path(folder) / "serial.log"
        self.log_file.unlink(missing_ok=True)

    def start(self):
        serial = Path(f"{self.log_file}.now")
        self.keep_log()
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-m", "768", "-smp", "2", "-no-user-config",
             "-kernel", self.grub, "-drive", f"file={self.disk},format=raw,if=virtio", "-nic", "user,model=virtio-net-pci",
             "-device", "i6300esb", "-display", "none", "-monitor", "none", "-serial", f"file:{serial}"],
            stdin=subprocess.DEVNULL)

    def keep_log(self):
        """QEMU begins its log anew at each start."""
        serial = Path(f"{self.log_file}.now")
        if serial.exists():
            with self.log_file.open("ab") as log:
                log.write(serial.read_bytes())
            serial.unlink()

    def log(self):
        """All that the console showed, of all starts."""
        parts = (self.log_file, Path(f"{self.log_file}.now"))
        return "".join(part.read_text(errors="replace") for part in parts if part.exists())

    def cut_power(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.cut_power()
        self.keep_log()
