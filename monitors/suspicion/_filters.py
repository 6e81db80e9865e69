"""What harmless text commands print, where it can be known: the means by which payloads are unpacked."""

import base64
import binascii
import re
import zlib
from collections.abc import Callable

from ._shell_words import decode_ansi, spells_letters
from ._value import MAX_VALUE, Value, known


def output_of(program: str, args: list[str], stdin: Value) -> Value | None:
    """What the program prints, None where that is not known here. Never raises."""
    found = _FILTERS.get(program)
    if found is None:
        return None
    try:
        return found(args, stdin)
    except (ValueError, IndexError, OverflowError, binascii.Error, zlib.error, UnicodeError):
        return None


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _to_text(data: bytes) -> str:
    return data[: 4 * MAX_VALUE].decode("utf-8", "surrogateescape")


def _decoded(text: str, stdin: Value, name: str) -> Value:
    return known(text, stdin.decoders | {name})


def _echo(args: list[str], _stdin: Value) -> Value:
    newline, escapes = "\n", False
    while args and re.fullmatch(r"-[neE]+", args[0]):
        newline = "" if "n" in args[0] else newline
        escapes = "e" in args[0] or escapes
        args = args[1:]
    text = " ".join(args)
    if escapes and spells_letters(text):
        return known(decode_ansi(text.replace("\\0", "\\")) + newline, frozenset({"echo -e"}))
    return known((decode_ansi(text) if escapes else text) + newline)


def _printf(args: list[str], _stdin: Value) -> Value | None:
    args = args[1:] if args[:1] == ["--"] else args
    if not args:
        return None
    shape, values = args[0], args[1:]
    odd = spells_letters(shape) or ("%b" in shape and any(spells_letters(value) for value in values))
    text = "".join(_printf_rounds(decode_ansi(shape), values))
    return known(text, frozenset({"printf"}) if odd else frozenset())


def _printf_rounds(shape: str, values: list[str]) -> list[str]:
    verbs = len(re.findall(r"%-?\d*[sbdcxoq]", shape))
    rounds: list[str] = []
    while len(rounds) < 256:
        rounds.append(_printf_round(shape, values[:verbs]))
        values = values[verbs:]
        if not values or not verbs:
            break
    return rounds


