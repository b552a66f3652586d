import contextlib
import socket
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from mailing import PASSWORD, Box, authority, mail_server

from smsanalytics.errors import DeliveryFailed
from smsanalytics.scheduler.email import Server, compose

NOW = datetime(2026, 11, 16, 5, tzinfo=UTC)
TO = ["boss@example.org", "desk@example.org"]


@pytest.fixture
def box():
    return Box()


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("authority"))


@contextlib.contextmanager
def serving(box, ca, security="starttls", name="localhost", **more):
    made, file = ca
    certificate = None if security == "none" else made.issue_cert(name)
    with mail_server(box, certificate=certificate, security=security, **more) as port:
        yield Server("localhost", "reports@example.org", port, security, ca_file=file)


@pytest.fixture
def message(tmp_path):
    file = tmp_path / "weekly-2026-11-09--2026-11-15.ru.html"
    file.write_text("<p>Отчёт")
    return compose(
        "SMS: отчёт за неделю",
        ["Отправлено 1 000 сообщений.", "x" * 2000, ".", "The end."],
        file,
        sender="reports@example.org",
        to=TO,
        key="weekly.20261116T0800.abc",
        now=NOW,
    )


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_a_message_arrives_whole_and_encrypted_unless_told(box, ca, message, security):
    with serving(box, ca, security) as server:
        server.send(message, TO)
    [(recipients, got)] = box.messages
    assert recipients == TO
    assert box.secure == [security != "none"]
    assert got["Subject"] == "SMS: отчёт за неделю"
    assert (got["From"], got["To"]) == ("reports@example.org", "boss@example.org, desk@example.org")
    assert got["Message-ID"] == "<weekly.20261116T0800.abc@example.org>"
    assert got["Date"].datetime == NOW
    body = got.get_body(("plain",)).get_content().splitlines()
    assert body == ["Отправлено 1 000 сообщений.", "x" * 2000, ".", "The end."]
    [attached] = got.iter_attachments()
    assert attached.get_filename() == "weekly-2026-11-09--2026-11-15.ru.html"
    assert attached.get_content_type() == "text/html"
    assert attached.get_content() == "<p>Отчёт"


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_server_that_is_not_the_right_one_gets_nothing(box, ca, message, security, wrong, tmp_path):
    name = "elsewhere.example.org" if wrong == "name" else "localhost"
    with serving(box, ca, security, name) as server:
        if wrong == "authority":
            server = replace(server, ca_file=authority(tmp_path)[1])
        with pytest.raises(
            DeliveryFailed, match=r"^its certificate is not trusted .*; mail.ca_file may name whom to trust$"
        ):
            server.send(message, TO)
    assert box.messages == []


def test_without_an_authority_of_ones_own_the_systems_count(box, ca, message):
    with (
        serving(box, ca) as server,
        pytest.raises(DeliveryFailed, match="its certificate is not trusted"),
    ):
        replace(server, ca_file=None).send(message, TO)
    assert box.messages == []


def test_a_server_that_offers_no_tls_gets_nothing(box, ca, message):
    with serving(box, ca, "none") as server, pytest.raises(DeliveryFailed, match=r"^SMTPNotSupportedError$"):
        replace(server, security="starttls").send(message, TO)
    assert box.messages == []


def test_it_logs_in(box, ca, message):
    with serving(box, ca, login=True) as server:
        replace(server, user="reports", password=PASSWORD).send(message, TO)
        with pytest.raises(DeliveryFailed, match=r"^user or password refused 535$"):
            replace(server, user="reports", password="other").send(message, TO)
        with pytest.raises(DeliveryFailed, match=r"^SMTPSenderRefused 530$"):
            server.send(message, TO)
    assert len(box.messages) == 1
    assert set(box.logins) == {b"reports"}
    assert PASSWORD not in repr(replace(server, password=PASSWORD))


def test_those_who_are_refused_are_named_and_the_others_got_it(box, ca, message):
    box.refused = {"desk@example.org"}
    with serving(box, ca) as server, pytest.raises(DeliveryFailed, match=r"^1 of 2 recipients refused 550$") as failed:
        server.send(message, TO)
    assert [recipients for recipients, _ in box.messages] == [["boss@example.org"]]
    assert (failed.value.refused, failed.value.alone) == (("desk@example.org",), True)


@pytest.mark.parametrize(
    ("answers", "said", "alone"),
    [
        ({"RCPT": "450 boss@example.org is greylisted"}, "2 of 2 recipients refused 450", True),
        ({"DATA": "552 too large"}, "SMTPDataError 552", True),
        ({"DATA": "554 spam"}, "SMTPDataError 554", True),
        ({"DATA": "451 disk of boss@example.org"}, "SMTPDataError 451", False),
        ({"DATA": "421 closing"}, "SMTPDataError 421", False),
    ],
)
def test_a_refusal_says_its_code_and_no_address(box, ca, message, answers, said, alone):
    box.answers = answers
    with serving(box, ca) as server, pytest.raises(DeliveryFailed) as failed:
        server.send(message, TO)
    assert (str(failed.value), failed.value.alone) == (said, alone)
    assert box.messages == []


def test_a_server_that_vanishes_after_it_took_the_message_has_taken_it(box, ca, message):
    box.deaf = True
    with serving(box, ca) as server:
        server.send(message, TO)
    assert len(box.messages) == 1


def test_nobody_there(message):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DeliveryFailed, match=r"^ConnectionRefusedError$") as failed:
        Server("127.0.0.1", "reports@example.org", port).send(message, TO)
    assert not failed.value.alone


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(message, monkeypatch):
    monkeypatch.setattr("smsanalytics.scheduler.email.TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        server = Server("127.0.0.1", "reports@example.org", mute.getsockname()[1])
        with pytest.raises(DeliveryFailed, match=r"^SMTPServerDisconnected$"):
            server.send(message, TO)


@pytest.mark.parametrize("sign", ["\r\n", "\n", "\r", "\x00", "\u2028", "\x85", "\x0b"])
def test_a_title_brings_no_header_of_its_own(box, ca, tmp_path, sign):
    file = tmp_path / "weekly.csv"
    file.write_text("day\n")
    title = f"Week{sign}Bcc: all@example.org{sign}{sign}body"
    hostile = compose(title, [f"one{sign}.{sign}two"], file, sender="reports@example.org", to=TO, key="w.1.a", now=NOW)
    with serving(box, ca) as server:
        server.send(hostile, TO)
    [(recipients, got)] = box.messages
    assert recipients == TO
    assert got["Subject"] == "Week Bcc: all@example.org body"
    assert "Bcc" not in got
    assert got.get_body(("plain",)).get_content().split("\r\n") == ["one . two", ""]
