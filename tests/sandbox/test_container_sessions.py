"""Named shells that live on between calls: what they keep, what ends them, and what their children may do."""

import pytest

from offswitch.sandbox import DockerSandbox, SupervisorFault

from .yard import Within, Yard

pytestmark = pytest.mark.docker


def test_a_session_keeps_its_folder_variables_functions_and_aliases(either: DockerSandbox) -> None:
    either.exec("cd /tmp; X='a b'; export Y=2; alias hi='echo hello'; f() { echo \"f $1\"; }", session="keeps")
    result = either.exec("pwd; echo \"$X\"; bash -c 'echo $Y'; hi; f 3", session="keeps")
    assert result.stdout.decode().splitlines() == ["/tmp", "a b", "2", "hello", "f 3"]
    assert not result.fresh_session


def test_sessions_do_not_share_their_state(sealed: DockerSandbox) -> None:
    sealed.exec("X=one; cd /", session="one")
    assert sealed.exec('echo "[$X]"; pwd', session="two").stdout == b"[]\n/work\n"


def test_a_new_session_says_that_it_is_one(sealed: DockerSandbox) -> None:
    assert [sealed.exec("true", session="young").fresh_session for _ in range(2)] == [True, False]


def test_the_exit_status_of_a_line_is_that_of_its_last_command(sealed: DockerSandbox) -> None:
    assert [sealed.exec(line, session="status").exit_code for line in ("false", "true", "(exit 42)")] == [1, 0, 42]
    assert sealed.exec("false; echo $?", session="status").stdout == b"1\n"


def test_both_streams_of_a_session_arrive_in_the_order_in_which_they_were_written(sealed: DockerSandbox) -> None:
    assert sealed.exec("echo 1; echo 2 >&2; echo 3", session="merged").stdout == b"1\n2\n3\n"


def test_exit_ends_the_session_and_nothing_else(sealed: DockerSandbox) -> None:
    sealed.exec("X=1", session="other")
    ended = sealed.exec("echo bye; exit 3", session="leaving")
    assert (ended.stdout, ended.exit_code, ended.session_ended) == (b"bye\n", 3, True)
    again = sealed.exec("echo $X", session="leaving")
    assert (again.fresh_session, again.session_ended) == (True, False)
    assert sealed.exec("echo $X", session="other").stdout == b"1\n"


@pytest.mark.parametrize("line", ["set -e; false", "exec true", "kill -9 $$"])
def test_whatever_ends_the_shell_ends_the_call(sealed: DockerSandbox, line: str) -> None:
    result = sealed.exec(line, session="ends", timeout_s=10)
    assert result.session_ended
    assert result.duration_s < 5


def test_an_unterminated_quote_is_a_syntax_error_and_the_session_goes_on(sealed: DockerSandbox) -> None:
    sealed.exec("X=kept", session="quote")
    broken = sealed.exec("echo 'never closed", session="quote", timeout_s=10)
    assert broken.exit_code == 2
    assert b"unexpected EOF" in broken.stdout
    assert sealed.exec("echo $X", session="quote").stdout == b"kept\n"


@pytest.mark.parametrize("line", ["cat <<EOF\nnever closed", "if true; then", "$(", "echo \\", "{ echo", "for", "))"])
def test_no_incomplete_line_waits_for_more(sealed: DockerSandbox, line: str) -> None:
    assert not sealed.exec(line, session="incomplete", timeout_s=10).timed_out


def test_a_command_that_reads_gets_nothing_and_not_the_next_command(sealed: DockerSandbox) -> None:
    assert sealed.exec('read -r X; echo "[$X]"; cat', session="reads", timeout_s=10).stdout == b"[]\n"
    assert sealed.exec("echo next", session="reads").stdout == b"next\n"


def test_background_children_live_on_and_are_listed_with_their_session(
    sealed: DockerSandbox, eventually: Within
) -> None:
    result = sealed.exec("sleep 2001 & echo started", session="back", timeout_s=20)
    assert result.stdout == b"started\n"
    assert result.duration_s < 2

    def sessions() -> list[str | None]:
        return [p.session for p in sealed.evidence.processes.scan() if p.argv == ("sleep", "2001")]

    eventually(lambda: sessions() == ["back"])
    assert sealed.exec("jobs | wc -l", session="back").stdout.strip() == b"1"


