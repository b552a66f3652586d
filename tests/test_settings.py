import os
import subprocess
import sys
import time

import pytest
from serving import serving

from smsanalytics.errors import SettingsError
from smsanalytics.settings import Settings, load


@pytest.fixture(autouse=True)
def _clean(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("SMSANALYTICS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def secrets_of(settings, account="default"):
    return {label: secret.get_secret_value() for label, secret in settings.accounts[account].secrets.items()}


def test_the_shortest_form(monkeypatch):
    monkeypatch.setenv("SMSANALYTICS_SECRET", "one-secret")
    monkeypatch.setenv("SMSANALYTICS_DATA", "elsewhere")
    settings = load().for_serving()
    assert secrets_of(settings) == {"default": "one-secret"}
    assert str(settings.data) == "elsewhere"


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(monkeypatch, tmp_path):
    (tmp_path / "smsanalytics.toml").write_text('port = 1\nflush_seconds = 1\ndata = "a"\n')
    monkeypatch.setenv("SMSANALYTICS_PORT", "2")
    monkeypatch.setenv("SMSANALYTICS_FLUSH_SECONDS", "2")
    settings = load(port=3, host=None)
    assert (settings.port, settings.flush_seconds, str(settings.data), settings.host) == (3, 2.0, "a", "127.0.0.1")


def test_accounts_with_labelled_secrets_and_secret_files(monkeypatch, tmp_path):
    (tmp_path / "secret").write_text("from-a-file\n")
    (tmp_path / "other.toml").write_text(
        '[accounts.default]\nsecret_file = "secret"\n[accounts.shop]\nsecrets = { "2025" = "old", "2026" = "new" }\nalgorithms = ["md5"]\nzone = "Asia/Almaty"\n'
    )
    monkeypatch.setenv("SMSANALYTICS_ACCOUNTS__SHOP__CHARSET", "utf-8")
    monkeypatch.setenv("SMSANALYTICS_SECRET", "from-the-environment")
    settings = load(tmp_path / "other.toml").for_serving()
    assert secrets_of(settings) == {"file": "from-a-file", "default": "from-the-environment"}
    assert secrets_of(settings, "shop") == {"2025": "old", "2026": "new"}
    assert (settings.accounts["shop"].charset, settings.zones) == (
        "utf-8",
        {"default": "Europe/Moscow", "shop": "Asia/Almaty"},
    )


def test_the_short_form_may_name_a_file(monkeypatch, tmp_path):
    (tmp_path / "secret").write_text("from-a-file\n")
    monkeypatch.setenv("SMSANALYTICS_SECRET_FILE", str(tmp_path / "secret"))
    assert secrets_of(load().for_serving()) == {"file": "from-a-file"}


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        pytest.param("", "no secret is set", id="no-secret"),
        pytest.param("[accounts.shop]\n", "account shop has no secret", id="account-without-secret"),
        pytest.param('[accounts.shop]\nsecrets = { a = "" }', "is not empty", id="empty-secret"),
        pytest.param(
            '[accounts.shop]\nsecrets = { a = "hush hush" }',
            "letters, digits, minus and underscore",
            id="secret-with-blank",
        ),
        pytest.param(
            '[accounts."Shop/../x"]\nsecrets = { a = "b" }',
            "accounts.Shop/../x: a name is 1 to 32 of a-z",
            id="account-name",
        ),
        pytest.param(
            '[accounts.shop]\nsecrets = { a = "b" }\nalgorithms = ["sha256"]',
            "'md5', 'sha1' or 'crc32'",
            id="algorithm",
        ),
        pytest.param(
            '[accounts.shop]\nsecrets = { a = "b" }\nalgorithms = ["crc32"]',
            "crc32 alone can be forged",
            id="crc32-alone",
        ),
        pytest.param(
            '[accounts.shop]\nsecrets = { a = "b" }\nalgorithms = ["crc32"]\npath_token = "a-path-token-of-20-letters"',
            "crc32 alone can be forged",
            id="crc32-with-a-token-only",
        ),
        pytest.param(
            '[accounts.shop]\nsecrets = { a = "b" }\nalgorithms = ["crc32"]\naddresses = ["192.0.2.1"]',
            "crc32 alone can be forged",
            id="crc32-with-addresses-only",
        ),
        pytest.param(
            '[accounts.shop]\nsecrets = { a = "b" }\nzone = "Moscow"',
            "no such time zone; did you mean Europe/Moscow",
            id="zone",
        ),
        pytest.param(
            '[accounts.shop]\nsecrets = { a = "b" }\nsecret_file = "nowhere"',
            "secret_file: nowhere cannot be read: No such file",
            id="secret-file",
        ),
        pytest.param(
            '[accounts.shop]\ncall_events = { phone = "p" }',
            "call_events.keys: is needed, and is not set",
            id="no-keys",
        ),
        pytest.param('[accounts.shop]\ncall_events = { keys = "id" }', "are three fields", id="keys-are-the-id"),
        pytest.param('[accounts.shop]\ncall_events = { keys = "status" }', "none of crc32", id="keys-are-the-status"),
        pytest.param('admin_token = "hush hush hush hush hush"', "20 or more characters", id="token-with-blanks"),
        pytest.param('admin_token = "hush-hush"', "20 or more characters", id="token-too-short"),
        pytest.param(
            'admin_token_file = "nowhere"', "admin_token_file: nowhere cannot be read: No such file", id="token-file"
        ),
        pytest.param(
            'admin_token = "hush-hush-hush-hush-hush"\nadmin_token_file = "x"', "keep one of them", id="two-tokens"
        ),
        pytest.param('admin = "localhost"', "admin: an address is HOST:PORT", id="admin"),
        pytest.param('colour = "red"', "colour: there is no such setting", id="unknown-setting"),
        pytest.param("port = 99999", "port: needs 65535 or less", id="port"),
        pytest.param(
            'accounts = "x"', r"accounts: needs a table: a line \[accounts\].*; found text", id="accounts-no-table"
        ),
        pytest.param(
            '[accounts.default]\nsecrets = "x"\nsecret_file = "y"', "secrets: needs a table", id="secrets-no-table"
        ),
        pytest.param("port = ", "line 1, column 8: a value is needed here", id="no-toml"),
    ],
)
def test_what_is_wrong_is_named_and_no_value_shown(tmp_path, toml, words):
    (tmp_path / "smsanalytics.toml").write_text(toml)
    with pytest.raises(SettingsError, match=words) as refusal:
        load().for_serving()
    assert "hush" not in str(refusal.value)
    assert refusal.value.__cause__ is None


