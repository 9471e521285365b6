"""Deploys are whole or not at all: whatever happens, nodes are given a commit that was checked, or the one before."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fleet_cli.machine import process
from fleet_cli.roots import forge

from .deploy_server import ACCOUNT, CONTROL, Server, git

CONFIG = ("--config", "/server/r10k.yaml")


@pytest.fixture(scope="module")
def forge_url() -> Iterator[str]:
    with forge.serving() as url:
        yield url


@pytest.fixture
def server(tmp_path: Path, forge_url: str) -> Server:
    """A server with nothing deployed."""
    return Server(tmp_path / "server", forge_url)


@pytest.fixture(scope="module")
def first_deploy(tmp_path_factory: pytest.TempPathFactory, forge_url: str) -> Server:
    server = Server(tmp_path_factory.mktemp("first") / "server", forge_url)
    server.ok("production")
    return server


@pytest.fixture
def deployed(first_deploy: Server, tmp_path: Path) -> Server:
    """A server with a first deploy."""
    return first_deploy.copied_to(tmp_path / "server")


def test_a_deploy_is_an_environment_that_never_changes(server: Server) -> None:
    first = server.commit()
    assert "given to the fleet" in server.ok("production")
    assert server.given == first
    sealed = server.sealed(first)
    assert (sealed / "vendor/concat/metadata.json").is_file()
    assert {path.name for path in (sealed / ".resource_types").iterdir()} >= {"fleet_thing.pp", "concat_file.pp"}
    writable = [path for path in [sealed, *sealed.rglob("*")] if not path.is_symlink() and path.stat().st_mode & 0o222]
    assert writable == []
    second = server.change(81)
    server.ok("production")
    assert server.given == second
    assert "port: 80" in (sealed / "hieradata/common.yaml").read_text(), (
        "a deploy changed an environment of another commit"
    )


def test_a_commit_that_is_deployed_already_changes_nothing(deployed: Server) -> None:
    before = deployed.answers
    assert "is deployed already" in deployed.ok("production")
    assert deployed.answers == before


R10K = ["r10k", "deploy", "environment", "production", "--modules"]


def test_r10k_itself_is_a_deploy(deployed: Server) -> None:
    """Who has a webhook that calls r10k would deploy nothing."""
    new = deployed.change(82)
    result = deployed.run(R10K)
    assert result.returncode == 0, result.stderr
    assert deployed.given == new
    broken = "site/profile/manifests/one.pp"
    deployed.write(broken, "class profile::one {\n")
    deployed.commit()
    result = deployed.run(R10K)
    assert deployed.given == new
    assert result.returncode == 1
    assert broken in result.stderr


def test_r10k_says_what_it_is_asked(deployed: Server) -> None:
    """It is the command of that name for whoever types it."""
    version = deployed.run(["r10k", "version"])
    assert (version.returncode, version.stdout[:5]) == (0, "r10k "), version.stderr
    display = deployed.run(["r10k", "deploy", "display", "--format", "json"])
    assert '"control"' in display.stdout, display.stderr
    assert deployed.run(["r10k", "nosuch"]).returncode != 0


def test_r10k_by_its_path_deploys_nothing_as_root(deployed: Server) -> None:
    """Code of a branch would run as root, and what that has made would be in the way of the next deploy."""
    before = deployed.answers
    new = deployed.change(82)
    for command, status in (
        (["/usr/bin/r10k", *R10K[1:]], 8),
        (["setpriv", "--reuid=r10k", "--regid=r10k", "--clear-groups", "/usr/bin/r10k", *R10K[1:], *CONFIG], 0),
    ):
        result = deployed.run(command)
        assert result.returncode == status, result.stdout + result.stderr
        assert deployed.answers == before
    deployed.ok("production")
    assert deployed.given == new


HOSTILE = r"""
File.write('/server/home/account', `id -u; id -G; grep NoNewPrivs /proc/self/status`)
ENV.each { |name, value| File.write('/server/home/secret', value) if name == 'SECRET' }
environment = '/server/code/environments/GIVEN/manifests/site.pp'
['/etc/planted', '/server/state/answers.json', '/server/control.git/HEAD', environment].each do |path|
  File.open(path, 'a').close
  File.write('/server/home/written', path)
rescue SystemCallError
end
spawn('setsid sleep 1000', out: File::NULL, err: File::NULL)
checkouts = '/server/state/checkouts'
fork do
  Process.setsid
  # As soon as r10k has made them: what root reads then.
  loop do
    Dir.glob("#{checkouts}/*/.git/config") do |config|
      next if File.read(config).include?('fsmonitor')

      File.write(config, "[core]\nfsmonitor = \"id -u >/server/home/ran; false\"\n", mode: 'a')
    end
    sleep 0.01
  end
