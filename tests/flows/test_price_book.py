from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from outgrow.catalog.pricebook import PriceBook, parse_rates
from outgrow.cli.main import main
from outgrow.domain.errors import NetworkError, PriceError
from outgrow.domain.price import Machine, Rate
from outgrow.flows.price_book import check_book, list_rates, refresh, show_sku

ON = date(2026, 11, 23)
USED = frozenset({"aws/ec2/{ec2}", "aws/ebs/gp3", "mistral/"})


def rate(sku="aws/ec2/t4g.small", amount="0.02", region="us-east-1", **changes):
    row = Rate(
        sku=sku,
        region=region,
        meter="instance-hours",
        unit="hour",
        currency="USD",
        amount=Decimal(amount),
        tier_from=Decimal(0),
        allowance=Decimal(0),
        increment=None,
        valid_from=date(2026, 1, 1),
        valid_until=None,
        withdrawn_on=None,
        as_of=date(2026, 10, 1),
        confidence="high",
        source="a test",
    )
    return replace(row, **changes)


def machine(name="t4g.small", family="ec2"):
    return Machine(
        name=name,
        family=family,
        vcpu=2,
        memory_gib=2,
        architecture="arm64",
        baseline_frac=0.2,
        gpu=None,
        gpu_count=0,
        gpu_memory_gib=0,
    )


def tier(bound, amount, **changes):
    return rate("aws/transfer/egress", amount, tier_from=Decimal(bound), unit="gb", meter="egress-gb", **changes)


def skus(rates):
    return [(row.sku, row.region) for row in rates]


def problems(*rows, machines=(), used=USED, max_age_days=365):
    found = check_book(rows, {one.name: one for one in machines}, used, ON, max_age_days)
    return [(problem.level, problem.kind, problem.about, problem.says) for problem in found]


class Source:
    """A provider that answers what it was given."""

    def __init__(self, *rates, provider="aws", notes=(), fails=None):
        self.name, self.provider, self.rates, self.notes, self.fails = provider, provider, rates, notes, fails
        self.held = None

    def fetch(self, held, today):
        self.held = list(held)
        if self.fails:
            raise NetworkError(f"{self.name}: {self.fails}", hint=f"see {self.name}")
        return self.rates, self.notes


# --- list and show


BOOK = PriceBook(
    (
        rate(),
        rate(region="ap-northeast-2", amount="0.03"),
        rate(amount="0.01", valid_from=date(2025, 1, 1)),
        rate("aws/ebs/gp3", "0.08", valid_until=date(2026, 6, 30)),
        rate("mistral/ocr/ocr-3", "0.002", region="any"),
        tier(0, "0.09", allowance=Decimal(100)),
        tier(10240, "0.085"),
    )
)


def test_a_list_holds_what_is_in_force_and_every_tier_of_it():
    assert skus(list_rates(BOOK, on=ON)) == [
        ("aws/ec2/t4g.small", "ap-northeast-2"),
        ("aws/ec2/t4g.small", "us-east-1"),
        ("aws/transfer/egress", "us-east-1"),
        ("aws/transfer/egress", "us-east-1"),
        ("mistral/ocr/ocr-3", "any"),
    ]


def test_a_list_of_another_day_shows_that_day():
    amounts = [str(row.amount) for row in list_rates(BOOK, sku_pattern="t4g", on=date(2025, 6, 1))]
    assert amounts == ["0.01"]


def test_a_region_shows_what_is_sold_there_or_alike_anywhere():
    assert skus(list_rates(BOOK, region="ap-northeast-2", on=ON)) == [
        ("aws/ec2/t4g.small", "ap-northeast-2"),
        ("mistral/ocr/ocr-3", "any"),
    ]


@pytest.mark.parametrize(
    ("pattern", "count"), [("t4g", 2), ("aws/ec2/*", 2), ("*.small", 2), ("t4g*", 0), ("egress", 2), ("AWS", 0)]
)
def test_a_pattern_is_a_part_of_the_sku_or_a_shell_pattern_for_all_of_it(pattern, count):
    assert len(list_rates(BOOK, sku_pattern=pattern, on=ON)) == count


def test_a_provider_narrows_the_list():
    assert skus(list_rates(BOOK, provider="mistral", on=ON)) == [("mistral/ocr/ocr-3", "any")]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"region": "us-east-2"}, "no price file has the region 'us-east-2'; did you mean 'us-east-1'?"),
        ({"provider": "mistrall"}, "no price file has the provider 'mistrall'; did you mean 'mistral'?"),
    ],
)
def test_an_unknown_region_or_provider_is_not_an_empty_list(asked, message):
    with pytest.raises(PriceError) as problem:
        list_rates(BOOK, on=ON, **asked)
    assert problem.value.message == message


