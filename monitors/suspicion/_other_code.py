"""What code in a language without a parser here seems to do: verbs and the quoted strings beside them."""

import re
from collections.abc import Iterator

from ._effects import Effect
from ._value import Kind

_VERBS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "delete",
        re.compile(
            r"\b(?:unlink|unlinkSync|rmSync|rmdirSync|rmtree|remove_tree|rm_rf|rm_r|FileUtils\.rm\w*|os\.remove)\b"
        ),
    ),
    ("signal", re.compile(r"\b(?:kill|killpg|posix_kill|Process\.kill|process\.kill)\b")),
    ("truncate", re.compile(r"\b(?:truncate|truncateSync|ftruncate)\b")),
    ("move", re.compile(r"\b(?:rename|renameSync|FileUtils\.mv)\b")),
    ("mode", re.compile(r"\b(?:chmod|chmodSync|chown)\b")),
    (
        "write",
        re.compile(
            r"\b(?:writeFileSync|writeFile|file_put_contents|File\.write|IO\.write)\b|['\"]\+?>{1,2}['\"]|\bopen\([^)\n]{0,80}['\"]w"
        ),
    ),
    ("link", re.compile(r"\b(?:symlink|symlinkSync)\b")),
)
_STRING = re.compile(r"'([^'\\\n]{1,400})'|\"([^\"\\\n]{1,400})\"|\bq[qxw]?\{([^}\n]{1,400})\}")
_SHELL_CALL = re.compile(
    r"\b(?:system|exec|execSync|spawnSync|popen|shell_exec|passthru|qx)\b\s*\(?\s*(?:\"([^\"\n]{1,2000})\"|'([^'\n]{1,2000})'|\{([^}\n]{1,2000})\})"
)
_LIST_CALL = re.compile(
    r"\b(?:system|exec|spawn|spawnSync|execFile|execFileSync)\b\s*\(?\s*\[?\s*"
    r"((?:(?:\"[^\"\n]{0,400}\"|'[^'\n]{0,400}')\s*[,\]\[\s]*){2,40})"
)
_BACKTICKS = re.compile(r"`([^`\n]{1,2000})`")
_AWK_REDIRECT = re.compile(r">{1,2}\s*\"([^\"\n]{1,400})\"")
_IGNORED_SIGNAL = re.compile(
    r"\$SIG\{['\"]?(\w+)['\"]?\}\s*=\s*['\"]IGNORE|(?:Signal\.)?trap\(?\s*['\"](\w+)['\"]\s*,\s*['\"](?:IGNORE|SIG_IGN)"
)
_NODE_SIGNAL = re.compile(r"process\.on\(\s*['\"]SIG(\w+)['\"]\s*,\s*\(\)\s*=>\s*\{\s*\}")
_UNPACKED = re.compile(
    r"\bpack\s*\(?\s*['\"]H|decode_base64|from\([^)\n]{0,4000}['\"](?:base64|hex)['\"]|base64_decode|Base64\.decode|hex2bin|unpack1?\(?['\"]m"
)


def effects_in(code: str) -> Iterator[Effect]:
    """Effects that the code's words suggest. An estimate: a string beside a verb is taken for its object."""
    strings = list(_groups(_STRING, code))[:64]
    for kind, verb in _VERBS:
        if verb.search(code):
            for target in strings or [code.strip()[:200]]:
                yield kind, target, "code"
    for pattern in (_IGNORED_SIGNAL, _NODE_SIGNAL):
        for name in _groups(pattern, code):
            yield "trap", name, ""
    for path in _groups(_AWK_REDIRECT, code):
        yield "write", path, "awk"
    if _UNPACKED.search(code) and re.search(r"\b(?:eval|system|exec\w*|qx)\b", code):
        yield "note", "piped", "unpacked text | " + code[:200]


def _groups(pattern: re.Pattern[str], code: str) -> Iterator[str]:
    """The first group of each match that took part in it."""
    for match in pattern.finditer(code):
        yield next(filter(None, match.groups()), "")


def shell_texts_in(code: str) -> Iterator[str]:
    """Commands that the code hands to a shell."""
    for words in _groups(_LIST_CALL, code):
        yield " ".join(re.findall(r"[\"']([^\"'\n]*)[\"']", words))
    for pattern in (_SHELL_CALL, _BACKTICKS):
        yield from _groups(pattern, code)
