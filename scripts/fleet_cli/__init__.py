"""The helper beside the control repository: lab, builds, deploys, agent runs, tests."""
