"""No payload is routed where its class may not go, whatever the gateway, the request, the health and the money."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.domain.backend import Gateway, Task
from outgrow.domain.task import DataClass
from outgrow.domain.workload import Trust
from outgrow.policy.budget import Standing, budgets_of
from outgrow.policy.choose import Choice, choose
from outgrow.policy.health import Health
from outgrow.policy.reach import Admitted, admit, may_reach
from outgrow.policy.refusal import Code, Refused

from .gateways import NAMES, NOW, backend, gateways

CLASSES = st.none() | st.sampled_from(DataClass)
HEALTH = st.builds(
    Health,
    failures=st.integers(0, 6),
    out_until=st.none() | st.integers(-60, 60).map(lambda s: NOW + timedelta(seconds=s)),
)

OWN, CLOUD, RENTED, EXTERNAL = Trust
GATEWAY = Gateway(
    tasks=(
        Task(name="receipts", backends=("local", "gpu")),
        Task(name="chat", backends=("api", "gpu", "local"), data=DataClass.PUBLIC),
    ),
    backends=(backend("local", CLOUD), backend("gpu", RENTED), backend("api", EXTERNAL)),
    reach=((DataClass.SENSITIVE, CLOUD), (DataClass.INTERNAL, RENTED), (DataClass.PUBLIC, EXTERNAL)),
)


def strict(data: DataClass) -> int:
    return -list(DataClass).index(data)


def allowed(gateway: Gateway, task: Task, requested: DataClass | None) -> list[str]:
    """The rules once more, said the other way round: every way in which a backend may be out."""
    classes = [task.data] + ([requested] if requested and strict(requested) > strict(task.data) else [])
    found = []
    for name in dict.fromkeys(task.backends):
        twins = [one for one in gateway.backends if one.name == name]
        out = len(twins) != 1
        for data in classes:
            said = [trust for one, trust in gateway.reach if one is data]
            out = out or not said or any(one.trust.distance > trust.distance for one in twins for trust in said)
        found += [] if out else [name]
    return found


@given(gateways(), st.sampled_from(("t", "u", "nobody")), CLASSES)
def test_the_door_opens_on_the_allowed_set_and_on_nothing_else(gateway, name, requested):
    task = next((one for one in gateway.tasks if one.name == name), None)
    verdict = admit(gateway, name, requested)
    expected = allowed(gateway, task, requested) if task else []
    if isinstance(verdict, Refused):
        assert expected == []
        assert verdict.code is (Code.NO_ALLOWED_BACKEND if task else Code.UNKNOWN_TASK)
        assert verdict.detail
        assert verdict.rule
    else:
        assert [one.name for one in verdict.backends] == expected
        assert strict(verdict.data) == max(strict(task.data), strict(requested or task.data))
        assert all(may_reach(gateway, verdict.data, one) for one in verdict.backends)


@given(
    gateways(),
    CLASSES,
    st.dictionaries(st.sampled_from(NAMES), HEALTH),
    st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3)),
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=3, max_size=3),
)
def test_no_fallback_leaves_the_allowed_set(gateway, requested, health, in_flight, money):
    admitted = admit(gateway, "t", requested)
    if isinstance(admitted, Refused):
        return
    standings = [
        Standing(budget=budget, spent_micro=spent, held_micro=held)
        for budget, (spent, held) in zip(budgets_of(gateway, "t", "k"), money, strict=False)
    ]
    choice = choose(admitted, health=health, in_flight=in_flight, standings=standings, now=NOW)
    names = [one.name for one in admitted.backends]
    if isinstance(choice, Refused):
        assert choice.code in (Code.BACKEND_DOWN, Code.BUDGET_REACHED)
        return
    tried = [one.backend.name for one in choice.order]
    assert tried
    assert [name for name in names if name in tried] == tried
    assert sorted(tried + [name for name, _ in choice.passed_over]) == sorted(names)
    assert all(one.hold_micro <= standing.left_micro for one in choice.order for standing in standings)
    assert set(tried) <= set(allowed(gateway, admitted.task, requested))


@given(gateways(), st.sampled_from(DataClass), st.sampled_from(DataClass))
def test_a_stricter_request_never_reaches_further(gateway, one, other):
    loose, tight = sorted((one, other), key=strict)
    wide, narrow = admit(gateway, "t", loose), admit(gateway, "t", tight)
    if isinstance(wide, Refused):
        return
    names = {one.name for one in narrow.backends} if isinstance(narrow, Admitted) else set()
    task = wide.task
    if task.data is loose or strict(task.data) >= strict(tight):
        assert names <= {one.name for one in wide.backends}


def test_by_hand():
    receipts = admit(GATEWAY, "receipts")
    assert isinstance(receipts, Admitted)
    assert [one.name for one in receipts.backends] == ["local"]
    assert receipts.rule == "sensitive by task receipts: at most own-cloud-account"
    loosened = admit(GATEWAY, "receipts", DataClass.PUBLIC)
    assert isinstance(loosened, Admitted)
    assert (loosened.data, [one.name for one in loosened.backends]) == (DataClass.SENSITIVE, ["local"])
    tightened = admit(GATEWAY, "chat", DataClass.INTERNAL)
    assert isinstance(tightened, Admitted)
    assert [one.name for one in tightened.backends] == ["gpu", "local"]
    assert tightened.rule == "internal by request chat: at most rented-infrastructure"


@pytest.mark.parametrize(
    ("gateway", "task", "detail"),
    [
        (GATEWAY, "reciepts", "found 'reciepts', known: chat, receipts"),
        (
            replace(GATEWAY, reach=((DataClass.SENSITIVE, OWN),)),
            "receipts",
            "sensitive payloads go no further than own-hardware, and of task receipts local is own-cloud-account, gpu is "
            "rented-infrastructure",
        ),
        (
            replace(GATEWAY, reach=()),
            "receipts",
            "no rule says where sensitive payloads may go; add reach.sensitive to the gateway file",
        ),
    ],
)
def test_a_refusal_says_which_rule_decided(gateway, task, detail):
    refused = admit(gateway, task)
    assert isinstance(refused, Refused)
    assert refused.detail == detail


def test_the_next_backend_is_tried_where_the_first_is_out():
    admitted = admit(GATEWAY, "chat")
    out = {"api": Health(failures=3, out_until=NOW + timedelta(seconds=5))}
    choice = choose(admitted, health=out, in_flight={"gpu": 1}, standings=(), now=NOW)
    assert isinstance(choice, Choice)
    assert [one.backend.name for one in choice.order] == ["local"]
    assert choice.passed_over == (("api", "down"), ("gpu", "full"))
    none = choose(admitted, health=out, in_flight={"gpu": 1, "local": 1}, standings=(), now=NOW)
    assert isinstance(none, Refused)
    assert (none.status, none.detail) == (503, "api is down, gpu is full, local is full")
    assert none.retry_after_s == 1
