namespace Dino.Gpu.Files;

/// <summary>Finds the file that an output replaces.</summary>
internal static class OutputPath
{
    internal const string IsDirectory = "it is a directory, expected a file name";
    internal const string IsNoFile = "it is a pipe or a device, expected a file that can be replaced";
    internal const string IsCircle = "its links lead in a circle";
    internal const string NoDirectory = "there is no directory";
    internal const string IsFolderName = "it ends in a slash, expected a file name";
    internal const string IsFile = "is a file, expected a folder";
    private const string AnotherName = "give the name of a file";

    /// <summary>
    /// Returns the full path of the file to replace. A symbolic link stays a link: the output replaces the file behind
    /// it, or creates that file.
    /// </summary>
    /// <param name="path">The path as the user gave it.</param>
    /// <exception cref="DinoException">
    /// The path is a directory, a pipe, a device or a circle of links, or its directory does not exist.
    /// </exception>
    public static string Resolve(string path)
    {
        try
        {
            if (Directory.Exists(path))
                throw Refused(path, IsDirectory);
            if (Path.EndsInDirectorySeparator(path))
                throw Refused(path, IsFolderName, $"leave out the slash: {Path.TrimEndingDirectorySeparator(path)}");
            string file = Path.GetFullPath(IsLink(path) ? new RealPath().Of(path) : path);
            if (IsLink(file))
                throw Refused(path, IsCircle);
            string? directory = Path.GetDirectoryName(file);
            if (directory == "/dev" || RegularFile.IsSpecial(file))
                throw Refused(path, IsNoFile, AnotherName); // a rename would replace the device itself
            if (!Directory.Exists(directory))
                throw Refused(path, FileAsFolder(directory) ?? $"{NoDirectory} {directory}");
            return file;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw WriteFailure.Of(path, failure);
        }
    }

    /// <summary>Says which name of a path to a folder is that of a file; null if none is.</summary>
    /// <param name="folder">A full path; null for none.</param>
    public static string? FileAsFolder(string? folder)
    {
        for (string? name = folder; name is not null; name = Path.GetDirectoryName(name))
        {
            if (File.Exists(name))
                return $"{name} {IsFile}";
        }

        return null;
    }

    private static bool IsLink(string path) => new FileInfo(path).LinkTarget is not null;

    private static DinoException Refused(string path, string reason, string? hint = null) => new($"cannot write {path}: {reason}", hint);
}
