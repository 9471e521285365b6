"""What a client of the items gets, in JSON and in XML, for right requests and for wrong ones."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from {{ cookiecutter.__package }} import NAME, VERSION, xml_data

LAMP = {"name": "lamp", "kind": "goods", "category": "general"}


def test_items_are_answered_with_name_and_version(client: FlaskClient) -> None:
    answer = client.get("/api/v1/items")
    assert answer.status_code == 200
    assert (answer.json["service"], answer.json["version"]) == (NAME, VERSION)
    assert [item["name"] for item in answer.json["items"]] == [f"first of {NAME}", f"second of {NAME}"]


def test_items_are_answered_in_pages(client: FlaskClient) -> None:
    for number in range(5):
        assert client.post("/api/v1/items", json=LAMP | {"name": f"lamp {number}"}).status_code == 201
    answer = client.get("/api/v1/items?page=3&per_page=3").json
    assert [item["name"] for item in answer["items"]] == ["lamp 4"]
    assert (answer["page"], answer["pages"], answer["total"]) == (3, 3, 7)
    beyond = client.get("/api/v1/items?page=4&per_page=3").json
    assert (beyond["items"], beyond["pages"], beyond["total"]) == ([], 3, 7)


def test_items_can_be_had_by_kind(client: FlaskClient) -> None:
    client.post("/api/v1/items", json=LAMP | {"kind": "labour"})
    answer = client.get("/api/v1/items?kind=labour").json
    assert ([item["name"] for item in answer["items"]], answer["total"]) == (["lamp"], 1)


def test_an_item_lives_from_post_to_delete(client: FlaskClient) -> None:
    added = client.post("/api/v1/items", json=LAMP)
    assert added.status_code == 201
    place = added.headers["Location"]
    assert client.get(place).json == LAMP | {"id": added.json["id"]}
    assert client.put(place, json=LAMP | {"category": "spare parts"}).json["category"] == "spare parts"
    assert client.delete(place).status_code == 204
    assert client.get(place).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"kind": "goods", "category": "general"}, "#/name", "Missing data"),
        (LAMP | {"name": ""}, "#/name", "Length"),
        (LAMP | {"name": "x" * 101}, "#/name", "Length"),
        (LAMP | {"name": 5}, "#/name", "Not a valid string"),
        (LAMP | {"name": "a\x00b"}, "#/name", "Not one line of text"),
        (LAMP | {"name": "lamp\n"}, "#/name", "Not one line of text"),
        (LAMP | {"name": "\ufffe"}, "#/name", "Not one line of text"),
        (LAMP | {"name": "\ud800"}, "#/name", "half a character"),
        (LAMP | {"kind": "other"}, "#/kind", "Must be one of: goods, labour"),
        (LAMP | {"category": "\x00"}, "#/category", "Not one line of text"),
        (LAMP | {"colour": "red"}, "#/colour", "Unknown field"),
        (LAMP | {"id": 5}, "#/id", "Unknown field"),
        ([], "#/", "Invalid input type"),
        ("lamp", "#/", "Invalid input type"),
    ],
)
def test_a_wrong_body_is_told_field_by_field(client: FlaskClient, body: Any, pointer: str, detail: str) -> None:
    answer = client.post("/api/v1/items", json=body)
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert detail in answer.json["errors"][0]["detail"]
    assert client.get("/api/v1/items").json["total"] == 2


def test_the_answer_to_very_much_that_is_wrong_is_short(client: FlaskClient) -> None:
    many = client.post("/api/v1/items", json={f"key{number}": 1 for number in range(70_000)})
    assert many.status_code == 422
    assert len(many.json["errors"]) == 20
    assert many.json["detail"].endswith("errors says where, for the first 20 of 70003.")
    assert len(many.data) < 5000
    long = client.post("/api/v1/items", json=LAMP | {"x" * 1_000_000: 1})
    assert (long.status_code, len(long.data) < 1000) == (422, True)
    kind = "x" * 1_000_000
    xml = client.post("/api/v1/items", data=f'<item type="{kind}"/>', content_type="application/xml")
    assert (xml.status_code, len(xml.data) < 1000) == (400, True)


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/v1/items"), ("PUT", "/api/v1/items/1")])
def test_a_category_must_be_one_there_is(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(path, method=method, json=LAMP | {"category": "unheard of"})
    assert answer.status_code == 409
    assert answer.json["errors"] == [{"pointer": "#/category", "detail": "There is no category of this name."}]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("page=0", "page"),
        ("page=1_0", "page"),
        ("page=%C2%A01", "page"),
        ("page=%1F1", "page"),
        ("page=%D9%A3", "page"),
        ("page=99999999999999999999999", "page"),
        ("per_page=101", "per_page"),
        ("kind=x", "kind"),
        ("sort=1", "sort"),
    ],
)
def test_a_wrong_parameter_is_told_by_name(client: FlaskClient, query: str, parameter: str) -> None:
    answer = client.get(f"/api/v1/items?{query}")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["parameter"] == parameter


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", "{", 400),
        ("application/json", '{"name": NaN}', 400),
        ("application/json", "[" * 100_000, 400),
        ("application/json", b"\xff", 400),
        ("application/json", "x" * 1_048_577, 413),
        ("application/xml", "<item>", 400),
        ("application/xml", "", 400),
        ("application/xml", "<item><name>a</name><name>b</name></item>", 400),
        ("application/xml", '<!DOCTYPE i [<!ENTITY e "e">]><item><name>&e;</name></item>', 400),
        ("application/xml", "<item><name>&#1;</name></item>", 400),
        ("text/plain", "lamp", 415),
        ("", "lamp", 415),
    ],
)
def test_a_body_that_can_not_be_read_is_refused(
    client: FlaskClient, content_type: str, body: str | bytes, status: int
) -> None:
    answer = client.post("/api/v1/items", data=body, content_type=content_type)
    assert answer.status_code == status
    assert answer.json["status"] == status


def test_a_client_can_speak_xml_only(client: FlaskClient) -> None:
    added = client.post(
        "/api/v1/items",
        data="<item>\n  <name>Lämp &amp; shade</name>\n  <kind>goods</kind>\n  <category>general</category>\n</item>",
        headers={"Content-Type": "application/xml", "Accept": "application/xml"},
    )
    assert added.status_code == 201
    assert added.content_type == "application/xml"
    assert xml_data.loads(added.data) == {"id": 3, "name": "Lämp & shade", "kind": "goods", "category": "general"}
    again = client.put(added.headers["Location"], json=LAMP)
    assert again.json == LAMP | {"id": 3}


def test_json_and_xml_say_the_same(client: FlaskClient) -> None:
    in_xml = client.get("/api/v1/items", headers={"Accept": "application/xml"})
    assert xml_data.loads(in_xml.data) == client.get("/api/v1/items").json


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/xml", "application/xml"),
        ("application/json;q=0.5, application/xml", "application/xml"),
        ("text/html, application/xml;q=0.9, */*;q=0.8", "application/xml"),
    ],
)
def test_the_form_of_the_answer_is_the_clients_choice(
    client: FlaskClient, accept: str | None, content_type: str
) -> None:
    answer = client.get("/api/v1/items/1", headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer.content_type) == (200, content_type)
    assert answer.headers["Vary"] == "Accept"


def test_nothing_is_done_for_a_client_that_could_not_read_the_answer(client: FlaskClient) -> None:
    answer = client.post("/api/v1/items", json=LAMP, headers={"Accept": "text/html"})
    assert answer.status_code == 406
    assert answer.content_type == "application/problem+json"
    assert client.get("/api/v1/items").json["total"] == 2


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/items/99", 404),
        ("GET", "/api/v1/items/99999999999999999999", 404),
        ("PATCH", "/api/v1/items", 405),
        ("POST", "/api/v1/items/1", 405),
        ("POST", "/health/live", 405),
        ("POST", "/api/v1/items", 415),
        ("GET", "/api/v1/items?page=x", 422),
    ],
)
def test_every_error_is_a_problem_in_the_form_that_is_accepted(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    in_json = client.open(path, method=method, headers={"Accept": "application/json"})
    assert (in_json.status_code, in_json.content_type) == (status, "application/problem+json")
    assert in_json.json["status"] == status
    in_xml = client.open(path, method=method, headers={"Accept": "application/xml"})
    assert (in_xml.status_code, in_xml.content_type) == (status, "application/problem+xml")
    told = xml_data.loads(in_xml.data)
    same = ("type", "title", "detail")
    assert [told[member] for member in same] == [in_json.json[member] for member in same]
    assert told["status"] == str(status)
    assert ("Allow" in in_json.headers) == (status == 405)


def test_a_name_that_xml_has_not_does_not_break_the_problem(client: FlaskClient) -> None:
    answer = client.post("/api/v1/items", json={"<\x01>": 1}, headers={"Accept": "application/xml"})
    assert answer.status_code == 422
    assert "#/<\N{REPLACEMENT CHARACTER}>" in [error["pointer"] for error in xml_data.loads(answer.data)["errors"]]


def test_a_failure_of_the_service_is_a_problem_that_tells_nothing_but_its_trace(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, log_file: Any
) -> None:
    monkeypatch.setattr("{{ cookiecutter.__package }}.items._items", None)
    answer = client.get("/api/v1/items")
    assert answer.status_code == 500
    assert "NoneType" not in answer.text
    lines = [json.loads(line) for line in log_file.read_text().splitlines()]
    failed = next(line for line in lines if "exception" in line)
    assert failed["trace_id"] == answer.json["trace_id"]
