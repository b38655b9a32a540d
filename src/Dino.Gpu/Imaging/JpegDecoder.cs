using System.Buffers.Binary;

namespace Dino.Gpu.Imaging;

/// <summary>
/// Decodes baseline and progressive JPEGs to the very pixels of libjpeg-turbo with its defaults (T.81; JFIF and Adobe
/// say what the components stand for). What libjpeg would guess, as bits that are missing or damaged, is refused.
/// </summary>
internal sealed class JpegDecoder
{
    /// <summary>Most blocks of a unit, by the standard.</summary>
    private const int MostBlocks = 10;

    private readonly int[]?[] _quantizations = new int[4][];
    private readonly JpegCodes?[] _dcCodes = new JpegCodes[4];
    private readonly JpegCodes?[] _acCodes = new JpegCodes[4];
    private JpegComponent[] _components = [];
    private (int Across, int Down) _most;
    private int _width;
    private int _height;
    private bool _isProgressive;
    private bool _isJfif;
    private int? _adobeTransform;
    private int _restartInterval;

    /// <param name="file">A file whose structure <see cref="JpegStructure"/> has checked.</param>
    /// <exception cref="DinoException">It is damaged, or of a kind that is not read.</exception>
    public static RgbImage Decode(ReadOnlySpan<byte> file)
    {
        var decoder = new JpegDecoder();
        decoder.Read(file);
        return new JpegColors(decoder._components, decoder.ColorSpace(), decoder._width, decoder._height).ToRgb();
    }

    /// <summary>The components as they are stored, whatever they stand for: those of a TIFF's strip or tile.</summary>
    /// <param name="file">A whole JPEG.</param>
    /// <param name="maxPixels">Most pixels that it may have.</param>
    /// <exception cref="DinoException">It is damaged, too large, or of a kind that is not read.</exception>
    public static JpegSamples DecodeSamples(ReadOnlySpan<byte> file, long maxPixels)
    {
        if (JpegStructure.Read(file, maxPixels, hasAnySamples: true).LacksEnd)
            throw JpegStructure.MissingEnd(file.Length);
        var decoder = new JpegDecoder();
        decoder.Read(file);
        // The color space is never used: no sample becomes a color here.
        return new JpegColors(decoder._components, JpegColorSpace.Gray, decoder._width, decoder._height).ToSamples();
    }

    private void Read(ReadOnlySpan<byte> file)
    {
        int at = 2;
        byte marker;
        while ((marker = JpegStructure.NextMarker(file, ref at)) is not (JpegStructure.EndOfImage or JpegStructure.None))
        {
            if (marker is 0x01 or >= 0xD0 and <= 0xD8)
                continue; // no segment follows
            int length = BinaryPrimitives.ReadUInt16BigEndian(file[at..]);
            ReadOnlySpan<byte> segment = file[(at + 2)..(at + length)];
            at += length;
            if (marker == 0xC4)
                ReadCodes(segment);
            else if (marker is 0xC0 or 0xC1 or 0xC2)
                ReadFrame(segment, marker == 0xC2);
            else if (marker == 0xDB)
                ReadQuantizations(segment);
            else if (marker == 0xDD && segment.Length >= 2)
                _restartInterval = BinaryPrimitives.ReadUInt16BigEndian(segment);
            else if (marker == 0xE0)
                _isJfif |= segment.Length >= 12 && segment.StartsWith("JFIF\0"u8);
            else if (marker == 0xEE && segment.Length >= 12 && segment.StartsWith("Adobe"u8))
                _adobeTransform = segment[11];
            else if (marker == 0xDA)
                at = ReadScan(file, at, segment);
        }

        if (_components.Length == 0 || _components.Any(one => one.LowestBit.Any(bit => bit != 0)))
            throw ImageException.Truncated("incomplete JPEG: its scans lack a part of the picture");
        if (_isProgressive)
        {
            foreach (JpegComponent component in _components)
                component.TransformAll();
        }
    }

    /// <summary>What libjpeg takes the components for (<c>default_decompress_parms</c>).</summary>
    private JpegColorSpace ColorSpace()
    {
        if (_components.Length == 1)
            return JpegColorSpace.Gray;
        if (_components.Length == 4)
            return _adobeTransform is null or 0 ? JpegColorSpace.Cmyk : JpegColorSpace.Ycck;
        bool isNamedRgb = _components[0].Id == 'R' && _components[1].Id == 'G' && _components[2].Id == 'B';
        return !_isJfif && (_adobeTransform is { } transform ? transform == 0 : isNamedRgb) ? JpegColorSpace.Rgb : JpegColorSpace.YCbCr;
    }

