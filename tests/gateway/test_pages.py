"""The pages: who is let in, what they may load, what cannot be smuggled into them, and how they are in a real browser."""

from __future__ import annotations

import asyncio
import base64
import os
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from outgrow.domain.backend import Budget, Period, Rates
from outgrow.domain.job import AttemptEnding
from outgrow.domain.ran import Ran
from outgrow.gateway.pages.reader import load_words
from outgrow.gateway.serve import working
from outgrow.policy.refusal import Code
from outgrow.record.words import LANGUAGES

from .browser import CHROMIUM, browsing
from .instances import CONFIG, LOCAL, Running, run, running
from .test_jobs import form, picture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from outgrow.domain.backend import Gateway

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>'\"&"
PAID = replace(CONFIG, backends=(replace(LOCAL, rates=Rates(per_call=2_500.0)),), budgets=(
    Budget(usd_micro=20_000_000, period=Period.MONTH),
    Budget(usd_micro=30_000, period=Period.DAY, task="shout"),
))  # fmt: skip
PAGES = ("/ui", "/ui/drop", "/ui/spend", "/ui/backends")
RECEIPT = {
    "merchant": "이마트 성수점",
    "date": "2026-11-24",
    "total": 23_900,
    "confidence": 0.97,
    "items": [{"name": "우유 1L", "price": 2_900, "count": 1}, {"name": "한우 국거리", "price": 21_000, "count": 1}],
}

DROP = """
const bytes = Uint8Array.from(atob('%s'), sign => sign.charCodeAt(0)), held = new DataTransfer();
held.items.add(new File([bytes], '<img src=x onerror=alert(2)>.jpg', {type: 'image/jpeg'}));
document.querySelector('.zone').dispatchEvent(
  new DragEvent('drop', {dataTransfer: held, bubbles: true, cancelable: true}));
"""


class Here:
    """Tells progress, then gives what the payload says; bytes are a receipt, once it may ``go_on``."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def run(self, job: Any, task: Any, backend: Any, tell: Any) -> Ran:
        if job.payload.data is not None:
            await tell.progress({"step": 3, "of": 4, "doing": "읽는 중"})
            await self.go_on.wait()
            return Ran(ending=AttemptEnding.COMPLETED, result=RECEIPT, execution_s=1.27)
        asked = job.payload.json
        if asked["end"] == "fail":
            return Ran(ending=AttemptEnding.FAILED, error=asked["say"])
        await tell.progress({"doing": asked["say"]})
        return Ran(ending=AttemptEnding.COMPLETED, result={asked["say"]: [asked["say"], {"in": [asked["say"]]}]})


@asynccontextmanager
async def playing(database: str, config: Gateway = CONFIG, here: Here | None = None) -> AsyncIterator[Running]:
    """An instance whose jobs are run by `Here`."""
    async with running(database, config) as one, working(one.runtime, here or Here(), asyncio.Event()):
        yield one


class Visit:
    """A browser's cookies, without the browser."""

    def __init__(self, one: Running, session: aiohttp.ClientSession) -> None:
        self.one, self.session = one, session

    async def get(self, path: str, **headers: str) -> tuple[int, str, Any]:
        sent = {"Accept": "text/html", **headers}
        async with self.session.get(self.one.url + path, headers=sent, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers

    async def post(self, path: str, data: Any = None, origin: str | None = "own") -> tuple[int, str, Any]:
        sent = {"Accept": "text/html"}
        if origin is not None:
            sent["Origin"] = self.one.url if origin == "own" else origin
        url = self.one.url + path
        async with self.session.post(url, data=data, headers=sent, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers

    async def log_in(self, secret: str | None = None) -> Any:
        status, _, headers = await self.post("/ui/login", {"key": secret or self.one.secret})
        assert (status, headers["Location"]) == (303, "/ui")
        return headers


def visiting(one: Running) -> Visit:
    return Visit(one, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)))


async def ended(one: Running, job: str) -> None:
    for _ in range(1_000):
        if (await one.ask("GET", f"/v1/jobs/{job}"))[1]["state"] in {"succeeded", "dead", "cancelled"}:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(job)


