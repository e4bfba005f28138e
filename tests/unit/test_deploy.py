"""The files of deploy/: they parse, agree with each other, and name only what is there. Nothing here starts a container."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.config import host_and_port, load_config

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def mounts(service: str) -> dict[str, str]:
    """Path in the container to path on the host, or to the volume's name."""
    return {target: source for source, target, *_ in (entry.split(":") for entry in SERVICES[service]["volumes"])}


def on_host(service: str, path: str) -> Path:
    """The file that a container finds at ``path``, through the mount that covers it."""
    target = max((each for each in mounts(service) if path == each or path.startswith(f"{each}/")), key=len)
    return (DEPLOY / mounts(service)[target] / path.removeprefix(target).lstrip("/")).resolve()


def instructions(word: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", " ", DOCKERFILE)
    return [line.split(maxsplit=1)[1] for line in joined.splitlines() if line.startswith(f"{word} ")]


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.y*ml")), ids=lambda path: str(path.relative_to(DEPLOY)))
def test_yaml_parses(path: Path) -> None:
    assert yaml.safe_load(path.read_text(encoding="utf-8"))


def test_compose_file_follows_the_specification() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(DEPLOY / "compose.yaml"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_service_is_confined(service: str) -> None:
    settings = SERVICES[service]
    assert settings["user"].split(":")[0] not in {"0", "root"}
    assert settings["read_only"] is True
    assert settings["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in settings["security_opt"]
    assert "privileged" not in settings
    assert settings.get("network_mode") != "host"
    assert all(port.startswith("127.0.0.1:") for port in settings["ports"])


@pytest.mark.parametrize("service", SERVICES)
def test_image_is_pinned_to_a_release(service: str) -> None:
    name, _, tag = SERVICES[service]["image"].rpartition(":")
    assert name
    assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag)


@pytest.mark.parametrize("service", SERVICES)
def test_mounted_files_exist_and_volumes_are_declared(service: str) -> None:
    for entry in SERVICES[service]["volumes"]:
        source, _target, *mode = entry.split(":")
        if source.startswith("."):
            assert (DEPLOY / source).exists(), entry
            assert mode == ["ro"], entry
        else:
            assert source in COMPOSE["volumes"], entry


def test_every_service_reports_its_health() -> None:
    unhealthy = {name for name, settings in SERVICES.items() if "healthcheck" not in settings}
    assert unhealthy == {"vqmon"}
    assert len(instructions("HEALTHCHECK")) == 1


def test_services_wait_for_healthy_ones_that_exist() -> None:
    for settings in SERVICES.values():
        for other, condition in settings.get("depends_on", {}).items():
            assert other in SERVICES
            assert condition == {"condition": "service_healthy"}


def test_no_password_is_written_down() -> None:
    password = SERVICES["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"]
    assert re.fullmatch(r"\$\{GRAFANA_ADMIN_PASSWORD:\?[^}]+\}", password)


def test_prometheus_finds_vqmon_alertmanager_and_the_rules() -> None:
    config = read("prometheus/prometheus.yml")
    command = " ".join(SERVICES["prometheus"]["command"])
    config_file = re.search(r"--config\.file=(\S+)", command)
    assert config_file
    assert on_host("prometheus", config_file[1]) == DEPLOY / "prometheus/prometheus.yml"
    for name in config["rule_files"]:
        assert on_host("prometheus", f"{Path(config_file[1]).parent}/{name}").is_file()
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    port = host_and_port(load_config(DEPLOY / "vqmon.yaml").listen or "")[1]
    assert jobs["vqmon"] == [f"vqmon:{port}"]
    targets = config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert targets == ["alertmanager:9093"]
    assert {"vqmon", "alertmanager"} <= set(SERVICES)


def test_grafana_finds_prometheus_and_the_dashboards() -> None:
    (source,) = read("grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == read("prometheus/prometheus.yml")["global"]["scrape_interval"]
    (provider,) = read("grafana/provisioning/dashboards/vqmon.yaml")["providers"]
    assert on_host("grafana", provider["options"]["path"]) == ROOT / "dashboards"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert on_host("grafana", home).is_file()
    assert on_host("grafana", "/etc/grafana/provisioning") == DEPLOY / "grafana/provisioning"


def test_grafana_provisioning_folders_are_the_ones_it_reads() -> None:
    folders = {path.name for path in (DEPLOY / "grafana/provisioning").iterdir()}
    assert folders <= {"datasources", "dashboards", "alerting", "plugins", "access-control"}


def test_vqmon_writes_only_where_a_volume_is() -> None:
    config = load_config(DEPLOY / "vqmon.yaml")
    volumes = [target for target, source in mounts("vqmon").items() if not source.startswith(".")]
    assert config.evidence is not None
    for path in (config.store.removeprefix("sqlite:///"), str(config.evidence.dir)):
        assert any(path.startswith(f"{volume}/") for volume in volumes), path
    cache = re.search(r"NUMBA_CACHE_DIR=(\S+)", DOCKERFILE)
    assert cache
    assert cache[1] in volumes


def test_dockerfile_copies_what_is_there_and_not_ignored() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    sources = [source for copy in instructions("COPY") if not copy.startswith("--from") for source in copy.split()[:-1]]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source in allowed, source


def test_dockerfile_installs_by_hash_and_drops_root() -> None:
    assert any("--require-hashes -r requirements.lock" in line for line in instructions("RUN"))
    (user,) = instructions("USER")
    assert user == SERVICES["vqmon"]["user"]
    assert DOCKERFILE.rindex("USER ") > DOCKERFILE.rindex("COPY ")
    assert all(re.match(r"python:3\.\d+\.\d+-slim-bookworm\b", image) for image in instructions("FROM"))
    assert instructions("STOPSIGNAL") == ["SIGTERM"]


def test_dockerfile_python_is_one_that_the_project_supports() -> None:
    wanted = re.search(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert wanted
    assert all(int(image.split(".")[1]) >= int(wanted[1]) for image in instructions("FROM"))


def test_container_starts_the_command_with_the_mounted_configuration() -> None:
    (command,) = instructions("CMD")
    config_path = yaml.safe_load(command)[-1]
    assert on_host("vqmon", config_path) == DEPLOY / "vqmon.yaml"


def test_kernels_are_compiled_by_the_user_into_the_cache_before_it_becomes_a_volume() -> None:
    (compiling,) = [line for line in instructions("RUN") if line.startswith("python -c")]
    for statement in ast.parse(shlex.split(compiling)[2]).body:
        if isinstance(statement, ast.ImportFrom):
            module = importlib.import_module(statement.module or "")
            assert all(hasattr(module, alias.name) for alias in statement.names)
    assert DOCKERFILE.index("USER ") < DOCKERFILE.index("warm_up") < DOCKERFILE.index("VOLUME ")
