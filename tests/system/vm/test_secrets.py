# SPDX-License-Identifier: Apache-2.0
"""The memory for what the host says, in the service as it is confined. Containers let nobody lock memory."""
import re

from helpers import pid_of_agent


def test_memory_is_locked(guest, host):
    """Without a capability for it, within the unit's limit: never swapped, in no core dump, empty in children."""
    host.send({"__name__": "echo", "n": 1})
    host.expect("echo", within=10)
    pid = pid_of_agent(guest)
    flags = [line.split()[1:] for line in guest.run("cat", f"/proc/{pid}/smaps").splitlines() if line.startswith("VmFlags:")]
    secret = [f for f in flags if "wf" in f and "dp" not in f]     # the C library's random numbers are droppable
    assert secret and all({"lo", "dd"} <= set(f) for f in secret), secret
    locked = int(re.search(r"VmLck:\s+(\d+) kB", guest.run("cat", f"/proc/{pid}/status"))[1])
    assert locked >= 64                  # a line of the host's alone
