"""Secrets in texts, recognised by their form and by the names before them. Pure.

The service and the client, which imports nothing of the service, each have an identical copy of this module.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Final

from .secret_names import FLAGS, FOREIGN, PIN, WORDS, names_secret
from .secret_shapes import SHAPES
from .secret_tokens import TOKENS

SCRUBBED: Final = "[scrubbed]"

# The beginning of a value: a quoted text, with its quotes escaped to any depth; a list; or a word.
_VALUE = (
    r"""(?P<quote>\\{0,8}["'])(?:(?!(?<!\\)(?P=quote))[^\n]){1,1000}"""
    r"""|[|>][+-]?(?:\n|\\n)[ \t]{1,40}[^\n\\]{1,500}"""
    r"""|[\[{][^\]}\n]{1,500}|\$\{\w{1,100}\}"""
    r"""|[^\s"'&;,()<>{}\\]+"""
)
# What may separate name and value. Bytes, and wrappers of a secret, appear as Python shows them.
_TO = (
    r"""(?:\\{0,8}["'])?\]?\s{0,8}(?:=>|:=|=(?!=)|::(?=\s)|:(?!:))(?:\s|\\{1,8}[nrt](?=\s)){0,8}"""
    r"""(?:(?:Secret\w{0,20}|str|bytes|Some|Just)\((?=[bBuU]?\\{0,8}["']))?(?:[bBuU](?=["']))?(?:(?:\\{0,8}["']){2}(?=\\{0,8}["']))?"""
)
# Words that follow a secret's name in a sentence about it. `(using password: YES)` is MySQL's.
_WORD = (
    "an?|and|are|as|at|attempt|be|been|cannot|can|empty|ensure|expected|expired|failed|false|field|for|from|given|has|if|in"
    "|incorrect|instead|invalid|is|it|length|may|mismatch|missing|must|needs|nil|no|none|not|null|of|on|or|option|please"
    "|filtered|hidden|masked|redacted|refused|removed|rejected|required|requires|should|string|the|this|to|too|true|undefined|unknown|unset|use|value"
    "|was|when|will|with|wrong|yes|your|ok|str|bytes|int|bool|optional|any|secretstr"
)
_PROSE = re.compile(_WORD, FLAGS)
# Placeholders for a value: `%s`, `?`, `${DB_PASSWORD}`, `****`.
_PLACEHOLDER = re.compile(
    r"%s|%\(\w+\)s|\$\d{1,2}|\?|\*+|x{3,}|\$\{?[A-Z_]{3,}(?:\}|$)|\.{3}|…|~|%[A-Z_]{3,}%", re.ASCII
)
_STRICT_NAMES = ("password", "passwort", "kennwort", "passphrase", "passcode", "passe", "pin", "otp", "code")
# Names whose value is never a word about it. A bare `pass` also means to be allowed through.
_STRICT = re.compile("^x-|pass.|ps?wd?|wort|cvv|cvc|key|pin|otp|code|senha|parola|phrase", FLAGS)

# The values of a row, in the statement or, as SQLAlchemy shows them, below it.
_INSERT = (
    r"(?P<head>\binsert into [^\s(]{1,200}\s{0,4}\((?P<columns>[^()]{1,2000})\)\s{0,4}values\s{0,4}\()"
    r"(?P<values>[^()]{1,4000})"
    r"(?:(?P<between>\)[^\[\]]{0,200}\](?:\s|\\{1,8}n){0,4}\[parameters: [\[(])"
    r"(?P<parameters>[^\n()]{1,4000})(?=[\])]))?"
)
_LITERAL = re.compile(r"""\s*(?:[bBuUNE]?'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|\\.)*"|[^,'"]+)""").findall
_BOUND = re.compile(r"\?|%s|%\(\w+\)s|:\w+|\$\d{1,3}|@\w+|null|default|none", FLAGS).fullmatch

# Plain sentences: `the password is X`, `with password X`, `invalid API key X`.
_SAID_NAMES = (
    "password|passwort|kennwort|mot de passe|passphrase|passcode|pin|otp|(?:api|secret|access|private)[ _-]?key"
    "|token|secret|(?:verification|security|confirmation|2fa|mfa|access|login|recovery) code"
)
_SAID_NEEDLES = ("pass", "kennwort", "pin", "otp", "key", "token", "secret", "code")
_SAID = (
    rf"""(?<![A-Za-z0-9-])(?P<name>{_SAID_NAMES})(?: code)?(?: (?:for|of) (?:user )?[^\s:]{{1,64}})?"""
    r"(?P<verb>\s?(?:->|\||→)\s?"
    r"| (?:(?:(?:is|was|has been|had been) )?(?:re)?(?:set|changed|updated) to"
    r"|is|was|provided|entered|given|used|supplied|ist|lautet):?\s"
    r"|(?<=\S) ?:\s(?=\S{1,64}\d))?(?(verb)|(?:\s|\\t){1,4})"
    r"""(?P<value>"[^"\n]{1,200}"|'[^'\n]{1,200}'|[^\s"'`,;()<>{}\[\]|]{4,200})"""
)
# Words that describe a password, and texts with digits that are no password.
_QUALITY = re.compile(
    r"\w+(?:ed|ing|ly|able|ible|less|ful|ous|ive|al|ic|ent|ant)|correct|wrong|weak|strong|short|long|old|new|bad|good|blank"
    r"|stale|known|unsafe|safe|case|only|plain|plaintext|clear|shown|never|still|also|already|both|same|equal|different"
    r"|one|default|initial|original|empty|what|there|that|they|under|over|less|more|back|sent|lost|gone|free|fine|just|very|longer|shorter"
    r"|falsch|abgelaufen",
    FLAGS,
)
_TECHNICAL = re.compile(
    r"(?:sha|md|bcrypt|argon|scrypt|pbkdf|oauth|utf|base|http|v|rfc|aes|rsa)-?_?\d\S*|\d{1,3}[a-z]{0,3}"
    r"|\d+[.:,/T-][\d.:,/T+Z-]*|\w+[-_](?:id|name|file|path)(?:[-_=]\S*)?|https?://\S*",
    FLAGS,
)
_NUMBERED_NAME = re.compile(r"\d+|[a-z]+(?:[-_/.][a-z]+)*[-_]?v?\d{1,2}", FLAGS)
_FOREIGN_VALUE = (
    rf"((?:{FOREIGN.pattern})"
    r"""\\{0,8}["']?\s{0,4}(?:[:=：]|\\{1,8}uff1a)\s{0,4}\\{0,8}["']?)[^\s"',;\\]{1,200}"""
)
_DIRECTORIES = frozenset({"pwd", "oldpwd"})
# `('password', 'x')`.
_LISTED = (
    r"""[(\[]b?["'](?P<name>[\w.-]{1,80})["'],\s?b?"""
    r"""(?P<value>(?P<quote>["'])(?=[^\n]{0,100}\d)[^"'\n]{1,500})["'][)\]]"""
)
# `--name value`.
_OPTION = rf"(?:(?<!\S)--?|\bconfigure set )(?P<name>[a-z][\w-]{{1,60}})\s{{1,4}}(?!-)(?P<value>{_VALUE})"
# `<name>value<`.
_ELEMENT = (
    r"(?:<|&lt;|\\{1,8}u003c)(?:\w{1,40}:)?(?P<name>[\w.-]{1,80})(?:\s[^<>]{0,200}?)?(?:>|&gt;|\\{1,8}u003e)"
    r"(?:<!\[CDATA\[)?(?P<value>[^<]{1,2000}?)(?:\]\]>)?(?:<|&lt;|\\{1,8}u003c)/"
)
# `name=value`.
_ASSIGNED = rf"(?<![\w.-])(?P<name>[\w.-]{{1,80}}){_TO}"
# A rule for values under a name, with texts of which one occurs in any case: the rule's groups are name and value.
_VALUE_RULES = (
    # `password%3Dx`, `user%5Bpassword%5D=x`.
    (
        "%",
        (
            r"(?:%[0-9a-f]{2}|(?<![\w.%-]))(?P<name>[a-z_][\w.-]{0,80})(?:%5D)?(?:%22)?(?:%3D|%3A|(?<=%5D)=)(?:%22|%20){0,2}"
            r"""(?P<value>(?:(?!%26|%22|%7D|%2C)[^\s&"']){1,500})"""
        ),
    ),
    ("',", _LISTED),
    ('",', _LISTED),
    # pydantic's line under a name, and its error with a location.
    (
        "input_value",
        r"^(?P<name>[\w.\[\]-]{1,200})\n[^\n]{0,500}?input_value=(?P<value>[^\n]{1,1000}?)(?=, input_type=|\]?$)",
    ),
    (
        "input",
        (
            r"""loc\\{0,8}["']\s?:\s?[\[(](?P<name>[^\])\n]{1,200})[\])][^\n]{0,500}?input\\{0,8}["']\s?:\s?"""
            rf"(?P<value>{_VALUE})"
        ),
    ),
    # Rows as databases quote them: `Key (token)=(x)`, `Duplicate entry 'x' for key 'users.token'`.
    (
        ")=(",
        r"""\((?P<name>[\w., "-]{1,200})\)=\((?P<value>[^)\n]{1,500})\)""",
    ),
    (
        "duplicate entry",
        (
            r"""duplicate entry (?P<value>(?P<quote>\\{0,8}["'])[^\n]{1,500}?)(?P=quote) for key """
            r"""\\{0,8}["'](?P<name>[\w.-]{1,200})"""
        ),
    ),
    (
        "form-data",
        (
            r"""name=\\{0,8}"(?P<name>[\w.\[\]-]{1,80})\\{0,8}"(?:;[^\r\n\\]{0,200})?(?:\r?\n|(?:\\{1,8}r)?\\{1,8}n){2}"""
            r"(?P<value>[^\r\n\\]{1,1000})"
        ),
    ),
    ("-", _OPTION),
    ("configure set", _OPTION),
    ("</", _ELEMENT),
    ("&lt;/", _ELEMENT),
    ("u003c/", _ELEMENT),
    # `name="password" value="..."`, and the same in lines of YAML.
    (
        "value",
        (
            rf"""(?:name|key)\\{{0,8}}["']?\s?[=:]\s?\\{{0,8}}["'](?P<name>[\w.-]{{1,80}})\\{{0,8}}["'],?\s{{1,4}}"""
            rf"""\\{{0,8}}["']?value\\{{0,8}}["']?\s?[=:]\s?(?P<value>{_VALUE})"""
        ),
    ),
    (
        "value:",
        (
            r"""\bname:\s{1,4}["']?(?P<name>[\w.-]{1,80})["']?(?:\s|\\n){1,40}value:\s{1,4}"""
            r"""(?P<value>(?P<quote>["'])?[^\s"']{1,500})"""
        ),
    ),
)
_HEADER = (
    r"""((?:authori[sz]ation|cookie)(?:\\{0,8}["'])?\s{0,8}[:=]\s{0,8}(?:\\{0,8}["'])?)"""
    rf"""(?!(?:{_WORD})(?:[\s.,;:)"'\]}}]|$))"""
    r"""[^\s"'\\][^"'\r\n\\]*(?:(?<==)\\{0,8}"[^"\r\n]*"[^"'\r\n\\]*)*"""
)

# 13 to 19 digits, in one piece or in groups, not within a UUID or an identifier.
_DIGITS = (
    r"(?<![\w.])(?<!_-)(?<![0-9a-fA-F]{4}-)"
    r"(?:\d{4}(?:[ -]?\d{4}){2}[ -]?\d{1,4}(?:[ -]?\d{1,3})?|\d{4}[ -]\d{6}[ -]\d{4,5})(?!\w)"
)
_BRANDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12,15}|3(?:0[0-5]|09|[689]\d)\d{11}(?:\d\d)?|35(?:2[89]|[3-8]\d)\d{12,15}|62\d{14,17}"
    r"|220[0-4]\d{12,15}|(?:50(?:18|20|38)|5[678]\d\d|6304|6759|676[1-3])\d{9,15}|60\d{14}",
    re.ASCII,
)
_COUNTRIES = (
    "A[DELTZ]|B[AEGHRYI]|C[HRYZ]|D[EJKO]|E[EGS]|F[IOKR]|G[BEILRT]|H[NRU]|I[ELQST]|JO|K[WZ]|L[BCITUVY]|M[CDEKNRTU]|N[IOL]|OM"
    "|P[KLST]|QA|R[OSU]|S[ACDEIKMOTV]|T[LNR]|UA|V[AG]|XK|YE"
)
_IBAN = rf"\b(?:{_COUNTRIES})\d\d(?: ?[A-Z0-9]{{4}}){{2,7}}(?: ?[A-Z0-9]{{1,3}})?\b"

