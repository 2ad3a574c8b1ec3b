# SPDX-License-Identifier: Apache-2.0
"""Options and the configuration file: what is wrong is said in a sentence, what is old still means what it meant."""

import os
import re
from pathlib import Path

import pytest
from hostconsole import Host
from rig.agent import LEGACY_PORT, PORT, run_once
from rig.engine import Engine
from rig.guest import dpkg_status, replace
from rig.pace import scaled

OLD_FILE = """# As somebody has had it for years.
[general]
heart_beat_rate = 1
report_user_rate: 7
report_num_cpu_rate = 61
REPORT_APPLICATION_RATE = 121
report_disk_usage = 301
applications_list = kernel
  cloud-init   vim
ignored_fs = rootfs tmpfs autofs
ignore_zero_size_fs = true
ignored_nics = docker0 eth1
; a comment

[virtio]
device_prefix = /dev/virtio-ports/

[loggers]
keys=root
[handlers]
keys = logfile
[formatters]
keys: simple
[logger_root]
level = INFO
handlers = logfile
propagate=0
[handler_logfile]
class=logging.handlers.RotatingFileHandler
args=('/var/log/x.log', 'a', 102400, 5)
formatter=simple
[formatter_simple]
format=%(asctime)s::%(levelname)s
"""

# id, options, what the sentence must name
BAD_OPTIONS = [
    ("unknown", ["--frobnicate"], ["--frobnicate"]),
    ("unknown-short", ["-z"], ["z"]),
    ("argument", ["extra"], ["extra"]),
    ("empty-argument", [""], ["argument"]),
    ("port-without-path", ["--port", PORT], [PORT, "NAME=PATH"]),
    ("port-with-empty-path", ["--port", f"{PORT}="], ["NAME=PATH"]),
    ("port-of-no-name", ["--port", "=/x"], ["port"]),
    ("no-such-port", ["--port", "x=/dev/null"], ['"x"']),
    ("option-without-value", ["--config"], ["--config"]),
    ("no-file", ["--config", "/nonexistent/x.conf"], ["/nonexistent/x.conf", "No such file"]),
    ("directory", ["--config", "/"], ["/"]),
    ("device", ["--config", "/dev/zero"], ["/dev/zero"]),
    ("empty-name", ["--config", ""], ["configuration"]),
]


@pytest.mark.parametrize("options, named", [o[1:] for o in BAD_OPTIONS], ids=[o[0] for o in BAD_OPTIONS])
def test_bad_options(options, named):
    status, output, errors = run_once(*options)
    assert (status, output) == (2, "")
    assert len(errors) == 1 and all(word in errors[0] for word in named), errors


# id, the file, its line at fault, what the sentence must name
BAD_FILES = [
    ("word", "[general]\nheart_beat_rate = soon\n", 2, ["heart_beat_rate", "soon", "seconds"]),
    ("empty", "[general]\n\nheart_beat_rate =\n", 3, ["heart_beat_rate", "seconds"]),
    ("unit", "[general]\nheart_beat_rate = 5s\n", 2, ["heart_beat_rate", "5s"]),
    ("fraction", "[general]\nheart_beat_rate = 0.5\n", 2, ["heart_beat_rate", "0.5"]),
    ("too-large", "[general]\nreport_disk_usage = 99999999999999999999\n", 2, ["report_disk_usage", "86400"]),
    ("boolean", "[general]\nignore_zero_size_fs = maybe\n", 2, ["ignore_zero_size_fs", "maybe", "true or false"]),
    ("relative", "[general]\n[virtio]\ndevice_prefix = dev/x\n", 3, ["device_prefix", "dev/x", "absolute"]),
    ("no-section", "heart_beat_rate = 5\n", 1, ["section"]),
    ("no-value", "[general]\nheart_beat_rate\n", 2, ["key = value"]),
    ("open-section", "[general\nheart_beat_rate = 5\n", 1, ["section"]),
    ("nameless-section", "[]\n", 1, ["section"]),
    ("nameless-key", "[general]\n= 5\n", 2, ["key = value"]),
    ("binary", "[general]\n\0\n", 2, ["UTF-8"]),
    ("continuation", "[general]\nheart_beat_rate = 5\n  6\n", 2, ["heart_beat_rate"]),
    ("later-of-two", "[general]\nheart_beat_rate = 5\nheart_beat_rate = x\n", 3, ["heart_beat_rate", "x"]),
]


