"""The door for ``service.yaml``: good specs load into domain values, bad ones say everything that is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.adapters.spec_file import json_schema, load_spec, parse_spec
from outgrow.adapters.spec_service import SERVICE
from outgrow.domain.drivers import at_high, at_low, with_values
from outgrow.domain.errors import SpecError
from outgrow.domain.shapes import DAY_SHAPES
from outgrow.domain.task import DataClass
from outgrow.domain.workload import DEFAULT_DATA_RULES, DataRule, Driver, Input, Need, Service, Source, Trust

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("receipts", "chat", "imagetool")

BASE = "format: 1\nservice: s\nregion: r\nusers: {daily_active: 10}\n"
TASK = "inference:\n  - name: t\n    requests_per_day: 5\n    service_s: 3\n"


def refused(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        parse_spec(text)
    return caught.value.message


@pytest.mark.parametrize("name", NAMES)
def test_examples_load_from_file_and_folder(name: str) -> None:
    loaded = load_spec(EXAMPLES / name)
    assert loaded.path == EXAMPLES / name / "service.yaml"
    assert loaded.service == load_spec(loaded.path).service == parse_spec(loaded.text)
    assert loaded.service.name == name


@pytest.mark.parametrize("name", NAMES)
def test_every_driver_of_an_example_can_be_moved(name: str) -> None:
    service = load_spec(EXAMPLES / name).service
    assert service.drivers
    assert with_values(service, {one.path: one.mid for one in service.drivers}) == service
    assert with_values(service, at_low(service)) != with_values(service, at_high(service))


def test_receipts_is_the_service_of_the_mission() -> None:
    service = load_spec(EXAMPLES / "receipts").service
    assert (service.region, service.on, service.vat_frac) == ("ap-northeast-2", date(2026, 11, 23), 0.1)
    assert service.currency.per_usd == Decimal(1390)
    assert service.users.day_shape[12] == service.users.day_shape[18] == pytest.approx(0.4)
    assert service.needs == {Need.WEBSOCKET, Need.BACKGROUND_JOBS}
    assert sum(one.storage_gb for one in service.components) + 20 + 10 == 70
    assert service.constraints.data[DataClass.SENSITIVE] == DataRule(at_most=Trust.RENTED_INFRASTRUCTURE)
    assert service.constraints.data[DataClass.PUBLIC] == DEFAULT_DATA_RULES[DataClass.PUBLIC]
    assert service.drivers == (
        Driver(path="users.growth_per_month_frac", low=0.05, mid=0.1, high=0.2, source=Source.GUESSED),
        Driver(path="inference.receipts.cold_start_s", low=30, mid=60, high=120, source=Source.GUESSED),
        Driver(path="onprem.server_usd", low=1200, mid=1800, high=3000, source=Source.GUESSED),
    )
    assert Input(path="currency.per_usd", value=1390, source=Source.GUESSED) in service.inputs
    assert Input(path="components.api.memory_gib", value=0.5, source=Source.STATED) in service.inputs
    pins = service.pins["ec2-gpu"]
    assert pins.hosts is not None
    assert (pins.hosts[0].disk_gb, pins.hosts[0].public_ipv4, pins.database) == (None, False, None)


def test_positions_name_lines_that_later_checks_need() -> None:
    loaded = load_spec(EXAMPLES / "receipts")
    lines = loaded.text.splitlines()
    assert lines[loaded.positions[("region",)] - 1].startswith("region:")
    assert "sku:" in lines[loaded.positions[("inference", 0, "external", "sku")] - 1]
    assert lines[loaded.positions[("as_written", "paas")] - 1].startswith("  paas:")


def test_left_out_parts_keep_the_domain_defaults() -> None:
    service = parse_spec(BASE)
    plain = Service(name="s", region="r", users=service.users)
    assert service.constraints == plain.constraints
    assert (service.web, service.team, service.criteria, service.database) == (
        plain.web,
        plain.team,
        plain.criteria,
        None,
    )


def test_requests_per_user_become_requests_of_today() -> None:
    text = BASE + TASK.replace("requests_per_day: 5", "requests_per_user_day: {low: 1, mid: 2, high: 4}")
    service = parse_spec(text)
    assert service.inference[0].requests_per_day == 20
    assert service.inference[0].base_daily_active == 10
    assert service.drivers == (
        Driver(path="inference.t.requests_per_day", low=10, mid=20, high=40, source=Source.STATED),
    )
    assert service.inputs[-2] == Input(path="inference.t.requests_per_day", value=20, source=Source.STATED)


def test_no_users_yet_is_a_question_about_one_user() -> None:
    text = BASE.replace("10", "0")
    service = parse_spec(text + TASK.replace("requests_per_day", "requests_per_user_day"))
    assert (service.inference[0].requests_per_day, service.inference[0].base_daily_active) == (5, 1)
    assert refused(text) == "service.yaml:4 users.daily_active: found 0, allowed: above 0"
    assert refused(text + TASK) == (
        "service.yaml:7 inference[0].requests_per_day: "
        "requests_per_day grows with the users, but daily_active may be 0; give requests_per_user_day"
    )


def test_a_day_may_be_24_weights_of_any_scale() -> None:
    weights = [0] * 23 + [8]
    service = parse_spec(BASE + TASK + f"    day_shape: {weights}\n    windows: [{{from: 23, to: 24}}]\n")
    assert service.inference[0].day_shape == (*[0.0] * 23, 1.0)
    assert service.inference[0].windows == ((23, 24),)


@pytest.mark.parametrize("name", DAY_SHAPES)
def test_named_shapes_are_whole_days(name: str) -> None:
    assert len(DAY_SHAPES[name]) == 24
    assert sum(DAY_SHAPES[name]) == pytest.approx(1)


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = "format: 1\nservice: s\nregoin: r\nusers:\n  daily_active: -1\n  day_shape: no\nvat_frac: 2\n"
    assert refused(text).splitlines() == [
        "service.yaml:1 region: missing; expected a text",
        "service.yaml:3 regoin: unknown key; did you mean 'region'?",
        "service.yaml:5 users.daily_active: found -1, allowed: 0 or more",
        'service.yaml:6 users.day_shape: expected one of flat, office, meals, evening, or 24 numbers, found "no"',
        "service.yaml:7 vat_frac: found 2, allowed: 0 to 1",
    ]


def test_a_flood_of_problems_is_cut() -> None:
    lines = refused(BASE + "".join(f"k{i}: 1\n" for i in range(1000))).splitlines()
    assert len(lines) == 26
    assert lines[-1] == "service.yaml: 975 more problems"


def test_a_spec_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as nowhere:
        load_spec(tmp_path / "x.yaml")
    assert nowhere.value.message == f"{tmp_path / 'x.yaml'}: not found"
    with pytest.raises(SpecError) as bare:
        load_spec(tmp_path)
    assert bare.value.message == f"{tmp_path}: no service.yaml in this folder"
    assert bare.value.hint == f"name the spec, or write {tmp_path / 'service.yaml'}"


def test_a_spec_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "service.yaml").mkdir()
    with pytest.raises(SpecError, match="cannot be read"):
        load_spec(tmp_path)
    with pytest.raises(SpecError, match="cannot be read"):
        load_spec(Path("a\0b"))


def test_a_big_or_binary_file_is_named_by_its_file_name(tmp_path: Path) -> None:
    big = tmp_path / "big.yaml"
    big.write_bytes(b"a" * 10 * 1024 * 1024)
    with pytest.raises(SpecError, match=r"^big\.yaml: the file is 10\.0 MiB; a spec is at most 1 MiB$"):
        load_spec(big)
    big.write_bytes(b"\x89PNG")
    with pytest.raises(SpecError, match=r"^big\.yaml: byte 0 is not UTF-8 \(0x89\)$"):
        load_spec(big)


def test_json_schema_describes_every_key() -> None:
    schema = json_schema()
    json.dumps(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"]
    assert "$id" not in schema
    assert set(schema["properties"]) == set(SERVICE.fields)
    assert schema["required"] == ["format", "service", "region", "users"]
    for part in (schema, *schema["$defs"].values()):
        assert part["additionalProperties"] is False
        assert part["description"]
        assert all(one["description"] for one in part["properties"].values())
    assert _refs(schema) == {f"#/$defs/{name}" for name in schema["$defs"]}
    assert schema["$defs"]["criteria"]["properties"]["monthly_usd"]["default"] == 3


def _refs(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own.union(*(_refs(value) for value in node.values()))
    return set().union(*(_refs(value) for value in node)) if isinstance(node, list) else set()


def test_the_door_stays_quick_and_loads_no_pydantic_models() -> None:
    code = (
        "import sys, time; start = time.process_time()\n"
        "from pathlib import Path; from outgrow.adapters.spec_file import load_spec\n"
        "load_spec(Path(sys.argv[1])); took = time.process_time() - start\n"
        "print(took, 'pydantic' in sys.modules, 'difflib' in sys.modules)"
    )
    runs = [_output([sys.executable, "-c", code, str(EXAMPLES / "receipts")]).split() for _ in range(3)]
    assert min(float(took) for took, *_ in runs) < 0.25
    assert {tuple(rest) for _, *rest in runs} == {("False", "False")}


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


SOURCES = st.sampled_from(list(Source))
NUMBERS = st.floats(min_value=0.001, max_value=86_400, allow_nan=False)


@st.composite
def amounts(draw: st.DrawFn) -> Any:
    low, mid, high = sorted(draw(st.tuples(NUMBERS, NUMBERS, NUMBERS)))
    source = str(draw(SOURCES))
    return draw(
        st.sampled_from(
            [mid, {"value": mid, "source": source}, {"low": low, "mid": mid, "high": high, "source": source}]
        )
    )


SLUGS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True)


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(SLUGS, unique=True, max_size=3))
    rate = draw(st.sampled_from(["requests_per_day", "requests_per_user_day"]))
    tasks = [
        {
            "name": name,
            rate: draw(amounts()),
            "service_s": draw(amounts()),
            "cold_start_s": draw(amounts()),
            "custom_model": draw(st.booleans()),
            "data": str(draw(st.sampled_from(DataClass))),
        }
        for name in names
    ]
    return {
        "format": 1,
        "service": draw(SLUGS),
        "region": "us-east-1",
        "users": {"daily_active": draw(amounts()), "day_shape": draw(st.sampled_from(list(DAY_SHAPES)))},
        "web": {"requests_per_user_day": draw(amounts())},
        "inference": tasks,
        "needs": [str(need) for need in draw(st.sets(st.sampled_from(Need)))],
    }


@given(specs())
@settings(max_examples=60)
def test_good_specs_load_and_keep_every_number(spec: dict[str, Any]) -> None:
    service = parse_spec(json.dumps(spec))
    assert [task.name for task in service.inference] == [task["name"] for task in spec["inference"]]
    assert service.users.daily_active == _mid(spec["users"]["daily_active"])
    assert [task.service_s for task in service.inference] == [_mid(task["service_s"]) for task in spec["inference"]]
    assert all(one.low <= one.mid <= one.high and one.low < one.high for one in service.drivers)
    assert len(service.inputs) == 2 + 3 * len(spec["inference"])
    moved = with_values(service, {one.path: one.mid for one in service.drivers})
    assert moved == service


def _mid(given: Any) -> float:
    return float(given["mid"] if "mid" in given else given["value"]) if isinstance(given, dict) else float(given)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(SERVICE.fields)), JUNK, max_size=6), specs())
def test_junk_in_any_place_is_refused_or_read_never_a_crash(junk: dict[str, Any], good: dict[str, Any]) -> None:
    for key, value in junk.items():
        spec = {**good, key: [value] if isinstance(value, dict) else value}
        for candidate in (spec, {**good, key: value}, {**good, key: {"data": value, "source": value, "low": value}}):
            try:
                parse_spec(json.dumps(candidate))
            except SpecError as error:
                assert error.message.startswith("service.yaml:")


@given(st.text())
def test_any_text_is_a_spec_error(text: str) -> None:
    with pytest.raises(SpecError):
        parse_spec(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_spec_error(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(raw)
    with pytest.raises(SpecError):
        load_spec(file)
