"""Coarse action categories from the words with which a motion is described.

CMU describes its motions in free text ("run/jog, 90-degree left turn", "Left_Spin_reach001"). The table
below reduces that to one word; where several actions are named, the rarer one decides, and with more
than two different ones the motion is "mixed". What matches nothing is "other".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# In the order in which they decide. Patterns match at the start of a word.
KEYWORDS: tuple[tuple[str, str], ...] = (
    ("jumping_jack", r"jumping jack"),
    (
        "animal",
        r"animal|human subject|monkey|chicken(?! dance)|dinosaur|gorilla|penguin|prairie dog",
    ),
    ("animal", r"cat (?:walk|wait|pick)|elephant|snake|t rex|insect|hummingbird|dragon"),
    ("swim", r"swim|(?:breast|break|back|fly) stroke|butterfly|free style(?! dribble)"),
    (
        "acrobatics",
        r"cartwheel|backflip|flip|handstand|hand stand|hand spring|summersult|somersault",
    ),
    ("dance", r"danc|pirouette|arabesque|jete|salsa|charleston|lindy|macarena|moonwalk|lambada"),
    ("martial_arts", r"tai chi|bassai|empi|heiansyodan|mawashigeri|oiduki|syutouuke|yokogeri"),
    ("martial_arts", r"gedanbarai|sword|block"),
    ("basketball", r"basketball|dribbl|lay-? ?up"),
    ("golf", r"golf|putt\b|placing tee|placing ball"),
    ("kick", r"kick"),
    ("punch", r"punch|boxing\b|strike"),
    ("throw", r"throw|toss|pitch|frisbee|catch"),
    ("clap", r"clap"),
    ("wave", r"wav(?:e|es|ing)\b"),
    ("bow", r"bow(?:s|ing)?\b(?! and arrow)|curtsey"),
    ("squat", r"squat"),
    ("lunge", r"lunge"),
    ("climb", r"climb|ladder|stair|playground|stepping up|step up|ledge"),
    ("pick_up", r"pick(?:ing|s)? (?:\w+ )?up|lift|scoop|bend over"),
    ("carry", r"carry|suitcase|\d+(?:\.\d+)? ?lb"),
    ("push_pull", r"push|pull|drag"),
    (
        "housework",
        r"sweep|mop(?:ping)?\b|wash|vacuum|rake|raking|digging|hammer|wip(?:e|ing)|window",
    ),
    ("drink_eat", r"drink|soda|coffee|eat|sip|chug"),
    ("reach", r"reach"),
    ("stretch", r"stretch|yawn|yoga|sun salutation|range of motion"),
    ("get_up", r"get(?:ting)? up|lay(?:ing)? down|lie|lying|roll over"),
    ("sit", r"sit(?:s|ting)?\b|stool|chair"),
    ("fall", r"fall|stumble|slip|trip"),
    ("gesture", r"conversation|gesture|explain|signal|point|shak(?:e|ing) hands|high[ -]five"),
    ("gesture", r"quarrel|direct traffic|nursery rhyme|shrug|peek ?a ?boo"),
    ("sneak", r"sneak|creep|stealth"),
    ("march", r"march"),
    ("jump", r"jump|hop\b|hops|leap|hopscotch"),
    ("run", r"run|jog|sprint"),
    ("walk", r"walk|stroll|wander|strid|limp|hobble|navigate|pacing|(?:side)?step"),
    ("turn", r"turn|spin|twist|whirl|pivot"),
    ("balance", r"balanc"),
    ("stand", r"stand|idle|t ?pose|motorcycle|calibration|wait|static pose|looking around"),
)
_COMPILED = tuple((name, re.compile(rf"\b(?:{words})")) for name, words in KEYWORDS)

# These go along with another action rather than stand beside it.
_COMPANIONS = frozenset({"turn", "walk", "run", "stand", "balance", "gesture", "push_pull"})


def categorise(description: str, title: str = "") -> str:
    """The category of a motion from its description, or from its subject's title when it says none.

    >>> categorise("run/jog, 90-degree left turn")
    'run'
    >>> categorise("15.5 lbs", "Carry Suitcase with Varying Weights")
    'carry'
    """
    found = _actions(description)
    if not found:
        found = _actions(title)
        return found[0] if len(found) == 1 else "other"
    strong = [name for name in found if name not in _COMPANIONS]
    return "mixed" if len(strong) > 2 else found[0]


def _actions(text: str) -> list[str]:
    """All categories that the words name, the deciding one first."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", text).lower()
    words = re.sub(r"cleaned\s*grs?", "", words)
    return list(dict.fromkeys(name for name, pattern in _COMPILED if pattern.search(words)))


def reduced_index(rows: Iterable[Mapping[str, str]]) -> list[tuple[str, int, str]]:
    """(motion, frame rate, category) for every row of an index in CMU's columns."""
    return [
        (
            row["motion"],
            int(float(row["framerate_fps"])),
            categorise(row["description"], row.get("subject_title") or ""),
        )
        for row in rows
    ]
