using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Inputs;

/// <summary>What tells that a file was replaced, without reading it.</summary>
/// <param name="Size">Bytes.</param>
/// <param name="Written">When it was last written, in UTC.</param>
internal readonly record struct FileState(long Size, DateTime Written)
{
    /// <summary>
    /// The state now of the file of an input, or of the archive that it is in; null if it is not there.
    /// </summary>
    public static FileState? Of(InputItem item) =>
        RegularFile.Status(item.Archive ?? item.Path) is (long size, DateTime written) ? new FileState(size, written) : null;
}