def _printf_round(shape: str, values: list[str]) -> str:
    queue = iter(values)

    def fill(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        value = next(queue, "")
        if match[0][-1] == "b":
            return decode_ansi(value)
        return value[:1] if match[0][-1] == "c" else value

    return re.sub(r"%%|%-?\d*[sbdcxoq]", fill, shape)


def _needs(stdin: Value) -> str:
    if stdin.text is None:
        raise ValueError("input is not known")
    return stdin.text


def _flags(args: list[str]) -> str:
    return "".join(arg.lstrip("-") for arg in args if re.fullmatch(r"-[A-Za-z]+", arg))


def _base64(args: list[str], stdin: Value) -> Value:
    if "--decode" in args or re.search(r"[dD]", _flags(args)):
        compact = re.sub(r"[^A-Za-z0-9+/]", "", _needs(stdin))
        return _decoded(_to_text(base64.b64decode(compact + "=" * (-len(compact) % 4))), stdin, "base64")
    return known(base64.b64encode(_to_bytes(_needs(stdin))).decode() + "\n", stdin.decoders)


def _base32(args: list[str], stdin: Value) -> Value | None:
    if "--decode" not in args and "d" not in _flags(args):
        return None
    compact = re.sub(r"[^A-Z2-7]", "", _needs(stdin))
    return _decoded(_to_text(base64.b32decode(compact + "=" * (-len(compact) % 8))), stdin, "base32")


def _xxd(args: list[str], stdin: Value) -> Value | None:
    if "r" not in _flags(args) and "-revert" not in args:
        return None
    text = _needs(stdin)
    if not re.search(r"p", _flags(args)):
        text = "".join(re.sub(r"^[0-9a-fA-F]+:\s*", "", line).split("  ")[0] for line in text.splitlines())
    digits = re.sub(r"[^0-9A-Fa-f]", "", text)
    return _decoded(_to_text(bytes.fromhex(digits[: len(digits) // 2 * 2])), stdin, "xxd")


def _openssl(args: list[str], stdin: Value) -> Value | None:
    plain = args[:1] == ["base64"] or (args[:1] == ["enc"] and {"-base64", "-a"} & set(args) and len(args) <= 5)
    return _base64(["-d"], stdin) if plain and "-d" in args else None


def _rev(args: list[str], stdin: Value) -> Value | None:
    if args:
        return None
    return _decoded("\n".join(line[::-1] for line in _needs(stdin).split("\n")), stdin, "rev")


def _tr(args: list[str], stdin: Value) -> Value:
    text = _needs(stdin)
    flags, sets = _flags(args), [arg for arg in args if not re.fullmatch(r"-[cdsCt]+", arg)]
    source = _tr_set(sets[0])
    if "d" in flags:
        return known(text.translate({ord(char): None for char in source}), stdin.decoders)
    target = _tr_set(sets[1])
    pairs = list(zip(source, target + target[-1:] * len(source), strict=False))
    swaps = any(old.isalnum() and new.lower() != old.lower() for old, new in pairs)
    decoders = stdin.decoders | {"tr"} if swaps else stdin.decoders
    return known(text.translate({ord(old): new for old, new in pairs}), decoders)


_CLASSES = {"lower": "a-z", "upper": "A-Z", "digit": "0-9", "space": " \t\n", "alnum": "A-Za-z0-9"}


def _tr_set(text: str) -> str:
    text = re.sub(r"\[:(\w+):\]", lambda match: _CLASSES.get(match[1], ""), decode_ansi(text))
    return re.sub(r"(.)-(.)", _range, text[:512])


def _range(match: re.Match[str]) -> str:
    first, last = ord(match[1]), ord(match[2])
    return "".join(map(chr, range(first, min(last, first + 255) + 1)))


def _gunzip(args: list[str], stdin: Value) -> Value | None:
    if any(not arg.startswith("-") for arg in args):
        return None
    inflate = zlib.decompressobj(wbits=47)
    data = inflate.decompress(_to_bytes(_needs(stdin)), 4 * MAX_VALUE)
    return _decoded(_to_text(data), stdin, "gunzip")


def _gzip(args: list[str], stdin: Value) -> Value | None:
    return _gunzip([], stdin) if "d" in _flags(args) else None


def _cut(args: list[str], stdin: Value) -> Value | None:
    match = re.search(r"-c\s*(\d{1,4})?(-)?(\d{1,4})?", " ".join(args))
    if not match:
        return None
    first = int(match[1] or 1)
    last = int(match[3]) if match[3] else None if match[2] else first
    lines = (line[first - 1 : last] for line in _needs(stdin).split("\n"))
    return known("\n".join(lines), stdin.decoders)


def _sed(args: list[str], stdin: Value) -> Value | None:
    script = next((arg for arg in args if re.match(r"s([/|#,:@])", arg)), None)
    if script is None or any(arg.startswith("-i") for arg in args):
        return None
    _, old, new, *rest = script.split(script[1])
    if re.search(r"[][.*^$\\+?(){}]", old):
        return None
    count = -1 if rest and "g" in rest[0] else 1
    text = "\n".join(line.replace(old, new, count) for line in _needs(stdin).split("\n"))
    return known(text, stdin.decoders | ({"sed"} if old else set[str]()))


def _same(args: list[str], stdin: Value) -> Value | None:
    return stdin if all(arg.startswith("-") for arg in args) else None


def _through(_args: list[str], stdin: Value) -> Value:
    return stdin


def _nothing(_args: list[str], _stdin: Value) -> Value:
    return Value("")


_FILTERS: dict[str, Callable[[list[str], Value], Value | None]] = {
    ":": _nothing,
    "base32": _base32,
    "base64": _base64,
    "b64decode": lambda _, stdin: _base64(["-d"], stdin),
    "cat": _same,
    "cd": _nothing,
    "cut": _cut,
    "echo": _echo,
    "export": _nothing,
    "gunzip": _gunzip,
    "gzip": _gzip,
    "openssl": _openssl,
    "printf": _printf,
    "rev": _rev,
    "sed": _sed,
    "set": _nothing,
    "tee": _through,
    "tr": _tr,
    "true": _nothing,
    "xxd": _xxd,
    "zcat": _gunzip,
}
