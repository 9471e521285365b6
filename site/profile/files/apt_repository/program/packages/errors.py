"""What a person is told when packages can't be published."""


class PublishError(Exception):
    """Nothing was published; the message says which file and why."""
