using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Inputs;

/// <summary>An argument that names nothing: most often a typing error, so the message suggests what is there.</summary>
internal static class MissingInput
{
    internal const string NoSuchFile = "no such file or folder";

    /// <summary>Fails if an argument names no file and no folder. A link that leads nowhere is there.</summary>
    /// <exception cref="DinoException">There is nothing of that name.</exception>
    public static void Refuse(string input)
    {
        string path = Path.TrimEndingDirectorySeparator(input);
        if (RegularFile.IsMissing(path))
            throw new DinoException($"cannot read '{input}': {NoSuchFile}", Hint(path));
        if (path.Length < input.Length && File.Exists(path))
        {
            throw new DinoException(
                $"cannot read '{input}': it is a file, expected a folder", $"did you mean {path}?");
        }
    }

    /// <summary>Fails if there is no list of a name.</summary>
    /// <param name="list">Its name, without the @.</param>
    /// <exception cref="DinoException">There is none.</exception>
    public static void RefuseList(string list)
    {
        if (!RegularFile.IsMissing(list))
            return;
        string? hint = SimilarName.OfPath(list) is { } name ? $"did you mean @{name}?" : null;
        throw new DinoException($"cannot read list '{list}': no such file", hint);
    }

    /// <summary>What the user may have meant by a folder that is not there; null where it is there, or nothing is like
    /// it.</summary>
    /// <param name="folder">With its separator; nothing for the current one.</param>
    public static string? FolderHint(string folder)
    {
        string path = Path.TrimEndingDirectorySeparator(folder);
        return path.Length > 0 && RegularFile.IsMissing(path) ? Hint(path) : null;
    }

    /// <summary>What the user may have meant; null where nothing is like it.</summary>
    private static string? Hint(string path)
    {
        if (path.Length == 0)
            return "is a variable of the shell unset?";
        if (path.Contains('\uFFFD', StringComparison.Ordinal))
            return "if its name is not valid UTF-8, rename it";
        return SimilarName.Hint(path);
    }
}
