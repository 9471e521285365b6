"""Mistakes that people make in a control repository, and what they are to be told."""

from dataclasses import dataclass

from .conftest import Edits

PRODUCTION = "hieradata/tiers/production.yaml"
STAGING = "hieradata/tiers/staging.yaml"
COMMON = "hieradata/common.yaml"
ORDERS = "hieradata/services/orders.yaml"
INVENTORY = "hieradata/services/inventory.yaml"
SERVER = "hieradata/nodes/puppet.fleet.test.yaml"
BALANCER = "hieradata/roles/load_balancer.yaml"

STOCK = "flask_microservice::groups: {stock: ['app[1-2].fleet.test']}\n"
GROUPS = STOCK.replace("[1-2]", "*")


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Attributes:
        edits: what was written.
        at: the file, and the text at whose last place in it the one finding is to be.
        code: its code.
        said: what its message and suggestion have to say.
    """

    edits: Edits
    at: tuple[str, str]
    code: str
    said: tuple[str, ...] = ()


MISTAKES = {
    # Keys
    "a key of a class, misspelt": Mistake(
        {COMMON: ("profile::base::packages:", "profile::base::pakages:")},
        (COMMON, "profile::base::pakages:"), "unknown-key",
        ("profile::base", "did you mean 'profile::base::packages'?"),
    ),
    "a class, misspelt": Mistake(
        {COMMON: ("profile::puppet_agent::preloaded:", "profile::pupet_agent::preloaded:")},
        (COMMON, "profile::pupet_agent::preloaded:"), "unknown-key",
        ("did you mean 'profile::puppet_agent::preloaded'?",),
    ),
    "a key of a module, misspelt": Mistake(
        {PRODUCTION: ("flask_microservice::drain_seconds", "flask_microservice::drain_secs")},
        (PRODUCTION, "flask_microservice::drain_secs:"), "unknown-key",
        ("did you mean 'flask_microservice::drain_seconds'?",),
    ),
    "a key of someone else's module, misspelt": Mistake(
        {PRODUCTION: ("", "postgresql::server::loacale: C\n")},
        (PRODUCTION, "postgresql::server::loacale:"), "unknown-key", ("did you mean 'postgresql::server::locale'?",),
    ),
    "a key that nothing looks up": Mistake(
        {COMMON: ("fleet::network:", "fleet::gateway: 10.77.0.1\nfleet::network:")},
        (COMMON, "fleet::gateway:"), "unknown-key", ("nothing looks it up",),
    ),
    "a key in the file of a role that has not the class": Mistake(
        {"hieradata/roles/app.yaml": ("---", "---\nprofile::database::max_connections: 300")},
        ("hieradata/roles/app.yaml", "profile::database::max_connections:"), "unreachable-key",
        ("roles: app", "it belongs to the role database"),
    ),
    "an option of how to merge, misspelt": Mistake(
        {COMMON: ("merge: unique", "merge: uniqe")}, (COMMON, "uniqe"), "wrong-type", ("did you mean 'unique'?",),
    ),
    "options for a key that is not there": Mistake(
        {COMMON: ("  profile::firewall::rules:", "  profile::firewall::ruls:")},
        (COMMON, "profile::firewall::ruls:"), "unknown-key", ("did you mean 'profile::firewall::rules'?",),
    ),
    "a value from a key that no file has": Mistake(
        {BALANCER: ("fleet::network", "fleet::netwrok")},
        (BALANCER, '"%{alias'), "unknown-lookup", ("did you mean 'fleet::network'?",),
    ),
    # Rollouts
    "a share of nodes that is none": Mistake(
        {STAGING: ("---", "---\nprofile::rollout::batch: 0%")},
        (STAGING, "0%"), "wrong-type", ("Profile::Positive_share",),
    ),
    "a setting of rollouts, misspelt": Mistake(
        {STAGING: ("profile::rollout::no_traffic", "profile::rollout::no_trafic")},
        (STAGING, "profile::rollout::no_trafic:"), "unknown-key", ("did you mean 'profile::rollout::no_traffic'?",),
    ),
    "a word that is none of a setting's": Mistake(
        {STAGING: ("no_traffic: verify_only", "no_traffic: verify-only")},
        (STAGING, "verify-only"), "wrong-type", ("did you mean 'verify_only'?",),
    ),
    "a tier in the order of rollouts that is nowhere": Mistake(
        {COMMON: ("[staging, production]", "[staging, prodution]")},
        (COMMON, "prodution"), "unknown-tier", ("did you mean 'production'?",),
    ),
    "the order of tiers in the file of one": Mistake(
        {STAGING: ("---", "---\nprofile::rollout::tiers: [staging]")},
        (STAGING, "profile::rollout::tiers:"), "rollout-layer", ("common.yaml",),
    ),
    "a setting of rollouts for a role": Mistake(
        {"hieradata/roles/app.yaml": ("---", "---\nprofile::rollout::watch: 5")},
        ("hieradata/roles/app.yaml", "profile::rollout::watch:"), "rollout-layer", ("into the tier's file",),
    ),
    "a setting of rollouts that only Puppet could look up": Mistake(
        {COMMON: ("profile::rollout::tiers:",
                  "profile::rollout::webhook: \"https://%{lookup('profile::puppet_ca::path')}\"\nprofile::rollout::tiers:")},
        (COMMON, '"https://%{lookup'), "rollout-value", ("{token}",),
    ),
    # Placement
    "a certname that no machine has": Mistake(
        {INVENTORY: ("    port: 7002", "    port: 7002\n    nodes: ['*', staging2.fleet.test]")},
        (INVENTORY, "staging2.fleet.test"), "unknown-node",
        ("matches no machine of the fleet", "did you mean 'staging1.fleet.test'?"),
    ),
    "a group, misspelt": Mistake(
        {INVENTORY: ("    port: 7002", "    port: 7002\n    nodes: [stok, '*']"), COMMON: ("", GROUPS)},
        (INVENTORY, "stok"), "unknown-group", ("neither a group nor a certname", "did you mean 'stock'?"),
    ),
    "a group that a tier does not have": Mistake(
        {INVENTORY: ("    port: 7002", "    port: 7002\n    nodes: [stock, '*']"), PRODUCTION: ("", STOCK)},
        (INVENTORY, "stock"), "unknown-group", ("not declared in the tier staging", "stock: [] if no machine is in it"),
    ),
    "a group that nobody uses": Mistake(
        {PRODUCTION: ("", STOCK)}, (PRODUCTION, "stock:"), "unused-group",
        ("no service is placed on the group 'stock'",),
    ),
    "a machine of another tier in a group": Mistake(
        {INVENTORY: ("    port: 7002", "    port: 7002\n    nodes: [stock, '*']"), COMMON: ("", GROUPS),
         STAGING: ("", STOCK.replace("app[1-2]", "app[3-4]"))},
        (STAGING, "'app[3-4].fleet.test'"), "unknown-node", ("matches no machine that reads this file",),
    ),
    "a range that runs backward": Mistake(
        {INVENTORY: ("    port: 7002", "    port: 7002\n    nodes: ['app[2-1].fleet.test', '*']")},
        (INVENTORY, "'app[2-1]"), "wrong-range", ("2-1 runs backward",),
    ),
    "a version of a service that no machine of the tier runs": Mistake(
        {ORDERS: ("    port: 7001\n", "    port: 7001\n    nodes: ['app*']\n")},
        (STAGING, "orders: '1.0.0-1'"), "placed-nowhere", ("runs on no machine of the tier staging",),
    ),
    "an upstream on another machine, with no balancer": Mistake(
        {INVENTORY: ("    port: 7002", "    port: 7002\n    nodes: [app1.fleet.test, 'staging*']"),
         PRODUCTION: ("    address: 10.77.0.51\n", "    address: 10.77.0.51\n    except: [inventory]\n")},
        (ORDERS, "inventory"), "unreachable-upstream",
        ("does not run on app2.fleet.test, and no balancer", "flask_microservice::gateways"),
    ),
    "a port of two services that meet on one machine": Mistake(
        {INVENTORY: ("    port: 7002", "    port: 7001\n    nodes: [app1.fleet.test, 'staging*']")},
        (ORDERS, "port: 7001"), "shared-port", ("share port 7001",),
    ),
    "data in a file, on several machines": Mistake(
        {INVENTORY: ("    port: 7002", "    port: 7002\n    nodes: ['*']"),
         PRODUCTION: ("  inventory: {database: postgresql}\n", "")},
        (INVENTORY, "'*'"), "data-per-node",
        ("keeps its data in a file, and runs on 2 machines of the tier production", "data: per_node"),
    ),
    "a port of two services that meet at the balancer alone": Mistake(
        {ORDERS: ("    port: 7001\n", "    port: 7002\n    nodes: [app1.fleet.test]\n"),
         INVENTORY: ("    port: 7002", "    port: 7002\n    nodes: [app2.fleet.test, 'staging*']"),
         STAGING: ("  orders: '1.0.0-1'\n", "")},
        (ORDERS, "port: 7002"), "shared-port",
        ("the balancer lb1.fleet.test has port 7002 twice, for 'inventory' and 'orders'", f"({INVENTORY}:4)"),
    ),
    "a plain port that a service has": Mistake(
        {BALANCER: ("", "profile::load_balancer::plain_ports: {inventory: 7001}\n")},
        (BALANCER, "inventory: 7001"), "shared-port", ("has port 7001 twice", "'inventory' and 'orders'"),
    ),
    "a plain port that a service has, in a file below another one, where Hiera merges them": Mistake(
        {BALANCER: ("", "profile::load_balancer::plain_ports: {orders: 9001}\n"),
         COMMON: ("lookup_options:\n", "profile::load_balancer::plain_ports: {inventory: 7001}\nlookup_options:\n"
                                       "  profile::load_balancer::plain_ports: {merge: hash}\n")},
        (COMMON, "inventory: 7001"), "shared-port", ("has port 7001 twice", "'inventory' and 'orders'"),
    ),
    "HSTS beside a plain port, in a file below": Mistake(
        {BALANCER: ("", "profile::load_balancer::plain_ports: {orders: 8001}\n"),
         COMMON: ("lookup_options:\n", "profile::load_balancer::hsts_seconds: 300\nlookup_options:\n")},
        (COMMON, "profile::load_balancer::hsts_seconds: 300"), "hsts-and-plain-http",
        ("the ports without TLS of lb1.fleet.test (profile::load_balancer::plain_ports)", "drop one of the two"),
    ),
    "HSTS without TLS": Mistake(
        {BALANCER: ("", "profile::load_balancer::hsts_seconds: 300\nprofile::load_balancer::tls: false\n")},
        (BALANCER, "profile::load_balancer::hsts_seconds: 300"), "hsts-and-plain-http",
        ("the ports without TLS of lb1.fleet.test (profile::load_balancer::tls)",),
    ),
    "HSTS that is no number": Mistake(
        {BALANCER: ("", "profile::load_balancer::hsts_seconds: true\n")},
        (BALANCER, "true"), "wrong-type", ("expected Integer[1], got Boolean true",),
    ),
    "an upstream on another machine that listens on loopback alone": Mistake(
        {INVENTORY: ("    port: 7002", "    port: 7002\n    address: 127.0.0.1\n"
                                       "    nodes: [app1.fleet.test, 'staging*']")},
        (ORDERS, "inventory"), "unreachable-upstream",
        ("does not run on app2.fleet.test, and listens at 127.0.0.1 alone", "mend its 'address'"),
    ),
    "an upstream on another machine that has a socket alone": Mistake(
        {INVENTORY: ("    port: 7002", "    socket: /run/inventory-in.sock\n    nodes: [app1.fleet.test, 'staging*']")},
        (ORDERS, "inventory"), "unreachable-upstream", ("has a socket, and no port to be asked on",),
    ),
    # Types
    "a number in quotes": Mistake(
        {PRODUCTION: ("drain_seconds: 5", "drain_seconds: '5'")},
        (PRODUCTION, "'5'"), "wrong-type", ("expected Integer[0, 86400]", "without quotes: 5"),
    ),
    "a port that is none": Mistake(
        {ORDERS: ("7001", "70001")}, (ORDERS, "70001"), "wrong-type", ("Integer[1, 65535]", "70001"),
    ),
    "a list that is none": Mistake(
        {PRODUCTION: ("balancers: [10.77.0.51]", "balancers: 10.77.0.51")},
        (PRODUCTION, "10.77.0.51\n# It asks"), "wrong-type", ("Array[Stdlib::IP::Address]", "as a list: [10.77.0.51]"),
    ),
    "an address that is none": Mistake(
        {COMMON: ("profile::microservices::clients: [10.77.0.1]", "profile::microservices::clients: [10.77.0.256]")},
        (COMMON, "10.77.0.256"), "wrong-type", ("Stdlib::IP::Address", "'10.77.0.256'"),
    ),
    "a word that is none of those that will do": Mistake(
        {INVENTORY: ("{level: info}", "{level: info}\n    log: {level: warn}")},
        (INVENTORY, "warn"), "wrong-type", ("'warning'", "did you mean 'warning'?"),
    ),
    "yes, where a boolean in quotes is meant": Mistake(
        {COMMON: ("preloaded: true", "preloaded: 'true'")},
        (COMMON, "'true'"), "wrong-type", ("Boolean", "without quotes: true"),
    ),
    "a version without quotes": Mistake(
        {STAGING: ("orders: '1.0.0-1'", "orders: 1.10")},
        (STAGING, "1.10"), "wrong-type", ("Flask_microservice::Version", "Float 1.10", "in quotes: '1.10'"),
    ),
    "a version that is a range": Mistake(
        {STAGING: ("orders: '1.0.0-1'", "orders: '>= 1.0.0'")},
        (STAGING, "'>= 1.0.0'"), "wrong-type", ("Flask_microservice::Version", "'>= 1.0.0'"),
    ),
    "a part of a service's declaration, misspelt": Mistake(
        {ORDERS: ("    upstreams: [inventory]", "    upstream: [inventory]")},
        (ORDERS, "upstream:"), "unknown-key", ("did you mean 'upstreams'?",),
    ),
    "a key that a hash must have, missing": Mistake(
        {PRODUCTION: ("  address: 10.77.0.41\n", "")},
        (PRODUCTION, "host:"), "missing-key", ("'address'", "Stdlib::IP::Address::Nosubnet"),
    ),
    "a name of a service that can't be one": Mistake(
        {"hieradata/services/billing.yaml": ("", "---\nflask_microservice::services:\n"
         "  Billing: {port: 7003, version: '1.0-1'}\n")},
        ("hieradata/services/billing.yaml", "Billing:"), "wrong-type", ("Flask_microservice::Name", "'Billing'"),
    ),
    # Services
    "a service in a tier's versions, misspelt": Mistake(
        {PRODUCTION: ("  inventory: '1.0.0-1'", "  inventory: '1.0.0-1'\n  inventroy: '1.0.0-1'")},
        (PRODUCTION, "inventroy:"), "unknown-service",
        ("'inventroy' is no declared service", "did you mean 'inventory'?"),
    ),
    "a service in a tier's declarations, misspelt": Mistake(
        {PRODUCTION: ("  orders: {database: postgresql}", "  ordres: {workers: 4}")},
        (PRODUCTION, "ordres:"), "unknown-service", ("'ordres'", "did you mean 'orders'?"),
    ),
    "a service without a version in a tier": Mistake(
        {STAGING: ("  orders: '1.0.0-1'\n", "")},
        (ORDERS, "orders:"), "no-version", ("tier staging", f"pin it in {STAGING}: orders: 'VERSION'"),
    ),
    "a new service without any version": Mistake(
        {"hieradata/services/billing.yaml": ("", "---\nflask_microservice::services:\n  billing: {port: 7003}\n"),
         PRODUCTION: ("  inventory: '1.0.0-1'", "  inventory: '1.0.0-1'\n  billing: '1.0.0-1'")},
        ("hieradata/services/billing.yaml", "billing:"), "no-version", ("'billing'", "tier staging"),
    ),
    "two services on one port": Mistake(
        {ORDERS: ("7001", "7002")},
        (ORDERS, "port:"), "shared-port",
        ("'inventory' and 'orders' share port 7002", f"({INVENTORY}:4)", "7003 is free"),
    ),
    "two services on one port of one machine": Mistake(
        {"hieradata/nodes/app1.fleet.test.yaml": ("", "---\nflask_microservice::services:\n  orders: {port: 7002}\n")},
        ("hieradata/nodes/app1.fleet.test.yaml", "port:"), "shared-port", ("share port 7002",),
    ),
    "a service with neither port nor socket": Mistake(
        {"hieradata/services/billing.yaml": ("", "---\nflask_microservice::services:\n"
         "  billing: {version: '1.0-1'}\n")},
        ("hieradata/services/billing.yaml", "billing:"), "no-port", ("neither a port nor a socket", "add port: 7003"),
    ),
    "a service with both": Mistake(
        {ORDERS: ("    port: 7001", "    port: 7001\n    socket: /run/orders.sock")},
        (ORDERS, "socket:"), "port-and-socket", ("both",),
    ),
    "an upstream that is not declared": Mistake(
        {ORDERS: ("[inventory]", "[inventry]")},
        (ORDERS, "inventry"), "unknown-service", ("'inventry'", "did you mean 'inventory'?"),
    ),
    "an upstream that is absent in a tier": Mistake(
        {STAGING: ("", "flask_microservice::services:\n  inventory: {ensure: absent}\n")},
        (ORDERS, "inventory"), "unreachable-upstream", ("'inventory' of 'orders' is absent in the tier staging",),
    ),
    "services that wait for each other": Mistake(
        {INVENTORY: ("    port: 7002", "    port: 7002\n    upstreams: [orders]")},
        (INVENTORY, "orders"), "upstream-cycle", ("inventory → orders → inventory",),
    ),
    "an upstream's address written twice": Mistake(
        {ORDERS: ("log: {level: info}", "upstreams: {inventory: 'http://10.0.0.1:7002'}")},
        (ORDERS, "inventory:"), "upstream-twice", ("drop it here",),
    ),
    "a database without a server": Mistake(
        {STAGING: ("", "flask_microservice::services:\n  orders: {database: postgresql}\n")},
        (STAGING, "database:"), "no-database", ("tier staging", "flask_microservice::database"),
    ),
    "a port of the balancer for a service that there is not": Mistake(
        {BALANCER: ("", "profile::load_balancer::plain_ports: {order: 8001}\n")},
        (BALANCER, "order:"), "unknown-service", ("did you mean 'orders'?",),
    ),
    # Machines and layers
    "a role without a class": Mistake(
        {"lab.yaml": ("role: load_balancer", "role: loadbalancer")},
        ("lab.yaml", "loadbalancer"), "unknown-role", ("lb1.fleet.test", "did you mean 'load_balancer'?"),
    ),
    "a tier of which nothing is said": Mistake(
        {"lab.yaml": ("app2, role: app, tier: production", "app2, role: app, tier: prodcution")},
        ("lab.yaml", "prodcution"), "unknown-tier", ("app2.fleet.test", "did you mean 'production'?"),
    ),
    "a machine's file under a wrong name": Mistake(
        {"hieradata/nodes/app1.fleet.tst.yaml": ("", "---\nprofile::base::packages: [vim]\n")},
        ("hieradata/nodes/app1.fleet.tst.yaml", "---"), "unread-file", ("did you mean 'app1.fleet.test'?",),
    ),
    "a file that no layer reads": Mistake(
        {"hieradata/tier/canary.yaml": ("", "---\nprofile::base::packages: [vim]\n")},
        ("hieradata/tier/canary.yaml", "---"), "unread-file", ("no layer of hiera.yaml reads this file",),
    ),
    "a value that every machine has from a higher layer": Mistake(
        {PRODUCTION: ("", "profile::base::packages: [vim]\n"), STAGING: ("", "profile::base::packages: [vim]\n")},
        (COMMON, "profile::base::packages:"), "shadowed-value", ("counts for no machine", PRODUCTION),
    ),
    "a part of a merged hash that a higher layer hides": Mistake(
        {INVENTORY: ("    config:", "    database: postgresql\n    config:"),
         STAGING: ("", "flask_microservice::services:\n  inventory: {ensure: present, database: postgresql}\n"
         "flask_microservice::database: {host: db2.fleet.test, address: 10.77.0.42, ca_file: /etc/ca.pem}\n")},
        (INVENTORY, "database:"), "shadowed-value", ("flask_microservice::services: inventory: database",),
    ),
    "a value that each machine has in a file of its own": Mistake(
        {"hieradata/roles/app.yaml": ("---", "---\nprofile::log_shipping::port: 6515"),
         **{f"hieradata/nodes/{name}.fleet.test.yaml": ("", "---\nprofile::log_shipping::port: 6514\n")
            for name in ("staging1", "app1", "app2")}},
        ("hieradata/roles/app.yaml", "profile::log_shipping::port:"), "shadowed-value", ("hieradata/nodes/",),
    ),
    # Secrets
    "a secret in plain text": Mistake(
        {ORDERS: ("log: {level: info}", "app: {secret_key: hunter2}")},
        (ORDERS, "secret_key:"), "plain-secret", ("'secret_key' of section 'app' is a secret of 'orders'",),
    ),
    "a value in plain text among the secrets": Mistake(
        {"hieradata/secrets/staging.yaml": ("", "---\nflask_microservice::secrets:\n"
         "  orders: {app: {secret_key: hunter2}}\n  inventory: {app: {secret_key: '%{facts.x}'}}\n")},
        ("hieradata/secrets/staging.yaml", "hunter2"), "plain-secret", ("eyaml encrypt",),
    ),
    "a password in a URL": Mistake(
        {ORDERS: ("log: {level: info}", "log: {file: 'redis://orders:hunter2@cache1/0'}")},
        (ORDERS, "file:"), "plain-secret", ("a password in a URL", "under 'secrets' (log: [file])"),
    ),
    "an encrypted value that was cut off": Mistake(
        {"hieradata/secrets/staging.yaml": ("", "---\nflask_microservice::secrets:\n"
         "  orders: {app: {secret_key: 'ENC[PKCS7,MIIBeQYJKoZIhvcNAQcDoIIBajCCAWYC]'}}\n"
         "  inventory: {app: {secret_key: '%{facts.x}'}}\n")},
        ("hieradata/secrets/staging.yaml", "'ENC["), "damaged-eyaml", ("cut off",),
    ),
    "a secret without a value": Mistake(
        {"hieradata/secrets/staging.yaml": ("", "---\nflask_microservice::secrets:\n"
         "  inventory: {app: {secret_key: '%{facts.x}'}}\n")},
        (ORDERS, "secret_key"), "no-secret", ("'orders' has no value in the tier staging",),
    ),
    "a secret in plain text with a percent sign, which no reference is": Mistake(
        {"hieradata/secrets/staging.yaml": ("", "---\nflask_microservice::secrets:\n"
         "  orders: {app: {secret_key: 'pa%{}ss'}}\n  inventory: {app: {secret_key: '%{facts.x}'}}\n")},
        ("hieradata/secrets/staging.yaml", "'pa%{}ss'"), "plain-secret", ("eyaml encrypt",),
    ),
    "a secret variable without a value": Mistake(
        {ORDERS: ("    config:", "    secret_environment: [TOKEN]\n    config:"),
         "hieradata/secrets/staging.yaml": ("", "---\nflask_microservice::secrets:\n  inventory: &any\n"
         "    app: {secret_key: '%{facts.x}'}\n  orders: *any\n")},
        (ORDERS, "TOKEN"), "no-secret", ("the secret variable 'TOKEN' of 'orders' has no value in the tier staging",),
    ),
    "a secret variable, misspelt": Mistake(
        {ORDERS: ("    config:", "    secret_environment: [API_TOKEN]\n    config:"),
         "hieradata/secrets/staging.yaml": ("", "---\nflask_microservice::secrets:\n  inventory: &any\n"
         "    app: {secret_key: '%{facts.x}'}\n  orders: *any\n"
         "flask_microservice::secret_environment:\n  orders: {API_TOKNE: '%{facts.x}'}\n")},
        (ORDERS, "API_TOKEN"), "no-secret", ("did you mean 'API_TOKNE'?",),
    ),
    "a secret variable in plain text among the secrets": Mistake(
        {ORDERS: ("    config:", "    secret_environment: [TOKEN]\n    config:"),
         PRODUCTION: ("", "flask_microservice::secret_environment:\n  orders: {TOKEN: hunter2}\n"
                          "flask_microservice::secrets:\n  orders: &any\n"
                          "    {app: {secret_key: '%{facts.x}'}, database: {password: '%{facts.x}'}}\n"
                          "  inventory: *any\n")},
        (PRODUCTION, "hunter2"), "plain-secret", ("eyaml encrypt",),
    ),
    "a secret variable in the open as well": Mistake(
        {ORDERS: ("    config:", "    secret_environment: [TOKEN]\n    environment: {TOKEN: x}\n    config:")},
        (ORDERS, "TOKEN:"), "plain-secret", ("'TOKEN' is a secret variable of 'orders'", "drop it here"),
    ),
    "an environment variable that is a secret by its name": Mistake(
        {ORDERS: ("    config:", "    environment: {SMTP_PASSWORD: hunter2}\n    config:")},
        (ORDERS, "SMTP_PASSWORD:"), "plain-secret", ("declare it under 'secret_environment' ([SMTP_PASSWORD])",),
    ),
    "a secret variable of a service that there is not": Mistake(
        {"hieradata/nodes/app1.fleet.test.yaml": (
            "", "---\nflask_microservice::secret_environment: {ordres: {TOKEN: '%{facts.x}'}}\n"
                "flask_microservice::secrets:\n  orders: &any\n"
                "    {app: {secret_key: '%{facts.x}'}, database: {password: '%{facts.x}'}}\n  inventory: *any\n")},
        ("hieradata/nodes/app1.fleet.test.yaml", "ordres:"), "unknown-service", ("did you mean 'orders'?",),
    ),
    # Texts and numbers that are not what they look like
    "a value that begins with a no-break space": Mistake(
        {ORDERS: ("log: {level: info}", "log: {file: '\u00a0/var/log/orders.log'}")},
        (ORDERS, "'\u00a0/var"), "wrong-type", ("Flask_microservice::Value",),
    ),
    "a number that no integer of 64 bits holds": Mistake(
        {ORDERS: ("log: {level: info}", "app: {size: 9223372036854775808}")},
        (ORDERS, "9223372036854775808"), "wrong-type", ("in quotes: '9223372036854775808'",),
    ),
    "a variable with a control character": Mistake(
        {ORDERS: ("    config:", '    environment: {ZONE: "a\\vb"}\n    config:')},
        (ORDERS, '"a\\vb"'), "wrong-type", (),
    ),
    # What Hiera interpolates
    "a variable in config that is none": Mistake(
        {ORDERS: ("log: {level: info}", "log: {file: '/var/log/orders/%{foo}.log'}")},
        (ORDERS, "'/var/log/orders/%{foo}.log'"), "unknown-interpolation",
        ("'%{foo}' is no variable, fact or function", "write %{literal('%')}{foo} if", "%{facts.foo} if a fact"),
    ),
    "a percent sign in config that vanishes": Mistake(
        {ORDERS: ("log: {level: info}", "log: {file: '/var/log/orders/%{}.log'}")},
        (ORDERS, "'/var/log/orders/%{}.log'"), "unknown-interpolation", ("write %{literal('%')}{} if the text itself",),
    ),
    "a function in config that is none": Mistake(
        {ORDERS: ("log: {level: info}", "log: {file: \"%{env('HOME')}\"}")},
        (ORDERS, "\"%{env('HOME')}\""), "unknown-interpolation",
        ("calls 'env'", "alias, hiera, literal, lookup, scope"),
    ),
    "an alias that is not the whole value": Mistake(
        {ORDERS: ("log: {level: info}", "log: {file: \"/%{alias('fleet::network')}\"}")},
        (ORDERS, "\"/%{alias('fleet::network')}\""), "unknown-interpolation", ("has to be the whole value",),
    ),
    "a variable in another part of a declaration": Mistake(
        {ORDERS: ("    config:", "    environment: {ZONE: '%{zone}'}\n    config:")},
        (ORDERS, "'%{zone}'"), "unknown-interpolation", ("%{facts.zone} if a fact is",),
    ),
    # Names that the system has
    **{
        f"a service with the name of {what}": Mistake(
            {"hieradata/services/new.yaml": ("", "---\nflask_microservice::services:\n"
             f"  {name}: {{port: 7003, version: '1.0.0-1', package: inventory}}\n")},
            ("hieradata/services/new.yaml", f"{name}:"), "system-name",
            (f"no service can have the name '{name}': {reason}", "choose another one"),
        )
        for what, name, reason in (
            ("Debian's account", "news", "an account or group of the system has it"),
            ("a web server's account", "www-data", "an account or group of the system has it"),
            ("this module's unit", "flask-microservice-drain", "a unit of the system has it"),
            ("systemd's unit", "systemd-networkd", "an account or group of the system has it"),
            ("a file in etc", "services", "something in /etc, /var/lib or /var/log has it"),
        )
    },
    "a service with the name of a package that the system needs": Mistake(
        {"hieradata/services/new.yaml": ("", "---\nflask_microservice::services:\n"
         "  curl: {port: 7003, version: '1.0.0-1', application: 'a:b'}\n")},
        ("hieradata/services/new.yaml", "curl:"), "system-name", ("a package that the system needs has it",),
    ),
    "a package that the system needs": Mistake(
        {"hieradata/services/new.yaml": ("", "---\nflask_microservice::services:\n"
         "  billing: {port: 7003, version: '1.0.0-1', package: python3, application: 'a:b'}\n")},
        ("hieradata/services/new.yaml", "python3"), "system-name", ("the system needs the package 'python3'",),
    ),
    "a service in whose units another one is tried": Mistake(
        {"hieradata/services/new.yaml": ("", "---\nflask_microservice::services:\n"
         "  orders-check: {port: 7003, version: '1.0.0-1', package: inventory}\n")},
        ("hieradata/services/new.yaml", "orders-check:"), "system-name", ("in which releases of 'orders' are tried",),
    ),
    # Config, against the versions that are pinned
    "a setting, misspelt": Mistake(
        {ORDERS: ("log: {level: info}", "log: {levle: info}")},
        (ORDERS, "levle:"), "unknown-setting",
        ("orders 1.0.0-1, pinned in the tier production and the tier staging,", "did you mean 'level'?"),
    ),
    "a setting of a newer version": Mistake(
        {INVENTORY: ("log: {level: info}", "cache: {lifetime: 9}"),
         STAGING: ("inventory: '1.0.0-1'", "inventory: '2.0.0-1'")},
        (INVENTORY, "lifetime:"), "unknown-setting",
        ("inventory 1.0.0-1, pinned in the tier production,", "inventory 2.0.0-1 has it"),
    ),
    "a setting that a newer version needs": Mistake(
        {STAGING: ("orders: '1.0.0-1'", "orders: '2.0.0-1'")},
        (ORDERS, "orders:"), "missing-setting",
        ("orders 2.0.0-1, pinned in the tier staging, needs the setting 'sender'", "orders 1.0.0-1 does without"),
    ),
    "an upstream whose address the service needs": Mistake(
        {ORDERS: ("    upstreams: [inventory]\n", "")},
        (ORDERS, "orders:"), "missing-setting", ("'inventory' in section 'upstreams'", "add upstreams: [inventory]"),
    ),
    "an upstream that the service knows nothing of": Mistake(
        {"hieradata/services/billing.yaml": ("", "---\nflask_microservice::services:\n"
         "  billing: {port: 7003, version: '1.0.0-1', package: inventory, upstreams: [orders]}\n")},
        ("hieradata/services/billing.yaml", "orders"), "unknown-setting",
        ("no setting 'orders' in section 'upstreams'",),
    ),
    "a value that the service does not take": Mistake(
        {ORDERS: ("log: {level: info}", "log: {level: inof}")},
        (ORDERS, "inof"), "wrong-setting",
        ("orders 1.0.0-1, pinned in the tier production and the tier staging, refuses 'level' in section 'log'",
         "'inof' is not one of debug, info, warning, error, critical", "did you mean 'info'?"),
    ),
    "a value that a tier changes to one that the service does not take": Mistake(
        {PRODUCTION: ("orders: {database: postgresql}",
                      "orders: {database: postgresql, config: {log: {file: orders.log}}}")},
        (PRODUCTION, "orders.log"), "wrong-setting",
        ("orders 1.0.0-1, pinned in the tier production, refuses", "'orders.log' is not an absolute path"),
    ),
    "a value that a newer version does not take": Mistake(
        {INVENTORY: ("log: {level: info}", "log: {level: debug}"),
         STAGING: ("inventory: '1.0.0-1'", "inventory: '2.0.0-1'")},
        (INVENTORY, "debug"), "wrong-setting",
        ("inventory 2.0.0-1, pinned in the tier staging, refuses 'level'", "inventory 1.0.0-1 takes it"),
    ),
    "a value that YAML takes for another one": Mistake(
        {ORDERS: ("log: {level: info}", "log: {level: 0x10}")},
        (ORDERS, "0x10"), "wrong-setting", ("'16' is not one of debug", "(YAML reads 0x10 as 16)"),
    ),
    "a version that nobody published": Mistake(
        {STAGING: ("orders: '1.0.0-1'", "orders: '1.0.1-1'")},
        (STAGING, "orders:"), "unpublished-version", ("no orders 1.0.1-1", "it has 1.0.0-1, 2.0.0-1"),
    ),
    # YAML
    "a key twice": Mistake(
        {COMMON: ("", "profile::base::packages: [vim]\n")},
        (COMMON, "profile::base::packages:"), "duplicate-key", ("stands on line", "already",),
    ),
    "a bracket that is not closed": Mistake(
        {PRODUCTION: ("balancers: [10.77.0.51]", "balancers: [10.77.0.51")},
        (PRODUCTION, "[10.77.0.51"), "yaml-syntax", ("before line",),
    ),
    "a date, which Puppet refuses": Mistake(
        {COMMON: ("fleet::network: [10.77.0.0/24]", "fleet::network: [2026-11-25]")},
        (COMMON, "2026-11-25"), "yaml-date", ("quote it: '2026-11-25'",),
    ),
    "an indentation that yamllint does not like": Mistake(
        {COMMON: ("  - less", "  -  less")}, (COMMON, " less"), "yamllint", ("(hyphens)",),
    ),
    # Puppetfile
    "a module without a version": Mistake(
        {"Puppetfile": ("'puppetlabs-concat', '7.3.1'", "'puppetlabs-concat'")},
        ("Puppetfile", "'puppetlabs-concat'"), "unpinned-module",
        ("'puppetlabs-concat'", "pin it: mod 'puppetlabs-concat', '7.3.1'"),
    ),
    "a module at its latest version": Mistake(
        {"Puppetfile": ("'7.3.1'", ":latest")}, ("Puppetfile", ":latest"), "unpinned-module", ("'7.3.1'",),
    ),
    "a module at a range": Mistake(
        {"Puppetfile": ("'9.4.1'", "'>= 9.4.1 < 10.0.0'")},
        ("Puppetfile", "'>= 9.4.1"), "unpinned-module", ("'>= 9.4.1 < 10.0.0' is not one exact version", "'9.4.1'"),
    ),
    "a module of a branch": Mistake(
        {"Puppetfile": ("", "mod 'systemd', git: 'https://git.example.org/systemd.git', branch: 'main'\n")},
        ("Puppetfile", "'main'"), "unpinned-module", ("the branch 'main'", "commit: 'SHA'"),
    ),
    "a module, misspelt": Mistake(
        {"Puppetfile": ("", "mod 'puppetlabs-stdlbi', '9.4.1'\n")},
        ("Puppetfile", "'puppetlabs-stdlbi'"), "unknown-module", ("did you mean 'puppetlabs-stdlib'?",),
    ),
    "a module twice": Mistake(
        {"Puppetfile": ("", "mod 'puppetlabs-stdlib', '9.4.1'\n")},
        ("Puppetfile", "'puppetlabs-stdlib'"), "duplicate-module", ("line 7",),
    ),
    "a module that another one needs in a newer version": Mistake(
        {"Puppetfile": ("'puppetlabs-concat', '7.3.1'", "'puppetlabs-concat', '4.0.0'")},
        ("Puppetfile", "'4.0.0'"), "unmet-dependency",
        ("'puppetlabs-postgresql' needs 'puppetlabs-concat'", "4.0.0 is pinned"),
    ),
    "a line that r10k does not know": Mistake(
        {"Puppetfile": ("moduledir", "modulesdir")},
        ("Puppetfile", "modulesdir"), "puppetfile-syntax", ("'modulesdir'",),
    ),
}  # fmt: skip
