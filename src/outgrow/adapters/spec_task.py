"""The keys of ``inference:`` in ``service.yaml``: one kind of model work, how it arrives and what it runs on."""

from __future__ import annotations

from typing import Any, Final

from outgrow.adapters import spec_rules as rules
from outgrow.adapters.spec_fields import Field, Part, amount, choice, flag, many, part, real, shape, slug, text, whole
from outgrow.domain import task as t
from outgrow.domain.arrivals import POISSON, ArrivalKind, Pattern
from outgrow.domain.pool import ScalerKind, Scaling


def _file(about: str) -> Field:
    """A file by its path from the folder of the spec, so that both can move together."""
    return text(about, pattern=r"[^/\\~\s][^\n]*", like="a path from the folder of the spec, such as requests.csv")


ARRIVALS: Final = Part(
    name="arrivals",
    about="How requests cluster: in sessions (the default), not at all, or as a trace has them.",
    into=lambda **given: _pattern(given),
    rules=(rules.pattern_is_one, rules.zone_is_known),
    fields={
        "kind": choice("sessions, poisson (independent requests) or trace.", ArrivalKind),
        "session_size": amount("Requests of one session, on average.", low=1, high=1e6),
        "session_gap_s": amount("Seconds from one request of a session to its next, on average.", high=86_400),
        "session_gap_cv": amount("Spread of those gaps: deviation / mean.", high=100),
        "day_variance": amount("Variance of the factor between days: 0.44 is 0.66 up and down.", high=1000),
        "file": _file("The trace, by its path from the spec: whatever `outgrow fit` reads."),
        "timezone": text("Whose day the trace's stamps are read in, such as Asia/Seoul."),
        "columns": many(text("KIND=NAME.", pattern="[a-z_]+=.+", like="KIND=NAME"), "Columns of the trace by name."),
    },
)


def _pattern(given: dict[str, Any]) -> Pattern:
    kind = given.get("kind", ArrivalKind.TRACE if "file" in given else ArrivalKind.SESSIONS)
    if kind is ArrivalKind.POISSON:
        return POISSON
    if kind is ArrivalKind.TRACE:
        return Pattern(**{**given, "kind": kind}, session_size=1.0, day_variance=0.0)
    return Pattern(**{**given, "kind": kind})


WINDOW: Final = Part(
    name="window",
    about="Hours of the day, from the start of one to the start of another.",
    into=lambda **given: (given["from"], given["to"]),
    listed=False,
    rules=(rules.window_in_order,),
    fields={
        "from": whole("First hour, 0 to 23.", high=23, required=True),
        "to": whole("Hour it ends before, 1 to 24.", low=1, high=24, required=True),
    },
)

CPU: Final = Part(
    name="cpu_run",
    about="The same work on a CPU, when that is possible.",
    into=t.CpuRun,
    fields={
        "service_s": amount("Seconds one request keeps one vCPU busy.", above=0, required=True),
        "memory_gib": amount("GiB of memory resident.", required=True),
    },
)

EXTERNAL: Final = Part(
    name="external_api",
    about="An API that could do the work: sold by the page (sku) or by the token (provider and model).",
    into=t.ExternalApi,
    rules=(rules.api_is_named,),
    fields={
        "sku": text("Name in the price book, such as aws/textract/analyze-expense."),
        "units_per_request": amount("Pages, or whatever the sku counts, for one request.", above=0),
        "provider": text("Who sells it, such as openai."),
        "model": text("Model name in the price book."),
        "input_tokens": amount("Tokens sent for one request."),
        "output_tokens": amount("Tokens received for one request."),
        "service_s": amount("Seconds until the answer.", above=0),
        "service_cv": amount("Spread of those seconds: deviation / mean.", high=100),
        "requests_per_minute": real("Calls it lets through in a minute; more are refused and tried again.", above=0),
        "requests_at_a_time": whole("Calls it answers at a time.", low=1, high=10_000),
        "failure_frac": amount("Share of calls it fails; they are tried again.", high=1),
        "country": text("Where the payload goes.", pattern="[A-Z]{2}", like="a country code such as US"),
    },
)

