"""The words with which people say what an issue waits for: which begin it, and which issues follow. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from miyabi.milestones.dependency_text import MARK

_STRONG = r"depend(?:s|ent|ant)?[\s_-]{0,3}(?:up)?on\b|blocked[\s_-]{1,3}(?:up)?(?:by|on)\b"
_WEAK = (
    r"require[sd]?\b(?!\s+(?:by|for)\b)|needs?\b(?!\s+to\b)|depending\s+(?:up)?on\b|wait(?:s|ing)?\s+(?:up)?(?:for|on|until)\b"
    r"|blocked\s+(?:until|pending|behind)\b"
)
_PHRASE = re.compile(rf"(?<![^\W_])(?:(?P<strong>{_STRONG})|{_WEAK})", re.IGNORECASE)
_SUBJECT = (
    r"(?:(?:this|it|that|the|we|i|also|and|is|are|be|am|will|must|currently|still|now|partially|partly|mostly|directly"
    r"|strictly|hard|soft|external|internal|known|open|my|our|its|issue|task|ticket|story|pr|pull|request|mr|bug|feature"
    r"|epic|item|change|work|one|status|note|fyi|warning|important|caution|attention|hint)\b[\s:,;!>*-]{0,9}){0,9}"
)
_LEAD = re.compile(_SUBJECT, re.IGNORECASE)
_TAIL = re.compile(rf"(?<![^\W_]){_SUBJECT}$", re.IGNORECASE)
_NOUN = re.compile(
    r"(?:(?:dependenc(?:y|ies)|deps?|pre-?requisites?|prereqs?|blockers?)(?![\w-])"
    r"(?:\s+(?:up)?on\b|\s+(?:is|are)\b|\s+of this \w+)?|(?:blocked|depends)(?!\s+(?:up)?(?:on|by)\b)(?![\w-]))"
    r"(?=\s*(?:[:=|(\[\x01/\u2013\u2014-]|$|(?:other\s+)?(?:issues?|prs?|pulls?)\b|(?:and|or|&)\s+(?:blocke|pre|dep)))",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"(?:(?:\W|_)*\b(?:issue|issues|task|tasks|hard|soft|open|known|external|internal|other|and|or|on|by|of|this|the|is|are"
    r"|prs?|pull|requests?|tickets?|blocked|blockers?|depends?|upon|dependenc(?:y|ies)|prerequisites?|requires?|needs?"
    r"|waiting|waits|for|what|it|must|come|first)\b)+\W*",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"(?:\bnot|\bno longer|\bno more|n['\u2019]t|\bnever|\bnon|\bwithout|\bun)[\s-]*"
    r"(?:(?:be|been|being|is|are|currently|directly|really|actually|strictly|necessarily|yet|any|more|longer|a|an)"
    r"\s+){0,3}$",
    re.IGNORECASE,
)
_OTHERS_STATEMENT = re.compile(r"\x01\W*(?:(?:is|are|also|still|now|currently|which|that)\s+){0,3}$", re.IGNORECASE)
_NONE = re.compile(
    r"\W*(?:none|nothing|nil|null|no|no ?one|nobody|n\s?/\s?a|n\.\s?a\.?|not applicable|not blocked"
    r"|no\s+(?:other\s+|known\s+|open\s+|hard\s+)*"
    r"(?:issues?|dependenc(?:y|ies)|blockers?|one|response|prerequisites?)"
    r"|keine?|なし|無し|ない|无)"
    r"(?:\s+(?:yet|so far|known|at (?:the|this) moment|currently|really|else|any ?more|right now|for now))*\W*",
    re.IGNORECASE,
)
_DASHES = re.compile(r"[\s:=]*[-\u2013\u2014]+\s*")
_OTHER_TRACKER = re.compile(
    r"(?<![\w-])(?!(?:UTF|ISO|SHA|PEP|RFC|HTTP|MD|AES|CVE|TLS|GPT|IEEE)-)[A-Z][A-Z0-9]{1,9}-[0-9]+\b"
)
_NEARLY = re.compile(r"(?<![\w&#])#[0-9]|https?://\S{1,300}/(?:issues|pulls?|merge_requests|browse)/")
_SENTENCE_END = re.compile(r"(?<![.])[.!?](?=\s|$)")
_GOES_ON = re.compile(r"\W*(?:(?:also|and|or|plus|then|on|furthermore|as well as)\W+){0,4}\x01", re.IGNORECASE)
_SEPARATOR = re.compile(
    r"\s*(?:->|=>|[,;、|→⇒·•]|(?<=[\x01)\]\s])\s*[/&+]|[/&+](?=\s*[\x01(\[])|\bas\s+well\s+as\b|\b(?:and|or|plus|then)\b)\s*",
    re.IGNORECASE,
)
_ENDS_OPEN = re.compile(
    r"(?:[,:;、&+/|→⇒·•]|->|=>|\b(?:and|or|plus|as well as|both|of|on|by|following))\s*$", re.IGNORECASE
)
_FILLER = re.compile(
    r"(?:\W|\b(?:the|following|both|either|all|each|any|of|these|those|this|issues?|prs?|pulls?|requests?|tickets?|tasks?"
    r"|merge|mrs?|first|too|also|well|as|at|least|on|upon|by|is|are|being|be|been|to|merged|closed|done|landed|number|no)\b)*",
    re.IGNORECASE,
)
_JOINS = re.compile(
    r"(?:(?:[-*+•]|[0-9]{1,9}[.)])\s+)*(?:[,;、&+/|→⇒·•]|->|=>|\b(?:and|or|plus|as well as|also)\b)", re.IGNORECASE
)
_GAP = re.compile(r"[^\w.~\u2013\u2014-]*(?:(?:issues?|prs?|pull requests?)[^\w.~\u2013\u2014-]*)?", re.IGNORECASE)
_TITLE_BEFORE = re.compile(r"[(\[:\u2013\u2014-]\s*$")
_CLAUSE = re.compile(
    r"\W*(?:because|since|as|so|which|that|where|when|for|in|until|before|but|if|once|while|due|first|please|although"
    r"|though|it|this|we|i|who|whose|who|thus|hence|otherwise|else)\b",
    re.IGNORECASE,
)
_OTHER_RELATION = re.compile(
    r"\b(?:see|cf|close[sd]?|closing|fixes|fixed|fixing|resolve[sd]?|relate[sd]?|related|blocks|blocking|not|no|never"
    r"|part|parent|unlike|without|instead|except|ignoring|ignore|but|supersede[sd]?|replace[sd]?|optional|optionally|maybe"
    r"|duplicate[sd]?|formerly|previously|was|were|reverts?)\b|n['\u2019]t\b",
    re.IGNORECASE,
)
OTHER_LABEL = re.compile(
    r"(?:fix(?:e[sd])?|close[sd]?|resolve[sd]?|relate[sd]?(?: to)?|related(?: \w+)?|blocks|blocking|part of|parent|epic"
    r"|milestone|priority|estimate|size|type|labels?|assignee|owner|status|duplicates?|supersedes|replaces|dependents"
    r"|dependants|used by|required by|needed by)\b(?!\s+\w+\s+(?:on|by)\b)",
    re.IGNORECASE,
)
"""Begins a line that speaks of something else than what is waited for."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a piece of text names: places among the line's references, and whether every word of it is understood."""

    marks: tuple[int, ...] = ()
    is_clear: bool = True