REPORT = '[reports.weekly]\ncron = "0 8 * * mon"\nperiod = "last-week"\n'
SENDING = REPORT + 'to = ["boss@example.org"]\n[mail]\nhost = "mail.example.org"\nsender = "reports@example.org"\n'


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        pytest.param("", "no report is set; add \\[reports.NAME\\]", id="no-report"),
        pytest.param(REPORT + 'to = ["boss@example.org"]', "weekly.to names recipients, but there is no \\[mail\\]", id="no-mail"),
        pytest.param(REPORT + 'to = ["hush@example.org\\nBcc: x@example.org"]', "NAME@HOST", id="recipient-with-line"),
        pytest.param(REPORT + 'to = ["Hush <hush@example.org>"]', "NAME@HOST", id="recipient-with-name"),
        pytest.param(REPORT + 'to = ["hush@почта.example"]', "in ASCII", id="recipient-beyond-ascii"),
        pytest.param(REPORT + 'to = "hush@example.org"', "reports.weekly.to: needs a list, such as", id="recipient-no-list"),
        pytest.param(REPORT + 'hook = "publish hush"', "reports.weekly.hook: needs a list, such as", id="hook-no-list"),
        pytest.param(REPORT + 'hook = ["a\\u0000b"]', "reports.weekly.hook, item 1: an argument is", id="hook-with-nul"),
        pytest.param(REPORT + 'zone = "Moscow"', "reports.weekly.zone: no such time zone", id="report-zone"),
        pytest.param(REPORT + "keep = 0", "reports.weekly.keep", id="keeps-none"),
        pytest.param(REPORT + 'lang = "de"', "reports.weekly.lang: needs 'en' or 'ru'", id="lang"),
        pytest.param(REPORT + 'format = "pdf"', "reports.weekly.format", id="format"),
        pytest.param(REPORT + 'notebook = "x.ipynb"\nformat = "csv"', "a notebook is published as html", id="notebook-as-csv"),
        pytest.param(REPORT + "every = 1", "reports.weekly.every: there is no such setting", id="unknown-of-report"),
        pytest.param("[reports.weekly]\n", "weekly.cron: is needed, and is not set\n.*weekly.period: is needed", id="no-cron"),
        pytest.param('[reports."../x"]\ncron = "* * * * *"\nperiod = "today"', "reports.../x: a name is 1 to 32 of", id="report-name"),
        pytest.param(SENDING + 'security = "none"', "is for a server on this machine", id="in-the-clear"),
        pytest.param(SENDING + 'security = "ssl"', "mail.security", id="security"),
        pytest.param(SENDING + 'user = "hush"', "go together", id="user-alone"),
        pytest.param(SENDING + 'password = "hush"', "go together", id="password-alone"),
        pytest.param(SENDING + 'user = "a"\npassword = ""', "mail.password", id="password-empty"),
        pytest.param(SENDING + 'user = "a"\npassword = "hush"\npassword_file = "x"', "keep one of them", id="two-passwords"),
    ],
)  # fmt: skip
def test_what_is_wrong_of_a_report_is_named_and_no_value_shown(tmp_path, toml, words):
    (tmp_path / "smsanalytics.toml").write_text(toml)
    with pytest.raises(SettingsError, match=words) as refusal:
        load().for_scheduling()
    assert "hush" not in str(refusal.value)


