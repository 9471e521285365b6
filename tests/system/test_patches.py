"""Patches of Puppet: only where the files are those that they were tested with; a run comes to the same without."""

import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import agent_runs
import preloaded
import pytest
from fleet_cli.compiling import program
from fleet_cli.roots import rootfs

SCRIPT = Path(__file__).with_name("upstream_files.rb")
ON_THE_SERVER = preloaded.FILES / "puppetserver/ruby/patches"
BY_COMPILERS = ("checked_values", "parsed_templates")
VENDOR = "/usr/lib/ruby/vendor_ruby"
KNOWN: dict[str, dict[str, str]] = json.loads((preloaded.SHARED / "upstream.json").read_text(encoding="utf-8"))
NOT_HERE = "puppet/server/http_client.rb"
"""It comes with Puppet Server, which these root file systems do not have: a node test looks at that one."""


@pytest.fixture(scope="module")
def here() -> Any:
    """What each patch relies on, and which files that are on Debian as it is now."""
    binds = {
        preloaded.SHARED: "/usr/local/lib/site_ruby/puppet_patches",
        preloaded.PATCHES: "/agent",
        ON_THE_SERVER: "/server",
        program.SOURCE: "/compiling",
        SCRIPT: "/upstream_files.rb",
    }
    files = [
        *(f"/agent/{name}.rb" for name in preloaded.NAMES),
        *(f"/server/{path.name}" for path in ON_THE_SERVER.glob("*.rb")),
        *(f"/compiling/{name}.rb" for name in BY_COMPILERS),
    ]
    printed = rootfs.run("toolbox", ["ruby", "/upstream_files.rb", *files], binds=binds).stdout
    return json.loads(printed.splitlines()[-1])


def test_a_patch_has_the_name_of_its_file_and_relies_on_files_that_are_known(here: Any) -> None:
    """It would never be applied."""
    on_the_server = {path.stem for path in ON_THE_SERVER.glob("*.rb")}
    assert set(here["patches"]) == {*preloaded.NAMES, *on_the_server, *BY_COMPILERS}
    assert set(here["files"]) == set(KNOWN)
    assert {name for name, found in here["files"].items() if found is None} == {NOT_HERE}


def test_debian_has_the_files_that_the_patches_were_tested_with(here: Any) -> None:
    """A warning, not a failure: with other files a patch is left out, and runs are slower but right."""
    for name, found in here["files"].items():
        if found is None or found["digest"] in KNOWN[name].values():
            continue
        off = ", ".join(sorted(patch for patch, files in here["patches"].items() if name in files))
        warnings.warn(
            f"{off}: left out with {found['package']}, whose {name} is another file (SHA-256 {found['digest']}):"
            " `fleet test drill patches` says whether they hold with it; docs/patches.md says what to do then",
            stacklevel=1,
        )


def test_the_version_of_puppet_server_is_one_that_was_tested() -> None:
    """A warning, too; its file is in an archive of Java's."""
    said = rootfs.run("toolbox", ["apt-cache", "policy", "puppetserver"]).stdout
    found = re.search(r"Candidate: (\S+)", said)
    if found and f"puppetserver {found[1]}" not in KNOWN[NOT_HERE]:
        warnings.warn(
            f"puppetdb_commands: left out with puppetserver {found[1]} if its {NOT_HERE} is another file,"
            " which a node test says; docs/patches.md says what to do then",
            stacklevel=1,
        )


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What comes of the runs of an agent as Debian has it."""
    found, _ = agent_runs.comes_of(tmp_path_factory.mktemp("plain"), None)
    assert [run["status"] for run in found] == ["2", "0", "4"]
    assert found[0]["facts"]["tested"] == "Linux Debian"
    return found


def same(found: list[dict[str, Any]], plain: list[dict[str, Any]]) -> None:
    for ours, theirs in zip(found, plain, strict=True):
        for what, value in ours.items():
            assert value == theirs[what], what


def differences(found: list[dict[str, Any]], plain: list[dict[str, Any]]) -> list[str]:
    pairs = zip(found, plain, strict=True)
    return sorted({what for ours, theirs in pairs for what in ours if ours[what] != theirs[what]})


def test_a_run_comes_to_the_same_with_all_patches(plain: list[dict[str, Any]], tmp_path: Path) -> None:
    found, said = agent_runs.comes_of(tmp_path, preloaded.NAMES)
    same(found, plain)
    assert said == []


def test_without_any_patch_each_run_starts_from_nothing(plain: list[dict[str, Any]], tmp_path: Path) -> None:
    found, said = agent_runs.comes_of(tmp_path, ())
    same(found, plain)
    assert len(said) == 1
    assert "each run starts from nothing" in said[0]
    assert "it is switched off" in said[0]


def altered(*files: str) -> str:
    """Shell commands that alter files by a byte."""
    find = "puts ARGV.map { |file| $:.map { |d| File.join(d, file) }.find { |path| File.file? path } }"
    return f"for file in $(ruby -e '{find}' {' '.join(files)}); do echo >> $file; done"


def test_a_puppet_that_was_altered_by_a_byte_is_not_patched_and_says_so_once(
    plain: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Its runs would break, or come to something else, by a patch of what it was before."""
    found, said = agent_runs.comes_of(tmp_path, preloaded.NAMES, before=altered("puppet/util/storage.rb", "facter.rb"))
    same(found, plain)
    left_out = {line.removeprefix("<4>the patch ").partition(" of Puppet is left out: ")[0] for line in said}
    assert left_out == {"state_file", "facter_ahead", "facter_answers", "facter_commands", "facter_forgetting"}
    assert len(said) == len(left_out)
    assert f"{VENDOR}/puppet/util/storage.rb is not the file of puppet-agent" in "".join(said)


def _files() -> Iterator[str]:
    """What the patches of the agent rely on."""
    for name in preloaded.NAMES:
        text = (preloaded.PATCHES / f"{name}.rb").read_text(encoding="utf-8")
        for found in re.findall(r"relies_on: %w\[(.*?)\]", text):
            yield from found.split()


@pytest.mark.drill
def test_patches(plain: list[dict[str, Any]], tmp_path: Path, here: Any) -> None:
    """Each patch alone off, each file that they rely on altered by a byte, and all on with what Debian has now."""
    failed = []

    def trial(name: str, used: list[str], before: str = "true", *, take: bool = False) -> None:
        out = tmp_path / name.replace("/", "_")
        out.mkdir()
        digests = {file: found["digest"] for file, found in here["files"].items() if found}
        found, said = agent_runs.comes_of(out, used, before=before, tested_with=digests if take else {})
        different = differences(found, plain)
        outcome = f"not the same: {', '.join(different)}" if different else "the same"
        print(f"{name}: {outcome}; {len(said)} left out", flush=True)
        if different:
            failed.append(name)

    trial("all on", preloaded.NAMES, take=True)
    for name in preloaded.NAMES:
        trial(f"without {name}", [other for other in preloaded.NAMES if other != name], take=True)
    for file in sorted(set(_files())):
        trial(f"another {file}", preloaded.NAMES, altered(file))
    for name, found in here["files"].items():
        if found and found["digest"] not in KNOWN[name].values():
            print(f'for upstream.json: "{name}": "{found["package"]}": "{found["digest"]}"')
    assert not failed
