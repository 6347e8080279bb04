"""What people get wrong in ``service.yaml``, each with the whole message they read."""

from __future__ import annotations

import pytest

from outgrow.adapters.spec_file import parse_spec
from outgrow.domain.errors import SpecError

BASE = "format: 1\nservice: s\nregion: r\nusers: {daily_active: 10}\n"
TASK = "inference:\n  - name: t\n    requests_per_day: 5\n    service_s: 3\n"

MISTAKES = {
    "unknown zone": (
        BASE + TASK + "    arrivals:\n      file: t.csv\n      timezone: Asia/Soul\n",
        "service.yaml:11 inference[0].arrivals.timezone: unknown zone 'Asia/Soul'; expected an IANA name such as"
        " Asia/Seoul, an offset such as +09:00, or UTC",
    ),
    "unit in the value": (
        BASE + TASK.replace("service_s: 3", 'service_s: "3s"'),
        'service.yaml:8 inference[0].service_s: expected seconds as a number, found "3s"; write 3',
    ),
    "minutes": (
        BASE + TASK.replace("service_s: 3", "service_s: 2 min"),
        'service.yaml:8 inference[0].service_s: expected seconds as a number, found "2 min"; write 120',
    ),
    "per cent": (
        BASE + "vat_frac: 10%\n",
        'service.yaml:5 vat_frac: expected a share as a number, such as 0.1, found "10%"; write 0.1',
    ),
    "per cent as a number": (BASE + "vat_frac: 10\n", "service.yaml:5 vat_frac: found 10, allowed: 0 to 1"),
    "gigabytes": (
        BASE + TASK + "    gpu_memory_gib: 24GB\n",
        'service.yaml:9 inference[0].gpu_memory_gib: expected GiB as a number, found "24GB"; write 24',
    ),
    "dollars": (
        BASE + "budget_usd_per_month: $1,200\n",
        'service.yaml:5 budget_usd_per_month: expected US dollars as a number, found "$1,200"; write 1200',
    ),
    "quoted number": (
        BASE.replace("10", "'10'"),
        'service.yaml:4 users.daily_active: expected a number, found "10"; write 10',
    ),
    "truth as a number": (
        BASE.replace("10", "true"),
        "service.yaml:4 users.daily_active: expected a number, found true",
    ),
    "yes": (
        BASE + TASK + "    custom_model: yes\n",
        'service.yaml:9 inference[0].custom_model: expected true or false, found "yes"; write true',
    ),
    "unknown key": (BASE + "regoin: x\n", "service.yaml:5 regoin: unknown key; did you mean 'region'?"),
    "unknown key, nothing near": (
        BASE + "onprem: {}\nteam: {engineers: 1, can_run_infrastructure: 0, zzz: 1}\n",
        "service.yaml:6 team.zzz: unknown key; allowed: engineers, can_run_infrastructure, hourly_usd",
    ),
    "unknown word": (
        BASE + TASK + "    data: sensitve\n",
        "service.yaml:9 inference[0].data: expected one of sensitive, internal, public, "
        "found \"sensitve\"; did you mean 'sensitive'?",
    ),
    "unknown data class": (
        BASE + "constraints:\n  data:\n    sensitiv: {at_most: own-hardware}\n",
        "service.yaml:7 constraints.data.sensitiv: unknown key; did you mean 'sensitive'?",
    ),
    "unknown shape": (
        BASE.replace("10}", "10, day_shape: meal}"),
        "service.yaml:4 users.day_shape: expected one of flat, office, meals, evening, or 24 numbers, "
        "found \"meal\"; did you mean 'meals'?",
    ),
    "shape of a bad weight": (
        BASE.replace("10}", f"10, day_shape: {[1] * 23 + [-1]}}}"),
        "service.yaml:4 users.day_shape[23]: a weight of a day shape is a number, 0 or more",
    ),
    "shape too short": (
        BASE.replace("10}", "10, day_shape: [1, 2]}"),
        "service.yaml:4 users.day_shape: found 2 numbers, expected 24, one for each hour from 0 h",
    ),
    "range out of order": (
        BASE.replace("10", "{low: 3, mid: 2, high: 9}"),
        "service.yaml:4 users.daily_active: low 3, mid 2, high 9 are out of order; allowed: low <= mid <= high",
    ),
    "range without a middle": (
        BASE.replace("10", "{low: 3, high: 9}"),
        "service.yaml:4 users.daily_active.mid: missing; "
        "expected a number as 3, {value, source} or {low, mid, high, source}",
    ),
    "range below zero": (
        BASE.replace("10", "{low: -3, mid: 2, high: 9}"),
        "service.yaml:4 users.daily_active.low: found -3, allowed: 0 or more",
    ),
    "unknown source": (
        BASE.replace("10", "{value: 3, source: guess}"),
        "service.yaml:4 users.daily_active.source: expected one of measured, quoted, guessed, stated, "
        "found \"guess\"; did you mean 'guessed'?",
    ),
    "absurd": (
        BASE.replace("10", "1e13"),
        "service.yaml:4 users.daily_active: found 1e+13, allowed: 0 or more and up to 1e12",
    ),
    "nothing": (BASE.replace(" r\n", "\n"), "service.yaml:3 region: expected a text, found nothing; give it a value"),
    "empty part": (
        BASE + "database:\n",
        "service.yaml:5 database: expected a mapping, found nothing; write {} for its defaults or remove the key",
    ),
    "missing key": (BASE.replace("region: r\n", ""), "service.yaml:1 region: missing; expected a text"),
    "another format": (BASE.replace("1\n", "2\n", 1), "service.yaml:1 format: found 2, allowed: 1"),
    "date that is none": (
        BASE + "date: 2026-02-30\n",
        'service.yaml:5 date: expected a date such as 2026-11-23, found "2026-02-30"',
    ),
    "name with a space": (
        BASE.replace(": s\n", ": My Service\n"),
        'service.yaml:2 service: expected a name of a-z, 0-9 and -, found "My Service"',
    ),
    "half a worker": (
        BASE + TASK + "    max_workers: 2.5\n",
        "service.yaml:9 inference[0].max_workers: expected a whole number, found 2.5",
    ),
    "two rates": (
        BASE + TASK + "    requests_per_user_day: 1\n",
        "service.yaml:6 inference[0]: found requests_per_day and requests_per_user_day; "
        "give exactly one of requests_per_day or requests_per_user_day",
    ),
    "the same name twice": (
        BASE + TASK + TASK.replace("inference:\n", ""),
        "service.yaml:9 inference[1].name: 't' is already the name of [0]; each name once",
    ),
    "a window backwards": (
        BASE + TASK + "    windows: [{from: 22, to: 2}]\n",
        "service.yaml:9 inference[0].windows[0]: from 22 to 2; 'to' comes later, write two windows to cross midnight",
    ),
    "windows that overlap": (
        BASE + TASK + "    windows: [{from: 1, to: 5}, {from: 4, to: 6}]\n",
        "service.yaml:9 inference[0].windows[1]: overlaps a window above; join them",
    ),
    "an API without a name": (
        BASE + TASK + "    external: {service_s: 3}\n",
        "service.yaml:9 inference[0].external: "
        "give sku (priced by the page) or provider and model (priced by the token)",
    ),
    "an API with two names": (
        BASE + TASK + "    external: {sku: a, model: b}\n",
        "service.yaml:9 inference[0].external.model: model does not go with sku; give one or the other",
    ),
    "a model without tokens": (
        BASE + TASK + "    external: {provider: a, model: b}\n",
        "service.yaml:9 inference[0].external: provider and model need input_tokens or output_tokens",
    ),
    "more helpers than engineers": (
        BASE + "team: {engineers: 2, can_run_infrastructure: 3}\n",
        "service.yaml:5 team.can_run_infrastructure: found 3, allowed: at most the 2 engineers",
    ),
    "nothing weighs": (
        BASE + "criteria: {monthly_usd: 0, response_p95_s: 0, management_points: 0}\n",
        "service.yaml:5 criteria: all weights are 0; at least one criterion must count",
    ),
    "a dollar of three dollars": (
        BASE + "currency: {code: USD, per_usd: 3}\n",
        "service.yaml:5 currency.per_usd: found 3; one US dollar is 1 USD",
    ),
    "a claim of nothing": (
        BASE + "claims: [{id: a, says: b}]\n",
        "service.yaml:5 claims[0]: found none of them; give exactly one of chosen, rejected, cheaper or metric",
    ),
    "a metric without a limit": (
        BASE + "claims: [{id: a, says: b, metric: c}]\n",
        "service.yaml:5 claims[0].metric: a metric needs at_most or at_least",
    ),
    "a comparison of one": (
        BASE + "claims: [{id: a, says: b, cheaper: [c]}]\n",
        "service.yaml:5 claims[0].cheaper: found a list of 1, allowed: 2 members",
    ),
    "an option id that is none": (
        BASE + "as_written: {EC2 Single: {}}\n",
        "service.yaml:5 as_written.EC2 Single: expected the id of an option, such as ec2-single",
    ),
    "a list for a mapping": (BASE + "web: []\n", "service.yaml:5 web: expected a mapping, found a list"),
    "a word for a list": (BASE + "needs: websocket\n", 'service.yaml:5 needs: expected a list, found "websocket"'),
    "an empty key": (
        BASE + "team: {engineers: 1, can_run_infrastructure: 0, '': 1}\n",
        "service.yaml:5 team.(empty): unknown key; allowed: engineers, can_run_infrastructure, hourly_usd",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_typical_mistakes(mistake: str) -> None:
    text, message = MISTAKES[mistake]
    with pytest.raises(SpecError) as caught:
        parse_spec(text)
    assert caught.value.message == message


def test_a_key_with_a_line_break_stays_on_one_line() -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(BASE + 'web: {"a\\nb": 1}\n')
    assert caught.value.message == (
        'service.yaml:5 web."a\\nb": unknown key; '
        "allowed: requests_per_user_day, egress_kb_per_request, open_connections_frac, arrivals"
    )
