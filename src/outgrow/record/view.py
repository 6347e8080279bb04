"""A record as a renderer reads it: its data with the words of one language, whatever language it was made in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from outgrow.record import numbers
from outgrow.record.blocks import Inline, Span, Style
from outgrow.record.particles import resolved
from outgrow.record.phrases import fill, phrase

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from outgrow.record.words import Words

Json = dict[str, Any]
SPEC_TEXT_LONGEST = 300
TITLE_LONGEST = 140


@dataclass(frozen=True, slots=True)
class View:
    """``data`` is what `outgrow.record.data.decision_data` made, or the same read back from JSON."""

    data: Mapping[str, Any]
    words: Words

    def label(self, name: str, **values: str) -> str:
        """A fixed phrase of the documents with its gaps filled."""
        return resolved(self.words.label(name).format(**values))

    def term(self, value: Any) -> str:
        """A term or phrase of ours in the reader's language."""
        return str(phrase(self.words, value))

    def said(self, entry: Mapping[str, Any], key: str = "text") -> str:
        """A sentence kept as code, values and text; the text counts only in its own language or for unknown codes."""
        text = str(entry.get(key) or "")
        if text and self.data["record"]["language"] == self.words.language:
            return text
        try:
            return fill(self.words, entry["code"], entry["values"])
        except KeyError:
            return text

    def spoken(self, entry: Mapping[str, Any], key: str) -> str:
        """A plain-text field that has its code and values beside it under ``<key>_message``."""
        beside = entry.get(f"{key}_message")
        return self.said({**beside, "text": entry.get(key)}) if beside else str(entry.get(key) or "")

    def spoken_list(self, entry: Mapping[str, Any], key: str) -> list[str]:
        """Like `spoken` for a list of sentences."""
        beside = entry.get(f"{key}_messages") or [{} for _ in entry.get(key, ())]
        texts = zip(entry.get(key, ()), beside, strict=True)
        return [self.said({**message, "text": text}) if message else str(text) for text, message in texts]

    def sentence(self, words: str) -> str:
        """In English with a capital where the first word is a plain one; ids, skus and paths keep their case."""
        first = words.split(" ", 1)[0].rstrip(":,;")
        known = f"option.{first}" in self.words.labels
        plain = self.words.language == "en" and first.isalpha() and first.islower() and not known
        return words[:1].upper() + words[1:] if plain else words

    def option(self, name: str | None) -> str:
        """An option as people call it."""
        return self.words.labels.get(f"option.{name}", name or "") if name else self.label("none")

    def named(self, name: str) -> Inline:
        """An option as people call it, its id beside it."""
        return (Span(self.option(name)), Span(" "), Span(name, Style.CODE))

    def level(self, value: Any) -> str:
        """A derived level in words: a code, a count or yes and no."""
        if isinstance(value, bool):
            return self.label("yes" if value else "no")
        return self.term(value)

    def settings(self, chosen: Mapping[str, Any]) -> str:
        """Settings by their names in the spec."""
        labels = self.words.labels
        return ", ".join(
            f"{labels.get(f'setting.{name}', name)}: "
            + (self.term(value) if isinstance(value, str) else numbers.significant(value))
            for name, value in chosen.items()
        )

    def usd(self, value: float | None) -> str:
        """US dollars and cents."""
        return numbers.money(value)

    def percent(self, value: float | None) -> str:
        """A share of one in per cent."""
        return numbers.NOTHING if value is None else self.label("percent", value=numbers.percent(value))

    def rate(self, value: float) -> str:
        """A tax or a growth, with the decimals it was given."""
        return self.label("percent", value=numbers.significant(value * 100, 4))

    def seconds(self, value: float | None) -> str:
        """A duration in seconds or, below one, milliseconds."""
        if value is None:
            return numbers.NOTHING
        if value < 1:
            return self.label("milliseconds", value=numbers.number(value * 1000))
        return self.label("seconds", value=numbers.number(value, 0 if value >= 10 else 1))

    def answered(self, value: float | None, *, served: bool = True) -> str:
        """A response time; where requests are served and it is not known, that many of them get no answer."""
        return self.label("no-answer") if value is None and served else self.seconds(value)

    def share(self, value: float) -> str:
        """A small share of one in per cent, with the two digits that count."""
        return self.label("percent", value=numbers.significant(value * 100, 2))

    def local(self, value: float | None) -> str:
        """The same amount of dollars in the spec's currency; empty when that is the dollar."""
        currency = self.data["currency"]
        if currency["code"] == "USD" or value is None:
            return ""
        return numbers.money(value * currency["per_usd"], currency["code"])

    def amount(self, value: float | None, unpriced: Sequence[Mapping[str, Any]]) -> str:
        """Dollars; where a part that matters has no price, at least that much, or unknown when nothing is left."""
        if value is None or not any(hole["material"] for hole in unpriced):
            return self.usd(value)
        return self.label("at-least", amount=self.usd(value)) if value else self.label("unknown")

    def both(self, value: float | None) -> str:
        """Dollars, and the spec's currency after a dot."""
        return " · ".join(part for part in (self.usd(value), self.local(value)) if part)

    def with_vat(self, value: float | None) -> float | None:
        """An amount before tax with the spec's VAT added."""
        return None if value is None else value * (1 + self.data["vat_frac"])

    def input(self, path: str) -> Mapping[str, Any] | None:
        """One number of the spec."""
        found: Mapping[str, Any] | None = next((given for given in self.data["inputs"] if given["path"] == path), None)
        return found

    def answers(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Question and answer, platform first."""
        yield from self.data["questions"].items()

    def chosen(self, question: str) -> Mapping[str, Any] | None:
        """The candidate that was chosen."""
        answer = self.data["questions"].get(question)
        if not answer:
            return None
        found: Mapping[str, Any] | None = next(
            (c for c in answer["candidates"] if c["option"] == answer["chosen"]), None
        )
        return found

    def chosen_pair(self) -> Mapping[str, Any] | None:
        """The chosen options on one bill."""
        wanted = tuple((self.data["questions"].get(name) or {}).get("chosen") for name in ("platform", "inference"))
        pairs: Sequence[Mapping[str, Any]] = self.data["pairs"]
        return next((pair for pair in pairs if (pair["platform"], pair["inference"]) == wanted), None)

    def today(self) -> float | None:
        """Daily users now."""
        given = self.input("users.daily_active")
        return float(given["value"]) if given else None

    def title(self) -> str:
        """The service's title, cut where no title ends."""
        return clipped(self.data["record"]["title"], TITLE_LONGEST)


def clipped(words: object, longest: int = SPEC_TEXT_LONGEST) -> str:
    """Text of a spec on one line, with an ellipsis where it was cut."""
    flat = " ".join(str(words).split())
    return flat if len(flat) <= longest else flat[: longest - 1].rstrip() + "…"


def neighbour_id(beside: Mapping[str, Any] | str) -> str:
    """The id of an older or newer record."""
    return clipped(beside if isinstance(beside, str) else beside["id"])


def neighbour_path(beside: Mapping[str, Any] | str) -> str:
    """Where it lies, seen from this record, without the ending: each format links to its own kind.

    Only folders and plain names: nothing a browser could read as an address or a script.
    """
    path = beside if isinstance(beside, str) else str(beside["path"]).removesuffix(".json")
    return "./" + "/".join(re.sub(r"[^\w.-]", "-", part) for part in path.split("/") if part not in {"", "."})
