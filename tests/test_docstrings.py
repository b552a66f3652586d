"""Every public class, function and method says what it is; those that users call say it in full."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import smsanalytics as sms
from smsanalytics.metrics.counts import DENOMINATORS
from smsanalytics.smsc import callback, fields, kinds, parser, signature
from smsanalytics.storage.journal import Journal

PACKAGE = Path(sms.__file__).parent


def undocumented(node, prefix=""):
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (
            not child.name.startswith("_") or child.name == "__call__"
        ):
            if not ast.get_docstring(child):
                yield prefix + child.name
            if isinstance(child, ast.ClassDef):
                yield from undocumented(child, f"{prefix}{child.name}.")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_everything_public_has_a_docstring(path):
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree)
    assert list(undocumented(tree)) == []


@pytest.mark.parametrize(
    "what",
    [sms.open_store, sms.load_sample, sms.Store.messages, sms.Store.append_sends, sms.Store.append_confirmation_requests, sms.Store.confirmation_attempts,
     *(getattr(room, name) for name in DENOMINATORS for room in (sms.Store, sms.metrics)),
     *(getattr(sms.charts, name) for name in sms.charts.__all__),
     sms.metrics.prepare, sms.metrics.with_calendar, sms.metrics.attempts,
     parser.parse, kinds.kind_of, kinds.check_shape, signature.verify, fields.rename, callback.read],
    ids=lambda what: what.__qualname__,
)  # fmt: skip
def test_what_users_call_is_documented_in_full(what):
    text = inspect.getdoc(what)
    assert ">>>" in text, "no example"
    for name in inspect.signature(what).parameters:
        assert name == "self" or name in text, f"parameter {name} is not described"
    assert (
        "Returns\n-------" in text
        or inspect.signature(what).return_annotation in {None, "None"}
        or what is kinds.kind_of
    )


def test_the_journal_says_what_it_refuses():
    assert "StoreBusy" in inspect.getdoc(Journal)
