"""Scores of files as libvmaf's logs lay them out, for the scripts that read those: JSON, XML and CSV.

Source: libvmaf src/output.c, and what the libvmaf 3.2 of FFmpeg 9 was seen to write. Keys, their order, white space and
digits are libvmaf's; what we add comes after its own parts. Where libvmaf writes what readers choke on (no line end after
``null``, cells that move to the left where a feature has no value) this does not follow it.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from xml.sax.saxutils import quoteattr

from monitor import __version__
from monitor.sources.addresses import without_secrets
from pipelines.frame_log import FrameLog
from pipelines.wording import printable

VERSION = f"vqmon {__version__}"

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 can't carry: control characters, and bytes of a file name that were no UTF-8."""


def digits(value: float) -> str:
    """A finite number as libvmaf prints it: six decimals, sixteen where they would hide that it is no whole number."""
    return f"{value:.16f}" if 0.0 < math.fmod(abs(value), 1.0) < 1e-6 else f"{value:.6f}"


def _json(value: float) -> str:
    return digits(value) if math.isfinite(value) else "null"


def _text(value: float | None) -> str:
    """A number in CSV and XML, where libvmaf spells out infinity and every reader of floats knows it; "" for none."""
    if value is None or math.isnan(value):
        return ""
    return digits(value) if math.isfinite(value) else "inf"


def as_json(logs: Sequence[FrameLog]) -> str:
    """One libvmaf log; for several files ``{"version": ..., "files": [log, ...]}``."""
    if len(logs) == 1:
        return "\n".join(_json_lines(logs[0])) + "\n"
    inner = ",\n".join("\n".join(f"    {line}" for line in _json_lines(log)) for log in logs)
    return f'{{\n  "version": {json.dumps(VERSION)},\n  "files": [\n{inner}\n  ]\n}}\n'


def _json_lines(log: FrameLog) -> Iterator[str]:
    rate = log.frames_per_second
    yield "{"
    yield f'  "version": {json.dumps(VERSION)},'
    yield f'  "fps": {"null" if rate is None else f"{rate:.2f}"},'
    yield '  "frames": ['
    last = len(log.frames) - 1
    for at, (index, values) in enumerate(log.frames):
        yield "    {"
        yield f'      "frameNum": {index},'
        yield '      "metrics": {'
        yield from _members(((name, _json(value)) for name, value in values.items()), 8)
        yield "      }"
        yield "    }," if at < last else "    }"
    yield "  ],"
    yield '  "pooled_metrics": {'
    for at, name in enumerate(log.features):
        yield f"    {json.dumps(name)}: {{"
        pools = [(pool, _json(value)) for pool, value in log.pooled(name).items()]
        counts = [(key, json.dumps(value)) for key, value in log.coverage(name).items()]
        yield from _members((*pools, *counts), 6)
        yield "    }," if at < len(log.features) - 1 else "    }"
    yield "  },"
    yield '  "aggregate_metrics": {'
    yield from _members(((name, _json(value)) for name, value in log.aggregates().items()), 4)
    yield "  },"
    facts = json.dumps(log.facts(), indent=2, allow_nan=False)
    yield from facts.splitlines()[1:-1]
    yield "}"


def _members(members: Iterable[tuple[str, str]], indent: int) -> Iterator[str]:
    """Lines of an object's members with commas between."""
    before = ""
    for key, value in members:
        if before:
            yield f"{before},"
        before = f"{' ' * indent}{json.dumps(key)}: {value}"
    if before:
        yield before


def as_xml(logs: Sequence[FrameLog]) -> str:
    """One libvmaf log with the element ``VMAF`` at its root; for several files ``files`` holds one for each."""
    if len(logs) == 1:
        return "\n".join(_xml_lines(logs[0])) + "\n"
    return "\n".join(("<files>", *(line for log in logs for line in _xml_lines(log)), "</files>")) + "\n"


def _xml_lines(log: FrameLog) -> Iterator[str]:
    form, rate, facts = log.scores.format, log.frames_per_second, log.facts()
    yield f"<VMAF version={_quoted(VERSION)}>"
    if form is not None:
        yield f'  <params qualityWidth="{form.width}" qualityHeight="{form.height}" />'
    if rate is not None:
        yield f'  <fyi fps="{rate:.2f}" />'
    yield "  <frames>"
    for index, values in log.frames:
        yield f"    {_element('frame', {'frameNum': str(index), **_numbers(values)})}"
    yield "  </frames>"
    yield "  <pooled_metrics>"
    for name in log.features:
        counts = {key: f"{value:g}" for key, value in log.coverage(name).items()}
        yield f"    {_element('metric', {'name': name, **_numbers(log.pooled(name)), **counts})}"
    yield "  </pooled_metrics>"
    yield f"  {_element('aggregate_metrics', _numbers(log.aggregates()))}"
    yield f"  {_element('files', {key: str(facts[key]) for key in ('distorted', 'reference') if key in facts})}"
    for score in log.scores.result.scores:
        yield f"  {_element('model', {'feature': score.feature, 'name': score.model})}"
    sync = facts.get("sync")
    if isinstance(sync, dict):
        yield f"  {_element('sync', {key: str(value) for key, value in sync.items() if value is not None})}"
    yield f"  {_element('validity', {'valid': 'true' if log.scores.valid else 'false'})}"
    for flag in log.scores.flags:
        yield f"  {_element('flag', {'name': flag.name, 'detail': without_secrets(flag.detail)})}"
    yield "</VMAF>"


def _numbers(values: Mapping[str, float]) -> dict[str, str]:
    return {name: text for name, value in values.items() if (text := _text(value))}


def _element(name: str, attributes: dict[str, str]) -> str:
    return f"<{name} {''.join(f'{key}={_quoted(value)} ' for key, value in attributes.items())}/>"


def _quoted(value: str) -> str:
    return quoteattr(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", value))


def as_csv(logs: Sequence[FrameLog]) -> str:
    """A line a frame: ``Frame``, the features, and a comma at the end; of several files ``File`` is the first column."""
    several = len(logs) > 1
    features = list(dict.fromkeys(name for log in logs for name in log.features))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(["File"] if several else []), "Frame", *features, ""])
    for log in logs:
        path = [printable(log.scores.path)] if several else []
        writer.writerows([*path, index, *(_text(values.get(name)) for name in features), ""] for index, values in log.frames)
    return text.getvalue()
