"""Two services from the template, one the consumer of the other: they pass their own tests, and hold to their pact.

Minutes, where the other unit tests take seconds: their libraries are installed, as the locks say, from nothing.
"""

import os
import shutil
import subprocess
import venv
from pathlib import Path

import pytest
from fleet_cli import templates

PROVIDER_TEST = "src/tests/contracts/test_provider.py"


class Services:
    """The services by name, and the virtualenv in which both are installed."""

    def __init__(self, root: Path) -> None:
        self.root, self.python = root, root / "venv/bin/python"
        venv.create(root / "venv", with_pip=True)
        self.orders = templates.render("orders", root, upstream="inventory")
        self.inventory = templates.render("inventory", root)
        locks = [f"--requirement={self.orders}/requirements{kind}.txt" for kind in ("", "-test")]
        self.pip("--require-hashes", "--only-binary=:all:", *locks)
        self.pip("setuptools", "wheel")
        for service in (self.orders, self.inventory):
            self.pip("--no-deps", "--no-build-isolation", "--editable", str(service))

    def pip(self, *arguments: str) -> None:
        subprocess.run([self.python, "-m", "pip", "install", "--quiet", *arguments], check=True)

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
