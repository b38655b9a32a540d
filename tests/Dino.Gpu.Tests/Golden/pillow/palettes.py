"""BMP, GIF and PNG files, and orientation outside EXIF."""
from common import *


# --- BMP: every header, every depth ---------------------------------------------------------------------------------
def bmp(header, bits, rows, palette=b"", compression=0, colors=0, height=H, gap=0, masks=b"", extra=b"", width=W, offset=None):
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(rows), 2835, 2835, colors, 0)
        info += (masks if header > 40 else b"").ljust(header - 40, b"\0") if header > 40 else masks
    start = 14 + len(info) + len(palette) + gap if offset is None else offset
    body = info + palette + b"\xEE" * gap + rows + extra
    return b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, start) + body


def padded(rows, reverse=True):
    rows = [r + b"\0" * (-len(r) % 4) for r in rows]
    return b"".join(reversed(rows) if reverse else rows)


def packed(index, bits):
    rows = []
    for line in index:
        text = "".join(format(int(v), f"0{bits}b") for v in line)
        text += "0" * (-len(text) % 8)
        rows.append(bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8)))
    return rows


def table(count, size):
    end = b"\0" if size == 4 else b""
    return b"".join(bytes([(i * 37 + 11) % 256, (i * 91 + 5) % 256, (200 - i * 13) % 256]) + end for i in range(count))


pixels = np.asarray(RGB)
bgr = [line[:, ::-1].tobytes() for line in pixels]
bgrx = [np.dstack([line[None, :, ::-1], np.full((1, W, 1), 77, np.uint8)]).tobytes() for line in pixels]
for header in (12, 40, 64, 108, 124):
    size = 3 if header == 12 else 4
    for bits in (1, 4, 8):
        rows = padded(packed(INDEX % (1 << bits), bits))
        put(f"bmp_{header}_{bits}bit.bmp", bmp(header, bits, rows, table(1 << bits, size)))
    put(f"bmp_{header}_24bit.bmp", bmp(header, 24, padded(bgr)))
    if header > 12:
        put(f"bmp_{header}_32bit.bmp", bmp(header, 32, padded(bgrx)))
for bits in (1, 4, 8, 24):  # OS/2 2.x may leave out all but the sides and the depth
    rows = padded(packed(INDEX % (1 << bits), bits) if bits < 24 else bgr)
    colors = table(1 << bits, 4) if bits < 24 else b""
    body = struct.pack("<IiiHH", 16, W, H, 1, bits) + colors + rows
    put(f"bmp_16_{bits}bit.bmp", b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 30 + len(colors)) + body)
