# SPDX-License-Identifier: Apache-2.0
"""The programs that are measured, and the host's side of their ports."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import tempfile
import time

SYNC = '{"execute": "guest-sync", "arguments": {"id": 4711}}'


def monotonic():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) / 1e9


class Cgroup:
    """Counts the CPU time of a program and of all its children, those that are gone included, in nanoseconds."""
    count = 0

    def __init__(self):
        Cgroup.count += 1
        name = f'ovirt-bench-{os.getpid()}-{Cgroup.count}'
        old = '/sys/fs/cgroup/cpuacct'
        self.path = os.path.join(old if os.path.isdir(old) else '/sys/fs/cgroup', name)
        os.mkdir(self.path)

    def cpu(self):
        """Seconds."""
        with open(os.path.join(self.path, 'cpuacct.usage' if 'cpuacct' in self.path else 'cpu.stat')) as f:
            text = f.read()
        usec = re.search(r'usage_usec (\d+)', text)
        return int(usec[1]) / 1e6 if usec else int(text) / 1e9

    def close(self):
        deadline = monotonic() + 5
        while True:
            try:
                os.rmdir(self.path)
                return
            except OSError:
                if monotonic() > deadline:
                    raise
                time.sleep(0.01)


class Program:
    """A process in a control group of its own. @prepare is shell code that runs before it in the same process."""

    running = []

    def __init__(self, argv, prepare='', unshare=(), environment=None, pass_fds=()):
        self.cgroup = Cgroup()
        script = f'set -e\necho $$ >{self.cgroup.path}/cgroup.procs\n{prepare}\nexec "$@"'
        namespaces = ['unshare', *unshare, '--'] if unshare else []
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen([*namespaces, 'sh', '-c', script, 'sh', *argv], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.log, env=environment, pass_fds=pass_fds)
        self.pid = self.process.pid
        self.running.append(self)

    def cpu(self):
        return self.cgroup.cpu()

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors='replace')

    def wakeups(self):
        """Of all its threads."""
        total = 0
        for thread in os.listdir(f'/proc/{self.pid}/task'):
            with open(f'/proc/{self.pid}/task/{thread}/status') as f:
                total += int(re.search(r'\nvoluntary_ctxt_switches:\s*(\d+)', f.read())[1])
        return total

    def memory(self):
        """(private, resident) KiB."""
        with open(f'/proc/{self.pid}/smaps_rollup') as f:
            fields = dict(re.findall(r'^(\w+): +(\d+) kB', f.read(), re.M))
        return int(fields['Private_Clean']) + int(fields['Private_Dirty']), int(fields['Rss'])

    def close(self):
        self.running.remove(self)
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()
        self.cgroup.close()


class Link:
    """One end of a byte stream of lines."""

    def __init__(self, fd):
        self.fd = fd
        self.buffer = b''
        self.lines = []  # (when, bytes)

    def read(self, until):
        """The next (when, line), or None if there is none until then."""
        while not self.lines:
            if not select.select([self.fd], [], [], max(0, until - monotonic()))[0]:
                return None
            data = os.read(self.fd, 1 << 20)
            if not data:
                raise EOFError('the agent closed its port')
            *lines, self.buffer = (self.buffer + data).split(b'\n')
            now = monotonic()
            self.lines += [(now, line + b'\n') for line in lines]
        return self.lines.pop(0)

    def messages(self, until):
        """All (when, line, parsed) until then."""
        while entry := self.read(until):
            yield entry[0], entry[1], json.loads(entry[1])

    def expect(self, name, within=10.0):
        for when, line, message in self.messages(monotonic() + within):
            if message['__name__'] == name:
                return when, line, message
        raise TimeoutError(f'no {name} within {within} s')

    def send(self, name, **members):
        os.write(self.fd, json.dumps({**members, '__name__': name}).encode() + b'\n')


class Host:
    """Listens on a UNIX socket for a program to come."""

    def __init__(self, directory):
        self.path = tempfile.mktemp(dir=directory, prefix='port-')
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.settimeout(30)

    def accept(self):
        self.connection, _ = self.listener.accept()
        self.link = Link(self.connection.fileno())
        return self.link

    def close(self):
        self.connection.close()
        self.listener.close()
        os.unlink(self.path)


class Agent:
    """The system agent, and the host that it has agreed on the protocol with."""

    def __init__(self, bench, config='', negotiate=True, bus=None, **options):
        self.host = Host(bench.directory)
        self.config = self.host.path + '.conf'
        with open(self.config, 'w') as f:
            f.write(config)
        self.program = Program([*self.command(bench, self.host.path), '--config', self.config],
                               environment={**bench.environment, 'DBUS_SYSTEM_BUS_ADDRESS': (bus or bench.bus).address},
                               **options)
        try:
            self.link = self.host.accept()
        except TimeoutError:
            raise RuntimeError('the agent does not come: ' + self.program.said()) from None
        if negotiate:
            self.negotiate()

    @staticmethod
    def command(bench, path):
        return [bench.agent, '--port', f'ovirt-guest-agent.0={path}']

    def negotiate(self):
        """VDSM's part. Afterwards the first complete report is in."""
        self.link.send('refresh', apiVersion=3)
        while self.link.expect('heartbeat')[2]['apiVersion'] != 3:
            pass
        self.link.send('api-version', apiVersion=3)
        self.link.expect('os-info')
        self.refresh()

    def refresh(self):
        """Seconds from a refresh to the last line of what it asks for."""
        begin = monotonic()
        self.link.send('refresh', apiVersion=3)
        return self.link.expect('os-info')[0] - begin

    def close(self):
        self.program.close()
        self.host.close()
        os.unlink(self.config)


