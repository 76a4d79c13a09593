"""Synthetic releases of any size: made-up data sets, cruises, people and vocabularies in the shapes of the graph.

The statements are written straight as N-Quads, not by mapping, and from a seed: the same size gives the same statements.
What comes out is a release like any other, which `odatis-kg serve --data-dir` and `oxigraph serve-read-only` both serve.
20,000 data sets with 60,000 concepts make about four million statements.
"""

import argparse
import hashlib
import inspect
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import pyoxigraph as ox

from benchmarks import templates
from odatis_kg import __version__
from odatis_kg.iris import Iris
from odatis_kg.lineage.runs import lines, software
from odatis_kg.resources import folder
from odatis_kg.store import boxindex, partitions, statistics, textindex, void
from odatis_kg.store.dump import DESCRIPTION, DumpWriter
from odatis_kg.store.loading import load
from odatis_kg.store.release import Manifest, Release, Releases

BASE: Final = "http://localhost:8000/"
# Data sets for so many statements, about: by name, as asked for on the command line.
SIZES: Final = {"100k": 475, "1m": 5_000, "4m": 20_000, "10m": 50_000}
_RUN: Final = "20250101T000000000Z-0000"
_SEED: Final = 20_250_101
_NERC: Final = "http://vocab.nerc.ac.uk/collection"
_WHAT: Final = (
    ("Temperature", "Température"), ("Practical salinity", "Salinité pratique"), ("Dissolved oxygen", "Oxygène dissous"),
    ("Nitrate", "Nitrate"), ("Phosphate", "Phosphate"), ("Silicate", "Silicate"), ("Chlorophyll a", "Chlorophylle a"),
    ("Current velocity", "Vitesse du courant"), ("Wave height", "Hauteur des vagues"), ("Sea level", "Niveau de la mer"),
    ("Phytoplankton abundance", "Abondance du phytoplancton"), ("Suspended matter", "Matières en suspension"),
)  # fmt: skip
_HOW: Final = (
    ("profiles by CTD", "profils à la CTD"), ("bottle samples", "prélèvements à la bouteille"),
    ("mooring series", "séries de mouillage"), ("Argo float profiles", "profils de flotteurs Argo"),
    ("satellite images", "images de satellite"), ("ship track records", "mesures en route"),
)  # fmt: skip
_PLACES: Final = (
    ("Bay of Biscay", -8.0, 45.0), ("English Channel", -2.0, 50.0), ("Mediterranean Sea", 6.0, 41.0),
    ("Celtic Sea", -9.0, 50.0), ("Iroise Sea", -5.5, 48.3), ("Gulf of Lion", 4.0, 42.8), ("Gulf of Guinea", 2.0, 1.0),
    ("Coral Sea", 158.0, -18.0), ("Southern Ocean", 70.0, -50.0), ("Mozambique Channel", 42.0, -17.0),
)  # fmt: skip
_GROUPS: Final = (
    "Nutrients", "Dissolved gases", "Water column temperature and salinity", "Carbon, nitrogen and phosphorus",
    "Pigments", "Currents", "Waves", "Sea level", "Optical properties", "Phytoplankton and microphytobenthos",
)  # fmt: skip
_FAMILIES: Final = (
    "Le Goff",
    "Kermarrec",
    "Tanguy",
    "Madec",
    "Abgrall",
    "Riou",
    "Salaün",
    "Guéguen",
    "Prigent",
    "Quéré",
)
_GIVEN: Final = ("Anne", "Yann", "Maëlle", "Loïc", "Enora", "Erwan", "Gwenn", "Tristan", "Nolwenn", "Ronan")
_STEMS: Final = (
    "Concentration of {what} per unit volume of the water body, method {number}",
    "{what} of the water body by in-situ sensor {number}",
    "Standard deviation of {what} in the water column, class {number}",
    "Flux of {what} at the sea surface, estimate {number}",
)


