namespace Dino.Gpu.Server.Requests;

/// <summary>One picture of a request: the bytes of a file, or why there are none.</summary>
/// <param name="Name">What the client calls it; only repeated, never used as a path.</param>
/// <param name="File">The bytes of the file.</param>
/// <param name="Failure">Why there are none; null if there are.</param>
internal sealed record PictureInput(string? Name, ReadOnlyMemory<byte> File, RequestFailure? Failure = null)
{
    public static PictureInput Failed(string? name, RequestFailure failure) => new(name, default, failure);
}
