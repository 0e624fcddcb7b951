# SPDX-License-Identifier: Apache-2.0
"""Incidents: fault, drift, attack or change, with what speaks for it and against it."""
from __future__ import annotations

import datetime
import html
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

#: Kinds of evidence in words; one that is not here is called by its name.
_EVIDENCE = {
    "flat": "a channel froze", "range": "a channel left its physical range", "rate": "a channel jumped",
    "missing": "a channel went silent", "time": "time stamps out of order",
    "drift_slow": "a slow shift", "drift_sudden": "a sudden shift", "drift_spread": "the noise grew",
    "quiet": "the noise vanished", "many": "many channels are involved", "isolated": "one channel alone",
    "output": "the model's answer was out of bounds", "backend": "the model failed or was late",
    "event_asset": "hostile event on this asset", "event_zone": "hostile event in this zone",
    "event_elsewhere": "hostile event elsewhere", "recon": "a scan", "config": "parameters were written",
    "access": "failed logins, then a success", "physical": "somebody was at the cabinet",
    "maintenance": "announced work", "calibration": "announced calibration", "update": "a release became active",
    "operator": "an operator stopped or released", "log": "log records were lost",
    "clock": "the wall clock stepped", "network_quiet": "security sources saw nothing",
    "recovered": "it went back to normal by itself",
}

#: What could not be looked at, in words.
_MISSING = {
    "security": "no security source ever spoke: nothing can be said about the network",
    "heartbeat": "no security source spoke lately",
    "assets": "hostile events could not be mapped to assets",
    "trust": "all network evidence is unauthenticated",
    "drift": "no drift monitor that promises anything",
    "log": "records were lost in this span",
    "clock": "the clocks are too uncertain to join the two logs",
    "window": "there was more evidence than an incident can hold",
}


@dataclass(frozen=True)
class Evidence:
    """One thing that speaks for or against a cause."""

    kind: str                    #: flat, drift_sudden, event_asset, ...
    weight: int                  #: decibans for the verdict (for unknown: for the leading cause); < 0: against it
    weights: Dict[str, int]      #: for every cause
    count: int                   #: records that said so
    log: str                     #: security or decision
    gseq: int                    #: first of them, on the one timeline
    leaf: str                    #: first bytes of its leaf hash, hex
    trust: str                   #: none (unauthenticated), source, local
    event: str                   #: class of a security event; "" for the others
    channel: Optional[str]

    def __str__(self) -> str:
        what = _EVIDENCE.get(self.kind, self.kind.replace("_", " "))
        about = [x for x in (self.channel, self.event.replace("_", " ")) if x]
        times = f", {self.count} times" if self.count > 1 else ""
        return what + (f" ({', '.join(about)}{times})" if about else times)


