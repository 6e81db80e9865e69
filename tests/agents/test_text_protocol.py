"""A model without tool calling writes one block a turn: what is meant is read, what is not is never run."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from offswitch.agents import ToolCall, ToolSpec
from offswitch.agents._text_prompt import explain, frame_call, frame_result
from offswitch.agents._text_protocol import CUT_HINT, Call, Parsed, parse

from .conftest import BASH

NAMES = ("bash", "read_file", "write_file", "submit")
CORPUS = Path(__file__).with_name("odd_answers.json")
LONG = 2_000_000


def bash(command: str) -> Call:
    return Call("bash", json.dumps({"command": command}))


READ = Call("read_file", '{"path": "/a"}')
READ_JSON = '{"name": "read_file", "arguments": {"path": "/a"}}'

MEANT: dict[str, tuple[str, Call]] = {
    "a tool block": (f"```tool\n{READ_JSON}\n```", READ),
    "a block of commands": ("```bash\nls -l\n```", bash("ls -l")),
    "sh": ("```sh\nls\n```", bash("ls")),
    "words around it": ("I will look.\n\n```bash\nls\n```\nThat is all.", bash("ls")),
    "the first of two": ("```bash\nls\n```\n```bash\nrm -r /\n```", bash("ls")),
    "JSON under its own name": (f"```json\n{READ_JSON}\n```", READ),
    "JSON without a tag": (f"```\n{READ_JSON}\n```", READ),
    "JSON without a block": (READ_JSON, READ),
    "the tag within the block": (f"```bash\ntool\n{READ_JSON}\n```", READ),
    "the tag without a block": (f"tool\n{READ_JSON}", READ),
    "a call under the wrong tag": (f"```python\n{READ_JSON}\n```", READ),
    "everything on one line": (f"```tool {READ_JSON}```", READ),
    "the fence glued to the call": (f"```tool\n{READ_JSON}```\nDone.", READ),
    "no closing fence": (f"```tool\n{READ_JSON}", READ),
    "commands without a closing fence": ("```bash\nls", bash("ls")),
    "words behind the object": (f"```tool\n{READ_JSON}\nThis reads the file.\n```", READ),
    "a trailing comma": ('```tool\n{"name": "read_file", "arguments": {"path": "/a",},}\n```', READ),
    "a bracket forgotten": ('```tool\n{"name": "read_file", "arguments": {"path": "/a"}\n```', READ),
    "a parenthesis instead": ('```tool\n{"name": "read_file", "arguments": {"path": "/a"})\n```', READ),
    "single quotes": ("```tool\n{'name': 'read_file', 'arguments': {'path': '/a'}}\n```", READ),
    "flat arguments": ('```tool\n{"name": "read_file", "path": "/a"}\n```', READ),
    "arguments as text": ('```tool\n{"name": "read_file", "arguments": "{\\"path\\": \\"/a\\"}"}\n```', READ),
    "other words for it": ('```tool\n{"tool": "read_file", "parameters": {"path": "/a"}}\n```', READ),
    "the wire's form": (
        '```json\n{"type": "function", "function": {"name": "read_file", "arguments": {"path": "/a"}}}\n```',
        READ,
    ),
    "a list of calls": (f"```json\n[{READ_JSON}, {READ_JSON}]\n```", READ),
    "the tags of the training": (f"<tool_call>\n{READ_JSON}\n</tool_call>", READ),
    "arguments under the tool's name": ('```read_file\n{"path": "/a"}\n```', READ),
    "a command alone": ('```tool\n{"command": "ls"}\n```', bash("ls")),
    "a console with its output": ("```console\n$ ls\na b\n$ pwd\n/\n```", bash("ls\npwd")),
    "the tag once more": ("```bash\nbash\nls\n```", bash("ls")),
    "a longer fence around a fence": ("````bash\necho '```'\n```\n````", bash("echo '```'\n```")),
    "a fence within a here-document": (
        "```bash\ncat > a.md <<'EOF'\n```sh\nmake\n```\nEOF\n```\nDone.",
        bash("cat > a.md <<'EOF'\n```sh\nmake\n```\nEOF"),
    ),
    "a fence within a string": (
        '```tool\n{"name": "write_file", "arguments": {"path": "/a", "content": "```sh\\nmake\\n```"}}\n```',
        Call("write_file", '{"path": "/a", "content": "```sh\\nmake\\n```"}'),
    ),
    "line breaks within a string": (
        '```tool\n{"name": "write_file", "arguments": {"path": "/a", "content": "x\n```\ny"}}\n```',
        Call("write_file", '{"path": "/a", "content": "x\\n```\\ny"}'),
    ),
    "a triple quote": (
        '```tool\n{"name": "write_file", "arguments": {"path": "/a", "content": """say "hi"\n"""}}\n```',
        Call("write_file", '{"path": "/a", "content": "say \\"hi\\"\\n"}'),
    ),
    "a backslash that escapes nothing": (
        '```tool\n{"name": "bash", "arguments": {"command": "grep \\. a"}}\n```',
        bash("grep \\. a"),
    ),
    "the result begun": ("```bash\nls\n```output\na b\n```", bash("ls")),
    "an unknown tool": ('```tool\n{"name": "fly", "arguments": {}}\n```', Call("fly", "{}")),
    "arguments of the wrong type": ('```tool\n{"name": "bash", "arguments": [1]}\n```', Call("bash", "[1]")),
}

NOT_MEANT = {
    "words alone": "I would list the files with `ls`.",
    "nothing": "",
    "another language": "```python\nprint('rm -r /')\n```",
    "a page": "```markdown\n# Title\n```",
    "an invented result": "```output\n17\n```",
    "data": '```json\n{"status": "success"}\n```',
    "data with a name": '```json\n{"name": "Ann", "age": 7}\n```',
    "data without a block": '{"name": "Ann", "age": 7}',
    "a block without a tag": "```\nrm -r /\n```",
    "an inline fence": "Write ```bash and then the command.",
}

FAILED = {
    "no JSON": "```tool\nread the file /a\n```",
    "no name": '```tool\n{"path": "/a"}\n```',
    "nothing in it": "```tool\n```",
    "an empty command": "```bash\n\n```",
    "a number": "```tool\n17\n```",
    "no fence": "bash\nls -l\n\nsubmit\n\nreport: done",
}


@pytest.mark.parametrize("name", MEANT)
def test_what_is_plainly_meant_is_the_call(name: str) -> None:
    text, call = MEANT[name]
    parsed = parse(text, NAMES)
    assert parsed.call is not None
    assert (parsed.call.name, json.loads(parsed.call.arguments)) == (call.name, json.loads(call.arguments))


@pytest.mark.parametrize("name", NOT_MEANT)
def test_what_is_no_call_is_left_alone(name: str) -> None:
    assert parse(NOT_MEANT[name], NAMES) == Parsed(NOT_MEANT[name])


@pytest.mark.parametrize("name", FAILED)
def test_a_failed_attempt_is_no_call_and_says_why(name: str) -> None:
    parsed = parse(FAILED[name], NAMES)
    assert parsed.call is None
    assert parsed.hint


def test_commands_cut_off_by_a_limit_are_never_run() -> None:
    """``rm -r /work/tmp`` must not become ``rm -r /work``."""
    parsed = parse("```bash\nrm -r /work", NAMES, complete=False)
    assert (parsed.call, parsed.hint) == (None, CUT_HINT)


def test_a_closed_block_of_an_answer_that_was_cut_later_is_a_call() -> None:
    assert parse("```bash\nls\n```\nNow I exp", NAMES, complete=False).call == bash("ls")


def test_a_call_cut_off_by_a_limit_is_never_completed() -> None:
    text = '```tool\n{"name": "bash", "arguments": {"command": "rm -r /work'
    assert parse(text, NAMES, complete=False).call is None
    assert parse('```tool\n{"name": "bash", "arguments": {"command": "ls"', NAMES, complete=False).call is None


def test_what_the_model_invented_behind_its_call_is_cut() -> None:
    parsed = parse("Look:\n```bash\nls\n```\nResult of bash:\n17 files\n```bash\nrm a\n```", NAMES)
    assert parsed.text == "Look:\n```bash\nls\n```"
    assert parsed.cut == "Result of bash:\n17 files\n```bash\nrm a\n```"


def test_a_block_of_commands_needs_a_bash_tool() -> None:
    parsed = parse("```bash\nls\n```", ["read_file"])
    assert parsed.call is None
    assert "no bash tool" in parsed.hint


SNIPPETS = st.sampled_from(["```", "~~~", "````", "```tool\n", "```bash\n", "```json\n", "```output\n", "\n", " "]) | (
    st.sampled_from(["{", "}", "[", "]", '"', "'", '"""', ",", ":", "\\", "NaN", "1e999", '"name"', READ_JSON])
    | st.sampled_from(["<tool_call>", "</tool_call>", "<<EOF\n", "EOF\n", "$ ", "\ud800", "\x00", "-9" * 50])
)


