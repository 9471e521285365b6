"""What the model of the control repository says a machine gets is what Puppet looks up for it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from fleet_cli.compiling import program
from fleet_cli.compiling.program import Compiler, Request
from fleet_cli.machine import paths, temporary
from fleet_cli.repository import declared, fleet_data
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.inventory import Machine
from fleet_cli.repository.machine_data import MachineData
from fleet_cli.repository.placed import EXTERNAL, GATEWAYS, GROUPS
from fleet_cli.repository.services import SECRET_ENVIRONMENT, SECRETS, SERVICES, VERSIONS, Service
from fleet_cli.repository.trees import Directory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SETTINGS = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
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
    "nodes/a.example.org.yaml", "nodes/b.example.org.yaml", "nodes/a.example.org/x.yaml", "nodes/a.example.org/y.yaml",
    "roles/app.yaml", "roles/web-app.yaml",
    "tiers/staging.yaml", "tiers/production.yaml", "mixed/app-staging.yaml", "mixed/web-app-staging.yaml",
    "services/one.yaml", "services/two.yaml", "services/.hidden.yaml", "services/deep/one.yaml", "services/not.txt",
    "more/one.yaml", "more/.deep/one.yaml", "app/b.yaml", "a/own.yaml", "os/Debian.yaml", "mapped/one.yaml",
    "staging/common.yaml", "common.yaml",
)  # fmt: skip
PATHS = (
    f"nodes/{CERTNAME}.yaml", f"roles/{ROLE}.yaml", "roles/%{::trusted.extensions.pp_role}.yaml", f"tiers/{TIER}.yaml",
    f"mixed/{ROLE}-{TIER}.yaml", "%{trusted.hostname}/own.yaml", "os/%{facts.os.name}.yaml",
    "./../hieradata/common.yaml", "common.yaml", "nodes/a.example.org.yaml", "absent.yaml",
    f"nodes/{CERTNAME}.yaml", f"{CERTNAME}/%{{facts.os.name}}.yaml",
)  # fmt: skip
GLOBS = (
    "services/*.yaml", "{services,more}/*.yaml", "{more,services}/{two,one}.yaml", "**/*.yaml", "*/*.yaml",
    f"{{more,{ROLE}}}/*.yaml", f"*/{{{CERTNAME},x}}.yaml", "[m-s]*/[!t]*", "?ore/**/*.yaml", "{services/.*,co*}.yaml",
    f"nodes/*{CERTNAME}*", f"**/{CERTNAME}/*.yaml", "services/.hidden.yaml",
    "{services,more/*.yaml", "services/", "**.yaml", "os/%{facts.os.name}.*",
)  # fmt: skip
DATADIRS = ("hieradata", "./hieradata/", "hieradata/services", f"hieradata/{TIER}", "./hieradata//")
MAPPED = (
    ["trusted.extensions.pp_role", "each", "roles/%{each}.yaml"], ["facts.layers", "each", "mapped/%{each}.yaml"],
    ["trusted.certname", "each", "%{trusted.hostname}/%{each}.yaml"],
)  # fmt: skip
NAMES = st.sampled_from(["orders", "billing"])
WORDS = st.sampled_from(["x", "y", "z"])
PLACES = st.sampled_from(["few", "none", "a.example.org", "[ab].example.org", "*.example.org", "b.*", "c1.example.org"])
PORTS, EXCEPT = "profile::load_balancer::plain_ports", "profile::load_balancer::except"
OF_HASHES = (SERVICES, VERSIONS, SECRETS, SECRET_ENVIRONMENT, GROUPS, GATEWAYS, EXTERNAL, PORTS)


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
        "secret_environment": several(WORDS), "ensure": st.sampled_from(["absent", "present"]),
        "nodes": several(PLACES), "version": st.sampled_from(["3.0-1", "4.0-1"]),
    },
)  # fmt: skip
STRATEGIES = st.sampled_from(["first", "hash", "deep"])
MERGES = st.one_of(STRATEGIES.map(lambda one: {"merge": one}), STRATEGIES.map(lambda one: {"merge": {"strategy": one}}))
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        **{key: st.one_of(MERGES, st.just({"convert_to": "Hash"})) for key in OF_HASHES},
        EXCEPT: st.sampled_from([{"merge": "unique"}, {"merge": "first"}]),
        "^profile::": MERGES, "^.*::plain_": MERGES, "^flask_microservice::": MERGES,
    },
)  # fmt: skip
CONTENT = st.fixed_dictionaries(
    {SERVICES: hashes(NAMES, DECLARATION)},
    optional={
        VERSIONS: hashes(NAMES, st.sampled_from(["1.0-1", "2.0-1"])),
        SECRETS: hashes(NAMES, hashes(WORDS, hashes(WORDS, WORDS))),
        SECRET_ENVIRONMENT: hashes(NAMES, hashes(WORDS, WORDS)),
        GROUPS: hashes(st.sampled_from(["few", "none"]), st.lists(PLACES, max_size=2, unique=True)),
        GATEWAYS: hashes(WORDS, st.fixed_dictionaries({}, optional={"only": several(NAMES), "except": several(NAMES)})),
        EXTERNAL: hashes(WORDS, st.just({"url": "https://x.example.org"})),
        PORTS: hashes(WORDS, st.integers(8001, 8003)), EXCEPT: several(NAMES),
    },
)  # fmt: skip
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


@st.composite
def repositories(draw: st.DrawFn) -> dict[str, Any]:
    """Files of a repository, by path."""
    layers = draw(st.lists(LAYER, min_size=1, max_size=5))
    hierarchy = [{"name": str(number), **layer} for number, layer in enumerate(layers)]
    defaults = draw(DEFAULTS)
    directory = defaults.get("datadir", "data")
    files = draw(st.dictionaries(st.sampled_from(FILES), CONTENT, min_size=5, max_size=14))
    for name in draw(st.lists(st.sampled_from(sorted(files)), max_size=3, unique=True)):
        files[name] = {**files[name], "lookup_options": draw(OPTIONS)}
    return {
        "hiera.yaml": {"version": 5, **({"defaults": defaults} if defaults else {}), "hierarchy": hierarchy},
        **{f"{place}/{name}": content for name, content in files.items() for place in {directory, "hieradata"}},
    }


RUNNING = f"""
$services = lookup('{SERVICES}', {{default_value => {{}}}})
$places = flask_microservice::placement($services, lookup('{GROUPS}', {{default_value => {{}}}}), $trusted['certname'])
$running = $places['here'].filter |$_, $its| {{ $its['ensure'] != 'absent' and $its['port'] }}
$pins = lookup('{VERSIONS}', {{default_value => {{}}}})
$versions = $running.map |$name, $its| {{
  [$name, [$pins[$name], $pins[$its['package']], $its['version'], ''].filter |$each| {{ $each =~ String }}[0]]
}}
notify {{ 'running': message => Hash($versions) }}
"""
"""What runs on the machine, at which version, as the class has it."""


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
            for key in OF_HASHES
        )
        code += f"notify {{ '{EXCEPT}': message => lookup('{EXCEPT}', {{default_value => []}}) }}\n"
        code += RUNNING
        extensions = {"pp_role": machine.role, "pp_environment": machine.tier}
        answer = self._compiler.compile(Request(machine.certname, extensions, repo.name, FACTS, code))
        assert "error" not in answer, answer["error"]
        return {one["title"]: one["parameters"]["message"] for one in answer["resources"] if one["type"] == "Notify"}


@pytest.fixture(scope="module")
def puppet() -> Iterator[Puppet]:
    with temporary.directory() as directory:
        live, reads = {directory: program.ENVIRONMENTS}, {paths.control_repo() / "modules": "/modules"}
        with program.started(live, reads, placeholders=True) as compiler:
            yield Puppet(compiler, directory)


@given(files=repositories())
@settings(SETTINGS, max_examples=50, derandomize=True)
def test_a_machine_gets_what_puppet_looks_up_for_it(files: dict[str, Any], puppet: Puppet) -> None:
    require_the_same(files, puppet)


@pytest.mark.drill
@given(files=repositories())
@settings(SETTINGS, max_examples=1000)
def test_lookups(files: dict[str, Any], puppet: Puppet) -> None:
    """Other repositories each time."""
    require_the_same(files, puppet)


def require_the_same(files: dict[str, Any], puppet: Puppet) -> None:
    repo = puppet.write(files)
    data = fleet_data.read(Directory(repo), MACHINES)
    for machine in MACHINES:
        got, true = data.lookup.of(machine), puppet.look_up(repo, machine)
        if got.unknown:
            assert_known_is_true(got, true, machine)
        else:
            assert parts(got, machine) == parts_of_puppet(true)
            assert got.doubtful == set()
        assert_tier_has(data, machine.tier, true[SERVICES])


def assert_known_is_true(got: MachineData, true: Mapping[str, Any], machine: Machine) -> None:
    """Where files hang on facts, what does not hang on them is as Puppet has it."""
    if not any(name.isdigit() for name in got.unknown):  # no layer that can't be read here at all
        certain = {name: spot.node.value if spot else "" for name, spot in got.running_on(machine.certname).items()}
        doubtful = got.doubtful
        assert {name: version for name, version in certain.items() if name not in doubtful} == {
            name: version for name, version in true["running"].items() if name not in doubtful
        }


def parts(got: MachineData, machine: Machine) -> dict[str, Any]:
    """All that the model says a machine gets."""
    return {
        SERVICES: {name: of_model(service) for name, service in got.services.items()},
        VERSIONS: {name: spot.node.value for name, spot in got.pins.items()},
        SECRETS: {
            (service, *key): spot.node.value for service, its in got.secrets.items() for key, spot in its.items()
        },
        SECRET_ENVIRONMENT: {
            (service, name): spot.node.value for service, its in got.variables.items() for name, spot in its.items()
        },
        GROUPS: {name: set(patterns) for name, patterns in got.groups.items()},
        GATEWAYS: {name: (one.only, one.excepted) for name, one in got.gateways.items()},
        EXTERNAL: set(got.external),
        PORTS: {name: said[0].pair.node.value for name, said in got.entries(PORTS).items()},
        EXCEPT: {item.value for item in got.listed(EXCEPT)},
        "running": {name: spot.node.value if spot else "" for name, spot in got.running_on(machine.certname).items()},
    }


def parts_of_puppet(true: Mapping[str, Any]) -> dict[str, Any]:
    """The same as Puppet looks it up."""
    return {
        SERVICES: {name: of_puppet(declaration) for name, declaration in true[SERVICES].items()},
        VERSIONS: true[VERSIONS],
        SECRETS: {
            (service, section, key): value
            for service, sections in true[SECRETS].items()
            for section, keys in sections.items()
            for key, value in keys.items()
        },
        SECRET_ENVIRONMENT: {
            (service, name): value for service, its in true[SECRET_ENVIRONMENT].items() for name, value in its.items()
        },
        GROUPS: {name: set(patterns) for name, patterns in true[GROUPS].items()},
        GATEWAYS: {
            name: (frozenset(one["only"]) if "only" in one else None, frozenset(one.get("except", ())))
            for name, one in true[GATEWAYS].items()
        },
        EXTERNAL: set(true[EXTERNAL]),
        PORTS: true[PORTS],
        EXCEPT: set(true[EXCEPT]),
        "running": true["running"],
    }


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
        "nodes": {spot.node.value for spot in service.nodes},
        "secrets": set(service.secrets),
        "secret_environment": set(service.secret_environment),
    }  # fmt: skip


def of_puppet(declaration: Mapping[str, Any]) -> dict[str, Any]:
    hashed = ("config", "upstreams", "nodes", "secrets", "secret_environment")
    return {
        **{part: value for part, value in declaration.items() if part not in hashed},
        **{
            f"{section}.{key}": value
            for section, keys in declaration.get("config", {}).items()
            for key, value in keys.items()
        },
        "upstreams": set(declaration.get("upstreams", ())),
        "nodes": set(declaration.get("nodes", ())),
        "secrets": {(section, key) for section, keys in declaration.get("secrets", {}).items() for key in keys},
        "secret_environment": set(declaration.get("secret_environment", ())),
    }  # fmt: skip
