"""Who can push a branch, build a package or break into the web server has that account, and not the Puppet server."""

import json
import shlex
from collections.abc import Iterator

import pytest
from deployed import LAB, fleet_environment
from testinfra.host import Host
from workspace import Workspace

ENVIRONMENTS = "/etc/puppet/code/environments"
KEYS = "/var/lib/apt-signing/private-keys-v1.d"
FOUND = "/tmp/found-by-a-puppetfile"
PUPPETFILE = """
found = { 'account' => `id -un`.strip }
attempt = lambda do |what, &work|
  work.call
  found[what] = 'done'
rescue SystemCallError => error
  found[what] = error.class.name
end
%w[WRITTEN].each { |path| attempt.call("write #{path}") { File.open(path, 'a').close } }
%w[MADE].each { |path| attempt.call("make #{path}") { File.write("#{path}/planted", 'x') } }
%w[READ].each { |path| attempt.call("read #{path}") { File.directory?(path) ? Dir.children(path) : File.read(path) } }
attempt.call('become root') { raise Errno::EPERM unless system('sudo -n true', err: File::NULL, out: File::NULL) }
spawn('setsid sleep 86400', out: File::NULL, err: File::NULL)
require 'json'
File.write('FOUND', JSON.generate(found))
"""
"""Ruby at the top of a Puppetfile, which r10k runs."""

MADE = [
    *("/etc", "/etc/cron.d", "/etc/puppet", ENVIRONMENTS, "/etc/puppet/code/making"),
    *("/usr/local/lib/deploy-environment", "/var/lib/puppet-deploys", "/var/lib/puppet-deploys/given"),
    *("/srv/git/control.git", "/srv/apt", "/srv/apt/pool", "/srv/apt/public"),
]
"""Directories of the server in which that account has no business."""

READ = ["/root", KEYS, "/etc/puppet/eyaml/private_key.pkcs7.pem", "/etc/puppet/puppetserver/ca/ca_key.pem"]
"""What it is not to know."""


@pytest.fixture
def leavings_removed(server: Host) -> Iterator[None]:
    """What the test's Puppetfile has written is gone, before and after."""
    server.check_output(f"rm -f {FOUND}")
    yield
    server.check_output(f"rm -f {FOUND}")


@pytest.mark.deploys
@pytest.mark.usefixtures("leavings_removed")
def test_code_of_a_branch_changes_nothing_that_is_deployed_and_reads_no_key(workspace: Workspace, server: Host) -> None:
    """Whoever could push a branch was root on the Puppet server, and so on every node."""
    given = f"{ENVIRONMENTS}/{fleet_environment()}"
    written = [f"{given}/manifests/site.pp", "/var/lib/puppet-deploys/answers.json", "/srv/git/control.git/HEAD"]
    made = [*MADE, given, f"{given}/manifests"]
    code = PUPPETFILE.replace("FOUND", FOUND)
    for word, paths in (("WRITTEN", written), ("MADE", made), ("READ", READ)):
        code = code.replace(word, " ".join(paths))
    workspace.branch("hostile")
    workspace.commit("Puppetfile", code + workspace.read("Puppetfile"))
    for deploy in (
        lambda: workspace.fleet.ok("deploy", "hostile"),
        lambda: server.check_output("r10k deploy environment hostile --modules"),
    ):
        server.check_output(f"rm -f {FOUND}")
        deploy()
        found = json.loads(server.file(FOUND).content_string)
        assert found.pop("account") == "r10k"
        assert len(found) == len(written) + len(made) + len(READ) + 1
        assert {what for what, how in found.items() if how not in {"Errno::EACCES", "Errno::EPERM"}} == set()
        assert server.run("pgrep -u r10k").stdout == "", "what a branch has started goes on"


