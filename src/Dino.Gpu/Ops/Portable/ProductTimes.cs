namespace Dino.Gpu.Ops.Portable;

/// <summary>
/// The times of one matrix product, rows by columns summed over the depth, by our kernel and by cuBLAS.
/// </summary>
/// <param name="Name">The layer.</param>
/// <param name="Rows">M</param>
/// <param name="Columns">N</param>
/// <param name="Depth">K</param>
/// <param name="Seconds">The time of our product.</param>
/// <param name="CublasSeconds">The time of cuBLAS.</param>
internal sealed record ProductTimes(string Name, int Rows, int Columns, int Depth, double Seconds, double CublasSeconds)
{
    /// <summary>Floating-point operations of the product.</summary>
    public double Operations => 2.0 * Rows * Columns * Depth;
}
