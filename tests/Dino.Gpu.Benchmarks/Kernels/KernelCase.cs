using Dino.Gpu.Pipeline;

namespace Dino.Gpu.Benchmarks.Kernels;

/// <summary>One kernel at one shape and register width, with the work it does: the parameter of a benchmark.</summary>
/// <param name="Shape">For the table.</param>
/// <param name="Width">Register width.</param>
/// <param name="Operations">
/// Floating-point operations, two for each multiply-add; 0 where bytes are what counts.
/// </param>
/// <param name="Bytes">Bytes read and written, each once.</param>
/// <param name="Sizes">The kernel's sizes.</param>
public sealed record KernelCase(string Shape, int Width, long Operations, long Bytes, int[] Sizes)
{
    internal SimdWidth SimdWidth => (SimdWidth)Width;

    /// <summary>The widths that this machine has.</summary>
    internal static IEnumerable<int> Widths => new[] { 16, 8, 4 }.Where(width => width <= (int)SimdExecutor.BestWidth);

    public override string ToString() => $"{Shape}, {Width} lanes";
}
