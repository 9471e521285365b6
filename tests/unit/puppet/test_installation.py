"""Which Puppet of this machine is taken, and what is said where none will do."""

import json
import os
import shutil
from pathlib import Path

import pytest
from fleet_cli.machine.errors import FleetError
from fleet_cli.puppet import host, installation

GOOD = {"puppet": "8.10.0", "library": "/ruby/puppet/version.rb", "lint": "4.3.0", "eyaml": "4.2.0"}
OF_PACKAGES = "require 'puppet/util/command_line'\n"
OF_RUBYGEMS = "load Gem.activate_bin_path('puppet', 'puppet', version)\n"


class Machine:
    """Directories for programs, and what its Rubies say when they are asked."""

    def __init__(self, directory: Path) -> None:
        self.bin = directory / "bin"
        self.packaged = directory / "opt/puppetlabs"
        self.asked = directory / "asked"

    def program(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

    def ruby(self, path: Path, answer: dict[str, str | None] | None = None) -> Path:
        """A Ruby that answers, and notes the environment that it is started with."""
        said = json.dumps(answer or GOOD)
        return self.program(path, f"#!/bin/sh\nenv | sort >{self.asked}\necho '{said}'\n")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine(tmp_path)
    found.bin.mkdir()
    monkeypatch.setattr(installation, "PACKAGED", found.packaged)
    # What the tests run on may have a Puppet, so these are all the programs that there are.
    for name in ("bash", "env", "setpriv", "sort"):
        (found.bin / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(found.bin))
    return found


def refused() -> str:
    with pytest.raises(FleetError) as error:
        installation.find()
    return str(error.value)


@pytest.mark.parametrize("text", [OF_PACKAGES, OF_RUBYGEMS])
def test_puppet_runs_with_the_ruby_that_its_first_line_names(machine: Machine, text: str) -> None:
    ruby = machine.ruby(machine.bin / "elsewhere/ruby3.3")
    program = machine.program(machine.bin / "puppet", f"#!{ruby}\n{text}")
    found = installation.find()
    assert (found.program, found.ruby, found.version) == (program, ruby, "8.10.0")


def test_a_first_line_may_ask_for_the_ruby_of_path(machine: Machine) -> None:
    ruby = machine.ruby(machine.bin / "ruby")
    machine.program(machine.bin / "puppet", f"#!/usr/bin/env ruby\n{OF_RUBYGEMS}")
    assert installation.find().ruby == ruby


def test_the_package_of_puppets_makers_is_found_without_path(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a Ruby of its own, which gems of another one would break."""
    monkeypatch.setenv("GEM_HOME", "/home/me/gems")
    ruby = machine.ruby(machine.packaged / "puppet/bin/ruby")
    machine.program(machine.packaged / "puppet/bin/wrapper.sh", "#!/bin/sh\necho never asked\n")
    (machine.packaged / "bin").mkdir()
    (machine.packaged / "bin/puppet").symlink_to("../puppet/bin/wrapper.sh")
    assert installation.find().ruby == ruby
    assert "GEM_HOME" not in machine.asked.read_text()


def test_a_ruby_is_given_little_of_the_environment(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEM_HOME", "/home/me/gems")
    monkeypatch.setenv("PASSWORD", "secret")
    machine.program(machine.bin / "puppet", f"#!{machine.ruby(machine.bin / 'ruby')}\n{OF_PACKAGES}")
    installation.find()
    said = machine.asked.read_text()
    assert "GEM_HOME=/home/me/gems" in said
    assert f"HOME={os.environ['HOME']}" in said
    assert "PASSWORD" not in said


def test_a_wrapper_says_itself_of_which_version_it_is(machine: Machine) -> None:
    """One of a version manager, say; its Ruby has a wrapper beside it."""
    ruby = machine.ruby(machine.bin / "ruby")
    machine.program(machine.bin / "puppet", "#!/bin/bash\necho 8.12.1\n")
    assert installation.find().ruby == ruby


@pytest.mark.parametrize("shebang", ["#!/bin/sh", "#!/usr/bin/env bash"])
def test_another_release_is_refused_with_its_version(machine: Machine, shebang: str) -> None:
    machine.ruby(machine.bin / "ruby")
    program = machine.program(machine.bin / "puppet", f"{shebang}\necho 7.1.0\n")
    assert refused().startswith(f"{program} is of version 7.1.0: fleet needs Puppet 8 or OpenVox 8: install that")


@pytest.mark.parametrize("version", ["7.34.0", "9.0.0", "80.1.0"])
def test_another_release_of_the_library_is_refused(machine: Machine, version: str) -> None:
    ruby = machine.ruby(machine.bin / "ruby", {**GOOD, "puppet": version})
    machine.program(machine.bin / "puppet", f"#!{ruby}\n{OF_PACKAGES}")
    assert f"is of version {version}: fleet needs" in refused()


def test_no_puppet_at_all(machine: Machine) -> None:
    assert refused().startswith(f"`--puppet host`: `puppet` is neither on PATH nor in {machine.packaged / 'bin'}")


def test_a_ruby_without_puppet_and_a_wrapper_without_ruby_are_named(machine: Machine) -> None:
    program = machine.program(machine.bin / "puppet", "#!/bin/sh\necho 8.10.0\n")
    assert refused().startswith(f"{program}: no Ruby program, and no `ruby` is beside it")
    ruby = machine.ruby(machine.bin / "ruby", {**GOOD, "puppet": None, "library": None})
    assert refused().startswith(f"{ruby} is the Ruby of {program}, and does not have its library")


def test_a_missing_hiera_eyaml_is_named_with_the_command_that_installs_it(machine: Machine) -> None:
    ruby = machine.ruby(machine.bin / "ruby", {**GOOD, "eyaml": None})
    machine.program(machine.bin / "puppet", f"#!{ruby}\n{OF_PACKAGES}")
    with pytest.raises(FleetError) as error, host.opened(needs_eyaml=True):
        pass
    assert f"has no hiera-eyaml: `{machine.bin}/gem install hiera-eyaml`" in str(error.value)
    with host.opened(needs_eyaml=False) as opened:
        assert opened.lints


def test_results_of_one_puppet_are_none_of_another(machine: Machine) -> None:
    digests = set()
    changes: list[dict[str, str | None]] = [{}, {"puppet": "8.10.1"}, {"lint": None}, {"library": "/other/version.rb"}]
    for number, change in enumerate(changes):
        ruby = machine.ruby(machine.bin / "ruby", {**GOOD, **change})
        machine.program(machine.bin / "puppet", f"#!{ruby}\n{OF_PACKAGES}")
        digests.add(installation.find().digest)
        assert len(digests) == number + 1
