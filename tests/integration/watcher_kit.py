# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The service `bridge` on a device, with times that are short enough for tests."""
import time

from device_kit import BUILD, SLOWER, Device, Probe, wait_for
from provision_kit import SOURCE

BEAT_S = 1  # heartbeat_s and echo_timeout_s
RECONNECT_S = 0.5  # the longest pause of a service whose broker is back
LOST_AFTER_S = 2 * SLOWER
GRACE_S = 1
NOTICE_S = (2 * BEAT_S + 0.5) * SLOWER  # an echo that was answered just before, the next one, its timeout
SETTINGS = {"HEARTBEAT_S": BEAT_S, "ECHO_TIMEOUT_S": BEAT_S, "LOST_AFTER_S": LOST_AFTER_S, "GRACE_S": GRACE_S}


class Bridge(Probe):
    """devbus-bridge as service of @device."""

    def __init__(self, device):
        super().__init__(device, "bridge", **{f"DEVBUS_BRIDGE_{key}": str(value) for key, value in SETTINGS.items()})
        self.command = [BUILD / "services" / "bridge" / "devbus-bridge"]


class Watched(Device):
    """A device with the rights of the watcher, as its manifest has them."""

    def __init__(self, folder, *options, **more):
        manifests = folder / "manifests"
        manifests.mkdir(parents=True)
        (manifests / "bridge.acl").write_text((SOURCE / "services" / "bridge" / "bridge.acl").read_text())
        super().__init__(folder, "--services-dir", manifests, *options, settings=["keepalive_s=30", f"reconnect_max_ms={int(1000 * RECONNECT_S)}"], **more)

    def monitor(self):
        caller = self.caller("monitor")
        caller.listen("service/#")
        return caller


def wait_for_reason(caller, words, timeout_s):
    began = time.monotonic()
    wait_for(words, lambda: caller.status("bridge").get("state") == "degraded" and words in caller.status("bridge")["reason"],
             timeout_s)
    return time.monotonic() - began