put("bmp_topdown_8bit.bmp", bmp(40, 8, padded(packed(INDEX, 8), reverse=False), table(256, 4), height=-H))
put("bmp_topdown_24bit.bmp", bmp(40, 24, padded(bgr, reverse=False), height=-H))
put("bmp_late_24bit.bmp", bmp(40, 24, padded(bgr), gap=10))
put("bmp_late_8bit.bmp", bmp(40, 8, padded(packed(INDEX, 8)), table(256, 4), gap=6))
put("bmp_few_colors.bmp", bmp(40, 8, padded(packed(INDEX % 5, 8)), table(5, 4), colors=5))
put("bmp_color_beyond_table.bmp", bmp(40, 8, padded(packed(INDEX % 9, 8)), table(5, 4), colors=5))
put("bmp_os2_short_palette.bmp", bmp(12, 8, padded(packed(INDEX % 7, 8)), table(7, 3)))
put("bmp_os2_short_palette_4bit.bmp", bmp(12, 4, padded(packed(INDEX % 3, 4)), table(3, 3)))
put("bmp_gray.bmp", bmp(40, 8, padded(packed(INDEX * 3, 8)), b"".join(bytes([i, i, i, 0]) for i in range(256))))
put("bmp_offset_before_colors.bmp", bmp(40, 8, padded(packed(INDEX, 8)), table(256, 4), offset=54))
wide = pixels.astype(np.uint16)
p555 = [(line[:, 0] >> 3 << 10 | line[:, 1] >> 3 << 5 | line[:, 2] >> 3).astype("<u2").tobytes() for line in wide]
p565 = [(line[:, 0] >> 3 << 11 | line[:, 1] >> 2 << 5 | line[:, 2] >> 3).astype("<u2").tobytes() for line in wide]
m555, m565 = struct.pack("<III", 0x7C00, 0x3E0, 0x1F), struct.pack("<III", 0xF800, 0x7E0, 0x1F)
put("bmp_555.bmp", bmp(40, 16, padded(p555)))
put("bmp_555_masks.bmp", bmp(40, 16, padded(p555), compression=3, masks=m555))
put("bmp_565.bmp", bmp(40, 16, padded(p565), compression=3, masks=m565))
put("bmp_565_palette.bmp", bmp(40, 16, padded(p565), table(16, 4), compression=3, masks=m565, colors=16))
put("bmp_565_v5.bmp", bmp(124, 16, padded(p565), compression=3, masks=m565 + b"\0" * 4))
bgra = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
put("bmp_bgra.bmp", bmp(108, 32, padded(bgrx), compression=3, masks=bgra))
put("bmp_bgrx_masks.bmp", bmp(40, 32, padded(bgrx), compression=3, masks=bgra[:12]))
put("bmp_bgra_of_windows_ce.bmp", bmp(40, 32, padded(bgrx), compression=6, masks=bgra))
put("bmp_rgba_masks.bmp", bmp(124, 32, padded(bgrx), compression=3, masks=struct.pack("<IIII", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)))
put("bmp_xbgr_masks.bmp", bmp(40, 32, padded(bgrx), compression=3, masks=struct.pack("<III", 0xFF000000, 0xFF0000, 0xFF00)))
rle8 = b"".join(bytes([20, y % 250, 0, 17]) + bytes(range(y, y + 17)) + b"\0" + b"\0\0" for y in range(H)) + b"\0\1"
put("bmp_rle8.bmp", bmp(40, 8, rle8, table(256, 4), compression=1))
delta = b"\x05\x07\0\2\x0A\x02" + b"\x04\x09\0\0" + b"".join(bytes([W, 3, 0, 0]) for y in range(3, H)) + b"\0\1"
put("bmp_rle8_delta.bmp", bmp(40, 8, delta, table(256, 4), compression=1))
steps = b"\x05\x07\x20\0\0\0" + b"\x25\0\0\0" + b"\x0F\0\x04\x09\x12\0\0\0" + b"".join(bytes([W, 3, 0, 0]) for y in range(3, H)) + b"\0\1"
without_delta = bmp(40, 8, steps, table(256, 4), compression=1)
rle4 = b"".join(bytes([21, 0x5A, 0, 16]) + bytes((y + i) % 256 for i in range(8)) + b"\0\0" for y in range(H)) + b"\0\1"
put("bmp_rle4.bmp", bmp(40, 4, rle4, table(16, 4), compression=2))


# --- GIF: transparency, first frames smaller and larger than the screen, interlacing, tables -------------------------
def lzw(index, size):
    """Codes of growing width, cleared when full."""
    clear, out, bits, count = 1 << size, bytearray(), 0, 0
    codes = {}

    def emit(code, width):
        nonlocal bits, count
        bits |= code << count
        count += width
        while count >= 8:
            out.append(bits & 255)
            bits >>= 8
            count -= 8

    width, following, prefix = size + 1, clear + 2, None
    emit(clear, width)
    for value in index:
        value = int(value)
        if prefix is None:
            prefix = (value,)
            continue
        longer = prefix + (value,)
        if longer in codes:
            prefix = longer
            continue
        emit(codes.get(prefix, prefix[0]), width)
        if following < 4096:
            codes[longer] = following
            if following == 1 << width and width < 12:
                width += 1
            following += 1
        else:
            emit(clear, width)
            codes, width, following = {}, size + 1, clear + 2
        prefix = (value,)
    emit(codes.get(prefix, prefix[0]), width)
    emit(clear + 1, width)
    if count:
        out.append(bits & 255)
    return b"".join(bytes([len(out[i:i + 255])]) + bytes(out[i:i + 255]) for i in range(0, len(out), 255)) + b"\0"


