"""Withdrawals, deposits, transfers and wallet history by REST (E27, E28, protocol.md 2.3, 2.4)."""

from typing import Any

import httpx
import pytest

from sim_exchange.core import commands as c
from sim_exchange.server.access import KeyRecord
from sim_exchange.wire.auth import Signer
from tests.core.test_E0_currencies import ETHUSDT
from tests.core.world import XBT, composite
from tests.wire.desk import Desk, tables

pytestmark = pytest.mark.anyio

FEE = 20_000
WITHDRAWAL = {"currency": "XBt", "amount": 3 * XBT, "address": "3BMEXhome", "fee": FEE}


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def mail(desk: Desk, name: str = "alice") -> list[Any]:
    row = await desk.ok("GET", f"/admin/v1/account/{name}")
    return list(row["mail"])


async def refused(desk: Desk, path: str, who: str = "alice", **fields: Any) -> tuple[int, str]:
    answer = await desk.call("POST", path, who, json_body=fields)
    error = answer.json()["error"]
    assert error.keys() == {"message", "name"}
    return answer.status_code, error["message"]


async def test_E27_withdrawal_is_requested_mailed_confirmed_and_sent_at_13(desk: Desk) -> None:
    asked = await desk.ok("POST", "/user/requestWithdrawal", "alice", json_body=WITHDRAWAL)
    assert (asked["transactType"], asked["transactStatus"]) == ("Withdrawal", "Pending")
    assert (asked["amount"], asked["fee"]) == (-3 * XBT - FEE, FEE)
    assert (asked["address"], asked["walletBalance"]) == ("3BMEXhome", 7 * XBT - FEE)
    wallet = await desk.ok("GET", "/user/wallet", "alice")
    assert (wallet["amount"], wallet["pendingDebit"]) == (7 * XBT - FEE, 3 * XBT + FEE)

    (letter,) = await mail(desk)
    assert (letter["amount"], letter["address"]) == (3 * XBT, "3BMEXhome")
    body = {"token": letter["token"]}
    confirmed = await desk.ok("POST", "/user/confirmWithdrawal", json_body=body)  # without a key
    assert confirmed["transactStatus"] == "Confirmed"
    assert confirmed["transactID"] == asked["transactID"]
    assert await mail(desk) == []
    top, *_ = await desk.ok("GET", "/user/walletHistory", "alice")
    assert (top["transactID"], top["transactStatus"]) == (asked["transactID"], "Confirmed")

    desk.advance(3_600)
    top, deposit = await desk.ok("GET", "/user/walletHistory", "alice")
    assert (top["transactID"], top["transactStatus"]) == (asked["transactID"], "Completed")
    assert (top["timestamp"], top["transactTime"]) == (
        "2018-01-12T13:00:00.000Z", "2018-01-12T12:00:05.000Z",
    )  # fmt: skip
    assert (top["walletBalance"], deposit["walletBalance"]) == (7 * XBT - FEE, 10 * XBT)
    wallet = await desk.ok("GET", "/user/wallet", "alice")
    assert (wallet["withdrawn"], wallet["pendingDebit"]) == (3 * XBT + FEE, 0)
    again = await refused(desk, "/user/confirmWithdrawal", "", token=letter["token"])
    assert again == (400, "transactStatus is not Pending")


async def test_E27_canceled_withdrawal_comes_back_and_its_row_moves_nothing(desk: Desk) -> None:
    asked = await desk.ok("POST", "/user/requestWithdrawal", "alice", json_body=WITHDRAWAL)
    gone = await desk.ok(
        "DELETE", "/user/withdrawal", "alice", json_body={"transactID": asked["transactID"]}
    )
    assert (gone["transactStatus"], gone["walletBalance"]) == ("Canceled", 10 * XBT)
    top, _ = await desk.ok("GET", "/user/walletHistory", "alice")
    assert (top["transactStatus"], top["walletBalance"]) == ("Canceled", 10 * XBT)
    again = await desk.call("DELETE", "/user/withdrawal?transactID=x", "alice")
    assert again.json()["error"]["message"] == "Invalid transactID"

    await desk.ok("POST", "/user/requestWithdrawal", "alice", json_body=WITHDRAWAL)
    (letter,) = await mail(desk)
    body = {"token": letter["token"]}
    canceled = await desk.ok("POST", "/user/cancelWithdrawal", json_body=body)
    assert canceled["transactStatus"] == "Canceled"


