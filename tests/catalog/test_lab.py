"""Every box of lab.yaml gets a catalog that does what its role and tier say."""

import pytest
import yaml
from fleet_cli.machine import paths
from fleet_cli.repository import labfile

from .catalogs import Catalog, Node
from .conftest import Compile

LAB = labfile.load(paths.control_repo() / "lab.yaml")
BOXES = {box.certname: box for box in (LAB.server, *LAB.nodes)}
APP_BOXES = [certname for certname, box in BOXES.items() if box.role == "app"]


def hiera(path: str, key: str) -> dict[str, dict[str, object]]:
    """The value of a key of flask_microservice in a file of Hiera."""
    text = (paths.control_repo() / "hieradata" / path).read_text(encoding="utf-8")
    return dict(yaml.safe_load(text)[f"flask_microservice::{key}"])


@pytest.mark.parametrize("certname", BOXES)
def test_box_gets_the_class_of_its_role(certname: str, lab_catalogs: dict[str, Catalog]) -> None:
    role = BOXES[certname].role.capitalize()
    assert f"Class[Role::{role}]" in lab_catalogs[certname]


@pytest.mark.parametrize("certname", BOXES)
def test_agent_does_not_wait_for_slow_facts(certname: str, lab_catalogs: dict[str, Catalog]) -> None:
    content = lab_catalogs[certname]["File[/etc/facter/facter.conf]"]["content"]
    for fact in ("augeas", "apt_has_updates", "apt_has_dist_updates"):
        assert f'"{fact}"' in content


@pytest.mark.parametrize("certname", BOXES)
def test_agent_runs_start_from_a_loaded_puppet_wherever_that_is_wanted(
    certname: str, lab_catalogs: dict[str, Catalog]
) -> None:
    wanted = BOXES[certname].role != labfile.SERVER_ROLE
    catalog = lab_catalogs[certname]
    socket = catalog["Service[puppet-run.socket]"]
    assert (socket["ensure"], socket["enable"]) == (("running", True) if wanted else ("stopped", False))
    assert catalog["File[/usr/local/sbin/puppet-run]"]["ensure"] == ("file" if wanted else "absent")


def test_only_one_process_runs_the_agent_periodically(compile: Compile) -> None:
    kinds = [(periodic, preloaded) for periodic in (True, False) for preloaded in (True, False)]
    catalogs = compile(
        [
            Node(code=f"class {{ 'profile::puppet_agent': periodic => {one}, preloaded => {two} }}".lower())
            for one, two in kinds
        ]
    )
    for (periodic, preloaded), catalog in zip(kinds, catalogs, strict=True):
        assert not catalog.error
        running = {name for name in ("puppet", "puppet-run-periodic.timer") if catalog[f"Service[{name}]"]["enable"]}
        wanted = "puppet-run-periodic.timer" if preloaded else "puppet"
        assert running == ({wanted} if periodic else set())


@pytest.mark.parametrize("certname", BOXES)
def test_catalog_tells_which_environment_it_is_from(certname: str, lab_catalogs: dict[str, Catalog]) -> None:
    assert "@" in lab_catalogs[certname].version


@pytest.mark.parametrize("certname", APP_BOXES)
def test_app_box_runs_every_declared_service_at_the_version_of_its_tier(
    certname: str, lab_catalogs: dict[str, Catalog]
) -> None:
    catalog = lab_catalogs[certname]
    files = sorted((paths.control_repo() / "hieradata/services").glob("*.yaml"))
    declared = {name for file in files for name in hiera(f"services/{file.name}", "services")}
    pinned = hiera(f"tiers/{BOXES[certname].tier}.yaml", "versions")
    assert catalog.titles("Flask_microservice::Service") == declared
    for name in declared:
        assert catalog[f"Package[{name}]"]["ensure"] == pinned[name]
        assert catalog[f"Flask_microservice_release[{name}]"]["ensure"] == "serving"


@pytest.mark.parametrize("certname", APP_BOXES)
def test_app_box_trusts_the_fleet_repository_by_its_own_key_only(
    certname: str, lab_catalogs: dict[str, Catalog]
) -> None:
    catalog = lab_catalogs[certname]
    source = catalog["File[/etc/apt/sources.list.d/fleet.sources]"]["content"]
    assert "Signed-By: /etc/apt/keyrings/fleet.asc\n" in source
    assert "File[/etc/apt/keyrings/fleet.asc]" in catalog
    assert "Check-Valid-Until: yes\nValid-Until-Max: 1209600\n" in source
    assert "Class[Flask_microservice]" in catalog["Class[Profile::Fleet_repository]"].references("before")


@pytest.mark.parametrize("certname", APP_BOXES)
def test_the_fleet_repository_gives_a_node_its_services_and_nothing_of_debian(
    certname: str, lab_catalogs: dict[str, Catalog]
) -> None:
    """The right to publish would be the right to replace libc6."""
    catalog = lab_catalogs[certname]
    rest, services = (
        catalog[f"File[/etc/apt/preferences.d/{name}]"]["content"].splitlines()[1:]
        for name in ("fleet", "fleet-services")
    )
    assert rest == ["Package: *", "Pin: release o=fleet", "Pin-Priority: 100"]
    assert services == ["Package: inventory orders", "Pin: release o=fleet", "Pin-Priority: 900"]
    before = catalog["File[/etc/apt/preferences.d/fleet-services]"].references("before")
    assert before == {"Class[Flask_microservice]"}


@pytest.mark.parametrize("certname", [name for name in BOXES if name not in APP_BOXES])
def test_no_other_box_runs_a_service(certname: str, lab_catalogs: dict[str, Catalog]) -> None:
    assert not lab_catalogs[certname].titles("Flask_microservice::Service")


def test_node_without_a_known_role_is_told_so_and_gets_nothing(compile: Compile) -> None:
    roles = {"": "names no role", "nosuch": "names the role 'nosuch'", "../x": "names the role '../x'"}
    catalogs = compile([Node("stray.example.test", role, "production") for role in roles])
    for catalog, message in zip(catalogs, roles.values(), strict=True):
        assert message in catalog.error
        assert "stray.example.test" in catalog.error
        assert "fleet enroll stray.example.test --role ROLE --tier TIER" in catalog.error