SCALER: Final = Part(
    name="scaler",
    about="When a serverless endpoint starts another worker.",
    into=Scaling,
    rules=(rules.scaler_value,),
    fields={
        "kind": choice("After a wait in the queue, or by the number of requests.", ScalerKind, required=True),
        "delay_s": real("queue-delay: seconds a request waits before another worker starts.", high=3600),
        "per_worker": whole("request-count: requests for each worker.", low=1, high=10_000),
    },
)

WARM_START: Final = Part(
    name="warm_start",
    about="Starts from a warm snapshot, such as FlashBoot.",
    into=t.WarmStart,
    fields={
        "start_s": amount("Seconds such a start takes.", high=86_400, required=True),
        "start_cv": amount("Their spread: deviation / mean.", high=100),
        "share_frac": amount("Chance of one right after a worker stopped.", high=1, required=True),
        "fade_s": amount("The chance fades with the gap g as exp(-g / fade_s); without it, not at all.", above=0),
    },
)

RETRIES: Final = Part(
    name="retries",
    about="What a caller does when an attempt is not answered within patience_s, refused or failed.",
    into=t.Retries,
    fields={
        "attempts": whole("Attempts in all; 1 gives up at once.", low=1, high=100),
        "pause_s": real("Seconds before the second attempt.", high=86_400),
        "factor": real("Each further pause is so many times as long.", low=1, high=100),
        "jitter_frac": real("Pauses are moved evenly by up to this share.", high=1),
        "cancel": flag("An attempt given up on is taken out of the queue."),
    },
)

TASK: Final = Part(
    name="inference_task",
    about="One kind of model work: how often, how long, what it must meet.",
    into=dict,
    rules=(
        rules.one_of("requests_per_day", "requests_per_user_day"),
        rules.windows_apart,
        rules.measured_or_stated("service_times", "service_s", "service_cv"),
        rules.measured_or_stated("cold_starts", "cold_start_s", "cold_start_cv"),
        rules.one_of("service_s", "service_times"),
        rules.trace_has_its_day,
    ),
    fields={
        "name": slug("What the task is called."),
        "requests_per_day": amount("Requests in a day at today's users; grows with the users.", above=0),
        "requests_per_user_day": amount("Requests of one user in a day.", above=0),
        "service_s": amount("Seconds a warm GPU works on one request.", above=0, high=86_400),
        "service_cv": amount("Spread of the service time: deviation / mean.", high=100),
        "service_times": _file("Or a file of measured ones, by its path from the spec."),
        "cold_start_s": amount("Seconds from nothing to a warm worker.", high=86_400),
        "cold_start_cv": amount("Spread of the cold start: deviation / mean.", high=100),
        "cold_starts": _file("Or a file of measured ones, by its path from the spec."),
        "gpu_memory_gib": amount("GiB of GPU memory the model needs."),
        "custom_model": flag("Weights of your own that no API sells."),
        "data": choice("How private the payload is.", t.DataClass),
        "caller": choice("Does somebody wait with a connection open?", t.Caller),
        "target_p95_s": real("95 of 100 answers must be there within these seconds.", above=0),
        "patience_s": amount("Seconds a synchronous caller waits before giving up.", above=0),
        "payload_mb": amount("Megabytes sent with one request."),
        "container_disk_gb": amount("GB of disk a worker needs."),
        "max_workers": whole("Most workers at a time.", low=1, high=1000),
        "requests_per_worker": whole("Requests one worker serves at the same time.", low=1, high=1000),
        "scaler": part(SCALER),
        "warm_start": part(WARM_START),
        "retries": part(RETRIES),
        "interruptions_per_month": amount("How often in a month a spot host is taken back.", high=1000),
        "arrivals": part(ARRIVALS),
        "day_shape": shape("Its own spread over the day; without it that of the users."),
        "windows": many(part(WINDOW), "Hours in which a scheduled worker is on.", high=24),
        "cpu": part(CPU),
        "external": part(EXTERNAL),
    },
)
