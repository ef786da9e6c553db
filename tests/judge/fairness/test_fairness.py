"""From settled days to verdicts and findings."""

import numpy as np
import pytest

from monitor_stream.events.results import Fairness, FairnessGap
from monitor_stream.events.spec import DAY, OTHER, FairnessRules, ModelSpec, Task
from monitor_stream.judge.fairness import ByDay, assess, findings
from monitor_stream.judge.settled_days import MOST
from monitor_stream.judge.windows import OpenWindow
from tests.judge.fairness.people import People, binary, day, days, multiclass, regression

CLASSIFICATION = {
    "demographic_parity", "equal_opportunity", "equalised_odds", "predictive_parity", "calibration",
}  # fmt: skip


def spec(task: Task = "binary", **rules: float) -> ModelSpec:
    return ModelSpec(
        model="m",
        task=task,
        sensitive=["sex"],
        fairness=FairnessRules(**{"min_days": 1} | rules),  # type: ignore[arg-type]
    )


def judged(of: ModelSpec, *each: OpenWindow) -> Fairness:
    [(fairness, _)] = assess(days(*each), of, ByDay())
    return fairness


def by_criterion(fairness: Fairness) -> dict[str, FairnessGap]:
    return {gap.criterion: gap for gap in fairness.gaps}


def test_a_gap_is_found_in_every_respect_that_has_one() -> None:
    """Scores that are right but higher for one group: selected more often, with different error rates, alike in calibration."""
    people = binary({"f": 0.3, "m": 0.6}, n=8000)
    gaps = by_criterion(judged(spec(), day(0, people, spec())))
    assert gaps.keys() == CLASSIFICATION
    assert {name for name, gap in gaps.items() if gap.verdict == "unfair"} >= {
        "demographic_parity",
        "equalised_odds",
    }
    assert gaps["calibration"].verdict == "fair"
    selected = {value: (people.of(value).answer.astype(float) >= 0.5).mean() for value in "fm"}
    parity = gaps["demographic_parity"]
    assert (parity.highest, parity.lowest) == ("m", "f")
    assert parity.difference == pytest.approx(selected["m"] - selected["f"])
    assert parity.ratio == pytest.approx(selected["f"] / selected["m"])


def test_scores_that_mean_less_for_one_group_are_uncalibrated() -> None:
    """A score of .5 that comes true seven times in ten for one group, and five for the other."""
    people = binary({"f": 0.4, "m": 0.4}, n=8000, shift={"f": 0.2})
    gap = by_criterion(judged(spec(), day(0, people, spec())))["calibration"]
    assert (gap.verdict, gap.metric, gap.lowest) == ("unfair", "calibration_bias", "f")


def test_the_worst_class_is_named() -> None:
    """In a multiclass task the class on which groups differ most stands with the rate."""
    of = spec("multiclass")
    gaps = by_criterion(judged(of, day(0, multiclass({"f": 0.5, "m": 0.95}, n=6000), of)))
    assert gaps.keys() == CLASSIFICATION
    assert gaps["equal_opportunity"].verdict == "unfair"
    assert gaps["equal_opportunity"].metric.startswith("true_positive_rate[")
    assert gaps["predictive_parity"].metric == "positive_predictive_value[emu]"


def test_a_regression_is_judged_by_its_errors() -> None:
    """Bias and mean absolute error beyond a tenth of the mean absolute error, mean predictions beyond a tenth of their spread."""
    of = spec("regression")
    gaps = by_criterion(judged(of, day(0, regression({"f": 2.0, "m": 0.0}, n=8000), of)))
    assert gaps.keys() == {"mean_prediction", "bias", "mae"}
    assert gaps["bias"].verdict == "unfair"
    assert gaps["bias"].difference == pytest.approx(2.0, abs=0.3)
    alike = by_criterion(judged(of, day(0, regression({"f": 0.0, "m": 0.0}, n=60_000), of)))
    assert {gap.verdict for gap in alike.values()} == {"fair"}


def test_small_groups_are_listed_and_not_judged() -> None:
    """Below `min_group`, and what is no group: missing values, and those beyond the bound together."""
    people = binary({"f": 0.3, "m": 0.6, "x": 0.95, "": 0.02, OTHER: 0.9}, n=5000)
    kept = (people.group != "x") | (np.cumsum(people.group == "x") <= 99)
    fairness = judged(spec(), day(0, People(*(column[kept] for column in people)), spec()))
    assert {group.value for group in fairness.groups} == {"f", "m", "x", "", OTHER}
    assert {side for gap in fairness.gaps for side in (gap.highest, gap.lowest)} == {"f", "m"}


def test_days_are_taken_together_until_groups_are_large_enough() -> None:
    """The fewest of the newest days; a group of less than a fiftieth holds up nobody."""
    each = [day(at, binary({"f": 0.3, "m": 0.6}, n=120, seed=at), spec()) for at in range(10)]
    fairness, fewer = judged(spec(), *each), judged(spec(min_group=10), *each)
    assert fairness.start.timestamp() == 8 * DAY
    assert fairness.end.timestamp() == fewer.end.timestamp() == 10 * DAY
    assert fewer.start.timestamp() == 9 * DAY
    assert min(group.scored for group in fairness.groups) >= 100 > min(group.scored for group in fewer.groups)
    pair = zip(binary({"f": 0.3, "m": 0.6}, n=4000), binary({"x": 0.5}, n=5), strict=True)
    rare = People(*(np.concatenate(columns) for columns in pair))
    newest = judged(spec(), *(day(at, rare, spec()) for at in range(MOST)))
    assert newest.start.timestamp() == (MOST - 1) * DAY
    pair = zip(binary({"f": 0.3, "m": 0.6}, n=1000), binary({"": 0.5}, n=40), strict=True)
    missing = People(*(np.concatenate(columns) for columns in pair))
    newest = judged(spec(), *(day(at, missing, spec()) for at in range(MOST)))
    assert newest.start.timestamp() == (MOST - 1) * DAY


