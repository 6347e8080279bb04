from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from outgrow.adapters.price_files import shipped_rates
from outgrow.adapters.runpod_catalog import CLASSES, DEFAULT_URL, RunPodCatalog, from_environment
from outgrow.catalog.pricebook import parse_rates, render_rates
from outgrow.domain.errors import NetworkError

TODAY = date(2026, 11, 23)
KEY = "rpa_SECRET0123456789"
HELD = [rate for rate in shipped_rates() if rate.sku.startswith("runpod/serverless-flex/")]


def gpu(name="RTX 4090", pool="ADA_24", memory=24, serverless=1.1, **more):
    price = {"secure": 0.44, "community": 0.31, "serverless": serverless}
    return {"id": f"NVIDIA {name}", "name": name, "pool": pool, "memory": memory, "price": price, **more}


def answer(loopback, *gpus, status=200):
    loopback.reply = lambda _request, _body: (status, json.dumps({"gpus": gpus}).encode())
    return RunPodCatalog(key=KEY, url=loopback.url, timeout_s=2)


def failure(catalog, held=()):
    with pytest.raises(NetworkError) as problem:
        catalog.fetch(list(held), TODAY)
    assert KEY not in f"{problem.value.message} {problem.value.hint} {catalog!r}"
    return problem.value.message


def test_a_price_per_gpu_hour_becomes_a_rate_per_second(loopback):
    catalog = answer(loopback, gpu(serverless=1.1))
    (rate,), _ = catalog.fetch([], TODAY)
    # 1.1 / 3600 = 0.000305555... and eight decimals are kept
    assert (rate.sku, rate.amount, rate.unit) == ("runpod/serverless-flex/24gb-pro", Decimal("0.00030556"), "second")
    assert (rate.valid_from, rate.as_of, rate.increment, rate.region) == (TODAY, TODAY, 1, "any")
    assert rate.source == "RunPod catalog API v2, 2026-11-23; 1.1 USD per GPU-hour"
    assert parse_rates(render_rates([rate]), "candidates.csv") == (rate,)


def test_the_shipped_24gb_rate_is_0_684_an_hour_and_comes_back_equal(loopback):
    (rate,), _ = answer(loopback, gpu("L4", "AMPERE_24", 24, 0.684)).fetch(HELD, TODAY)
    held = next(rate for rate in HELD if rate.sku == "runpod/serverless-flex/24gb")
    assert rate.amount == held.amount == Decimal("0.00019")


def test_the_request_names_the_catalog_and_carries_the_key(loopback):
    answer(loopback, gpu()).fetch([], TODAY)
    ((path, headers, _),) = loopback.requests
    assert (path, headers["Authorization"]) == ("/v2/catalog/gpus", f"Bearer {KEY}")


@pytest.mark.parametrize("price", [None, 0, 0.0])
def test_a_gpu_without_a_serverless_price_is_not_offered(loopback, price):
    rates, notes = answer(loopback, gpu(serverless=price), gpu("L4", "AMPERE_24", 24, 0.684)).fetch([], TODAY)
    assert [rate.sku for rate in rates] == ["runpod/serverless-flex/24gb"]
    assert notes == []


def test_an_absent_serverless_price_is_not_offered(loopback):
    entry = gpu()
    del entry["price"]["serverless"]
    assert answer(loopback, entry).fetch([], TODAY) == ([], [])


def test_an_unknown_gpu_is_said_and_left_out(loopback):
    rates, notes = answer(loopback, gpu("RTX 5090", "ADA_32_PRO", 32, 1.58)).fetch([], TODAY)
    assert rates == []
    assert notes == ["RunPod catalog API v2: RTX 5090 (32 GB, pool ADA_32_PRO) is in none of our GPU classes; left out"]


def test_the_pool_decides_over_the_model(loopback):
    (rate,), _ = answer(loopback, gpu("L4", "ADA_24", 24, 1.1)).fetch([], TODAY)
    assert rate.sku == "runpod/serverless-flex/24gb-pro"


@pytest.mark.parametrize(
    ("name", "memory", "expected"),
    [
        ("RTX A4000", 16, "16gb"),
        ("RTX 3090", 24, "24gb"),
        ("RTX 4090", 24, "24gb-pro"),
        ("A40", 48, "48gb"),
        ("L40S", 48, "48gb-pro"),
        ("RTX 6000 Ada", 48, "48gb-pro"),
        ("A100 SXM", 80, "80gb"),
        ("H100 NVL", 94, "80gb-pro"),
        ("RTX PRO 6000 WK", 96, "96gb"),
        ("H200 SXM", 141, "141gb"),
        ("B200", 180, "180gb"),
    ],
)
def test_without_a_pool_the_model_and_its_memory_decide(loopback, name, memory, expected):
    (rate,), _ = answer(loopback, gpu(name, None, memory, 1.0)).fetch([], TODAY)
    assert rate.sku == f"runpod/serverless-flex/{expected}"


