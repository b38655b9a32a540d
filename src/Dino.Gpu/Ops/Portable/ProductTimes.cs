namespace Dino.Gpu.Ops.Portable;

/// <summary>One matrix product, rows by columns summed over the depth, by our kernel and by cuBLAS.</summary>
/// <param name="Name">The layer.</param>
/// <param name="Rows">M</param>
/// <param name="Columns">N</param>
/// <param name="Depth">K</param>
/// <param name="Seconds">Of our product.</param>
/// <param name="CublasSeconds">Of theirs.</param>
internal sealed record ProductTimes(string Name, int Rows, int Columns, int Depth, double Seconds, double CublasSeconds)
{
    /// <summary>Floating-point operations of the product.</summary>
    public double Operations => 2.0 * Rows * Columns * Depth;
}
