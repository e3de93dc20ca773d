"""What an error is in gRPC's words: its HTTP status, translated, so that both front ends refuse alike."""

from collections.abc import Mapping

from grpc import StatusCode

from modelserver.errors import STATUS_BY_ERROR, RequestError

CODES: Mapping[int, StatusCode] = {
    400: StatusCode.INVALID_ARGUMENT,
    401: StatusCode.UNAUTHENTICATED,
    404: StatusCode.NOT_FOUND,
    405: StatusCode.UNIMPLEMENTED,
    408: StatusCode.DEADLINE_EXCEEDED,
    413: StatusCode.RESOURCE_EXHAUSTED,  # what gRPC itself says of a message that is too large
    415: StatusCode.UNIMPLEMENTED,  # what gRPC itself says of a compression that is switched off
    417: StatusCode.INVALID_ARGUMENT,
    431: StatusCode.RESOURCE_EXHAUSTED,
    500: StatusCode.INTERNAL,
    503: StatusCode.UNAVAILABLE,
    504: StatusCode.DEADLINE_EXCEEDED,
}


def code_of(error: RequestError) -> StatusCode:
    return CODES[STATUS_BY_ERROR[type(error)]]
