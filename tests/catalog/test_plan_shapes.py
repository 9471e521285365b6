"""A plan of a control repository of any shape says no less than what Puppet's own compiler makes of it."""

import json
import os
import random
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from fleet_cli.machine import paths
from fleet_cli.planning import planner
from fleet_cli.planning.changes import ResourceChange
from fleet_cli.planning.factsets import FactSets
from fleet_cli.planning.given_modules import Given
from fleet_cli.planning.plan import Failure, Plan, Presence
from fleet_cli.planning.planner import Choice, Settings
from fleet_cli.repository import inventory, layers
from fleet_cli.repository.inventory import Machine
from fleet_cli.sandbox import running

MORE = int(os.environ.get("FLEET_TEST_MORE_SHAPES", "0"))
"""How many more repositories are made up by chance."""
SEED = 18
FACTS = json.loads((paths.control_repo() / "tests/catalog/debian13.json").read_text(encoding="utf-8"))
NODE = Machine("w1.example.com", "web", "production")
WEB = """\
# Web.
class profile::web (
  Integer $port = 1,
) {
  file { '/etc/web.conf':
    content => "port=${port}\\n",
  }
}
"""
PLAIN = """\
require 'json'
require 'puppet'
Puppet.initialize_settings(['--confdir', '/tmp/conf', '--vardir', '/tmp/var'])
Puppet[:strict] = :error
Puppet[:strict_variables] = true
Puppet.settings.preferred_run_mode = :server
Puppet[:basemodulepath] = ''
Puppet[:environmentpath] = '/control'
facts = JSON.parse($stdin.read)
words = { 'pp_role' => 'web', 'pp_environment' => 'production' }
trusted = Puppet::Context::TrustedInformation.new('remote', 'w1.example.com', words)
environments = Puppet::Environments::Directories.new('/control', [])
environment = Puppet.override(environments: environments) { environments.get!(:production) }
known = { environments: environments, trusted_information: trusted, current_environment: environment }
Puppet.override(known.merge(rich_data: true)) do
  node = Puppet::Node.new('w1.example.com', environment: environment)
  node.fact_merge(Puppet::Node::Facts.new('w1.example.com', facts))
  node.trusted_data = trusted.to_h
  catalog = Puppet::Parser::Compiler.compile(node).filter(&:virtual?).to_data_hash
  files = catalog['resources'].filter_map do |resource|
    source = resource.dig('parameters', 'source')
    File.read(Puppet::Parser::Files.find_file(source.delete_prefix('puppet:///modules/'), environment)) if source
  end
  puts JSON.generate([catalog['resources'].map { |each| each.slice('type', 'title', 'parameters') }, files])
end
"""
"""What Puppet's own compiler makes of what is checked out, and the files that it would copy."""


class Repository:
    """A repository of one node, and what is planned for a change of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "production"
        self._store = directory / "catalogs.sqlite"
        self.directory.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=production")
        self.put("environment.conf", "modulepath = site:modules\n")
        self.put("hiera.yaml", "---\nversion: 5\ndefaults: {datadir: hieradata, data_hash: yaml_data}\n"
                 "hierarchy:\n  - {name: common, path: common.yaml}\n")  # fmt: skip
        self.put("hieradata/common.yaml", "---\nprofile::web::port: 80\n")
        self.put("manifests/site.pp", "include profile::web\n")
        self.put("site/profile/manifests/web.pp", WEB)

    def git(self, *arguments: str) -> None:
        command = ["git", "-C", str(self.directory), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
        subprocess.run(command, check=True, capture_output=True)

    def put(self, path: str, text: str) -> None:
        (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
        (self.directory / path).write_text(text, encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        text = (self.directory / path).read_text(encoding="utf-8")
        assert old in text
        self.put(path, text.replace(old, new))

    def declare(self, code: str) -> None:
        """Add code to the node's class."""
        path = "site/profile/manifests/web.pp"
        text = (self.directory / path).read_text(encoding="utf-8")
        self.put(path, f"{text.rstrip().removesuffix('}')}{code}\n}}\n")

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=A state")

    def plan(self, base: str = "HEAD", head: str | None = None, *, always: bool = False, **more: Any) -> Plan:
        facts = FactSets({}, self.directory, {}, FACTS)
        machines = more.pop("machines", [NODE])
        settings = Settings(Choice(), facts, machines=machines, always=always, catalogs=self._store, **more)
        return planner.make(self.directory, base, head, settings)

    def compiled(self) -> Any:
        """What Puppet itself makes of what is checked out."""
        said = running.run(
            "toolbox", ["ruby", "-e", PLAIN], reads={self.directory: "/control/production"}, stdin=json.dumps(FACTS)
        )
        return json.loads(said.stdout)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def failures(plan: Plan) -> list[str]:
    return [item.message for item, _ in plan.of_kind(Failure)]