class SessionAgent(Program):
    """A session agent of the session @session, which is of the user @uid."""

    def __init__(self, bench, session, uid, **environment):
        address = bench.environment['DBUS_SYSTEM_BUS_ADDRESS']
        super().__init__(['setpriv', f'--reuid={uid}', f'--regid={uid}', '--clear-groups', bench.session_agent],
                         environment={**bench.environment, 'DBUS_SESSION_BUS_ADDRESS': address,
                                      'XDG_SESSION_ID': session, **environment})

    def is_registered(self):
        return 'Registered session' in self.said()


class Reference:
    def __init__(self, bench, seconds):
        self.host = Host(bench.directory)
        self.program = Program([bench.reference, self.host.path, str(seconds)])
        self.link = self.host.accept()
        self.link.expect('heartbeat')

    @staticmethod
    def command(bench, path):
        return [bench.reference, path, '5']

    def close(self):
        self.program.close()
        self.host.close()


class QemuGuestAgent:
    """The stock QEMU guest agent, which listens itself here."""

    def __init__(self, bench):
        self.path = tempfile.mktemp(dir=bench.directory, prefix='qga-')
        self.program = Program(['qemu-ga', '-m', 'unix-listen', '-p', self.path, '-t', bench.directory,
                                '-f', self.path + '.pid'])
        self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        deadline = monotonic() + 10
        while self.connection.connect_ex(self.path):
            if monotonic() > deadline:
                raise TimeoutError('qemu-ga does not listen')
            time.sleep(0.01)
        self.link = Link(self.connection.fileno())

    def close(self):
        self.connection.close()
        self.program.close()


class Bus:
    """A private system bus with a login manager of ours on it."""

    running = []

    def __init__(self, directory, source):
        self.running.append(self)
        self.config = os.path.join(directory, 'bus.conf')
        self.address = f'unix:path={directory}/bus'
        with open(self.config, 'w') as f:
            f.write(f'<busconfig><listen>{self.address}</listen><auth>EXTERNAL</auth>'
                    '<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>'
                    '<allow receive_sender="*"/></policy>'
                    # It is every user's session bus, too.
                    '<limit name="max_incomplete_connections">1000</limit></busconfig>')
        self.daemon = subprocess.Popen(['dbus-daemon', f'--config-file={self.config}', '--nofork',
                                        '--print-address'], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL)
        self.daemon.stdout.readline()
        self.login1 = subprocess.Popen([os.path.join(source, 'login1'), self.address], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)
        self.login1.stdout.readline()

    def tell(self, *words):
        """Has the login manager say something; the time at which it began to."""
        self.login1.stdin.write(' '.join(words).encode() + b'\n')
        self.login1.stdin.flush()
        return int(self.login1.stdout.readline()) / 1e9

    def close(self):
        self.running.remove(self)
        self.login1.stdin.close()
        for process in self.login1, self.daemon:
            process.terminate()
            process.wait()


def stop(pid):
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
