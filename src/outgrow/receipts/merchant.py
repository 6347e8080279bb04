"""Whose receipt it is: the line near the top that looks most like a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from outgrow.receipts.dates import has_clock, has_date
from outgrow.receipts.labels import Label, label_of, squash
from outgrow.receipts.lines import spelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.receipts.lines import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMerchant:
    """The name as it is printed."""

    value: str
    confidence: float


_FORM = re.compile(
    r"(?i)\b(?:SDN\.?\s*B[HN]D|S/B|BERHAD|BHD|LTD|LIMITED|LLC|L\.L\.C|INC|CORP|GMBH|PTE|PTY|PLC|S\.?A\.?R\.?L|B\.V|CO)\b\.?"
    r"|SDN\.?\s?BHD|주식회사|\(주\)|㈜|株式会社|有限公司"
)
_TRADE = re.compile(
    r"(?i)ENTERPRISE|TRADING|RESTAURANT|RESTORAN|MART\b|MARKET|STORE|CAFE|COFFEE|PHARMA|FARMASI|HARDWARE|BAKER|BOOK|KEDAI"
    r"|STATION|KITCHEN|HOTEL|\bSHOP|FOOD|SEAFOOD|GIFT|HOME|MACHINERY|ELECTRIC|DECO|STATIONER|GROCER|DELI|\bBAR\b|GRILL|PIZZA"
    r"|CLINIC|OPTIC|MOTOR|SERVICES?\b|GROUP|HOLDING|INDUSTR|SUPPL|HOUSE|마트|편의점|식당|카페|커피|약국|서점|문구|주유소|병원|의원"
    r"|슈퍼|백화점|베이커리|치킨|분식|[가-힣A-Z0-9]점$|[가-힣]지점|상사|상회|플러스"
)
_ADDRESS = re.compile(
    r"(?i)\d.*\b(?:STREET|ST\.|ROAD|RD|AVENUE|AVE|LANE|BLVD|DRIVE)\b|\b(?:JALAN|JLN|LOT|NO\.?\s?\d|LORONG|TAMAN|FLOOR|BLOCK|UNIT|SUITE|LEVEL"
    r"|SELANGOR|JOHOR|KUALA|PENANG|PERSIARAN|SEKSYEN|SECTION|BANDAR|BATU|KM|KAMPUNG)\b|^\W*NO[.:]?\s*\d|\b\d{5}\b|[가-힣]+(?:시|도|구|군)\s"
    r"|[가-힣]+(?:로|길)\s?\d|^\s*(?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충북|충남|전북|전남|경북|경남|제주)\S{0,4}\s+\S+[시구군읍면]\b|번지|\b[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b"
)
_CONTACT = re.compile(
    r"(?i)\bTEL|PHONE|\bFAX|\bH/?P\b|WWW|HTTP|@|\.COM|E-?MAIL|전화|대표자?\s*[:：]|사업자|등록번호|\bREG(?:ISTRATION)?\b|CO\.?\s*NO|COMPANY NO|GST\s*(?:ID|NO|REG)"
    r"|\bSST\s*(?:ID|NO|REG)|\bVAT\b|\bROC\b|\bGST\b|\bTIN\b|CASHIER|SERVER|COUNTER|TABLE|INVOICE\s*(?:NO|#)|RECEIPT\s*(?:NO|#)|DOCUMENT|BILL\s*(?:NO|#)|ORDER"
)
_HEADS = re.compile(
    r"^(?:THE)?(?:SLMPLLFLED)?(?:TAX|CASH|SALES|SALE|OFFLCLAL|CUSTOMER|MERCHANT|GUEST)*(?:LNVOLCE|RECELPT|BLLL|COPY|RESLT|CHECK|SALES?)S?"
    r"|^WELCOME|^THANK|^영수증|^신용승인|^매출전표|^카드매출|^고객용|^현금영수|^ORLGLNAL|^DUPLLCATE|^REPRLNT|^TAKEAWAY|^DLNELN|^OPEN|^감사"
)
_OLD_NUMBER = re.compile(r"\s*[\[(]?\s*(?:CO\.?\s*(?:REG\.?)?\s*NO\.?\s*:?\s*)?\d{4,}\s*-\s*[A-Z0-9]\b\s*[\])]?.*$")
_TRAILING = re.compile(r"\s*[\[(]\s*(?:\d[\w\s-]*|CO\.?\s*(?:REG|NO).*)\s*[\])]?\s*$", re.IGNORECASE)
_PREFIX = re.compile(r"^\s*(?:상호명?|가맹점명?|매장명?|점포명?|업체명|MERCHANT|STORE|SHOP)\s*[:：]\s*", re.IGNORECASE)
_SUFFIX_ONLY = re.compile(
    r"(?i)^\W*(?:\(?M\)?\s*)?(?:SDN\.?\s*B[HN]D|BHD|LTD|LIMITED|INC|CORP|CO\.?,?\s*LTD|PTE\.?\s*LTD|ENTERPRISE|TRADING)\b\W*"
)
_FAMOUS = ((re.compile(r"^[G6C][S5]\s?[2Z][5S]\b"), "GS25"), (re.compile(r"^[CG]U(?=\s?[가-힣])"), "CU"))
_PRICE = re.compile(r"\d[.,]\d{2}(?!\d)")
_OF_ANOTHER = re.compile(r"(?i)LICEN[SC]EE|FRANCHIS|FORMERLY|MEMBER OF|A DIVISION|MANAGED BY|가맹|OPERATED BY")
_SPEAKS = ((_TRADE, 1.2), (_PRICE, -3.0), (_OF_ANOTHER, -2.0), (re.compile(r"^\s*\("), -1.0))
TOP_ROWS, FIRST_ROWS = 12, 6
NO_NAME = -9.0
LEAST_WEIGHT = -1.5


def merchant_in(rows: Sequence[Row]) -> FoundMerchant | None:
    """The best of the first rows, its legal form added from the next row where it was broken off."""
    top = _head(rows)
    if not top:
        return None
    usual = median(row.height for row in rows)
    ranked = sorted(
        (
            (_weight(row, number, usual) + _form_below(top, number), -number, row)
            for number, row in enumerate(top)
            if not (number and _is_form_only(row.text))
        ),
        key=lambda item: item[:2],
    )
    weight, place, row = ranked[-1]
    if weight < LEAST_WEIGHT:
        return None
    name = clean_name(row.text)
    following = top[1 - place].text if 1 - place < len(top) else ""
    if following and not _FORM.search(name) and _is_form_only(following):
        name = f"{name} {clean_name(following)}"
    if not name:
        return None
    confidence = min(0.97, max(0.1, 0.5 + weight * 0.12)) * (0.4 + 0.6 * row.confidence)
    return FoundMerchant(value=name, confidence=round(confidence, 3))


def clean_name(text: str) -> str:
    """The name without registration numbers, labels and stray signs."""
    text = spelled(re.sub(r"\s+", " ", _PREFIX.sub("", text)))
    text = _TRAILING.sub("", _OLD_NUMBER.sub("", text))
    for pattern, name in _FAMOUS:
        text = pattern.sub(name, text.strip())
    return text.lstrip(" *-=_~:;,.'\"|<>").rstrip(" *-=_~:;,'\"|<>")


def _is_form_only(text: str) -> bool:
    """Whether it is the legal form of the name above, and hardly more."""
    found = _SUFFIX_ONLY.match(text)
    return found is not None and sum(character.isalpha() for character in text[found.end() :]) <= 3


def _form_below(top: Sequence[Row], number: int) -> float:
    below = top[number + 1].text if number + 1 < len(top) else ""
    return 3.0 if below and _is_form_only(below) and not _FORM.search(top[number].text) else 0.0


def is_address(text: str) -> bool:
    """Whether it looks like a part of an address."""
    return bool(_ADDRESS.search(text))


def _head(rows: Sequence[Row]) -> list[Row]:
    """The rows above the first that is about goods or money."""
    top: list[Row] = []
    for row in rows[:TOP_ROWS]:
        label = label_of(row.text)
        if label in {Label.TOTAL, Label.FINAL, Label.SUBTOTAL} and top:
            break
        top.append(row)
    return top


def _weight(row: Row, number: int, usual: float) -> float:
    """How much it looks like a name, by its place, its size and its words."""
    text = row.text
    letters = sum(character.isalpha() for character in text)
    hangul = bool(re.search(r"[가-힣]", text))
    if letters < (2 if hangul else 3) or _HEADS.search(squash(text)):
        return NO_NAME
    weight = 1.2 - 0.45 * number + min(1.6, max(-0.5, (row.height / usual - 1.15) * 2.2))
    weight -= max(0.0, 0.75 - row.confidence) * 4
    if has_date(text) or has_clock(text):
        weight -= 4.0
    if not hangul and text.strip() == text.strip().lower():
        weight -= 1.2
    if sum(character.isdigit() for character in text) > letters:
        weight -= 2.5
    return weight + _form(text, number) + sum(extra for pattern, extra in _SPEAKS if pattern.search(text))


def _form(text: str, number: int) -> float:
    """What legal form, address and contact on the line say: a legal form makes an address on the same line harmless."""
    named = bool(_FORM.search(text))
    weight = (3.2 if number < FIRST_ROWS else 1.5) if named else 0.0
    if _ADDRESS.search(text):
        weight -= 0.4 if named else 2.2
    if _PREFIX.search(text):
        return weight + 3.0
    return weight - 2.8 if _CONTACT.search(text) else weight