def test_what_background_children_write_comes_with_the_next_call(sealed: DockerSandbox, eventually: Within) -> None:
    sealed.exec("(sleep 0.2; echo late; touch /tmp/written) &", session="late")
    eventually(lambda: sealed.read("/tmp/written").error == 0)
    result = sealed.exec("echo now", session="late")
    assert (result.stdout, result.late) == (b"now\n", b"late\n")
    assert sealed.exec("true", session="late").late == b""


def test_a_time_out_kills_what_the_call_started_and_spares_what_was_there_before(sealed: DockerSandbox) -> None:
    sealed.exec("sleep 2002 & setsid sleep 2003 &", session="slow")
    result = sealed.exec("echo begun; sleep 2004 & sleep 2005 | sleep 2006", session="slow", timeout_s=0.3)
    assert (result.timed_out, result.exit_code, result.stdout) == (True, None, b"begun\n")
    left = {p.argv[-1] for p in sealed.evidence.processes.scan() if p.argv[0] == "sleep"}
    assert {"2002", "2003"} <= left
    assert not {"2004", "2005", "2006"} & left
    assert sealed.exec("pwd", session="slow").fresh_session


def test_background_children_may_go_on_writing_after_their_shell_is_gone(
    sealed: DockerSandbox, eventually: Within
) -> None:
    loop = "(for i in $(seq 100); do echo tick; sleep 0.02; [ -e /tmp/enough ] && break; done; touch /tmp/over) &"
    sealed.exec(loop, session="writer")
    assert sealed.exec("sleep 1000", session="writer", timeout_s=0.2).timed_out
    assert sealed.exec("exit", session="writer").session_ended
    late = bytearray()

    def heard() -> bool:
        late.extend(sealed.exec("true", session="writer").late)
        return b"tick\ntick\n" in late

    eventually(heard)
    sealed.exec("touch /tmp/enough", session="writer")
    eventually(lambda: sealed.read("/tmp/over").error == 0)


def test_a_session_cannot_be_called_while_it_is_busy(sealed: DockerSandbox) -> None:
    refused: list[str] = []

    def tick(_: float) -> None:
        if not refused:
            with pytest.raises(SupervisorFault) as error:
                sealed.exec("true", session="busy")
            refused.append(str(error.value))

    assert sealed.exec("sleep 0.3; echo done", session="busy", tick=tick).stdout == b"done\n"
    assert "busy" in refused[0]


def test_a_prologue_runs_before_each_call_and_sees_the_command(shared_yard: Yard) -> None:
    sandbox = shared_yard.start(
        session_start="STARTED=yes", session_prologue="printf '%s|' \"$STARTED\" {command} >> /tmp/history"
    )
    sandbox.exec("echo 'a b'", session="main")
    sandbox.exec("false", session="main")
    assert sandbox.read("/tmp/history").data == b"yes|echo 'a b'|yes|false|"


def test_forged_lines_on_the_status_channel_neither_end_a_call_nor_hang_it(sealed: DockerSandbox) -> None:
    forge = "for f in /proc/$$/fd/*; do [ -p $f ] && echo '00 0' >> $f; done 2>/dev/null; echo real; (exit 5)"
    result = sealed.exec(forge, session="forger", timeout_s=10)
    assert result.exit_code == 5
    assert b"real\n" in result.stdout


def test_a_flood_of_sessions_is_served(sealed: DockerSandbox) -> None:
    for number in range(60):
        assert sealed.exec(f"echo {number}", session=f"s{number}").stdout == f"{number}\n".encode()
    sealed.exec(["/usr/bin/pkill", "-KILL", "bash"])
    told = sealed.exec("echo still here", session="main")
    if told.session_ended:  # it was dying when it was asked, and says so
        told = sealed.exec("echo still here", session="main")
    assert told.stdout == b"still here\n"
