"""The types of flask_microservice take what is valid, and refuse what would break a node later."""

from typing import Any

import pytest

from .conftest import Compile, taken

VALID: dict[str, list[Any]] = {
    "Name": ["orders", "order-items", "a1", "x" * 32, "s3-proxy-2"],
    "Secrets": [{}, {"orders": {"app": {"secret_key": "pa%{}ss"}}}],
    "System_account": ["root", "www-data", "news", "postgres", "redis", "backup", "systemd-network"],
    "System_unit": ["ssh", "cron", "dbus", "nginx", "systemd", "systemd-logind", "initrd-cleanup", "flask-microservice",
                    "flask-microservice-drain", "puppet-run"],
    "System_directory": ["services", "group", "network", "journal", "ssl", "apt", "private"],
    "System_package": ["python3", "git", "curl", "puppet-agent", "libc-bin"],
    "System_name": ["root", "ssh", "services", "git", "haproxy", "aptly", "puppet"],
    "Version": ["1", "1.0", "1.0.0-1", "2:1.0-1", "1.0~rc1-1", "1.0+git5-0.1", "1.0-rc1-1"],
    "Port": [1, 80, 7001, 65535],
    "Key": ["app", "secret_key", "log.level", "a", "rate-limit", "x2"],
    "Value": ["", "x", "a b", "50%", "#x", "a=b;c", "ü", 0, -1, 2.5, True, False, "a\u00a0b", "a\x1f\u2028\x0bb",
              2**63 - 1, 1 - 2**63],
    "Config": [{}, {"app": {}}, {"app": {"a": 1, "b": "x", "c": True}, "log": {"level": "info"}}],
    "Secret_keys": [{}, {"app": ["secret_key"]}, {"app": ["a", "b"], "db": ["password"]}],
    "Variable": ["A", "_a1", "SECRET_KEY", "FLASK_MICROSERVICE", "FLASK_APP", "NOTIFY_SOCKETS", "LISTEN"],
    "Secret_text": ["x", "a b", "a\nb", "\"'\\$`%{x}#;", "ü\t\x01ü", "x" * 30000, "=", "0"],
    "Secret_environment": [{}, {"orders": {}}, {"orders": {"TOKEN": "pa%{}ss\nword"}}],
    "Application": ["httpbin:app", "shop.wsgi:make()", "_a._b:c1", "shop:make(settings='/etc/shop/x.ini', n=[1, 2])"],
    "Http_path": ["/", "/health/ready", "/status/200", "/a.b_c~d-e/"],
    "Environment": [{}, {"TZ": "UTC", "_A1": "a b=c;%$'\t\u00a0\u2028"}],
    "Limits": [{}, {"memory": "512M", "tasks": 1, "cpu": "250%", "files": 1024}, {"memory": "40%"}, {"memory": "1024"},
               {"memory": "100%"}, {"memory": "16T"}],
    "Directives": [
        {}, {"Service": {"ProtectHome": "read-only", "Nice": 5, "BindPaths": ["/a", "/b"], "ReadWritePaths": ""}},
        {"Unit": {"Documentation": "man:x(1)"}}, {"Service": {"ExecStartPost": "/bin/true"}},
    ],
    "Deadlines": [
        {}, {"ready": 1, "watch": 0, "migrate": 3600, "stop": 1}, {"migrate": 86400, "hang": 86400, "request": 1},
    ],
    "Log": [{}, {"level": "debug", "keep": 0, "max_size": "10M", "max_age": 1}],
    "Node_pattern": ["a", "app1", "app1.example.org", "*", "app[1]", "app[1-3,7].x", "a[01-10/2]b[1,2-3]", "a_b-c"],
    "Group": ["payments", "a", "eu-west", "a_b", "p2"],
    "Groups": [{}, {"payments": []}, {"payments": ["pay[1-2].example.org", "pay9.example.org"]}],
    "Gateways": [
        {}, {"lb1.example.org": {"address": "192.0.2.51", "ca_file": "/etc/ssl/ca.pem"}},
        {"lb1": {"address": "2001:db8::1", "ca_file": "/ca.pem", "only": [], "except": ["orders"], "internal": ["a1"]}},
    ],
    "Base_url": ["http://a", "https://legacy.example.org:8443/api/v1", "http://192.0.2.7:80", "https://[2001:db8::7]/x"],
    "External": [
        {}, {"legacy": {"url": "https://legacy.example.org/api", "addresses": ["192.0.2.80"], "ca_file": "/ca.pem"}},
    ],
    "Database_server": [
        {"host": "db1.example.test", "address": "192.0.2.1", "ca_file": "/etc/ssl/ca.pem"},
        {"host": "db1", "address": "2001:db8::1", "ca_file": "/ca.pem", "port": 5433},
    ],
    "Declaration": [
        {"port": 7001},
        {"socket": "/run/orders.sock", "package": "orders", "keep": 1, "purge": False},
        {"ensure": "absent", "purge": True},
        {"port": 7001, "database": "postgresql"},
        {"port": 7001, "application": "httpbin:app", "health_path": "/status/200"},
        {"port": 7001, "ensure": "absent"},
        {"port": 7001, "nodes": ["payments", "app[1-3].example.org", "*"], "through": "balancer"},
        {"port": 7001, "secret_environment": ["SECRET_KEY"], "environment": {"TZ": "UTC"}},
        {
            "port": 7001, "version": "1.0-1", "address": "::1", "upstreams": ["inventory"], "workers": 1,
            "config": {"a": {"b": 1}}, "secrets": {"a": ["c"]}, "threads": 1, "backlog": 1,
            "peers": ["192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "192.0.2.1:53", "[2001:db8::1]:65535", "[::1]:1"],
        },
    ],
}  # fmt: skip

INVALID: dict[str, list[Any]] = {
    "Name": ["", "a", "Orders", "order_items", "1orders", "-a", "a-", "a--b", "a.b", "a+b", "a b", "x" * 33, "a/b",
             "orders\n", "orders;id"],
    "Secrets": [{"Orders": {}}, {"orders": {"app": "x"}}, {"orders": {"app": {"secret_key": "x\n"}}}, []],
    "System_account": ["orders", "roots", "redis-cache", "systemd"],
    "System_unit": ["orders", "sshx", "systemdx", "initrd", "flask-microservices", "my-flask-microservice", "flask"],
    "System_directory": ["orders", "service", "groups"],
    "System_package": ["orders", "python", "gitea", "redis-cache"],
    "System_name": ["orders", "inventory", "billing", "httpbin", "service-a", "bench-p001", "bench-t050", "x" * 32],
    "Version": ["", "latest", "present", ">= 1.0", "1.*", "1.0 ", " 1.0", "v1.0", "1.0-", "1.0_1", "1.0'", 1.0, 1],
    "Port": [0, -1, 65536, "7001", 1.5],
    "Key": ["", "App", "1a", "a b", "a=b", "a:b", "[a]", "a]", "#a", "a\n", "_a"],
    "Value": [" x", "x ", "\t", " ", "a\nb", "a\rb", "x\n", [], {}, "\u00a0x", "x\u00a0", "x\u2003", "\x1fx", "x\x85",
              "\u2028", "a\0b", 2**63, -(2**63), 1e19],
    "Variable": ["", "1A", "A B", "A=B", "A-B", "Ä", "A\n", "FLASK_MICROSERVICE_NAME", "LISTEN_FDS", "NOTIFY_SOCKET"],
    "Secret_text": ["", " x", "x ", "x\n", "x\r\n", "\u00a0x", "a\0b", "x" * 30001, 1, True, [], {}],
    "Secret_environment": [{"Orders": {}}, {"orders": {"A B": "x"}}, {"orders": {"A": 1}}, {"orders": ["A"]}, []],
    "Config": [{"app": "x"}, {"App": {}}, {"app": {"A": 1}}, {"app": {"a": [1]}}, [], "x"],
    "Secret_keys": [{"app": []}, {"app": "secret_key"}, {"app": {"secret_key": "x"}}, {"App": ["a"]}],
    "Application": ["", "httpbin", "httpbin:", ":app", "a b:app", "a..b:app", "a:b.c", "a:b()()", "a:b(", "a-b:app",
                    "a:app\n", 'a:b(")', "a:b('$x')", "a:b('%n')", "a:b('\\')"],
    "Http_path": ["", "health", "/a b", "/a?b", "/a#b", "/a\n", "http://x/", "/%20"],
    "Environment": [{"1A": "x"}, {"A B": "x"}, {"A": 'a"b'}, {"A": "a\\b"}, {"A": "a\nb"}, {"A": 1}, {"A": "a\0b"},
                    {"A": "a\x0bb"}, {"A": "a\x7f"}, {"FLASK_MICROSERVICE_HEALTH_PATH": "/"}],
    "Limits": [{"memory": "lots"}, {"memory": "1.5G"}, {"cpu": "2"}, {"tasks": 0}, {"files": 3}, {"disk": "1G"},
               {"memory": "400%"}, {"memory": "99999999999999999999"}, {"cpu": "99999999999999999999%"},
               {"tasks": 2**63}, {"files": 2**31}],
    "Directives": [
        {"Install": {"WantedBy": "x"}}, {"Service": {"User": "root"}}, {"Service": {"Sockets": "x"}},
        {"Service": {"Type": "simple"}}, {"Service": {"nice": 1}}, {"Service": {"Nice": "1\nUser=root"}},
        {"Service": {"Nice": []}}, {"Service": {"ExecStartPre": "/bin/true"}}, {"Service": {"Nice": "a\\"}},
        {"Service": {"Nice": "a\0b"}}, {"Service": {"Nice": "a\x1bb"}}, {"Service": {"Nice": 2**64}},
    ],
    "Deadlines": [{"ready": 0}, {"watch": -1}, {"start": 5}, {"ready": "60"}, {"stop": 2**63 - 1}, {"ready": 86401}],
    "Log": [{"level": "loud"}, {"keep": -1}, {"max_size": "0"}, {"max_age": 0}, {"size": "1M"}, {"keep": 2**31},
            {"max_size": "9999999999G"}, {"max_age": 2**31}],
    "Node_pattern": ["", "App1", "a b", "a[", "a]", "a[]", "a[1-]", "a[1,]", "a[a-b]", "a[1-3/0]", "a[3/2]", "a?",
                     "a/b", "a\n", "a[-1]", "a[1--3]", "é", "a[1234567890]", 1, ["a"]],
    "Group": ["", "Payments", "a.b", "1a", "a--b", "*", "a[1]", "-a", "a\n"],
    "Groups": [{"payments": "pay1"}, {"pay.ments": []}, {"payments": ["Pay1"]}, []],
    "Gateways": [
        {"lb1": {"address": "192.0.2.51"}}, {"lb1": {"ca_file": "/ca.pem"}},
        {"l b": {"address": "::1", "ca_file": "/a"}},
        {"lb1": {"address": "192.0.2.0/24", "ca_file": "/ca.pem"}}, {"lb1": {"address": "::1", "ca_file": "ca.pem"}},
        {"lb1": {"address": "::1", "ca_file": "/a", "only": "orders"}},
        {"lb1": {"address": "::1", "ca_file": "/a", "x": 1}},
    ],
    "Base_url": ["", "legacy.example.org", "ftp://a", "http://", "http://a/", "http://a b", "http://a?x=1", "http://a:x",
                 "http://a\n", "http://user@a", "HTTP://a", "http://a/%20"],
    "External": [
        {"legacy": {"url": "http://a"}}, {"legacy": {"url": "http://a", "addresses": []}}, {"legacy": "http://a"},
        {"legacy": {"url": "http://a", "addresses": ["192.0.2.0/24"]}},
        {"Legacy": {"url": "http://a", "addresses": ["::1"]}},
    ],
    "Database_server": [
        {}, {"host": "db1.example.test"}, {"host": "a b", "address": "192.0.2.1", "ca_file": "/ca.pem"},
        {"host": "db1", "address": "192.0.2.0/24", "ca_file": "/ca.pem"},
        {"host": "db1", "address": "192.0.2.1", "ca_file": "ca.pem"},
        {"host": "db1", "address": "192.0.2.1", "ca_file": "/ca.pem", "port": 0},
    ],
    "Declaration": [
        {"port": 7001, "database": "sqlite"}, {"port": 7001, "database": True},
        {"port": 7001, "application": "httpbin"}, {"port": 7001, "health_path": "ready"},
        {"port": 7001, "nodes": []}, {"port": 7001, "nodes": "payments"}, {"port": 7001, "nodes": ["Payments"]},
        {"port": 7001, "through": "lb1"}, {"port": 7001, "through": True},
        {"port": "7001"}, {"prot": 7001}, {"socket": "orders.sock"}, {"port": 7001, "keep": 0},
        {"port": 7001, "log": {"max_size": "10 MB"}}, {"port": 7001, "deadlines": {"start": 5}},
        {"port": 7001, "ensure": "running"}, {"port": 7001, "workers": 0},
        {"port": 7001, "address": "localhost"}, {"port": 7001, "address": "192.0.2.0/24"},
        {"port": 7001, "peers": ["db.example.test"]}, {"port": 7001, "peers": ["192.0.2.1:0"]},
        {"port": 7001, "peers": ["192.0.2.1:65536"]}, {"port": 7001, "peers": ["192.0.2.256:80"]},
        {"port": 7001, "peers": ["[192.0.2.1]:80"]}, {"port": 7001, "peers": ["[1::2::3]:80"]},
        {"port": 7001, "peers": ["192.0.2.0/24:80"]}, {"port": 7001, "peers": ["localhost:80"]},
        {"port": 7001, "upstreams": "inventory"},
        {"port": 7001, "extra": True}, {"port": 7001, "secret_environment": []},
        {"port": 7001, "secret_environment": ["A B"]}, {"port": 7001, "secret_environment": {"A": "x"}},
        {"port": 7001, "workers": 2**63}, {"port": 7001, "threads": 2**31}, {"port": 7001, "backlog": 2**31},
        {"port": 7001, "keep": 2**31},
    ],
}  # fmt: skip

CASES = [
    (name, value, expected)
    for table, expected in ((VALID, True), (INVALID, False))
    for name, values in table.items()
    for value in values
]


@pytest.fixture(scope="module")
def verdicts(compile: Compile) -> dict[str, list[bool]]:
    """What Puppet says of the values of each type, all in one catalog."""
    candidates = {name: [value for of, value, _ in CASES if of == name] for name in VALID}
    return taken(compile, "Flask_microservice", candidates)


@pytest.mark.parametrize(("name", "value", "expected"), CASES)
def test_type_takes_the_valid_and_refuses_the_rest(
    name: str, value: Any, expected: bool, verdicts: dict[str, list[bool]]
) -> None:
    position = [case for case in CASES if case[0] == name].index((name, value, expected))
    assert verdicts[name][position] is expected