def test_a_sku_is_shown_with_its_history_by_region_tier_and_day():
    assert [(row.region, str(row.valid_from)) for row in show_sku(BOOK, "aws/ec2/t4g.small")] == [
        ("ap-northeast-2", "2026-01-01"),
        ("us-east-1", "2025-01-01"),
        ("us-east-1", "2026-01-01"),
    ]
    assert [row.tier_from for row in show_sku(BOOK, "aws/transfer/egress")] == [0, 10240]


def test_an_unknown_sku_suggests_the_nearest():
    with pytest.raises(PriceError) as problem:
        show_sku(BOOK, "aws/ec2/t4g.smal")
    assert problem.value.message == "no price file has the sku 'aws/ec2/t4g.smal'; did you mean 'aws/ec2/t4g.small'?"


# --- check


def test_a_sound_book_has_no_problems():
    assert problems(rate(), rate("mistral/ocr/ocr-3", region="any"), machines=[machine()]) == []


def test_an_unknown_unit_is_an_error():
    assert problems(rate(unit="hours")) == [
        (
            "error",
            "unit",
            "aws/ec2/t4g.small in us-east-1 from 2026-01-01",
            "unknown unit 'hours'; did you mean 'hour'?",
        ),
        ("warning", "orphan", "aws/ec2/t4g.small", "no option uses it"),
    ]


@pytest.mark.parametrize("amount", ["0", "-1"])
def test_a_rate_of_nothing_is_an_error(amount):
    assert problems(rate(amount=amount), machines=[machine()]) == [
        (
            "error",
            "zero",
            "aws/ec2/t4g.small in us-east-1 from 2026-01-01",
            f"a rate of {amount}; allowed is a decimal above zero",
        )
    ]


def test_windows_that_overlap_say_which_counts():
    closed = rate(valid_until=date(2026, 7, 1))
    later = rate(amount="0.03", valid_from=date(2026, 6, 1))
    assert problems(closed, later, machines=[machine()]) == [
        (
            "warning",
            "overlap",
            "aws/ec2/t4g.small in us-east-1",
            "two rates on 2026-06-01, 0.02 and 0.03; the one read last counts",
        )
    ]


def test_succession_is_no_overlap():
    assert problems(rate(), rate(valid_from=date(2026, 6, 1)), machines=[machine()]) == []


def test_a_sku_no_option_uses_is_an_orphan():
    row = rate("aws/ebs/gp9")
    assert problems(row) == [("warning", "orphan", "aws/ebs/gp9", "no option uses it")]


def test_a_machine_without_a_price_is_an_error():
    closed = rate(valid_until=date(2026, 6, 30))
    says = "has no price anywhere on 2026-11-23; looked for aws/ec2/t4g.small"
    assert problems(closed, machines=[machine()]) == [("error", "machine", "t4g.small", says)]


def test_a_machine_of_a_family_nobody_bills_is_an_error():
    says = "has no price anywhere on 2026-11-23; looked for no sku of 'tpu'"
    assert problems(machines=[machine("v5e", "tpu")]) == [("error", "machine", "v5e", says)]


def test_a_price_is_stale_the_day_after_its_age_is_reached():
    # 1 October to 23 November: 53 days
    assert problems(rate(), machines=[machine()], max_age_days=53) == []
    assert problems(rate(), machines=[machine()], max_age_days=52) == [
        (
            "warning",
            "stale",
            "aws/ec2/t4g.small in us-east-1",
            "last confirmed 2026-10-01, 53 days ago; allowed are 52",
        )
    ]


def test_a_row_that_was_succeeded_is_not_stale():
    old = rate(valid_from=date(2020, 1, 1), as_of=date(2020, 1, 1), confidence="low")
    assert problems(old, rate(), machines=[machine()]) == []


def test_a_withdrawn_price_and_an_unsure_one_are_warnings():
    row = rate(withdrawn_on=date(2026, 5, 13), confidence="low", source="a guess")
    assert [(kind, says) for _, kind, _, says in problems(row, machines=[machine()])] == [
        ("low-confidence", "a guess"),
        ("withdrawn", "withdrawn on 2026-05-13; the last published rate is used"),
    ]


def test_a_price_that_will_be_withdrawn_is_not_yet():
    assert problems(rate(withdrawn_on=date(2026, 12, 1)), machines=[machine()]) == []


# --- refresh


def said(amount, **changes):
    return rate(amount=amount, valid_from=ON, as_of=ON, source="an API", **changes)


