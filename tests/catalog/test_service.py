"""What the module flask_microservice makes of a declaration."""

import configparser
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from fleet_cli.sandbox import running

from .catalogs import Catalog, Node
from .conftest import Compile

SECRET = "geheim=%(x)s;#1%{}%{foo}%{lookup('x')}%{literal('y')}"  # noqa: S105 - made up for these tests
SERVICES = """
flask_microservice::services:
  order-items:
    port: 7001
    upstreams: [inventory, far]
    workers: 3
    threads: 5
    backlog: 99
    peers: [192.0.2.0/24, '2001:db8::7', '192.0.2.8:53', '[2001:db8::7]:53']
    config:
      zeta: {b: 1, a: true, c: 0.5}
      app: {name: 'x y'}
      http: {timeout: 2.0}
      upstreams: {elsewhere: 'http://192.0.2.9'}
    secrets:
      app: [secret_key]
      db: [password]
  far:
    port: 7003
    address: '2001:db8::1'
  inventory:
    port: 7002
    version: '1.0.0-1'
  foreign:
    port: 7004
    version: '1.0-1'
    application: "shop.wsgi:make_app(settings='/etc/foreign/default_config.ini')"
    health_path: /status/200
  gone:
    port: 7001
    ensure: absent
  gone-for-good:
    ensure: absent
    purge: true
    unit:
      Service: {StateDirectory: 'gone-data:link: postgresql ../x /y gone/', CacheDirectory: ['%p/%i', '100%%'], Nice: 5}
  a-copy-gone:
    package: inventory
    ensure: absent
  inventory-eu:
    package: inventory
    socket: /run/inventory-eu.sock
    log: {level: debug, keep: 3, max_size: 5M, max_age: 30}
    environment: {TZ: UTC, SHARE: '50%'}
    limits: {memory: 512M, tasks: 64, cpu: 150%, files: 8192, shared_memory: 1G}
    deadlines: {ready: 20, watch: 1}
    unit:
      Unit: {Documentation: 'https://example.test/inventory'}
      Service: {ProtectHome: read-only, BindPaths: [/srv/a, /srv/b]}
"""
NOTHING = "---\n{}\n"


@pytest.fixture(scope="module")
def catalog(compile: Compile, encrypt: Callable[[str], str]) -> Catalog:
    """A node with one of everything that can be declared."""
    versions = "flask_microservice::versions: {order-items: '2:1.4.2-1', far: '3.0-1', inventory: '1.1.0-1'}\n"
    values = f"{{app: {{secret_key: '{encrypt(SECRET)}', unused: x}}, db: {{password: '{encrypt(SECRET)}'}}}}"
    node = Node(
        role="app",
        tier="test",
        hiera={
            "services/orders.yaml": SERVICES,
            "services/inventory.yaml": NOTHING,
            "tiers/test.yaml": versions,
            "secrets/test.yaml": f"flask_microservice::secrets: {{order-items: {values}}}\n",
        },
    )
    (catalog,) = compile([node])
    assert not catalog.error
    return catalog


def unit(catalog: Catalog, name: str) -> dict[str, list[str]]:
    """The settings of a service's unit, those for flask-microservice among them; one can be there more than once."""
    settings: dict[str, list[str]] = {}
    for line in catalog[f"File[/etc/systemd/system/{name}@.service]"]["content"].splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            settings.setdefault(key, []).append(value)
    return settings


def test_tier_pin_wins_over_the_version_in_the_declaration(catalog: Catalog) -> None:
    assert catalog["Package[inventory]"]["ensure"] == "1.1.0-1"


def test_packages_of_services_are_installed_together(catalog: Catalog) -> None:
    packages = {title: catalog[f"Package[{title}]"] for title in ("inventory", "order-items", "foreign")}
    assert {package["provider"] for package in packages.values()} == {"flask_microservice"}


def test_config_file_says_all_that_hiera_does_in_an_order_that_never_changes(catalog: Catalog) -> None:
    content = catalog["File[/etc/order-items/default_config.ini]"]["content"]
    head, _, body = content.partition("\n\n")
    assert head.startswith("# Written by Puppet")
    assert body == (
        f"[app]\nname = x y\nsecret_key = {SECRET}\n\n"
        f"[db]\npassword = {SECRET}\n\n"
        "[http]\ntimeout = 2.0\n\n"
        "[upstreams]\nelsewhere = http://192.0.2.9\nfar = http://[2001:db8::1]:7003\ninventory = http://127.0.0.1:7002\n\n"
        "[zeta]\na = true\nb = 1\nc = 0.5\n"
    )


