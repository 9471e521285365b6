"""Two services from the template, one the consumer of the other: they pass their own tests, and hold to their pact.

Minutes, where the other unit tests take seconds: their libraries are installed, as the locks say, from nothing.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import service_tox
import written_steps
from fleet_cli.services import templates
from operators import traffic

PROVIDER_TEST = "src/tests/contracts/test_provider.py"


class Services:
    """The services by name, and the virtualenv in which both are installed."""

    def __init__(self, root: Path) -> None:
        self.root, self.python = root, root / "venv/bin/python"
        venv.create(root / "venv")
        self.orders = templates.render("orders", root, upstream="inventory")
        self.inventory = templates.render("inventory", root)
        locks = [f"--requirement={self.orders}/requirements{kind}.txt" for kind in ("", "-test")]
        self.pip("--require-hashes", "--only-binary=:all:", *locks)
        self.pip("setuptools", "wheel")
        self.install(self.orders, self.inventory)

    def install(self, *services: Path) -> None:
        self.pip(
            "--no-deps", "--no-build-isolation", "--use-pep517", *(f"--editable={service}" for service in services)
        )

    def pip(self, *arguments: str) -> None:
        # The pip that is here does; and what is never imported needs no byte code.
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(self.python)]
        subprocess.run([*pip, "install", "--no-compile", *arguments], check=True)

    def test(self, service: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The result of a service's own tests, asked for as `tox` does."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        environment |= {"PACT_DO_NOT_TRACK": "true"}
        command: list[str | Path] = [self.python, "-m", "pytest", "-q", *arguments]
        return subprocess.run(command, cwd=service, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    return Services(tmp_path_factory.mktemp("services"))


def test_a_new_service_passes_its_own_tests(services: Services) -> None:
    pact = services.orders / "pacts/orders-inventory.json"
    rendered = pact.read_text()
    result = services.test(services.orders)
    assert result.returncode == 0, result.stdout + result.stderr
    assert pact.read_text() == rendered, "the template's pact is not the one that its tests write"


def test_a_provider_keeps_to_what_its_consumer_relies_on_and_a_break_names_the_consumer(services: Services) -> None:
    shutil.copy(services.orders / "pacts/orders-inventory.json", services.inventory / "pacts")
    result = services.test(services.inventory, PROVIDER_TEST)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 passed" in result.stdout

    items = services.inventory / "src/inventory/items.py"
    text = items.read_text()
    items.write_text(text.replace('"version": VERSION', '"release": VERSION'))
    broken = services.test(services.inventory, PROVIDER_TEST)
    items.write_text(text)
    assert broken.returncode == 1
    assert "orders relies on what inventory no longer does" in broken.stdout
    assert "missing the following keys: version" in broken.stdout


def test_a_new_service_without_upstream_passes_its_own_tests(services: Services) -> None:
    result = services.test(services.inventory, "-m", "not slow")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture
def ledger(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new service in a git repository, set up as its README says under "Run"."""
    service = templates.render("ledger", tmp_path)
    services.install(service)
    git(service, "init", "--quiet")
    git(service, "add", "--all")
    (service / ".venv").symlink_to(services.root / "venv")
    (service / "site.ini").write_text(f"[database]\nurl = sqlite:///{tmp_path}/ledger.db\n", encoding="utf-8")
    monkeypatch.setenv("LEDGER_CONFIG", str(service / "site.ini"))
    return service


def git(service: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(service), *arguments], capture_output=True, text=True, check=True).stdout


def follow(services: Services, service: Path, command: str) -> None:
    """Run a command that the docs of a service tell its developer to run; it must succeed."""
    if not command.startswith("tox"):
        result = subprocess.run(shlex.split(command), cwd=service, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
        return
    for line in service_tox.commands(service, "format" if command == "tox -e format" else "lint"):
        result = subprocess.run([sys.executable, "-m", *line], cwd=service, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{line}: {result.stdout}{result.stderr}"
    if command == "tox":
        result = services.test(service)
        assert result.returncode == 0, result.stdout + result.stderr


def test_who_adds_a_resource_as_the_docs_say_ends_with_green_tests(services: Services, ledger: Path) -> None:
    """The docs are all that a developer has: a step that does not work, or breaks a shipped test, costs each a day."""
    for step in written_steps.steps(ledger / "docs/source/extending.rst"):
        step.write(ledger)
        for command in step.commands:
            follow(services, ledger, command)
    package = "src/ledger"
    changed = {f"{package}/{name}.py" for name in ("application", "models", "schemas", "tags")}
    changed |= {f"{package}/migrations/versions/0002_tags.py", "src/tests/test_tags.py"}
    status = git(ledger, "status", "--porcelain", "--untracked-files=all").splitlines()
    assert {line[3:] for line in status if line[1] != " "} == changed, (
        "a developer's checkout has files that are nobody's"
    )


@pytest.mark.drill
def test_joined_migrations(services: Services, ledger: Path) -> None:
    """Two branches that meet are an everyday matter: who joins them as the docs say ends with green tests."""
    for number in ("0002", "0003"):
        follow(services, ledger, f".venv/bin/ledger db revision -m Mine --rev-id {number} --head 0001 --splice")
    page = (ledger / "docs/source/migrations.rst").read_text(encoding="utf-8")
    [commands] = re.findall(r"^    ledger db merge .*\n(?:    .*\n)*", page, re.MULTILINE)
    for command in commands.replace("ledger", ".venv/bin/ledger").splitlines():
        follow(services, ledger, command.strip())
    assert (ledger / "src/ledger/migrations/versions/0004_join.py").is_file()
    follow(services, ledger, "tox")


ASK_METRICS = """
from inventory.application import create_app

client = create_app(log_to_terminal=True).test_client()
for path in ("/api/v1/nosuch", "/api/v1/nosuch", "/api/v1/items", "/health/live", "/health/ready", "/metrics"):
    client.get(path)
answer = client.get("/metrics")
print(answer.headers["Content-Type"], answer.text, sep="\\n")
"""


def test_fleet_traffic_counts_what_a_service_of_the_template_answers(services: Services, tmp_path: Path) -> None:
    """Two are answered 404, one 500, as the database has no tables; health checks and the metrics are none."""
    (tmp_path / "site.ini").write_text(f"[log]\nfile =\n[database]\nurl = sqlite:///{tmp_path}/service.db\n")
    environment = {**os.environ, "INVENTORY_CONFIG": str(tmp_path / "site.ini")}
    command: list[str | Path] = [services.python, "-c", ASK_METRICS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    kind, _, page = done.stdout.partition("\n")
    assert "version=" in kind, done.stderr
    counted = traffic.count(page)
    assert counted is not None
    assert (counted["requests"], counted["failed"]) == (3, 1)
    assert counted["slower"]["10.0"] == 0
