# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A device at a Mosquitto that asks for a password, and at one that asks for a certificate."""
from cloud_cases import CloudCases
from cloud_kit import Mosquitto, MutualMosquitto


class TestTls(CloudCases):
    kind = Mosquitto


class TestMutualTls(CloudCases):
    kind = MutualMosquitto