end
"""
"""The top of a Puppetfile."""


def test_code_of_a_branch_runs_as_an_account_that_owns_nothing_that_is_served(deployed: Server) -> None:
    """Who can push a branch would be root on the Puppet server."""
    deployed.write("Puppetfile", HOSTILE.replace("GIVEN", deployed.given) + CONTROL["Puppetfile"])
    script = "#!/bin/sh\nid -u >/server/home/checked\n" + CONTROL["scripts/config_version"].removeprefix("#!/bin/sh\n")
    deployed.write("scripts/config_version", script)
    new = deployed.commit(branch="topic")
    before = deployed.answers["fleet"]
    deploy = "{ SECRET=of-root deploy-environment topic && stat -c %u /proc/[0-9]* | sort -u >/server/users; }"
    result = deployed.run(["true"], before=deploy)
    assert result.returncode == 0, result.stdout + result.stderr
    home = deployed.directory / "home"
    assert (home / "account").read_text().split() == [str(ACCOUNT), str(ACCOUNT), "NoNewPrivs:", "1"]
    assert (home / "checked").read_text() == f"{ACCOUNT}\n"
    assert not (home / "written").exists(), (home / "written").read_text()
    assert not (home / "secret").exists(), "variables of root's reach the code of a branch"
    assert not (home / "ran").exists() or (home / "ran").read_text() == f"{ACCOUNT}\n", (
        "root runs git with its configuration"
    )
    assert str(ACCOUNT) not in (deployed.directory / "users").read_text().split(), "what a branch has started goes on"
    assert new in deployed.environments
    assert deployed.answers["fleet"] == before
    found = [path for path in [deployed.sealed(new), *deployed.sealed(new).rglob("*")] if path.lstat().st_uid]
    assert found == [], "an environment belongs to the account that has made it"
    assert "fsmonitor" not in (deployed.sealed(new) / ".git/config").read_text()
    assert deployed.ok("production")


def test_a_link_in_the_place_of_a_working_copy_is_not_followed(deployed: Server) -> None:
    """What only root can read would be in an environment, for all to read."""
    secret = deployed.directory / "secret"
    secret.mkdir(mode=0o700)
    (secret / "key").write_text("key\n")
    linked = (
        '#!/bin/sh\n/usr/bin/r10k "$@"; mv /server/state/checkouts/production /server/state/checkouts/moved; '
        "ln -s /server/secret /server/state/checkouts/production\n"
    )
    deployed.put("r10k-linked", linked, 0o755)
    deployed.configure(r10k="/server/r10k-linked")
    before, environments = deployed.answers, deployed.environments
    deployed.change(93)
    result = deployed("production")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert (deployed.answers, deployed.environments) == (before, environments)
    deployed.configure()


def test_what_follows_no_branch_that_is_deployed_stays(deployed: Server) -> None:
    before = deployed.given
    topic = deployed.change(83, branch="topic")
    assert "no node is given it yet" in deployed.ok("topic")
    assert deployed.given == before
    assert topic in deployed.environments


def _swap(name: str, text: str) -> Callable[[Server], None]:
    return lambda server: server.write(name, text)


def _submodule(server: Server) -> None:
    other = server.directory / "other"
    git(server.directory, "init", "-q", "other")
    git(other, "commit", "-q", "--allow-empty", "-m", "x")
    git(server.control, "submodule", "add", "-q", str(other), "site/other")


def _link(server: Server) -> None:
    (server.control / "hieradata/secret.yaml").symlink_to("/etc/shadow")


def _wrong_name(server: Server) -> None:
    metadata = '{"name": "somebody-else", "version": "1.0.0", "author": "x", "dependencies": []}'
    other = server.directory / "misnamed"
    git(server.directory, "init", "-q", "-b", "main", "misnamed")
    (other / "metadata.json").write_text(metadata)
    git(other, "add", "-A")
    git(other, "commit", "-q", "-m", "x")
    commit = git(other, "rev-parse", "HEAD")
    text = server.control.joinpath("Puppetfile").read_text()
    server.write("Puppetfile", f"{text}mod 'thing', git: '/server/misnamed', ref: '{commit}'\n")


REFUSED: dict[str, tuple[Callable[[Server], None], str]] = {
    "puppetfile that does not parse": (_swap("Puppetfile", "mod 'puppetlabs-concat', \n"), "Puppetfile"),
    "module that no Forge has": (_swap("Puppetfile", "moduledir 'vendor'\nmod 'nobody/nothing', '1.2.3'\n"), "nothing"),
    "type that does not load": (
        _swap("site/profile/lib/puppet/type/fleet_thing.rb", "require 'nowhere/at/all'\n"),
        "nowhere/at/all",
    ),
    "symlink that leaves": (_link, "hieradata/secret.yaml: is a symlink to /etc/shadow"),
    "submodule": (_submodule, "site/other: is a git submodule"),
}
UNREADABLE = {
    "site/profile/manifests/one.pp": ("class profile::one {\n", "site/profile/manifests/one.pp"),
    "site/profile/manifests/nobody.pp": ("class profile::nobody {\n", "site/profile/manifests/nobody.pp"),
    "manifests/site.pp": ("include profile::one)\n", "manifests/site.pp:1"),
    "site/profile/functions/double.pp": ("function profile::double( {\n", "site/profile/functions/double.pp"),
    "site/profile/types/name.pp": ("type Profile::Name = String[\n", "site/profile/types/name.pp"),
    "site/profile/lib/facter/one.rb": ("Facter.add(:one) {\n", "site/profile/lib/facter/one.rb"),
    "hieradata/common.yaml": ("---\na: [1\n", "hieradata/common.yaml"),
    "hieradata/more/x/list.yaml": ("---\n- 1\n", "hieradata/more/x/list.yaml: is no hash"),
    "site/profile/hiera.yaml": ("---\nversion: 5\nhierarchy: [{name: x, pathh: y}]\n", "site/profile/hiera.yaml"),
    "site/old/hiera.yaml": ("---\n:backends: [yaml]\n", "site/old/hiera.yaml: has version nil"),
    "site/both/hiera.yaml": (
        "---\nversion: 5\nhierarchy: [{name: x, path: a, paths: [b]}]\n",
        "site/both/hiera.yaml",
    ),
    "site/twice/hiera.yaml": (
        "---\nversion: 5\nhierarchy: [{name: x, path: a}, {name: x, path: b}]\n",
        "site/twice/hiera.yaml: has more than one level named 'x'",
    ),
    "scripts/config_version": (
        "#!/bin/sh\necho production@0123456789abcdef\n",
        "config_version says 'production@0123456789abcdef'",
    ),
}
"""Files that Puppet could not use, and what is said of each."""


def _require_refused(server: Server, told: list[str]) -> None:
    before, environments = server.answers, server.environments
    server.commit()
    result = server("production")
    assert result.returncode == 1
    assert [text for text in told if text not in result.stdout + result.stderr] == []
    assert "Traceback" not in result.stderr
    assert (server.answers, server.environments) == (before, environments)
    making = server.directory / "code/making"
    assert not making.exists() or not list(making.iterdir())


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_whole_is_given_to_no_node(deployed: Server, case: str) -> None:
    """A node would have part of a commit, or no catalog at all."""
    spoil, told = REFUSED[case]
    spoil(deployed)
    _require_refused(deployed, [told])


def test_what_puppet_can_not_read_is_given_to_no_node_and_all_of_it_is_named(deployed: Server) -> None:
    for name, (text, _) in UNREADABLE.items():
        deployed.write(name, text)
    _wrong_name(deployed)
    misnamed = "vendor/thing/metadata.json: the module's name is 'somebody-else'"
    _require_refused(deployed, [misnamed, *(told for _, told in UNREADABLE.values())])


@pytest.mark.parametrize("wanted", ["nosuch", "0123456789abcdef"])
def test_an_unknown_branch_or_commit_is_named(deployed: Server, wanted: str) -> None:
    result = deployed(wanted)
    assert result.returncode == 1
    assert wanted in result.stderr
    assert "Traceback" not in result.stderr
    again = deployed("production")
    assert again.returncode == 0
    assert "made anew" not in again.stderr, "a typing error has cost all working copies"


def test_the_way_back_goes_all_the_way_and_forward_again(server: Server) -> None:
    names = [server.commit()]
    server.ok("production")
    for port in (81, 82):
        names.append(server.change(port))
        server.ok("production")
    server.ok("--back")
    assert server.given == names[1]
    server.ok("--back")
    assert server.given == names[0]
    result = server("--back")
    assert result.returncode == 1
    assert "no way back" in result.stderr
    server.ok(names[1].removeprefix("c_"))
    assert server.given == names[1]
    server.ok("--back")
    git(server.control, "push", "-q", "--force", str(server.directory / "control.git"), f"{names[0][2:]}:production")
    assert "is deployed already" in server.ok("production"), "of what the fleet is given it was said that nobody is"
    server.ok(names[1].removeprefix("c_"))
    newest = server.change(83)
    server.ok("production")
    assert server.given == newest, "after going back the fleet did not follow its branch any more"
    server.ok("--back")
    assert server.given == names[1]


def test_tiers_and_nodes_are_given_their_own(deployed: Server) -> None:
    (deployed.directory / "signed/app1.fleet.test.pem").touch()
    fleet = deployed.given
    topic = deployed.change(84, branch="topic")
    deployed.ok("topic", "--node", "app1.fleet.test", "--for", "10m")
    deployed.ok("topic", "--tier", "staging", "--kept")
    assert deployed.given == fleet
    assert deployed.answers["nodes"]["app1.fleet.test"]["environment"] == topic
    assert deployed.answers["tiers"]["staging"]["environment"] == topic
    again = deployed.change(85, branch="topic")
    deployed.ok("topic")
    assert deployed.answers["nodes"]["app1.fleet.test"]["environment"] == again, "a trial did not follow its branch"
    deployed.ok("--end", "--node", "app1.fleet.test")
    deployed.ok("--end", "--tier", "staging")
    assert (deployed.answers["nodes"], deployed.answers["tiers"], deployed.given) == ({}, {}, fleet)
    result = deployed("topic", "--node", "nosuch.fleet.test")
    assert result.returncode == 1
    assert "nosuch.fleet.test" in result.stderr


def test_a_module_that_was_half_unpacked_is_not_taken_for_whole(deployed: Server) -> None:
    """r10k looks at a module's metadata only: after a kill or a power failure it would find such a module in order."""
    killed = '#!/bin/sh\n/usr/bin/r10k "$@"; rm -r /server/state/checkouts/*/vendor/concat/manifests; kill -9 $$\n'
    deployed.put("r10k-killed", killed, 0o755)
    deployed.configure(r10k="/server/r10k-killed")
    before = deployed.given
    new = deployed.change(86)
    result = deployed("production")
    assert result.returncode == 1
    assert "signal 9" in result.stderr
    assert deployed.given == before
    deployed.configure()
    deployed.ok("production")
    assert deployed.given == new
    assert (deployed.sealed(new) / "vendor/concat/manifests/init.pp").exists() or list(
        (deployed.sealed(new) / "vendor/concat/manifests").iterdir()
    )


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
REACHED = {
    "r10k works": "[ -e /server/state/r10k-is-at-work ]",
    "r10k has made the working copy": "grep -q 'port: 87' /server/state/checkouts/production/hieradata/common.yaml",
    "the copy is checked": '[ -n "$(ls /server/code/making 2>/dev/null)" ]',
    "it is in its place": '[ "$(ls /server/code/environments | wc -l)" -gt 2 ]',
}
"""A command of the shell for each step of a deploy: it is true once that is reached."""


