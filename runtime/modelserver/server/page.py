"""The page at `/`: what is served here, for a person with a browser; a form to try it, where JavaScript is allowed.

One answer with nothing from elsewhere. Its Content-Security-Policy (https://www.w3.org/TR/CSP3/) names the style and
the script by their hashes, so that nothing that a model's name could smuggle in would run.
"""

import base64
import hashlib
from html import escape
from urllib.parse import quote

import orjson

from modelserver import __version__, example
from modelserver.tensors import Signature, TensorSpec

LONGEST_REQUEST = 2500  # characters; the whole page stays below 10 kB
CONTENT_TYPE = "text/html; charset=utf-8"
STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;"
    "padding:0 1rem}h1{margin-bottom:0}table{border-collapse:collapse;margin:1rem 0}th,td{text-align:left;"
    "padding:.2rem 1.2rem .2rem 0;border-bottom:1px solid #8884}pre,textarea{font:13px/1.4 ui-monospace,monospace;"
    "width:100%;box-sizing:border-box;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere}"
    "pre{background:#8882;padding:.6rem;max-height:24rem}button{font:inherit;padding:.3rem 1rem}"
)
# An example too long to print has "data": []; the script fills in the zeros when it is sent.
SCRIPT = """
const form = document.forms[0], answer = document.querySelector("output"), told = document.querySelector("#time");
form.hidden = false;
form.addEventListener("submit", async event => {
  event.preventDefault();
  told.textContent = "…";
  try {
    let body = form.request.value;
    const request = JSON.parse(body);
    for (const one of request.inputs || []) {
      const size = (one.shape || []).reduce((product, part) => product * part, 1);
      if (one.data && one.data.length === 0 && size > 0 && size < 1e7) {
        one.data = new Array(size).fill(one.datatype === "BYTES" ? "" : one.datatype === "BOOL" ? false : 0);
        body = JSON.stringify(request);
      }
    }
    const headers = {"content-type": "application/json"};
    if (form.key.value) headers.authorization = "Bearer " + form.key.value;
    const started = performance.now();
    const response = await fetch(form.dataset.url, {method: "POST", headers, body});
    const text = await response.text();
    told.textContent = `${response.status} in ${(performance.now() - started).toFixed(1)} ms`;
    answer.textContent = text;
  } catch (problem) {
    told.textContent = "";
    answer.textContent = problem.message;
  }
});
"""


def _hash(content: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() + "'"


POLICY = (
    f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = f"content-security-policy: {POLICY}\r\nx-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\n"


def page(model: str, version: str | None, revision: str | None, signature: Signature, keys: bool) -> bytes:
    """`keys`: whether requests need an API key, which the form then asks for."""
    url = f"/v2/models/{quote(model, safe='')}/infer"
    request, short = _request(signature)
    of = ", ".join(
        f"{title} {escape(value)}" for title, value in (("version", version), ("revision", revision)) if value
    )
    key = '<p><label>API key <input name="key" type="password" autocomplete="off"></label></p>'
    bearer = " -H 'Authorization: Bearer KEY'" if keys else ""
    quoted = request.replace("'", "'\\''")
    line = f"curl{bearer} localhost:8080{url} -d " + (f"'{quoted}'" if short else "@request.json")
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(model)}</title><style>{STYLE}</style>
<h1>{escape(model)}</h1><p>{of}{" · " if of else ""}served by modelserver {__version__}</p>
<h2>Inputs</h2>{_table(signature.inputs)}<h2>Outputs</h2>{_table(signature.outputs)}
<h2>Ask</h2><pre>{escape(line)}</pre>
<form hidden data-url="{escape(url)}"><textarea name="request" rows="10" aria-label="request" spellcheck="false">
{escape(request)}</textarea>{key if keys else '<input name="key" type="hidden">'}
<p><button>Infer</button> <span id="time" role="status"></span></p><pre><output></output></pre></form>
<p><a href="/openapi.json">OpenAPI</a> · <a href="/metrics">metrics</a> · <a href="/v2/health/ready">ready?</a></p>
<script>{SCRIPT}</script></html>
""".encode()


def _request(signature: Signature) -> tuple[str, bool]:
    """An example in JSON, and whether it is complete: a long one comes with its data left out."""
    request = example.infer_request(signature)
    if request is not None and len(body := orjson.dumps(request).decode()) <= LONGEST_REQUEST:
        return body, True
    inputs = [
        {"name": spec.name, "datatype": spec.datatype.name, "shape": example.shape_of(spec), "data": []}
        for spec in signature.inputs
    ]
    return orjson.dumps({"inputs": inputs}).decode(), False


def _table(specs: tuple[TensorSpec, ...]) -> str:
    rows = "".join(
        f"<tr><td>{escape(spec.name)}<td>{spec.datatype.name}"
        f"<td>{' × '.join('any' if size < 0 else str(size) for size in spec.shape) or 'scalar'}"
        for spec in specs
    )
    return f"<table><tr><th>name<th>datatype<th>shape{rows}</table>"
