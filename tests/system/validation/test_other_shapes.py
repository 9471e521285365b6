"""Control repositories that are not of this one's shape: mistakes in them are found, and nothing else."""

import subprocess
from pathlib import Path

import pytest
from fleet_cli.machine.errors import FleetError
from fleet_cli.repository.finding import Finding
from fleet_cli.validation.all_checks import Validation
from fleet_cli.validation.puppet_environment import Environment

WEB = "site/profile/manifests/web.pp"
COMMON = "hieradata/common.yaml"
REPOSITORY = {
    "environment.conf": "modulepath = ./site:modules:$basemodulepath\n",
    "hiera.yaml": "---\nversion: 5\ndefaults:\n  datadir: hieradata\n  data_hash: yaml_data\n"
    "hierarchy:\n"
    "  - name: Roles\n    path: roles/%{trusted.extensions.pp_role}.yaml\n"
    "  - name: Everything\n    path: common.yaml\n",
    COMMON: "---\nprofile::web::port: 80\n",
    "hieradata/roles/web.yaml": "---\nprofile::web::label: app\n",
    "manifests/site.pp": "include \"role::${trusted['extensions']['pp_role']}\"\n",
    "site/role/manifests/web.pp": "# A web server.\nclass role::web {\n  include profile::web\n}\n",
    WEB: "# Web.\n#\n# @param port the port\n# @param label the label\nclass profile::web (\n  Integer $port,\n"
    "  String $label,\n) {\n  notify { lookup('app.name'):\n    message => epp('profile/a.epp'),\n  }\n}\n",
    "site/profile/templates/a.epp": "<%= lookup('in_epp') %>\n",
    "site/profile/templates/b.erb": "<%= scope.call_function('lookup', ['in_erb']) %>\n",
    "nodes.yaml": "---\nw1.example.com: {role: web, tier: production}\n",
}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    repo = tmp_path / "control"
    subprocess.run(["git", "init", "-q", repo], check=True)
    write(repo, REPOSITORY)
    return repo


