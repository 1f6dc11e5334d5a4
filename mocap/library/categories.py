"""Coarse action categories from the words with which a motion is described.

CMU describes its motions in free text ("run/jog, 90-degree left turn", "Left_Spin_reach001"). The table
below reduces that to one word; where several actions are named, the rarer one decides, and with more
than two different ones the motion is "mixed". What a description leaves open its subject's title may
say; single words that mean something only where nothing else is said ("mouse", "slope 2") come last.
What matches nothing is "other".
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
        r"acrobatics -|cartwheel|backflip|flip|handstand|hand stand|hand spring|summersult|somersault",
    ),
    ("dance", r"(?:break)?danc|pirouette|arabesque|jete|salsa|charleston|lindy|macarena"),
    ("dance", r"moonwalk|lambada"),
    ("martial_arts", r"tai chi|bassai|empi|heiansyodan|mawashigeri|oiduki|syutouuke|yokogeri"),
    ("martial_arts", r"gedanbarai|sword|block"),
    (
        "basketball",
        r"basketball|dribbl|lay-? ?up|offensive move|defensive (?!guard)|feint|fake shot",
    ),
    ("basketball", r"(?:left|right|sraight) ?drive"),
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
    ("pick_up", r"pick(?:ing|s)? (?:\w+ )?up|lift(?! legs)|scoop|bend over"),
    ("carry", r"carry|suitcase|\d+(?:\.\d+)? ?lb"),
    (
        "housework",
        r"sweep|mop(?:ping)?\b|wash|vacuum|rake|raking|digging|hammer|wip(?:e|ing)|window",
    ),
    ("drink_eat", r"drink|soda|coffee|eat|sip|chug"),
    ("reach", r"reach"),
    ("stretch", r"stretch|yawn|yoga|sun salutation|range of motion"),
    ("get_up", r"get(?:ting)? up|lay(?:ing)? down|lie|lying|roll over"),
    ("sit", r"sit(?:s|ting)?\b|chair"),
    ("fall", r"fall|stumble|slip|trip"),
    ("push_pull", r"push|pull(?! over)(?!ing a (?:gun|nail))|drag"),
    ("gesture", r"conversation|gesture|explain|signal|point|shak(?:e|ing) hands|hand ?shake"),
    ("gesture", r"high[ -]five|quarrel|direct traffic|giving directions|nursery rhyme|shrug"),
    ("gesture", r"peek ?a ?boo|ring around the ros|alaskan? vacation"),
    ("sneak", r"sneak|creep|stealth"),
    ("march", r"march"),
    ("jump", r"jump|hop\b|hops|leap|hopscotch"),
    ("run", r"run|jog|sprint"),
    ("walk", r"walk|stroll|wander|strid|limp|hobble|navigate|pacing|(?:side)?step"),
    ("turn", r"turn|spin|twist|whirl|pivot"),
    ("balance", r"balanc"),
    ("stand", r"stand|idle|t[ -]?pose|motor ?cycle|calibration|wait|static pose|looking around"),
)

# Said of everything that a subject does.
TITLES: tuple[tuple[str, str], ...] = (("skateboard", r"skateboard"),)

# Words that decide only where neither the table above nor the title does.
LAST_KEYWORDS: tuple[tuple[str, str], ...] = (
    ("animal", r"bear\b|mouse|chip ?m(?:u|o)nk|dog\b|t-?rex|fish\b|bird|cat\b|cow\b|tiger|horse"),
    ("animal", r"panther"),
    ("music", r"violin|drum|piano"),
    ("dress", r"put(?:ting)? on|deoderant|shav(?:e|ing)|comb(?:ing)? hair|brush(?:ing)? teeth"),
    ("shoot", r"(?:shoot|pull)ing (?:a )?(?:gun|bow)"),
    ("sport", r"baseball|football|fishing|rowing"),
    (
        "housework",
        r"chop|slic(?:e|ing)|sew|mixing|(?:making|mixing) dough|paint|plant|pulling a nail",
    ),
    ("housework", r"bolt|(?:un)?screw|saw(?:ing)?\b|hanging (?:a )?picture|cleaning up|coiling"),
    ("handle", r"umbrella|(?:open|clos)ing (?:a |, moving and opening a )?box|phone|palm pilot"),
    ("handle", r"laptop|chalkboard|channel surfing|taking a movie|setting glass|closing, moving"),
    ("handle", r"buying|paying|holding a baby"),
    ("carry", r"moving heavy"),
    ("interact", r"comforts|shelters|arm wrestle|two-person whip|bluff|shoulder rub|stares down"),
    ("interact", r"meet, hang out"),
    ("emotion", r"laugh|cry(?:ing)?\b|sad\b|(?:very )?happy|scared|upset|cold\b|freezing|mope"),
    ("gesture", r"story|teaching|arguing|talking"),
    ("search", r"look around|search|pok(?:e|ing)|investigat|peeping"),
    ("dodge", r"duck|avoid|dodge"),
    ("stand", r"ready stance|guard pose|shifting weight"),
    ("sit", r"driving"),
    ("crawl", r"crawl"),
    ("walk", r"slope|mummy|digital ?8"),
    ("dance", r"fancy foot ?work|helicopter"),
    ("acrobatics", r"leg roll|ball mount"),
)


def _compiled(table: tuple[tuple[str, str], ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, re.compile(rf"\b(?:{words})")) for name, words in table)


_COMPILED, _TITLES, _LAST = _compiled(KEYWORDS), _compiled(TITLES), _compiled(LAST_KEYWORDS)

# These go along with another action rather than stand beside it.
_COMPANIONS = frozenset({"turn", "walk", "run", "stand", "balance", "gesture", "push_pull"})


def categorise(description: str, title: str = "") -> str:
    """The category of a motion from its description, or from its subject's title where it says none.

    Args:
        description: The motion's, in CMU's free text.
        title: What its subject's motions are about.

    >>> categorise("run/jog, 90-degree left turn")
    'run'
    >>> categorise("15.5 lbs", "Carry Suitcase with Varying Weights")
    'carry'
    """
    actions, title_actions = _actions(description), _actions(title)
    if _actions(title, _TITLES) and actions != ["stand"]:  # calibration poses are no sport
        return _actions(title, _TITLES)[0]
    if len(title_actions) == 1 and (
        not actions or (actions == ["turn"] and title_actions[0] not in _COMPANIONS)
    ):
        return title_actions[0]
    if not actions:
        return (_actions(description, _LAST) or ["other"])[0]
    strong = [name for name in actions if name not in _COMPANIONS]
    return "mixed" if len(strong) > 2 else actions[0]


def _actions(text: str, table: tuple[tuple[str, re.Pattern[str]], ...] = _COMPILED) -> list[str]:
    """All categories that the words name, the deciding one first."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", text).lower()
    words = re.sub(r"cleaned\s*grs?", "", words)
    return list(dict.fromkeys(name for name, pattern in table if pattern.search(words)))


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
