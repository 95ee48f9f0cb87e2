"""The section `formats` and the formats shipped with notifier: rules for turning a sender's JSON into events."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from notifier.domain.severity import Severity
from notifier.settings.expressions import JmesPath
from notifier.settings.sections import Block, with_default
from notifier.settings.values import ScalarForm, expect, text

FORMAT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
TOPIC: Final = re.compile(
    r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z0-9-]{1,32}):[0-9]{12}:[A-Za-z0-9_.-]{1,256}"
)
_FOLDER = "shipped_formats"
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_SEVERITIES = [severity.value for severity in Severity]


def _header(value: Any) -> str:
    name = text(value)
    expect(_HEADER.fullmatch(name), "expected a header's name, such as X-Hub-Signature-256")
    return name.lower()


def _topic(value: Any) -> str:
    arn = text(value)
    expect(
        TOPIC.fullmatch(arn), "expected a topic's ARN, such as arn:aws:sns:eu-central-1:123456789012:alarms"
    )
    return arn


def _severity(value: Any) -> str:
    expect(value in _SEVERITIES, f"expected one of {', '.join(_SEVERITIES)}")
    return str(value)


def _secret(secret: SecretStr) -> SecretStr:
    expect(1 <= len(secret.get_secret_value()) <= 1_000, "expected a secret of at most 1,000 characters")
    return secret


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


TopicArn = Annotated[str, ScalarForm(_topic, {"type": "string", "pattern": f"^{TOPIC.pattern}$"})]
HeaderName = Annotated[str, ScalarForm(_header, {"type": "string", "minLength": 1})]
_SeverityName = Annotated[str, ScalarForm(_severity, {"enum": _SEVERITIES})]


class VerifyBlock(Block):
    """A signature or token in a header that a request must have in addition to its key."""

    example: ClassVar[str] = "{type: hmac, header: X-Signature-256, secret: ...}"

    type: Literal["hmac", "token", "standard-webhooks", "sns"] = with_default(
        "hmac",
        "`hmac`: SHA-256 of the body; `token`: the secret itself; `standard-webhooks`: its three headers; "
        "`sns`: Amazon's signature, for the `topics` only.",
    )
    header: HeaderName | None = with_default(
        None, "The header with the signature; not for `standard-webhooks`."
    )
    prefix: Annotated[str, Field(max_length=40)] = with_default("", "A prefix of the signature.")
    encoding: Literal["hex", "base64"] = with_default("hex", "Encoding of an `hmac`.")
    secret: Annotated[
        tuple[Annotated[SecretStr, AfterValidator(_secret)], ...],
        BeforeValidator(_listed, json_schema_input_type=SecretStr | list[SecretStr]),
        Field(max_length=2),
    ] = with_default((), "One secret, or two during a rotation. Without it, nothing is verified.")

    topics: Annotated[tuple[TopicArn, ...], Field(max_length=1_000)] = with_default(
        (), "For `sns`: ARNs of topics to confirm and accept."
    )


class MapBlock(Block):
    """Where to find each field of an event in an item."""

    expected: ClassVar[str] = "fields of an event, each with an expression"

    id: JmesPath | None = None
    service: JmesPath | None = None
    environment: JmesPath | None = None
    release: JmesPath | None = None
    host: JmesPath | None = None
    severity: JmesPath | None = None
    message: JmesPath | None = None
    fingerprint: JmesPath | None = with_default(None, "A list of texts, or one text.")
    labels: JmesPath | None = with_default(None, "An object of texts.")
    links: JmesPath | None = with_default(None, "A list of objects with `title` and `url`.")
    status: JmesPath | None = with_default(None, "`resolved`, or anything else.")
    timestamp: JmesPath | None = with_default(None, "RFC 3339, or seconds since 1970.")
    context: JmesPath | None = with_default(None, "An object.")

    @property
    def expressions(self) -> Mapping[str, JmesPath]:
        """The expressions that are set, by field."""
        found = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: expression for name, expression in found if expression is not None}


class FormatBlock(Block):
    """How a sender's JSON becomes events. For a shipped format, omitted keys keep their values."""

    expected: ClassVar[str] = "a mapping with `map`, such as {map: {service: app, message: text}}"

    detect: JmesPath | None = with_default(None, "A condition that holds for bodies of this format.")
    verify: VerifyBlock | None = None
    id_header: Annotated[
        tuple[HeaderName, ...], BeforeValidator(_listed, json_schema_input_type=HeaderName | list[HeaderName])
    ] = with_default((), "Headers with the sender's delivery id. The first one present is the event's id.")
    items: JmesPath | None = with_default(
        None, "The list of items, each of which becomes an event. Default: the body."
    )
    map: MapBlock = MapBlock()
    severities: dict[str, _SeverityName] = with_default({}, "From the sender's severities to ours.")
    resolve_when: JmesPath | None = with_default(None, "A condition that holds for resolved items.")
    sample: dict[str, Any] | list[Any] | None = with_default(
        None, "A sample body, which `notifier check` reads as a test."
    )

    @model_validator(mode="after")
    def _has_somewhere_to_look(self) -> FormatBlock:
        nothing = "has no `map`, so that nothing would become of a body: write where each field is found"
        expect(self.map.expressions, nothing)
        signed = self.verify if self.verify and self.verify.secret else None
        is_found = signed is None or signed.type == "standard-webhooks" or signed.header is not None
        expect(is_found, "has `verify` without a `header`: name the one that the sender puts it into")
        return self


def _merged(name: str, written: Any) -> Any:
    """A format, with the shipped format of that name as defaults.

    A different type of `verify` does not inherit from the shipped one. The sample is inherited only if nothing but
    `verify` is set.
    """
    if not isinstance(written, dict) or name not in shipped_sources():
        return written
    own = {key: value for key, value in written.items() if value is not None}
    base = dict(shipped_sources()[name])
    if own.keys() - {"verify"}:
        base.pop("sample", None)
    for key in ("map", "verify"):
        above, below = own.get(key), base.get(key)
        if isinstance(above, dict) and isinstance(below, dict) and "type" not in above:
            own[key] = below | above
    return base | own


def _with_shipped(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    for name in value:
        named = isinstance(name, str) and FORMAT_NAME.fullmatch(name)
        expect(named, "a format's name has small letters, digits and - only, and at most 40 of them")
    return {name: _merged(name, written) for name, written in value.items()}


FormatBlocks = Annotated[
    dict[str, FormatBlock], BeforeValidator(_with_shipped, json_schema_input_type=dict[str, FormatBlock])
]


@cache
def shipped_sources() -> Mapping[str, Mapping[str, Any]]:
    """The data of the shipped formats, by name."""
    import yaml  # noqa: PLC0415 - with libyaml, where it is there

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    folder = files("notifier.settings") / _FOLDER
    return {
        entry.name.removesuffix(".yaml"): yaml.load(entry.read_text("utf-8"), Loader=loader)  # noqa: S506 - a safe one
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    }


def available(configured: Mapping[str, FormatBlock]) -> Mapping[str, FormatBlock]:
    """All formats by name: shipped ones and those of a configuration."""
    return {**shipped(), **configured}


@cache
def shipped() -> Mapping[str, FormatBlock]:
    """The shipped formats, by name."""
    return {name: FormatBlock.model_validate(source) for name, source in shipped_sources().items()}
