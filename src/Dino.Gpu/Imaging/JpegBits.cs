namespace Dino.Gpu.Imaging;

/// <summary>The bits of a scan, without the zeros that are stuffed behind FF.</summary>
/// <param name="file">All bytes of the file.</param>
/// <param name="start">Where the scan's data start.</param>
internal ref struct JpegBits(ReadOnlySpan<byte> file, int start)
{
    private readonly ReadOnlySpan<byte> _file = file;
    private ulong _bits; // the next ones at the top
    private int _count; // of them that are valid

    /// <summary>Where the next byte is read; once the data end, where their marker is.</summary>
    public int Position { get; private set; } = start;

    /// <summary>The value of the next code.</summary>
    /// <exception cref="DinoException">The data end before, or have no such code.</exception>
    public int Code(JpegCodes codes)
    {
        if (_count < 16)
            Fill();
        int found = codes.Lookup[_bits >> 64 - JpegCodes.LookupBits];
        if (found == 0)
            found = codes.Find((int)(_bits >> 48));
        if (found == 0 && _count >= 16)
            throw Damaged();
        int length = found >> 8;
        if (found == 0 || length > _count)
            throw Short();
        _bits <<= length;
        _count -= length;
        return found & 0xFF;
    }

    /// <summary>Up to 16 bits as a number without sign.</summary>
    /// <exception cref="DinoException">The data end before.</exception>
    public int Read(int count)
    {
        if (count == 0)
            return 0;
        if (_count < count)
        {
            Fill();
            if (_count < count)
                throw Short();
        }

        int value = (int)(_bits >> 64 - count);
        _bits <<= count;
        _count -= count;
        return value;
    }

    /// <summary>A number of up to 16 bits, negative ones less their highest value (T.81, F.2.2.1).</summary>
    public int ReadSigned(int count)
    {
        int value = Read(count);
        return count > 0 && value < 1 << count - 1 ? value - (1 << count) + 1 : value;
    }

    /// <summary>Goes behind a restart marker.</summary>
    /// <exception cref="DinoException">Another one follows, or none.</exception>
    public void Restart(int number)
    {
        _bits = 0;
        _count = 0;
        int at = Position;
        while (at + 2 < _file.Length && _file[at] == 0xFF && _file[at + 1] == 0xFF)
            at++; // fill bytes
        if (at + 1 >= _file.Length || _file[at] != 0xFF || _file[at + 1] != 0xD0 + (number & 7))
            throw Damaged();
        Position = at + 2;
    }

    /// <summary>The damage that more or other bits than there should be are.</summary>
    public static ImageException Damaged() => ImageException.Damaged("damaged JPEG: its data do not fit their codes");

    private static ImageException Short() => ImageException.Truncated("truncated JPEG: its data end before the last row");

    private void Fill()
    {
        int at = Position;
        while (_count <= 56 && at < _file.Length)
        {
            byte next = _file[at];
            if (next == 0xFF)
            {
                if (at + 1 >= _file.Length || _file[at + 1] != 0)
                    break; // a marker
                at++;
            }

            _bits |= (ulong)next << 56 - _count;
            _count += 8;
            at++;
        }

        Position = at;
    }
}
