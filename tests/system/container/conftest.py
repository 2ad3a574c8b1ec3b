# SPDX-License-Identifier: Apache-2.0
"""Each module of the suite gets a fresh container with the product in it, each test a connected host."""
import helpers
import pytest
from bed import RUN, BedError, host_run
from bed.container import Container
from hostconsole import Host


@pytest.fixture(scope="module")
def loop_device():
    """A block device with a file system for the container, which cannot make one; None where the test's
    host cannot either."""
    RUN.mkdir(parents=True, exist_ok=True)
    image = RUN / "loop.ext4"
    with open(image, "wb") as f:
        f.truncate(32 << 20)
    host_run("mke2fs", "-q", "-t", "ext4", image)
    try:
        device = host_run("losetup", "--find", "--show", image).strip()
    except BedError:
        device = None
    yield device
    if device:
        host_run("losetup", "--detach", device)
    image.unlink()


@pytest.fixture(scope="module")
def nspawn_arguments():
    """More arguments for the module's container; a module overrides this."""
    return []


@pytest.fixture(scope="module")
def flavour():
    """Of the module's root directory; a module overrides this."""
    return "base"


@pytest.fixture(scope="module")
def guest(product, nspawn_arguments, flavour):
    with Container("system-c", product, nspawn_arguments, flavour) as container:
        yield container


@pytest.fixture
def host(guest):
    """A host on the guest's port; both know each other's version when the test begins, and all commands are obeyed."""
    guest.run("systemctl", "start", helpers.UNIT)
    with Host.connect_to(guest.port) as host:
        host.expect("refresh-set", version=3, within=20)
        helpers.until_obeyed(guest)
        yield host
