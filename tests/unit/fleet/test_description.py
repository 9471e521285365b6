"""fleet.yaml: a mistake in it is named with its line, before anything is done to any fleet."""

from pathlib import Path

import pytest
from fleet_cli.fleet import description
from fleet_cli.fleet.description import Fleet, PuppetDB
from fleet_cli.machine.errors import FleetError

SMALL = "server: puppet.example.org\nremote: git@git.example.org:fleet/control.git\n"


def write(directory: Path, text: str) -> Path:
    file = directory / "fleet.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_server_and_remote_are_enough(tmp_path: Path) -> None:
    file = write(tmp_path, f"---\n{SMALL}")
    assert description.load(file) == Fleet(file, "puppet.example.org", "git@git.example.org:fleet/control.git")


def test_files_stand_beside_the_description(tmp_path: Path) -> None:
    more = (
        "branch: main\nssh_config: ssh-config\npuppetdb:\n  url: https://pdb.example.org:8081/\n"
        "  certificate: anna.pem\n  key: /keys/anna.key\n  authority: ca.pem\n"
    )
    found = description.load(write(tmp_path, SMALL + more))
    assert found.branch == "main"
    assert found.ssh_config == tmp_path / "ssh-config"
    assert found.puppetdb == PuppetDB(
        "https://pdb.example.org:8081", tmp_path / "anna.pem", Path("/keys/anna.key"), tmp_path / "ca.pem"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: expected the keys server, remote"),
        ("- server\n", ":1: expected the keys server, remote"),
        ("server: puppet.example.org\n", ":1: remote is missing: the git repository that r10k there deploys from"),
        (SMALL + "sever: x\n", ":3: unknown key 'sever': is 'server' meant?"),
        (SMALL + "colour: red\n", ":3: unknown key 'colour'"),
        (SMALL + "server: other\n", ":3: server is here twice, first in line 1"),
        (SMALL.replace("puppet.example.org", "-oProxyCommand=x"), ":1: server: '-oProxyCommand=x' is none"),
        (SMALL.replace("puppet.example.org", "a b"), ":1: server: 'a b' is none"),
        (SMALL.replace("git@", "--upload-pack=x "), ":2: remote: '--upload-pack=x "),
        (SMALL.replace("puppet.example.org", "[a]"), ":1: server: expected a word"),
        (SMALL.replace("puppet.example.org", ""), ":1: server: expected a word"),
        (SMALL + "branch: My-Branch\n", ":3: branch: 'My-Branch' is none: the branch that the fleet follows"),
        (SMALL + "puppetdb: http://x\n", ":3: expected puppetdb: the keys url, certificate, key, authority"),
        (
            SMALL + "puppetdb: {url: 'http://x', certificate: a, key: b, authority: c}\n",
            ":3: puppetdb: url: 'http://x'",
        ),
        (SMALL + "puppetdb: {url: 'https://x'}\n", ":3: puppetdb: certificate, key, authority missing"),
        (SMALL + "puppetdb:\n  urk: 1\n", ":4: unknown key 'urk': is 'url' meant?"),
        ("server: [\n", ":2: not valid YAML"),
        ("server: \t{\n", ":"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    file = write(tmp_path, text)
    with pytest.raises(FleetError) as error:
        description.load(file)
    assert str(error.value).startswith(f"{file}{message}")
    assert len(str(error.value).splitlines()) == 1


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"fleet\.yaml: there is no such file"):
        description.load(tmp_path / "fleet.yaml")


def test_bytes_that_are_no_text_are_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_bytes(b"server: \xff\n")
    with pytest.raises(FleetError, match="not UTF-8"):
        description.load(tmp_path / "fleet.yaml")
