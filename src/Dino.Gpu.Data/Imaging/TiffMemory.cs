using BitMiracle.LibTiff.Classic;

namespace Dino.Gpu.Data.Imaging;

/// <summary>A file in memory.</summary>
internal sealed class TiffMemory(byte[] file) : TiffStream
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
