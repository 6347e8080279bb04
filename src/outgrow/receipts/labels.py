"""What a row of a receipt is about, by its words: a total, a tax, the cash handed over.

Words are compared squashed: capitals, no gaps, letters that machines mix up made one (I, l and 1; O and 0; S and 5).
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum


class Label(StrEnum):
    """What the amount of a row is."""

    FINAL = "final"  # what is to be paid, said so that no other line can follow
    TOTAL = "total"
    TAXED = "taxed"  # a total that says tax is in it
    SUBTOTAL = "subtotal"
    NET = "net"  # without tax
    TAX = "tax"
    SERVICE = "service"
    ROUNDING = "rounding"
    DISCOUNT = "discount"
    TENDERED = "tendered"
    CARD = "card"
    CHANGE = "change"
    COUNT = "count"
    SUMMARY = "summary"  # the head of a table of taxes
    AMOUNT = "amount"
    OTHER = "other"


_SAME = str.maketrans("0Q1I|!5$846ÀÁÂÄÈÉÊÌÍÒÓÔÖÙÚÜ", "OOLLLLSSBAGAAAAEEELLOOOOUUU")
_NUMBERS = re.compile(r"\d[\d.,]*\d|(?<![A-Za-z])\d(?![A-Za-z])")


def squash(text: str) -> str:
    """The words of it, to be compared."""
    plain = _NUMBERS.sub(" ", unicodedata.normalize("NFKC", text)).upper().translate(_SAME)
    return "".join(character for character in plain if character.isalpha())


def _words(*words: str) -> re.Pattern[str]:
    """One pattern of them, its letters as `squash` leaves them and its signs as they are."""
    return re.compile("|".join("".join(_letter(letter) for letter in word.upper()) for word in words))


def _letter(letter: str) -> str:
    return letter.translate(_SAME) if letter.isalnum() else letter


_SUMMARY = _words(
    "(?:GST|TAX|VAT|SST)(?:SUMMARY|SUMMARRY|SUMARY|SUMM|ANALYSIS|BREAKDOWN|DETAIL|RATE|CODE|TYPE)",
    "^SUMMARY",
    "과세구분",
)
_COUNT = _words(
    "TOTAL(?:NO)?(?:OF)?(?:QTY|QUANTITY|ITEM|PCS|PIECE|UNIT|POINT)", "(?:NO|NUMBER)OF(?:ITEM|PCS)", "ITEMCOUNT", "ITEMSSOLD",
    "ITEMS?PURCHASED", "^QTYS?(?:TOTAL)?$", "^ITEMSQTYS?$", "총수량", "합계수량", "수량합계", "포인트", "품목수", "POINTS", "POINTBAL",
)  # fmt: skip
_CHANGE = _words(
    "(?<!EX)CHANGE(?!ABL|D)",
    "^BAKI",
    "CHARGEDUE",
    "거스름",
    "잔돈",
    "お釣",
    "おつり",
    "找零",
    "RUCKGELD",
    "CAMBIO",
    "^VUELTO",
)
_TENDERED = _words(
    "TENDER", "TENDERED", "(?:AMOUNT|AMT|CASH)(?:PAID|RECEIVED|RECV|GIVEN)", "RECEIVED", "TUNAI", "CASH(?!BILL|SALE|IER|BACK|INVO|CUST|REC|LESS)",
    "(?<!SERVICE)PAIDCASH", "받은", "내신", "현금(?!영수)", "お預", "BARGELD", "EFECTIVO", "ESPECES",
)  # fmt: skip
_AFTER_ROUND = _words(
    "ROUNDEDTOTAL",
    "TOTALROUNDED",
    "AFTERROUND",
    "AFTERADJ",
    "ROUNDEDAMOUNT",
    "ROUNDTOTAL",
    "ROUNDDTOTAL",
    "ROUNDETOTAL",
)
_ROUND = _words(
    "ROUND", "ROUNDLNG", "ROURDING", "RNDG", "RNDADJ", "PEMBUNDARAN", "BILLADJ", "^ADJ", "단수", "ADJUSTMENT"
)
_AFTER_LESS = _words("AFTER(?:DISC|LESS)", "LESSDISC", "NETOFDISC", "할인후", "할인적용")
_LESS = _words("DISC", "SAVING", "SAVED", "YOUSAVE", "REBATE", "VOUCHER", "COUPON", "할인", "에누리", "値引", "RABATT")
_WITHOUT = _words(
    "EXCL",
    "EXC(?:GST|TAX|VAT|SST)",
    "BEFORE",
    "WITHOUT",
    "TAXABLE",
    "NONTAX",
    "SUPPLIES",
    "ZERORATED",
    "EXEMPT",
    "공급가",
    "과세",
    "면세",
    "물품가",
    "공급대가",
)
_TAX_WORDS = _words(
    "GST",
    "G5T",
    "VAT",
    "(?:^|[^E])TAX(?!INVO|I)",
    "SST",
    "MWST",
    "부가세",
    "부가가치",
    "부과세",
    "부가서",
    "세액",
    "消費税",
    "内税",
    "外税",
    "IVA(?![A-Z])",
    "(?<![A-Z])TVA",
    "CESS",
)
_INSIDE = _words("INCLUDES", "INCLUDED", "LNCLUDED")
_WITH = _words("INCL", "INC(?=GST|TAX|VAT|SST)", "WITH", "AFTER", "INC$", "TTC", "세포함", "税込")
_SERVICE = _words(
    "SERVICE(?:CHARGE|CHG|CHRG)?$", "SERVICECH", "SVCC", "SERVCH", "SCHARGE", "^TIPS?$", "GRATUIT", "봉사료"
)
_SUBTOTAL = _words(
    "SUBTOT", "SUBT0T", "SUBTTL", "SUBTL", "SUBTAL", "ITEMTOTAL", "소계", "小計", "小计", "ZWISCHENSUMME", "SOUSTOTAL"
)
_FINAL = _words(
    "GRANDT", "GRANDTOTAL", "NETTTO", "NETTOTAL", "NETTAM", "NETAM", "NETTAMT", "NETT$", "PAYABLE", "(?:TOTAL|AMOUNT|AMT|BALANCE|BAL|BILL)DUE",
    "TOTALTOPAY", "(?:AMOUNT|AMT)TOPAY", "^TOPAY", "BILLTOTAL", "TOTALBILL", "FINALTOTAL", "TOTALAMOUNTDUE", "^BALANCE(?:TO)?(?:PAY)?$",
    "결제금액", "결재금액", "총결제", "결제대상", "받을", "청구금액", "총액", "총금액", "총합계", "합계금액", "판매총액", "합계액",
    "お会計", "实付", "应付", "ZUZAHLEN", "APAGAR", "APAYER", "GESAMTBETRAG", "JUMLAHBESAR", "JUMLAHPERLUDIBAYAR",
)  # fmt: skip
_TOTAL = _words(
    "TOTAL",
    "TTL",
    "TOTL",
    "^TOTA$",
    "T0TAL",
    "[합함할][계게겨]",
    "^계$",
    "매출금액",
    "판매금액",
    "주문금액",
    "合計",
    "合计",
    "总计",
    "總計",
    "JUMLAH",
    "^SUMME",
    "^GESAMT",
    "TOTAAL",
    "^SUMA$",
    "^IMPORTE$",
    "^AMAUN",
)
_CARD = _words("VISA", "MASTER", "AMEX", "DEBIT", "CREDIT(?!OR|NOTE)", "(?<!MEMBER)(?<!LOYALTY)CARD(?!NO|HOLD|NUM|TYPE)", "EFTPOS", "PAYMENT", "PAIDBY", "BAYARAN", "GRABPAY", "PAYWAVE", "TNG", "신용카드", "카드", "승인금액", "BANKCARD", "KARTE", "승인")  # fmt: skip
_AMOUNT = _words("^(?:AMOUNT|AMT|금액|AMOUNTRM|AMTRM)$", "SALESAMOUNT", "SALEAMOUNT")
_SOUNDS = ("TOTAL", "SUBTOTAL", "CHANGE", "ROUNDLNG", "DLSCOUNT")
_OTHER_WORDS = frozenset({"CHARGE", "HANGE"})
LONGEST_MENDED = 60


def label_of(text: str) -> Label:
    """What the row is about."""
    words = _mended(squash(text))
    if not words:
        return Label.OTHER
    if _SUMMARY.search(words) and not (_TOTAL.search(words) and _WITH.search(words)):
        return Label.SUMMARY
    if _COUNT.search(words):
        return Label.TOTAL if _TOTAL.search(_COUNT.sub("", words)) else Label.COUNT
    if _CHANGE.search(words):
        return Label.CHANGE
    for label, is_it in _ADJUSTED:
        if is_it(words):
            return label
    return _plain(words)


def _plain(words: str) -> Label:
    has_total = bool(_TOTAL.search(words) or _FINAL.search(words))
    if _SUBTOTAL.search(words):
        return Label.SUBTOTAL
    if _WITHOUT.search(words):
        return Label.NET
    if _TAX_WORDS.search(words):
        inside = bool(_INSIDE.search(words))
        if has_total and _WITH.search(words) and not inside:
            return Label.TAXED
        return Label.FINAL if _FINAL.search(words) and not inside and "TAXPAYABLE" not in _joined(words) else Label.TAX
    if _FINAL.search(words):
        return Label.FINAL
    if _SERVICE.search(words) and not has_total:
        return Label.SERVICE
    if has_total:
        return Label.TAXED if _WITH.search(words) else Label.TOTAL
    for label, pattern in ((Label.TENDERED, _TENDERED), (Label.CARD, _CARD), (Label.AMOUNT, _AMOUNT)):
        if pattern.search(words):
            return label
    return Label.OTHER


def _joined(words: str) -> str:
    """Taxes by one name, so that *GST payable* and *VAT due* are seen as taxes to be paid."""
    return re.sub(r"(?:GST|VAT|SST|TAX)(?:AMOUNT|AMT)?(?:PAYABLE|DUE)", "TAXPAYABLE", words)


def _is_after_rounding(words: str) -> bool:
    return bool(_AFTER_ROUND.search(words))


def _is_rounding(words: str) -> bool:
    return bool(_ROUND.search(words)) and not _FINAL.search(words)


def _is_after_discount(words: str) -> bool:
    return bool(_AFTER_LESS.search(words))


def _is_discount(words: str) -> bool:
    return bool(_LESS.search(words))


def _is_tender(words: str) -> bool:
    return bool(re.search("TENDER|받은|내신", words))


_ADJUSTED = (
    (Label.FINAL, _is_after_rounding),
    (Label.ROUNDING, _is_rounding),
    (Label.TOTAL, _is_after_discount),
    (Label.DISCOUNT, _is_discount),
    (Label.TENDERED, _is_tender),
)


def _mended(words: str) -> str:
    """The words with one letter wrong or missing in a word that matters put right: *TOTRL*, *CHNGE*, *OTAL*."""
    if len(words) > LONGEST_MENDED or any(sound in words for sound in _SOUNDS):
        return words
    for sound in _SOUNDS:
        for start in range(len(words) - len(sound) + 2):
            for size in (len(sound), len(sound) - 1):
                piece = words[start : start + size]
                if len(piece) == size and piece not in _OTHER_WORDS and _is_nearly(piece, sound, at_start=start == 0):
                    return words[:start] + sound + words[start + size :]
    return words


def _is_nearly(piece: str, sound: str, *, at_start: bool) -> bool:
    if len(piece) == len(sound):
        return piece[0] == sound[0] and sum(a != b for a, b in zip(piece, sound, strict=True)) == 1
    if piece[0] != sound[0]:
        return at_start and piece == sound[1:]
    return any(piece == sound[:place] + sound[place + 1 :] for place in range(1, len(sound)))
