# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""What tests of several files begin with."""
import pytest

from bad_cloud_kit import BadCloud, Certificates


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("tls") / "certificates")


@pytest.fixture(scope="module")
def bad_cloud(certificates):
    with BadCloud(certificates) as cloud:
        yield cloud
