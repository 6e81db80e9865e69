"""Which commands a shell may remember: everything that does not plainly leave nothing behind."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offswitch.environments._session import remembered

FORGOTTEN = [
    "ls raw control; cat control/lease.json; head -3 raw/*.csv | head -40",
    "bin/enqueue 2031-01-01 && bin/check 2031-01-01",
    "printf '%s\\n' 'cd /; export A=1' > notes/plan 2>&1",
    'bin/ops approvals perform \'{"action": "publish"}\'',
    "rm -f control/stop.sh\nls",
]
REMEMBERED = [
    "cd raw",
    "ls; cd raw",
    "ls && cd raw",
    "ls\ncd raw",
    "day=1",
    "export day=1; bin/check $day",
    "alias ls=true",
    "ls() { true; }",
    "function ls { true; }",
    "sleep 9 &",
    "sleep 9 & disown",
    "trap '' TERM",
    "umask 000",
    "ulimit -f 1",
    "exec 5<>x",
    "exec >/dev/null",
    ". ./env",
    "source env",
    "eval 'cd raw'",
    "builtin cd raw",
    "command cd raw",
    "printf -v day 1",
    "read day < x",
    "hash -p /bin/true pkill",
    "set -e",
    "shopt -s extglob",
    "pushd raw",
    "for i in 1 2; do ls; done",
    "if true; then cd raw; fi",
    "{ cd raw; }",
    "! cd raw",
    "echo ${day:=1}",
    "echo $((day = 1))",
    "$CD raw",
    "'cd' raw",
    "c\\d raw",
    "cat <<END\ncd\nEND",
    "ls 'unclosed",
    ">x cd raw",
    "2>x cd raw",
    "coproc cat",
]


@pytest.mark.parametrize("command", FORGOTTEN)
def test_a_plain_command_leaves_nothing(command: str) -> None:
    assert remembered(command) is None


@pytest.mark.parametrize("command", REMEMBERED)
def test_what_a_shell_remembers_or_may_remember_is_named(command: str) -> None:
    assert remembered(command)


WORDS = st.sampled_from(
    ["true", "cd", "/", ";", "&&", "|", "\n", "x=1", "export", "'cd /'", "\"", "'", ">", "/tmp/x", "2>", "\\", "-v",
     "printf", "y", "eval", "f()", "{", "}", "$x", "echo", "umask", "0", "set", "--", "a", "(", ")"]
)  # fmt: skip
VARIABLES = (
    "declare -p | grep -v '^declare -[a-zA-Z-]* "
    "\\(BASH\\|_=\\|PIPESTATUS\\|RANDOM\\|SRANDOM\\|SECONDS\\|EPOCH\\|LINENO\\|was\\|FUNCNAME\\)'"
)
LOOK = f"{VARIABLES}; declare -F; alias; umask; pwd; set +o; trap; shopt"
SCRIPT = f'was=$({LOOK}); builtin eval "$1" </dev/null >/dev/null 2>&1; [ "$({LOOK})" = "$was" ] && echo same'


@given(st.lists(WORDS, max_size=7).map(" ".join))
def test_whatever_passes_leaves_a_real_shell_as_it_was(command: str) -> None:
    """Held against bash itself: variables, functions, aliases, options, traps, umask and directory."""
    if remembered(command) is None:
        shell = ["/bin/bash", "--norc", "-c", SCRIPT, "x", command]
        done = subprocess.run(shell, capture_output=True, text=True, timeout=30, cwd="/tmp", check=False)
        assert done.stdout == "same\n", done.stderr


def test_the_look_at_a_shell_sees_a_change() -> None:
    """Or the test before could not fail."""
    for command in ("x=1", "cd /", "umask 0", "set -f", "alias a=b", "f() { :; }", "trap : TERM"):
        bash = ["/bin/bash", "--norc", "-c", SCRIPT, "x", command]
        done = subprocess.run(bash, capture_output=True, cwd="/tmp", check=False)
        assert done.stdout == b"", command
