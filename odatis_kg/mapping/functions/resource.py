"""What an ISO record is about: its resource and its record node, its languages, its identifiers."""

import re
from collections.abc import Mapping

from odatis_kg.iris import key_segment
from odatis_kg.mapping import values
from odatis_kg.mapping.elements import Element
from odatis_kg.mapping.engine import Context
from odatis_kg.mapping.identifiers import canonical, doi, doi_iri
from odatis_kg.mapping.registers import Register
from odatis_kg.mapping.values import Term
from odatis_kg.mapping.xml_reader import Localised, XmlReader

# What catalogues write where a value is due and there is none.
NO_VALUES = frozenset(
    {"", "none", "inapplicable", "not applicable", "unknown", "n/a", "na", "-", "--", "null", "missing"}
)
_ISO_639_3 = re.compile("(?!mis|q[a-t])[a-z]{3}")
_LEVEL = "hierarchyLevel | metadataScope/*/resourceScope"


def meant(texts: Localised) -> Localised:
    """Those of some texts that say something."""
    return [value for value in texts if value[0].lower() not in NO_VALUES]


def texts_at(reader: XmlReader, element: Element, path: str, *, multiline: bool = False) -> Localised:
    """The texts of the properties at a path of local names, but for those that say nothing."""
    return meant([value for prop in reader.find(element, path) for value in reader.text(prop, multiline=multiline)])


def language(register: Register, code: str) -> dict[str, str] | None:
    """The row of a language as records write it: `fre`, `fra`, `FR`, `Français`, `eng; USA`, `en-GB`, `locale-fr`, `.../FRA`."""
    return next((row for one in _spellings(code) if (row := register.get(one))), None)


def _spellings(code: str) -> list[str]:
    """What may be the code or the name of a language in what a record writes, in small letters.

    What stands before a hyphen is the language (BCP 47, section 2.1), except for a word too long to be one.
    """
    folded = code.strip().lower()
    if "://" in folded or "#" in folded:  # http://publications.europa.eu/resource/authority/language/FRA, #fra
        folded = re.split("[/#]", folded.rstrip("/#"))[-1]
    begin, _, rest = folded.replace("_", "-").partition("-")
    return [folded, folded.split(";")[0].strip(), begin.strip() if len(begin) <= 3 else rest]


def language_tag(registers: Mapping[str, Register], code: str) -> str | None:
    """The BCP 47 tag of a language as records write it; None for none.

    A code of three letters that the register does not know is its own tag: the register has all languages with two
    letters, and for any other the code of ISO 639-3 is the subtag (RFC 5646, section 2.2.1). `mis` and `qaa` to `qtz` stand
    for no language that others could know.
    """
    if row := language(registers["languages"], code):
        return row["tag"] or None
    return next((one for one in _spellings(code) if _ISO_639_3.fullmatch(one)), None)


def set_languages(context: Context) -> None:
    """Find the language of untagged text and what the record's locales stand for (ISO 19139, section 9.9)."""
    reader: XmlReader = context.reader
    stated = reader.code(
        reader.first(reader.root, "language | defaultLocale/*/language | defaultLocale/*/languageCode")
    )
    stated = stated or reader.code(
        reader.first(reader.root, "identificationInfo/*/language | identificationInfo/*/defaultLocale/*/language")
    )
    reader.language = language_tag(context.registers, stated)
    for locale in reader.named("PT_Locale"):
        code = reader.code(reader.first(locale, "languageCode | language"))
        if name := locale.get("id"):
            tag = language_tag(context.registers, code) or _tag_of_name(context, name)
            if tag:
                reader.locales[name.lower()] = tag
    for translation in reader.named("LocalisedCharacterString"):
        name = (translation.get("locale") or "").rpartition("#")[2].lower()
        if name and name not in reader.locales and (tag := _tag_of_name(context, name)):
            reader.locales[name] = tag


def _tag_of_name(context: Context, name: str) -> str | None:
    """The tag of a language that a locale is called after: a known one only, since a locale may be called anything."""
    row = language(context.registers["languages"], name)
    return row["tag"] or None if row else None


def name_record(context: Context) -> Term:
    """Name the catalogue record and the graph it is kept in; the record node is never the resource (pitfall P15)."""
    source, key = context.record.source, context.record.key
    context.graph = context.iris.graph("record", source, key_segment("record", source, key))
    record = context.subjects["record"] = context.thing("record", source, key)
    context.type(record, "dcat:CatalogRecord")
    return record


def identity(context: Context) -> None:
    """The resource of an ISO record: a dataset, a series, a service ... by its hierarchy level."""
    reader: XmlReader = context.reader
    set_languages(context)
    record = name_record(context)
    level = reader.first(reader.root, _LEVEL)
    context.node = level
    scope = reader.code(level)
    row = context.registers["resource_classes"].get(scope or "dataset")
    if row is None:
        context.warn(
            f"the hierarchy level '{scope[:60]}' is not in the register resource_classes; taken for a dataset", level
        )
        row = context.registers["resource_classes"].get("dataset")
        assert row is not None
    resource = context.subjects["resource"] = context.thing(row["kind"], context.record.source, context.record.key)
    context.type(resource, row["class"], "prov:Entity")
    context.add(record, "foaf:primaryTopic", resource)
    context.node = None