@pytest.mark.parametrize("step", REACHED)
def test_a_deploy_that_is_killed_leaves_nothing_half_made_and_the_next_goes_on(deployed: Server, step: str) -> None:
    new = deployed.change(87)
    deployed.run(["true"], before=f"{{ {KILL.format(reached=REACHED[step])} true; }}")
    assert (deployed.directory / "reached").exists(), "the test has missed its moment"
    assert deployed.given in deployed.environments
    for name in deployed.environments:
        assert (deployed.sealed(name) / ".resource_types/concat_file.pp").is_file()
        assert (deployed.sealed(name) / "vendor/concat/metadata.json").is_file()
        assert deployed.sealed(name).stat().st_mode & 0o222 == 0
    deployed.ok("production")
    assert deployed.given == new
    assert list((deployed.directory / "code/making").iterdir()) == []


def test_modules_are_those_of_the_commit_however_r10k_was_called(deployed: Server) -> None:
    """r10k leaves them as they are without --modules, and says that the deploy has succeeded."""
    before = deployed.given
    metadata = (
        '{"name": "x-thing", "version": "1.0.0", "author": "x", "license": "x", "summary": "x", "source": "x",'
        ' "dependencies": []}'
    )
    thing = deployed.directory / "thing"
    git(deployed.directory, "init", "-q", "-b", "main", "thing")
    (thing / "metadata.json").write_text(metadata)
    git(thing, "add", "-A")
    git(thing, "commit", "-q", "-m", "x")
    puppetfile = deployed.control.joinpath("Puppetfile").read_text()
    deployed.write(
        "Puppetfile", puppetfile.replace("7.3.1", "7.3.0") + "mod 'thing', git: '/server/thing', branch: 'main'\n"
    )
    deployed.commit()
    plain = "#!/bin/sh\nexec /usr/bin/r10k deploy environment production --config /server/r10k.yaml\n"
    deployed.put("r10k-plain", plain, 0o755)
    deployed.configure(r10k="/server/r10k-plain")
    result = deployed("production")
    assert (result.returncode, deployed.given) == (1, before)
    assert "call it with --modules" in result.stderr
    deployed.configure()
    deployed.write("Puppetfile", puppetfile + "mod 'thing', git: '/server/thing', branch: 'main'\n")
    new = deployed.commit()
    result = deployed.run(["r10k", "deploy", "environment", "production"])
    assert (result.returncode, deployed.given) == (0, new), result.stdout + result.stderr
    assert (deployed.sealed(new) / "vendor/thing/metadata.json").exists()
    (thing / "more").touch()
    git(thing, "add", "-A")
    git(thing, "commit", "-q", "-m", "y")
    moved = deployed("production")
    assert moved.returncode == 1
    assert "(thing)" in moved.stderr
    assert not (deployed.sealed(new) / "vendor/thing/more").exists(), "a deployed commit has changed"


