"""JPEG, TIFF and ICO files."""
from palettes import *


# --- JPEG: samplings, modes, what lacks its tables or its end ---------------------------------------------------------
def cjpeg(*options):
    """What Pillow itself cannot write."""
    pixels = saved(RGB, "PPM")
    return subprocess.run(["cjpeg", "-quality", "90", *options], input=pixels, capture_output=True, check=True).stdout


for name, image in (("tiny3", picture(3, 3)), ("tiny4", picture(4, 4)), ("tiny1", picture(1, 1)), ("odd", RGB), ("even", picture(48, 32))):
    for sampling in (0, 1, 2):
        put(f"jpeg_{name}_{('444', '422', '420')[sampling]}.jpg", saved(image, "JPEG", quality=90, subsampling=sampling))
put("jpeg_440.jpg", b"")
put("jpeg_411.jpg", b"")
put("jpeg_410.jpg", b"")
for name, sampling in (("440", "1x2"), ("411", "4x1"), ("410", "4x2")):
    put(f"jpeg_{name}.jpg", cjpeg("-sample", sampling))
put("jpeg_gray.jpg", saved(RGB.convert("L"), "JPEG", quality=90))
put("jpeg_progressive_420.jpg", saved(RGB, "JPEG", quality=90, progressive=True))
put("jpeg_cmyk.jpg", saved(RGB.convert("CMYK"), "JPEG", quality=90))
put("jpeg_restart.jpg", cjpeg("-restart", "1"))
put("jpeg_rgb.jpg", cjpeg("-rgb"))
put("jpeg_arithmetic.jpg", cjpeg("-arithmetic"), "refused")


# Samplings that differ between components, the ones with few columns, restarts and scans of one component each.
def cjpeg(image, *arguments):
    stream = io.BytesIO()
    image.save(stream, "PPM")
    return subprocess.run(["cjpeg", *arguments], input=stream.getvalue(), capture_output=True, check=True).stdout


for name, sampling in (("mixed1", "2x2,1x2,2x1"), ("mixed2", "2x1,1x1,2x1"), ("mixed3", "4x1,2x1,1x1"), ("mixed4", "2x2,2x1,1x2"), ("chroma_wider", "1x1,2x1,2x1"),
                       ("chroma_larger", "1x1,2x2,1x1"), ("441", "1x4"), ("444_of_1x2", "1x2,1x2,1x2"), ("third", "3x1,1x1,1x1")):
    put(f"jpeg_{name}.jpg", cjpeg(RGB, "-quality", "85", "-sample", sampling))
for width in (1, 2, 3, 4, 5, 6, 15, 16, 17, 32):
    put(f"jpeg_422_{width}columns.jpg", saved(picture(width, 9), "JPEG", quality=92, subsampling=1))
    put(f"jpeg_420_{width}columns.jpg", saved(picture(width, 9), "JPEG", quality=92, subsampling=2, progressive=True))
put("jpeg_progressive_restart.jpg", cjpeg(RGB, "-quality", "70", "-progressive", "-restart", "2B"))
put("jpeg_progressive_422.jpg", cjpeg(RGB, "-quality", "97", "-progressive", "-sample", "2x1"))
put("jpeg_quality1.jpg", cjpeg(RGB, "-quality", "1"))
put("jpeg_quality100.jpg", cjpeg(RGB, "-quality", "100", "-sample", "1x1"))
with open("/tmp/scans.txt", "w") as scans:
    scans.write("0;\n1;\n2;\n")
put("jpeg_one_scan_each.jpg", cjpeg(RGB, "-quality", "85", "-scans", "/tmp/scans.txt"))
put("jpeg_one_scan_each_restart.jpg", cjpeg(RGB, "-quality", "85", "-restart", "3B", "-scans", "/tmp/scans.txt"))


def adobe(data, transform):
    return data[:2] + b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0" + bytes([transform]) + data[2:]


def without_jfif(data):
    return data.replace(b"\xFF\xE0\0\x10JFIF", b"\xFF\xEF\0\x10JFIF", 1)


def without_adobe(data):
    at = data.index(b"Adobe") - 4
    return data[:at] + data[at + 16:]


def with_transform(data, transform):
    at = data.index(b"Adobe") + 11
    return data[:at] + bytes([transform]) + data[at + 1:]


for transform in (0, 1):
    put(f"jpeg_adobe{transform}.jpg", without_jfif(adobe(saved(RGB, "JPEG", quality=90), transform)))
    put(f"jpeg_jfif_and_adobe{transform}.jpg", adobe(saved(RGB, "JPEG", quality=90, subsampling=1), transform))
