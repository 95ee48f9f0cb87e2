"""A small OpenID provider on loopback with real signatures, and with faults on demand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "notifier", "the secret of the client"


@dataclass(slots=True)
class Provider:
    """The provider and its faults.

    `changes` replace claims, or remove those that are None; `signs` makes the token; `broken` are paths that answer
    500; `userinfo` is that endpoint's answer. `asked` counts requests by path.
    """

    url: str
    now_s: Callable[[], int]
    key: RSAKey
    published: list[dict[str, Any]]
    groups: list[str] = field(default_factory=lambda: ["oncall"])
    changes: dict[str, Any] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    described: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    signs: Callable[[Provider, dict[str, Any]], str] | None = None
    asked: dict[str, int] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def rotate(self) -> None:
        """Sign with the other key from now on."""
        self.key = next(key for key in _keys() if key is not self.key)
        self.published = [self.key.as_dict(private=False)]

    def description(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            **self.described,
        }

    def authorize(self, address: str) -> str:
        """The redirect URL of a person who consents at this address."""
        query = dict(parse_qsl(urlsplit(address).query))
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = hashlib.sha256(query["state"].encode()).hexdigest()
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        begun = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        if authorization != f"Basic {basic}" or begun is None:
            return 400, {"error": "invalid_grant", "error_description": "<script>no</script>"}
        if (
            challenge.decode().rstrip("=") != begun["code_challenge"]
            or form["redirect_uri"] != begun["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        now = self.now_s()
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": "u-1",
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": begun["nonce"],
            "name": "Ann Example",
            "groups": self.groups,
            **self.changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        token = signed(self, claims) if self.signs is None else self.signs(self, claims)
        return 200, {"access_token": "at", "token_type": "Bearer", "expires_in": 300, "id_token": token}


def signed(provider: Provider, claims: dict[str, Any]) -> str:
    return _signed({"alg": "RS256", "kid": provider.key.kid}, claims, provider.key)


def unsigned(provider: Provider, claims: dict[str, Any]) -> str:
    """A token with the algorithm `none`."""
    parts = ({"alg": "none", "kid": provider.key.kid}, claims)
    return ".".join(_part(part) for part in parts) + "."


def signed_with_public_key(provider: Provider, claims: dict[str, Any]) -> str:
    """A token signed by HS256 with the public key as its secret."""
    signed_text = f"{_part({'alg': 'HS256', 'kid': provider.key.kid})}.{_part(claims)}"
    mac = hmac.digest(provider.key.as_pem(private=False), signed_text.encode(), "sha256")
    return f"{signed_text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def signed_by_another(provider: Provider, claims: dict[str, Any]) -> str:
    return _signed({"alg": "RS256", "kid": provider.key.kid}, claims, _keys()[1])


def altered(provider: Provider, claims: dict[str, Any]) -> str:
    head, _, signature = signed(provider, claims).split(".")
    return f"{head}.{_part({**claims, 'sub': 'u-2'})}.{signature}"


def _signed(header: dict[str, Any], claims: dict[str, Any], key: RSAKey) -> str:
    return jws.serialize_compact(header, json.dumps(claims).encode(), key)


@cache
def _keys() -> tuple[RSAKey, RSAKey]:
    """Two keys, cached because generating one takes longer than a test."""
    return RSAKey.generate_key(2048, auto_kid=True), RSAKey.generate_key(2048, auto_kid=True)


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@contextmanager
def provider_on_loopback(now_s: Callable[[], int]) -> Iterator[Provider]:
    key = _keys()[0]
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    provider = Provider(
        url=f"http://127.0.0.1:{server.server_port}",
        now_s=now_s,
        key=key,
        published=[key.as_dict(private=False)],
    )
    server.RequestHandlerClass = type("Handler", (_Handler,), {"provider": provider})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        path = self._path()
        if path == "/.well-known/openid-configuration":
            self._answer(200, self.provider.description())
        elif path == "/keys":
            self._answer(200, {"keys": [{"kty": "oct", "k": "AAAA"}, "no key", *self.provider.published]})
        elif path == "/userinfo" and self.headers["authorization"] == "Bearer at":
            self._answer(200, self.provider.userinfo or {})
        elif path == "/authorize":
            self.send_response(303)
            self.send_header("location", self.provider.authorize(self.path))
            self.send_header("content-length", "0")
            self.end_headers()
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        self._path()
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self._answer(*self.provider.exchange(form, self.headers.get("authorization", "")))

    def log_message(self, *_: object) -> None:
        pass

    def _path(self) -> str:
        path = urlsplit(self.path).path
        self.provider.asked[path] = self.provider.asked.get(path, 0) + 1
        return path

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        if urlsplit(self.path).path in self.provider.broken:
            status, document = 500, {}
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
