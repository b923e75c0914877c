# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A device at a broker made with Aedes. $DEVBUS_AEDES is the folder in which `npm install aedes` was run."""
import os
import shutil
from pathlib import Path

from cloud_cases import CloudCases
from cloud_kit import APPLICATION, DEVICE, PASSWORD, CloudBroker


class Aedes(CloudBroker):
    profile = "aedes"
    remembers = False

    @classmethod
    def missing(cls):
        if not shutil.which("node"):
            return "node is not installed"
        folder = os.environ.get("DEVBUS_AEDES")
        if not (folder and (Path(folder) / "node_modules" / "aedes").is_dir()):
            return "no Aedes: npm install aedes, and its folder in DEVBUS_AEDES"
        return None

    def command(self):
        return ["node", Path(__file__).with_name("aedes-broker.js"), self.port, self.authority / "server.pem",
                self.authority / "server.key", PASSWORD, DEVICE, APPLICATION]


class TestAedes(CloudCases):
    kind = Aedes
