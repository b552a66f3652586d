"""What `deploy/` holds is read by what will read it."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from programs import need
from proxying import Nginx, pages_of
from serving import SECRET, serving
from signing import status_body

from smsanalytics.settings import Settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.socket"), *DEPLOY.glob("*.timer")])
PROGRAM = "/usr/local/bin/smsanalytics"


def settings_of(unit, name):
    """The values of a setting of a unit, in order."""
    return re.findall(rf"^{name}=(.*)$", (DEPLOY / unit).read_text(), re.MULTILINE)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_each_unit(unit, tmp_path):
    verify = need("systemd-analyze", "units cannot be verified")
    for one in UNITS:  # a timer names its service
        (tmp_path / one.name).write_text(one.read_text().replace(PROGRAM, "/bin/true"))
    done = subprocess.run([verify, "verify", str(tmp_path / unit.name)], capture_output=True, text=True)
    assert (done.returncode, [line for line in done.stderr.splitlines() if str(tmp_path) in line]) == (0, [])


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.name)
def test_each_service_is_confined_and_nobodys_root(unit, tmp_path):
    words = unit.read_text().splitlines()
    for line in ("User=smsanalytics", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet="):
        assert line in words
    assert not any(line.startswith("MemoryDenyWriteExecute=yes") for line in words)


def test_systemd_finds_little_that_the_collector_could_do_beyond_its_work(tmp_path):
    analyze = need("systemd-analyze", "units cannot be judged")
    unit = tmp_path / "smsanalytics.service"
    unit.write_text((DEPLOY / unit.name).read_text())
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=25", str(unit)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr  # 2.5 of 10


def test_the_collector_has_time_to_seal_before_its_maintenance_is_told_to_stop():
    from smsanalytics.collector.protocol import DRAIN_SECONDS
    from smsanalytics.collector.supervisor import LAST_PASS_SECONDS

    [seconds] = settings_of("smsanalytics.service", "TimeoutStopSec")
    assert int(seconds) > DRAIN_SECONDS + LAST_PASS_SECONDS
    assert settings_of("smsanalytics.service", "KillMode") == ["mixed"]  # SIGTERM to the collector alone


def test_the_port_that_is_held_open_is_the_one_of_the_settings():
    held, of_nginx = settings_of("smsanalytics.socket", "ListenStream"), (DEPLOY / "nginx.conf").read_text()
    assert held == [f"{Settings().host}:{Settings().port}"]
    assert f"server {held[0]}" in of_nginx or f"http://{held[0]}" in of_nginx


@pytest.mark.parametrize("unit", ["smsanalytics.service", "smsanalytics-doctor.service"])
def test_secrets_come_as_credentials(unit, tmp_path):
    """As systemd does it: files readable by this user alone, in a directory that the unit calls %d."""
    credentials = dict(one.split(":", 1) for one in settings_of(unit, "LoadCredential"))
    variables = dict(one.split("=", 1) for one in settings_of(unit, "Environment"))
    assert set(variables) == {"SMSANALYTICS_SECRET_FILE", "SMSANALYTICS_ADMIN_TOKEN_FILE"}
    for name, source in credentials.items():
        assert source.startswith("/etc/smsanalytics/")
        (tmp_path / name).write_text("a-token-of-twenty-and-more\n" if "token" in name else SECRET + "\n")
        (tmp_path / name).chmod(0o400)
    environment = {name: value.replace("%d", str(tmp_path)) for name, value in variables.items()}
    assert {Path(path).name for path in environment.values()} == credentials.keys()
    with serving(tmp_path / "store" / "data", SMSANALYTICS_SECRET="", **environment) as collector:
        assert collector.post(status_body(1042)) == 200
        assert collector.post(status_body(1042, secret="another")) == 403
        link = http.client.HTTPConnection(collector.admin.removeprefix("http://"), timeout=30)
        with contextlib.closing(link):
            link.request("POST", "/sends", b"", {"Authorization": "Bearer a-token-of-twenty-and-more"})
            assert b"the body is empty" in link.getresponse().read()  # and the token is right


def test_cron_has_five_fields_a_user_and_a_command():
    lines = [line for line in (DEPLOY / "smsanalytics.cron").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "MAILTO=root"
    [line] = lines[1:]
    assert re.fullmatch(rf"\S+( \S+){{4}} smsanalytics cd /\S+ && {PROGRAM} schedule --once", line)


def test_every_command_in_there_is_one():
    for file in DEPLOY.iterdir():
        for words in re.findall(rf"^[^#\n]*{PROGRAM} ([a-z -]+)$", file.read_text(), re.MULTILINE):
            assert words in {"serve", "doctor", "schedule", "schedule --once"}


@pytest.fixture
def nginx(tmp_path):
    program = need("nginx", "the proxy cannot be tried")
    return lambda upstream: Nginx(program, tmp_path / "nginx", upstream)


class Caller:
    """Calls through the proxy, as the provider does."""

    def __init__(self, proxy):
        self._port = proxy.port
        self._context = ssl.create_default_context()
        proxy.authority.configure_trust(self._context)

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self._port), 30)
        return self._context.wrap_socket(plain, server_hostname="your.host")

    def ask(self, method, target, body=b"", headers=()):
        with self.connect() as link:
            head = [
                f"{method} {target} HTTP/1.1",
                "Host: your.host",
                f"Content-Length: {len(body)}",
                "Connection: close",
            ]
            link.sendall("\r\n".join([*head, *headers, "", ""]).encode() + body)
            response = http.client.HTTPResponse(link, method=method)
            response.begin()
            response.read()
            return response.status


def test_nginx_takes_the_example(nginx):
    assert nginx("127.0.0.1:8025").check() == ""


def test_nginx_takes_bodies_as_large_as_the_collector_does_and_keeps_them_in_memory():
    sizes = re.findall(r"client_(?:max_body|body_buffer)_size +(\d+)k;", (DEPLOY / "nginx.conf").read_text())
    assert [int(size) * 1024 for size in sizes] == 2 * [Settings.model_fields["max_body_bytes"].default]


def test_a_callback_goes_through_nginx_and_nothing_of_its_query_is_in_a_log(nginx, tmp_path):
    """Whatever happens to it: accepted, refused, too large, cut short, no collector behind."""
    target = "/callback?charset=utf-8&md5=the-secret-of-the-query"
    with serving(tmp_path / "data", SMSANALYTICS_TRUSTED_PROXIES='["127.0.0.1"]') as collector:
        with nginx(collector.base.removeprefix("http://")).running() as proxy:
            caller = Caller(proxy)
            assert caller.ask("POST", target, status_body(1042)) == 200
            assert caller.ask("POST", target, status_body(1043, secret="another")) == 403
            assert caller.ask("POST", "/callback/shop/the-token-of-the-path", status_body(1044)) == 404
            assert caller.ask("POST", target, b"x" * 300_000) == 413
            assert caller.ask("GET", target) == 405
            assert caller.ask("GET", "/healthz?the-secret-of-the-query") == 200
            assert caller.ask("POST", "/sends?the-secret-of-the-query") == 404
            with caller.connect() as link:  # hangs up amid its body
                link.sendall(f"POST {target} HTTP/1.1\r\nHost: your.host\r\nContent-Length: 99\r\n\r\nid=1".encode())
            with caller.connect() as link:  # no HTTP
                link.sendall(f"POST {target} HTTP/9\r\n\r\n".encode())
                link.recv(1000)
            collector.kill()
            assert caller.ask("POST", target, status_body(1045)) == 502
        lines, logs = proxy.access_log, proxy.written() + collector.log.read_text()
    assert pages_of(lines)[:7] == [
        'POST callback  200', 'POST callback  403', 'POST callback shop 404', 'POST callback  413', 'GET callback  405', 'GET healthz 200', 'POST - 404'
    ]  # fmt: skip
    assert pages_of(lines)[-1] == "POST callback  502"
    for word in ("the-secret", "the-token", "md5", "charset", "79001230001", SECRET):
        assert word not in logs, word


def test_nginx_says_who_called_whatever_the_caller_says_and_leaves_the_query_out(nginx):
    """Seen from behind it, on a connection that it keeps."""
    with socket.create_server(("127.0.0.1", 0)) as behind:
        behind.settimeout(30)
        with nginx(f"127.0.0.1:{behind.getsockname()[1]}").running() as proxy:
            caller = Caller(proxy)
            with caller.connect() as link:
                link.sendall(b"POST /callback/shop/t0ken?md5=s3cret HTTP/1.1\r\nHost: your.host\r\nContent-Length: 4\r\nX-Forwarded-For: 192.0.2.7\r\n\r\nid=1")  # fmt: skip
                upstream, _ = behind.accept()
                with upstream:
                    upstream.settimeout(30)
                    head = b""
                    while not head.endswith(b"id=1"):
                        head += upstream.recv(4096)
                    upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
                    assert link.recv(4096).startswith(b"HTTP/1.1 200")
    request, *headers = head.split(b"\r\n")
    assert request == b"POST /callback/shop/t0ken HTTP/1.1"
    assert [line for line in headers if line.lower().startswith(b"x-forwarded-for")] == [b"X-Forwarded-For: 127.0.0.1"]
    assert not [line for line in headers if line.lower().startswith(b"connection")]


@pytest.fixture
def promtool():
    return shutil.which("promtool") or pytest.skip(
        "promtool (Debian's package prometheus) is not installed: rules are not tried"
    )


def test_prometheus_understands_its_files(promtool, tmp_path):
    done = subprocess.run(
        [promtool, "check", "config", "--syntax-only", DEPLOY / "prometheus.yml"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", DEPLOY / "prometheus-rules.yml"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_each_alert_is_raised_when_it_should_be_and_at_no_other_time(promtool):
    done = subprocess.run(
        [promtool, "test", "rules", ROOT / "tests" / "prometheus-rules.yml"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


RULES = (DEPLOY / "prometheus-rules.yml").read_text()
ALERTS = re.findall(r"- alert: (\w+)\n(.*?)(?=\n\n|\Z)", RULES, re.DOTALL)


def test_each_alert_is_tried_and_says_how_bad_it_is_and_what_to_do():
    tried = (ROOT / "tests" / "prometheus-rules.yml").read_text()
    page = (ROOT / "docs" / "how-to" / "operate-the-collector.md").read_text("utf-8")
    assert len(ALERTS) > 8
    for name, rule in ALERTS:
        assert name in tried, name
        assert f"`{name}`" in page, name
        assert re.search(r"severity: (page|ticket)\n", rule), name
        assert "summary: " in rule, name
        assert "todo: " in rule, name


def test_the_collector_tells_what_the_alerts_are_about(tmp_path):
    """With the token, at the page, where the example scrapes."""
    asked = set(re.findall(r"smsanalytics_[a-z0-9_]+", RULES))
    token = "a-token-of-twenty-and-more"
    with serving(tmp_path / "data", SMSANALYTICS_ADMIN_TOKEN=token) as collector:
        assert [collector.post(status_body(number, secret=secret)) for number, secret in ((1, SECRET), (2, "no"))] == [
            200,
            403,
        ]
        link = http.client.HTTPConnection(collector.admin.removeprefix("http://"), timeout=30)
        with contextlib.closing(link):
            link.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
            told = link.getresponse().read().decode()
    assert asked <= set(re.findall(r"^(smsanalytics_[a-z0-9_]+)", told, re.MULTILINE))
    for labels in re.findall(r"smsanalytics_\w+\{(\w+)", RULES):
        assert f"{labels}=" in told
    assert 'reason="signature"' in told


def instructions():
    """Of the Dockerfile: word and arguments, lines that belong together joined."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", "")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line]


