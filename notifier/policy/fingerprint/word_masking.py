"""Masking of one word of a message: parts that name a thing are kept, parts that identify an instance are masked.

A word has no spaces, brackets or quotes. An instance becomes `<kind>`. Repetitions in the patterns are possessive or
over one character class, so that a hostile word takes time linear in its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from notifier.policy.fingerprint.codes import (
    SHORT_CODE_NAMES,
    is_code,
    is_named_code,
    is_service,
    is_short_code,
    listens,
    names_code,
)
from notifier.policy.fingerprint.random_names import (
    RANDOM_CHARS,
    is_dense,
    is_random,
    mask_suffixes,
    without_temporary,
)

REMEMBERED: Final = 8_192
LONGEST_NAME: Final = 64
_HASH_CHARS: Final = 7
_NESTED: Final = 4
_ID_CHARS: Final = 8
_ID_DIGITS: Final = 3
_SHORTEST_ID: Final = 5
_DENSE_CHARS: Final = 12
_BASE64_CHARS: Final = 12

# Plain words: letters and what joins them. Capital hexadecimal words without digits are words, too.
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
    r"|\d\d?[-/](?:[A-Z][a-z]{2}|[A-Z]{3})[-/]\d\d(?:\d\d)?(?::\d\d:\d\d:\d\d)?|\d{4}-?W\d\d(?:-?\d)?)"
    r"|(?P<ipv6>(?=[^:]*:[^:]*:)(?:[0-9a-fA-F]{0,4}:){2,8}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4})(?:%\w{1,16})?(?:/\d{1,3})?)"
    rf"|(?P<duration>[-+~]?(?:\d+(?:\.\d+)?{_UNIT})+|P(?=T?\d)(?:\d+[YMWD])*(?:T(?:\d+(?:[.,]\d+)?[HMS])+)?)"
    r"|(?P<hex>[-+]?(?:0[xX]|\\x)[0-9a-fA-F]+|#[0-9a-fA-F]{6,8})"
    r"|(?P<number>[-+~]?[$€£¥₹]?\d+(?:[.,:/#*^-]+\d+)*(?:[eE][-+]?\d+)?"
    r"|[-+]?[$€£¥₹]\d+(?:[.,]\d+)?[kKMB]n?|v?\d+(?:\.\d+)+(?:[-.+]?(?:rc|alpha|beta|dev|post|SNAPSHOT|RELEASE|Final)[-.]?\d*)?"
    r"(?:\+[\w.-]{1,64})?)"
).fullmatch
_UUID: Final = re.compile(
    r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9a-fA-F])"
)
_URL: Final = re.compile(r"([A-Za-z][\w+.:-]{0,40}://)(?:[^/?#@]*@)?([^/?#]*)(.*)", re.DOTALL).fullmatch
_EMAIL: Final = re.compile(r"[^\s@:=/]+@(?:[\w-]+(?:\.[\w-]+)+|localhost)").fullmatch
_ABSOLUTE: Final = re.compile(r"(?:~|\.{1,2})?/|[A-Za-z]:[\\/]|\\\\").match
# Host names that contain an address, as networks name their customers and clouds their machines.
_REVERSE_NAME: Final = re.compile(
    r"[\w-]*?(?<!\d)\d{1,3}(?:[.-]\d{1,3}){3}(?!\d)[\w-]*(?:\.[A-Za-z][\w-]*)+"
).fullmatch
# A place in a data centre: rack, row, card.
_LOCATION: Final = re.compile(r"[A-Z]\d{1,3}(?:-[A-Z]\d{1,3}){2,8}(?:-[A-Z])?").fullmatch
_PUBLIC_HOST: Final = re.compile(r"(?:[\w-]+\.)+(?:com|net|org|io|dev|app|cloud)").fullmatch
# A local device or a switch port says which one has failed.
_DEVICE: Final = re.compile(
    r"nvme\d{1,3}(?:n\d{1,3}(?:p\d{1,3})?)?|mmcblk\d{1,2}(?:p\d{1,3})?|(?:en|wl|ww)[ospx]\d{1,3}(?:[sfnpd]\d{1,3}){0,4}"
).fullmatch
_DEVICE_FILE: Final = re.compile(r"/dev/(?:mapper/)?[A-Za-z][\w+-]{0,31}").fullmatch
_SWITCH_PORT: Final = re.compile(
    r"(?:[A-Z][A-Za-z]{0,20}Ethernet|Ethernet|Eth|Gi|Te|Fa|Fo|Hu|Tw|Po|ge-|xe-|et-|fe-)\d{1,3}(?:/\d{1,3}){1,3}(?:\.\d{1,4})?"
).fullmatch
# A systemd unit made from a template is no email address: `postgresql@14-main.service`.
_UNIT_OF_TEMPLATE: Final = re.compile(
    r"([\w:.-]+)@([\w:.\\-]*)(\.(?:service|socket|timer|mount|automount|target|device|slice|scope|path|swap))"
).fullmatch
# A gRPC method: package, service and method.
_RPC: Final = re.compile(r"/(?:[a-z]\w{0,63}\.){1,8}[A-Z][A-Za-z]{1,63}/[A-Z][A-Za-z]{1,63}").fullmatch
_SEGMENTS: Final = re.compile(r"[\\/]+").split
_PARTS: Final = re.compile(r"(\W+|_+-*)").split
_UNSPACED: Final = re.compile(
    r"([\u0e00-\u0e7f\u3001-\u30ff\u3400-\u9fff\uac00-\ud7af\uff01-\uff0f\uff1a-\uff9f]+)"
).split
_RUNS: Final = re.compile(r"\d+|\D+").findall
_HEX: Final = re.compile(r"[0-9a-fA-F]+").fullmatch
_DURATION: Final = re.compile(rf"(?:\d+{_UNIT})+").fullmatch
_NAME: Final = re.compile(r"(?:[A-Z]++[a-z]*+\d{0,2}+|[a-z]++\d{0,2}+(?![a-z]))++").fullmatch
_SHORT_NAME: Final = re.compile(r"(?:[^\W\d_]{2,}\d{1,2}){2}|[^\W\d_]+\d{1,2}[^\W\d_]+").fullmatch
# Ciphers, digests and codecs have a size in their name.
_SIZED: Final = frozenset(
    {"sha", "aes", "rsa", "rs", "hs", "es", "ps", "p", "ed", "x", "h", "cp", "crc", "utf"}
)
_SIZES: Final = frozenset(
    {"128", "192", "224", "256", "264", "265", "384", "512", "1024", "1252", "2048", "4096", "25519"}
)
_JOINTS: Final = frozenset(".-_")
_ORDINAL: Final = frozenset({"st", "nd", "rd", "th"})
_VERSIONED_TLS: Final = frozenset({"tlsv1", "sslv3", "dtlsv1"})
# Keys that name the other end of a connection, which does not say what failed.
_REMOTE: Final = frozenset(
    {"client", "peer", "remote", "rhost", "remote_host", "remote_addr", "src", "source_host", "client_host"}
)
_REQUESTED: Final = frozenset({"url", "uri", "endpoint", "request_uri", "request_path", "target"})
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={1,2}").fullmatch
_HOST: Final = re.compile(r"(?:[\w-]+\.)+[A-Za-z]{2,12}").fullmatch


def core_of(word: str) -> str:
    """The word without trailing punctuation."""
    return word.rstrip(_TRAILING)


@lru_cache(maxsize=REMEMBERED)
def masked_word(word: str) -> str:
    """The word with its instances masked."""
    if word.isdigit():
        return "<number>"
    if not word or word.isalpha():
        return _alphabetic(word)
    if _PLAIN(word) is not None and len(word) < LONGEST_NAME and "-" not in word and not _mixes_case(word):
        return word
    core = core_of(word)
    return _core(core) + word[len(core) :] if core else word


def _mixes_case(word: str) -> bool:
    return len(word) >= _DENSE_CHARS and not word.islower() and not word.isupper()


def _core(core: str) -> str:
    if not core.isascii():
        runs = _UNSPACED(core)
        if len(runs) > 1:
            return "".join(_unspaced(runs))
    whole = _WHOLE(core)
    if whole is not None:
        return _whole(whole)
    if is_named_code(core) or ("/" in core and (_DEVICE_FILE(core) or _SWITCH_PORT(core))):
        return core
    if len(core) >= RANDOM_CHARS and is_random(core):
        return "<id>"
    if "=" in core and core.endswith("=") and len(core) > _BASE64_CHARS and _BASE64(core):
        return "<id>"
    url = _URL(core) if "://" in core else None
    return _composed(core) if url is None else _url(*url.groups())


def _unspaced(runs: list[str]) -> Iterator[str]:
    """Words of a script without spaces, unchanged, and runs of other scripts between them, masked as words."""
    for index, run in enumerate(runs):
        code = index % 2 == 0 and index and names_code(runs[index - 1]) and is_code(run)
        yield run if index % 2 or code else masked_word(run)


def _composed(core: str) -> str:
    """Mask a word made of several parts, by the first separator that applies."""
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
    if kind == "hex" and is_named_code(match[0]):
        return match[0]
    if kind == "port":
        port = match["port"]
        return f"<ip>:{port if listens(port) else '<number>'}"
    if kind == "ipv6":
        text = match[0]
        host, _, port = text.rpartition(":")
        return f"<ip>:{port}" if host in {"::", "::1"} and port.isdigit() and listens(port) else "<ip>"
    return f"<{kind}>"


def _url(scheme: str, host: str, rest: str) -> str:
    if not host:
        return scheme + _path(rest) if rest else scheme
    return f"{scheme}{_host(host)}{'/<path>' if len(rest) > 1 else rest}"


def _host(host: str) -> str:
    """A host name, kept together with the port of a service."""
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdigit():
        return masked_word(host)
    whole = _WHOLE(host)
    if whole is not None:
        return _whole(whole)
    return f"{masked_word(name)}:{port if listens(port) else '<number>'}"


def _assigned(core: str) -> str:
    """`key=value`: the value is masked as if it stood alone, or according to the key."""
    key, _, value = core.partition("=")
    if "&" in value:
        return "&".join(map(masked_word, core.split("&")))
    if value.count("=") > _NESTED:
        return "=".join(map(_compound, core.split("=")))
    if _is_assigned_code(key, value):
        return core
    if key.lower() in _REMOTE and _HOST(value):
        return f"{key}=<address>"
    if len(value) >= _ID_CHARS and _HEX(value):
        return f"{masked_word(key)}=<id>"
    requested = value[:1] == "/" and key.lower() in _REQUESTED
    return f"{masked_word(key)}={'<path>' if requested else masked_word(value)}"


def _is_assigned_code(key: str, value: str) -> bool:
    if names_code(key):
        return is_code(value)
    if key == "port":
        return value.isdigit() and listens(value)
    if key == "EventID":
        return value.isdigit()
    return key.lower() in SHORT_CODE_NAMES and is_short_code(value)


def _requested(core: str) -> str:
    """A path with a query."""
    path, _, _ = core.partition("?")
    if path[:1] == "/":
        return "<path>"
    return f"{masked_word(path).removesuffix('/<path>')}/<path>"


def _at(core: str) -> str:
    unit = _UNIT_OF_TEMPLATE(core)
    if unit is not None:
        return f"{masked_word(unit[1])}@{masked_word(unit[2])}{unit[3]}"
    if _EMAIL(core) is not None:
        return "<email>"
    before, _, after = core.rpartition("@")
    if ":" in core:
        return _colons(core)
    if before.count("@") > _NESTED:
        return "@".join(map(_compound, core.split("@")))
    return f"{masked_word(before)}@{'<id>' if _HEX(after) else masked_word(after)}"


def _path(core: str) -> str:
    """A path: folders depend on the machine, the file name is masked like a word."""
    drive = core[:2] if core[1:2] == ":" else ""
    if ":" in core[len(drive) :]:
        return _colons(core)
    separator = "\\" if "\\" in core else "/"
    segments = _SEGMENTS(core)
    if (
        len(segments) == 2
        and {"tcp", "udp"} & {segment.lower() for segment in segments}
        and _has_port(segments)
    ):
        return core
    if ("?" in core or core.startswith("www.")) and _PUBLIC_HOST(segments[0]) is not None:
        return f"{masked_word(segments[0])}/<path>"
    if _ABSOLUTE(core) is None or _RPC(core) is not None:
        return separator.join(map(masked_word, segments))
    names = [name for name in segments[:-1] if name] + segments[-1:]
    last = without_temporary(segments[-1]) or (names[-2] if len(names) > 1 else "")
    tail = "" if segments[-1] else separator
    if len([name for name in names if name]) <= 1 and not drive:
        return core if not last else core.replace(last, masked_word(last))
    return f"<path>{separator}{masked_word(last)}{tail}"


def _has_port(segments: list[str]) -> bool:
    return any(segment.isdigit() and listens(segment) for segment in segments)


def _colons(core: str) -> str:
    parts = core.split(":")
    if parts[0] == "arn" and len(parts) > 5 and parts[2] == "s3":
        return f"arn:{parts[1]}:s3:::{masked_word(parts[5].partition('/')[0])}/<path>"
    if len(parts) == 2 and parts[1].isdigit():
        if names_code(parts[0]) and is_code(parts[1]):
            return core
        if parts[0] in {"localhost", "<ip>", "", "*"} and listens(parts[1]):
            return core
        if is_service(*parts):
            return f"{masked_word(parts[0])}:{parts[1]}"
    return ":".join(map(masked_word, parts))


def _compound(core: str) -> str:
    """Words joined by dots, dashes and the like, each masked by itself."""
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
    _keep_sizes(parts, pieces)
    mask_suffixes(parts, pieces)
    return "".join(pieces)


def _keep_sizes(parts: list[str], pieces: list[str]) -> None:
    """Keep numbers of standards and codes after their words: `AES-256`, `TLSv1.2`, `HttpStatus.404`."""
    for index in range(2, len(parts), 2):
        if not parts[index].isdigit():
            continue
        part, before, joint = parts[index], parts[index - 2].lower(), parts[index - 1]
        if joint == "-":
            sized = part in _SIZES or (before == "utf" and len(part) < 3)
            standard = (len(before) > 1 or parts[index - 2] == "P") and before in _SIZED and sized
        else:
            standard = joint == "." and before in _VERSIONED_TLS
        standard = standard or (joint in _JOINTS and names_code(before) and is_code(part))
        if standard:
            pieces[index] = part


def masked_part(part: str) -> str:
    """A part of letters and digits, masked."""
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
    """Letters and digits: a name that ends in a number, a number followed by letters, or an id."""
    if _DEVICE(part) is not None:
        return part
    runs = _RUNS(part)
    if len(runs) == 2 and runs[1].isdigit() and (len(runs[0]) > 1 or runs[0] in _SIZED):
        return _numbered(runs[0], runs[1])
    if _NAME(part) is not None and sum(map(len, runs[1::2])) < _ID_DIGITS and not is_dense(part):
        return part
    if len(runs) == 2 and runs[0].isdigit() and len(runs[1]) > 1:
        return f"<number>{'' if runs[1] in _ORDINAL else runs[1]}"
    short = (len(part) < _SHORTEST_ID and len(runs) < 4) or _SHORT_NAME(part) is not None
    if len(part) >= _ID_CHARS or not short:
        return "<id>"
    return f"{part.rstrip('0123456789')}<number>" if part[-3:].isdigit() else part


def _numbered(name: str, digits: str) -> str:
    kept = _alphabetic(name)
    if kept != name or (len(digits) > 2 and len(name) > _SHORTEST_ID and is_dense(name)):
        return "<id>"
    if len(digits) <= 2:
        return name + digits
    sized = (name.lower() in _SIZED and digits in _SIZES) or (names_code(name) and is_code(digits))
    return f"{name}{digits if sized else '<number>'}"


def _alphabetic(part: str) -> str:
    """Letters only: a word, or an id if it is long and its case changes often."""
    if len(part) < _DENSE_CHARS:
        return part
    return "<id>" if len(part) >= LONGEST_NAME or is_dense(part) else part
