"""Every key of ``service.yaml``: what it means, its unit, its range."""

from __future__ import annotations

from typing import Final

from outgrow.adapters import spec_rules as rules
from outgrow.adapters.spec_fields import (
    MAX_NUMBER,
    Part,
    amount,
    choice,
    day,
    dollars,
    flag,
    keyed,
    many,
    part,
    real,
    shape,
    slug,
    text,
    whole,
)
from outgrow.adapters.spec_task import ARRIVALS
from outgrow.domain import document
from outgrow.domain import workload as w
from outgrow.domain.task import DataClass

_COUNTRY: Final = text("Country code.", pattern="[A-Z]{2}", like="a country code such as KR")


CURRENCY: Final = Part(
    name="currency",
    about="The currency shown beside US dollars, by a rate you state.",
    into=w.Currency,
    rules=(rules.dollar_is_dollar,),
    fields={
        "code": text("ISO code, such as KRW.", pattern="[A-Z]{3}", like="a code such as KRW", required=True),
        "per_usd": dollars("How many units buy one US dollar.", above=0, required=True),
        "as_of": day("The day of the rate."),
        "source": text("Who says so: measured, quoted, guessed, or a name."),
    },
)

CREDIT: Final = Part(
    name="credit",
    about="Money a provider gave, worthless after a day.",
    into=w.Credit,
    fields={
        "name": text("What the programme is called.", required=True),
        "provider": text("Whose bill it pays, such as aws.", required=True),
        "usd": dollars("US dollars left today.", above=0, required=True),
        "ends": day("Last day it can be used.", required=True),
    },
)

USERS: Final = Part(
    name="users",
    about="Who uses the service, and when.",
    into=w.Users,
    fields={
        "daily_active": amount("Daily active users today.", required=True),
        "growth_per_month_frac": amount("Growth a month as a share: 0.1 is 10 %.", low=-1, high=10),
        "day_shape": shape("How a day's requests spread over 24 hours: a name or 24 weights."),
    },
)

WEB: Final = Part(
    name="web",
    about="Traffic of the web part.",
    into=w.Web,
    fields={
        "requests_per_user_day": amount("Web requests of one user in a day."),
        "egress_kb_per_request": amount("Kilobytes sent out for one request."),
        "open_connections_frac": amount("Share of the daily users holding a WebSocket at the peak.", high=1),
        "arrivals": part(ARRIVALS),
    },
)

COMPONENT: Final = Part(
    name="component",
    about="A part that must run somewhere. The host's own system is added by outgrow.",
    into=w.HostedComponent,
    fields={
        "name": slug("What the component is called."),
        "tier": choice("Which host it lives on once the service is split.", w.Tier, required=True),
        "memory_gib": amount("GiB of memory resident.", required=True),
        "cpu_ms_per_request": amount("Milliseconds of one CPU for a web request."),
        "storage_gb": amount("GB kept on disk."),
    },
)

DATABASE: Final = Part(
    name="database",
    about="PostgreSQL, with pgvector when there are vectors.",
    into=w.Database,
    fields={
        "memory_gib": amount("GiB it needs besides the vector index."),
        "storage_gb": amount("GB of rows and indexes."),
        "cpu_ms_per_request": amount("Milliseconds of one CPU for a web request."),
        "vectors": amount("How many vectors are searched."),
        "dimensions": amount("Numbers in one vector.", high=100_000),
    },
)

TEAM: Final = Part(
    name="team",
    about="Who builds and runs it.",
    into=w.Team,
    rules=(rules.helpers_are_engineers,),
    fields={
        "engineers": whole("How many engineers.", low=1, required=True),
        "can_run_infrastructure": whole("How many of them can run infrastructure.", required=True),
        "hourly_usd": amount("What an hour of one costs: the work of a move is priced by it."),
    },
)

MOVE: Final = Part(
    name="move",
    about="What moving to an option takes, where you know better than the derived figures.",
    into=w.MoveSpec,
    fields={
        "to": text("Option that is moved to.", required=True),
        "days": real("Days of one engineer."),
        "downtime_minutes": real("Minutes the service is down."),
    },
)

GROWTH: Final = Part(
    name="growth",
    about="How far ahead the growth plan looks, and what moving costs besides work.",
    into=w.Growth,
    fields={
        "months": whole("Months to plan for.", low=1, high=120),
        "downtime_usd_per_hour": amount("What an hour of downtime costs."),
        "moves": many(part(MOVE), "Moves you know the effort of.", unique="to"),
    },
)

DATA_RULE: Final = Part(
    name="data_rule",
    about="Where payloads of one class may go.",
    into=w.DataRule,
    fields={
        "at_most": choice("The furthest from home they may go.", w.Trust, required=True),
        "countries": many(_COUNTRY, "Only to these countries.", low=1),
    },
)

CONSTRAINTS: Final = Part(
    name="constraints",
    about="What an option must meet to be ranked at all.",
    into=dict,
    fields={
        "max_monthly_usd": real("US dollars a month, at most."),
        "max_upfront_usd": real("US dollars before the first request, at most."),
        "max_procurement_days": real("Days until it can run, at most."),
        "max_management_points": whole("Things to run, at most."),
        "database_private": flag("The database must not be reachable from the internet."),
        "database_survives_web_host": flag("Losing the web host must not lose the database."),
        "data": keyed(
            part(DATA_RULE),
            "Where payloads may go, by class; classes left out keep the rules of outgrow.",
            key=choice("Data class.", DataClass),
        ),
    },
)

