"""One word of a message masked: the parts that name a thing stay, the parts that are an instance of it do not.

A word comes without spaces, brackets and quotes. What is an instance becomes `<kind>`. Every repetition in these
patterns is over one class of characters or possessive, so that a hostile word costs no more than its length.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

REMEMBERED: Final = 8_192
LONGEST_NAME: Final = 64
_EPHEMERAL_PORT: Final = 32_768
_HASH_CHARS: Final = 7
_NESTED: Final = 4
_ID_CHARS: Final = 8
_ID_DIGITS: Final = 3
_SHORTEST_ID: Final = 5
_DENSE_CHARS: Final = 12
_BASE64_CHARS: Final = 12

# Words that need no further look: letters and what joins them. Capital hexadecimal words of letters alone are words.
_PLAIN: Final = re.compile(r"[^\W\d]+(?:[.:_!?*-]+[^\W\d]+)*+[.:!?]*").fullmatch
_TRAILING: Final = ".:;,!?"
_UNIT: Final = (
    r"(?:ns|us|µs|ms|s|secs?|m|mins?|h|hrs?|d|days?|k|[kKMGT]i?[bB]|[kKMGT]|B|bytes?|%|C|Hz|[kMG]Hz|px|x)"
)
_WHOLE: Final = re.compile(
    r"(?P<uuid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"
    r"|(?P<ip>/?\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,3})?)(?::(?P<port>\d{1,5}))?"
    r"|(?P<mac>[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5,7})"
    r"|(?P<time>\d{1,3}:\d\d(?::\d\d)?(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)"
    r"|(?P<date>\d{4}[-/.]\d\d?[-/.]\d\d?(?:[T_]\d\d:?\d\d(?::?\d\d(?:[.,]\d{1,9})?)?)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\d{8}T\d{4,6}(?:\.\d{1,9})?Z?|\d\d?[-/.]\d\d?[-/.]\d{4}"
    r"|\d\d?[-/][A-Z][a-z]{2}[-/]\d{4}(?::\d\d:\d\d:\d\d)?)"
    r"|(?P<ipv6>(?=[^:]*:[^:]*:)[0-9a-fA-F:]*+(?:\d{1,3}(?:\.\d{1,3}){3})?(?:%\w{1,16})?(?:/\d{1,3})?)"
    rf"|(?P<duration>[-+~]?(?:\d+(?:\.\d+)?{_UNIT})+)"
    r"|(?P<hex>[-+]?(?:0[xX]|\\x)[0-9a-fA-F]+|#[0-9a-fA-F]{6,8})"
    r"|(?P<number>[-+~]?\d+(?:[.,:/#*^-]+\d+)*(?:[eE][-+]?\d+)?)"
).fullmatch
_UUID: Final = re.compile(
    r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9a-fA-F])"
)
_URL: Final = re.compile(r"([A-Za-z][\w+.:-]{0,40}://)(?:[^/?#@]*@)?([^/?#]*)(.*)", re.DOTALL).fullmatch
_EMAIL: Final = re.compile(r"[^\s@:=/]+@[\w-]+(?:\.[\w-]+)+").fullmatch
_ABSOLUTE: Final = re.compile(r"(?:~|\.{1,2})?/|[A-Za-z]:[\\/]|\\\\").match
# A host that is named after its address, as networks name their customers' and clouds their machines.
_REVERSE_NAME: Final = re.compile(
    r"[\w-]*?(?<!\d)\d{1,3}(?:[.-]\d{1,3}){3}(?!\d)[\w-]*(?:\.[A-Za-z][\w-]*)+"
).fullmatch
# A place in a machine hall: rack, row, card.
_LOCATION: Final = re.compile(r"[A-Z]\d{1,3}(?:-[A-Z]\d{1,3}){2,8}(?:-[A-Z])?").fullmatch
_PUBLIC_HOST: Final = re.compile(r"(?:[\w-]+\.)+(?:com|net|org|io|dev|app|cloud)").fullmatch
_SEGMENTS: Final = re.compile(r"[\\/]+").split
_PARTS: Final = re.compile(r"(\W+|_+-*)").split
_RUNS: Final = re.compile(r"\d+|\D+").findall
_HEX: Final = re.compile(r"[0-9a-fA-F]+").fullmatch
_DURATION: Final = re.compile(rf"(?:\d+{_UNIT})+").fullmatch
_NAME: Final = re.compile(r"(?:[A-Z]++[a-z]*+\d{0,2}+|[a-z]++\d{0,2}+(?![a-z]))++").fullmatch
_SHORT_NAME: Final = re.compile(r"(?:[^\W\d_]{2,}\d{1,2}){2}|[^\W\d_]+\d{1,2}[^\W\d_]+").fullmatch
_CASES: Final = re.compile(r"[A-Z]+[a-z]*|[a-z]+").findall
# Ciphers, digests and codecs are named with a size.
_SIZED: Final = frozenset(
    {"sha", "aes", "rsa", "rs", "hs", "es", "ps", "p", "ed", "x", "h", "cp", "crc", "utf"}
)
_SIZES: Final = frozenset(
    {"128", "192", "224", "256", "264", "265", "384", "512", "1024", "1252", "2048", "4096", "25519"}
)
_ORDINAL: Final = frozenset({"st", "nd", "rd", "th"})
# Kubernetes makes suffixes of these, without vowels so that they never spell a word.
_SUFFIX: Final = re.compile(r"[bcdfghjklmnpqrstvwxz2456789]{5}").fullmatch
_NO_SUFFIX: Final = frozenset({"https", "xhtml", "dhcpd", "pgsql", "btrfs", "sshfs"})
_CODE_NAMES: Final = frozenset({"http", "rc", "exited", "terminated", "dsn"})
_CODE_ENDINGS: Final = ("status", "code", "errno", "error", "sqlstate", "signal", "exit", "hresult")
# Keys that name whoever is at the other end; who that is does not say what failed.
_REMOTE: Final = frozenset(
    {"client", "peer", "remote", "rhost", "remote_host", "remote_addr", "src", "source_host", "client_host"}
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={1,2}").fullmatch
# Numbers that name an error wherever they stand: databases', compilers', directories'.
_NAMED_CODE: Final = re.compile(
    r"(?:ORA|TNS|PLS|RMAN|SQL|DB2|ER|ERR|AADSTS|PGRST|TS|CS|MSB|NU|E|W|S)[-_]?\d{3,6}[A-Z]?|[1-5][xX]{2}"
).fullmatch
_HOST: Final = re.compile(r"(?:[\w-]+\.)+[A-Za-z]{2,12}").fullmatch
_CODE: Final = re.compile(
    r"-?\d{1,5}|[245]\.\d{1,3}\.\d{1,3}|[0-9A-Z]{5}|0x[0-9a-fA-F]{1,8}|[A-Z]{1,8}-?\d{1,6}"
).fullmatch


def is_code(text: str) -> bool:
    """Whether it has the shape of a status, an SQLSTATE, an errno or a signal."""
    return _CODE(text) is not None


def names_code(word: str) -> bool:
    """Whether what follows the word is a code: it says what failed."""
    word = word.rstrip(":=(#").lower()
    return word.endswith(_CODE_ENDINGS) or word in _CODE_NAMES or word.startswith("http/")


def core_of(word: str) -> str:
    """The word without the punctuation that follows it."""
    return word.rstrip(_TRAILING)


@lru_cache(maxsize=REMEMBERED)
def masked_word(word: str) -> str:
    """The word, its instances masked."""
    if word.isdigit():
        return "<number>"
    if not word or word.isalpha():
        return _alphabetic(word)
    if _PLAIN(word) is not None and len(word) < LONGEST_NAME and "-" not in word:
        return word
    core = core_of(word)
    return _core(core) + word[len(core) :] if core else word


def _core(core: str) -> str:
    whole = _WHOLE(core)
    if whole is not None:
        return _whole(whole)
    if _NAMED_CODE(core) is not None:
        return core
    if "=" in core and core.endswith("=") and len(core) > _BASE64_CHARS and _BASE64(core):
        return "<id>"
    url = _URL(core) if "://" in core else None
    return _composed(core) if url is None else _url(*url.groups())


def _composed(core: str) -> str:
    """By the first of these that is in it: each makes one thing of several words."""
    if 0 <= core.find("/") < core.find("?") < core.find("="):
        return _requested(core)
    if "=" in core.rstrip("="):
        return _assigned(core)
    if "@" in core:
        return _at(core)
    if "/" in core or "\\" in core:
        return _path(core)
    return _colons(core) if ":" in core else _compound(core)


def _whole(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "port":
        port = match["port"]
        return f"<ip>:{port if listens(port) else '<number>'}"
    if kind == "ipv6":
        text = match[0]
        loopback = text.startswith("::1:") and text[4:].isdigit() and listens(text[4:])
        return f"<ip>:{text[4:]}" if loopback else "<ip>"
    return f"<{kind}>"


def _url(scheme: str, host: str, rest: str) -> str:
    if not host:
        return scheme + _path(rest) if rest else scheme
    return f"{scheme}{_host(host)}{'/<path>' if len(rest) > 1 else rest}"


def _host(host: str) -> str:
    """A host's name stays, with a port that a service listens on."""
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdigit():
        return masked_word(host)
    whole = _WHOLE(host)
    if whole is not None:
        return _whole(whole)
    return f"{masked_word(name)}:{port if listens(port) else '<number>'}"


