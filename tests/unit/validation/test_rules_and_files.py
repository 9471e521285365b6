"""Which files are the repository's own, by which rules they are checked, and what is kept of a check."""

from pathlib import Path

import pytest
from fleet_cli.machine.cache import Cache
from fleet_cli.repository.finding import Finding
from fleet_cli.validation import kept_findings, lint_rules
from fleet_cli.validation.own_files import OwnFiles


def test_files_of_others_are_left_out_and_said(tmp_path: Path) -> None:
    for name in ("site/a/manifests/init.pp", "site/a/spec/fixtures/x.pp", "site/a/files/vendor/x.js", ".github/x.yaml",
                 "modules/own/manifests/init.pp", "modules/stdlib/manifests/init.pp", "lib/x.yaml"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n", encoding="utf-8")
    files = OwnFiles(tmp_path, ["site", "modules"], "modules", ["stdlib"])
    assert files.names == ["lib/x.yaml", "modules/own/manifests/init.pp", "site/a/manifests/init.pp"]
    assert files.modules == ["site/a", "modules/own"]
    assert list(files.notes()) == ["what others wrote is not checked: the files below .github, spec/fixtures"]
    assert files.has("modules/other/data")
    assert not files.has("hieradata")


@pytest.mark.parametrize("name", [".yamllint", ".yamllint.yaml", ".yamllint.yml"])
def test_the_rules_of_yamllint_are_found_in_each_spelling(name: str, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("rules: {}\n", encoding="utf-8")
    (tmp_path / name).write_text("extends: more.yaml\n", encoding="utf-8")
    rules = lint_rules.of_yaml(tmp_path)
    assert (rules.file, rules.inputs) == (name, "extends: more.yaml\n\0rules: {}\n")


def test_the_rules_of_puppet_lint_are_those_of_its_file_and_of_the_rakefile(tmp_path: Path) -> None:
    usual = lint_rules.of_puppet(tmp_path)
    assert "--no-parameter_order-check" in usual
    rakefile = "PuppetLint.configuration.send('disable_140chars')\n# PuppetLint.configuration.disable_x\n"
    (tmp_path / "Rakefile").write_text(rakefile, encoding="utf-8")
    assert lint_rules.of_puppet(tmp_path) == ["--no-140chars-check"]
    (tmp_path / ".puppet-lint.rc").write_text("--relative\n\n--no-documentation-check\n", encoding="utf-8")
    assert lint_rules.of_puppet(tmp_path) == ["--relative", "--no-documentation-check", "--no-140chars-check"]


def test_the_rules_of_puppet_lint_are_those_of_all_tasks_of_rake(tmp_path: Path) -> None:
    (tmp_path / "lib/tasks").mkdir(parents=True)
    (tmp_path / "lib/tasks/lint.rake").write_text(
        'PuppetLint.configuration.send("disable_140chars")\n', encoding="utf-8"
    )
    rakefile = (
        "PuppetLint::RakeTask.new :lint do |config|\n  config.disable_checks = ['80chars',\n    'relative']\n"
        "  # config.disable_checks = ['case_without_default']\n"
        "  config.ignore_paths = %w[spec/**/*.pp vendor/**/*.pp]\nend\n"
    )
    (tmp_path / "Rakefile").write_text(rakefile, encoding="utf-8")
    assert lint_rules.of_puppet(tmp_path) == [
        "--no-80chars-check", "--no-relative-check", "--ignore-paths=spec/**/*.pp,vendor/**/*.pp",
        "--no-140chars-check",
    ]  # fmt: skip


def test_the_rules_that_pre_commit_gives_are_the_repositorys_own(tmp_path: Path) -> None:
    hooks = (
        "repos:\n- repo: https://git.example.org/hooks\n  hooks:\n  - id: puppet-lint\n"
        "    args: [--fix, --no-documentation-check]\n  - id: yamllint\n    args: ARGS\n"
    )
    file = tmp_path / ".pre-commit-config.yaml"
    file.write_text(hooks.replace("ARGS", "[-d, relaxed]"), encoding="utf-8")
    assert lint_rules.of_puppet(tmp_path) == ["--fix", "--no-documentation-check"]
    assert lint_rules.of_yaml(tmp_path).config == "extends: relaxed"
    file.write_text(hooks.replace("ARGS", "['--config-data={rules: {colons: enable}}']"), encoding="utf-8")
    assert lint_rules.of_yaml(tmp_path).config == "{rules: {colons: enable}}"
    (tmp_path / "lint.yaml").write_text("rules: {}\n", encoding="utf-8")
    file.write_text(hooks.replace("ARGS", "[-s, -c, lint.yaml]"), encoding="utf-8")
    assert lint_rules.of_yaml(tmp_path).config == "rules: {}\n"
    (tmp_path / ".yamllint").write_text("extends: default\n", encoding="utf-8")
    assert lint_rules.of_yaml(tmp_path).config == "extends: default\n"


def test_findings_are_kept_for_the_file_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_findings, "CACHE", Cache(tmp_path, 10))
    found = Finding("a.yaml", 1, 2, "yamllint", "too long")
    digest = kept_findings.digest("rules", "a.yaml", b"a: 1\n")
    kept = kept_findings.Kept("yaml")
    assert kept.is_empty
    kept.add(digest, [found])
    kept.save()
    again = kept_findings.Kept("yaml")
    assert again.get(digest, "a.yaml") == [found]
    for other in (("more", "a.yaml", b"a: 1\n"), ("rules", "b.yaml", b"a: 1\n"), ("rules", "a.yaml", b"a: 2\n")):
        assert again.get(kept_findings.digest(*other), "a.yaml") is None
