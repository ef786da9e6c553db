"""docker-compose.yml and the Dockerfile, as far as they can be held to without a container engine."""

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml

from monitor_stream.config import load_settings
from tests.deploy.rules import ROOT

COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
SERVICES = ["kafka", "redis", "topics", "worker", "server", "prometheus", "alertmanager", "grafana"]


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return loaded


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = compose()["services"][name]
    return found


def test_the_file_fits_the_compose_specification() -> None:
    """The published JSON Schema finds nothing wrong: no key is misspelt."""
    schema = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [sys.executable, *schema, COMPOSE], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_that_belongs_to_the_stack_is_there() -> None:
    """Broker, store, topics, worker, server and the three watchers, and the volumes they keep."""
    assert list(compose()["services"]) == SERVICES
    mounted = {str(volume).split(":")[0] for name in SERVICES for volume in service(name).get("volumes", [])}
    assert set(compose()["volumes"]) == {volume for volume in mounted if not volume.startswith(".")}


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    """Today's `up` and next month's are the same versions."""
    assert re.search(r":v?\d+\.\d+\.\d+", service(name)["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_services_wait_for_what_they_need(name: str) -> None:
    """Each dependency exists, and is waited for until it is well, or done, never just until it was started."""
    for needed, how in service(name).get("depends_on", {}).items():
        check = service(needed).get("healthcheck", {})
        if how["condition"] == "service_completed_successfully":
            assert service(needed)["restart"] == "no"
        else:
            assert how["condition"] == "service_healthy"
            assert check["test"][0] == "CMD"
            assert {"interval", "timeout", "retries", "start_period"} <= check.keys()


def test_everything_but_the_one_shot_is_asked_whether_it_is_well() -> None:
    """`up --wait` returns when all of it works."""
    unasked = {name for name in SERVICES if "test" not in service(name).get("healthcheck", {})}
    assert unasked == {"topics"}


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_machine_alone(name: str) -> None:
    """There is no password anywhere, so nothing listens to the network."""
    assert all(port.startswith("127.0.0.1:") for port in service(name).get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_exists(name: str) -> None:
    """Docker would make an empty folder of a path that is not there."""
    for volume in service(name).get("volumes", []):
        source, _, mode = volume.split(":") if volume.startswith(".") else ("", "", "")
        assert not source or ((ROOT / source).exists() and mode == "ro"), volume


@pytest.mark.parametrize("name", ["topics", "worker", "server"])
def test_settings_are_settings_that_exist(name: str) -> None:
    """The variables load as they stand, and lead to the broker and the store of this file."""
    environment = {key: str(value) for key, value in service(name)["environment"].items()}
    settings = load_settings(environment=environment)
    assert settings.bootstrap in service("kafka")["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert settings.redis.startswith("redis://redis:")
    assert settings.host == "0.0.0.0"  # noqa: S104 inside a container


def test_health_is_asked_where_the_services_listen() -> None:
    """The ports in health checks, in published ports and in Prometheus' targets are those of the settings."""
    worker = load_settings(environment={k: str(v) for k, v in service("worker")["environment"].items()})
    server = load_settings(environment={k: str(v) for k, v in service("server")["environment"].items()})
    assert f":{worker.worker_port}/" in service("worker")["healthcheck"]["test"][2]
    assert f":{server.port}/" in service("server")["healthcheck"]["test"][2]
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    assert [f"server:{server.port}"] == scraped[0]["static_configs"][0]["targets"]
    assert [{"names": ["worker"], "type": "A", "port": worker.worker_port, "refresh_interval": "10s"}] == (
        scraped[1]["dns_sd_configs"]
    )


def test_kafka_has_the_whole_set_of_variables() -> None:
    """With the first variable the image forgets its defaults; without these a broker of one node does not start."""
    environment = service("kafka")["environment"]
    listeners = dict(each.split("://") for each in environment["KAFKA_LISTENERS"].split(","))
    advertised = dict(each.split("://") for each in environment["KAFKA_ADVERTISED_LISTENERS"].split(","))
    protocols = dict(
        each.split(":") for each in environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    )
    assert listeners.keys() == protocols.keys() == advertised.keys() | {"CONTROLLER"}
    assert all(listeners[name] == ":" + address.split(":")[1] for name, address in advertised.items())
    assert (
        environment["KAFKA_CONTROLLER_QUORUM_VOTERS"]
        == f"{environment['KAFKA_NODE_ID']}@kafka{listeners['CONTROLLER']}"
    )
    assert all(
        value == 1 for key, value in environment.items() if key.endswith(("REPLICATION_FACTOR", "MIN_ISR"))
    )
    assert f"kafka:{environment['KAFKA_LOG_DIRS']}" in service("kafka")["volumes"]


def test_the_store_keeps_what_it_confirmed() -> None:
    """Commits wait for the append-only file, and state is never evicted."""
    command = service("redis")["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"


def instructions() -> list[list[str]]:
    """The Dockerfile's instructions, each as words."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [line.split() for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def copied() -> list[str]:
    """What the image copies from the repository."""
    copies = [words[1:] for words in instructions() if words[0] == "COPY" and "--from=build" not in words]
    return [source for words in copies for source in words[:-1] if not source.startswith("--")]


def test_the_image_is_pinned_asked_and_not_run_by_root() -> None:
    """Every base has its patch version, the last stage its user and its health check."""
    assert all(re.search(r":\d+\.\d+\.\d+-", words[1]) for words in instructions() if words[0] == "FROM")
    last = [words[0] for words in instructions()][[words[0] for words in instructions()].index("FROM", 1) :]
    assert last.index("USER") > last.index("COPY")
    assert "HEALTHCHECK" in last
    assert ["USER", "10001"] in instructions()


def test_the_build_sees_what_it_copies() -> None:
    """Each path exists, and the ignore file lets it through."""
    ignored = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    for source in copied():
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored


def test_what_is_copied_is_enough_to_build_the_package(tmp_path: Path) -> None:
    """The build stage's own commands make a wheel from the copied files alone, topics included."""
    for source in copied():
        target = tmp_path / "source" / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(
                ROOT / source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / source, target)
    assert ["RUN", "pip", "wheel", "--no-deps", "--wheel-dir", "/wheels", "."] in instructions()
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path / "wheels"), "."],
        cwd=tmp_path / "source", check=True, timeout=110,
    )  # fmt: skip
    (wheel,) = (tmp_path / "wheels").iterdir()
    files = ZipFile(wheel).namelist()
    assert "monitor_stream/topics/declared/predictions.yaml" in files
    assert "monitor_stream/cli/main.py" in files


class _Service(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 503)
        self.end_headers()
        self.wfile.write(b"It waits for the store.\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """A service that is well at /healthz and not at /readyz."""
    with HTTPServer(("127.0.0.1", 0), _Service) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("path", "code"), [("healthz", 0), ("readyz", 1)])
def test_the_health_check_tells_well_from_not(port: int, path: str, code: int) -> None:
    """It answers by its exit code, and says on stderr what the service said was wrong."""
    command = [sys.executable, str(ROOT / "deploy" / "healthcheck.py"), f"http://127.0.0.1:{port}/{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == code
    assert done.stderr.endswith("503 Service Unavailable: It waits for the store.\n") == bool(code)


def test_grafana_is_told_where_to_find_dashboards_and_data() -> None:
    """The provisioned folder is the mounted one, and the data source is the Prometheus of this file."""
    provisioning = ROOT / "grafana" / "provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "monitor-stream.yml").read_text())[
        "providers"
    ]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in service("grafana")["volumes"]
    assert provider["allowUiUpdates"] is False
    sources = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    scrape = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["global"][
        "scrape_interval"
    ]
    assert [source["url"] for source in sources] == ["http://prometheus:9090", "http://alertmanager:9093"]
    assert sources[0]["jsonData"]["timeInterval"] == scrape
