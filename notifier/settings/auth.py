"""The section `auth`: sign-in without a key, and the roles of groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, model_validator

from notifier.domain.key import Scope
from notifier.settings.sections import Block, with_default
from notifier.settings.values import Scalar, ScalarForm, Text, expect, text, web_address

_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_LEAST_SECRET = 16


def issuer(value: Scalar) -> str:
    """An issuer, exactly as in the provider's tokens."""
    expected = "expected the provider's address, such as https://login.example.com/realms/main"
    written = text(value)
    parts = web_address(written, expected)
    expect("@" not in parts.netloc, expected)
    expect(not parts.query and not parts.fragment, "expected an address without a query or a fragment")
    is_safe = parts.scheme == "https" or parts.hostname in _LOOPBACK
    expect(is_safe, "expected https://: whoever is between could sign in as anybody")
    return written


def header_name(value: Scalar) -> str:
    written = text(value)
    expect(_HEADER.fullmatch(written), "expected the name of a header, such as X-Forwarded-User")
    return written.lower()


def header_secret(value: Scalar) -> str:
    written = text(value)
    is_long = len(written) >= _LEAST_SECRET and written.isascii()
    expect(is_long, f"expected at least {_LEAST_SECRET} ASCII characters that nobody can guess")
    return written


SecretText = Annotated[str, ScalarForm(text, {"type": "string", "minLength": 1, "writeOnly": True})]
HeaderSecret = Annotated[
    str, ScalarForm(header_secret, {"type": "string", "minLength": _LEAST_SECRET, "writeOnly": True})
]
Issuer = Annotated[str, ScalarForm(issuer, {"type": "string", "format": "uri"})]
HeaderName = Annotated[str, ScalarForm(header_name, {"type": "string", "pattern": f"^{_HEADER.pattern}$"})]
RoleName = Annotated[str, Field(min_length=1, max_length=256)]


def missing_extra(extra: str, modules: Iterable[str]) -> str | None:
    """The sentence about an extra with a module that is not installed; None if all are installed."""
    if all(find_spec(module) is not None for module in modules):
        return None
    return (
        f"this needs the extra `{extra}` of the service: install it from the clone, pip install '.[{extra}]'"
    )


def _some(value: Mapping[str, object]) -> Mapping[str, object]:
    expect(value, "nobody could sign in: write roles as {GROUP: {PROJECT: [read]}}")
    return value


RoleBlocks = Annotated[dict[RoleName, dict[RoleName, frozenset[Scope]]], AfterValidator(_some)]


def _with_openid(value: tuple[str, ...]) -> tuple[str, ...]:
    expect("openid" in value, "`openid` is missing: without it the provider does not say who it is")
    return value


_MISSING_ROLES = "which groups may do what, as {GROUP: {PROJECT: [read]}}"
_ROLES = Field(description="For each group, its projects, and the scopes that its members have in each.")


class OpenIdSettings(Block):
    """An OpenID Connect provider."""

    missing: ClassVar[dict[str, str]] = {
        "issuer": "the provider's address, as https://login.example.com",
        "client_id": "the name under which the provider knows this service",
        "client_secret": "what the provider gave beside client_id; client_secret_file names a file with it",
        "roles": _MISSING_ROLES,
    }

    issuer: Issuer = Field(
        description="The provider's address. Its metadata is at /.well-known/openid-configuration below it."
    )
    client_id: Text = Field(description="This service's client id at the provider.")
    client_secret: SecretText = Field(description="This service's client secret at the provider.")
    scopes: Annotated[tuple[Text, ...], AfterValidator(_with_openid)] = with_default(
        ("openid", "profile", "email"), "Scopes to request."
    )
    groups_claim: Text = with_default("groups", "The claim that holds a person's groups.")
    roles: RoleBlocks = _ROLES

    @model_validator(mode="after")
    def _has_its_packages(self) -> OpenIdSettings:
        sentence = missing_extra("oidc", ("authlib", "httpx2", "joserfc"))
        if sentence is not None:
            raise ValueError(sentence)
        return self


class ProxyHeaderSettings(Block):
    """A reverse proxy that names the person in headers. `secret` proves that the request came from the proxy."""

    missing: ClassVar[dict[str, str]] = {
        "name": "the header with the person's name, such as X-Forwarded-User",
        "secret_name": "the header in which the proxy sends the secret",
        "secret": "what only the proxy and this service know; secret_file names a file with it",
        "roles": _MISSING_ROLES,
    }

    name: HeaderName = Field(description="The header with the person's name.")
    groups_name: HeaderName | None = with_default(
        None,
        "The header with the person's groups, separated by commas. Without it, each name is its own group.",
    )
    secret_name: HeaderName = Field(description="The header in which the proxy sends `secret`.")
    secret: HeaderSecret = Field(
        description="A secret that only the proxy and this service know, at least 16 characters."
    )
    roles: RoleBlocks = _ROLES

    @model_validator(mode="after")
    def _differ(self) -> ProxyHeaderSettings:
        names = {self.name, self.groups_name, self.secret_name}
        expect(len(names) == 3, "name, groups_name and secret_name are different headers")
        return self


class AuthSettings(Block):
    """How people sign in to the pages, in addition to keys."""

    oidc: OpenIdSettings | None = with_default(None, "Sign-in through an OpenID provider.")
    header: ProxyHeaderSettings | None = with_default(None, "Sign-in through headers of a reverse proxy.")
