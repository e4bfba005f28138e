"""Senders of live streams on loopback: FFmpeg's own servers, an RTSP server in front of its RTP, and bad HTTP."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import imageio_ffmpeg


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def sending(clip: Path, *arguments: str, loop: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """FFmpeg, sending ``clip`` in real time without re-encoding, until the context ends."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "quiet", "-nostdin", "-re"]
    command += ["-stream_loop", "-1"] if loop else []
    process = subprocess.Popen([*command, "-i", str(clip), "-c", "copy", *arguments])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class HttpServer:
    """Answers every GET with ``body``; can announce more than it sends, and then hang or close."""

    def __init__(self, body: bytes = b"", *, status: int = 200, hang: bool = False, announce: int | None = None) -> None:
        self.released = threading.Event()
        self.requests: list[tuple[str, dict[str, str]]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.requests.append((self.path, dict(self.headers)))
                if hang and not body:
                    owner.released.wait(60)
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(body) if announce is None else announce))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)
                    self.wfile.flush()
                if hang:
                    owner.released.wait(60)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/clip.ts"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> HttpServer:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class RtspServer:
    """Hands the RTP packets that arrive on a UDP port to one RTSP client at a time, interleaved in its TCP connection."""

    def __init__(self, sdp: Path, rtp_port: int, *, mute: bool = False) -> None:
        self._sdp = sdp
        self._mute = mute
        self._rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._rtp.bind(("127.0.0.1", rtp_port))
        self._rtp.settimeout(0.1)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.url = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/live"

    def __enter__(self) -> RtspServer:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._listener.close()
        self._rtp.close()

    def _serve(self) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(OSError):
                client, _ = self._listener.accept()
                with client:
                    client.settimeout(5)
                    if self._talk(client):
                        self._forward(client)

    def _talk(self, client: socket.socket) -> bool:
        buffer = b""
        while not self._stopped.is_set():
            while b"\r\n\r\n" not in buffer:
                received = client.recv(4096)
                if not received:
                    return False
                buffer += received
            request, _, buffer = buffer.partition(b"\r\n\r\n")
            lines = request.decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            method = lines[0].split()[0]
            if self._mute:
                continue
            answer, body = [f"CSeq: {headers['cseq']}", "Session: 1"], b""
            if method == "OPTIONS":
                answer.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
            elif method == "DESCRIBE":
                body = self._description()
                answer += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
            elif method == "SETUP":
                answer.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
            client.sendall("\r\n".join(["RTSP/1.0 200 OK", *answer, "", ""]).encode() + body)
            if method == "PLAY":
                return True
            if method == "TEARDOWN":
                return False
        return False

    def _description(self) -> bytes:
        deadline = time.monotonic() + 10
        while not self._sdp.exists() or b"m=video" not in self._sdp.read_bytes():
            if time.monotonic() > deadline:
                raise TimeoutError("FFmpeg wrote no session description")
            time.sleep(0.02)
        kept = [line for line in self._sdp.read_text().splitlines() if line[:2] in ("v=", "o=", "s=", "t=", "m=", "a=")]
        return "\r\n".join([*kept, "a=control:track1", ""]).encode()

    def _forward(self, client: socket.socket) -> None:
        while not self._stopped.is_set():
            try:
                packet = self._rtp.recv(65_536)
            except TimeoutError:
                continue
            client.sendall(b"$\x00" + len(packet).to_bytes(2, "big") + packet)