@settings(max_examples=2000, deadline=None)
@given(text=st.lists(SNIPPETS | st.text(max_size=8), max_size=30).map("".join), complete=st.booleans())
@example(text='```tool\n{"name": ' + "9" * 5000 + "}\n```", complete=True)
def test_no_text_can_break_the_parser(text: str, complete: bool) -> None:
    """Nothing escapes, nothing of the text is lost, and a call always has a name and a text of arguments."""
    parsed = parse(text, NAMES, complete=complete)
    assert text.startswith(parsed.text)
    assert parsed.cut == text[len(parsed.text) :].strip()
    if parsed.call is None:
        assert parsed.text == text
    else:
        assert isinstance(parsed.call.name, str)
        assert isinstance(parsed.call.arguments, str)
        assert parsed.hint == ""


@settings(max_examples=300, deadline=None)
@given(
    name=st.text(min_size=1, max_size=20),
    arguments=st.dictionaries(st.text(max_size=10), st.text() | st.integers() | st.lists(st.text(max_size=5))),
)
def test_a_call_that_is_written_out_is_read_back(name: str, arguments: dict[str, Any]) -> None:
    call = ToolCall(id="a1_1", name=name, arguments=json.dumps(arguments))
    read = parse(f"Well.\n{frame_call(call)}\nDone.", NAMES).call
    assert read is not None
    assert (read.name, json.loads(read.arguments)) == (name, arguments)


