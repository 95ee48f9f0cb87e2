"""All sentences and formats for people. Pure: turns a message into one rendered model, which the channels lay out."""

from __future__ import annotations

from notifier.wording.blocks import ACTIONS, IncidentBlock, where
from notifier.wording.episodes import change, episode, open_state
from notifier.wording.evidence import Evidence, Frame, Link, links_of, top_frame
from notifier.wording.messages import RenderedMessage, RenderOptions, footer, headline, render
from notifier.wording.plain_text import brief_line, lines
from notifier.wording.reasons import REASONS, state, why
from notifier.wording.subjects import conversation_of, scope, subject
from notifier.wording.text import NOTE, TITLE, counted, inline, number, plain
from notifier.wording.times import Moment, ago, duration, moment, with_age

__all__ = [
    "ACTIONS",
    "NOTE",
    "REASONS",
    "TITLE",
    "Evidence",
    "Frame",
    "IncidentBlock",
    "Link",
    "Moment",
    "RenderOptions",
    "RenderedMessage",
    "ago",
    "brief_line",
    "change",
    "conversation_of",
    "counted",
    "duration",
    "episode",
    "footer",
    "headline",
    "inline",
    "lines",
    "links_of",
    "moment",
    "number",
    "open_state",
    "plain",
    "render",
    "scope",
    "state",
    "subject",
    "top_frame",
    "where",
    "why",
    "with_age",
]
