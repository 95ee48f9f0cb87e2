"""Verification of an OpenID provider's ID token, and the person in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from notifier.domain.person import RecognisedPerson
from notifier.domain.time import SECOND, Instant
from notifier.web.errors import PageError
from notifier.wording.text import plain

ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
"""Asymmetric signatures only: `none` and the shared-secret algorithms (HS) prove nothing here."""

_LEEWAY_S = 60
_GROUPS_AT_MOST = 1_000
_TEXT_CHARS = 256
_NAME_CHARS = 100
_NAMES = ("name", "preferred_username", "email")


class UnknownSigningKey(Exception):
    """The token's key is not in the key set."""


def keys_in(document: Any) -> KeySet:
    """The keys of a JWKS that may sign tokens; other and invalid keys are skipped."""
    found: list[Any] = []
    listed = document.get("keys") if isinstance(document, dict) else None
    kinds: Mapping[object, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    for entry in listed if isinstance(listed, list) else ():
        kind = kinds.get(entry.get("kty")) if isinstance(entry, dict) else None
        if kind is None or entry.get("use", "sig") != "sig":
            continue
        try:
            found.append(kind.import_key(entry))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return KeySet(found)


def claims_of(token: str, keys: KeySet) -> Mapping[str, Any]:
    """The claims of a token with a valid signature. `PageError` is raised for any other token."""

    def signing_key(signed: Any) -> Any:
        kid = signed.headers().get("kid")
        matching = [key for key in keys.keys if kid is None or key.kid == kid]
        if kid is not None and not matching:
            raise UnknownSigningKey
        if len(matching) != 1:
            raise _refused("it does not say by which key it is signed")
        return matching[0]

    try:
        claims = jwt.decode(token, signing_key, algorithms=ALGORITHMS).claims
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise _refused("its signature is not the provider's") from None
    if not isinstance(claims, dict):
        raise _refused("it holds no claims")
    return claims


def check_claims(claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now: Instant) -> None:
    """Raise `PageError` unless the claims are from this provider, for this service and sign-in, and valid now.

    These are the checks of OpenID Connect Core 1.0, section 3.1.3.7; clocks may differ by a minute.
    """
    now_s = now // SECOND
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != issuer:
        raise _refused("it is another provider's")
    if client_id not in audiences or claims.get("azp", client_id) != client_id:
        raise _refused("it is for another service")
    if len(audiences) > 1 and "azp" not in claims:
        raise _refused("it is for several services and does not say who asked")
    if claims.get("nonce") != nonce:
        raise _refused("it is of another sign-in")
    if not _is_number(claims.get("exp")) or claims["exp"] + _LEEWAY_S <= now_s:
        raise _refused("it has expired")
    if not all(_is_number(claims.get(name, 0)) for name in ("iat", "nbf")) or any(
        claims.get(name, 0) - _LEEWAY_S > now_s for name in ("iat", "nbf")
    ):
        raise _refused("it is of a moment to come: compare the clocks")


def person_of(claims: Mapping[str, Any], *, issuer: str, groups_claim: str) -> RecognisedPerson:
    """The person in verified claims. `PageError` is raised if they name nobody."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not _is_text(subject):
        raise _refused("it names nobody")
    named = next((claims[name] for name in _NAMES if _is_text(claims.get(name))), subject)
    listed = claims.get(groups_claim)
    groups = [listed] if isinstance(listed, str) else listed if isinstance(listed, list) else []
    return RecognisedPerson(
        issuer=issuer,
        subject=subject,
        name=plain(named, _NAME_CHARS),
        groups=frozenset(filter(_is_text, groups[:_GROUPS_AT_MOST])),
    )


def _is_text(value: Any) -> bool:
    return (
        isinstance(value, str) and value.isprintable() and 0 < len(value.strip()) <= len(value) <= _TEXT_CHARS
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53


def _refused(reason: str) -> PageError:
    return PageError(
        403, f"What the provider sent does not prove who you are: {reason}. Nobody is signed in; start again."
    )
