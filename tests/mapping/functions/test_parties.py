"""A person and an organisation are two nodes, whichever of the two a record names."""

import pytest

from odatis_kg.mapping.engine import Mapped, Mappings
from tests.mapping.test_rules import contact
from tests.support import iso, iso3, mapped, triples_of, values_of

ORCID = "https://orcid.org/0000-0002-1825-0097"
EDMO = "https://edmo.seadatanet.org/report/486"


def party(role: str = "author", *, person: str = "", orcid: str = "", organisation: str = "", edmo: str = "") -> bytes:
    def named(element: str, words: str, link: str) -> str:
        if not words:
            return ""
        text = (
            f'<gmx:Anchor xlink:href="{link}">{words}</gmx:Anchor>'
            if link
            else f"<gco:CharacterString>{words}</gco:CharacterString>"
        )
        return f"<gmd:{element}>{text}</gmd:{element}>"

    return iso(
        f"<gmd:pointOfContact><gmd:CI_ResponsibleParty>{named('individualName', person, orcid)}"
        f"{named('organisationName', organisation, edmo)}"
        f'<gmd:role><gmd:CI_RoleCode codeListValue="{role}"/></gmd:role></gmd:CI_ResponsibleParty></gmd:pointOfContact>'
    )


def typed(result: Mapped, name: str) -> list[str]:
    return sorted({s for s, p, o in triples_of(result) if p.endswith("#type>") and o.endswith(f"/{name}>")})


def test_a_person_with_an_organisation_are_two_nodes_joined_by_a_membership(mappings: Mappings) -> None:
    result = mapped(party(person="Josiah Carberry", orcid=ORCID, organisation="SISMER", edmo=EDMO), mappings)
    assert typed(result, "Person") == [f"<{ORCID}>"]
    assert typed(result, "Organization") == [f"<{EDMO}>"]
    assert values_of(result, "terms/creator") == [f"<{ORCID}>"]
    assert values_of(result, "org#member") == [f"<{ORCID}>"]
    assert values_of(result, "org#organization") == [f"<{EDMO}>"]
    assert values_of(result, "foaf/0.1/name", f"<{ORCID}>") == ['"Josiah Carberry"']
    assert values_of(result, "foaf/0.1/name", f"<{EDMO}>") == ['"SISMER"@fr']


def test_a_person_alone_has_no_organisation(mappings: Mappings) -> None:
    result = mapped(party(person="Josiah Carberry", orcid=ORCID), mappings)
    assert typed(result, "Person") == [f"<{ORCID}>"]
    assert typed(result, "Organization") == []
    assert values_of(result, "org#member") == []


def test_an_organisation_alone_is_no_person(mappings: Mappings) -> None:
    result = mapped(party(organisation="SISMER", edmo=EDMO), mappings)
    assert typed(result, "Person") == []
    assert typed(result, "Organization") == [f"<{EDMO}>"]
    assert values_of(result, "terms/creator") == [f"<{EDMO}>"]


def test_an_organisation_iri_on_a_persons_name_never_becomes_the_person(mappings: Mappings) -> None:
    result = mapped(party(person="Jeanne Martin", orcid=EDMO, organisation="SISMER"), mappings)
    (person,) = typed(result, "Person")
    assert "#person-" in person
    assert EDMO not in person


def test_a_person_without_orcid_exists_only_inside_the_record(mappings: Mappings) -> None:
    result = mapped(party(person="Jeanne Martin", organisation="SISMER"), mappings)
    (person,) = typed(result, "Person")
    assert person.startswith(f"<{result.subject}#person-")


def test_a_wrong_check_digit_makes_no_orcid(mappings: Mappings) -> None:
    result = mapped(party(person="Josiah Carberry", orcid="https://orcid.org/0000-0002-1825-0098"), mappings)
    assert "orcid.org" not in "".join(typed(result, "Person"))


