"""``gateway.yaml``: read as its writer means it, or refused with the whole message they read."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.adapters.gateway_file import json_schema, load_gateway, parse_gateway, unset_variables
from outgrow.domain.backend import BackendKind, Budget, Period, RateLimit, Rates, Retries
from outgrow.domain.errors import SpecError
from outgrow.domain.task import DataClass
from outgrow.domain.workload import Trust
from outgrow.policy.price import hold
from outgrow.policy.reach import Admitted, admit

ON = date(2026, 11, 23)
EXAMPLE = Path(__file__).parents[2] / "examples" / "receipts" / "gateway.yaml"

HEAD = "format: 1\n"
TASKS = "tasks:\n  - {name: receipts, backends: [local]}\n"
LOCAL = "backends:\n  - {name: local, kind: local, call: 'm:f'}\n"
GPU = """  - name: gpu
    kind: runpod
    endpoint: abc123
    key: RUNPOD_API_KEY
    cold_start_s: 60
    price: {sku: runpod/serverless-flex/24gb}
"""
BASE = HEAD + TASKS + LOCAL
RENTED = HEAD + TASKS.replace("local", "gpu") + LOCAL + GPU + "reach: {sensitive: rented-infrastructure}\n"
BUDGET = "budgets: [{usd: 20, period: month}]\n"
CHAT = """format: 1
tasks:
  - {name: chat, data: public, backends: [api], input_tokens: 4000, output_tokens: 1000}
backends:
  - name: api
    kind: openai
    url: https://api.example.com/v1
    key: API_KEY
    price: {per_million_input_tokens_usd: 0.15, per_million_output_tokens_usd: 0.6}