def test_config_file_is_read_by_python_as_it_was_meant(catalog: Catalog) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(catalog["File[/etc/order-items/default_config.ini]"]["content"])
    assert parser["app"]["secret_key"] == SECRET
    assert parser["zeta"].getboolean("a") is True


def test_config_file_is_for_root_and_the_service_alone(catalog: Catalog) -> None:
    directory = catalog["File[/etc/order-items]"]
    file = catalog["File[/etc/order-items/default_config.ini]"]
    assert (directory["owner"], directory["group"], directory["mode"]) == ("root", "order-items", "0750")
    assert (file["owner"], file["group"], file["mode"]) == ("root", "order-items", "0640")
    assert file["show_diff"] is False
    assert file["backup"] is False


def test_secret_is_nowhere_in_the_catalog_but_where_puppet_hides_it(catalog: Catalog) -> None:
    holders = set()
    for resource in catalog:
        for name, value in resource.parameters.items():
            if SECRET in str(value):
                assert name in resource.sensitive, f"{resource.reference} shows {name}"
                holders.add(resource.reference)
    assert {reference for reference in holders if reference.startswith("File[")} == {
        "File[/etc/order-items/default_config.ini]"
    }


def test_data_and_log_are_where_the_package_looks_for_them(catalog: Catalog) -> None:
    expected = {
        "/var/lib/order-items": ("directory", "order-items", "order-items", "0750"),
        # The service can't put a link there, which whoever collects logs would follow.
        "/var/log/order-items": ("directory", "root", "adm", "0751"),
        "/var/log/order-items/order-items.log": ("file", "order-items", "adm", "0640"),
    }
    for path, what in expected.items():
        file = catalog[f"File[{path}]"]
        assert (file["ensure"], file["owner"], file["group"], file["mode"]) == what


def test_log_is_rotated_by_age_and_size_as_declared(catalog: Catalog) -> None:
    lines = [line.strip() for line in catalog["File[/etc/logrotate.d/inventory-eu]"]["content"].splitlines()]
    assert {"rotate 3", "maxsize 5M", "maxage 30"} <= set(lines)
    assert "OnCalendar=hourly" in catalog["File[/etc/systemd/system/logrotate.timer.d/hourly.conf]"]["content"]


def test_log_is_rotated_daily_for_two_weeks(catalog: Catalog) -> None:
    lines = [line.strip() for line in catalog["File[/etc/logrotate.d/order-items]"]["content"].splitlines()]
    assert "/var/log/order-items/order-items.log {" in lines
    assert {
        "daily", "rotate 14", "compress", "delaycompress", "missingok", "notifempty",
        "create 0640 order-items adm", "su root adm",
    } <= set(lines)  # fmt: skip


def test_socket_listens_where_the_declaration_says(catalog: Catalog) -> None:
    assert unit(catalog, "order-items")["ListenStream"] == ["0.0.0.0:7001"]
    assert unit(catalog, "order-items")["Backlog"] == ["99"]
    assert unit(catalog, "far")["ListenStream"] == ["[2001:db8::1]:7003"]
    assert unit(catalog, "inventory-eu")["ListenStream"] == ["/run/inventory-eu.sock"]
    assert unit(catalog, "inventory-eu")["SocketGroup"] == ["inventory-eu"]


def test_service_runs_what_the_package_brought(catalog: Catalog) -> None:
    (command,) = unit(catalog, "order-items")["ExecStart"]
    assert command.startswith("/opt/venvs/order-items/bin/gunicorn --config ")
    assert " --preload --workers 3 --graceful-timeout " in command
    given = {f"FLASK_MICROSERVICE_{name}" for name in ("THREADS=5", "HANG_SECONDS=10", "REQUEST_SECONDS=10")}
    assert given <= set(unit(catalog, "order-items")["Environment"])
    assert command.endswith(' --no-control-socket "order_items.application:create_app()"')


def test_an_application_that_is_not_from_the_template_is_run_as_it_is_declared(catalog: Catalog) -> None:
    (command,) = unit(catalog, "foreign")["ExecStart"]
    assert command.startswith("/opt/venvs/foreign/bin/gunicorn ")
    assert command.endswith(""" "shop.wsgi:make_app(settings='/etc/foreign/default_config.ini')\"""")
    assert "File[/etc/foreign/default_config.ini]" in catalog


