import hashlib

import pytest

from smsanalytics.errors import BadSignature
from smsanalytics.smsc.kinds import Kind
from smsanalytics.smsc.signature import verify

SECRET = b"s3cret_Key-1"
HELLO, THUMB = "Привет, мир", "ok 👍"


def status(id_, phone, code):
    return Kind.STATUS, {"id": id_, "phone": phone, "status": code}


def incoming(text):
    return Kind.INCOMING, {"phone": b"79001234567", "mes": text, "to": b"79037654321"}


# Every worked example of the protocol: kind and fields, md5, sha1.
EXAMPLES = {
    "delivered": (status(b"1042", b"79001234567", b"1"), "529e4edfd6671fb287868a25d8c79696", "5f0cea7d488c17888b3bb00f4d4f21d59387f07a"),
    "undeliverable": (status(b"1042", b"79001234567", b"20"), "796ab6eacb34f042abcfae61ef7b4e4d", "fd0611e76b7b0dd27acff467d45eb49accf2980d"),
    "waiting": (status(b"1042", b"79001234567", b"-1"), "ccb6f8ec80aecfc5a0e532a13525c10d", "105f8e1ae66474059ae78893b9ed46a5901e87f1"),
    "e-mail": (status(b"77", b"user@example.com", b"2"), "6a8d13a25448a7c2d84a7f2df88f5da5", "a296678bdd1a296d1cb17d23105c1a4fda507d75"),
    "yes": (incoming(b"Yes"), "ca37e0b29af5fb5e069cb3e251c82f83", "a389b9808c71e9a7531de0fc0774b833bb234531"),
    "hello-utf-8": (incoming(HELLO.encode()), "3f8331dd510308223f43ee62d01e62ff", "e9a65f63e081453b782285d1869cbe0b09c9d629"),
    "hello-cp1251": (incoming(HELLO.encode("cp1251")), "f8194177ff86749bc5b9d160a661f72b", "a75125d7fdf5017f5ce8ad41a277a1d20345fe0e"),
    "hello-koi8-r": (incoming(HELLO.encode("koi8-r")), "2c58d826fe4fd7a5f7840191a6dc90fc", "3eb3c51b71f201ed518360a40a4d33fa4d3a45d8"),
    "empty-text": (incoming(b""), "47800bad437727b8310e7a061c4b1565", "494da1a0f90b13ed0ff510bfd9854e3a540b74b6"),
    "colons": (incoming(b"time: 10:30"), "ae4e1af31176f7818a5c283bf0067ecb", "6c4de15d212594a05adafb82ab8cc3c719bbeda6"),
    "emoji": (incoming(THUMB.encode()), "d6c138694413d7a9f30e92c1382b2202", "99625e602e1feca1d1a1f71f37037ecc71384cf6"),
    "confirmation": ((Kind.CONFIRMATION, {"phone": b"79001234567", "ts": b"1700000000"}), "b2e243122ce667b68eeca4c15f7efc3d", "23f09c565f268462b514a6cb71dbc35c523d72ac"),
}  # fmt: skip


@pytest.mark.parametrize(("event", "md5", "sha1"), EXAMPLES.values(), ids=EXAMPLES)
def test_every_worked_example_of_the_protocol_verifies(event, md5, sha1):
    kind, fields = event
    keys = {"2025": b"another", "2026": SECRET}
    assert verify(kind, fields | {"md5": md5.encode()}, secrets=keys) == ("md5", "2026")
    assert verify(kind, fields | {"sha1": sha1.upper().encode()}, secrets=keys) == ("sha1", "2026")
    both = fields | {"md5": md5.encode(), "sha1": sha1.encode()}
    assert verify(kind, both, secrets=keys, algorithms=["md5", "sha1"]) == ("md5+sha1", "2026")


def test_the_vector_published_with_a_handler_verifies():
    fields = {"phone": b"123", "mes": b"text", "to": b"234", "sha1": b"b6f768ce7614d7858cc4a6116f8ffd0dc236a3cd"}
    assert verify(Kind.INCOMING, fields, secrets={"a": b"zxc"}) == ("sha1", "a")


