"""What a person is told when a deploy can't be done."""


class DeployError(Exception):
    """A deploy that was not done; the message says what is wrong and what to do. Nothing has changed for any node."""