def listens(port: str) -> bool:
    """Whether a service may listen there; connections come from the ports above."""
    return port.isascii() and len(port) < 6 and int(port) < _EPHEMERAL_PORT


def _assigned(core: str) -> str:
    """`key=value`: the value is judged as if it stood alone, or as what the key says that it is."""
    key, _, value = core.partition("=")
    if "&" in value:
        return "&".join(map(masked_word, core.split("&")))
    if value.count("=") > _NESTED:
        return "=".join(map(_compound, core.split("=")))
    if (names_code(key) and is_code(value)) or (key == "port" and value.isdigit() and listens(value)):
        return core
    if key.lower() in _REMOTE and _HOST(value):
        return f"{key}=<address>"
    if len(value) >= _ID_CHARS and _HEX(value):
        return f"{masked_word(key)}=<id>"
    return f"{masked_word(key)}={masked_word(value)}"


def _requested(core: str) -> str:
    """A path with a query."""
    path, _, _ = core.partition("?")
    return f"{masked_word(path).removesuffix('/<path>')}/<path>"


def _at(core: str) -> str:
    if _EMAIL(core) is not None:
        return "<email>"
    before, _, after = core.rpartition("@")
    if ":" in core:
        return _colons(core)
    if before.count("@") > _NESTED:
        return "@".join(map(_compound, core.split("@")))
    return f"{masked_word(before)}@{'<id>' if _HEX(after) else masked_word(after)}"


