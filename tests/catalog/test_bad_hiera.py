"""Whoever declares something impossible is told what, of which service, and where to mend it."""

from dataclasses import dataclass

import pytest

from .catalogs import Catalog, Node
from .conftest import Compile

NOTHING = "---\n{}\n"


@dataclass(frozen=True)
class Case:
    """Services and what goes with them, and the words that the message must have.

    Attributes:
        services, versions, secrets, environment: the values of the Hiera keys, as YAML flow.
        message: the whole message after the place it came from, or parts of it where Puppet words the rest.
    """

    services: str
    message: tuple[str, ...]
    versions: str = "{orders: 1.0-1, inventory: 1.0-1}"
    secrets: str = "{}"
    environment: str = "{}"


CASES = {
    "no version": Case(
        "{orders: {port: 7001}}",
        (
            "flask_microservice can't run the declared services: service orders has no version: "
            "pin one in flask_microservice::versions (orders: 'VERSION') (file:",
        ),
        versions="{inventory: 1.0-1}",
    ),
    "one port twice": Case(
        "{orders: {port: 7001}, inventory: {port: 7001}}",
        (
            "services inventory and orders share port 7001: "
            "give each its own 'port' in flask_microservice::services (file:",
        ),
    ),
    "one socket twice": Case(
        "{orders: {socket: /run/x.sock}, inventory: {socket: /run/x.sock}}",
        ("services inventory and orders share socket /run/x.sock: give each its own 'socket'",),
    ),
    "neither port nor socket": Case(
        "{orders: {workers: 1}}", ("service orders has neither a port nor a socket: give it one",)
    ),
    "both port and socket": Case(
        "{orders: {port: 7001, socket: /run/x.sock}}",
        ("service orders has both a port and a socket: drop one of them",),
    ),
    "upstream without a port": Case(
        "{orders: {port: 7001, upstreams: [inventory]}, inventory: {socket: /run/x.sock}}",
        ("service orders has the upstream inventory, which has a socket and no port to be asked on",),
    ),
    "one package at two versions": Case(
        "{orders: {port: 7001}, orders-eu: {port: 7002, package: orders}}",
        ("services orders and orders-eu run from the package orders at different versions: pin orders once",),
        versions="{orders: 1.0-1, orders-eu: 1.1-1}",
    ),
    "a directive that the module relies on": Case(
        "{orders: {port: 7001, unit: {Service: {NonBlocking: 'no'}}}}",
        ("'services' entry 'orders' entry 'unit'", "NonBlocking"),
    ),
    "unknown upstream": Case(
        "{orders: {port: 7001, upstreams: [inventroy]}}",
        (
            "service orders has the upstream inventroy, which is no service of this node: "
            "mend 'upstreams' in flask_microservice::services (orders) (file:",
        ),
    ),
    "upstream that is absent": Case(
        "{orders: {port: 7001, upstreams: [inventory]}, inventory: {port: 7002, ensure: absent}}",
        ("service orders has the upstream inventory, which is no service of this node",),
    ),
    "upstream in config too": Case(
        "{orders: {port: 7001, upstreams: [inventory], config: {upstreams: {inventory: x}}}, inventory: {port: 7002}}",
        (
            "service orders has inventory both in 'upstreams' and in 'config': "
            "drop one of them in flask_microservice::services (orders) (file:",
        ),
    ),
    "secret without a value": Case(
        "{orders: {port: 7001, secrets: {app: [secret_key]}}}",
        (
            "service orders has the secret secret_key of section app without a value: "
            "add it, encrypted, to flask_microservice::secrets (orders) (file:",
        ),
    ),
    "empty secret": Case(
        "{orders: {port: 7001, secrets: {app: [secret_key]}}}",
        ("service orders has the secret secret_key of section app without a value",),
        secrets="{orders: {app: {secret_key: ''}}}",
    ),
    "secret in config too": Case(
        "{orders: {port: 7001, secrets: {app: [secret_key]}, config: {app: {secret_key: x}}}}",
        (
            "service orders has the secret secret_key of section app in 'config' too, in plain text: "
            "take it from there in flask_microservice::services (orders) (file:",
        ),
        secrets="{orders: {app: {secret_key: hush}}}",
    ),
    "database without a server": Case(
        "{orders: {port: 7001, database: postgresql}}",
        (
            "service orders wants a database, and no server is declared: "
            "say in flask_microservice::database where it is (file:",
        ),
        secrets="{orders: {database: {password: hush}}}",
    ),
    "database without a password": Case(
        "{orders: {port: 7001, database: postgresql}}\n"
        "flask_microservice::database: {host: db.example.test, address: 192.0.2.1, ca_file: /ca.pem}",
        (
            "service orders wants a database without a password: add it, encrypted, to flask_microservice::secrets "
            "(orders: {database: {password: ...}}) (file:",
        ),
    ),
    "database in config too": Case(
        "{orders: {port: 7001, database: postgresql, config: {database: {url: 'sqlite:////x'}}}}\n"
        "flask_microservice::database: {host: db.example.test, address: 192.0.2.1, ca_file: /ca.pem}",
        (
            "service orders wants a database and has its url in 'config' too: "
            "drop one of them in flask_microservice::services (orders) (file:",
        ),
        secrets="{orders: {database: {password: hush}}}",
    ),
    "two mistakes at once": Case(
        "{orders: {port: 7001, upstreams: [nosuch]}}",
        ("service orders has no version", "; service orders has the upstream nosuch"),
        versions="{}",
    ),
    "misspelt key": Case("{orders: {prot: 7001}}", ("'services' entry 'orders'", "unrecognized key 'prot'")),
    "port out of range": Case("{orders: {port: 70000}}", ("'services' entry 'orders' entry 'port'",)),
    "name that is no package's": Case("{Orders: {port: 7001}}", ("'services'", "Flask_microservice::Name", "'Orders'")),
    "no exact version": Case(
        "{orders: {port: 7001}}",
        ("'versions' entry 'orders'", "Flask_microservice::Version", "'latest'"),
        versions="{orders: latest}",
    ),
    "value that would become another key": Case(
        '{orders: {port: 7001, config: {app: {name: "a\\nsecret_key = b"}}}}',
        ("'services' entry 'orders' entry 'config' entry 'app' entry 'name'",),
    ),
    "key without a value": Case(
        "{orders: {port: 7001, config: {app: {name: }}}}",
        ("'services' entry 'orders' entry 'config' entry 'app' entry 'name'", "Undef"),
    ),
    "secret of the wrong shape": Case(
        "{orders: {port: 7001, secrets: {app: [secret_key]}}}",
        (
            "the secret secret_key of section app of service orders is neither text nor number: "
            "encrypt one value in flask_microservice::secrets (orders) (file:",
        ),
        secrets="{orders: {app: {secret_key: [hush]}}}",
    ),
    "secret with a line break inside": Case(
        "{orders: {port: 7001, secrets: {app: [secret_key]}}}",
        (
            "Function Call, flask_microservice can't run the declared services: "
            "the secret secret_key of section app of service orders has a line break in it: "
            "encrypt it anew in one line in flask_microservice::secrets (orders) (file:",
        ),
        secrets='{orders: {app: {secret_key: "hush\\nx = hush"}}}',
    ),
    "secret with blanks at its ends": Case(
        "{orders: {port: 7001, secrets: {app: [secret_key]}}}",
        (
            "the secret secret_key of section app of service orders has blanks or a line break at its ends: "
            "encrypt it anew without in flask_microservice::secrets (orders) (file:",
        ),
        secrets="{orders: {app: {secret_key: ' hush'}}}",
    ),
    "secrets without sections": Case(
        "{orders: {port: 7001, secrets: {app: [secret_key]}}}",
        (
            "the secrets of section secret_key of service orders are no hash of keys: "
            "mend them in flask_microservice::secrets (orders) (file:",
        ),
        secrets="{orders: {secret_key: hush}}",
    ),
    "secrets that are no hash": Case(
        "{orders: {port: 7001, secrets: {app: [secret_key]}}}",
        ("the secrets of service orders are no hash of sections: mend them in flask_microservice::secrets (orders)",),
        secrets="{orders: hush}",
    ),
    "secret that is a number too long": Case(
        "{orders: {port: 7001, secrets: {app: [secret_key]}}}",
        ("the secret secret_key of section app of service orders is a number of more than 64 bits",),
        secrets="{orders: {app: {secret_key: 99999999999999999999}}}",
    ),
    "secret that ends in a no-break space": Case(
        "{orders: {port: 7001, secrets: {app: [secret_key]}}}",
        ("the secret secret_key of section app of service orders has blanks or a line break at its ends",),
        secrets='{orders: {app: {secret_key: "hush\\u00a0"}}}',
    ),
    "secret variable without a value": Case(
        "{orders: {port: 7001, secret_environment: [TOKEN]}}",
        (
            "service orders has the secret environment variable TOKEN without a value: "
            "add it, encrypted, to flask_microservice::secret_environment (orders) (file:",
        ),
    ),
    "secret variable that stands in the open": Case(
        "{orders: {port: 7001, secret_environment: [TOKEN], environment: {TOKEN: x}}}",
        (
            "service orders has the secret environment variable TOKEN in 'environment' too, in plain text: "
            "take it from there in flask_microservice::services (orders) (file:",
        ),
        environment="{orders: {TOKEN: hush}}",
    ),
    "secret variable with a blank after it": Case(
        "{orders: {port: 7001, secret_environment: [TOKEN]}}",
        (
            "Function Call, flask_microservice can't run the declared services: "
            "the secret environment variable TOKEN of service orders has blanks or a line break at its ends: "
            "encrypt it anew without in flask_microservice::secret_environment (orders) (file:",
        ),
        environment="{orders: {TOKEN: 'hush '}}",
    ),
    "secret variable with a NUL": Case(
        "{orders: {port: 7001, secret_environment: [TOKEN]}}",
        ("the secret environment variable TOKEN of service orders has a NUL in it: encrypt it anew without",),
        environment='{orders: {TOKEN: "hush\\0hush"}}',
    ),
    "secret variable longer than Linux takes": Case(
        "{orders: {port: 7001, secret_environment: [TOKEN]}}",
        ("the secret environment variable TOKEN of service orders has more than 30000 characters",),
        environment=f"{{orders: {{TOKEN: {'hush' * 8000}}}}}",
    ),
    "secret variable that is no text": Case(
        "{orders: {port: 7001, secret_environment: [TOKEN]}}",
        ("the secret environment variable TOKEN of service orders is no text: encrypt one in",),
        environment="{orders: {TOKEN: [hush]}}",
    ),
    "secret variable whose name is none": Case(
        "{orders: {port: 7001}}",
        ("service orders has the secret environment variable 'LISTEN_FDS', which can't be one's name",),
        environment="{orders: {LISTEN_FDS: hush}}",
    ),
    "secret environment that is no hash": Case(
        "{orders: {port: 7001, secret_environment: [TOKEN]}}",
        ("the secret environment of service orders is no hash of variables: mend it in flask_micro",),
        environment="{orders: hush}",
    ),
    "variable of this module": Case(
        "{orders: {port: 7001, environment: {FLASK_MICROSERVICE_NAME: x}}}",
        ("'services' entry 'orders' entry 'environment'", "Flask_microservice::Variable"),
    ),
    "variable with a control character": Case(
        '{orders: {port: 7001, environment: {A: "x\\0y"}}}',
        ("'services' entry 'orders' entry 'environment' entry 'A'",),
    ),
    "number that no integer of 64 bits holds": Case(
        "{orders: {port: 7001, config: {app: {size: 9223372036854775808}}}}",
        ("'services' entry 'orders' entry 'config' entry 'app' entry 'size'",),
    ),
    "value that begins with a no-break space": Case(
        '{orders: {port: 7001, config: {app: {name: "\\u00a0a"}}}}',
        ("'services' entry 'orders' entry 'config' entry 'app' entry 'name'",),
    ),
    "deadline that would overflow": Case(
        "{orders: {port: 7001, deadlines: {stop: 9223372036854775807}}}",
        ("'services' entry 'orders' entry 'deadlines' entry 'stop'",),
    ),
    "secret in capitals": Case(
        "{orders: {port: 7001, secrets: {app: [secret_key]}}}",
        ("service orders has the secret 'Secret_Key' in section app: write it in lower case",),
        secrets="{orders: {app: {Secret_Key: hush}}}",
    ),
    "variable that is none": Case(
        "{orders: {port: 7001, config: {app: {name: 'a%{foo}b'}}}}",
        (
            "flask_microservice::services (orders: config: app: name) has '%{foo}', which Hiera can't interpolate: ",
            "if the text itself is meant, write %{literal('%')} in the place of its % (hieradata/services/orders.yaml)",
        ),
    ),
    "function that is none": Case(
        "{orders: {port: 7001, config: {app: {name: \"%{env('HOME')}\"}}}}",
        ("flask_microservice::services (orders: config: app: name) has '%{env('HOME')}', which Hiera can't",),
    ),
    "alias inside of a text": Case(
        "{orders: {port: 7001, config: {app: {name: \"a%{alias('fleet::network')}\"}}}}",
        ("flask_microservice::services (orders: config: app: name) has 'a%{alias('fleet::network')}', which Hiera",),
    ),
    "name of an account": Case(
        "{news: {port: 7001, version: '1.0-1'}}",
        (
            "flask_microservice can't run the declared services: service news can't have that name: "
            "an account or group of the system has it, which would become the service's, and go with it; "
            "choose another one (file:",
        ),
    ),
    "name of an account, of a service that goes": Case(
        "{www-data: {ensure: absent, purge: true}}",
        ("service www-data can't have that name: an account or group",),
    ),
    "name of a unit of this module": Case(
        "{flask-microservice-drain: {port: 7001, version: '1.0-1'}}",
        ("service flask-microservice-drain can't have that name: a unit of the system has it",),
    ),
    "name of a file in /etc": Case(
        "{services: {port: 7001, version: '1.0-1'}}",
        ("service services can't have that name: something in /etc, /var/lib or /var/log has it that is not the",),
    ),
    "package of the system": Case(
        "{orders: {port: 7001, version: '1.0-1', package: python3}}",
        ("service orders can't run from the package python3: the system needs that, and it would go with the service",),
    ),
    "name that is in the way of another one's trials": Case(
        "{orders: {port: 7001}, orders-check: {port: 7002, version: '1.0-1'}}",
        ("service orders-check can't have that name beside orders, whose releases are tried as orders-check@RELEASE",),
    ),
}


@pytest.fixture(scope="module")
def catalogs(compile: Compile) -> dict[str, Catalog]:
    nodes = [
        Node(
            role="app",
            tier="test",
            hiera={
                "services/orders.yaml": f"flask_microservice::services: {case.services}\n",
                "services/inventory.yaml": NOTHING,
                "tiers/test.yaml": f"flask_microservice::versions: {case.versions}\n",
                "secrets/test.yaml": (
                    f"flask_microservice::secrets: {case.secrets}\n"
                    f"flask_microservice::secret_environment: {case.environment}\n"
                ),
            },
        )
        for case in CASES.values()
    ]
    return dict(zip(CASES, compile(nodes), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_mistake_is_explained_and_no_secret_told(name: str, catalogs: dict[str, Catalog]) -> None:
    error = catalogs[name].error
    for part in CASES[name].message:
        assert part in error
    assert "hush" not in error


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith(("secret", "name", "package of"))])
def test_the_message_is_short_and_holds_no_page_of_types(name: str, catalogs: dict[str, Catalog]) -> None:
    error = catalogs[name].error
    assert len(error) < 400, error
    assert "Struct" not in error and "Hash[" not in error
