"""`purge` removes the directories that systemd has made for a service, and none that is somebody else's."""

from pathlib import Path

from fleet_cli.sandbox import running

UNIT = (
    "'Service' => { 'StateDirectory' => 'shop:public shared', 'CacheDirectory' => ['pages/%i', 'pages/all'],"
    " 'LogsDirectory' => 'shop apt', 'ConfigurationDirectory' => 'shop lent', 'RuntimeDirectory' => 'theirs' }"
)
APPLY = f"""
useradd --system orders
mkdir -p /var/lib/shop/deep /var/lib/shared /var/cache/pages/1.0 /var/cache/pages/2.0 /var/cache/pages/all
mkdir -p /var/log/shop /var/log/apt /etc/shop /etc/lent /run/theirs /etc/systemd/system
touch /var/lib/shop/deep/file /etc/lent/file
ln -s shop /var/lib/public
chown -R orders /var/lib/shop /var/lib/shared /var/cache/pages/1.0 /var/cache/pages/all /var/log/shop /var/log/apt
printf '[Service]\\nStateDirectory=a shared\\n' > /etc/systemd/system/inventory@.service
cat > /tmp/code.pp <<'PUPPET'
    flask_microservice::unit_directories('orders', {{ {UNIT} }}).each |$path| {{
      flask_microservice_directory {{ $path: path => $path, account => 'orders' }}
    }}
PUPPET
for run in first second; do
    puppet apply --modulepath /control/modules:/control/vendor --detailed-exitcodes /tmp/code.pp >&2
    echo "$run: $?"
done
ls -d /var/lib/shop /var/lib/public /var/lib/shared /var/cache/pages /var/cache/pages/* /var/log/shop /var/log/apt \\
    /etc/shop /etc/lent /run/theirs
"""


def test_directories_that_are_the_services_alone_go_and_all_others_stay(deployed: Path) -> None:
    result = running.run("toolbox", ["sh", "-c", APPLY], reads={deployed: "/control"}, root=True, check=False)
    assert result.stdout.splitlines() == [
        "first: 2",
        "second: 0",
        "/etc/lent",  # has a file that systemd has not made
        "/run/theirs",  # belongs to somebody else
        "/var/cache/pages",
        "/var/cache/pages/2.0",  # belongs to somebody else
        "/var/lib/shared",  # another service declares it as well
        "/var/log/apt",  # a Debian package has brought it
    ], result.stdout + result.stderr
