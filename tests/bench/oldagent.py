# SPDX-License-Identifier: Apache-2.0
"""What the Python agent would have sent in an hour, for a guest whose reports are at hand: its schedule, with its
formatting, at its default rates."""

import json

HEARTBEATS = 3600 // 5
APPLICATION_ROUNDS = 3600 // 120
DISK_ROUNDS = 3600 // 300
CPU_ROUNDS = 3600 // 60

TIMES = {
    'heartbeat': HEARTBEATS,  # always with memory-stat
    'applications': APPLICATION_ROUNDS,
    'containers': APPLICATION_ROUNDS,
    'host-name': APPLICATION_ROUNDS,
    'os-version': APPLICATION_ROUNDS,
    'network-interfaces': APPLICATION_ROUNDS,
    'fqdn': APPLICATION_ROUNDS,
    'disks-usage': DISK_ROUNDS,
    'number-of-cpus': CPU_ROUNDS,
}


def bytes_per_hour(messages):
    """@messages: by name, one of each."""
    return sum(times * (len(json.dumps(messages[name])) + 1) for name, times in TIMES.items())
