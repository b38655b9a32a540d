using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Vectors;

/// <summary>Folders whose pictures are always kept.</summary>
internal sealed class ReferenceFolders
{
    private readonly RealPath _real = new();
    private readonly string[] _folders;

    /// <param name="folders">As the user named them.</param>
    /// <exception cref="DinoException">One of them does not exist, or is a file.</exception>
    public ReferenceFolders(IReadOnlyList<string> folders)
    {
        if (folders.FirstOrDefault(File.Exists) is { } file)
            throw new DinoException($"--reference: expected a folder, found a file: {MessageText.OneLine(file)}");
        if (folders.FirstOrDefault(folder => !Directory.Exists(folder)) is { } missing)
            throw new DinoException($"--reference: no such folder: {MessageText.OneLine(missing)}", SimilarName.Hint(missing));
        _folders = [.. folders.SelectMany(Names).Select(WithEnd).Distinct(RealPath.Comparer)];
    }

    /// <summary>
    /// Whether a picture is in one of them, by the path of its file or by the file that links lead to.
    /// </summary>
    public bool Contains(RowInfo row) =>
        _folders.Length > 0
            && row.Path.Length > 0
            && Names(row.Archive ?? row.Path).Any(name => _folders.Any(folder => IsUnder(name, folder)));

    private IEnumerable<string> Names(string path) => [Path.GetFullPath(path), _real.Of(path)];

    private static bool IsUnder(string name, string folder) =>
        name.Length > folder.Length && RealPath.Comparer.Equals(name[..folder.Length], folder);

    private static string WithEnd(string folder) => Path.EndsInDirectorySeparator(folder) ? folder : folder + Path.DirectorySeparatorChar;
}