def refreshed(book, *sources):
    return refresh(book, sources, on=ON, today=ON)


def test_a_rate_that_moved_becomes_a_row_beside_the_old_one():
    found = refreshed(PriceBook((rate(),)), Source(said("0.025")))
    (change,) = found.changes
    assert (str(change.old.amount), str(change.new.amount), change.confirmed) == ("0.02", "0.025", False)
    assert found.candidates == (said("0.025"),)


def test_the_same_rate_becomes_a_successor_so_that_its_age_starts_again():
    book = PriceBook((rate(amount="0.0200"),))
    found = refreshed(book, Source(said("0.02")))
    assert [change.confirmed for change in found.changes] == [True]
    card = book.with_rates(found.candidates).card("aws/ec2/t4g.small", "us-east-1", ON)
    assert (card.first.amount, card.age_days(ON)) == (Decimal("0.02"), 0)


def test_what_was_confirmed_today_needs_no_row():
    found = refreshed(PriceBook((rate(as_of=ON),)), Source(said("0.02")))
    assert (found.changes, found.candidates) == ((), ())


def test_a_withdrawn_price_that_is_listed_again_is_a_change():
    found = refreshed(PriceBook((rate(withdrawn_on=date(2026, 5, 13)),)), Source(said("0.02")))
    assert [change.confirmed for change in found.changes] == [False]


def test_a_new_sku_or_tier_has_no_old_rate():
    found = refreshed(PriceBook((rate(),)), Source(said("0.02"), said("0.01", tier_from=Decimal(100))))
    assert [(change.old is None, change.new.tier_from) for change in found.changes] == [(False, 0), (True, 100)]


def test_a_tier_that_is_gone_is_said_because_no_row_can_close_it():
    found = refreshed(PriceBook((tier(0, "0.09"), tier(10240, "0.085"))), Source(tier(0, "0.1", as_of=ON)))
    assert found.notes == (
        "aws/transfer/egress in us-east-1: the tier from 10240 is no longer listed; give it a valid_until",
    )


def test_a_source_is_asked_for_what_its_provider_sells_today():
    source = Source()
    rows = (
        rate(),
        rate("mistral/ocr/ocr-3"),
        rate("aws/ebs/gp2", valid_until=date(2026, 2, 1)),
        tier(0, "1"),
        tier(9, "2"),
    )
    refreshed(PriceBook(rows), source)
    assert [(row.sku, row.tier_from) for row in source.held] == [("aws/ec2/t4g.small", 0), ("aws/transfer/egress", 0)]


def test_candidates_are_sorted_by_sku_region_and_tier():
    rows = said("1", sku="aws/z/z"), said("1", region="b"), said("1", tier_from=Decimal(20)), said("1", region="a")
    found = refreshed(PriceBook(()), Source(*rows))
    assert [(row.sku, row.region, row.tier_from) for row in found.candidates] == [
        ("aws/ec2/t4g.small", "a", 0),
        ("aws/ec2/t4g.small", "b", 0),
        ("aws/ec2/t4g.small", "us-east-1", 20),
        ("aws/z/z", "us-east-1", 0),
    ]


def test_one_provider_failing_leaves_the_answer_of_the_other():
    found = refreshed(PriceBook((rate(),)), Source(provider="runpod", fails="gone"), Source(said("0.03"), notes=["n"]))
    assert [failure.message for failure in found.failures] == ["runpod: gone"]
    assert (len(found.candidates), found.notes) == (1, ("n",))


def test_every_provider_failing_is_an_error_that_names_each():
    with pytest.raises(NetworkError) as problem:
        refreshed(BOOK, Source(fails="no key"), Source(provider="runpod", fails="gone"))
    assert (problem.value.message, problem.value.hint) == ("aws: no key\nrunpod: gone", "see aws; see runpod")


# --- the installed verbs, without a network


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No credentials, no key, and a folder of one's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "RUNPOD_API_KEY", "OUTGROW_RUNPOD_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def gpu(name, memory_gb, usd_per_hour):
    return {"id": name, "name": name, "pool": "P", "memory": memory_gb, "price": {"serverless": usd_per_hour}}


@pytest.fixture
def runpod(offline, monkeypatch, loopback):
    """RunPod's catalog on this machine: the 24gb class moved to 0.72 an hour, the 16gb class did not (0.576)."""
    gpus = [gpu("L4", 24, 0.72), gpu("RTX A4000", 16, 0.576), gpu("Quantum 1", 24, 9.0)]
    loopback.reply = lambda _request, _body: (200, json.dumps({"gpus": gpus}).encode())
    monkeypatch.setenv("RUNPOD_API_KEY", "a-key")
    monkeypatch.setenv("OUTGROW_RUNPOD_URL", loopback.url)
    monkeypatch.setattr("outgrow.adapters.clock.today", lambda: ON)
    return offline


