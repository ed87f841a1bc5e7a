"""Protobuf messages that stand for records: the type checker of CEL knows no other objects of known fields."""

from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2

from planners.expressions.value_types import ListType, RecordType, ValueKind, ValueType

PACKAGE = "forerun_record"
_FIELD = descriptor_pb2.FieldDescriptorProto
_WELL_KNOWN = {
    ValueKind.ANY: ".google.protobuf.Value",
    ValueKind.LIST: ".google.protobuf.ListValue",
    ValueKind.OBJECT: ".google.protobuf.Struct",
}
_SCALARS = {ValueKind.TEXT: _FIELD.TYPE_STRING, ValueKind.BOOLEAN: _FIELD.TYPE_BOOL}


class RecordMessages:
    """A message type for each record that is asked for, and for those inside it."""

    def __init__(self) -> None:
        self._numbers: dict[RecordType, int] = {}
        self._file = descriptor_pb2.FileDescriptorProto(
            name=f"{PACKAGE}.proto", package=PACKAGE, dependency=["google/protobuf/struct.proto"]
        )

    def name(self, record: RecordType) -> str:
        """The full name of the message type of a record."""
        if record not in self._numbers:
            message = self._file.message_type.add(name=f"R{len(self._numbers)}")
            self._numbers[record] = len(self._numbers)
            for number, (name, known) in enumerate(record.fields, 1):
                # Names in JSON would clash where fields differ in their underscores only.
                field = message.field.add(name=name, json_name=f"f{number}", number=number)
                self._declare(field, known)
        return f"{PACKAGE}.R{self._numbers[record]}"

    def _declare(self, field: descriptor_pb2.FieldDescriptorProto, known: ValueType) -> None:
        field.label = _FIELD.LABEL_OPTIONAL
        if isinstance(known, ListType):
            field.label = _FIELD.LABEL_REPEATED
            known = ValueKind.LIST if isinstance(known.of, ListType) else known.of
        if isinstance(known, RecordType):
            field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{self.name(known)}"
        elif isinstance(known, ValueKind) and known in _SCALARS:
            field.type = _SCALARS[known]
        elif isinstance(known, ValueKind):
            field.type, field.type_name = _FIELD.TYPE_MESSAGE, _WELL_KNOWN[known]

    def pool(self) -> descriptor_pool.DescriptorPool:
        """All of them, where the type checker looks them up."""
        pool = descriptor_pool.DescriptorPool()
        pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
        pool.AddSerializedFile(self._file.SerializeToString())
        return pool

    def record(self, name: str) -> RecordType:
        """The record that a message type stands for."""
        number = int(name.rpartition("R")[2])
        return next(record for record, known in self._numbers.items() if known == number)