def test_both_languages_say_everything_and_the_same_gaps_are_filled() -> None:
    first, second = (load_words(language) for language in LANGUAGES)
    assert first.labels.keys() == second.labels.keys()
    assert first.terms.keys() == second.terms.keys()
    for name, text in first.labels.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", second.labels[name])), name
        assert text, name
        assert second.labels[name], name
    assert {f"refused.{code}" for code in Code} <= first.labels.keys()


def test_every_label_a_page_asks_for_is_there_and_none_is_left_over() -> None:
    folder = Path(__file__).parents[2] / "src" / "outgrow" / "gateway" / "pages"
    source = "".join(file.read_text() for file in [*folder.glob("*.py"), *folder.glob("templates/*")])
    labels = load_words("en").labels
    asked = set(re.findall(r'"([a-z-]+(?:\.[a-z-]+)+|log-out|language|nav)"', source))
    used = asked - {"jobs.read", "jobs.write"}  # scopes
    assert {name for name in used if name.split(".")[0] in {one.split(".")[0] for one in labels}} <= labels.keys()
    families = ("refused.", "title.", "spend.period.")
    assert {name for name in labels if not name.startswith(families)} <= asked


def test_nobody_is_let_in_without_a_key_and_the_cookie_opens_pages_alone(database: str) -> None:
    async def scenario() -> None:
        async with running(database) as one, visiting(one).session as session:
            visit = Visit(one, session)
            for path in (*PAGES, "/ui/events", f"/ui/jobs/{'0' * 8}-0000-7000-8000-{'0' * 12}", "/ui/nothing"):
                status, _, headers = await visit.get(path)
                assert (status, headers["Location"]) == (303, "/ui/login"), path
            assert (await visit.get("/"))[2]["Location"] == "/ui"
            for wrong in ("", "nonsense", "og_" + "A" * 43, "x" * 300):
                status, html, headers = await visit.post("/ui/login", {"key": wrong})
                assert (status, "Set-Cookie" in headers, 'role="alert"' in html) == (401, False, True)
            assert (await visit.post("/ui/login", {"key": "x" * 5_000}))[0] == 413
            assert [turned.code for turned in one.runtime.refusals.lately()] == ["body-too-large"] + ["bad-key"] * 4

            kept = (await visit.log_in())["Set-Cookie"]
            assert all(part in kept for part in ("HttpOnly", "SameSite=lax", "Path=/ui"))
            assert one.secret not in kept
            for path in PAGES:
                assert (await visit.get(path))[0] == 200, path
            assert (await visit.get("/ui/nothing"))[0] == 404
            async with session.get(f"{one.url}/v1/jobs", headers={"Cookie": kept.partition(";")[0]}) as answer:
                assert answer.status == 401
            cookie = kept.partition(";")[0]
            assert (await visit.post("/ui/logout"))[0] == 303
            assert (await visit.get("/ui", Cookie=cookie))[0] == 303
            assert one.secret not in one.log.getvalue()

    run(scenario)


def test_only_a_page_of_this_server_may_write_with_the_cookie(database: str) -> None:
    async def scenario() -> None:
        async with (
            running(database, origins=frozenset({"http://friend.example"})) as one,
            visiting(one).session as session,
        ):
            visit = Visit(one, session)
            for origin in (None, "null", "http://evil.example", "http://friend.example"):
                assert (await visit.post("/ui/login", {"key": one.secret}, origin))[0] == 403
            await visit.log_in()
            for origin in (None, "null", "http://evil.example", "http://friend.example"):
                assert (await visit.post("/ui/drop", form(picture()), origin))[0] == 403
                assert (await visit.post("/ui/logout", None, origin))[0] == 403
            assert (await one.ask("GET", "/v1/jobs"))[1]["jobs"] == []
            assert (await visit.post("/ui/drop", form(picture())))[0] == 303

    run(scenario)


