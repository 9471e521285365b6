#!/usr/bin/python3 -I
"""Starts flask-microservice(8). Isolated (-I): no variable, user or working directory adds code to what root runs."""

import sys

sys.path.insert(0, "/usr/local/lib/flask-microservice")

from flask_microservice.commands import main

sys.exit(main())
