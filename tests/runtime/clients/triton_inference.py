"""tritonclient's inferences: every datatype, form and option, and what is refused."""

import asyncio
import urllib.request
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import numpy as np
from calling import Call
from triton_control import ALL, GRPC, HTTP, NO_MODEL, NO_VERSION, Row
from triton_stream import stream
from values import VALUES, same

CROWD = 50
ROW = [[1.0, 2.0, 3.0, 4.0]]
ANSWER = [[1.0, 2.0, 3.0]]
JSON = {"binary_data": False}
LENGTH = "Inference-Header-Content-Length"
LARGE = 1_000_000  # elements: 4 MB, decoded and encoded in worker threads


def texts(array: Any) -> list[str]:
    return [one.decode() if isinstance(one, bytes) else one for one in array.reshape(-1).tolist()]


def is_answer(result: Any) -> None:
    np.testing.assert_allclose(result.as_numpy("y"), ANSWER, rtol=1e-6)


async def echo(datatype: str, sent: dict[str, Any], wanted: dict[str, Any], client: Any) -> None:
    given = client.input(f"in_{datatype}", VALUES[datatype], datatype, **sent)
    result = await client.infer("everything", given, outputs=[client.output(f"out_{datatype}", **wanted)])
    same(result.as_numpy(f"out_{datatype}"), datatype)


async def bfloat16(client: Any) -> None:
    given = client.input("in", [1.0, -2.5, 1e30], "BF16")
    array = (await client.infer("brains", given)).as_numpy("out")
    assert array.tobytes() == np.array([1.0, -2.5, 1e30], array.dtype).tobytes()


async def all_datatypes(client: Any) -> None:
    given = [client.input(f"in_{datatype}", values, datatype) for datatype, values in VALUES.items()]
    result = await client.infer("everything", *given)
    for datatype in VALUES:
        same(result.as_numpy(f"out_{datatype}"), datatype)


async def several_inputs(client: Any) -> None:
    result = await client.infer("pair+100%", client.input("a", ROW), client.input("b", ROW))
    assert result.as_numpy("sum").tolist() == [[2, 4, 6, 8]]
    assert result.as_numpy("difference").tolist() == [[0, 0, 0, 0]]


async def requested_output(client: Any) -> None:
    wanted = [client.output("difference")]
    result = await client.infer("pair+100%", client.input("a", ROW), client.input("b", ROW), outputs=wanted)
    assert result.as_numpy("difference").tolist() == [[0, 0, 0, 0]]
    assert result.as_numpy("sum") is None


async def mixed_forms(client: Any) -> None:
    given = [client.input("a", ROW, **JSON), client.input("b", ROW)]
    wanted = [client.output("difference"), client.output("sum", **JSON)]
    result = await client.infer("pair+100%", *given, outputs=wanted)
    assert result.as_numpy("sum").tolist() == [[2, 4, 6, 8]]
    assert result.as_numpy("difference").tolist() == [[0, 0, 0, 0]]
    assert [one["name"] for one in result.get_response()["outputs"]] == ["difference", "sum"]


async def strings(client: Any) -> None:
    words = ["größer", "", "日本", "x" * 70_000]
    result = await client.infer("texts/1", client.input("in", words, "BYTES"))
    assert texts(result.as_numpy("out")) == words


async def empty(client: Any) -> None:
    for model, datatype, size in (("texts/1", "BYTES", 1), ("tiny", "FP32", 2)):
        given = client.input("in" if size == 1 else "x", np.empty((0, 4)[:size]), datatype)
        result = await client.infer(model, given)
        assert result.as_numpy("out" if size == 1 else "y").shape == (0, 3)[:size]


async def labels(client: Any) -> None:
    result = await client.infer("labels", client.input("x", [[3.0, 1.0]]))
    assert result.as_numpy("label").tolist() == [7]
    np.testing.assert_allclose(result.as_numpy("probabilities"), [[0.880797, 0.119203]], rtol=1e-5)


