"""Run in a network and mounts of its own: an engine there, a resolver on its loopback that notes who asks, and two
networks of containers. Prints as JSON which of the names that were asked for inside reached that resolver.

Engines forward what containers of an internal network ask to a resolver on the host's loopback (CVE-2024-29018).
"""

import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from offswitch.sandbox import PeerNetwork, PostureError, Seat, connect
from offswitch.sandbox._lease import labels

ASK = "import socket\ntry: socket.getaddrinfo({!r}, 80)\nexcept OSError: pass"
asked: list[str] = []


def resolver() -> None:
    """Notes every question, and answers that there is no such name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 53))
        while True:
            data, whom = listening.recvfrom(512)
            asked.append(data[12:].split(b"\0")[0].decode(errors="replace"))
            listening.sendto(data[:2] + b"\x81\x83" + data[4:6] + b"\0" * 6 + data[12:], whom)


def engine_here(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """An engine of its own, with nothing of the machine's."""
    endpoint = f"unix://{folder}/engine.sock"
    command = ["dockerd", "--host", endpoint, "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
    command += ["--pidfile", f"{folder}/pid", "--bridge", "none"]
    log = (folder / "log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log)
    end = time.monotonic() + 60
    while not Path(f"{folder}/engine.sock").exists():
        assert time.monotonic() < end, (folder / "log").read_text()[-2000:]
        assert process.poll() is None, (folder / "log").read_text()[-2000:]
        time.sleep(0.05)
    return process, endpoint


def ask_from(api: Any, container: str, name: str) -> None:
    """Have a program inside look up a name."""
    started = api.exec_create(container, ["/usr/bin/python3", "-c", ASK.format(name)])["Id"]
    api.exec_start(started)


def plain(engine: Any, image: str, name: str) -> None:
    """A network that only calls itself internal."""
    api = engine.api
    network = api.create_network("plain", driver="bridge", internal=True)["Id"]
    config = api.create_host_config(network_mode="plain")
    made = api.create_container(image, ["/bin/sleep", "60"], host_config=config)["Id"]
    api.start(made)
    ask_from(api, made, name)
    api.remove_container(made, force=True)
    api.remove_network(network)


def peers(engine: Any, image: str, supervisor: Path, folder: Path, name: str) -> None:
    """A network of ours."""
    owned = labels("dns", "e", "network")
    with PeerNetwork.create(engine, owned) as network:
        seat = Seat.take(
            engine, network, "worker", image=image, supervisor=supervisor, captures=folder / "captures", labels=owned
        )
        try:
            config = engine.api.create_host_config(network_mode=f"container:{seat.id}")
            made = engine.api.create_container(image, ["/bin/sleep", "60"], host_config=config)["Id"]
            engine.api.start(made)
            ask_from(engine.api, made, name)
            engine.api.remove_container(made, force=True)
        finally:
            seat.close()


def refused(engine: Any, image: str, supervisor: Path, folder: Path) -> bool:
    """Whether a seat that has the resolver of the host is refused."""
    import offswitch.sandbox._peers as module

    owned, create = labels("dns", "e", "network"), vars(module)["create"]

    def with_the_hosts_resolver(one: Any, name: str, config: Any, warden: Any) -> Any:
        del config["HostConfig"]["Dns"]
        return create(one, name, config, warden)

    setattr(module, "create", with_the_hosts_resolver)  # noqa: B010 - it is another module's own
    with PeerNetwork.create(engine, owned) as network:
        try:
            seat = Seat.take(
                engine, network, "worker", image=image, supervisor=supervisor, captures=folder / "c", labels=owned
            )
        except PostureError as error:
            return "names that are asked for leave it" in str(error)
        seat.close()
    return False


def main(archive: str, supervisor: str) -> None:
    """Everything, in a folder that is gone afterwards."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        subprocess.run(["mount", "--bind", str(folder / "resolv.conf"), "/etc/resolv.conf"], check=True)
        threading.Thread(target=resolver, daemon=True).start()
        process, endpoint = engine_here(folder)
        try:
            with connect(endpoint) as engine, Path(archive).open("rb") as file:
                list(engine.within(120.0).load_image(file.read()))
                (image,) = engine.api.images(quiet=True)
                plain(engine, image, "plain.invalid")
                peers(engine, image, Path(supervisor), folder, "peers.invalid")
                caught = refused(engine, image, Path(supervisor), folder)
                sys.stdout.write(json.dumps({"asked": asked, "refused": caught}))
        finally:
            process.terminate()
            process.wait(30)
            for mounted in reversed([line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]):
                if mounted.startswith(f"{folder}/"):
                    subprocess.run(["umount", mounted], check=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
