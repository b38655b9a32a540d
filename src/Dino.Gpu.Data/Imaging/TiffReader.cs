using System.Runtime.InteropServices;
using BitMiracle.LibTiff.Classic;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Imaging;

/// <summary>
/// Reads the first page of a TIFF: strips or tiles, every compression of LibTiff.NET, gray, palette, RGB and CMYK of up
/// to 16 bits, and YCbCr inside JPEG. Pixels are those of Pillow's <c>convert("RGB")</c>; of 16-bit samples the high
/// byte is taken.
/// </summary>
internal sealed class TiffReader
{
    /// <summary>How many times the file its strips or tiles may be in all: equal ones may share a place.</summary>
    private const long MostClaims = 20;

    /// <summary>The side of a JPEG's group of blocks, to which its width and height may be rounded up.</summary>
    private const long LargestBlock = 32;

    private static readonly int HighByte = BitConverter.IsLittleEndian ? 1 : 0;

    private readonly Tiff _tiff;
    private readonly int _width;
    private readonly int _height;
    private readonly int _fileLength;
    private readonly int _bits;
    private readonly int _samples;
    private readonly Photometric _photometric;
    private readonly bool _isSeparate;
    private long _claimed; // bytes of all strips or tiles so far

    static TiffReader() => Tiff.SetErrorHandler(new Silence());

    private TiffReader(Tiff tiff, ImageHeader header, int fileLength)
    {
        _tiff = tiff;
        _width = header.Width;
        _height = header.Height;
        _fileLength = fileLength;
        _bits = Field(TiffTag.BITSPERSAMPLE, 1);
        _samples = Field(TiffTag.SAMPLESPERPIXEL, 1);
        _photometric = (Photometric)Field(TiffTag.PHOTOMETRIC, (int)Photometric.MINISBLACK);
        _isSeparate = _samples > 1 && Field(TiffTag.PLANARCONFIG, (int)PlanarConfig.CONTIG) == (int)PlanarConfig.SEPARATE;
    }

    private bool IsJpeg => Field(TiffTag.COMPRESSION, (int)Compression.NONE) == (int)Compression.JPEG;

    /// <summary>Samples of a pixel that become its color; what follows them, such as alpha, is left out.</summary>
    private int Colors => _photometric switch { Photometric.RGB => 3, Photometric.SEPARATED => 4, _ => 1 };

    /// <param name="file">The file.</param>
    /// <param name="header">Its header.</param>
    /// <param name="decodeJpeg">Decodes a strip or tile that is a JPEG of at most so many pixels.</param>
    /// <exception cref="DinoException">The file is damaged, or of a kind that is not read.</exception>
    public static RgbImage Read(ReadOnlyMemory<byte> file, ImageHeader header, Func<byte[], long, RgbImage> decodeJpeg)
    {
        bool isWhole = MemoryMarshal.TryGetArray(file, out ArraySegment<byte> part) && part.Count == part.Array!.Length;
        byte[] bytes = isWhole ? part.Array! : file.ToArray();
        try
        {
            using Tiff tiff = Tiff.ClientOpen("TIFF", "r", null, new Source(bytes))
                ?? throw ImageException.Damaged("damaged TIFF: its directory cannot be read");
            var reader = new TiffReader(tiff, header, bytes.Length);
            reader.RequireKnownCompression();
            return reader.IsJpeg ? reader.ReadJpeg(decodeJpeg) : reader.Read();
        }
        catch (Exception failure) when (failure is not (DinoException or OutOfMemoryException))
        {
            throw ImageException.Damaged("damaged TIFF: it could not be decoded", failure);
        }
    }

    /// <summary>Tells what LibTiff.NET has no code for from what is damaged.</summary>
    private void RequireKnownCompression()
    {
        int compression = Field(TiffTag.COMPRESSION, (int)Compression.NONE);
        string? name = compression switch
        {
            6 => "old JPEG",
            34712 or 33003 or 33005 => "JPEG 2000",
            34887 => "LERC",
            34925 => "LZMA",
            50000 or 34926 => "Zstandard",
            50001 or 34927 => "WebP",
            50002 or 52546 => "JPEG XL",
            _ => null,
        };
        if (name is not null)
        {
            throw ImageException.Unsupported(
                $"TIFF compressed with {name} is not supported (expected none, LZW, Deflate, PackBits, CCITT or JPEG)",
                "convert the file to PNG");
        }
    }

