"""`fleet publish` and the repository's server: what is said here of what happens there."""

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import apt_server
import pytest
from apt_server import AptServer, package
from fleet_cli.fleet import publishing, ssh
from fleet_cli.fleet.description import Fleet
from fleet_cli.machine import process
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.services import building

REPO = Path(__file__).resolve().parents[2]
LAUNCHER = REPO / "site/profile/files/operators/launcher.py"
HIERA = {
    "hiera.yaml": "version: 5\nhierarchy: [{name: all, glob: '*.yaml'}]\ndefaults: {datadir: data}\n",
    "data/services.yaml": "flask_microservice::services:\n  letters: {port: 7011, package: mailer}\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AptServer]:
    with apt_server.started(tmp_path_factory.mktemp("apt") / "server") as server:
        yield server


@pytest.fixture
def fleet(server: AptServer, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """A fleet whose Puppet server is this one, reached without ssh and sudo."""
    shutil.copy(LAUNCHER, server.files / publishing.PROGRAM)

    def run(
        _fleet: Fleet, _host: str, name: str, *arguments: str, file: IO[bytes] | None = None, check: bool = True
    ) -> process.Result:
        (server.files / "sent").write_bytes(file.read() if file else b"")
        result = server.run(f"{shlex.join(['python3', '-I', f'/files/{name}', *arguments])} < /files/sent")
        if check and result.returncode != 0:
            raise CommandFailedError([name], result.returncode, result.stderr)
        return result

    monkeypatch.setattr(ssh, "run", run)
    return Fleet(REPO / "fleet.yaml", "puppet.fleet.test", "puppet.fleet.test:/srv/git/control.git")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A control repository in which a service runs from the package mailer."""
    for name, text in HIERA.items():
        file = tmp_path / "control" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path / "control"


def publish(fleet: Fleet, repo: Path, *files: Path) -> str:
    return publishing.publish(fleet, [building.describe(file) for file in files], repo)


@pytest.fixture
def nothing_left(server: AptServer) -> Iterator[None]:
    yield
    assert server.ok("find /var/cache/fleet-inbox -mindepth 1") == ""


@pytest.mark.usefixtures("nothing_left")
def test_what_is_published_is_listed_with_its_epoch(fleet: Fleet, repo: Path, tmp_path: Path) -> None:
    said = publish(fleet, repo, package(tmp_path, "1:1.0-1"))
    said += publish(fleet, repo, package(tmp_path / "other", "1.0-1"))
    assert said.splitlines() == ["billing 1:1.0-1 amd64: published", "billing 1.0-1 amd64: published"]
    assert {"billing 1:1.0-1 amd64", "billing 1.0-1 amd64"} <= publishing.published(fleet)


@pytest.mark.usefixtures("nothing_left")
def test_a_refusal_is_one_sentence_about_the_file_here(fleet: Fleet, repo: Path, tmp_path: Path) -> None:
    """It named a file on the server, which was gone by then, after a command line of ssh."""
    file = package(tmp_path, "2.0-1", file_name="billing_2.1-1_amd64.deb")
    with pytest.raises(FleetError) as refusal:
        publish(fleet, repo, file)
    assert str(refusal.value).startswith(f"{file}: by its control file it is billing 2.0-1 amd64")
    assert len(str(refusal.value).splitlines()) == 1
    assert "inbox" not in str(refusal.value)


def test_a_service_that_is_declared_here_and_not_deployed_yet_is_no_ground_for_a_warning(
    fleet: Fleet, repo: Path, tmp_path: Path, server: AptServer, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, text in (("state/answers.json", '{"fleet": {"environment": "c_1"}, "tiers": {}, "nodes": {}}'),
                       ("environments/c_1/hiera.yaml", "version: 5\n")):  # fmt: skip
        (server.files / name).parent.mkdir(parents=True)
        (server.files / name).write_text(text, encoding="utf-8")
    settings = r"[deploy]\nenvironments = /files/environments\nstate = /files/state\n"
    server.ok(f"printf {shlex.quote(settings)} > /etc/deploy-environment.ini")
    publish(fleet, repo, package(tmp_path, name="mailer"), package(tmp_path, name="mailre"))
    said = capfd.readouterr().err
    assert said.count("warning: ") == 1, said
    assert "warning: no deployed service runs from the package mailre" in said


@pytest.mark.usefixtures("nothing_left")
def test_two_files_of_one_name_are_refused_before_anything_is_sent(fleet: Fleet, repo: Path, tmp_path: Path) -> None:
    """Both of them would be one file on the server."""
    files = [package(tmp_path / "one", "1:3.0-1"), package(tmp_path / "other", "3.0-1")]
    with pytest.raises(FleetError, match=r"billing_3\.0-1_amd64\.deb: two files of that name"):
        publish(fleet, repo, *files)
    assert not any("3.0-1" in line for line in publishing.published(fleet))