@pytest.mark.parametrize(("name", "memory"), [("PRO 6000 MIG 24GB", 24), ("RTX 4090", 48), ("A30", 24), ("B300", 288)])
def test_a_model_or_memory_we_do_not_know_is_never_guessed(loopback, name, memory):
    rates, notes = answer(loopback, gpu(name, None, memory, 1.0)).fetch([], TODAY)
    assert rates == []
    assert notes == [f"RunPod catalog API v2: {name} ({memory} GB, no pool) is in none of our GPU classes; left out"]


def test_a_known_pool_with_the_wrong_memory_is_left_out(loopback):
    rates, notes = answer(loopback, gpu("RTX 4090", "ADA_24", 80, 1.1)).fetch([], TODAY)
    assert (rates, len(notes)) == ([], 1)


def test_two_prices_in_one_class_are_said_and_left_out(loopback):
    gpus = gpu("L4", "AMPERE_24", 24, 0.684), gpu("RTX A5000", "AMPERE_24", 24, 0.69)
    rates, notes = answer(loopback, *gpus).fetch([], TODAY)
    assert rates == []
    assert notes == ["runpod/serverless-flex/24gb: its GPUs have different prices (0.684, 0.69 USD/h); left out"]


def test_what_we_hold_and_the_answer_lacks_is_said(loopback):
    held = [rate for rate in HELD if rate.sku.endswith(("/16gb", "/24gb-pro"))]
    _, notes = answer(loopback, gpu()).fetch(held, TODAY)
    assert notes == ["runpod/serverless-flex/16gb: RunPod catalog API v2 has no price for it"]


def test_every_class_we_hold_can_be_asked_for():
    assert {f"runpod/serverless-flex/{entry.name}" for entry in CLASSES} == {rate.sku for rate in HELD}


def test_a_held_row_keeps_its_meter_and_increment(loopback):
    held = replace(next(r for r in HELD if r.sku.endswith("/24gb-pro")), meter="other", increment=Decimal(2))
    (rate,), _ = answer(loopback, gpu()).fetch([held], TODAY)
    assert (rate.meter, rate.increment) == ("other", 2)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "the key was refused (HTTP 401)"),
        (403, "the key was refused (HTTP 403)"),
        (404, "answered HTTP 404"),
        (429, "answered HTTP 429"),
        (500, "answered HTTP 500"),
    ],
)
def test_a_refusal_says_its_status_and_not_the_key(loopback, status, said):
    assert failure(answer(loopback, gpu(), status=status)) == f"RunPod catalog API v2: {said}"


def test_a_redirect_does_not_carry_the_key_away(loopback):
    catalog = answer(loopback, gpu(), status=302)
    loopback.headers = {"Location": f"{loopback.url}/elsewhere"}
    assert failure(catalog) == "RunPod catalog API v2: answered HTTP 302"
    assert [path for path, _, _ in loopback.requests] == ["/v2/catalog/gpus"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>hello</html>",
        b"[]",
        b"null",
        b'{"gpus": 3}',
        b'{"gpus": [1]}',
        b'{"error": "no"}',
        b'{"gpus": [{"name": "L4"',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"gpus": [{"name": "L4", "pool": "AMPERE_24", "memory": 24, "price": {"serverless": "0.6"}}]}',
        b'{"gpus": [{"name": "L4", "pool": "AMPERE_24", "memory": 24, "price": {"serverless": true}}]}',
        b'{"gpus": [{"name": "L4", "pool": "AMPERE_24", "memory": 24, "price": {"serverless": -1}}]}',
        b'{"gpus": [{"name": "L4", "pool": "AMPERE_24", "memory": 24, "price": {"serverless": ""}}]}',
        b'{"gpus": [{"name": "L4", "pool": "AMPERE_24", "memory": 24, "price": {"serverless": NaN}}]}',
        b'{"gpus": [{"name": "L4", "pool": "AMPERE_24", "memory": 24, "price": {"serverless": 1e999999}}]}',
        b'{"gpus": [{"name": "L4", "pool": "AMPERE_24", "memory": 24, "price": null}]}',
        b'{"gpus": [{"name": "L4", "pool": 3, "memory": 24, "price": {}}]}',
        b'{"gpus": [{"name": "L4", "pool": null, "memory": "24", "price": {}}]}',
    ],
)
def test_garbage_and_half_answers_are_refused_whole(loopback, body):
    catalog = answer(loopback)
    loopback.reply = lambda _request, _body: (200, body)
    assert failure(catalog).startswith("RunPod catalog API v2: the answer is not a list of GPUs with prices (")


