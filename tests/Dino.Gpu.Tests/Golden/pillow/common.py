"""What the files of every kind are made of: a picture, its indices, and the list of files."""
import hashlib, io, json, os, re, struct, subprocess, zlib
import numpy as np
import PIL
from PIL import Image, ImageOps, PngImagePlugin, TiffImagePlugin

HERE = os.path.dirname(os.path.abspath(__file__))
W, H = 37, 29
files, notes = {}, {}


def picture(width=W, height=H):
    """Smooth colors with edges and some noise."""
    random = np.random.RandomState(width * 1000 + height)
    y, x = np.mgrid[0:height, 0:width]
    red = 40 + 170 * x / width
    green = 128 + 90 * np.sin(x / 5 + y / 7)
    blue = np.where((x // 9 + y // 7) % 2 == 0, 210, 60)
    pixels = np.stack([red, green, blue], -1) + random.randint(-12, 13, (height, width, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGB")


def put(name, data, note=None):
    files[name] = data if isinstance(data, bytes) else bytes(data)
    if note:
        notes[name] = note


def saved(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


RGB = picture()
INDEX = np.add.outer(np.arange(H), np.arange(W)).astype(np.uint8)