STATUS = {"id": b"1042", "phone": b"79001234567", "status": b"1", "md5": b"529e4edfd6671fb287868a25d8c79696"}


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param({"fields": STATUS | {"status": b"20"}}, id="signed-field-changed"),
        pytest.param({"fields": STATUS | {"md5": b"not hex"}}, id="hash-unreadable"),
        pytest.param({"fields": STATUS | {"md5": b"\xff"}}, id="hash-not-ascii"),
        pytest.param({"fields": {k: v for k, v in STATUS.items() if k != "md5"}}, id="hash-missing"),
        pytest.param({"fields": STATUS | {"sha1": b"0" * 40}}, id="second-hash-wrong"),
        pytest.param({"secrets": {"a": b"another"}}, id="other-secret"),
        pytest.param({"secrets": {}}, id="no-secret"),
        pytest.param({"algorithms": ["md5", "sha1"]}, id="demanded-hash-missing"),
        pytest.param({"algorithms": ["sha1"]}, id="other-hash-demanded"),
    ],
)
def test_only_an_untouched_callback_is_accepted(spoil):
    signed = {"kind": Kind.STATUS, "fields": STATUS, "secrets": {"old": b"old", "new": SECRET}, "algorithms": []}
    assert verify(**signed) == ("md5", "new")  # so only the spoilt part can fail below
    with pytest.raises(BadSignature):
        verify(**signed | spoil)


def test_no_refusal_tells_what_came():
    fields = STATUS | {"phone": b"79001239999", "md5": hashlib.md5(b"x").hexdigest().encode()}
    with pytest.raises(BadSignature) as refusal:
        verify(Kind.STATUS, fields, secrets={"new": SECRET})
    assert not any(word in str(refusal.value) for word in ("79001239999", "1042", "s3cret", fields["md5"].decode()))


CRC32 = [  # unsigned, signed and hex of the worked examples; the last has a leading zero
    (status(b"1042", b"79001234567", b"1"), (b"2246902037", b"-2048065259", b"85ed0115")),
    (status(b"1042", b"79001234567", b"20"), (b"1406590059", b"1406590059", b"53D6DC6B")),
    (incoming(THUMB.encode()), (b"3574565863", b"-720401433", b"d50f8be7")),
    ((Kind.CONFIRMATION, {"phone": b"79001234567", "ts": b"1700000000"}), (b"782280025", b"2ea0a559", b"2EA0A559")),
    (status(b"22", b"79001234567", b"1"), (b"15762876", b"00f085bc", b"f085bc")),
]


@pytest.mark.parametrize(
    ("event", "notations"), CRC32, ids=["delivered", "undeliverable", "emoji", "confirmation", "leading-zero"]
)
def test_crc32_counts_in_every_notation_but_only_where_it_is_demanded(event, notations):
    kind, fields = event
    for notation in notations:
        signed = fields | {"crc32": notation}
        assert verify(kind, signed, secrets={"a": SECRET}, algorithms=["crc32"]) == ("crc32", "a")
        with pytest.raises(BadSignature, match="no md5 or sha1 came"):
            verify(kind, signed, secrets={"a": SECRET})
    with pytest.raises(BadSignature):
        verify(kind, fields | {"crc32": b"1"}, secrets={"a": SECRET}, algorithms=["crc32"])


@pytest.mark.parametrize("sent", ["cp1251", "utf-8", "koi8-r"])
@pytest.mark.parametrize("hashed", ["cp1251", "utf-8", "koi8-r"])
def test_a_text_verifies_whichever_of_its_encodings_was_hashed(sent, hashed):
    text = b":".join([b"79001234567", HELLO.encode(hashed), b"79037654321", SECRET])
    kind, fields = incoming(HELLO.encode(sent))
    assert verify(
        kind, fields | {"md5": hashlib.md5(text).hexdigest().encode()}, secrets={"a": SECRET}, charset=sent
    ) == ("md5", "a")