HINTS: Final = (
    *WORDS,
    *(hint for hint, _ in TOKENS),
    *(hint for hint, _, _ in SHAPES),
    rf"{PIN}[0-9]?[\]\"'\\\\]{{0,8}}(?: ?[:=]|%| is )",
    FOREIGN.pattern,
    r"(?:^|[^0-9.])[2-6][0-9]{3}(?:[ -]?[0-9]{4}|[ -][0-9]{6})[ -]?[0-9]{4}",
    rf"(?-i:(?:{_COUNTRIES})[0-9]{{2}} ?[A-Z0-9]{{4}} ?[A-Z0-9]{{4}})",
)
"""What RE2 searches for in raw bytes, regardless of case. Looser than the rules: without a match, no rule matches."""


def without_secrets(text: str) -> str:
    """The text with every secret replaced."""
    rules = _compiled()
    lower = text.lower()
    for needle, shape in rules.shapes:
        if needle in lower:
            text = shape.sub(_keep_lead, text)
    for needle, rule in rules.values:
        if needle in lower:
            text = _values(rule, text)
    text = _assignments(rules.assigned, rules.assignment, text)
    if "insert into" in lower:
        text = rules.insert.sub(_inserted, text)
    if any(map(lower.__contains__, _SAID_NEEDLES)):
        text = _values(rules.said, text, _is_not_said)
    if not text.isascii() or "\\u" in lower:
        text = rules.foreign.sub(_keep_lead, text)
    return rules.iban.sub(_iban, rules.digits.sub(_digits, text))


