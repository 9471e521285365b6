"""What changes on nodes without a word in any catalog: the Ruby that agents run, and what no catalog is made from."""

import re
from collections.abc import Iterable, Iterator

from fleet_cli.planning.catalogs import Catalogs
from fleet_cli.planning.environment import Environment

MOST = 3
_OF_A_TYPE = re.compile(r"/lib/puppet/(?:type/([a-z]\w*)|provider/([a-z]\w*)/\w+)\.rb\Z")
_OF_ALL = re.compile(r"/(?:lib/facter|facts\.d|lib/puppet_x|lib/puppet/(?:util|property|parameter|feature|provider))/")
_FUNCTION = re.compile(r"/lib/puppet/functions/(.+)\.rb\Z")


def notes(base: Catalogs, head: Catalogs) -> Iterator[str]:
    """Say what a plan does not show: code that only nodes run, and nodes that nothing here says a class of."""
    yield from _code(base, head)
    yield from _without_classes(head)


def _code(base: Catalogs, head: Catalogs) -> Iterator[str]:
    before, after = base.environment, head.environment
    changed = sorted({path for path, _ in {*before.files.items()} ^ {*after.files.items()}})
    of_types: dict[str, list[str]] = {}
    of_functions: dict[str, list[str]] = {}
    of_all = []
    for path in _in_modules(changed, (before, after)):
        if (found := _OF_A_TYPE.search(path)) is not None:
            of_types.setdefault(found[1] or found[2], []).append(path)
        elif (found := _FUNCTION.search(path)) is not None:
            of_functions.setdefault(found[1].replace("/", "::"), []).append(path)
        elif _OF_ALL.search(path):
            of_all.append(path)
    everybody = sorted(head.by_certname)
    facts = [path for path in of_all if "/lib/facter/" in path or "/facts.d/" in path]
    if facts:
        yield f"{_names(facts)}: what these facts become is not known before an agent has run, on {_nodes(everybody)}"
    others = [path for path in of_all if path not in facts]
    if others:
        yield f"{_names(others)}: this code is run on {_nodes(everybody)}, and no catalog shows what it does"
    for kind, paths in sorted(of_types.items()):
        where = [name for name in everybody if kind in head.by_certname[name].kinds]
        if where:
            yield f"{_names(paths)}: the type {kind} is this code, on {_nodes(where)}; no catalog shows what it does"
    for name, paths in sorted(of_functions.items()):
        where = [node for node in everybody if name in head.by_certname[node].deferred]
        if where:
            yield f"{_names(paths)}: {name} is called on {_nodes(where)}; no catalog shows what it comes to"


def _in_modules(paths: Iterable[str], environments: Iterable[Environment]) -> Iterator[str]:
    places = {f"{directory}/" for environment in environments for directory in environment.modules.values()}
    for path in paths:
        if path.startswith("lib/") or any(path.startswith(place) for place in places):
            yield f"/{path}" if path.startswith("lib/") else path


def _without_classes(head: Catalogs) -> Iterator[str]:
    its = head.environment
    if not its.modules and not its.below(its.conf.manifest or "manifests"):
        yield (
            f"{its.label} has neither manifests nor modules at its top: if the control repository is a folder of it,"
            " name that one: -C REPOSITORY/FOLDER"
        )
    without = [name for name, one in sorted(head.by_certname.items()) if not one.error and not one.classes]
    if without:
        yield (
            f"{_nodes(without)}: no class is declared there; where an external node classifier or a console declares"
            " them, nodes.yaml may say so: `CERTNAME: {role: …, tier: …, classes: [NAME, …]}`"
        )


def _names(paths: list[str]) -> str:
    return ", ".join(path.removeprefix("/") for path in paths[:MOST]) + (f", … ({len(paths)})" * (len(paths) > MOST))


def _nodes(names: list[str]) -> str:
    shown = ", ".join(names[:MOST])
    return shown if len(names) <= MOST else f"{len(names)} nodes ({shown}, …)"