def test_an_r10k_that_fails_does_not_go_forward_again(deployed: Server) -> None:
    """A hook that is called while the git server is away would bring back what was just taken back."""
    before = deployed.given
    deployed.change(90)
    deployed.ok("production")
    deployed.ok("--back")
    (deployed.directory / "control.git").rename(deployed.directory / "away.git")
    assert deployed.run(R10K).returncode == 1
    assert deployed.given == before
    (deployed.directory / "away.git").rename(deployed.directory / "control.git")
    assert deployed.run(R10K).returncode == 0
    assert deployed.given == before, "nothing new was pushed"


def test_puppet_server_can_read_what_was_deployed_with_a_strict_umask(deployed: Server) -> None:
    deployed.write("site/profile/manifests/deeper/three.pp", "class profile::deeper::three { }\n")
    new = deployed.commit()
    result = deployed.run(["/usr/local/sbin/deploy-environment", "production"], before="umask 077")
    assert result.returncode == 0, result.stderr
    unreadable = [path for path in deployed.sealed(new).rglob("*") if path.lstat().st_mode & 0o044 != 0o044]
    assert unreadable == []


def test_a_sealed_environment_needs_no_cache_of_r10k(deployed: Server) -> None:
    """A version that git tells would fail each catalog once the cache was made anew."""
    environment = deployed.sealed(deployed.given)
    for entry in (deployed.directory / "cache").iterdir():
        shutil.rmtree(entry)
    assert git(environment, "log", "--oneline", "-1").endswith("change")


