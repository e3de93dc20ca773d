"""Protocol buffer message classes straight from a .proto file: no generated code to keep in step, no compiler.

Reads the part of the proto3 language that this project's files use (messages, enums, oneofs, maps, services with
unary calls) in about a millisecond. The classes live in a pool of their own, so that a program that also imports
another library's copy of the same messages sees no conflict. Language: https://protobuf.dev/reference/protobuf/proto3-spec/
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

TOKEN = re.compile(r'//[^\n]*|"[^"]*"|[\w.]+|[{}()=;<>,]')
Field = descriptor_pb2.FieldDescriptorProto
SCALARS = ("bool", "bytes", "double", "float", "int32", "int64", "string", "uint32", "uint64")


class ProtoFile:
    """The messages of one .proto file, as classes, and the names of its services' methods."""

    def __init__(self, path: Path) -> None:
        self.descriptor = parse(path.read_text(), path.name)
        pool = descriptor_pool.DescriptorPool()
        pool.Add(self.descriptor)
        self._find = pool.FindMessageTypeByName

    def message(self, name: str) -> Any:
        """The class of a top-level message; raises KeyError."""
        return message_factory.GetMessageClass(self._find(f"{self.descriptor.package}.{name}"))

    def methods(self) -> dict[str, tuple[str, str]]:
        """Method → (request message, answer message), of all services, as `/package.Service/Method`."""
        return {
            f"/{self.descriptor.package}.{service.name}/{method.name}": (method.input_type, method.output_type)
            for service in self.descriptor.service
            for method in service.method
        }


def parse(text: str, name: str) -> Any:
    """The FileDescriptorProto of a file; raises ValueError naming the word that was not understood."""
    words = iter([word for word in TOKEN.findall(text) if not word.startswith("//")])
    file = descriptor_pb2.FileDescriptorProto(name=name)
    kinds: dict[str, Callable[[], None]] = {
        "syntax": lambda: setattr(file, "syntax", _statement(words)[1].strip('"')),
        "package": lambda: setattr(file, "package", _statement(words)[0]),
        "message": lambda: _message(file.message_type.add(), words),
        "service": lambda: _service(file.service.add(), words),
    }
    for word in words:
        if word not in kinds:
            raise ValueError(f"{name}: '{word}' is not understood here; one of {', '.join(kinds)} was expected.")
        kinds[word]()
    return file


def _statement(words: Iterator[str]) -> list[str]:
    """The words up to the semicolon."""
    return list(iter(words.__next__, ";"))


def _message(message: Any, words: Iterator[str]) -> None:
    message.name = next(words)
    next(words)
    for word in iter(words.__next__, "}"):
        if word == "message":
            _message(message.nested_type.add(), words)
        elif word == "enum":
            _enum(message.enum_type.add(), words)
        elif word == "oneof":
            message.oneof_decl.add(name=next(words))
            next(words)
            for kind in iter(words.__next__, "}"):
                _field(message, [kind, *_statement(words)]).oneof_index = len(message.oneof_decl) - 1
        else:
            _field(message, [word, *_statement(words)])


def _field(message: Any, words: list[str]) -> Any:
    """A field from `[repeated] type name = number` or `map < key , value > name = number`."""
    name, number = words[-3], int(words[-1])
    field = message.field.add(name=name, number=number, label=Field.LABEL_OPTIONAL)
    if words[0] == "map":
        entry = message.nested_type.add(name="".join(part.capitalize() for part in name.split("_")) + "Entry")
        entry.options.map_entry = True
        _field(entry, [words[2], "key", "=", "1"])
        _field(entry, [words[4], "value", "=", "2"])
        words = ["repeated", entry.name]
    if words[0] == "repeated":
        field.label = Field.LABEL_REPEATED
        words = words[1:]
    if words[0] in SCALARS:
        field.type = Field.Type.Value(f"TYPE_{words[0].upper()}")
    else:
        enums = {enum.name for enum in message.enum_type}
        field.type = Field.TYPE_ENUM if words[0] in enums else Field.TYPE_MESSAGE
        field.type_name = words[0]
    return field


def _enum(enum: Any, words: Iterator[str]) -> None:
    enum.name = next(words)
    next(words)
    for name in iter(words.__next__, "}"):
        enum.value.add(name=name, number=int(_statement(words)[1]))


def _service(service: Any, words: Iterator[str]) -> None:
    """`rpc Name ( Request ) returns ( Answer ) ;`, one after the other."""
    service.name = next(words)
    next(words)
    for _rpc in iter(words.__next__, "}"):
        name, _, request, _, _, _, answer, _ = _statement(words)
        service.method.add(name=name, input_type=request, output_type=answer)
