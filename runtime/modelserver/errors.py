"""Every error this program can tell somebody about, and what it means at the edges.

Two families: `RequestError` is told to the caller of one request (an HTTP status, one table below);
`ContainerError` ends the process and is told to the operator (a reason in the termination message).
The message is always a sentence that a person can act on.
"""

LONGEST_SENTENCE = 1000  # a name of 60 MB must not come back; and gRPC's clients take 8 kB of trailers


class RequestError(Exception):
    """Something a caller is told in `{"error": …}`; `STATUS_BY_ERROR` has its HTTP status."""


def sentence(error: RequestError) -> str:
    """What the caller is told: at most `LONGEST_SENTENCE` characters, though the sentence may quote what it sent."""
    told = str(error)
    return told if len(told) <= LONGEST_SENTENCE else f"{told[: LONGEST_SENTENCE - 2]}…."


class MalformedRequest(RequestError):
    """Not HTTP, not JSON, or not the shape of document that the path expects."""


class InvalidTensor(RequestError):
    """An input or requested output that does not fit the model's signature."""


class ModelRejectedInput(RequestError):
    """The tensors fit the signature, but ONNX Runtime refused them (dimensions that do not fit each other, …)."""


class Unauthorized(RequestError):
    """No API key in the request, or one that is not known."""


class NotFound(RequestError):
    """No such path, model or version."""


class MethodNotAllowed(RequestError):
    """The path exists, the method does not; `allow` is the value of the Allow header."""

    def __init__(self, message: str, allow: str) -> None:
        super().__init__(message)
        self.allow = allow


class RequestTimeout(RequestError):
    """The request's head or body came too slowly."""


class BodyTooLarge(RequestError):
    """The body is, or says that it is, larger than the limit."""


class UnsupportedEncoding(RequestError):
    """A body under a `Content-Encoding`; nothing is unpacked here, so that a small body can't become a large one."""


class ExpectationFailed(RequestError):
    """An `Expect` header other than `100-continue`."""


class HeadTooLarge(RequestError):
    """Request line and headers are larger than the limit."""


class NotReady(RequestError):
    """The model is still loading or warming up, or the server drains."""


class Overloaded(RequestError):
    """More requests, bytes or connections than the limits allow; worth trying again soon."""


class DeadlineExceeded(RequestError):
    """The time that the caller gave had passed before the model began with the request."""


class InternalError(RequestError):
    """A failure of ours or of ONNX Runtime's that no caller caused."""


STATUS_BY_ERROR: dict[type[RequestError], int] = {
    MalformedRequest: 400,
    InvalidTensor: 400,
    ModelRejectedInput: 400,
    Unauthorized: 401,
    NotFound: 404,
    MethodNotAllowed: 405,
    RequestTimeout: 408,
    BodyTooLarge: 413,
    UnsupportedEncoding: 415,
    ExpectationFailed: 417,
    HeadTooLarge: 431,
    InternalError: 500,
    NotReady: 503,
    Overloaded: 503,
    DeadlineExceeded: 504,
}

RETRY_AFTER_SECONDS = 1  # with every 503: the queue of a tiny model is empty again within a second


class ContainerError(Exception):
    """Ends `fetch` or `serve` with exit code 1; the class name is the `reason` of the termination message."""

    @property
    def reason(self) -> str:
        return type(self).__name__


class BadSettings(ContainerError):
    """A setting is wrong."""


class ModelNotFound(ContainerError):
    """404, no such key, no such path, a folder without a model."""


class ModelSourceUnreachable(ContainerError):
    """Connection refused, name not resolved, time-out, 5xx after retries."""


class ModelAccessDenied(ContainerError):
    """401, 403, or a file that may not be read."""


class ModelNotAModel(ContainerError):
    """The bytes are HTML, JSON, an archive, empty, …: not ONNX."""


class ModelTooLarge(ContainerError):
    """Larger than `MODELSERVER_MODEL_MAX_BYTES`, or than the volume."""


class DigestMismatch(ContainerError):
    """Other bytes than the pinned or recorded digest."""


class ModelCorrupt(ContainerError):
    """Truncated, or not parseable as ONNX."""


class ModelUnsupported(ContainerError):
    """An opset, operator or type that ONNX Runtime does not have."""


class ModelFailed(ContainerError):
    """Loads, but the warm-up requests fail."""