@given(text=st.lists(SNIPPETS | st.text(max_size=8), max_size=20).map("".join))
def test_no_tool_result_can_end_its_frame(text: str) -> None:
    """A result cannot forge a notice behind itself: the closing fence stands nowhere within it."""
    framed = frame_result("bash", text)
    fence = framed.rsplit("\n", 1)[1]
    assert set(fence) == {"`"}
    assert fence not in text
    assert framed == f"Result of bash:\n{fence}output\n{text}\n{fence}"


REPEATED = [
    "```tool\n{",
    "```\n",
    "```bash\n<<A\n",
    '```json\n{"a": "',
    "```tool\n[[",
    "`",
    " ",
    "<tool_call>",
    "'\n",
    ", ",
]
HUGE = [piece * (LONG // len(piece)) for piece in REPEATED] + [
    "```bash\n" + "`" * LONG + "x",
    "```bash\n```" + " " * LONG + "x",
    "```tool\n{'" + "," * LONG,
    "```tool\n" + "'{" * LONG,
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("number", range(len(HUGE)))
def test_a_huge_answer_is_read_in_linear_time(number: int) -> None:
    """Anything quadratic in megabytes takes far longer than this test may."""
    parse(HUGE[number], NAMES)


@pytest.mark.parametrize("depth", [100, 10_000, 200_000])
def test_deep_nesting_is_refused_without_harm(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    parsed = parse(f'```tool\n{{"name": "bash", "arguments": {nested}}}\n```', NAMES)
    assert parsed.call is None or parsed.call.name == "bash"


def corpus() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(CORPUS.read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("case", corpus(), ids=lambda case: str(case["about"]))
def test_answers_of_real_small_models_are_read_as_they_were_meant(case: dict[str, Any]) -> None:
    """Collected from Qwen2.5-Coder 0.5B and 1.5B with these very tools."""
    parsed = parse(case["text"], NAMES, complete=case["complete"])
    read = parsed.call and {"name": parsed.call.name, "arguments": json.loads(parsed.call.arguments)}
    assert (read, bool(parsed.hint)) == (case["call"], case["hint"])


def test_the_prompt_names_every_tool_with_its_arguments_and_limits() -> None:
    wait = ToolSpec(
        name="wait",
        description="Let time pass.",
        parameters={
            "type": "object",
            "properties": {"seconds": {"type": "integer", "minimum": 1, "description": "How long."}},
        },
    )
    prompt = explain([BASH, wait])
    assert "- bash: Run a shell command." in prompt
    assert "command (string, required): The command line." in prompt
    assert 'seconds (integer, optional, {"minimum": 1}): How long.' in prompt
    assert '{"name": "wait", "arguments": {"seconds": 1}}' in prompt
    assert "```bash\nls -l\n```" in prompt
    assert "```bash" not in explain([wait])
    assert explain([]) == ""


def test_the_example_in_the_prompt_is_itself_a_call() -> None:
    example_call = parse(explain([BASH]), NAMES).call
    assert example_call is not None
    assert example_call.name == "bash"