put("jpeg_rgb_by_names.jpg", without_adobe(cjpeg(RGB, "-quality", "90", "-rgb")))
cmyk = Image.merge("CMYK", (*RGB.split(), RGB.convert("L")))
for sampling in (0, 1, 2):
    data = saved(cmyk, "JPEG", quality=90, subsampling=sampling)
    put(f"jpeg_cmyk_{sampling}.jpg", data)
    put(f"jpeg_ycck_{sampling}.jpg", with_transform(data, 2))
put("jpeg_cmyk_without_adobe.jpg", without_adobe(saved(cmyk, "JPEG", quality=90)))
gray = saved(RGB.convert("L"), "JPEG", quality=90)
at = gray.index(b"\xFF\xC0") + 11
put("jpeg_gray_of_2x2.jpg", gray[:at] + b"\x22" + gray[at + 1:])


def without_tables(data):
    at, out = 2, data[:2]
    while data[at + 1] != 0xDA:
        length = struct.unpack(">H", data[at + 2:at + 4])[0] + 2
        if data[at + 1] != 0xC4:
            out += data[at:at + length]
        at += length
    return out + data[at:]


put("jpeg_mjpeg_420.jpg", without_tables(saved(RGB, "JPEG", quality=90)))
put("jpeg_mjpeg_422.jpg", without_tables(saved(picture(64, 48), "JPEG", quality=80, subsampling=1)))
put("jpeg_without_end.jpg", saved(picture(64, 48), "JPEG", quality=80)[:-2], "LacksEnd")
put("jpeg_half_end.jpg", saved(RGB, "JPEG", quality=90)[:-1], "LacksEnd")
put("jpeg_progressive_without_end.jpg", saved(RGB, "JPEG", quality=90, progressive=True)[:-2], "LacksEnd")


def with_app1(data, *segments):
    return data[:2] + b"".join(b"\xFF\xE1" + struct.pack(">H", len(s) + 2) + s for s in segments) + data[2:]


space = b"http://ns.adobe.com/xap/1.0/\0"
plain = saved(RGB, "JPEG", quality=90, subsampling=0)
# Pillow 9.4 does not look at XMP in JPEG; today's does, with the pattern that this script uses below.
byte_exif = exif(6).replace(b"\x01\x12\0\x03\0\0\0\x01\0\x06", b"\x01\x12\0\x01\0\0\0\x01\x06\0")  # of type BYTE, which Pillow does not turn by
put("jpeg_exif_byte.jpg", with_app1(plain, byte_exif))
put("jpeg_xmp_attribute.jpg", with_app1(plain, space + xmp(6, True)), "xmp")
put("jpeg_xmp_element.jpg", with_app1(plain, space + xmp(8, False)), "xmp")
put("jpeg_xmp_and_exif.jpg", with_app1(plain, exif(3), space + xmp(8, False)), "xmp")

# --- TIFF: compressions, strips and tiles, depths, photometric interpretations ------------------------------------------
for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits"):
    put(f"tiff_rgb_{compression}.tif", saved(RGB, "TIFF", compression=compression))
put("tiff_gray.tif", saved(RGB.convert("L"), "TIFF"))
put("tiff_palette.tif", saved(RGB.quantize(40), "TIFF"))
put("tiff_rgba.tif", saved(Image.merge("RGBA", (*RGB.split(), RGB.convert("L"))), "TIFF"))
put("tiff_la.tif", saved(Image.merge("LA", (RGB.convert("L"), RGB.split()[0])), "TIFF"))
put("tiff_cmyk.tif", saved(Image.fromarray(random.randint(0, 256, (H, W, 4)).astype(np.uint8), "CMYK"), "TIFF", compression="tiff_lzw"))
bilevel = RGB.convert("1")
for compression in ("raw", "group3", "group4", "tiff_lzw"):
    put(f"tiff_bilevel_{compression}.tif", saved(bilevel, "TIFF", compression=compression))
put("tiff_jpeg_ycbcr.tif", saved(RGB.convert("YCbCr"), "TIFF", compression="jpeg"))
put("tiff_jpeg_rgb.tif", saved(RGB, "TIFF", compression="jpeg"))
put("tiff_jpeg_gray.tif", saved(RGB.convert("L"), "TIFF", compression="jpeg"))
for orientation in (3, 6):
    put(f"tiff_orientation{orientation}.tif", saved(RGB, "TIFF", tiffinfo={274: orientation}))


