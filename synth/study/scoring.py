"""What a study's answers say: the share preferred, how sure it is, and whose answers count.

Nothing is chosen here: who is left out is said by the rules in study.json, which were written before the
first answer.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from action_recog.experiment.statistics import hierarchical_bootstrap, unit_scores
from mocap.errors import BadInput
from synth.study.agreement import krippendorff_alpha
from synth.study.answer_store import ANSWERS_FILE, AnswerStore
from synth.study.answers import RaterAnswers, read_answer_files
from synth.study.design import Study
from synth.study.power import CHANCE, ChoiceVariance, choice_variance, power_rows
from synth.study.sheets import deal_sheet


@dataclass(frozen=True, kw_only=True)
class GatheredAnswers:
    """All answers to a study, files that cannot be used, and what was refused or ignored, by reason."""

    raters: tuple[RaterAnswers, ...]
    refused_files: tuple[str, ...]
    refusals: Counter[str]


@dataclass(frozen=True, kw_only=True)
class RaterResult:
    """One rater: how many trials are answered, and what of them says whether the answers count.

    first_chosen: by pair, whether the choice in its first showing was of the first set; catch pairs are
    not in it. consistent: of `repeats` answered, how many were answered as before. lefts: choices of the
    left side, of all counted showings. left_out: why the answers do not count, None where they do.
    """

    rater: str
    answered: int
    trials: int
    catch_failures: int
    catch: int
    first_chosen: dict[int, bool]
    consistent: int
    repeats: int
    lefts: int
    shown: int
    left_out: str | None


@dataclass(frozen=True, kw_only=True)
class PreferredShare:
    """The share of choices that prefer the first set, in per cent.

    low, high: 95 % interval over raters and people. p: two-sided, against a half. detectable: the
    smallest distance from 50 % that a study of this size sees in four cases of five. With a single rater
    or person nothing is known of others: the interval is everything.
    """

    value: float
    low: float
    high: float
    p: float
    detectable: float


@dataclass(frozen=True, kw_only=True)
class StudyScore:
    """All that a study says. The fields that need raters who count are None where there are none."""

    study: str
    sets: tuple[str, str]
    question: str
    stand_in: bool
    rule: str
    raters: tuple[RaterResult, ...]
    pairs: int
    people: int
    share: PreferredShare | None
    alpha: float | None
    consistency: float | None
    lefts: float | None
    variance: ChoiceVariance | None
    refused_files: tuple[str, ...]
    refusals: dict[str, int]

    @property
    def counted(self) -> tuple[RaterResult, ...]:
        """Raters whose answers count."""
        return tuple(rater for rater in self.raters if rater.left_out is None)

    def as_dict(self) -> dict[str, object]:
        """The score as JSON has it."""
        content = dataclasses.asdict(self)
        for rater in content["raters"]:
            chosen = rater.pop("first_chosen").values()
            rater["share"] = 100 * sum(chosen) / len(chosen) if chosen else None
        content["raters_counted"] = len(self.counted)
        content["power"] = {
            "effect": "60 % against 50 %, at 5 % two-sided, in four studies of five",
            "at_chance": power_rows(CHANCE),
            "as_measured": None if self.variance is None else power_rows(self.variance),
        }
        return content


def gather_answers(folder: Path, study: Study, files: Sequence[Path] = ()) -> GatheredAnswers:
    """The answers that the server kept in a study's folder, and those in files.

    Raises:
        BadInput: where there are none at all, or the server's cannot be read.
    """
    raters: list[RaterAnswers] = []
    refusals: Counter[str] = Counter()
    path = Path(folder) / ANSWERS_FILE
    if path.is_file():
        with AnswerStore(folder, study) as store:
            try:
                raters += store.raters()
                refusals += store.refusals()
            except sqlite3.Error as error:
                raise BadInput(f"{path}: damaged ({error}); restore it from a copy") from None
    elif not files:
        raise BadInput(
            f"{folder}: no answers yet; `synth study serve` keeps them in {ANSWERS_FILE}, or name the "
            "files that raters sent back"
        )
    read = read_answer_files(files, study)
    return GatheredAnswers(
        raters=(*raters, *read.raters),
        refused_files=tuple(read.refused),
        refusals=refusals + read.ignored,
    )


def score_study(study: Study, gathered: GatheredAnswers, *, seed: int = 0) -> StudyScore:
    """Score a study.

    Args:
        study: what was shown, and the rules.
        gathered: its answers.
        seed: of the resampling.
    """
    raters = tuple(rater_result(study, answers) for answers in gathered.raters)
    counted = [rater for rater in raters if rater.left_out is None]
    numbers = study.numbers("counted")
    people = [study.pairs[number].person for number in numbers]
    share = alpha = consistency = lefts = variance = None
    if counted:
        choices = np.array([[r.first_chosen[number] for number in numbers] for r in counted], float)
        share = preferred_share(choices, people, np.random.default_rng(seed))
        alpha = krippendorff_alpha(choices.T.astype(int).tolist(), 2)
        repeats = sum(rater.repeats for rater in counted)
        if repeats:
            consistency = 100 * sum(rater.consistent for rater in counted) / repeats
        lefts = 100 * sum(r.lefts for r in counted) / sum(r.shown for r in counted)
        if min(choices.shape) >= 2:
            variance = choice_variance(choices)
    return StudyScore(
        study=study.identifier,
        sets=study.sets,
        question=study.question,
        stand_in=study.stand_in,
        rule=study.rules.as_sentence(),
        raters=raters,
        pairs=len(numbers),
        people=len(set(people)),
        share=share,
        alpha=alpha,
        consistency=consistency,
        lefts=lefts,
        variance=variance,
        refused_files=gathered.refused_files,
        refusals=dict(sorted(gathered.refusals.items())),
    )


def rater_result(study: Study, answers: RaterAnswers) -> RaterResult:
    """One rater's answers by what was shown, and whether they count by the study's rules."""
    sheet = deal_sheet(study, answers.sheet)
    first_chosen: dict[int, bool] = {}
    second_chosen: dict[int, bool] = {}
    catch_failures = catch = lefts = shown = answered = 0
    for number, trial in enumerate(sheet):
        side = answers.choices.get(number)
        if side is None:
            continue
        answered += 1
        kind, chosen = study.pairs[trial.pair].kind, trial.is_first_chosen(side)
        if kind == "catch":
            catch += 1
            catch_failures += not chosen
        elif kind == "counted":
            (second_chosen if trial.repeated else first_chosen)[trial.pair] = chosen
            lefts += side == "left"
            shown += 1
    reason = None
    if answered < len(sheet):
        reason = f"answered {answered} of {len(sheet)} pairs"
    elif catch_failures > study.rules.most_catch_failures:
        reason = f"failed {catch_failures} of {catch} catch pairs"
    repeated = second_chosen.keys() & first_chosen.keys()
    return RaterResult(
        rater=answers.rater,
        answered=answered,
        trials=len(sheet),
        catch_failures=catch_failures,
        catch=catch,
        first_chosen=first_chosen,
        consistent=sum(second_chosen[pair] == first_chosen[pair] for pair in repeated),
        repeats=len(repeated),
        lefts=lefts,
        shown=shown,
        left_out=reason,
    )


def preferred_share(
    choices: np.ndarray, people: Sequence[str], rng: np.random.Generator
) -> PreferredShare:
    """The share of choices for the first set, resampled over raters and people together.

    Args:
        choices: (raters,pairs) of 0 and 1.
        people: (pairs,) whose pairs are kept together.
        rng: resamples.
    """
    value = float(choices.mean())
    if len(choices) < 2 or len(set(people)) < 2:
        return PreferredShare(value=100 * value, low=0.0, high=100.0, p=1.0, detectable=100.0)
    centred = (choices.T - 0.5)[None]  # (1,pairs,raters): the experiment's videos and seeds
    scores = unit_scores(centred, people, np.ones(len(people)))
    contrast = hierarchical_bootstrap(scores, rng=rng)[0]
    return PreferredShare(
        value=100 * value,
        low=50 + contrast.low,
        high=50 + contrast.high,
        p=contrast.p,
        detectable=contrast.detectable,
    )
