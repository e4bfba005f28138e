"""Reading evidence of alerts from its folder, and nothing outside it."""

from __future__ import annotations

import base64
import json
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".json": "application/json"}
"""What evidence can be, by suffix; anything else in the folder is not served."""


class EvidenceFiles:
    """The evidence folder.

    Args:
        folder: Where the files lie; ``None`` where evidence is not kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def find(self, relative: str) -> Path | None:
        """The file of that relative path, or ``None`` unless it is evidence inside the folder, links followed."""
        if self._folder is None or "\\" in relative or "\0" in relative:
            return None
        parts = PurePosixPath(relative).parts
        if not parts or any(part.startswith((".", "/")) for part in parts):
            return None
        try:
            root = self._folder.resolve()
            path = root.joinpath(*parts).resolve()
            inside = path.is_relative_to(root) and path.suffix.lower() in MEDIA_TYPES and path.is_file()
        except OSError:
            return None
        return path if inside else None

    def document(self, relative: str) -> object | None:
        """A JSON file's content, or ``None`` where it is missing or broken."""
        path = self.find(relative)
        try:
            return None if path is None else json.loads(path.read_bytes(), parse_constant=lambda _: None)
        except (OSError, ValueError):
            return None

    def picture(self, relative: str, *, max_width: int, quality: int) -> str | None:
        """A picture as a JPEG ``data:`` URL, scaled down to ``max_width`` pixels, or ``None`` where it can't be read."""
        path = self.find(relative)
        try:
            encoded = None if path is None else path.read_bytes()
        except OSError:
            return None
        if not encoded:
            return None
        image = cv2.imdecode(np.frombuffer(encoded, dtype=np.uint8), cv2.IMREAD_COLOR)
        return None if image is None else _jpeg_url(np.asarray(image, dtype=np.uint8), max_width, quality)


def _jpeg_url(image: NDArray[np.uint8], max_width: int, quality: int) -> str | None:
    height, width = image.shape[:2]
    if width > max_width:
        size = (max_width, max(1, round(height * max_width / width)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    done, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return f"data:image/jpeg;base64,{base64.b64encode(packed.tobytes()).decode()}" if done else None
