"""Reading prices: the unmodified boto3 against a server on loopback that speaks its protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lmi_deployer import catalog, prices
from lmi_deployer.cli import run
from lmi_deployer.edges.aws_calls import AwsSettings
from lmi_deployer.edges.price_list import Fetched, fetch
from lmi_deployer.errors import AwsError, CredentialsError, InputError, UnreachableError

TODAY = date(2026, 11, 21)
TYPES = catalog.names("instances")


def product(
    usage: str, usd: str = "1.408", *, unit: str = "Hrs", reserved: bool = False, **attributes: str
) -> str:
    """One entry of PriceList, in the form of the Price List API."""
    dimension = {"unit": unit, "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": usd}}
    term = {
        "sku": "S",
        "effectiveDate": "2026-11-01T00:00:00Z",
        "priceDimensions": {"D": dimension},
    }
    return json.dumps(
        {
            "product": {
                "productFamily": "ML Instance",
                "sku": "S",
                "attributes": {"usagetype": usage, "regionCode": "us-east-1", **attributes},
            },
            "serviceCode": "AmazonSageMaker",
            "terms": {"Reserved" if reserved else "OnDemand": {"S.T": term}},
            "publicationDate": "2026-11-20T00:00:00Z",
        }
    )


class PriceApi:
    """AWSPriceListService on loopback: pages of products for a region, or a refusal."""

    def __init__(self) -> None:
        self.pages: dict[str, list[list[str]]] = {}
        self.refusal: tuple[int, str] | None = None
        self.requests: list[dict[str, Any]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["X-Amz-Target"] == "AWSPriceListService.GetProducts"
                status, answer = api.answer(json.loads(body))
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    def answer(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.requests.append(request)
        if self.refusal is not None:
            status, code = self.refusal
            return status, {"__type": code, "message": "no"}
        region = next(row["Value"] for row in request["Filters"] if row["Field"] == "regionCode")
        pages = self.pages.get(region, [[]])
        number = int(request.get("NextToken", "0"))
        answer: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": pages[number]}
        if number + 1 < len(pages):
            answer["NextToken"] = str(number + 1)
        return 200, answer


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[PriceApi]:
    api = PriceApi()
    thread = Thread(target=api.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    port = api.server.server_address[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv(prices.FILE_VARIABLE, str(tmp_path / "own" / "prices.json"))
    prices.known.cache_clear()
    yield api
    api.server.shutdown()
    thread.join()
    api.server.server_close()
    prices.known.cache_clear()


def read(*regions: str) -> list[Fetched]:
    return fetch(regions or ("us-east-1",), TYPES, settings=AwsSettings(), today=TODAY)


def test_hosting_prices_are_read_over_all_pages_and_nothing_else_is(api: PriceApi):
    api.pages["us-east-1"] = [
        [product("USE1-Host:ml.g5.xlarge"), product("USE1-Train:ml.g5.2xlarge", "9.9")],
        [
            product("Host:ml.g5.12xlarge", "7.09"),
            product("USE1-AsyncInf:ml.g5.4xlarge", "9.9"),
            product("USE1-Host:ml.m5.xlarge", "0.23"),
            product("USE1-Host:ml.g5.8xlarge", "0.0000000000"),
            product("USE1-Host:ml.g5.24xlarge", "3", reserved=True),
            product("USE1-Host:ml.g5.48xlarge", "3", unit="GB"),
        ],
    ]
    (fetched,) = read()
    assert fetched.prices.usd_per_hour == {"ml.g5.xlarge": 1.408, "ml.g5.12xlarge": 7.09}
    assert (fetched.prices.region, fetched.prices.as_of) == ("us-east-1", TODAY)
    assert "Price List API" in fetched.prices.source
    assert [request.get("NextToken") for request in api.requests] == [None, "1"]
    filters = {row["Field"]: row["Value"] for row in api.requests[0]["Filters"]}
    assert filters["platoinstancetype"] == "Hosting"
    assert filters["regionCode"] == "us-east-1"


def test_a_type_with_two_prices_is_named_and_gets_none(api: PriceApi):
    twice = [product("USE1-Host:ml.g5.2xlarge", "1.5"), product("USE1-Host:ml.g5.2xlarge", "1.6")]
    api.pages["us-east-1"] = [[product("USE1-Host:ml.g5.xlarge"), *twice]]
    (fetched,) = read()
    assert fetched.unclear == ("ml.g5.2xlarge",)
    assert list(fetched.prices.usd_per_hour) == ["ml.g5.xlarge"]


def test_a_region_without_hosting_is_an_error_that_says_so(api: PriceApi):
    with pytest.raises(AwsError, match="no hosting price for eu-west-3"):
        read("eu-west-3")


def test_partitions_with_price_lists_of_their_own_are_refused_unasked(api: PriceApi):
    with pytest.raises(InputError, match="cn-north-1"):
        read("us-east-1", "cn-north-1")
    assert api.requests == []


def test_a_missing_permission_is_named(api: PriceApi):
    api.refusal = (400, "AccessDeniedException")
    with pytest.raises(AwsError, match=r"GetProducts.*AccessDeniedException") as caught:
        read()
    assert caught.value.fix is not None


def test_expired_credentials_ask_for_a_sign_in(api: PriceApi):
    api.refusal = (400, "ExpiredTokenException")
    with pytest.raises(CredentialsError):
        read()


def test_no_credentials_are_told_before_anything_is_sent(
    api: PriceApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(CredentialsError):
        read()
    assert api.requests == []


def test_no_network_is_told_as_such(api: PriceApi, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", "http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match="GetProducts"):
        read()


def test_an_answer_that_is_no_json_is_no_price(api: PriceApi):
    api.pages["us-east-1"] = [["{"]]
    with pytest.raises(AwsError, match="no JSON"):
        read()


def test_botocore_itself_takes_the_request_that_is_sent(api: PriceApi):
    api.pages["us-east-1"] = [[product("USE1-Host:ml.g5.xlarge")]]
    read()
    client = boto3.client("pricing", region_name="us-east-1")
    with Stubber(client) as stubber:
        stubber.add_response("get_products", {"PriceList": []}, api.requests[0])
        client.get_products(**api.requests[0])


def test_refresh_shows_old_and_new_and_later_commands_know_the_new(
    api: PriceApi, capsys: pytest.CaptureFixture[str]
):
    api.pages["us-west-2"] = [[product("USW2-Host:ml.p4d.24xlarge", "21.5")]]
    assert run(("catalog", "refresh", "--region", "us-west-2")) == 0
    shown = capsys.readouterr()
    assert "25.251286 (2026-09-01)" in shown.out
    assert "21.5 (" in shown.out
    prices.known.cache_clear()
    assert run(("catalog", "instances")) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if "ml.p4d.24" in line)
    assert "21.50" in row


def test_a_dry_run_writes_nothing(api: PriceApi, capsys: pytest.CaptureFixture[str]):
    api.pages["us-west-2"] = [[product("USW2-Host:ml.p4d.24xlarge", "21.5")]]
    assert run(("catalog", "refresh", "--region", "us-west-2", "--dry-run", "-o", "json")) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["written"] is None
    assert document["changes"][0]["before_usd_per_hour"] == 25.251286
    own = prices.own_file()
    assert own is not None
    assert not own.exists()


def test_an_unknown_region_is_met_with_the_nearest(
    api: PriceApi, capsys: pytest.CaptureFixture[str]
):
    assert run(("catalog", "refresh", "--region", "us-west-3")) == 2
    assert "did you mean" in capsys.readouterr().err
