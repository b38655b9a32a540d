namespace Dino.Gpu.Search;

/// <summary>The vectors of a block without its first ones.</summary>
/// <param name="all">The block.</param>
/// <param name="skipped">Vectors that are left out.</param>
internal sealed class LaterVectors(VectorBlock all, int skipped) : VectorBlock(all.Count - skipped)
{
    public override void Read(int first, Span<float> destination) => all.Read(skipped + first, destination);
}
