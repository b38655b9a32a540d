namespace Dino.Gpu.Files;

/// <summary>A failed write as one line that names the file once.</summary>
internal static class WriteFailure
{
    /// <summary>Makes an exception such as <c>cannot write out.npy: No space left on device</c>.</summary>
    public static DinoException Of(string path, Exception failure) => new($"cannot write {path}: {Reason(failure)}", failure);

    /// <summary>
    /// As <see cref="Of"/>, for a file or folder that cannot be made: .NET calls it missing where nothing can be created.
    /// </summary>
    public static DinoException OfNew(string path, Exception failure) => new($"cannot write {path}: {ReasonOfNew(path, failure)}", failure);

    /// <inheritdoc cref="OfNew"/>
    public static string ReasonOfNew(string path, Exception failure) =>
        failure is not (FileNotFoundException or DirectoryNotFoundException) ? Reason(failure)
        : OutputPath.FileAsFolder(Path.GetDirectoryName(Path.GetFullPath(path))) ?? "nothing can be created there";

    /// <summary>The system's reason, without the path.</summary>
    public static string Reason(Exception failure)
    {
        string reason = failure is UnauthorizedAccessException ? "permission denied" : failure.Message.ReplaceLineEndings(" ");
        // .NET adds the full path: "No space left on device : '/data/out.npy'".
        int name = reason.LastIndexOf(" : '", StringComparison.Ordinal);
        return name > 0 ? reason[..name] : reason;
    }
}
