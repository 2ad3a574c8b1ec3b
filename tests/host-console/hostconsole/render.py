# SPDX-License-Identifier: Apache-2.0
"""The host's view as lines of styled text: pure, so that any size can be tested.

A line is a list of (style, text); styles are "", title, label, dim, good, warn, bad and bar.
"""

import unicodedata

from .events import compact, printable

LABEL = 13
AGE = 5


def width_of(text):
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def clip(text, width):
    """At most so many columns, ending in an ellipsis where something was cut."""
    if width_of(text) <= width:
        return text
    while text and width_of(text) > width - 1:
        text = text[:-1]
    return text + "\N{HORIZONTAL ELLIPSIS}" if width > 0 else ""


def fit(line, width):
    """The line cut to the width, its texts made safe for a terminal."""
    out, left = [], width
    for style, text in line:
        text = clip(printable(text), left)
        left -= width_of(text)
        out.append((style, text))
        if left <= 0:
            break
    return out


def age(seconds):
    if seconds < 60:
        return f"{int(seconds)}s"
    if seconds < 3600:
        return f"{int(seconds / 60)}m"
    return f"{int(seconds / 3600)}h" if seconds < 86400 else f"{int(seconds / 86400)}d"


def bar(parts, width, unicode):
    """A bar of (share of 1, style) parts and the rest empty."""
    full, empty = ("\N{FULL BLOCK}", "\N{LIGHT SHADE}") if unicode else ("#", ".")
    shades = [full, "\N{DARK SHADE}", "\N{MEDIUM SHADE}"] if unicode else ["#", "=", "-"]
    out, used = [], 0
    for index, (share, style) in enumerate(parts):
        cells = min(round(max(share, 0) * width), width - used)
        used += cells
        out.append((style, shades[index] * cells))
    return [*out, ("dim", empty * (width - used))]


