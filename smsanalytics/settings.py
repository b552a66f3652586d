"""
The configuration: ``smsanalytics.toml``, the environment, the command line; read once and handed in.

Shortest form, for one account: ``SMSANALYTICS_SECRET`` and ``SMSANALYTICS_DATA``.
"""

from __future__ import annotations

import ipaddress
import os
import re
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
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from smsanalytics.errors import SettingsError
from smsanalytics.numbering import LONGEST, Numbering

DEFAULT_FILE = Path("smsanalytics.toml")
DEFAULT_ACCOUNT = "default"
LAST_PORT = 65535
SECRET_LENGTH = 20  #: characters below which the hash of a captured callback gives a secret away
ALPHABET = re.compile(r"[A-Za-z0-9_-]+")
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
TOKEN = re.compile(r"[\x21-\x7e]{20,}")


def _secret(value: SecretStr) -> SecretStr:
    if not ALPHABET.fullmatch(value.get_secret_value()):
        raise ValueError("a secret is made of letters, digits, minus and underscore, and is not empty")
    return value


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if value != "off" and not (host and re.fullmatch(r"[0-9]{1,5}", port) and int(port) <= LAST_PORT):
        raise ValueError("an address is HOST:PORT, such as 127.0.0.1:8026, or off")
    return value


def _token(value: SecretStr) -> SecretStr:
    if not TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError("an admin token is 20 or more characters of ASCII, without spaces")
    return value


def _pseudonym_key(value: SecretStr) -> SecretStr:
    if not TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError(f"a pseudonym key is {SECRET_LENGTH} or more characters of ASCII, without spaces")
    return value


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("no such time zone; an example is Europe/Moscow")
    return value


def _table(values: dict[str, Any], name: str) -> dict[str, Any]:
    found = values.get(name, {})
    if not isinstance(found, dict):
        raise ValueError(f"{name} is a table")
    return found


def _content(values: dict[str, Any], name: str) -> str:
    try:
        return Path(values[name]).read_text("utf-8").strip()
    except OSError:
        raise ValueError(f"{name} {values[name]} cannot be read") from None


def _mail_address(value: str) -> str:
    if not ADDRESS.fullmatch(value):
        raise ValueError("an address is NAME@HOST in ASCII, such as reports@example.org")
    return value


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _path_token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{20,200}", value.get_secret_value()):
        raise ValueError("a path token is 20 or more letters, digits, minus and underscore")
    return value


