"""r10k by hand or by a webhook is a deploy, and what it runs gets no right on what is served."""

import shutil

from .server import ACCOUNT, CONTROL, Server, git

CONFIG = ("--config", "/server/r10k.yaml")

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


def test_what_code_of_a_branch_prints_does_nothing_to_a_terminal(deployed: Server) -> None:
    said = '$stdout.puts "\\e]0;owned\\a zürich"\n$stderr.puts "\\e[2J\\u009b31m"\nputs "done"\n'
    deployed.write("Puppetfile", said + CONTROL["Puppetfile"])
    deployed.commit(branch="topic")
    result = deployed("topic")
    printed = result.stdout + result.stderr
    assert result.returncode == 0, printed
    assert "\\x1b]0;owned\\x07 zürich\n" in printed
    assert not {"\x1b", "\x07", "\x9b"} & set(printed)


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


def test_a_sealed_environment_needs_no_cache_of_r10k(deployed: Server) -> None:
    """A version that git tells would fail each catalog once the cache was made anew."""
    environment = deployed.sealed(deployed.given)
    for entry in (deployed.directory / "cache").iterdir():
        shutil.rmtree(entry)
    assert git(environment, "log", "--oneline", "-1").endswith("change")
