"""What subscribers write: answers to messages, and what comes to their mind."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from smsanalytics.simulator.message import FLASH, SMS, Message
from smsanalytics.simulator.network import OWN_NUMBERS, anybody
from smsanalytics.simulator.odds import Odds
from smsanalytics.simulator.profile import Rhythm

REPLIES = 0.03  #: share of the delivered messages that are answered
SPONTANEOUS = 0.01  #: texts that answer nothing, per message
RECEIVING = Odds(dict(zip(OWN_NUMBERS, (0.7, 0.3), strict=True)))
TEXTS = (
    "Да", "Нет", "Спасибо!", "СТОП", "Когда будет заказ?", "Перезвоните: после 18:00", "Адрес: ул. Лесная, д. 5",
    "STOP", "Yes", "ok, thanks", "Who is this?", "Call me at 10:30", "1", "",
)  # fmt: skip


@dataclass(frozen=True)
class Incoming:
    """One text of a subscriber."""

    id: int  # counted apart from messages
    phone: str
    to: str
    text: str
    at: int  # Unix seconds


def make_incoming(chance: random.Random, messages: Iterable[Message], rhythm: Rhythm) -> list[Incoming]:
    """Everything that was written by the end, in order."""
    written = []
    for message in messages:
        delivered = message.delivered_at if message.type in (SMS, FLASH) and not message.test_mode else None
        if delivered and chance.random() < REPLIES:
            wait = chance.lognormvariate(7.6, 2)  # half of them within half an hour, one in thirty later than 24 hours
            written.append((delivered + 20 + int(wait), message.phone))
        if chance.random() < SPONTANEOUS:
            written.append((rhythm.moment(chance), anybody(chance).phone))
    return [
        Incoming(number, phone, RECEIVING.pick(chance), chance.choice(TEXTS), at)
        for number, (at, phone) in enumerate(sorted(set(written)), start=1)
        if at <= rhythm.end
    ]
