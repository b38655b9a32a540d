using System.Globalization;
using Dino.Gpu.Kernels.Portable;

namespace Dino.Gpu.Tests.Kernels.Portable;

/// <summary>
/// What docs/gpu.md estimates for a pass in float32 on an H200 is computed here, from sizes and the card's data sheet; a
/// page that says otherwise fails.
/// </summary>
public sealed class PortableEstimateTests
{
    private const double Flops = GpuPage.FloatFlops;
    private const int Images = 128;
    private const int Tokens = 197;
    private const int Hidden = 384;
    private const int Heads = 6;
    private const int HeadSize = 64;
    private const int Layers = 12;
    private const int Inputs = 768; // of a patch: 3 x 16 x 16
    private const int Rows = Images * Tokens;
    private const int Patches = Images * (Tokens - 1);

    /// <summary>Multiplications and additions of the scores and of the values that they weigh.</summary>
    private const double AttentionFlops = 4.0 * Images * Heads * Tokens * Tokens * HeadSize;

    private static readonly (string Name, int M, int N, int K, bool Adds)[] Products =
    [
        ("patch embedding", Patches, Hidden, Inputs, true),
        ("qkv", Rows, 3 * Hidden, Hidden, false),
        ("proj", Rows, Hidden, Hidden, true),
        ("fc1 + GELU", Rows, 4 * Hidden, Hidden, false),
        ("fc2", Rows, Hidden, 4 * Hidden, true),
        ("last block, k and v", Rows, 2 * Hidden, Hidden, false),
    ];

    [Fact]
    public void Page_says_what_a_pass_in_float32_needs()
    {
        var lines = new List<string>();
        foreach ((string name, int m, int n, int k, bool adds) in Products)
        {
            double values = (double)m * k + (double)n * k + (adds ? 2.0 : 1.0) * m * n; // the residual stream is read and written
            lines.Add(Row(name, $"{m} x {n} x {k}", 2.0 * m * n * k, 4 * values));
        }

        lines.Add(Row(
            "attention, a layer", $"{Images * Heads} heads x {Tokens} x {Tokens} x {HeadSize}", AttentionFlops, 4.0 * 4 * Rows * Hidden));
        double norm = 4.0 * 2 * Rows * Hidden;
        double unfold = 4.0 * Patches * Inputs + Patches * Inputs; // values of one byte become floats
        double assemble = 4.0 * Rows * Hidden;
        lines.Add(FormattableString.Invariant($"| LayerNorm | {Rows} x {Hidden} | | {norm / 1e6:F0} | | | {Milliseconds(norm):F3} |"));
        lines.Add(string.Create(
            CultureInfo.InvariantCulture,
            $"| unfold, assemble | {Patches} x {Inputs}, {Rows} x {Hidden} | | {unfold / 1e6:F0}, {assemble / 1e6:F0} | | | "
                + $"{Milliseconds(unfold):F3}, {Milliseconds(assemble):F3} |"));
        GpuPage.AssertSays(lines);
    }

    [Fact]
    public void Page_says_what_a_whole_pass_takes_at_least()
    {
        double block = Products[1..5].Sum(Of) + AttentionFlops;
        double pass = Of(Products[0]) + (Layers - 1) * block + Of(Products[5]); // of the last block the class token alone is left
        double seconds = pass / Flops;
        GpuPage.AssertSays(
        [
            FormattableString.Invariant($"A pass is {pass / 1e9:F0} GFLOP"),
            FormattableString.Invariant($"{seconds * 1e3:F1} ms at the card's peak"),
            FormattableString.Invariant($"peak, {Math.Round(Images / seconds / 100) * 100:F0} images a second"),
        ]);

        static double Of((string Name, int M, int N, int K, bool Adds) product) => 2.0 * product.M * product.N * product.K;
    }

    [Fact]
    public void Page_says_what_the_tiles_of_attention_do_beside_it()
    {
        int queries = Whole(4 * Tile128x64.RowQuads * Tile128x64.Side);
        int keys = Whole(4 * Tile128x64.Side);
        int values = Whole(Tile128x64.Depth);
        double done = 2.0 * Images * Heads * HeadSize * queries * (keys + values);
        GpuPage.AssertSays(
        [
            FormattableString.Invariant($"tiles compute {queries} by {keys} scores and weigh {values} values"),
            FormattableString.Invariant($"{done / 1e9:F1} GFLOP ({done / Flops * 1e3:F3} ms)"),
        ]);

        static int Whole(int tile) => (Tokens + tile - 1) / tile * tile;
    }

    private static string Row(string name, string sizes, double flops, double bytes) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {name} | {sizes} | {flops / 1e9:F1} | {bytes / 1e6:F0} | {flops / bytes:F0} "
            + $"| {flops / Flops * 1e3:F3} | {Milliseconds(bytes):F3} |");

    private static double Milliseconds(double bytes) => bytes / GpuPage.BytesPerSecond * 1e3;
}
