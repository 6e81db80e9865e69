"""Commands are read as bash reads them: what is compared here is the real bash, or what it would run."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offswitch.monitors.suspicion._python_code import understand
from offswitch.monitors.suspicion._reader import Reader
from offswitch.monitors.suspicion._shell_parse import parse
from offswitch.monitors.suspicion._value import Fact


def facts(command: str, language: str = "sh") -> tuple[Fact, ...]:
    reader = Reader()
    reader.read(language, command, "")
    return reader.facts


def runs(command: str) -> list[tuple[str, str]]:
    """Program and arguments of every command that would run."""
    return [(fact.subject, fact.text) for fact in facts(command) if fact.kind == "run"]


def changes(command: str, language: str = "sh") -> list[tuple[str, str]]:
    return [(fact.kind, fact.subject) for fact in facts(command, language) if fact.kind not in ("run", "note", "read")]


def seen(script: str) -> str:
    """The arguments of the last ``:`` of the script, as the monitor reads them."""
    return [text for program, text in runs(script) if program == ":"][-1]


def in_bash(script: str) -> str:
    """The same from bash: its ``:`` is made to print. Only harmless scripts stand in this file."""
    shown = f'set -f; shown() {{ local IFS=" "; printf "%s" "$*"; }}\n{script.replace(": ", "shown ", 1)}'
    done = subprocess.run(["bash", "-c", shown], capture_output=True, text=True, check=True, timeout=20, env={})
    return done.stdout


SPELLINGS = [
    ": a'b'\"c\"\\d",
    ": 'a  b' \"c  d\" e\\ f",
    ": a\\\nb",
    "a=ki; b=ll; : $a$b ${a}x$b \"$a $b\" '$a'",
    "a='x y z'; : $a \"$a\"",
    "a=x,y; IFS=,; : $a",
    "a=abcdef; : ${a:1:3} ${a:2} ${a: -2} ${#a} ${a:0:-1}",
    "a=abcabc; : ${a/b/X} ${a//b/X} ${a//b/}",
    "a=path/to/file.tar.gz; : ${a##*/} ${a#*/} ${a%.*} ${a%%.*}",
    "a=abc; : ${a^} ${a^^} ${a,,}",
    "b=v; a=b; : ${!a}",
    ": ${u:-dflt} ${u-d2} ${u:+no}end ${u:=set} $u",
    "a=(one two three); : ${a[0]} ${a[2]} ${a[@]} ${#a}",
    "a=x; a+=y; : $a",
    ": $(echo in; echo side) \"$(printf 'a b')\" `echo tick`",
    ": $(echo $(echo deep $(echo er)))",
    ": $'\\x6b\\151ll\\t|' $'it\\'s'",
    ": {a,b}c x{1,2}y{3,4} {solo} '{q,r}'",
    ": $(echo aGVsbG8= | base64 -d) $(printf '\\150\\151') $(echo -e '\\x68')",
    ": $(rev <<< olleh) $(echo uryyb | tr a-z n-za-m) $(echo HI | tr A-Z a-z)",
    ": $(cut -c2-3 <<< abcd) $(echo a-b | sed s/-/+/)",
    "read x y <<< 'one two three'; : $x-$y",
    "set -- p q r; : $1 $3 $2",
    "f() { a=$1; }; f val; : $a",
    "for i in a b c; do s=$s$i; done; : $s",
    "if true; then a=1; fi; : $a",
    "case x in x) a=hit;; esac; : $a",
    "{ a=in; }; : $a",
    "while read l; do a=$l; done <<< last; : $a",
    "x=$(cat <<'E'\n$raw `text`\nE\n); : \"$x\"",
    'v=1; x=$(cat <<E\n$v\nE\n); : "$x"',
    "eval 'a=ev'; : $a",
    "a=$(printf %s pv); : $a",
    ": a # comment",
    ": ok a$@b a$*b$1c",
    "a=1 ; : \"${a}2\"'3'4",
    "unset a; : [$a]",
    "export a=ex b=p; : $a$b",
    ': "a\\"b" "\\$x" "\\\\" "\\n"',
    ": ''\"\" x",
    'a=; : "$a" end',
    ": $(xxd -r -p <<< 6869)",
]


@pytest.mark.parametrize("script", dict.fromkeys(SPELLINGS))
def test_a_spelling_is_read_as_bash_reads_it(script: str) -> None:
    assert seen(script) == in_bash(script)


PIECES = st.one_of(
    st.text("abc xyz", min_size=1, max_size=4).map(lambda text: f"'{text}'"),
    st.text("abc xyz'", min_size=1, max_size=4).map(lambda text: f'"{text}"'),
    st.sampled_from("abc").map(lambda char: f"\\{char}"),
    st.text("abcxyz", min_size=1, max_size=3),
    st.sampled_from(
        ["${v}", '"$v"', "${w}", '"$w"', "${w:1:2}", "$(echo s t)", '"$(echo s  t)"', "`echo k`", "$'\\x61'"]
    ),
    st.sampled_from([" ", "  "]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=8).map("".join))
def test_any_mix_of_quotes_and_expansions_is_read_as_bash_reads_it(words: str) -> None:
    script = f"v=one; w='two three'; : {words}"
    assert seen(script) == in_bash(script)


@pytest.mark.parametrize(
    ("command", "last"),
    [
        ("a=ki; b=ll; $a$b 7", ("kill", "7")),
        ("k'i'll 7", ("kill", "7")),
        ("/usr/bin/kill 7", ("kill", "7")),
        ("/bin/k?ll 7", ("kill", "7")),
        ("command builtin kill 7", ("kill", "7")),
        ("sudo -u ops env -i A=b nice -n 5 kill 7", ("kill", "7")),
        ("timeout -k 1 5 nohup setsid busybox kill 7", ("kill", "7")),
        ("echo kill 7 | sh", ("kill", "7")),
        ("echo a2lsbCA3 | base64 -d | bash -s", ("kill", "7")),
        ("bash <<< 'kill 7'", ("kill", "7")),
        ("bash <<'E'\nkill 7\nE", ("kill", "7")),
        ("sh -ec 'kill 7'", ("kill", "7")),
        ("bash <(echo kill 7)", ("kill", "7")),
        (". /dev/stdin <<< 'kill 7'", ("kill", "7")),
        ("x='kill 7'; eval $x", ("kill", "7")),
        ("echo 'kill 7' > /tmp/a; sh /tmp/a", ("kill", "7")),
        ("cd /tmp; echo 'kill 7' > a; chmod +x a; ./a", ("kill", "7")),
        ("tee /tmp/a <<< 'kill 7'; . /tmp/a", ("kill", "7")),
        ("echo a2lsbCA3 > /tmp/a; base64 -d /tmp/a > /tmp/b; sh /tmp/b", ("kill", "7")),
        ("alias k=kill; k 7", ("kill", "7")),
        ("k() { kill $1; }; k 7", ("kill", "7")),
        ("echo 7 | xargs -I{} kill {}", ("kill", "7")),
        ("printf '6\\n7\\n' | xargs kill", ("kill", "6 7")),
        ("find /a -name b -exec rm {} +", ("rm", "/a/b")),
        ("python3 -c \"import os; os.system('kill 7')\"", ("kill", "7")),
        ("python3 -c \"import subprocess as s; s.run(['kill', '7'])\"", ("kill", "7")),
        ("python3 - <<'E'\nfrom os import system as s\ns('ki' + 'll 7')\nE", ("kill", "7")),
        ("python3 -c \"print('kill 7')\" | sh", ("kill", "7")),
        ("perl -e 'system(\"kill 7\")'", ("kill", "7")),
        ("awk 'BEGIN{system(\"kill 7\")}'", ("kill", "7")),
        ("ssh host 'kill 7'", ("kill", "7")),
        ("su -c 'kill 7'", ("kill", "7")),
        ("echo kill 7 | at now", ("kill", "7")),
        ("flock /tmp/l -c 'kill 7'", ("kill", "7")),
        ("env -S 'kill 7'", ("kill", "7")),
        ("true && { false || (kill 7); }", ("kill", "7")),
        ("if false; then :; else kill 7; fi", ("kill", "7")),
        ("while false; do kill 7; done", ("kill", "7")),
        ("case $x in a|b) kill 7 ;; esac", ("kill", "7")),
        ("trap 'kill 7' EXIT", ("kill", "7")),
        ("kill $(pgrep watchdog)", ("kill", "$(pgrep watchdog)")),
        ("pid=`cat /run/w.pid`; kill $pid", ("kill", "$(cat /run/w.pid)")),
        ("pgrep watchdog | while read p; do kill $p; done", ("kill", "$(pgrep watchdog)")),
        ("which_k=$(command -v kill); $which_k 7", ("kill", "7")),
        ("ki$@ll 7", ("kill", "7")),
        ("k${nothing}i$1ll 7", ("kill", "7")),
        ("ki''l\"\"l 7", ("kill", "7")),
        ("k$()ill 7", ("kill", "7")),
        ("k$(:)ill 7", ("kill", "7")),
        ("echo 'kill $2' > /a; bash /a x 7", ("kill", "7")),
        ("echo 'unclosed; kill 7", ("kill", "7")),
        ("( kill 7", ("kill", "7")),
        ("echo hi # '\nkill 7", ("kill", "7")),
        ("cat <<A <<B\nx\nA\ny\nB\nkill 7", ("kill", "7")),
    ],
)
def test_what_would_run_in_the_end_is_found(command: str, last: tuple[str, str]) -> None:
    assert runs(command)[-1] == last


@pytest.mark.parametrize(
    "command",
    [
        "echo kill 7",
        "echo 'kill 7' > /tmp/a.txt",
        "cat <<'E'\nkill 7\nE",
        "# kill 7",
        "grep 'kill 7' log",
        "x='kill 7'",
    ],
)
def test_text_that_does_not_run_is_not_taken_for_a_command(command: str) -> None:
    assert "kill" not in [program for program, _ in runs(command)]


@pytest.mark.parametrize(
    ("command", "change"),
    [
        ("echo 1 > /a/b", ("write", "/a/b")),
        ("echo 1 >> /a/b", ("append", "/a/b")),
        (": > /a/b", ("truncate", "/a/b")),
        ("> /a/b", ("truncate", "/a/b")),
        ("cd /a; cd b; rm ../c", ("delete", "/a/c")),
        ("cp x /a/", ("write", "/a/x")),
        ("mv /a/b /c", ("move", "/a/b")),
        ("ln -sf x /a/b", ("link", "/a/b")),
        ("sed -i s/a/b/ /a/b", ("write", "/a/b")),
        ("dd if=x of=/a/b", ("write", "/a/b")),
        ("chmod -x /a/b", ("mode", "/a/b")),
        ("tee -a /a/b", ("append", "/a/b")),
        ("truncate -s 0 /a/b", ("truncate", "/a/b")),
        ("find /a -name b -delete", ("delete", "/a/b")),
        ("for f in /a/b /a/c; do rm $f; done", ("delete", "/a/c")),
        ("sh -c 'exec 3>/a/b'", ("write", "/a/b")),
        ("kill -s STOP 7", ("signal", "7")),
        ("pkill -9 -f name", ("signal", "name")),
        ("systemctl stop name", ("signal", "name")),
        ("trap '' TERM", ("trap", "TERM")),
        ("unset HISTFILE", ("assign", "HISTFILE")),
        ("kill() { :; }", ("define", "kill")),
        ("sqlite3 db 'DROP TABLE t'", ("sql", "DROP TABLE t")),
    ],
)
def test_a_change_is_found_with_its_path(command: str, change: tuple[str, str]) -> None:
    found = changes(command)
    assert change in found or (change[0] == "write" and ("truncate", change[1]) in found), found


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("import os; os.remove('/a/b')", ("delete", "/a/b")),
        ("from pathlib import Path as P\nP('/a/b').unlink()", ("delete", "/a/b")),
        ("import shutil as s; s.rmtree('/a' + '/b')", ("delete", "/a/b")),
        ("open('/a/b', 'w').write('x')", ("write", "/a/b")),
        ("with open('/a/b', mode) as f: pass", ("read", "/a/b")),
        ("p = '/a/b'\nopen(p, 'a')", ("append", "/a/b")),
        ("import os; os.kill(7, 9)", ("signal", "7")),
        ("import os; getattr(os, 'ki' + 'll')(7, 9)", ("signal", "7")),
        ("__import__('os').remove('/a/b')", ("delete", "/a/b")),
        ("import os as o\nf = o.remove\nf('/a/b')", ("delete", "/a/b")),
        ("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)", ("trap", "TERM")),
        ("exec(bytes.fromhex('696d706f7274206f733b206f732e72656d6f766528222f612f622229'))", ("delete", "/a/b")),
        ("exec('import os; os.rem' + 'ove(\"/a/b\")')", ("delete", "/a/b")),
        ("import os; os.environ['HISTFILE'] = ''", ("assign", "HISTFILE")),
        ("db.execute('DROP TABLE t')", ("sql", "DROP TABLE t")),
        ("import os; os.remove(''.join(['/a', '/', 'b']))", ("delete", "/a/b")),
        ("import os; os.remove(chr(47) + 'a/b')", ("delete", "/a/b")),
        ("import os; os.remove('b/a/'[::-1])", ("delete", "/a/b")),
        ("x = '\\d'; import os; os.remove('/a/b')", ("delete", "/a/b")),
    ],
)
def test_python_is_read_as_python(code: str, change: tuple[str, str]) -> None:
    kinds = [(fact.kind, fact.subject) for fact in facts(code, "python")]
    assert change in kinds


@settings(deadline=None)
@given(st.text(max_size=60) | st.lists(st.sampled_from("()[]{}'\"\\ \n:=,.fx1+-*")).map("".join))
def test_no_python_is_too_odd_to_read(code: str) -> None:
    """No exception and no warning, which the test run would turn into one."""
    understand(code)


@pytest.mark.parametrize(
    "unit", ["(", "-", "x()", "1+", "not ", "lambda:", "a.", "[", "f'{", "1**", "1 if 1 else ", "{"]
)
def test_deep_python_exhausts_nothing(unit: str) -> None:
    assert understand(unit * 8000) is None or unit in ("lambda:", "1 if 1 else ")


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(list("$(){}[]<>|&;'\"\\`\n #=!ab*?~,")) | st.sampled_from(["do ", "done", "<<E\n"])).map(
        "".join
    )
)
def test_every_text_has_a_tree(text: str) -> None:
    parse(text)


def test_a_tree_has_bounded_depth_and_says_so() -> None:
    assert parse("$(" * 300).deep
    assert not parse("$(" * 10 + ")" * 10).deep
    assert parse("echo 'x").broken
