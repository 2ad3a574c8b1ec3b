# SPDX-License-Identifier: Apache-2.0
"""VDSM's side of a guest agent's port; see README.md beside this package."""

from .events import Event
from .host import ExpectationFailed, Host, NotConnected

__all__ = ["Event", "ExpectationFailed", "Host", "NotConnected"]
