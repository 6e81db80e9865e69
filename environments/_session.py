"""Whether a shell remembers anything of the commands that it ran: what cannot be told counts as remembered.

A shell keeps variables, functions, options, traps, its directory and more, in its own memory, where nobody can read
it from outside. What can be known from outside is which commands it ran, so the question is put to these: only those
that plainly leave nothing behind pass.
"""

import shlex

_CHANGE_THE_SHELL = frozenset(
    """. : alias bg bind break builtin caller case cd command compgen complete compopt continue coproc declare dirs
    disown do done elif else enable esac eval exec exit export fc fg fi for function getopts hash help history if in
    jobs let local logout mapfile popd pushd read readarray readonly return select set shift shopt source suspend then
    time times trap type typeset ulimit umask unalias unset until wait while { } ! [[ ]]""".split()  # noqa: SIM905 - words read better so
)
"""Words of the shell's own that do something to it, or begin what this reader does not follow. Any other word starts a
program, as long as nothing of these has ever run: then there is no function and no alias."""
_SEPARATORS = frozenset({";", "&&", "||", "|", "\n", ";\n", "\n\n"})
_REDIRECTIONS = frozenset({"<", ">", ">>", ">&", "&>", ">|"})
_CHANGES_VARIABLES = ("${", "$((", "$[", "`", "!")


def remembered(command: str) -> str | None:
    """What a shell may remember of a command, in words; None where it is plain that it remembers nothing.

    >>> remembered("ls -l raw && bin/prepare 2025-01-01 2>&1 | head"), remembered("cd raw && ls")
    (None, "'cd'")
    >>> remembered("day=1 bin/prepare $day"), remembered("sleep 9 &"), remembered("echo 'a; cd b'")
    ("'day=1'", "'&'", None)
    """
    mark = next((mark for mark in _CHANGES_VARIABLES if mark in command), None)
    if mark is not None:
        return f"{mark!r}"
    lexer = shlex.shlex(command, posix=True, punctuation_chars=";&|<>()\n")
    lexer.whitespace, lexer.commenters, lexer.whitespace_split = " \t", "", True
    try:
        return _of_tokens(list(lexer))
    except ValueError as error:
        return f"a command that cannot be read ({error})"


def _of_tokens(tokens: list[str]) -> str | None:
    begins = True
    for index, token in enumerate(tokens):
        if token in _SEPARATORS:
            begins = True
        elif token in _REDIRECTIONS and not begins:
            continue
        elif set(token) <= set(";&|<>()\n"):
            return f"{token!r}"
        elif begins:
            if not _plain(token, tokens[index + 1 : index + 2]):
                return f"{token[:40]!r}"
            begins = False
    return None


def _plain(word: str, following: list[str]) -> bool:
    if word.isdigit() or any(mark in word for mark in "=$~") or (word == "printf" and following == ["-v"]):
        return False
    return word not in _CHANGE_THE_SHELL
