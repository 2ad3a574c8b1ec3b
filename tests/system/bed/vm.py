# SPDX-License-Identifier: Apache-2.0
"""A guest as a virtual machine: QEMU without KVM, with real virtio-serial ports.

A machine boots in 10-20 s. VM.save() ends it and keeps its state; Saved.resume() goes on from there in
about a second, as often as one likes, each time with a disk of its own: tests get a fresh machine each.
Disks, ports and processors are plugged at run time through QMP, so one saved machine serves all of them.
"""
import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

from . import PORT, RUN, BedError, Result, die_with_parent, host_run, image, need, stop_process, wait_until

APPEND = "console=ttyS0 quiet root=/dev/vda rw systemd.show_status=0 mitigations=off random.trust_cpu=on"


def _connect(path, timeout):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    s.connect(str(path))
    return s


class Qmp:
    """QEMU's monitor; the events that arrive meanwhile are kept in .events."""

    def __init__(self, path):
        self.socket = _connect(path, 60)
        self.pending = b""
        self.events = []
        self._next(60)
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        request = {"execute": command}
        if arguments:
            request["arguments"] = {k.replace("_", "-"): v for k, v in arguments.items()}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = self._next(60)
            if "error" in answer:
                raise BedError(f"QMP {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def _next(self, timeout):
        deadline = time.monotonic() + timeout
        while b"\n" not in self.pending:
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            data = self.socket.recv(65536)
            if not data:
                raise BedError("QEMU closed its monitor")
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        message = json.loads(line)
        if "event" in message:
            self.events.append(message)
        return message

    def wait_event(self, name, timeout, **data):
        """The first event @name, seen already or coming, whose data has these members."""
        deadline = time.monotonic() + timeout
        seen = 0
        while True:
            for event in self.events[seen:]:
                if event["event"] == name and data.items() <= event.get("data", {}).items():
                    return event
            seen = len(self.events)
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"no QMP event {name} {data}; seen: {self.events}")
            try:
                self._next(left)
            except TimeoutError:
                pass