@dataclass(frozen=True, slots=True)
class Opening:
    """Words that say that something is waited for, and the text that says what.

    `is_strong` where they say nothing else in any text; `is_known` where the words before them are understood too.
    """

    rest: str
    is_strong: bool
    is_known: bool = True

    @property
    def is_empty(self) -> bool:
        """Whether what is waited for must stand in the lines below."""
        return not MARK.search(self.rest) and not is_none(self.rest) and bool(_FILLER.fullmatch(self.rest))

    @property
    def is_meant(self) -> bool:
        """Whether it speaks of issues: weak words do where they name one, or something like one."""
        return self.is_strong or is_trackable(self.rest)


def openings(text: str) -> Iterator[Opening]:
    """Finds all openings of a line's plain text, in order, each with the text up to the next one."""
    noun = _noun(text)
    found = [*([noun] if noun else []), *_PHRASE.finditer(text, noun.end() if noun else 0)]
    is_open = False
    for index, match in enumerate(found):
        end = found[index + 1].start() if index + 1 < len(found) else len(text)
        before = text[found[index - 1].end() if index else 0 : match.start()]
        rest = text[match.end() : end]
        if index + 1 < len(found):
            rest = _TAIL.sub("", rest)
        if _NEGATED.search(before):
            continue
        opening = _opening(before, rest, is_strong=match is not noun and bool(match["strong"]), is_open=is_open)
        is_open = is_open or bool(opening and opening.is_known)
        if opening:
            yield opening