def test_refresh_without_network_says_so_changes_nothing_and_exits_5(offline, capsys):
    assert main(["prices", "refresh", "--provider", "runpod"]) == 5
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "error: RunPod catalog API v2: RUNPOD_API_KEY is not set\nhint: set it to a RunPod API key that may read\n"
    )
    assert list(offline.iterdir()) == []


def test_refresh_writes_the_rows_of_the_provider_that_answered(runpod, capsys):
    assert main(["prices", "refresh"]) == 0
    shown = capsys.readouterr()
    rows = parse_rates((runpod / "price-candidates.csv").read_text(encoding="utf-8"), "price-candidates.csv")
    assert [(row.sku, str(row.amount)) for row in rows] == [
        ("runpod/serverless-flex/16gb", "0.00016"),
        ("runpod/serverless-flex/24gb", "0.0002"),
    ]
    assert shown.out == (
        "sku                          region  from  per         old     new  change\n"
        "---------------------------  ------  ----  ------  -------  ------  ------\n"
        "runpod/serverless-flex/24gb  any           second  0.00019  0.0002  +5.3 %\n"
    )
    assert shown.err.startswith("note: RunPod catalog API v2: Quantum 1 (24 GB, pool P) is in none of our GPU classes")
    assert "\nwarning: AWS Price List API: " in shown.err
    assert "1 change, 1 confirmed unchanged\nwrote price-candidates.csv: review its rows" in shown.err


def test_the_candidates_can_be_laid_over_the_book(runpod, capsys):
    assert main(["prices", "refresh", "--provider", "runpod", "--out", "new.csv"]) == 0
    capsys.readouterr()
    assert main(["prices", "list", "flex/24gb", "--prices", "new.csv", "--on", "2026-11-23", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [(row["rate"], row["as_of"]) for row in data["rates"]] == [
        ("0.0002", "2026-11-23"),
        ("0.00031", "2026-08-20"),
    ]
    assert main(["prices", "refresh", "--provider", "runpod", "--prices", "new.csv", "--out", "again.csv"]) == 0
    assert not (runpod / "again.csv").exists()


def test_refresh_does_not_replace_a_file_without_force(runpod, capsys):
    (runpod / "mine.csv").write_text("mine", encoding="utf-8")
    assert main(["prices", "refresh", "--provider", "runpod", "--out", "mine.csv"]) == 2
    assert capsys.readouterr().err == (
        "error: mine.csv: exists already; nobody was asked\nhint: name another file with --out, or add --force\n"
    )
    assert (runpod / "mine.csv").read_text(encoding="utf-8") == "mine"
    assert main(["prices", "refresh", "--provider", "runpod", "--out", "mine.csv", "--force"]) == 0
    assert (runpod / "mine.csv").read_text(encoding="utf-8").startswith("sku,region,")


def test_refresh_as_json(runpod, capsys):
    assert main(["prices", "refresh", "--provider", "runpod", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["format"], data["confirmed"], data["failures"]) == (1, 1, [])
    assert data["file"] == "price-candidates.csv"
    assert [(one["old"]["rate"], one["new"]["rate"]) for one in data["changes"]] == [("0.00019", "0.0002")]


def test_list_show_and_check_answer_as_json(capsys):
    assert (
        main(["prices", "list", "aws/ec2/t4g.small", "--region", "ap-northeast-2", "--on", "2026-11-23", "--json"]) == 0
    )
    data = json.loads(capsys.readouterr().out)
    assert (data["format"], data["on"], [row["rate"] for row in data["rates"]]) == (1, "2026-11-23", ["0.0208"])
    assert main(["prices", "show", "aws/transfer/egress", "--on", "2026-11-23", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [row["in_force"] for row in data["rates"]] == [True] * 8
    assert main(["prices", "check", "--on", "2026-11-23", "--json"]) == 0
    assert {problem["level"] for problem in json.loads(capsys.readouterr().out)["problems"]} == {"warning"}


def test_check_exits_3_when_it_finds_an_error(capsys):
    assert main(["prices", "check", "--on", "2010-01-01"]) == 3
    assert "t4g.small" in capsys.readouterr().out


def test_an_unknown_sku_exits_3_with_a_suggestion(capsys):
    assert main(["prices", "show", "aws/vpc/nat-gatway"]) == 3
    assert "did you mean 'aws/vpc/nat-gateway'?" in capsys.readouterr().err