CRITERIA: Final = Part(
    name="criteria",
    about="How much each criterion weighs against the others.",
    into=w.Criteria,
    rules=(rules.something_weighs,),
    fields={
        "monthly_usd": real("Weight of the monthly bill.", high=1000, like="a weight"),
        "response_p95_s": real("Weight of the response time.", high=1000, like="a weight"),
        "management_points": real("Weight of having little to run.", high=1000, like="a weight"),
    },
)

OPERATIONS: Final = Part(
    name="operations",
    about="What a service needs besides capacity and a hand-made bill forgets.",
    into=w.Operations,
    fields={
        "backup_gb": amount("GB of database backups kept."),
        "snapshot_gb": amount("GB of disk snapshots kept."),
        "logs_gb_per_month": amount("GB of logs taken in a month."),
        "alarms": whole("Alarms."),
        "secrets": whole("Secrets kept in a secret store."),
        "dns_zones": whole("Hosted DNS zones."),
        "monitoring_host": flag("A small host that watches the others."),
        "second_environment": flag("A second, smallest copy to try changes on."),
    },
)

ONPREM: Final = Part(
    name="onprem",
    about="A server bought.",
    into=w.OnPrem,
    fields={
        "server_usd": amount("Price of the server."),
        "gpu": text("GPU in it, by its name in the price book."),
        "lifetime_months": amount("Months it is used.", above=0, high=600),
        "server_watts": amount("Watts drawn on average without the GPU."),
        "gpu_watts": amount("Watts the GPU draws on average."),
        "colocation": flag("It stands in a data centre, not at home."),
        "procurement_days": amount("Days from order to running."),
    },
)

PINNED_HOST: Final = Part(
    name="pinned_host",
    about="A host exactly as a document writes it.",
    into=w.PinnedHost,
    fields={
        "name": slug("What the host is called."),
        "machine": text("Machine type, such as t4g.small.", required=True),
        "count": whole("How many alike.", low=1),
        "disk_gb": real("GB of its disk; left out when the document lists none."),
        "disk_type": choice("Kind of disk.", ("gp3", "gp2")),
        "public_ipv4": flag("It has a public IPv4 address."),
    },
)

PINNED_DATABASE: Final = Part(
    name="pinned_database",
    about="A managed database as a document writes it.",
    into=w.PinnedDatabase,
    fields={
        "machine": text("Machine type, such as db.t4g.micro.", required=True),
        "storage_gb": real("GB of storage.", required=True),
        "multi_az": flag("A standby in a second zone."),
    },
)

PINNED_ITEM: Final = Part(
    name="pinned_item",
    about="Any other line a document lists.",
    into=w.PinnedItem,
    fields={
        "name": text("What the line is called.", required=True),
        "sku": text("Name in the price book.", required=True),
        "quantity": real("Monthly quantity in the unit of the sku.", required=True),
    },
)

PINS: Final = Part(
    name="pins",
    about="One option as written: fixed sizes instead of sizes derived from the load.",
    into=w.Pins,
    listed=False,
    fields={
        "hosts": many(part(PINNED_HOST), "The hosts.", unique="name"),
        "database": part(PINNED_DATABASE),
        "load_balancers": whole("Load balancers."),
        "load_balancer_zones": whole("Zones each load balancer has an address in."),
        "nat_gateways": whole("NAT gateways."),
        "gpu": text("GPU class or type."),
        "workers": whole("GPU workers always on."),
        "idle_timeout_s": real("Seconds a worker stays warm after a request."),
        "requests_per_month": real("Inference requests in a month."),
        "window_hours": real("Hours a day a scheduled worker is on.", high=24),
        "seats": whole("Paid seats."),
        "items": many(part(PINNED_ITEM), "Other lines.", unique="name"),
    },
)

CLAIM: Final = Part(
    name="claim",
    about="A sentence of the record that can be tested.",
    into=document.ClaimSpec,
    listed=False,
    rules=(rules.one_of("chosen", "rejected", "cheaper", "metric"), rules.limits_a_metric),
    fields={
        "id": slug("What the claim is called."),
        "says": text("The sentence.", required=True),
        "question": choice("Which question it answers.", ("platform", "inference")),
        "chosen": text("Option that comes first."),
        "rejected": text("Option that fails a constraint."),
        "cheaper": many(text("Option.", like="an option id"), "Two options, the cheaper first.", low=2, high=2),
        "metric": text("Result that is compared, such as pair_monthly_usd."),
        "option": text("Option the metric is taken of."),
        "variant": choice("Which variant of the option.", ("sized", "as-written")),
        "at_most": real("Largest value that holds.", low=-MAX_NUMBER),
        "at_least": real("Smallest value that holds.", low=-MAX_NUMBER),
    },
)

FIGURE: Final = Part(
    name="figure",
    about="One figure or statement of a hand-made document, and what in our result it speaks of.",
    into=document.Figure,
    listed=False,
    fields={
        "section": text("Where in the document.", required=True),
        "says": text("Its words.", required=True),
        "about": text("What it speaks of.", required=True),
        "value": real("The number it gives, or the lower of two.", low=-MAX_NUMBER),
        "high": real("The higher of two numbers.", low=-MAX_NUMBER),
        "text": text("The word it gives."),
        "option": text("Option it speaks of."),
        "than": text("Option it compares with."),
        "component": text("Component it speaks of."),
        "sku": text("Name in the price book."),
        "note": text("A remark for the reader."),
    },
)

DOCUMENT: Final = Part(
    name="document",
    about="A hand-made decision document to be audited.",
    into=document.Document,
    listed=False,
    fields={
        "title": text("Its title.", required=True),
        "figures": many(part(FIGURE), "What it says.", high=1000, required=True),
    },
)
