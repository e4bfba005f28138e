from __future__ import annotations

from pathlib import Path

import pytest

from monitor.errors import ConfigError
from monitor.sources import discover, open_source
from monitor.sources.decoding import PacketSegment
from monitor.sources.hls import HlsSource
from monitor.sources.pyav import PyavSource

from .media import clip
from .origin import Origin, Reply

MASTER = b"""#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=300000,RESOLUTION=416x234
low/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=1280x720
high/index.m3u8
"""
MEDIA = b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n0.ts\n"


@pytest.mark.parametrize(
    ("url", "kind", "live"),
    [
        ("clip.mp4", PyavSource, False),
        ("/videos/12:30.mp4", PyavSource, False),
        ("file:///videos/a.mp4", PyavSource, False),
        ("http://h/clip.mp4", PyavSource, False),
        ("https://h/clip.ts?token=1", PyavSource, False),
        ("rtmp://h/app/key", PyavSource, True),
        ("RTMP://h/app/key", PyavSource, True),
        ("rtsp://u:p@h:554/cam", PyavSource, True),
        ("udp://239.0.0.1:5000?fifo_size=1000", PyavSource, True),
        ("udp://:5000", PyavSource, True),
        ("rtp://127.0.0.1:5004", PyavSource, True),
        ("tcp://[::1]:9000", PyavSource, True),
        ("srt://h:9000?mode=caller", PyavSource, True),
        ("https://h/live/index.m3u8?token=1", HlsSource, True),
    ],
)
def test_the_scheme_decides(url: str, kind: type, live: bool):
    source = open_source(url, stream="s", rendition="720p")
    assert type(source) is kind
    assert (source.stream, source.rendition, source.live) == ("s", "720p", live)


def test_live_can_be_said():
    assert open_source("http://h/live.ts", stream="s", live=True).live
    assert not open_source("tcp://h:1", stream="s", live=False).live
    assert not open_source("http://h/index.m3u8", stream="s", live=False).live


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "is empty"),
        ("foo://h/x", r"no input of kind foo://; known: rtmp://.*paths of files"),
        ("ftp://h/x.mp4", "no input of kind ftp://"),
        ("https://h/live/manifest.mpd", "DASH"),
        ("manifest.mpd", "DASH"),
        ("list.m3u8", "serve it over HTTP"),
        ("udp://127.0.0.1", "has no port; expected udp://HOST:PORT"),
        ("tcp://127.0.0.1:99999", "port"),
        ("rtmp://", "without a host"),
        ("http://:80/x", "without a host"),
    ],
)
def test_what_cannot_be_an_input_is_refused_in_one_line(url: str, said: str):
    with pytest.raises(ConfigError, match=said) as caught:
        open_source(url, stream="s")
    assert "\n" not in str(caught.value)


def test_refusals_do_not_show_credentials():
    with pytest.raises(ConfigError) as caught:
        open_source("https://user:secret@h/manifest.mpd?token=abc", stream="s")
    assert "secret" not in str(caught.value)
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize("name", ["12:30.mp4", "a b%20c.mp4", "?.mp4"])
def test_odd_names_of_files_are_only_names(tmp_path: Path, name: str):
    path = clip(tmp_path / name, seconds=1)
    with open_source(str(path), stream="s") as source:
        assert any(isinstance(item, PacketSegment) for item in source)


def test_file_urls_are_decoded(tmp_path: Path):
    path = clip(tmp_path / "a b.mp4", seconds=1)
    with open_source(path.as_uri(), stream="s") as source:
        assert any(isinstance(item, PacketSegment) for item in source)


def test_a_relative_path_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    clip(tmp_path / "a.mp4", seconds=1)
    monkeypatch.chdir(tmp_path)
    with open_source("a.mp4", stream="s") as source:
        assert any(isinstance(item, PacketSegment) for item in source)


class TestDiscover:
    def test_a_master_playlist_has_a_source_per_rendition(self):
        with Origin() as origin:
            origin.pages["/master.m3u8"] = Reply(MASTER)
            sources = discover(origin.url("/master.m3u8"), stream="s")
        assert [(source.stream, source.rendition) for source in sources] == [("s", "720p"), ("s", "234p")]

    def test_a_media_playlist_is_one_and_takes_the_name_given(self):
        with Origin() as origin:
            origin.pages["/index.m3u8"] = Reply(MEDIA)
            sources = discover(origin.url("/index.m3u8"), stream="s", rendition="only")
        assert [source.rendition for source in sources] == ["only"]

    def test_a_playlist_is_known_by_its_content(self):
        with Origin() as origin:
            origin.pages["/play"] = Reply(MASTER)
            sources = discover(origin.url("/play?id=7"), stream="s")
        assert [type(source) for source in sources] == [HlsSource, HlsSource]

    @pytest.mark.parametrize("page", [Reply(b"\x47" * 2000), Reply(b""), Reply(status=404), Reply(drop=True)])
    def test_anything_else_over_http_is_left_to_pyav(self, page: Reply):
        with Origin() as origin:
            origin.pages["/play"] = page
            sources = discover(origin.url("/play"), stream="s", live=True)
        assert [type(source) for source in sources] == [PyavSource]
        assert sources[0].live

    def test_a_telling_suffix_is_believed_without_asking(self):
        with Origin() as origin:
            discover(origin.url("/clip.mp4"), stream="s")
            assert origin.requests == []

    @pytest.mark.parametrize("url", ["clip.mp4", "rtmp://h/a/b"])
    def test_files_and_other_protocols_are_one_source(self, url: str):
        [source] = discover(url, stream="s", rendition="main", segment_seconds=2.0)
        assert (type(source), source.rendition) == (PyavSource, "main")

    def test_settings_are_checked_before_anything_is_fetched(self):
        with pytest.raises(ConfigError):
            discover("foo://h/x", stream="s")
