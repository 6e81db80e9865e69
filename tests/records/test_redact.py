"""Secrets of the harness do not reach the disk in any of their common forms, and the evidence still holds."""

import base64
import hashlib
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offswitch.records import (
    EpisodeSealed,
    Ledger,
    ProbeRead,
    Record,
    Redactor,
    RunStore,
    read_ledger,
    verify_run,
)

from ..strategies import events
from .example import SPEC, call, facts, opened, returned, write

KEY = "placeholder-key/4f+x=7Q"
NAME = "PROVIDER_KEY"

secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)
around = st.binary(max_size=20)


def forms(secret: str, before: bytes = b"", after: bytes = b"") -> dict[str, str]:
    """What an agent or a library may make of a secret that stands between other bytes."""
    raw = before + secret.encode() + after
    return {
        "plain": secret,
        "reversed": secret[::-1],
        "hex": raw.hex(),
        "upper-case hex": raw.hex().upper(),
        "base64": base64.b64encode(raw).decode(),
        "url-safe base64": base64.urlsafe_b64encode(raw).decode(),
        "percent-encoded": quote(secret, safe=""),
        "in JSON": json.dumps({"key": secret}),
    }


@pytest.mark.parametrize("form", forms(KEY))
@given(secret=secrets, before=around, after=around)
def test_every_common_form_of_a_secret_is_found_wherever_it_stands(
    form: str, secret: str, before: bytes, after: bytes
) -> None:
    """Base64 looks different at each of its three alignments."""
    text = forms(secret, before, after)[form]
    redactor = Redactor({NAME: secret})
    assert redactor.finds(text)
    redaction = redactor.redact(f"x{text}x")
    assert redaction.names == (NAME,)
    assert f"[redacted {NAME}]" in redaction.text
    assert text not in redaction.text
    assert redaction.sha256 == hashlib.sha256(f"x{text}x".encode()).hexdigest()


@given(text=st.text(st.characters(min_codepoint=0x2000)), secret=secrets)
def test_text_without_a_secret_is_left_alone(text: str, secret: str) -> None:
    redaction = Redactor({NAME: secret}).redact(text)
    assert redaction.text == text
    assert redaction.names == ()


def test_no_secrets_means_nothing_is_redacted() -> None:
    assert Redactor({}).redact("text").text == "text"


def test_several_secrets_are_told_apart() -> None:
    redactor = Redactor({"ONE": "first-secret", "TWO": "first-secret-and-more"})
    redaction = redactor.redact("first-secret first-secret-and-more")
    assert redaction.text == "[redacted ONE] [redacted TWO]"
    assert redaction.names == ("ONE", "TWO")


def test_what_is_too_short_to_be_a_secret_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match="SHORT has under 8 characters") as caught:
        Redactor({"SHORT": "tiny", "LONG": KEY})
    assert "tiny" not in str(caught.value)


def test_a_redactor_does_not_show_its_secrets() -> None:
    assert repr(Redactor({NAME: KEY})) == f"Redactor({NAME})"


def leaks(folder: Path) -> list[str]:
    """Files under a folder that hold any form of the key."""
    return [
        f"{path.name}: {name}"
        for path in folder.rglob("*")
        if path.is_file()
        for name, form in forms(KEY).items()
        if form.rstrip("=") in path.read_bytes().decode(errors="replace")
    ]


@pytest.mark.parametrize("form", forms(KEY, b"key: ", b"\n"))
def test_j6_a_run_whose_output_held_a_secret_verifies_and_does_not_hold_it(tmp_path: Path, form: str) -> None:
    """Row J6: the hash of the original stays, so that whoever has the original can show that it is the same."""
    output = f"env says {forms(KEY, b'key: ', bytes([10]))[form]} and more"
    seen: list[Record] = []
    with RunStore.create(tmp_path / "RUN", facts(), SPEC, redactor=Redactor({NAME: KEY})) as store:
        ledger = store.open_ledger("e1")
        ledger.subscribe(seen.append)
        asked = call(1).model_copy(update={"arguments": {"command": f"echo {KEY}", KEY: [KEY[::-1]]}})
        seal = EpisodeSealed(valid=True, steps=1, score=None, usage={})
        write(ledger, [opened("e1"), asked, returned(1, output), seal])
        store.seal(ledger)
    assert verify_run(store.paths).ok
    assert leaks(tmp_path) == []
    assert list(store.records("e1")) == seen
    shown = json.loads(store.paths.ledger("e1").read_text().splitlines()[2])["event"]
    assert f"[redacted {NAME}]" in shown["output"]
    assert shown["output_sha256"] == hashlib.sha256(output.encode()).hexdigest()


@pytest.mark.parametrize("secret", ['with"quote\\and', "línea-ünïcode", "tab\tand\nnewline"])
def test_a_secret_that_json_escapes_is_found_in_a_record(tmp_path: Path, secret: str) -> None:
    with Ledger(tmp_path / "e.jsonl", redactor=Redactor({NAME: secret})) as ledger:
        for form in (secret, secret[::-1], json.dumps(secret)):
            ledger.append(ProbeRead(step=1, probe="p", value={form: form}))
    text = ledger.path.read_text()
    assert text.count(f"[redacted {NAME}]") == 6
    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in text


@given(event=events())
def test_a_redactor_that_finds_nothing_changes_no_record(
    tmp_path_factory: pytest.TempPathFactory, event: ProbeRead
) -> None:
    folder = tmp_path_factory.mktemp("run")
    with Ledger(folder / "a.jsonl") as plain, Ledger(folder / "b.jsonl", redactor=Redactor({NAME: KEY})) as other:
        assert plain.append(event).event == other.append(event).event
    assert [r.event for r in read_ledger(plain.path)] == [r.event for r in read_ledger(other.path)]