def is_title(text: str) -> bool:
    """Returns whether a heading's plain text says that what is below it is waited for."""
    return bool(_TITLE.fullmatch(text)) and bool(_noun(text) or _PHRASE.search(text) or _dependency_word(text))


def is_none(text: str) -> bool:
    """Returns whether the text says that nothing is waited for."""
    return bool(_NONE.fullmatch(text) or _DASHES.fullmatch(text))


def is_trackable(text: str) -> bool:
    """Returns whether the text has an issue's reference, or something that looks like one."""
    return bool(MARK.search(text) or _NEARLY.search(text) or _OTHER_TRACKER.search(text))


def ends_open(text: str) -> bool:
    """Returns whether the text must go on in the next line."""
    return bool(_ENDS_OPEN.search(text))


def joins(text: str) -> bool:
    """Returns whether the text begins with what stands between two issues."""
    return bool(_JOINS.match(text))


def goes_on(text: str) -> bool:
    """Returns whether the text begins with a reference, and so goes on with the line before it."""
    return bool(_GOES_ON.match(text))


def named(text: str, *, is_item: bool = False) -> Named:
    """Reads the issues that the text after an opening names.

    Args:
        text: plain; several issues are separated by commas, slashes, arrows or words such as `and`.
        is_item: whether it is one item of a list, where the words beside a reference are its title.
    """
    if is_none(text):
        return Named()
    sentences = _SENTENCE_END.split(text)
    sentences_on = [sentences[0], *(each for each in sentences[1:] if _GOES_ON.match(each))]
    parts = [_sentence(each, is_item=is_item) for each in sentences_on]
    marks = tuple(mark for part in parts for mark in part.marks)
    return Named(marks, bool(marks) and all(part.is_clear for part in parts))


def _noun(text: str) -> re.Match[str] | None:
    lead = _LEAD.match(text)
    return _NOUN.match(text, lead.end() if lead else 0)


def _dependency_word(text: str) -> bool:
    return bool(re.search(r"dependenc|blocke|prerequisit", text, re.IGNORECASE))


def _opening(before: str, rest: str, *, is_strong: bool, is_open: bool) -> Opening | None:
    """The opening, or None where the words speak of something else."""
    before = _SENTENCE_END.split(before)[-1]
    rest = rest.lstrip(" :=>|*")
    if is_open or _LEAD.fullmatch(before.strip() + " ") or not before.strip():
        return Opening(rest, is_strong)
    if _OTHERS_STATEMENT.search(before):
        return None
    sentence = _SENTENCE_END.split(rest)[0]
    is_meant = bool(MARK.search(sentence)) if is_strong else bool(_GOES_ON.match(sentence))
    is_meant = is_meant or bool(_OTHER_TRACKER.match(sentence.lstrip()))
    return Opening(rest, is_strong, is_known=False) if is_meant else None


def _sentence(text: str, *, is_item: bool) -> Named:
    marks: list[int] = []
    is_clear, has_title = True, is_item and _is_titled(text)
    parts = _SEPARATOR.split(text)
    for index, part in enumerate(parts):
        found = _part(part)
        marks += found.marks
        is_clear = is_clear and found.is_clear
        if found.marks:
            has_title = has_title or bool(_title_after(part))
        elif not _FILLER.fullmatch(part) and not is_none(part):
            if marks and _CLAUSE.match(part):
                return Named(tuple(marks), is_clear and not is_trackable(" ".join(parts[index:])))
            is_clear = is_clear and has_title and not is_trackable(part)
    return Named(tuple(marks), is_clear)


def _is_titled(text: str) -> bool:
    """Whether an item is a reference with its title: `#1 Words, more words` or `Words, more words (#1)`."""
    first = MARK.search(text)
    before = text[: first.start()] if first else ""
    return bool(first) and (not before.strip(" ([") or bool(_TITLE_BEFORE.search(before)))


def _title_after(part: str) -> str:
    return part[part.rindex("\x01") + 1 :].strip(" ()[].:")


def _part(text: str) -> Named:
    found = list(MARK.finditer(text))
    marks = tuple(int(match[1]) for match in found)
    if not found:
        return Named()
    between = [text[before.end() : after.start()] for before, after in pairwise(found)]
    is_clear = all(_is_gap(each) for each in between)
    words = MARK.sub(" ", text)
    is_clear = is_clear and not _OTHER_RELATION.search(words) and not _NEARLY.search(words)
    return Named(marks, is_clear and not _OTHER_TRACKER.search(words))


def _is_gap(text: str) -> bool:
    return bool(_GAP.fullmatch(text))
