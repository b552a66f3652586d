"""Keys pressed in a voice menu: the provider does not document how their fields are called, so the account says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smsanalytics.errors import MisshapenCallback
from smsanalytics.smsc.kinds import LARGEST_ID, NEEDED, SHAPES


@dataclass(frozen=True)
class CallFields:
    """
    The provider's names of the fields of a call event.

    Attributes
    ----------
    keys : str
        Of the keys pressed: 1 to 32 of ``0-9*#``. What has this field tells of a call.
    phone, message_id : str
        Of who was called, and of the message whose menu it is.
    """

    keys: str
    phone: str = "phone"
    message_id: str = "id"

    @property
    def ours(self) -> dict[str, str]:
        """The provider's names to our column names."""
        return {self.keys: "keys", self.phone: "phone", self.message_id: "message_id"}

    def check(self, fields: Mapping[str, bytes]) -> None:
        """
        Refuse fields that tell of no call.

        Raises
        ------
        MisshapenCallback
            If the keys did not come, or one of the three that came lacks the shape it must have.

        Examples
        --------
        >>> CallFields("digits").check({"id": b"1042", "phone": b"79001234567", "digits": b"21#"})
        >>> CallFields("digits").check({"digits": b"yes"})
        Traceback (most recent call last):
        smsanalytics.errors.MisshapenCallback: field digits of a callback of kind call needs 1 to 32 of 0-9, * and #
        """
        for name, shape in ((self.keys, "keys"), (self.phone, "phone"), (self.message_id, "id")):
            if name not in fields and name != self.keys:
                continue
            if not SHAPES[shape].fullmatch(fields.get(name, b"")):
                raise MisshapenCallback(f"field {name} of a callback of kind call needs {NEEDED[shape]}")
        if int(fields.get(self.message_id, b"0")) > LARGEST_ID:
            raise MisshapenCallback(f"field {self.message_id} is larger than the provider's ids can be (2^31 - 1)")
