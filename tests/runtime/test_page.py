"""The page at `/` informs without JavaScript, brings nothing from elsewhere, and lets no name become markup."""

import base64
import hashlib
import html
import re
import shlex

import httpx
import pytest

from modelserver.server.page import HEADERS, page
from modelserver.tensors import DATATYPES, Signature, TensorSpec
from tests.runtime.processes import Server

PICTURES = Signature(
    (TensorSpec("image", DATATYPES["FP32"], (-1, 3, -1, -1)),), (TensorSpec("logits", DATATYPES["FP32"], (-1, 1000)),)
)

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_programs_are_told_that_the_server_lives(server: Server) -> None:
    """What KServe's v1 protocol says of this path."""
    assert httpx.get(server.url("/")).json() == {"status": "alive"}


def test_what_it_says_and_that_its_curl_line_works(server: Server) -> None:
    answer = httpx.get(server.url("/"), headers=BROWSER)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert len(answer.content) < 10_000
    text = html.unescape(answer.text)
    for told in ("<h1>tiny</h1>", "version 7", "revision 6f9c81ab2d", "<td>x<td>FP32<td>any × 4", "<td>any × 3"):
        assert told in text
    match = re.search(r"<pre>(curl.*?)</pre>", text)
    assert match
    words = shlex.split(match[1])
    assert words[1] == "localhost:8080/v2/models/tiny/infer"
    assert httpx.post(server.url(words[1].partition("8080")[2]), content=words[3]).status_code == 200
    area = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", text, re.S)
    assert area and area[1] == words[3]


def test_the_policy_names_exactly_the_style_and_the_script_of_the_page(server: Server) -> None:
    answer = httpx.get(server.url("/"), headers=BROWSER)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    for tag in ("style", "script"):
        contents = re.findall(rf"<{tag}>(.*?)</{tag}>", answer.text, re.S)
        assert len(contents) == 1
        digest = base64.b64encode(hashlib.sha256(contents[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r'(?:src|href|action)="(?!/)', answer.text)


def test_the_head_alone(server: Server) -> None:
    assert httpx.head(server.url("/"), headers=BROWSER).headers["content-type"] == "text/html; charset=utf-8"
    assert httpx.post(server.url("/")).headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img>', "</textarea><b>", "a&b'c"])
def test_names_are_text(name: str) -> None:
    spec = TensorSpec(name, DATATYPES["FP32"], (2,))
    made = page(name, name, name, Signature((spec,), (spec,)), keys=True).decode()
    assert name not in made
    assert made.count("<script>") == made.count("</textarea>") == 1


def test_a_large_input_is_left_to_the_script() -> None:
    made = page("vision", None, None, PICTURES, keys=False)
    assert len(made) < 10_000
    assert b"&quot;shape&quot;:[1,3,32,32],&quot;data&quot;:[]" in made
    assert b"-d @request.json" in made
    assert HEADERS.count("\r\n") == 3