def test_reports_have_defaults_and_a_collector_does_not_need_their_files(tmp_path):
    (tmp_path / "smsanalytics.toml").write_text(SENDING + 'user = "reports"\npassword_file = "nowhere"\n')
    settings = load().for_scheduling()
    weekly = settings.reports["weekly"]
    assert (weekly.zone, weekly.lang, weekly.format, str(weekly.out), weekly.keep) == (
        "UTC",
        "en",
        "html",
        "reports",
        12,
    )
    assert (settings.mail.port, settings.mail.security) == (587, "starttls")
    with pytest.raises(SettingsError, match="password_file: nowhere cannot be read: No such file"):
        settings.mail.opened()
    (tmp_path / "nowhere").write_text("hush-hush\n")
    assert settings.mail.opened()["password"] == "hush-hush"


def test_the_password_of_the_mail_server_may_come_from_the_environment_and_is_not_shown(monkeypatch, tmp_path):
    (tmp_path / "smsanalytics.toml").write_text(SENDING + 'user = "reports"\n')
    monkeypatch.setenv("SMSANALYTICS_MAIL__PASSWORD", "hush-hush")
    settings = load()
    assert settings.mail.opened()["password"] == "hush-hush"
    assert "hush" not in repr(settings) + str(settings.model_dump()) + settings.model_dump_json()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.2", "::1"])
def test_mail_in_the_clear_is_for_this_machine(tmp_path, host):
    (tmp_path / "smsanalytics.toml").write_text(SENDING.replace("mail.example.org", host) + 'security = "none"')
    assert load().for_scheduling().mail.security == "none"


def test_verification_is_switched_off_in_so_many_words(tmp_path):
    (tmp_path / "smsanalytics.toml").write_text("verify_signatures = false")
    assert secrets_of(load().for_serving()) == {}


def test_the_fields_of_calls_are_named_by_the_account(monkeypatch, tmp_path):
    (tmp_path / "smsanalytics.toml").write_text('[accounts.shop]\ncall_events = { keys = "digits" }\n')
    monkeypatch.setenv("SMSANALYTICS_ACCOUNTS__DEFAULT__CALL_EVENTS__KEYS", "dtmf")
    accounts = load().accounts
    assert accounts["shop"].call_events.model_dump() == {"keys": "digits", "phone": "phone", "message_id": "id"}
    assert accounts["default"].call_events.keys == "dtmf"


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, ("127.0.0.1", 8026)),
        ({"port": 80}, ("127.0.0.1", 81)),
        ({"port": 0}, ("127.0.0.1", 0)),
        ({"port": 65535}, ("127.0.0.1", 65534)),
        ({"admin": "0.0.0.0:9000"}, ("0.0.0.0", 9000)),
        ({"admin": "[::1]:9000"}, ("::1", 9000)),
        ({"admin": "off"}, None),
    ],
)
def test_the_admin_listener_is_on_this_machine_and_next_to_the_public_one_unless_told(given, address):
    assert load(**given).admin_address == address


def test_the_admin_token_may_come_from_a_file(tmp_path):
    (tmp_path / "token").write_text("hush-hush-hush-hush-hush\n")
    (tmp_path / "smsanalytics.toml").write_text('admin_token_file = "token"')
    assert load().admin_token.get_secret_value() == "hush-hush-hush-hush-hush"


def test_no_secret_is_shown(monkeypatch):
    monkeypatch.setenv("SMSANALYTICS_SECRET", "hush-hush")
    monkeypatch.setenv("SMSANALYTICS_ADMIN_TOKEN", "hush-hush-hush-hush-hush")
    settings = load()
    assert "hush" not in repr(settings) + str(settings.model_dump()) + settings.model_dump_json()


