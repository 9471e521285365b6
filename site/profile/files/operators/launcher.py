#!/usr/bin/python3 -I
"""Starts a program of the people who work on the machines, by its own name: see docs/operators.md.

Isolated (-I): no variable, user or working directory adds code to what root runs.
"""

import sys
from pathlib import Path

sys.path.insert(0, "/usr/local/lib/fleet-operators")

from operators.command_line import main

sys.exit(main(Path(sys.argv[0]).name, sys.argv[1:]))
