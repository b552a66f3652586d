"""
What can be configured, and what makes a value wrong.

Shortest form, for one account: ``SMSANALYTICS_SECRET`` and ``SMSANALYTICS_DATA``.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from smsanalytics.codes.numbering import LONGEST, Numbering
from smsanalytics.errors import SettingsError, meant
from smsanalytics.settings import text
from smsanalytics.settings.given import merged

DEFAULT_ACCOUNT = "default"
LAST_PORT = 65535
SECRET_LENGTH = 20  #: characters below which the hash of a captured callback gives a secret away
ALPHABET = re.compile(r"[A-Za-z0-9_-]+")
ADDRESS = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*"
LONG = r"[\x21-\x7e]{20,}"  #: a token or a key


def _shaped(pattern: str, words: str) -> AfterValidator:
    """A text that is of a shape, or else these words."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(words)
        return value

    return AfterValidator(check)


def _secret_shaped(pattern: str, words: str) -> AfterValidator:
    """A secret that is of a shape; spaces and line ends around it, as a copy brings along, do not count."""

    def check(value: SecretStr) -> SecretStr:
        secret = value.get_secret_value().strip()
        if not re.fullmatch(pattern, secret):
            raise ValueError(words if secret else f"{words}; it is empty")
        return SecretStr(secret)

    return AfterValidator(check)


def _holding(shape: AfterValidator | None = None) -> AfterValidator:
    """A file that holds a secret of a shape; where it is used it is read again."""

    def check(path: Path) -> Path:
        secret = SecretStr(text.word(path))
        try:
            if shape:
                shape.func(secret)  # type: ignore[call-arg]
        except ValueError as error:
            raise ValueError(f"{path} does not hold what it should: {error}") from None
        return path

    return AfterValidator(check)


def _without_brackets(host: str) -> str:
    return host.strip("[]")


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if value != "off" and not (host and re.fullmatch(r"[0-9]{1,5}", port) and int(port) <= LAST_PORT):
        raise ValueError("an address is HOST:PORT, such as 127.0.0.1:8026, or off")
    return value


def _zone(value: str) -> str:
    if value not in available_timezones():
        name = meant(value, sorted(available_timezones()))
        raise ValueError(f"no such time zone; {f'did you mean {name}?' if name else 'an example is Europe/Moscow'}")
    return value


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _network(value: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(value)  # type: ignore[arg-type]
    except ValueError:
        raise ValueError("needs addresses or networks, such as 192.0.2.1 or 192.0.2.0/24") from None


def _instead(path: Any, info: ValidationInfo) -> Any:
    """A file in place of a value, not beside it; an empty name is none."""
    name = str(info.field_name).removesuffix("_file")
    if path and info.data.get(name):
        raise ValueError(f"{name} is set as well; keep one of them")
    return path or None


def _set(model: BaseModel, name: str, value: object) -> None:
    """Set what a file holds, while its model is being made."""
    object.__setattr__(model, name, value)


OF_A_SECRET = _secret_shaped(
    ALPHABET.pattern, "a secret is made of letters, digits, minus and underscore, and is not empty"
)
OF_A_PATH_TOKEN = _secret_shaped(
    r"[A-Za-z0-9_-]{20,200}", "a path token is 20 or more letters, digits, minus and underscore"
)
OF_A_TOKEN = _secret_shaped(LONG, "an admin token is 20 or more characters of ASCII, without spaces")
OF_A_KEY = _secret_shaped(LONG, f"a pseudonym key is {SECRET_LENGTH} or more characters of ASCII, without spaces")

Secret = Annotated[SecretStr, OF_A_SECRET]
PathToken = Annotated[SecretStr, OF_A_PATH_TOKEN]
Network = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, BeforeValidator(_network)]
MailAddress = Annotated[str, _shaped(ADDRESS, "an address is NAME@HOST in ASCII, such as reports@example.org")]
Name = Annotated[str, _shaped(r"[a-z0-9_-]{1,32}", "a name is 1 to 32 of a-z, 0-9, _ and -")]
Kept = Literal[
    "statuses", "incoming", "confirmations", "call_events", "sends", "confirmation_requests", "rejected", "messages"
]  #: tables that may be kept for some time only
FieldName = Annotated[str, _shaped(r"[\x21-\x7e]{1,64}", "a field is 1 to 64 characters of ASCII, without spaces")]
OTHER_FIELDS = frozenset({"mes", "waitcall", "status", "md5", "sha1", "crc32"})  #: that say what a callback is
Label = Annotated[str, _shaped(r"[A-Za-z0-9_.-]{1,32}", "a label is 1 to 32 letters, digits, _, . and -")]
Digits = Annotated[str, _shaped(r"[0-9]{3,15}", 'a number is 3 to 15 digits in quotes, such as "79001230000"')]
Argument = Annotated[str, _shaped(r"[^\x00]+", "an argument is text that is not empty, without zero bytes")]
MailHost = Annotated[str, _shaped(r"[A-Za-z0-9.:-]{1,253}", "a host is a name or address in ASCII, without a port")]


