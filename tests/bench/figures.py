# SPDX-License-Identifier: Apache-2.0
"""The measurements. Each yields rows; README.md says what they mean."""

import collections
import os
import pty
import pwd
import shutil
import statistics
import subprocess
import threading
import tty

import oldagent
from guest import STEP, OrdinaryGuest, write_packages
from programs import (SYNC, Agent, Bus, Host, Link, Program, QemuGuestAgent, Reference, SessionAgent, monotonic,
                      stop)

# The default rates, five times as fast: a minute shows five, each kind of wake-up in its proportion.
SPEED = 5
FAST = '[general]\n' + '\n'.join(f'{key} = {seconds // SPEED}' for key, seconds in (
    ('heart_beat_rate', 5), ('report_user_rate', 10), ('report_num_cpu_rate', 60),
    ('report_application_rate', 120), ('report_disk_usage', 300))) + '\n'
ECHO = '{"text": "The quick brown fox", "number": 4711, "__name__": "echo"}'

Row = collections.namedtuple('Row', 'figure unit ours reference aim value')
Row.__doc__ = """@value is what the aim, a pair of "<=" or ">=" and a number, is for; without an aim the row is for
information only. @reference may be None."""


# --- first line --------------------------------------------------------------------------------------------

def spawn(bench, command):
    """What it has to say on its standard error is of no interest."""
    return os.posix_spawnp(command[0], command, bench.environment,
                           file_actions=[(os.POSIX_SPAWN_OPEN, 2, '/dev/null', os.O_WRONLY, 0)])


def first_line(bench, program):
    """Seconds from just before the program is started to its first byte."""
    host = Host(bench.directory)
    command = program.command(bench, host.path)
    begin = monotonic()
    pid = spawn(bench, command)
    link = host.accept()
    when = link.read(begin + 10)[0]
    stop(pid)
    host.close()
    return when - begin


