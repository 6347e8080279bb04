"""Korean (and Chinese, Japanese) text as words that PostgreSQL's ``simple`` configuration can find.

Korean glues particles to nouns and PostgreSQL has no stemmer for it, so a run of such letters becomes its overlapping
pairs: 커피를 is 커피, 피를, and is found by 커피. Trigrams (``pg_trgm``) would do the same for words of three syllables
and more, but most Korean nouns have two, which its index cannot look up; pairs also need no extension.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

RUN: Final = re.compile("[\uac00-\ud7a3\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")


def document_grams(text: str) -> str:
    """What is stored: each run as its pairs, then every single syllable once, for words of one (차, 술, 약)."""
    text = unicodedata.normalize("NFC", text)
    singles = dict.fromkeys("".join(RUN.findall(text)))
    return f"{RUN.sub(lambda run: f' {_pairs(run[0])} ', text)} {' '.join(singles)}"


def query_grams(text: str) -> str:
    """What is looked for: pairs, and single syllables only where one stands alone."""
    text = unicodedata.normalize("NFC", text)
    return RUN.sub(lambda run: f" {_pairs(run[0])} ", text)


def query_phrases(text: str) -> str:
    """The same for ``websearch_to_tsquery``: every run is a phrase, all must be there."""
    text = unicodedata.normalize("NFC", text).replace('"', " ")
    return RUN.sub(lambda run: f' "{_pairs(run[0])}" ', text)


def _pairs(run: str) -> str:
    return run if len(run) == 1 else " ".join(run[at : at + 2] for at in range(len(run) - 1))
