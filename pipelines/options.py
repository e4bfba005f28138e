"""The command line's arguments and options: each one's name, help and type, once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

_FORMATS = "json, csv, ndjson, xml (as libvmaf writes it) or fqm-json (ffmpeg-quality-metrics)"

Verbose = Annotated[bool, Option("--verbose", "-v", help="Log what happens, not only what goes wrong.")]
Quiet = Annotated[bool, Option("--quiet", "-q", help="No table and no progress bar.")]
Json = Annotated[bool, Option("--json", help="As JSON, for machines.")]

# what to score, and how

_MEASURES = "What to measure"
_FRAMES = "Which frames"
_PAIRS = "How frames are paired and brought into one format"
_RESULTS = "Where results go"

Files = Annotated[list[str], Argument(metavar="FILE...", help="Video files, or URLs that end; - is stdin.")]
Compared = Annotated[
    list[str],
    Argument(metavar="DIST... REF", help="Encoded files, then what they were made from (or that with -r); - is stdin."),
]
ReferenceFile = Annotated[
    str | None, Option("--reference", "-r", metavar="REF", help="What they were made from, instead of the last argument.")
]
NumFrames = Annotated[
    int | None, Option("--num-frames", metavar="N", min=1, help="Stop after so many frames.", rich_help_panel=_FRAMES)
]
Subsample = Annotated[
    int,
    Option(
        "--subsample",
        metavar="N",
        min=1,
        help="Score one frame of each N, at a random place; N should be odd.",
        rich_help_panel=_FRAMES,
    ),
]
StartOffset = Annotated[
    str,
    Option(
        "--start-offset",
        metavar="TIME",
        help="Begin here: seconds, [HH:]MM:SS, or f:N for a number of frames.",
        rich_help_panel=_FRAMES,
    ),
]
Shortest = Annotated[
    bool,
    Option("--shortest", help="One side is meant to be longer: don't warn about it.", rich_help_panel=_FRAMES),
]
Fps = Annotated[
    float | None,
    Option(
        "--fps",
        metavar="R",
        min=0.001,
        max=1000,
        help="Compare at so many frames a second, whatever the files have.",
        rich_help_panel=_PAIRS,
    ),
]
SyncMode = Annotated[
    str,
    Option(
        "--sync",
        metavar="MODE",
        help="auto finds the offset between the files by their pictures; none trusts their times; a number gives it in "
        "seconds, positive where the encode starts later in the reference.",
        rich_help_panel=_PAIRS,
    ),
]
SyncWindow = Annotated[
    float,
    Option("--sync-window", metavar="SECONDS", min=0.1, help="Largest offset to look for.", rich_help_panel=_PAIRS),
]
Force = Annotated[
    bool,
    Option(
        "--force",
        help="Take the best offset even where the pictures can't tell, and interlaced pictures for progressive ones.",
        rich_help_panel=_PAIRS,
    ),
]
Scaling = Annotated[
    str,
    Option(
        "--scaling",
        "-s",
        metavar="NAME",
        help="How a smaller or larger encode comes to the reference's size.",
        rich_help_panel=_PAIRS,
    ),
]
BitDepth = Annotated[
    str,
    Option(
        "--bitdepth",
        metavar="BITS",
        help="Bits of the compared samples: auto (the deeper side's), 8, 10, 12 or 16.",
        rich_help_panel=_PAIRS,
    ),
]
Threads = Annotated[int, Option("--threads", "-t", metavar="N", min=0, help="Threads; 0 is one a core.")]
Metrics = Annotated[
    list[str] | None,
    Option(
        "--metrics",
        "-m",
        metavar="NAME,...",
        help="Metrics or features (`vqmon metrics`); all that fit by default.",
        rich_help_panel=_MEASURES,
    ),
]
ComparedMetrics = Annotated[
    list[str] | None,
    Option(
        "--metrics",
        "-m",
        metavar="NAME,...",
        help="Metrics or features (`vqmon metrics`). Default: vmaf,psnr,ssim",
        rich_help_panel=_MEASURES,
    ),
]
Models = Annotated[
    list[str] | None,
    Option(
        "--model",
        metavar="NAME",
        help="VMAF model (`vqmon models list`), as libvmaf spells it, or path=FILE. Repeatable.",
        rich_help_panel=_MEASURES,
    ),
]
Display = Annotated[
    str | None,
    Option(
        "--display",
        metavar="hd|4k",
        help="Where it is watched; picks VMAF's model. Default: by the size.",
        rich_help_panel=_MEASURES,
    ),
]
View = Annotated[
    str | None,
    Option(
        "--view",
        metavar="FROM",
        help="From how far, in heights of the picture: 3h, 5h, phone or 1.5h.",
        rich_help_panel=_MEASURES,
    ),
]
VmafVersion = Annotated[
    list[str] | None,
    Option(
        "--vmaf-version",
        metavar="0.6|1",
        help="Generation of VMAF: 0.6 (the default), 1, or 0.6,1.",
        rich_help_panel=_MEASURES,
    ),
]
Neg = Annotated[
    bool, Option("--neg", help="VMAF's model for which enhanced contrast does not count.", rich_help_panel=_MEASURES)
]
Hfr = Annotated[
    str,
    Option(
        "--hfr",
        metavar="auto|on|off",
        help="VMAF 1's models for 50 and 60 frames a second.",
        rich_help_panel=_MEASURES,
    ),
]
Sampling = Annotated[
    str,
    Option("--sampling", metavar="MODE", help="Which frames: every, rate, keyframes or bursts.", rich_help_panel=_FRAMES),
]
PerSecond = Annotated[
    float, Option("--rate", metavar="R", help="Frames a second, for --sampling rate.", rich_help_panel=_FRAMES)
]
Output = Annotated[
    Path | None,
    Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write every frame's and pooled values here; - is stdout.",
        rich_help_panel=_RESULTS,
    ),
]
OutputFormat = Annotated[
    str | None,
    Option(
        "--output-format",
        "-of",
        metavar="FORMAT",
        help=f"Format of --output, by its suffix if not given, else json: {_FORMATS}.",
        rich_help_panel=_RESULTS,
    ),
]
StdoutFormat = Annotated[
    str,
    Option(
        "--stdout-format",
        metavar="FORMAT",
        help="What goes to standard output: human, or a format of --output.",
        rich_help_panel=_RESULTS,
    ),
]
Pools = Annotated[
    list[str] | None,
    Option(
        "--pool",
        metavar="NAME,...",
        help="Pools to show: mean, harmonic, min, median, p5 ...",
        rich_help_panel=_RESULTS,
    ),
]
Gates = Annotated[
    list[str] | None,
    Option(
        "--fail-under",
        metavar="GATE",
        help="Exit 1 where a file is worse than NAME[:POOL]=X, as in vmaf:p5=80. Repeatable.",
        rich_help_panel=_RESULTS,
    ),
]
ComparisonReport = Annotated[
    Path | None,
    Option(
        "--report",
        metavar="FILE.html",
        help="Series, histograms and the worst frames on one page.",
        rich_help_panel=_RESULTS,
    ),
]
DryRun = Annotated[bool, Option("--dry-run", "-n", help="Say what would be compared and how, and stop.")]

# what to watch, and where it goes

Inputs = Annotated[list[str], Argument(metavar="CONFIG.yaml | URL...", help="A configuration, or inputs to watch.")]
ReferenceUrl = Annotated[
    str | None, Option("--reference", "-r", metavar="URL", help="The source, on the same timeline (PDT or PTS).")
]
WatchSampling = Annotated[
    str | None, Option("--sampling", metavar="MODE", help="Which frames: every, rate (the default), keyframes or bursts.")
]
WatchRate = Annotated[
    float | None, Option("--rate", metavar="R", help="Frames a second, for --sampling rate; 2 by default.")
]
Realtime = Annotated[bool, Option("--realtime", help="Pace files as if they were live.")]
WatchStore = Annotated[
    str | None, Option("--store", metavar="URL", help="Where scores are kept. Default: sqlite:///vqmon.db")
]
Out = Annotated[Path | None, Option("--out", metavar="FILE", help="Also append results to this NDJSON file.")]
Listen = Annotated[str | None, Option("--listen", metavar="HOST:PORT", help="Serve the dashboard and /metrics here.")]
Rules = Annotated[Path | None, Option("--rules", metavar="FILE", help="Alert rules that change the shipped ones.")]
WatchEvidence = Annotated[
    Path | None, Option("--evidence-dir", metavar="DIR", help="Pictures of alerts. Default: vqmon-evidence")
]
Webhooks = Annotated[
    list[str] | None, Option("--webhook", metavar="URL", help="POST alerts here, in Alertmanager's webhook format.")
]
Alertmanagers = Annotated[
    list[str] | None, Option("--alertmanager", metavar="URL", help="Send alerts to this Alertmanager.")
]
Workers = Annotated[int | None, Option("--workers", metavar="N", help="Scoring threads; one a core by default.")]

# what to show

Store = Annotated[str, Option("--store", metavar="URL", help="The store of a `vqmon watch`.")]
ServeAddress = Annotated[str, Option("--listen", metavar="HOST:PORT", help="Where to serve.")]
Evidence = Annotated[Path, Option("--evidence-dir", metavar="DIR", help="Where that watch put its evidence.")]
ReportFile = Annotated[Path, Option("--output", "-o", metavar="FILE", help="The HTML file.")]
OneStream = Annotated[str | None, Option("--stream", metavar="NAME", help="Only this one.")]
Since = Annotated[
    str | None, Option("--since", metavar="TIME", help="From when: UTC such as 2026-11-21T10:00, or an age such as 6h.")
]
Until = Annotated[str | None, Option("--until", metavar="TIME", help="Until when, written as --since.")]
GrafanaUrl = Annotated[str, Option("--url", metavar="URL", help="Address of Grafana.")]
GrafanaToken = Annotated[
    str | None,
    Option(
        "--token", metavar="TOKEN", envvar="VQMON_GRAFANA_TOKEN", help="Service account token; better in the environment."
    ),
]
GrafanaFolder = Annotated[str, Option("--folder", metavar="NAME", help="Folder of the dashboards; made if missing.")]
DemoOutput = Annotated[Path, Option("--output", "-o", metavar="DIR", help="Folder for its store, evidence and report.")]
Keep = Annotated[bool, Option("--keep", help="Leave the channel and the dashboard up afterwards.")]
