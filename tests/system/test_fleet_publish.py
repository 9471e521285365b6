"""`fleet publish` and the repository's server: what is said here of what happens there."""

import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import apt_server
import pytest
from apt_server import AptServer, package
from fleet_cli.fleet import publishing
from fleet_cli.lab import ssh
from fleet_cli.machine import process
from fleet_cli.machine.errors import CommandFailedError, FleetError
from fleet_cli.repository import labfile
from fleet_cli.repository.labfile import Box, Lab

REPO = Path(__file__).resolve().parents[2]
HIERA = {
    "hiera.yaml": "version: 5\nhierarchy: [{name: all, glob: '*.yaml'}]\ndefaults: {datadir: data}\n",
    "data/services.yaml": "flask_microservice::services:\n  letters: {port: 7011, package: mailer}\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AptServer]:
    with apt_server.started(tmp_path_factory.mktemp("apt") / "server") as server:
        yield server


@pytest.fixture
def lab(server: AptServer, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The lab of this repository, whose server is another one."""

    def run(_: Box, argv: Sequence[str], *, check: bool = True) -> process.Result:
        result = server.run(shlex.join(argv))
        if check and result.returncode != 0:
            raise CommandFailedError(list(argv), result.returncode, result.stderr)
        return result

    def upload(_: Box, source: Path, target: str) -> None:
        shutil.copy(source, server.files / "uploaded")
        server.ok(f"cp /files/uploaded {shlex.quote(target)}")

    monkeypatch.setattr(ssh, "run", run)
    monkeypatch.setattr(ssh, "upload", upload)
    return labfile.load(REPO / "lab.yaml")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A control repository in which a service runs from the package mailer."""
    for name, text in HIERA.items():
        file = tmp_path / "control" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path / "control"


@pytest.fixture
def nothing_left(server: AptServer) -> Iterator[None]:
    yield
    assert server.ok(f"find {publishing.INBOX} -mindepth 1") == ""


@pytest.mark.usefixtures("nothing_left")
def test_what_is_published_is_listed_with_its_epoch(lab: Lab, repo: Path, tmp_path: Path) -> None:
    said = publishing.publish(lab, [package(tmp_path, "1:1.0-1"), package(tmp_path / "other", "1.0-1")], repo)
    assert said.splitlines() == ["billing 1:1.0-1 amd64: published", "billing 1.0-1 amd64: published"]
    assert {"billing 1:1.0-1 amd64", "billing 1.0-1 amd64"} <= publishing.published(lab)


@pytest.mark.usefixtures("nothing_left")
def test_a_refusal_is_one_sentence_about_the_file_here(lab: Lab, repo: Path, tmp_path: Path) -> None:
    """It named a file on the server, which was gone by then, after a command line of ssh."""
    file = package(tmp_path, "2.0-1", file_name="billing_2.1-1_amd64.deb")
    with pytest.raises(FleetError) as refusal:
        publishing.publish(lab, [file], repo)
    assert str(refusal.value).startswith(f"{file}: by its control file it is billing 2.0-1 amd64")
    assert len(str(refusal.value).splitlines()) == 1
    assert "inbox" not in str(refusal.value)


def test_a_service_that_is_declared_here_and_not_deployed_yet_is_no_ground_for_a_warning(
    lab: Lab, repo: Path, tmp_path: Path, server: AptServer, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, text in (("state/answers.json", '{"fleet": {"environment": "c_1"}, "tiers": {}, "nodes": {}}'),
                       ("environments/c_1/hiera.yaml", "version: 5\n")):  # fmt: skip
        (server.files / name).parent.mkdir(parents=True)
        (server.files / name).write_text(text, encoding="utf-8")
    settings = r"[deploy]\nenvironments = /files/environments\nstate = /files/state\n"
    server.ok(f"printf {shlex.quote(settings)} > /etc/deploy-environment.ini")
    publishing.publish(lab, [package(tmp_path, name="mailer"), package(tmp_path, name="mailre")], repo)
    said = capfd.readouterr().err
    assert said.count("warning: ") == 1, said
    assert "warning: no deployed service runs from the package mailre" in said


def test_what_a_killed_call_has_left_on_the_server_is_removed_in_the_end(
    lab: Lab, repo: Path, tmp_path: Path, server: AptServer
) -> None:
    old, new = (f"{publishing.INBOX}/{name}" for name in ("old", "new"))
    server.ok(f"mkdir -p {old} {new} && touch {old}/x {new}/x && touch -d '2 hours ago' {old}")
    publishing.publish(lab, [package(tmp_path, "3.0-1")], repo)
    assert server.ok(f"ls {publishing.INBOX}") == "new\n"
    server.ok(f"rm -r {new}")