@pytest.mark.parametrize("text, line, named", [f[1:] for f in BAD_FILES], ids=[f[0] for f in BAD_FILES])
def test_bad_file(directory, text, line, named):
    path = directory / "x.conf"
    path.write_text(text)
    status, output, errors = run_once("--config", path)
    assert (status, output) == (2, "")
    assert len(errors) == 1, errors
    assert f"{path}:{line}:" in errors[0] and all(word in errors[0] for word in named)


def test_not_utf_8(directory):
    path = directory / "x.conf"
    path.write_bytes(b"[general]\nignored_nics = \xff\n")
    status, _, errors = run_once("--config", path)
    assert status == 2 and len(errors) == 1 and f"{path}:2:" in errors[0]


def effective(path):
    """What the agent makes of a file: (values by key, lines of standard error)."""
    status, output, errors = run_once("--config", path, "--print-config")
    assert status == 0, errors
    return dict(line.split(" = ", 1) for line in output.splitlines() if " = " in line), errors


def test_the_old_file_loads_in_silence(directory):
    path = directory / "x.conf"
    path.write_text(OLD_FILE)
    values, errors = effective(path)
    assert errors == []
    assert values.pop("directory").endswith("/ovirt-guest-agent/hooks.d")
    assert values == {
        "heart_beat_rate": "1", "report_user_rate": "7", "report_num_cpu_rate": "61", "report_application_rate": "121",
        "report_disk_usage": "301", "applications_list": "kernel cloud-init vim", "ignored_fs": "rootfs tmpfs autofs",
        "ignore_zero_size_fs": "true", "ignored_nics": "docker0 eth1", "device_prefix": "/dev/virtio-ports/",
        "valid": "30", "domains": "", "unlock": "false"}


VALUES = [
    ("zero-is-every-second", "heart_beat_rate = 0", {"heart_beat_rate": "1"}),
    ("negative-is-every-second", "heart_beat_rate = -5", {"heart_beat_rate": "1"}),
    ("false-means-false", "ignore_zero_size_fs = false", {"ignore_zero_size_fs": "false"}),
    ("False", "ignore_zero_size_fs = False", {"ignore_zero_size_fs": "false"}),
    ("no", "ignore_zero_size_fs = no", {"ignore_zero_size_fs": "false"}),
    ("1", "ignore_zero_size_fs: 1", {"ignore_zero_size_fs": "true"}),
    ("empty-list", "ignored_nics =", {"ignored_nics": ""}),
    ("crlf", "heart_beat_rate = 7\r", {"heart_beat_rate": "7"}),
    ("last-wins", "heart_beat_rate = 7\nheart_beat_rate = 8", {"heart_beat_rate": "8"}),
]


@pytest.mark.parametrize("text, expected", [v[1:] for v in VALUES], ids=[v[0] for v in VALUES])
def test_value(directory, text, expected):
    path = directory / "x.conf"
    path.write_text(f"[general]\n{text}\n")
    values, errors = effective(path)
    assert errors == [] and values.items() >= expected.items()


def test_unknown_keys_warn(directory):
    path = directory / "x.conf"
    path.write_text("[general]\nheart_beat_rat = 5\n[nonsense]\nkey = 1\n")
    _, errors = effective(path)
    assert len(errors) == 2
    assert f"{path}:2:" in errors[0] and "heart_beat_rat" in errors[0]
    assert f"{path}:4:" in errors[1] and "nonsense" in errors[1]


def test_what_is_only_asked():
    assert run_once("--version") == (0, "ovirt-guest-agent 2.0.0\n", [])
    for option in "--help", "-h":
        status, output, errors = run_once(option)
        assert (status, errors) == (0, []) and "--port" in output


@pytest.mark.parametrize("option", [["--version"], ["--help"], ["--print-config"], ["--collect", "os-info"]],
                         ids=lambda option: option[0])
def test_nowhere_to_write(option):
    status, _, errors = run_once(*option, prefix=["sh", "-c", 'exec "$@" >/dev/full', "sh"])
    assert status == 1 and len(errors) == 1 and "write" in errors[0], errors