def test_one_organisation_written_in_two_cases_is_one_node_of_the_source(mappings: Mappings) -> None:
    upper, lower = (mapped(party(organisation=name), mappings) for name in ("IFREMER", "Ifremer"))
    assert typed(upper, "Organization") == typed(lower, "Organization")


@pytest.mark.parametrize(
    ("role", "shortcut"),
    [
        ("author", "terms/creator"),
        ("publisher", "terms/publisher"),
        ("owner", "terms/rightsHolder"),
        ("custodian", "930/custodian"),
        ("principalInvestigator", "930/principalInvestigator"),
        ("funder", "schema.org/funder"),
    ],
)
def test_a_role_is_an_attribution_and_a_shortcut_property(role: str, shortcut: str, mappings: Mappings) -> None:
    result = mapped(party(role, organisation="SISMER", edmo=EDMO), mappings)
    assert values_of(result, "prov#agent") == [f"<{EDMO}>"]
    assert values_of(result, "hadRole") != []
    found = {p for s, p, o in triples_of(result) if s == f"<{result.subject}>" and o == f"<{EDMO}>"}
    assert any(shortcut in predicate for predicate in found), found


def test_an_unknown_role_is_kept_as_text_with_a_warning(mappings: Mappings) -> None:
    result = mapped(party("captain", organisation="SISMER"), mappings)
    assert values_of(result, "statedRole") == ['"captain"']
    assert any("captain" in warning for warning in result.warnings)


def test_a_second_publisher_stays_an_attribution_only(mappings: Mappings) -> None:
    two = party("publisher", organisation="A").decode() + party("publisher", organisation="B").decode()
    inside = "".join(
        part.partition("</gmd:pointOfContact>")[0] + "</gmd:pointOfContact>"
        for part in ("<gmd:pointOfContact>" + p for p in two.split("<gmd:pointOfContact>")[1:])
    )
    result = mapped(iso(inside), mappings)
    assert len(values_of(result, "terms/publisher")) == 1
    assert len(values_of(result, "prov#agent")) == 2


def test_a_contact_that_names_nobody_is_reported_and_nothing_else(mappings: Mappings) -> None:
    result = mapped(party(organisation="  "), mappings)
    assert any("neither a person nor an organisation" in warning for warning in result.warnings)
    assert values_of(result, "prov#agent") == []


def test_several_people_of_one_organisation_are_several_persons(mappings: Mappings) -> None:
    person = "<cit:individual><cit:CI_Individual><cit:name><gco:CharacterString>{}</gco:CharacterString></cit:name></cit:CI_Individual></cit:individual>"
    content = iso3(
        '<mri:pointOfContact><cit:CI_Responsibility><cit:role><cit:CI_RoleCode codeListValue="author"/></cit:role><cit:party><cit:CI_Organisation>'
        "<cit:name><gco:CharacterString>SISMER</gco:CharacterString></cit:name>" + person.format("Anne") + person.format("Paul") +
        "</cit:CI_Organisation></cit:party></cit:CI_Responsibility></mri:pointOfContact>"
    )  # fmt: skip
    result = mapped(content, mappings)
    assert len(typed(result, "Person")) == 2
    assert len(typed(result, "Organization")) == 1


def test_an_organisation_has_one_mailbox_and_another_belongs_to_the_role_it_is_named_in(mappings: Mappings) -> None:
    named = [contact("", "SISMER", "sismer@ifremer.fr"), contact("", "SISMER", "contact@ifremer.fr")]
    owner = named[1].replace("pointOfContact", "owner").replace("gmd:owner>", "gmd:pointOfContact>")
    result = mapped(iso(named[0] + owner), mappings)
    (organisation,) = typed(result, "Organization")
    assert values_of(result, "foaf/0.1/mbox", organisation) == ["<mailto:sismer@ifremer.fr>"]
    attribution = next(s for s, p, o in triples_of(result) if p.endswith("hadRole>") and o.endswith("owner>"))
    assert values_of(result, "hasEmail", attribution) == ["<mailto:contact@ifremer.fr>"]
