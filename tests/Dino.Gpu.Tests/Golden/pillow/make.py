"""Writes small files of every kind that is decoded, and pillow.json with what Pillow makes of each.

Debian 12: apt-get install python3-pil python3-numpy libtiff-tools; /usr/bin/python3 make.py
Every kind has its own loop in palettes.py or photos.py; nothing is random but for a seeded noise.
"""
import sys

sys.dont_write_bytecode = True
from photos import *


# --- what Pillow makes of them --------------------------------------------------------------------------------------------
expected = {"pillow": PIL.__version__, "files": []}
for name, data in files.items():
    open(os.path.join(HERE, name), "wb").write(data)
    entry = {"file": name}
    try:
        complete = {"LacksEnd": data + (b"\xFF\xD9" if ".jpg" in name else b"")}.get(notes.get(name), data)
        if name == "jpeg_half_end.jpg":
            complete = data + b"\xD9"
        if name == "png_cut_in_text.png":  # Pillow 9.4 refuses a chunk that is cut, and reads a file that ends before it
            complete = files["png_without_iend.png"]
        if name == "bmp_rle8_delta.bmp":  # Pillow 9.4 takes the step from the bytes behind it
            complete = without_delta
        if name.startswith("bmp_16_"):  # Pillow knows longer headers
            complete = files[name.replace("_16_", "_40_")]
        if name == "bmp_bgra_of_windows_ce.bmp":
            complete = files["bmp_bgrx_masks.bmp"]
        if name.startswith("tiff_orientation"):  # Pillow turns these whether asked or not
            complete = files["tiff_rgb_raw.tif"]
        if notes.get(name) == "tiff2rgba":  # Pillow leaves YCbCr to libtiff, but not where it is not compressed
            del notes[name]
            open("/tmp/in.tif", "wb").write(data)
            subprocess.run(["tiff2rgba", "-n", "/tmp/in.tif", "/tmp/rgba.tif"], check=True)
            complete = open("/tmp/rgba.tif", "rb").read()
        image = Image.open(io.BytesIO(complete))
        orientation = image.getexif().get(0x0112, 1)
        orientation = orientation if isinstance(orientation, int) else 1
        if name.startswith("tiff_orientation"):
            orientation = int(name[16])
        if notes.get(name) == "xmp" and 0x0112 not in image.getexif():
            orientation = int(re.search(rb'tiff:Orientation(="|>)([0-9])', data)[2])
        turn = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
                5: Image.Transpose.TRANSPOSE,
                6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90}.get(orientation)
        rgb = image.convert("RGB")
        upright = rgb.transpose(turn) if turn is not None else rgb
        entry |= {"width": rgb.width, "height": rgb.height, "orientation": orientation,
                  "sha256_rgb": hashlib.sha256(rgb.tobytes()).hexdigest(),
                  "sha256_upright": hashlib.sha256(upright.tobytes()).hexdigest()}
        os.makedirs("/tmp/pillow-rgb", exist_ok=True)
        open("/tmp/pillow-rgb/" + name + ".rgb", "wb").write(rgb.tobytes())
    except Exception as failure:
        entry |= {"error": f"{type(failure).__name__}: {failure}"}
    if name in notes:
        entry["note"] = notes[name]
    expected["files"].append(entry)
with open(os.path.join(HERE, "pillow.json"), "w") as stream:
    json.dump(expected, stream, indent=1)
errors = [e["file"] + ": " + e["error"] for e in expected["files"] if "error" in e]
print(len(files), "files,", sum(map(len, files.values())), "bytes;", errors)