def test_a_variable_that_sets_nothing_is_not_passed_over_in_silence(monkeypatch):
    monkeypatch.setenv("SMSANALYTICS_FLUSH_SECOND", "1")
    with pytest.raises(
        SettingsError,
        match=r"SMSANALYTICS_FLUSH_SECOND: there is no such setting; did you mean SMSANALYTICS_FLUSH_SECONDS\?",
    ):
        load()


def test_a_secret_in_the_environment_beside_broken_tables_is_an_error_in_words(monkeypatch, tmp_path):
    monkeypatch.setenv("SMSANALYTICS_SECRET", "hush-hush")
    (tmp_path / "smsanalytics.toml").write_text('[accounts.default]\nsecrets = "x"\n')
    with pytest.raises(SettingsError, match=r"accounts\.default\.secrets: needs a table"):
        load()


def test_crc32_alone_counts_with_a_token_and_addresses():
    account = {"secrets": {"a": "b"}, "algorithms": ["crc32"], "addresses": ["192.0.2.1"]}
    account["path_token"] = "a-path-token-of-20-letters"
    assert load(accounts={"shop": account}).accounts["shop"].algorithms == ("crc32",)


def run(*words, cwd, **environment):
    """The real command, as a person would run it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SMSANALYTICS_")}
    return subprocess.run(
        [sys.executable, "-m", "smsanalytics", *words],
        capture_output=True, text=True, cwd=cwd, env=clean | environment,
    )  # fmt: skip


def refused(cwd, *words, **environment):
    """What a command prints that ends with 2, a line for each mistake; no value is in it."""
    done = run(*words or ("status",), cwd=cwd, **environment)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "hush" not in done.stderr
    assert "Traceback" not in done.stderr
    assert all(line.startswith("smsanalytics: ") for line in done.stderr.splitlines())
    return [line.removeprefix("smsanalytics: ") for line in done.stderr.splitlines()]


RUSSIAN = '# Хранилище\r\ndata = "данные"\r\nadmin_token_file = "token.txt"\r\n'
MARKED = ["utf-8", "utf-8-sig", "utf-16", pytest.param("utf-16-be", id="utf-16-be")]


def encoded(text, encoding):
    return (b"\xfe\xff" if encoding == "utf-16-be" else b"") + text.encode(encoding)


@pytest.mark.parametrize("encoding", MARKED)
def test_files_of_a_text_editor_are_read_whatever_mark_they_begin_with(tmp_path, encoding):
    (tmp_path / "smsanalytics.toml").write_bytes(encoded(RUSSIAN + 'secret_file = "secret.txt"\r\n', encoding))
    (tmp_path / "token.txt").write_bytes(encoded("hush-hush-hush-hush-hush\r\n", encoding))
    (tmp_path / "secret.txt").write_bytes(encoded("  s3cret_Key-1 \t\r\n\r\n", encoding))
    settings = load()
    assert str(settings.data) == "данные"
    assert settings.admin_token.get_secret_value() == "hush-hush-hush-hush-hush"
    assert secrets_of(settings) == {"file": "s3cret_Key-1"}


ELSEWHERE = "this is not UTF-8 (is it windows-1251?); save the file as UTF-8"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(RUSSIAN.encode("cp1251"), f"smsanalytics.toml, line 1, column 3: {ELSEWHERE}", id="windows-1251"),
        pytest.param('port = 1\nhost = "ы"'.encode("cp1251"), f"smsanalytics.toml, line 2, column 9: {ELSEWHERE}", id="windows-1251-in-a-value"),
        pytest.param("port = 1".encode("utf-16-le"), "smsanalytics.toml has zero bytes: UTF-16 without its mark, or damaged; save it again, as UTF-8", id="utf-16-without-mark"),
        pytest.param("port = 1".encode("utf-16")[:-1], "smsanalytics.toml begins as UTF-16 and is cut off or damaged; save it again, as UTF-8", id="utf-16-cut-off"),
        pytest.param(b"#" * (2**20 + 1), "smsanalytics.toml is larger than 1048576 bytes; is it the right file?", id="too-large"),
        pytest.param(b"port = 1\nsecret = hush", 'smsanalytics.toml, line 2, column 10: a value is needed here: "text" in quotes, a number, true, false, or a list in [ ]', id="no-quotes"),
        pytest.param("port = 1\nsecret = “hush”".encode(), 'smsanalytics.toml, line 2, column 10: this is a typographic quote; a straight " is needed', id="typographic"),
        pytest.param("port\N{NO-BREAK SPACE}= 1".encode(), "smsanalytics.toml, line 1, column 5: here is an invisible sign, U+00A0; delete it", id="no-break-space"),
        pytest.param(b"port: 8025", "smsanalytics.toml, line 1, column 5: an equals sign is needed between a name and its value", id="colon"),
        pytest.param(b"port = 1 hush", "smsanalytics.toml, line 1, column 10: the line should end here; text needs quotes around all of it", id="two-values"),
        pytest.param(b'secret = "hush\n', "smsanalytics.toml, line 1, column 15: the closing quote is missing on this line", id="open-quote"),
        pytest.param(b'\n\ndata = "C:\\Users"', "smsanalytics.toml, line 3, column 13: inside \"text\" a \\ begins an escape; 'text' in single quotes may have it, such as a path", id="backslash"),
        pytest.param(b'data = "C:\\sms"', "smsanalytics.toml, line 1, column 13: inside \"text\" a \\ begins an escape; 'text' in single quotes may have it, such as a path", id="backslash-s"),
        pytest.param(b"port = 1\r\nport = 2", "smsanalytics.toml, line 2, column 9: this is set already further up; keep one of the two", id="twice"),
        pytest.param(b"[mail]\n[mail]\n", "smsanalytics.toml, line 2, column 6: this table is there already further up; make one table of the two", id="table-twice"),
        pytest.param(b'trusted_proxies = ["192.0.2.1",\n', "smsanalytics.toml, line 2, column 1: the closing ] of a list is missing", id="open-list"),
        pytest.param("[accounts.магазин]".encode(), "smsanalytics.toml, line 1, column 11: a name is made of a-z, 0-9, - and _, or stands in quotes", id="cyrillic-name"),
        pytest.param(b"\n\nport", "smsanalytics.toml, line 3, column 5: an equals sign is needed between a name and its value", id="cut-off"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named_with_line_column_and_what_was_expected(tmp_path, content, words):
    (tmp_path / "smsanalytics.toml").write_bytes(content)
    assert refused(tmp_path) == [words]


def test_a_directory_in_place_of_the_settings_file_is_named(tmp_path):
    (tmp_path / "smsanalytics.toml").mkdir()
    assert refused(tmp_path) == ["smsanalytics.toml cannot be read: Is a directory"]


EMPTY = "is empty; write into it what it is to hold, on one line"


@pytest.mark.parametrize("setting", ["secret_file", "admin_token_file", "pseudonym_key_file", "accounts.shop.path_token_file"])  # fmt: skip
@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", f"held.txt {EMPTY}", id="zero-bytes"),
        pytest.param(b" \r\n\r\n", f"held.txt {EMPTY}", id="blank"),
        pytest.param(b"\xef\xbb\xbf\r\n", f"held.txt {EMPTY}", id="mark-only"),
        pytest.param(b"\xff\xfe", f"held.txt {EMPTY}", id="utf-16-mark-only"),
        pytest.param(bytes(32), "held.txt has zero bytes: UTF-16 without its mark, or damaged; save it again, as UTF-8", id="zeros"),
        pytest.param("тайна-hush".encode("cp1251"), f"held.txt, line 1, column 1: {ELSEWHERE}", id="windows-1251"),
        pytest.param(b"hush-hush-hush-hush hush", "held.txt does not hold what it should: ", id="spaces-inside"),
        pytest.param(b"hush-hush-hush-hush\nhush", "held.txt does not hold what it should: ", id="two-lines"),
        pytest.param(None, "held.txt cannot be read: No such file or directory", id="no-file"),
    ],
)  # fmt: skip
def test_a_damaged_file_that_a_setting_names_is_a_line_and_not_quoted(tmp_path, setting, content, words):
    if content is not None:
        (tmp_path / "held.txt").write_bytes(content)
    (tmp_path / "smsanalytics.toml").write_text(f'port = 1\n{setting} = "held.txt"\n')
    [line] = refused(tmp_path)
    assert line.startswith(f"smsanalytics.toml, line 2: {setting}: {words}")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\r", b"\xcf\xe0"])
@pytest.mark.parametrize("command", [("simulate", "--url", "http://127.0.0.1:1/callback"), ("rejected", "retry")])
def test_a_damaged_file_on_the_command_line_is_a_line(tmp_path, command, content):
    (tmp_path / "held.txt").write_bytes(content)
    [line] = refused(tmp_path, *command, "--secret-file", "held.txt", SMSANALYTICS_SECRET="hush-hush")
    assert line.startswith("held.txt")


def test_a_damaged_file_of_the_mail_server_is_a_line(tmp_path):
    (tmp_path / "held.txt").write_bytes(b"")
    (tmp_path / "smsanalytics.toml").write_text(SENDING + 'user = "hush"\npassword_file = "held.txt"\n')
    assert refused(tmp_path, "schedule", "--once") == [f"mail.password_file: held.txt {EMPTY}"]
    (tmp_path / "smsanalytics.toml").write_text(SENDING + 'ca_file = "held.txt"\n')
    assert refused(tmp_path, "schedule", "--once") == ["mail.ca_file: held.txt cannot be used: it holds no certificate"]
    (tmp_path / "held.txt").unlink()
    assert refused(tmp_path, "schedule", "--once") == [
        "mail.ca_file: held.txt cannot be used: No such file or directory"
    ]


def test_spaces_and_line_ends_around_a_secret_do_not_count_wherever_it_stands(monkeypatch, tmp_path):
    """An env file with CRLF, or a Kubernetes secret made with a newline."""
    monkeypatch.setenv("SMSANALYTICS_SECRET", "s3cret_Key-1\r\n")
    monkeypatch.setenv("SMSANALYTICS_PORT", "2\r")
    monkeypatch.setenv("SMSANALYTICS_DATA", "elsewhere\r")
    (tmp_path / "smsanalytics.toml").write_text('[accounts.shop]\nsecrets = { a = " s3cret_Key-2 " }\n')
    settings = load()
    assert (secrets_of(settings), settings.port) == ({"default": "s3cret_Key-1"}, 2)
    assert str(settings.data) == "elsewhere"
    assert secrets_of(settings, "shop") == {"a": "s3cret_Key-2"}


WRONG = """colour = "hush"
prot = 8025
port = "hush"
flush_second = 3
cron = "0 8 * * mon"
workers = 1.5
max_waiting = -1
data = 5
retention = { rejectd = 30 }
trusted_proxies = [
    "192.0.2.1",
    "hush",
]
[accounts.default]
secrt = "hush"
port = 8025
zone = "moscow"
[accounts.shop]
charset = "cp1251"
inbound_numbers = "79001230000"
[mail]
host = "hush hush"
sendr = "hush@example.org"
"""


def test_several_mistakes_are_listed_at_once_with_file_line_and_key(tmp_path):
    (tmp_path / "smsanalytics.toml").write_text(WRONG)
    assert refused(tmp_path, "serve", "--port", "99999") == [
        "smsanalytics.toml, line 1: colour: there is no such setting",
        "smsanalytics.toml, line 2: prot: there is no such setting; did you mean port?",
        "smsanalytics.toml, line 3: port: needs a whole number",
        "smsanalytics.toml, line 4: flush_second: there is no such setting; did you mean flush_seconds?",
        "smsanalytics.toml, line 5: cron: there is no such setting; it belongs below [reports.NAME]",
        "smsanalytics.toml, line 6: workers: needs a whole number",
        "smsanalytics.toml, line 7: max_waiting: needs 1 or more",
        "smsanalytics.toml, line 8: data: needs a path in quotes; found a number",
        "smsanalytics.toml, line 9: retention.rejectd: there is no such setting; did you mean rejected?",
        "smsanalytics.toml, line 10: trusted_proxies, item 2: needs addresses or networks, such as 192.0.2.1 or 192.0.2.0/24",
        "smsanalytics.toml, line 15: accounts.default.secrt: there is no such setting; did you mean secrets?",
        "smsanalytics.toml, line 16: accounts.default.port: there is no such setting; port stands above the first [table] of the file",
        "smsanalytics.toml, line 17: accounts.default.zone: no such time zone; did you mean Europe/Moscow?",
        "smsanalytics.toml, line 19: accounts.shop.charset: needs 'windows-1251', 'utf-8' or 'koi8-r'",
        'smsanalytics.toml, line 20: accounts.shop.inbound_numbers: needs a list, such as ["first", "second"]; found text',
        "smsanalytics.toml, line 21: mail.sender: is needed, and is not set",
        "smsanalytics.toml, line 22: mail.host: a host is a name or address in ASCII, without a port",
        "smsanalytics.toml, line 23: mail.sendr: there is no such setting; did you mean sender?",
        "--port: needs 65535 or less",
    ]


def test_what_follows_only_from_another_mistake_is_not_listed(tmp_path):
    (tmp_path / "smsanalytics.toml").write_text(
        '[accounts.shop]\nalgorithms = ["crc32"]\npath_token = "hush"\naddresses = ["192.0.2.1"]\n'
    )
    assert refused(tmp_path) == [
        "smsanalytics.toml, line 3: accounts.shop.path_token: a path token is 20 or more letters, digits, minus and underscore"
    ]


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Europe/Moskow", "did you mean Europe/Moscow?"),
        ("europe/moscow", "did you mean Europe/Moscow?"),
        ("Moscow", "did you mean Europe/Moscow?"),
        ("Almata", "did you mean Asia/Almaty?"),
        ("New York", "did you mean America/New_York?"),
        ("nowhere", "an example is Europe/Moscow"),
    ],
)
def test_the_zone_that_was_probably_meant_is_named(tmp_path, zone, words):
    (tmp_path / "smsanalytics.toml").write_text(REPORT + f'zone = "{zone}"\n')
    assert refused(tmp_path, "schedule", "--list") == [
        f"smsanalytics.toml, line 4: reports.weekly.zone: no such time zone; {words}"
    ]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        pytest.param({"PORT": "hush"}, ["SMSANALYTICS_PORT: needs a whole number"], id="number"),
        pytest.param({"PORT": ""}, ["SMSANALYTICS_PORT: needs a whole number; it is empty"], id="empty"),
        pytest.param({"FLUSH_SECONDS": "1m"}, ["SMSANALYTICS_FLUSH_SECONDS: needs a number"], id="float"),
        pytest.param({"KEEP_TEXTS": "hush"}, ["SMSANALYTICS_KEEP_TEXTS: needs true or false"], id="bool"),
        pytest.param({"RETENTION__REJECTED": "x"}, ["SMSANALYTICS_RETENTION__REJECTED: needs a whole number"], id="nested-number"),
        pytest.param({"TRUSTED_PROXIES": "127.0.0.1, hush"}, ["SMSANALYTICS_TRUSTED_PROXIES, item 2: needs addresses or networks, such as 192.0.2.1 or 192.0.2.0/24"], id="list-item"),
        pytest.param({"TRUSTED_PROXIES": '["127.0.0.1"'}, ['SMSANALYTICS_TRUSTED_PROXIES: needs a list: values with commas between them, or JSON such as ["first", "second"]'], id="list-no-json"),
        pytest.param({"ACCOUNTS": "hush"}, ['SMSANALYTICS_ACCOUNTS: needs a table as JSON, such as {"NAME": …}, or a variable for each of its values, with __'], id="table-no-json"),
        pytest.param({"ACCOUNTS__SHOP__SECRETS": "[1]"}, ['SMSANALYTICS_ACCOUNTS__SHOP__SECRETS: needs a table as JSON, such as {"NAME": …}, or a variable for each of its values, with __'], id="table-is-a-list"),
        pytest.param({"ACCOUNTS__SHOP__SECRETS": '{"2026": "hush hush"}'}, ["SMSANALYTICS_ACCOUNTS__SHOP__SECRETS.2026: a secret is made of letters, digits, minus and underscore, and is not empty"], id="secret-in-a-table"),
        pytest.param({"SECRET": "hush hush"}, ["SMSANALYTICS_SECRET: a secret is made of letters, digits, minus and underscore, and is not empty"], id="secret"),
        pytest.param({"SECRET_FILE": "nowhere"}, ["SMSANALYTICS_SECRET_FILE: nowhere cannot be read: No such file or directory"], id="secret-file"),
        pytest.param({"FLUSH_SECOND": "1"}, ["SMSANALYTICS_FLUSH_SECOND: there is no such setting; did you mean SMSANALYTICS_FLUSH_SECONDS?"], id="unknown"),
        pytest.param({"VERSION": "0.1.0"}, ["SMSANALYTICS_VERSION: there is no such setting"], id="unknown-far-off"),
        pytest.param({"ACCOUNTS__SHOP__CHARST": "utf-8"}, ["SMSANALYTICS_ACCOUNTS__SHOP__CHARST: there is no such setting; did you mean SMSANALYTICS_ACCOUNTS__SHOP__CHARSET?"], id="unknown-nested"),
        pytest.param({"MAIL_HOST": "x"}, ["SMSANALYTICS_MAIL_HOST: there is no such setting; between levels there are two underscores, such as SMSANALYTICS_ACCOUNTS__SHOP__CHARSET"], id="single-underscore"),
        pytest.param({"PORT": "x", "WORKERS": "y", "PROT": "z"}, ["SMSANALYTICS_PORT: needs a whole number", "SMSANALYTICS_PROT: there is no such setting; did you mean SMSANALYTICS_PORT?", "SMSANALYTICS_WORKERS: needs a whole number"], id="several"),
    ],
)  # fmt: skip
def test_each_wrong_variable_is_named(tmp_path, variables, words):
    assert refused(tmp_path, **{f"SMSANALYTICS_{name}": value for name, value in variables.items()}) == words


@pytest.mark.parametrize(
    ("variable", "value", "found"),
    [
        ("TRUSTED_PROXIES", "127.0.0.1", ["127.0.0.1/32"]),
        ("TRUSTED_PROXIES", " 127.0.0.1, 192.0.2.0/24 ,", ["127.0.0.1/32", "192.0.2.0/24"]),
        ("TRUSTED_PROXIES", '["127.0.0.1", "::1"]', ["127.0.0.1/32", "::1/128"]),
        ("TRUSTED_PROXIES", "", []),
        ("ACCOUNTS__SHOP__ADDRESSES", "192.0.2.0/24", ["192.0.2.0/24"]),
        ("ACCOUNTS__SHOP__ALGORITHMS", "md5,sha1", ["md5", "sha1"]),
        ("ACCOUNTS__SHOP__INBOUND_NUMBERS", "79001230000", ["79001230000"]),
        ("REPORTS__DAILY__TO", "a@example.org,b@example.org", ["a@example.org", "b@example.org"]),
        ("REPORTS__DAILY__HOOK", "publish", ["publish"]),
    ],
)  # fmt: skip
def test_a_list_in_the_environment_is_a_value_values_with_commas_or_json(monkeypatch, variable, value, found):
    monkeypatch.setenv("SMSANALYTICS_REPORTS__DAILY__CRON", "0 8 * * *")
    monkeypatch.setenv("SMSANALYTICS_REPORTS__DAILY__PERIOD", "yesterday")
    monkeypatch.setenv(f"SMSANALYTICS_{variable}", value)
    read = load()
    for key in variable.lower().split("__"):
        read = read[key] if isinstance(read, dict) else getattr(read, key)
    assert [str(item) for item in read] == found


OF_A_SERVICE = {
    "SMSANALYTICS_SERVICE_HOST": "10.0.0.1",
    "SMSANALYTICS_SERVICE_PORT": "8025",
    "SMSANALYTICS_SERVICE_PORT_HTTP": "8025",
    "SMSANALYTICS_PORT": "tcp://10.0.0.1:8025",
    "SMSANALYTICS_PORT_8025_TCP": "tcp://10.0.0.1:8025",
    "SMSANALYTICS_PORT_8025_TCP_PROTO": "tcp",
    "SMSANALYTICS_PORT_8025_TCP_PORT": "8025",
    "SMSANALYTICS_PORT_8025_TCP_ADDR": "10.0.0.1",
    "SMSANALYTICS_PORT_53_UDP": "udp://10.0.0.1:53",
    "SMSANALYTICS_ADMIN_SERVICE_HOST": "10.0.0.2",
    "SMSANALYTICS_ADMIN_PORT": "tcp://10.0.0.2:8026",
    "SMSANALYTICS_NAME": "/web/smsanalytics",
    "SMSANALYTICS_ENV_PYTHON_VERSION": "3.11",
}


@pytest.mark.parametrize("variable", OF_A_SERVICE)
def test_a_variable_that_an_orchestrator_makes_sets_nothing(monkeypatch, variable):
    monkeypatch.setenv(variable, OF_A_SERVICE[variable])
    assert load() == Settings()


@pytest.mark.parametrize(("variable", "value"), [("SMSANALYTICS_NAME", "x"), ("SMSANALYTICS_PORT_HTTP", "1"), ("SMSANALYTICS_ADMIN_PORT", "1")])  # fmt: skip
def test_a_variable_that_only_resembles_theirs_is_a_mistake(tmp_path, variable, value):
    [line] = refused(tmp_path, **{variable: value})
    assert line.startswith(f"{variable}: there is no such setting")


def test_a_collector_beside_a_service_of_its_name_starts_with_one_notice(tmp_path):
    given = {name: value for name, value in OF_A_SERVICE.items() if name != "SMSANALYTICS_PORT"}
    with serving(tmp_path / "data", "--workers", "2", SMSANALYTICS_PORT="udp://10.0.0.1:8025", **given) as collector:
        time.sleep(2)  # its maintenance and its workers have read the settings as well
        said = collector.log.read_text()
    assert said.count("that a container orchestrator makes for services, such as SMSANALYTICS_ADMIN_PORT") == 1
    assert "ignored 13 variables" in said
