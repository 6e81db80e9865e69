"""One episode of twenty bash commands: ours and the peers' episodes give them in this order, each on files of its own.

What an agent does on small files: look, write, search, edit, count, pack, run a line of Python. Every command stands
for itself, because a peer may give each one a shell of its own, and prints something, so that it can be compared.
"""

SCRIPT: tuple[str, ...] = (
    "mkdir -p ~/job/in && cd ~/job && pwd",
    'cd ~/job && for i in $(seq 20); do echo "row $i,$((i * i))" > in/$i.csv; done; ls in | wc -l',
    "cd ~/job && cat in/*.csv | sort -t, -k2 -n | head -n 3",
    "cd ~/job && grep -l 'row 1' in/*.csv | wc -l",
    "cd ~/job && sed s/row/item/ in/7.csv > edited && mv edited in/7.csv && cat in/7.csv",
    "cd ~/job && awk -F, '{ sum += $2 } END { print sum }' in/*.csv",
    "python3 -c 'print(sum(i * i for i in range(21)))'",
    "cd ~/job && cp -r in copy && ls",
    "cd ~/job && find in -name '1*.csv' | sort | head -n 4",
    "cd ~/job && wc -c in/*.csv | tail -n 1",
    "cd ~/job && printf 'a\\nb\\nc\\n' > list && tac list",
    "cd ~/job && mv list list.txt && cat list.txt",
    "cd ~/job && tar -cf in.tar in && tar -tf in.tar | wc -l",
    "cd ~/job && cut -d, -f1 in/3.csv",
    "cd ~/job && test -f missing || echo missing",
    "cd ~/job && echo done >> log && tail -n 1 log",
    "cd ~/job && tr a-z A-Z < log",
    "cd ~/job && rm -r copy && ls",
    "cd ~/job && find in -type f | wc -l",
    "cd ~/job && cat in/*.csv | sha256sum",
)


def same_work(name: str, ours: list[str], theirs: list[str]) -> None:
    """Raise `RuntimeError` naming the first command that printed something else in the episode of a peer."""
    if len(ours) != len(SCRIPT) or len(theirs) != len(SCRIPT):
        raise RuntimeError(f"{name} ran {len(theirs)} commands, we {len(ours)}, of {len(SCRIPT)}")
    for number, (command, one, other) in enumerate(zip(SCRIPT, ours, theirs, strict=True), 1):
        if one.strip() != other.strip():
            raise RuntimeError(f"{name} did other work: command {number} ({command}) printed {other!r}, ours {one!r}")
