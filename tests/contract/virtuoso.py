"""A Virtuoso server of our own for the contract: started in a folder of its own, loaded with the dump of a release, ended.

The program is Debian's package `virtuoso-opensource-7-bin`, installed, or unpacked beside the tests by `make virtuoso`.
Where it is not on the machine, its tests are skipped.
"""

import gzip
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

UNPACKED = Path(sys.prefix) / "virtuoso"

# `ResultSetMaxRows` is where Virtuoso cuts a result with status 200; it cannot be switched off, only be set high.
INI = """
[Database]
DatabaseFile = {folder}/virtuoso.db
ErrorLogFile = {folder}/virtuoso.log
LockFile = {folder}/virtuoso.lck
TransactionFile = {folder}/virtuoso.trx
xa_persistent_file = {folder}/virtuoso.pxa
ErrorLogLevel = 7
FileExtend = 100
MaxCheckpointRemap = 200
Striping = 0
TempStorage = TempDatabase

[TempDatabase]
DatabaseFile = {folder}/virtuoso-temp.db
TransactionFile = {folder}/virtuoso-temp.trx
MaxCheckpointRemap = 200
Striping = 0

[Parameters]
ServerPort = 127.0.0.1:{sql}
DisableUnixSocket = 1
ServerThreads = 20
CheckpointInterval = 0
NumberOfBuffers = 10000
MaxDirtyBuffers = 6000
MaxQueryMem = 300M
ThreadsPerQuery = 1
AsyncQueueMaxThreads = 2
DirsAllowed = {folder}
DefaultIsolation = 2
DisableMutexMeter = 1

[HTTPServer]
ServerPort = 127.0.0.1:{http}
ServerRoot = {folder}
MaxClientConnections = 20
EnabledGzipContent = 0

[SPARQL]
ResultSetMaxRows = {rows}
DefaultQuery = ASK {{}}
"""


def found() -> Path | None:
    """The folder of the program; None when it is not on this machine."""
    installed = shutil.which("virtuoso-t")
    program = Path(installed) if installed else UNPACKED / "usr" / "bin" / "virtuoso-t"
    if not program.is_file():
        return None
    tried = subprocess.run([program, "-?"], env=_environment(), capture_output=True, timeout=20, check=False)
    return None if tried.returncode == 127 else program.parent  # 127: a library it needs is missing


def _environment() -> dict[str, str]:
    libraries = sorted({str(path.parent) for path in UNPACKED.glob("**/*.so.*")})
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)} if libraries else dict(os.environ)


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@contextmanager
def virtuoso(dump: Path, *, rows: int = 5_000) -> Iterator[str]:
    """The address of a Virtuoso that holds the statements of a dump; it cuts results at `rows` rows.

    Raises:
        RuntimeError: it does not start, or does not load the dump.
    """
    programs = found()
    assert programs is not None
    # A short path: Virtuoso cuts long ones off.
    with TemporaryDirectory(prefix="vt-") as name:
        folder = Path(name)
        sql, http = _free_ports(2)
        (folder / "virtuoso.ini").write_text(INI.format(folder=folder, sql=sql, http=http, rows=rows))
        server = subprocess.Popen(
            [programs / "virtuoso-t", "+foreground", "+wait", "+configfile", folder / "virtuoso.ini"],
            cwd=folder, env=_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{http}/sparql"
            _wait(server, address, folder)
            with gzip.open(dump) as packed, (folder / "dump.nq").open("wb") as plain:
                shutil.copyfileobj(packed, plain)
            _isql(programs, sql, f"DB.DBA.TTLP_MT (file_open ('{folder}/dump.nq'), '', 'urn:none', 512, 0, 1, 0);")
            (folder / "dump.nq").unlink()
            yield address
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait(server: "subprocess.Popen[bytes]", address: str, folder: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            break
        try:
            if httpx.get(address, params={"query": "ASK {}"}, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    log = folder / "virtuoso.log"
    said = log.read_text(errors="replace")[-2_000:] if log.exists() else "nothing"
    raise RuntimeError(f"Virtuoso does not answer; its log says: {said}")


def _isql(programs: Path, port: int, statement: str) -> None:
    done = subprocess.run(
        [programs / "isql-vt", f"127.0.0.1:{port}", "dba", "dba", "ERRORS=STDOUT", f"EXEC={statement}"],
        env=_environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if done.returncode or "Error" in done.stdout:
        raise RuntimeError(f"Virtuoso does not take {statement}: {done.stdout[-1_000:]} {done.stderr[-1_000:]}")
