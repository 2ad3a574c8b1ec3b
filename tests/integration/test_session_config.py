# SPDX-License-Identifier: Apache-2.0
"""The session agent's configuration file: what is taken, and what is said of the rest."""

import os
import subprocess

import pytest


def load(directory, content):
    path = directory / "session.conf"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path, subprocess.run([os.environ["OVIRT_SESSION_AGENT"], "--config", path, "--print-config"],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True)


@pytest.mark.parametrize("content, off, allowed", [
    ("", "host", "wallpaper animation font-smooth"),
    ("[effects]\noff = always\n", "always", "wallpaper animation font-smooth"),
    ("[effects]\noff=never\nallowed=animation\n", "never", "animation"),
    ("# c\n[effects]\nallowed =  font-smooth\t wallpaper  wallpaper \n", "host", "wallpaper font-smooth"),
    ("[effects]\nallowed =\n", "host", ""),
])
def test_values(directory, content, off, allowed):
    _, p = load(directory, content)
    assert (p.returncode, p.stderr) == (0, "")
    assert f"[effects]\noff = {off}\nallowed = {allowed}\n" in p.stdout
    # What is printed is read as the same.
    _, again = load(directory, p.stdout)
    assert (again.returncode, again.stderr, again.stdout) == (0, "", p.stdout)


@pytest.mark.parametrize("content, words", [
    ("[effects]\noff = sometimes\n", ["off = sometimes", "host, always or never"]),
    ("[effects]\noff = Never\n", ["off = Never"]),
    ("[effects]\nallowed = wallpaper,animation\n", ["allowed", "font-smooth"]),
    ("off = never\n", ["session.conf: "]),
    ("[effects\n", ["session.conf: "]),
    (b"[effects]\noff = ne\0ver\n", ["session.conf"]),
    (b"\xff\xfe\n", ["session.conf"]),
    ("# " + "x" * 70000, ["session.conf"]),
    ("[effects]\noff = " + "y" * 5000, ["off = yyy"]),
])
def test_refused(directory, content, words):
    path, p = load(directory, content)
    assert p.returncode == 2
    assert p.stdout == ""
    assert str(path) in p.stderr and len(p.stderr) < 1000
    for word in words:
        assert word in p.stderr


def test_unknown_keys_are_a_warning(directory):
    path, p = load(directory, "[effects]\nof = never\n[else]\nx = y\n")
    assert (p.returncode, "[effects]\noff = host" in p.stdout) == (0, True)
    assert p.stderr.count(str(path)) == 2 and "of is not known" in p.stderr


def test_missing_or_no_file(directory):
    for path in directory / "none", directory:
        p = subprocess.run([os.environ["OVIRT_SESSION_AGENT"], "--config", path, "--print-config"],
                           capture_output=True, text=True)
        assert p.returncode == 2 and str(path) in p.stderr