budgets: [{usd: 5, period: day}]
"""


def test_the_example_is_read():
    loaded = load_gateway(EXAMPLE.parent, on=ON)
    assert (loaded.path, loaded.positions["backends", 0, "call"]) == (EXAMPLE, 14)
    admitted = admit(loaded.gateway, "receipts")
    assert isinstance(admitted, Admitted)
    assert [one.name for one in admitted.backends] == ["local"]
    assert loaded.gateway.tasks[0].retries == Retries(attempts=3, pause_s=2.0)


def test_the_example_says_itself_how_to_use_a_gpu():
    text = EXAMPLE.read_text()
    lines = [
        line.replace("  # ", "  ", 1) if line.startswith(("  # - ", "  #   ")) else line for line in text.split("\n")
    ]
    gpu = "\n".join(lines).replace("[local] #", "[gpu, local] #")
    with pytest.raises(
        SpecError, match="gpu is rented-infrastructure, but sensitive payloads go no further than own-clou"
    ):
        parse_gateway(gpu, on=ON)
    allowed = gpu.replace("sensitive: own-cloud-account #", "sensitive: rented-infrastructure #")
    gateway = parse_gateway(allowed, on=ON)
    admitted = admit(gateway, "receipts")
    assert isinstance(admitted, Admitted)
    assert [one.name for one in admitted.backends] == ["gpu", "local"]
    assert hold(admitted.backends[0], admitted.task) == (60 + 120 + 5) * 190


def test_defaults_keep_sensitive_payloads_at_home():
    gateway = parse_gateway(BASE, on=ON)
    assert dict(gateway.reach) == {
        DataClass.SENSITIVE: Trust.OWN_CLOUD_ACCOUNT,
        DataClass.INTERNAL: Trust.RENTED_INFRASTRUCTURE,
        DataClass.PUBLIC: Trust.EXTERNAL_SERVICE,
    }
    assert gateway.tasks[0].data is DataClass.SENSITIVE
    assert gateway.per_key == gateway.per_user == RateLimit(per_s=2.0, burst=10)
    assert gateway.backends[0].operator == "us"


def test_a_gpu_has_its_price_from_the_price_book():
    gpu = parse_gateway(RENTED + BUDGET, on=ON).backends[1]
    assert (gpu.kind, gpu.operator, gpu.trust) == (BackendKind.RUNPOD, "RunPod", Trust.RENTED_INFRASTRUCTURE)
    assert (gpu.rates, gpu.sku, gpu.idle_timeout_s) == (Rates(per_second=190.0), "runpod/serverless-flex/24gb", 5.0)


def test_an_api_is_paid_by_the_token():
    gateway = parse_gateway(CHAT, on=ON)
    api = gateway.backends[0]
    assert (api.operator, api.trust) == ("api.example.com", Trust.EXTERNAL_SERVICE)
    assert api.rates == Rates(per_input_token=0.15, per_output_token=0.6)
    assert hold(api, gateway.tasks[0]) == 1_200
    assert gateway.budgets == (Budget(usd_micro=5_000_000, period=Period.DAY),)


def test_a_model_has_its_price_from_genai_prices():
    by_name = CHAT.replace(
        "{per_million_input_tokens_usd: 0.15, per_million_output_tokens_usd: 0.6}",
        "{provider: openai, model: gpt-4o-mini}",
    )
    assert parse_gateway(by_name, on=ON).backends[0].rates == Rates(per_input_token=0.15, per_output_token=0.6)


def test_an_hour_counts_by_the_second():
    own = CHAT.replace(
        "{per_million_input_tokens_usd: 0.15, per_million_output_tokens_usd: 0.6}",
        "{sku: aws/ec2/g6.xlarge, region: us-east-1}\n    trust: own-cloud-account",
    )
    rate = parse_gateway(own.replace("{name: chat, data: public,", "{name: chat,"), on=ON).backends[0].rates
    assert rate.per_second == pytest.approx(0.8048 / 3600 * 1e6)


def test_unset_variables_are_named_never_read_aloud():
    gateway = parse_gateway(CHAT, on=ON)
    assert unset_variables(gateway, {}) == (("api", "API_KEY"),)
    assert unset_variables(gateway, {"API_KEY": "x"}) == ()


def test_the_schema_for_editors_agrees():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for text in (EXAMPLE.read_text(), BASE, RENTED + BUDGET, CHAT):
        jsonschema.validate(yaml.safe_load(text), schema)
    for wrong in (BASE + "x: 1\n", CHAT.replace("API_KEY", "sk-x"), BASE.replace("m:f", "m.f")):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(yaml.safe_load(wrong), schema)


MISTAKES = {
    "empty": ("\n", "gateway.yaml: the file is empty"),
    "unknown key": (BASE + "budget: []\n", "gateway.yaml:6 budget: unknown key; did you mean 'budgets'?"),
    "missing": (HEAD + LOCAL, "gateway.yaml:1 tasks: missing; expected a list"),
    "unknown backend": (
        BASE.replace("[local]", "[locl]"),
        "gateway.yaml:3 tasks[0].backends[0]: unknown backend 'locl'; did you mean 'local'?",
    ),
    "twice": (
        BASE.replace("[local]", "[local, local]"),
        "gateway.yaml:3 tasks[0].backends[1]: 'local' is already named; a backend is tried once an attempt",
    ),
    "two of one name": (
        BASE + "  - {name: local, kind: local, call: 'm:g'}\n",
        "gateway.yaml:6 backends[1].name: 'local' is already the name of [0]; each name once",
    ),
    "unknown task of a budget": (
        BASE + "budgets: [{usd: 1, period: day, task: chat}]\n",
        "gateway.yaml:6 budgets[0].task: unknown task 'chat'; known: receipts",
    ),
    "bytes": (
        BASE + "limits: {body_bytes: 10MB}\n",
        'gateway.yaml:6 limits.body_bytes: expected a whole number, found "10MB"; write 10000000',
    ),
    "rate": (
        BASE + "limits: {per_key: {per_s: fast}}\n",
        'gateway.yaml:6 limits.per_key.per_s: expected a number, found "fast"',
    ),
    "no callable": (
        BASE.replace(", call: 'm:f'", ""),
        "gateway.yaml:5 backends[0]: kind: local needs call: the Python callable, as module:name",
    ),
    "not a callable": (
        BASE.replace("m:f", "m.f"),
        "gateway.yaml:5 backends[0].call: expected a callable as module:name, such as outgrow.receipts.run:read_receipt, "
        'found "m.f"',
    ),
    "a key of another kind": (
        BASE.replace("call: 'm:f'", "call: 'm:f', endpoint: abc"),
        "gateway.yaml:5 backends[0].endpoint: goes with kind: runpod; found kind: local",
    ),
    "no longest start": (
        RENTED.replace("    cold_start_s: 60\n", ""),
        "gateway.yaml:6 backends[1]: kind: runpod needs cold_start_s: the longest start in seconds, which is held of the "
        "budget",
    ),
    "trusted too much": (
        RENTED.replace("kind: runpod", "kind: runpod\n    trust: own-hardware"),
        "gateway.yaml:8 backends[1].trust: found own-hardware; RunPod's machines are rented-infrastructure at the nearest",
    ),
    "in the clear": (
        CHAT.replace("https:", "http:"),
        "gateway.yaml:7 backends[0].url: http:// sends payloads and the key in the clear to external-service; write https://",
    ),
    "no price": (
        CHAT.replace("    price: {per_million_input_tokens_usd: 0.15, per_million_output_tokens_usd: 0.6}\n", ""),
        "gateway.yaml:5 backends[0]: external-service is paid for, so it needs price; where it costs nothing, write price: "
        "{per_call_usd: 0}",
    ),
    "two prices": (
        RENTED.replace("24gb}", "24gb, per_second_usd: 1}"),
        "gateway.yaml:11 backends[1].price: found sku and rates of your own; give sku, or provider and model, or per_..._usd",
    ),
    "unknown sku": (
        RENTED.replace("24gb}", "24gbb}") + BUDGET,
        "gateway.yaml:11 backends[1].price.sku: unknown sku 'runpod/serverless-flex/24gbb'; did you mean "
        "'runpod/serverless-flex/24gb'?",
    ),
    "sold elsewhere": (
        RENTED.replace("runpod/serverless-flex/24gb", "aws/ec2/g6.xlarge") + BUDGET,
        "gateway.yaml:11 backends[1].price.sku: no price of aws/ec2/g6.xlarge in any region on 2026-11-23; it is sold in "
        "ap-northeast-2, us-east-1",
    ),
    "not paid by attempts": (
        RENTED.replace("runpod/serverless-flex/24gb", "runpod/network-volume/storage") + BUDGET,
        "gateway.yaml:11 backends[1].price.sku: runpod/network-volume/storage is sold by gb-month; attempts are paid by "
        "second, hour, page, document, 1k-requests, 1m-requests; state per_..._usd",
    ),
    "unknown model": (
        CHAT.replace(
            "{per_million_input_tokens_usd: 0.15, per_million_output_tokens_usd: 0.6}", "{provider: openia, model: x}"
        ),
        "gateway.yaml:9 backends[0].price.model: unknown provider 'openia'; did you mean 'openai'?",
    ),
    "too far": (
        RENTED.replace("reach: {sensitive: rented-infrastructure}\n", "") + BUDGET,
        "gateway.yaml:3 tasks[0].backends[0]: gpu is rented-infrastructure, but sensitive payloads go no further than "
        "own-cloud-account; take it out, or say reach: {sensitive: rented-infrastructure}, or another class as data, if that "
        "is what you want",
    ),
    "classes out of order": (
        BASE + "reach: {internal: own-hardware}\n",
        "gateway.yaml:6 reach.sensitive: sensitive may go to own-cloud-account, further than internal (own-hardware)",
    ),
    "unknown class": (
        BASE + "reach: {secret: own-hardware}\n",
        "gateway.yaml:6 reach.secret: unknown key; allowed: sensitive, internal, public",
    ),
    "no budget": (
        RENTED,
        "gateway.yaml:3 tasks[0].backends[0]: gpu costs money and no budget limits it; add budgets: [{usd: 20, period: month}]",
    ),
    "a budget of one key is none for the others": (
        RENTED + "budgets: [{usd: 20, period: month, key: web}]\n",
        "gateway.yaml:3 tasks[0].backends[0]: gpu costs money and no budget limits it; add budgets: [{usd: 20, period: month}]",
    ),
    "a budget no call fits into": (
        RENTED + "budgets: [{usd: 0.1, period: month}]\n",
        "gateway.yaml:13 budgets[0].usd: found 0.1, but one call of receipts on gpu may cost 0.12635 (up to 665 s billed), so "
        "none could ever be made; raise it or lower timeout_s",
    ),
    "tokens not counted": (
        CHAT.replace(", output_tokens: 1000", ""),
        "gateway.yaml:3 tasks[0]: api is paid by the token; say output_tokens, the most one call may use",
    ),
    "a variable with its dollar": (
        CHAT.replace("API_KEY", "${API_KEY}"),
        "gateway.yaml:8 backends[0].key: expected the name of an environment variable without the $; write API_KEY",
    ),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(text, message):
    with pytest.raises(SpecError) as caught:
        parse_gateway(text, on=ON)
    assert caught.value.message == message


SECRETS = {
    "runpod": "rpa_" + "Q7" * 20,
    "openai": "sk-proj-" + "a1B2" * 8,
    "ours": "og_" + "x" * 43,
    "aws": "AKIA" + "Q7" * 8,
    "hugging face": "hf_" + "aB" * 16,
    "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x",
    "capitals": "Q7Z9" * 10,
    "lower case": "a94f" * 10,
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_pasted_secret_is_refused_with_the_reason_and_never_repeated(secret):
    with pytest.raises(SpecError) as caught:
        parse_gateway(CHAT.replace("API_KEY", secret), on=ON)
    assert caught.value.message.startswith("gateway.yaml:8 backends[0].key: ")
    assert "in a file" in caught.value.message or "not belong" in caught.value.message
    assert secret not in str(caught.value)
    assert secret[6:] not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        CHAT.replace("api.example.com", "user:hunter2hunter2@api.example.com"),
        CHAT.replace("key: API_KEY", "api_key: sk-hunter2hunter2hunter2"),
        CHAT.replace("key: API_KEY", "key: API_KEY\n    operator: Bearer hunter2hunter2"),
        CHAT + "sk-hunter2hunter2hunter2: 1\n",
        CHAT.replace("key: API_KEY", "key: 1234567890123456"),
    ],
)
def test_nor_is_one_that_stands_elsewhere(text):
    with pytest.raises(SpecError) as caught:
        parse_gateway(text, on=ON)
    assert "hunter2" not in caught.value.message
    assert "1234567890123456" not in caught.value.message
    assert "secret" in caught.value.message


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SpecError, match=r"no gateway\.yaml in this folder"):
        load_gateway(tmp_path, on=ON)
    with pytest.raises(SpecError, match=r"x\.yaml: not found"):
        load_gateway(tmp_path / "x.yaml", on=ON)


NAMES = st.sampled_from(("a", "b", "c"))
WORDS = st.none() | st.booleans() | st.integers(-1, 700) | st.sampled_from(("a", "m:f", "sensitive", "")) | st.just([])


def some(**keys):
    """A mapping of these keys, some left out."""
    return st.fixed_dictionaries({}, optional=keys)


BACKENDS = st.sampled_from(
    (
        {"kind": "local", "call": "m:f"},
        {"kind": "local", "call": "m:f", "price": {"per_second_usd": 0.001}, "timeout_s": 60},
        {
            "kind": "runpod",
            "endpoint": "e",
            "key": "K",
            "cold_start_s": 60,
            "price": {"sku": "runpod/serverless-flex/24gb"},
        },
        {"kind": "openai", "url": "https://h/v1", "price": {"per_million_output_tokens_usd": 0.6}},
        {"kind": "openai", "url": "http://h/v1", "trust": "own-hardware"},
    )
)
FILES = st.fixed_dictionaries(
    {
        "format": st.just(1),
        "tasks": st.lists(
            st.tuples(
                NAMES,
                st.lists(NAMES, min_size=1, max_size=2, unique=True),
                some(
                    data=st.sampled_from(list(map(str, DataClass))),
                    output_tokens=st.integers(1, 9) | st.integers(-1, 9),
                ),
            ).map(lambda one: {"name": one[0], "backends": one[1], **one[2]}),
            min_size=1,
            max_size=2,
            unique_by=lambda one: one["name"],
        ),
        "backends": st.lists(BACKENDS, min_size=3, max_size=3).map(
            lambda found: [{"name": name, **one} for name, one in zip("abc", found, strict=True)]
        ),
    },
    optional={
        "reach": some(
            sensitive=st.sampled_from(list(map(str, Trust))), internal=st.sampled_from(list(map(str, Trust)))
        ),
        "budgets": st.lists(
            st.fixed_dictionaries(
                {"usd": st.sampled_from((0.1, 1, 20)), "period": st.just("day")}, optional={"task": NAMES}
            ),
            max_size=2,
        ),
        "limits": some(queue=st.integers(0, 99) | WORDS),
    },
)


@settings(max_examples=400)
@given(FILES)
def test_whatever_is_let_in_can_run_is_limited_and_stays_in_reach(data):
    try:
        gateway = parse_gateway(json.dumps(data), on=ON)  # JSON is YAML
    except SpecError as refused:
        assert refused.message.startswith("gateway.yaml:")
        return
    for task in gateway.tasks:
        admitted = admit(gateway, task.name)
        assert isinstance(admitted, Admitted)
        assert [one.name for one in admitted.backends] == list(task.backends)
        for backend in admitted.backends:
            need = hold(backend, task)
            caps = [one.usd_micro for one in gateway.budgets if one.key is None and one.task in (None, task.name)]
            assert need == 0 or (caps and need <= min(caps))