    private RgbImage Read()
    {
        int sampleFormat = Field(TiffTag.SAMPLEFORMAT, (int)SampleFormat.UINT);
        bool isRead = sampleFormat == (int)SampleFormat.UINT && _samples >= Colors && _photometric switch
        {
            Photometric.MINISWHITE or Photometric.MINISBLACK => _bits is 8 or 16 || _bits is 1 or 2 or 4 && _samples == 1,
            Photometric.PALETTE => _bits is 1 or 2 or 4 or 8 && _samples == 1,
            Photometric.RGB or Photometric.SEPARATED => _bits is 8 or 16,
            _ => false,
        };
        if (!isRead)
        {
            string kind = sampleFormat switch { 1 => "unsigned", 2 => "signed", 3 => "floating-point", _ => "other" };
            throw ImageException.Unsupported(
                $"TIFF of {_samples} {kind} samples of {_bits} bits, photometric interpretation {(int)_photometric}, is not supported "
                + "(expected gray, palette, RGB or CMYK of up to 16 bits)");
        }

        byte[] samples = new byte[_width * _height * Colors]; // (height, width, colors)
        foreach (Piece piece in Pieces())
        {
            for (int row = 0; row < piece.Rows; row++)
            {
                ReadOnlySpan<byte> from = piece.Data.AsSpan(row * piece.RowLength, piece.RowLength);
                Span<byte> to = samples.AsSpan(((piece.Top + row) * _width + piece.Left) * Colors, piece.Columns * Colors);
                if (!_isSeparate)
                    Unpack(from, _samples, to, Colors, Colors);
                else if (piece.Plane < Colors)
                    Unpack(from, 1, to[piece.Plane..], Colors, 1);
            }
        }

        return new RgbImage(_width, _height, ToRgb(samples));
    }

    /// <summary>Takes the first samples of each pixel, 8 bits each; of 16 the high byte.</summary>
    private void Unpack(ReadOnlySpan<byte> from, int fromStep, Span<byte> to, int toStep, int count)
    {
        int pixels = (to.Length + toStep - 1) / toStep;
        for (int x = 0; x < pixels; x++)
        {
            for (int sample = 0; sample < count; sample++)
            {
                int at = x * fromStep + sample;
                to[x * toStep + sample] = _bits switch
                {
                    16 => from[2 * at + HighByte],
                    8 => from[at],
                    _ => (byte)(from[at * _bits / 8] >> 8 - _bits - at * _bits % 8 & (1 << _bits) - 1),
                };
            }
        }
    }

    /// <summary>(pixels, colors) samples to (pixels, 3).</summary>
    private byte[] ToRgb(byte[] samples)
    {
        if (_photometric == Photometric.RGB)
            return samples;
        byte[] rgb = GC.AllocateUninitializedArray<byte>(3 * _width * _height);
        if (_photometric == Photometric.SEPARATED)
        {
            for (int i = 0; i < rgb.Length; i++) // as Pillow: what black leaves, less the share of ink
            {
                int black = 255 - samples[i / 3 * 4 + 3];
                rgb[i] = (byte)(black - (int)Math.Round(samples[i / 3 * 4 + i % 3] * black / 255.0));
            }

            return rgb;
        }

        byte[] table = _photometric == Photometric.PALETTE ? Palette() : Grays();
        for (int i = 0; i < samples.Length; i++)
            table.AsSpan(3 * samples[i], 3).CopyTo(rgb.AsSpan(3 * i));
        return rgb;
    }

    private byte[] Grays()
    {
        int most = _bits < 8 ? (1 << _bits) - 1 : 255;
        byte[] table = new byte[3 * 256];
        for (int value = 0; value <= most; value++)
        {
            int gray = value * 255 / most;
            table.AsSpan(3 * value, 3).Fill((byte)(_photometric == Photometric.MINISWHITE ? 255 - gray : gray));
        }

        return table;
    }