def tiff(bits, photometric, rows, samples=1, extra=()):
    """One uncompressed strip, little-endian."""
    per = [(254, 4, 1, 0), (256, 3, 1, W), (257, 3, 1, H), (259, 3, 1, 1), (262, 3, 1, photometric), (277, 3, 1, samples),
           (278, 3, 1, H), (279, 4, 1, len(rows)), *extra]
    start = 8 + 2 + 12 * (len(per) + 2) + 4
    per += [(258, 3, 1, bits) if samples == 1 else (258, 3, samples, start), (273, 4, 1, start + 2 * samples)]
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", len(per))
    for tag, kind, count, value in sorted(per):
        short = kind == 3 and count == 1
        data += struct.pack("<HHI", tag, kind, count) + (struct.pack("<HH", value, 0) if short else struct.pack("<I", value))
    return data + b"\0\0\0\0" + struct.pack("<H", bits) * samples + rows


for bits in (2, 4):
    for photometric in (0, 1):
        put(f"tiff_gray_{bits}bit_{photometric}.tif", tiff(bits, photometric, b"".join(packed(INDEX % (1 << bits), bits))))
put("tiff_gray_inverted.tif", tiff(8, 0, INDEX.tobytes()))
put("tiff_rgb_16bit.tif", tiff(16, 2, random.randint(0, 65536, (H, W, 3)).astype("<u2").tobytes(), 3))
put("tiff_float.tif", saved(Image.fromarray(random.rand(H, W).astype(np.float32)), "TIFF"), "refused")