def test_a_release_runs_with_the_virtualenv_and_the_config_that_are_its_own(catalog: Catalog) -> None:
    assert unit(catalog, "order-items")["BindReadOnlyPaths"] == [
        "/opt/releases/order-items/%i/venv:/opt/venvs/order-items",
        "/opt/releases/order-items/%i/default_config.ini:/etc/order-items/default_config.ini",
    ]


def test_several_services_run_from_one_package_each_with_its_own_files(catalog: Catalog) -> None:
    settings = unit(catalog, "inventory-eu")
    assert settings["ExecStart"][0].startswith("/opt/venvs/inventory/bin/gunicorn ")
    assert (settings["Package"], settings["Version"]) == (["inventory"], ["1.1.0-1"])
    assert "INVENTORY_CONFIG=/etc/inventory-eu/default_config.ini" in settings["Environment"]
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(catalog["File[/etc/inventory-eu/default_config.ini]"]["content"])
    assert parser["log"]["file"] == "/var/log/inventory-eu/inventory-eu.log"
    assert parser["log"]["level"] == "debug"
    assert parser["database"]["url"] == "sqlite:////var/lib/inventory-eu/inventory-eu.db"
    assert "Package[inventory-eu]" not in catalog


def test_what_a_service_declares_of_its_unit_is_there_and_last(catalog: Catalog) -> None:
    settings = unit(catalog, "inventory-eu")
    assert settings["Documentation"] == ["https://example.test/inventory"]
    assert settings["ProtectHome"] == ["yes", "read-only"]
    assert settings["BindPaths"] == ["/srv/a", "/srv/b"]
    assert [settings[key] for key in ("MemoryMax", "TasksMax", "CPUQuota", "LimitNOFILE")] == [
        ["512M"], ["64"], ["150%"], ["8192"],
    ]  # fmt: skip
    assert settings["TemporaryFileSystem"] == ["/dev/shm:mode=1777,size=1G"]
    assert {'"TZ=UTC"', '"SHARE=50%%"'} <= set(settings["Environment"])
    assert (settings["ReadyDeadlineSec"], settings["WatchSec"]) == (["20"], ["1"])


LIMITS = ("MemoryMax", "TasksMax", "LimitNOFILE", "TemporaryFileSystem", "CPUQuota")


def test_a_service_that_declares_no_limit_has_some_that_leave_the_machine_room(catalog: Catalog) -> None:
    settings = unit(catalog, "order-items")
    assert [settings.get(key) for key in LIMITS] == [
        ["75%"], ["512"], ["4096"], ["/dev/shm:mode=1777,size=64M"], None,
    ]  # fmt: skip


def test_limits_of_a_tier_hold_for_services_that_declare_no_other(compile: Compile) -> None:
    declared = "{orders: {port: 7001, version: '1.0-1', workers: 40, threads: 20, limits: {memory: 2G}}}"
    hiera = {
        "services/orders.yaml": f"flask_microservice::services: {declared}\n",
        "services/inventory.yaml": NOTHING,
        "tiers/test.yaml": "flask_microservice::limits: {files: 2048}\n",
        "roles/app.yaml": "flask_microservice::limits: {cpu: 200%, memory: 1G}\n",
    }
    wrong = {**hiera, "roles/app.yaml": "flask_microservice::limits: {memory: plenty}\n"}
    (good, bad) = compile([Node(role="app", tier="test", hiera=one) for one in (hiera, wrong)])
    settings = unit(good, "orders")
    # Tasks are those that its workers and threads may need.
    assert [settings[key] for key in LIMITS] == [
        ["2G"], ["3360"], ["2048"], ["/dev/shm:mode=1777,size=64M"], ["200%"],
    ]  # fmt: skip
    assert "limits" in bad.error


def test_catalog_says_where_each_service_is_asked_for_its_health(catalog: Catalog) -> None:
    # What `fleet lab status` and the tests on the boxes read in PuppetDB.
    declared = {
        name: catalog[f"Flask_microservice::Service[{name}]"] for name in ("foreign", "inventory", "order-items")
    }
    assert {name: one["health_path"] for name, one in declared.items()} == {
        "foreign": "/status/200", "inventory": "/health/ready", "order-items": "/health/ready",
    }  # fmt: skip