def test_a_session_ends_with_its_key_and_sees_no_more_than_it(database: str) -> None:
    async def scenario() -> None:
        async with playing(database) as one, visiting(one).session as session:
            _, told, _ = await one.ask("POST", "/v1/admin/keys", json={"name": "shop"})
            _, other, _ = await one.ask(
                "POST", "/v1/jobs", json={"task": "shout", "input": {"end": "well", "say": "mine"}}
            )
            visit = Visit(one, session)
            await visit.log_in(told["secret"])
            status, html, _ = await visit.get("/ui")
            assert (status, other["id"] in html, "/ui/spend" in html) == (200, False, False)
            assert (await visit.get(f"/ui/jobs/{other['id']}"))[0] == 404
            assert (await visit.get(f"/ui/events?job={other['id']}"))[0] == 404
            assert [(await visit.get(path))[0] for path in ("/ui/spend", "/ui/backends")] == [403, 403]
            assert (await one.ask("DELETE", "/v1/admin/keys/shop"))[0] == 204
            for _ in range(200):
                if (await visit.get("/ui"))[0] == 303:
                    break
                await asyncio.sleep(0.02)
            else:
                raise AssertionError("a revoked key still looks at pages")

    run(scenario)


def test_pages_ask_nobody_else_and_say_so(database: str) -> None:
    async def scenario() -> None:
        async with playing(database, PAID) as one, visiting(one).session as session:
            visit = Visit(one, session)
            await visit.log_in()
            _, job, _ = await one.ask("POST", "/v1/jobs", json={"task": "shout", "input": {"end": "well", "say": "a"}})
            await ended(one, job["id"])
            for path in (*PAGES, "/ui/login", f"/ui/jobs/{job['id']}", "/ui/nothing"):
                for language in LANGUAGES:
                    _, html, headers = await visit.get(f"{path}?lang={language}")
                    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
                    assert "unsafe" not in headers["Content-Security-Policy"]
                    assert headers["X-Content-Type-Options"] == "nosniff"
                    assert f'<html lang="{language}"' in html
                    assert not re.search(r'(?:href|src|action)="(?:https?:)?//', html)
                    assert "https://" not in html
                    assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?! src=\"/ui/static/)", html), path
            for name in ("pages.css", "pages.js", "icon.svg"):
                status, text, _ = await visit.get(f"/ui/static/{name}")
                assert (status, "url(" in text) == (200, False)
            assert [(await visit.get(f"/ui/static/{name}"))[0] for name in ("x", "..%2Fpages.py", "%00")] == [404] * 3
            _, document, _ = await one.ask("GET", "/openapi.json")
            assert not any(path.startswith("/ui") for path in document["paths"])

    run(scenario)


def test_nothing_that_was_sent_becomes_part_of_a_page(database: str) -> None:
    async def scenario() -> None:
        async with playing(database) as one, visiting(one).session as session:
            visit = Visit(one, session)
            await visit.log_in()
            for end in ("well", "fail"):
                asked = {"task": "shout", "input": {"end": end, "say": EVIL}}
                _, job, _ = await one.ask("POST", "/v1/jobs", json=asked, headers={"X-Outgrow-User": EVIL})
                await ended(one, job["id"])
                _, html, _ = await visit.get(f"/ui/jobs/{job['id']}")
                assert "<script>" not in html
                assert "<img" not in html
                assert "&lt;script&gt;alert(1)" in html
                async with session.get(f"{one.url}/ui/events?after=0&job={job['id']}") as answer:
                    told = (await answer.content.readuntil(b'"ended": true}\n\n')).decode()
                assert "<script>" not in told
                assert "&lt;script&gt;" in told
            status, html, _ = await visit.post("/ui/drop", form(b"no image", "<img src=x onerror=alert(2)>.jpg"))
            assert (status, "<script>" in html, "<img" in html) == (415, False, False)
            status, html, _ = await visit.post("/ui/drop", form(picture(), task=EVIL))
            assert (status, "<script>" in html, "<img" in html) == (404, False, False)
            for path in ("/ui", "/ui/backends", f"/ui/jobs/{EVIL}", f"/ui?lang={EVIL}"):
                _, html, _ = await visit.get(path)
                assert "<script>" not in html
                assert "<img" not in html

    run(scenario)


