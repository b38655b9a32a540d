namespace Dino.Gpu.Search;

/// <summary>Vectors with consecutive numbers, read a few at a time. Any number of threads may read at once.</summary>
/// <param name="count">Vectors.</param>
internal abstract class VectorBlock(int count)
{
    /// <summary>The number of vectors.</summary>
    public int Count => count;

    /// <summary>Reads some vectors as float32.</summary>
    /// <param name="first">The first of them, counted from 0.</param>
    /// <param name="destination">(vectors, dimension), filled.</param>
    /// <exception cref="IOException">The file cannot be read, or ends too early.</exception>
    public abstract void Read(int first, Span<float> destination);
}
