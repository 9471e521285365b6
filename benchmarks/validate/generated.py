"""A control repository like this one, of any size."""

import shutil
from pathlib import Path

from fleet_cli.validation import puppetfile
from fleet_cli.validation.modules import find

CODE = ("manifests", "modules", "site")
FILES = (".yamllint", "Puppetfile", "environment.conf", "hiera.yaml", "scripts/config_version")
TIERS = ("staging", "canary", "production")

COMMON = """\
---
lookup_options:
  profile::microservices::clients:
    merge: unique
  profile::firewall::rules:
    merge: hash
fleet::network: [10.0.0.0/8]
profile::firewall::ssh_clients: "%{alias('fleet::network')}"
profile::microservices::clients: [10.0.0.1]
profile::puppet_agent::preloaded: true
profile::puppet_ca::path: /etc/ssl/puppet-ca.pem
profile::fleet_repository::url: http://apt.example.org/debian
profile::fleet_repository::suite: fleet
profile::fleet_repository::component: main
profile::fleet_repository::key_source: puppet:///apt/archive-key.asc
"""
SERVICE = """\
---
flask_microservice::services:
  {name}:
    port: {port}
    upstreams: [{upstreams}]
    workers: 4
    config:
      log: {{level: info}}
      http:
        timeout: 2.5
        retries: 3
    limits: {{memory: 512M, tasks: 200}}
    log: {{max_size: 50M, keep: 7}}
"""
NODE = """\
---
# Rack {rack}, place {place}.
profile::base::packages:
  - curl
  - less
  - vim
profile::firewall::rules:
  node_exporter:
    port: 9100
    clients: [10.0.{rack}.7]
flask_microservice::services:
  {service}:
    workers: {workers}
"""


def write(repo: Path, source: Path, nodes: int, services: int) -> None:
    """Write a repository.

    Args:
        repo: a new directory.
        source: the control repository that the code is taken from.
        nodes: how many machines there are, each with a file.
        services: how many services every machine runs.
    """
    repo.mkdir(parents=True)
    (repo / "scripts").mkdir()
    for name in FILES:
        shutil.copy(source / name, repo / name)
    for name in CODE:
        shutil.copytree(source / name, repo / name)
    text = (source / "Puppetfile").read_text(encoding="utf-8")
    for name, directory in find(source, puppetfile.read(text)).directories.items():
        shutil.copytree(directory, repo / "vendor" / name)  # as r10k would
    names = [f"service-{number:03}" for number in range(services)]
    files = {"common.yaml": COMMON, **_services(names), **_tiers(names)}
    machines = []
    for number in range(nodes):
        certname = f"node{number:05}.example.org"
        machines.append(f"{certname}: {{role: app, tier: {TIERS[number % len(TIERS)]}}}\n")
        files[f"nodes/{certname}.yaml"] = NODE.format(
            rack=number // 40, place=number % 40, service=names[number % services], workers=4 + number % 4
        )
    for name, content in files.items():
        file = repo / "hieradata" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    (repo / "nodes.yaml").write_text("---\n" + "".join(machines), encoding="utf-8")


def _services(names: list[str]) -> dict[str, str]:
    """A file each; a service asks the two before it."""
    return {
        f"services/{name}.yaml": SERVICE.format(
            name=name, port=10_000 + number, upstreams=", ".join(names[max(number - 2, 0) : number])
        )
        for number, name in enumerate(names)
    }


def _tiers(names: list[str]) -> dict[str, str]:
    pins = "".join(f"  {name}: '1.0.{number}-1'\n" for number, name in enumerate(names))
    return {f"tiers/{tier}.yaml": f"---\nflask_microservice::versions:\n{pins}" for tier in TIERS}
