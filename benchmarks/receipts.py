"""How well and how fast receipts are read: python benchmarks/receipts.py FOLDER.

FOLDER holds pictures and ``truth.json``: a list of objects with ``id``, ``date``, ``total`` and ``company``; a picture
belongs to the object whose id its name starts with. Each kind of picture (what stands between id and suffix) is counted
for itself. Seconds are of this machine, one thread; memory is the process's peak so far.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path

from outgrow.receipts.run import read_receipt

SUFFIXES = {".png", ".jpg", ".jpeg", ".heic", ".pdf"}


def squashed(text: object) -> str:
    return "".join(character for character in str(text or "").casefold() if character.isalnum())


def rated(answer: dict[str, object], truth: dict[str, object]) -> dict[str, bool]:
    total = answer.get("total")
    right_total = total is not None and abs(float(str(total)) - float(str(truth["total"]))) < 0.005
    return {
        "total": right_total,
        "date": answer.get("date") == truth["date"],
        "merchant": squashed(answer.get("merchant")) == squashed(truth["company"]),
    }


def main(folder: Path) -> int:
    truths = {str(truth["id"]): truth for truth in json.loads((folder / "truth.json").read_text("utf-8"))}
    score: dict[str, list[dict[str, bool]]] = defaultdict(list)
    seconds: list[float] = []
    for file in sorted(folder.iterdir()):
        name = max((name for name in truths if file.stem.startswith(name)), key=len, default=None)
        if file.suffix.lower() not in SUFFIXES or name is None:
            continue
        started = time.perf_counter()
        answer = read_receipt(file.read_bytes())
        seconds.append(time.perf_counter() - started)
        right = rated(answer, truths[name])
        truth = truths[name]
        kind = " ".join(filter(None, (str(truth.get("lang", "")), file.stem.removeprefix(name).strip("_-"))))
        score[kind or "all"].append(right)
        for field, fine in right.items():
            if not fine:
                wanted = truth["company" if field == "merchant" else field]
                print(f"{file.name}: {field} {answer.get(field)!r}, is {wanted!r}")
    for kind, rows in score.items():
        figures = ", ".join(f"{field} {sum(row[field] for row in rows)}" for field in ("total", "date", "merchant"))
        print(f"{kind}: {figures} of {len(rows)}")
    if seconds:
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rest = seconds[1:] or seconds
        print(
            f"first {seconds[0]:.2f} s (loads the models); then median {statistics.median(rest):.2f} s, "
            f"most {max(rest):.2f} s; peak memory {peak_mib:.0f} MiB"
        )
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