class VM:
    def __init__(self, name="v", product=None, memory=512, extra=(), flavour="base"):
        """@product: archive that the initrd unpacks; @extra: more arguments for QEMU; @flavour: of the image."""
        self.name, self.product, self.memory, self.extra, self.flavour = name, product, memory, list(extra), flavour
        self.run_dir = RUN / name
        self.port = str(self.run_dir / "port")
        self.qemu = self._qmp = self._channel = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self, timeout=240):
        base = image.build(self.flavour)
        self._prepare(base.disk, "raw")
        self._launch([])
        try:
            self.run("true", timeout=timeout)
        except (BedError, OSError) as e:
            raise self._failure(e) from None
        return self

    def _prepare(self, backing, form):
        need("qemu-system-x86_64", "qemu-system-x86")
        need("qemu-img", "qemu-utils")
        shutil.rmtree(self.run_dir, ignore_errors=True)
        self.run_dir.mkdir(parents=True)
        host_run("qemu-img", "create", "-q", "-f", "qcow2", "-b", backing, "-F", form, self.run_dir / "disk")

    def _launch(self, more):
        base, d = image.build(self.flavour), self.run_dir
        arguments = [
            "-name", self.name, "-accel", "tcg,thread=multi", "-smp", "2", "-m", str(self.memory),
            "-machine", "pc", "-nodefaults", "-no-user-config", "-no-reboot",
            "-display", "none", "-vga", "none",
            "-kernel", base.kernel, "-initrd", base.initrd, "-append", APPEND,
            "-drive", f"file={d}/disk,if=virtio,cache=unsafe",
            *(["-drive", f"file={self.product},if=virtio,format=raw,readonly=on"] if self.product else []),
            "-device", "virtio-rng-pci",
            "-netdev", "user,id=net0,restrict=on", "-device", "virtio-net-pci,netdev=net0,romfile=",
            "-serial", f"file:{d}/console.log",
            "-qmp", f"unix:{d}/qmp,server=on,wait=off",
            "-device", "virtio-serial-pci,id=serial,max_ports=8",
            "-chardev", f"socket,id=exec,path={d}/exec,server=on,wait=off",
            "-device", "virtserialport,chardev=exec,name=bed.exec.0",
            "-chardev", f"socket,id=port,path={d}/port,server=on,wait=off",
            "-device", f"virtserialport,id=agentport,nr=2,chardev=port,name={PORT}",
            *self.extra, *more]
        with open(d / "qemu.log", "wb") as log:
            self.qemu = subprocess.Popen(["qemu-system-x86_64", *map(str, arguments)], stdout=log,
                                         stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
                                         preexec_fn=die_with_parent)
        try:
            wait_until(lambda: self._died() or self._listens(), 20, "QEMU opens its monitor")
            self._qmp = Qmp(d / "qmp")
        except (BedError, OSError) as e:
            raise self._failure(e) from None

    def _listens(self):
        return all((self.run_dir / s).exists() for s in ("qmp", "exec", "port"))

    def _died(self):
        if self.qemu.poll() is not None:
            raise BedError(f"QEMU ended with {self.qemu.returncode}")

    def _failure(self, cause):
        tail = "".join((self.run_dir / log).read_text(errors="replace")[-1500:]
                       for log in ("qemu.log", "console.log") if (self.run_dir / log).exists())
        self.stop()
        return BedError(f"virtual machine {self.name}: {cause}\n{tail}")

    def stop(self):
        """Pulls the plug: the disk is thrown away anyhow."""
        self._close_channel()
        if self._qmp:
            self._qmp.socket.close()
            self._qmp = None
        if self.qemu:
            stop_process(self.qemu, 10)
            self.qemu = None
        shutil.rmtree(self.run_dir, ignore_errors=True)

    def running(self):
        return self.qemu is not None and self.qemu.poll() is None

    @property
    def qmp(self):
        return self._qmp

    def run(self, *argv, check=True, timeout=60, stdin="", env=None):
        """Runs a command as root in the guest."""
        argv = ["env", *(f"{k}={v}" for k, v in (env or {}).items()), *(str(a) for a in argv)]
        if self._channel is None:
            self._channel = _connect(self.run_dir / "exec", 10)
        request = {"argv": argv, "stdin": stdin, "timeout": timeout}
        try:
            self._channel.settimeout(timeout + 15)
            self._channel.sendall(json.dumps(request).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                data = self._channel.recv(65536)
                if not data:
                    raise BedError("the guest's command server is gone")
                answer += data
        except BaseException:
            self._close_channel()
            raise
        answer = json.loads(answer)
        if check and answer["rc"]:
            raise AssertionError(f"{' '.join(argv[1:])} in the guest: {answer['rc']}\n{answer['out'][-3000:]}")
        return Result(answer["out"], answer["rc"])

    def _close_channel(self):
        if self._channel:
            self._channel.close()
            self._channel = None

    def wait_end(self, timeout):
        """Waits until QEMU ends by itself."""
        try:
            self.qemu.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the guest did not power off within {timeout:g} s") from None

    def migrate_to_file(self, path):
        """Migrates the machine out into @path; it stays there, paused."""
        self.qmp("migrate-set-parameters", max_bandwidth=1 << 34)
        self.qmp("migrate", uri=f"exec:cat >'{path}'")

        def ended():
            status = self.qmp("query-migrate")["status"]
            if status == "failed":
                raise BedError("QEMU cannot save the machine")
            return status == "completed"
        wait_until(ended, 60, "the machine's state is saved")

    def save(self, directory):
        """Ends the machine and keeps its state, its disk included, in @directory."""
        directory = Path(directory)
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        self.run("sync")
        self._close_channel()
        self.migrate_to_file(directory / "state")
        shutil.copyfile(self.run_dir / "disk", directory / "disk")
        saved = Saved(directory, self.product, self.memory, self.extra, self.flavour)
        self.stop()
        return saved

    # Plugging

    def add_port(self, name, ident, nr):
        """A further port; the path of the host's end of it."""
        path = str(self.run_dir / ident)
        address = {"type": "unix", "data": {"path": path}}
        self.qmp("chardev-add", id=ident,
                 backend={"type": "socket", "data": {"addr": address, "server": True, "wait": False}})
        self.qmp("device_add", driver="virtserialport", id=f"{ident}-port", chardev=ident, name=name, nr=nr)
        return path

    def add_disk(self, ident, serial, size=64 << 20):
        path = self.run_dir / f"{ident}.raw"
        with open(path, "wb") as f:
            f.truncate(size)
        self.qmp("blockdev-add", driver="file", filename=str(path), node_name=ident)
        self.qmp("device_add", driver="virtio-blk-pci", id=f"{ident}-dev", drive=ident, serial=serial)

    def remove_disk(self, ident):
        self.remove_device(f"{ident}-dev")
        self.qmp("blockdev-del", node_name=ident)

    def remove_device(self, ident):
        self.qmp("device_del", id=ident)
        self.qmp.wait_event("DEVICE_DELETED", 30, device=ident)

    def interact(self):
        try:
            input(f"console: {self.run_dir}/console.log; Enter ends the machine ")
        except EOFError:
            pass
        return 0


class Saved:
    def __init__(self, directory, product, memory, extra, flavour):
        self.directory, self.product, self.memory, self.extra, self.flavour = directory, product, memory, extra, flavour

    def resume(self, name="v"):
        """A machine that goes on from the saved state."""
        vm = VM(name, self.product, self.memory, self.extra, self.flavour)
        vm._prepare(self.directory / "disk", "qcow2")
        vm._launch(["-incoming", f"exec:cat '{self.directory}/state'"])
        try:
            wait_until(lambda: vm.qmp("query-status")["status"] == "running", 60, "the machine goes on")
            vm.run("true", timeout=30)
        except (BedError, OSError) as e:
            raise vm._failure(e) from None
        return vm