def _network(value: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(value)  # type: ignore[arg-type]
    except ValueError:
        raise ValueError("needs addresses or networks, such as 192.0.2.1 or 192.0.2.0/24") from None


Secret = Annotated[SecretStr, AfterValidator(_secret)]
PathToken = Annotated[SecretStr, AfterValidator(_path_token)]
Network = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, BeforeValidator(_network)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$")]
Kept = Literal[
    "statuses", "incoming", "confirmations", "call_events", "sends", "confirmation_requests", "rejected", "messages"
]  #: tables that may be kept for some time only
FieldName = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]
OTHER_FIELDS = frozenset({"mes", "waitcall", "status", "md5", "sha1", "crc32"})  #: that say what a callback is
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,32}$")]


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
        File that holds one more secret, under the label ``file``; for systemd credentials and the like.
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
    secret_file: Path | None = None
    algorithms: tuple[Literal["md5", "sha1", "crc32"], ...] = ()
    charset: Literal["windows-1251", "utf-8", "koi8-r"] | None = None
    zone: Annotated[str, AfterValidator(_zone)] = "Europe/Moscow"
    inbound_numbers: tuple[Annotated[str, Field(pattern=r"^[0-9]{3,15}$")], ...] = ()
    country_code: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}$")] | None = None
    trunk_prefix: Annotated[str, Field(pattern=r"^[0-9]{0,4}$")] = ""
    national_length: Annotated[int, Field(ge=4, le=14)] = 10
    call_events: CallEvents | None = None
    path_token: PathToken | None = None
    path_token_file: Path | None = None
    addresses: tuple[Network, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("secret_file"):
            secret = _content(values, "secret_file")
            values = values | {"secrets": _table(values, "secrets") | {"file": secret}}
        if isinstance(values, dict) and values.get("path_token_file"):
            if values.get("path_token"):
                raise ValueError("path_token and path_token_file are both set; keep one of them")
            values = values | {"path_token": _content(values, "path_token_file")}
        return values

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
    hook: tuple[Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")], ...] = ()

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

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
    port: Annotated[int, Field(ge=1, le=LAST_PORT)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: MailAddress
    user: str | None = None
    password: Annotated[SecretStr, Field(min_length=1)] | None = None
    password_file: Path | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.password and self.password_file:
            raise ValueError("password and password_file are both set; keep one of them")
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
            password = self.password_file.read_text("utf-8").strip() if self.password_file else None
        except (OSError, ValueError):
            raise SettingsError(f"mail.password_file {self.password_file} cannot be read") from None
        if self.ca_file and not self.ca_file.is_file():
            raise SettingsError(f"mail.ca_file {self.ca_file} cannot be read")
        return fields | {"password": self.password.get_secret_value() if self.password else password}


class Settings(BaseSettings):
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
        Addresses and networks of proxies whose ``X-Forwarded-For`` is believed.
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
    reports : dict of str to Report
        Name to what `smsanalytics schedule` makes.
    mail : Mail, optional
        Who takes its e-mails.
    """

    model_config = SettingsConfigDict(
        env_prefix="SMSANALYTICS_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    data: Path = Path("data")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=LAST_PORT)] = 8025
    admin: Annotated[str, AfterValidator(_address)] | None = None
    admin_token: Annotated[SecretStr, AfterValidator(_token)] | None = None
    admin_token_file: Path | None = None
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
    pseudonym_key: Annotated[SecretStr, AfterValidator(_pseudonym_key)] | None = None
    pseudonym_key_file: Path | None = None
    keep_texts: bool = True
    secret: SecretStr | None = None
    secret_file: Path | None = None
    accounts: dict[Name, Account] = {}
    reports: dict[Name, Report] = {}
    mail: Mail | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in ("admin_token", "pseudonym_key"):
            if values.get(f"{name}_file"):
                if values.get(name):
                    raise ValueError(f"{name} and {name}_file are both set; keep one of them")
                values = values | {name: _content(values, f"{name}_file")}
        return values

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, values: dict[str, Any]) -> dict[str, Any]:
        short = {}
        if values.get("secret"):
            secret = values["secret"]
            short["secrets"] = {DEFAULT_ACCOUNT: secret.get_secret_value() if isinstance(secret, SecretStr) else secret}
        if values.get("secret_file"):
            short["secret_file"] = values["secret_file"]
        if not short:
            return values
        accounts = _table(values, "accounts")
        account = _table(accounts, DEFAULT_ACCOUNT)
        short["secrets"] = _table(account, "secrets") | short.get("secrets", {})
        return values | {"accounts": {**accounts, DEFAULT_ACCOUNT: account | short}}

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
        return host.strip("[]"), int(port)

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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The order in which a setting is looked for."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def _in_words(message: str) -> str:
    return (
        message.removeprefix("Value error, ")
        .replace("Extra inputs are not permitted", "there is no such setting")
        .replace("Input should be a valid tuple", 'needs a list, such as ["one", "another"]')
    )


def load(config: Path | None = None, **given: Any) -> Settings:
    """
    Read the settings: what is given here wins over the environment, and that over the file.

    Parameters
    ----------
    config : Path, optional
        The file; ``smsanalytics.toml`` in the working directory if there is one.
    **given
        Single settings, from the command line; None counts as not given.

    Returns
    -------
    Settings

    Raises
    ------
    SettingsError
        In one line that names every wrong setting, and never a value.
    """
    if config is not None and not config.is_file():
        raise SettingsError(f"there is no settings file {config}")
    prefix = str(Settings.model_config["env_prefix"])
    for variable in os.environ:
        name = variable.removeprefix(prefix).partition("__")[0].lower()
        if variable.startswith(prefix) and name not in Settings.model_fields:
            raise SettingsError(f"{variable} sets nothing: there is no setting {name}")

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=config or DEFAULT_FILE)

    try:
        FromFile()  # what the file and the environment say must hold by itself: the maintenance reads it as well
        return FromFile(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc'])) or 'settings'}: {_in_words(one['msg'])}" for one in error.errors()]
        raise SettingsError("; ".join(wrong)) from None
    except ValueError as error:  # the file is no TOML, or a nested variable no JSON
        raise SettingsError(f"the settings cannot be read: {type(error).__name__}") from None