async def test_E27_error_texts(desk: Desk) -> None:
    path = "/user/requestWithdrawal"

    async def words(**change: Any) -> str:
        status, text = await refused(desk, path, **{**WITHDRAWAL, **change})
        assert status == 400
        return text

    assert await words(amount=-1) == "Negative withdrawal amount"
    for amount in (0, None, "x", 1.5, True, 1 << 61, "NaN"):
        assert await words(amount=amount) == "Invalid withdrawal amount"
    text = "Account has insufficient Withdrawable Balance"
    assert await words(amount=10 * XBT - FEE + 1) == text
    assert await words(fee=FEE - 1) == "Invalid fee, at least 20000 XBt required"
    assert await words(address="") == "Invalid address"
    assert await words(currency="DOGE") == "Invalid currency"
    assert await words(currency="all") == "Invalid currency"
    await desk.ok("POST", "/admin/v1/chain", json_body={"currency": "XBt", "withdrawals": False})
    assert await words() == "Withdrawals currently disabled"
    for token in ("", "nonsense", "é"):
        assert (await refused(desk, "/user/confirmWithdrawal", token=token))[1] == "Invalid token"
    assert (await desk.ok("GET", "/user/wallet", "alice"))["amount"] == 10 * XBT


async def test_E27_a_key_without_withdraw_may_not(desk: Desk) -> None:
    desk.keys.add(KeyRecord(key="k", secret="s", account=desk.alice, permissions=("order",)))
    desk.signers["k"] = Signer("s")
    assert await refused(desk, "/user/requestWithdrawal", "k", **WITHDRAWAL) == (
        403,
        "Access Denied",
    )


async def test_E27_least_fee_and_deposit_address(desk: Desk) -> None:
    fee = await desk.ok("GET", "/user/minWithdrawalFee")
    assert fee == {"currency": "XBt", "fee": FEE, "minFee": FEE}
    await desk.ok("POST", "/admin/v1/chain", json_body={"currency": "XBt", "minFee": 70_000})
    assert (await desk.ok("GET", "/user/minWithdrawalFee?currency=XBt"))["fee"] == 70_000
    address = await desk.ok("GET", "/user/depositAddress?currency=XBt", "alice")
    assert isinstance(address, str)
    assert address.startswith("3BMEX")
    assert address != await desk.ok("GET", "/user/depositAddress?currency=XBt", "bob")
    info = await desk.ok("GET", "/user/depositAddressInformation?currency=XBt", "alice")
    assert info["address"] == address


async def test_E27_announced_deposit_needs_its_blocks(desk: Desk) -> None:
    body = {"name": "alice", "deposit": {"XBt": 5}, "announced": True}
    await desk.ok("POST", "/admin/v1/account", json_body=body)
    wallet = await desk.ok("GET", "/user/wallet", "alice")
    assert (wallet["amount"], wallet["pendingCredit"]) == (10 * XBT, 5)
    async with desk.socket("subscribe=wallet", "alice") as socket:
        await socket.take()
        await desk.ok("POST", "/admin/v1/chain", json_body={"currency": "XBt", "blocks": 1})
        desk.advance(1)
        (update,) = tables(await socket.take(), "wallet")[-1]["data"]
    assert (update["amount"], update["pendingCredit"]) == (10 * XBT + 5, 0)


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"currency": "XBt"}, {"currency": "XBt", "blocks": 0},
        {"currency": "XBt", "minFee": -1}, {"currency": "XBt", "round": "2018-01-01"},
        {"currency": "XBt", "withdrawals": "no"}, {"currency": "XBt", "confirmations": 0},
        {"currency": "XBt", "other": 1},
    ],
)  # fmt: skip
async def test_E27_chain_refuses_what_it_does_not_know(desk: Desk, fields: Any) -> None:
    answer = await desk.call("POST", "/admin/v1/chain", json_body=fields)
    assert answer.status_code == 400


async def test_E27_transfer_between_linked_accounts(desk: Desk) -> None:
    body = {"name": "sub", "linked": "alice", "key": "sub", "secret": "s"}
    sub = await desk.ok("POST", "/admin/v1/account", json_body=body)
    assert sub["linked"] == "alice"
    assert await desk.ok("GET", "/user/getWalletTransferAccounts", "alice") == [
        {"id": sub["id"], "username": "sub"}
    ]
    move = {"currency": "XBt", "amount": XBT, "targetAccountId": sub["id"]}
    row = await desk.ok("POST", "/user/walletTransfer", "alice", json_body=move)
    assert (row["transactType"], row["amount"], row["walletBalance"]) == (
        "Transfer", -XBT, 9 * XBT,
    )  # fmt: skip
    wallet = await desk.ok("GET", "/user/wallet", "alice")
    assert (wallet["transferOut"], wallet["amount"]) == (XBT, 9 * XBT)
    path = "/user/walletTransfer"
    for change, text in (
        ({"amount": 9 * XBT + 1}, "Account has insufficient Withdrawable Balance"),
        ({"amount": -1}, "Invalid amount"),
        ({"amount": "x"}, "Invalid amount"),
        ({"targetAccountId": desk.bob}, "Invalid account: it is not linked to yours"),
        ({"targetAccountId": None}, "Invalid targetAccountId"),
        ({"targetAccountId": 99}, "Invalid account"),
        (
            {"fromAccountId": desk.bob, "targetAccountId": desk.alice},
            "Invalid account: it is not linked to yours",
        ),
    ):
        assert (await refused(desk, path, **{**move, **change}))[1] == text