def is_card(digits: str) -> bool:
    """Whether the digits are a card number, by issuer, length and Luhn check (one number in ten passes)."""
    if _BRANDS.fullmatch(digits) is None:
        return False
    doubled = [
        int(d) if i % 2 else int(d) * 2 - 9 * (d > "4") for i, d in enumerate(reversed(digits), start=1)
    ]
    return sum(doubled) % 10 == 0


class _Compiled:
    """The rules, compiled at first use so that an application starts without the delay."""

    def __init__(self) -> None:
        tokens = "|".join(rule for _, rule in TOKENS)
        header = re.compile(_HEADER, FLAGS)
        self.shapes = (
            *((needle, re.compile(rule, re.ASCII)) for _, rule, needles in SHAPES for needle in needles),
            ("", re.compile(rf"(?<![A-Za-z0-9])(?:{tokens})", re.ASCII)),
            ("authori", header),
            ("cookie", header),
        )
        self.values = tuple((needle, re.compile(rule, FLAGS | re.MULTILINE)) for needle, rule in _VALUE_RULES)
        self.digits = re.compile(_DIGITS, re.ASCII)
        self.iban = re.compile(_IBAN, re.ASCII)
        self.assigned = re.compile(_ASSIGNED, FLAGS)
        self.assignment = re.compile(rf"{_ASSIGNED}(?P<value>{_VALUE})", FLAGS)
        self.said = re.compile(_SAID, FLAGS)
        self.insert = re.compile(_INSERT, FLAGS)
        self.foreign = re.compile(_FOREIGN_VALUE, re.IGNORECASE)


