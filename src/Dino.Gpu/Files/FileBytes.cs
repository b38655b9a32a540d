using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Files;

/// <summary>Reads a part of an open file. Any number of threads may read one file at once.</summary>
internal static class FileBytes
{
    /// <summary>Fills the span.</summary>
    /// <param name="file">The file.</param>
    /// <param name="position">Where the bytes begin.</param>
    /// <param name="bytes">Filled.</param>
    /// <exception cref="EndOfStreamException">The file ends before.</exception>
    public static void ReadExactly(SafeFileHandle file, long position, Span<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int read = RandomAccess.Read(file, bytes, position);
            if (read == 0)
                throw new EndOfStreamException();
            bytes = bytes[read..];
            position += read;
        }
    }
}