def test_of_two_deploys_at_once_one_waits(deployed: Server) -> None:
    new = deployed.change(88)
    both = (
        "{ deploy-environment production >/server/first 2>&1 & first=$!; deploy-environment production"
        " >/server/second 2>&1; second=$?; wait $first; echo $? $second >/server/both; }"
    )
    deployed.run(["true"], before=both)
    assert (deployed.directory / "both").read_text().split() == ["0", "0"]
    told = [(deployed.directory / name).read_text() for name in ("first", "second")]
    assert sum("waiting for it" in text for text in told) == 1
    assert deployed.given == new


FULL = "mount -t tmpfs -o size={size},mode=755 small /server/{place}"
FILLED = (
    "mkdir /kept && cp -a /server/state/. /kept && mount -t tmpfs -o size=1m,mode=755 small /server/state"
    " && cp -a /kept/. /server/state && { dd if=/dev/zero of=/server/state/filler bs=4k 2>/dev/null || true; }"
)
"""The state's own disk, with all that was there, and no room for more."""


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(FULL.format(size="64k", place="code/making"), id="where the commit is made"),
        pytest.param(FULL.format(size="64k", place="cache"), id="where r10k keeps what it has fetched"),
        pytest.param(FULL.format(size="16k", place="state/checkouts"), id="where r10k checks out"),
        pytest.param(FILLED, id="where the answers are"),
    ],
)
def test_a_full_disk_is_said_and_nothing_changes(deployed: Server, before: str) -> None:
    """Nodes would be told of a commit that is not whole, or of none."""
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
