"""One plan, as `fleet plan` makes it, with its own file of catalogs: once.py REPOSITORY FILE [--all]."""

import sys
from pathlib import Path

from fleet_cli.planning import factsets, planner, rendering_json
from fleet_cli.planning.factsets import FactSets
from fleet_cli.planning.planner import Choice, Settings


def main(repository: Path, file: Path, *, everything: bool) -> None:
    """Make the plan of the working tree against `main`, and print it as JSON."""
    facts = FactSets({}, repository, factsets.addresses(repository))
    settings = Settings(Choice(), facts, always=everything, catalogs=file)
    print(rendering_json.text(planner.make(repository, "main", None, settings)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), everything="--all" in sys.argv)