def ycbcr(across, down, rows, compression=1, extra=()):
    """YCbCr in strips of so many rows, each block of pixels with one Cb and Cr; libtiff's tiff2rgba says what it is."""
    planes = np.asarray(RGB.convert("YCbCr")).astype(int)
    strips = []
    for top in range(0, H, rows):
        part = planes[top:top + rows]
        part = np.pad(part, ((0, -len(part) % down), (0, -W % across), (0, 0)), "edge")
        blocks = part.reshape(part.shape[0] // down, down, part.shape[1] // across, across, 3).transpose(0, 2, 1, 3, 4)
        light = blocks[..., 0].reshape(*blocks.shape[:2], -1)
        strips.append(np.concatenate([light, blocks[..., 1:].mean((2, 3))], -1).astype(np.uint8).tobytes())
    if compression == 8:
        strips = [zlib.compress(strip) for strip in strips]
    count, lengths = len(strips), [len(strip) for strip in strips]
    floats = [(tag, 5, len(values), values) for tag, values in extra]
    arrays = [(258, 3, 3, struct.pack("<HHH", 8, 8, 8))]
    arrays += [(tag, kind, number, b"".join(struct.pack("<II", round(value * 1000), 1000) for value in values))
               for tag, kind, number, values in floats]
    plain = [(256, 3, 1, W), (257, 3, 1, H), (259, 3, 1, compression), (262, 3, 1, 6), (277, 3, 1, 3), (278, 3, 1, rows),
             (530, 3, 2, across | down << 16)]
    entries = len(plain) + len(arrays) + 2
    at, data = 8 + 2 + 12 * entries + 4, b""

    def place(values):
        nonlocal data
        data += values
        return at + len(data) - len(values)

    table = plain + [(tag, kind, number, place(values)) for tag, kind, number, values in arrays]
    starts = [place(strip) for strip in strips]
    table += [(273, 4, count, place(struct.pack(f"<{count}I", *starts)) if count > 1 else starts[0]),
              (279, 4, count, place(struct.pack(f"<{count}I", *lengths)) if count > 1 else lengths[0])]
    return (b"II*\0\x08\0\0\0" + struct.pack("<H", entries)
            + b"".join(struct.pack("<HHII", *entry) for entry in sorted(table)) + b"\0\0\0\0" + data)


put("tiff_ycbcr_lzw.tif", saved(RGB.convert("YCbCr"), "TIFF", compression="tiff_lzw"))
for across, down in ((1, 1), (2, 1), (2, 2), (1, 2), (4, 1), (4, 2), (4, 4)):
    put(f"tiff_ycbcr_{across}x{down}.tif", ycbcr(across, down, H), "tiff2rgba")
put("tiff_ycbcr_strips.tif", ycbcr(2, 2, 8), "tiff2rgba")
put("tiff_ycbcr_deflate.tif", ycbcr(2, 2, 8, 8), "tiff2rgba")
put("tiff_ycbcr_video.tif", ycbcr(2, 2, H, 1, [(532, (16, 235, 128, 240, 128, 240)), (529, (0.2125, 0.7154, 0.0721))]), "tiff2rgba")
premultiplied = [part.point(lambda value: value // 2) for part in RGB.split()]
put("tiff_rgba_premultiplied.tif", saved(Image.merge("RGBA", (*premultiplied, RGB.convert("L"))), "TIFF", tiffinfo={338: 1}))
put("tiff_jpeg_rgba.tif", saved(Image.merge("RGBA", (*RGB.split(), RGB.convert("L"))), "TIFF", compression="jpeg"))
put("tiff_jpeg_la.tif", saved(Image.merge("LA", (RGB.convert("L"), RGB.split()[0])), "TIFF", compression="jpeg"))
put("tiff_jpeg_cmyk.tif", saved(RGB.convert("CMYK"), "TIFF", compression="jpeg"))
open("/tmp/base.tif", "wb").write(saved(picture(100, 50), "TIFF"))
open("/tmp/gray.tif", "wb").write(saved(picture(100, 50).convert("L"), "TIFF"))
for name, options in (("tiles", ["-t", "-w", "64", "-l", "32"]), ("tiles_lzw_predictor", ["-t", "-w", "32", "-l", "32", "-c", "lzw:2"]),
                      ("separate", ["-p", "separate", "-r", "16"]),
                       ("separate_tiles", ["-p", "separate", "-t", "-w", "32", "-l", "16", "-c", "zip"]),
                      ("strips_deflate_predictor", ["-r", "7", "-c", "zip:2"]), ("big_endian", ["-B", "-c", "lzw"]),
                       ("bigtiff", ["-8", "-r", "20"]),
                      ("tiles_jpeg", ["-t", "-w", "64", "-l", "32", "-c", "jpeg:90"]),
                       ("separate_jpeg", ["-p", "separate", "-r", "16", "-c", "jpeg:r:90"]),
                      ("separate_tiles_jpeg", ["-p", "separate", "-t", "-w", "32", "-l", "16", "-c", "jpeg:r:90"]),
                      ("tiles_jpeg_rgb", ["-t", "-w", "64", "-l", "32", "-c", "jpeg:r:90"]),
                      ("strips_jpeg", ["-r", "16", "-c", "jpeg:90"])):
    subprocess.run(["tiffcp", *options, "/tmp/base.tif", "/tmp/out.tif"], check=True, capture_output=True)
    put(f"tiff_{name}.tif", open("/tmp/out.tif", "rb").read())


# --- ICO ----------------------------------------------------------------------------------------------------------------
def ico(*pictures):
    """(width, height, bits, colors, data) each."""
    directory, body, at = struct.pack("<HHH", 0, 1, len(pictures)), b"", 6 + 16 * len(pictures)
    for width, height, bits, colors, data in pictures:
        directory += struct.pack("<BBBBHHII", width % 256, height % 256, colors, 0, 1, bits, len(data), at + len(body))
        body += data
    return directory + body


def dib(width, height, bits, colors=None):
    index = np.add.outer(np.arange(height), np.arange(width))
    mask = padded(packed(index % 2, 1))
    if bits <= 8:
        rows = padded(packed(index % (1 << bits), bits))
    else:
        image = np.asarray(picture(width, height))[:, :, ::-1]
        alpha = np.full((1, width, 1), 128, np.uint8)
        rows = padded([(np.dstack([line[None], alpha]) if bits == 32 else line).tobytes() for line in image])
    header = struct.pack("<IiiHHIIiiII", 40, width, 2 * height, 1, bits, 0, 0, 0, 0, 0, 0)
    return header + (table(1 << bits, 4) if bits <= 8 else b"") + rows + mask


for bits in (1, 4, 8, 24, 32):
    put(f"ico_{bits}bit.ico", ico((16, 16, bits, 0, dib(16, 16, bits))))
put("ico_png.ico", ico((37, 29, 32, 0, saved(RGB.convert("RGBA"), "PNG"))))
put("ico_largest.ico",
    ico(*((side, side, bits, 0, dib(side, side, bits)) for side, bits in ((16, 32), (48, 8), (48, 24), (32, 32)))))
put("ico_colors_in_directory.ico", ico((24, 24, 0, 16, dib(24, 24, 4)), (24, 24, 0, 2, dib(24, 24, 1))))
