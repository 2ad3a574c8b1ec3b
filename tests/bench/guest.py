# SPDX-License-Identifier: Apache-2.0
"""An ordinary guest, made up: a desktop where somebody is logged in and does nothing. What the agent reads of it lies
in namespaces of its own, and moves as time goes by. README.md says what it consists of."""

import os
import random

MIB = 1024  # KiB, as /proc/meminfo has it
TOTAL, SWAP = 4096 * MIB, 2048 * MIB
STEP = 5  # seconds from one of its states to the next: a heartbeat's
BURST = 300 // STEP  # every five minutes something is done: mail is fetched, a timer of the system's runs
# Of the packages that the default list asks for, those of a desktop with two kernels.
REPORTED = ('linux-image-6.1.0-27-amd64', 'linux-image-6.1.0-28-amd64', 'qemu-guest-agent', 'spice-vdagent',
            'xserver-xorg-video-qxl')
DISKS = ('vda', 'vdb', 'vdc', 'vdd')
NICS, FILE_SYSTEMS = 3, 6
MOUNT_POINTS = ('/boot', '/home', '/media', '/mnt', '/opt', '/srv', '/usr/games', '/usr/local', '/usr/src',
                '/var/local', '/var/opt')


def write_packages(directory, n, names=()):
    """dpkg's list of @n packages, and of those with @names."""
    with open(os.path.join(directory, 'status'), 'w') as f:
        for i, name in enumerate([f'package-{i}' for i in range(n)] + list(names)):
            f.write(f'Package: {name}\nStatus: install ok installed\nPriority: optional\nSection: libs\n'
                    f'Installed-Size: {i}\nMaintainer: Somebody <somebody@example.org>\nArchitecture: amd64\n'
                    f'Version: 1:{i}.2.3-4+deb12u1\nDepends: libc6 (>= 2.36), package-{i // 2}\n'
                    f'Provides: virtual-{i % 50}\nDescription: the package number {i}\n'
                    + ' The long description of a package takes several lines of text in the file,\n' * 6
                    + 'Homepage: https://www.example.org/\n\n')


class OrdinaryGuest:
    """@directory: for what it is made of; @needed: paths that must stay where they are. @shell makes the guest, in
    new namespaces @unshare."""

    unshare = ['-n', '-m', '-u']
    # Its file systems are of the one type that needs no disk.
    config = 'ignored_fs = [!t]*\n'

    def __init__(self, directory, needed):
        self.directory = directory
        self._needed = [directory, *needed]
        self._random = random.Random(4711)
        self._steps, self._free, self._cached = 0, 900 * MIB, 1500 * MIB
        self._faults = self._major_faults = 0
        for name in 'dpkg', 'run/udev/data', *(f'block/{disk}' for disk in DISKS):
            os.makedirs(os.path.join(directory, name))
        for i, disk in enumerate(DISKS):
            self._write(f'block/{disk}/dev', f'252:{16 * i}\n')
            self._write(f'run/udev/data/b252:{16 * i}', f'E:ID_SERIAL=5d1f1c9e-6a35-4c3b-{i}\n')
        write_packages(os.path.join(directory, 'dpkg'), 1000, REPORTED)
        self._write('hosts', '127.0.0.1 localhost\n192.0.2.7 desktop-7.example.org desktop-7\n')
        self._write_memory(0)

    def _write(self, name, text):
        with open(os.path.join(self.directory, name), 'w') as f:
            f.write(text)

    def _is_needed(self, mount_point):
        return any(path.startswith(mount_point.rstrip('/') + '/') for path in self._needed)

    @property
    def shell(self):
        with open('/proc/self/mounts') as f:
            others = [fields[1] for fields in map(str.split, f) if fields[2].startswith('t')]
        others = [path for path in others if not self._is_needed(path)]
        places = [path for path in MOUNT_POINTS if os.path.isdir(path) and not self._is_needed(path)][:FILE_SYSTEMS]
        self._log = places[0] + '/log'
        mounts = '\n'.join(f'mount -t tmpfs -o size={10 + i}g none {path}' for i, path in enumerate(places))
        nics = '\n'.join(f'link add eth{i} address 52:54:00:ab:cd:0{i} type bridge\n'
                         f'addr add 192.0.2.{7 + i}/24 dev eth{i}\n'
                         f'addr add 2001:db8::{7 + i}/64 dev eth{i} nodad\n'
                         f'addr add fe80::5054:ff:feab:cd0{i}/64 dev eth{i} nodad\n'
                         f'link set eth{i} up' for i in range(NICS))
        return f'''
            hostname desktop-7
            for i in {' '.join(others)}; do umount -l $i || true; done
            {mounts}
            cd {self.directory}
            mount --bind dpkg /var/lib/dpkg
            mount --bind block /sys/block
            mount --bind run /run
            mount --bind hosts /etc/hosts
            for i in meminfo vmstat; do mount --bind $i /proc/$i; done
            cd /
            printf %b {nics!r} | ip -batch -
        '''

    def _write_memory(self, in_use):
        # Always of one length, and in place: a file that is mounted cannot be replaced.
        for name, form, figures in (
                ('meminfo', '{}: {:12} kB\n', {
                    'MemTotal': TOTAL, 'MemFree': self._free - in_use,
                    'MemAvailable': self._free - in_use + self._cached * 9 // 10, 'Buffers': 90 * MIB,
                    'Cached': self._cached, 'SwapTotal': SWAP, 'SwapFree': SWAP - 12 * MIB}),
                ('vmstat', '{} {:012}\n', {
                    'pswpin': 17, 'pswpout': 3072, 'pgfault': self._faults, 'pgmajfault': self._major_faults})):
            fd = os.open(os.path.join(self.directory, name), os.O_WRONLY | os.O_CREAT, 0o644)
            os.pwrite(fd, ''.join(form.format(*x) for x in figures.items()).encode(), 0)
            os.close(fd)

    def step(self, root, seconds):
        """Five of its seconds go by, in @seconds of ours. @root: where its root directory is seen from here."""
        self._steps += 1
        since = self._steps % BURST - BURST // 2
        self._free += self._random.randint(-2 * MIB, 2 * MIB)
        self._cached += self._random.randint(0, MIB // 2)
        # A program that starts reads itself in, and takes what it needs for a quarter of a minute.
        # Rates are by the agent's clock, which is ours.
        self._faults += int(seconds * (2000 if since == 0 else 300))
        self._major_faults += int(seconds * (50 if since == 0 else self._random.choice((0, 0, 0, 1))))
        self._write_memory(80 * MIB if 0 <= since < 3 else 0)
        with open(root + self._log, 'ab') as f:
            f.write(b'x' * 8192)