def test_the_image_runs_as_nobodys_root_gets_signals_and_holds_no_secret():
    stages = [number for number, (word, _) in enumerate(instructions()) if word == "FROM"]
    final = dict(instructions()[stages[-1] :])
    assert all(re.match(r"python:3\.\d+-slim", rest) for word, rest in instructions() if word == "FROM")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", final["USER"])
    assert final["VOLUME"] == final["WORKDIR"]
    assert json.loads(final["ENTRYPOINT"]) + json.loads(final["CMD"]) == ["smsanalytics", "serve"]  # no shell between
    assert final["STOPSIGNAL"] == "SIGTERM"
    named = " ".join(rest for word, rest in instructions() if word in {"ENV", "ARG"})
    assert not re.search(r"secret|token|password", named, re.IGNORECASE)


def test_the_image_is_built_of_files_that_are_sent_and_of_pinned_versions():
    sent = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [words.split()[:-1] for word, words in instructions() if word == "COPY" and not words.startswith("--")]
    assert {name.removeprefix("./") for names in copied for name in names} == sent
    assert all((ROOT / name).exists() for name in sent)
    assert any(word == "ENV" and "PIP_CONSTRAINT=" in rest for word, rest in instructions())
    project = (ROOT / "pyproject.toml").read_text()
    for named in re.findall(r'^(?:readme = "|license-files = \[")([^"]+)"', project, re.MULTILINE):
        assert named in sent  # hatchling wants to read it


