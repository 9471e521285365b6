"""An operator is told what a change does to which node, and is told nothing else."""

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest
from fleet_cli.compiling import pool, program
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning import (
    environment,
    modules,
    rendering_html,
    rendering_json,
    rendering_markdown,
    rendering_text,
)
from fleet_cli.planning.changes import HIDDEN, ResourceChange
from fleet_cli.planning.effects import Effect
from fleet_cli.planning.plan import Failure, Plan, Presence
from fleet_cli.planning.planner import Choice

from .control import Control

APP_NODES = ("app1.fleet.test", "app2.fleet.test", "staging1.fleet.test")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Control:
    return Control(tmp_path_factory.mktemp("plan"))


@pytest.fixture(scope="module", autouse=True)
def compilers() -> Iterator[None]:
    """The same compilers for all plans: they load Puppet once."""
    binds = {environment.ENVIRONMENTS: program.ENVIRONMENTS, modules.FETCHED: modules.INSIDE}
    with pool.opened(binds, placeholders=True) as opened, pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "opened", lambda *_, **__: nullcontext(opened))
        yield


@pytest.fixture
def control(repository: Control) -> Iterator[Control]:
    """The repository with nothing changed; what a test changes is taken back."""
    yield repository
    repository.git("switch", "--quiet", "--force", "main")
    repository.restore()


def texts(plan: Plan) -> str:
    """The plan in every form it can be shown in."""
    return "\n".join(
        [
            *rendering_text.lines(plan),
            rendering_json.text(plan),
            rendering_markdown.text(plan),
            rendering_html.page(plan),
        ]
    )


def changed(plan: Plan) -> dict[str, tuple[str, ...]]:
    """The nodes of each changed resource, by its reference."""
    return {item.reference: nodes for item, nodes in plan.of_kind(ResourceChange)}


def test_a_bumped_version_in_staging_is_one_package_and_one_new_release_on_the_staging_nodes(control: Control) -> None:
    control.replace("hieradata/tiers/staging.yaml", "inventory: '1.0.0-1'", "inventory: '1.1.0-1'")
    plan = control.plan()
    assert plan.changed_nodes == ["staging1.fleet.test"]
    shown = [line for line in rendering_text.lines(plan) if line and not line.startswith("note:")]
    assert shown[0].endswith(" → working tree: 1 of 6 nodes changes, 1 new release")
    assert shown[1:] == [
        "staging1.fleet.test",
        "  > inventory: new release 1.0.0-1 → 1.1.0-1, because of its package",
        "  ~ Package[inventory]",
        '      ensure: "1.0.0-1" → "1.1.0-1" (up), and so in 1 file that names it',
    ]


def test_a_version_that_goes_back_is_said_to(control: Control) -> None:
    control.replace("hieradata/tiers/production.yaml", "orders: '1.0.0-1'", "orders: '1.0.0~rc1-1'")
    plan = control.plan()
    (package,) = [item for item, _ in plan.of_kind(ResourceChange) if item.reference == "Package[orders]"]
    assert [parameter.direction for parameter in package.parameters] == ["down"]


def test_a_change_of_comments_changes_nothing(control: Control) -> None:
    control.write("hieradata/common.yaml", "# A comment.\n" + control.read("hieradata/common.yaml"))
    control.write("site/role/manifests/app.pp", "# Another.\n" + control.read("site/role/manifests/app.pp"))
    plan = control.plan()
    assert not plan.changes
    assert next(rendering_text.lines(plan)).endswith("nothing changes on 6 nodes")


