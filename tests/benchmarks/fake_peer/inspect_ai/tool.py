"""Tools."""


def bash() -> str:
    """The one tool."""
    return "bash"