    private byte[] Palette()
    {
        FieldValue[] map = _tiff.GetField(TiffTag.COLORMAP)
            ?? throw ImageException.Damaged("damaged TIFF: it has no colors for its palette");
        byte[] table = new byte[3 * 256];
        for (int color = 0; color < 3; color++)
        {
            ReadOnlySpan<short> levels = map[color].ToShortArray();
            for (int i = 0; i < Math.Min(levels.Length, 256); i++)
                table[3 * i + color] = (byte)((ushort)levels[i] >> 8);
        }

        return table;
    }

    /// <summary>Every strip or tile, decompressed.</summary>
    private IEnumerable<Piece> Pieces()
    {
        (int width, int height) = PieceSize();
        bool isTiled = _tiff.IsTiled();
        int samples = _isSeparate ? 1 : _samples;
        long rowLength = ((long)width * samples * _bits + 7) / 8;
        long length = rowLength * height;
        if (length > Math.Max(1 << 26, 16L * _width * _height))
            throw ImageException.Damaged($"damaged TIFF: strips or tiles of {length} bytes in a picture of {_width}x{_height}");
        byte[] data = new byte[length];
        int across = (_width + width - 1) / width;
        int down = (_height + height - 1) / height;
        for (int index = 0; index < across * down * (_isSeparate ? _samples : 1); index++)
        {
            CheckLength(isTiled, index);
            int place = index % (across * down);
            var piece = new Piece(data, (int)rowLength, place % across * width, place / across * height, index / (across * down))
            {
                Columns = Math.Min(width, _width - place % across * width),
                Rows = Math.Min(height, _height - place / across * height),
            };
            int read = isTiled
                ? _tiff.ReadEncodedTile(index, data, 0, data.Length)
                : _tiff.ReadEncodedStrip(index, data, 0, piece.Rows * (int)rowLength);
            if (read < piece.Rows * rowLength)
                throw ImageException.Damaged($"damaged or truncated TIFF: {(isTiled ? "tile" : "strip")} {index} cannot be decoded");
            yield return piece;
        }
    }

    /// <summary>Strips or tiles that are JPEGs, each with the tables that all of them share.</summary>
    private RgbImage ReadJpeg(Func<byte[], long, RgbImage> decodeJpeg)
    {
        bool isGray = _photometric is Photometric.MINISBLACK or Photometric.MINISWHITE && _samples == 1;
        if (_bits != 8 || _isSeparate || !isGray && (_samples != 3 || _photometric is not (Photometric.RGB or Photometric.YCBCR)))
            throw ImageException.Unsupported(
                $"TIFF of JPEGs with {_samples} samples of {_bits} bits is not supported (expected gray, RGB or YCbCr of 8 bits)");
        byte[] tables = _tiff.GetField(TiffTag.JPEGTABLES) is [_, var field] ? field.ToByteArray()[2..^2] : []; // without start and end
        // Says whether the three components are RGB (0) or YCbCr (1), which the JPEG itself leaves open.
        byte[] adobe = isGray ? [] : [0xFF, 0xEE, 0, 14, .. "Adobe"u8, 0, 100, 0, 0, 0, 0, (byte)(_photometric == Photometric.RGB ? 0 : 1)];

        (int width, int height) = PieceSize();
        bool isTiled = _tiff.IsTiled();
        int across = (_width + width - 1) / width;
        int down = (_height + height - 1) / height;
        long mostPixels = (width + LargestBlock) * (height + LargestBlock);
        byte[] pixels = new byte[3 * _width * _height];
        for (int index = 0; index < across * down; index++)
        {
            byte[] data = new byte[CheckLength(isTiled, index)];
            int read = isTiled ? _tiff.ReadRawTile(index, data, 0, data.Length) : _tiff.ReadRawStrip(index, data, 0, data.Length);
            if (read != data.Length || read < 4)
                throw ImageException.Truncated($"truncated TIFF: {(isTiled ? "tile" : "strip")} {index} is not whole");
            RgbImage piece = decodeJpeg([.. data[..2], .. adobe, .. tables, .. data[2..]], mostPixels);
            int left = index % across * width;
            int top = index / across * height;
            int columns = Math.Min(width, _width - left);
            int rows = Math.Min(height, _height - top);
            if (piece.Width < columns || piece.Height < rows)
                throw ImageException.Damaged($"damaged TIFF: a JPEG of {piece.Width}x{piece.Height} for {columns}x{rows} pixels");
            for (int row = 0; row < rows; row++)
                piece.Pixels.AsSpan(3 * row * piece.Width, 3 * columns).CopyTo(pixels.AsSpan(3 * ((top + row) * _width + left)));
        }

        if (_photometric == Photometric.MINISWHITE)
        {
            foreach (ref byte value in pixels.AsSpan())
                value = (byte)(255 - value);
        }

        return new RgbImage(_width, _height, pixels);
    }

