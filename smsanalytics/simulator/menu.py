"""Keys that subscribers pressed in the voice menu of a call."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from smsanalytics.simulator.message import CALL, Message

PRESSED = 0.4  #: share of the answered calls
KEYS = ("1", "2", "21", "9", "0")


@dataclass(frozen=True)
class KeyPress:
    """What was pressed in one call."""

    message_id: int
    phone: str
    keys: str
    at: int  # Unix seconds


def make_presses(chance: random.Random, messages: Iterable[Message], end: int) -> list[KeyPress]:
    """All of them by the end, in order of their calls."""
    answered = [(one, one.delivered_at) for one in messages if one.type == CALL and one.delivered_at is not None]
    return [
        KeyPress(message.id, message.phone, chance.choice(KEYS), min(at + chance.randrange(3, 20), end))
        for message, at in answered
        if chance.random() < PRESSED
    ]
