"""Names of secrets: `apiKey` and `PGPASSWORD`, but not `tokens_used`. Pure.

The service and the client, which imports nothing of the service, each have an identical copy of this module.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_SEP = "[-_. ]?"
# The only list of words. RE2 also searches for them in raw bytes, without boundaries.
WORDS: Final = (
    f"pass(?:{_SEP}(?:word|wd|wrd|phrase|code|key|wort))?s?",
    "pwd|ps?wd?",
    f"kennwort|mot{_SEP}de{_SEP}passe|contrasena|senha|wachtwoord|haslo|losenord|parola|salasana",
    f"[th]?otp(?:{_SEP}code)?",
    f"(?:verification|security|confirmation|mfa|2fa|access|activation|recovery|backup|reset|login|secret){_SEP}codes?",
    f"security{_SEP}answer",
    f"(?:basic|http|rediscli){_SEP}auth",
    f"(?:root|admin|user|bind|ldap|db){_SEP}pw",
    f"(?:store|key){_SEP}pass",
    f"key{_SEP}data",
    f"connect{_SEP}sid",
    f"code{_SEP}verifier",
    f"seed{_SEP}phrase|mnemonic",
    "secrets?",
    "token",
    "jwt",
    "psk",
    "bearer",
    (
        "(?:api|access|private|secret|signing|encryption|ssh|master|account|auth|app|application|subscription|license"
        f"|licence|shared|hmac|deploy|webhook|instrumentation){_SEP}key"
    ),
    "authori[sz]ation",
    "cred(?:ential)?s?",
    "cookies?",
    f"session(?:{_SEP}(?:id|key))?",
    f"(?:php|j)?{_SEP}sess(?:ion)?{_SEP}id",
    "[cx]srf",
    "dsn",
    "cvv|cvc",
    f"card{_SEP}(?:number|num|no)",
    f"connection{_SEP}string",
)
# Too short to be searched for in raw bytes without what follows.
PIN = f"pins?(?:{_SEP}(?:code|number))?"
# A separator, plain or escaped in JSON within JSON.
FOREIGN = re.compile(
    re.sub(
        r"[^\x00-\x7f|]",
        lambda found: "(?:{0}|{1}|{2}u{3:04x}|{2}u{4:04x})".format(
            found[0], found[0].upper(), r"\\{1,8}", ord(found[0]), ord(found[0].upper())
        ),
        "contraseña|пароль|hasło|lösenord|şifre|密码|密碼|パスワード|비밀번호",
    ),
    re.IGNORECASE,
)
# Words that make a name describe a secret rather than hold one: `token_count`, `password_length`, `secret_name`.
_ABOUT = (
    "counts?|used|usage|limits?|length|len|size|type|name|expire[sd]?|expires_(?:at|in)|expiry|ttl|valid|present"
    "|policy|required|age|errors?|status|budget|state|kind|duration|timeout|bucket|file|path|page|field|reset"
    "|manager|provider|algorithm|strength|attempts?|version|prompt|index|position|changed?|endpoint|ur[il]|domain|arn|ref"
    "|at|date|sent|enabled|entry|issuer|format|scopes?|pool|cache|cookies?|min|max|minimum|maximum|validation|rotation|days"
    "|samesite|secure|rate|start|end|consent"
)
# ASCII only, since otherwise a Kelvin sign would match `k` here but not in the bytes that RE2 searches.
FLAGS: Final = re.IGNORECASE | re.ASCII
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NAME = re.compile(
    rf"(?:^|[^a-z])(?:{'|'.join(WORDS)}|{PIN})[0-9]*(?:$|[^a-z](?!(?:hash[^a-z])?(?:(?:{_ABOUT})[^a-z]?)+$))"
    # Joined words at the end of a name.
    "|(?:password|passwort|passwd|passphrase|passcode|apikey|(?:access|private|secret)key|secret|[a-z]token|sessionid|cookie)"
    "[0-9]*$",
    FLAGS,
)


def names_secret(name: str) -> bool:
    """Whether the value under this name is a secret: true for `apiKey` and `PGPASSWORD`, false for `tokens_used`."""
    return _seen_before(name) if len(name) <= 100 else _names_secret(name)


def _names_secret(name: str) -> bool:
    return _NAME.search(_CAMEL.sub("_", name)) is not None or (
        not name.isascii() and FOREIGN.search(name) is not None
    )


# Cached, since the same few names come with every event.
_seen_before = lru_cache(maxsize=4_096)(_names_secret)
