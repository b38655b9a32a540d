using System.Runtime.CompilerServices;
using Dino.Gpu.Kernels.Simd;

namespace Dino.Gpu.Kernels.Generated;

/// <summary>Products of activations and weights in a reduced precision, tile by tile.</summary>
internal static unsafe class ReducedGemm
{
    /// <summary>Bytes of panels that stay in the second-level cache while all rows pass by.</summary>
    private const long SweepBytes = 384 * 1024;

    /// <summary>
    /// C = A B + bias, or C += A B + bias, for some rows and panels. C has blocks of 384 columns. Groups of inputs are
    /// added in their order, whatever the tile, so the bytes do not depend on how rows and panels are split.
    /// </summary>
    /// <param name="tiles">The kind's tiles.</param>
    /// <param name="a">(rows, inputs)</param>
    /// <param name="b">(outputs, inputs)</param>
    /// <param name="bias">(outputs), padded to whole blocks.</param>
    /// <param name="zeros">384 zeros.</param>
    /// <param name="sums">Room for <see cref="TileArguments.Sums"/>.</param>
    /// <param name="c">Row 0 of the block that holds <paramref name="firstPanel"/>.</param>
    /// <param name="cBlock">Floats from one block of C to the next.</param>
    /// <param name="firstRow">First row of A and C.</param>
    /// <param name="endRow">Row after the last.</param>
    /// <param name="firstPanel">First panel of B.</param>
    /// <param name="endPanel">Panel after the last.</param>
    /// <param name="accumulate">Whether C is added to.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(
        in Tiles tiles, in ReducedRows a, in ReducedMatrix b, float* bias, float* zeros, byte* sums, float* c, nint cBlock, int firstRow,
        int endRow, int firstPanel, int endPanel, bool accumulate)
    {
        int rows = endRow - firstRow;
        if (rows <= 0)
            return;
        int tileCount = tiles.Count(rows);
        int sweep = (int)Math.Max(1, SweepBytes / b.PanelBytes);
        int groups = b.Groups;
        int firstBlock = firstPanel / ReducedMatrix.PanelsPerBlock;
        TileArguments arguments = default;
        arguments.Sums = sums;
        TileSet.Begin(tiles);
        for (int start = firstPanel; start < endPanel; start += sweep)
        {
            int last = Math.Min(endPanel, start + sweep);
            for (int tile = 0; tile < tileCount; tile++)
            {
                int row = firstRow + tiles.Start(rows, tile);
                int count = firstRow + tiles.Start(rows, tile + 1) - row;
                arguments.Rows = count;
                for (int panel = start; panel < last; panel++)
                {
                    int block = panel / ReducedMatrix.PanelsPerBlock;
                    arguments.C = c + (block - firstBlock) * cBlock + (nint)row * Gemm.BlockSize
                        + (panel - block * ReducedMatrix.PanelsPerBlock) * TileGenerator.Width;
                    for (int group = 0; group < groups; group++)
                    {
                        (int input, int first, int inputs) = b.Group(group);
                        int column = group * b.PaddedOutputs + panel * TileGenerator.Width;
                        arguments.A = a.Values(input, row) + first * TileGenerator.ElementSize(b.Kind);
                        arguments.B = b.Start(panel, input) + (nint)(first / TileGenerator.StepLength(b.Kind)) * TileGenerator.StepBytes;
                        arguments.Steps = Tiles.PaddedSteps(inputs, b.Kind, b.StepUnit);
                        arguments.Bias = group == 0 ? bias + panel * TileGenerator.Width : zeros;
                        arguments.Scale = b.Scale + column;
                        arguments.ZeroSum = b.ZeroSum + column;
                        arguments.RowScale = a.Scale(input, row);
                        arguments.RowZero = a.Zero(input, row);
                        TileSet.Call(tiles.Entries[2 * count + (accumulate || group > 0 ? 1 : 0)], &arguments);
                    }
                }
            }
        }

        TileSet.End(tiles);
    }
}
