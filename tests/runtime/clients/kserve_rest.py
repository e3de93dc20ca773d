"""KServe's InferenceRESTClient as a program: `python kserve_rest.py v1|v2 ADDRESSES` makes every call."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import httpx
import numpy as np
from calling import Call, addresses, tell
from kserve import InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig
from kserve.protocol.infer_type import RequestedOutput
from kserve_tensors import ANSWER, ROW, raw, row
from values import VALUES, same

BINARY = {"binary_data_output": True}


class Client:
    """The client, and where each model is."""

    def __init__(self, protocol: str, served: dict[str, dict[str, str]]) -> None:
        self.kserve = InferenceRESTClient(RESTConfig(protocol=protocol))
        self.served = served

    def url(self, model: str) -> str:
        return "http://" + self.served.get(model, self.served["tiny"])["http"]

    async def infer(self, model: str, *inputs: Any, outputs: Any = None, **more: Any) -> Any:
        named = {key: more.pop(key) for key in ("request_id", "parameters") if key in more}
        request = InferRequest(model, list(inputs), request_outputs=outputs, **named)
        return await self.kserve.infer(self.url(model), request, model_name=model, **more)


async def live(client: Client) -> None:
    assert await client.kserve.is_server_live(client.url("tiny")) is True


async def ready(client: Client) -> None:
    assert await client.kserve.is_server_ready(client.url("tiny")) is True


async def model_ready(client: Client) -> None:
    for model in client.served:
        assert await client.kserve.is_model_ready(client.url(model), model) is True


async def other_model_ready(client: Client) -> None:
    assert await client.kserve.is_model_ready(client.url("tiny"), "other") is False


async def other_model_ready_v1(client: Client) -> None:
    await client.kserve.is_model_ready(client.url("tiny"), "other")


async def echo(datatype: str, binary: bool, client: Client) -> None:
    """As JSON or as raw tensors, both ways."""
    given = raw(f"in_{datatype}", VALUES[datatype], datatype, binary_data=binary)
    wanted = [RequestedOutput(f"out_{datatype}", {"binary_data": binary})]
    (got,) = (await client.infer("everything", given, outputs=wanted)).outputs
    same(got.as_numpy(), datatype)


async def all_datatypes(client: Client) -> None:
    given = [raw(f"in_{datatype}", values, datatype) for datatype, values in VALUES.items()]
    answer = await client.infer("everything", *given, parameters=dict(BINARY))
    for datatype in VALUES:
        same(answer.get_output_by_name(f"out_{datatype}").as_numpy(), datatype)


async def lists(client: Client) -> None:
    """Inputs as Python lists, flat and nested."""
    for data in ([1.0, 2.0, 3.0, 4.0], ROW):
        (got,) = (await client.infer("tiny", InferInput("x", [1, 4], "FP32", data=data))).outputs
        np.testing.assert_allclose(got.as_numpy(), ANSWER, rtol=1e-6)


async def document(client: Client) -> None:
    entry = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": ROW}
    answer = await client.kserve.infer(client.url("tiny"), {"inputs": [entry]}, model_name="tiny")
    np.testing.assert_allclose(answer.outputs[0].as_numpy(), ANSWER, rtol=1e-6)


async def several_inputs(client: Client) -> None:
    answer = await client.infer("pair+100%", raw("a", ROW), raw("b", ROW, binary_data=False))
    assert answer.get_output_by_name("sum").as_numpy().tolist() == [[2, 4, 6, 8]]


async def requested_output(client: Client) -> None:
    answer = await client.infer("pair+100%", row("a"), row("b"), outputs=[RequestedOutput("difference")])
    assert [one.name for one in answer.outputs] == ["difference"]


async def strings(client: Client) -> None:
    words = ["größer", "", "日本", "x" * 70_000]
    answer = await client.infer("texts/1", InferInput("in", [4], "BYTES", data=words))
    assert answer.outputs[0].data == words


async def empty(client: Client) -> None:
    for binary in (False, True):
        for model, name, values, datatype in (
            ("tiny", "x", np.empty((0, 4)), "FP32"),
            ("texts/1", "in", np.empty(0), "BYTES"),
        ):
            answer = await client.infer(model, raw(name, values, datatype, binary_data=binary))
            assert answer.outputs[0].shape[0] == 0


async def empty_beside_raw(client: Client) -> None:
    given = [raw("a", np.empty((0, 4))), raw("b", np.empty((0, 4)), binary_data=False)]
    assert (await client.infer("pair+100%", *given)).outputs[0].shape == [0, 4]


async def labels(client: Client) -> None:
    answer = await client.infer("labels", raw("x", [[3.0, 1.0]]))
    assert answer.get_output_by_name("label").as_numpy().tolist() == [7]


async def request_id(client: Client) -> None:
    assert (await client.infer("tiny", row("x"), request_id="größer/42")).id == "größer/42"


async def parameters(client: Client) -> None:
    answer = await client.infer("tiny", row("x"), parameters={"text": "a", "number": 1, "flag": True})
    np.testing.assert_allclose(answer.outputs[0].as_numpy(), ANSWER, rtol=1e-6)


async def response_headers(client: Client) -> None:
    told: dict[str, str] = {}
    await client.infer("tiny", row("x"), headers={"x-request-id": "a1"}, response_headers=told)
    assert (told["x-request-id"], told["x-modelway-version"]) == ("a1", "7")


async def graph(client: Client) -> None:
    """The whole address is given, and the answer stays a document."""
    request = InferRequest("tiny", [row("x")])
    url = client.url("tiny") + "/v2/models/tiny/infer"
    answer = await client.kserve.infer(url, request, is_graph_endpoint=True)
    assert answer["outputs"][0]["shape"] == [1, 3]


async def time_is_up(client: Client) -> None:
    try:
        await client.infer("slow", raw("x", [1.0]), timeout=0.01)
    except httpx.TimeoutException:
        pass
    else:
        raise AssertionError("answered within 10 ms")
    assert (await client.infer("slow", raw("x", [1.0]))).outputs[0].as_numpy().tolist() == [1.0]


async def crowd(client: Client) -> None:
    answers = await asyncio.gather(*(client.infer("tiny", raw("x", [[number] * 4])) for number in range(50)))
    for number, answer in enumerate(answers):
        np.testing.assert_allclose(answer.outputs[0].as_numpy()[0, 0], number * 0.4, rtol=1e-6)


async def instances(client: Client) -> None:
    answer = await client.kserve.infer(client.url("tiny"), {"instances": ROW * 2}, model_name="tiny")
    np.testing.assert_allclose(answer["predictions"], ANSWER * 2, rtol=1e-6)


async def columns(client: Client) -> None:
    given = {"inputs": {"a": ROW, "b": ROW}}
    answer = await client.kserve.infer(client.url("pair+100%"), given, model_name="pair+100%")
    assert answer["outputs"] == {"sum": [[2.0, 4.0, 6.0, 8.0]], "difference": [[0.0] * 4]}


async def wrong_instances(client: Client) -> None:
    await client.kserve.infer(client.url("tiny"), {"instances": [["a"] * 4]}, model_name="tiny")


async def explain(client: Client) -> None:
    await client.kserve.explain(client.url("tiny"), "tiny", {"instances": ROW})


async def other_model_v1(client: Client) -> None:
    await client.kserve.infer(client.url("tiny"), {"instances": ROW}, model_name="other")


def asking(model: str = "tiny", given: Callable[[], Any] = lambda: row("x"), **how: Any) -> Any:
    async def do(client: Client) -> None:
        await client.infer(model, given(), **how)

    return do


ANSWERED: list[tuple[str, Callable[[Client], Awaitable[None]]]] = [
    ("server live", live),
    ("server ready", ready),
    ("model ready", model_ready),
    ("another model or version ready: False", other_model_ready),
    *((f"{datatype}, raw", partial(echo, datatype, True)) for datatype in VALUES),
    # It refuses to write FP16 as JSON.
    *((f"{datatype}, JSON", partial(echo, datatype, False)) for datatype in VALUES if datatype != "FP16"),
    ("all datatypes at once", all_datatypes),
    ("several inputs and outputs", several_inputs),
    ("a requested output", requested_output),
    ("Python lists", lists),
    ("a document of one's own", document),
    ("strings", strings),
    ("empty tensors", empty),
    ("an empty raw tensor beside JSON", empty_beside_raw),
    ("labels and a sequence of maps", labels),
    ("request id", request_id),
    ("parameters, priority, timeout", parameters),
    ("headers or metadata", response_headers),
    ("graph endpoint", graph),
    ("the client stops waiting", time_is_up),
    ("50 at once", crowd),
]
REFUSED = [
    ("another model", asking("other"), "There is no model 'other' here; this server has 'tiny'"),
    ("an unknown input", asking(given=lambda: row("z")), "There is no input 'z'; the model takes 'x'"),
    ("another datatype", asking(given=lambda: raw("x", ROW, "FP64")), "came as FP64, but the model takes FP32"),
    ("another shape", asking(given=lambda: raw("x", [[1.0]])), "has shape [1, 1], but the model takes [-1, 4]"),
    ("an unknown output", asking(outputs=[RequestedOutput("z")]), "There is no output 'z'; the model gives 'y'"),
]
CALLS = {
    "v2": [*(Call(name, do) for name, do in ANSWERED), *(Call(name, do, words) for name, do, words in REFUSED)],
    "v1": [
        Call("server live", live),
        Call("model ready", model_ready),
        Call("another model ready", other_model_ready_v1, "There is no model 'other' here"),
        Call("rows (v1 instances)", instances),
        Call("columns (v1 inputs)", columns),
        Call("text for numbers (v1)", wrong_instances, "the model takes FP32"),
        Call("another model", other_model_v1, "There is no model 'other' here"),
        Call("explain", explain, "404 Not Found"),
    ],
}


async def main(protocol: str) -> None:
    client = Client(protocol, addresses())
    await tell(CALLS[protocol], client, httpx.HTTPStatusError)
    await client.kserve.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
