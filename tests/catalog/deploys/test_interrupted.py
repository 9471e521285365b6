"""A deploy that is killed, or has no room or no Forge, changes nothing that nodes are given."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fleet_cli.machine import process

from .server import Server


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """Mount an image of a disk; return where."""
    mounted: list[Path] = []

    def mount(image: Path) -> Path:
        place = tmp_path / f"mounted-{image.name}"
        place.mkdir()
        process.run(["mount", "-o", "loop", image, place])
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        process.run(["umount", place])


def test_a_deploy_is_on_the_disk_before_it_is_given(
    first_deploy: Server, tmp_path: Path, disks: Callable[[Path], Path]
) -> None:
    """After a power failure nodes would be given an environment with empty files."""
    image, cut = tmp_path / "disk", tmp_path / "cut"
    with image.open("wb") as disk:
        disk.truncate(256 * 2**20)
    process.run(["mkfs.ext4", "-q", image])
    server = first_deploy.copied_to(disks(image) / "server")
    new = server.change(91)
    server.ok("production")
    # What the disk has at this moment, without what the kernel has not written to it yet.
    process.run(["cp", "--sparse=always", image, cut])
    after = server.at(disks(cut) / "server")
    assert after.given == new
    process.run(["diff", "--recursive", "--no-dereference", server.sealed(new), after.sealed(new)])
    again = after.change(92)
    after.ok("production")
    assert after.given == again


KILL = """
    deploy-environment production >/dev/null 2>&1 &
    for try in $(seq 200); do if {reached}; then break; fi; sleep 0.02; done
    if {reached}; then echo reached >/server/reached; fi
    pkill -9 -f 'deploy-environment|[r]10k|reader.rb'; sleep 0.2
"""

REACHED_BY_R10K = {
    "r10k works": "[ -e /server/state/r10k-is-at-work ]",
    "r10k has made the working copy": "grep -q 'port: 87' /server/state/checkouts/production/hieradata/common.yaml",
}
REACHED = {
    "the copy is checked": '[ -n "$(ls /server/code/making 2>/dev/null)" ]',
    "it is in its place": '[ "$(ls /server/code/environments | wc -l)" -gt 2 ]',
}
"""A command of the shell for each step of a deploy: it is true once that is reached."""


def require_nothing_half_made(deployed: Server, reached: str) -> None:
    """Kill a deploy, and deploy again."""
    new = deployed.change(87)
    deployed.run(["true"], before=f"{{ {KILL.format(reached=reached)} true; }}")
    assert (deployed.directory / "reached").exists(), "the test has missed its moment"
    assert deployed.given in deployed.environments
    for name in deployed.environments:
        assert (deployed.sealed(name) / ".resource_types/concat_file.pp").is_file()
        assert (deployed.sealed(name) / "vendor/concat/metadata.json").is_file()
        assert deployed.sealed(name).stat().st_mode & 0o222 == 0
    deployed.ok("production")
    assert deployed.given == new
    assert list((deployed.directory / "code/making").iterdir()) == []


@pytest.mark.parametrize("step", REACHED)
def test_a_deploy_that_is_killed_leaves_nothing_half_made_and_the_next_goes_on(deployed: Server, step: str) -> None:
    require_nothing_half_made(deployed, REACHED[step])


@pytest.mark.drill
@pytest.mark.parametrize("step", REACHED_BY_R10K)
def test_killed_r10k(deployed: Server, step: str) -> None:
    require_nothing_half_made(deployed, REACHED_BY_R10K[step])


FULL = "mount -t tmpfs -o size={size},mode=755 small /server/{place}"

FILLED = (
    "mkdir /kept && cp -a /server/state/. /kept && mount -t tmpfs -o size=1m,mode=755 small /server/state"
    " && cp -a /kept/. /server/state && { dd if=/dev/zero of=/server/state/filler bs=4k 2>/dev/null || true; }"
)
"""The state's own disk, with all that was there, and no room for more."""


FULL_DISKS = {
    "where the commit is made": FULL.format(size="64k", place="code/making"),
    "where the answers are": FILLED,
}
FULL_DISKS_OF_R10K = {
    "where it keeps what it has fetched": FULL.format(size="64k", place="cache"),
    "where it checks out": FULL.format(size="16k", place="state/checkouts"),
}


def require_said(deployed: Server, before: str) -> None:
    """Deploy with too little room, and then with enough."""
    given, environments = deployed.answers, deployed.environments
    new = deployed.change(89)
    (deployed.directory / "code/making").mkdir(exist_ok=True)
    checkouts = "/server/checkouts" if before == FILLED else "/server/state/checkouts"
    for name in ("deploy-environment.ini", "r10k.yaml"):
        text = (deployed.directory / name).read_text(encoding="utf-8")
        deployed.put(name, text.replace("/server/state/checkouts", checkouts))
    result = deployed.run(["/usr/local/sbin/deploy-environment", "production"], before=before)
    deployed.configure()
    assert result.returncode == 1
    assert "no space left" in (result.stdout + result.stderr).lower()
    assert "Traceback" not in result.stderr
    assert "nothing has changed" in result.stderr.lower()
    assert deployed.answers == given
    # One that is whole may be there: nobody is given it.
    assert deployed.environments - ({new} if before == FILLED else set()) == environments
    assert deployed.ok("production")
    assert deployed.answers["fleet"]["environment"] == new


@pytest.mark.parametrize("disk", FULL_DISKS)
def test_a_full_disk_is_said_and_nothing_changes(deployed: Server, disk: str) -> None:
    """Nodes would be told of a commit that is not whole, or of none."""
    require_said(deployed, FULL_DISKS[disk])


@pytest.mark.drill
@pytest.mark.parametrize("disk", FULL_DISKS_OF_R10K)
def test_full_disks_of_r10k(deployed: Server, disk: str) -> None:
    require_said(deployed, FULL_DISKS_OF_R10K[disk])


def test_without_the_forge_nothing_changes(deployed: Server) -> None:
    before = deployed.answers
    deployed.write(
        "Puppetfile", "moduledir 'vendor'\nmod 'puppetlabs-concat', '7.3.1'\nmod 'puppetlabs-stdlib', '9.4.1'\n"
    )
    deployed.commit()
    deployed.configure(forge="http://127.0.0.1:9")
    result = deployed("production")
    assert result.returncode == 1
    assert "Nothing has changed" in result.stderr
    assert deployed.answers == before


def test_answers_that_can_not_be_read_are_said_and_not_overwritten(deployed: Server) -> None:
    broken = deployed.directory / "state/answers.json"
    broken.write_text("{")
    for arguments in (("--list",), ("--back",), ("production",)):
        result = deployed(*arguments)
        assert result.returncode == 1
        assert "answers.json can't be read" in result.stderr
    assert broken.read_text() == "{"
    broken.unlink()
    deployed.ok("production")
    assert deployed.given in deployed.environments
