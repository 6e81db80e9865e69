"""YAML of experiments: what cannot be read is a problem of the experiment."""

from ..records import YamlDocument as Document
from ..records import YamlError, parse_yaml
from ._errors import SpecError


def parse(text: str, source: str) -> Document:
    """The only document of a text; an empty text is None. Raises `SpecError`."""
    try:
        return parse_yaml(text, source)
    except YamlError as error:
        raise SpecError(str(error)) from error
