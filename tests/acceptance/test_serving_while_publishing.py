"""Serving never stops while a release changes, and no request fails because of it."""

import threading
import time
from pathlib import Path

import httpx

from odatis_kg.config import load
from odatis_kg.pipeline.building import build
from odatis_kg.store.release import Releases
from tests.conftest import serving
from tests.support import iso, quiet

RECORDS = 20
QUERY = "SELECT DISTINCT ?title { ?s a <http://www.w3.org/ns/dcat#Dataset> ; <http://purl.org/dc/terms/title> ?title }"


def test_no_request_fails_and_no_answer_mixes_two_releases(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    folder.mkdir()
    settings = load(data_dir=tmp_path / "data", release={"shacl": False})

    def publish(number: int) -> None:
        for key in range(RECORDS):
            (folder / f"{key}.xml").write_bytes(iso(key=f"r{key}", title=f"Round {number}"))
        build([folder], settings, quiet)

    publish(0)
    seen: list[str] = []
    failures: list[str] = []
    stop = threading.Event()

    def ask(address: str, path: str) -> None:
        with httpx.Client(timeout=30) as client:
            while not stop.is_set():
                try:
                    if path:
                        answer = client.get(address + path, headers={"Accept": "text/html"})
                        titles = ["page"] if answer.status_code == 200 else []
                    else:
                        answer = client.post(f"{address}sparql", data={"query": QUERY}, headers={"Accept": "text/csv"})
                        titles = answer.text.split("\r\n")[1:-1]
                except httpx.HTTPError as error:
                    failures.append(repr(error))
                    continue
                if answer.status_code != 200 or len(titles) != 1:
                    failures.append(f"{answer.status_code} {titles} {answer.text[:200]}")
                seen.extend(titles)

    with serving(settings.data_dir, "--workers", "2") as server:
        askers = [
            threading.Thread(target=ask, args=(server.address, path))
            for path in ("", "", "doc/dataset/local/r1", "search?q=Round")
        ]
        for asker in askers:
            asker.start()
        try:
            for number in range(1, 6):
                publish(number)
                time.sleep(0.7)
            Releases(settings.data_dir).rollback()
            time.sleep(1.2)
        finally:
            stop.set()
            for asker in askers:
                asker.join()
        last = server.ask(QUERY, "text/csv").text
    assert failures == []
    assert {f"Round {number}" for number in range(6)} <= set(seen), "every release was served"
    assert "Round 4" in last, "a rollback is taken up too"
    assert len(seen) > 200