_compiled = cache(_Compiled)


def _values(
    rule: re.Pattern[str], text: str, is_innocent: Callable[[re.Match[str], str], bool] | None = None
) -> str:
    """The text without values under a secret's name. Each value is itself searched for further names."""
    parts, done, at = [], 0, 0
    while (found := rule.search(text, at)) is not None:
        start, end = found.span("value")
        # Another name may begin within this value: `url: https://x?token=y`.
        at = max(found.start() + 1, start)
        if not names_secret(found["name"]) or (is_innocent or _is_prose)(found, text):
            continue
        quote = found.groupdict().get("quote") or ""
        parts += [text[done : start + len(quote)], SCRUBBED]
        done = at = end
    return "".join([*parts, text[done:]])


def _assignments(names: re.Pattern[str], rule: re.Pattern[str], text: str) -> str:
    """Replace assigned values.

    Values are only parsed after a secret's name, so that the cost is linear in the text.
    """
    parts, done, at = [], 0, 0
    while (name := names.search(text, at)) is not None:
        at = name.end()
        found = rule.match(text, name.start()) if names_secret(name["name"]) else None
        if found is None or _is_prose(found, text):
            continue
        parts += [text[done : found.start("value") + len(found["quote"] or "")], SCRUBBED]
        done = at = found.end("value")
    return "".join([*parts, text[done:]])