def test_too_few_labels_are_said_to_be_so() -> None:
    """Without two groups that are large enough there is a reason, and no gap."""
    fairness = judged(spec(), day(0, binary({"f": 0.3, "m": 0.6}, n=50), spec()))
    assert not fairness.gaps
    assert fairness.not_computable == "no two groups have 100 predictions or labels in the newest settled day"
    assert len(fairness.groups) == 2


def test_two_attributes_together_are_one_more() -> None:
    """Pairs of sensitive segments that are followed together are judged as an attribute of its own."""
    of = ModelSpec(
        model="m",
        task="binary",
        sensitive=["sex", "region"],
        segment_pairs=[("sex", "region"), ("sex", "tariff")],
        fairness=FairnessRules(min_days=1),
    )
    people = binary({"f & north": 0.2, "f & south": 0.5, "m & north": 0.5, "m & ": 0.9}, n=8000)
    found = [
        fairness for fairness, _ in assess(days(day(0, people, of, attribute="sex & region")), of, ByDay())
    ]
    assert [fairness.attribute for fairness in found] == ["sex", "region", "sex & region"]
    assert found[0].not_computable == "no prediction has a value of sex"
    gap = by_criterion(found[2])["demographic_parity"]
    assert (gap.verdict, gap.lowest) == ("unfair", "f & north")
    assert gap.highest in {"f & south", "m & north"}


def test_findings_fire_where_the_verdict_is_unfair() -> None:
    """One finding a criterion, of the attribute, which tells a person what differs and by how much."""
    people = binary({"f": 0.3, "m": 0.6}, n=8000)
    [(fairness, sums)] = assess(days(day(0, people, spec())), spec(), ByDay())
    found = {finding.check: finding for finding in findings(fairness, sums, spec())}
    assert found.keys() == CLASSIFICATION
    for gap in fairness.gaps:
        finding = found[gap.criterion]
        assert (finding.signal, finding.column) == ("fairness", "sex")
        assert finding.firing == (gap.verdict == "unfair")
        assert (finding.value, finding.expected, finding.threshold) == (gap.difference, 0.0, 0.1)
        assert (finding.start, finding.end) == (fairness.start, fairness.end)
    parity = found["demographic_parity"]
    assert parity.effect > 1.0
    assert parity.detail.startswith("The selection rate of sex=m is 0.6")
    assert not found["calibration"].detail


def test_what_is_too_early_to_say_does_not_fire() -> None:
    """However large the difference: an interval that reaches below the limit is no finding."""
    few = day(0, binary({"f": 0.45, "m": 0.6}, n=260), spec())
    [(fairness, sums)] = assess(days(few), spec(), ByDay())
    found = {finding.check: finding for finding in findings(fairness, sums, spec())}
    undecided = [gap for gap in fairness.gaps if gap.verdict == "too early to say" and gap.difference > 0.1]
    assert undecided
    assert not any(found[gap.criterion].firing for gap in undecided)


def test_days_of_a_former_spec_are_not_mixed_in() -> None:
    """Another spec may count otherwise: its days begin anew."""
    former = day(0, binary({"f": 0.3, "m": 0.6}, n=500), spec(), reference="a")
    newer = day(1, binary({"f": 0.3, "m": 0.6}, n=50), spec(), reference="b")
    assert judged(spec(), former, newer).groups[0].n < 50
    kept = days(*(day(at, binary({"f": 0.3, "m": 0.6}, n=50), spec()) for at in range(MOST + 5)))
    assert sum(1 for _ in kept.back()) == MOST


def test_there_is_no_verdict_before_a_week_is_over() -> None:
    """However much is known of six days, they have no week-end; a seventh makes it a verdict, over all of them."""
    of = spec(min_days=7)
    each = [day(at, binary({"f": 0.3, "m": 0.6}, n=1000, seed=at), of) for at in range(7)]
    early, week = judged(of, *each[:6]), judged(of, *each)
    assert {gap.verdict for gap in early.gaps} == {"too early to say"}
    assert by_criterion(week)["demographic_parity"].verdict == "unfair"
    assert week.start.timestamp() == 0.0


def test_weather_over_one_group_is_no_unfairness() -> None:
    """Days on which now one group fares worse and now the other do not make a verdict, where as many alike would."""
    of = spec(min_days=7)

    def week(rates: list[tuple[float, float]]) -> FairnessGap:
        each = [day(at, binary({"f": f, "m": m}, n=2000, seed=at), of) for at, (f, m) in enumerate(rates)]
        return by_criterion(judged(of, *each))["demographic_parity"]

    changing = week([(0.1, 0.9), (0.8, 0.2), (0.2, 0.8), (0.1, 0.9), (0.7, 0.3), (0.3, 0.7), (0.2, 0.8)])
    steady = week([(0.34, 0.66)] * 7)
    assert changing.difference > 0.25
    assert (changing.verdict, steady.verdict) == ("too early to say", "unfair")
    assert changing.high - changing.low > 4.0 * (steady.high - steady.low)


def test_what_is_known_of_days_is_reckoned_anew_after_a_restart() -> None:
    """A fairness that followed all days says the same as one that meets them together."""
    of = spec(min_days=7)
    each = [day(at, binary({"f": 0.3, "m": 0.4}, n=300, seed=at), of) for at in range(12)]
    followed, kept, said = ByDay(), days(), []
    for one in each:
        kept.add(one)
        said += [fairness for fairness, _ in assess(kept, of, followed)]
    assert said[-1] == judged(of, *each)
