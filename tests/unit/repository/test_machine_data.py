"""What a node gets where it is easily told otherwise than Puppet has it; tests/catalog/test_model.py compares all."""

from pathlib import Path

import pytest
import yaml
from fleet_cli.fleet import pins
from fleet_cli.fleet.nodes import Node
from fleet_cli.repository import fleet_data
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.services import SERVICES, VERSIONS
from fleet_cli.repository.trees import Directory

ORDERS = "flask_microservice::services: {orders: {port: 7001, version: '1.0-1'}}\n"
PIN = "flask_microservice::versions: {orders: '2.0-1'}\n"
A, B = (Node(f"{name}.example.org", "app", "staging", name) for name in "ab")
NODE, ALL = {"path": "nodes/%{trusted.certname}.yaml"}, {"path": "common.yaml"}


class Repository:
    """A control repository, and what it declares."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, layers: list[dict[str, str]], files: dict[str, str]) -> None:
        hierarchy = [{"name": str(number), **layer} for number, layer in enumerate(layers)]
        files["hiera.yaml"] = yaml.safe_dump({"version": 5, "hierarchy": hierarchy})
        for name, text in files.items():
            path = self._directory / (name if name == "hiera.yaml" else f"data/{name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def declared(self) -> dict[str, pins.Versions]:
        return pins.declared(self._directory, [A, B], {"app"})


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def versions(a: str | None, b: str | None) -> dict[str, pins.Versions]:
    return {"a.example.org": {"orders": a}, "b.example.org": {"orders": b}}


def test_a_pin_that_hangs_on_a_fact_is_not_taken_for_what_every_node_has(repository: Repository) -> None:
    repository.write([{"path": "os/%{facts.os.name}.yaml"}, ALL], {"os/Ubuntu.yaml": PIN, "common.yaml": ORDERS})
    assert repository.declared() == versions(None, None)


def test_a_file_that_two_layers_read_counts_for_each_node_where_it_stands_for_it(repository: Repository) -> None:
    lowest = {"glob": "nodes/*.yaml"}
    pin = PIN.replace("2.0-1", "3.0-1")
    files = {"nodes/a.example.org.yaml": pin, "tier.yaml": PIN, "common.yaml": ORDERS}
    repository.write([NODE, {"path": "tier.yaml"}, lowest, ALL], files)
    assert repository.declared() == versions("3.0-1", "2.0-1")


@pytest.mark.parametrize("options", ["{merge: first}", "{merge: {strategy: first}}", "{convert_to: Hash}"])
def test_the_highest_file_is_all_there_is_where_the_repository_does_not_have_it_merged(
    options: str, repository: Repository
) -> None:
    own = "flask_microservice::versions: {billing: '2.0-1'}\n"
    merge = f"lookup_options: {{flask_microservice::versions: {options}}}\n"
    repository.write([NODE, {"path": "tier.yaml"}, ALL],
                     {"nodes/a.example.org.yaml": own, "tier.yaml": PIN, "common.yaml": ORDERS + merge})  # fmt: skip
    assert repository.declared() == versions("1.0-1", "2.0-1")


def test_a_certname_beside_a_star_is_still_that_of_the_node(repository: Repository) -> None:
    repository.write(
        [{"glob": "nodes/*%{trusted.certname}*"}, ALL], {"nodes/1-a.example.org.yaml": PIN, "common.yaml": ORDERS}
    )
    assert repository.declared() == versions("2.0-1", "1.0-1")


def test_a_node_with_options_of_its_own_has_everything_merged_so(repository: Repository) -> None:
    own = "lookup_options: {flask_microservice::versions: {merge: first}}\n"
    billing = "flask_microservice::versions: {billing: '1.0-1'}\n"
    files = {"nodes/a.example.org.yaml": own, "tier.yaml": billing, "common.yaml": ORDERS + PIN}
    repository.write([NODE, {"path": "tier.yaml"}, ALL], files)
    assert repository.declared() == versions("1.0-1", "2.0-1")


def test_files_of_other_nodes_are_not_read(tmp_path: Path, repository: Repository) -> None:
    repository.write(
        [NODE, ALL], {"nodes/a.example.org.yaml": PIN, "nodes/b.example.org.yaml": PIN, "common.yaml": ORDERS}
    )
    read = []

    class Noted(Directory):
        def read(self, path: str) -> bytes:
            read.append(path)
            return super().read(path)

    gets = fleet_data.lookup(Noted(tmp_path)).of(Machine("a.example.org", "app", "staging"))
    assert [str(spot.node.value) for spot in gets.pins.values()] == ["2.0-1"]
    assert sorted(read) == ["data/common.yaml", "data/nodes/a.example.org.yaml", "hiera.yaml"]


def test_only_a_node_with_a_file_of_its_own_is_looked_at_besides_all_of_its_role_and_tier(
    tmp_path: Path, repository: Repository
) -> None:
    repository.write([NODE, ALL], {"nodes/a.example.org.yaml": PIN, "common.yaml": ORDERS})
    lookup = fleet_data.lookup(Directory(tmp_path))
    a, b = (lookup.of(Machine(node.certname, node.role, node.tier)) for node in (A, B))
    assert [a.has_own(VERSIONS), a.has_own(SERVICES), b.has_own(SERVICES)] == [True, False, False]
    assert a.has(SERVICES) and b.has(SERVICES) and not b.has(VERSIONS)