def gif(index, screen=None, at=(0, 0), size=3, colors=None, local=None, transparent=None, interlaced=False, disposal=0,
        more=b"", version=b"GIF89a"):
    height, width = index.shape
    screen = screen or (width, height)
    data = version + struct.pack("<HHBBB", *screen, 0x80 | size - 1 if colors else 0, 0, 0) + (colors or b"")
    if transparent is not None or disposal:
        data += bytes([0x21, 0xF9, 4, disposal << 2 | (transparent is not None), 0, 0, transparent or 0, 0])
    flags = (0x80 | size - 1 if local else 0) | (0x40 if interlaced else 0)
    data += struct.pack("<BHHHHB", 0x2C, *at, width, height, flags) + (local or b"")
    order = [r for first, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for r in range(first, height, step)] if interlaced else range(height)
    bits = max(2, size)
    return data + bytes([bits]) + lzw(np.concatenate([index[r] for r in order]), bits) + more + b";"


small = INDEX % 8
put("gif_plain.gif", gif(small, colors=table(8, 3)))
put("gif_87a.gif", gif(small, colors=table(8, 3), version=b"GIF87a"))
put("gif_interlaced.gif", gif(small, colors=table(8, 3), interlaced=True))
put("gif_256.gif", gif(np.random.RandomState(1).randint(0, 256, (90, 90)), colors=table(256, 3), size=8))
put("gif_two_colors.gif", gif(INDEX % 2, colors=table(2, 3), size=1))
for disposal in range(4):
    put(f"gif_transparent_disposal{disposal}.gif", gif(small, colors=table(8, 3), transparent=3, disposal=disposal))
put("gif_smaller.gif", gif(small, (50, 40), (6, 4), colors=table(8, 3)))
put("gif_smaller_transparent.gif", gif(small, (50, 40), (6, 4), colors=table(8, 3), transparent=5))
put("gif_smaller_local_transparent.gif",
    gif(small, (50, 40), (6, 4), colors=table(8, 3), local=table(16, 3)[24:], transparent=5, interlaced=True))
put("gif_larger.gif", gif(small, (20, 16), colors=table(8, 3)))
put("gif_larger_moved.gif", gif(small, (20, 60), (9, 3), colors=table(8, 3), transparent=2))
put("gif_local_table.gif", gif(small, local=table(8, 3)))
put("gif_no_table.gif", gif(small))
put("gif_color_beyond_table.gif", gif(INDEX % 4, colors=table(2, 3), size=1))
second = struct.pack("<BHHHHB", 0x2C, 2, 2, 3, 3, 0) + b"\x03" + lzw(np.zeros(9, int), 3)
# Without a block that ends the data and without the trailer, as minusnode.gif of Python's idlelib.
put("gif_without_end.gif", gif(small, colors=table(8, 3))[:-2], "LacksEnd")
put("gif_without_trailer.gif", gif(small, colors=table(8, 3), interlaced=True)[:-1], "LacksEnd")
put("gif_padding.gif", (lambda data: data[:37] + b"\0\0\7" + data[37:])(gif(small, colors=table(8, 3))))
put("gif_screen_without_size.gif", gif(small, (0, 0), colors=table(8, 3)))
put("gif_screen_without_height.gif", gif(small, (50, 0), (3, 2), colors=table(8, 3)))
put("gif_animated.gif", gif(small, colors=table(8, 3), transparent=1, disposal=2, more=second))


# --- PNG: every type and depth, interlaced or not, transparency, metadata --------------------------------------------
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(kind, bits, rows, chunks=b"", interlaced=0, tail=None, width=W, height=H):
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlaced)) + chunks
    return data + chunk(b"IDAT", zlib.compress(rows, 9)) + (chunk(b"IEND", b"") if tail is None else tail)


def png_rows(values, kind, bits, interlaced):
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    out = b""
    for left, top, across, down in passes:
        part = values[top::down, left::across]
        for line in part:
            if part.shape[1] == 0:
                continue
            flat = line.reshape(-1)
            out += b"\0" + (flat.astype(">u2").tobytes() if bits == 16 else packed(flat[None], bits)[0])
    return out