def _path(core: str) -> str:
    """Folders are the machine's; a file's last name says which one."""
    drive = core[:2] if core[1:2] == ":" else ""
    if ":" in core[len(drive) :]:
        return _colons(core)
    separator = "\\" if "\\" in core else "/"
    segments = _SEGMENTS(core)
    if ("?" in core or core.startswith("www.")) and _PUBLIC_HOST(segments[0]) is not None:
        return f"{masked_word(segments[0])}/<path>"
    if _ABSOLUTE(core) is None:
        return separator.join(map(masked_word, segments))
    names = [name for name in segments[:-1] if name] + segments[-1:]
    last = segments[-1] or (names[-2] if len(names) > 1 else "")
    tail = "" if segments[-1] else separator
    if len([name for name in names if name]) <= 1 and not drive:
        return core if not last else core.replace(last, masked_word(last))
    return f"<path>{separator}{masked_word(last)}{tail}"


def _colons(core: str) -> str:
    parts = core.split(":")
    if len(parts) == 2 and parts[1].isdigit():
        if names_code(parts[0]) and is_code(parts[1]):
            return core
        if parts[0] in {"localhost", "<ip>", ""} and listens(parts[1]):
            return core
    return ":".join(map(masked_word, parts))


def _compound(core: str) -> str:
    """Words joined by dots, dashes and the like: each by itself."""
    if len(core) >= 36:
        cut = _UUID.split(core)
        if len(cut) > 1:
            return "<uuid>".join(map(_compound, cut))
    if _REVERSE_NAME(core) is not None:
        return "<ip>"
    if _LOCATION(core) is not None:
        return "<id>"
    parts = _PARTS(core)
    if len(parts) == 1:
        return masked_part(core)
    hexes = [part for part in parts[::2] if len(part) >= 4 and _HEX(part)]
    if len(hexes) > 2 and len(hexes) == len(parts[::2]) and not core.isalpha():
        return "<id>"
    pieces = [
        masked_part(part) if index % 2 == 0 else part.rstrip("-") if part[0] == "_" else part
        for index, part in enumerate(parts)
    ]
    _mask_suffixes(parts, pieces)
    return "".join(pieces)


