"""``countermand demo``: the whole job shown on a machine with nothing set up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fixtures.aliexpress.seed import ORDERS
from fixtures.demo import NOTE
from tests.conftest import CommandLine, needs_browser


@pytest.mark.slow
@needs_browser
def test_the_demo_withdraws_one_order_and_settles_it(tmp_path: Path) -> None:
    """
    One JSON document, exit 0, stage done: the portal received one request, the shop what was chosen, and both records,
    the steps and the report are shown.
    """
    folder = tmp_path / "demo"
    (tmp_path / "empty.toml").write_text("")

    ran = CommandLine(tmp_path / "empty.toml", tmp_path)("demo", "--json", "--dir", str(folder))

    result = ran.json
    assert (0, "done", "cancelled", None) == (ran.code, result["stage"], result["shop"]["stage"], result["error"])
    assert [ORDERS["placed"]] == [order["order_id"] for order in result["orders"]]
    portal = [json.loads(line) for line in (folder / "portal.jsonl").read_text().splitlines()]
    shop = [json.loads(line) for line in (folder / "shop.jsonl").read_text().splitlines()]
    assert [ORDERS["placed"]] == [line["order"] for line in portal]
    assert [
        {
            "orderId": result["shop"]["gid"],
            "reason": "CUSTOMER",
            "restock": True,
            "notifyCustomer": True,
            "staffNote": NOTE,
            "refundMethod": {"originalPaymentMethodsRefund": True},
        }
    ] == [line["variables"] for line in shop]
    said = "".join(ran.err.split())
    for shown in (str(folder / "portal.jsonl"), str(folder / "shop.jsonl"), result["report"], "confirm", "✓"):
        assert "".join(shown.split()) in said
    assert Path(result["report"]).is_file()
    assert "Traceback" not in ran.err
