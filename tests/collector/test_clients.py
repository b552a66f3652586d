"""Every client that speaks HTTP/1 correctly is served by both listeners, whatever it offers; every other is refused."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time

import duckdb
import pytest
from clients import BEARER, CHUNKED, NUMBERS, TOKEN, Link, Listener, chunks, cut
from serving import counting, maintain, serving
from signing import md5_of, status_body

PATH_TOKEN, SHOP = "a-path-token-of-20-letters", "another-secret"
SETTINGS = {
    "SMSANALYTICS_ADMIN_TOKEN": TOKEN,
    "SMSANALYTICS_MAX_BODY_BYTES": "4096",
    "SMSANALYTICS_HEADER_SECONDS": "2",
    "SMSANALYTICS_BODY_SECONDS": "2",
    "SMSANALYTICS_TRUSTED_PROXIES": '["127.0.0.2"]',
    "SMSANALYTICS_ACCOUNTS__SHOP__SECRETS": json.dumps({"2026": SHOP}),
    "SMSANALYTICS_ACCOUNTS__SHOP__PATH_TOKEN": PATH_TOKEN,
    "SMSANALYTICS_ACCOUNTS__NEAR__SECRETS": json.dumps({"2026": SHOP}),
    "SMSANALYTICS_ACCOUNTS__NEAR__ADDRESSES": '["192.0.2.0/24"]',
}
PROXY = "127.0.0.2"


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("clients") / "data", "--no-maintain", **SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def listeners(collector):
    return {"public": Listener("public", collector.base), "admin": Listener("admin", collector.admin)}


@pytest.fixture(params=["public", "admin"])
def listener(request, listeners):
    return listeners[request.param]


OFFERS = {
    "h2c": ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"],
    "tls": ["Connection: Upgrade", "Upgrade: TLS/1.2"],
    "websocket": ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
}  # fmt: skip


@pytest.mark.parametrize("pieces", ["one-packet", "body-later", "bytewise"])
@pytest.mark.parametrize("framing", ["length", "chunks"])
@pytest.mark.parametrize("offer", OFFERS)
def test_an_offer_to_upgrade_is_ignored_and_the_body_is_read(listener, offer, framing, pieces):
    number, body = listener.sample()
    sent = listener.request(body, *OFFERS[offer])
    if framing == "chunks":
        sent = listener.request(chunks(body), *OFFERS[offer], CHUNKED)
    with Link(listener.base) as link:
        link.send(*cut(sent, pieces), pause=0.001 if pieces == "bytewise" else 0.05)
        listener.stores(link, number)
        listener.goes_on(link)


@pytest.mark.parametrize("pieces", ["one-packet", "body-later"])
@pytest.mark.parametrize("offer", OFFERS)
def test_a_request_within_the_body_behind_an_offer_to_upgrade_is_none(listener, offer, pieces):
    number, hidden = listener.sample()
    with Link(listener.base) as link:
        link.send(*cut(listener.request(listener.request(hidden), *OFFERS[offer]), pieces))
        listener.answers(link, number, 400)
        listener.goes_on(link)


def test_no_tunnel_is_opened(listener):
    with Link(listener.base) as link:
        link.send(listener.request(None, method="CONNECT", target="your.host:443"))
        assert link.answer()[0] in (400, 404, 405)


@pytest.mark.parametrize("offer", OFFERS)
def test_a_page_is_read_with_an_offer_to_upgrade(listener, offer):
    with Link(listener.base) as link:
        link.send(listener.request(None, *OFFERS[offer], method="GET", target="/healthz"))
        assert link.answer()[::2] == (200, "OK")
        listener.goes_on(link)


@pytest.mark.parametrize("offer", OFFERS)
def test_requests_sent_ahead_with_offers_to_upgrade_are_answered_in_their_order(listener, offer):
    samples = [listener.sample() for _ in range(2)]
    page = listener.request(None, *OFFERS[offer], method="GET", target="/healthz")
    with Link(listener.base) as link:
        link.send(b"".join(listener.request(body, *OFFERS[offer]) for _, body in samples) + page)
        for number, _ in samples:
            listener.stores(link, number)
        assert link.answer()[::2] == (200, "OK")
        listener.goes_on(link)


TARGETS = {
    "absolute": "{base}{path}",
    "absolute-of-the-proxy": "https://your.host{path}?account=default",
    "two-slashes": "/{path}",
    "three-slashes": "//{path}",
    "slash-behind": "{path}/",
    "slash-behind-and-query": "{path}/?account=default",
    "percent-encoded": "/%{first:02x}{rest}",
    "percent-encoded-and-query": "/%{first:02x}{rest}?account=default",
    "query": "{path}?account=default",
}


def target_of(form: str, base: str, path: str) -> str:
    return TARGETS[form].format(base=base, path=path, first=ord(path[1]), rest=path[2:])


@pytest.mark.parametrize("form", TARGETS)
def test_a_target_in_every_form_reaches_its_handler(listener, form):
    number, body = listener.sample()
    with Link(listener.base) as link:
        link.send(listener.request(body, target=target_of(form, listener.base, listener.path)))
        listener.stores(link, number)
        listener.goes_on(link)


@pytest.mark.parametrize("target", ["http://your.host", "http://[::1", "http://:99999/callback", "a:b:c"])
@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_a_target_without_a_path_is_refused_after_all_before_it(listener, target, ahead):
    samples = [listener.sample() for _ in range(ahead)]
    with Link(listener.base) as link:
        link.send(b"".join([*(listener.request(body) for _, body in samples), listener.request(b"", target=target)]))
        for number, _ in samples:
            listener.stores(link, number)
        listener.refuses(link, 400)
        assert link.rest() == b""


def test_a_head_behind_another_request_has_the_same_limit(listener):
    number, body = listener.sample()
    with Link(listener.base) as link:
        link.send(listener.request(body) + listener.request(b"", "X: " + 20_000 * "x"))
        listener.stores(link, number)
        listener.refuses(link, 413)
        assert link.rest() == b""


@pytest.mark.parametrize(
    "end", ["no HTTP\r\n\r\n", "POST /call", "POST /callback HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"]
)
def test_a_client_that_ends_with_half_a_request_gets_the_answers_before_it(listener, end):
    samples = [listener.sample() for _ in range(2)]
    with Link(listener.base) as link:
        link.send(b"".join(listener.request(body) for _, body in samples) + end.encode())
        link.socket.shutdown(socket.SHUT_WR)
        for number, _ in samples:
            listener.stores(link, number)
        listener.refuses(link, 400)
        assert link.rest() == b""


@pytest.mark.parametrize("form", TARGETS)
@pytest.mark.parametrize("page", ["public/healthz", "admin/healthz", "admin/readyz", "admin/metrics", "admin/confirmation-requests"])  # fmt: skip
def test_a_page_is_found_by_a_target_in_every_form(listeners, page, form):
    name, _, path = page.partition("/")
    listener, body = listeners[name], b'{"phone": "79001230001", "requested_at": 1795338000}\n'
    asked = {"method": "POST"} if path == "confirmation-requests" else {"method": "GET"}
    with Link(listener.base) as link:
        target = target_of(form, listener.base, f"/{path}")
        link.send(listener.request(body if asked["method"] == "POST" else None, target=target, **asked))
        status, _, text = link.answer()
        words = {"healthz": "OK", "readyz": "ready", "metrics": "# HELP"}.get(path, '{"stored": 1}')
        assert (status, words in text) == (200, True)
        listener.goes_on(link)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/callback/%73hop/" + PATH_TOKEN, 200),
        ("/callback/shop/%61" + PATH_TOKEN[1:], 200),
        (f"//callback/shop/{PATH_TOKEN}/", 200),
        (f"http://your.host/callback/shop/{PATH_TOKEN}?fmt=3", 200),
        ("/callback/%73hop", 404),
        ("//callback/shop", 404),
        (f"http://your.host/callback/shop/{PATH_TOKEN[:-1]}", 404),
    ],
)
def test_an_account_is_found_by_its_path_and_token_in_every_form(listeners, target, status):
    public, number = listeners["public"], next(NUMBERS)
    with Link(public.base) as link:
        link.send(public.request(status_body(number, secret=SHOP), target=target))
        public.answers(link, number, status)
        public.goes_on(link)


@pytest.mark.parametrize("kind", ["form", "json", "xml"])
def test_a_byte_order_mark_before_a_body_is_no_part_of_it(listeners, kind):
    public, number = listeners["public"], next(NUMBERS)
    fields = {"id": number, "phone": "79001230001", "status": 1, "md5": md5_of(number, "79001230001", 1)}
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    xml = f'<?xml version="1.0" encoding="utf-8"?>\n<sms>{inner}</sms>'
    body = {"form": status_body(number), "json": json.dumps(fields).encode(), "xml": xml.encode()}[kind]
    with Link(public.base) as link:
        link.send(public.request(b"\xef\xbb\xbf" + body))
        public.stores(link, number)
        public.goes_on(link)


@pytest.mark.parametrize("framing", ["length", "none", "chunks"])
@pytest.mark.parametrize("page", ["public/callback", "admin/sends", "admin/confirmation-requests"])
def test_an_empty_body_is_refused(listeners, page, framing):
    name, _, path = page.partition("/")
    body, *headers = {"length": [b""], "none": [None], "chunks": [b"0\r\n\r\n", CHUNKED]}[framing]
    with Link(listeners[name].base) as link:
        link.send(listeners[name].request(body, *headers, target=f"/{path}"))
        listeners[name].refuses(link, 400)
        listeners[name].goes_on(link)


@pytest.mark.parametrize("trailer", ["X-Forwarded-For: 198.51.100.1", "Authorization: Bearer x", "Expect: 100-continue"])  # fmt: skip
@pytest.mark.parametrize("pieces", ["one-packet", "body-later"])
def test_what_comes_behind_chunks_changes_nothing(listener, pieces, trailer):
    number, body = listener.sample()
    with Link(listener.base) as link:
        link.send(*cut(listener.request(chunks(body, trailer.encode() + b"\r\n"), CHUNKED), pieces))
        listener.stores(link, number)
        listener.goes_on(link)


def test_after_a_trailer_that_ends_the_connection_it_ends_or_goes_on(listener):
    number, body = listener.sample()
    with Link(listener.base) as link:
        link.send(listener.request(chunks(body, b"Connection: close\r\n"), CHUNKED))
        if listener.stores(link, number).get("connection") == "close":
            assert link.rest() == b""
        else:
            listener.goes_on(link)


@pytest.mark.parametrize("pieces", ["one-packet", "body-later"])
@pytest.mark.parametrize(("header", "trailer", "status"), [("198.51.100.1", "192.0.2.7", 403), ("192.0.2.7", "198.51.100.1", 200)])  # fmt: skip
def test_an_address_behind_chunks_is_none(listeners, header, trailer, status, pieces):
    public, number = listeners["public"], next(NUMBERS)
    body = chunks(status_body(number, secret=SHOP), f"X-Forwarded-For: {trailer}\r\n".encode())
    with Link(public.base, PROXY) as link:
        link.send(*cut(public.request(body, CHUNKED, f"X-Forwarded-For: {header}", target="/callback/near"), pieces))
        public.answers(link, number, status)


@pytest.mark.parametrize("pieces", ["one-packet", "body-later"])
def test_a_token_behind_chunks_is_none(listeners, pieces):
    admin = listeners["admin"]
    number, body = admin.sample()
    with Link(admin.base) as link:
        link.send(*cut(admin.request(chunks(body, BEARER.encode() + b"\r\n"), CHUNKED, known=False), pieces))
        admin.answers(link, number, 401)
        admin.goes_on(link)


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_client_that_waits_for_leave_to_send_gets_it(listener, framing):
    number, body = listener.sample()
    sent = listener.request(body, "Expect: 100-continue")
    if framing == "chunks":
        sent = listener.request(chunks(body), "Expect: 100-continue", CHUNKED)
    head, body = cut(sent, "body-later")
    with Link(listener.base) as link:
        link.send(head)
        assert link.answer()[0] == 100
        link.send(body)
        listener.stores(link, number)
        listener.goes_on(link)


def test_a_client_that_waits_for_leave_to_send_too_much_is_refused_at_once(listener):
    with Link(listener.base) as link:
        link.send(listener.request(None, "Expect: 100-continue", f"Content-Length: {2**23}"))
        headers, _ = listener.refuses(link, 413)
        assert (headers["connection"], link.rest()) == ("close", b"")


@pytest.mark.parametrize("headers", [[], ["Connection: close"], ["Connection: keep-alive"]], ids=["silent", "close", "keep-alive"])  # fmt: skip
def test_clients_of_http_1_0_are_served(listener, headers):
    number, body = listener.sample()
    with Link(listener.base) as link:
        link.send(listener.request(body, *headers, version="1.0"))
        found = listener.stores(link, number)
        if "Connection: keep-alive" in headers:
            listener.goes_on(link)
        else:
            assert (found["connection"], link.rest()) == ("close", b"")


@pytest.mark.parametrize("pieces", ["one-packet", "body-later", "bytewise"])
@pytest.mark.parametrize("framing", ["length", "chunks", "extensions", "trailer", "empty-lines"])
def test_a_request_is_read_however_it_is_cut(listener, framing, pieces):
    number, body = listener.sample()
    sent = {
        "length": lambda: listener.request(body),
        "chunks": lambda: listener.request(chunks(body), CHUNKED),
        "extensions": lambda: listener.request(chunks(body, extension=b';name=value;quoted="a b"'), CHUNKED),
        "trailer": lambda: listener.request(chunks(body, b"X-Checksum: 1\r\n"), CHUNKED),
        "empty-lines": lambda: b"\r\n" + listener.request(body) + b"\r\n",
    }[framing]()
    with Link(listener.base) as link:
        link.send(*cut(sent, pieces), pause=0.001)
        listener.stores(link, number)
        listener.goes_on(link)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_another_method_is_answered_with_the_right_one(listener, method):
    with Link(listener.base) as link:
        link.send(listener.request(b"x" if method == "PUT" else None, method=method))
        status, headers, text = link.answer(method)
        assert (status, headers["allow"], "POST" in text) == (405, "POST", method != "HEAD")
        listener.goes_on(link)


ERRORS = {
    "public-400": (b"id=1", {}),
    "public-403-secret": (status_body(1, secret="wrong"), {}),
    "public-403-address": (status_body(1, secret=SHOP), {"target": "/callback/near"}),
    "public-404": (status_body(1), {"target": "/callback/nobody"}),
    "public-404-no-body": (None, {"target": "/", "method": "GET"}),
    "public-405": (status_body(1), {"method": "PUT"}),
    "public-405-no-body": (None, {"method": "DELETE"}),
    "public-405-page": (status_body(1), {"target": "/healthz"}),
    "admin-400": (b"{}", {}),
    "admin-400-query": (b"{}", {"target": "/sends?account=nobody"}),
    "admin-401": (b"{}", {"known": False}),
    "admin-401-no-body": (None, {"known": False, "target": "/metrics", "method": "GET"}),
    "admin-404": (b"{}", {"target": "/callback"}),
    "admin-404-no-body": (None, {"target": "/", "method": "GET"}),
    "admin-405": (b"{}", {"method": "PUT"}),
    "admin-405-no-body": (None, {"method": "DELETE"}),
    "admin-405-page": (b"{}", {"target": "/healthz"}),
}


@pytest.mark.parametrize("framing", ["one-packet", "body-later", "chunks-later"])
@pytest.mark.parametrize("error", ERRORS)
def test_a_connection_goes_on_after_an_error(listeners, error, framing):
    name, status = error.split("-")[:2]
    listener, (body, how) = listeners[name], ERRORS[error]
    if framing == "chunks-later" and body is not None:
        sent = listener.request(chunks(body), CHUNKED, **how)
    else:
        sent = listener.request(body, **how)
    with Link(listener.base) as link:
        for _ in range(2):
            link.send(*cut(sent, "one-packet" if framing == "one-packet" else "body-later"))
            listener.refuses(link, int(status))
        listener.goes_on(link)


@pytest.mark.parametrize("what", ["length", "chunks", "head"])
def test_a_client_that_still_sends_can_read_that_it_is_too_much(listener, what):
    piece = b"x" * 2**18
    begun, piece = {
        "length": (listener.request(None, f"Content-Length: {2**28}"), piece),
        "chunks": (listener.request(None, CHUNKED), b"%x\r\n%s\r\n" % (len(piece), piece)),
        "head": (listener.request(None, "X: ")[:-4], piece),
    }[what]
    with Link(listener.base) as link:
        with contextlib.suppress(OSError):
            link.send(begun, *[piece] * 40, pause=0.01)
        headers, _ = listener.refuses(link, 413)
        assert (headers["connection"], link.rest()) == ("close", b"")


@pytest.mark.parametrize("what", ["head", "header-name", "length", "chunks"])
def test_a_client_that_still_sends_can_read_that_it_is_too_slow(listener, what):
    begun, piece = {
        "head": (listener.request(None)[:-2], b"X: y\r\n"),
        "header-name": (listener.request(None)[:-2], b"x"),
        "length": (listener.request(None, "Content-Length: 999"), b"x"),
        "chunks": (listener.request(None, CHUNKED), b"1\r\nx\r\n"),
    }[what]
    with Link(listener.base) as link:
        link.send(begun)
        until = time.monotonic() + 8
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < until and not select.select([link.socket], [], [], 0.1)[0]:
                link.send(piece)
            link.send(piece, piece, piece)
        headers, _ = listener.refuses(link, 408)
        assert (headers["connection"], link.rest()) == ("close", b"")


SMUGGLING = {
    "length-and-chunks": (["Content-Length: 5", CHUNKED], b"0\r\n\r\n"),
    "chunks-and-length": ([CHUNKED, "Content-Length: 0"], b"0\r\n\r\n"),
    "length-behind-chunks": ([CHUNKED], b"1\r\nx\r\n0\r\nContent-Length: 5\r\n\r\n"),
    "two-lengths": (["Content-Length: 0", "Content-Length: 5"], b"12345"),
    "xchunked": (["Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
    "chunked-and-identity": (["Transfer-Encoding: chunked, identity"], b"0\r\n\r\n"),
    "bare-lf": (["Content-Length: 0"], b""),
    "bare-lf-in-the-head": (["X: y\nContent-Length: 0"], b""),
    "bare-lf-in-chunks": ([CHUNKED], b"1\nx\n0\n\n"),
    "blank-before-the-colon": (["Content-Length : 0"], b""),
    "blank-in-a-name": (["X Y: z", "Content-Length: 0"], b""),
}  # fmt: skip


@pytest.mark.parametrize("trick", SMUGGLING)
def test_what_two_servers_may_read_differently_is_refused_with_all_behind_it(listener, trick):
    headers, body = SMUGGLING[trick]
    number, hidden = listener.sample()
    listener.refused.add(number)
    head = listener.request(None, *headers)
    if trick == "bare-lf":
        head = head.replace(b"\r\n", b"\n")
    with Link(listener.base) as link:
        link.send(head + body + listener.request(hidden))
        found, _ = listener.refuses(link, 400)
        assert (found["connection"], link.rest()) == ("close", b"")


def test_all_that_was_answered_200_is_stored_and_nothing_that_was_refused(collector, listeners):
    assert collector.stop() == 0
    assert "Traceback" not in collector.log.read_text()
    maintain(collector.data)
    for listener, table in ((listeners["public"], "statuses"), (listeners["admin"], "sends")):
        files = counting(collector.data, table)
        found = duckdb.sql("SELECT message_id FROM read_parquet($files)", params={"files": files})
        stored = [row[0] for row in found.fetchall()]
        assert len(stored) == len(set(stored))
        assert (listener.acknowledged - set(stored), listener.refused & set(stored)) == (set(), set())
