"""Settings of rollouts: they stand where `fleet rollout` reads them, and name tiers that there are."""

from collections.abc import Iterator

from fleet_cli.repository.documents import Pair, items
from fleet_cli.repository.finding import Finding, did_you_mean
from fleet_cli.repository.fleet_data import FleetData
from fleet_cli.repository.layers import Place

PREFIX = "profile::rollout::"
TIERS = f"{PREFIX}tiers"
_LOOKED_UP = ("ENC[", "%{")


def findings(data: FleetData) -> Iterator[Finding]:
    """All that is wrong with the keys of profile::rollout, but for their types."""
    tiers = sorted({*data.tiers, *(machine.tier for machine in data.machines)})
    for file, place in data.places.items():
        for key, pair in data.documents[file].top.items():
            if not key.startswith(PREFIX):
                continue
            if finding := _misplaced(file, place, key, pair):
                yield finding
            elif isinstance(value := pair.node.value, str) and any(mark in value for mark in _LOOKED_UP):
                message = f"{key} is read where nothing is decrypted or interpolated"
                hint = "write the value itself; {token} stands for a secret in a webhook's URL"
                yield Finding(file, pair.node.line, pair.node.column, "rollout-value", message, hint)
            elif key == TIERS and tiers:
                yield from _unknown_tiers(file, pair, tiers)


def _misplaced(file: str, place: Place, key: str, pair: Pair) -> Finding | None:
    needs = {word for word, _ in place.needs}
    if key == TIERS and needs:
        message = f"{key} is the order of all tiers, and {file} is not read for all of them"
    elif needs - {"tier"}:
        message = f"{key} holds for a tier, and {file} is not for a tier or for all"
    else:
        return None
    hint = "put it where all nodes read it, such as common.yaml" if key == TIERS else "put it into the tier's file"
    return Finding(file, pair.line, pair.column, "rollout-layer", message, hint)


def _unknown_tiers(file: str, pair: Pair, tiers: list[str]) -> Iterator[Finding]:
    for item in items(pair.node):
        if isinstance(item.value, str) and item.value not in tiers:
            message = f"'{item.value}' is no tier: no node has it, and no file of Hiera is for it"
            hint = did_you_mean(item.value, tiers) or "tiers: " + ", ".join(tiers)
            yield Finding(file, item.line, item.column, "unknown-tier", message, hint)
