# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A device at ejabberd's mod_mqtt."""
from cloud_cases import CloudCases
from erlang_kit import Ejabberd


class TestEjabberd(CloudCases):
    kind = Ejabberd