def first_answer_of_qemu_ga(bench):
    """The same for an answer to a question that waits for it in a terminal."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.write(master, SYNC.encode() + b'\n')
    command = ['qemu-ga', '-m', 'virtio-serial', '-p', os.ttyname(slave), '-t', bench.directory,
               '-f', os.path.join(bench.directory, 'qga.pid')]
    begin = monotonic()
    pid = spawn(bench, command)
    when = Link(master).read(begin + 10)[0]
    stop(pid)
    os.close(master)
    os.close(slave)
    return when - begin


def start(bench):
    # In turns, so that a busy moment of the machine is everybody's.
    rounds = [(first_line(bench, Agent), first_line(bench, Reference),
               first_answer_of_qemu_ga(bench) if bench.qga else 0) for _ in range(30)]
    ours, reference, qga = (statistics.median(column) * 1e3 for column in zip(*rounds))
    yield Row('first line after start', 'ms', ours, reference, ('<=', 10), ours)
    if bench.qga:
        yield Row('first line after start / qemu-ga', 'ms', ours, qga, None, None)


# --- idle --------------------------------------------------------------------------------------------------

def idle(bench):
    # What others mount or plug in meanwhile is not idleness.
    agent, reference = Agent(bench, FAST, unshare=['-n', '-m']), Reference(bench, 1)
    end = monotonic() + 3
    for link in agent.link, reference.link:
        list(link.messages(end))

    def sample(program):
        return program.wakeups(), program.cpu()

    before = sample(agent.program), sample(reference.program)
    end = monotonic() + bench.idle_seconds
    beats = [sum(m['__name__'] == 'heartbeat' for _, _, m in link.messages(end))
             for link in (agent.link, reference.link)]
    after = sample(agent.program), sample(reference.program)
    wakeups, cpu = ([(after[i][j] - before[i][j]) / beats[i] for i in (0, 1)] for j in (0, 1))
    yield Row('wake-ups per heartbeat, idle', '', *wakeups, ('<=', 1.2), wakeups[0])
    yield Row('CPU per heartbeat, idle', 'us', cpu[0] * 1e6, cpu[1] * 1e6, ('<= ratio', 3), cpu[0] / cpu[1])
    reference.close()
    agent.close()


# --- echo --------------------------------------------------------------------------------------------------

def hammer(bench, target, count, window, request, answer):
    fd = target.link.fd
    done = subprocess.run([bench.hammer, str(fd), str(count), str(window), request, answer], check=True,
                          pass_fds=[fd], stdout=subprocess.PIPE, text=True)
    took, median = map(int, done.stdout.split())
    return took / 1e9, median / 1e3


def measure_echo(bench, targets):
    """For each target (program, request, answer): the best of some rounds of the median round trip in us, and of
    the answers a second, and the CPU time of an answer in us. The targets take turns."""
    trips, rates, cpu = ([[] for _ in targets] for _ in range(3))
    for _ in range(7):
        for i, target in enumerate(targets):
            trips[i].append(hammer(bench, target[0], 4000, 1, *target[1:])[1])
            before = target[0].program.cpu()
            rates[i].append(20000 / hammer(bench, target[0], 20000, 512, *target[1:])[0])
            cpu[i].append((target[0].program.cpu() - before) / 20000 * 1e6)
    return [(min(trips[i]), max(rates[i]), min(cpu[i])) for i in range(len(targets))]


def echo(bench):
    agent, reference = Agent(bench), Reference(bench, 5)
    targets = [(agent, ECHO, '"echo"'), (reference, ECHO, '"echo"')]
    if bench.qga:
        targets.append((QemuGuestAgent(bench), SYNC, '4711'))
    ours, ref, *qga = measure_echo(bench, targets)
    yield Row('echo round trip', 'us', ours[0], ref[0], ('<= ratio', 1.5), ours[0] / ref[0])
    yield Row('echoes per second, in a pipe', '', ours[1], ref[1], ('>=', 40000), ours[1])
    yield Row('CPU per echo, in a pipe', 'us', ours[2], ref[2], None, None)
    for q in qga:
        yield Row('echo / guest-sync of qemu-ga round trip', 'us', ours[0], q[0], None, None)
        yield Row('echo / guest-sync of qemu-ga per second', '', ours[1], q[1], None, None)
        yield Row('echo / guest-sync of qemu-ga CPU', 'us', ours[2], q[2], None, None)
    for target, *_ in targets:
        target.close()


# --- refresh -----------------------------------------------------------------------------------------------

def touch_packages(directory):
    """As dpkg does it: a new file in place of the old."""
    status = os.path.join(directory, 'status')
    shutil.copy(status, status + '-new')
    os.rename(status + '-new', status)


def refresh_cpu(agent, n, directory=None):
    """CPU seconds of one refresh, of the agent and its children; with @directory, after a change of packages."""
    before = agent.program.cpu()
    for _ in range(n):
        if directory:
            touch_packages(directory)
        agent.refresh()
    return (agent.program.cpu() - before) / n


def refresh(bench):
    directory = os.path.join(bench.directory, 'dpkg')
    os.mkdir(directory)
    if os.path.exists('/var/lib/dpkg/status'):
        shutil.copy('/var/lib/dpkg/status', directory)
    else:
        write_packages(directory, 1000)
    agent = Agent(bench, prepare=f'mount --bind {directory} /var/lib/dpkg', unshare=['-m'])
    cpu = min(refresh_cpu(agent, 40, directory) for _ in range(5)) * 1e3
    yield Row('CPU of a refresh, packages changed', 'ms', cpu, None, None, None)
    cpu = min(refresh_cpu(agent, 40) for _ in range(5)) * 1e3
    yield Row('CPU of a refresh', 'ms', cpu, None, ('<=', 3), cpu)
    agent.close()


def big_refresh(bench):
    directory = os.path.join(bench.directory, 'dpkg-big')
    os.mkdir(directory)
    write_packages(directory, 2000)
    # The mounts are of a type that is reported, each with a size of its own.
    prepare = f'''
        mount --bind {directory} /var/lib/dpkg
        mount -t tmpfs -o mode=755 none /mnt
        mkdir $(seq -f /mnt/%g 500)
        seq -f 'none /mnt/%g tmpfs size=1m 0 0' 500 >{directory}/fstab
        mount -a -T {directory}/fstab
        for i in $(seq 200); do
                echo "link add bench$i type bridge"
                echo "addr add 10.9.$i.1/24 dev bench$i"
                echo "link set bench$i up"
        done | ip -batch -
    '''
    config = ('[general]\nheart_beat_rate = 1\nignored_fs = proc sysfs cgroup cgroup2 devtmpfs devpts\n'
              'applications_list = package-*\n')
    agent = Agent(bench, config, negotiate=False, prepare=prepare, unshare=['-n', '-m'])
    agent.negotiate()
    agent.link.send('refresh', apiVersion=3)
    have = {}
    for _, _, m in agent.link.messages(monotonic() + 4):  # new addresses settle for a while
        have[m['__name__']] = m
    sizes = (len(have['disks-usage']['disks']), len(have['applications']['applications']),
             len(have['network-interfaces']['interfaces']))
    if sizes[0] < 500 or sizes[1] < 2000 or sizes[2] != 200:
        raise RuntimeError(f'the big guest is not reported: {sizes} file systems, packages, interfaces')

    cpu = min(refresh_cpu(agent, 5, directory) for _ in range(4)) * 1e3
    yield Row('CPU of a big refresh', 'ms', cpu, None, ('<=', 100), cpu)

    # Ten seconds of nothing but refreshes; a heartbeat is due a second after the last one.
    end, beats, busy = monotonic() + 10, [], False
    while monotonic() < end:
        if not busy:
            touch_packages(directory)
            agent.link.send('refresh', apiVersion=3)
            busy = True
        entry = agent.link.read(end)
        if entry and entry[1].startswith(b'{"__name__":"heartbeat"'):
            beats.append(entry[0])
        busy = busy and not (entry and b'"os-info"' in entry[1])
    late = max(b - a for a, b in zip([end - 10, *beats], [*beats, end])) - 1
    yield Row('latest heartbeat during big refreshes', 's', max(late, 0), None, ('<=', 0.5), late)
    agent.close()


# --- memory ------------------------------------------------------------------------------------------------

def memory(bench):
    loader = Program([bench.loader])
    loader.process.stdout.readline()
    agent = Agent(bench)
    for _ in range(3):
        agent.refresh()
    list(agent.link.messages(monotonic() + 6))
    # Both run, so that what either maps of the libraries is the other's too, as in a guest.
    ours, reference = agent.program.memory(), loader.memory()
    yield Row('private memory (USS)', 'KiB', ours[0], reference[0], ('<=', 1536), ours[0])
    yield Row('resident memory (RSS)', 'KiB', ours[1], reference[1], ('<= ratio', 1.4), ours[1] / reference[1])
    loader.close()
    agent.close()


# --- bytes -------------------------------------------------------------------------------------------------

class Traffic(threading.Thread):
    """An agent in the ordinary guest, recorded while other measurements go on. The guest's time, and what the agent
    does by the clock, is five times as fast as ours."""

    def __init__(self, bench):
        super().__init__()
        directory = os.path.join(bench.directory, 'guest')
        os.mkdir(directory)
        self.guest = OrdinaryGuest(directory, [bench.agent, bench.directory])
        # Whoever logs in elsewhere does not do it here.
        self.bus = Bus(directory, bench.here)
        self.bus.tell('login', '1', 'alice')
        self.agent = Agent(bench, FAST + self.guest.config, bus=self.bus, prepare=self.guest.shell,
                           unshare=self.guest.unshare)
        self.seconds = bench.traffic_seconds
        self.lines, self.error = [], None
        self.start()

    def run(self):
        root, begin, steps = f'/proc/{self.agent.program.pid}/root', monotonic(), 0
        try:
            while monotonic() < begin + self.seconds:
                self.guest.step(root, STEP / SPEED)
                steps += 1
                self.lines += self.agent.link.messages(begin + steps * STEP / SPEED)
        except (EOFError, OSError, ValueError) as e:
            self.error = e

    def close(self):
        self.agent.close()
        self.bus.close()


def traffic(bench, recording):
    recording.join()
    if recording.error:
        raise recording.error
    # A last refresh shows all that there is to tell.
    recording.agent.link.send('refresh', apiVersion=3)
    everything = {m['__name__']: (line, m)
                  for _, line, m in recording.agent.link.messages(monotonic() + 3)}
    everything.update((m['__name__'], (line, m)) for _, line, m in recording.lines if m['__name__'] == 'number-of-cpus')
    if 'memory-stat' not in everything['heartbeat'][1]:
        everything['heartbeat'] = next((line, m) for _, line, m in recording.lines if 'memory-stat' in m)
    recording.close()

    sent = collections.Counter()
    for _, line, m in recording.lines:
        sent['memory-stat' if 'memory-stat' in m else m['__name__']] += len(line)
    ours = 3600 / (recording.seconds * SPEED) * sent.total()
    # What comes by a clock that cannot be made faster: memory-stat six times an hour, and once an hour all reports.
    ours += 6 * len(everything['heartbeat'][0])
    ours += sum(len(line) for name, (line, _) in everything.items() if name != 'heartbeat')
    old = oldagent.bytes_per_hour({name: m for name, (_, m) in everything.items()})
    yield Row('KiB to the host per hour / old agent', 'KiB', ours / 1024, old / 1024, ('>= inverse', 5), old / ours)


# --- login -------------------------------------------------------------------------------------------------

def login(bench):
    agent, times = Agent(bench), []
    for i in range(20):
        begin = bench.bus.tell('login', str(i), f'user{i}')
        while True:
            when, _, message = agent.link.expect('active-user')
            if message['name'] == f'user{i}':
                break
        times.append((when - begin) * 1e3)
        bench.bus.tell('logout', str(i))
        while agent.link.expect('active-user')[2]['name'] != 'None':
            pass
    median = statistics.median(times)
    yield Row('login told to the host, median', 'ms', median, None, ('<=', 100), median)
    yield Row('login told to the host, worst', 'ms', max(times), None, ('<=', 100), max(times))
    agent.close()


# --- sign_on -----------------------------------------------------------------------------------------------

class Shell:
    """What waits for the token on the bus, as the login screen does."""

    def __init__(self, bus):
        from gi.repository import Gio, GLib
        flags = Gio.DBusConnectionFlags
        self.context = GLib.MainContext.default()
        self.connection = Gio.DBusConnection.new_for_address_sync(
            bus.address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
        self.tokens = []
        self.connection.signal_subscribe(
            'org.ovirt.vdsm.Credentials', 'org.ovirt.vdsm.Credentials', 'UserAuthenticated', None, None,
            Gio.DBusSignalFlags.NONE, lambda *arguments: self.tokens.append(arguments[5].unpack()[0]))

    def next_token(self):
        end = monotonic() + 10
        while not self.tokens and monotonic() < end:
            self.context.iteration(False)
        return self.tokens.pop()

    def close(self):
        self.connection.close_sync(None)


def sign_on(bench):
    if not os.path.exists(bench.pam_driver):
        return
    directory, times = os.path.join(bench.directory, 'credentials'), []
    os.mkdir(directory, 0o700)
    with open(os.path.join(directory, 'sso'), 'w') as f:
        f.write(f'auth requisite {bench.pam_module} socket={directory}/credentials\nauth required pam_permit.so\n')
    agent = Agent(bench, prepare=f'export RUNTIME_DIRECTORY={directory}')
    shell = Shell(bench.bus)
    # Us is who shows the seat's locked session.
    bench.bus.tell('login', '1', 'alice', str(os.getuid()))
    agent.link.expect('session-logon')
    bench.bus.tell('lock', '1')
    agent.link.expect('session-lock')
    for i in range(20):
        begin = monotonic()
        agent.link.send('login', username='alice', password=f'secret{i}')
        done = subprocess.run([bench.pam_driver, directory, 'sso', 'env=XDG_SEAT=seat0'], input=shell.next_token() + '\n',
                              stdout=subprocess.PIPE, text=True, check=True)
        times.append((monotonic() - begin) * 1e3)
        if 'authenticate 0\n' not in done.stdout or 'user alice\n' not in done.stdout:
            raise RuntimeError(f'nobody is logged in: {done.stdout}')
    median = statistics.median(times)
    yield Row("host's login to PAM's success, median", 'ms', median, None, ('<=', 100), median)
    yield Row("host's login to PAM's success, worst", 'ms', max(times), None, ('<=', 100), max(times))
    bench.bus.tell('logout', '1')
    shell.close()
    agent.close()


# --- monitors ----------------------------------------------------------------------------------------------

XORG = '/usr/lib/xorg/Xorg'
XORG_CONF = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../demo/session/xorg.conf')


def median_ms(what):
    """Of 20, each another size than the one before."""
    times = []
    for i in range(20):
        begin = monotonic()
        what(*((800, 600), (640, 480))[i % 2])
        times.append((monotonic() - begin) * 1e3)
    return statistics.median(times)


def monitors(bench):
    from gi.repository import Gio, GLib

    if not os.path.exists(XORG) or not shutil.which('xrandr'):
        return
    read, write = os.pipe()
    server = Program([XORG, '-config', XORG_CONF, '-logfile', os.path.join(bench.directory, 'xorg.log'), '-displayfd',
                      str(write), '-novtswitch', '-sharevts', '-noreset', '-nolisten', 'tcp', '-ac'], pass_fds=(write,))
    os.close(write)
    with open(read) as f:
        display = ':' + f.readline().strip()
    agent = Agent(bench)
    [uid] = users(1)
    bench.bus.tell('login', 'monitors', 'alice', str(uid))
    session_agent = SessionAgent(bench, 'monitors', uid, DISPLAY=display)
    until_registered(agent, [session_agent])
    bus = Gio.DBusConnection.new_for_address_sync(
        bench.environment['DBUS_SYSTEM_BUS_ADDRESS'], Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
        | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)

    def ours(width, height):
        size = {'width': GLib.Variant('i', width), 'height': GLib.Variant('i', height)}
        bus.call_sync('org.ovirt.GuestAgent1', '/org/ovirt/GuestAgent1/session/monitors', 'org.ovirt.GuestAgent1.Session',
                      'ApplyLayout', GLib.Variant('(aa{sv}b)', ([size], False)), None, Gio.DBusCallFlags.NONE, 5000, None)

    def bare(width, height):
        subprocess.run(['xrandr', '--output', 'DUMMY0', '--mode', f'{width}x{height}'], check=True,
                       env={**os.environ, 'DISPLAY': display})

    mine, theirs = median_ms(ours), median_ms(bare)
    yield Row('layout applied, median / xrandr', 'ms', mine, theirs, ('<=', 100), mine)
    heartbeats(agent, monotonic() + 2)      # what it has to tell has been told
    before = session_agent.wakeups()
    heartbeats(agent, monotonic() + 10)
    idle_wakes = session_agent.wakeups() - before
    yield Row('wake-ups of an idle session agent in 10 s', '', idle_wakes, None, ('<=', 0), idle_wakes)
    session_agent.close()
    bench.bus.tell('logout', 'monitors')
    agent.close()
    server.close()


# --- sessions ----------------------------------------------------------------------------------------------

def users(n):
    """Of those that the bus knows: others it does not let in."""
    uids = [user.pw_uid for user in pwd.getpwall() if user.pw_uid > 0][:n]
    if len(uids) < n:
        raise RuntimeError(f'{n} users are needed')
    return uids


def heartbeats(agent, until):
    """When they came."""
    return [when for when, _, m in agent.link.messages(until) if m['__name__'] == 'heartbeat']


def until_registered(agent, programs):
    """Waits for the session agents; when heartbeats came meanwhile."""
    beats, deadline = [], monotonic() + 60
    while not all(program.is_registered() for program in programs):
        if monotonic() > deadline:
            raise RuntimeError('a session agent is not registered: '
                               + next(p.said() for p in programs if not p.is_registered()))
        beats += heartbeats(agent, monotonic() + 0.05)
    return beats


def lock(bench):
    agent = Agent(bench)
    [uid] = users(1)
    bench.bus.tell('login', 'lock', 'alice', str(uid))
    session_agent, times = SessionAgent(bench, 'lock', uid), []
    until_registered(agent, [session_agent])
    for _ in range(20):
        begin = monotonic()
        agent.link.send('lock-screen')
        times.append((agent.link.expect('session-lock')[0] - begin) * 1e3)
        bench.bus.tell('unlock', 'lock')
        agent.link.expect('session-unlock')
    median = statistics.median(times)
    yield Row('lock-screen to session-lock, median', 'ms', median, None, ('<=', 500), median)
    yield Row('lock-screen to session-lock, worst', 'ms', max(times), None, ('<=', 500), max(times))
    session_agent.close()
    bench.bus.tell('logout', 'lock')
    agent.close()


def sessions(bench, n=64):
    # As many as the agent takes, of one user and of all.
    uids = users(n // 4)
    agent = Agent(bench, '[general]\nheart_beat_rate = 1\n')
    for i in range(n):
        bench.bus.tell('open', f's{i}', f'user{i}', str(uids[i // 4]))
    beats = [agent.link.expect('heartbeat')[0] for _ in range(3)][-1:]
    memory_before = agent.program.memory()[0]
    programs = []
    for i in range(n):
        programs.append(SessionAgent(bench, f's{i}', uids[i // 4]))
        beats += heartbeats(agent, monotonic())
    beats += until_registered(agent, programs)
    end = monotonic() + 5
    beats += heartbeats(agent, end)
    late = max(b - a for a, b in zip(beats, [*beats[1:], end])) - 1

    private = statistics.median(program.memory()[0] for program in programs)
    ours = (agent.program.memory()[0] - memory_before) / n
    before = sum(program.wakeups() for program in programs)
    list(agent.link.messages(monotonic() + bench.idle_seconds / 2))
    wakeups = sum(program.wakeups() for program in programs) - before
    yield Row(f'latest heartbeat while {n} sessions register', 's', max(late, 0), None, ('<=', 0.5), late)
    yield Row('private memory (USS) of a session agent', 'KiB', private, None, ('<=', 3072), private)
    yield Row('memory of the system agent for a session', 'KiB', ours, None, ('<=', 16), ours)
    yield Row(f'wake-ups of {n} idle session agents', '', wakeups, None, ('<=', 0), wakeups)
    for program in programs:
        program.process.terminate()
    for i, program in enumerate(programs):
        program.close()
        bench.bus.tell('logout', f's{i}')
    agent.close()
