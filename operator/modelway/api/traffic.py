"""``spec.traffic``: which requests the candidate gets beside its share, and who splits them."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from .field import Matches, Object, Schema, rule, rules, text

HEADER_NAME: Final = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
# Of the Gateway API: https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#hostname
HOSTNAME: Final = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
GATEWAY_GROUP: Final = "gateway.networking.k8s.io"

HeaderName = Annotated[str, text(64), Matches(HEADER_NAME, "must be the name of an HTTP header, such as x-model")]
Hostname = Annotated[str, text(253), Matches(HOSTNAME, "must be a host name such as digits.example.com, or *.a.com")]


class HeaderMatch(Object):
    """A request header."""

    name: HeaderName = Field(description="The header's name; upper and lower case are the same.")
    value: Annotated[str, text(256)] = Field(description="Its exact value.")


class Sticky(Object):
    """Requests that belong together go the same way."""

    header: HeaderName = Field(
        description="Requests with the same value of this header are answered by the same revision; a value that went"
        " to the candidate stays with it as the weight grows."
    )


class ParentRef(Object):
    """What a route is attached to, as in the Gateway API."""

    group: Annotated[str, text(253)] = Field(default=GATEWAY_GROUP, description="The parent's API group.")
    kind: Annotated[str, text(63)] = Field(default="Gateway", description="The parent's kind.")
    namespace: Annotated[str, text(63)] | None = Field(default=None, description="By default this namespace.")
    name: Annotated[str, text(253)] = Field(description="The parent's name.")
    section_name: Annotated[str, text(253)] | None = Field(default=None, description="Only this listener.")
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(default=None, description="Only listeners of this port.")


_HOSTS: Final = Schema({"maxItems": 16, "x-kubernetes-list-type": "atomic"})


class Gateway(Object):
    """How the model is reached through a Gateway of the Gateway API."""

    parent_refs: Annotated[
        tuple[ParentRef, ...], Schema({"minItems": 1, "maxItems": 8, "x-kubernetes-list-type": "atomic"})
    ] = Field(description="The Gateways, or their listeners, to which the routes are attached.")
    hostnames: Annotated[tuple[Hostname, ...], _HOSTS] = Field(
        default=(), description="The HTTPRoute's host names; none: those of the listeners."
    )
    grpc_hostnames: Annotated[tuple[Hostname, ...], _HOSTS] = Field(
        default=(),
        description="The GRPCRoute's, where they are others: a listener may refuse both routes of one host name.",
    )


class Traffic(Object):
    """Which requests the candidate gets, beside or within its share, while a rollout is in its steps."""

    model_config = rules(
        rule(
            "!has(self.gateway) || !has(self.sticky)",
            "traffic.sticky can't be kept by a gateway: remove it, or traffic.gateway",
        )
    )

    headers: Annotated[tuple[HeaderMatch, ...], Schema({"maxItems": 8, "x-kubernetes-list-type": "atomic"})] = Field(
        default=(),
        description="A request with any of these headers goes to the candidate, whatever its weight: for testers.",
    )
    sticky: Sticky | None = Field(default=None, description="Requests that belong together go the same way.")
    gateway: Gateway | None = Field(
        default=None,
        description="An HTTPRoute, with serving.grpc also a GRPCRoute, splits the requests instead of the pods.",
    )
