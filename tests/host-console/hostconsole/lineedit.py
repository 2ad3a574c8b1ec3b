# SPDX-License-Identifier: Apache-2.0
"""The prompt's line: keys in as bytes, no terminal of its own. readline cannot share a screen that is redrawn."""

import codecs
import os

_KEYS = {
    "[A": "up", "OA": "up", "[B": "down", "OB": "down", "[C": "right", "OC": "right", "[D": "left", "OD": "left",
    "[H": "home", "OH": "home", "[1~": "home", "[7~": "home", "[F": "end", "OF": "end", "[4~": "end", "[8~": "end",
    "[3~": "delete",
    "\x01": "home", "\x02": "left", "\x05": "end", "\x06": "right", "\x08": "backspace", "\x7f": "backspace",
    "\x0e": "down", "\x10": "up", "\x0b": "kill-end", "\x15": "kill-start", "\x17": "kill-word", "\t": "complete",
}


class LineEditor:
    def __init__(self, complete, keep):
        self._complete = complete
        self._keep = keep  # whether a line may enter the history
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._escape = ""
        self._history = []
        self._place = 0
        self._draft = ""
        self.text = ""
        self.cursor = 0
        self.hidden = False  # a password is being typed

    def feed(self, data):
        """What the keys led to: ("line", text), ("choices", words), ("eof",), ("interrupt",) or ("redraw",)."""
        results = []
        for c in self._decoder.decode(data):
            result = self._character(c)
            if result:
                results.append(result)
        return results

    def reset(self, hidden=False):
        self.text, self.cursor, self.hidden = "", 0, hidden
        self._place = len(self._history)

    def _character(self, c):
        if self._escape:
            return self._escaped(c)
        if c == "\x1b":
            self._escape = c
        elif c in "\r\n":
            return self._enter()
        elif c == "\x03":
            self.reset()
            return ("interrupt",)
        elif c == "\x04":
            if not self.text:
                return ("eof",)
            self._key("delete")
        elif c == "\x0c":
            return ("redraw",)
        elif c in _KEYS:
            return self._key(_KEYS[c])
        elif c.isprintable():
            self.text = self.text[: self.cursor] + c + self.text[self.cursor :]
            self.cursor += 1
        return None

    def _escaped(self, c):
        self._escape += c
        if c in "[O" and len(self._escape) == 2 or c in "0123456789;":
            return None
        key = _KEYS.get(self._escape[1:])
        self._escape = "\x1b" if c == "\x1b" else ""
        return self._key(key) if key else None

    def _enter(self):
        text, hidden = self.text, self.hidden
        if not hidden and text.strip() and self._keep(text) and self._history[-1:] != [text]:
            self._history.append(text)
        self.reset()
        return ("line", text)

    def _key(self, key):
        text, at = self.text, self.cursor
        if key == "left":
            self.cursor = max(0, at - 1)
        elif key == "right":
            self.cursor = min(len(text), at + 1)
        elif key == "home":
            self.cursor = 0
        elif key == "end":
            self.cursor = len(text)
        elif key == "backspace":
            self.text, self.cursor = text[: max(0, at - 1)] + text[at:], max(0, at - 1)
        elif key == "delete":
            self.text = text[:at] + text[at + 1 :]
        elif key == "kill-end":
            self.text = text[:at]
        elif key == "kill-start":
            self.text, self.cursor = text[at:], 0
        elif key == "kill-word":
            start = len(text[:at].rstrip())
            start = text.rfind(" ", 0, start) + 1
            self.text, self.cursor = text[:start] + text[at:], start
        elif self.hidden:
            return None
        elif key in ("up", "down"):
            self._recall(-1 if key == "up" else 1)
        elif key == "complete":
            return self._completed()
        return None

    def _recall(self, step):
        place = self._place + step
        if not 0 <= place <= len(self._history):
            return
        if self._place == len(self._history):
            self._draft = self.text
        self._place = place
        self.text = self._draft if place == len(self._history) else self._history[place]
        self.cursor = len(self.text)

    def _completed(self):
        head, tail = self.text[: self.cursor], self.text[self.cursor :]
        words = self._complete(head)
        if not words:
            return None
        last = head.rpartition(" ")[2]
        common = os.path.commonprefix(words) + (" " if len(words) == 1 else "")
        head = head[: len(head) - len(last)] + common
        self.text, self.cursor = head + tail, len(head)
        return ("choices", words) if len(words) > 1 and common == last else None
