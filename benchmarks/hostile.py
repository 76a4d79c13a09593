"""A service under attack: what each attack comes to, and how a light query fares beside one of them and beside all.

`python -m benchmarks.hostile` measures our server and Oxigraph's own with a light query from one loopback address and the
attacks from a few others; with `--addresses 0` all come from one, and with `--addresses 60` each attacker has its own, where
sharing fairly among addresses cannot help. No two requests are the same, so that no cache answers.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from benchmarks import servers, synthetic
from benchmarks.attacks import ATTACKS, IN_A_CROWD, post
from benchmarks.client import Asked, Seen, ask, finish, get, start
from benchmarks.servers import MemoryWatch, Server

_DCT: Final = "http://purl.org/dc/terms/"
_JSON: Final = "application/sparql-results+json"
# The light client's connections, and how often each of them asks, in seconds.
_LIGHT_CONNECTIONS: Final = 2
_LIGHT_PAUSE: Final = 0.02
# What our server may use while it is attacked: small limits, so that every attack reaches one.
LIMITS: Final = {"timeout_seconds": 5, "memory_mb": 512, "result_mb": 100}


@dataclass(frozen=True, slots=True)
class Assault:
    """What attackers do: each attack named, again and again until time is up."""

    port: int
    path: str
    attacks: Sequence[str]
    seconds: float
    # Loopback addresses that the attackers share; 0: they all attack from that of the light client.
    addresses: int = 8
    slow_readers: int = 0
    idle_connections: int = 0
    endless_bodies: int = 0
    # So many attacks at a time, each once, instead of all of them again and again.
    at_a_time: int = 0
    # Attackers go on until each attack has ended at least once, but no longer than so many seconds more.
    grace: float = 60.0


@dataclass(slots=True)
class Outcome:
    """How often the attacks ended in each way, by name, and the longest that one of them took, in seconds."""

    endings: dict[str, dict[str, int]] = field(default_factory=dict)
    longest: dict[str, float] = field(default_factory=dict)
    megabytes: float = 0.0

    def unexpected(self, *, crowd: bool) -> dict[str, dict[str, int]]:
        """The endings that a service that keeps its promises does not give."""
        found = {}
        for name, endings in self.endings.items():
            allowed = ATTACKS[name].expected | (IN_A_CROWD if crowd else frozenset()) if name in ATTACKS else endings
            if wrong := {ending: times for ending, times in endings.items() if ending not in allowed}:
                found[name] = wrong
        return found


# The attackers' process


class _Attackers:
    def __init__(self, assault: Assault) -> None:
        self.assault = assault
        self.end = time.monotonic() + assault.seconds
        self.endings: dict[str, Counter[str]] = {}
        self.longest: dict[str, float] = {}
        self.bytes = 0
        self.number = int(time.time() * 1000) % 1_000_000_000

    def source(self, attacker: int) -> tuple[str, int]:
        number = attacker % self.assault.addresses if self.assault.addresses else 0
        return (f"127.0.{1 + number // 250}.{1 + number % 250}" if self.assault.addresses else "127.0.0.1", 0)

    async def run(self) -> Outcome:
        assault = self.assault
        places = asyncio.Semaphore(assault.at_a_time or len(assault.attacks) or 1)
        works = [self.attack(name, attacker, places) for attacker, name in enumerate(assault.attacks)]
        works += [self.read_slowly(300 + number) for number in range(assault.slow_readers)]
        works += [self.idle(600 + number % 50) for number in range(assault.idle_connections)]
        works += [self.send_without_end(700 + number) for number in range(assault.endless_bodies)]
        tasks = [asyncio.create_task(work) for work in works]
        await asyncio.wait(tasks, timeout=assault.seconds + assault.grace)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for name in assault.attacks:
            if not self.endings.get(name):
                self.endings[name] = Counter({"no end": 1})
        endings = {name: dict(several) for name, several in self.endings.items()}
        return Outcome(endings, self.longest, self.bytes / 1e6)

    def note(self, name: str, ending: str, seconds: float) -> None:
        self.endings.setdefault(name, Counter())[ending] += 1
        self.longest[name] = max(self.longest.get(name, 0.0), seconds)

    async def attack(self, name: str, attacker: int, places: asyncio.Semaphore) -> None:
        while True:
            async with places:
                self.number += 1
                request = ATTACKS[name].request(self.assault.path, self.number)
                begun = time.monotonic()
                ending = await self.exchange(request, attacker)
                self.note(name, ending, time.monotonic() - begun)
            if self.assault.at_a_time or time.monotonic() > self.end:
                return
            await asyncio.sleep(0.02 if ending in ("refused", "broken") else 0)

    async def exchange(self, request: bytes, attacker: int) -> str:
        """Send a request and read all of the answer: its status, with ` cut` when it was broken off; or what went wrong."""
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self.assault.port, local_addr=self.source(attacker), limit=1 << 18
            )
        except OSError:
            return "refused"
        try:
            writer.write(request)
            sending = asyncio.ensure_future(writer.drain())
            try:
                return await self.answer(reader)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            return "broken"
        finally:
            writer.close()

    async def answer(self, reader: asyncio.StreamReader) -> str:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = head[9:12].decode("latin-1")
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0].strip()
        seen, last = 0, b""
        with suppress(ConnectionError):
            while data := await reader.read(1 << 18):
                seen += len(data)
                last = (last + data[-8:])[-8:]
        self.bytes += seen
        whole = seen == int(length) if length else last.endswith(b"0\r\n\r\n")
        return status if whole else f"{status} cut"

    async def read_slowly(self, attacker: int) -> None:
        """Ask for everything and take a few bytes of it a second."""
        while time.monotonic() < self.end:
            self.number += 1
            query = f"SELECT * {{ ?s ?p ?o FILTER({self.number} > 0) }}"
            with suppress(OSError):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self.assault.port, local_addr=self.source(attacker), limit=1
                )
                writer.write(post(self.assault.path, query.encode()))
                begun = time.monotonic()
                for _ in range(int(self.end - begun)):
                    if not await reader.read(16):
                        break
                    await asyncio.sleep(1)
                self.note(
                    "slow reader", "held on" if time.monotonic() >= self.end else "let go", time.monotonic() - begun
                )
                writer.close()

    async def idle(self, attacker: int) -> None:
        """Half a request, and then nothing."""
        while time.monotonic() < self.end:
            try:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self.assault.port, local_addr=self.source(attacker)
                )
            except OSError:
                await asyncio.sleep(0.5)
                continue
            with suppress(OSError, TimeoutError):
                writer.write(b"GET /sparql?query=ASK HTTP/1.1\r\nHost: localhost:8000\r\nX-")
                async with asyncio.timeout(max(0.0, self.end - time.monotonic())):
                    await reader.read(1)
            writer.close()

    async def send_without_end(self, attacker: int) -> None:
        """A body that never ends: chunk upon chunk, or a byte now and then of a length that was announced."""
        slowly = attacker % 2
        length = "Content-Length: 500000" if slowly else "Transfer-Encoding: chunked"
        while time.monotonic() < self.end:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self.assault.port, local_addr=self.source(attacker)
                )
                head = f"POST {self.assault.path} HTTP/1.1\r\nHost: localhost:8000\r\n{length}\r\n"
                writer.write(f"{head}Content-Type: application/sparql-query\r\n\r\n".encode())
                begun, ending = time.monotonic(), "held on"
                while time.monotonic() < self.end:
                    writer.write(b"#" if slowly else b"10000\r\n" + b"#" * 0x10000 + b"\r\n")
                    await writer.drain()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(0.5 if slowly else 0.01):
                            ending = (await reader.read(12) or b"         let go")[9:].decode("latin-1")
                            break
                self.note("body without end", ending, time.monotonic() - begun)
                writer.close()
            await asyncio.sleep(0.01)


def launch(assault: Assault) -> "subprocess.Popen[str]":
    """The attackers, in a process of their own; `gather` waits for what they saw."""
    command = [sys.executable, "-m", "benchmarks.hostile", "--attackers", json.dumps(asdict(assault))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def gather(process: "subprocess.Popen[str]") -> Outcome:
    """What the attackers saw."""
    with process:
        assert process.stdout is not None
        told = process.stdout.read()
    if process.returncode:
        raise RuntimeError("the attackers failed; their complaint is above")
    return Outcome(**json.loads(told))


def _attack(assault: Assault) -> None:
    # On machines of their own they would not take the server's processors. Where Linux shares them among sessions first, a
    # process is nice within its session alone.
    os.nice(10)
    os.setsid()
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text("10", encoding="ascii")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))
    print(json.dumps(asdict(asyncio.run(_Attackers(assault).run()))))


# The light client, and the measurement


def light_requests(path: str, datasets: Iterable[str]) -> list[str]:
    """What a light client asks: the titles of one data set after the other."""
    return [get(path, f"SELECT ?t {{ <{one}> <{_DCT}title> ?t }}", _JSON) for one in datasets]


def light(server: Server, requests: Sequence[str], seconds: float) -> Asked:
    """A light client from the first loopback address, for so many seconds."""
    return Asked(server.port, requests, _LIGHT_CONNECTIONS, seconds, "127.0.0.1", _LIGHT_PAUSE, 30.0)


def beside(server: Server, requests: Sequence[str], assault: Assault) -> tuple[Seen, Outcome, float]:
    """A light client while the attackers are at work: what it saw, what they saw, the most memory in megabytes."""
    with MemoryWatch(server) as memory:
        attackers = launch(assault)
        time.sleep(min(1.0, assault.seconds / 4))
        seen = finish(start(light(server, requests, assault.seconds)))
        outcome = gather(attackers)
    return seen, outcome, memory.peak


def crowd(server: Server, seconds: float, *, addresses: int = 8, grace: float = 60.0) -> Assault:
    """All attacks at once, with slow readers, bodies without end and a thousand connections."""
    names = [*ATTACKS, *["everything"] * 8, *["chance"] * 4, *["product, streamed"] * 4]
    return Assault(
        server.port,
        server.path,
        names,
        seconds,
        addresses=addresses,
        slow_readers=20,
        idle_connections=1_000,
        endless_bodies=4,
        grace=grace,
    )


def _measure(server: Server, label: str, requests: list[str], asked: argparse.Namespace) -> None:
    idle = ask(light(server, requests, asked.seconds))
    started = server.memory()
    print(
        f"\n## {label}\n\nLight query, idle: p50 {idle.p50:.1f} ms, p99 {idle.p99:.1f} ms; memory {started:,.0f} MB\n"
    )
    if not asked.crowd_only:
        print("| Attack | Answers | Longest | Most memory | Light query beside it: p50, p99 |\n|---|---|---|---|---|")
        for name in asked.only or ATTACKS:
            assault = Assault(server.port, server.path, [name], asked.each, asked.addresses, grace=asked.grace)
            seen, outcome, peak = beside(server, requests, assault)
            wrong = " **not in order**" if outcome.unexpected(crowd=False) else ""
            endings = ", ".join(f"{ending} × {times}" for ending, times in outcome.endings[name].items())
            longest = outcome.longest.get(name, 0)
            row = f"{longest:.1f} s | {peak:,.0f} MB | {seen.p50:.1f} ms, {seen.p99:.1f} ms"
            print(f"| {name} | {endings}{wrong} | {row} |", flush=True)
    assault = crowd(server, asked.seconds, addresses=asked.addresses, grace=asked.grace)
    seen, outcome, peak = beside(server, requests, assault)
    print(f"\nAll at once for {asked.seconds:.0f} s: light query p50 {seen.p50:.1f} ms, p99 {seen.p99:.1f} ms, slowest")
    print(f"{seen.slowest:.0f} ms, {seen.p99 / idle.p99:.1f} times its idle p99; answers {seen.statuses};")
    print(f"most memory {peak:,.0f} MB; attackers were sent {outcome.megabytes:,.0f} MB; not in order: "
          f"{outcome.unexpected(crowd=True) or 'nothing'}")  # fmt: skip
    after = ask(light(server, requests, 3))
    print(f"Afterwards: p50 {after.p50:.1f} ms, p99 {after.p99:.1f} ms; memory {server.memory():,.0f} MB; "
          f"{len(server.processes())} processes, {server.descriptors()} descriptors", flush=True)  # fmt: skip


def main() -> None:
    """Measure, or attack when told so by a measurement."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__)
    parser.add_argument("--attackers", help=argparse.SUPPRESS)
    parser.add_argument("--size", default="1m", help=f"of the store: {', '.join(synthetic.SIZES)}, or data sets")
    parser.add_argument("--corpora", type=Path, default=synthetic.default_place(), help="where stores are kept")
    parser.add_argument(
        "--seconds", type=float, default=20, help="for all attacks at once, and for the idle light query"
    )
    parser.add_argument("--each", type=float, default=6, help="seconds for each attack by itself")
    parser.add_argument("--grace", type=float, default=30, help="seconds that an attack may go on for after its time")
    parser.add_argument("--only", nargs="*", metavar="ATTACK", help="these attacks by themselves")
    parser.add_argument("--crowd-only", action="store_true", help="only all attacks at once")
    parser.add_argument(
        "--addresses", type=int, default=8, help="addresses of the attackers; 0: that of the light client"
    )
    parser.add_argument("--modes", nargs="*", default=["memory", "disk"], help="modes of our server: memory, disk")
    parser.add_argument("--native", action="store_true", help="Oxigraph's own server too (20 s and 12 GB at most)")
    asked = parser.parse_args()
    if asked.attackers:
        _attack(Assault(**json.loads(asked.attackers)))
        return
    made = synthetic.make(asked.size, asked.corpora)
    datasets = synthetic.subjects(made, "http://www.w3.org/ns/dcat#Dataset")
    modes = asked.modes if servers.has_setting("mode") else asked.modes[-1:]
    print(f"{made.quads:,} statements; limits of our server: {LIMITS}")
    for mode in modes:
        settings = servers.query_settings(**LIMITS, mode=mode, cache_mb=0)
        with servers.ours(made.data_dir, environment=settings) as server:
            _measure(server, f"odatis-kg, {mode} mode", light_requests(server.path, datasets), asked)
    if asked.native:
        with servers.native(made.release.store, "--timeout-s", "20", memory_gb=12) as server:
            _measure(server, "oxigraph serve-read-only --timeout-s 20", light_requests(server.path, datasets), asked)


if __name__ == "__main__":
    main()
