"""Small ONNX models, written by hand: what https://onnx.ai/onnx/repo-docs/IR.html calls their fields, as bytes."""
import struct

FLOAT, INT32, INT64, FLOAT16 = 1, 6, 7, 10
PACKED = {FLOAT: "f", INT32: "i", INT64: "q", FLOAT16: "e"}


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number, value):
    """A number, or text or bytes with their length before them."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def constant(name, shape, values, kind=FLOAT):
    """A tensor that the graph has from the beginning."""
    data = struct.pack(f"<{len(values)}{PACKED[kind]}", *values)
    return b"".join(field(1, size) for size in shape) + field(2, kind) + field(8, name) + field(9, data)


def value(name, shape, kind=FLOAT):
    """What goes in or comes out; a size that is a word is not known beforehand."""
    sizes = b"".join(field(1, field(1, size) if isinstance(size, int) else field(2, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, sizes)))


def node(operation, inputs, output, **attributes):
    """A step; its attributes are whole numbers or lists of them."""
    fields = [field(1, name) for name in inputs] + [field(2, output), field(4, operation)]
    for name, number in attributes.items():
        many = isinstance(number, list)
        numbers = b"".join(field(8, one) for one in number) if many else field(3, number)
        fields.append(field(5, field(1, name) + numbers + field(20, 7 if many else 2)))
    return b"".join(fields)


def model(nodes, constants, inputs, outputs):
    graph = [field(1, one) for one in nodes] + [field(2, "graph")] + [field(5, one) for one in constants]
    graph += [field(11, one) for one in inputs] + [field(12, one) for one in outputs]
    return field(1, 8) + field(8, field(1, "") + field(2, 13)) + field(7, b"".join(graph))
