from outgrow.record.data import as_text

TOP = [
    "format",
    "record",
    "spec",
    "asked",
    "region",
    "currency",
    "vat_frac",
    "budget_usd_per_month",
    "inputs",
    "method",
    "questions",
    "pairs",
    "credits",
    "claims",
    "measure_first",
    "measures",
    "document",
    "surface",
    "front",
    "growth",
    "as_written",
    "warnings",
    "prices",
]


def test_a_record_has_every_part_in_its_order(record):
    assert list(record()) == TOP


def test_the_same_decision_gives_the_same_bytes(record):
    assert as_text(record()) == as_text(record())


def test_the_language_changes_sentences_but_not_the_identity(record):
    english, korean = record(), record(language="ko")
    assert english["record"]["id"] == korean["record"]["id"]
    assert english["warnings"][0]["text"] != korean["warnings"][0]["text"]
    assert english["warnings"][0]["values"] == korean["warnings"][0]["values"]


def test_every_bill_is_the_sum_of_its_lines(record):
    data = record()
    bills = [option for answer in data["questions"].values() for option in answer["rejected_bills"]]
    bills += [
        {**c, "monthly_usd": c["monthly_usd"]["mid"]} for a in data["questions"].values() for c in a["candidates"]
    ]
    assert len(bills) > 8
    for option in (*bills, *data["as_written"]):
        assert abs(sum(line["amount_usd"] for line in option["lines"]) - option["monthly_usd"]) < 1e-9


def test_every_plain_sentence_has_its_code_and_values_beside_it(record):
    data = record("imagetool")
    rejections = [one for answer in data["questions"].values() for one in answer["rejections"]]
    assert all(one["reason_message"]["code"].count(".") == 1 for one in rejections)
    assert any(one["way_out"] for one in rejections)
    assert all(bool(one["way_out"]) == bool(one["way_out_message"]) for one in rejections)
    candidates = [one for answer in data["questions"].values() for one in answer["candidates"]]
    for one in candidates:
        assert len(one["notes"]) == len(one["notes_messages"])
        assert len(one["at_risk"]) == len(one["at_risk_messages"])
        assert all(hole["reason_message"]["code"].startswith("unpriced.") for hole in one["unpriced"])


def test_only_options_the_spec_pins_count_as_written_down(record):
    pinned = {option["option"] for option in record()["as_written"] if option["pinned"]}
    assert pinned == {
        "ec2-single", "ec2-split", "ec2-private", "ec2-gpu", "runpod-flex", "runpod-active", "external-api", "paas",
    }  # fmt: skip