class Corpus:
    """The statements of a synthetic release of so many data sets."""

    def __init__(self, datasets: int, iris: Iris) -> None:
        self.datasets = datasets
        self.concepts = 3 * datasets
        self._iris = iris
        self._random = Random(f"{_SEED} {datasets}")
        self._cruises = max(5, datasets // 20)
        self._people = max(5, datasets // 20)
        self._organisations = max(8, datasets // 100)
        # Parameters of P01 fall under those of P02, and these under the groups of P03.
        self._middles = max(20, datasets // 30)
        self._leaves = self.concepts - self._middles - len(_GROUPS)
        self._templates = {
            name: templates.compiled(text, iris.odk)
            for name, text in vars(templates).items()
            if name.isupper() and isinstance(text, str)
        }
        self._activity = {name: iris.activity(_RUN, name) for name in ("harvest", "map-iso19139", "enrich")}

    def graphs(self) -> Iterator[tuple[str, list[str]]]:
        """Every named graph with its sorted N-Quads lines."""
        yield from self._shipped()
        yield from self._run()
        for name, content in self._vocabularies():
            yield from self._record(name, content, kind="skos", key=name.rsplit("/", 2)[1], topic=f"{_NERC}/")
        for number in range(self._people):
            yield from self._person(number)
        for number in range(self._cruises):
            yield from self._cruise(number)
        matches: list[str] = []
        for number in range(self.datasets):
            yield from self._dataset(number, matches)
        yield self._iris.graph("mappings", "keywords"), sorted(set(matches))

    # Names

    def _dataset_iri(self, number: int) -> str:
        return f"{self._iris.base}id/dataset/synthetic/ds-{number:06}"

    def _leaf(self, number: int) -> tuple[str, str]:
        """The IRI and the English label of a P01 parameter."""
        what = _WHAT[number % len(_WHAT)][0].lower()
        label = _STEMS[number % len(_STEMS)].format(what=what, number=number)
        return f"{_NERC}/P01/current/SYN{number:06}/", label

    def _middle(self, number: int) -> tuple[str, str]:
        if number == 0:
            return f"{_NERC}/P02/current/DOXY/", "Dissolved oxygen parameters in the water column"
        return f"{_NERC}/P02/current/S{number:05}/", f"{_WHAT[number % len(_WHAT)][0]} parameters, family {number}"

    def _organisation(self, number: int) -> tuple[str, str]:
        number %= self._organisations
        return f"https://edmo.seadatanet.org/report/{900_000 + number}", f"Institute {number} of marine science"

    def _person_iri(self, number: int) -> tuple[str, str]:
        key = f"9999-0000-{number // 10_000:04}-{number % 10_000:04}"
        return f"https://sandbox.orcid.org/{key}", key

    def _cruise_iri(self, number: int) -> str:
        return f"{self._iris.base}id/cruise/csr/SYN{number:05}"

    def _keyword(self, label: str) -> str:
        return f"{self._iris.base}id/keyword/synthetic/{hashlib.sha256(label.encode()).hexdigest()[:16]}"

    # Graphs

    def _write(self, graph: str, *parts: tuple[str, Mapping[str, object]]) -> list[str]:
        ending = f"<{graph}> .\n"
        text = "".join([self._templates[name].format_map({**fields, "in_graph": ending}) for name, fields in parts])
        return sorted(set(text.splitlines()))

    def _shipped(self) -> Iterator[tuple[str, list[str]]]:
        for name in ("odk", "terms"):
            graph = self._iris.graph("ontology", name)
            quads = ox.parse(path=str(folder("ontologies") / f"{name}.ttl"), base_iri=self._iris.base)
            yield graph, lines(((str(quad.subject), str(quad.predicate), str(quad.object)) for quad in quads), graph)

    def _run(self) -> Iterator[tuple[str, list[str]]]:
        graph = self._iris.graph("prov", _RUN)
        about = {
            "run": self._iris.activity(_RUN),
            "key": _RUN,
            "software": f"{self._iris.base}id/software/odatis-kg/0",
            "plan": f"{self._iris.base}id/mapping-spec/iso19139/0",
        }
        steps = [("ACTIVITY", {**about, "activity": iri, "name": name}) for name, iri in self._activity.items()]
        yield graph, self._write(graph, ("RUN", about), *steps)

    def _record(
        self, graph: str, content: list[str], *, kind: str, key: str, topic: str, enriched: str = ""
    ) -> Iterator[tuple[str, list[str]]]:
        """A graph and, beside it, where it comes from."""
        yield graph, content
        short = graph.removeprefix(f"{self._iris.base}graph/")
        beside = f"{self._iris.base}graph/prov/{short}"
        sha256 = hashlib.sha256(graph.encode()).hexdigest()
        fields = {
            "beside": beside, "graph": graph, "short": short, "key": key, "kind": kind, "quads": len(content),
            "topic": topic, "sha256": sha256, "activity": self._activity["map-iso19139"],
            "harvest": self._activity["harvest"], "concluding": self._activity["enrich"],
            "version": f"{self._iris.base}id/source-record/synthetic/{key}/{sha256[:16]}",
            "file": f"{self._iris.base}id/source-file/synthetic/{key}",
            "enriched": enriched, "matches": self._iris.graph("mappings", "keywords"),
        }  # fmt: skip
        parts = [("PROVENANCE", fields)] + ([("ENRICHMENT", fields)] if enriched else [])
        yield beside, self._write(beside, *parts)

    def _vocabularies(self) -> Iterator[tuple[str, list[str]]]:
        groups = [(f"{_NERC}/P03/current/G{number:03}/", label) for number, label in enumerate(_GROUPS)]
        middles = [self._middle(number) for number in range(self._middles)]
        leaves = [self._leaf(number) for number in range(self._leaves)]
        lists = {
            "P03": (groups, [""] * len(groups)),
            "P02": (middles, [groups[number % len(groups)][0] for number in range(len(middles))]),
            "P01": (leaves, [middles[number % len(middles)][0] for number in range(len(leaves))]),
        }
        for name, (concepts, broader) in lists.items():
            collection = f"{_NERC}/{name}/current/"
            parts: list[tuple[str, Mapping[str, object]]] = [
                ("COLLECTION", {"collection": collection, "label": f"Synthetic list {name}"})
            ]
            for (concept, label), above in zip(concepts, broader, strict=True):
                code = concept.rsplit("/", 2)[1]
                fields = {"concept": concept, "collection": collection, "list": name, "code": code, "label": label}
                parts.append(("CONCEPT", fields))
                if above:
                    parts.append(("BROADER", {"concept": concept, "broader": above}))
            graph = self._iris.graph("vocab", "nvs", name, "1")
            yield graph, self._write(graph, *parts)

    def _person(self, number: int) -> Iterator[tuple[str, list[str]]]:
        person, key = self._person_iri(number)
        publisher, publisher_name = self._organisation(number)
        graph = self._iris.graph("orcid", f"sandbox.orcid.org:{key}")
        fields = {
            "person": person, "key": key, "about": self._iris.about(person), "given": _GIVEN[number % 10],
            "family": _FAMILIES[number // 10 % 10], "publisher": publisher, "publisher_name": publisher_name,
        }  # fmt: skip
        yield from self._record(graph, self._write(graph, ("PERSON", fields)), kind="orcid", key=key, topic=person)

    def _cruise(self, number: int) -> Iterator[tuple[str, list[str]]]:
        cruise = self._cruise_iri(number)
        ship = number % 25
        key = f"SYN{number:05}"
        graph = self._iris.graph("record", "synthetic", f"csr-{key}")
        fields = {
            **self._box(), **self._period(), "cruise": cruise, "key": key, "label": f"SYNTH {number}",
            "base": self._iris.base, "person": self._person_iri(number % self._people)[0],
            "publisher": self._organisation(number)[0], "port": f"{number % 40:03}",
            "ship": f"{self._iris.base}id/platform/c17/SYN{ship:02}", "ship_name": f"Ship {ship}",
            "concept": self._middle(number % self._middles)[0],
        }  # fmt: skip
        yield from self._record(
            graph, self._write(graph, ("CRUISE", fields)), kind="csr", key=f"csr-{key}", topic=cruise
        )

    def _dataset(self, number: int, matches: list[str]) -> Iterator[tuple[str, list[str]]]:
        random = self._random
        key = f"ds-{number:06}"
        dataset = self._dataset_iri(number)
        what, how = random.choice(_WHAT), random.choice(_HOW)
        place = random.choice(_PLACES)
        publisher, publisher_name = self._organisation(random.randrange(self._organisations))
        custodian, custodian_name = self._organisation(random.randrange(self._organisations))
        # One data set in three is made from an earlier one: chains of derivations, some of them long.
        origin = self._dataset_iri(random.randrange(number)) if number and number % 3 == 0 else f"{dataset}#source-1"
        subject_en, subject_fr = f"{what[0]} in the {place[0]}", f"{what[1]} ({place[0]})"
        fields: dict[str, object] = {
            **self._box(place[1], place[2]), **self._period(), "d": dataset, "key": key, "place": place[0],
            "record": f"{self._iris.base}id/record/synthetic/{key}",
            "title_en": f"{subject_en}: {how[0]}, part {number}", "title_fr": f"{subject_fr} : {how[1]}, partie {number}",
            "text_en": f"{subject_en}, measured as {how[0]} and checked with the common protocol of the network. "
            f"Part {number} of a series made for measurements; no such data exist.",
            "text_fr": f"{subject_fr}, {how[1]}, selon le protocole commun du réseau. "
            f"Partie {number} d'une série faite pour des mesures ; ces données n'existent pas.",
            "person": self._person_iri(random.randrange(self._people))[0],
            "publisher": publisher, "publisher_name": publisher_name,
            "custodian": custodian, "custodian_name": custodian_name,
            "series": f"{self._iris.base}id/dataset/synthetic/series-{number % 50}", "series_key": f"series-{number % 50}",
            "cruise": self._cruise_iri(random.randrange(self._cruises)), "origin": origin,
            "frequency": random.choice(("ANNUAL", "MONTHLY", "DAILY", "IRREG")),
            "status": random.choice(("onGoing", "completed")),
            "platform": random.randrange(1, 60), "instrument": random.randrange(1, 200),
        }  # fmt: skip
        parts: list[tuple[str, Mapping[str, object]]] = [("DATASET", fields)]
        concepts = [self._leaf(random.randrange(self._leaves)) for _ in range(random.randrange(2, 6))]
        concepts += [self._middle(random.randrange(self._middles)) for _ in range(random.randrange(1, 4))]
        for concept, label in concepts:
            fields_of = {"d": dataset, "concept": concept, "label": label, "keyword": self._keyword(label)}
            parts.append(("VARIABLE", fields_of))
        graph = self._iris.graph("record", "synthetic", key)
        enriched = self._iris.graph("enriched", "synthetic", key) if number % 4 == 0 else ""
        content = self._write(graph, *parts)
        yield from self._record(graph, content, kind="iso19139", key=key, topic=dataset, enriched=enriched)
        if enriched:
            concept, label = self._middle(random.randrange(self._middles))
            work = {**fields, "concept": concept, "work": f"{self._iris.base}id/work/10.5072/{key}"}
            yield enriched, self._write(enriched, ("ENRICHED", work))
            match = {
                "match": f"{self._iris.base}id/mapping/keywords/{hashlib.sha256(key.encode()).hexdigest()[:16]}",
                "keyword": self._keyword(concepts[0][1]), "concept": concept, "label": label,
                "confidence": f"0.{random.randrange(80, 99)}",
            }  # fmt: skip
            matches += self._write(self._iris.graph("mappings", "keywords"), ("MATCH", match))

    # Values

    def _box(self, x: float = 0.0, y: float = 0.0) -> dict[str, object]:
        """A box around a place, in quarters of a degree; one in fifty spans the globe."""
        random = self._random
        if random.random() < 0.02:
            return {"west": -180, "east": 180, "south": -90, "north": 90, "middle_x": 0, "middle_y": 0}
        west = max(-180.0, x + random.randrange(-40, 40) / 4)
        south = max(-80.0, y + random.randrange(-20, 20) / 4)
        east, north = min(180.0, west + random.randrange(1, 60) / 4), min(85.0, south + random.randrange(1, 40) / 4)
        places = {"west": west, "east": east, "south": south, "north": north}
        places |= {"middle_x": (west + east) / 2, "middle_y": (south + north) / 2}
        return {name: f"{value:.3f}".rstrip("0").rstrip(".") for name, value in places.items()}

    def _period(self) -> dict[str, object]:
        random = self._random
        start, length = random.randrange(1970, 2024), random.randrange(4)
        return {
            "start": f"{start}-{random.randrange(1, 13):02}-01",
            "end": f"{start + length}-12-{random.randrange(1, 29):02}",
            "issued": f"2024-{random.randrange(1, 13):02}-{random.randrange(1, 29):02}",
        }


@dataclass(frozen=True, slots=True)
class Made:
    """A synthetic release: the data directory it is served from, and how many statements its named graphs hold."""

    data_dir: Path
    release: Release

    @property
    def quads(self) -> int:
        """The statements of the named graphs; the default graph holds each of them once more."""
        return self.release.manifest.quads


def make(size: str, place: Path) -> Made:
    """The synthetic release of a size (a name of `SIZES` or a number of data sets) below a folder, made unless it is there.

    A release of another state of this software or of the generator is not taken for it.
    """
    datasets = SIZES[size] if size in SIZES else int(size)
    mark = hashlib.sha256()
    for part in (Corpus, templates, statistics, partitions, textindex, boxindex, void):
        mark.update(inspect.getsource(part).encode())
    for path in sorted(folder("ontologies").glob("*.ttl")):
        mark.update(path.read_bytes())
    data_dir = place / f"{size}-{mark.hexdigest()[:12]}"
    release = Releases(data_dir).current() or _build(Corpus(datasets, Iris(BASE)), data_dir, mark.hexdigest())
    return Made(data_dir, release)


def _build(corpus: Corpus, data_dir: Path, mark: str) -> Release:
    iris, releases = Iris(BASE), Releases(data_dir)
    with releases.building(), releases.draft(_RUN) as draft:
        writer = DumpWriter(draft.path)
        for graph, content in corpus.graphs():
            writer.write(graph, content)
        dump, sha256 = writer.close()
        store = load(dump, draft.store)
        counted = statistics.count(store, dump.digests, iris)
        things = textindex.build(store, draft.path / "text.sqlite", iris.odk)
        boxindex.build(store, draft.path / "text.sqlite", iris.odk)
        draft.write_json("statistics.json", counted | {"things": things})
        said = void.describe(counted, _RUN, "2025-01-01T00:00:00Z", void.examples(store, iris), iris)
        void.write(store, draft.path / DESCRIPTION, said, None)
        store.optimize()
        del store
        manifest = Manifest(
            id=_RUN,
            created="2025-01-01T00:00:00Z",
            base_url=BASE,
            software=software(),
            mappings=__version__,
            fingerprint=mark,
            quads=dump.quads,
            graphs=len(dump.entries),
            dump_sha256=sha256,
            previous=None,
        )
        draft.write_json("report.json", [])
        draft.write_json("checks.json", {"graphs": [], "remarks": {}})
        return releases.publish(draft, manifest)


def subjects(made: Made, class_: str, most: int = 5_000) -> list[str]:
    """IRIs of things of a class that are in a release, evenly taken and in the same order for the same release."""
    store = ox.Store.read_only(str(made.release.store))
    type_ = ox.NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#type")
    quads = store.quads_for_pattern(None, type_, ox.NamedNode(class_), ox.DefaultGraph())
    found = sorted(quad.subject.value for quad in quads if isinstance(quad.subject, ox.NamedNode))
    Random(_SEED).shuffle(found)
    return found[:most]


def texts(made: Made, property_: str, most: int = 5_000) -> list[str]:
    """Values of a property as N-Triples terms, each once, taken and ordered as by `subjects`."""
    store = ox.Store.read_only(str(made.release.store))
    quads = store.quads_for_pattern(None, ox.NamedNode(property_), None, ox.DefaultGraph())
    found = sorted({str(quad.object) for quad in quads})
    Random(_SEED).shuffle(found)
    return found[:most]


def main() -> None:
    """`python -m benchmarks.synthetic 4m --corpora FOLDER`: make a release and say where it is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synthetic", description=__doc__)
    parser.add_argument("sizes", nargs="+", metavar="SIZE", help=f"{', '.join(SIZES)}, or a number of data sets")
    parser.add_argument("--corpora", type=Path, default=default_place(), help="folder to keep the releases in")
    asked = parser.parse_args()
    for size in asked.sizes:
        started = time.perf_counter()
        made = make(size, asked.corpora)
        print(f"{made.quads:,} statements, {time.perf_counter() - started:.0f} s: {made.data_dir}", flush=True)


def default_place() -> Path:
    """Where releases are kept when no folder is named: one of the system's temporary folder."""
    return Path(tempfile.gettempdir()) / "odatis-kg-corpora"


if __name__ == "__main__":
    main()
