namespace Dino.Gpu.Tests.Server.Otlp;

/// <summary>A span that a collector got.</summary>
/// <param name="Service">Of its resource.</param>
/// <param name="Scope">What made it.</param>
/// <param name="Name">Its name.</param>
/// <param name="Trace">The trace, in hexadecimal.</param>
/// <param name="Id">In hexadecimal.</param>
/// <param name="Parent">The parent's id; empty for none.</param>
/// <param name="Links">Ids of spans that it is linked to.</param>
internal sealed record OtlpSpan(
    string Service, string Scope, string Name, string Trace, string Id, string Parent, IReadOnlyList<string> Links);
