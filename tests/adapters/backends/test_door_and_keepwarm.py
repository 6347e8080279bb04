"""The last door, and when an endpoint must be called to stay on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from outgrow.adapters.backends.door import Cleared, Door, NotAllowedError
from outgrow.adapters.backends.keepwarm import Standing, keep_alive
from outgrow.domain.backend import Backend, BackendKind
from outgrow.domain.task import DataClass
from outgrow.domain.workload import Trust
from outgrow.emulators.endpoint import Endpoint
from outgrow.emulators.parts import Plan, Setup

BACKEND = Backend(name="gpu", kind=BackendKind.RUNPOD, operator="RunPod", trust=Trust.RENTED_INFRASTRUCTURE)
CALLED = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def test_only_the_door_clears():
    cleared = Door(lambda data, backend: True).clear(DataClass.SENSITIVE, BACKEND)
    assert (cleared.backend, cleared.data) == (BACKEND, DataClass.SENSITIVE)
    with pytest.raises(NotAllowedError):
        Cleared(DataClass.SENSITIVE, BACKEND, by=object())


@pytest.mark.parametrize("answer", [False, None, 0, 1, "yes"])
def test_whatever_is_not_true_is_a_no(answer):
    with pytest.raises(NotAllowedError, match="'gpu': internal data may not go to rented-infrastructure"):
        Door(lambda data, backend: answer).clear(DataClass.INTERNAL, BACKEND)


@pytest.mark.parametrize(
    ("quiet", "standing", "due"),
    [
        (timedelta(0), Standing.FULL, timedelta(days=2, hours=18)),
        (timedelta(days=2, hours=17), Standing.FULL, timedelta(days=2, hours=18)),
        (timedelta(days=2, hours=20), Standing.FULL, timedelta(days=2, hours=20)),
        (timedelta(days=3), Standing.REDUCED, timedelta(days=6, hours=18)),
        (timedelta(days=6, hours=23), Standing.REDUCED, timedelta(days=6, hours=23)),
        (timedelta(days=7), Standing.OFF, None),
    ],
)
def test_a_call_is_due_before_each_step_of_the_switch_off(quiet, standing, due):
    found = keep_alive(CALLED, CALLED + quiet)
    assert found.standing is standing
    assert found.due_at == (None if due is None else CALLED + due)


@pytest.mark.parametrize("heeded", [True, False])
def test_an_endpoint_called_when_due_stays_on(heeded):
    endpoint = Endpoint(setup=Setup(workers_max=3), plan=lambda given: Plan(execution_s=1.0))
    last = CALLED
    for day in range(21):
        now = CALLED + timedelta(days=day)
        due_at = keep_alive(last, now).due_at
        if heeded and due_at is not None and due_at <= now + timedelta(days=1):
            endpoint.advance((due_at - CALLED).total_seconds())
            endpoint.submit({}, {}, sync=False)
            last = due_at
    endpoint.advance(21 * 86_400)
    endpoint.submit({}, {}, sync=False)
    assert endpoint.workers_max == (3 if heeded else 0)
