namespace Dino.Gpu.Cli.Output;

/// <summary>A failed write as one line that names the file once.</summary>
internal static class WriteFailure
{
    /// <summary>Such as <c>cannot write out.npy: No space left on device</c>.</summary>
    public static DinoException Of(string path, Exception failure)
    {
        string reason = failure is UnauthorizedAccessException ? "permission denied" : failure.Message.ReplaceLineEndings(" ");
        // .NET adds the full path: "No space left on device : '/data/out.npy'".
        int name = reason.LastIndexOf(" : '", StringComparison.Ordinal);
        return new DinoException($"cannot write {path}: {(name > 0 ? reason[..name] : reason)}", failure);
    }
}
