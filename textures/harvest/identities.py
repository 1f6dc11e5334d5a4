"""Who is who in a folder of crops that does not have Market-1501's layout.

A crop is named by its source: its path below the folder, with `/` between. Who it shows comes from one
of three rules: the folders (and Market-1501 names, where files have them), a pattern, or a CSV.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mocap.errors import BadInput
from textures.market1501 import DISTRACTOR, JUNK, parse_name

BY_FOLDER = "by the folder that they lie in"
BY_FILE = (
    "each taken for a person of its own, as no folder says who it is: where a person has several, give "
    "--identity or --identity-csv"
)
COLUMNS = ("file", "identity")


@dataclass(frozen=True, kw_only=True)
class Person:
    """Whom a crop shows, the camera where it is known, and the rule that says so, for messages."""

    identity: str
    camera: str | None = None
    rule: str


@dataclass(frozen=True, kw_only=True)
class IdentityRule:
    """Where identities come from: a pattern, a CSV, or, where both are None, names and folders."""

    pattern: re.Pattern[str] | None = None
    table: Path | None = None


def identity_pattern(text: str) -> re.Pattern[str]:
    """A regular expression with one group, the identity. Raises BadInput for another text."""
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise BadInput(
            f"{text}: not a regular expression ({error}); give one such as ^([^/]+)/"
        ) from None
    if pattern.groups != 1:
        raise BadInput(
            f"{text}: has {pattern.groups} groups; expected one, around the identity, as in ^([^/]+)/ "
            "(write (?:...) for other brackets)"
        )
    return pattern


def is_market_name(file_name: str) -> bool:
    """Whether a file has a Market-1501 name."""
    try:
        parse_name(file_name)
    except BadInput:
        return False
    return True


def unusable_name(file_name: str) -> str | None:
    """Why a crop of that Market-1501 name gives no texture; None where it does."""
    identity = parse_name(file_name).identity
    if identity == JUNK:
        return "junk of Market-1501 (identity -1)"
    return "distractors of Market-1501 (identity 0000)" if identity == DISTRACTOR else None


def person_of_name(file_name: str) -> Person:
    """Whom a Market-1501 name names. Raises BadInput for another name."""
    name = parse_name(file_name)
    return Person(
        identity=f"{name.identity:04d}", camera=f"c{name.camera}", rule="by their Market-1501 names"
    )


def identify(
    sources: Iterable[str], folder: Path, rule: IdentityRule
) -> tuple[dict[str, Person], dict[str, str]]:
    """The person on each crop, and why the other crops are left out.

    Args:
        sources: of all crops of the folder.
        folder: for messages.
        rule: where identities come from.

    Raises:
        BadInput: where the rule cannot be followed or tells nothing.
    """
    if rule.pattern is not None and rule.table is not None:
        raise BadInput("identities from a pattern and from a CSV: give one of them")
    if rule.pattern is not None:
        return identities_by_pattern(sources, folder, rule.pattern)
    if rule.table is not None:
        return identities_by_table(sources, folder, rule.table)
    return identities_by_folder(sources, folder)


def identities_by_folder(
    sources: Iterable[str], folder: Path
) -> tuple[dict[str, Person], dict[str, str]]:
    """Identities from Market-1501 names, else from the folder that holds the crop.

    A crop without such a name that lies in no subfolder is a person of its own. Raises BadInput where
    folders lie in folders, as either could be the person's.
    """
    people: dict[str, Person] = {}
    reasons: dict[str, str] = {}
    for source in sources:
        path = PurePosixPath(source)
        if is_market_name(path.name):
            reason = unusable_name(path.name)
            if reason is None:
                people[source] = person_of_name(path.name)
            else:
                reasons[source] = reason
        elif len(path.parts) > 2:
            raise BadInput(
                f"{folder}: {source} lies {len(path.parts) - 1} folders deep, and any of them could be "
                "the person's; say which with --identity, as ^([^/]+)/ for the first or "
                "([^/]+)/[^/]+$ for the last"
            )
        elif len(path.parts) == 2:
            people[source] = Person(identity=path.parts[0], rule=BY_FOLDER)
        else:
            people[source] = Person(identity=path.stem, rule=BY_FILE)
    return people, reasons


def identities_by_pattern(
    sources: Iterable[str], folder: Path, pattern: re.Pattern[str]
) -> tuple[dict[str, Person], dict[str, str]]:
    """Identities from a pattern that is searched in each source; its one group is the identity."""
    people: dict[str, Person] = {}
    reasons: dict[str, str] = {}
    for source in sources:
        match = pattern.search(source)
        if match and match.group(1):
            people[source] = Person(identity=match.group(1), rule=f"by {pattern.pattern}")
        else:
            reasons[source] = f"without a match of {pattern.pattern}"
    if reasons and not people:
        raise BadInput(
            f"{folder}: --identity {pattern.pattern} matches none of {len(reasons)} files, such as "
            f"{next(iter(reasons))}; it is searched in paths below the folder"
        )
    return people, reasons


def identities_by_table(
    sources: Iterable[str], folder: Path, table: Path
) -> tuple[dict[str, Person], dict[str, str]]:
    """Identities from a CSV with the columns `file`, `identity` and, if it likes, `camera`.

    `file` is a path below the folder. Crops that the CSV does not list are left out.
    """
    expected = dict.fromkeys(sources)
    listed_people = _rows(table)
    unknown = [(file, line) for file, (_, line) in listed_people.items() if file not in expected]
    if unknown:
        remaining = f" (and {len(unknown) - 1} more files)" if len(unknown) > 1 else ""
        raise BadInput(
            f"{table}, line {unknown[0][1]}: {unknown[0][0]} is no crop below {folder}{remaining}; "
            "`file` is a path below that folder"
        )
    people = {source: listed_people[source][0] for source in expected if source in listed_people}
    reasons = {source: f"not in {table.name}" for source in expected if source not in people}
    return people, reasons


def _rows(table: Path) -> Mapping[str, tuple[Person, int]]:
    """The person of each file of a CSV, and the line that says so."""
    try:
        text = table.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(f"{table}: cannot be opened ({error.strerror}); check the path") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{table}: not UTF-8 text ({error.reason}); save it as UTF-8 CSV") from None
    reader = csv.DictReader(text.splitlines())
    try:
        columns = [name.strip() for name in reader.fieldnames or ()]
        missing = [name for name in COLUMNS if name not in columns]
        if missing:
            raise BadInput(
                f"{table}, line 1: no column {' and '.join(missing)}; found "
                f"{','.join(columns) or 'nothing'}, expected file,identity and, if known, camera"
            )
        reader.fieldnames = columns
        rows: dict[str, tuple[Person, int]] = {}
        for row in reader:
            line = reader.line_num
            file, identity = ((row[name] or "").strip() for name in COLUMNS)
            if not file or not identity:
                raise BadInput(f"{table}, line {line}: expected a file and an identity; fill it in")
            file = PurePosixPath(file.replace("\\", "/")).as_posix()
            camera = (row.get("camera") or "").strip() or None
            person = Person(identity=identity, camera=camera, rule=f"by {table.name}")
            if file in rows and rows[file][0] != person:
                raise BadInput(
                    f"{table}, line {line}: {file} is {identity} here and {rows[file][0].identity} in "
                    f"line {rows[file][1]}; keep one"
                )
            rows[file] = (person, line)
    except csv.Error as error:
        raise BadInput(f"{table}, line {reader.line_num}: not CSV ({error})") from None
    if not rows:
        raise BadInput(f"{table}: lists no file; expected a line per crop")
    return rows