random = np.random.RandomState(5)
for kind, depths in ((0, (1, 2, 4, 8)), (2, (8, 16)), (3, (1, 2, 4, 8)), (4, (8,)), (6, (8, 16))):
    for bits in depths:
        samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
        values = random.randint(0, 1 << bits, (H, W, samples))
        colors = chunk(b"PLTE", table(1 << bits, 3)) if kind == 3 else b""
        for interlaced in (0, 1):
            put(f"png_type{kind}_{bits}bit{'_interlaced' if interlaced else ''}.png",
                png(kind, bits, png_rows(values, kind, bits, interlaced), colors, interlaced))
for bits in (1, 2, 4, 8):  # colors that the palette lacks
    beyond = INDEX[:, :, None] % (1 << bits)
    put(f"png_color_beyond_palette_{bits}bit.png", png(3, bits, png_rows(beyond, 3, bits, 0), chunk(b"PLTE", table(max(1, (1 << bits) // 3), 3))))
for width, height in ((4, 14), (1, 1), (9, 1)):  # rows of less than a byte
    few = INDEX[:height, :width, None] % 2
    put(f"png_1bit_{width}x{height}.png", png(0, 1, png_rows(few, 0, 1, 0), width=width, height=height))
values = random.randint(0, 256, (H, W, 3))
rows = png_rows(values, 2, 8, 0)
gray = png_rows(INDEX[:, :, None] % 16, 0, 4, 0)
put("png_transparent_gray.png", png(0, 4, gray, chunk(b"tRNS", b"\0\x07")))
put("png_transparent_rgb.png", png(2, 8, rows, chunk(b"tRNS", struct.pack(">HHH", *values[3, 3]))))
put("png_transparent_palette.png",
    png(3, 8, png_rows(INDEX[:, :, None] % 20, 3, 8, 0), chunk(b"PLTE", table(20, 3)) + chunk(b"tRNS", bytes(range(20)))))
put("png_without_iend.png", png(2, 8, rows, tail=b""), "LacksEnd")
put("png_end_with_wrong_checksum.png", png(2, 8, rows, tail=chunk(b"IEND", b"")[:-1] + b"x"))
deflated = chunk(b"IDAT", zlib.compress(rows, 9)[:-4]) + chunk(b"IEND", b"")
put("png_without_adler.png", png(2, 8, rows, tail=b"")[:33] + deflated)  # the sum of all rows, behind the last
put("png_half_iend.png", png(2, 8, rows, tail=b"\0\0\0\0IE"), "LacksEnd")
put("png_cut_in_text.png", png(2, 8, rows, tail=chunk(b"tEXt", b"Comment\0" + b"x" * 50)[:30]), "LacksEnd")


# --- Orientation outside EXIF -----------------------------------------------------------------------------------------
def exif(orientation):
    return b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + bytes([0, orientation]) + b"\0\0\0\0\0\0"


def raw_profile(data):
    digits = data.hex()
    return f"\nexif\n{len(data):8d}\n".encode() + "\n".join(digits[i:i + 72] for i in range(0, len(digits), 72)).encode() + b"\n"


def xmp(orientation, attribute):
    element = f"><tiff:Orientation>{orientation}</tiff:Orientation></rdf:Description>"
    value = f' tiff:Orientation="{orientation}"/>' if attribute else element
    return ('<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
            'xmlns:tiff="http://ns.adobe.com/tiff/1.0/"' + value + "</rdf:RDF></x:xmpmeta>").encode()


raw = b"Raw profile type exif\0"
put("png_raw_exif_ztxt.png", png(2, 8, rows, chunk(b"zTXt", raw + b"\0" + zlib.compress(raw_profile(exif(6))))))
put("png_raw_exif_text.png", png(2, 8, rows, chunk(b"tEXt", raw + raw_profile(exif(8)))))
put("png_raw_exif_after_data.png", png(2, 8, rows, tail=chunk(b"tEXt", raw + raw_profile(exif(3))) + chunk(b"IEND", b"")))
put("png_raw_exif_and_exif.png", png(2, 8, rows, chunk(b"eXIf", exif(3)[6:]) + chunk(b"tEXt", raw + raw_profile(exif(8)))))
put("png_xmp_attribute.png", png(2, 8, rows, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(6, True))))
put("png_xmp_element.png", png(2, 8, rows, chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp(5, False)))))
put("png_xmp_and_exif.png", png(2, 8, rows, chunk(b"eXIf", exif(3)[6:]) + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(6, True))))