def _is_not_said(found: re.Match[str], _: str) -> bool:
    """Whether the text states no value: `password is required`, `token of the session`."""
    value = found["value"]
    word = value.strip("\"'").rstrip(".,:!?)")
    if (
        _PROSE.fullmatch(word)
        or _PLACEHOLDER.fullmatch(word)
        or "scrubbed" in word
        or _TECHNICAL.fullmatch(word)
    ):
        return True
    digits, letters = any(map(str.isdigit, word)), any(map(str.isalpha, word))
    if not found["name"].lower().endswith(_STRICT_NAMES):
        joined = found["verb"] is None and ("-" in word or "_" in word) and len(word) < 20
        return (
            not (digits and letters) or len(word) < 8 or joined or _NUMBERED_NAME.fullmatch(word) is not None
        )
    if found["verb"] is None:
        code = (
            found["name"].lower().endswith(("otp", "code")) and word.isdecimal() and len(word) in range(4, 9)
        )
        return not code and (not (digits and letters) or len(word) < 6)
    return value == word and not digits and _QUALITY.fullmatch(word) is not None


def _is_prose(found: re.Match[str], text: str) -> bool:
    """Whether the value is prose, as in `token: expired`, unlike `token: 9f86d081` and `password: hunter`."""
    name, value = found["name"], found["value"]
    bare = value.lstrip("\\\"'[{")
    word = bare.rstrip(".,:!?)]}\\\"'")
    if not word or bare.startswith("scrubbed") or _PROSE.fullmatch(word) or _PLACEHOLDER.fullmatch(bare):
        return True
    # Code: `password = ask()`, `self.token=token`, `{token!r}`.
    variable = word.partition("!")[0] if value.startswith("{") else word
    if text[found.end("value") :][:1] == "(" or variable.rpartition(".")[2] == name.rpartition(".")[2]:
        return True
    # The working directory (`PWD`) in a listing of variables.
    if (name.lower() == "pass" and word.isdecimal()) or (name.lower() in _DIRECTORIES and word[0] in "/~"):
        return True
    if _STRICT.search(name):
        return False
    if word.isdecimal() and len(word) <= 5:
        return True
    loose = len(word) <= 3 or (value == bare and len(bare) < 20 and not any(char.isdigit() for char in bare))
    return loose and text[found.end("name") : found.start("value")].rstrip().endswith(":")


def _inserted(found: re.Match[str]) -> str:
    """The statement without the values of columns that hold secrets."""
    columns = [name.strip(' \t\r\n"`[]') for name in found["columns"].split(",")]
    hidden = {index for index, name in enumerate(columns) if names_secret(name)}

    def row(values: str | None) -> str:
        parts = _LITERAL(values or "")
        if not hidden or len(parts) != len(columns):
            return values or ""
        return ",".join(
            f" {SCRUBBED}" if index in hidden and not _BOUND(part.strip()) else part
            for index, part in enumerate(parts)
        )

    return f"{found['head']}{row(found['values'])}{found['between'] or ''}{row(found['parameters'])}"


def _keep_lead(match: re.Match[str]) -> str:
    lead = match.group(1) if match.re.groups else ""
    return match.group() if match.group()[len(lead) :].startswith(SCRUBBED) else f"{lead}{SCRUBBED}"


def _digits(match: re.Match[str]) -> str:
    return SCRUBBED if is_card(match.group().replace(" ", "").replace("-", "")) else match.group()


def _iban(match: re.Match[str]) -> str:
    """Whether the IBAN is valid by ISO 7064: rearranged and read as a number, it is 1 modulo 97."""
    text = match.group().replace(" ", "")
    number = int("".join(str(int(char, 36)) for char in text[4:] + text[:4]))
    return SCRUBBED if 15 <= len(text) <= 34 and number % 97 == 1 else match.group()
