"""A container brought to another one's files has them bit for bit, and whatever is not the same is named."""

import pytest

from offswitch.sandbox import (
    ROOTFUL,
    SEALED,
    DockerSandbox,
    Packed,
    Profile,
    StateDiffers,
    Tree,
    TreeMoved,
    check_state,
    pack,
    restore,
    survey,
)

from .yard import Yard

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]
ODD = r"""
set -e; cd /work; mkdir -p many/deep/er empty; chmod 1750 empty
for i in $(seq 60); do echo "$i" > many/$i; done
ln many/1 many/again; ln many/1 many/deep/third
ln -s /etc/passwd many/out; ln -s nowhere many/dangling; touch -h -d '2003-04-05 06:07:08.9' many/dangling
touch -d '2001-02-03 04:05:06.123456789' many/2; chmod 4711 many/3; : > many/nothing
truncate -s 20M many/hole; printf data | dd of=many/hole bs=1 seek=5000000 conv=notrunc 2>/dev/null
truncate -s 1M many/only-hole; head -c 9000000 /dev/urandom > many/large
printf x > $'many/\xff\\name'; printf y > $'many/new\nline'
python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('many/socket')"
echo '# mine' > ~/.profile; mkdir /tmp/left; touch -d '2000-01-01' /work
"""


def furnished(yard: Yard, profile: Profile, script: str = ODD) -> tuple[DockerSandbox, Packed]:
    sandbox = yard.start(profile)
    done = sandbox.exec(script, timeout_s=30.0)
    assert done.ok, done.stderr
    files = sandbox.evidence.files
    files.scan()
    return sandbox, pack(files, survey(files))


def restored(yard: Yard, profile: Profile, packed: Packed) -> DockerSandbox:
    sandbox = yard.start(profile)
    restore(sandbox, sandbox.evidence.files, packed, "copy")
    check_state(sandbox.evidence.files, packed.tree, "copy")
    return sandbox


@pytest.mark.parametrize("profile", [SEALED, ROOTFUL], ids=lambda profile: profile.name)
def test_every_kind_of_file_is_the_same_bit_for_bit(yard: Yard, profile: Profile) -> None:
    source, packed = furnished(yard, profile)
    copy = restored(yard, profile, packed)
    assert survey(copy.evidence.files).digest == packed.tree.digest
    assert copy.evidence.files.digest == source.evidence.files.digest
    look = "cd /work; find . -printf '%p %y %m %U %G %s %T@ %n %l %b\\n' | sort; sha256sum many/* 2>&1 | sort; df -i ."
    assert copy.exec(look).stdout == source.exec(look).stdout


def test_what_a_fresh_container_has_and_the_source_has_not_is_removed(yard: Yard) -> None:
    script = "rm -rf /etc/default /usr/local/share; mv /etc/profile /etc/p; ln -s p /etc/profile; mkdir /etc/issue.d"
    source, packed = furnished(yard, ROOTFUL, script)
    copy = restored(yard, ROOTFUL, packed)
    assert copy.evidence.files.paths() == source.evidence.files.paths()
    assert copy.exec("cat /etc/profile").stdout == source.exec("cat /etc/profile").stdout


CHANGES = {
    "many/5 differs in mode": "chmod 600 many/5",
    "many/5 differs in mtime_ns": "touch many/5",
    "many/5 differs in sha256": "touch -r many/5 /tmp/t; echo X > many/5; touch -r /tmp/t many/5; rm /tmp/t",
    "many/again differs in name_of": "rm many/again; cat many/1 > many/again; touch -r many/1 many/again",
    "many/hole differs in sha256": "printf data | dd of=many/hole bs=1 seek=9000000 conv=notrunc",
    "empty is missing": "rmdir empty",
    "more is there and should not be": "touch more",
    "many/out differs in target": "ln -sfn /etc/shadow many/out",
    "free blocks": "fallocate -n -o 100 -l 65536 many/7",
}


@pytest.mark.parametrize("said", CHANGES)
def test_the_comparison_sees_each_difference(yard: Yard, said: str) -> None:
    source, packed = furnished(yard, SEALED)
    assert source.exec(f"cd /work; {CHANGES[said]}").ok
    with pytest.raises(StateDiffers) as raised:
        check_state(source.evidence.files, packed.tree, "source")
    shown = _all(source, packed.tree)
    assert any(said in one for one in shown), (str(raised.value), shown)


def _all(source: DockerSandbox, wanted: Tree) -> list[str]:
    from offswitch.sandbox._tree import differences

    return differences(wanted, survey(source.evidence.files))


def test_files_that_moved_since_the_last_pass_are_no_state(yard: Yard) -> None:
    source, _ = furnished(yard, SEALED)
    assert source.exec("echo more >> /work/many/4").ok
    with pytest.raises(TreeMoved, match="many/4 is not what the last pass saw"):
        survey(source.evidence.files)


def test_a_link_put_in_the_place_of_a_folder_leads_nothing_out_of_the_container(yard: Yard) -> None:
    """The names are the agent's: what is restored goes below the writable places, or nowhere."""
    _, packed = furnished(yard, SEALED, "mkdir -p /work/a; echo x > /work/a/b; rm -rf /work/a; ln -s / /work/a")
    copy = yard.start(SEALED)
    copy.exec("mkdir -p /work/a/c; echo y > /work/a/c/d")
    copy.evidence.files.scan()
    restore(copy, copy.evidence.files, packed, "copy")
    check_state(copy.evidence.files, packed.tree, "copy")
