"""Secrets, by the names that they stand under and the shapes that they have in a text. Pure.

The service and the client, which imports nothing of the service, each have this module, the same to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, Final

SCRUBBED: Final = "[scrubbed]"

_SEP = "[-_. ]?"
# The one list of words. RE2 reads them too, over raw bytes and without boundaries.
WORDS: Final = (
    f"pass(?:{_SEP}(?:word|wd|phrase|code))?s?",
    "pwd",
    "secrets?",
    "token",
    "jwt",
    "bearer",
    (
        "(?:api|access|private|secret|signing|encryption|ssh|master|account|auth|app|application|subscription|license"
        f"|licence|shared|hmac|deploy|webhook){_SEP}key"
    ),
    "authori[sz]ation",
    "credentials?",
    "cookies?",
    f"session(?:{_SEP}(?:id|key))?",
    f"(?:php|j)?{_SEP}sess(?:ion)?{_SEP}id",
    "[cx]srf",
    "dsn",
    "cvv|cvc",
    f"card{_SEP}(?:number|num|no)",
    f"connection{_SEP}string",
)
# Words that make a name's value a fact about a secret: `token_count`, `password_length`, `secret_name`.
_ABOUT = (
    "counts?|used|usage|limits?|length|len|size|type|name|expire[sd]?|expires_(?:at|in)|expiry|ttl|valid|present"
    "|policy|required|age|errors?|status|budget|state|kind|duration|timeout|bucket|file|path|page|field|reset"
    "|manager|provider|algorithm|strength|attempts?|version|prompt|index|position"
)
# ASCII, or a Kelvin sign would be a `k` here and not in the bytes that RE2 sees.
_FLAGS: Final = re.IGNORECASE | re.ASCII
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NAME = re.compile(
    rf"(?:^|[^a-z])(?:{'|'.join(WORDS)})[0-9]*(?:$|[^a-z](?!(?:(?:{_ABOUT})[^a-z]?)+$))"
    # Written together, at a name's end.
    "|(?:password|passwd|passphrase|passcode|apikey|(?:access|private|secret)key|secret|[a-z]token|sessionid|cookie)"
    "[0-9]*$",
    _FLAGS,
)

# Where a value begins: one that is quoted, escaped as often as its quotes say; a list; or a word.
_VALUE = (
    r"""(?P<quote>\\{0,8}["'])(?:(?!(?<!\\)(?P=quote))[^\n]){1,1000}"""
    r"""|[|>][+-]?(?:\n|\\n)[ \t]{1,40}[^\n\\]{1,500}"""
    r"""|[\[{][^\]}\n]{1,500}|\$\{\w{1,100}\}"""
    r"""|[^\s"'&;,()<>{}\\]+"""
)
_TO = r"""(?:\\{0,8}["'])?\]?\s{0,8}(?:=>|:=|=(?!=)|:)\s{0,8}"""
# Words that follow a secret's name in a sentence about it. `(using password: YES)` is MySQL's.
_WORD = (
    "an?|and|are|as|at|attempt|be|been|cannot|can|empty|ensure|expected|expired|failed|false|field|for|from|given|has|if|in"
    "|incorrect|instead|invalid|is|it|length|may|mismatch|missing|must|needs|nil|no|none|not|null|of|on|or|option|please"
    "|redacted|refused|rejected|required|requires|should|string|the|this|to|too|true|undefined|unknown|unset|use|value"
    "|was|when|will|with|wrong|yes|your|ok|str|bytes|int|bool|optional|any|secretstr"
)
_PROSE = re.compile(_WORD, _FLAGS)
# What a value is put into, or was before: `%s`, `?`, `${DB_PASSWORD}`, `****`.
_PLACEHOLDER = re.compile(r"%s|%\(\w+\)s|\$\d{1,2}|\?|\*+|x{3,}|\$\{?[A-Z_]{3,}(?:\}|$)|\.{3}|…", re.ASCII)
# Names whose value is never a word about it. A bare `pass` counts as well as it permits.
_STRICT = re.compile("pass.|pwd|cvv|cvc|key", _FLAGS)

# The beginnings that vendors give their tokens: what RE2 looks for, and what follows. Their case counts.
_TOKENS: Final = (
    (r"(?:akia|asia|abia|acca)[0-9a-z]{16}", r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b"),
    (r"xox[a-z]-|xapp-|xoxe\.", r"(?:xox[a-z]|xapp|xoxe\.xox[a-z])-[\w-]{6,}"),
    (r"ntf_", r"ntf_[\w-]{8,}"),
    (r"whsec_", r"whsec_[A-Za-z0-9+/=_-]{8,}"),
    (r"gh[pousr]_|github_pat_", r"(?:gh[pousr]_|github_pat_)\w{16,}"),
    (r"gl(?:pat|ptt|dt|rt|cbt|ft|soat|agent|imt|oas)-", r"gl(?:pat|ptt|dt|rt|cbt|ft|soat|agent|imt|oas)-[\w.-]{16,}"),
    (r"[srp]k_(?:live|test)_|sk-[a-z0-9_-]{16}", r"(?:[srp]k_(?:live|test)_\w{8,}|sk-[\w-]{16,})"),
    (r"aiza", r"AIza[\w-]{30,}"),
    (r"npm_|pypi-|rubygems_", r"(?:npm_\w{30,}|pypi-[\w-]{30,}|rubygems_[0-9a-f]{32,})"),
    (r"sg\.[a-z0-9_-]{8}", r"SG\.[\w-]{16,}\.[\w-]{16,}"),
    (r"hf_[a-z]|r8_|gsk_|xai-|pplx-", r"(?:hf_[A-Za-z]{16,}|(?:r8_|gsk_|xai-|pplx-)[A-Za-z0-9]{30,})"),
    (r"ya29\.|1//0|gocspx-", r"(?:ya29\.[\w.-]{10,}|1//0[\w-]{20,}|GOCSPX-[\w-]{10,})"),
    (r"shp(?:at|ca|pa|ss|tka)_", r"shp(?:at|ca|pa|ss|tka)_[0-9a-zA-Z]{16,}"),
    (r"dckr_[po]at_|do[opr]_v1_", r"(?:dckr_[po]at_[\w-]{16,}|do[opr]_v1_[0-9a-f]{16,})"),
    (r"nr(?:ak|js|ii|aa|iq)-", r"NR(?:AK|JS|II|AA|IQ)-[\w-]{16,}"),
    (r"age-secret-key-", r"AGE-SECRET-KEY-1[0-9A-Z]{16,}"),
    (r"lin_(?:api|oauth)_|figd_", r"(?:lin_(?:api|oauth)_|figd_)[\w-]{16,}"),
    (r"secret_[a-z0-9]{30}|ntn_", r"(?:secret_|ntn_)[A-Za-z0-9]{30,}"),
    (r"sq0(?:csp|atp|idp)|eaaa", r"(?:sq0(?:csp|atp|idp)-[\w-]{16,}|EAAA[\w-]{40,})"),
    (r"hv[sbr]\.|dp\.[a-z]{2,5}\.", r"(?:hv[sbr]\.[\w-]{16,}|dp\.(?:pt|st|ct|sa|scim|audit)\.\w{16,})"),
    (r"dapi[0-9a-f]{16}|tskey-|nfp_", r"(?:dapi[0-9a-f]{32}|(?:tskey-|nfp_)[\w-]{16,})"),
    (r"pscale_|sbp_|sb_secret_", r"(?:pscale_(?:tkn|pw|oauth)_|sbp_|sb_secret_)[\w-]{16,}"),
    (r"at[ac]tt3x|atbb", r"(?:AT[AC]TT3x[\w=-]{16,}|ATBB\w{24,})"),
    (r"pmak-|cfpat-|pat-[a-z]{2}[0-9]-", r"(?:PMAK|CFPAT|pat-[a-z]{2}\d)-[\w-]{24,}"),
    (r"sntry[su]_|glsa_|glc_|ops_eyj", r"(?:sntry[su]_|glsa_|glc_|ops_eyJ)[\w=+/-]{16,}"),
    (r"dt0[a-z][0-9]{2}\.", r"dt0[a-z]\d\d\.\w{8,}\.\w{16,}"),
    (r"eyj[a-z0-9_-]{8}", r"eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)*"),
)  # fmt: skip

# Of the others: what RE2 looks for, and the rule; what its first group holds stays, for it helps to find the cause.
_SHAPES: Final = (
    # PEM, to its end or the text's.
    (
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY",
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY[^\x00]*?(?:-----END[A-Z -]*|\Z)",
    ),
    # user:password@host, whatever the password holds; a port and a path are no password.
    (
        r"://[^/@:]*:[^ ]*@",
        r"""(?<=://)([^\s/:@\[\]"'<>]{0,200}:)(?!\d{1,5}(?:[/?#]|$))[^\s"'<>]{1,200}(?=@)""",
    ),
    (r":thin:", r"(?i)(:thin:[^\s/@]{1,100}/)[^\s@]{1,200}(?=@)"),
    (r"hooks\.slack|hooks\.zapier", r"(?i)(hooks\.(?:slack(?:-gov)?|zapier)\.com/)[\w/-]+"),
    (r"discord", r"(?i)(discord(?:app)?\.com/api/(?:v\d+/)?webhooks/)[\w/-]+"),
    (
        r"webhook\.office|outlook\.office",
        r"(?i)((?:webhook\.office|outlook\.office(?:365)?)\.com/)webhook[\w/@-]+",
    ),
    (r"/hooks/[a-z0-9]{17}", r"(/hooks/)(?:[a-z0-9]{26}\b|[A-Za-z0-9]{17,26}/[A-Za-z0-9]{24,})"),
    (r"pagerduty", r"(?i)(events\.(?:eu\.)?pagerduty\.com/[\w/]{0,40}?)[0-9a-z]{32}\b"),
    (r"ifttt", r"(?i)(maker\.ifttt\.com/trigger/[\w/]{1,100}/key/)[\w-]+"),
    (r"[0-9]{6}:[a-z0-9_-]{30}", r"((?:^|[^\d])\d{6,12}:)[\w-]{30,}"),
    (r"bearer", r"(?i)\b(bearer\s{1,8})(?=\S{0,200}[\d=+/._-]|\S{16})[\w.~+/=-]{6,}"),
    (r"basic", r"\b((?i:basic)\s{1,8})(?=\S{0,200}(?:[\d=]|[a-z][A-Z])|\S{20})[\w.~+/=-]{6,}"),
    # Signed addresses: Azure, Amazon, Google.
    (r"sig(?:nature)?=", r"(?i)([?&;](?:x-[a-z]{3,4}-)?sig(?:nature)?=)[\w%+/=.~-]{8,}"),
    # What stands behind a letter: `curl -u ann:x`, `mysql -px`, `sshpass -p x`.
    (
        r"curl [^\n]*(?:-u|-user)",
        r"""(?i)(\bcurl (?:[^\n]{0,500}? )?(?:-u|--user|--proxy-user)[ =]?["']?[^\s:"']{0,100}:)[^\s"']+""",
    ),
    (
        r"(?:mysql|mariadb)[a-z0-9_-]* [^\n]*-p",
        r"""(?i)(\b(?:mysql|mariadb)[\w-]* (?:[^\n|;&]{0,300}? )?-p)(?=\S)["']?[^\s"']+""",
    ),
    (r"sshpass -p", r"""(?i)(\bsshpass -p ?)["']?[^\s"']+"""),
    (
        r"(?:docker|podman|helm) login",
        r"""(?i)(\b(?:docker|podman|helm) login (?:[^\n|;&]{0,300}? )?-p ?)["']?[^\s"']+""",
    ),
    (
        r"mongo[a-z]* [^\n]*-p",
        r"""(?i)(\bmongo(?:sh|dump|restore|export|import)? (?:[^\n|;&]{0,300}? )?-p ?)["']?[^\s"']+""",
    ),
    # SQL: `WITH PASSWORD 'x'`, `SET PASSWORD FOR u = PASSWORD('x')`.
    (r"identified by", r"""(?i)(\b(?:identified by|password) ["'])[^"'\n]{1,200}(?=["'])"""),
    (
        r"set password",
        r"""(?i)(\bset password(?: for [^=\n]{1,100})? ?= ?(?:password ?\()?["'])[^"'\n]{1,200}(?=["'])""",
    ),
    (r"redis-cli", r"""(?i)(\bredis-cli (?:[^\n|;&]{0,300}? )?-a ?)["']?[^\s"']+"""),
)
_HEADER = (
    r"""((?:authori[sz]ation|cookie)(?:\\{0,8}["'])?\s{0,8}[:=]\s{0,8}(?:\\{0,8}["'])?)"""
    rf"""(?!(?:{_WORD})(?:[\s.,;:)"'\]}}]|$))"""
    r"""[^\s"'\\][^"'\r\n\\]*(?:(?<==)\\{0,8}"[^"\r\n]*"[^"'\r\n\\]*)*"""
)

# Thirteen to nineteen digits, in one piece, in fours, or in four, six and the rest; not within a UUID or an identifier.
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
    *(hint for hint, _ in _TOKENS),
    *(hint for hint, _ in _SHAPES),
    r"(?:^|[^0-9.])[2-6][0-9]{3}(?:[ -]?[0-9]{4}|[ -][0-9]{6})[ -]?[0-9]{4}",
    rf"(?-i:(?:{_COUNTRIES})[0-9]{{2}} ?[A-Z0-9]{{4}} ?[A-Z0-9]{{4}})",
)
"""What RE2 looks for in raw bytes, in any case. Looser than the rules: its silence means that they change nothing."""


def names_secret(name: str) -> bool:
    """Whether what stands under this name is a secret: `apiKey` and `PGPASSWORD` are, `tokens_used` is not."""
    return _seen_before(name) if len(name) <= 100 else _names_secret(name)


def _names_secret(name: str) -> bool:
    return _NAME.search(_CAMEL.sub("_", name)) is not None


# The same few names come with every event.
_seen_before = lru_cache(maxsize=4_096)(_names_secret)


def refuses_secret(error: Mapping[str, Any]) -> bool:
    """Whether this is pydantic's error about a secret: `{"loc": ["body", "password"], "input": "..."}`."""
    loc = error.get("loc")
    return isinstance(loc, list | tuple) and any(isinstance(name, str) and names_secret(name) for name in loc)


def without_secrets(text: str) -> str:
    """The text with everything of a secret's shape replaced."""
    rules = _compiled()
    for rule in rules.shapes:
        text = rule.sub(_keep_lead, text)
    for found in (rules.validation, rules.located, rules.option, rules.element, rules.pair, rules.assignment):
        text = _values(found, text)
    return rules.iban.sub(_iban, rules.digits.sub(_digits, text))


def is_card(digits: str) -> bool:
    """A brand's first digits and length, and Luhn's check, which tells a card's number from nine others in ten."""
    if _BRANDS.fullmatch(digits) is None:
        return False
    doubled = [
        int(d) if i % 2 else int(d) * 2 - 9 * (d > "4") for i, d in enumerate(reversed(digits), start=1)
    ]
    return sum(doubled) % 10 == 0


class _Compiled:
    """The rules, compiled when the first text needs them: an application's start waits for none."""

    def __init__(self) -> None:
        tokens = "|".join(rule for _, rule in _TOKENS)
        self.shapes = (
            *(re.compile(rule, re.ASCII) for _, rule in _SHAPES),
            re.compile(rf"(?<![A-Za-z0-9])(?:{tokens})", re.ASCII),
            re.compile(_HEADER, _FLAGS),
        )
        self.digits = re.compile(_DIGITS, re.ASCII)
        self.iban = re.compile(_IBAN, re.ASCII)
        # `name=value`; `--name value`; `<name>value<`; `name="password" value="..."`; then pydantic's line
        # under a name, and its error with the place of one.
        self.assignment = re.compile(rf"(?<![\w.-])(?P<name>[\w.-]{{1,80}}){_TO}(?P<value>{_VALUE})?", _FLAGS)
        self.option = re.compile(
            rf"(?<!\S)--?(?P<name>[a-z][\w-]{{1,60}})\s{{1,4}}(?!-)(?P<value>{_VALUE})", _FLAGS
        )
        self.element = re.compile(
            r"(?:<|&lt;)(?:\w{1,40}:)?(?P<name>[\w.-]{1,80})(?:\s[^<>]{0,200}?)?(?:>|&gt;)(?:<!\[CDATA\[)?"
            r"(?P<value>[^<]{1,2000}?)(?:\]\]>)?(?:<|&lt;)/",
            _FLAGS,
        )
        self.pair = re.compile(
            rf"""(?:name|key)\\{{0,8}}["']?\s?[=:]\s?\\{{0,8}}["'](?P<name>[\w.-]{{1,80}})\\{{0,8}}["'],?\s{{1,4}}"""
            rf"""\\{{0,8}}["']?value\\{{0,8}}["']?\s?[=:]\s?(?P<value>{_VALUE})""",
            _FLAGS,
        )
        self.located = re.compile(
            r"""loc\\{0,8}["']\s?:\s?[\[(](?P<name>[^\])\n]{1,200})[\])][^\n]{0,500}?input\\{0,8}["']\s?:\s?"""
            rf"(?P<value>{_VALUE})",
            _FLAGS,
        )
        self.validation = re.compile(
            r"^(?P<name>[\w.\[\]-]{1,200})\n[^\n]{0,500}?input_value=(?P<value>[^\n]{1,1000}?)(?=, input_type=|\]?$)",
            _FLAGS | re.MULTILINE,
        )


_compiled = cache(_Compiled)


def _values(rule: re.Pattern[str], text: str) -> str:
    """The text without the values that stand under a secret's name. What a value holds is looked at on its own."""
    parts, done, at = [], 0, 0
    while (found := rule.search(text, at)) is not None:
        start, end = found.span("value")
        # Another name may begin within this one's value: `url: https://x?token=y`.
        at = max(found.start() + 1, start if start >= 0 else found.end())
        if start < 0 or not names_secret(found["name"]) or _is_prose(found, text):
            continue
        quote = found.groupdict().get("quote") or ""
        parts += [text[done : start + len(quote)], SCRUBBED]
        done = at = end
    return "".join([*parts, text[done:]])


def _is_prose(found: re.Match[str], text: str) -> bool:
    """`token: expired` and `--password is missing` are prose; `token: 9f86d081` and `password: hunter` are not."""
    name, value = found["name"], found["value"]
    bare = value.lstrip("\\\"'[{")
    word = bare.rstrip(".,:!?)]}\\\"'")
    if not word or bare.startswith("scrubbed") or _PROSE.fullmatch(word) or _PLACEHOLDER.fullmatch(bare):
        return True
    # Code: `password = ask()`, `self.token=token`, `{token!r}`.
    variable = word.partition("!")[0] if value.startswith("{") else word
    if text[found.end("value") :][:1] == "(" or variable.rpartition(".")[2] == name.rpartition(".")[2]:
        return True
    if name.lower() == "pass" and word.isdecimal():
        return True
    if _STRICT.search(name):
        return False
    if word.isdecimal() and len(word) <= 5:
        return True
    loose = len(word) <= 3 or (value == bare and len(bare) < 20 and not any(char.isdigit() for char in bare))
    return loose and text[found.end("name") : found.start("value")].rstrip().endswith(":")


def _keep_lead(match: re.Match[str]) -> str:
    lead = match.group(1) if match.re.groups else ""
    return match.group() if match.group()[len(lead) :].startswith(SCRUBBED) else f"{lead}{SCRUBBED}"


def _digits(match: re.Match[str]) -> str:
    return SCRUBBED if is_card(match.group().replace(" ", "").replace("-", "")) else match.group()


def _iban(match: re.Match[str]) -> str:
    """ISO 7064: what is rearranged and read as a number leaves 1 by 97."""
    text = match.group().replace(" ", "")
    number = int("".join(str(int(char, 36)) for char in text[4:] + text[:4]))
    return SCRUBBED if 15 <= len(text) <= 34 and number % 97 == 1 else match.group()
