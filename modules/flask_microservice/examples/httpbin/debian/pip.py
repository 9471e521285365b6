"""The pip that dh_virtualenv calls: Debian's, which fills the virtualenv from outside.

One within would be put there first, and taken out again by tidy.py, which takes a sixth of a build's time.
"""

import os
import sys

PYTHON = "/usr/bin/python3"

if __name__ == "__main__":
    os.execv(PYTHON, [PYTHON, "-m", "pip", "--python", sys.executable, *sys.argv[1:]])  # noqa: S606 - no shell
