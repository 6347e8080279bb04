"""The installed command: one line starts it, its first key is told once, a job runs, a signal drains it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

GATEWAY = """\
format: 1
tasks:
  - {name: shout, data: sensitive, backends: [here]}
backends:
  - {name: here, kind: local, call: "shouting:shout", concurrency: 1, timeout_s: 20}
reach: {sensitive: own-cloud-account}
"""
SHOUTING = "def shout(payload):\n    return str(payload.json).upper()\n"
OUTGROW = (sys.executable, "-m", "outgrow")


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "OUTGROW_DATABASE"}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}


class Served:
    """`outgrow serve` as a process."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.said = folder / "said"
        with self.said.open("w") as said:
            self.process = subprocess.Popen(
                [*OUTGROW, "serve", str(folder), "--port", "0", *more],
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env=environment(),
            )
        until = time.monotonic() + 30
        while "serves at" not in self.said.read_text():
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        self.url = self.said.read_text().partition("serves at ")[2].split()[0]

    def ask(self, method: str, path: str, secret: str, body: Any = None) -> tuple[int, Any]:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as problem:
            with problem:
                return problem.code, json.load(problem)

    def stop(self) -> str:
        """Ends it by a signal; what it wrote to stdout."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, self.said.read_text()
        return out


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gateway.yaml").write_text(GATEWAY)
    (tmp_path / "shouting.py").write_text(SHOUTING)
    return tmp_path


def outgrow(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*OUTGROW, *words], capture_output=True, text=True, check=False, timeout=30, env=environment()
    )


def test_one_command_serves_and_is_drained(folder: Path, reachable: Path) -> None:
    data = ("--data", str(reachable / "served"))
    served = Served(folder, *data)
    try:
        assert outgrow("keys", "create", "app", *data, "--task", "shout", "--json").returncode == 0
        rotated = outgrow("keys", "rotate", "app", *data)
        secret = rotated.stdout.strip()
        status, job = served.ask("POST", "/v1/jobs", secret, {"task": "shout", "input": "hello"})
        assert status == 202
        until = time.monotonic() + 20
        while served.ask("GET", f"/v1/jobs/{job['id']}/result", secret)[0] == 409:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert served.ask("GET", f"/v1/jobs/{job['id']}/result", secret)[1]["result"] == "HELLO"
        listed = json.loads(outgrow("keys", "list", *data, "--json").stdout)["keys"]
        assert [(key["name"], key["state"]) for key in listed] == [
            ("admin", "live"),
            ("app", "rotated"),
            ("app", "live"),
        ]
        assert outgrow("keys", "revoke", "app", *data).returncode == 0
        again = outgrow("keys", "revoke", "app", *data)
        assert (again.returncode, "no live key" in again.stderr) == (2, True)
    finally:
        first = served.stop()
    assert first.startswith("og_")
    assert first.strip() not in served.said.read_text()
    served = Served(folder, *data)
    try:
        assert served.ask("GET", "/v1/jobs", first.strip())[0] == 200
        assert served.ask("GET", "/v1/jobs", secret)[0] == 401
    finally:
        assert served.stop() == ""


def test_what_cannot_be_served_is_told_before_anything_starts(folder: Path, reachable: Path) -> None:
    (folder / "gateway.yaml").write_text(GATEWAY.replace("[here]", "[there]"))
    refused = outgrow("serve", str(folder), "--data", str(reachable / "none"))
    assert refused.returncode == 2
    assert "gateway.yaml:3 tasks[0].backends" in refused.stderr
    assert not (reachable / "none").exists()
