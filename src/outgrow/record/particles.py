"""Korean particles that follow a word not known beforehand: 을(를), 은(는), 이(가), 과(와), (으)로.

A word file writes both forms. After Hangul, a digit or an amount of money the right one is known and takes their place;
after Latin letters and signs, whose reading nobody can tell for sure, both forms stay, as is usual in Korean.
"""

from __future__ import annotations

import re

FORMS = {
    "을(를)": ("을", "를"),
    "은(는)": ("은", "는"),
    "이(가)": ("이", "가"),
    "과(와)": ("과", "와"),
    "(으)로": ("으로", "로"),
}
"""Both forms written together: after a final consonant, after a vowel."""

READ_AS = {"0": "영", "1": "일", "2": "이", "3": "삼", "4": "사", "5": "오", "6": "육", "7": "칠", "8": "팔", "9": "구"}
READ_AS |= {"$": "달러", "€": "유로", "£": "파운드", "₩": "원", "¥": "엔"}
"""How digits and the signs before an amount are read; the sign is read last."""

RIEUL = 8
PATTERN = re.compile(
    r"(?:(?P<sign>[$€£₩¥])[\d,.]*)?(?P<last>[가-힣\d])(?P<both>" + "|".join(map(re.escape, FORMS)) + ")"
)


def resolved(text: str) -> str:
    """The text with every particle whose form is certain in that form."""
    return PATTERN.sub(_settled, text) if "(" in text else text


def _settled(found: re.Match[str]) -> str:
    read = found["sign"] or found["last"]
    kept = found[0].removesuffix(found["both"])
    return kept + _form(READ_AS.get(read, read)[-1], found["both"])


def _form(syllable: str, both: str) -> str:
    """After a vowel the open form; (으)로 also after ㄹ."""
    final = (ord(syllable) - ord("가")) % 28
    closed, open_ = FORMS[both]
    return open_ if final == 0 or (both == "(으)로" and final == RIEUL) else closed
