"""Services whose data is on the database server: each reaches its own database there, safely, and no other."""

import configparser
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from conftest import DEPLOYED
from deployed import FLEET, LAB, Deployed, connect
from fleet_cli.fleet import puppetdb
from fleet_cli.lab import ssh
from fleet_cli.machine import process
from fleet_cli.repository.labfile import Box

SERVERS = [box for box in LAB.nodes if box.role == "database"]

# What a connection comes to, in the service's own interpreter with its own driver: the options of psycopg.connect that
# differ from the service's URL are read from standard input, and so is what to ask.
ASK = """
import configparser, json, sys
import psycopg
asked = json.load(sys.stdin)
parser = configparser.RawConfigParser(delimiters=("=",))
parser.read(asked["config"])
url = parser["database"]["url"]
try:
    with psycopg.connect(url, connect_timeout=5, **asked["options"]) as connection:
        print(json.dumps({"rows": connection.execute(asked["query"]).fetchall()}))
except psycopg.Error as error:
    print(json.dumps({"error": str(error)}))
"""
# As ASK: `NAME db upgrade` into a schema of its own that does not exist yet, so that there is something to do.
MIGRATE = """
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
sed "/^url = /s/$/\\&options=-csearch_path%3Dprobe/" {config} > "$directory/config.ini"
chown -R {name} "$directory"
runuser -u {name} -- env {variable}="$directory/config.ini" {name} db upgrade
"""


def on_server(service: Deployed) -> Box | None:
    """The machine that the service's database is on, by that machine's newest catalog."""
    for box in SERVERS:
        rows = puppetdb.query(
            FLEET,
            f'resources[title] {{ type = "Profile::Database::Of_service" and certname = "{box.certname}"'
            f' and title = "{service.name}" }}',
        )
        if rows and box.tier == service.box.tier:
            return box
    return None


@pytest.fixture(scope="module")
def stored() -> list[tuple[Deployed, Box]]:
    """Each service that keeps its data on a server, with the server."""
    pairs = [(service, on_server(service)) for service in DEPLOYED]
    found = [(service, server) for service, server in pairs if server]
    assert found, "no service of the lab has a database on a server: there is nothing to test"
    return found


def config_path(service: Deployed) -> str:
    return f"/etc/{service.name}/default_config.ini"


def password(service: Deployed) -> str:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(service.node.file(config_path(service)).content_string)
    return str(urlsplit(parser["database"]["url"]).password)


def ask(service: Deployed, query: str = "SELECT current_database()", **options: str) -> dict[str, Any]:
    """Connect as the service does, but for some options, and ask the database."""
    stdin = json.dumps({"config": config_path(service), "options": options, "query": query})
    answer = ssh.run(service.box, [f"/opt/venvs/{service.name}/bin/python", "-c", ASK], stdin=stdin).stdout
    result: dict[str, Any] = json.loads(answer)
    return result


def sql(server: Box, database: str, statement: str) -> str:
    """Ask as the superuser, on the machine itself."""
    psql = 'cd / && exec runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d "$1" -c "$2"'
    return ssh.run(server, ["sh", "-c", psql, "sh", database, statement]).stdout.strip()


def test_each_service_is_connected_to_its_own_database_over_tls(stored: list[tuple[Deployed, Box]]) -> None:
    for service, server in stored:
        assert ask(service) == {"rows": [[service.name]]}
        assert requests.get(service.health_url, timeout=10).status_code == 200  # it asks its database for that
        connections = sql(
            server,
            "postgres",
            "SELECT DISTINCT datname, usename, ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)"
            f" WHERE client_addr = '{service.box.address}' AND datname = '{service.name}'",
        )
        assert connections == f"{service.name}|{service.name}|t", f"{service.name} on {service.box.name}"


def test_a_login_reaches_no_other_database(stored: list[tuple[Deployed, Box]]) -> None:
    for service, server in stored:
        names = sql(server, "postgres", "SELECT datname FROM pg_database").splitlines()
        others = [name for name in names if name != service.name]
        assert "postgres" in others
        for other in others:
            refused = ask(service, dbname=other).get("error", "it was let in")
            assert "no pg_hba.conf entry" in refused, f"{service.name} to {other}: {refused}"
            # even if a line of pg_hba.conf let it in
            if other not in ("postgres", "template0", "template1"):
                may = sql(server, "postgres", f"SELECT has_database_privilege('{service.name}', '{other}', 'CONNECT')")
                assert may == "f"


