"""Did the model answer that was asked? Only what is plain from the two names counts."""

import re

_FAMILIES = (
    "gpt",
    "claude",
    "gemini",
    "gemma",
    "llama",
    "qwen",
    "mistral",
    "mixtral",
    "codestral",
    "ministral",
    "deepseek",
    "command",
    "grok",
    "phi",
    "nova",
    "kimi",
    "glm",
)
_TIERS = ("nano", "mini", "haiku", "sonnet", "opus")
_SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)b(?![a-z0-9])")
_GENERATION = re.compile(r"\d+")
_DIGITS = 2
"""Of a generation; longer numbers in a name are dates or builds."""


def is_another_model(asked: str, answered: str) -> bool:
    """Whether the name in the answer is clearly of another model: family, generation, tier or size differ.

    Dates, builds, paths and words like "latest" never count, and names of no known family (deployments, aliases)
    are not judged.

    >>> is_another_model("gpt-4o", "gpt-4o-2024-08-06"), is_another_model("gpt-4o", "gpt-4o-mini-2024-07-18")
    (False, True)
    """
    one, other = _base(asked), _base(answered)
    families = _families(one), _families(other)
    if not families[0] or not families[1]:
        return False
    if not families[0] & families[1]:
        return True
    pairs = (_generations(one), _generations(other)), (_sizes(one), _sizes(other))
    if any(left and right and not left & right for left, right in pairs):
        return True
    return _tiers(one) != _tiers(other)


def _base(name: str) -> str:
    """Without the path, the provider and the file's ending."""
    return re.split(r"[/\\]", name.lower().removesuffix(".gguf").rstrip("/"))[-1]


def _families(name: str) -> set[str]:
    found = {family for family in _FAMILIES if family in name}
    return found | ({"o"} if re.match(r"o\d", name) else set())


def _generations(name: str) -> set[str]:
    """The first small number of the name, sizes apart: 4 in ``gpt-4o``, 3 in ``claude-3-5-sonnet``."""
    numbers = (found[0] for found in _GENERATION.finditer(_SIZE.sub("", name)))
    small = next((number for number in numbers if len(number) <= _DIGITS), None)
    return set() if small is None else {small}


def _sizes(name: str) -> set[str]:
    return {found[1] for found in _SIZE.finditer(name)}


def _tiers(name: str) -> set[str]:
    return {tier for tier in _TIERS if re.search(rf"(?<![a-z]){tier}(?![a-z])", name)}
