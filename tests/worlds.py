"""Random worlds of every kind of event, small and odd; written into a store, and handed to the oracle as they are."""

from __future__ import annotations

import copy
import random
from datetime import UTC, datetime

from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.journal import Journal, entry
from smsanalytics.storage.maintenance import Maintenance

END = int(datetime(2026, 10, 27, tzinfo=UTC).timestamp())  # two days after Berlin left summer time
DAY = 86400
STATUSES = [-2, -1, -1, 0, 0, 0, 1, 1, 1, 1, 2, 4, 3, 6, 20, 20, 22, 23, 33, -3]


class World:
    """Lists of dicts with seconds for times, in the order of their receipt."""

    def __init__(self, seed: int, messages: int = 60) -> None:
        self.chance = random.Random(seed)
        self.statuses, self.sends, self.incoming = [], [], []
        self.requests, self.calls, self.rejected = [], [], []
        for number in range(messages):
            self._message(1 + number // 2)
        self._edges(messages)
        for number in range(messages):
            self._text(number)
            self._request(number)
        for _ in range(10):
            self.rejected.append({"account": self._account(), "received": END - self.chance.randrange(9 * DAY)})
        for told in (self.statuses, self.sends, self.incoming, self.requests, self.calls, self.rejected):
            told[:] = [row for row in told if row["received"] <= END]
        self.as_of = END

    def by(self, moment):
        """What had been received by a moment."""
        other = copy.copy(self)
        other.as_of = moment
        for name in ("statuses", "sends", "incoming", "requests", "calls", "rejected"):
            setattr(other, name, [row for row in getattr(self, name) if row["received"] <= moment])
        return other

    def _account(self):
        return self.chance.choice(["default", "shop"])

    def _phone(self):
        return f"7900123{self.chance.randrange(12):04}"

    def _message(self, number):
        chance, pick = self.chance, self.chance.choice
        key = {"account": self._account(), "message_id": number, "phone": self._phone()}
        sent = END - chance.randrange(9 * DAY)
        if chance.random() < 0.5:
            for _ in range(pick([1, 1, 2])):
                self.sends.append(key | {"sent_at": sent - pick([0, 1, 5]), "tag": pick([None, "", "login", "alert"]), "parts": pick([None, 1, 3]),
                                         "cost": pick([None, "3.1000"]), "sender": pick([None, "", "SHOP"]), "received": sent + pick([0, 40])})  # fmt: skip
            if chance.random() < 0.1:
                return
        kind, network = (
            pick([None, 0, 0, 0, 1, 4, 5, 7]),
            pick([("MTS", "250", "01"), ("T2", "250", "20"), (None, None, None), ("", "", None)]),
        )
        told = set()
        for _ in range(pick([1, 2, 2, 3, 4])):
            timed, lag = chance.random() < 0.9, pick([0, 1, 2, 90, 4000, -30])
            at = sent + pick([-3, 0, 1, 4, 9, 31, 70, 500])
            status = key | {
                "status": pick(STATUSES), "err": pick([None, 0, 0, 0, 1, 13, 200 if number % 7 == 0 else 6]), "timed": timed,
                "at": at if timed else at + lag, "received": at + lag, "type": kind, "parts": pick([None, 1, 2]),
                "cost": pick([None, "3.1000", "12.5000"]), "sender": pick([None, "", "SHOP", "Дом"]), "operator": network[0],
                "mcc": network[1], "mnc": network[2], "country": pick([None, "", "Russia"]), "region": None, "hlr": kind == 4,
            }  # fmt: skip
            if (status["status"], at, lag) in told:  # which of the two was first nobody knows
                continue
            told.add((status["status"], at, lag))
            self.statuses.append(status)
            if chance.random() < 0.15:
                again = {"received": status["received"] + 60, "sender": status["sender"] or pick([None, ""])}
                self.statuses.append(status | ({} if timed else {"at": status["at"] + 60}) | again)
            if timed and chance.random() < 0.1:
                self.statuses.append(
                    status | {"received": status["received"] + 61, "cost": "9.9900", "at": at - pick([0, 1])}
                )

    def _edges(self, number):
        """What chance seldom meets: messages as old as a limit to the second, and lookups without an answer yet."""
        plain = {"timed": True, "err": 0, "type": 0, "parts": 1, "cost": None, "sender": "SHOP", "operator": "MTS", "mcc": "250", "mnc": "01",
                 "country": None, "region": None, "hlr": False}  # fmt: skip
        for age in (0, 9, 10, 11, 29, 30, 31, 60, 61):
            number += 1
            key = {"account": self._account(), "message_id": number, "phone": self._phone()}
            self.statuses.append(plain | key | {"status": 0, "at": END - age, "received": END - age})
        for kind, status, err in (
            (4, 1, None),
            (5, 2, None),
            (5, 1, 0),
            (4, 1, 6),
            (5, 4, 0),
            (4, 20, 1),
            (5, 0, None),
            (4, 33, None),
        ):
            number += 1
            key = {"account": self._account(), "message_id": number, "phone": self._phone()}
            at = END - self.chance.randrange(9 * DAY)
            told = {"type": kind, "hlr": kind == 4, "status": status, "err": err, "at": at, "received": at + 1}
            self.statuses.append(plain | key | told)

    def _text(self, number):
        chance, pick = self.chance, self.chance.choice
        at = (
            pick([status["at"] for status in self.statuses]) + pick([-5, 0, 60, DAY, DAY + 1])
            if chance.random() < 0.7
            else END - chance.randrange(9 * DAY)
        )
        timed = chance.random() < 0.8
        text = {"account": self._account(), "phone": self._phone(), "to_number": pick(["79001230000", "79037654321"]), "text": pick(["", "да", "stop"]),
                "incoming_id": number, "timed": timed, "at": at if timed else at + 2, "received": at + 2}  # fmt: skip
        self.incoming += (
            [text, text | {"received": text["received"] + 5}] if timed and chance.random() < 0.2 else [text]
        )

    def _request(self, number):
        chance, pick = self.chance, self.chance.choice
        asked = END - chance.randrange(2, 4 * DAY) if chance.random() < 0.8 else END - chance.randrange(2, 600)
        person = {"account": self._account(), "phone": f"7900123{chance.randrange(4):04}"}
        fields = {"number_to_call": pick([None, "", "79037654321"]), "purpose": pick([None, "", "login", "signup"])}
        for again in range(pick([0, 1, 1, 2, 3])):
            self.requests.append(
                person
                | fields
                | {
                    "requested_at": asked + again * pick([0, 20, 400]),
                    "request_id": f"{number}-{again}",
                    "received": asked + again * 400,
                }
            )
        for _ in range(pick([0, 1, 1, 2])):
            called = asked + pick([-5, 0, 31, 299, 300, 301, 340])
            received = called + pick([1, 1, 1, 2, 5000])
            call = person | {"called_at": called, "received": received, "stale": received - called > 900}
            self.calls += [call, call] if chance.random() < 0.2 else [call]

    def collect(self, directory):
        """Into a store, by the journal writer and the maintenance."""
        lines = sorted([*self._lines()], key=lambda line: line[0])
        times = iter(lines)
        writer = Journal(Layout(directory), "w0", now=lambda: next(times)[0] * 10**9)
        for _, line in lines:
            writer.write([line])
        writer.close()
        with Maintenance(Layout(directory), {}) as maintenance:
            maintenance.run()

    def _lines(self):
        def line(kind, row, names, **more):
            fields = {name: str(row[name]) for name in names if row[name] is not None} | more
            return row["received"], entry(
                account=row["account"], kind=kind, signed_by="md5", key="k", fields=fields, extra={}
            )

        for row in self.statuses:
            time = {"status_at": str(row["at"])} if row["timed"] else {}
            yield line(
                "status",
                row,
                (
                    "message_id",
                    "phone",
                    "status",
                    "err",
                    "type",
                    "parts",
                    "cost",
                    "sender",
                    "operator",
                    "mcc",
                    "mnc",
                    "country",
                ),
                **time,
            )
        for row in self.sends:
            yield line(
                "send",
                row,
                ("message_id", "phone", "tag", "parts", "cost", "sender"),
                sent_at=f"{row['sent_at']}000000",
            )
        for row in self.incoming:
            time = {"sent_at": str(row["at"])} if row["timed"] else {}
            yield line("incoming", row, ("phone", "to_number", "text", "incoming_id"), **time)
        for row in self.requests:
            yield line(
                "confirmation_request",
                row,
                ("phone", "number_to_call", "purpose", "request_id"),
                requested_at=f"{row['requested_at']}000000",
            )
        for row in self.calls:
            yield line("confirmation", row, ("phone", "called_at"))
        for row in self.rejected:
            yield line(
                "rejected", row | {"reason": "signature", "remote": "", "body": ""}, ("reason", "remote", "body")
            )
