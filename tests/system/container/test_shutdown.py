# SPDX-License-Identifier: Apache-2.0
"""The host's shutdown to its very end."""
import pytest
from helpers import AT_ONCE, until
from logins import TOLD, Login

pytestmark = pytest.mark.usefixtures("clean_journal")


def test_at_once(guest, host):
    """The guest is gone, and its last word was the goodbye, not the end of a session."""
    Login(guest, "alice").__enter__()
    host.expect("session-logon", within=AT_ONCE)
    host.skip()
    host.send({"__name__": "shutdown", "timeout": 0, "message": "bye", "reboot": "False"})
    host.expect("session-shutdown", within=15)
    sent = [m.name for m in host.messages()]
    assert not set(sent[len(sent) - sent[::-1].index("session-logon"):]) & set(TOLD)
    until(lambda: not guest.running(), 20, "the end of the guest")
