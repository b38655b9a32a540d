using Dino.Gpu.Server.Requests;

namespace Dino.Gpu.Server.Model;

/// <summary>What became of one picture of a request.</summary>
/// <param name="Index">Its place among those of the request, counted from 0.</param>
/// <param name="Name">What the client calls it; null for nothing.</param>
/// <param name="Values">Its row; null if it failed.</param>
/// <param name="Failure">Why it failed; null if it did not.</param>
internal sealed record PictureResult(int Index, string? Name, float[]? Values, RequestFailure? Failure);
