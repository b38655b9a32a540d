namespace Dino.Gpu.Cli.Commands;

/// <summary>How <c>dino dedup</c> shows its groups.</summary>
internal enum DedupOutput
{
    Table,
    Json,

    /// <summary>Only the paths of what could go.</summary>
    List,
}

/// <summary>What <c>dino dedup</c> was asked for.</summary>
/// <param name="Inputs">Images, or embeddings.</param>
/// <param name="Threshold">Cosine from which on two pictures are duplicates.</param>
/// <param name="References">Folders whose pictures are always kept.</param>
/// <param name="Output">What goes to standard output.</param>
/// <param name="Html">A page of thumbnails; null for none.</param>
/// <param name="Source">How images become vectors.</param>
internal sealed record DedupSettings(
    IReadOnlyList<string> Inputs,
    double Threshold,
    IReadOnlyList<string> References,
    DedupOutput Output,
    string? Html,
    EmbeddingSourceSettings Source);
