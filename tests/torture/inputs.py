"""What hostile clients send, each by name, and the answers that are intended."""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from signing import md5_of, status_body

from torture.link import post

ENDED = 0  #: the connection ended without an answer
OPEN = -1  #: it did not end in time
SOURCE = "127.0.0.9"  #: where hostile clients come from
MEGABYTE = 2**20
HEAD = b"POST /callback HTTP/1.1\r\nHost: torture\r\n"
CLOSE = b"Connection: close\r\n"
MOST = 2**18  #: bytes of a body


@dataclass
class Target:
    """
    Where a collector listens, and what was sent to it.

    Attributes
    ----------
    megabytes : int
        Of what is sent without end.
    seconds : float
        The longest of the collector's deadlines.
    sent, acknowledged : list of int
        Ids of callbacks that were signed, and of those that were answered with 200.
    """

    host: str
    port: int
    megabytes: int
    seconds: float
    many: int
    ids: Iterator[int]
    sent: list[int] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)

    def connect(self, source: str = SOURCE, *, little_room: bool = False) -> socket.socket:
        link = socket.socket()
        if little_room:  # for what was sent, on both sides
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        link.bind((source, 0))
        link.settimeout(10)
        link.connect((self.host, self.port))
        return link

    def ask(self, *parts: bytes | Iterable[bytes]) -> list[int]:
        """Send all of it on one connection, as far as it is taken, and hear the answers."""
        with self.connect() as link:
            with contextlib.suppress(OSError):
                for part in parts:
                    for piece in (part,) if isinstance(part, bytes) else part:
                        link.sendall(piece)
            return hear(link, self.seconds + 5)

    def post(self, body: bytes) -> list[int]:
        return self.ask(HEAD + CLOSE + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def signed(self) -> tuple[int, bytes]:
        number = next(self.ids)
        self.sent.append(number)
        return number, status_body(number)


def hear(link: socket.socket, seconds: float) -> list[int]:
    """The statuses that come until the connection ends."""
    return statuses(*listen(link, seconds))


def listen(link: socket.socket, seconds: float) -> tuple[bytes, bool]:
    """What comes until the connection ends, and whether it did."""
    heard, until = b"", time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        link.settimeout(left)
        try:
            part = link.recv(MEGABYTE)
        except TimeoutError:
            return heard, False
        except OSError:
            return heard, True
        if not part:
            return heard, True
        heard += part
    return heard, False


def statuses(heard: bytes, ended: bool) -> list[int]:
    found = [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", heard)]
    return found + ([] if ended else [OPEN]) or [ENDED]


Sender = Callable[[Target], list[int]]
INPUTS: dict[str, tuple[Sender, frozenset[int]]] = {}
CROWDED = {"connections_1100", "connections_of_one_address"}  #: nobody else gets in meanwhile


def answered(*intended: int) -> Callable[[Sender], Sender]:
    def listed(send: Sender) -> Sender:
        INPUTS[send.__name__] = (send, frozenset(intended))
        return send

    return listed


# Too slow.


def drip(target: Target, head: bytes, drop: bytes, connections: int = 50) -> list[int]:
    """The head on many connections, and then the drop on each, again and again, until all have ended."""
    links = [target.connect() for _ in range(connections)]
    heard = dict.fromkeys(links, b"")
    for link in links:
        link.sendall(head)
        link.setblocking(False)
    until, found = time.monotonic() + target.seconds + 5, []
    while links and time.monotonic() < until:
        time.sleep(0.1)
        for link in list(links):
            with contextlib.suppress(BlockingIOError):
                part = b""
                with contextlib.suppress(ConnectionError):
                    part = link.recv(MEGABYTE)
                heard[link] += part
                if not part:
                    links.remove(link)
                    found += statuses(heard[link], True)
                    link.close()
                    continue
            if drop:
                with contextlib.suppress(OSError):
                    link.send(drop)
    for link in links:
        found += statuses(heard[link], False)
        link.close()
    return found


@answered(408)
def headers_byte_by_byte(target: Target) -> list[int]:
    return drip(target, b"POST /callback HTTP/1.1\r\nX: ", b"x")


@answered(408)
def headers_line_by_line(target: Target) -> list[int]:
    return drip(target, HEAD, b"X: x\r\n")


@answered(408)
def header_name_byte_by_byte(target: Target) -> list[int]:
    return drip(target, HEAD, b"x")


@answered(408)
def headers_then_silence(target: Target) -> list[int]:
    return drip(target, HEAD, b"")


@answered(ENDED, 408)
def silence(target: Target) -> list[int]:
    return drip(target, b"", b"")


@answered(408)
def body_byte_by_byte(target: Target) -> list[int]:
    return drip(target, HEAD + b"Content-Length: 1000\r\n\r\n", b"x")


@answered(408)
def half_a_body_then_silence(target: Target) -> list[int]:
    return drip(target, HEAD + b"Content-Length: 200\r\n\r\nid=1", b"")


@answered(408)
def chunks_byte_by_byte(target: Target) -> list[int]:
    return drip(target, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n")


@answered(408)
def trailers_line_by_line(target: Target) -> list[int]:
    return drip(target, HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: x\r\n")


@answered(408, 503)
def half_bodies_as_large_as_allowed(target: Target) -> list[int]:
    return drip(target, HEAD + b"Content-Length: %d\r\n\r\n" % MOST + b"x" * (MOST - 1), b"", 90)


@answered(200)
def kept_alive_then_silence(target: Target) -> list[int]:
    return drip(target, b"GET /healthz HTTP/1.1\r\nHost: torture\r\n\r\n", b"")


# Too large.


def flood(target: Target, piece: bytes) -> Iterator[bytes]:
    return itertools.repeat(piece, target.megabytes * MEGABYTE // len(piece))


@answered(413)
def body_of_200_mb(target: Target) -> list[int]:
    length = target.megabytes * MEGABYTE
    return target.ask(HEAD + b"Content-Length: %d\r\n\r\n" % length, flood(target, bytes(MEGABYTE)))


@answered(413)
def body_announced_and_awaited(target: Target) -> list[int]:
    return target.ask(HEAD + b"Content-Length: 209715200\r\nExpect: 100-continue\r\n\r\n")


@answered(400)
def body_as_large_as_allowed(target: Target) -> list[int]:
    return target.post(bytes(MOST))


@answered(413)
def body_of_a_byte_too_many(target: Target) -> list[int]:
    return target.post(bytes(MOST + 1))


@answered(413)
def chunks_of_a_byte_too_many(target: Target) -> list[int]:
    return target.ask(
        HEAD + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % (MOST + 1), bytes(MOST + 1), b"\r\n0\r\n\r\n"
    )


@answered(413)
def chunks_of_200_mb(target: Target) -> list[int]:
    return target.ask(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n", flood(target, b"10000\r\n" + b"x" * 65536 + b"\r\n")
    )


@answered(413)
def chunks_of_200_mb_with_an_offer_to_upgrade(target: Target) -> list[int]:
    head = HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
    return target.ask(
        head + b"Transfer-Encoding: chunked\r\n\r\n", flood(target, b"10000\r\n" + b"x" * 65536 + b"\r\n")
    )


@answered(413)
def chunks_of_one_byte(target: Target) -> list[int]:
    return target.ask(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", flood(target, b"1\r\nx\r\n" * 10_000))


@answered(400, 413)
def one_endless_chunk_extension(target: Target) -> list[int]:
    return target.ask(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;x=", flood(target, b"x" * 65536))


@answered(400, 413)
def endless_chunk_extensions(target: Target) -> list[int]:
    extended = b"1;" + b"x=y;" * 50 + b"x=y\r\nx\r\n"
    return target.ask(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", flood(target, extended * 300))


@answered(400, 413)
def endless_trailers(target: Target) -> list[int]:
    return target.ask(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", flood(target, b"X-Trailer: x\r\n" * 5000))


@answered(400, 413)
def one_endless_trailer(target: Target) -> list[int]:
    return target.ask(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", flood(target, b"x" * 65536))


@answered(400, 413)
def endless_chunk_size(target: Target) -> list[int]:
    return target.ask(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", flood(target, b"0" * 65536))


@answered(413)
def one_endless_header(target: Target) -> list[int]:
    return target.ask(HEAD + b"X: ", flood(target, b"x" * 65536))


@answered(413)
def one_endless_header_name(target: Target) -> list[int]:
    return target.ask(HEAD, flood(target, b"x" * 65536))


@answered(413)
def endless_headers(target: Target) -> list[int]:
    return target.ask(HEAD, flood(target, b"X: x\r\n" * 10_000))


@answered(413)
def endless_request_line(target: Target) -> list[int]:
    return target.ask(b"POST /callback?", flood(target, b"x" * 65536))


@answered(413)
def whole_address_of_16_kb(target: Target) -> list[int]:
    return target.ask(b"POST http://torture/callback/" + b"x" * 16_384 + b" HTTP/1.1\r\nHost: torture\r\n\r\n")


@answered(400, 413)
def endless_method(target: Target) -> list[int]:
    return target.ask(flood(target, b"P" * 65536))


@answered(ENDED, 400, 408, 413)
def endless_empty_lines(target: Target) -> list[int]:
    return target.ask(flood(target, b"\r\n" * 32768))


@answered(413)
def headers_of_16_kb_and_one_byte(target: Target) -> list[int]:
    return target.ask(HEAD + b"Content-Length: 0\r\nX: " + b"x" * 16_384 + b"\r\n\r\n")


@answered(200)
def headers_of_nearly_16_kb(target: Target) -> list[int]:
    number, body = target.signed()
    found = target.ask(HEAD + CLOSE + b"Content-Length: %d\r\nX: " % len(body) + b"x" * 16_000 + b"\r\n\r\n" + body)
    target.acknowledged += [number] * (found == [200])
    return found


# Bodies that ask for more than they bring.


@answered(400)
def form_of_100_000_pairs(target: Target) -> list[int]:
    return target.post(b"a&" * 100_000)


@answered(413)
def form_of_100_000_names(target: Target) -> list[int]:
    return target.post(b"&".join(b"%x=" % number for number in range(100_000)))


@answered(400, 403)
def form_of_nothing_but_percent_signs(target: Target) -> list[int]:
    return target.post(b"mes=" + b"%d0" * 80_000 + b"&phone=79001230001&to=79001230000&md5=x")


@answered(400, 403)
def form_of_percent_signs_and_letters(target: Target) -> list[int]:
    return target.post(b"mes=" + b"%d0ab" * 48_000 + b"&phone=79001230001&to=79001230000&md5=x")


@answered(400)
def json_of_depth_100_000(target: Target) -> list[int]:
    return target.post(b"[" * 100_000 + b"]" * 100_000)


@answered(400)
def json_objects_of_depth_40_000(target: Target) -> list[int]:
    return target.post(b'{"a":' * 40_000 + b"1" + b"}" * 40_000)


@answered(400)
def json_of_80_000_objects(target: Target) -> list[int]:
    return target.post(b"[" + b",".join([b"{}"] * 80_000) + b"]")


@answered(400)
def json_of_80_000_lists(target: Target) -> list[int]:
    return target.post(b"[" + b",".join([b"[]"] * 80_000) + b"]")


@answered(400)
def json_of_40_000_names(target: Target) -> list[int]:
    return target.post(b"{" + b",".join(b'"%04x":0' % (number % 65536) for number in range(29_000)) + b"}")


@answered(400)
def json_numbers_of_200_000_digits(target: Target) -> list[int]:
    return target.post(b'{"id": %s, "phone": 79001230001, "status": 1, "md5": "x"}' % (b"9" * 200_000))


@answered(200)
def json_numbers_beyond_measure(target: Target) -> list[int]:
    number = next(target.ids)
    target.sent.append(number)
    found = target.post(
        b'{"id": %d, "phone": 79001230001, "status": 1, "err": %s, "cost": 1e999999999, "cnt": -1E-99999, "ts": %s, "md5": "%s"}'
        % (number, b"9" * 5000, b"1" * 100_000, md5_of(number, "79001230001", 1).encode())
    )
    target.acknowledged += [number] * (found == [200])
    return found


@answered(400)
def xml_of_depth_100_000(target: Target) -> list[int]:
    return target.post(b"<a>" * 87_000)


@answered(400)
def xml_of_60_000_elements(target: Target) -> list[int]:
    return target.post(b"<r>" + b"<a/>" * 60_000 + b"</r>")


@answered(400)
def xml_of_20_000_attributes(target: Target) -> list[int]:
    return target.post(b"<r " + b" ".join(b'a%d=""' % number for number in range(20_000)) + b"/>")


LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n + 1, b"&l%d;" % n * 10) for n in range(1, 12))


@answered(400)
def xml_billion_laughs(target: Target) -> list[int]:
    return target.post(b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l1 "ha">' + LAUGHS + b"]><a>&l12;</a>")


@answered(400)
def xml_quadratic_blowup(target: Target) -> list[int]:
    return target.post(b'<!DOCTYPE a [<!ENTITY x "' + b"x" * 100_000 + b'">]><a>' + b"&x;" * 50_000 + b"</a>")


@answered(400)
def xml_external_entity(target: Target) -> list[int]:
    url = b"http://%s:%d/healthz" % (target.host.encode(), target.port)
    return [
        status
        for where in (b"file:///etc/passwd", url)
        for status in target.post(b'<!DOCTYPE a [<!ENTITY x SYSTEM "%s">]><a><id>&x;</id></a>' % where)
    ]


@answered(400)
def xml_external_document_type(target: Target) -> list[int]:
    return target.post(b'<!DOCTYPE a SYSTEM "file:///dev/zero"><a/>')


# Too many, too fast, and never listening.


@answered(200, 503)
def pipelining_of_3000_callbacks(target: Target) -> list[int]:
    told = [target.signed() for _ in range(3000)]
    found = target.ask(b"".join(post(body) for _, body in told), HEAD + CLOSE + b"Content-Length: 0\r\n\r\n")
    stored = list(itertools.takewhile(lambda status: status == 200, found))
    target.acknowledged += [number for number, _ in told[: len(stored)]]
    return [status for status in found[len(stored) :] if status != ENDED] + stored


@answered(200, 503)
def pipelining_of_pages(target: Target) -> list[int]:
    return target.ask(b"GET /healthz HTTP/1.1\r\nHost: torture\r\n\r\n" * 20_000, HEAD + CLOSE + b"\r\n")


@answered(200, 503)
def pipelining_of_offers_to_upgrade(target: Target) -> list[int]:
    page = b"GET /healthz HTTP/1.1\r\nHost: torture\r\n"
    return target.ask((page + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n") * 20_000, page + CLOSE + b"\r\n")


@answered(ENDED, 200, 503)
def answers_that_nobody_reads(target: Target) -> list[int]:
    """There is little room for them; the requests go on, not too many at once, until the collector ends it."""
    links = [target.connect(little_room=True) for _ in range(2)]
    for link in links:
        link.setblocking(False)
    until = time.monotonic() + 60
    talking = list(links)
    while talking and time.monotonic() < until:
        for link in list(talking):
            with contextlib.suppress(BlockingIOError):
                try:
                    link.send(b"GET /healthz HTTP/1.1\r\nHost: torture\r\n\r\n" * 10)
                except ConnectionError:
                    talking.remove(link)
        time.sleep(0.005)
    found = [OPEN] * len(talking)
    for link in links:
        found += hear(link, target.seconds + 5)
        link.close()
    return found


def crowd(target: Target, sources: Sequence[str]) -> list[int]:
    """A connection from each address, all of them open and in use, and then a callback on each."""
    links = []
    for source in sources:
        link = target.connect(source)
        links.append((link, *target.signed()))
        with contextlib.suppress(OSError):
            link.sendall(b"GET /healthz HTTP/1.1\r\nHost: torture\r\n\r\n")
    heard_first = [_first(link) for link, _, _ in links]
    for link, _, body in links:
        with contextlib.suppress(OSError):
            link.sendall(HEAD + CLOSE + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    found = []
    for first, (link, number, _) in zip(heard_first, links, strict=True):
        if first != [200]:
            found += first
        else:
            found += hear(link, target.seconds + 5)
            target.acknowledged += [number] * (found[-1] == 200)
        link.close()
    return found


def _first(link: socket.socket) -> list[int]:
    """The first answer on a connection."""
    try:
        return statuses(link.recv(MEGABYTE), True)
    except OSError:
        return [ENDED]


@answered(200)
def connections_950(target: Target) -> list[int]:
    return crowd(target, [f"127.0.1.{number // 95 + 1}" for number in range(950)])


@answered(ENDED, 200, 503)
def connections_1100(target: Target) -> list[int]:
    found = crowd(target, [f"127.0.1.{number // 95 + 1}" for number in range(1100)])
    return found if found.count(200) > 900 and found.count(503) > 50 else [*found, OPEN]


@answered(ENDED, 200, 429)
def connections_of_one_address(target: Target) -> list[int]:
    found = crowd(target, [SOURCE] * 400)
    return found if 90 <= found.count(200) <= 100 and found.count(429) > 100 else [*found, OPEN]


@answered(ENDED)
def coming_and_going(target: Target) -> list[int]:
    """Some send nothing, some a part, some all, and then reset the connection or leave."""
    for number in range(target.many):
        link = target.connect()
        sent = (b"", b"", HEAD, post(target.signed()[1]), post(target.signed()[1])[:-1], b"\x00")[number % 6]
        with contextlib.suppress(OSError):
            link.sendall(sent)
        if number % 2:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.close()
    return [ENDED]


# What is no HTTP, or two kinds of it at once. A callback that is smuggled behind must not be taken for one.

SMUGGLED_ID = 666
SMUGGLED = post(status_body(SMUGGLED_ID))
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"
BROKEN = {
    "both_lengths": HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both_lengths_reversed": CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n",
    "two_lengths": HEAD + b"Content-Length: 4\r\nContent-Length: 0\r\n\r\nid=1",
    "two_equal_lengths": HEAD + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nid=1",
    "list_of_lengths": HEAD + b"Content-Length: 4, 4\r\n\r\nid=1",
    "negative_length": HEAD + b"Content-Length: -4\r\n\r\nid=1",
    "length_with_plus": HEAD + b"Content-Length: +4\r\n\r\nid=1",
    "hexadecimal_length": HEAD + b"Content-Length: 0x4\r\n\r\nid=1",
    "length_in_two_parts": HEAD + b"Content-Length: 4 4\r\n\r\nid=1",
    "empty_length": HEAD + b"Content-Length: \r\n\r\nid=1",
    "length_beyond_64_bits": HEAD + b"Content-Length: 18446744073709551620\r\n\r\nid=1",
    "unknown_transfer_encoding": HEAD + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "transfer_encoding_after_chunked": HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "transfer_encoding_nearly_chunked": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "transfer_encoding_twice": CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "transfer_encoding_with_vertical_tab": HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "negative_chunk": CHUNKED + b"\r\n-1\r\nx\r\n0\r\n\r\n",
    "chunk_with_prefix": CHUNKED + b"\r\n0x1\r\nx\r\n0\r\n\r\n",
    "chunk_beyond_64_bits": CHUNKED + b"\r\n10000000000000001\r\nx\r\n0\r\n\r\n",
    "chunk_without_size": CHUNKED + b"\r\n\r\nx\r\n0\r\n\r\n",
    "chunk_longer_than_said": CHUNKED + b"\r\n1\r\nxxx\r\n0\r\n\r\n",
    "chunk_with_bare_lf": CHUNKED + b"\r\n1\nx\n0\n\n",
    "chunk_extension_with_bare_lf": CHUNKED + b"\r\n1;a\nx\r\n0\r\n\r\n",
    "bare_lf": b"POST /callback HTTP/1.1\nHost: torture\nContent-Length: 4\n\nid=1",
    "bare_cr": b"POST /callback HTTP/1.1\rHost: torture\rContent-Length: 4\r\rid=1",
    "cr_in_a_header": HEAD + b"X: a\rContent-Length: 4\r\n\r\n",
    "nul_in_a_header": HEAD + b"X: a\x00b\r\nContent-Length: 4\r\n\r\nid=1",
    "nul_in_a_header_name": HEAD + b"X\x00: a\r\nContent-Length: 4\r\n\r\nid=1",
    "nul_in_the_path": b"POST /callback\x00 HTTP/1.1\r\nHost: torture\r\nContent-Length: 4\r\n\r\nid=1",
    "space_before_a_colon": HEAD + b"Content-Length : 4\r\n\r\nid=1",
    "space_before_a_header": HEAD + b" Content-Length: 4\r\n\r\nid=1",
    "header_without_colon": HEAD + b"Content-Length\r\n\r\n",
    "header_without_name": HEAD + b": 4\r\n\r\n",
    "space_in_the_path": b"POST /callback x HTTP/1.1\r\nHost: torture\r\nContent-Length: 4\r\n\r\nid=1",
    "no_version": b"POST /callback\r\n\r\n",
    "version_2": b"POST /callback HTTP/2.0\r\nHost: torture\r\nContent-Length: 4\r\n\r\nid=1",
    "version_11": b"POST /callback HTTP/11.1\r\nHost: torture\r\nContent-Length: 4\r\n\r\nid=1",
    "method_in_small_letters": b"post /callback HTTP/1.1\r\nHost: torture\r\nContent-Length: 4\r\n\r\nid=1",
    "unknown_method": b"BREW /callback HTTP/1.1\r\nHost: torture\r\nContent-Length: 4\r\n\r\nid=1",
    "preface_of_http_2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "hello_of_tls": bytes.fromhex("16030100c8010000c40303") + bytes(range(189)),
    "banner_of_ssh": b"SSH-2.0-OpenSSH_9.6\r\n",
    "random_bytes": bytes((number * 197 + 31) % 256 for number in range(4000)),
    "answer_instead_of_request": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}


def broken(name: str) -> Sender:
    return lambda target: target.ask(BROKEN[name] + SMUGGLED)


INPUTS |= {name: (broken(name), frozenset({400})) for name in BROKEN}
OTHER = b" HTTP/1.1\r\nHost: torture\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nid=1"
INPUTS |= {
    "upgrade": (lambda target: target.ask(b"POST /callback" + OTHER), frozenset({400})),
    "connect": (lambda target: target.ask(b"CONNECT torture:443" + OTHER), frozenset({400, 404, 405})),
    "trace": (lambda target: target.ask(b"TRACE /callback" + OTHER), frozenset({400, 405})),
    "whole_address": (lambda target: target.ask(b"POST http://torture/callback" + OTHER), frozenset({400, 404})),
    "path_upwards": (lambda target: target.ask(b"POST /callback/../callback/%2e%2e" + OTHER), frozenset({400, 404})),
}
