# SPDX-License-Identifier: Apache-2.0
"""The machine boots once; each test goes on from its saved state in a second, with a machine of its own."""
import shutil

import pytest
from bed import RUN
from bed.vm import VM
from helpers import UNIT, unit, until
from hostconsole import Host


@pytest.fixture(scope="session")
def saved(product):
    vm = VM("system-v", product)
    try:
        vm.start()
        vm.run("systemctl", "is-system-running", "--wait", check=False, timeout=120)
        until(lambda: unit(vm, "ActiveState") == "active", 30, f"udev starts {UNIT} at boot")
        state = vm.save(RUN / "saved")
    finally:
        vm.stop()
    yield state
    shutil.rmtree(state.directory)


@pytest.fixture
def guest(saved):
    vm = saved.resume("system-v")
    yield vm
    vm.stop()


@pytest.fixture
def host(guest):
    """A host on the machine's port; both know each other's version when the test begins."""
    with Host.connect_to(guest.port) as host:
        host.expect("heartbeat", apiVersion=3, within=20)
        host.expect("refresh-set", version=3, within=10)
        yield host
