"""Profiles that are shipped, and those of a user."""

from difflib import get_close_matches
from pathlib import Path

from .._errors import ProfileError
from .._escape import visible
from ._model import Profile
from ._read import parsed, read_yaml

_SHIPPED = Path(__file__).parent / "profiles"


def profiles() -> list[str]:
    """Ids of the profiles that are shipped."""
    return sorted(path.stem for path in _SHIPPED.glob("*.yaml"))


def load_profile(name: str | Path) -> Profile:
    """A profile by its id, or a YAML file by its path.

    Raises `ProfileError`, which names the file, the rule and the field.
    """
    text = str(name)
    if text in profiles():
        path = _SHIPPED / f"{text}.yaml"
    elif Path(text).is_file():
        path = Path(text)
    else:
        raise ProfileError(f"profile {visible(text[:200])}: is no file and no profile; {_meant(text)}")
    return parsed(Profile, read_yaml(path, "profile"))


def _meant(text: str) -> str:
    close = get_close_matches(text, profiles(), n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(profiles())}"