async def test_E27_transfer_from_a_linked_account_that_nobody_follows(desk: Desk) -> None:
    (opened,) = desk.session.submit(
        c.OpenAccount(name="own", flags=("background",), owner=desk.alice)
    )
    number = getattr(opened, "ref", 0)
    desk.session.submit(c.Deposit(to_account=number, currency="XBt", amount=XBT))
    move = {"currency": "XBt", "amount": 7, "fromAccountId": number, "targetAccountId": desk.alice}
    row = await desk.ok("POST", "/user/walletTransfer", "alice", json_body=move)
    assert (row["amount"], row["walletBalance"]) == (-7, XBT - 7)
    assert (await desk.ok("GET", "/user/wallet", "alice"))["transferIn"] == 7


async def test_E28_wallet_summary_sums_by_kind(desk: Desk) -> None:
    await desk.ok("POST", "/user/requestWithdrawal", "alice", json_body=WITHDRAWAL)
    (letter,) = await mail(desk)
    await desk.ok("POST", "/user/confirmWithdrawal", json_body={"token": letter["token"]})
    await desk.place("bob", symbol="ETC_XBT", side="Sell", orderQty=XBT, price=0.02)
    await desk.place("alice", symbol="ETC_XBT", orderQty=XBT)
    desk.advance(3_600)

    rows = await desk.ok("GET", "/user/walletSummary", "alice")
    amounts = {(row["transactType"], row["symbol"]): row["amount"] for row in rows}
    assert amounts[("Deposit", None)] == 10 * XBT
    assert amounts[("Withdrawal", None)] == -3 * XBT - FEE
    assert amounts[("SpotTrade", "ETC_XBT")] == -2_005_000
    total = 7 * XBT - FEE - 2_005_000
    assert amounts[("Total", None)] == rows[-1]["walletBalance"] == total
    # The deposit alone is older than the trade.
    rows = await desk.ok("GET", "/user/walletSummary?endTime=2018-01-12T12:00:04.000Z", "alice")
    assert {row["transactType"] for row in rows} == {"Total"}


# --- what the operator says of accounts


async def test_admin_changes_flags_links_and_keys(desk: Desk) -> None:
    body: dict[str, Any] = {"name": "alice", "flags": ["anchorMM"], "linked": "bob"}
    row = await desk.ok("POST", "/admin/v1/account", json_body=body)
    assert (row["flags"], row["linked"]) == (["anchorMM"], "bob")
    body = {"name": "alice", "permissions": ["orderCancel"], "cidr": "10.0.0.0/8", "linked": None}
    row = await desk.ok("POST", "/admin/v1/account", json_body=body)
    assert row["keys"] == [
        {"key": "alice", "permissions": ["orderCancel"], "enabled": True, "cidr": "10.0.0.0/8"}
    ]
    assert row["linked"] is None
    for change in ({"cidr": "nonsense"}, {"linked": "nobody"}, {"flags": "x"}, {"linked": "alice"}):
        answer = await desk.call("POST", "/admin/v1/account", json_body={"name": "alice", **change})
        assert answer.status_code == 400, change


