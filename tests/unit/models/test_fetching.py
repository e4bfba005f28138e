"""Model files from a server on this machine."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import httpx
import pytest
from typer.testing import CliRunner

from monitor.errors import ConfigError, SourceError, SourceUnavailable, UnknownName
from monitor.models import fetching, files
from pipelines.models import models_app

NAMES = ("vmaf_v0.6.1", "vmaf_v1.0.16_hfr_3d0h")


class Shelf(http.server.ThreadingHTTPServer):
    """Serves bytes or a status by path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.items: dict[str, bytes | int] = {}
        self.asked: list[str] = []
        self.go_on = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(http.server.BaseHTTPRequestHandler):
    server: Shelf

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        item = self.server.items.get(self.path, 404)
        if item == 0:
            self.server.go_on.wait(10)
            return
        body = item if isinstance(item, bytes) else b"no"
        self.send_response(200 if isinstance(item, bytes) else item)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """With the files of two models."""
    server = Shelf()
    for name in NAMES:
        path = files.locate(name)
        assert path is not None
        server.items[f"/repo/{files.KNOWN[name].path}"] = path.read_bytes()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.go_on.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=5, trust_env=False) as client:
        yield client


def test_a_fetched_file_is_found_and_used(
    shelf: Shelf, client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "new" / "models"
    monkeypatch.setattr(files, "files", lambda _: [])
    monkeypatch.setattr(files, "fetched_folder", lambda: folder)
    for name in NAMES:
        with pytest.raises(ConfigError, match=f"run `vqmon models fetch {name}`"):
            files.open_model(name)
        path = fetching.fetch(name, folder, client, base_url=f"{shelf.url}/repo")
        assert path.parent == folder
        assert files.open_model(name).name == name
    assert sorted(path.name for path in folder.iterdir()) == ["vmaf_v0.6.1.json", "vmaf_v1.0.16_hfr_3d0h.json"]
    assert shelf.asked == [
        "/repo/model/vmaf_v0.6.1.json", "/repo/model/vmaf_v1.0.16_hfr/vmaf_v1.0.16_hfr_3d0h.json"
    ]  # fmt: skip


def test_anything_else_is_not_kept(shelf: Shelf, client: httpx.Client, tmp_path: Path) -> None:
    path = f"/repo/{files.KNOWN['vmaf_v0.6.1'].path}"
    (tmp_path / "vmaf_v0.6.1.json").write_text("before")
    for item in (b"{}", shelf.items[path][:-1], b" " * (fetching.LARGEST + 1)):  # type: ignore[index]
        shelf.items[path] = item
        with pytest.raises(SourceError, match=r"is not the published|and no model file"):
            fetching.fetch("vmaf_v0.6.1", tmp_path, client, base_url=f"{shelf.url}/repo")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("vmaf_v0.6.1.json", "before")]


@pytest.mark.parametrize(("status", "retriable"), [(404, False), (403, False), (503, True), (429, True)])
def test_what_the_server_answers(status: int, retriable: bool, shelf: Shelf, client: httpx.Client, tmp_path: Path) -> None:
    shelf.items[f"/repo/{files.KNOWN['vmaf_v0.6.1'].path}"] = status
    with pytest.raises(SourceError, match=f"vmaf_v0.6.1.json answered HTTP {status}; ") as caught:
        fetching.fetch("vmaf_v0.6.1", tmp_path, client, base_url=f"{shelf.url}/repo")
    assert isinstance(caught.value, SourceUnavailable) is retriable
    assert not list(tmp_path.iterdir())


