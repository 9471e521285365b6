"""`python -m fleet_cli`: what scripts/fleet runs."""

from fleet_cli.cli import main

main()
