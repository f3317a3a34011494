"""Whether a recording is whole: decoders silently shorten the sound that was promised to what is there."""

from __future__ import annotations

from typing import BinaryIO, Literal, TypeAlias

Promise: TypeAlias = tuple[int, int]
"""How many bytes of sound there should be, and where they begin; (0, 0) if the header does not say so."""

_Order: TypeAlias = Literal["little", "big"]

UNKNOWN_LENGTH = 0x7FFF_F000
"""Encoders that write to a pipe promise this many bytes or more in 32 bits, because they cannot know."""

_OGG_PAGE = 27 + 255 + 255 * 255
"""Bytes of the largest page of an Ogg stream."""
_OGG_LAST = 4
_NOTHING: Promise = (0, 0)
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"


def promised_sound(file: BinaryIO) -> Promise:
    """What the header of an open file promises: wav, RF64, W64, au, aiff and NIST SPHERE; other formats do not say."""
    head = file.read(40)
    if head[:4] in (b"RIFF", b"RIFX") and head[8:12] == b"WAVE":
        return _known(_of_wav(file, "little" if head[:4] == b"RIFF" else "big"))
    if head[:4] in (b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return _of_rf64(file)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _known(_of_aiff(file))
    if head[:4] == b".snd" and len(head) >= 12:
        return _known((int.from_bytes(head[8:12], "big"), int.from_bytes(head[4:8], "big")))
    for start, promise in ((_W64_RIFF, _of_w64), (b"NIST_1A\n", _of_nist)):
        if head.startswith(start):
            return promise(file)
    return _NOTHING


def ends_early(file: BinaryIO) -> bool:
    """Whether an open Ogg stream does not end with a whole page that says that it is the last one; else False."""
    file.seek(0)
    if file.read(4) != b"OggS":
        return False
    size = file.seek(0, 2)
    file.seek(max(0, size - _OGG_PAGE))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :] if b"OggS" in tail else b""
    if len(page) < 27 or len(page) < 27 + page[26]:
        return True
    n_bytes = 27 + page[26] + sum(page[27 : 27 + page[26]])
    return len(page) < n_bytes or not page[5] & _OGG_LAST


def _known(promise: Promise) -> Promise:
    return promise if promise[0] < UNKNOWN_LENGTH else _NOTHING


def _chunk(file: BinaryIO, wanted: bytes, start: int, order: _Order) -> Promise:
    """Length and place of the content of the first chunk of a name, of those that begin at ``start``."""
    file.seek(start)
    while len(chunk := file.read(8)) == 8:
        length = int.from_bytes(chunk[4:], order)
        if chunk[:4] == wanted:
            return length, file.tell()
        file.seek(length + length % 2, 1)  # chunks are padded to even length
    return _NOTHING


def _of_wav(file: BinaryIO, order: _Order) -> Promise:
    return _chunk(file, b"data", 12, order)


def _of_rf64(file: BinaryIO) -> Promise:
    """The chunk ``ds64`` holds the sizes that 32 bits do not."""
    length, start = _chunk(file, b"ds64", 12, "little")
    if length < 16:
        return _NOTHING
    file.seek(start + 8)
    large = int.from_bytes(file.read(8), "little")
    length, start = _chunk(file, b"data", 12, "little")
    return (large if length == 0xFFFF_FFFF else length), start


def _of_aiff(file: BinaryIO) -> Promise:
    length, start = _chunk(file, b"SSND", 12, "big")
    return (length - 8, start + 8) if length >= 8 else _NOTHING  # two numbers stand before the sound


def _of_w64(file: BinaryIO) -> Promise:
    """Names of 16 bytes, and lengths of 64 bits that count name and length; chunks begin at multiples of 8."""
    file.seek(40)
    while len(chunk := file.read(24)) == 24:
        length = int.from_bytes(chunk[16:], "little") - 24
        if length < 0:
            return _NOTHING
        if chunk[:4] == b"data":
            return length, file.tell()
        file.seek(length + -length % 8, 1)
    return _NOTHING


def _of_nist(file: BinaryIO) -> Promise:
    """Lines of name, type and value, of which some multiply to the size."""
    file.seek(8)
    start = _number(file.read(8))
    file.seek(0)
    fields = dict(_fields(file.read(min(start, 1 << 16))))
    size = 1
    for name in (b"sample_count", b"channel_count", b"sample_n_bytes"):
        size *= _number(fields.get(name, b"0"))
    packed = b"," in fields.get(b"sample_coding", b"")  # as in "pcm,embedded-shorten-v2.00"
    return _NOTHING if packed else (size, start)


def _fields(text: bytes) -> list[tuple[bytes, bytes]]:
    lines = [line.split() for line in text.splitlines()]
    return [(words[0], words[2]) for words in lines if len(words) == 3]


def _number(text: bytes) -> int:
    digits = text.strip()
    return int(digits) if digits.isdigit() and len(digits) < 20 else 0
