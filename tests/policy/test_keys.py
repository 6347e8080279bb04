"""Keys: made, kept as a hash, scoped, ended, rotated without an outage."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from outgrow.policy.keys import check, digest, holds, may_administer, may_call, new_key, redacted, rotated, secret_of
from outgrow.policy.refusal import Refused

from .gateways import NOW

ONE, TWO = bytes(range(32)), bytes(range(32, 64))
HOUR = timedelta(hours=1)


def test_a_key_is_og_and_32_random_bytes_and_only_its_hash_is_kept():
    secret, kept = new_key(ONE, id="k1", name="backend", now=NOW, tasks=["receipts"])
    assert secret == "og_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"  # noqa: S105 - made of bytes 0 to 31
    assert kept.sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in repr(kept)
    assert kept.shown == "og_AAEC"
    with pytest.raises(ValueError, match="32 random bytes, found 16"):
        secret_of(bytes(16))


@pytest.mark.parametrize(
    ("presented", "detail"),
    [
        (None, "no key was sent; send it as 'Authorization: Bearer og_...'"),
        ("", "no key was sent; send it as 'Authorization: Bearer og_...'"),
        ("sk-1", "this is not a key of outgrow: og_..."),
        (secret_of(TWO), "the key is not known here"),
        ("\ud800", "this is not a key of outgrow: og_..."),
    ],
)
def test_a_wrong_key_is_refused_and_not_repeated(presented, detail):
    refused = check(presented, [new_key(ONE, id="k1", name="backend", now=NOW)[1]], NOW)
    assert isinstance(refused, Refused)
    assert (refused.status, refused.detail) == (401, detail)


def test_scope():
    _, kept = new_key(ONE, id="k1", name="backend", now=NOW, tasks=["receipts"])
    _, root = new_key(TWO, id="k2", name="admin", now=NOW, admin=True)
    assert may_call(kept, "receipts") is None
    refused = may_call(kept, "chat")
    assert refused is not None
    assert (refused.status, refused.detail) == (403, "found task 'chat', this key may call: receipts")
    assert may_call(root, "chat") is None
    assert may_administer(root) is None
    assert may_administer(kept) is not None


def test_both_keys_hold_while_they_overlap_and_then_only_the_new_one():
    secret, kept = new_key(ONE, id="k1", name="backend", now=NOW, tasks=["receipts"], expires_at=NOW + 100 * HOUR)
    fresh, successor, old = rotated(kept, TWO, id="k2", now=NOW + HOUR, overlap=24 * HOUR)
    assert (successor.tasks, successor.admin, successor.name) == (kept.tasks, kept.admin, kept.name)
    assert successor.expires_at == NOW + 101 * HOUR
    keys = [old, successor]
    assert check(secret, keys, NOW + 24 * HOUR) == old
    assert check(fresh, keys, NOW + 24 * HOUR) == successor
    ended = check(secret, keys, NOW + 25 * HOUR)
    assert isinstance(ended, Refused)
    assert ended.detail == "the key og_AAEC... expired on 2026-11-24 13:00 UTC, its successor counts"
    assert check(fresh, keys, NOW + 25 * HOUR) == successor


def test_rotating_never_prolongs_the_old_key():
    _, kept = new_key(ONE, id="k1", name="backend", now=NOW, expires_at=NOW + HOUR)
    assert rotated(kept, TWO, id="k2", now=NOW, overlap=24 * HOUR)[2].expires_at == NOW + HOUR
    assert holds(kept, NOW)
    assert not holds(kept, NOW + HOUR)


def test_a_log_shows_no_key():
    secret = secret_of(ONE)
    assert redacted(f"Authorization: Bearer {secret}!") == "Authorization: Bearer og_...!"
    assert secret[10:] not in redacted(f"a{secret} {secret[:20]}")
    assert digest(secret) != secret
