namespace Dino.Gpu.Data.Formats;

/// <summary>Reads bytes from an offset: as many as fit, or all that are left; none at the end.</summary>
internal delegate int ReadAt(Span<byte> buffer, long offset);

/// <summary>Lines of a file as bytes. The buffer grows to the longest line.</summary>
/// <param name="read">Where the bytes come from.</param>
/// <param name="offset">Where the first line starts.</param>
internal sealed class ByteLines(ReadAt read, long offset = 0)
{
    /// <summary>
    /// The longest line. One with the embeddings of all tokens has a few MB. Anything longer is no file of lines.
    /// </summary>
    public const int MaxLength = 1 << 28;

    private byte[] _buffer = new byte[1 << 16];
    private long _bufferOffset = offset;
    private int _start;
    private int _end;

    /// <summary>The line without its line feed; valid until the next one.</summary>
    public ReadOnlyMemory<byte> Line { get; private set; }

    /// <summary>Where <see cref="Line"/> starts.</summary>
    public long Offset { get; private set; } = offset;

    /// <summary>Number of <see cref="Line"/>, counted from 1 at the first that was read.</summary>
    public long Number { get; private set; }

    /// <summary>Whether <see cref="Line"/> had a line feed; the last one of a file may not.</summary>
    public bool IsEnded { get; private set; }

    /// <summary>Goes to the next line.</summary>
    /// <returns>False at the end.</returns>
    /// <exception cref="DinoException">The line is longer than <see cref="MaxLength"/>.</exception>
    public bool Next()
    {
        int searched = _start;
        while (true)
        {
            int feed = _buffer.AsSpan(searched, _end - searched).IndexOf((byte)'\n');
            if (feed >= 0)
                return Take(searched + feed, ended: true);
            searched = _end;
            if (_end == _buffer.Length)
                searched -= MakeRoom();
            int got = read(_buffer.AsSpan(_end), _bufferOffset + _end);
            if (got == 0)
                return _end > _start && Take(_end, ended: false);
            _end += got;
        }
    }

    private bool Take(int end, bool ended)
    {
        Line = _buffer.AsMemory(_start, end - _start);
        Offset = _bufferOffset + _start;
        Number++;
        IsEnded = ended;
        _start = ended ? end + 1 : end;
        return true;
    }

    /// <summary>Moves what is left to the front of the buffer, or doubles the buffer if it is there already.</summary>
    /// <returns>By how many bytes it was moved.</returns>
    private int MakeRoom()
    {
        int moved = _start;
        if (moved == 0)
        {
            if (_buffer.Length >= MaxLength)
                throw new DinoException($"line {Number + 1} is longer than {MaxLength >> 20} MiB");
            Array.Resize(ref _buffer, 2 * _buffer.Length);
            return 0;
        }

        _buffer.AsSpan(moved, _end - moved).CopyTo(_buffer);
        _bufferOffset += moved;
        _start = 0;
        _end -= moved;
        return moved;
    }
}
