"""The directory of data centres and networks: every row holds, every name of the hub is there, and a bad row is named."""

import gzip
import json
import re
import shutil
from pathlib import Path

import pyoxigraph as ox
import pytest

from odatis_kg.iris import Iris
from odatis_kg.mapping import directory
from odatis_kg.mapping.directory import Directory
from odatis_kg.mapping.registers import RegisterError
from odatis_kg.namespaces import PREFIXES
from odatis_kg.queries import read
from odatis_kg.resources import folder
from tests.conftest import BASE, Built, Server

NVS = "http://vocab.nerc.ac.uk/collection/"
SKOS = PREFIXES["skos"]
KINDS = {
    "organisations": "organisation", "infrastructures": "infrastructure", "projects": "project", "data-centres": "centre",
    "networks": "network", "consortia": "consortium", "variables": "variable", "platforms": "platform",
    "databases": "database", "certifications": "certification", "fair-levels": "fair-level", "fair-assessments": "fair-assessment",
}  # fmt: skip
# What the hub names, by file: other tests and other people's links count on each.
NAMED = {
    "organisations": ["CNES", "CNRS-INSU", "Ifremer", "IRD", "Shom", "Universités marines"],
    "infrastructures": ["Data Terra", "ODATIS"],
    "projects": ["COPiLOtE", "RIOMAR", "FUTUROBS", "DeepSea Innovation", "GAIA Data", "GEOTRACES"],
    "data-centres": ["CERSAT", "AVISO+", "Coriolis", "CTOH", "SEDOO", "IMEV", "CATDS", "SISMER", "REFMAR", "SBR", "OASU"],
    "networks": [
        "SNO SOMLIT", "SNO PHYTOBS", "SNO BENTHOBS", "SNO DYNALIT", "SNO SONEL", "SNO SSS", "Argo", "BGC-Argo", "PIRATA",
        "MAGEST", "BOUSSOLE", "REFMAR", "DBCP", "MOOSE",
    ],
    "consortia": [
        "CES Cytométrie en flux", "CES Oxygène dissous", "CES Imagerie sous-marine benthique", "CES CO2 & pH marin",
        "CES Couleur de l'océan",
    ],
    "platforms": [
        "Mouillages", "Navires volontaires", "Navires des campagnes océanographiques", "Marégraphes", "Bouées dérivantes",
        "Flotteurs profileurs Argo", "Mammifères marins porteurs de capteurs", "Planeurs sous-marins (gliders)",
    ],
    "databases": [
        "Banque de données physiques et chimiques", "Données des campagnes océanographiques", "Données de géosciences",
        "Catalogue des campagnes océanographiques", "Quadrige", "Sextant", "BIGOOD", "Surval", "SEANOE", "LEFE-CYBER", "KIDA",
    ],
}  # fmt: skip
# How many variables the hub lists for each network and centre.
MEASURED = {
    "network/somlit": 20, "network/phytobs": 2, "network/benthobs": 5, "network/dynalit": 5, "centre/coriolis": 7,
    "centre/cersat": 12, "centre/aviso": 8, "centre/legos-omp": 13, "centre/imev": 16, "centre/oasu": 12,
}  # fmt: skip


@pytest.fixture(scope="module")
def shipped() -> Directory:
    return directory.load(folder("mappings") / "registers" / "directory")


@pytest.fixture(scope="module")
def store(demo: Built) -> ox.Store:
    return ox.Store.read_only(str(demo.release.store))


def codes(shipped: Directory) -> dict[str, set[str]]:
    """The codes of the vocabularies that rows name, by list."""
    found: dict[str, set[str]] = {}
    for name in shipped.files:
        for _, _, value in shipped.statements(name, Iris(BASE)):
            if code := re.fullmatch(rf"<{NVS}(\w+)/current/(\w+)/>", value):
                found.setdefault(code[1], set()).add(code[2])
    return found


@pytest.mark.parametrize("name", NAMED)
def test_everything_the_hub_names_has_its_row(name: str, shipped: Directory) -> None:
    called = {
        text
        for row in shipped.files[name].rows
        for text in (row["name_fr"], *row.get("acronym", "").split("|"))
        if text
    }
    assert set(NAMED[name]) - called == set()


def test_the_lists_of_variables_are_whole(shipped: Directory) -> None:
    holders = [holder for row in shipped.files["variables"].rows for holder in row["measured_by"].split("|")]
    assert {holder: holders.count(holder) for holder in MEASURED} == MEASURED


def test_every_network_and_centre_but_the_umbrella_leads_to_what_it_measures(shipped: Directory) -> None:
    measuring = {holder for row in shipped.files["variables"].rows for holder in row["measured_by"].split("|")}
    networks = {f"network/{row['key']}" for row in shipped.files["networks"].rows}
    # The presentation names these without saying what they measure.
    assert networks - measuring == {"network/argo", "network/dbcp", "network/moose"}


