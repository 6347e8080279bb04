from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from outgrow.adapters.aws_price_list import AwsPriceList
from outgrow.adapters.aws_price_queries import query_for
from outgrow.adapters.price_files import shipped_rates
from outgrow.catalog.pricebook import parse_rates, render_rates
from outgrow.domain.errors import NetworkError

pytest.importorskip("boto3", reason="the extra `aws` is not installed")

TODAY = date(2026, 11, 23)
SECRET = "made-up-and-never-shown"  # noqa: S105
SEOUL = "ap-northeast-2"


@pytest.fixture
def aws(loopback, monkeypatch):
    """A real boto3 client that talks to the loopback server with made-up credentials."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", loopback.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    return AwsPriceList(timeout_s=2, attempts=1)


def held(sku, region=SEOUL):
    return next(r for r in shipped_rates() if (r.sku, r.region, r.tier_from) == (sku, region, 0))


def dimension(usd, unit="Hrs", begin="0", end="Inf"):
    return {"unit": unit, "beginRange": begin, "endRange": end, "pricePerUnit": {"USD": usd}, "description": "..."}


def product(usage, *dimensions, **attributes):
    return {
        "product": {"sku": "SKU123", "attributes": {"usagetype": usage, **attributes}},
        "terms": {"OnDemand": {"SKU123.X": {"priceDimensions": {str(i): d for i, d in enumerate(dimensions)}}}},
        "publicationDate": "2026-11-20T00:00:00Z",
    }


def pages(loopback, *several):
    """Each page is a list of products; a page but the last names the next."""
    bodies = []
    for index, products in enumerate(several):
        token = {"NextToken": str(index + 1)} if index + 1 < len(several) else {}
        body = {"FormatVersion": "aws_v1", "PriceList": [json.dumps(one) for one in products], **token}
        bodies.append(json.dumps(body).encode())

    def reply(_request, body):
        return 200, bodies[int(json.loads(body).get("NextToken", 0))]

    loopback.reply = reply


def failure(aws, rate=None):
    with pytest.raises(NetworkError) as problem:
        aws.fetch([rate or held("aws/ec2/t4g.small")], TODAY)
    assert SECRET not in f"{problem.value.message}{problem.value.hint}"
    return problem.value


def test_a_product_becomes_a_row_that_a_price_file_takes(aws, loopback):
    pages(loopback, [product("APN2-BoxUsage:t4g.small", dimension("0.0208000000"))])
    (rate,), notes = aws.fetch([held("aws/ec2/t4g.small")], TODAY)
    assert (rate.amount, rate.unit, rate.currency) == (Decimal("0.0208"), "hour", "USD")
    assert (rate.valid_from, rate.as_of, rate.confidence) == (TODAY, TODAY, "high")
    assert rate.source == "AWS Price List API, 2026-11-23; SKU123, APN2-BoxUsage:t4g.small"
    assert notes == []
    assert parse_rates(render_rates([rate]), "candidates.csv") == (rate,)


def test_the_question_is_asked_with_the_filters_of_the_family(aws, loopback):
    pages(loopback, [product("APN2-BoxUsage:t4g.small", dimension("0.02"))])
    aws.fetch([held("aws/ec2/t4g.small")], TODAY)
    ((_, headers, body),) = loopback.requests
    asked = json.loads(body)
    assert headers["X-Amz-Target"] == "AWSPriceListService.GetProducts"
    assert "/us-east-1/pricing/" in headers["Authorization"]
    assert asked["ServiceCode"] == "AmazonEC2"
    assert {one["Type"] for one in asked["Filters"]} == {"TERM_MATCH"}
    assert {one["Field"]: one["Value"] for one in asked["Filters"]} == {
        "productFamily": "Compute Instance",
        "instanceType": "t4g.small",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "licenseModel": "No License required",
        "regionCode": SEOUL,
    }


def test_tiers_come_back_as_rows_and_the_allowance_stays(aws, loopback):
    steps = [("0.126", "0"), ("0.122", "10240"), ("0.117", "51200"), ("0.108", "153600")]
    pages(loopback, [product("APN2-DataTransfer-Out-Bytes", *(dimension(u, "GB", b) for u, b in steps))])
    rates, _ = aws.fetch([held("aws/transfer/egress")], TODAY)
    assert [(rate.tier_from, rate.amount, rate.allowance) for rate in rates] == [
        (0, Decimal("0.126"), 100),
        (10240, Decimal("0.122"), 0),
        (51200, Decimal("0.117"), 0),
        (153600, Decimal("0.108"), 0),
    ]
    filters = {one["Field"]: one["Value"] for one in json.loads(loopback.requests[0][2])["Filters"]}
    assert filters == {"transferType": "AWS Outbound", "fromRegionCode": SEOUL}


@pytest.mark.parametrize(
    ("sku", "usage", "said", "amount"),
    [
        # 40.96 USD per GiB/s and month = 0.04 per MiB/s
        ("aws/ebs/gp3-throughput", "EBS:VolumeP-Throughput.gp3", dimension("40.96", "GiBps-mo"), "0.04"),
        # 0.000005 USD a request = 0.005 a thousand
        ("aws/s3/put", "Requests-Tier1", dimension("0.000005", "Requests"), "0.005"),
        ("aws/ec2/cpu-credits-t3", "CPUCredits:t3", dimension("0.05", "vCPU-Hours"), "0.05"),
    ],
)
def test_units_of_aws_become_ours(aws, loopback, sku, usage, said, amount):
    pages(loopback, [product(usage, said)])
    (rate,), _ = aws.fetch([held(sku, "us-east-1")], TODAY)
    assert rate.amount == Decimal(amount)


def test_a_sku_sold_everywhere_is_asked_without_a_region(aws, loopback):
    pages(
        loopback,
        [product("HostedZone", dimension("0.5", "HostedZone", "0", "25"), dimension("0.1", "HostedZone", "25"))],
    )
    rates, _ = aws.fetch([held("aws/route53/hosted-zone", "any")], TODAY)
    assert [(rate.region, rate.tier_from, rate.amount) for rate in rates] == [
        ("any", 0, Decimal("0.5")),
        ("any", 25, Decimal("0.1")),
    ]
    assert "regionCode" not in loopback.requests[0][2].decode()


def test_every_page_is_read(aws, loopback):
    pages(
        loopback,
        [product("APN2-EBSOptimized:t4g.small", dimension("0"))],
        [product("APN2-BoxUsage:t4g.small", dimension("0.02"))],
    )
    (rate,), _ = aws.fetch([held("aws/ec2/t4g.small")], TODAY)
    assert (rate.amount, len(loopback.requests)) == (Decimal("0.02"), 2)


def test_usage_types_that_only_look_alike_are_left_out(aws, loopback):
    other = [
        product(usage, dimension("9")) for usage in ("TS-LCUUsage", "APN2-ReservedLCUUsage", "USE1-Outposts-LCUUsage")
    ]
    pages(loopback, [*other, product("APN2-LCUUsage", dimension("0.008", "LCU-Hrs"))])
    (rate,), _ = aws.fetch([held("aws/elb/lcu")], TODAY)
    assert rate.amount == Decimal("0.008")


def test_storage_of_other_database_engines_is_left_out(aws, loopback):
    oracle = product("APN2-RDS:GP3-Storage", dimension("0.2", "GB-Mo"), databaseEngine="Oracle")
    ours = product("APN2-RDS:GP3-Storage", dimension("0.131", "GB-Mo"), databaseEngine="Any")
    pages(loopback, [oracle, ours])
    (rate,), _ = aws.fetch([held("aws/rds/storage")], TODAY)
    assert rate.amount == Decimal("0.131")


def test_several_products_at_one_price_are_one_rate(aws, loopback):
    both = [product(f"APN2-{kind}:ml.g5.xlarge", dimension("1.73")) for kind in ("Host", "AsyncInf")]
    pages(loopback, both)
    (rate,), notes = aws.fetch([held("aws/sagemaker/ml.g5.xlarge")], TODAY)
    assert (rate.amount, notes) == (Decimal("1.73"), [])


SMALL = "aws/ec2/t4g.small in ap-northeast-2"


@pytest.mark.parametrize(
    ("products", "said"),
    [
        ([], "no product matches AmazonEC2 'BoxUsage:t4g\\\\.small'"),
        (
            [product("APN2-BoxUsage:t4g.small", dimension(usd)) for usd in ("0.02", "0.03")],
            "2 products match, at different prices (0.02, 0.03)",
        ),
        (
            [product("APN2-BoxUsage:t4g.small", dimension("0.02", "Quantity"))],
            "it is priced by 'Quantity', we count by 'hour'",
        ),
        (
            [product("APN2-BoxUsage:t4g.small", dimension("0"))],
            "the product has a tier that costs nothing; enter its allowance by hand",
        ),
        (
            [product("APN2-BoxUsage:t4g.small", dimension("0.02", begin="5"))],
            "the tiers of the product do not start at zero, or not once each",
        ),
        (
            [product("APN2-BoxUsage:t4g.small", dimension("0.02"), dimension("0.03"))],
            "the tiers of the product do not start at zero, or not once each",
        ),
        (
            [product("APN2-BoxUsage:t4g.small", dimension("much"))],
            "the product has no on-demand price in USD that can be read",
        ),
        (
            [product("APN2-BoxUsage:t4g.small", dimension("NaN"))],
            "the product has no on-demand price in USD that can be read",
        ),
        (
            [product("APN2-BoxUsage:t4g.small", {**dimension("1"), "pricePerUnit": {"CNY": "1"}})],
            "the product has no on-demand price in USD that can be read",
        ),
    ],
)
def test_an_answer_without_one_clear_price_is_said_and_left_out(aws, loopback, products, said):
    pages(loopback, products)
    rates, notes = aws.fetch([held("aws/ec2/t4g.small")], TODAY)
    assert (rates, notes) == ([], [f"{SMALL}: {said}; left out"])


def test_skus_the_api_is_not_asked_for_are_said(aws, loopback):
    rates, notes = aws.fetch([held("aws/ec2-spot/g4dn.xlarge")], TODAY)
    assert (rates, loopback.requests) == ([], [])
    assert notes == ["aws/ec2-spot/g4dn.xlarge: AWS Price List API is not asked for it; confirm it by hand"]


def test_which_shipped_skus_no_query_covers():
    skus = {rate.sku for rate in shipped_rates() if rate.provider == "aws"}
    uncovered = {sku for sku in skus if query_for(sku) is None}
    assert uncovered == {
        "aws/elb/classic",
        "aws/textract/analyze-expense",
        "aws/transfer/inter-region",
        *(sku for sku in skus if sku.startswith("aws/ec2-spot")),
    }


def test_multi_az_is_another_question():
    query = query_for("aws/rds-postgresql/db.t4g.micro-multi-az")
    assert query is not None
    assert (query.filters["instanceType"], query.filters["deploymentOption"]) == ("db.t4g.micro", "Multi-AZ")


def test_long_work_shows_progress(aws, loopback):
    pages(loopback, [product("APN2-BoxUsage:t4g.small", dimension("0.02"))])
    said: list[str] = []
    replace(aws, progress=said.append).fetch([held("aws/ec2/t4g.small")] * 21, TODAY)
    assert said == ["AWS Price List API: 20 of 21 asked"]


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, "UnrecognizedClientException", "refused to answer (UnrecognizedClientException, HTTP 400)"),
        (401, "Unauthorized", "refused to answer (Unauthorized, HTTP 401)"),
        (403, "AccessDeniedException", "refused to answer (AccessDeniedException, HTTP 403)"),
        (500, "InternalErrorException", "refused to answer (InternalErrorException, HTTP 500)"),
    ],
)
def test_a_refusal_says_its_code(aws, loopback, status, kind, said):
    loopback.reply = lambda _request, _body: (status, json.dumps({"__type": kind, "message": SECRET}).encode())
    problem = failure(aws)
    assert problem.message == f"AWS Price List API: {said}"
    assert problem.hint == (
        "try again later" if status == 500 else "any AWS identity with pricing:GetProducts will do; see `aws configure`"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"<html>hello</html>",
        b"[]",
        b"{}",
        b'{"PriceList": ["{"]}',
        b'{"PriceList": ["[]"]}',
        b'{"PriceList": ["{\\"product\\": null}"]}',
        b'{"PriceList": 3}',
        b'{"PriceList": [',
        b"\xff\xfe",
    ],
)
def test_garbage_is_refused(aws, loopback, body):
    loopback.reply = lambda _request, _body: (200, body)
    assert failure(aws).message.startswith("AWS Price List API: the answer ")


def test_half_an_answer_is_refused_whole(aws, loopback):
    good = json.dumps({"PriceList": [json.dumps(product("APN2-BoxUsage:t4g.small", dimension("0.02")))]}).encode()
    loopback.reply = lambda _request, _body: (200, good) if len(loopback.requests) == 1 else (500, b"{}")
    with pytest.raises(NetworkError) as problem:
        aws.fetch([held("aws/ec2/t4g.small"), held("aws/ec2/t4g.micro")], TODAY)
    assert problem.value.message == "AWS Price List API: refused to answer (HTTP 500)"


def test_an_answer_cut_off_half_way_is_refused(aws, loopback):
    def half(request, _body):
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b'{"PriceList": [')

    loopback.reply = half
    assert failure(aws).message.startswith("AWS Price List API: ")


def test_a_slow_answer_is_given_up(aws, loopback):
    loopback.reply = lambda _request, _body: (loopback.over.wait(5), (200, b"{}"))[1]
    assert failure(replace(aws, timeout_s=0.2)).message == "AWS Price List API: no answer in time"


def test_nobody_at_the_address_is_said(aws, closed_url, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", closed_url)
    assert failure(aws).message == "AWS Price List API: cannot be reached (EndpointConnectionError)"


def test_an_address_that_is_none_is_said(aws, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", "nonsense")
    said = "AWS Price List API: the AWS settings of this machine cannot be used (ValueError)"
    assert failure(aws).message == said


def test_without_credentials_the_way_to_get_some_is_said(aws, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    problem = failure(aws)
    assert problem.message == "AWS Price List API: no usable AWS credentials (NoCredentialsError)"
    assert problem.hint == "any AWS identity with pricing:GetProducts will do; see `aws configure`"


def test_an_unknown_profile_is_said(aws, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    said = "AWS Price List API: the AWS settings of this machine cannot be used (ProfileNotFound)"
    assert failure(aws).message == said


def test_without_boto3_the_command_to_install_it_is_said(aws, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] in ("boto3", "botocore")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "boto3", None)
    problem = failure(aws)
    assert problem.message == "AWS Price List API: boto3 is not installed"
    assert problem.hint == "pip install 'outgrow[aws]'"