Change = Callable[[Repository], None]
"""Makes a shape, and returns nothing; or changes what a shape is about."""


def _swap(path: str, old: str, new: str) -> Change:
    return lambda repository: repository.replace(path, old, new)


def _hiera_link(repository: Repository) -> None:
    repository.git("mv", "-k", "hieradata/common.yaml", "hieradata/real.yaml")
    (repository.directory / "hieradata/common.yaml").rename(repository.directory / "hieradata/real.yaml")
    (repository.directory / "hieradata/common.yaml").symlink_to("real.yaml")


def _module_link(repository: Repository) -> None:
    (repository.directory / "site").rename(repository.directory / "code")
    (repository.directory / "site").symlink_to("code")


def _declared(code: str, *files: tuple[str, str]) -> Change:
    def shape(repository: Repository) -> None:
        for path, text in files:
            repository.put(path, text)
        repository.declare(code)

    return shape


def _of_template(expression: str, *files: tuple[str, str]) -> Change:
    template = ("site/profile/templates/r.erb", f"<%= {expression} %>\n")
    return _declared("  file { '/etc/r': content => template('profile/r.erb') }", template, *files)


RAW = "site/profile/files/raw"
HERE = "File.join(File.dirname(__FILE__), '../files')"
SHAPES: Mapping[str, tuple[Change, Change]] = {
    "a modulepath with dots": (
        _swap("environment.conf", "site:modules", "./site:./modules/"),
        _swap("site/profile/manifests/web.pp", "port=", "PORT="),
    ),
    "a linked file of Hiera": (_hiera_link, _swap("hieradata/real.yaml", "80", "81")),
    "a linked directory of modules": (_module_link, _swap("code/profile/manifests/web.pp", "port=", "PORT=")),
    "a source below examples": (
        _declared(
            "  file { '/etc/a': source => 'puppet:///modules/profile/examples/a' }",
            ("site/profile/files/examples/a", "one\n"),
        ),
        lambda repository: repository.put("site/profile/files/examples/a", "two\n"),
    ),
    "a class below spec": (
        _declared(
            "  include profile::spec::x",
            ("site/profile/manifests/spec/x.pp", "class profile::spec::x { notify { 'one': } }\n"),
        ),
        _swap("site/profile/manifests/spec/x.pp", "'one'", "'two'"),
    ),
    "a file read by its path": (
        _of_template(f"File.read(File.join({HERE}, 'raw'))", (RAW, "one\n")),
        lambda repository: repository.put(RAW, "two\n"),
    ),
    "a file read by IO": (
        _of_template(f"IO.read({HERE} + '/raw')", (RAW, "one\n")),
        lambda repository: repository.put(RAW, "two\n"),
    ),
    "a file opened by Kernel": (
        _of_template(f"open({HERE} + '/raw').read", (RAW, "one\n")),
        lambda repository: repository.put(RAW, "two\n"),
    ),
    "a directory listed": (
        _of_template(f"Dir.children({HERE}).sort.join", (RAW, "one\n")),
        lambda repository: repository.put("site/profile/files/another", "\n"),
    ),
    "a directory's directories": (
        _of_template(f"Dir.glob({HERE} + '/*').sort.join", (RAW, "one\n")),
        lambda repository: repository.put("site/profile/files/deep/x", "\n"),
    ),
    "another program": (
        _of_template(f"`cat #{{{HERE}}}/raw`", (RAW, "one\n")),
        lambda repository: repository.put(RAW, "two\n"),
    ),
    "a file of the top of the repository": (
        _of_template("File.read(File.join(File.dirname(__FILE__), '../../../README.md'))", ("README.md", "one\n")),
        lambda repository: repository.put("README.md", "two\n"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_change_is_seen_by_a_narrowed_plan_as_by_a_full_one(repository: Repository, shape: str) -> None:
    make, change = SHAPES[shape]
    make(repository)
    repository.commit()
    assert not repository.plan().changes
    change(repository)
    narrowed, full = repository.plan(), repository.plan(always=True)
    assert narrowed.changes
    assert narrowed.groups == full.groups


def test_by_chance_no_change_is_called_none_where_puppet_makes_another_catalog(tmp_path: Path) -> None:
    dice = random.Random(SEED)  # noqa: S311 - the same each time
    apart = {"a modulepath with dots", "a linked directory of modules", "a linked file of Hiera"}
    for number in range(1 + MORE):
        repository = Repository(tmp_path / str(number))
        shapes = [*dice.sample(sorted({*SHAPES} - apart), 1), dice.choice(sorted(apart))]
        for name in shapes:
            SHAPES[name][0](repository)
        repository.commit()
        repository.plan()
        before = repository.compiled()
        for name in dice.sample(shapes, 2):
            SHAPES[name][1](repository)
            narrowed, full = repository.plan(), repository.plan(always=True)
            assert narrowed.groups == full.groups, (shapes, name)
            assert narrowed.changes == (repository.compiled() != before), (shapes, name)


@pytest.mark.parametrize(
    "code",
    ["  notify { \"in ${environment}\": }", "  notify { String(Timestamp()): }",
     "  file { '/etc/d': ensure => file, content => Deferred('sprintf', ['%s', 'a']) }"],
)  # fmt: skip
def test_what_is_the_same_on_both_sides_is_no_change(repository: Repository, code: str) -> None:
    repository.declare(code)
    repository.commit()
    repository.put("README.md", "other\n")
    plan = repository.plan(always=True)
    assert not failures(plan)
    assert not plan.changes


def test_paths_of_the_server_are_the_repositorys(repository: Repository) -> None:
    server = "/etc/puppetlabs/code/environments"
    repository.git("mv", "-k", "manifests", "entry")
    (repository.directory / "manifests").rename(repository.directory / "entry")
    repository.put("environment.conf", f"modulepath = {server}/production/site\nmanifest = {server}/production/entry\n"
                   "config_version = scripts/nowhere.sh\n")  # fmt: skip
    repository.replace("hiera.yaml", "datadir: hieradata,", f'datadir: "{server}/%{{environment}}/hieradata",')
    repository.commit()
    repository.replace("hieradata/common.yaml", "80", "81")
    plan = repository.plan()
    assert not failures(plan)
    assert plan.changed_nodes == [NODE.certname]
    repository.commit()
    repository.put("entry/more.pp", "notify { 'more': }\n")
    assert repository.plan().changes


def test_only_nodes_that_need_what_is_missing_have_no_catalog(repository: Repository) -> None:
    other = Machine("d1.example.com", "db", "production")
    repository.put("Puppetfile", "mod 'example/gone', '1.0.0'\nmod 'puppetlabs/stdlib', '99.0.0'\n"
                   "mod 'example/cloned', git: 'file:///nowhere/at/all'\n")  # fmt: skip
    repository.put("modules/mine/manifests/init.pp", "class mine { notify { 'mine': } }\n")
    repository.put("manifests/site.pp", "node 'w1.example.com' { include gone }\nnode default { include mine }\n")
    repository.commit()
    repository.replace("modules/mine/manifests/init.pp", "'mine'", "'changed'")
    plan = repository.plan(machines=[NODE, other])
    assert plan.changed_nodes == [other.certname, NODE.certname]
    ((failure, nodes),) = plan.of_kind(Failure)
    assert nodes == (NODE.certname,)
    assert failure.message.startswith("the module gone is not here (not in the mirror of Debian's module packages")
    assert any(note.startswith("example/cloned: git could not fetch file:///nowhere/at/all") for note in plan.notes)
    assert repository.plan(machines=[NODE, other]).groups == plan.groups


def test_a_module_that_is_in_the_repository_is_used_as_it_is(repository: Repository) -> None:
    repository.put("Puppetfile", "mod 'example/mine', '1.0.0'\n")
    repository.put("modules/mine/manifests/init.pp", "class mine { notify { 'mine': } }\n")
    repository.declare("  include mine")
    repository.commit()
    repository.replace("modules/mine/manifests/init.pp", "'mine'", "'changed'")
    plan = repository.plan()
    assert not failures(plan)
    assert plan.changes


def test_classes_are_those_that_the_list_of_nodes_gives(repository: Repository) -> None:
    repository.put("manifests/site.pp", "")
    repository.commit()
    assert any("w1.example.com: no class is declared there" in note for note in repository.plan().notes)
    repository.replace("hieradata/common.yaml", "80", "81")
    given = Machine(NODE.certname, NODE.role, NODE.tier, classes=("profile::web",))
    plan = repository.plan(machines=[given])
    assert plan.changes
    assert not any("no class is declared" in note for note in plan.notes)


def test_parameters_are_those_that_the_list_of_nodes_gives(repository: Repository) -> None:
    repository.put("hiera.yaml", "---\nversion: 5\ndefaults: {datadir: hieradata, data_hash: yaml_data}\n"
                   "hierarchy:\n  - {name: site, path: 'site/%{site}.yaml'}\n")  # fmt: skip
    repository.put("hieradata/site/cp.yaml", "profile::web::port: 80\n")
    repository.declare("  notify { \"at ${site}, rack ${rack['number']}\": }")
    repository.commit()
    listed = "---\nw1.example.com: {role: web, tier: production, parameters: {site: cp, rack: {number: 3}}}\n"
    machines = inventory.parse(listed.encode())
    repository.put("hieradata/site/cp.yaml", "profile::web::port: 81\n")
    plan = repository.plan(machines=machines)
    assert not failures(plan)
    assert [item.reference for item, _ in plan.of_kind(ResourceChange)] == ["File[/etc/web.conf]"]


def test_a_list_of_nodes_of_one_side_makes_nodes_new_or_gone(repository: Repository) -> None:
    repository.commit()
    repository.put("nodes.yaml", "---\nw1.example.com: {role: web, tier: production}\n")
    new = repository.plan(machines=None)
    assert [item for item, _ in new.of_kind(Presence)] == [Presence("add", "web", "production")]


def test_code_that_nodes_run_is_said_with_the_nodes_that_run_it(repository: Repository) -> None:
    kind = "Puppet::Type.newtype(:thing) { newparam(:name, namevar: true) }\n"
    repository.put("site/profile/lib/puppet/type/thing.rb", kind)
    repository.put("site/profile/lib/facter/one.rb", "Facter.add(:one) { setcode { 1 } }\n")
    repository.put("site/profile/facts.d/two.txt", "two=2\n")
    repository.declare("  thing { 'x': }")
    repository.commit()
    repository.put("site/profile/lib/puppet/type/thing.rb", f"# another\n{kind}")
    repository.put("site/profile/lib/facter/one.rb", "Facter.add(:one) { setcode { 2 } }\n")
    repository.put("site/profile/facts.d/two.txt", "two=3\n")
    notes = "\n".join(repository.plan().notes)
    assert "site/profile/lib/puppet/type/thing.rb: the type thing is this code, on w1.example.com" in notes
    assert "site/profile/facts.d/two.txt, site/profile/lib/facter/one.rb: what these facts become" in notes


def test_a_link_out_of_the_repository_shows_nothing_of_this_machine(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret\n", encoding="utf-8")
    (repository.directory / "site/profile/files").mkdir()
    (repository.directory / "site/profile/files/x").symlink_to(tmp_path / "secret")
    repository.commit()
    repository.declare("  file { '/etc/x': source => 'puppet:///modules/profile/x' }")
    assert "the secret" not in str(repository.plan())


def test_a_fragment_of_a_file_that_nobody_declares_is_a_change_of_its_own(repository: Repository) -> None:
    for kind, parameters in {"concat_file": "", "concat_fragment": "newparam(:target); newparam(:content)"}.items():
        path = f"site/profile/lib/puppet/type/{kind}.rb"
        repository.put(path, f"Puppet::Type.newtype(:{kind}) {{ newparam(:name, namevar: true); {parameters} }}\n")
    repository.declare("  concat_file { '/etc/a': }")
    repository.commit()
    repository.declare("  concat_fragment { 'x': target => '/etc/b', content => 'x' }")
    repository.declare("  concat_fragment { 'y': target => '/etc/a', content => 'y' }")
    found = {item.reference: item.action for item, _ in repository.plan().of_kind(ResourceChange)}
    assert found == {"Concat_file[/etc/a]": "change", "Concat_fragment[x]": "add"}


def test_what_nodes_without_a_catalog_use_is_not_called_unused(repository: Repository) -> None:
    other = Machine("d1.example.com", "db", "production")
    repository.put("site/profile/manifests/db.pp", "class profile::db { notify { 'db': } }\n")
    repository.put("manifests/site.pp", "node 'w1.example.com' { include profile::web }\n"
                   "node default { include profile::db }\n")  # fmt: skip
    repository.commit()
    repository.replace("manifests/site.pp", "{ include profile::db }", "{ include profile::db include gone }")
    plan = repository.plan(machines=[NODE, other])
    assert [item.side for item, _ in plan.of_kind(Failure)] == ["head"]
    assert not plan.unused
    repository.replace("manifests/site.pp", "{ include profile::db include gone }", "{ }")
    assert repository.plan(machines=[NODE, other]).unused.classes == ("profile::db",)


def test_where_puppet_has_its_files_is_told_as_a_server_has_them(repository: Repository) -> None:
    code = "  notify { ['libdir', 'environmentpath', 'modulepath']: message => [$settings::%s, $settings::modulepath] }"
    repository.declare(code.replace("%s", "libdir") + "\n  file { $settings::libdir: source => 'puppet:///plugins' }\n"
                       "  file { '/x': content => \"${settings::environmentpath} ${settings::confdir}\" }")  # fmt: skip
    repository.commit()
    # Another state of the Ruby has a process of its own, with folders of its own.
    repository.put("site/profile/lib/puppet/functions/profile/f.rb", "# new\n")
    assert not repository.plan().changes
    repository.replace("site/profile/manifests/web.pp", "'/x'", "'/y'")
    added = next(item for item, _ in repository.plan().of_kind(ResourceChange) if item.action == "add")
    assert "+/etc/puppetlabs/code/environments /etc/puppetlabs/puppet" in added.parameters[0].diff


def test_a_message_that_names_its_node_is_one_on_all_nodes(repository: Repository) -> None:
    repository.put("manifests/site.pp", "include gone\n")
    repository.commit()
    other = Machine("d1.example.com", "db", "production")
    ((failure, nodes),) = repository.plan(machines=[NODE, other]).of_kind(Failure)
    assert nodes == (other.certname, NODE.certname)
    assert "example.com" not in failure.message


def test_a_hiera_yaml_that_only_the_server_has_can_be_given(repository: Repository) -> None:
    (repository.directory / "hiera.yaml").unlink()
    repository.commit()
    repository.replace("hieradata/common.yaml", "80", "81")
    unknown = repository.plan()
    assert not unknown.changes
    assert any(note.startswith("no hiera.yaml at the top of the repository") for note in unknown.notes)
    given = ('---\nversion: 5\ndefaults: {data_hash: yaml_data, datadir: "environments/%{environment}/hieradata"}\n'
             "hierarchy:\n  - {name: common, path: common.yaml}\n")  # fmt: skip
    plan = repository.plan(hiera=layers.of_repository(given))
    assert plan.changes
    assert not any("hiera.yaml" in note for note in plan.notes)


def test_without_an_environment_conf_the_puppetfiles_modules_are_found(repository: Repository, tmp_path: Path) -> None:
    (repository.directory / "environment.conf").unlink()
    repository.git("mv", "-k", "site", "modules")
    (repository.directory / "site").rename(repository.directory / "modules")
    repository.put("Puppetfile", "moduledir 'fetched'\nmod 'example/one', '1.0.0'\nmod 'example/two', '1.0.0'\n")
    (tmp_path / "given/one/manifests").mkdir(parents=True)
    (tmp_path / "given/one/manifests/init.pp").write_text("class one { notify { 'one': } }\n", encoding="utf-8")
    repository.put("manifests/site.pp", "node 'w1.example.com' { include one include profile::web }\n"
                   "node default { include two }\n")  # fmt: skip
    repository.commit()
    repository.put("hieradata/common.yaml", "profile::web::port: 81\n")
    other = Machine("d1.example.com", "db", "production")
    plan = repository.plan(machines=[NODE, other], source=Given(tmp_path / "given"))
    assert NODE.certname in plan.changed_nodes
    assert failures(plan)[0].startswith(f"the module two is not here (not in {tmp_path / 'given'})")
    assert "no environment.conf: taken for `modulepath = modules:fetched`" in plan.notes


def test_a_repository_without_code_at_its_top_may_have_it_in_a_folder(repository: Repository) -> None:
    (repository.directory / "puppet").mkdir()
    for name in ("manifests", "site", "hiera.yaml", "hieradata", "environment.conf"):
        (repository.directory / name).rename(repository.directory / "puppet" / name)
    repository.commit()
    assert any("-C REPOSITORY/FOLDER" in note for note in repository.plan().notes)
    repository.directory /= "puppet"
    repository.replace("hieradata/common.yaml", "80", "81")
    assert repository.plan().changes


def test_code_of_puppet_7_compiles_where_that_is_asked_for(repository: Repository) -> None:
    repository.declare('  notify { "x${nowhere}": }')
    repository.commit()
    repository.replace("hieradata/common.yaml", "80", "81")
    assert "nowhere" in failures(repository.plan())[0]
    lenient = repository.plan(lenient=True)
    assert not failures(lenient)
    assert lenient.changes
    assert failures(repository.plan())


def test_what_a_type_asks_of_the_machine_fails_no_catalog(repository: Repository) -> None:
    munge = "munge { |name| begin; TCPSocket.new('127.0.0.1', 1); rescue => e; raise Puppet::Error, e.message; end }"
    kind = f"Puppet::Type.newtype(:reached) {{ newparam(:name, namevar: true); newparam(:host) {{ {munge} }} }}\n"
    repository.put("site/profile/lib/puppet/type/reached.rb", kind)
    repository.declare("  reached { 'a': host => 'db1' }")
    repository.commit()
    repository.replace("site/profile/manifests/web.pp", "'db1'", "'db2'")
    plan = repository.plan()
    assert not failures(plan)
    assert plan.changes


def test_code_that_can_not_be_loaded_is_the_same_reason_on_all_nodes(repository: Repository) -> None:
    repository.put("site/profile/types/twice.pp", "type Profile::Twice = Struct[{'a' => String, 'a' => String}]\n")
    repository.put("site/profile/manifests/db.pp", "define profile::db (Optional[Profile::Twice] $x = undef) { }\n")
    repository.put("manifests/site.pp", "Profile::Db { x => undef }\nprofile::db { 'a': }\n")
    repository.commit()
    machines = [NODE, *(Machine(f"d{number}.example.com", "db", "production") for number in range(3))]
    plan = repository.plan(machines=machines)
    assert len({*failures(plan)}) == 1
    assert "declared more than once" in failures(plan)[0]


def test_code_that_needs_a_network_is_told_what_has_one(repository: Repository) -> None:
    made = "Puppet::Functions.create_function(:'profile::get') { def get; TCPSocket.new('192.0.2.1', 80); end }"
    code = f"require 'socket'\n{made}\n"
    repository.put("site/profile/lib/puppet/functions/profile/get.rb", code)
    repository.declare("  notify { profile::get(): }")
    repository.commit()
    assert failures(repository.plan())[0].endswith(
        "--puppet host takes this machine's Puppet instead, which contains nothing"
    )


def test_what_types_ask_while_a_catalog_is_checked_makes_no_catalog_depend_on_everything(
    repository: Repository,
) -> None:
    repository.put("site/profile/lib/puppet_x/profile/helper.rb", "require 'resolv'\n")
    asks = "require_relative '../../puppet_x/profile/helper'\nrequire 'securerandom'\nFacter.value(:kernelrelease)\n"
    kind = "Puppet::Type.newtype(:thing) { newparam(:name, namevar: true) { munge { |x| x + SecureRandom.hex } } }\n"
    repository.put("site/profile/lib/puppet/type/thing.rb", asks + kind)
    repository.declare("  thing { 'x': }")
    repository.commit()
    assert not failures(repository.plan())
    repository.put("README.md", "other\n")
    assert repository.plan().compiled == 0