def is_service(context: Context) -> bool:
    """Whether the record is about a service, which has end points and pages but no distributions (DCAT 3, Data Service)."""
    reader: XmlReader = context.reader
    row = context.registers["resource_classes"].get(reader.code(reader.first(reader.root, _LEVEL)))
    return row is not None and row["class"] == "dcat:DataService"


def state_identifier(context: Context, resource: Term, code: str, space: str = "") -> Term:
    """State an identifier as an `adms:Identifier` node, and as `dct:identifier` when it is the first one of the resource."""
    if not context.objects(resource, "dct:identifier"):
        context.add(resource, "dct:identifier", values.text(code))
    node = context.part(resource, "identifier", code, space)
    context.add(resource, "adms:identifier", node)
    context.type(node, "adms:Identifier")
    context.add(node, "skos:notation", values.text(code))
    if space:
        context.add(node, "schema:propertyID", values.text(space))
    return node


def state_doi(context: Context, resource: Term, bare: str) -> Term:
    """State that a resource is the one a DOI names; the node of the identifier is returned."""
    address = values.iri(doi_iri(bare))
    if address != resource:
        context.add(resource, "schema:sameAs", address)
    return state_identifier(context, resource, bare, "doi")


def metadata_standard(context: Context, node: Element, options: Mapping[str, str]) -> None:  # noqa: ARG001
    """The standard the record says it follows, as a `dct:Standard` node of its own; a record conforms to one (DCAT-AP 3)."""
    reader: XmlReader = context.reader
    title = reader.string(node) if node.name == "metadataStandardName" else reader.string_at(node, "*/title")
    named = node if node.name == "metadataStandardName" else reader.first(node, "*/title")
    titles = reader.text(named) if named is not None else []
    if title.lower() in NO_VALUES:
        return
    parent = node.parent
    version = (
        reader.string_at(parent, "metadataStandardVersion")
        if node.name == "metadataStandardName" and parent is not None
        else reader.string_at(node, "*/edition")
    )
    record = context.subjects["record"]
    standard = context.part(record, "standard", title, version)
    if not state_once(context, record, "dct:conformsTo", standard):
        context.add(record, "odk:furtherStandard", standard)
    context.type(standard, "dct:Standard")
    context.texts(standard, "dct:title", titles)
    if version:
        context.add(standard, "dcat:version", values.text(version))


def coded(context: Context, register: Register, node: Element) -> dict[str, str] | None:
    """The row of a register for a code element: by its code, else by its words (`RI_636` says "grid; grille" as well).

    Languages are written in more ways than codes, and looked up as `language` does.
    """
    reader: XmlReader = context.reader
    code, words = reader.code(node), reader.string(node)
    for candidate in (code, code.split(";")[0], words, *words.split(";")):
        row = language(register, candidate) if register.name == "languages" else register.get(candidate)
        if candidate.strip() and row:
            return row
    return None


def state_once(context: Context, subject: Term, predicate: str, value: Term) -> bool:
    """State the value of a property that takes one (DCAT-AP 3, GeoDCAT-AP 3); False when the record stated another before."""
    if any(other != value for other in context.objects(subject, predicate)):
        return False
    context.add(subject, predicate, value)
    return True


def state_page(
    context: Context, about: Term, predicate: str, address: str, titles: Localised, descriptions: Localised
) -> None:
    """A page of something, with its titles and what is said of it."""
    page = values.iri(address)
    context.add(about, predicate, page)
    context.type(page, "foaf:Document")
    context.texts(page, "dct:title", titles)
    context.texts(page, "dct:description", descriptions)


def state_grant(context: Context, number: str, names: Localised, *key: str) -> Term:
    """A grant that paid for the resource, with its number and names; `key` is what it is named by."""
    resource = context.subjects["resource"]
    grant = context.part(resource, "grant", *key)
    context.add(resource, "schema:funding", grant)
    context.type(grant, "schema:Grant")
    if number:
        context.add(grant, "schema:identifier", values.text(number))
    context.texts(grant, "schema:name", names)
    return grant


def reference(context: Context, text: str, kind: str = "dataset") -> Term | None:
    """What an identifier written in a record refers to: an address or DOI as it is, else a record of the same source."""
    stripped = text.strip()
    if stripped.lower() in NO_VALUES:
        return None
    found = canonical(stripped)
    if found and (found.startswith(("http:", "https:")) or doi(stripped)):
        return values.iri(found)
    return context.thing(kind, context.record.source, stripped)