def _mask_suffixes(parts: list[str], pieces: list[str]) -> None:
    """The random ends of pods and machines: behind another id, or where they can be no word."""
    for index in range(2, len(parts), 2):
        part = parts[index]
        if parts[index - 1] != "-":
            continue
        if (
            pieces[index - 2] == "<id>"
            and (_SUFFIX(part) or (not (part.isalpha() or part.isdigit()) and part))
        ) or (index > 2 and index == len(parts) - 1 and _SUFFIX(part) and part not in _NO_SUFFIX):
            pieces[index] = "<id>"


def masked_part(part: str) -> str:
    """Letters and digits alone."""
    if part.isalpha() or not part:
        return _alphabetic(part)
    if part.isdigit():
        return "<number>"
    if len(part) >= _HASH_CHARS and _HEX(part):
        return "<id>"
    if part[:2] in {"0x", "0X"} or _DURATION(part):
        return "<hex>" if part[1] in "xX" else "<duration>"
    return _mixed(part)


def _mixed(part: str) -> str:
    """Letters and digits: a name that ends in a number, a number with letters behind it, or an id."""
    runs = _RUNS(part)
    if len(runs) == 2 and runs[1].isdigit() and (len(runs[0]) > 1 or runs[0] in _SIZED):
        return _numbered(runs[0], runs[1])
    if _NAME(part) is not None and sum(map(len, runs[1::2])) < _ID_DIGITS and not _dense(part):
        return part
    if len(runs) == 2 and runs[0].isdigit() and len(runs[1]) > 1:
        return f"<number>{'' if runs[1] in _ORDINAL else runs[1]}"
    short = (len(part) < _SHORTEST_ID and len(runs) < 4) or _SHORT_NAME(part) is not None
    if len(part) >= _ID_CHARS or not short:
        return "<id>"
    return f"{part.rstrip('0123456789')}<number>" if part[-3:].isdigit() else part


def _numbered(name: str, digits: str) -> str:
    kept = _alphabetic(name)
    if kept != name or (len(digits) > 2 and len(name) > _SHORTEST_ID and _dense(name)):
        return "<id>"
    sized = name.lower() in _SIZED and digits in _SIZES
    return f"{name}{digits}" if len(digits) <= 2 or sized else f"{name}<number>"


def _alphabetic(part: str) -> str:
    """A word; long ones whose case changes all the time are codes."""
    if len(part) < _DENSE_CHARS:
        return part
    return "<id>" if len(part) >= LONGEST_NAME or _dense(part) else part


def _dense(part: str) -> bool:
    """Whether the case changes more often than in a name of several words."""
    return not part.islower() and not part.isupper() and len(part) < 3.4 * len(_CASES(part))