def test_one_bad_entry_refuses_the_good_ones_too(loopback):
    bad = gpu("L4", "AMPERE_24", 24, 0.684)
    del bad["memory"]
    said = "RunPod catalog API v2: the answer is not a list of GPUs with prices (KeyError: 'memory')"
    assert failure(answer(loopback, gpu(), bad)) == said


def test_an_answer_cut_off_half_way_is_refused(loopback):
    catalog = answer(loopback)

    def half(request, _body):
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b'{"gpus": [')

    loopback.reply = half
    assert failure(catalog).startswith("RunPod catalog API v2: ")


def test_an_endless_answer_is_cut(loopback):
    catalog = answer(loopback)
    loopback.reply = lambda _request, _body: (200, b" " * (5 * 2**20))
    assert failure(catalog) == "RunPod catalog API v2: the answer is larger than 4,194,304 bytes"


def test_a_slow_answer_is_given_up(loopback):
    catalog = replace(answer(loopback, gpu()), timeout_s=0.2)
    loopback.reply = lambda _request, _body: (loopback.over.wait(5), (200, b"{}"))[1]
    assert failure(catalog) == "RunPod catalog API v2: no answer within 0.2 s"


def test_an_answer_that_drips_is_given_up(loopback):
    catalog = replace(answer(loopback), timeout_s=0.3)

    def drip(request, _body):
        request.send_response(200)
        request.end_headers()
        for _ in range(60):
            if loopback.over.wait(0.05):
                return
            request.wfile.write(b" ")

    loopback.reply = drip
    assert failure(catalog) == "RunPod catalog API v2: no answer within 0.3 s"


def test_nobody_at_the_address_is_said(closed_url):
    said = "RunPod catalog API v2: cannot be reached (Connection refused)"
    assert failure(RunPodCatalog(key=KEY, url=closed_url)) == said


@pytest.mark.parametrize("key", [None, "", "  \n"])
def test_without_a_key_nobody_is_asked(loopback, key):
    catalog = replace(answer(loopback, gpu()), key=key)
    assert failure(catalog) == "RunPod catalog API v2: RUNPOD_API_KEY is not set"
    assert loopback.requests == []


@pytest.mark.parametrize("key", [f"{KEY}\r\nX: y", f"{KEY} two", f"{KEY}é"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(loopback, key):
    catalog = replace(answer(loopback, gpu()), key=key)
    assert failure(catalog) == "RunPod catalog API v2: RUNPOD_API_KEY has characters that no key has"


def test_a_line_break_after_the_key_does_no_harm(loopback):
    rates, _ = replace(answer(loopback, gpu()), key=f"{KEY}\n").fetch([], TODAY)
    assert len(rates) == 1


@pytest.mark.parametrize(
    "url", ["", "api.runpod.io", "file:///etc/passwd", "https://u:p@h", "https://h?x=1", "https://h:x"]
)
def test_an_address_that_is_none_is_refused(url):
    said = "RunPod catalog API v2: OUTGROW_RUNPOD_URL is not an address such as https://api.runpod.io"
    assert failure(RunPodCatalog(key=KEY, url=url)) == said


def test_the_key_never_crosses_a_network_in_the_clear():
    said = "RunPod catalog API v2: OUTGROW_RUNPOD_URL is plain http, which would show the key to the network"
    assert failure(RunPodCatalog(key=KEY, url="http://api.runpod.io")) == said


def test_the_environment_names_the_key_and_the_address(monkeypatch):
    monkeypatch.setenv("RUNPOD_API_KEY", KEY)
    monkeypatch.delenv("OUTGROW_RUNPOD_URL", raising=False)
    assert from_environment() == RunPodCatalog(key=KEY, url=DEFAULT_URL)
    monkeypatch.setenv("OUTGROW_RUNPOD_URL", "http://127.0.0.1:1")
    assert from_environment().url == "http://127.0.0.1:1"