    private (int Width, int Height) PieceSize()
    {
        (int width, int height) = _tiff.IsTiled()
            ? (Field(TiffTag.TILEWIDTH, 0), Field(TiffTag.TILELENGTH, 0))
            : (_width, (int)Math.Min((uint)Field(TiffTag.ROWSPERSTRIP, -1), (uint)_height));
        return width > 0 && height > 0
            ? (width, height)
            : throw ImageException.Damaged($"damaged TIFF: strips or tiles of {width}x{height}");
    }

    /// <summary>
    /// The compressed length of a strip or tile, before anything of that length is allocated. Many of them in the same
    /// place would make a small file take long.
    /// </summary>
    private long CheckLength(bool isTiled, int index)
    {
        long length = isTiled ? _tiff.RawTileSize(index) : _tiff.RawStripSize(index);
        _claimed += Math.Max(length, 0);
        return length >= 0 && length <= _fileLength && _claimed <= MostClaims * _fileLength
            ? length
            : throw ImageException.Damaged(
                $"damaged or truncated TIFF: {(isTiled ? "tile" : "strip")} {index} claims {length} bytes in a file of {_fileLength}");
    }

    private int Field(TiffTag tag, int otherwise) => _tiff.GetField(tag) is [var field, ..] ? field.ToInt() : otherwise;

    /// <param name="Data">(rows, row length); the next piece uses it again.</param>
    /// <param name="RowLength">Bytes.</param>
    /// <param name="Left">First column in the picture.</param>
    /// <param name="Top">First row in the picture.</param>
    /// <param name="Plane">The sample, where each has strips of its own.</param>
    private sealed record Piece(byte[] Data, int RowLength, int Left, int Top, int Plane)
    {
        public int Columns { get; init; }

        public int Rows { get; init; }
    }

    /// <summary>A file in memory.</summary>
    private sealed class Source(byte[] file) : TiffStream
    {
        private long _at;

        public override int Read(object clientData, byte[] buffer, int offset, int count)
        {
            int read = (int)Math.Clamp(file.Length - _at, 0, count);
            file.AsSpan((int)Math.Min(_at, file.Length), read).CopyTo(buffer.AsSpan(offset));
            _at += read;
            return read;
        }

        public override void Write(object clientData, byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(object clientData, long offset, SeekOrigin origin)
        {
            long from = origin switch { SeekOrigin.Begin => 0, SeekOrigin.Current => _at, _ => file.Length };
            return _at = Math.Max(0, from + offset);
        }

        public override void Close(object clientData)
        {
        }

        public override long Size(object clientData) => file.Length;
    }

    /// <summary>LibTiff.NET would write to the console.</summary>
    private sealed class Silence : TiffErrorHandler
    {
        public override void ErrorHandler(Tiff tif, string method, string format, params object[] args)
        {
        }

        public override void ErrorHandlerExt(Tiff tif, object clientData, string method, string format, params object[] args)
        {
        }

        public override void WarningHandler(Tiff tif, string method, string format, params object[] args)
        {
        }

        public override void WarningHandlerExt(Tiff tif, object clientData, string method, string format, params object[] args)
        {
        }
    }
}
