"""The contract of the README, from the installed command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OUTGROW = Path(sys.executable).parent / "outgrow"


def outgrow(*words: str, cwd: Path = ROOT, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [OUTGROW, *words], cwd=cwd, capture_output=True, text=True, check=False, timeout=120, input=stdin
    )


def answer(*words: str, code: int = 0) -> dict:
    done = outgrow(*words, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def written(data: dict, option: str) -> dict:
    return next(o for o in data["options"] if o["option"] == option and o["variant"] == "as-written")


@pytest.mark.parametrize(
    ("region", "single", "split", "private", "gpu"),
    [("us-east-1", 109.76, 49.01, 101.93, 383.98), ("ap-northeast-2", 134.24, 62.19, 125.33, 472.31)],
)
def test_price_reproduces_both_columns_of_the_document(region, single, split, private, gpu):
    data = answer("price", "examples/receipts", "--as-written", "--region", region)
    found = {
        option: round(
            written(data, option)["monthly_usd"] - written(data, option)["subtotals_usd"].get("traffic", 0), 2
        )
        for option in ("ec2-single", "ec2-split", "ec2-private", "ec2-gpu")
    }
    assert found == {"ec2-single": single, "ec2-split": split, "ec2-private": private, "ec2-gpu": gpu}


@pytest.mark.parametrize(("cold_s", "usd"), [(0, 2.28), (30, 10.83), (60, 19.38), (120, 36.48)])
def test_price_reproduces_flex_at_each_cold_start(cold_s, usd):
    data = answer("price", "examples/receipts", "--set", f"inference.receipts.cold_start_s={cold_s}")
    flex = written(data, "runpod-flex")
    execution = next(line for line in flex["lines"] if line["component"] == "execution")
    # by hand: 1,500 requests x 3 s x 0.00019 = 0.855; with 60 s and the 5 s tail 1,500 x 68 s x 0.00019 = 19.38
    assert round(execution["amount_usd"], 3) == 0.855
    assert round(flex["monthly_usd"], 2) == usd


def test_price_has_the_documented_keys():
    data = answer("price", "examples/receipts")
    assert data["format"] == 1
    assert {"service", "region", "currency", "options"} <= data.keys()
    for option in data["options"]:
        assert {"option", "question", "variant", "monthly_usd", "lines", "unpriced"} <= option.keys()
        assert option["monthly_usd"] == pytest.approx(sum(line["amount_usd"] for line in option["lines"]))
        for line in option["lines"]:
            keys = {"component", "sku", "meter", "quantity", "unit", "rate_usd", "amount_usd", "source", "as_of"}
            assert keys <= line.keys()
            assert line["amount_usd"] == pytest.approx(line["quantity"] * line["rate_usd"])
    ids = {(option["option"], option["variant"]) for option in data["options"]}
    assert len(ids) == len(data["options"])


def test_every_option_of_the_design_is_priced_or_says_why_not():
    data = answer("price", "examples/receipts")
    platform = {"onprem", "paas", "ec2-single", "ec2-split", "ec2-private"}
    inference = {
        *("onprem-gpu", "ec2-gpu", "ec2-gpu-scheduled", "ec2-gpu-spot", "sagemaker-async"),
        *("runpod-flex", "runpod-active", "runpod-hybrid", "external-api", "cpu-local"),
    }
    for variant in ("as-written", "sized"):
        named = {o["option"] for o in data["options"] if o["variant"] == variant}
        named |= {o["option"] for o in data["not_built"] if o["variant"] == variant}
        assert named == platform | inference


def test_decide_has_the_documented_keys():
    data = answer("decide", "examples/receipts")
    assert data["format"] == 1
    for name in ("platform", "inference"):
        question = data["questions"][name]
        assert {"chosen", "candidates", "rejections", "crossovers"} <= question.keys()
        for candidate in question["candidates"]:
            keys = {"option", "variant", "monthly_usd", "p50_s", "p95_s", "cold_share", "first_share", "regret_usd"}
            assert {*keys, "levels", "p99_s", "delayed_share", "utilisation_frac", "endings"} <= candidate.keys()
            spreads = {"bill_usd", "p50_s", "p95_s", "p99_s", "cold_share", "delayed_share", "utilisation_frac"}
            assert {*spreads, "months", "endings", "kept_share", "broke"} == candidate["study"].keys()
            spread = candidate["monthly_usd"]
            assert spread["low"] <= spread["mid"] <= spread["high"]
        for rejection in question["rejections"]:
            assert {"option", "constraint", "found", "allowed", "reason"} <= rejection.keys()
        for crossover in question["crossovers"]:
            assert {"driver", "between", "value", "low", "high", "binds"} <= crossover.keys()
    assert all({"id", "holds", "expected", "found"} <= claim.keys() for claim in data["claims"])
    assert data["questions"]["platform"]["chosen"] == "ec2-single"
    assert data["questions"]["inference"]["chosen"] == "runpod-flex"


def test_decide_foresees_with_the_documented_keys():
    data = answer("decide", "examples/receipts")
    beside = data["questions"]["inference"]["candidates"][0]["as_poisson"]
    assert {"monthly_usd", "p50_s", "p95_s", "p99_s", "cold_share", "settings"} == beside.keys()
    front, growth = data["front"], data["growth"]
    assert {"target_s", "cheapest", "points"} == front.keys()
    point = {"option", "settings", "monthly_usd", "p50_s", "p95_s", "cold_share", "broke", "on_front"}
    assert all(point == one.keys() for one in (front["cheapest"], *front["points"]))
    assert {"months", "paths", "now", "moves", "path", "total_usd", "seeing_usd", "staying_usd"} <= growth.keys()
    assert {"over_budget_from", "carried_until", "carried_share", "work_priced"} <= growth.keys()
    move = {"question", "from", "to", "at_users", "month", "binds", "days", "downtime_minutes", "move_usd", "stated"}
    assert all({*move, "early_usd", "late_usd"} == one.keys() for one in growth["moves"])
    assert all({"month", "users", "usd", "platform", "inference"} == one.keys() for one in growth["path"])
    measure = {"input", "reason", "reason_message", "command", "changes_choice"}
    assert all(
        {*measure, "swing_usd", "value_usd", "variance_share"} == one.keys()
        for one in (data["measure_first"], *data["measures"])
    )


def test_the_terminal_says_what_speed_costs_and_when_to_move(tmp_path):
    english = outgrow("decide", "examples/receipts", "--out", str(tmp_path / "en")).stdout
    data = json.loads((tmp_path / "en" / "decision.json").read_text())
    assert f"${data['front']['cheapest']['monthly_usd']:.2f} a month" in english
    assert f"growth: run {' + '.join(data['growth']['now'].values())} now" in english
    assert all(f"{move['from']} -> {move['to']}" in english for move in data["growth"]["moves"])
    assert " p99 s " in english
    korean = outgrow("decide", "examples/receipts", "--out", str(tmp_path / "ko"), "--lang", "ko").stdout
    assert "모두 지키는 가장 싼 설정: runpod-flex" in korean
    assert "성장: 지금 ec2-single + runpod-flex" in korean


def test_a_record_from_before_the_simulation_is_checked_marked_and_superseded(tmp_path):
    assert outgrow("decide", "examples/receipts", "--out", str(tmp_path)).returncode == 0
    file = tmp_path / "decision.json"
    old = json.loads(file.read_text())
    for name in ("measures", "front", "growth"):
        del old[name]
    for question in old["questions"].values():
        question["chosen"] = question["candidates"][-1]["option"]
        for candidate in question["candidates"]:
            for name in ("p99_s", "delayed_share", "utilisation_frac", "endings", "study", "as_poisson"):
                del candidate[name]
    file.write_text(json.dumps(old))
    marked = outgrow("check", str(tmp_path), "--on", "2026-11-23", "--mark")
    assert marked.returncode == 6, marked.stderr
    assert "To review since 2026-11-23" in (tmp_path / "decision.md").read_text()
    assert "Growth plan" not in (tmp_path / "decision.html").read_text()
    words = ("--set", "users.daily_active=40", "--out", str(tmp_path))
    assert outgrow("decide", "examples/receipts", *words).returncode == 0
    kept = tmp_path / "superseded" / old["record"]["id"]
    assert "superseded" in (kept / "decision.md").read_text()
    assert "Growth plan" in (tmp_path / "decision.html").read_text()


def test_decide_gives_the_break_evens_of_the_issue():
    data = answer("decide", "examples/receipts")
    found = {
        c["method"]: c
        for c in data["questions"]["inference"]["crossovers"]
        if c["between"] == ["runpod-flex", "runpod-active"]
    }
    cold = found["always-cold"]
    assert cold["driver"] == "users.daily_active"
    assert [cold["high"], cold["value"], cold["low"]] == pytest.approx([934, 522, 277], rel=0.01)
    assert found["busy-time-only"]["value"] == pytest.approx(11829, rel=0.01)


def test_decide_warns_before_it_ranks_and_rejects_for_the_right_reason():
    data = answer("decide", "examples/receipts")
    said = " ".join(warning["text"] for warning in data["warnings"])
    assert "ec2-single and ec2-split as written are not sized to the same load" in said
    assert "another region" in said
    assert "IPv4" in said
    assert "gp3 priced as aws/ebs/gp2" in said
    assert "runpod-flex: RunPod is a third party too, and would run in Japan, outside South Korea" in said
    bills = {c["option"]: c["monthly_usd"]["mid"] for c in data["questions"]["platform"]["candidates"]}
    assert bills["ec2-single"] < bills["ec2-split"]
    reasons = [r for r in data["questions"]["inference"]["rejections"] if r["option"] == "external-api"]
    assert "sensitive" in reasons[0]["reason"]


def test_every_figure_of_sections_b_c_and_d_is_audited():
    data = answer("decide", "examples/receipts")
    findings = data["document"]["findings"]
    assert {f["section"][0] for f in findings} >= {"B", "C", "D"}
    assert all(finding["causes"] for finding in findings)
    by_text = {f["says"]: " ".join(c["text"] for c in f["causes"]) for f in findings}
    assert "priced in us-east-1" in by_text["A: t4g.xlarge"]
    assert "gp2" in by_text["A: gp3 100 GB"]
    assert "cold starts and idle tails" in by_text["RunPod Flex"]
    assert "third party" in by_text["RunPod keeps data in our own infrastructure"]
    assert "31.6" in by_text["Active discount"]


def test_a_changed_rate_moves_the_break_even_and_marks_an_older_record(tmp_path):
    assert outgrow("decide", "examples/receipts", "--out", str(tmp_path)).returncode == 0
    header = (
        "sku,region,meter,unit,currency,rate,tier_from,allowance,increment,valid_from,valid_until,withdrawn_on,as_of"
    )
    row = (
        "runpod/serverless-active/24gb,any,worker-seconds,second,USD,0.00019,,,1,2026-11-20,,,2026-11-20,high,a letter"
    )
    prices = tmp_path / "mine.csv"
    prices.write_text(f"{header},confidence,source\n{row}\n")
    priced = answer("price", "examples/receipts", "--prices", str(prices))
    assert written(priced, "runpod-active")["monthly_usd"] == pytest.approx(499.32)
    checked = answer("check", str(tmp_path), "--on", "2026-11-23", "--prices", str(prices), code=6)
    assert checked["status"] == "to-review"
    assert checked["changed_prices"][0]["sku"] == "runpod/serverless-active/24gb"
    assert checked["break_even"][0]["value"] == pytest.approx(763, rel=0.01)
    assert all(claim["holds"] for claim in checked["claims"])


def test_check_says_holds_and_broken(tmp_path):
    assert outgrow("decide", "examples/receipts", "--out", str(tmp_path)).returncode == 0
    assert answer("check", str(tmp_path / "decision.json"), "--on", "2026-11-23")["status"] == "holds"
    spec = (ROOT / "examples/receipts/service.yaml").read_text().replace("at_most: 200", "at_most: 20")
    changed = tmp_path / "service.yaml"
    changed.write_text(spec)
    broken = answer("check", str(tmp_path), "--on", "2026-11-23", "--spec", str(changed), code=1)
    assert [claim["id"] for claim in broken["claims"] if not claim["holds"]] == ["within-budget"]
    assert answer("check", "examples/receipts")["status"] == "holds"


def test_check_is_about_today_whatever_day_the_spec_names():
    done = outgrow("check", "examples/receipts", "--json")
    assert json.loads(done.stdout)["on"] == datetime.now(tz=UTC).date().isoformat()


def test_what_was_decided_before_can_be_decided_again(tmp_path):
    ids = []
    for users in (30, 60, 30, 60):
        words = ("--set", f"users.daily_active={users}", "--out", str(tmp_path))
        assert outgrow("decide", "examples/receipts", *words).returncode == 0
        ids.append(json.loads((tmp_path / "decision.json").read_text())["record"]["id"])
    assert ids[2:] == [f"{ids[0]}-r2", f"{ids[1]}-r2"]
    kept = {path.parent.name: json.loads(path.read_text()) for path in tmp_path.glob("superseded/*/decision.json")}
    assert set(kept) == set(ids[:3])
    assert [kept[name]["record"]["superseded_by"]["id"] for name in ids[:3]] == ids[1:]
    old = answer("check", str(tmp_path / "superseded" / ids[0]), "--on", "2026-11-23", code=6)
    assert old["superseded_by"]["id"] == ids[1]


def test_a_folder_holds_the_records_of_one_service(tmp_path):
    assert outgrow("decide", "examples/receipts", "--out", str(tmp_path)).returncode == 0
    before = (tmp_path / "decision.json").read_bytes()
    refused = outgrow("decide", "examples/imagetool", "--out", str(tmp_path))
    assert refused.returncode == 2
    assert "holds the record of service 'receipts'" in refused.stderr
    assert (tmp_path / "decision.json").read_bytes() == before


def test_a_pair_over_the_budget_is_no_answer():
    data = answer("decide", "examples/receipts", "--set", "budget_usd_per_month=40", code=4)
    assert data["record"]["status"] == "proposed"
    assert data["warnings"][0]["code"] == "warn.over-budget"
    assert data["pairs"][0]["with_vat_usd"] == pytest.approx(data["pairs"][0]["monthly_usd"] * 1.1)


def test_a_terminal_that_knows_no_korean_gets_escapes(tmp_path):
    surroundings = {**os.environ, "PYTHONIOENCODING": "ascii"}
    words = [OUTGROW, "decide", "examples/receipts", "--lang", "ko", "--out", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, env=surroundings, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0
    done = subprocess.run([*words, "--json"], cwd=ROOT, env=surroundings, capture_output=True, check=False, timeout=60)
    assert json.loads(done.stdout)["record"]["language"] == "ko"


def test_a_full_disk_is_no_bug_of_ours():
    done = subprocess.run(
        ["bash", "-c", f"{OUTGROW} price examples/receipts > /dev/full"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def test_a_failure_asked_for_as_json_is_told_as_json():
    told = answer("price", "/nowhere/at/all", code=2)
    assert told["error"]["exit_code"] == 2
    assert "not found" in told["error"]["message"]


def test_a_price_confirmed_in_the_future_is_refused(tmp_path):
    header = (
        "sku,region,meter,unit,currency,rate,tier_from,allowance,increment,valid_from,valid_until,withdrawn_on,as_of"
    )
    row = (
        "runpod/serverless-active/24gb,any,worker-seconds,second,USD,0.00019,,,1,2026-11-20,,,2999-11-20,high,a letter"
    )
    (tmp_path / "mine.csv").write_text(f"{header},confidence,source\n{row}\n")
    refused = outgrow("price", "examples/receipts", "--prices", str(tmp_path / "mine.csv"))
    assert refused.returncode == 3
    assert "has not come yet" in refused.stderr


def test_weights_that_ignore_money_change_the_choice(tmp_path):
    spec = (ROOT / "examples/receipts/service.yaml").read_text()
    weights = "criteria: {monthly_usd: 0, response_p95_s: 1, management_points: 0}\n"
    (tmp_path / "service.yaml").write_text(spec.replace("claims:\n", f"{weights}\nclaims:\n", 1))
    data = answer("decide", str(tmp_path))
    assert data["questions"]["platform"]["chosen"] == "ec2-split"


def test_the_same_question_gives_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        assert outgrow("decide", "examples/receipts", "--out", str(tmp_path / folder)).returncode == 0
    assert outgrow("decide", "examples/receipts", "--out", str(tmp_path / "a")).returncode == 0
    for name in ("decision.json", "decision.md", "decision.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["decision.html", "decision.json", "decision.md"]


def test_a_newer_record_supersedes_an_older_one_and_both_say_so(tmp_path):
    assert outgrow("decide", "examples/receipts", "--out", str(tmp_path)).returncode == 0
    old = json.loads((tmp_path / "decision.json").read_text())
    words = ("--set", "users.daily_active=60", "--out", str(tmp_path))
    assert outgrow("decide", "examples/receipts", *words).returncode == 0
    new = json.loads((tmp_path / "decision.json").read_text())
    kept = tmp_path / "superseded" / old["record"]["id"]
    archived = json.loads((kept / "decision.json").read_text())
    assert new["record"]["supersedes"]["id"] == old["record"]["id"]
    assert (tmp_path / new["record"]["supersedes"]["path"]).resolve() == (kept / "decision.json").resolve()
    assert archived["record"]["status"] == "superseded"
    assert archived["record"]["superseded_by"]["id"] == new["record"]["id"]
    assert (kept / archived["record"]["superseded_by"]["path"]).resolve() == (tmp_path / "decision.json").resolve()
    for text in ((kept / "decision.md").read_text(), (kept / "decision.html").read_text()):
        assert new["record"]["id"] in text
    assert old["record"]["id"] in (tmp_path / "decision.md").read_text()


def test_a_korean_record_is_written(tmp_path):
    assert outgrow("decide", "examples/receipts", "--out", str(tmp_path), "--lang", "ko").returncode == 0
    page = (tmp_path / "decision.html").read_text()
    assert 'lang="ko"' in page
    assert "결정" in page


def test_the_terminal_speaks_the_language_of_the_record(tmp_path):
    done = outgrow("decide", "examples/receipts", "--lang", "ko", "--out", str(tmp_path))
    assert done.returncode == 0
    said = done.stdout + done.stderr
    assert "탈락: onprem:" in said
    for english in (
        "  out:",
        "warning:",
        "platform:",
        "inference:",
        "together:",
        "holds",
        "wrote",
        "measure first",
        "never",
    ):
        assert english not in said


def test_old_prices_need_allow_stale(tmp_path):
    years_later = ("--on", "2029-01-01", "--out", str(tmp_path))
    refused = outgrow("decide", "examples/receipts", *years_later)
    assert refused.returncode == 3
    assert "--allow-stale" in refused.stderr
    assert list(tmp_path.iterdir()) == []
    assert outgrow("decide", "examples/receipts", *years_later, "--allow-stale").returncode == 0


def test_a_question_without_candidate_is_recorded_and_has_its_own_exit_code(tmp_path):
    spec = (ROOT / "examples/receipts/service.yaml").read_text().replace("target_p95_s: 180", "target_p95_s: 1")
    (tmp_path / "service.yaml").write_text(spec)
    done = outgrow("decide", str(tmp_path), "--out", str(tmp_path / "out"))
    assert done.returncode == 4
    assert "inference: no option meets the constraints" in done.stderr
    record = json.loads((tmp_path / "out" / "decision.json").read_text())
    assert record["record"]["status"] == "proposed"
    assert record["questions"]["inference"]["chosen"] is None


def test_init_writes_specs_that_decide_accepts(tmp_path):
    for name in ("receipts", "chat", "imagetool"):
        assert outgrow("init", "--example", name, str(tmp_path / name)).returncode == 0
        assert outgrow("decide", str(tmp_path / name), "--json").returncode == 0
    flags = ("--name", "mine", "--users", "12", "--requests-per-day", "5", "--data", "public", "--need", "websocket")
    assert outgrow("init", str(tmp_path / "mine"), *flags).returncode == 0
    assert outgrow("decide", str(tmp_path / "mine"), "--json").returncode == 0
    again = outgrow("init", str(tmp_path / "mine"), *flags)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert outgrow("init", "--example", "recipts", str(tmp_path / "x")).returncode == 2


def test_schema_accepts_the_examples_and_refuses_what_is_missing_or_unknown():
    import jsonschema

    from outgrow.adapters.spec_text import read_yaml

    checker = jsonschema.Draft202012Validator(json.loads(outgrow("schema").stdout))
    for name in ("receipts", "chat", "imagetool"):
        spec, _ = read_yaml((ROOT / f"examples/{name}/service.yaml").read_text(), name)
        assert [error.message for error in checker.iter_errors(spec)] == []
    least = {"format": 1, "service": "x", "region": "us-east-1", "users": {"daily_active": 3}}
    assert checker.is_valid(least)
    assert not checker.is_valid({"format": 1, "service": "x"})
    assert not checker.is_valid({**least, "regoin": "x"})
    assert not checker.is_valid({**least, "users": {"daily_active": -3}})


def test_help_names_every_exit_code_and_every_verb_has_an_example():
    text = outgrow("--help").stdout
    assert "exit codes: 0" in text
    for verb in ("price", "decide", "check", "init", "fit", "prices", "schema"):
        assert verb in text
        shown = outgrow(verb, "--help")
        assert shown.returncode == 0
        assert "example" in shown.stdout


def test_a_reader_that_leaves_early_is_no_error():
    piped = f"{OUTGROW} price examples/receipts --json | head -c 100 >/dev/null; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", piped], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_a_kill_at_any_moment_leaves_a_whole_record(tmp_path):
    assert outgrow("decide", "examples/receipts", "--out", str(tmp_path)).returncode == 0
    ids = {json.loads((tmp_path / "decision.json").read_text())["record"]["id"]}
    for run in range(6):
        words = ["decide", "examples/receipts", "--set", f"users.daily_active={40 + run}", "--out", str(tmp_path)]
        started = subprocess.Popen([OUTGROW, *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            started.wait(0.55 + 0.08 * run)
        except subprocess.TimeoutExpired:
            started.kill()
        started.wait(30)
        record = json.loads((tmp_path / "decision.json").read_text())
        ids.add(record["record"]["id"])
        for kept in tmp_path.glob("superseded/*/decision.json"):
            assert json.loads(kept.read_text())["record"]["status"] == "superseded"
    assert outgrow("decide", "examples/receipts", "--out", str(tmp_path)).returncode == 0
    assert answer("check", str(tmp_path), "--on", "2026-11-23")["status"] == "holds"


def test_what_a_killed_run_left_is_swept_away_later(tmp_path):
    left = tmp_path / ".decision.json.abc_d3f4.outgrow"
    left.write_text("half")
    own = tmp_path / ".decision.json.mine"
    own.write_text("not ours")
    assert outgrow("decide", "examples/receipts", "--out", str(tmp_path)).returncode == 0
    assert not left.exists()
    assert own.exists()


def test_init_asks_on_a_terminal_and_marks_what_was_only_offered_as_a_guess(tmp_path):
    answers = "my-shop\nus-east-1\n120\n\n4\nnot a number\n30\n16\npublic\ny\nn\n"
    command = f"{OUTGROW} init {tmp_path}"
    subprocess.run(
        ["script", "-qec", command, "/dev/null"], input=answers, capture_output=True, text=True, check=True, timeout=30
    )
    spec = (tmp_path / "service.yaml").read_text()
    assert "daily_active: {value: 120, source: stated}" in spec
    assert "requests_per_day: {value: 100, source: guessed}" in spec
    assert "needs: [websocket]" in spec
    assert outgrow("price", str(tmp_path)).returncode == 0


def test_a_record_elsewhere_can_be_superseded(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    assert outgrow("decide", "examples/receipts", "--out", str(old)).returncode == 0
    words = ("--set", "users.daily_active=45", "--out", str(new), "--supersedes", str(old))
    assert outgrow("decide", "examples/receipts", *words).returncode == 0
    older = json.loads((old / "decision.json").read_text())["record"]
    newer = json.loads((new / "decision.json").read_text())["record"]
    assert older["status"] == "superseded"
    assert (old / older["superseded_by"]["path"]).resolve() == (new / "decision.json").resolve()
    assert (new / newer["supersedes"]["path"]).resolve() == (old / "decision.json").resolve()


def test_check_can_mark_a_record_to_review(tmp_path):
    assert outgrow("decide", "examples/receipts", "--out", str(tmp_path)).returncode == 0
    header = (
        "sku,region,meter,unit,currency,rate,tier_from,allowance,increment,valid_from,valid_until,withdrawn_on,as_of"
    )
    row = "aws/ec2/t4g.small,ap-northeast-2,instance-hours,hour,USD,0.03,,,,2026-11-20,,,2026-11-20,high,a letter"
    prices = tmp_path / "mine.csv"
    prices.write_text(f"{header},confidence,source\n{row}\n")
    words = ("check", str(tmp_path), "--on", "2026-11-23", "--prices", str(prices), "--mark")
    assert outgrow(*words).returncode == 6
    marked = json.loads((tmp_path / "decision.json").read_text())
    assert marked["record"]["status"] == "to-review"
    assert [change["sku"] for change in marked["review"]["changed_prices"]] == ["aws/ec2/t4g.small"]
    assert "to-review" in (tmp_path / "decision.md").read_text()


def test_an_option_that_could_do_the_work_for_more_money_is_rejected_for_the_money():
    spec = "examples/imagetool"
    words = ("--set", "users.daily_active=2000", "--set", "budget_usd_per_month=400")
    data = answer("decide", spec, *words, code=4)
    reasons = [r["constraint"] for r in data["questions"]["inference"]["rejections"] if r["option"] == "runpod-hybrid"]
    assert reasons == ["budget"]


def test_crossovers_along_demand_agree_with_what_price_says_on_either_side():
    for example in ("receipts", "imagetool"):
        data = answer("decide", f"examples/{example}")
        for question in data["questions"].values():
            for turn in question["crossovers"]:
                if turn["method"] != "sized-bills" or turn["binds"] != "monthly_usd":
                    continue
                costs = []
                for factor in (0.97, 1.03):
                    move = f"{turn['driver']}={turn['value'] * factor}"
                    priced = answer("price", f"examples/{example}", "--set", move, "--set", "budget_usd_per_month=1e9")
                    bills = {o["option"]: o["monthly_usd"] for o in priced["options"] if o["variant"] == "sized"}
                    costs.append(bills[turn["between"][0]] - bills[turn["between"][1]])
                assert costs[0] < 0 < costs[1], turn


def test_a_burstable_host_as_written_pays_for_its_surplus_cpu(tmp_path):
    (tmp_path / "service.yaml").write_text(
        """format: 1
service: busy
region: us-east-1
date: 2026-11-23
users: {daily_active: 10000, day_shape: flat}
web: {requests_per_user_day: 86.4, egress_kb_per_request: 0}
components: [{name: api, tier: backend, memory_gib: 1, cpu_ms_per_request: 100}]
as_written: {ec2-single: {hosts: [{name: host, machine: t4g.large, disk_gb: 20}]}}
"""
    )
    line = next(
        line
        for line in written(answer("price", str(tmp_path), "--as-written"), "ec2-single")["lines"]
        if line["sku"] == "aws/ec2/cpu-credits-t4g"
    )
    # by hand: 10 requests a second x 0.1 s = 1 vCPU busy; baseline 2 x 0.30 = 0.6; 0.4 x 730 h = 292 vCPU-h x 0.04
    assert line["quantity"] == pytest.approx(292)
    assert line["amount_usd"] == pytest.approx(11.68)
