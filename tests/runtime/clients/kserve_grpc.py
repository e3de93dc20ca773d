"""KServe's InferenceGRPCClient as a program: `python kserve_grpc.py grpc ADDRESSES` makes every call."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import grpc
import numpy as np
from calling import Call, addresses, tell
from kserve import InferenceGRPCClient, InferInput, InferRequest
from kserve.protocol.infer_type import RequestedOutput
from kserve_tensors import ANSWER, ROW, raw, row
from values import VALUES, flat, same


class Client:
    """A client for each model's server."""

    def __init__(self, served: dict[str, dict[str, str]]) -> None:
        self.of = {model: InferenceGRPCClient(where["grpc"]) for model, where in served.items()}

    async def infer(self, model: str, *inputs: Any, outputs: Any = None, **more: Any) -> Any:
        named = {key: more.pop(key) for key in ("request_id", "parameters", "model_version") if key in more}
        request = InferRequest(model, list(inputs), request_outputs=outputs, **named)
        return await self.of.get(model, self.of["tiny"]).infer(request, **more)


async def live(client: Client) -> None:
    assert await client.of["tiny"].is_server_live() is True


async def ready(client: Client) -> None:
    assert await client.of["tiny"].is_server_ready() is True


async def model_ready(client: Client) -> None:
    for model, one in client.of.items():
        assert await one.is_model_ready(model) is True


async def other_model_ready(client: Client) -> None:
    await client.of["tiny"].is_model_ready("other")


async def echo(datatype: str, client: Client) -> None:
    wanted = [RequestedOutput(f"out_{datatype}")]
    (got,) = (
        await client.infer("everything", raw(f"in_{datatype}", VALUES[datatype], datatype), outputs=wanted)
    ).outputs
    same(got.as_numpy(), datatype)


async def listed(datatype: str, client: Client) -> None:
    """As typed contents, not as raw bytes."""
    given = InferInput(f"in_{datatype}", [2, 2], datatype, data=flat(datatype))
    (got,) = (await client.infer("everything", given, outputs=[RequestedOutput(f"out_{datatype}")])).outputs
    same(got.as_numpy(), datatype)


async def all_datatypes(client: Client) -> None:
    given = [raw(f"in_{datatype}", values, datatype) for datatype, values in VALUES.items()]
    answer = await client.infer("everything", *given)
    for datatype in VALUES:
        same(answer.get_output_by_name(f"out_{datatype}").as_numpy(), datatype)


async def several_inputs(client: Client) -> None:
    answer = await client.infer("pair+100%", row("a"), row("b"))
    assert answer.get_output_by_name("sum").as_numpy().tolist() == [[2, 4, 6, 8]]


async def requested_output(client: Client) -> None:
    answer = await client.infer("pair+100%", row("a"), row("b"), outputs=[RequestedOutput("difference")])
    assert [one.name for one in answer.outputs] == ["difference"]


async def empty(client: Client) -> None:
    for given in (raw("x", np.empty((0, 4))), InferInput("x", [0, 4], "FP32", data=[])):
        assert list((await client.infer("tiny", given)).outputs[0].shape) == [0, 3]


async def labels(client: Client) -> None:
    answer = await client.infer("labels", raw("x", [[3.0, 1.0]]))
    assert answer.get_output_by_name("label").as_numpy().tolist() == [7]


async def request_id(client: Client) -> None:
    assert (await client.infer("tiny", row("x"), request_id="größer/42")).id == "größer/42"


async def version(client: Client) -> None:
    assert (await client.infer("tiny", row("x"), model_version="7")).model_version == "7"


async def parameters(client: Client) -> None:
    told = {"text": "a", "number": 1, "flag": True}
    answer = await client.infer("tiny", row("x"), parameters=told, headers=(("x-request-id", "a1"),))
    np.testing.assert_allclose(answer.outputs[0].as_numpy(), ANSWER, rtol=1e-6)


async def crowd(client: Client) -> None:
    answers = await asyncio.gather(*(client.infer("tiny", raw("x", [[number] * 4])) for number in range(50)))
    for number, answer in enumerate(answers):
        np.testing.assert_allclose(answer.outputs[0].as_numpy()[0, 0], number * 0.4, rtol=1e-6)


def asking(model: str = "tiny", given: Callable[[], Any] = lambda: row("x"), **how: Any) -> Any:
    async def do(client: Client) -> None:
        await client.infer(model, given(), **how)

    return do


ANSWERED: list[tuple[str, Callable[[Client], Awaitable[None]]]] = [
    ("server live", live),
    ("server ready", ready),
    ("model ready", model_ready),
    *((f"{datatype}, raw", partial(echo, datatype)) for datatype in VALUES),
    *((f"{datatype}, typed contents", partial(listed, datatype)) for datatype in VALUES if datatype != "FP16"),
    ("all datatypes at once", all_datatypes),
    ("several inputs and outputs", several_inputs),
    ("a requested output", requested_output),
    ("empty tensors", empty),
    ("labels and a sequence of maps", labels),
    ("request id", request_id),
    ("model version", version),
    ("parameters, priority, timeout", parameters),
    ("50 at once", crowd),
]
REFUSED = [
    ("another model ready", other_model_ready, "There is no model 'other' here"),
    ("another model", asking("other"), "There is no model 'other' here; this server has 'tiny'"),
    ("another version", asking(model_version="8"), "There is no version '8' of 'tiny' here"),
    ("an unknown input", asking(given=lambda: row("z")), "There is no input 'z'; the model takes 'x'"),
    ("another datatype", asking(given=lambda: raw("x", ROW, "FP64")), "came as FP64, but the model takes FP32"),
    ("another shape", asking(given=lambda: raw("x", [[1.0]])), "has shape [1, 1], but the model takes [-1, 4]"),
    ("an unknown output", asking(outputs=[RequestedOutput("z")]), "There is no output 'z'; the model gives 'y'"),
    ("a deadline that passes", asking("slow", lambda: raw("x", [1.0]), timeout=0.01), "Deadline Exceeded"),
]
CALLS = [*(Call(name, do) for name, do in ANSWERED), *(Call(name, do, words) for name, do, words in REFUSED)]


async def main() -> None:
    client = Client(addresses())
    await tell(CALLS, client, grpc.RpcError)
    for one in client.of.values():
        await one.close()


if __name__ == "__main__":
    asyncio.run(main())
