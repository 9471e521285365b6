"""A hiera.yaml that Hiera refuses, or whose layers can never be found, is told before a deploy."""

import pytest
from fleet_cli.repository import yaml_reader
from fleet_cli.validation.checks import hiera_yaml

GOOD = """\
version: 5
defaults:
  datadir: hieradata
  data_hash: yaml_data
hierarchy:
  - name: Nodes
    path: "nodes/%{trusted.certname}.yaml"
  - name: Secrets
    lookup_key: eyaml_lookup_key
    paths: ["%{trusted.extensions.pp_role}.eyaml", common.eyaml]
    options: {pkcs7_private_key: /etc/key}
  - name: Releases
    datadir: "/etc/puppetlabs/code/environments/%{environment}/other"
    mapped_paths: [services, name, "%{name}.yaml"]
  - name: Everything
    path: common.yaml
"""
THERE = {"hieradata", "other"}


def found(text: str) -> list[str]:
    document = yaml_reader.parse(text.encode(), "hiera.yaml")
    return [str(each) for each in hiera_yaml.findings("hiera.yaml", document, THERE.__contains__)]


def test_one_that_hiera_takes_passes() -> None:
    assert found(GOOD) == []


@pytest.mark.parametrize(("old", "new", "place", "said"), [
    ("version: 5", "version: 3", "1:10: wrong-layer", "reads version 5 alone"),
    ("version: 5\n", "", "1:1: wrong-layer", "names no version"),
    ("defaults:", "default:", "2:1: wrong-layer", "did you mean 'defaults'?"),
    ("    path: common.yaml", "    pth: common.yaml", "16:5: wrong-layer", "did you mean 'path"),
    ("    lookup_key:", "    data_hash: yaml_data\n    lookup_key:", "10:17: wrong-layer",
     "'data_hash' and 'lookup_key'"),
    ("    path: common.yaml", "    path: common.yaml\n    glob: '*.yaml'", "17:11: wrong-layer", "'path' and 'glob'"),
    ("name: Everything", "name: Nodes", "15:11: wrong-layer", "line 6 already"),
    ("path: common.yaml", 'path: "nodes/%{trusted.certname}.yaml"', "15:5: wrong-layer", "line 6 reads the same"),
    ("  - name: Everything\n    path", "  - path", "15:5: wrong-layer", "has no name"),
    ("datadir: hieradata", "datadir: hiera", "3:12: wrong-layer", "'hiera' is not there"),
    ("}/other", "}/others", "13:14: wrong-layer", "'others' is not there"),
    ("trusted.certname", "facts.os.famly", "7:11: unknown-interpolation", "did you mean 'family'?"),
    ("extensions.pp_role", "extensions.pp_rol", "10:13: unknown-interpolation", "did you mean 'pp_role'?"),
    ("trusted.certname", "::osfamly", "7:11: unknown-interpolation", "did you mean 'osfamily'?"),
    ("trusted.certname", "hostnmae", "7:11: unknown-interpolation", "did you mean 'hostname'?"),
    ("trusted.certname", "enviroment", "7:11: unknown-interpolation", "did you mean 'environment'?"),
    ("%{trusted.certname}", "%{trusted.certname", "7:11: unknown-interpolation", "is not closed"),
    ("path: common.yaml", "path: [common.yaml]", "16:11: wrong-layer", "'path' is no text"),
    ("path: common.yaml", "paths: common.yaml", "16:12: wrong-layer", "'paths' is no list"),
    ("services, name, ", "services, ", "14:19: wrong-layer", "has 2 parts"),
    ("data_hash: yaml_data", "data_hash: yml_data", "4:14: wrong-layer", "did you mean 'yaml_data'?"),
    ("lookup_key: eyaml_lookup_key", "lookup_key: eyaml_lokup_key", "9:17: wrong-layer", "did you mean 'eyaml_lookup"),
    ("hierarchy:", "default_hierarchy: []\nhierarchy:", "5:1: wrong-layer", "only a module has"),
])  # fmt: skip
def test_a_mistake_is_told_where_it_is(old: str, new: str, place: str, said: str) -> None:
    first = found(GOOD.replace(old, new))[0]
    assert first.startswith(f"hiera.yaml:{place}: ")
    assert said in first


def test_a_layer_that_nothing_reads_is_told() -> None:
    text = "version: 5\ndefaults: {datadir: hieradata}\nhierarchy:\n  - name: All\n    path: common.yaml\n"
    [only] = found(text)
    assert only.startswith("hiera.yaml:4:5: wrong-layer: neither this layer nor 'defaults' says what reads it")


@pytest.mark.parametrize("variable", [
    "osfamily", "::hostname", "os_family", "host_name", "domains", "interface", "cluster", "site", "ipaddress1", "role",
    "profile::tier", "facts.our_own.name",
])  # fmt: skip
def test_what_an_enc_or_a_fact_of_ones_own_may_be_is_none(variable: str) -> None:
    assert found(GOOD.replace("trusted.certname", variable)) == []


def test_functions_of_ones_own_and_a_modules_default_hierarchy_are_none() -> None:
    assert found(GOOD.replace("lookup_key: eyaml_lookup_key", "lookup_key: hiera_vault")) == []
    document = yaml_reader.parse(GOOD.replace("hierarchy:", "default_hierarchy: []\nhierarchy:").encode(), "x")
    assert list(hiera_yaml.findings("modules/x/hiera.yaml", document, THERE.__contains__)) == []
