"""tritonclient's calls that do not infer: health, metadata, and the parts of Triton that this server does not have."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from calling import Call

HTTP, GRPC = ("http", "http.aio"), ("grpc", "grpc.aio")
ALL = (*HTTP, *GRPC)
MISSING = {"http": "There is nothing at", "grpc": "is not offered by this server"}


class Row(NamedTuple):
    """A call, and the clients that make it."""

    call: Call
    kinds: tuple[str, ...] = ALL


async def live(client: Any) -> None:
    assert await client.call("tiny", "is_server_live") is True


async def ready(client: Any) -> None:
    assert await client.call("tiny", "is_server_ready") is True


async def model_ready(client: Any) -> None:
    for model in client.clients:
        assert await client.call(model, "is_model_ready", model) is True
    assert await client.call("tiny", "is_model_ready", "tiny", "7") is True


async def other_model_ready(client: Any) -> None:
    assert await client.call("tiny", "is_model_ready", "other") is False
    assert await client.call("tiny", "is_model_ready", "tiny", "8") is False


async def told(client: Any, model: str, method: str, *positional: Any) -> Any:
    """The answer as a dict, which gRPC's clients give when they are asked."""
    return await client.call(model, method, *positional, **({"as_json": True} if client.protocol == "grpc" else {}))


async def server_metadata(client: Any) -> None:
    answer = await told(client, "tiny", "get_server_metadata")
    assert answer["name"] == "modelserver" and answer["version"], answer
    if client.protocol == "http":
        assert answer["extensions"] == ["binary_tensor_data"]


async def model_metadata(client: Any) -> None:
    answer = await told(client, "tiny", "get_model_metadata", "tiny")
    assert (answer["name"], answer["versions"], answer["platform"]) == ("tiny", ["7"], "onnx_onnxv1")
    (given,), (got,) = answer["inputs"], answer["outputs"]
    assert (given["name"], given["datatype"], [int(size) for size in given["shape"]]) == ("x", "FP32", [-1, 4])
    assert (got["name"], got["datatype"], [int(size) for size in got["shape"]]) == ("y", "FP32", [-1, 3])
    assert await told(client, "tiny", "get_model_metadata", "tiny", "7") == answer
    many = await told(client, "everything", "get_model_metadata", "everything")
    assert len({one["datatype"] for one in many["inputs"]}) == len(many["outputs"]) == 13


async def index(client: Any) -> None:
    answer = await told(client, "tiny", "get_model_repository_index")
    models = [{"name": "tiny", "version": "7", "state": "READY"}]
    assert answer == (models if client.protocol == "http" else {"models": models})


def calling(method: str, *positional: Any) -> Callable[[Any], Awaitable[None]]:
    """A call whose answer nobody expects."""

    async def do(client: Any) -> None:
        await client.call("tiny", method, *positional)

    return do


def of_http_and_grpc(name: str, method: str, *positional: Any, words: dict[str, str] = MISSING) -> list[Row]:
    """The same call, refused by both, each in its own words."""
    do = calling(method, *positional)
    return [Row(Call(name, do, words["http"]), HTTP), Row(Call(name, do, words["grpc"]), GRPC)]


NO_VERSION = dict.fromkeys(("http", "grpc"), "There is no version '8' of 'tiny' here; this server has version '7'")
NO_MODEL = dict.fromkeys(("http", "grpc"), "There is no model 'other' here; this server has 'tiny'")
NO_CONTROL = dict.fromkeys(("http", "grpc"), "Models are not loaded or unloaded by requests here")
HANDLE = b"\0" * 64
CONTROL = [
    Row(Call("server live", live)),
    Row(Call("server ready", ready)),
    Row(Call("model ready", model_ready)),
    Row(Call("another model or version ready: False", other_model_ready), HTTP),
    Row(Call("another model ready", calling("is_model_ready", "other"), NO_MODEL["grpc"]), GRPC),
    Row(Call("another version ready", calling("is_model_ready", "tiny", "8"), NO_VERSION["grpc"]), GRPC),
    Row(Call("server metadata", server_metadata)),
    Row(Call("model metadata", model_metadata)),
    *of_http_and_grpc("metadata of another model", "get_model_metadata", "other", words=NO_MODEL),
    *of_http_and_grpc("metadata of another version", "get_model_metadata", "tiny", "8", words=NO_VERSION),
    Row(Call("repository index", index)),
    *of_http_and_grpc("model config", "get_model_config", "tiny"),
    *of_http_and_grpc("inference statistics", "get_inference_statistics", "tiny"),
    *of_http_and_grpc("load model", "load_model", "tiny", words=NO_CONTROL),
    *of_http_and_grpc("unload model", "unload_model", "tiny", words=NO_CONTROL),
    *of_http_and_grpc("trace settings", "get_trace_settings"),
    *of_http_and_grpc("trace settings of a model", "get_trace_settings", "tiny"),
    *of_http_and_grpc("change trace settings", "update_trace_settings", "tiny", {"trace_rate": "1"}),
    *of_http_and_grpc("log settings", "get_log_settings"),
    *of_http_and_grpc("change log settings", "update_log_settings", {"log_verbose_level": 1}),
    *of_http_and_grpc("shared memory status", "get_system_shared_memory_status"),
    *of_http_and_grpc("register shared memory", "register_system_shared_memory", "r", "/r", 64),
    *of_http_and_grpc("unregister shared memory", "unregister_system_shared_memory"),
    *of_http_and_grpc("CUDA shared memory status", "get_cuda_shared_memory_status"),
    *of_http_and_grpc("register CUDA shared memory", "register_cuda_shared_memory", "r", HANDLE, 0, 64),
    *of_http_and_grpc("unregister CUDA shared memory", "unregister_cuda_shared_memory"),
]
