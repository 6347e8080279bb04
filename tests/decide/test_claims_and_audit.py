"""Claims that hold and fail, and a hand-made document whose mistakes are known because we made them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from outgrow.catalog.options import all_options
from outgrow.decide.audit import tolerance
from outgrow.decide.claims import checked
from outgrow.decide.decision import decide
from outgrow.decide.evaluate import as_written
from outgrow.decide.figures import Evidence, audited
from outgrow.domain.document import ClaimSpec, Document, Figure
from outgrow.domain.errors import SpecError
from outgrow.domain.message import message
from outgrow.domain.option import Question, Rejection

if TYPE_CHECKING:
    from outgrow.catalog.context import Market
    from outgrow.domain.verdict import ClaimResult, Decision, Finding
    from outgrow.domain.workload import Service


@pytest.fixture(scope="module")
def decision(market: Market, receipts: Service) -> Decision:
    return decide(receipts, market, all_options(), samples=16)


def test_the_example_is_decided_as_its_claims_say(decision: Decision) -> None:
    assert [answer.chosen for answer in decision.answers] == ["ec2-single", "runpod-flex"]


def checks(decision: Decision, **claim: Any) -> ClaimResult:
    written = {priced.shape.option: priced for priced in decision.as_written}
    spec = ClaimSpec(id="c", says="so", **claim)
    (result,) = checked((spec,), decision.answers, decision.pairs, written)
    assert (result.id, result.says) == ("c", "so")
    return result


@pytest.mark.parametrize(
    ("claim", "holds"),
    [
        ({"chosen": "ec2-single", "question": "platform"}, True),
        ({"chosen": "ec2-split", "question": "platform"}, False),
        ({"chosen": "ec2-single", "question": "inference"}, False),
        ({"chosen": "runpod-flex"}, True),
        ({"chosen": "no-such-option"}, False),
        ({"rejected": "external-api", "question": "inference"}, True),
        ({"rejected": "ec2-single"}, False),
        ({"rejected": "no-such-option"}, False),
        ({"cheaper": ("ec2-single", "ec2-split")}, True),
        ({"cheaper": ("ec2-split", "ec2-single")}, False),
        ({"cheaper": ("ec2-split", "ec2-single"), "variant": "as-written"}, True),
        ({"cheaper": ("ec2-single", "no-such-option")}, False),
        ({"metric": "pair_monthly_usd", "at_most": 200}, True),
        ({"metric": "pair_monthly_usd", "at_most": 10}, False),
        ({"metric": "pair_monthly_usd", "at_least": 10, "at_most": 200}, True),
        ({"metric": "p95_s", "option": "runpod-flex", "at_most": 180}, True),
        ({"metric": "p95_s", "option": "runpod-flex", "at_most": 10}, False),
        ({"metric": "management_points", "option": "ec2-split", "at_least": 3, "at_most": 3}, True),
        (
            {
                "metric": "monthly_usd",
                "option": "ec2-split",
                "variant": "as-written",
                "at_least": 62.1,
                "at_most": 62.3,
            },
            True,
        ),
        ({"metric": "monthly_usd", "option": "external-api", "at_most": 20}, True),  # rejected, but it has a bill
        ({"metric": "p95_s", "option": "no-such-option", "at_most": 1e9}, False),
        ({"metric": "crossover_users", "option": "runpod-active", "at_least": 100, "at_most": 1000}, True),
        ({"metric": "crossover_users", "option": "no-such-option", "at_most": 1e9}, False),
    ],
)
def test_a_claim_holds_when_what_it_says_was_found(decision: Decision, claim: dict[str, Any], *, holds: bool) -> None:
    result = checks(decision, **claim)
    assert result.holds is holds, result
    assert result.expected
    assert result.found


def test_a_metric_nobody_knows_is_refused_with_a_suggestion(decision: Decision) -> None:
    with pytest.raises(SpecError, match=r"claims\.c\.metric: unknown metric 'p59_s'; did you mean 'p95_s'\?"):
        checks(decision, metric="p59_s", at_most=1)


@pytest.mark.parametrize("metric", ["management_points", "p95_s"])
def test_a_metric_of_an_option_as_written_is_not_its_cost(decision: Decision, metric: str) -> None:
    cost = checks(decision, metric="monthly_usd", option="ec2-split", variant="as-written", at_least=0).found
    found = checks(decision, metric=metric, option="ec2-split", variant="as-written", at_least=0).found
    assert found.split()[-1] != cost.split()[-1]


def test_a_metric_nobody_knows_is_refused_of_an_option_as_written_too(decision: Decision) -> None:
    with pytest.raises(SpecError):
        checks(decision, metric="p59_s", option="ec2-split", variant="as-written", at_most=1e9)


# --- audit --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "room"),
    [
        (98, 0.5),
        (380, 5),
        (0.9, 0.05),
        (0, 0.5),
        (11.4, 0.05),
        (0.00019, 0.000005),
        (-5, 0.5),
        (1500, 30),
        (100, 2),
        (110, 2.2),
        (20, 0.5),
    ],
)
def test_a_figure_is_as_exact_as_its_last_digit(value: float, room: float) -> None:
    assert tolerance(float(value)) == pytest.approx(room)


def audit(market: Market, service: Service, **figure: Any) -> Finding:
    """The finding on a document of one figure."""
    written = {}
    for recipe in all_options():
        built = as_written(recipe, service, market)
        if not isinstance(built, Rejection):
            written[recipe.id] = built
    one = Figure(section="1", says="so", **figure)
    document = Document(title="made up", figures=(one,))
    evidence = Evidence(
        service=dataclasses.replace(service, document=document), market=market, as_written=written, sized={}, answers=()
    )
    (finding,) = audited(evidence)
    assert (finding.section, finding.says) == ("1", "so")
    return finding


def codes(finding: Finding) -> list[str]:
    return [cause.code for cause in finding.causes]


# What the author did, the figure that comes of it, and the causes we must name.
@pytest.mark.parametrize(
    ("option", "component", "value", "causes"),
    [
        # copied N. Virginia's t4g.xlarge, 98.112, for a host in Seoul
        ("ec2-single", "all", 98.11, [message("audit.region", region="us-east-1", home="ap-northeast-2")]),
        # priced 100 GB of gp3 as gp2: 11.40
        ("ec2-single", "all disk", 11.4, [message("audit.sibling", sku="aws/ebs/gp3", sibling="aws/ebs/gp2")]),
        # left the two public addresses out of B: 62.186 - 7.30
        ("ec2-split", None, 54.89, [message("audit.left-out", what="public IPv4")]),
        # counted execution alone: 1,500 x 3 s x 0.00019
        ("runpod-flex", None, 0.86, [message("audit.left-out", what="cold starts and idle tails")]),
        # Virginia's B without its addresses: 49.012 - 7.30
        (
            "ec2-split",
            None,
            41.71,
            [
                message("audit.region", region="us-east-1", home="ap-northeast-2"),
                message("audit.left-out", what="public IPv4"),
            ],
        ),
        # the database of B without its storage: 18.25
        ("ec2-split", "database*", 18.25, [message("audit.left-out", what="storage")]),
    ],
)
def test_a_mistake_of_a_document_is_found_and_named(
    market: Market, receipts: Service, option: str, component: str | None, value: float, causes: list[object]
) -> None:
    finding = audit(market, receipts, about="monthly", option=option, component=component, value=value)
    assert not finding.agrees
    assert list(finding.causes) == causes


@pytest.mark.parametrize(
    ("option", "component", "value", "high"),
    [
        ("ec2-single", "all", 121.47, None),
        ("ec2-single", "all", 121, None),
        ("ec2-single", None, 134, None),
        ("ec2-split", "front,back", 30.4, None),
        ("runpod-flex", None, 19.38, None),
        ("runpod-flex", None, 10, 20),
        ("external-api", None, 15, None),
    ],
)
def test_a_correct_figure_agrees_and_needs_no_cause(
    market: Market, receipts: Service, option: str, component: str | None, value: float, high: float | None
) -> None:
    finding = audit(market, receipts, about="monthly", option=option, component=component, value=value, high=high)
    assert finding.agrees
    assert codes(finding) == ["audit.agrees"]


@pytest.mark.parametrize("value", [987_654.0, 0.01, -120.0])
def test_an_absurd_figure_stays_unexplained(market: Market, receipts: Service, value: float) -> None:
    finding = audit(market, receipts, about="monthly", option="ec2-single", value=value)
    assert not finding.agrees
    (cause,) = finding.causes
    assert cause.code == "audit.unexplained"
    assert dict(cause.values)["difference"] == pytest.approx(value - 134.242, abs=0.01)


def test_an_explanation_that_leaves_something_open_says_how_much(market: Market, receipts: Service) -> None:
    # 103 is Virginia's 98.112 and 4.89 that nobody can explain.
    finding = audit(market, receipts, about="monthly", option="ec2-single", component="all", value=103)
    assert codes(finding) == ["audit.region", "audit.rest"]
    assert dict(finding.causes[1].values) == {"amount": 98.11, "rest": 4.89}


@pytest.mark.parametrize(
    ("figure", "agrees", "code"),
    [
        ({"about": "rate", "sku": "runpod/serverless-flex/24gb", "value": 0.00019}, True, "audit.agrees"),
        ({"about": "rate", "sku": "runpod/serverless-flex/24gb", "value": 0.68, "text": "hour"}, True, "audit.agrees"),
        (
            {"about": "rate", "sku": "runpod/serverless-flex/24gb", "value": 0.78, "text": "hour"},
            False,
            "audit.differs",
        ),
        ({"about": "rate", "sku": "no/such/sku", "value": 1}, False, "audit.no-counterpart"),
        # 1 - 0.00013 / 0.00019 = 31.6 %
        (
            {
                "about": "discount",
                "sku": "runpod/serverless-active/24gb",
                "than": "runpod/serverless-flex/24gb",
                "value": 0.2,
                "high": 0.3,
            },
            False,
            "audit.own-rates",
        ),
        (
            {
                "about": "discount",
                "sku": "runpod/serverless-active/24gb",
                "than": "runpod/serverless-flex/24gb",
                "value": 0.32,
            },
            True,
            "audit.agrees",
        ),
        ({"about": "absent", "option": "ec2-single", "component": "*public IPv4"}, False, "audit.no-ipv4"),
        ({"about": "absent", "option": "ec2-single", "component": "*tape"}, True, "audit.absent"),
        (
            {"about": "level", "option": "ec2-split", "component": "management_points", "value": 3},
            True,
            "audit.level-agrees",
        ),
        (
            {"about": "level", "option": "ec2-split", "component": "fault_isolation", "text": "full"},
            False,
            "audit.level",
        ),
        (
            {"about": "level", "option": "ec2-split", "component": "glamour", "text": "high"},
            False,
            "audit.no-counterpart",
        ),
        ({"about": "operator", "option": "runpod-flex", "text": "own"}, False, "audit.third-party"),
        ({"about": "operator", "option": "ec2-gpu", "text": "own"}, True, "audit.agrees"),
        (
            {"about": "capability", "option": "paas", "component": "websocket", "text": "limited"},
            True,
            "limit.paas-websocket",
        ),
        (
            {"about": "capability", "option": "external-api", "component": "custom-model", "text": "yes"},
            False,
            "audit.differs",
        ),
        ({"about": "scales-to-zero", "option": "sagemaker", "text": "none"}, False, "audit.scales"),
        ({"about": "scales-to-zero", "option": "ec2-single", "text": "none"}, True, "audit.agrees"),
        ({"about": "daily-users", "value": 30}, True, "audit.agrees"),
        ({"about": "requests-per-day", "value": 55}, False, "audit.differs"),
        ({"about": "service-time", "value": 3}, True, "audit.agrees"),
        ({"about": "gpu-hours", "option": "runpod-flex", "value": 1.25}, False, "audit.gpu-hours"),
        ({"about": "traffic", "option": "ec2-single", "value": 1}, False, "audit.traffic"),
        (
            {"about": "break-even", "option": "runpod-flex", "than": "runpod-active", "value": 500},
            False,
            "audit.no-counterpart",
        ),
        ({"about": "monthly", "option": "no-such-option", "value": 5}, False, "audit.no-counterpart"),
        ({"about": "monthly", "option": "ec2-single"}, False, "audit.no-counterpart"),
        ({"about": "cheaper", "option": "ec2-split", "than": "ec2-single"}, False, "audit.no-counterpart"),
    ],
)
def test_every_kind_of_statement_is_held_against_ours(
    market: Market, receipts: Service, figure: dict[str, Any], code: str, *, agrees: bool
) -> None:
    finding = audit(market, receipts, **figure)
    assert (finding.agrees, codes(finding)[0]) == (agrees, code)


def test_a_statement_about_something_unknown_is_refused_with_a_suggestion(market: Market, receipts: Service) -> None:
    with pytest.raises(SpecError, match=r"unknown subject 'montly'; did you mean 'monthly'\?"):
        audit(market, receipts, about="montly", option="ec2-single", value=1)


def test_a_capability_nobody_knows_has_no_counterpart(market: Market, receipts: Service) -> None:
    finding = audit(market, receipts, about="capability", option="paas", component="teleport", text="yes")
    assert codes(finding) == ["audit.no-counterpart"]


def test_the_break_even_of_a_document_is_answered_with_a_range(market: Market, receipts: Service) -> None:
    figure = Figure(section="1", says="so", about="break-even", option="runpod-flex", than="runpod-active", value=500)
    service = dataclasses.replace(receipts, document=Document(title="t", figures=(figure,)))
    decided = decide(service, market, all_options(), samples=8)
    assert decided.answer(Question.INFERENCE).chosen == "runpod-flex"
    (finding,) = decided.findings
    assert not finding.agrees
    assert finding.causes == (message("audit.surface", low=277, mid=522, high=933),)