def test_what_was_spent_and_what_was_refused_are_shown(database: str) -> None:
    async def scenario() -> None:
        async with playing(database, PAID) as one, visiting(one).session as session:
            visit = Visit(one, session)
            await visit.log_in()
            _, html, _ = await visit.get("/ui/backends")
            assert "No try in the last 24 h." in html
            for end in ("well", "well", "fail"):
                asked = {"task": "shout", "input": {"end": end, "say": "it burnt"}}
                _, job, _ = await one.ask("POST", "/v1/jobs", json=asked)
                if end == "well":
                    await ended(one, job["id"])
            for _ in range(200):
                _, html, _ = await visit.get("/ui/backends?lang=en")
                if "Not completed in a row: 1" in html:
                    break
                await asyncio.sleep(0.02)
            assert "2 of 3 tries completed" in html
            assert "it burnt" in html
            assert "unsteady" in html
            assert (await one.ask("GET", "/v1/jobs", secret="og_" + "A" * 43))[0] == 401
            _, html, _ = await visit.get("/ui/backends")
            assert "The key is missing, unknown" in html
            _, html, _ = await visit.get("/ui/spend")
            assert "$0.0075" in html  # three tries of 2,500 micro-dollars a call
            assert "budget $20.00" not in html, "a budget that far away is not drawn"
            assert "$0.0075 of $0.0300 spent, $0 held" in html

    run(scenario)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine to look at the pages with")
@pytest.mark.parametrize(("width", "language"), [(390, "ko"), (1280, "en")])
def test_a_file_is_dropped_and_its_result_seen_in_a_browser(
    database: str, tmp_path: Path, width: int, language: str
) -> None:
    shots = Path(os.environ.get("OUTGROW_SHOTS", tmp_path))
    tmp_path.joinpath("receipt.jpg").write_bytes(picture())

    async def scenario() -> None:
        here = Here()
        async with playing(database, PAID, here) as one, browsing(one.session) as tab:
            await _spent(one)
            await tab.size(width)
            await tab.open(f"{one.url}/ui/login?lang={language}")
            await tab.run(f"document.querySelector('#key').value = '{one.secret}'; document.forms[0].requestSubmit()")
            await tab.until("location.pathname === '/ui' && document.readyState === 'complete'")

            _, job, _ = await one.ask("POST", "/v1/jobs", json={"task": "shout", "input": {"end": "well", "say": EVIL}})
            done = load_words(language).term("succeeded")
            await tab.until(f"document.querySelector('[id=\"job-{job['id']}\"]')?.innerText.includes('{done}')")
            await tab.open(f"{one.url}/ui/drop")
            if width < 600:
                await tab.choose("#file", tmp_path / "receipt.jpg")
                await tab.until("document.querySelector('[data-name]').innerText === 'receipt.jpg'")
                await tab.run("document.querySelector('[data-drop]').requestSubmit()")
            else:
                await tab.run(DROP % base64.b64encode(picture()).decode())
            await tab.until("location.pathname.startsWith('/ui/jobs/') && !!document.querySelector('progress[value]')")
            await tab.shot(shots / f"progress-{width}-{language}.png")
            here.go_on.set()
            await tab.until("document.querySelector('.result')?.innerText.includes('23900')")
            made = await tab.run("location.href")
            for path in (*(one.url + path for path in PAGES), made, f"{one.url}/ui/login"):
                await tab.open(path)
                for scheme in ("light", "dark"):
                    await tab.dark(scheme)
                    name = path.rpartition("/")[2] if path != made else "job"
                    await tab.shot(shots / f"{name}-{width}-{language}-{scheme}.png")
                assert await tab.run("document.documentElement.scrollWidth") <= width, path
                paper = await tab.run("getComputedStyle(document.body).backgroundColor")
                assert paper == "rgb(20, 23, 26)"
            assert tab.said == []
            assert {url.partition("/ui")[0] for url in tab.asked} == {one.url}

    run(scenario)


async def _spent(one: Running) -> None:
    """Meters of the days of this month before today, so that there is something to forecast from."""
    now = datetime.now(UTC)
    async with one.runtime.pool.connection() as connection:
        for day in range(1, now.day):
            at = now.replace(day=day)
            await connection.execute(
                "insert into outgrow.attempt (job, fence, attempt, task, backend, rule, started_at, finished_at, ending,"
                " queue_s, execution_s, billed_s, input_tokens, output_tokens, cost_usd_micro) values"
                " (gen_random_uuid(), 1, 1, 'shout', 'here', 'r', %s, %s, 'completed', 0, 1, 1, 0, 0, %s)",
                [at, at, 300_000 + day * 7919 % 11 * 60_000],
            )
