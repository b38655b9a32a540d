namespace Dino.Gpu.Search;

/// <summary>Vectors in memory.</summary>
/// <param name="values">(count, dimension) or more; what is used must not change.</param>
/// <param name="count">Vectors.</param>
/// <param name="dimension">Values of a vector.</param>
internal sealed class MemoryVectors(ReadOnlyMemory<float> values, int count, int dimension) : VectorBlock(count)
{
    public override void Read(int first, Span<float> destination) =>
        values.Span.Slice(first * dimension, destination.Length).CopyTo(destination);
}
