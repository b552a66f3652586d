"""Flask, and one INSERT into SQLite for each request."""

from __future__ import annotations

import threading

from flask import Flask, request

from benchmarks.collector.served.form import is_signed, row_of
from benchmarks.collector.served.sqlite import Table

own = threading.local()
application = Flask(__name__)


def callback() -> tuple[str, int]:
    """Read, verify, insert, answer; with a connection for each thread."""
    form = request.form.to_dict()
    if not is_signed(form):
        return "not authentic", 403
    if not hasattr(own, "table"):
        own.table = Table()
    own.table.insert(row_of(form))
    return "OK", 200


application.add_url_rule("/callback", view_func=callback, methods=["POST"])