def test_the_same_files_make_the_same_statements_without_blank_nodes(shipped: Directory) -> None:
    for name in shipped.files:
        made = shipped.statements(name, Iris(BASE))
        assert made == directory.load(folder("mappings") / "registers" / "directory").statements(name, Iris(BASE))
        assert len(made) == len(set(made)) >= 4 * len(shipped.files[name].rows), name
        lines = "\n".join(f"{s} {p} {o} ." for s, p, o in made)
        for triple in ox.parse(lines, format=ox.RdfFormat.N_TRIPLES):
            assert isinstance(triple.subject, ox.NamedNode)
            assert isinstance(triple.object, (ox.NamedNode, ox.Literal))


def test_another_base_address_moves_every_thing(shipped: Directory) -> None:
    for name in shipped.files:
        assert not [one for one in shipped.statements(name, Iris("https://kg.example.org/")) if BASE in "".join(one)]


def test_every_code_is_in_the_extracts_of_the_demonstration(shipped: Directory, store: ox.Store) -> None:
    named = codes(shipped)
    assert named.keys() == {"C19", "L06", "P01", "P02"}
    for collection, some in named.items():
        for code in some:
            concept = ox.NamedNode(f"{NVS}{collection}/current/{code}/")
            assert any(True for _ in store.quads_for_pattern(concept, ox.NamedNode(f"{SKOS}prefLabel"), None, None)), (
                concept
            )


def test_the_two_concepts_of_a_variable_agree(shipped: Directory, store: ox.Store) -> None:
    both = [row for row in shipped.files["variables"].rows if row["p01"] and row["p02"]]
    assert both
    for row in both:
        narrow, broad = (ox.NamedNode(f"{NVS}{name.upper()}/current/{row[name]}/") for name in ("p01", "p02"))
        assert any(True for _ in store.quads_for_pattern(narrow, ox.NamedNode(f"{SKOS}broader"), broad, None)), row[
            "key"
        ]


@pytest.mark.real
def test_every_code_is_in_the_published_lists(shipped: Directory, real: Path) -> None:
    nvs = real / "nvs"
    published = {
        "C19": gzip.decompress((nvs / "turtle" / "C19.ttl.gz").read_bytes()),
        "L06": (nvs / "sdn-xml" / "SDN.L06.18..xml").read_bytes(),
        # No dump of all of P01 is at hand; P02 names each of its concepts below the group it belongs to.
        "P01": gzip.decompress((nvs / "turtle" / "P02.ttl.gz").read_bytes()),
        "P02": gzip.decompress((nvs / "turtle" / "P02.ttl.gz").read_bytes()),
    }
    for collection, some in codes(shipped).items():
        listed = set(
            re.findall(
                rf"(?:SDN:{collection}::|/{collection}/current/)(\w+)", published[collection].decode("utf-8", "replace")
            )
        )
        assert some - listed == set(), collection


@pytest.mark.real
def test_every_number_of_edmo_is_that_of_the_organisation(shipped: Directory, real: Path) -> None:
    content = json.loads(gzip.decompress((real / "edmo" / "edmo.json.gz").read_bytes()))
    names = [party["rpOrgName"] for party in content["vocabulary"]["citRespParty"]]
    listed = {name["SDNIdent"].rpartition(":")[2]: name["text"].casefold() for name in names}
    numbered = [row for name in ("organisations", "data-centres") for row in shipped.files[name].rows if row["edmo"]]
    assert len(numbered) > 10
    for row in numbered:
        words = [row["name_en"], *(word for one in row["acronym"].split("|") for word in one.split("-") if one)]
        assert any(word.casefold() in listed[row["edmo"]] for word in words), row["key"]


def test_every_row_is_a_thing_of_the_demonstration_with_its_two_names(shipped: Directory, store: ox.Store) -> None:
    for name, kind in KINDS.items():
        graph = ox.NamedNode(f"{BASE}graph/register/{name}")
        for row in shipped.files[name].rows:
            thing = ox.NamedNode(f"{BASE}id/{kind}/odatis/{row['key']}")
            said = list(store.quads_for_pattern(thing, None, None, graph))
            assert any(quad.predicate.value.endswith("#type") for quad in said), thing
            languages = {
                quad.object.language: quad.object.value
                for quad in said
                if quad.predicate.value.endswith(("prefLabel", "/name", "/title"))
            }
            assert languages == {"en": row["name_en"], "fr": row["name_fr"]}, thing


def test_every_register_graph_says_what_it_is_and_who_made_it(shipped: Directory, store: ox.Store) -> None:
    described = {
        row["g"].value
        for row in store.query(
            "PREFIX prov: <http://www.w3.org/ns/prov#> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> "
            "SELECT DISTINCT ?g { ?g a prov:Entity ; rdfs:label ?en, ?fr ; prov:wasAttributedTo/rdfs:label|prov:wasAttributedTo ?by "
            "FILTER(LANG(?en) = 'en' && LANG(?fr) = 'fr') }"
        )
    }
    assert described >= {f"{BASE}graph/register/{name}" for name in KINDS}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("centre/odatis/coriolis", "Coriolis: oxygen"),
        ("network/odatis/somlit", "SOMLIT: dissolved oxygen"),
        ("variable/odatis/benthobs-grain-size", "Sediment grain size parameters"),
        ("platform/odatis/gliders", "sub-surface gliders"),
        ("database/odatis/quadrige", "SISMER"),
        ("certification/odatis/roscoff", "application under evaluation"),
        ("consortium/odatis/oxygene", "ODATIS, ocean data hub"),
    ],
)
def test_a_row_has_a_page(path: str, said: str, server: Server) -> None:
    found = server.get(f"doc/{path}", accept="text/html", accept_language="en")
    assert found.status_code == 200
    assert said in found.text