class CallEvents(BaseModel):
    """
    How the provider calls the fields of keys pressed in a voice menu, which it does not document.

    Attributes
    ----------
    keys : str
        Of the keys pressed.
    phone, message_id : str, default "phone" and "id"
        Of who was called, and of the message whose menu it is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    keys: FieldName
    phone: FieldName = "phone"
    message_id: FieldName = "id"

    @model_validator(mode="after")
    def _of_its_own(self) -> Self:
        names = {self.keys, self.phone, self.message_id}
        if len(names) < 3 or names & OTHER_FIELDS:
            raise ValueError(f"keys, phone and message_id are three fields, none of {', '.join(sorted(OTHER_FIELDS))}")
        return self


class Account(BaseModel):
    """
    One account at the provider.

    Attributes
    ----------
    secrets : dict of str to SecretStr
        Label to secret; several while one is being rotated. The label of the one that matched is kept with each event.
    secret_file : Path, optional
        File that holds one more secret, under the label ``file``; for systemd credentials and the like. Of this file
        and every other ``…_file``: UTF-8, or UTF-16 with its mark; spaces and line ends around what it holds, and a
        byte order mark, do not count.
    algorithms : list of "md5", "sha1", "crc32"
        Hashes that must all come and match; empty for "whichever of md5 and sha1 came". crc32 is no signature: it can
        be forged from one captured callback, so it counts alone only together with `path_token` and `addresses`.
    charset : "windows-1251", "utf-8" or "koi8-r", optional
        Of the handler address; without it an echoed ``charset`` counts, else windows-1251.
    zone : str, default "Europe/Moscow"
        Of times that come as text.
    inbound_numbers : list of str
        The account's receiving numbers in digits; an incoming SMS to any other is refused. One to these, if it has four
        or more digits, may come from a short code or a name, such as ``900`` or ``MTC.Info``.
    country_code, trunk_prefix : str, optional
        What stands before a national number abroad and at home, such as ``7`` and ``8``. Where they are set, national
        numbers in what you report as sent or to be confirmed are stored as international ones, unless they begin with
        ``+``: ``89001230001`` and ``9001230001`` become ``79001230001``. Callbacks stay as they come.
    national_length : int, default 10
        Digits of a national number without its prefix.
    call_events : CallEvents, optional
        How the fields of keys pressed in a voice menu are called; without it such callbacks are refused, and kept.
    path_token, path_token_file : SecretStr and Path, optional
        Then the handler address is ``/callback/<name>/<token>``, and no other. 20 or more characters.
    addresses : list of str
        Addresses and networks that callbacks may come from; empty for anywhere. See `trusted_proxies`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    secrets: dict[Label, Secret] = {}
    secret_file: Annotated[Path, _holding(OF_A_SECRET)] | None = None
    algorithms: tuple[Literal["md5", "sha1", "crc32"], ...] = ()
    charset: Literal["windows-1251", "utf-8", "koi8-r"] | None = None
    zone: Annotated[str, AfterValidator(_zone)] = "Europe/Moscow"
    inbound_numbers: tuple[Digits, ...] = ()
    country_code: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}$")] | None = None
    trunk_prefix: Annotated[str, Field(pattern=r"^[0-9]{0,4}$")] = ""
    national_length: Annotated[int, Field(ge=4, le=14)] = 10
    call_events: CallEvents | None = None
    path_token: PathToken | None = None
    path_token_file: Annotated[Path, _holding(OF_A_PATH_TOKEN)] | None = None
    addresses: tuple[Network, ...] = ()

    _files = field_validator("secret_file", "path_token_file", mode="before")(_instead)

    @model_validator(mode="after")
    def _read_files(self) -> Self:
        if self.secret_file:
            _set(self, "secrets", self.secrets | {"file": SecretStr(text.word(self.secret_file))})
        if self.path_token_file:
            _set(self, "path_token", SecretStr(text.word(self.path_token_file)))
        return self

    @model_validator(mode="after")
    def _numbers_fit(self) -> Self:
        if self.trunk_prefix and not self.country_code:
            raise ValueError('trunk_prefix goes with country_code, such as country_code = "7"')
        if len(self.country_code or "") + self.national_length > LONGEST:
            raise ValueError(f"country_code and national_length make more than the {LONGEST} digits of a number")
        return self

    @property
    def numbering(self) -> Numbering | None:
        """How its national numbers become international ones; None where that is not set."""
        if self.country_code is None:
            return None
        return Numbering(self.country_code, self.trunk_prefix, self.national_length)

    @model_validator(mode="after")
    def _crc32_is_no_signature(self) -> Self:
        if self.algorithms == ("crc32",) and not (self.path_token and self.addresses):
            raise ValueError(
                "crc32 alone can be forged from one captured callback; add md5 or sha1, or path_token and addresses"
            )
        return self


