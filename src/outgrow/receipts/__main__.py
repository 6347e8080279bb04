"""``python -m outgrow.receipts FILE...``: what each receipt says, as JSON, and the seconds it took."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main(names: list[str]) -> int:
    """One JSON object a file on stdout; 1 where a file could not be read."""
    if not names or names[0] in {"-h", "--help"}:
        print(__doc__, file=sys.stderr)  # noqa: T201
        return 0 if names else 2
    from outgrow.receipts.run import read_receipt

    failed = False
    for name in names:
        started = time.perf_counter()
        try:
            answer = read_receipt(Path(name).read_bytes())
        except OSError as missing:
            answer = {"status": "unreadable", "reason": {"code": "no_file", "message": str(missing)}}
        failed = failed or answer["status"] != "read"
        taken_s = round(time.perf_counter() - started, 3)
        print(json.dumps({"file": name, **answer, "taken_s": taken_s}, ensure_ascii=False, indent=1))  # noqa: T201
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
