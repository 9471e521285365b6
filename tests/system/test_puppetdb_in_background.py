"""PuppetDB's commands are handed over in the background: no run waits for it, and it misses nothing by that."""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import preloaded
from fleet_cli.roots import rootfs

REPO = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("puppetdb_in_background.rb")
CLIENT = "# Stands for the file of Puppet Server, which is not installed here; the script has the class.\n"


def handed_over(case: str, *, tested: bool = True) -> Any:
    """What puppetdb_in_background.rb says of one case; `tested`: whether the patch was tested with this server."""
    with tempfile.TemporaryDirectory() as directory:
        ruby = Path(directory) / "ruby"
        shutil.copytree(REPO / "site/profile/files/puppetserver/ruby", ruby)
        shutil.copytree(REPO / "site/profile/files/puppet_patches", ruby / "puppet_patches")
        client = ruby / "puppet/server/http_client.rb"
        client.parent.mkdir()
        client.write_text(CLIENT)
        if tested:
            digest = hashlib.sha256(CLIENT.encode()).hexdigest()
            preloaded.tested_with(ruby / "puppet_patches", {"puppet/server/http_client.rb": digest})
        binds = {ruby: "/ruby", SCRIPT: "/puppetdb_in_background.rb"}
        printed = rootfs.run("toolbox", ["ruby", "/puppetdb_in_background.rb", case], binds=binds).stdout
    return json.loads(printed.splitlines()[-1])


def test_a_node_does_not_wait_and_the_order_is_kept() -> None:
    """PuppetDB would take an older catalog for the newest one."""
    assert handed_over("order") == {
        "before": ["first by the caller"],
        "after": ["first by the caller", "facts", "catalog", "report", "terminated"],
    }


def test_a_puppetdb_that_hangs_fills_no_memory() -> None:
    answer = handed_over("full")
    overflow = [name for name in answer["before"] if name != "first by the caller"]
    assert overflow
    assert all(name.endswith("by the caller") for name in overflow)
    names = [name.removesuffix(" by the caller") for name in answer["after"]]
    assert sorted(names) == sorted(["first", *(f"command_{number}" for number in range(1, 61)), "terminated"])


def test_a_command_that_is_refused_is_lost_alone() -> None:
    assert handed_over("down")["after"] == ["first by the caller", "report", "terminated"]


def test_an_error_that_nobody_foresaw_takes_no_other_command_with_it() -> None:
    assert handed_over("breaks")["after"] == ["first by the caller", "report", "terminated"]


def test_a_server_that_stops_says_what_a_hanging_puppetdb_has_not_taken() -> None:
    """Its thread would else keep the memory of an instance that has been replaced."""
    answer = handed_over("hangs")
    assert answer["after"] == ["first by the caller", "terminated"]
    assert answer["logged"] == ["PuppetDB has not taken 2 commands in 0.1 s: they are lost"]
    assert answer["alive"] is False


def test_what_comes_when_the_server_stops_is_handed_over_at_once() -> None:
    assert handed_over("stopping")["after"] == ["first by the caller", "terminated", "report by the caller"]


def test_another_puppet_server_hands_over_its_commands_as_it_always_did() -> None:
    """A patch of what it was not made for loses commands, or the server."""
    answer = handed_over("untested", tested=False)
    assert answer["before"] == ["first by the caller", "report by the caller"]
    (message,) = answer["logged"]
    assert "the patch puppetdb_commands of Puppet is left out: /ruby/puppet/server/http_client.rb is not" in message