def test_service_keeps_its_socket_whatever_happens_to_it(catalog: Catalog) -> None:
    settings = unit(catalog, "order-items")
    assert settings["Sockets"] == ["order-items.socket order-items@%i.socket"]
    assert settings["NonBlocking"] == ["yes"]
    assert settings["StartLimitIntervalSec"] == ["0"]
    assert settings["Type"] == ["notify"]


def test_systemd_is_no_sooner_than_who_can_tell_what_a_release_waits_for(catalog: Catalog) -> None:
    """Killed by systemd at its deadline, a release that hangs would be refused without a reason."""
    for name in ("foreign", "order-items", "inventory-eu"):
        settings = unit(catalog, name)
        assert int(settings["TimeoutStartSec"][0]) > int(settings["ReadyDeadlineSec"][0]), name
    assert unit(catalog, "foreign")["TimeoutStopSec"] == ["30"]


def test_service_can_reach_only_the_peers_it_declares(catalog: Catalog) -> None:
    settings = unit(catalog, "order-items")
    assert settings["IPAddressDeny"] == ["any"]
    assert settings["IPAddressAllow"] == ["192.0.2.0/24 2001:db8::7 192.0.2.8 127.0.0.1 2001:db8::1"]
    assert settings["Peers"] == [
        "192.0.2.0/24 2001:db8::7 192.0.2.8:53 [2001:db8::7]:53 127.0.0.1:7002 [2001:db8::1]:7003"
    ]
    nobody = unit(catalog, "inventory")
    assert (nobody["IPAddressDeny"], nobody.get("IPAddressAllow"), nobody["Peers"]) == (["any"], None, [""])


def test_ports_are_kept_to_before_anything_of_a_release_runs(catalog: Catalog) -> None:
    settings = unit(catalog, "order-items")
    confine = "-+/usr/local/sbin/flask-microservice confine order-items"
    assert settings["ExecStartPre"][0] == confine
    assert "db upgrade" in settings["ExecStartPre"][1]
    assert settings["ExecStopPost"] == [confine]


def test_service_can_write_nothing_but_its_data_and_log(catalog: Catalog) -> None:
    settings = unit(catalog, "order-items")
    assert settings["ProtectSystem"] == ["strict"]
    assert settings["ReadWritePaths"] == ["/var/lib/order-items /var/log/order-items"]
    assert settings["ReadOnlyPaths"] == ["/run"]
    assert settings["UMask"] == ["0027"]


@pytest.mark.parametrize(
    "setting",
    [
        "NoNewPrivileges", "PrivateTmp", "PrivateDevices", "PrivateUsers", "PrivateIPC", "ProtectHome",
        "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups",
        "ProtectClock", "ProtectHostname", "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID",
        "LockPersonality", "MemoryDenyWriteExecute", "RemoveIPC",
    ],
)  # fmt: skip
def test_hardening_is_on(catalog: Catalog, setting: str) -> None:
    assert unit(catalog, "order-items")[setting] == ["yes"]


