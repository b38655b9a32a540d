namespace Dino.Gpu.Data.Formats;

/// <summary>The pages of a column in a row group.</summary>
/// <param name="Start">Where the first of them begins.</param>
/// <param name="Length">Their bytes.</param>
/// <param name="Values">Their values, missing ones too.</param>
/// <param name="Codec">How they are compressed; 0 if they are not.</param>
internal sealed record ParquetChunk(long Start, long Length, long Values, int Codec)
{
    /// <summary>What the file says it was written by.</summary>
    public string Writer { get; init; } = "";
}
