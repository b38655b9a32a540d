using System.IO.Compression;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Inputs;

/// <summary>
/// The content of a file that is packed by gzip. .NET calls damage an unsupported compression method, and overlooks
/// what follows the packed data; here both are told. Zeros may follow, as tapes leave them.
/// </summary>
internal sealed class GzipInput : ForwardStream
{
    private readonly FileStream _file;
    private readonly GZipStream _unpacked;
    private bool _isEnded;

    /// <param name="file">At the first byte.</param>
    /// <param name="leaveOpen">Whether the file is not disposed with the stream.</param>
    public GzipInput(FileStream file, bool leaveOpen = false)
    {
        _file = file;
        _unpacked = new GZipStream(new Packed(file, leaveOpen), CompressionMode.Decompress);
    }

    /// <exception cref="InvalidDataException">The file is damaged, truncated, or more than packed data.</exception>
    public override int Read(Span<byte> buffer)
    {
        if (_isEnded || buffer.IsEmpty)
            return 0;
        int read;
        try
        {
            read = _unpacked.Read(buffer);
        }
        catch (InvalidDataException failure) when (!IsTruncated(failure))
        {
            throw new InvalidDataException("damaged: its packed data cannot be unpacked, or do not match their checksum (gzip)", failure);
        }

        if (read == 0)
        {
            _isEnded = true;
            RefuseMore();
        }

        return read;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _unpacked.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>.NET has no other sign of it, and no other language than English.</summary>
    private static bool IsTruncated(InvalidDataException failure) => failure.Message.Contains("truncated", StringComparison.Ordinal);

    private void RefuseMore()
    {
        byte[] rest = new byte[4096];
        while (_file.Read(rest) is var read and > 0)
        {
            if (rest.AsSpan(0, read).ContainsAnyExcept((byte)0))
                throw new InvalidDataException("damaged: other data follow what is packed (gzip)");
        }
    }

    /// <summary>
    /// The file, and its last bytes one by one: the decompressor does not say how many of them it used. It may look at
    /// one more than it needs, so a single byte that follows is not noticed.
    /// </summary>
    private sealed class Packed(FileStream file, bool leaveOpen) : ForwardStream
    {
        private readonly long _tail = file.Length - 4096;

        public override int Read(Span<byte> buffer)
        {
            long left = _tail - file.Position;
            return file.Read(left > 0 ? buffer[..(int)Math.Min(buffer.Length, left)] : buffer[..Math.Min(buffer.Length, 1)]);
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        protected override void Dispose(bool disposing)
        {
            if (disposing && !leaveOpen)
                file.Dispose();
            base.Dispose(disposing);
        }
    }
}
