namespace Dino.Gpu.Files;

/// <summary>A failed write as one line that names the file once.</summary>
internal static class WriteFailure
{
    /// <summary>Makes an exception such as <c>cannot write out.npy: No space left on device</c>.</summary>
    public static DinoException Of(string path, Exception failure) => new($"cannot write {path}: {Reason(failure)}", failure);

    /// <summary>The system's reason, without the path.</summary>
    public static string Reason(Exception failure)
    {
        string reason = failure is UnauthorizedAccessException ? "permission denied" : failure.Message.ReplaceLineEndings(" ");
        // .NET adds the full path: "No space left on device : '/data/out.npy'".
        int name = reason.LastIndexOf(" : '", StringComparison.Ordinal);
        return name > 0 ? reason[..name] : reason;
    }
}
