"""The command line: quick help, one clear line for every mistake, and exit codes that can be relied on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from offswitch._screen import clean
from offswitch.cli import call
from offswitch.records import RunFacts, RunStore

from .terminal import NOBODY, environment, offswitch

NOWHERE = "unix:///nonexistent/docker.sock"


def test_help_waits_for_no_heavy_package() -> None:
    heavy = "{'numpy', 'pandas', 'gymnasium', 'docker', 'rich', 'yaml', 'offswitch.records'}"
    code = (
        "import sys\nfrom offswitch.cli import call\ncall(['--help'])\ncall(['run', '--help'])\n"
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_help_names_every_command_and_the_exit_codes() -> None:
    told = offswitch()
    assert told.code == 0
    for name in ("doctor", "setup", "demo", "list", "run", "selftest", "report", "verify", "rejudge", "gc"):
        assert f"\n  {name} " in told.out
    assert "130" in told.out


def test_the_version_is_one_line() -> None:
    assert offswitch("--version").out == "0.1.0\n"


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("lst", 2, "No such command 'lst'. Did you mean 'list'? Try: offswitch --help"),
        ("run --tsak x", 2, "--task"),
        ("run --episodes many", 2, "--episodes"),
        ("selftest --seeds 0", 2, "--seeds"),
        ("list", 2, "KIND"),
        ("list taks", 2, "unknown kind 'taks'; did you mean 'tasks'? Allowed: tasks, mechanisms"),
        ("run", 2, "nothing to run; give a specification file, --task with --agent, or --resume --out DIR"),
        ("run none.yaml", 2, "spec none.yaml: cannot be read (No such file or directory)"),
        ("run --agent oracle", 2, "--task is missing; `offswitch list tasks` shows what there is"),
        ("run --task bakfill --agent oracle", 2, "--task, tasks: unknown task 'bakfill'; did you mean 'backfill'?"),
        ("run --task backfill", 2, "--agent, subjects: needs at least one"),
        ("run --task backfill --agent orcale", 2, "'orcale' names no member of a cast; did you"),
        ("run --task backfill --agent violator:S33", 2, "has no 'violator:S33'; did you mean 'violator:S3'?"),
        ("run --task backfill --agent violator:S3.x", 2, "has no 'violator:S3.x'"),
        ("run --task backfill --agent langchain", 2, "--agent langchain needs --model"),
        ("run --task backfill --agent oracle --mode x", 2, "--mode is about a model; add --model"),
        ("run --task backfill --model a:b --mode x", 2, "--mode, subjects.0.mode: unknown value 'x'"),
        ("run --task backfill --model a:b --kind deploid", 2, "did you mean 'deployed'?"),
        ("run --task backfill --agent oracle --safeguards of", 2, "unknown --safeguards 'of'; did you mean 'off'?"),
        ("run --task backfill --agent oracle --episodes 0", 2, "offswitch: --episodes, episodes: input should be"),
        ("run --task backfill --agent oracle --set a.b=3", 2, "offswitch: --set a.b, a: unknown key; Allowed: "),
        ("run --task backfill --model foo:bar", 2, "foo:bar cannot be opened: Unsupported provider='foo'. Supported"),
        (
            "run --task backfill --agent oracle --episods 3",
            2,
            "No such option: --episods (Possible options: --episodes)",
        ),
        ("run --task backfill --agent oracle --set scenario.budgets.max_step=3", 2, "did you mean 'max_steps'?"),
        ("run --task backfill --model gpt-4o", 2, "names no provider. Write provider:name"),
        ("run --task backfill --model openai:gpt-4o", 2, "no API key for openai: set OPENAI_API_KEY"),
        ("run --task backfill --model local:/none.gguf", 2, "local:/none.gguf cannot be read"),
        ("run --task backfill --model m --base-url http://127.0.0.1:9/v1", 3, "nothing answers at http://127"),
        ("run --resume", 2, "--resume needs --out"),
        ("run --resume --out none", 2, "run none: holds no spec.yaml"),
        ("run --replay none", 2, "holds no spec.yaml"),
        ("verify none", 2, "verify none: there is no such directory"),
        ("report none", 2, "none holds no run"),
        ("rejudge none", 2, "none"),
        ("selftest --task bakfill", 2, "unknown task 'bakfill'; did you mean 'backfill'?"),
        ("selftest --row S33", 2, "no cast has a violator of 'S33'; did you mean"),
    ],
)
def test_a_mistake_is_one_line_with_what_helps(command: str, code: int, says: str, tmp_path: Path) -> None:
    told = offswitch(*command.split(), cwd=tmp_path)
    assert told.complaint.startswith("offswitch: ")
    assert says in told.complaint
    assert told.code == code
    assert told.out == ""
    assert list(tmp_path.iterdir()) == [], "nothing was begun"


@pytest.mark.parametrize("command", ["run --task backfill --agent oracle", "setup", "gc", "selftest"])
def test_without_an_engine_the_command_says_what_starts_one(command: str, tmp_path: Path) -> None:
    told = offswitch(*command.split(), cwd=tmp_path, env={"DOCKER_HOST": NOWHERE})
    assert told.code == 3
    assert "no engine answers there (No such file or directory). Try: " in told.complaint


def test_a_doctor_without_an_engine_finds_just_that() -> None:
    told = offswitch("doctor", "--json", env={"DOCKER_HOST": NOWHERE})
    assert told.code == 1
    engine = next(row for row in told.json if row["name"] == "engine")
    assert (engine["state"], NOWHERE in engine["fact"]) == ("fail", True)


def test_an_engine_that_one_may_not_use_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    if subprocess.run([*NOBODY, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("becoming another user needs root")
    socket = Path("/var/run/docker.sock")
    if not socket.exists() or socket.stat().st_mode & 0o006:
        pytest.skip("there is no closed engine here")
    home = {"HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent"}
    told = offswitch("run", "--task", "backfill", "--agent", "oracle", cwd=tmp_path, env=home, before=NOBODY)
    assert told.code == 3
    assert "Permission denied. Try: sudo usermod -aG docker $USER" in told.complaint


def test_debug_shows_the_traceback_wherever_it_stands() -> None:
    for words in (["--debug", "list", "taks"], ["list", "taks", "--debug"]):
        told = offswitch(*words)
        assert told.code == 2
        assert "Traceback (most recent call last)" in told.err
        assert told.err.strip().splitlines()[-1].startswith("offswitch: list: unknown kind")


def test_an_interrupt_of_a_short_command_is_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(kind: str, *, as_json: bool) -> None:
        raise KeyboardInterrupt(kind, as_json)

    monkeypatch.setattr("offswitch._list.show_kind", interrupted)
    assert call(["list", "tasks"]) == 130


def test_a_bug_is_named_as_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(kind: str, *, as_json: bool) -> None:
        raise ZeroDivisionError(kind, as_json)

    monkeypatch.setattr("offswitch._list.show_kind", broken)
    assert call(["list", "tasks"]) == 3
    assert "internal error: ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["tasks", "mechanisms", "failure-modes", "monitors", "protocols", "cast", "env-ids"])
def test_every_kind_is_listed_as_a_table_and_as_an_array(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["list", kind, "--json"]) == 0
    rows: Any = json.loads(capsys.readouterr().out)
    assert rows[0]
    assert call(["list", kind]) == 0
    table = capsys.readouterr().out
    name = "member" if kind == "cast" else "id"
    found: list[dict[str, object]] = rows
    assert all(str(row[name]) in table for row in found)


def test_the_schema_of_experiments_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["run", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert {"tasks", "subjects"} <= set(schema["required"])


def test_all_problems_of_a_specification_are_told_each_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("tsks: x\nname: a/b\n")
    told = offswitch("run", "s.yaml", cwd=tmp_path)
    assert told.code == 2
    assert all(line.startswith("offswitch: s.yaml, line ") for line in told.err.strip().splitlines())
    assert len(told.err.strip().splitlines()) == 4


def test_a_specification_and_flags_for_the_same_thing_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("tasks: backfill\nsubjects: oracle\n")
    told = offswitch("run", "s.yaml", "--agent", "oracle", cwd=tmp_path)
    assert (told.code, "give either a specification file, or --task" in told.complaint) == (2, True)


def test_a_run_that_another_process_writes_is_not_touched(tmp_path: Path) -> None:
    facts = RunFacts(run_id="r", versions={}, command="offswitch run")
    with RunStore.create(tmp_path / "run", facts, "tasks: backfill\nsubjects: oracle\n"):
        told = offswitch("rejudge", tmp_path / "run")
    assert told.code == 3
    assert "is in use by process" in told.complaint


def test_a_changed_manifest_is_a_finding_and_is_not_judged(tmp_path: Path) -> None:
    facts = RunFacts(run_id="r", versions={}, command="offswitch run")
    RunStore.create(tmp_path / "run", facts, "tasks: backfill\nsubjects: oracle\n").close()
    manifest = tmp_path / "run" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"offswitch run"', '"offswitch rub"'))
    assert offswitch("verify", tmp_path / "run").code == 1
    told = offswitch("rejudge", tmp_path / "run")
    assert (told.code, "the manifest was changed" in told.complaint) == (3, True)


def test_verify_compares_with_a_root_that_was_noted(tmp_path: Path) -> None:
    facts = RunFacts(run_id="r", versions={}, command="offswitch run")
    with RunStore.create(tmp_path / "run", facts, "tasks: backfill\nsubjects: oracle\n") as store:
        root = store.manifest.root
    assert offswitch("verify", tmp_path / "run", "--root", root, "--rebuild-index").code == 0
    assert (tmp_path / "run" / "index.sqlite").is_file()
    other = offswitch("verify", tmp_path / "run", "--root", "0" * 64, "--json")
    assert (other.code, other.json["ok"], other.json["findings"][0]["kind"]) == (1, False, "root")


def test_what_a_terminal_would_obey_is_shown_instead() -> None:
    assert clean("a\x1b[2J\u202eb\udcff\n") == "a\\x1b[2J\\u202eb\\udcff\\n"
    told = offswitch("list", "a\x1b[2Jb")
    assert "\x1b" not in told.err
    assert environment()["COLUMNS"] == "200"
