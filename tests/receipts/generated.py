"""Receipts drawn by a generator: the words of many shops, and the mistakes engines make when they read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random

CENT = Decimal("0.01")
GOODS = [
    "RICE 5KG",
    "MILO 1KG",
    "PEN BLUE",
    "COOKING OIL",
    "NASI AYAM",
    "TEH O AIS",
    "CHARGER USB",
    "NOTEBOOK A4",
    "BATTERY AA",
    "WALL CLOCK",
]
SHOPS = [
    "MAJU JAYA ENTERPRISE",
    "LEE HARDWARE SDN BHD",
    "RESTORAN SRI PUTRA",
    "SUNNY MART",
    "KL PARTS TRADING",
    "OCEAN SEAFOOD SDN. BHD.",
]
PLACES = (
    ["NO 5, JALAN MAWAR 3", "LOT 12, JALAN INDAH 15/2"],
    ["81200 JOHOR BAHRU", "47301 PETALING JAYA, SELANGOR"],
)
DATES = ("%d/%m/%Y", "%d-%m-%Y", "%d/%m/%y", "%d %b %Y", "%d-%b-%Y", "%d.%m.%Y", "%Y-%m-%d", "%b %d, %Y", "%d%b%Y")
PLAIN = ("TOTAL", "Total", "TOTAL RM", "TOTAL (RM)", "Total :", "TOTAL AMOUNT", "TOTAL SALES", "Total Amt")
TAXED = ("Total (Inclusive of GST)", "TOTAL INCL. GST 6%", "Total Sales (Inclusive GST @6%)", "Total Amount Incl. GST")
LAST = (
    "Rounded Total",
    "NETT TOTAL",
    "Grand Total",
    "TOTAL AFTER ROUNDING",
    "Total Payable",
    "AMOUNT DUE",
    "Total Rounded (RM)",
)
NETS = (
    "Total (Excluding GST)",
    "TOTAL EXCL. GST",
    "Subtotal (Excl. GST)",
    "Total Sales (Excl GST)",
    "SUB-TOTAL",
    "Sub Total",
)
TAXES = ("GST 6%", "Total GST", "GST @6%", "Add GST 6%", "GST Payable", "TOTAL TAX")
MIXED = {"0": "O", "1": "l", "5": "S", "8": "B", "O": "0", "I": "1", "S": "5", "B": "8", "L": "I", "A": "4", "G": "6"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What the receipt says, and its rows: two spaces part the boxes."""

    merchant: str
    day: date
    total: Decimal
    rows: tuple[str, ...]


def seeded(seed: int) -> Random:
    """Chance that is the same each time."""
    return Random(seed)  # noqa: S311


def receipt(random: Random) -> Made:
    """One receipt of a shop that never was."""
    merchant = random.choice(SHOPS)
    day = date(2016, 1, 1) + timedelta(days=random.randrange(1200))
    mark = random.choice(("", "", "RM ", "RM", "$"))

    def money(value: Decimal) -> str:
        return f"{mark}{value:,.2f}"

    rows = [merchant, *(random.choice(place) for place in PLACES), f"TEL: 07-{random.randrange(10**6, 10**7)}"]
    rows += random.choice(([], ["GST ID: 000123456789"], ["TAX INVOICE"], ["CASH BILL", "(1234567-X)"]))
    stamp = day.strftime(random.choice(DATES))
    clock = f"{random.randrange(8, 23):02}:{random.randrange(60):02}"
    rows.append(
        random.choice(
            (f"Date: {stamp} {clock}", f"{stamp}  {clock}:31", f"DATE :  {stamp}", f"Date/Time  {stamp} {clock}")
        )
    )
    gross = Decimal(0)
    for _ in range(random.randrange(1, 8)):
        price, count = Decimal(random.randrange(50, 9000)) / 100, random.randrange(1, 4)
        gross += price * count
        name = random.choice(GOODS)
        rows += random.choice(
            ([f"{name} x{count}  {money(price * count)}"], [name, f"{count} X {price}  {money(price * count)}"])
        )
    taxed = random.random() < 0.6
    tax = (gross * 6 / 106).quantize(CENT)
    if taxed:
        rows += [f"{random.choice(NETS)}  {money(gross - tax)}", f"{random.choice(TAXES)}  {money(tax)}"]
    elif random.random() < 0.4:
        rows.append(f"Sub Total  {money(gross)}")
    if random.random() < 0.3:
        rows.append(f"Total Qty: {random.randrange(1, 9)}")
    rows.append(f"{random.choice(TAXED if taxed and random.random() < 0.6 else PLAIN)}  {money(gross)}")
    total = (gross * 20).quantize(Decimal(1)) / 20
    if total != gross or random.random() < 0.5:
        rows += [
            f"{random.choice(('Rounding', 'ROUNDING ADJ.', 'Rounding Adjustment'))}  {total - gross:.2f}",
            f"{random.choice(LAST)}  {money(total)}",
        ]
    paid = random.random()
    if paid < 0.6:
        cash = (total // 10 + random.randrange(1, 3)) * 10
        rows += [
            f"{random.choice(('CASH', 'Cash', 'Cash Tendered', 'CASH RECEIVED'))}  {money(cash)}",
            f"{random.choice(('CHANGE', 'Change', 'Change Due'))}  {money(cash - total)}",
        ]
    elif paid < 0.85:
        rows.append(f"{random.choice(('VISA', 'MASTERCARD', 'Credit Card', 'DEBIT CARD'))}  {money(total)}")
    if taxed and random.random() < 0.7:
        rows += ["GST Summary  Amount(RM)  Tax(RM)", f"SR @ 6%  {gross - tax:.2f}  {tax:.2f}"]
        rows += [f"TOTAL  {gross - tax:.2f}  {tax:.2f}"] if random.random() < 0.5 else []
    return Made(merchant=merchant, day=day, total=total, rows=(*rows, "THANK YOU", "GOODS SOLD ARE NOT EXCHANGEABLE"))


def misread(random: Random, rows: tuple[str, ...], rate: float) -> list[str]:
    """The rows as an engine may give them: letters mixed up, gaps lost, now and then a letter missing."""
    read = []
    for row in rows:
        letters = [MIXED.get(letter, letter) if random.random() < rate else letter for letter in row]
        letters = [letter for letter in letters if letter == " " or random.random() > rate / 6]
        text = "".join(letters)
        if random.random() < 0.4:
            text = "  ".join(part.replace(" ", "") for part in text.split("  "))
        read.append(text)
    return read