def test_a_login_can_do_nothing_but_own_its_database(stored: list[tuple[Deployed, Box]]) -> None:
    for service, server in stored:
        rights = sql(
            server,
            "postgres",
            "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_roles"
            f" WHERE rolname = '{service.name}'",
        )
        assert rights == "f"
        owned = sql(
            server,
            "postgres",
            f"SELECT datname FROM pg_database JOIN pg_roles r ON datdba = r.oid WHERE rolname = '{service.name}'",
        )
        assert owned == service.name
        acl = f"SELECT datacl FROM pg_database WHERE datname = '{service.name}'"
        everyones = sql(server, "postgres", f"SELECT count(*) FROM aclexplode(({acl})) WHERE grantee = 0")
        assert everyones == "0", "PUBLIC has rights on the database"


def test_a_connection_without_tls_is_refused(stored: list[tuple[Deployed, Box]]) -> None:
    for service, _ in stored:
        refused = ask(service, sslmode="disable").get("error", "it was let in")
        assert "no pg_hba.conf entry" in refused
        assert "no encryption" in refused


def test_a_server_that_can_not_prove_its_name_gets_no_password(stored: list[tuple[Deployed, Box]]) -> None:
    for service, server in stored:
        stranger = ask(service, sslrootcert="/etc/ssl/certs/ca-certificates.crt").get("error", "it was trusted")
        assert "certificate verify failed" in stranger
        misnamed = ask(service, host=f"other.{server.domain}").get("error", "it was trusted")
        assert "does not match host name" in misnamed


def test_a_wrong_password_is_refused(stored: list[tuple[Deployed, Box]]) -> None:
    for service, _ in stored:
        assert "password authentication failed" in ask(service, **{"password": "wrong"}).get("error", "it was let in")


def test_the_password_is_nowhere_on_the_database_server(stored: list[tuple[Deployed, Box]]) -> None:
    passwords = {(service.name, server): password(service) for service, server in stored}
    for (name, server), value in passwords.items():
        assert len(value) >= 20
        # Its catalog, which root alone reads, has the verifier made from it; nothing has the password itself.
        script = (
            "umask 077; cat > /run/marker; find / -xdev -type f ! -path '/run/*' ! -path '/proc/*' ! -path '/sys/*'"
            " -print0 | xargs -0 grep -lFf /run/marker 2>/dev/null; journalctl --no-pager -q | grep -cFf /run/marker;"
            " rm -f /run/marker"
        )
        found = ssh.run(server, ["sh", "-c", script], stdin=value + "\n", check=False).stdout.split()
        assert found == ["0"], f"the password of {name} stands on {server.name}"
        stored_there = [
            puppetdb.query(FLEET, f'catalogs {{ certname = "{server.certname}" }}'),
            puppetdb.query(FLEET, f'reports {{ certname = "{server.certname}" }}'),
        ]
        assert value not in str(stored_there)
        assert "SCRAM-SHA-256$" not in str(stored_there)


def test_nobody_but_postgres_reads_the_servers_key(stored: list[tuple[Deployed, Box]]) -> None:
    for server in {server for _, server in stored}:
        node = connect(server)
        key = node.file("/etc/postgresql/tls/key.pem")
        assert (key.user, key.group, oct(key.mode)) == ("root", "postgres", "0o640")
        assert node.run("runuser -u nobody -- cat /etc/postgresql/tls/key.pem").rc != 0


def test_two_nodes_that_migrate_at_once_migrate_once(stored: list[tuple[Deployed, Box]]) -> None:
    by_name: dict[str, list[tuple[Deployed, Box]]] = {}
    for service, server in stored:
        if service.from_template:
            by_name.setdefault(service.name, []).append((service, server))
    shared = [pairs for pairs in by_name.values() if len(pairs) > 1]
    assert shared, "no service runs on two nodes: there is nothing to test"
    pairs = shared[0]
    name, server = pairs[0][0].name, pairs[0][1]

    def migrate(service: Deployed) -> process.Result:
        variable = f"{name.upper().replace('-', '_')}_CONFIG"
        script = MIGRATE.format(config=config_path(service), name=name, variable=variable)
        return ssh.run(service.box, ["sh", "-c", script], check=False)

    sql(server, name, f'CREATE SCHEMA probe AUTHORIZATION "{name}"')
    try:
        with ThreadPoolExecutor() as pool:
            results = list(pool.map(migrate, [service for service, _ in pairs]))
        assert [result.returncode for result in results] == [0] * len(pairs), [result.stderr for result in results]
        assert sql(server, name, "SELECT count(*) FROM probe.alembic_version") == "1"
        # Each migration fills its tables: one that was run twice would have done so twice, or failed.
        rows = [sql(server, name, f"SELECT count(*) FROM {schema}.items") for schema in ("probe", "public")]
        assert 0 < int(rows[0]) <= int(rows[1])
    finally:
        sql(server, name, "DROP SCHEMA probe CASCADE")
