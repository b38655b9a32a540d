namespace Dino.Gpu.Data.Formats;

/// <summary>The lines of a UTF-8 text as bytes, through one buffer as long as the longest of them.</summary>
internal sealed class LineReader(Stream stream) : IDisposable
{
    private const int MaxLineBytes = 1 << 28;

    private byte[] _buffer = new byte[1 << 16];
    private int _start;
    private int _end;

    /// <summary>Counts from 1.</summary>
    public long LineNumber { get; private set; }

    /// <summary>The next line that is not blank, without its end, valid until the next call.</summary>
    /// <returns>False at the end.</returns>
    public bool TryRead(out ReadOnlySpan<byte> line)
    {
        while (TryReadAny(out line))
        {
            if (LineNumber == 1 && line.StartsWith("\uFEFF"u8))
                line = line[3..];
            line = line.Trim(" \t\r"u8);
            if (!line.IsEmpty)
                return true;
        }

        return false;
    }

    /// <summary>Starts again with the first line.</summary>
    public void Rewind()
    {
        stream.Position = 0;
        _start = _end = 0;
        LineNumber = 0;
    }

    public void Dispose() => stream.Dispose();

    private bool TryReadAny(out ReadOnlySpan<byte> line)
    {
        int searched = 0;
        while (true)
        {
            int length = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
            if (length >= 0)
            {
                line = _buffer.AsSpan(_start, searched + length);
                _start += searched + length + 1;
                LineNumber++;
                return true;
            }

            searched = _end - _start;
            if (Fill())
                continue;
            line = _buffer.AsSpan(_start, searched);
            _start = _end;
            LineNumber++;
            return searched > 0;
        }
    }

    private bool Fill()
    {
        int held = _end - _start;
        if (_start > 0)
        {
            _buffer.AsSpan(_start, held).CopyTo(_buffer);
            (_start, _end) = (0, held);
        }

        if (held == _buffer.Length)
        {
            if (held >= MaxLineBytes)
                throw new InvalidDataException($"line {LineNumber + 1} is longer than {MaxLineBytes >> 20} MiB");
            Array.Resize(ref _buffer, held * 2);
        }

        int read = stream.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        return read > 0;
    }
}
