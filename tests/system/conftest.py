# SPDX-License-Identifier: Apache-2.0
"""What the suites of both kinds of guest share; helpers.py has the functions."""
import fnmatch
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tests/host-console")]
sys.path.append(str(HERE.parents[1] / "tests/integration"))

import helpers                           # noqa: E402
from bed import product as bed_product   # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--build", required=True, metavar="DIR",
                     help="build directory, configured with --prefix=/usr --libexecdir=libexec")


def pytest_configure(config):
    config.addinivalue_line("markers", "allow_errors: the agent has reason to log errors in this test")
    config.addinivalue_line("markers", "desktop: needs the root directory with desktops, which takes long to make")


def pytest_sessionfinish(session):
    """A skipped test counts as failed unless allowed-skips says why it may be."""
    allowed = [line.split("#")[0].strip() for line in (HERE / "allowed-skips").read_text().splitlines()]
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    for report in reporter.stats.get("skipped", []):
        if not any(fnmatch.fnmatch(report.nodeid, pattern) for pattern in allowed if pattern):
            reporter.write_line(f"\nskipped, and not in allowed-skips: {report.nodeid}")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def product(request):
    """The archive of the product as it is installed."""
    archive = bed_product.pack(request.config.getoption("--build"))
    yield archive
    os.unlink(archive)


@pytest.fixture
def clean_journal(request, guest):
    """Fails the test when the agent logged an error during it."""
    before = len(helpers.errors(guest))
    yield
    if guest.running() and not request.node.get_closest_marker("allow_errors"):
        new = helpers.errors(guest)[before:]
        assert not new, "\n".join(new)