def test_what_is_deployed_can_be_changed_neither_by_puppet_server_nor_by_r10k(server: Host) -> None:
    """Code of one environment runs in Puppet Server, and could write itself into all others."""
    found = server.check_output(
        f"find {ENVIRONMENTS} /etc/puppet/code -maxdepth 1 ! -user root; find {ENVIRONMENTS}/c_* ! -type l"
        " '(' ! -user root -o -perm /7222 ')'"
    )
    assert found == ""
    given = f"{ENVIRONMENTS}/{fleet_environment()}"
    for account in ("puppet", "r10k"):
        for command in (f"mv {given} {given}.away", f"touch {given}/x", f"mkdir {ENVIRONMENTS}/c_0123456789"):
            assert server.run(f"runuser -u {account} -- {command}").rc != 0, (account, command)


def test_the_key_that_signs_packages_is_read_by_its_account_alone(server: Host) -> None:
    """Whoever breaks into the web server could sign packages, which every node would install."""
    key = server.check_output(f"ls {KEYS}/*.key").splitlines()[0]
    read = {
        account: server.run(f"runuser -u {account} -- cat {shlex.quote(key)}").rc == 0
        for account in ("packages", "www-data", "r10k", "puppet", "nobody")
    }
    assert [account for account, can in read.items() if can] == ["packages"]
    unreadable = "cd / && runuser -u www-data -- find /srv/apt/public ! -readable -o -type d ! -executable"
    assert server.check_output(unreadable) == ""
    assert server.check_output("find /srv/apt/key ! -user root") == "", "the account could give nodes another key"


def test_the_account_that_compiles_reads_neither_invitations_nor_the_key_that_signs(server: Host) -> None:
    """Code of a branch runs as it: it would invite machines of its own, and sign packages for all."""
    kept = ("/var/lib/fleet-enrolment", "/var/lib/apt-signing")
    files = server.check_output(f"find {' '.join(kept)} -type f -o -type s").splitlines()
    assert {path.rpartition("/")[0] for path in files} >= {kept[0], KEYS}
    pid = server.check_output("systemctl show --property=MainPID --value puppetserver.service")
    as_it = f"nsenter --target {pid} --mount -- runuser -u puppet --"
    assert server.run(f"{as_it} test -r /etc/puppet/eyaml/private_key.pkcs7.pem").rc == 0, "it is another account"
    for path in [*kept, *files]:
        assert server.run(f"{as_it} test -r {shlex.quote(path)}").rc == 1, path
    server.check_output("systemctl start fleet-enrolment.service")
    service = server.check_output("systemctl show --property=MainPID --value fleet-enrolment.service")
    for path in (f"/proc/{service}/environ", f"/proc/{service}/fd", f"/proc/{service}/mem"):
        assert server.run(f"runuser -u puppet -- test -r {path} -a -x /proc/{service}/cwd").rc == 1, path
    assert server.run(f"{as_it} sudo -n true").rc != 0


def test_no_service_of_the_server_serves_what_the_account_of_packages_links_to(server: Host) -> None:
    """Puppet Server reads the keys of all secrets: a link that aptly's account has made would give them to nodes."""
    assert "path /srv/apt/key\n" in server.file("/etc/puppet/fileserver.conf").content_string


def test_a_node_reads_the_public_key_from_the_server_and_nothing_else_of_the_repository(server: Host) -> None:
    """Whatever lies in a mount is any node's to read."""
    ssl, name = "/var/lib/puppet/ssl", LAB.server.certname
    base = f"https://{name}:8140/puppet/v3"
    options = f"environment={fleet_environment()}&source_permissions=ignore"
    with_certificate = (
        f"curl --silent --cacert {ssl}/certs/ca.pem --cert {ssl}/certs/{name}.pem --key {ssl}/private_keys/{name}.pem"
    )
    listed = server.check_output(f"{with_certificate} '{base}/file_metadatas/apt?{options}&recurse=true&links=manage'")
    assert {one["relative_path"] for one in json.loads(listed)} == {".", "archive-key.asc"}
    for path in ("..%2Fpool", "../pool", "%2e%2e/db", "archive-key.asc/../../db"):
        url = f"{base}/file_metadata/apt/{path}?{options}"
        status = server.check_output(f"{with_certificate} --path-as-is -o /dev/null -w '%{{http_code}}' '{url}'")
        assert status != "200", path
