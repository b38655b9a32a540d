"""Writes small Parquet files that claim much, and whole ones beside them: python3 make.py, in this folder.

No writer of Parquet makes such files, so the descriptions are put together here, in Thrift's compact protocol.
"""
import struct
import zlib

MOST = 2**31 - 1
INT, LONG, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12  # wire types
FLOAT, TEXT = 4, 6  # physical types
PLAIN, DELTA_LENGTHS, DELTA_PREFIXES, DICTIONARY = 0, 6, 7, 8  # encodings


def unsigned(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def signed(value):
    return unsigned((value << 1) ^ (value >> 63))


def i32(value):
    return INT, signed(value)


def i64(value):
    return LONG, signed(value)


def binary(value):
    return BINARY, unsigned(len(value)) + value


def many(kind, items, claim=None):
    """A list, which may claim another number of elements."""
    count = len(items) if claim is None else claim
    return LIST, (bytes([count << 4 | kind]) if count < 15 else bytes([0xF0 | kind]) + unsigned(count)) + b"".join(items)


def structure(*fields):
    out, last = b"", 0
    for number, (kind, value) in fields:
        out += bytes([(number - last) << 4 | kind]) + value
        last = number
    return out + b"\0"


def nested(*fields):
    return STRUCT, structure(*fields)


def page(data, values, encoding=PLAIN, kind=0, packed=None, unpacked=None):
    """A page of values, or with kind 2 of a dictionary."""
    details = (5, nested((1, i32(values)), (2, i32(encoding)), (3, i32(3)), (4, i32(3))))
    if kind == 2:
        details = (7, nested((1, i32(values)), (2, i32(PLAIN))))
    sizes = (2, i32(len(data) if unpacked is None else unpacked)), (3, i32(len(data) if packed is None else packed))
    return structure((1, i32(kind)), *sizes, details) + data


def root(children):
    return structure((4, binary(b"root")), (5, i32(children)))


def leaf(name, kind, *more):
    return structure((1, i32(kind)), (3, i32(0)), (4, binary(name)), *more)


def chunk(kind, path, values, start, length, codec=0, dictionary=None):
    fields = [(1, i32(kind)), (2, many(INT, [signed(PLAIN)])), (3, many(BINARY, [binary(name)[1] for name in path])),
              (4, i32(codec)), (5, i64(values)), (6, i64(100)), (7, i64(length)), (9, i64(start))]
    if dictionary is not None:
        fields.append((11, i64(dictionary)))
    return structure((2, i64(4)), (3, nested(*fields)))


def group(chunks, rows):
    return structure((1, many(STRUCT, chunks)), (2, i64(1)), (3, i64(rows)))


def write(name, pages, schema, groups, rows, schema_claim=None, group_claim=None, more=()):
    footer = structure((1, i32(1)), (2, many(STRUCT, schema, schema_claim)), (3, i64(rows)),
                       (4, many(STRUCT, groups, group_claim)), *more)
    with open(name + ".parquet", "wb") as out:
        out.write(b"PAR1" + pages + footer + struct.pack("<I", len(footer)) + b"PAR1")


def column(name, pages, values, kind=FLOAT, rows=None, codec=0, **more):
    """A file of one column of numbers, e0, or of text, path."""
    label = b"e0" if kind == FLOAT else b"path"
    chunks = [chunk(kind, [label], values, 4, len(pages), codec)]
    rows = values if rows is None else rows
    write(name, pages, [root(1), leaf(label, kind)], [group(chunks, rows)], rows, **more)


def text(value):
    return struct.pack("<I", len(value)) + value


def gzip(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


NUMBERS = struct.pack("<3f", 1, 2, 3)

# Pages
column("whole", page(NUMBERS, 3), 3)
column("page-packed", page(NUMBERS, 3, packed=MOST), 3)
column("page-unpacked", page(gzip(NUMBERS), 3, unpacked=MOST), 3, codec=2)
column("page-negative", page(NUMBERS, 3, packed=-12, unpacked=-12), 3)
column("page-long", structure((1, i32(0)), (2, i32(12)), (3, (INT, signed((1 << 32) + MOST)))) + NUMBERS, 3)
column("page-twice", structure((1, i32(0)), (2, i32(12)), (3, i32(12)))[:-1] + bytes([INT]) + signed(3) + signed(MOST) + b"\0", 3)
column("page-missing", page(NUMBERS, 3), 4)
column("rows", page(NUMBERS, 3), 3, rows=1 << 40)

# Dictionaries
PATH = text(b"a.png")


def repeated(values):
    return b"\1" + unsigned(values << 1) + b"\0"  # the first value of the dictionary


def dictionary(name, claim, value=PATH, values=3, rows=None, groups=1):
    first, indices = page(value, claim, kind=2), page(repeated(values), values, DICTIONARY)
    chunks = [chunk(TEXT, [b"path"], values, 4 + len(first), len(first + indices), dictionary=4)]
    rows = values if rows is None else rows
    write(name, first + indices, [root(1), leaf(b"path", TEXT)], [group(chunks, rows)] * groups, rows * groups)


dictionary("dictionary-whole", 1)
dictionary("dictionary-values", MOST)
dictionary("groups-of-one-chunk", 1, text(b"a" * 1000), values=1_000_000, rows=1, groups=20)
dictionary("groups-of-many-rows", 1, values=1_000_000, groups=2)

# Lists and levels of the footer
ONE = [root(1), leaf(b"e0", FLOAT)]
write("schema-claim", b"", ONE, [], 0, schema_claim=999_999)
write("schema-deep", b"", [root(1)] + [structure((3, i32(1)), (4, binary(b"g")), (5, i32(1)))] * 200 + [leaf(b"e0", FLOAT)], [], 0)
write("groups-claim", b"", ONE, [], 0, group_claim=999_999)
write("chunks-claim", b"", ONE, [structure((1, many(STRUCT, [], 999_999)), (2, i64(1)), (3, i64(0)))], 0)
write("chunks-kind", b"", ONE, [structure((1, many(INT, [signed(1)] * 10)), (2, i64(1)), (3, i64(0)))], 0)
column("texts-claim", page(NUMBERS, 3), 3, more=((5, many(STRUCT, [], 999_999)),))

# Values in lists: missing ones take no room
LISTS = [root(1), structure((3, i32(1)), (4, binary(b"embedding")), (5, i32(1)), (6, i32(3))),
         structure((3, i32(2)), (4, binary(b"list")), (5, i32(1))), structure((1, i32(FLOAT)), (3, i32(1)), (4, binary(b"element")))]


def levels(*runs):
    data = b"".join(unsigned(count << 1) + bytes([level]) for count, level in runs)
    return struct.pack("<I", len(data)) + data


def lists(name, values, repetitions, definitions, data):
    pages = page(levels(*repetitions) + levels(*definitions) + data, values)
    write(name, pages, LISTS, [group([chunk(FLOAT, [b"embedding", b"list", b"element"], values, 4, len(pages))], 1)], 1)


lists("list-whole", 3, [(1, 0), (2, 1)], [(3, 3)], NUMBERS)
lists("list-missing", MOST, [(1, 0), (MOST - 1, 1)], [(MOST, 2)], b"")


# Texts whose lengths are stored apart
def numbers(total, first, smallest, widths, bits, block=128):
    return unsigned(block) + unsigned(len(widths)) + unsigned(total) + signed(first) + signed(smallest) + bytes(widths) + bits


FIVES = numbers(3, 5, 0, [0] * 4, b"")
column("delta-whole", page(FIVES + b"a.pngb.pngc.png", 3, DELTA_LENGTHS), 3, TEXT)
column("delta-packed", page(gzip(FIVES + b"a.pngb.pngc.png"), 3, DELTA_LENGTHS, unpacked=len(FIVES) + 15), 3, TEXT, codec=2)
column("delta-prefixes", page(numbers(3, 0, 0, [1, 0, 0, 0], b"\2\0\0\0") + numbers(3, 5, 0, [3, 0, 0, 0], bytes(12))
                              + b"a.pngb.pngc.png", 3, DELTA_PREFIXES), 3, TEXT)
ZEROS = 128 * 8_000_000
column("delta-lengths", page(numbers(ZEROS, 0, 0, [0], b"", ZEROS), 3, DELTA_LENGTHS), 3, TEXT)
column("delta-lengths-and-values", page(numbers(ZEROS, 0, 0, [0], b"", ZEROS), ZEROS, DELTA_LENGTHS), ZEROS, TEXT, rows=3)


def first_of_32(value):
    return value.to_bytes(88, "little")  # 32 numbers of 22 bits


LONG_TEXT, BLOCKS = 3_000_000, 40
SAME = LONG_TEXT - 1
PREFIXES = numbers(32 * BLOCKS, 0, 0, [22] + [0] * (BLOCKS - 1), first_of_32(LONG_TEXT), 32 * BLOCKS)
SUFFIXES = numbers(32 * BLOCKS, LONG_TEXT, -SAME, [22] * BLOCKS, first_of_32(sum(SAME << 22 * i for i in range(1, 32)))
                   + first_of_32(sum(SAME << 22 * i for i in range(32))) * (BLOCKS - 1), 32 * BLOCKS)
BOMB = PREFIXES + SUFFIXES + b"a" * LONG_TEXT + b"b" * (32 * BLOCKS - 1)
column("delta-prefixes-of-megabytes", page(gzip(BOMB), 32 * BLOCKS, DELTA_PREFIXES, unpacked=len(BOMB)), 32 * BLOCKS, TEXT, codec=2)


# Decimals
def decimals(name, scale, value):
    paths, values = page(PATH * 3, 3), page(text(value) * 3, 3)
    chunks = [chunk(TEXT, [b"path"], 3, 4, len(paths)), chunk(TEXT, [b"d"], 3, 4 + len(paths), len(values))]
    kind = (6, i32(5)), (7, i32(scale)), (8, i32(MOST))
    write(name, paths + values, [root(2), leaf(b"path", TEXT), leaf(b"d", TEXT, *kind)], [group(chunks, 3)], 3)


decimals("decimal-whole", 2, b"\1\2")
decimals("decimal-scale", 30_000_000, b"\1\2")
decimals("decimal-long", 0, b"\x7f" * 2_000)
