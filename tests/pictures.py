"""A PNG as its colours, read with the standard library."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from pathlib import Path


def colours(path: Path) -> Counter[tuple[int, int, int]]:
    """How often each colour occurs in an 8-bit RGB or RGBA picture."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width = height = channels = 0
    packed, at = b"", 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert depth == 8
            channels = {2: 3, 6: 4}[colour]
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    raw, stride = zlib.decompress(packed), width * channels
    counted: Counter[tuple[int, int, int]] = Counter()
    above = bytearray(stride)
    for row in range(height):
        start = row * (stride + 1)
        line = bytearray(raw[start + 1 : start + 1 + stride])
        unfilter(raw[start], line, above, channels)
        counted.update(zip(line[0::channels], line[1::channels], line[2::channels], strict=True))
        above = line
    return counted


def unfilter(kind: int, line: bytearray, above: bytearray, channels: int) -> None:
    for index in range(len(line)):
        left = line[index - channels] if index >= channels else 0
        corner = above[index - channels] if index >= channels else 0
        if kind == 1:
            line[index] = (line[index] + left) & 255
        elif kind == 2:
            line[index] = (line[index] + above[index]) & 255
        elif kind == 3:
            line[index] = (line[index] + (left + above[index]) // 2) & 255
        elif kind == 4:
            guess = left + above[index] - corner
            nearest = min(
                (abs(guess - left), 0, left),
                (abs(guess - above[index]), 1, above[index]),
                (abs(guess - corner), 2, corner),
            )
            line[index] = (line[index] + nearest[2]) & 255
