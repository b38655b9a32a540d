using System.Buffers.Binary;
using System.Text;

namespace Dino.Gpu.Checkpoints;

/// <summary>The bytes of a pickle, read from a stretch of a file through a small buffer.</summary>
internal sealed class PickleInput
{
    /// <summary>A training checkpoint's pickle has a few hundred kilobytes; the tensors are not in it.</summary>
    public const int MaxBytes = 16 << 20;

    private readonly CheckpointFile _file;
    private readonly long _end;
    private readonly byte[] _buffer;
    private long _bufferStart;
    private int _bufferLength;
    private int _next;

    /// <param name="file">The checkpoint.</param>
    /// <param name="start">First byte.</param>
    /// <param name="length">Bytes that may be read; more than <see cref="MaxBytes"/> are not touched.</param>
    public PickleInput(CheckpointFile file, long start, long length)
    {
        _file = file;
        _bufferStart = start;
        _end = start + Math.Min(length, MaxBytes);
        _buffer = new byte[Math.Min(1 << 16, _end - start)];
    }

    /// <summary>Offset in the file of the next byte.</summary>
    public long Position => _bufferStart + _next;

    public byte ReadByte()
    {
        if (_next == _bufferLength) Fill();
        return _buffer[_next++];
    }

    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16LittleEndian(ReadSmall(stackalloc byte[2]));

    public int ReadInt32() => BinaryPrimitives.ReadInt32LittleEndian(ReadSmall(stackalloc byte[4]));

    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(ReadSmall(stackalloc byte[4]));

    public long ReadInt64() => BinaryPrimitives.ReadInt64LittleEndian(ReadSmall(stackalloc byte[8]));

    /// <summary>Pickle's only number in network order.</summary>
    public double ReadDouble() => BinaryPrimitives.ReadDoubleBigEndian(ReadSmall(stackalloc byte[8]));

    public string ReadText(long length) => Encoding.UTF8.GetString(ReadBytes(length));

    /// <summary>Reads bytes whose number the pickle claims: it is checked before anything is allocated.</summary>
    public byte[] ReadBytes(long length)
    {
        if (length < 0 || length > _end - Position) throw Error($"truncated: a value claims {length} bytes, {_end - Position} are left");
        byte[] bytes = new byte[length];
        for (int i = 0; i < bytes.Length;)
        {
            if (_next == _bufferLength) Fill();
            int count = Math.Min(bytes.Length - i, _bufferLength - _next);
            _buffer.AsSpan(_next, count).CopyTo(bytes.AsSpan(i));
            _next += count;
            i += count;
        }

        return bytes;
    }

    /// <summary>Text up to a line feed: the two halves of an import.</summary>
    public string ReadLine()
    {
        const int maxLength = 1024;
        var line = new StringBuilder();
        for (byte next = ReadByte(); next != '\n'; next = ReadByte())
        {
            if (line.Length == maxLength) throw Error($"a name longer than {maxLength} bytes");
            line.Append((char)next);
        }

        return line.ToString();
    }

    public WeightsException Error(string problem) => _file.Error($"bad pickle at byte {Position}: {problem}");

    private Span<byte> ReadSmall(Span<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i++) bytes[i] = ReadByte();
        return bytes;
    }

    private void Fill()
    {
        long position = Position;
        int count = (int)Math.Min(_buffer.Length, _end - position);
        if (count <= 0) throw Error("truncated");
        _file.Read(position, _buffer.AsSpan(0, count), "the pickle");
        _bufferStart = position;
        _bufferLength = count;
        _next = 0;
    }
}