def _when(text: Optional[str]) -> Optional[datetime.datetime]:
    """Of the text of a record, cut to microseconds; a year Python cannot hold is None."""
    found = re.match(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?Z$", text or "")
    if not found:
        return None
    year, month, day, hour, minute, second = (int(x) for x in found.groups()[:6])
    micros = int((found.group(7) or "0").ljust(6, "0")[:6])
    try:
        return datetime.datetime(year, month, day, hour, minute, second, micros, datetime.timezone.utc)
    except ValueError:
        return None


def _evidence(e: Mapping[str, Any]) -> Evidence:
    return Evidence(e["kind"], e["weight_dban"], dict(e["weights"]), e["count"], e["log"], int(e["gseq"]), e["leaf"],
                    e["trust"], e.get("event", ""), e.get("channel"))


@dataclass(frozen=True)
class Incident:
    """What happened, as far as both logs can tell. Shows itself as a table in a notebook."""

    id: int                      #: from 1 in each boot
    boot: int
    state: str                   #: opened, revised, closed
    verdict: str                 #: fault, drift, attack, change, or unknown: the evidence does not suffice
    score: int                   #: decibans of the leading cause; 10 is ten to one
    margin: int                  #: ... above the next one
    totals: Dict[str, int]       #: of every cause
    start: Optional[datetime.datetime]   #: first evidence; None: no wall clock
    end: Optional[datetime.datetime]     #: last evidence
    start_ns: int                #: on the device's monotonic clock
    end_ns: int
    channels: Tuple[str, ...]
    evidence: Tuple[Evidence, ...]       #: strongest first
    missing: Tuple[str, ...]     #: what could not be looked at: security, heartbeat, ...
    untrusted: bool              #: without unauthenticated evidence the verdict would be another

    @classmethod
    def from_json(cls, i: Mapping[str, Any]) -> "Incident":
        """Of a line of incidents.ndjson. Members of later releases are passed over."""
        return cls(i["id"], i.get("boot", 0), i["state"], i["verdict"], i["score"], i["margin_dban"], dict(i["totals"]),
                   _when(i["start"]), _when(i["end"]), int(i["start_ns"]), int(i["end_ns"]), tuple(i["channels"]),
                   tuple(_evidence(e) for e in i["evidence"]), tuple(i["missing"]), bool(i.get("untrusted", False)))

    @property
    def is_open(self) -> bool:
        return self.state != "closed"

    @property
    def supporting(self) -> Tuple[Evidence, ...]:
        return tuple(e for e in self.evidence if e.weight > 0)

    @property
    def against(self) -> Tuple[Evidence, ...]:
        return tuple(e for e in self.evidence if e.weight < 0)

    @property
    def neutral(self) -> Tuple[Evidence, ...]:
        """What says nothing about the verdict's cause, but may about another."""
        return tuple(e for e in self.evidence if e.weight == 0)

    def _sides(self) -> List[Tuple[str, Evidence]]:
        return ([("for", e) for e in self.supporting] + [("against", e) for e in self.against]
                + [("neutral", e) for e in self.neutral])

    def missing_words(self) -> Tuple[str, ...]:
        return tuple(_MISSING.get(m, m) for m in self.missing)

    def _headline(self) -> str:
        return f"incident {self.id} ({self.state}): {self.verdict}"

    def _span(self) -> str:
        if self.start is None or self.end is None:
            return f"{self.start_ns / 1e9:.3f} s to {self.end_ns / 1e9:.3f} s after start"
        return f"{self.start.isoformat(timespec='seconds')} to {self.end.isoformat(timespec='seconds')}"

    def _measure(self) -> str:
        return f"score {self.score} dBan, {self.margin} above the next cause"

    def __str__(self) -> str:
        lines = [f"{self._headline()}, {self._measure()}", f"  {self._span()}"]
        if self.channels:
            lines.append(f"  channels: {', '.join(self.channels)}")
        lines += [f"  {side:<7} {e.weight:+4d}  {e}  [{e.log} {e.gseq}]" for side, e in self._sides()]
        if self.untrusted:
            lines.append(f"  {_UNTRUSTED}")
        lines += [f"  missing: {words}" for words in self.missing_words()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return _table(self)


_UNTRUSTED = "without unauthenticated evidence the verdict would be another"
_VERDICT = {"fault": "#b5651d", "drift": "#3b7dbd", "attack": "#c0392b", "change": "#3d8b5f"}
_CELL = "padding:3px 10px 3px 0;text-align:left;vertical-align:top;background:none"
_LINE = "border-top:1px solid rgba(128,128,128,.4)"


def _bar(weight: int, top: int) -> str:
    """A bar from the middle: to the right for, to the left against. The number stands beside it."""
    share = min(50.0, 50.0 * abs(weight) / top) if top else 0.0
    left, colour = (50.0, "#3d8b5f") if weight > 0 else (50.0 - share, "#b5651d")
    return ('<div style="position:relative;width:120px;height:10px;margin-top:4px;background:rgba(128,128,128,.18)">'
            f'<div style="position:absolute;left:{left:.1f}%;width:{share:.1f}%;height:10px;background:{colour}"></div>'
            '<div style="position:absolute;left:50%;width:1px;height:10px;background:rgba(128,128,128,.8)"></div>'
            '</div>')


def _row(cells: Tuple[str, ...]) -> str:
    return f'<tr style="background:none;{_LINE}">' + "".join(f'<td style="{_CELL}">{c}</td>' for c in cells) + "</tr>"


def _table(i: Incident) -> str:
    """One small table; colours that hold on white and on black, nothing from outside, every
    text escaped: names of channels come from a file."""
    text = html.escape
    top = max((abs(e.weight) for e in i.evidence), default=0)
    mark = _VERDICT.get(i.verdict, "#808080")
    head = (f'<b style="border-left:5px solid {mark};padding-left:8px">{text(i.verdict)}</b> &nbsp; incident {i.id}, '
            f'{text(i.state)} &nbsp; {i._measure()}<br><span style="opacity:.75">{text(i._span())}'
            + (f" &nbsp; {text(', '.join(i.channels))}" if i.channels else "") + "</span>")
    heads = "".join(f'<th scope="col" style="{_CELL};font-weight:600;opacity:.75">{h}</th>'
                    for h in ("", "evidence", "weight / dBan", "", "trust", "record"))
    rows = "".join(_row((side, text(str(e)), f"{e.weight:+d}", _bar(e.weight, top), text(e.trust),
                         f"{text(e.log)} {e.gseq}")) for side, e in i._sides())
    notes = ([_UNTRUSTED] if i.untrusted else []) + [f"missing: {m}" for m in i.missing_words()]
    foot = "".join(f'<div style="padding-top:4px">{text(note)}</div>' for note in notes)
    return ('<div style="color:inherit;background:none;font-size:13px;line-height:1.35;max-width:60em">'
            f'<div style="padding-bottom:6px">{head}</div>'
            '<table style="border-collapse:collapse;color:inherit;font-size:inherit;margin:0">'
            f'<thead><tr style="background:none">{heads}</tr></thead><tbody>{rows}</tbody></table>{foot}</div>')
