"""A secret environment variable reaches the process as it was encrypted, and shows nowhere on the way."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fleet_cli.sandbox import running

from .catalogs import Catalog, Node
from .conftest import Compile

# What means something to systemd, to a shell, to Hiera or to nobody; and all of it together, over several lines.
VALUES = {
    "PLAIN": "geheim",
    "QUOTES": "a'b\"c`d",
    "BACKSLASHES": 'a\\b\\\\c\\nd\\"e\\',
    "DOLLARS": "$HOME ${HOME} $(id) $$",
    "PERCENT": "50% %i %% %n",
    "HIERA": "pa%{}ss%{foo}%{lookup('x')}",
    "COMMENT": "#a ;b =c",
    "UNICODE": "pässwörd \u20ac \U0001f600\u00a0x",
    "CONTROL": "a\tb\x01c\x1bd",
    "LINES": '-----BEGIN KEY-----\nQUJD==\n\n#x\nB="$1"\\\n-----END KEY-----',
    "CARRIAGE": "a\r\nb",
    "LONG": "ü" * 30000,
}
SERVICES = f"""
flask_microservice::services:
  board:
    port: 7010
    application: board:app
    environment: {{TZ: UTC}}
    secret_environment: [{", ".join(VALUES)}]
  open:
    port: 7011
    application: board:app
flask_microservice::versions: {{board: '1.0-1', open: '1.0-1'}}
"""
FILE = "File[/etc/board/secret_environment]"
# The very function of systemd, called as systemd does: prints what it makes of a file, in JSON.
READ = """
import ctypes, glob, json
[library] = glob.glob("/usr/lib/*/systemd/libsystemd-shared-*.so")
systemd, libc = ctypes.CDLL(library), ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
found = ctypes.POINTER(ctypes.c_char_p)()
file = libc.fopen(b"/environment", b"re")
status = systemd.load_env_file(ctypes.c_void_p(file), b"/environment", ctypes.byref(found))
assert status == 0, status
texts = []
while found[len(texts)] is not None:
    texts.append(found[len(texts)])
assert all(systemd.env_assignment_is_valid(text) for text in texts), texts
print(json.dumps(dict(text.decode().split("=", 1) for text in texts)))
"""


@pytest.fixture(scope="module")
def catalog(compile: Compile, encrypt: Callable[[str], str]) -> Catalog:
    values = "".join(f"    {name}: {encrypt(value)}\n" for name, value in (VALUES | {"UNUSED": "geheim"}).items())
    node = Node(
        role="app", tier="test",
        hiera={
            "services/orders.yaml": SERVICES,
            "services/inventory.yaml": "---\n{}\n",
            "secrets/test.yaml": f"---\nflask_microservice::secret_environment:\n  board:\n{values}",
        },
    )  # fmt: skip
    [catalog] = compile([node])
    assert not catalog.error
    return catalog


def unit(catalog: Catalog, name: str) -> list[str]:
    return str(catalog[f"File[/etc/systemd/system/{name}@.service]"]["content"]).splitlines()


def test_systemd_reads_each_value_as_it_was_encrypted(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "environment").write_text(catalog[FILE]["content"], encoding="utf-8", newline="")
    reads = {tmp_path / "environment": "/environment"}
    result = running.run("node", ["python3", "-c", READ], reads=reads)
    assert json.loads(result.stdout) == VALUES


def test_root_alone_reads_the_file_and_no_diff_or_copy_is_made_of_it(catalog: Catalog) -> None:
    file = catalog[FILE]
    assert (file["owner"], file["group"], file["mode"]) == ("root", "root", "0400")
    assert (file["show_diff"], file["backup"]) == (False, False)
    assert "content" in file.sensitive


def test_no_value_is_in_the_catalog_but_where_puppet_hides_it(catalog: Catalog) -> None:
    holders = set()
    for resource in catalog:
        for name, value in resource.parameters.items():
            if "geheim" in str(value) or "BEGIN KEY" in str(value):
                assert name in resource.sensitive, f"{resource.reference} shows {name}"
                holders.add(resource.reference)
    assert {reference for reference in holders if reference.startswith("File[")} == {FILE}


def test_the_unit_names_the_releases_own_copy_and_makes_no_core_dump_of_it(catalog: Catalog) -> None:
    lines = unit(catalog, "board")
    assert "EnvironmentFile=/opt/releases/board/%i/secret_environment" in lines
    assert "LimitCORE=1" in lines
    assert "SecretEnvironment=/etc/board/secret_environment" in lines
    assert lines.index('Environment="TZ=UTC"') < lines.index("[X-Socket]")
    order = [FILE, "File[/etc/systemd/system/board@.service]"]
    assert order[1] in catalog[order[0]].references("before")


def test_a_service_without_such_variables_has_nothing_of_it(catalog: Catalog) -> None:
    assert "File[/etc/open/secret_environment]" not in catalog
    assert not [line for line in unit(catalog, "open") if line.startswith(("EnvironmentFile", "LimitCORE", "Secret"))]


def test_the_define_alone_takes_them_too_and_refuses_what_no_process_can_have(compile: Compile) -> None:
    code = """flask_microservice::service { 'alone':
      port => 7001, version => '1', secret_environment => Sensitive({ 'TOKEN' => "%s" }),
    }"""
    good, bad = compile([Node(code=code % "hush"), Node(code=code % "hush\\n")])
    assert good["File[/etc/alone/secret_environment]"]["content"].endswith('\nTOKEN="hush"\n')
    assert "the secret environment variable TOKEN of service alone has blanks or a line break at its ends" in bad.error
    assert "hush" not in bad.error


def test_bytes_that_are_no_text_are_told_by_key(compile: Compile, eyaml_keys: Path) -> None:
    """Puppet itself says `invalid byte sequence in UTF-8`, and of what is left open."""
    encrypt = ["eyaml", "encrypt", "--stdin", "-o", "string", "--pkcs7-public-key=/keys/public_key.pkcs7.pem"]
    script = f"printf '\\377\\376' | {' '.join(encrypt)}"
    value = running.run("toolbox", ["sh", "-c", script], reads={eyaml_keys: "/keys"}).stdout.strip()
    services = "flask_microservice::services: {board: {port: 1, version: '1', %s}}\n"
    cases = {
        "flask_microservice::secrets (board: app: key)": (
            services % "secrets: {app: [key]}", f"flask_microservice::secrets: {{board: {{app: {{key: '{value}'}}}}}}\n"
        ),
        "flask_microservice::secret_environment (board: TOKEN)": (
            services % "secret_environment: [TOKEN]",
            f"flask_microservice::secret_environment: {{board: {{TOKEN: '{value}'}}}}\n",
        ),
    }  # fmt: skip
    nodes = [
        Node(role="app", tier="test", hiera={
            "services/orders.yaml": declared, "services/inventory.yaml": "---\n{}\n", "secrets/test.yaml": secrets,
        }) for declared, secrets in cases.values()
    ]  # fmt: skip
    for place, catalog in zip(cases, compile(nodes), strict=True):
        assert f"{place} is no text in UTF-8: encrypt it anew as one (" in catalog.error