class Report(BaseModel):
    """
    A report that `smsanalytics schedule` makes again and again.

    Attributes
    ----------
    cron : str
        When: minute, hour, day of month, month, day of week.
    zone : str, default "UTC"
        Of `cron`, and of the days in the report.
    period : str
        What of, such as ``last-week``.
    lang, format : str, default "en" and "html"
        ``en`` or ``ru``; ``html``, ``json`` or ``csv``.
    notebook : Path, optional
        Make the report with this one.
    out : Path, default "reports"
        Where to.
    keep : int, default 12
        So many files of this report are kept.
    to : list of str
        Who gets it by e-mail; wants `mail`.
    hook : list of str
        A program and its arguments; it gets the file's path as one more.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    cron: str
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    period: str
    lang: Literal["en", "ru"] = "en"
    format: Literal["html", "json", "csv"] = "html"
    notebook: Path | None = None
    out: Path = Path("reports")
    keep: Annotated[int, Field(ge=1)] = 12
    to: tuple[MailAddress, ...] = ()
    hook: tuple[Argument, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.notebook and self.format != "html":
            raise ValueError("a notebook is published as html; leave format out")
        return self


class Mail(BaseModel):
    """
    The server that takes e-mails.

    Attributes
    ----------
    host, port : str and int, default port 587
        Where it listens.
    security : "starttls", "tls" or "none", default "starttls"
        ``none`` for a server on this machine only. Certificate and name are verified.
    sender : str
        Address that reports come from.
    user, password, password_file : str, SecretStr and Path, optional
        To log in with; the file is read when the schedule starts.
    ca_file : Path, optional
        Certificates to trust instead of the system's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: MailHost
    port: Annotated[int, Field(ge=1, le=LAST_PORT)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: MailAddress
    user: str | None = None
    password: Annotated[SecretStr, Field(min_length=1)] | None = None
    password_file: Path | None = None
    ca_file: Path | None = None

    _files = field_validator("password_file", mode="before")(_instead)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if bool(self.user) != bool(self.password or self.password_file):
            raise ValueError("user and password (or password_file) go together")
        if self.security == "none" and not _loopback(self.host):
            raise ValueError("security = none is for a server on this machine; elsewhere it is starttls or tls")
        return self

    def opened(self) -> dict[str, Any]:
        """
        What it takes to connect, with the password as text.

        Raises
        ------
        SettingsError
            If a file that is named cannot be read.
        """
        fields = {name: value for name, value in self if name != "password_file"}
        try:
            password = text.word(self.password_file) if self.password_file else None
        except SettingsError as error:
            raise SettingsError(f"mail.password_file: {error}") from None
        try:
            ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:  # no file, or no certificate in it
            why = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
            raise SettingsError(f"mail.ca_file: {self.ca_file} cannot be used: {why}") from None
        return fields | {"password": self.password.get_secret_value() if self.password else password}


class Settings(BaseModel):
    """
    Everything that can be configured.

    Attributes
    ----------
    data : Path, default "data"
        The store.
    host, port : str and int, default 127.0.0.1:8025
        The listener for the provider; put TLS in front of it.
    admin : str, optional
        ``HOST:PORT`` of the listener for your own systems, or ``off``. By default 127.0.0.1 and the port after `port`;
        port 0 picks a free one.
    admin_token : SecretStr, optional
        What they must send; without it what they may tell of is refused. 20 or more characters.
    admin_token_file : Path, optional
        File that holds it.
    flush_seconds : float, default 60
        How long an event waits in the journal before it is published as Parquet. [s]
    max_body_bytes : int, default 262144
        A larger body is refused with 413. [bytes]
    max_header_bytes : int, default 16384
        Larger headers are refused with 413. [bytes]
    header_seconds, body_seconds : float, default 10 and 20
        How long headers, and then a body, may take to arrive; then the answer is 408. [s]
    idle_seconds : float, default 75
        How long a connection without a request is kept. [s]
    max_connections, max_connections_per_address : int, default 1000 and 100
        Beyond them the answer is 503 and 429. Those of `trusted_proxies` count for the former only.
    trusted_proxies : list of str
        Addresses and networks of proxies whose ``X-Forwarded-For`` or ``Forwarded`` is believed; if both come, both
        must name the same client.
    max_waiting : int, default 10000
        Callbacks that may wait for the disk at once; beyond that the answer is 503.
    disk_reserve_bytes : int, optional
        With less than that free the answer is 503, so that what was acknowledged can still be published. By default
        the larger of 1 GiB and 5 % of the file system. [bytes]
    max_backlog_bytes : int, default 8 GiB
        What may wait to be published; beyond that the answer is 503. [bytes]
    rejected_bytes_per_day : int, default 64 MiB
        What is kept of the refused callbacks of an account, counted as lines of the journal; half of it is for those
        whose secret may be the wrong one. Workers share it evenly. [bytes]
    workers : int, default 1
        Processes that collect.
    allow_network_journal : bool, default False
        Accept a network file system for the journal.
    verify_signatures : bool, default True
        False accepts callbacks of accounts without a secret, and stores them as ``signed_by = 'none'``.
    retention : dict of str to int
        For how long a table is kept, by the UTC date of receipt (of ``messages``: of first sight); a table that is not
        named is kept for ever. [days]
    pseudonym_key : SecretStr, optional
        Then phones are stored as pseudonyms made with it, and refused callbacks without their bodies. 20 or more
        characters.
    pseudonym_key_file : Path, optional
        File that holds it.
    keep_texts : bool, default True
        False stores incoming SMS without their texts, and refused callbacks without their bodies.
    secret, secret_file
        Short form for the secret of the account ``default``.
    accounts : dict of str to Account
        Name to account; the handler address of an account is ``/callback/<name>``, of ``default`` also ``/callback``.
    horizon_hours : float, default 72
        Age at which a message without an outcome is stuck, and from which on a rate is matured. [h]
    reports : dict of str to Report
        Name to what `smsanalytics schedule` makes.
    mail : Mail, optional
        Who takes its e-mails.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    data: Path = Path("data")
    host: Annotated[str, AfterValidator(_without_brackets)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=LAST_PORT)] = 8025
    admin: Annotated[str, AfterValidator(_address)] | None = None
    admin_token: Annotated[SecretStr, OF_A_TOKEN] | None = None
    admin_token_file: Annotated[Path, _holding(OF_A_TOKEN)] | None = None
    flush_seconds: Annotated[float, Field(gt=0)] = 60.0
    max_body_bytes: Annotated[int, Field(ge=1024)] = 256 * 2**10
    max_header_bytes: Annotated[int, Field(ge=1024)] = 16 * 2**10
    header_seconds: Annotated[float, Field(gt=0)] = 10.0
    body_seconds: Annotated[float, Field(gt=0)] = 20.0
    idle_seconds: Annotated[float, Field(gt=0)] = 75.0
    max_connections: Annotated[int, Field(ge=1)] = 1000
    max_connections_per_address: Annotated[int, Field(ge=1)] = 100
    trusted_proxies: tuple[Network, ...] = ()
    max_waiting: Annotated[int, Field(ge=1)] = 10_000
    disk_reserve_bytes: Annotated[int, Field(ge=0)] | None = None
    max_backlog_bytes: Annotated[int, Field(ge=0)] = 8 * 2**30
    rejected_bytes_per_day: Annotated[int, Field(ge=0)] = 64 * 2**20
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    allow_network_journal: bool = False
    verify_signatures: bool = True
    retention: dict[Kept, Annotated[int, Field(ge=1, le=36500)]] = {}
    pseudonym_key: Annotated[SecretStr, OF_A_KEY] | None = None
    pseudonym_key_file: Annotated[Path, _holding(OF_A_KEY)] | None = None
    keep_texts: bool = True
    secret: SecretStr | None = None
    secret_file: Path | None = None
    accounts: dict[Name, Account] = {}
    horizon_hours: Annotated[float, Field(gt=0, le=8760)] = 72.0
    reports: dict[Name, Report] = {}
    mail: Mail | None = None

    _files = field_validator("admin_token_file", "pseudonym_key_file", mode="before")(_instead)

    @model_validator(mode="after")
    def _read_files(self) -> Self:
        if self.admin_token_file:
            _set(self, "admin_token", SecretStr(text.word(self.admin_token_file)))
        if self.pseudonym_key_file:
            _set(self, "pseudonym_key", SecretStr(text.word(self.pseudonym_key_file)))
        return self

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, values: dict[str, Any]) -> dict[str, Any]:
        short: dict[str, Any] = {}
        if values.get("secret"):
            secret = values["secret"]
            short["secrets"] = {DEFAULT_ACCOUNT: secret.get_secret_value() if isinstance(secret, SecretStr) else secret}
        if values.get("secret_file"):
            short["secret_file"] = values["secret_file"]
        accounts = values.get("accounts", {})
        account = accounts.get(DEFAULT_ACCOUNT, {}) if isinstance(accounts, dict) else None
        if not isinstance(account, dict) or not isinstance(account.get("secrets", {}), dict):
            return values  # which is an error of its own
        return merged(values, {"accounts": {DEFAULT_ACCOUNT: short}}) if short else values

    @property
    def horizon(self) -> timedelta:
        """Age at which a message without an outcome is stuck."""
        return timedelta(hours=self.horizon_hours)

    @property
    def zones(self) -> dict[str, str]:
        """Account to the zone of its text times."""
        return {name: account.zone for name, account in self.accounts.items()}

    @property
    def numberings(self) -> dict[str, Numbering]:
        """Account to how its national numbers become international ones, where that is set."""
        return {name: account.numbering for name, account in self.accounts.items() if account.numbering}

    @property
    def admin_address(self) -> tuple[str, int] | None:
        """Host and port of the admin listener; None if there is to be none."""
        if self.admin == "off":
            return None
        if self.admin is None:
            return "127.0.0.1", self.port and (self.port + 1 if self.port < LAST_PORT else self.port - 1)
        host, _, port = self.admin.rpartition(":")
        return _without_brackets(host), int(port)

    def for_serving(self) -> Self:
        """
        These settings, if a collector may run with them.

        Raises
        ------
        SettingsError
            If an account has no secret while signatures are to be verified.
        """
        if not self.verify_signatures and not self.accounts:
            return self.model_copy(update={"accounts": {DEFAULT_ACCOUNT: Account()}})
        if not self.accounts:
            raise SettingsError(
                "no secret is set, so no callback could be verified; set SMSANALYTICS_SECRET to the secret in the "
                "handler address at the provider (…?md5=SECRET), or secret_file in smsanalytics.toml"
            )
        for name, account in self.accounts.items():
            if self.verify_signatures and not account.secrets:
                raise SettingsError(f"account {name} has no secret; set accounts.{name}.secret_file or .secrets")
        return self

    def for_scheduling(self) -> Self:
        """
        These settings, if a schedule may run with them.

        Raises
        ------
        SettingsError
            If there is no report, or recipients without a server.
        """
        if not self.reports:
            raise SettingsError("no report is set; add [reports.NAME] with cron and period to smsanalytics.toml")
        for name, report in self.reports.items():
            if report.to and self.mail is None:
                raise SettingsError(f"reports.{name}.to names recipients, but there is no [mail] with host and sender")
        return self