async def test_key_is_good_in_its_network_only(desk: Desk) -> None:
    body = {"name": "alice", "cidr": "10.0.0.0/8"}
    await desk.ok("POST", "/admin/v1/account", json_body=body)

    async def status(address: str) -> int:
        transport = httpx.ASGITransport(app=desk.app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://sim") as client:
            headers = desk.headers("alice", "GET", "/api/v1/user")
            return (await client.get("/api/v1/user", headers=headers)).status_code

    assert await status("10.1.2.3") == 200
    assert await status("11.1.2.3") == 403
    assert await status("::1") == 403
    async with desk.socket(who="alice") as socket:  # from 127.0.0.1
        assert socket.denied == 403
    async with desk.socket() as socket:
        expires = desk.host_ns // 10**9 + 5
        signature = desk.signers["alice"].sign(f"GET/realtime{expires}".encode())
        await socket.take()
        (frame,) = await socket.say({"op": "authKeyExpires", "args": ["alice", expires, signature]})
        assert frame["status"] == 403


async def test_E29_operator_opens_a_contest_and_pays_it(desk: Desk) -> None:
    async def awards(**fields: Any) -> Any:
        return await desk.call("POST", "/admin/v1/awards", json_body=fields)

    assert (await awards(seed=1)).status_code == 400
    assert (await awards(open=True)).json() == {"open": True, "awards": []}
    await desk.place("bob", symbol="ETC_XBT", side="Sell", orderQty=XBT, price=0.02)
    await desk.place("alice", symbol="ETC_XBT", orderQty=XBT)
    for fields in ({"open": False}, {}, {"seed": -1}, {"seed": 1, "chatters": ["nobody"]}):
        assert (await awards(**fields)).status_code == 400, fields
    answer = (await awards(seed=3, chatters=["bob"], prize=1_000)).json()
    assert [(row["award"], row["amount"], row["score"]) for row in answer["awards"]] == [
        ("Big Spender", 500, 2_000_000),
        ("Big Spender", 500, 2_000_000),
        ("I'm Feeling Lucky", 1_000, 0),
    ]
    top, *_ = await desk.ok("GET", "/user/walletHistory", "bob")
    assert (top["transactType"], top["amount"]) == ("Award", 1_000)


async def test_mail_token_is_not_to_be_guessed(desk: Desk) -> None:
    await desk.ok("POST", "/user/requestWithdrawal", "alice", json_body=WITHDRAWAL)
    body = {**WITHDRAWAL, "currency": "ETC", "amount": 5}
    await desk.ok("POST", "/user/requestWithdrawal", "bob", json_body=body)
    (one,), (other,) = await mail(desk), await mail(desk, "bob")
    assert len(one["token"]) == 32
    assert one["token"] != other["token"]
    desk.session.submit(c.CancelWithdrawal(account=desk.alice, withdrawal=1))
    assert await mail(desk) == []


async def test_two_margin_currencies_have_rows_of_their_own(desk: Desk) -> None:
    desk.session.submit(c.ListIndex(spec=composite(".BETHT", decimals=2)))
    desk.session.submit(c.IndexPrints(index=".BETHT", prices=(1_800 * 10**12,)))
    desk.advance(5)
    desk.session.submit(c.ListInstrument(spec=ETHUSDT))
    for name in ("alice", "bob"):
        body = {"name": name, "deposit": {"USDt": 1_000_000_000}}
        await desk.ok("POST", "/admin/v1/account", json_body=body)
    assets = {row["currency"]: row for row in await desk.ok("GET", "/wallet/assets")}
    assert (assets["USDt"]["scale"], assets["USDt"]["isMarginCurrency"]) == (6, True)
    assert assets["ETC"]["isMarginCurrency"] is False
    await desk.place("bob", symbol="ETHUSDT", side="Sell", orderQty=100_000, price=1800)
    bought = await desk.place("alice", symbol="ETHUSDT", orderQty=100_000, price=1800)
    assert (bought["currency"], bought["settlCurrency"]) == ("USDT", "USDt")

    rows = await desk.ok("GET", "/user/margin?currency=all", "alice")
    margins = {row["currency"]: row for row in rows}
    assert margins["XBt"]["walletBalance"] == margins["XBt"]["availableMargin"] == 10 * XBT
    assert margins["USDt"]["walletBalance"] == 998_650_000
    assert margins["USDt"]["maintMargin"] == 19_363_500
    (position,) = await desk.ok("GET", "/position", "alice")
    assert (position["currency"], position["markValue"]) == ("USDt", 1_800_000_000)
    assert (position["homeNotional"], position["foreignNotional"]) == (1, -1800)
    wallet = await desk.ok("GET", "/user/wallet?currency=USDt", "alice")
    assert (wallet["amount"], wallet["deposited"]) == (998_650_000, 1_000_000_000)
    refused = await desk.call(
        "POST",
        "/order",
        "alice",
        json_body={"symbol": "ETHUSDT", "orderQty": 6_000_000, "price": 1800},
    )
    message = refused.json()["error"]["message"]
    assert message.startswith("Account has insufficient Available Balance, ")
    assert message.endswith(" USDt required")
    audit = await desk.ok("GET", "/admin/v1/audit")
    assert audit["ok"] is True