def test_every_row_has_a_document(shipped: Directory, server: Server) -> None:
    for name, kind in KINDS.items():
        for row in shipped.files[name].rows:
            found = server.get(f"doc/{kind}/odatis/{row['key']}.nt")
            assert found.status_code == 200, row["key"]
            assert f"<{BASE}id/{kind}/odatis/{row['key']}> " in found.text


def test_one_query_leads_from_a_concept_and_a_sea_to_the_centres(store: ox.Store) -> None:
    found = store.query(read("questions/7-centres-and-variables", Iris(BASE)).text)
    rows = {(row["centre"].value, row["network"].value.partition(",")[0] if row["network"] else "") for row in found}
    assert rows == {
        ("Aquitaine Observatory of Sciences of the Universe", "SOMLIT"),
        ("Coriolis, in situ data of operational oceanography", ""),
        ("Coriolis, in situ data of operational oceanography", "BGC-Argo"),
        ("Villefranche Sea Institute", "BGC-Argo"),
    }


def test_centres_and_networks_are_counted_and_found(server: Server) -> None:
    assert "observing networks" in server.get("", accept="text/html").text
    assert f"{BASE}id/network/odatis/somlit" in server.get("search?q=somlit", accept="text/html").text
    assert "Coriolis" in server.get("search?kind=odk:DataCentre", accept="text/html").text


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A copy of the shipped files to spoil."""
    shutil.copytree(folder("mappings") / "registers" / "directory", tmp_path / "directory")
    return tmp_path / "directory"


def spoil(path: Path, line: int, before: str, after: str) -> None:
    lines = path.read_text(encoding="utf-8").split("\n")
    assert before in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(before, after, 1)
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "line", "before", "after", "said"),
    [
        ("networks", 1, "source", "sauce", "networks.csv: the first line must name the columns, 'source' among them"),
        ("networks", 1, "name_fr", "acronym2", "networks.csv, line 1: the columns must begin with 'key'"),
        ("networks", 1, "since", "begun", "networks.csv, line 1: unknown columns: begun"),
        ("networks", 2, "somlit,", "somlit,,", "networks.csv, line 2: 12 values where 11 are expected"),
        ("networks", 3, "phytobs,", "somlit,", "networks.csv, line 3: the key 'somlit' is empty or there twice"),
        ("networks", 3, "phytobs,", "Phyto Obs,", "line 3, column 'key': 'Phyto Obs' is not small letters"),
        ("networks", 2, "centre/oasu", "centre/nobody", "networks.csv, line 2, column 'curated_by': there is no 'centre/nobody'"),
        ("networks", 2, "centre/oasu", "network/sss", "line 2, column 'curated_by': 'network/sss' must begin with one of: centre/"),
        ("networks", 2, "https://", "see ", "networks.csv, line 2, column 'page': 'see www.somlit.fr/' cannot stand here"),
        ("networks", 2, "ODATIS presentation 2023; list of stations of the network", "", "line 2, row 'somlit': the source"),
        ("networks", 9, ",2012,", ",lately,", "networks.csv, line 9, column 'since': 'lately' cannot stand here"),
        ("certifications", 2, "2023-04-04", "2023-02-30", "line 2, column 'stated_on': '2023-02-30' cannot stand here"),
        ("variables", 2, "network/somlit", "network/nobody", "variables.csv, line 2, column 'measured_by': there is no"),
        ("variables", 2, ",surface,surface,", ",surface,,", "line 2, column 'level_fr': the text is missing in one language"),
        ("variables", 2, ",TEMP,", ",T!,", "variables.csv, line 2, column 'p02': 'T!' cannot stand here"),
        ("consortia", 2, "Expert consortium on flow cytometry", "", "column 'name_en': the text is missing in one language"),
        ("data-centres", 3, "1330", "AVISO", "data-centres.csv, line 3, column 'edmo': 'AVISO' cannot stand here"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_by_file_and_line(
    files: Path, file: str, line: int, before: str, after: str, said: str
) -> None:
    spoil(files / f"{file}.csv", line, before, after)
    with pytest.raises(RegisterError) as caught:
        directory.load(files)
    assert said in str(caught.value)


def test_a_file_that_is_missing_or_unknown_is_named(files: Path) -> None:
    (files / "networks.csv").rename(files / "nets.csv")
    with pytest.raises(RegisterError, match=r"nets\.csv, networks\.csv"):
        directory.load(files)
