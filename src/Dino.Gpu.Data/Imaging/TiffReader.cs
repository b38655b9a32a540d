using System.Globalization;
using System.Runtime.InteropServices;
using BitMiracle.LibTiff.Classic;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Imaging;

/// <summary>
/// Reads the first page of a TIFF: strips or tiles, every compression of LibTiff.NET, gray, palette, RGB and CMYK of up
/// to 16 bits, and YCbCr of 8. Pixels are those of Pillow's <c>convert("RGB")</c>; of 16-bit samples the high byte is
/// taken.
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
    private readonly byte[] _file;
    private readonly int _bits;
    private readonly int _samples;
    private readonly Photometric _photometric;
    private readonly bool _isSeparate;
    private readonly TiffColors _colors;
    private long _claimed; // bytes of all strips or tiles so far

    static TiffReader() => Tiff.SetErrorHandler(new TiffSilence());

    private TiffReader(Tiff tiff, ImageHeader header, byte[] file)
    {
        _tiff = tiff;
        _width = header.Width;
        _height = header.Height;
        _file = file;
        _bits = Field(TiffTag.BITSPERSAMPLE, 1);
        _samples = Field(TiffTag.SAMPLESPERPIXEL, 1);
        _photometric = (Photometric)Field(TiffTag.PHOTOMETRIC, (int)Photometric.MINISWHITE); // 0, as in Pillow
        _isSeparate = _samples > 1 && Field(TiffTag.PLANARCONFIG, (int)PlanarConfig.CONTIG) == (int)PlanarConfig.SEPARATE;
        _colors = new TiffColors(tiff, _photometric, _bits, _samples);
    }

    private bool IsStored => Field(TiffTag.COMPRESSION, (int)Compression.NONE) == (int)Compression.NONE;

    private bool IsJpeg => Field(TiffTag.COMPRESSION, (int)Compression.NONE) == (int)Compression.JPEG;

    /// <summary>Samples of a pixel that become its color; what follows them, such as alpha, is left out.</summary>
    private int Colors => _colors.Samples;

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
            using Tiff tiff = Tiff.ClientOpen("TIFF", "r", null, new TiffMemory(bytes))
                ?? throw ImageException.Damaged("damaged TIFF: its directory cannot be read");
            var reader = new TiffReader(tiff, header, bytes);
            reader.RequireKnownCompression();
            reader.RequireKnownColors();
            return !reader.IsJpeg ? reader.Read() : reader.IsColorJpeg ? reader.ReadJpeg(decodeJpeg) : reader.ReadJpegSamples();
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

    /// <summary>One sample that nothing is said of is a gray; of several, nobody knows the colors.</summary>
    private void RequireKnownColors()
    {
        if (_samples > 1 && _tiff.GetField(TiffTag.PHOTOMETRIC) is null)
        {
            throw ImageException.Unsupported(
                $"TIFF of {_samples} samples that does not say which colors they are is not supported (expected tag 262, as 2 for RGB)",
                "set the tag, or write the file again as PNG");
        }
    }

    private RgbImage Read()
    {
        int sampleFormat = Field(TiffTag.SAMPLEFORMAT, (int)SampleFormat.UINT);
        bool isRead = sampleFormat == (int)SampleFormat.UINT && _samples >= Colors && _photometric switch
        {
            Photometric.MINISWHITE or Photometric.MINISBLACK => _bits is 8 or 16 || _bits is 1 or 2 or 4 && _samples == 1,
            Photometric.PALETTE => _bits == 8 || _bits is 1 or 2 or 4 && _samples == 1,
            Photometric.RGB or Photometric.SEPARATED => _bits is 8 or 16,
            Photometric.YCBCR => _bits == 8 && _samples == 3 && !(_isSeparate && _colors.IsSubsampled),
            _ => false,
        };
        if (!isRead)
        {
            string kind = sampleFormat switch { 1 => "unsigned", 2 => "signed", 3 => "floating-point", _ => "other" };
            throw ImageException.Unsupported(
                $"TIFF of {_samples} {kind} samples of {_bits} bits, photometric interpretation {(int)_photometric}, is not supported "
                + "(expected gray, palette, RGB or CMYK of up to 16 bits, or YCbCr of 8)",
                "convert the file to PNG");
        }

        byte[] samples = new byte[_width * _height * Colors]; // (height, width, colors)
        foreach (Piece piece in Pieces())
        {
            if (_colors.IsSubsampled)
            {
                for (int row = 0; row < piece.Rows; row++)
                {
                    Span<byte> to = samples.AsSpan(3 * ((piece.Top + row) * _width + piece.Left), 3 * piece.Columns);
                    _colors.Unpack(piece.Data, piece.RowLength, row, to);
                }

                continue;
            }

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

        return new RgbImage(_width, _height, _colors.ToRgb(samples));
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

    /// <summary>Every strip or tile, decompressed.</summary>
    private IEnumerable<Piece> Pieces()
    {
        (int width, int height) = PieceSize();
        bool isTiled = _tiff.IsTiled();
        int samples = _isSeparate ? 1 : _samples;
        long rowLength = _colors.IsSubsampled ? _colors.BlockRowLength(width) : ((long)width * samples * _bits + 7) / 8;
        long length = rowLength * _colors.BlockRows(height);
        if (length > Math.Max(1 << 26, 16L * _width * _height))
            throw ImageException.Damaged($"damaged TIFF: strips or tiles of {length} bytes in a picture of {_width}x{_height}");
        byte[] data = new byte[length];
        int across = (_width + width - 1) / width;
        int down = (_height + height - 1) / height;
        for (int index = 0; index < across * down * (_isSeparate ? _samples : 1); index++)
        {
            int place = index % (across * down);
            var piece = new Piece(data, (int)rowLength, place % across * width, place / across * height, index / (across * down))
            {
                Columns = Math.Min(width, _width - place % across * width),
                Rows = Math.Min(height, _height - place / across * height),
            };
            if (_colors.IsSubsampled && !isTiled && IsStored)
            {
                CopyStrip(index, data.AsSpan(0, _colors.BlockRows(piece.Rows) * (int)rowLength));
                yield return piece;
                continue;
            }

            CheckLength(isTiled, index);
            int read = isTiled
                ? _tiff.ReadEncodedTile(index, data, 0, data.Length)
                : _tiff.ReadEncodedStrip(index, data, 0, _colors.BlockRows(piece.Rows) * (int)rowLength);
            if (read < _colors.BlockRows(piece.Rows) * rowLength)
                throw ImageException.Damaged($"damaged or truncated TIFF: {(isTiled ? "tile" : "strip")} {index} cannot be decoded");
            yield return piece;
        }
    }

    /// <summary>Whether the JPEGs hold what a JPEG holds, so that any decoder reads them.</summary>
    private bool IsColorJpeg => _bits == 8 && !_isSeparate && (_photometric, _samples) is
        (Photometric.MINISBLACK or Photometric.MINISWHITE, 1) or (Photometric.RGB or Photometric.YCBCR, 3);

    /// <summary>Strips or tiles that are JPEGs of gray, RGB or YCbCr.</summary>
    private RgbImage ReadJpeg(Func<byte[], long, RgbImage> decodeJpeg)
    {
        // Says whether the three components are RGB (0) or YCbCr (1), which the JPEG itself leaves open.
        byte kind = (byte)(_photometric == Photometric.RGB ? 0 : 1);
        byte[] adobe = _samples == 1 ? [] : [0xFF, 0xEE, 0, 14, .. "Adobe"u8, 0, 100, 0, 0, 0, 0, kind];
        byte[] pixels = new byte[3 * _width * _height];
        foreach (JpegPiece one in JpegPieces(adobe))
        {
            RgbImage image = decodeJpeg(one.Data, one.MostPixels);
            one.Require(image.Width, image.Height);
            for (int row = 0; row < one.Rows; row++)
            {
                ReadOnlySpan<byte> from = image.Pixels.AsSpan(3 * row * image.Width, 3 * one.Columns);
                from.CopyTo(pixels.AsSpan(3 * ((one.Top + row) * _width + one.Left)));
            }
        }

        if (_photometric == Photometric.MINISWHITE)
        {
            foreach (ref byte value in pixels.AsSpan())
                value = (byte)(255 - value);
        }

        return new RgbImage(_width, _height, pixels);
    }

    /// <summary>Strips or tiles that are JPEGs of other samples: with alpha, of CMYK, or of one sample each.</summary>
    private RgbImage ReadJpegSamples()
    {
        bool isRead = _bits == 8 && _samples >= Colors && (_isSeparate || _samples <= 4)
            && _photometric is Photometric.MINISBLACK or Photometric.MINISWHITE or Photometric.RGB or Photometric.SEPARATED;
        if (!isRead)
        {
            throw ImageException.Unsupported(
                $"TIFF of JPEGs with {_samples} samples of {_bits} bits, photometric interpretation {(int)_photometric}, is not supported "
                    + "(expected gray, RGB, CMYK or YCbCr of 8 bits)",
                "convert the file to PNG");
        }

        byte[] samples = new byte[_width * _height * Colors]; // (height, width, colors)
        long mostPixels = Math.Max(1 << 22, 4L * _width * _height); // a tile may be larger than the picture
        foreach (JpegPiece one in JpegPieces([]))
        {
            if (one.Plane >= Colors)
                break;
            JpegSamples image = JpegDecoder.DecodeSamples(one.Data, Math.Min(one.MostPixels, mostPixels));
            one.Require(image.Width, image.Height);
            if (image.Count != (_isSeparate ? 1 : _samples))
                throw ImageException.Damaged($"damaged TIFF: a JPEG of {image.Count} components for {_samples} samples");
            int count = Math.Min(image.Count, Colors);
            for (int row = 0; row < one.Rows; row++)
            {
                Span<byte> to = samples.AsSpan(((one.Top + row) * _width + one.Left) * Colors, one.Columns * Colors);
                Unpack(image.Values.AsSpan(row * image.Width * image.Count), image.Count, to[one.Plane..], Colors, count);
            }
        }

        return new RgbImage(_width, _height, _colors.ToRgb(samples));
    }

    /// <summary>Strips or tiles as JPEGs, each with the tables that all of them share.</summary>
    /// <param name="start">Segments that come first.</param>
    private IEnumerable<JpegPiece> JpegPieces(byte[] start)
    {
        byte[] tables = _tiff.GetField(TiffTag.JPEGTABLES) is [_, var field] ? field.ToByteArray()[2..^2] : []; // without start and end
        (int width, int height) = PieceSize();
        bool isTiled = _tiff.IsTiled();
        int across = (_width + width - 1) / width;
        int down = (_height + height - 1) / height;
        for (int index = 0; index < across * down * (_isSeparate ? _samples : 1); index++)
        {
            byte[] data = new byte[CheckLength(isTiled, index)];
            int read = isTiled ? _tiff.ReadRawTile(index, data, 0, data.Length) : _tiff.ReadRawStrip(index, data, 0, data.Length);
            if (read != data.Length || read < 4)
                throw ImageException.Truncated($"truncated TIFF: {(isTiled ? "tile" : "strip")} {index} is not whole");
            int left = index % (across * down) % across * width;
            int top = index % (across * down) / across * height;
            yield return new JpegPiece([.. data[..2], .. start, .. tables, .. data[2..]], left, top, index / (across * down))
            {
                Columns = Math.Min(width, _width - left),
                Rows = Math.Min(height, _height - top),
                MostPixels = (width + LargestBlock) * (height + LargestBlock),
            };
        }
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
        return length >= 0 && length <= _file.Length && _claimed <= MostClaims * _file.Length
            ? length
            : throw ImageException.Damaged(
                $"damaged or truncated TIFF: {(isTiled ? "tile" : "strip")} {index} claims {length} bytes in a file of {_file.Length}");
    }

    /// <summary>
    /// Takes a strip that is not compressed. LibTiff.NET corrects the length of a lone one as if no samples were shared.
    /// </summary>
    private void CopyStrip(int index, Span<byte> to)
    {
        var starts = _tiff.GetField(TiffTag.STRIPOFFSETS) is [{ Value: Array all }, ..] ? all : Array.Empty<long>();
        long start = index < starts.Length ? Convert.ToInt64(starts.GetValue(index), CultureInfo.InvariantCulture) : -1;
        if (start < 0 || start > _file.Length - to.Length)
            throw ImageException.Damaged($"damaged or truncated TIFF: strip {index} begins at byte {start} of {_file.Length}");
        _file.AsSpan((int)start, to.Length).CopyTo(to);
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

    /// <param name="Data">A whole JPEG.</param>
    /// <param name="Left">First column in the picture.</param>
    /// <param name="Top">First row in the picture.</param>
    /// <param name="Plane">The sample, where each has strips of its own.</param>
    private sealed record JpegPiece(byte[] Data, int Left, int Top, int Plane)
    {
        public int Columns { get; init; }

        public int Rows { get; init; }

        public long MostPixels { get; init; }

        public void Require(int width, int height)
        {
            if (width < Columns || height < Rows)
                throw ImageException.Damaged($"damaged TIFF: a JPEG of {width}x{height} for {Columns}x{Rows} pixels");
        }
    }
}
