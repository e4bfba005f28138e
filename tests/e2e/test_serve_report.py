"""``vqmon serve`` and ``vqmon report`` on the store of a watch, while it runs and afterwards."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from lxml import html

from monitor.types import AlertState
from tests.e2e.channel import Channel, segment
from tests.e2e.receiver import Receiver
from tests.e2e.watch_command import Command, assert_no_traceback, complaints, configuration, eventually, rules, watch
from tests.unit.sources.origin import Origin


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """A watch at work, with a black picture alerted and over."""
    folder = tmp_path_factory.mktemp("watch")
    quick = rules(folder, {"name": "BlackPicture", "for_seconds": 1, "keep_firing_for_seconds": 0})
    with Origin() as origin, Channel(origin, "live") as channel:
        config = configuration(folder, [{"name": "news", "url": channel.url}], rules=str(quick))
        with watch(folder, config) as command:
            eventually("scores", lambda: command.store.sequences("news"))
            channel.make = lambda number: segment(number, black=True)
            eventually("an alert", lambda: command.store.incidents("BlackPicture"))
            channel.make = segment
            eventually("its end", lambda: command.store.incidents("BlackPicture", state=AlertState.RESOLVED))
            yield command
            command.signal(signal.SIGTERM)
            assert command.wait(20) == 0
    assert_no_traceback(command)


def test_the_dashboard_follows_another_process_watch(watching: Command) -> None:
    with Command(
        watching.folder / "serve",
        "serve",
        "--store",
        f"sqlite:///{watching.store.path}",
        "--listen",
        "127.0.0.1:0",
        "--evidence-dir",
        watching.folder / "vqmon-evidence",
    ) as server:
        url = server.url()
        page = httpx.get(f"{url}/")
        assert page.status_code == 200
        assert "vqmon" in html.fromstring(page.text).findtext(".//title", "")
        [alert] = watching.store.incidents("BlackPicture")
        picture = httpx.get(f"{url}/evidence/{alert.evidence[0]}")
        assert (picture.status_code, picture.headers["content-type"], picture.content[:2]) == (
            200,
            "image/jpeg",
            b"\xff\xd8",
        )
        first = httpx.get(f"{url}/api/overview").raise_for_status().text
        assert "BlackPicture" in first
        eventually("the dashboard moves on", lambda: httpx.get(f"{url}/api/overview").text != first)
        server.signal(signal.SIGTERM)
        assert server.wait(15) == 0
    assert_no_traceback(server)
    seen = len(watching.store.sequences("news"))
    eventually("the watch goes on", lambda: len(watching.store.sequences("news")) > seen)


def test_ctrl_c_ends_a_server(watching: Command) -> None:
    with Command(watching.folder / "serve2", "serve", "--store", watching.store.path, "--listen", "127.0.0.1:0") as server:
        server.url()
        server.signal(signal.SIGINT)
        assert server.wait(15) == 0  # the way to end it
    assert_no_traceback(server)


def test_the_report_is_one_file_with_scores_alert_and_picture(watching: Command, tmp_path: Path) -> None:
    with Command(
        tmp_path,
        "report",
        "--store",
        watching.store.path,
        "-o",
        "out.html",
        "--evidence-dir",
        watching.folder / "vqmon-evidence",
    ) as command:
        assert command.wait() == 0
    assert command.stdout.strip() == "out.html"
    text = (tmp_path / "out.html").read_text(encoding="utf-8")
    document = html.fromstring(text)
    assert "news" in document.text_content()
    assert "BlackPicture" in document.text_content()
    assert "data:image/jpeg;base64," in text
    assert not [link for link in document.xpath("//script/@src | //link/@href | //img/@src") if not link.startswith("data:")]


@pytest.mark.parametrize("command", ["serve", "report"])
def test_a_store_that_is_not_there_is_one_line(tmp_path: Path, command: str) -> None:
    with Command(tmp_path, command, "--store", "sqlite:///none.db") as program:
        assert program.wait() == 1
    assert program.stderr.splitlines() == complaints(program)
    assert "there is no store none.db" in program.stderr
    assert not (tmp_path / "none.db").exists()


def test_what_a_server_or_report_can_not_do_is_one_line(watching: Command, tmp_path: Path) -> None:
    with Receiver() as taken:
        port = taken.url.rsplit(":", 1)[1].split("/")[0]
        rows = [
            (["serve", "--listen", f"127.0.0.1:{port}"], 1, "address already in use"),
            (["serve", "--listen", "somewhere"], 2, "HOST:PORT"),
            (["report", "-o", "no/such/folder/out.html"], 1, "no/such/folder"),
            (["report", "--since", "yesterday"], 2, "'yesterday' is no time"),
        ]
        for arguments, code, words in rows:
            with Command(tmp_path, *arguments, "--store", watching.store.path) as program:
                assert program.wait() == code, program.stderr
            assert program.stderr.splitlines() == complaints(program)
            assert len(complaints(program)) == 1
            assert words in program.stderr


def test_a_file_that_is_no_store_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database\n" * 100, encoding="utf-8")
    with Command(tmp_path, "report", "--store", "text.db") as program:
        assert program.wait() == 1
    assert len(complaints(program)) == 1
    assert_no_traceback(program)