    private void ReadFrame(ReadOnlySpan<byte> segment, bool isProgressive)
    {
        if (_components.Length > 0)
            throw ImageException.Damaged("damaged JPEG: it has two frames");
        _isProgressive = isProgressive;
        _height = BinaryPrimitives.ReadUInt16BigEndian(segment[1..]);
        _width = BinaryPrimitives.ReadUInt16BigEndian(segment[3..]);
        var factors = new (int Across, int Down)[segment[5]];
        for (int i = 0; i < factors.Length; i++)
        {
            byte both = segment[7 + 3 * i];
            factors[i] = (both >> 4, both & 15);
            if (factors[i] is not ( >= 1 and <= 4, >= 1 and <= 4))
                throw ImageException.Damaged($"damaged JPEG: sampling factors {both:X2}");
            // Of one component a unit is always one block.
            if (factors.Length == 1)
                factors[i] = (1, 1);
            _most = (Math.Max(_most.Across, factors[i].Across), Math.Max(_most.Down, factors[i].Down));
        }

        if (factors.Any(one => _most.Across % one.Across != 0 || _most.Down % one.Down != 0))
            throw ImageException.Unsupported(
                "JPEG of broken sampling factors is not supported (expected whole ratios)", "convert the file to PNG");
        var components = new JpegComponent[factors.Length];
        for (int i = 0; i < components.Length; i++)
        {
            components[i] = new JpegComponent(segment[6 + 3 * i], factors[i], _most, _width, _height, isProgressive)
            {
                Table = segment[8 + 3 * i] & 3,
            };
        }

        _components = components;
    }

    private void ReadQuantizations(ReadOnlySpan<byte> segment)
    {
        while (!segment.IsEmpty)
        {
            bool isWide = segment[0] >> 4 != 0;
            int length = isWide ? 129 : 65;
            if (segment.Length < length || (segment[0] & 15) > 3)
                throw ImageException.Damaged("damaged JPEG: a quantization table is cut short");
            int[] table = new int[64];
            for (int i = 0; i < 64; i++)
                table[JpegComponent.ZigZag[i]] = isWide ? BinaryPrimitives.ReadUInt16BigEndian(segment[(1 + 2 * i)..]) : segment[1 + i];
            _quantizations[segment[0] & 15] = table;
            segment = segment[length..];
        }
    }

    private void ReadCodes(ReadOnlySpan<byte> segment)
    {
        while (!segment.IsEmpty)
        {
            int count = 0;
            for (int i = 1; i <= 16 && i < segment.Length; i++)
                count += segment[i];
            if (segment.Length < 17 + count || count > 256 || (segment[0] & 15) > 3 || segment[0] >> 4 > 1)
                throw ImageException.Damaged("damaged JPEG: a Huffman table is cut short");
            var codes = new JpegCodes(segment.Slice(1, 16), segment.Slice(17, count));
            (segment[0] >> 4 == 0 ? _dcCodes : _acCodes)[segment[0] & 15] = codes;
            segment = segment[(17 + count)..];
        }
    }

    /// <returns>Where the scan's data end.</returns>
    private int ReadScan(ReadOnlySpan<byte> file, int start, ReadOnlySpan<byte> header)
    {
        int count = header.IsEmpty ? 0 : header[0];
        if (_components.Length == 0 || count is < 1 or > 4 || header.Length < 4 + 2 * count)
            throw ImageException.Damaged("damaged JPEG: a scan's header is cut short");
        var components = new JpegComponent[count];
        for (int i = 0; i < count; i++)
        {
            byte id = header[1 + 2 * i];
            int place = Array.FindIndex(_components, one => one.Id == id);
            if (place < 0 || components.Contains(_components[place]))
                throw ImageException.Damaged("damaged JPEG: a scan of a component that is not there");
            components[i] = _components[place];
            components[i].DcCodes = _dcCodes[header[2 + 2 * i] >> 4 & 3];
            components[i].AcCodes = _acCodes[header[2 + 2 * i] & 3];
            components[i].Quantization ??= _quantizations[components[i].Table]
                ?? throw ImageException.Damaged("damaged JPEG: a quantization table is missing");
        }

        ReadOnlySpan<byte> selection = header[(1 + 2 * count)..];
        var scan = _isProgressive
            ? new JpegScan(selection[0], selection[1], selection[2] >> 4, selection[2] & 15)
            : new JpegScan(0, 63, 0, 0);
        scan.Check(components, _isProgressive);
        return new JpegScanReader(scan, components, _isProgressive).Read(
            file, start, _restartInterval, count == 1 ? Blocks(components[0]) : Units(components));
    }

    /// <summary>A component alone has no blocks that only fill up units.</summary>
    private static (int Across, int Down) Blocks(JpegComponent component) => ((component.Width + 7) / 8, (component.Height + 7) / 8);

    private (int Across, int Down) Units(JpegComponent[] components)
    {
        if (components.Sum(one => one.Across * one.Down) > MostBlocks)
            throw ImageException.Damaged("damaged JPEG: a unit of more than 10 blocks");
        return ((_width + 8 * _most.Across - 1) / (8 * _most.Across), (_height + 8 * _most.Down - 1) / (8 * _most.Down));
    }
}
