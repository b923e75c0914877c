# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""A device at RabbitMQ."""
from cloud_cases import CloudCases
from erlang_kit import RabbitMq


class TestRabbitMq(CloudCases):
    kind = RabbitMq