def test_service_has_no_capability_and_few_system_calls(catalog: Catalog) -> None:
    settings = unit(catalog, "order-items")
    assert settings["CapabilityBoundingSet"] == [""]
    assert settings["AmbientCapabilities"] == [""]
    assert settings["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    assert settings["SystemCallArchitectures"] == ["native"]


def test_systemd_understands_the_units(catalog: Catalog, tmp_path: Path) -> None:
    for name in ("order-items", "foreign", "inventory-eu"):
        text = catalog[f"File[/etc/systemd/system/{name}@.service]"]["content"]
        (tmp_path / f"{name}@1.service").write_text(text, encoding="utf-8")
        (tmp_path / f"{name}@1.socket").write_text("[Socket]\nListenStream=/run/check.sock\n", encoding="utf-8")
        (tmp_path / f"{name}.socket").write_text("[Socket]\nListenStream=/run/port.sock\n", encoding="utf-8")
        (tmp_path / f"{name}.service").write_text("[Service]\nExecStart=/bin/true\n", encoding="utf-8")
    drain = catalog["File[/etc/systemd/system/flask-microservice-drain.service]"]["content"]
    (tmp_path / "flask-microservice-drain.service").write_text(drain, encoding="utf-8")
    check = (
        "for name in order-items foreign inventory-eu inventory; do"
        " id $name >/dev/null 2>&1 || useradd $name; install -D /bin/true /opt/venvs/$name/bin/gunicorn || exit 1; done"
        " && cp /units/* /etc/systemd/system && systemd-analyze verify --man=no $(ls /units)"
    )
    result = running.run("node", ["sh", "-c", check], reads={tmp_path: "/units"}, root=True, check=False)
    assert [line for line in result.stderr.splitlines() if "order-items" in line or "foreign" in line] == []
    assert result.returncode == 0, result.stderr


def test_release_is_looked_at_after_all_that_it_is_made_of(catalog: Catalog) -> None:
    order = [
        "Package[order-items]",
        "User[order-items]",
        "File[/etc/order-items/default_config.ini]",
        "File[/etc/systemd/system/order-items@.service]",
        "Flask_microservice::Service::Release[order-items]",
    ]
    for first, then in pairwise(order):
        assert then in catalog[first].references("before")


def test_a_service_costs_an_agent_run_no_more_than_thirteen_resources(catalog: Catalog) -> None:
    names = re.compile(r"[\[/]order-items(@\.service|/default_config\.ini|/order-items\.log)?\]$")
    own = {resource.reference for resource in catalog if names.search(resource.reference)}
    own = {reference for reference in own if not reference.startswith("Profile::")}  # the module's alone
    assert "Flask_microservice_release[order-items]" in own
    assert len(own) <= 13, sorted(own)


def test_database_is_migrated_by_the_service_itself_once_for_each_release(catalog: Catalog) -> None:
    (_, command) = unit(catalog, "order-items")["ExecStartPre"]
    assert "test -e /opt/releases/order-items/%i/migrated || " in command
    assert command.endswith("exec /opt/venvs/order-items/bin/order-items db upgrade'")


def test_an_application_without_migrations_is_not_asked_for_them(catalog: Catalog) -> None:
    assert not [command for command in unit(catalog, "foreign")["ExecStartPre"] if "upgrade" in command]


def test_absent_service_is_stopped_and_removed_but_its_data_and_log_stay(catalog: Catalog) -> None:
    assert catalog["Flask_microservice_release[gone]"]["ensure"] == "absent"
    assert catalog["Package[gone]"]["ensure"] == "purged"
    for path in ("/etc/gone", "/etc/systemd/system/gone@.service", "/etc/logrotate.d/gone"):
        assert catalog[f"File[{path}]"]["ensure"] == "absent"
    for kept in ("File[/var/lib/gone]", "File[/var/log/gone]", "User[gone]"):
        assert kept not in catalog


def test_a_package_stays_for_the_services_that_still_run_from_it(catalog: Catalog) -> None:
    assert catalog["Flask_microservice_release[a-copy-gone]"]["ensure"] == "absent"
    assert catalog["Package[inventory]"]["ensure"] == "1.1.0-1"


def test_absent_service_is_purged_with_data_and_log_if_that_is_said(catalog: Catalog) -> None:
    for path in ("/var/lib/gone-for-good", "/var/log/gone-for-good"):
        assert catalog[f"File[{path}]"]["ensure"] == "absent"
    for account in ("User", "Group"):
        assert catalog[f"{account}[gone-for-good]"]["ensure"] == "absent"


def test_directories_of_the_unit_are_purged_too_but_none_with_a_name_of_the_system(catalog: Catalog) -> None:
    kind = "Flask_microservice_directory"
    directories = {one["path"]: one for one in catalog if one.reference.startswith(f"{kind}[")}
    assert set(directories) == {
        "/var/lib/gone-data", "/var/lib/link", "/var/lib/gone", "/var/cache/100%",
        "/var/cache/{gone-for-good,gone-for-good-check}/*",
    }  # fmt: skip
    for one in directories.values():
        assert one["account"] == "gone-for-good"
        assert "User[gone-for-good]" in one.references("before")
        assert {"Flask_microservice_release[gone-for-good]", "Package[gone-for-good]"} <= set(one.references("require"))


def test_define_can_be_used_without_the_class(compile: Compile) -> None:
    code = "flask_microservice::service { 'alone': port => 7001, version => '1.0' }"
    bad_name = "flask_microservice::service { 'Not_A_Name': port => 7001, version => '1.0' }"
    no_version = "flask_microservice::service { 'alone': port => 7001 }"
    good, misnamed, unversioned = compile([Node(code=text) for text in (code, bad_name, no_version)])
    assert "Flask_microservice_release[alone]" in good
    assert "'Not_A_Name' can't be a service's name" in misnamed.error
    assert "Flask_microservice::Service['alone'] has no version" in unversioned.error
