"""Every key of ``gateway.yaml``: what it means, its unit, its range."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic_core import core_schema

from outgrow.adapters import gateway_rules as rules
from outgrow.adapters.spec_fields import (
    Field,
    Part,
    choice,
    custom,
    dollars,
    keyed,
    many,
    part,
    real,
    slug,
    text,
    whole,
)
from outgrow.domain import backend as b
from outgrow.domain.task import DataClass
from outgrow.domain.workload import Trust

VARIABLE: Final = "[A-Z][A-Z0-9_]{0,63}"
CALL: Final = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"
URL: Final = r"https?://[^\s/@?#]+(/[^\s@?#]*)?"


def variable(about: str) -> Field:
    """The name of an environment variable. What else is written there is not repeated: it may be the secret itself."""
    return Field(
        core=core_schema.no_info_plain_validator_function(_variable),
        json={"type": "string", "pattern": f"^(?:{VARIABLE})$"},
        expects="the name of an environment variable such as RUNPOD_API_KEY",
        about=about,
    )


def _variable(given: Any) -> str:
    if isinstance(given, str):
        if re.fullmatch(VARIABLE, given) and not _random(given):
            return given
        marked = re.fullmatch(rf"\$\{{?({VARIABLE})\}}?", given)
        if marked:
            raise custom(f"expected the name of an environment variable without the $; write {marked[1]}")
    raise custom(
        "expected the name of an environment variable such as RUNPOD_API_KEY; what was found is not shown, it may be "
        "the secret itself, and secrets do not belong in a file: put it into the variable and write the variable's name"
    )


def _random(given: str) -> bool:
    """Capitals and digits in one long piece: a secret rather than a name."""
    return any(len(piece) >= 16 and re.search("[0-9]", piece) for piece in given.split("_"))


PRICE: Final = Part(
    name="price",
    about=(
        "What the backend is paid for: a sku of the price book, a model of genai-prices (`provider` and `model`), or "
        "rates you state. Needed for what is not in your own account; without it nothing is charged."
    ),
    into=dict,
    rules=(rules.price_is_one,),
    fields={
        "sku": text(
            "Name in the price book, such as runpod/serverless-flex/24gb. A price an hour counts by the second."
        ),
        "region": text("Region of that price; without it the price that holds anywhere."),
        "provider": text("Who sells the model by the token, as genai-prices calls it."),
        "model": text("The model, as genai-prices calls it."),
        "per_second_usd": dollars("US dollars a second billed."),
        "per_call_usd": dollars("US dollars a call."),
        "per_million_input_tokens_usd": dollars("US dollars a million tokens read."),
        "per_million_output_tokens_usd": dollars("US dollars a million tokens written."),
    },
)

BACKEND: Final = Part(
    name="backend",
    about="One place where attempts run.",
    into=b.Backend,
    rules=(rules.keys_of_kind, rules.trust_of_kind, rules.not_in_the_clear, rules.price_is_said),
    fields={
        "name": slug("What tasks and meters call it."),
        "kind": choice(
            "How it is spoken to: a Python callable on this host, a RunPod queue endpoint, or any OpenAI-compatible "
            "server.",
            b.BackendKind,
            required=True,
        ),
        "call": text(
            "local: the callable.",
            pattern=CALL,
            like="a callable as module:name, such as outgrow.receipts.run:read_receipt",
        ),
        "endpoint": text("runpod: id of the endpoint.", pattern="[A-Za-z0-9-]{1,64}", like="an endpoint id"),
        "url": text(
            "openai: address of the server up to and with /v1. runpod: address of its API, where it is another.",
            pattern=URL,
            like="an address as https://host/v1, without user, password, ? and #",
        ),
        "model": text("openai, runpod: the model to ask for, where it is not the request's own."),
        "key": variable("runpod, openai: name of the environment variable that holds the secret."),
        "operator": text("Who runs it: us, RunPod or the host of the url, where nothing else is said."),
        "country": text("Country code of where it runs.", pattern="[A-Z]{2}", like="a country code such as KR"),
        "trust": choice(
            "Who could read a payload there. Where nothing is said: own-cloud-account for local, rented-infrastructure "
            "for runpod, external-service for openai.",
            Trust,
        ),
        "price": part(PRICE),
        "concurrency": whole("Attempts at once.", low=1, high=10_000),
        "timeout_s": real("Seconds an attempt may execute.", above=0, high=86_400),
        "cold_start_s": real("Seconds a start may take at most; needed for runpod.", high=86_400),
        "idle_timeout_s": real(
            "Seconds a worker is billed after its last attempt; 5 for runpod where nothing is said.", high=86_400
        ),
    },
)

RETRIES: Final = Part(
    name="retries",
    about="What becomes of a failed attempt.",
    into=b.Retries,
    fields={
        "attempts": whole("Attempts in all.", low=1, high=100),
        "pause_s": real("Seconds before the second.", high=86_400),
        "factor": real("How many times as long each later pause is.", low=1, high=100),
        "most_pause_s": real("Seconds a pause lasts at most.", high=86_400),
    },
)

TASK: Final = Part(
    name="task",
    about="Code that can be called.",
    into=b.Task,
    fields={
        "name": slug("What callers call it."),
        "backends": many(
            text("Backend.", like="the name of a backend"),
            "Backends in the order they are tried.",
            low=1,
            required=True,
        ),
        "data": choice(
            "Class of its payloads, sensitive where nothing is said; a request can only make it stricter.", DataClass
        ),
        "retries": part(RETRIES),
        "input_tokens": whole("Tokens one call may read at most: held of the budget before it.", high=10_000_000),
        "output_tokens": whole("Tokens one call may write at most: held of the budget before it.", high=10_000_000),
    },
)

BUDGET: Final = Part(
    name="budget",
    about="A hard limit: what a call may cost at most is held before it, and a call that does not fit is not made.",
    into=b.Budget,
    fields={
        "usd": dollars("US dollars a period.", above=0, required=True),
        "period": choice("UTC calendar day or month.", b.Period, required=True),
        "task": text("Only calls of this task."),
        "key": text("Only calls with the API key of this name."),
    },
)

RATE_LIMIT: Final = Part(
    name="rate_limit",
    about="How fast one may write: `per_s` a second, and `burst` more at once.",
    into=b.RateLimit,
    fields={
        "per_s": real("Writes a second.", above=0, high=1_000_000),
        "burst": whole("Writes at once on top of that."),
    },
)

LIMITS: Final = Part(
    name="limits",
    about="What one request may be, and how many.",
    into=b.Limits,
    fields={
        "body_bytes": whole("Bytes of a body.", low=1, high=1_000_000_000),
        "pixels": whole("Pixels of an image, looked at before it is decoded.", low=1, high=1_000_000_000),
        "slow_s": real("Seconds a client may take to send a request.", above=0, high=3600),
        "queue": whole("Jobs that may wait.", low=1, high=100_000_000),
        "per_key": part(RATE_LIMIT),
        "per_user": part(RATE_LIMIT),
    },
)

REACH: Final = keyed(
    choice("Furthest.", Trust),
    "The furthest from home payloads of a class may go. Where nothing is said: sensitive own-cloud-account, internal "
    "rented-infrastructure, public external-service.",
    key=choice("Data class.", DataClass),
)

GATEWAY: Final = Part(
    name="gateway",
    about="What `outgrow serve` runs: tasks, the backends they may run on, and what that may cost.",
    into=b.Gateway,
    fields={
        "format": whole("Version of this format: 1.", low=1, high=1, required=True),
        "tasks": many(part(TASK), "Code that can be called.", unique="name", low=1, required=True),
        "backends": many(part(BACKEND), "Where it runs.", unique="name", low=1, required=True),
        "reach": REACH,
        "budgets": many(part(BUDGET), "Hard limits on what is spent."),
        "limits": part(LIMITS),
    },
)