def test_nobody_answers(shelf: Shelf, tmp_path: Path) -> None:
    shelf.items[f"/repo/{files.KNOWN['vmaf_v0.6.1'].path}"] = 0
    with httpx.Client(timeout=0.05, trust_env=False) as impatient:
        with pytest.raises(SourceUnavailable, match="no answer in time"):
            fetching.fetch("vmaf_v0.6.1", tmp_path, impatient, base_url=f"{shelf.url}/repo")
        with pytest.raises(SourceUnavailable, match="can't be had") as caught:
            fetching.fetch("vmaf_v0.6.1", tmp_path, impatient, base_url="http://user:secret@127.0.0.1:1?token=secret")
    assert "secret" not in str(caught.value)


def test_a_file_that_drips_is_given_up(shelf: Shelf, client: httpx.Client, tmp_path: Path) -> None:
    seconds = iter(range(0, 1000, 30))
    with pytest.raises(SourceUnavailable, match=r"vmaf_v0.6.1.json: only \d+ bytes came in time; try again later"):
        fetching.fetch(
            "vmaf_v0.6.1", tmp_path, client, base_url=f"{shelf.url}/repo", limit_seconds=20, clock=lambda: next(seconds)
        )
    assert not list(tmp_path.iterdir())


def test_what_is_said_after_the_address_stays_after_it(shelf: Shelf, client: httpx.Client, tmp_path: Path) -> None:
    path = f"/repo/{files.KNOWN['vmaf_v0.6.1'].path}"
    shelf.items[f"{path}?token=secret"] = shelf.items[path]
    fetching.fetch("vmaf_v0.6.1", tmp_path, client, base_url=f"{shelf.url}/repo/?token=secret")
    assert shelf.asked == [f"{path}?token=secret"]


@pytest.mark.parametrize("address", ["http://127.0.0.1:port/repo", "http://user:secret@127.0.0.1:99999/?token=secret"])
def test_what_is_no_address(address: str, client: httpx.Client, tmp_path: Path) -> None:
    with pytest.raises((ConfigError, SourceUnavailable), match=r"127\.0\.0\.1") as caught:
        fetching.fetch("vmaf_v0.6.1", tmp_path, client, base_url=address)
    assert "secret" not in str(caught.value)


def test_only_what_is_known_can_be_fetched(client: httpx.Client, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"did you mean .*Only files whose digest is known can be fetched"):
        fetching.fetch("vmaf_v0.6.2", tmp_path, client)


def test_a_folder_that_cannot_be_written(shelf: Shelf, client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(ConfigError, match=r"models/vmaf_v0.6.1.json can't be written"):
        fetching.fetch("vmaf_v0.6.1", tmp_path / "models", client, base_url=f"{shelf.url}/repo")


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(models_app, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_the_command(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "fetched_folder", lambda: tmp_path)
    content = b'{"0": "a collection that is not there otherwise"}'
    made = files.Known("mine.json", hashlib.sha256(content).hexdigest(), "a test")
    monkeypatch.setattr(files, "KNOWN", known := MappingProxyType({"vmaf_v0.6.1": files.KNOWN["vmaf_v0.6.1"], "mine": made}))
    monkeypatch.setattr(fetching, "KNOWN", known)
    shelf.items["/repo/model/mine.json"] = content

    code, output = run("list", "--json")
    listed = {row["model"]: row for row in json.loads(output)}
    assert (code, listed["mine"]["state"], listed["mine"]["path"]) == (0, "missing", None)
    first = listed["vmaf_v0.6.1"]
    assert (first["metric"], first["state"], "adm2" in first["features"]) == ("vmaf", "verified", True)
    assert Path(first["path"]).is_file()
    assert run("verify")[0] == 0

    code, output = run("fetch", "--from", f"{shelf.url}/repo")
    assert (code, output) == (0, f"mine: {tmp_path / 'mine.json'}\n")
    assert run("fetch") == (0, "nothing is missing\n")

    (tmp_path / "mine.json").write_text("changed")
    code, output = run("verify")
    assert code == 1
    assert "mine.json is not the published mine.json" in output
    assert "vmaf_v0.6.1: verified" in output
    code, output = run("list")
    assert code == 0
    assert "vmaf_v0.6.1" in output
