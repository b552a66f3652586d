"""Rows that users add to a store: what they sent, and whom they asked to confirm a number."""

from __future__ import annotations

import warnings
from typing import Any

from smsanalytics.analysis.periods import Zone, zone_of
from smsanalytics.codes.numbering import Numbering, Phones
from smsanalytics.storage import ingest, tabular
from smsanalytics.storage.reader import Tables
from smsanalytics.storage.spelling import PYTHON, Ambiguous, Spelling


class Appender:
    """Appends rows to the journal of a store."""

    _tables: Tables

    def append_sends(
        self,
        frame: Any,
        *,
        tz: Zone | None = None,
        ambiguous: Ambiguous | None = None,
        strict: bool = False,
        numbering: Numbering | None = None,
    ) -> int:
        """
        Report messages that were handed to the provider: what then gets no status is missing, not absent.

        All rows are durable as one batch when this returns; to report a row again changes nothing. The maintenance
        that runs beside a collector publishes them within seconds; without one `smsanalytics maintain` does.

        The frame may be as it was read from a sheet: ``Message ID`` is `message_id`, texts may be
        ``22.11.2026 12:00``, ``3,10`` or ``+7 (900) 123-00-01``.

        Parameters
        ----------
        frame : frame of any engine that narwhals reads
            ``message_id`` : as the provider returned it. [1..2147483647]
            ``phone`` : digits, with or without ``+``, an e-mail address, or an ``@name`` or ``#id`` of a messenger.
            ``sent_at`` : a time with its zone, an ISO 8601 text of one, or Unix seconds; with `tz` also without zone.
            Optional: ``tag``, ``purpose``, ``sender`` (texts), ``cost``, ``parts`` and ``account``.
        tz : str, optional
            Zone of times without one; else they are refused.
        ambiguous : "earlier" or "later", optional
            Which moment a time is that comes twice, or never, when clocks are changed; else it is refused.
        strict : bool, default False
            Refuse columns that are not needed, instead of leaving them out with a warning.
        numbering : Numbering, optional
            How national numbers become international ones; without it they are stored as they are, with a warning.

        Returns
        -------
        int
            The number of rows.

        Raises
        ------
        MalformedRecord
            At the first row that is not as it must be; nothing is stored then.
        UnknownName
            If there is no such zone.
        StoreError
            If they could not be made durable.

        Examples
        --------
        >>> import pandas as pd
        >>> import smsanalytics as sms
        >>> sends = pd.DataFrame({"message_id": [1042], "phone": ["79001230001"], "tag": ["login"]})
        >>> sends["sent_at"] = "2026-11-21T09:59:58+03:00"
        >>> sms.open_store(own_store).append_sends(sends)
        1
        >>> sends = sends.assign(phone="8 900 123-00-01", sent_at="21.11.2026 9:59")
        >>> sms.open_store(own_store).append_sends(sends, tz="Europe/Moscow", numbering=sms.Numbering("7", "8"))
        1
        """
        return self._append("send", frame, tz, ambiguous, strict, numbering)

    def append_confirmation_requests(
        self,
        frame: Any,
        *,
        tz: Zone | None = None,
        ambiguous: Ambiguous | None = None,
        strict: bool = False,
        numbering: Numbering | None = None,
    ) -> int:
        """
        Report that subscribers were asked to confirm their number by a call.

        As `append_sends` does.

        Parameters
        ----------
        frame : frame of any engine that narwhals reads
            ``phone`` : of who is to call: digits, with or without ``+``.
            ``requested_at`` : a time with its zone, an ISO 8601 text of one, or Unix seconds.
            Optional: ``number_to_call``, ``purpose``, ``request_id`` (texts) and ``account``.
        tz, ambiguous, strict, numbering
            As of `append_sends`.

        Returns
        -------
        int
            The number of rows.

        Raises
        ------
        MalformedRecord
            At the first row that is not as it must be; nothing is stored then.
        UnknownName
            If there is no such zone.
        StoreError
            If they could not be made durable.

        Examples
        --------
        >>> import pandas as pd
        >>> import smsanalytics as sms
        >>> asked = pd.DataFrame({"phone": ["79001230001"], "requested_at": [pd.Timestamp("2026-11-21T07:00Z")]})
        >>> sms.open_store(own_store).append_confirmation_requests(asked)
        1
        """
        return self._append("confirmation_request", frame, tz, ambiguous, strict, numbering)

    def _append(
        self,
        kind: str,
        frame: Any,
        tz: Zone | None,
        ambiguous: Ambiguous | None,
        strict: bool,
        numbering: Numbering | None,
    ) -> int:
        zone = None if tz is None else zone_of(tz)
        spelling = Spelling(kind, PYTHON, zone=zone, ambiguous=ambiguous, strict=strict)
        phones = Phones(every=numbering)
        events = ingest.encode(kind, spelling.rows(tabular.of_frame(frame)), phones=phones)
        for notice in (*spelling.notices(), *phones.undone("give numbering=sms.Numbering('7', '8')")):
            warnings.warn(notice, UserWarning, stacklevel=3)
        return ingest.append(self._tables.layout, events)