async def large(client: Any, **how: Any) -> None:
    rows = np.ones((LARGE // 4, 4), np.float32)
    result = await client.infer("tiny", client.input("x", rows), **how)
    assert result.as_numpy("y").shape == (LARGE // 4, 3)


async def not_finite(client: Any) -> None:
    given = np.array([[np.nan, np.inf, -np.inf, 1.0]], np.float32)
    result = await client.infer("pair+100%", client.input("a", given), client.input("b", given * 0 + 1))
    assert np.isnan(result.as_numpy("sum")[0, 0])
    infinite = await client.infer("pair+100%", client.input("a", [[np.inf]]), client.input("b", [[1.0]]))
    assert infinite.as_numpy("sum")[0, 0] == np.inf


async def request_id(client: Any) -> None:
    result = await client.infer("tiny", client.input("x", ROW), request_id="größer/42")
    told = result.get_response()
    assert (told["id"] if client.protocol == "http" else told.id) == "größer/42"


async def version(client: Any) -> None:
    result = await client.infer("tiny", client.input("x", ROW), model_version="7")
    told = result.get_response()
    assert (told["model_version"] if client.protocol == "http" else told.model_version) == "7"


async def parameters(client: Any) -> None:
    told = {"text": "a", "number": 2**40, "flag": True}
    is_answer(await client.infer("tiny", client.input("x", ROW), parameters=told, priority=1, timeout=1_000_000))


async def headers(client: Any) -> None:
    is_answer(await client.infer("tiny", client.input("x", ROW), headers={"x-request-id": "a1", "x-other": "b"}))


async def query(client: Any) -> None:
    is_answer(await client.infer("tiny", client.input("x", ROW), query_params={"a": "b", "c": [1, 2]}))


async def compressed_answer(client: Any) -> None:
    """It may be left as it is."""
    for algorithm in ("gzip", "deflate"):
        await large(client, response_compression_algorithm=algorithm)


async def own_transport(client: Any) -> None:
    """The client only writes the body and reads the answer's; something else carries them."""
    body, length = client.clients["tiny"].generate_request_body([client.input("x", ROW)])
    url = f"http://{client.addresses['tiny']}/v2/models/tiny/infer"
    size, answer = await asyncio.to_thread(carried, url, body, str(length))
    is_answer(client.clients["tiny"].parse_response_body(answer, header_length=size))


def carried(url: str, body: bytes, length: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, {LENGTH: length})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(answer.headers[LENGTH]), answer.read()


async def crowd(client: Any) -> None:
    """Many at once: of the clients without asyncio, by their own threads."""
    given = [client.input("x", [[number] * 4]) for number in range(CROWD)]
    if client.kind == "http":
        busy = client.connected("tiny", concurrency=8)
        waiting = [busy.async_infer("tiny", [one]) for one in given]
        results = [one.get_result() for one in waiting]
        busy.close()
    elif client.kind == "grpc":
        results = await asyncio.gather(*(called_back(client, one) for one in given))
    else:
        results = await asyncio.gather(*(client.infer("tiny", one) for one in given))
    for number, result in enumerate(results):
        np.testing.assert_allclose(result.as_numpy("y")[0, 0], number * 0.4, rtol=1e-6)


async def called_back(client: Any, given: Any) -> Any:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def callback(result: Any, error: Any) -> None:
        loop.call_soon_threadsafe(done.set_result if error is None else done.set_exception, error or result)

    client.clients["tiny"].async_infer("tiny", [given], callback)
    return await done


async def time_is_up(client: Any) -> None:
    """Over HTTP a client that stops waiting raises Python's own TimeoutError, and the next one is answered."""
    options = {"http": {"network_timeout": 0.01}, "http.aio": {"conn_timeout": 0.01}}[client.kind]
    hasty = client.connected("slow", **options)
    try:
        await client.answer(hasty.infer("slow", [client.input("x", [1.0])]))
    except TimeoutError:
        pass
    else:
        raise AssertionError("answered within 10 ms")
    await client.answer(hasty.close())
    assert (await client.infer("slow", client.input("x", [1.0]))).as_numpy("y").tolist() == [1.0]


async def shared_memory(client: Any) -> None:
    given = client.module.InferInput("x", [1, 4], "FP32")
    given.set_shared_memory("region", 16)
    await client.infer("tiny", given)


async def shared_memory_for_output(client: Any) -> None:
    wanted = client.output("y")
    wanted.set_shared_memory("region", 12)
    await client.infer("tiny", client.input("x", ROW), outputs=[wanted])


async def classification(client: Any) -> None:
    await client.infer("tiny", client.input("x", ROW), outputs=[client.output("y", class_count=2)])


async def bytes_that_are_no_text(client: Any) -> None:
    await client.infer("texts/1", client.input("in", [b"\xff\xfe"], "BYTES"))


def asking(model: str = "tiny", name: str = "x", values: Any = ROW, datatype: str = "FP32", **how: Any) -> Any:
    """An inference whose answer nobody looks at; `output` is the name of the only one that is asked for."""
    wanted, sent = how.pop("output", None), how.pop("sent", {})

    async def do(client: Any) -> None:
        outputs = {"outputs": [client.output(wanted)]} if wanted else {}
        server = model if model in client.clients else "tiny"
        given = [client.input(name, values, datatype, **sent)]
        await client.call(server, "infer", model, given, **outputs, **dict(how))  # the client adds headers to it

    return do


def of_datatype(name: str, kinds: tuple[str, ...], **how: Any) -> list[Row]:
    """A row for each datatype."""
    sent, wanted = how.get("sent", {}), how.get("wanted", {})
    return [Row(Call(f"{datatype}, {name}", partial(echo, datatype, sent, wanted)), kinds) for datatype in VALUES]


ANSWERED: list[tuple[str, Callable[[Any], Awaitable[None]], tuple[str, ...]]] = [
    ("BF16, raw", bfloat16, ALL),
    ("all datatypes at once", all_datatypes, ALL),
    ("several inputs and outputs", several_inputs, ALL),
    ("a requested output", requested_output, ALL),
    ("JSON beside raw tensors", mixed_forms, HTTP),
    ("strings", strings, ALL),
    ("empty tensors", empty, ALL),
    ("labels and a sequence of maps", labels, ALL),
    ("4 MB", large, ALL),
    ("NaN and infinity, raw", not_finite, ALL),
    ("request id", request_id, ALL),
    ("model version", version, ALL),
    ("parameters, priority, timeout", parameters, ALL),
    ("headers or metadata", headers, ALL),
    ("query parameters", query, HTTP),
    ("compressed answer asked for", compressed_answer, HTTP),
    ("body by the client, another transport", own_transport, HTTP),
    ("50 at once", crowd, ALL),
    ("the client stops waiting", time_is_up, HTTP),
]
REFUSED: list[tuple[str, Callable[[Any], Awaitable[None]], str, tuple[str, ...]]] = [
    ("a deadline that passes", asking("slow", "x", [1.0], client_timeout=0.01), "Deadline Exceeded", GRPC),
    ("another model", asking("other"), NO_MODEL["http"], ALL),
    ("another version", asking(model_version="8"), NO_VERSION["http"], ALL),
    ("an unknown input", asking(name="z"), "There is no input 'z'; the model takes 'x'", ALL),
    ("another datatype", asking(datatype="FP64"), "came as FP64, but the model takes FP32", ALL),
    ("another shape", asking(values=[[1.0]]), "has shape [1, 1], but the model takes [-1, 4]", ALL),
    ("an unknown output", asking(output="z"), "There is no output 'z'; the model gives 'y'", ALL),
    ("NaN as JSON", asking(values=[[float("nan")] * 4], sent=JSON), "is not JSON", HTTP),
    ("bytes that are no text", bytes_that_are_no_text, "not UTF-8", ALL),
    ("classification", classification, "'classification', which is not offered", ALL),
    ("a sequence", asking(sequence_id=7, sequence_start=True), "'sequence_id', which is not offered", ALL),
    ("input in shared memory", shared_memory, "'shared_memory_region', which is not offered", ALL),
    ("output into shared memory", shared_memory_for_output, "'shared_memory_region', which is not offered", ALL),
    ("gzip request", asking(request_compression_algorithm="gzip"), "Content-Encoding 'gzip'", HTTP),
    ("deflate request", asking(request_compression_algorithm="deflate"), "Content-Encoding 'deflate'", HTTP),
    ("gzip request", asking(compression_algorithm="gzip"), "Compression algorithm", GRPC),
    ("deflate request", asking(compression_algorithm="deflate"), "Compression algorithm", GRPC),
    ("a stream", stream, "ModelStreamInfer is not offered by this server", GRPC),
]
INFERENCE = [
    *of_datatype("raw", ALL),
    *of_datatype("JSON", HTTP, sent=JSON, wanted=JSON),
    *(Row(Call(name, do), kinds) for name, do, kinds in ANSWERED),
    *(Row(Call(name, do, words), kinds) for name, do, words, kinds in REFUSED),
]
