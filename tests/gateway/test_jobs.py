"""Jobs over HTTP from the request to the result; what is refused, and what is the same job."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from PIL import Image

from outgrow.domain.backend import Limits, Retries

from .instances import CONFIG, Running, run, running

JOB = {"task": "shout", "input": "hello"}


async def ended(one: Running, job: dict[str, Any]) -> dict[str, Any]:
    for _ in range(1_000):
        _, told, _ = await one.ask("GET", f"/v1/jobs/{job['id']}")
        if told["state"] in {"succeeded", "dead", "cancelled"}:
            return told
        await asyncio.sleep(0.01)
    raise AssertionError(told)


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", size, "white").save(kept, kind)
    return kept.getvalue()


def form(content: bytes, name: str = "receipt.jpg", **fields: str) -> aiohttp.FormData:
    made = aiohttp.FormData(quote_fields=False)
    for field, value in {"task": "shout", **fields}.items():
        made.add_field(field, value)
    made.add_field("file", content, filename=name, content_type="image/jpeg")
    return made


def test_a_job_runs_and_its_result_is_there(database: str) -> None:
    async def scenario() -> None:
        async with running(database, works=True) as one:
            status, job, headers = await one.ask("POST", "/v1/jobs", json={**JOB, "priority": 3})
            assert status == 202
            assert headers["Location"] == f"/v1/jobs/{job['id']}"
            told = await ended(one, job)
            assert (told["state"], told["attempt"], told["backend"], told["priority"]) == ("succeeded", 1, "here", 3)
            status, result, _ = await one.ask("GET", f"/v1/jobs/{job['id']}/result")
            assert (status, result["result"]) == (200, {"said": "HELLO"})
            assert (await one.ask("DELETE", f"/v1/jobs/{job['id']}"))[0] == 409
            assert (await one.ask("POST", f"/v1/jobs/{job['id']}/replay"))[0] == 409
            assert "hello" not in one.log.getvalue().lower()
            _, metrics, _ = await one.ask("GET", "/metrics")
            assert b'outgrow_http_requests_total{method="POST",route="/v1/jobs",status="202"} 1' in metrics
            assert b"outgrow_up 1" in metrics

    run(scenario)


def test_the_same_idempotency_key_is_the_same_job(database: str) -> None:
    async def scenario() -> None:
        async with running(database) as one:
            headers = {"Idempotency-Key": "order-7"}
            answers = await asyncio.gather(*(one.ask("POST", "/v1/jobs", json=JOB, headers=headers) for _ in range(8)))
            assert sorted(status for status, _, _ in answers) == [200] * 7 + [202]
            assert len({told["id"] for _, told, _ in answers}) == 1
            status, told, _ = await one.ask("POST", "/v1/jobs", json={**JOB, "input": "else"}, headers=headers)
            assert (status, told["code"]) == (422, "idempotency-conflict")
            _, told, _ = await one.ask("POST", "/v1/admin/keys", json={"name": "other"})
            status, _, _ = await one.ask("POST", "/v1/jobs", json=JOB, headers=headers, secret=told["secret"])
            assert status == 202

    run(scenario)


def test_a_job_that_fails_is_dead_and_can_be_replayed_one_that_waits_cancelled(database: str) -> None:
    async def scenario() -> None:
        config = replace(CONFIG, tasks=(replace(CONFIG.tasks[0], retries=Retries(attempts=1)),))
        async with running(database, config, works=True) as one:
            _, job, _ = await one.ask("POST", "/v1/jobs", json={**JOB, "input": "fail"})
            assert (await ended(one, job))["state"] == "dead"
            status, told, _ = await one.ask("GET", f"/v1/jobs/{job['id']}/result")
            assert (status, told["code"]) == (410, "no-result")
            assert "ValueError" in told["detail"]
            assert "cannot be read" not in one.log.getvalue()
            assert (await one.ask("POST", f"/v1/jobs/{job['id']}/replay"))[1]["state"] == "queued"
            await ended(one, job)

            _, job, _ = await one.ask("POST", "/v1/jobs", json={**JOB, "input": "wait"})
            status, told, _ = await one.ask("GET", f"/v1/jobs/{job['id']}/result")
            assert (status, told["code"]) == (409, "not-ended")
            for method, path in (("POST", "/cancel"), ("DELETE", "")):
                status, told, _ = await one.ask(method, f"/v1/jobs/{job['id']}{path}")
                assert (status, told["state"]) == (200, "cancelled")

            _, job, _ = await one.ask("POST", "/v1/jobs", json={**JOB, "delay_s": 3600})
            assert (await one.ask("DELETE", f"/v1/jobs/{job['id']}"))[1]["state"] == "cancelled"

    run(scenario)


def test_jobs_are_listed_in_pages_newest_first(database: str) -> None:
    async def scenario() -> None:
        async with running(database) as one:
            made = [(await one.ask("POST", "/v1/jobs", json=JOB))[1]["id"] for _ in range(5)]
            seen, before = [], ""
            for _ in range(3):
                _, page, _ = await one.ask("GET", f"/v1/jobs?limit=2{before}")
                seen += [job["id"] for job in page["jobs"]]
                before = f"&before={page['next']}"
            assert seen == made[::-1]
            assert (await one.ask("GET", "/v1/jobs?state=dead"))[1]["jobs"] == []

    run(scenario)


def test_a_queue_that_is_full_takes_no_more(database: str) -> None:
    async def scenario() -> None:
        config = replace(CONFIG, limits=Limits(queue=3))
        async with running(database, config) as one:
            for _ in range(3):
                assert (await one.ask("POST", "/v1/jobs", json=JOB))[0] == 202
            one.runtime._counted_at = -1.0
            status, told, headers = await one.ask("POST", "/v1/jobs", json=JOB)
            assert (status, told["code"], headers["Retry-After"]) == (429, "queue-full", "5")

    run(scenario)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_upload_becomes_a_job_on_bytes(database: str, kind: str) -> None:
    async def scenario() -> None:
        async with running(database, works=True) as one:
            content = picture(kind)
            status, job, _ = await one.ask("POST", "/v1/jobs", data=form(content, priority="2", data="sensitive"))
            assert (status, job["priority"]) == (202, 2)
            await ended(one, job)
            _, told, _ = await one.ask("GET", f"/v1/jobs/{job['id']}/result")
            assert told["result"] == {"bytes": len(content), "type": f"image/{kind.lower()}"}

    run(scenario)


def test_uploads_that_are_no_whole_image_are_refused_with_a_reason(database: str) -> None:
    async def scenario() -> None:
        big = Image.new("1", (10_000, 10_000))
        kept = io.BytesIO()
        big.save(kept, "PNG")
        whole = picture(size=(400, 300))
        noisy = picture("PNG", (300, 300))
        async with running(database) as one:
            for content, name, expected in (
                (b"", "a.jpg", (400, "0 bytes")),
                (b"#!/bin/sh\n", "a.jpg", (415, "another kind of file")),
                (b"MZ" + whole, "a.jpg", (415, "another kind")),
                (whole[: len(whole) // 2], "a.jpg", (400, "cut off")),
                (noisy[:-20], "a.png", (400, "cut off")),
                (b"\xff\xd8\xff" + b"\x00" * 500, "a.jpg", (400, "damaged")),
                (b"%PDF-1.7\n1 0 obj\n", "a.pdf", (400, "cut off")),
                (kept.getvalue(), "a.png", (413, "10,000 x 10,000")),
                (whole, "../../etc/passwd", (400, "path in it")),
                (whole, "..", (400, "path in it")),
            ):
                status, told, _ = await one.ask("POST", "/v1/jobs", data=form(content, name))
                assert (status, expected[1] in told["detail"]) == (expected[0], True), (name, told)
            status, told, _ = await one.ask("POST", "/v1/jobs", data=form(whole, priority="x"))
            assert (status, told["detail"].startswith("priority:")) == (422, True)
            only_fields = aiohttp.FormData({"task": "shout"}, default_to_multipart=True)
            assert (await one.ask("POST", "/v1/jobs", data=only_fields))[0] == 400
            headers = {"Content-Type": "multipart/form-data; boundary=x"}
            for nonsense in (
                b"nonsense",
                b"--x\r\n\r\n",
                b"--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nab",
            ):
                assert (await one.ask("POST", "/v1/jobs", data=nonsense, headers=headers))[0] == 400
            headers = {"Content-Type": "multipart/form-data"}
            assert (await one.ask("POST", "/v1/jobs", data=b"x", headers=headers))[0] == 400

    run(scenario)


def test_what_a_class_may_not_reach_is_refused_at_the_door(database: str) -> None:
    async def scenario() -> None:
        config = replace(CONFIG, reach=CONFIG.reach[1:])
        async with running(database, config) as one:
            status, told, _ = await one.ask("POST", "/v1/jobs", json=JOB)
            assert (status, told["code"]) == (403, "no-allowed-backend")
            assert "reach.sensitive" in told["detail"]

    run(scenario)
