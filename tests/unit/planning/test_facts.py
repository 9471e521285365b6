"""Facts and the list of machines come from PuppetDB where it can be asked, and it is said where they do not."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner
from fleet_cli.cli import fleet
from fleet_cli.machine.errors import FleetError
from fleet_cli.planning import factsources
from fleet_cli.planning.factsets import FactSets
from fleet_cli.repository import inventory
from fleet_cli.repository.inventory import Machine

ROWS: list[dict[str, Any]] = [
    {
        "certname": "b.example.org",
        "facts": {"kernel": "Linux", "trusted": {"certname": "b.example.org"}},
        "trusted": {"extensions": {"pp_role": "app", "pp_environment": "staging"}},
    },
    {"certname": "a.example.org", "facts": {"kernel": "Linux"}, "trusted": {"extensions": {"pp_role": "app"}}},
]


class PuppetDB(BaseHTTPRequestHandler):
    """Answers a query of `inventory`, and refuses others."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        known = url.path == "/pdb/query/v4" and parse_qs(url.query)["query"][0].startswith("inventory[certname, ")
        self.send_response(200 if known else 400)
        self.end_headers()
        self.wfile.write(json.dumps(ROWS).encode() if known else b"PQL parse error")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def puppetdb() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), PuppetDB) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def test_the_list_of_machines_is_written_from_what_their_certificates_say(puppetdb: str) -> None:
    result = CliRunner().invoke(fleet, ["nodes", "--puppetdb", puppetdb])
    assert inventory.parse(result.stdout.encode()) == [Machine("b.example.org", "app", "staging")]
    assert "a.example.org: its certificate names no role or no tier: left out" in result.stderr


def test_facts_of_puppetdb_win_and_are_told_apart_from_made_up_ones(puppetdb: str, tmp_path: Path) -> None:
    (tmp_path / "tests/catalog").mkdir(parents=True)
    (tmp_path / "tests/catalog/debian13.json").write_text('{"kernel": "other"}', encoding="utf-8")
    facts = factsources.find(None, tmp_path, puppetdb)
    known, other = Machine("b.example.org", "app", "staging"), Machine("c.example.org", "app", "staging")
    assert facts.of(known) == {"kernel": "Linux"}
    assert facts.of(other)["networking"] == {"hostname": "c", "domain": "example.org", "fqdn": "c.example.org"}
    assert facts.notes([known]) == []
    assert facts.notes([known, other]) == ["1 node (c.example.org): facts of tests/catalog, not of PuppetDB"]
    assert facts.notes([other]) == ["all nodes: facts of tests/catalog, not of PuppetDB"]


def test_a_puppetdb_that_does_not_answer_is_named(puppetdb: str) -> None:
    with pytest.raises(FleetError, match="status 400: PQL parse error"):
        factsources.ask(puppetdb, "nodes {}")
    with pytest.raises(FleetError, match=r"^http://127\.0\.0\.1:1/pdb/query/v4: no PuppetDB that answers"):
        factsources.ask("http://127.0.0.1:1", "nodes {}")


def test_the_fact_set_of_a_machine_wins_over_that_of_its_role(tmp_path: Path) -> None:
    directory = tmp_path / "tests/catalog/facts"
    directory.mkdir(parents=True)
    (directory / "app.json").write_text('{"from": "role"}', encoding="utf-8")
    (directory / "a.example.org.json").write_text('{"from": "machine"}', encoding="utf-8")
    facts = FactSets({}, tmp_path, {"b.example.org": "192.0.2.7"})
    assert facts.of(Machine("a.example.org", "app", "x"))["from"] == "machine"
    other = facts.of(Machine("b.example.org", "app", "x"))
    assert (other["from"], other["networking"]["ip"]) == ("role", "192.0.2.7")


def test_a_machine_without_any_facts_is_named_with_the_files_that_would_do(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"^a\.example\.org: no facts: .*tests/catalog/facts/app\.json"):
        FactSets({}, tmp_path, {}).of(Machine("a.example.org", "app", "x"))


def test_a_fact_set_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "tests/catalog").mkdir(parents=True)
    (tmp_path / "tests/catalog/debian13.json").write_text("kernel: Linux", encoding="utf-8")
    with pytest.raises(FleetError, match=r"debian13\.json: no fact set, a JSON object"):
        FactSets({}, tmp_path, {}).of(Machine("a.example.org", "app", "x"))
