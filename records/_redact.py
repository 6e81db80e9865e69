"""Keeping secrets of the harness, such as the provider's key, out of everything that is written."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

MIN_SECRET = 8
"""Characters. A shorter string is no secret, and replacing it would shred the text around it."""


@dataclass(frozen=True)
class Redaction:
    """A text without its secrets, and proof of what it was."""

    text: str
    sha256: str
    """Of the original text, so that whoever holds the original can show that it is the same."""
    names: tuple[str, ...]
    """Names of the secrets that were found, sorted; empty where the text is unchanged."""


class Redactor:
    """Replaces secrets by ``[redacted NAME]``: as they are, reversed, percent-encoded, in hexadecimal and Base64.

    Each of these also as JSON escapes it. Base64 is found at any of its three alignments, so also inside a longer
    encoded text. What is split over lines, compressed or enciphered is not found: the first defence is that the
    agent never gets the secret.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """Secrets by the name that takes their place; `ValueError` for one under `MIN_SECRET` characters."""
        short = sorted(name for name, secret in secrets.items() if len(secret) < MIN_SECRET)
        if short:
            raise ValueError(f"redaction: {', '.join(short)} has under {MIN_SECRET} characters, which is no secret")
        self._names = {form: name for name, secret in secrets.items() for form in _forms_and_escapes(secret)}
        longest_first = sorted(self._names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def finds(self, text: str) -> bool:
        """Whether the text holds any form of a secret."""
        return self._pattern.search(text) is not None

    def redact(self, text: str) -> Redaction:
        """The text with every form of every secret replaced."""
        found = {self._names[match.group()] for match in self._pattern.finditer(text)}
        digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        return Redaction(self._replaced(text), digest, tuple(sorted(found)))

    def json(self, value: Any) -> Any:
        """JSON data with every string and key redacted."""
        if isinstance(value, str):
            return self._replaced(value)
        if isinstance(value, dict):
            return {self._replaced(key): self.json(item) for key, item in cast("dict[str, Any]", value).items()}
        if isinstance(value, list | tuple):
            return [self.json(item) for item in cast("list[Any]", value)]
        return value

    def _replaced(self, text: str) -> str:
        return self._pattern.sub(lambda match: f"[redacted {self._names[match.group()]}]", text)

    def __repr__(self) -> str:
        return f"Redactor({', '.join(sorted(set(self._names.values())))})"


def _forms_and_escapes(secret: str) -> Iterator[str]:
    for form in _forms(secret):
        yield from (form, json.dumps(form, ensure_ascii=False)[1:-1], json.dumps(form)[1:-1])


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode(errors="surrogatepass")
    yield from (secret, secret[::-1], quote(raw, safe=""))
    yield from (raw.hex(), raw.hex().upper())
    for shift in range(3):
        yield from _base64_cores(raw, shift)


def _base64_cores(raw: bytes, shift: int) -> Iterator[str]:
    """The characters that depend on the secret alone when ``shift`` bytes stand before it."""
    first, last = -(-shift * 8 // 6), (shift + len(raw)) * 8 // 6
    padded = bytes(shift) + raw
    yield base64.b64encode(padded).decode()[first:last]
    yield base64.urlsafe_b64encode(padded).decode()[first:last]
