using Dino.Gpu.Files;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>Standard output that reports a reader who went away, and that it is closed.</summary>
internal static class StandardOutput
{
    /// <summary>
    /// .NET's console stream swallows EPIPE, so <c>dino embed photos | head -1</c> would compute to the end for nobody.
    /// A stream over the handle throws. Files keep the console stream: it shares the file position with the other
    /// commands of a script.
    /// </summary>
    public static Stream Open() => new NamedOutput(StandardFile.IsOpen(1) ? OpenRaw() : null);

    private static Stream OpenRaw()
    {
        if (!OperatingSystem.IsWindows())
        {
            try
            {
                var direct = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
                if (!direct.CanSeek)
                    return direct;
            }
            catch (Exception odd) when (odd is IOException or UnauthorizedAccessException or ArgumentException)
            {
                // it is not open for writing: the console stream fails at the first write
            }
        }

        return Console.OpenStandardOutput();
    }

    /// <summary>Says what cannot be written: the system names a full disk, but no file.</summary>
    /// <param name="inner">
    /// Null if the process was started with it closed. Its number may be that of another file by now, so nothing is
    /// written there.
    /// </param>
    private sealed class NamedOutput(Stream? inner) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (buffer.IsEmpty)
                return;
            if (inner is null)
                throw new DinoException("cannot write standard output: it is closed", "redirect it: > FILE, or > /dev/null for none");
            try
            {
                inner.Write(buffer);
            }
            catch (Exception failure) when (IsUnnamed(failure))
            {
                throw WriteFailure.Of("standard output", failure);
            }
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush()
        {
            try
            {
                inner?.Flush();
            }
            catch (Exception failure) when (IsUnnamed(failure))
            {
                throw WriteFailure.Of("standard output", failure);
            }
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                inner?.Dispose();
            base.Dispose(disposing);
        }

        private static bool IsUnnamed(Exception failure) =>
            failure is UnauthorizedAccessException || (failure is IOException io && !BrokenPipe.Is(io));
    }
}
