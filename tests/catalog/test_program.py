"""The program that switches releases, as Puppet installs it on a node."""

from pathlib import Path

from fleet_cli.sandbox import running

INSTALL = """
set -eu
package=/usr/local/lib/flask-microservice/flask_microservice
apply() {
    # There is no systemd here: the files only.
    status=0
    puppet apply --modulepath /control/modules:/control/vendor --tags file --detailed-exitcodes \
        -e 'include flask_microservice::program' >/tmp/applied 2>&1 || status=$?
    case $status in 0|2) ;; *) cat /tmp/applied ;; esac
    echo "applied: $status"
}
mkdir -p /opt /usr/local/lib
apply
/usr/local/sbin/flask-microservice status
ls -d "$package/__pycache__"
apply
mkdir "$package/withdrawn"
touch "$package/withdrawn.py" "$package/withdrawn/old.py"
apply
find "$package" -name 'withdrawn*'
ls -d "$package/__pycache__"
echo "writable by others:"
find /usr/local/sbin/flask-microservice /usr/local/lib/flask-microservice ! -type l -perm /022
find /usr/local/sbin/flask-microservice /usr/local/lib/flask-microservice ! -user root
"""


def test_the_program_runs_where_puppet_installs_it_and_only_its_own_files_stay(deployed: Path) -> None:
    result = running.run("toolbox", ["sh", "-c", INSTALL], reads={deployed: "/control"}, root=True, check=False)
    cache = "/usr/local/lib/flask-microservice/flask_microservice/__pycache__"
    assert (result.stdout.splitlines(), result.returncode) == (
        [
            "applied: 2",
            "No service is declared on this node.",
            cache,
            "applied: 0",
            "applied: 2",
            cache,
            "writable by others:",
        ],
        0,
    ), result.stderr