def bytes_text(value):
    value = _int(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


class Table:
    """The sections of the view; each has a label, the item whose age it shows, and rows."""

    def __init__(self, host, width, unicode=True, more=()):
        """@more: further sections, as (label, rows)."""
        self._host = host
        self._more = [(label, None, rows) for label, rows in more]
        self._view = host.view
        self._width = width
        self._room = width - LABEL - AGE - 1
        self._unicode = unicode

    def title(self):
        v = self._view
        away = "waiting" if self._host.link.wanted else "disconnected"
        state = "connected" if v["connected"] else away
        if self._host.link.paused:
            state += ", not reading"
        announced = v["version.announced"]
        said = "guest silent on it" if announced is None else f"guest says {printable(str(announced))[:8]}"
        left = f" {v['name']}  {self._host.link}  {state}"
        right = f"version {v['version.effective']} ({said})  changed "
        left = clip(printable(left), self._width - width_of(right) - 1)
        gap = max(1, self._width - width_of(left) - width_of(right))
        return fit([("title", left + " " * gap + right)], self._width)

    def lines(self, height=None):
        """All rows, or as many as fit: each section keeps at least its first."""
        sections = self._sections()
        shares = [len(rows) for _, _, rows in sections]
        if height is not None:
            spare = height - len(sections)
            shares = [1] * len(sections)
            while spare > 0:
                open_ones = [i for i, (_, _, rows) in enumerate(sections) if shares[i] < len(rows)]
                if not open_ones:
                    break
                for index in open_ones[:spare]:
                    shares[index] += 1
                    spare -= 1
        out = []
        for (label, item, rows), share in zip(sections, shares, strict=True):
            out += self._section(label, item, rows, share)
        return out

    def _section(self, label, item, rows, share):
        shown = [list(row) for row in rows[:share]]
        hidden = len(rows) - share
        changed = self._view.changed.get(item)
        for index, row in enumerate(shown):
            more = f"  +{hidden} more" if hidden and index == len(shown) - 1 else ""
            row = fit(row, self._room - len(more)) + ([("dim", more)] if more else [])
            used = sum(width_of(text) for _, text in row)
            line = [("label", f" {label if index == 0 else '':{LABEL - 1}}"), *row]
            if index == 0 and changed is not None:
                line += [("", " " * (self._room - used)), ("dim", f"{age(self._host.now - changed):>{AGE}}")]
            yield fit(line, self._width)

    def _sections(self):
        return [
            ("Status", "status", [self._status()]),
            ("Memory", "memory", self._memory()),
            ("User", self._newest("user", "session"), [self._user()]),
            *self._more,
            ("System", "os", [self._system()]),
            ("Host", self._newest("host_name", "fqdn", "cpus", "timezone"), [self._names()]),
            ("Interfaces", "nics", [self._nic(n) for n in self._list("nics")] or _NONE),
            ("Filesystems", "disks", [self._disk(d) for d in self._list("disks")] or _NONE),
            ("Disks", "mapping", self._mapping() or _NONE),
            ("Packages", "applications", self._wrapped(self._list("applications")) or _NONE),
            ("Containers", "containers", [self._container(c) for c in self._list("containers")] or _NONE),
            ("Hooks done", "completions", self._wrapped(self._list("completions")[::-1]) or _NONE),
            ("Complaints", None, self._complaints()),
        ]

    def _newest(self, *items):
        return max(items, key=lambda i: self._view.changed.get(i, -1))

    def _list(self, item):
        return self._view[item] or []

    def _status(self):
        v = self._view
        agent = v["agent"]
        line = [("good" if v["status"] == "Up" else "warn", v["status"]), ("", ", agent "),
                ("good" if agent == "running" else "warn", agent)]
        beat = v.reported.get("memory")
        if beat is not None and agent != "unheard":
            line.append(("dim", f", last heartbeat {age(self._host.now - beat)} ago"))
        return line

    def _memory(self):
        m = self._view["memory"]
        free, total = m["free_ram"] * 1024, _int(m.get("mem_total"))
        if not total:
            return [[("", f"{m['free_ram']} MiB usable" if free else "no data")]]
        cached = _int(m.get("mem_cached")) + _int(m.get("mem_buffers"))
        busy = max(total - max(free, _int(m.get("mem_unused"))), 0)
        cells = max(10, min(40, self._room - 34))
        first = [*bar([(busy / total, "bar"), (min(cached, total - busy) / total, "warn")], cells, self._unicode),
                 ("", f"  {m['free_ram']} of {total // 1024} MiB usable")]
        mib = {k: _int(m.get(k)) // 1024 for k in ("mem_cached", "mem_buffers", "mem_unused", "swap_total", "swap_usage")}
        second = (f"cached {mib['mem_cached']}, buffers {mib['mem_buffers']}, unused {mib['mem_unused']}, "
                  f"swap {mib['swap_usage']} of {mib['swap_total']} MiB")
        third = (f"per second: swapped in {_int(m.get('swap_in'))}, out {_int(m.get('swap_out'))}; "
                 f"faults {_int(m.get('pageflt'))}, major {_int(m.get('majflt'))}")
        return [first, [("dim", second)], [("dim", third)]]

    def _user(self):
        v = self._view
        user = str(v["user"])
        style = {"Locked": "warn", "Active": "good"}.get(v["session"], "")
        return [("" if user not in ("None", "Unknown") else "dim", user), ("dim", "   session "), (style, v["session"])]

    def _system(self):
        o = {k: str(x) for k, x in (self._view["os"] or {}).items()}
        words = [o.get("distribution"), o.get("version"), f"({o['codename']})" if o.get("codename") else "", o.get("arch")]
        text = " ".join(w for w in words if w)
        kernel = o.get("kernel") or o.get("release")
        return [("", text), ("dim", f"{', ' if text else ''}kernel {kernel}" if kernel else "" if text else "-")]

    def _names(self):
        v = self._view
        zone = v["timezone"] or {}
        offset = _int(zone.get("offset"))
        words = [str(v["host_name"] or "-")]
        if v["fqdn"] and v["fqdn"] != v["host_name"]:
            words.append(str(v["fqdn"]))
        if v["cpus"] != -1:
            words.append(f"{v['cpus']} CPU{'' if v['cpus'] == 1 else 's'}")
        if zone:
            sign = "-" if offset < 0 else "+"
            words.append(f"{zone.get('zone') or '?'} (UTC{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02})")
        return [("", ", ".join(words))]

    def _nic(self, nic):
        addresses = [str(a) for a in [*_array(nic.get("inet")), *_array(nic.get("inet6"))]]
        return [("", f"{_text(nic, 'name'):<9} "), ("dim", f"{_text(nic, 'hw'):<17}  "),
                ("", " ".join(addresses) or "no address")]

    def _disk(self, disk):
        total, used = _int(disk.get("total")), _int(disk.get("used"))
        share = used / total if total > 0 else 0
        room = self._room // 3 - 6
        name = clip(printable(_text(disk, "path")), room)
        style = "bad" if share >= 0.95 else "warn" if share >= 0.85 else "bar"
        return [("", name + " " * (room - width_of(name) + 1)),
                ("dim", f"{clip(_text(disk, 'fs'), 8):<8} "), *bar([(share, style)], 10, self._unicode),
                ("", f" {share:4.0%} of {bytes_text(total)}")]

    def _mapping(self):
        items = sorted((_text(t, "name"), str(s)) for s, t in (self._view["mapping"] or {}).items())
        return [[("", f"{name:<9} "), ("dim", serial)] for name, serial in items]

    def _container(self, c):
        names = ", ".join(str(n).lstrip("/") for n in _array(c.get("names")))
        return [("", f"{names:<12} "), ("dim", f"{_text(c, 'image')}  "), ("", _text(c, "status"))]

    def _wrapped(self, words):
        rows, line = [], ""
        for word in words:
            word = printable(word if isinstance(word, str) else compact(word))
            if line and width_of(line) + 2 + width_of(word) > self._room - 10:
                rows.append([("", line)])
                line = ""
            line += ("  " if line else "") + word
        return [*rows, [("", line)]] if line else rows

    def _complaints(self):
        told = self._host.complaints
        if not told:
            return [[("good", "none")]]
        newest = [[("bad", f"{e['rule']}: "), ("", e["text"]), ("dim", f" ({e['cost']})")] for e in told[:-4:-1]]
        newest[0].insert(0, ("bad", f"{self._host.complaint_count}  "))
        return newest


_NONE = [[("dim", "none")]]


def _int(value):
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _array(value):
    return value if isinstance(value, list) else []


def _text(obj, key):
    return str(obj.get(key, "?")) if isinstance(obj, dict) else "?"
