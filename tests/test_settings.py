import os

import pytest

from smsanalytics.errors import SettingsError
from smsanalytics.settings import load


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
        match="SMSANALYTICS_FLUSH_SECOND: there is no such setting; did you mean SMSANALYTICS_FLUSH_SECONDS?",
    ):
        load()


def test_a_secret_in_the_environment_beside_broken_tables_is_an_error_in_words(monkeypatch, tmp_path):
    monkeypatch.setenv("SMSANALYTICS_SECRET", "hush-hush")
    (tmp_path / "smsanalytics.toml").write_text('[accounts.default]\nsecrets = "x"\n')
    with pytest.raises(SettingsError, match="accounts.default.secrets: needs a table"):
        load()


def test_crc32_alone_counts_with_a_token_and_addresses():
    account = {"secrets": {"a": "b"}, "algorithms": ["crc32"], "addresses": ["192.0.2.1"]}
    account["path_token"] = "a-path-token-of-20-letters"
    assert load(accounts={"shop": account}).accounts["shop"].algorithms == ("crc32",)
