using Dino.Gpu.Files;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>Standard output that reports a reader who went away.</summary>
internal static class StandardOutput
{
    /// <summary>
    /// .NET's console stream swallows EPIPE, so <c>dino embed photos | head -1</c> would compute to the end for nobody.
    /// A stream over the handle throws. Files keep the console stream: it shares the file position with the other
    /// commands of a script.
    /// </summary>
    public static Stream Open()
    {
        if (!StandardFile.IsOpen(1))
            return Stream.Null;
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
                // it is not open for writing: the console stream ignores what is written
            }
        }

        return Console.OpenStandardOutput();
    }
}