def test_reports_named_in_the_manual():
    manual = Path(__file__).parents[2] / "man/ovirt-system-agent.8.scd"
    names = re.findall(r"ovirt-system-agent --collect (\S+)", manual.read_text())
    assert names and all(run_once("--collect", name)[0] == 0 for name in names)


def test_heart_beat_rate(party):
    host = party.host()
    party.agent(guest=party.guest(), config=party.configure(heart_beat_rate=2))
    host.wait_until(lambda: len(host.messages("heartbeat")) >= 4, scaled(9))
    times = [e.time for e in host.messages("heartbeat")]
    assert all(1.8 < b - a < scaled(2.5) for a, b in zip(times[1:], times[2:]))


# What has to be sent again though nothing tells of it: the key, and how it changes unseen.
def test_report_disk_usage(party):
    """How full a file system is changes without notice."""
    guest = party.guest()
    disk = party.directory / "disk"
    disk.mkdir()
    guest.run("mount", "-t", "tmpfs", "-o", "size=4m", "x", str(disk))
    # Tell nothing but of this one: others are used by others.
    guest.run("sh", "-c", "awk '$3 ~ /^t/ && $2 != \"%s\" {print $2}' /proc/mounts | xargs -r umount -l" % disk)
    host, _ = party.settled(guest=guest, config=party.configure(report_disk_usage=2, ignored_fs="[!t]*"))

    def used():
        return [d["used"] for e in host.messages("disks-usage") for d in e["disks"] if d["path"] == str(disk)]

    guest.run("sh", "-c", f"head -c 1048576 /dev/zero >{disk}/file")
    host.wait_until(lambda: used()[-1] == 1 << 20, scaled(4), "the usage")
    # A page is no more than a thousandth, and is told when it is asked for; two are more.
    told = len(used())
    guest.run("sh", "-c", f"head -c 4096 /dev/zero >{disk}/page")
    host.collect(scaled(5))
    assert len(used()) == told
    host.send("refresh")
    host.wait_until(lambda: len(used()) > told, scaled(3), "the answer")
    assert used()[-1] == (1 << 20) + 4096
    guest.run("sh", "-c", f"head -c 8192 /dev/zero >{disk}/pages")
    host.wait_until(lambda: used()[-1] == (1 << 20) + 3 * 4096, scaled(4), "the usage")


def test_report_application_rate(party):
    """Nothing announces a container: engines are asked at the interval."""
    guest = party.guest()
    run = guest.private("/run")
    host, _ = party.settled(guest=guest, config=party.configure(report_application_rate=2))
    assert host.messages("containers")[-1]["list"] == []
    party.keep(Engine(run / "docker.sock", b'[{"Id": "a1", "Names": ["/web"]}]'))
    host.wait_until(lambda: host.messages("containers")[-1]["list"], scaled(4), "the container")


def test_ignored_nics_and_applications_list(party):
    guest = party.guest()
    guest.add_nic("eth1", "52:54:00:ab:cd:02")
    replace(guest.dpkg / "status", dpkg_status(vim_tiny="9", cloud_init="1"))
    host, _ = party.settled(guest=guest, config=party.configure(ignored_nics="eth[1-9]", applications_list="vim-*"))
    assert [i["name"] for i in host.messages("network-interfaces")[-1]["interfaces"]] == ["eth0"]
    assert [a for a in host.messages("applications")[-1]["applications"] if "ovirt" not in a] == ["vim-tiny-9"]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("name", [PORT, LEGACY_PORT])
def test_device_prefix(party, slash, name):
    ports = party.directory / "ports"
    ports.mkdir()
    host = party.keep(Host.pty(ports / name))
    host.process()
    assert os.path.islink(ports / name)
    party.agent("--debug", config=party.configure(f"[virtio]\ndevice_prefix = {ports}{slash}"), guest=party.guest())
    host.expect("heartbeat", within=scaled(3))


def test_no_file_at_the_usual_place(party):
    """Is no error: everything has a default."""
    guest = party.guest()
    status, output, errors = run_once("--print-config", guest=guest)
    assert status == 0 and errors == [] and "heart_beat_rate = 5" in output
