"""Numbers that say what failed: statuses, error codes, signals, ports of services, versions.

A number is recognised by its form, or by the word before it.
"""

from __future__ import annotations

import re
from typing import Final

_EPHEMERAL_PORT: Final = 32_768
_CODE_NAMES: Final = frozenset({
    "http", "smtp", "lmtp", "ftp", "sip", "amqp", "ldap", "rc", "exited", "terminated", "dsn", "err", "reply",
    "connack", "rst_stream", "curl",
})  # fmt: skip
_CODE_ENDINGS: Final = (
    "status", "_err", "code", "errno", "error", "sqlstate", "signal", "exit", "hresult", "fehler", "erreur", "errore",
    "código", "codigo", "ошибка", "код", "错误", "代码", "エラー", "コード", "오류",
)  # fmt: skip
# Their codes identify one of many things, as an address or a voucher does, and no error.
CODED_THINGS: Final = frozenset({
    "zip", "post", "postal", "bar", "qr", "promo", "promotion", "coupon", "voucher", "discount", "gift", "area",
    "country", "dial", "product", "item", "article", "color", "colour", "invite", "invitation", "referral",
    "tracking", "booking", "verification", "confirmation", "access", "security", "customer", "order", "department",
    "currency", "language",
})  # fmt: skip
# After these words, up to three digits say what failed, while a longer number is an instance.
SHORT_CODE_NAMES: Final = frozenset({
    "alert", "alarm", "exception", "fault", "interrupt", "kill", "mode", "phase", "qtype", "reason", "result",
    "ret", "rv", "sig", "signo", "stage", "state", "stato", "syscall", "trap", "type", "xid",
})  # fmt: skip
_CODE: Final = re.compile(
    r"-?\d{1,5}|-\d{6,10}|[245]\.\d{1,3}\.\d{1,3}|[0-9A-Z]{5}|0x[0-9a-fA-F]{1,8}|[A-Z]{1,8}-?\d{1,6}"
).fullmatch
_SHORT_CODE: Final = re.compile(r"-?\d{1,3}|0x[0-9a-fA-F]{1,8}").fullmatch
# Numbers that name an error in any context: those of databases, compilers, directories, Windows and advisories;
# and the versions of symbols in a library.
_NAMED_CODE: Final = re.compile(
    r"(?:ORA|TNS|PLS|RMAN|SQL|DB2|ER|ERR|AADSTS|PGRST|MY|TS|CS|LNK|MSB|NU|E|W|S)[-_]?\d{3,7}[A-Z]?|[1-5][xX]{2}"
    r"|0x800[0-9a-fA-F]{5}|0x[cC]000[0-9a-fA-F]{4}|CVE-\d{4}-\d{4,7}|CWE-\d{1,4}|RUSTSEC-\d{4}-\d{4}"
    r"|[A-Z]{4,8}_\d{1,2}(?:\.\d{1,2}){1,2}|[a-z]{2}-(?:gov-)?(?:north|south|east|west|central){1,2}-\d[a-f]?"
).fullmatch
# Error numbers of a program: `PAY-4001: declined`. With the listed words a number identifies something else.
_LEADING_CODE: Final = re.compile(
    r"(?!(?:ORDER|ORD|INV|JOB|TASK|TICKET|REQ|REQUEST|USER|CUST|ID|TX|TXN|PR|PO|SO|RUN|BUILD|PID)-?\d)[A-Z]{1,8}-?\d{3,5}"
).fullmatch
_SERVICE_PORTS: Final = frozenset({
    "21", "22", "25", "53", "80", "110", "143", "389", "443", "465", "587", "636", "853", "993", "1433", "1521",
    "1883", "2049", "2181", "2379", "2380", "3000", "3306", "3389", "4222", "4317", "4318", "5000", "5432", "5672",
    "5984", "6379", "6432", "6443", "7000", "7474", "7687", "8000", "8080", "8086", "8123", "8200", "8443", "8500",
    "8883", "8888", "9000", "9042", "9090", "9092", "9093", "9100", "9200", "9300", "9411", "9443", "10250",
    "11211", "15672", "26257", "26379", "27017",
})  # fmt: skip
_HOST: Final = re.compile(r"(?:[\w-]+\.)+[A-Za-z]{2,12}").fullmatch
_SOURCE: Final = re.compile(
    r".*\.(?:py|pyx|js|jsx|ts|tsx|mjs|java|kt|scala|go|rs|rb|php|cs|cpp|cc|c|h|hpp|swift|ex|exs|erl|pl|sh|sql|lua|vue)",
    re.IGNORECASE,
).fullmatch
_VERSION: Final = re.compile(r"(?:[<>=~^!]{0,3}v?|[A-Z]{3,5}/)(\d{1,3}(?:\.\d{1,4}){0,3})").fullmatch
_VERSIONED: Final = frozenset({
    "tls", "ssl", "dtls", "python", "java", "jdk", "jre", "php", "node", "node.js", "nodejs", "ruby", "perl", "go",
    "rust", "openssl", "glibc", "postgresql", "postgres", "mysql", "mariadb", "redis", "kubernetes", "android",
    "ios", "macos", "windows", "version",
})  # fmt: skip


def is_code(text: str) -> bool:
    """Whether the text has the form of a status, an SQLSTATE, an errno or a signal."""
    return _CODE(text) is not None


def is_named_code(text: str) -> bool:
    """Whether the text is a code in any context."""
    return _NAMED_CODE(text) is not None


def leads(word: str) -> bool:
    """Whether a message's first word is a code: `PAY-4001:`."""
    return word[-1:] == ":" and _LEADING_CODE(word[:-1]) is not None


def names_code(word: str) -> bool:
    """Whether a number after this word is a code."""
    word = word.rstrip(":=(#").lower()
    if word.endswith(_CODE_ENDINGS):
        return word[-4:] != "code" or word[:-4].rstrip("_-") not in CODED_THINGS
    return word in _CODE_NAMES or word[:5] in {"http/", "sip/2"}


def is_short_code(text: str) -> bool:
    return _SHORT_CODE(text) is not None


def listens(port: str) -> bool:
    """Whether a service may listen on the port; ports above are ephemeral ports of clients."""
    return port.isascii() and len(port) < 6 and int(port) < _EPHEMERAL_PORT


def is_service(host: str, port: str) -> bool:
    """Whether `host:port` is a service: it has a well-known port, or a host name that is not a source file."""
    if port in _SERVICE_PORTS:
        return not _SOURCE(host)
    return len(port) == 4 and listens(port) and _HOST(host) is not None and not _SOURCE(host)


def asks_version(message: str) -> bool:
    """Whether a message may be about a required or supported version, which then distinguishes problems."""
    return (
        "equire" in message
        or "upport" in message
        or "epend" in message
        or "atisf" in message
        or "ompatib" in message
        or "onflict" in message
        or "needs " in message
        or "class file" in message
    )


def is_version(text: str) -> bool:
    return _VERSION(text) is not None


def has_versions(name: str) -> bool:
    """Whether the name is of something that is distinguished by its version."""
    return name.rstrip(":=").lower() in _VERSIONED