def test_a_rotated_secret_is_seen_to_change_and_is_not_seen(control: Control, encrypt: Callable[[str], str]) -> None:
    def secrets(value: str, open_value: str) -> str:
        keys = {"app": {"secret_key": value}}
        return json.dumps(
            {"flask_microservice::secrets": {"orders": keys, "inventory": {"app": {"secret_key": open_value}}}}
        )

    first, second = encrypt("the-old-one"), encrypt("the-new-one")
    control.git("switch", "--quiet", "--create", "rotation")
    control.write("hieradata/secrets/staging.yaml", secrets(first, "plain-old"))
    control.commit()
    control.write("hieradata/secrets/staging.yaml", secrets(second, "plain-new"))
    plan = control.plan("rotation")
    assert plan.changed_nodes == ["staging1.fleet.test"]
    assert {item.subject: item.because for item, _ in plan.of_kind(Effect)} == {
        "orders": ("its config: the secret app.secret_key",),
        "inventory": ("its config: the secret app.secret_key",),
    }
    assert {parameter.new for item, _ in plan.of_kind(ResourceChange) for parameter in item.parameters} == {HIDDEN}
    shown = texts(plan)
    for secret in ("the-old-one", "the-new-one", "plain-old", "plain-new", first, second, "encrypted:", "secret_key ="):
        assert secret not in shown


def test_a_new_machine_is_what_the_balancer_changes_for(control: Control) -> None:
    line = "  - {name: app2, role: app, tier: production, address: 10.77.0.32}\n"
    control.replace("lab.yaml", line, line + line.replace("app2", "app3").replace(".32", ".33"))
    plan = control.plan()
    assert [(item, nodes) for item, nodes in plan.of_kind(Presence)] == [
        (Presence("add", "app", "production"), ("app3.fleet.test",))
    ]
    assert changed(plan) == {"Concat_file[/etc/haproxy/haproxy.cfg]": ("lb1.fleet.test",)}
    assert [(item.subject, item.what) for item, _ in plan.of_kind(Effect)] == [("haproxy", "reload")]
    added = [line for item, _ in plan.of_kind(ResourceChange) for line in item.parameters[0].diff if line[0] == "+"]
    server = "+    server app3.fleet.test 10.77.0.33"
    uploads = "maxconn 4 no-check track"
    assert added == [
        f"{server}:7002 maxconn 16",
        f"{server}:7001 maxconn 16",
        f"{server}:7002 {uploads} inventory/app3.fleet.test",
        f"{server}:7001 {uploads} orders/app3.fleet.test",
    ]


def test_a_new_service_is_the_same_on_all_nodes_that_run_services(control: Control) -> None:
    control.write(
        "hieradata/services/billing.yaml",
        "---\nflask_microservice::services:\n  billing: {port: 7003, version: '1.0-1', upstreams: [inventory]}\n",
    )
    plan = control.plan()
    assert changed(plan)["Package[billing]"] == APP_NODES
    assert [item.what for item, nodes in plan.of_kind(Effect) if item.subject == "billing" and nodes == APP_NODES] == [
        "first release"
    ]
    assert "lb1.fleet.test" in plan.changed_nodes


def test_a_node_that_compiles_no_longer_is_shown_with_the_place_of_the_mistake(control: Control) -> None:
    control.write("hieradata/nodes/app1.fleet.test.yaml", "---\nprofile::firewall::ssh_port: many\n")
    control.replace("site/profile/manifests/database.pp", "class profile::database (", "class profile::database ((")
    plan = control.plan()
    failures = {nodes: item for item, nodes in plan.of_kind(Failure)}
    assert set(failures) == {("app1.fleet.test",), ("db1.fleet.test",)}
    assert "parameter 'ssh_port'" in failures["app1.fleet.test",].message
    assert "site/profile/manifests/database.pp, line: 22, column: 26" in failures["db1.fleet.test",].message
    assert "/environments/" not in texts(plan)
    # PuppetDB still has what app1 exported last, so the balancer goes on sending requests there.
    assert plan.changed_nodes == ["app1.fleet.test", "db1.fleet.test"]


def test_a_node_that_compiles_only_now_is_said_to(control: Control) -> None:
    control.git("switch", "--quiet", "--create", "broken")
    control.write("hieradata/nodes/db1.fleet.test.yaml", "---\nprofile::database::max_connections: 1\n")
    control.commit()
    control.git("rm", "--quiet", "hieradata/nodes/db1.fleet.test.yaml")
    plan = control.plan("broken")
    assert [(item.side, nodes) for item, nodes in plan.of_kind(Failure)] == [("base", ("db1.fleet.test",))]