def write(repo: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(text, encoding="utf-8")


def places(found: list[Finding]) -> list[tuple[str, int, str]]:
    return [(each.file, each.line, each.code) for each in found]


def test_keys_that_are_looked_up_in_any_way_are_used(repo: Path) -> None:
    write(repo, {COMMON: "---\nprofile::web::port: 80\napp: {name: x}\nin_epp: 1\nin_erb: 1\nin_nothing: 1\n"})
    assert places(Validation(repo).findings()) == [(COMMON, 6, "unknown-key")]


def test_modules_of_the_modulepath_are_checked_with_and_without_a_puppetfile(repo: Path) -> None:
    write(repo, {"modules/own/manifests/init.pp": "class own {\n  oops\n", "modules/own/lib/x.rb": "x\n"})
    broken = [("modules/own/manifests/init.pp", 1, "puppet-syntax")]
    assert places(Validation(repo).findings()) == broken
    write(repo, {"Puppetfile": "mod 'puppetlabs-stdlib', '9.4.1'\n"})
    subprocess.run(["git", "add", "--all"], cwd=repo, check=True)
    assert places(Validation(repo).findings()) == broken


def test_without_hiera_yaml_the_rest_is_checked_and_a_line_says_so(repo: Path) -> None:
    (repo / "hiera.yaml").unlink()
    write(repo, {WEB: REPOSITORY[WEB].replace("String $label", "String label")})
    validation = Validation(repo)
    assert [each.code for each in validation.findings()] == ["puppet-syntax"]
    assert any(note.startswith("there is no hiera.yaml: ") for note in validation.notes)


def test_without_hiera_yaml_data_is_checked_as_far_as_a_file_alone_tells(repo: Path) -> None:
    (repo / "hiera.yaml").unlink()
    text = "---\nprofile::web::port: x\nany_key: 1\nany_key: 2\nother: '%{lokup(\"a\")}'\n"
    write(repo, {"hieradata/hosts/a.yaml": text,
                 "hieradata/regex.yaml": "---\na: !ruby/regexp /x/\na: 1\n",
                 "other/hosts/a.yaml": "---\na: 1\na: 2\n"})  # fmt: skip
    validation = Validation(repo)
    assert places(validation.findings()) == [
        ("hieradata/hosts/a.yaml", 2, "wrong-type"), ("hieradata/hosts/a.yaml", 4, "duplicate-key"),
        ("hieradata/hosts/a.yaml", 5, "unknown-interpolation"),
    ]  # fmt: skip
    assert "hieradata/regex.yaml has tags of Ruby: it is for a reader of its own, and not checked" in validation.notes


def test_the_data_of_a_module_is_checked_as_its_hiera_yaml_has_it(repo: Path) -> None:
    data = "---\nprofile::web::lable: x\nother::key: 1\n"
    write(repo, {"site/profile/hiera.yaml": "---\nversion: 5\nhierarchy:\n  - name: All\n    path: all.yaml\n",
                 "site/profile/data/all.yaml": data, "site/profile/data/old.yaml": "---\n{}\n"})  # fmt: skip
    assert places(Validation(repo).findings()) == [
        ("site/profile/data/all.yaml", 2, "unknown-key"), ("site/profile/data/all.yaml", 3, "unknown-key"),
        ("site/profile/data/old.yaml", 1, "unread-file"),
    ]  # fmt: skip


def test_classes_that_hiera_names_are_reached(repo: Path) -> None:
    write(repo, {"manifests/site.pp": "lookup('classes', Array[String], 'unique', []).include\n",
                 "site/profile/manifests/extra.pp": "# X\n#\n# @param a x\nclass profile::extra (Integer $a) { }\n",
                 COMMON: "---\nprofile::web::port: 80\nprofile::extra::a: 1\n"})  # fmt: skip
    assert ("hieradata/common.yaml", 3, "unreachable-key") in places(Validation(repo).findings())
    write(repo, {COMMON: "---\nclasses: [role::web, profile::extra]\nprofile::web::port: 80\nprofile::extra::a: 1\n"})
    assert places(Validation(repo).findings()) == []


def test_style_is_by_the_repositorys_own_rules_or_of_hiera_and_code_alone(repo: Path) -> None:
    write(repo, {"notes.yaml": "a:    1\n", ".github/x.yaml": "a: [\n", COMMON: "profile::web::port:    80\n",
                 "site/role/manifests/web.pp": "# A web server.\nclass role::web {\n"
                                               "  include \"profile::web\"\n}\n"})  # fmt: skip
    found = [(COMMON, 1, "yamllint"), ("site/role/manifests/web.pp", 3, "puppet-lint")]
    validation = Validation(repo)
    assert places(validation.findings()) == found
    assert "what others wrote is not checked: the files below .github" in validation.notes
    assert places(Validation(repo).findings()) == found  # what was found is kept
    assert Validation(repo, style=False).findings() == []
    write(repo, {".yamllint.yml": "extends: default\nrules: {colons: disable, document-start: disable}\n",
                 ".puppet-lint.rc": "--no-double_quoted_strings-check\n--no-check_of_a_plugin-check\n"})  # fmt: skip
    assert places(Validation(repo).findings()) == []


def test_rules_that_yamllint_refuses_are_told_each_time(repo: Path) -> None:
    write(repo, {".yamllint": "rules: {no-such-rule: enable}\n"})
    for _ in range(2):
        assert [(each.file, each.code) for each in Validation(repo).findings()] == [(".yamllint", "yamllint")]


def test_a_plan_of_bolt_is_parsed_as_one(repo: Path) -> None:
    plan = "# A plan.\nplan profile::x(TargetSpec $targets) {\n  run_task(facts, $targets)\n}\n"
    write(repo, {"site/profile/plans/x.pp": plan})
    assert places(Validation(repo).findings()) == []
    write(repo, {"site/profile/plans/x.pp": plan.replace("run_task(", "run_task((")})
    assert [each.code for each in Validation(repo).findings()] == ["puppet-syntax"]


def test_what_reaches_a_parameter_is_checked_as_it_arrives(repo: Path) -> None:
    text = "---\nlookup_options:\n  profile::web::port: {convert_to: Integer}\nprofile::web::port: '80'\n"
    write(repo, {COMMON: text})
    assert places(Validation(repo).findings()) == []
    write(repo, {COMMON: "---\nprofile::web::port: \"%{alias('ports.web')}\"\nports: {web: eighty}\n"})
    assert places(Validation(repo).findings()) == [(COMMON, 3, "wrong-type")]
    write(repo, {WEB: REPOSITORY[WEB].replace("Integer $port,", "Integer $port = 80,"),
                 COMMON: "---\nprofile::web::port: ~\n"})  # fmt: skip
    assert places(Validation(repo).findings()) == []


def test_a_key_may_be_in_a_layer_that_is_kept_elsewhere(repo: Path) -> None:
    write(repo, {COMMON: "---\nprofile::web::port: \"%{alias('private')}\"\n"})
    assert places(Validation(repo).findings()) == [(COMMON, 2, "unknown-lookup")]
    layer = "  - name: Private\n    path: private.yaml\n"
    write(repo, {"hiera.yaml": REPOSITORY["hiera.yaml"] + layer})
    validation = Validation(repo)
    assert validation.findings() == []
    assert any("hieradata/private.yaml may have it: hieradata/common.yaml:2:" in note for note in validation.notes)


def test_the_datadir_of_the_server_is_the_repositorys_own(repo: Path) -> None:
    server = '"/etc/puppetlabs/code/environments/%{environment}/hieradata"'
    write(repo, {"hiera.yaml": REPOSITORY["hiera.yaml"].replace("datadir: hieradata", f"datadir: {server}"),
                 COMMON: "---\nprofile::web::prot: 80\n"})  # fmt: skip
    assert places(Validation(repo).findings()) == [(COMMON, 2, "unknown-key")]


def test_a_file_of_a_backend_of_its_own_is_not_read_as_yaml(repo: Path) -> None:
    layer = "  - name: Own\n    lookup_key: profile::backend\n    path: own.yaml\n"
    write(repo, {"hiera.yaml": REPOSITORY["hiera.yaml"] + layer, "hieradata/own.yaml": "---\n- a list\n"})
    validation = Validation(repo)
    assert validation.findings() == []
    assert "layer 'Own' of hiera.yaml can't be read here: what it says is not checked" in validation.notes


def test_plans_of_bolt_have_data_and_look_keys_up(repo: Path) -> None:
    plans = "plan_hierarchy:\n  - name: Static\n    path: static.yaml\n"
    write(repo, {"hiera.yaml": REPOSITORY["hiera.yaml"] + plans, "hieradata/static.yaml": "---\nof_a_plan: 1\n",
                 COMMON: "---\nprofile::web::port: 80\nof_a_plan: 1\nof_nothing: 1\n",
                 "site/profile/plans/x.pp": "# A plan.\nplan profile::x() {\n"
                                            "  out::message(lookup('of_a_plan'))\n}\n"})  # fmt: skip
    assert places(Validation(repo).findings()) == [(COMMON, 4, "unknown-key")]
    write(repo, {"hieradata/statics.yaml": "---\nof_a_plan: 1\n"})
    assert ("hieradata/statics.yaml", 1, "unread-file") in places(Validation(repo).findings())


def test_in_the_data_of_a_module_nothing_stands_for_what_each_user_gives(repo: Path) -> None:
    write(repo, {"site/profile/hiera.yaml": "---\nversion: 5\nhierarchy:\n  - name: All\n    path: all.yaml\n",
                 "site/profile/data/all.yaml": "---\nprofile::web::port: ~\n",
                 COMMON: "---\nprofile::web::port: 80\n"})  # fmt: skip
    assert Validation(repo).findings() == []
    write(repo, {"site/profile/data/all.yaml": "---\nprofile::web::port: x\n", COMMON: "---\nprofile::web::port: ~\n"})
    assert places(Validation(repo).findings()) == [
        (COMMON, 2, "wrong-type"), ("site/profile/data/all.yaml", 2, "wrong-type"),
    ]  # fmt: skip


def test_keys_of_puppet_enterprises_modules_may_be_used_but_are_written_as_keys_are(repo: Path) -> None:
    write(repo, {COMMON: "---\nprofile::web::port: 80\npuppet_enterprise::profile::x::y: 1\n"
                         "puppet_enterprise::profile:y: 1\nenterprise::y: 1\n"})  # fmt: skip
    validation = Validation(repo)
    assert places(validation.findings()) == [(COMMON, 4, "unknown-key"), (COMMON, 5, "unknown-key")]
    assert any(note.startswith("puppet_enterprise: modules of") for note in validation.notes)


def test_modules_that_are_on_the_server_alone_may_use_keys_but_no_misspelt_one_of_a_module_here(repo: Path) -> None:
    write(repo, {COMMON: "---\nprofile::web::port: 80\nprivate::key: 1\nprofil::web::port: 1\n"})
    both = [(COMMON, 3, "unknown-key"), (COMMON, 4, "unknown-key")]
    assert places(Validation(repo).findings()) == both
    write(repo, {"environment.conf": "modulepath = site:modules:/srv/private/modules\n"})
    validation = Validation(repo)
    assert places(validation.findings()) == both[1:]
    assert "modules in /srv/private/modules are not here: nothing is known of their keys" in validation.notes


def test_without_environment_conf_no_moduledir_is_off_the_modulepath(repo: Path) -> None:
    write(repo, {"Puppetfile": "moduledir 'vendor'\nmod 'puppetlabs-stdlib', '9.4.1'\n"})
    (repo / "environment.conf").write_text("modulepath = site:modules\n", encoding="utf-8")
    assert places(Validation(repo).findings()) == [("Puppetfile", 1, "module-path")]
    (repo / "environment.conf").unlink()
    for name in ("hiera.yaml", "nodes.yaml", "manifests/site.pp", COMMON, "hieradata/roles/web.yaml"):
        (repo / name).unlink()
    validation = Validation(repo)
    assert validation.findings() == []
    assert any(note.endswith("is not known, and taken for modules, vendor") for note in validation.notes)


def test_keys_that_only_a_run_knows_are_said_to_be_left_out(repo: Path) -> None:
    write(repo, {COMMON: "---\nprofile::web::port: 80\nin_nothing: 1\nprofile::web::lable: 1\n",
                 "site/profile/manifests/any.pp": "# X\nclass profile::any {\n  notify { lookup($trusted['x']): }\n}\n",
                 "site/role/manifests/web.pp": "# W\nclass role::web {\n  include profile::web\n"
                                               "  include profile::any\n}\n"})  # fmt: skip
    validation = Validation(repo)
    assert places(validation.findings()) == [(COMMON, 4, "unknown-key")]
    said = "nothing names the key 'in_nothing' but profile::any looks up keys that only its run knows"
    assert any(note.startswith(said) for note in validation.notes)


def test_an_option_of_a_deep_merge_is_told_where_it_belongs(repo: Path) -> None:
    options = "lookup_options:\n  profile::web::label:\n    merge: first\n    knockout_prefix: '--'\n"
    write(repo, {COMMON: f"---\n{options}profile::web::port: 80\n"})
    (found,) = Validation(repo).findings()
    assert (found.line, found.suggestion) == (5, "it belongs below merge: {strategy: deep, knockout_prefix: …}")


def test_a_repository_below_the_one_that_is_given_is_named(repo: Path) -> None:
    with pytest.raises(
        FleetError, match=r"is this a control repository\? There is one below it: fleet -C \S+/control "
    ):
        Validation(repo.parent).findings()


def test_the_parameter_of_a_defined_type_is_no_key(repo: Path) -> None:
    one = "# One.\n#\n# @param size s\ndefine profile::one (Integer $size) { }\n"
    write(repo, {"site/profile/manifests/one.pp": one,
                 COMMON: "---\nprofile::web::port: 80\nprofile::one::size: 1\nprofile::one::sise: 1\n"})  # fmt: skip
    size, other = Validation(repo).findings()
    assert "'profile::one' is a defined type, and only classes take" in size.message
    assert (size.line, other.line, "defined type" in other.message) == (3, 4, False)


def test_a_text_where_no_text_will_do_is_told_once(repo: Path) -> None:
    write(repo, {COMMON: "---\nprofile::web::port: \"%{lookup('app')}\"\napp: 80\n"})
    assert places(Validation(repo).findings()) == [(COMMON, 2, "wrong-type")]


def test_what_another_configuration_of_hiera_reads_is_read(repo: Path) -> None:
    write(repo, {"hieradata/boxes.yaml": "---\n{}\n", "hieradata/none.yaml": "---\n{}\n"})
    both = [("hieradata/boxes.yaml", 1, "unread-file"), ("hieradata/none.yaml", 1, "unread-file")]
    own = "---\nversion: 5\nhierarchy:\n  - name: All\n    datadir: hieradata\n    path: none.yaml\n"
    write(repo, {"site/profile/hiera.yaml": own, "site/profile/hieradata/none.yaml": "---\n{}\n"})
    subprocess.run(["git", "add", "--all"], cwd=repo, check=True)
    assert places(Validation(repo).findings()) == both  # a module's is about files of the module
    write(repo, {"vagrant/hiera.yaml": REPOSITORY["hiera.yaml"].replace("common.yaml", "boxes.yaml")})
    subprocess.run(["git", "add", "--all"], cwd=repo, check=True)
    assert places(Validation(repo).findings()) == both[1:]


def test_of_modules_that_are_off_the_modulepath_nothing_is_said_but_that_they_are(repo: Path) -> None:
    write(repo, {"modules/more/one/manifests/init.pp": "# One.\nclass one {\n}\n",
                 "modules/more/two/manifests/init.pp": "# Two.\n#\n# @param a a\nclass two (Integer $a) {\n}\n",
                 COMMON: "---\nprofile::web::port: 80\ntwo::a: 1\nany_key: 1\nprofile::web::prot: 1\n"})  # fmt: skip
    validation = Validation(repo)
    assert places(validation.findings()) == [(COMMON, 5, "unknown-key")]
    assert any(note.startswith("the modules in modules/more are not on the modulepath") for note in validation.notes)
    assert any(note.startswith("nothing names the key 'any_key' but modules/more") for note in validation.notes)
    write(repo, {"environment.conf": "modulepath = site:modules:modules/more\n",
                 "modules/more/one/manifests/init.pp": "# One.\nclass other {\n}\n"})  # fmt: skip
    validation = Validation(repo)
    assert places(validation.findings()) == [
        (COMMON, 3, "unreachable-key"), (COMMON, 4, "unknown-key"), (COMMON, 5, "unknown-key"),
        ("modules/more/one/manifests/init.pp", 2, "puppet-syntax"),
        ("modules/more/one/manifests/init.pp", 2, "puppet-lint"),
    ]  # fmt: skip
    assert not any("not on the modulepath" in note for note in validation.notes)


def test_code_that_is_broken_is_read_once_and_what_it_may_look_up_is_not_guessed(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(repo, {"site/profile/manifests/bad.pp": "class profile::bad {\n  oops oops\n",
                 COMMON: "---\nprofile::web::port: x\nin_nothing: 1\n"})  # fmt: skip
    first = Validation(repo)
    found = places(first.findings())
    assert found == [(COMMON, 2, "wrong-type"), ("site/profile/manifests/bad.pp", 1, "puppet-syntax")]
    assert any(note.startswith("some of the Puppet code can't be read") for note in first.notes)
    monkeypatch.setattr(Environment, "ask", lambda *_: pytest.fail("it is read again"))
    assert places(Validation(repo).findings()) == found
    monkeypatch.undo()
    write(repo, {"site/profile/manifests/bad.pp": "# Good.\nclass profile::bad {\n}\n"})
    assert places(Validation(repo).findings()) == [(COMMON, 2, "wrong-type"), (COMMON, 3, "unknown-key")]


def test_a_module_at_the_top_of_the_repository_is_loaded_by_its_names(repo: Path) -> None:
    write(repo, {"environment.conf": "modulepath = .:site\n",
                 "own/manifests/init.pp": "# Own.\nclass other {\n}\n"})  # fmt: skip
    found = [each for each in Validation(repo, style=False).findings() if each.file.startswith("own/")]
    assert [(each.line, each.code) for each in found] == [(2, "puppet-syntax")]