def test_the_check_of_health_is_one(tmp_path):
    [check] = [rest.partition("CMD ")[2] for word, rest in instructions() if word == "HEALTHCHECK"]
    python, *arguments = json.loads(check)
    assert python == "python"
    with serving(tmp_path / "data") as collector:
        arguments = [one.replace("http://127.0.0.1:8025", collector.base) for one in arguments]
        assert subprocess.run([sys.executable, *arguments], capture_output=True).returncode == 0
        collector.kill()
        assert subprocess.run([sys.executable, *arguments], capture_output=True).returncode != 0


def test_docker_builds_the_image_and_stops_it_by_sigterm(tmp_path):
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True).returncode != 0:
        pytest.skip("no docker runs here: the image is not built, only its file is read")
    built = subprocess.run([docker, "build", "-q", "-f", DEPLOY / "Dockerfile", ROOT], capture_output=True, text=True)
    if built.returncode != 0 and "pull" in built.stderr:
        pytest.skip("the base image cannot be fetched here")
    assert built.returncode == 0, built.stderr
    run = [
        docker,
        "run",
        "-d",
        "--read-only",
        "--tmpfs",
        "/tmp",
        "-e",
        f"SMSANALYTICS_SECRET={SECRET}",
        built.stdout.strip(),
    ]
    container = subprocess.run(run, capture_output=True, text=True).stdout.strip()
    try:
        subprocess.run([docker, "stop", "-t", "90", container], capture_output=True)
        state = subprocess.run(
            [docker, "inspect", "-f", "{{.State.ExitCode}}", container], capture_output=True, text=True
        )
        assert state.stdout.strip() == "0"
    finally:
        subprocess.run([docker, "rm", "-f", container], capture_output=True)
