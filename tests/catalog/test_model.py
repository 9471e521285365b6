"""What the model of the control repository says a machine gets is what Puppet looks up for it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from fleet_cli.compiling import program
from fleet_cli.compiling.program import Compiler, Request
from fleet_cli.machine import paths, temporary
from fleet_cli.repository import declared, fleet_data, machine_data
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.services import SECRETS, SERVICES, VERSIONS, Service
from fleet_cli.repository.trees import Directory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = 100
CERTNAME, ROLE, TIER = (
    f"%{{trusted.{name}}}" for name in ("certname", "extensions.pp_role", "extensions.pp_environment")
)
OURS = "flask_microservice::eyaml_lookup_key"
FACTS = {"os": {"name": "Debian"}, "layers": ["one", "two"]}
MACHINES = [
    Machine("a.example.org", "app", "staging"),
    Machine("b.example.org", "app", "production"),
    Machine("c.example.org", "web-app", "staging"),
]
FILES = (
    "nodes/a.example.org.yaml", "nodes/b.example.org.yaml", "roles/app.yaml", "roles/web-app.yaml",
    "tiers/staging.yaml", "tiers/production.yaml", "mixed/app-staging.yaml", "mixed/web-app-staging.yaml",
    "services/one.yaml", "services/two.yaml", "services/.hidden.yaml", "services/deep/one.yaml", "services/not.txt",
    "more/one.yaml", "more/.deep/one.yaml", "app/b.yaml", "a/own.yaml", "os/Debian.yaml", "mapped/one.yaml",
    "staging/common.yaml", "common.yaml",
)  # fmt: skip
PATHS = (
    f"nodes/{CERTNAME}.yaml", f"roles/{ROLE}.yaml", "roles/%{::trusted.extensions.pp_role}.yaml", f"tiers/{TIER}.yaml",
    f"mixed/{ROLE}-{TIER}.yaml", "%{trusted.hostname}/own.yaml", "os/%{facts.os.name}.yaml",
    "./../hieradata/common.yaml", "common.yaml", "nodes/a.example.org.yaml", "absent.yaml",
)  # fmt: skip
GLOBS = (
    "services/*.yaml", "{services,more}/*.yaml", "{more,services}/{two,one}.yaml", "**/*.yaml", "*/*.yaml",
    f"{{more,{ROLE}}}/*.yaml", f"*/{{{CERTNAME},x}}.yaml", "[m-s]*/[!t]*", "?ore/**/*.yaml", "{services/.*,co*}.yaml",
    "services/.hidden.yaml", "{services,more/*.yaml", "services/", "**.yaml", "os/%{facts.os.name}.*",
)  # fmt: skip
DATADIRS = ("hieradata", "./hieradata/", "hieradata/services", f"hieradata/{TIER}", "./hieradata//")
MAPPED = (
    ["trusted.extensions.pp_role", "each", "roles/%{each}.yaml"], ["facts.layers", "each", "mapped/%{each}.yaml"],
    ["trusted.certname", "each", "%{trusted.hostname}/%{each}.yaml"],
)  # fmt: skip
NAMES = st.sampled_from(["orders", "billing"])
WORDS = st.sampled_from(["x", "y", "z"])


def several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=2, unique=True)


def hashes(keys: st.SearchStrategy[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(keys, values, min_size=1, max_size=2)


DECLARATION = st.fixed_dictionaries(
    {},
    optional={
        "port": st.integers(7001, 7003), "package": WORDS, "upstreams": several(WORDS),
        "secrets": hashes(WORDS, several(WORDS)),
        "config": hashes(WORDS, hashes(WORDS, st.integers(0, 2))), "database": st.sampled_from(["postgresql", ""]),
        "secret_environment": several(WORDS),
    },
)  # fmt: skip
CONTENT = st.fixed_dictionaries(
    {SERVICES: hashes(NAMES, DECLARATION)},
    optional={
        VERSIONS: hashes(NAMES, st.sampled_from(["1.0-1", "2.0-1"])),
        SECRETS: hashes(NAMES, hashes(WORDS, hashes(WORDS, WORDS))),
    },
)
LOCATION = st.one_of(
    st.fixed_dictionaries({"path": st.sampled_from(PATHS)}),
    st.fixed_dictionaries({"path": st.sampled_from(["services", "more"]), "lookup_key": st.just(OURS)}),
    st.fixed_dictionaries({"paths": several(st.sampled_from(PATHS))}),
    st.fixed_dictionaries({"glob": st.sampled_from(GLOBS)}),
    st.fixed_dictionaries({"globs": several(st.sampled_from(GLOBS))}),
    st.fixed_dictionaries({"mapped_paths": st.sampled_from(MAPPED)}),
)
LAYER = st.builds(
    lambda location, more: {**more, **location},
    LOCATION,
    st.one_of(
        st.just({}), st.fixed_dictionaries({"datadir": st.sampled_from(DATADIRS)}), st.just({"data_hash": "yaml_data"})
    ),
).filter(lambda layer: not {"data_hash", "lookup_key"} <= layer.keys())
DEFAULTS = st.sampled_from(
    [{}, {"datadir": "hieradata", "data_hash": "yaml_data"}, {"datadir": "hieradata", "lookup_key": OURS}]
)
OPTIONS = {key: {"merge": "deep"} for key in (SERVICES, VERSIONS, SECRETS)}


@st.composite
def repositories(draw: st.DrawFn) -> dict[str, Any]:
    """Files of a repository, by path."""
    layers = draw(st.lists(LAYER, min_size=1, max_size=5))
    hierarchy = [{"name": str(number), **layer} for number, layer in enumerate(layers)]
    defaults = draw(DEFAULTS)
    directory = defaults.get("datadir", "data")
    files = draw(st.dictionaries(st.sampled_from(FILES), CONTENT, min_size=5, max_size=14))
    if "common.yaml" in files:
        files["common.yaml"] = {"lookup_options": OPTIONS, **files["common.yaml"]}
    return {
        "hiera.yaml": {"version": 5, **({"defaults": defaults} if defaults else {}), "hierarchy": hierarchy},
        **{f"{place}/{name}": content for name, content in files.items() for place in {directory, "hieradata"}},
    }


class Puppet:
    """Looks keys up as a Puppet server does, in repositories that are written one after the other."""

    def __init__(self, compiler: Compiler, environments: Path) -> None:
        self._compiler = compiler
        self._environments = environments
        self._number = 0

    def write(self, files: Mapping[str, Any]) -> Path:
        self._number += 1
        repo = self._environments / f"e{self._number}"
        repo.mkdir()
        (repo / "modules").symlink_to("/modules")
        for name, content in files.items():
            (repo / name).parent.mkdir(parents=True, exist_ok=True)
            (repo / name).write_text(yaml.safe_dump(content), encoding="utf-8")
        return repo

    def look_up(self, repo: Path, machine: Machine) -> dict[str, Any]:
        code = "".join(
            f"notify {{ '{key}': message => unwrap(lookup('{key}', {{default_value => {{}}}})) }}\n"
            for key in (SERVICES, VERSIONS, SECRETS)
        )
        extensions = {"pp_role": machine.role, "pp_environment": machine.tier}
        answer = self._compiler.compile(Request(machine.certname, extensions, repo.name, FACTS, code))
        assert "error" not in answer, answer["error"]
        return {one["title"]: one["parameters"]["message"] for one in answer["resources"] if one["type"] == "Notify"}


@pytest.fixture(scope="module")
def puppet() -> Iterator[Puppet]:
    with temporary.directory() as directory:
        binds = {directory: program.ENVIRONMENTS, paths.control_repo() / "modules": "/modules"}
        with program.started(binds, placeholders=True) as compiler:
            yield Puppet(compiler, directory)


@given(files=repositories())
@settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
def test_a_machine_gets_the_services_pins_and_secrets_that_puppet_looks_up_for_it(
    files: dict[str, Any], puppet: Puppet
) -> None:
    repo = puppet.write(files)
    data = fleet_data.read(Directory(repo), MACHINES)
    for machine in MACHINES:
        got, true = machine_data.of(data, machine), puppet.look_up(repo, machine)
        if got.unknown:
            assert got.services.keys() <= true[SERVICES].keys()
            assert got.pins.keys() <= true[VERSIONS].keys()
        else:
            assert {name: of_model(service) for name, service in got.services.items()} == {
                name: of_puppet(declaration) for name, declaration in true[SERVICES].items()
            }
            assert {name: spot.node.value for name, spot in got.pins.items()} == true[VERSIONS]
            assert {key: spot.node.value for key, spot in got.secrets.items()} == {
                (service, section, key): value
                for service, sections in true[SECRETS].items()
                for section, keys in sections.items()
                for key, value in keys.items()
            }
        assert_tier_has(data, machine.tier, true[SERVICES])


def assert_tier_has(data: FleetData, tier: str, services: Mapping[str, Any]) -> None:
    """No machine of a tier needs a secret that is not one of the tier's."""
    wanted = declared.secrets(data, tier)
    for name, declaration in services.items():
        its = wanted.get(name, {})
        for section, keys in declaration.get("secrets", {}).items():
            assert set(keys) <= set(its.get(section, ()))
        assert set(declaration.get("secret_environment", ())) <= set(its.get(declared.ENVIRONMENT, ()))
        assert not declaration.get("database") or "password" in its["database"]


def of_model(service: Service) -> dict[str, Any]:
    return {
        **{part: spot.node.value for part, spot in service.fields.items()},
        **{".".join(key): spot.node.value for key, spot in service.config.items()},
        "upstreams": {spot.node.value for spot in service.upstreams},
        "secrets": set(service.secrets),
        "secret_environment": set(service.secret_environment),
    }  # fmt: skip


def of_puppet(declaration: Mapping[str, Any]) -> dict[str, Any]:
    hashed = ("config", "upstreams", "secrets", "secret_environment")
    return {
        **{part: value for part, value in declaration.items() if part not in hashed},
        **{
            f"{section}.{key}": value
            for section, keys in declaration.get("config", {}).items()
            for key, value in keys.items()
        },
        "upstreams": set(declaration.get("upstreams", ())),
        "secrets": {(section, key) for section, keys in declaration.get("secrets", {}).items() for key in keys},
        "secret_environment": set(declaration.get("secret_environment", ())),
    }  # fmt: skip
