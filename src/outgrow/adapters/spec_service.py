"""The top level of ``service.yaml``, and the domain `Service` built from a validated one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic_core import SchemaValidator, core_schema

from outgrow.adapters import spec_rules as rules
from outgrow.adapters import spec_schema as parts
from outgrow.adapters.interruption import after_this
from outgrow.adapters.spec_fields import (
    SLUG,
    Amount,
    Field,
    Part,
    choice,
    day,
    keyed,
    many,
    part,
    real,
    slug,
    text,
    whole,
)
from outgrow.adapters.spec_task import TASK
from outgrow.domain import workload as w
from outgrow.domain.task import DataClass, InferenceTask

_OPTION: Final = text("Option id.", pattern=SLUG, like="the id of an option, such as ec2-single")

SERVICE: Final = Part(
    name="service",
    about="The spec of one service: what arrives, how it behaves, what it must achieve.",
    into=lambda **given: _service(given),
    rules=(rules.somebody_asks,),
    fields={
        "format": whole("Version of this format: 1.", low=1, high=1, required=True),
        "service": slug("What the service is called."),
        "title": text("What it is, for people."),
        "date": day("The day whose prices count; without it, today."),
        "region": text("Cloud region, such as ap-northeast-2.", required=True),
        "currency": part(parts.CURRENCY),
        "vat_frac": real("Value-added tax as a share, added once to the sum.", high=1),
        "budget_usd_per_month": real("What a month may cost in US dollars."),
        "credits": many(part(parts.CREDIT), "Money providers gave.", unique="name"),
        "users": part(parts.USERS, required=True),
        "web": part(parts.WEB),
        "architecture": choice("Processors the software runs on.", ("any", "arm64", "x86_64")),
        "components": many(part(parts.COMPONENT), "Parts that must run somewhere.", unique="name"),
        "database": part(parts.DATABASE),
        "needs": many(choice("Ability.", w.Need), "What it must be able to do wherever it runs."),
        "inference": many(part(TASK), "Model work.", unique="name"),
        "team": part(parts.TEAM),
        "growth": part(parts.GROWTH),
        "constraints": part(parts.CONSTRAINTS),
        "criteria": part(parts.CRITERIA),
        "operations": part(parts.OPERATIONS),
        "onprem": part(parts.ONPREM),
        "as_written": keyed(part(parts.PINS), "Options with the sizes a document gives them.", key=_OPTION),
        "without": many(_OPTION, "Options the team excludes."),
        "claims": many(part(parts.CLAIM), "Sentences of the record that can be tested.", unique="id"),
        "document": part(parts.DOCUMENT),
    },
)


def check(data: dict[str, Any]) -> dict[str, Any]:
    """``data`` with every value read; raises ``pydantic_core.ValidationError`` with all that is wrong."""
    with after_this():
        given: dict[str, Any] = _validator().validate_python(data, strict=True)
    return given


@cache
def _validator() -> SchemaValidator:
    return SchemaValidator(part(SERVICE).core, core_schema.CoreConfig(strict=True, allow_inf_nan=False))


class _Ledger:
    """Every number met while building, with its path."""

    def __init__(self) -> None:
        self.drivers: list[w.Driver] = []
        self.inputs: list[w.Input] = []

    def note(self, path: tuple[str, ...], given: Amount) -> None:
        where = ".".join(path)
        self.inputs.append(w.Input(path=where, value=given.mid, source=given.source))
        if given.low < given.high:
            self.drivers.append(
                w.Driver(path=where, low=given.low, mid=given.mid, high=given.high, source=given.source)
            )


def build_service(given: dict[str, Any]) -> w.Service:
    """The domain value of a spec that `check` has accepted, with its drivers and inputs."""
    ledger = _Ledger()
    service: w.Service = _build(SERVICE, given, (), ledger)
    sourced = (_with_rate_source(one, service.currency) for one in ledger.inputs if one.path != "format")
    inputs = tuple(_with_daily_requests(one, service.users) for one in sourced)
    drivers = tuple(_with_daily_requests(one, service.users) for one in ledger.drivers)
    return replace(service, drivers=drivers, inputs=inputs)


def _build(part: Part, given: dict[str, Any], path: tuple[str, ...], ledger: _Ledger | None) -> Any:
    inner = ledger if part.listed else None
    values = {key: _value(part.fields[key], value, (*path, key), inner) for key, value in given.items()}
    return part.into(**values)


def _value(field: Field, given: Any, path: tuple[str, ...], ledger: _Ledger | None) -> Any:
    if field.part:
        return _build(field.part, given, path, ledger)
    if field.item and field.key:
        return {key: _value(field.item, value, (*path, str(key)), ledger) for key, value in given.items()}
    if field.item:
        return tuple(
            _value(field.item, value, (*path, _name(value, index)), ledger) for index, value in enumerate(given)
        )
    if not field.number:
        return given
    number = given if isinstance(given, Amount) else Amount(float(given), float(given), float(given), w.Source.STATED)
    if ledger:
        ledger.note(path, number)
    return number.mid if isinstance(given, Amount) else given


def _name(member: Any, index: int) -> str:
    return str(member.get("name", index)) if isinstance(member, dict) else str(index)


_Number = TypeVar("_Number", w.Driver, w.Input)


def _with_daily_requests(one: _Number, users: w.Users) -> _Number:
    """Requests per user become requests per day, the number the domain can move."""
    task, _, key = one.path.rpartition(".")
    if key != "requests_per_user_day" or not task.startswith("inference."):
        return one
    base = _base(users)
    path = f"{task}.requests_per_day"
    if isinstance(one, w.Driver):
        return replace(one, path=path, low=one.low * base, mid=one.mid * base, high=one.high * base)
    return replace(one, path=path, value=one.value * base)


def _with_rate_source(one: w.Input, currency: w.Currency) -> w.Input:
    """A rate names its source in words: one of ours counts as that, any other name as a quotation."""
    if one.path != "currency.per_usd" or currency.source is None:
        return one
    ours = currency.source in set(w.Source)
    return replace(one, source=w.Source(currency.source) if ours else w.Source.QUOTED)


def _service(given: dict[str, Any]) -> w.Service:
    users: w.Users = given["users"]
    known = {key: value for key, value in given.items() if key not in _RENAMED}
    return w.Service(
        name=given["service"],
        inference=tuple(_task(task, users) for task in given.get("inference", ())),
        constraints=_constraints(given.get("constraints", {})),
        needs=frozenset(given.get("needs", ())),
        without=frozenset(given.get("without", ())),
        pins=MappingProxyType(given.get("as_written", {})),
        on=given.get("date"),
        **known,
    )


_RENAMED: Final = {"format", "date", "service", "inference", "constraints", "needs", "without", "as_written"}


def _base(users: w.Users) -> float:
    return users.daily_active or 1.0


def _task(given: dict[str, Any], users: w.Users) -> InferenceTask:
    """``requests_per_user_day`` becomes requests at today's users, or at one user when there is none yet."""
    task = dict(given)
    base = _base(users)
    if "requests_per_user_day" in task:
        task["requests_per_day"] = task.pop("requests_per_user_day") * base
    if "data" in task:
        task["data_class"] = task.pop("data")
    return InferenceTask(base_daily_active=base, **task)


def _constraints(given: dict[str, Any]) -> w.Constraints:
    named: dict[DataClass, w.DataRule] = given.get("data", {})
    data = MappingProxyType({**w.DEFAULT_DATA_RULES, **named})
    return w.Constraints(**{**given, "data": data})