def test_a_file_that_is_copied_from_a_module_is_compared_by_its_content(control: Control) -> None:
    file = "modules/flask_microservice/files/program/flask_microservice/journal.py"
    control.write(file, control.read(file) + "# One more line.\n")
    plan = control.plan()
    (change,) = [item for item, nodes in plan.of_kind(ResourceChange) if nodes == APP_NODES]
    assert ("journal.py", "+# One more line.") in [(one.name, one.diff[-1]) for one in change.parameters]


def test_modules_are_found_wherever_the_modulepath_says(control: Control) -> None:
    control.git("switch", "--quiet", "--create", "moved")
    control.git("mv", "site", "site-modules")
    control.replace("environment.conf", "modulepath = site:", "modulepath = site-modules:")
    control.commit()
    assert not control.plan("main", "moved").changes


def test_what_nobody_uses_any_more_is_named(control: Control) -> None:
    control.git("switch", "--quiet", "--create", "before")
    control.write("hieradata/nodes/app2.fleet.test.yaml", "---\n{}\n")
    control.commit()
    control.replace("lab.yaml", "  - {name: app2, role: app, tier: production, address: 10.77.0.32}\n", "")
    control.replace("site/role/manifests/app.pp", "  include profile::log_shipping\n", "")
    control.write("hieradata/tiers/production.yaml", control.read("hieradata/tiers/production.yaml")
                  + "profile::log_shipping::collector: logs.example.org\n")  # fmt: skip
    plan = control.plan("before")
    assert "profile::log_shipping" in plan.unused.classes
    assert plan.unused.files == ("hieradata/nodes/app2.fleet.test.yaml",)
    assert "hieradata/tiers/production.yaml: profile::log_shipping::collector" in plan.unused.keys


def test_a_plan_is_of_the_nodes_that_were_asked_for(control: Control) -> None:
    control.replace("hieradata/services/orders.yaml", "level: info", "level: debug")
    assert control.plan(choice=Choice(tiers=("staging",))).changed_nodes == ["staging1.fleet.test"]
    assert control.plan(choice=Choice(nodes=("app2",))).changed_nodes == ["app2.fleet.test"]
    assert control.plan(choice=Choice(roles=("database",))).changed_nodes == []
    with pytest.raises(FleetError, match="no machine has the role 'databse'; there are: app, database"):
        control.plan(choice=Choice(roles=("databse",)))


def test_the_balancer_alone_still_finds_what_the_others_export(control: Control) -> None:
    control.write("hieradata/nodes/app1.fleet.test.yaml", "---\nprofile::load_balancer::members::address: 192.0.2.77\n")
    plan = control.plan(choice=Choice(roles=("load_balancer",)))
    assert changed(plan) == {"Concat_file[/etc/haproxy/haproxy.cfg]": ("lb1.fleet.test",)}


NOT_READ = {
    "app1": (b"---\nname: caf\xe9\n", "line 2 is not UTF-8"),
    "app2": (b"---\na: &a [x]\n" + b"".join(b"%c: &%c [%s]\n" % (i + 1, i + 1, b",".join([b"*%c" % i] * 20))
                                          for i in range(97, 110)), "more than 1,000,000 values"),
    "staging1": (b"---\na: &a\n  b: *a\n", "stands inside of what it refers to"),
    "db1": (b"# long\n" * (8 * 2**20 // 7 + 2), "more than 8 MiB are not read"),
}  # fmt: skip
"""The content of a machine's file, and what is said of it."""


def test_a_file_that_no_compiler_should_read_fails_only_the_nodes_that_need_it(control: Control) -> None:
    for name, (content, _) in NOT_READ.items():
        path = control.directory / f"hieradata/nodes/{name}.fleet.test.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    failures = {nodes: item.message for item, nodes in control.plan().of_kind(Failure)}
    assert set(failures) == {(f"{name}.fleet.test",) for name in NOT_READ}
    for name, (_, words) in NOT_READ.items():
        message = failures[f"{name}.fleet.test",]
        assert message.startswith(f"hieradata/nodes/{name}.fleet.test.yaml: ")
        assert words in message
