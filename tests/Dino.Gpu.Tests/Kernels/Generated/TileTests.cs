using System.Runtime.InteropServices;
using Dino.Gpu.Devices;
using Dino.Gpu.Kernels.Generated;
using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Generated;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Kernels.Generated;

/// <summary>Products in a reduced precision against plain loops in double precision over what the tiles read.</summary>
public sealed unsafe class TileTests
{
    public static TheoryData<int, int, int> Shapes => new()
    {
        { 1, 32, 384 }, { 7, 384, 384 }, { 14, 64, 768 }, { 15, 33, 100 }, { 29, 384, 1536 }, { 197, 384, 384 }, { 385, 7, 1 },
        { 3, 800, 900 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Products_of_bfloat16_equal_their_twin(int rows, int outputs, int inputs) =>
        Check(TileKind.BFloat16, amx: false, rows, outputs, inputs);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Products_of_bytes_equal_their_twin(int rows, int outputs, int inputs) =>
        Check(TileKind.Int8, amx: false, rows, outputs, inputs);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Products_of_bfloat16_on_AMX_equal_their_twin(int rows, int outputs, int inputs) =>
        Check(TileKind.BFloat16, amx: true, rows, outputs, inputs);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Products_of_bytes_on_AMX_are_those_of_vectors_to_the_last_bit(int rows, int outputs, int inputs)
    {
        Check(TileKind.Int8, amx: true, rows, outputs, inputs);
        using var tiles = new Product(TileKind.Int8, true, rows, outputs, inputs, new Random(rows));
        using var vectors = new Product(TileKind.Int8, false, rows, outputs, inputs, new Random(rows));
        Assert.Equal(vectors.Run(accumulate: true), tiles.Run(accumulate: true));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Products_of_bytes_by_the_runtime_are_those_of_our_code_to_the_last_bit(int rows, int outputs, int inputs)
    {
        SimdModel.Require(TileKind.Int8);
        Assert.SkipUnless(EmittedTiles.AreThere, $".NET {Environment.Version} has no AvxVnni.V512; .NET 11 has");
        foreach (int firstGroup in inputs > ReducedWeights.OutlierGroup ? [0, ReducedWeights.OutlierGroup] : new[] { 0 })
        {
            using var emitted = new Product(TileKind.Int8, false, rows, outputs, inputs, new Random(rows), firstGroup, emitted: true);
            using var ours = new Product(TileKind.Int8, false, rows, outputs, inputs, new Random(rows), firstGroup, emitted: false);
            foreach (bool accumulate in new[] { false, true })
                Assert.Equal(ours.Run(accumulate), emitted.Run(accumulate));
            Assert.Equal(ours.Run(accumulate: false), emitted.Run(accumulate: false, pieces: 3));
        }
    }

    /// <summary>Where the runtime compiles the tiles of bytes, nobody asks for executable memory for them.</summary>
    [Fact]
    public void Bytes_need_no_executable_memory_where_the_runtime_has_the_instruction()
    {
        SimdModel.Require(TileKind.Int8);
        using var bytes = new TileSet(TileKind.Int8, amx: false);
        using var bfloat16 = new TileSet(TileKind.BFloat16, amx: false);
        using var ours = new TileSet(TileKind.Int8, amx: false, [ExecutableMemory.WithMemoryFile, ExecutableMemory.WithProtection]);
        Assert.Equal(EmittedTiles.AreThere, bytes.IsEmitted);
        Assert.Equal(Environment.Version.Major >= 11, EmittedTiles.AreThere);
        Assert.False(bfloat16.IsEmitted);
        Assert.False(ours.IsEmitted);
        bytes.RunPeak(rounds: 10);
    }

    /// <summary>The first 64 inputs have scales of their own, as in Fc2.</summary>
    [Theory]
    [InlineData(15, 33, 100)]
    [InlineData(29, 64, 1536)]
    [InlineData(43, 64, 900)]
    [InlineData(2, 40, 64)]
    [InlineData(7, 32, 65)]
    public void Products_with_a_group_of_outliers_equal_their_twin(int rows, int outputs, int inputs)
    {
        foreach (bool amx in new[] { false, true })
        {
            if (!amx || CpuFeatures.Amx)
                Check(TileKind.Int8, amx, rows, outputs, inputs, ReducedWeights.OutlierGroup);
        }

        if (!CpuFeatures.Amx)
            return;
        using var tiles = new Product(TileKind.Int8, true, rows, outputs, inputs, new Random(rows), ReducedWeights.OutlierGroup);
        using var vectors = new Product(TileKind.Int8, false, rows, outputs, inputs, new Random(rows), ReducedWeights.OutlierGroup);
        Assert.Equal(vectors.Run(accumulate: true), tiles.Run(accumulate: true));
    }

    [Fact]
    public void Rounding_to_bfloat16_is_to_nearest_even_and_keeps_nan()
    {
        SimdModel.Require(TileKind.BFloat16);
        float[] values =
        [
            1f, 1.00390625f, 1.01171875f, -1.00390625f, 3.1415927f, 0f, -0f, float.PositiveInfinity, float.NegativeInfinity, float.NaN,
            BitConverter.UInt32BitsToSingle(0x7FFFFFFF), BitConverter.UInt32BitsToSingle(0xFF800001), 1e-40f, 3.4e38f, 65504f, -7.75f,
            0.1f,
        ];
        var rounded = new ushort[64];
        fixed (float* x = Padded(values))
        fixed (ushort* y = rounded)
            ReducedRows.ToBFloat16(x, values.Length, y);
        ushort[] expected =
        [
            0x3F80, 0x3F80, 0x3F82, 0xBF80, 0x4049, 0, 0x8000, 0x7F80, 0xFF80, 0x7FC0, 0x7FC0, 0x7FC0, 0x0001, 0x7F80, 0x4780, 0xC0F8,
            0x3DCD,
        ];
        Assert.Equal(expected, rounded[..values.Length]);
        Assert.All(rounded[values.Length..], value => Assert.Equal(0, value));
    }

    [Fact]
    public void A_value_that_is_not_finite_reaches_the_results_of_its_row_alone()
    {
        SimdModel.Require(TileKind.Int8);
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            using var product = new Product(TileKind.Int8, false, 3, 32, 40, new Random(1));
            product.A[1][5] = bad;
            float[] c = product.Run(accumulate: false);
            Assert.All(c.AsSpan(0, 32).ToArray(), value => Assert.True(float.IsFinite(value)));
            Assert.All(c.AsSpan(Gemm.BlockSize, 32).ToArray(), value => Assert.True(float.IsNaN(value)));
            Assert.All(c.AsSpan(2 * Gemm.BlockSize, 32).ToArray(), value => Assert.True(float.IsFinite(value)));
        }
    }

    [Fact]
    public void The_scale_of_weights_clips_outliers_where_that_serves_the_others()
    {
        SimdModel.Require(TileKind.Int8);
        var random = new Random(3);
        float[] gaussian = [.. Enumerable.Range(0, 384).Select(_ => (float)Gaussian(random))];
        float whole = gaussian.Max(MathF.Abs) / 127;
        Assert.True(ByteScale.SquaredError(gaussian, ByteScale.Of(gaussian)) <= ByteScale.SquaredError(gaussian, whole));
        Assert.Equal(1f, ByteScale.Of(new float[384]));
        Assert.Equal(0.5f / 127, ByteScale.Of([0.5f, -0.5f, 0.5f]), 1e-9f);
    }

    private static double Gaussian(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private static float[] Padded(float[] values) => [.. values, .. new float[64]];

    private static void Check(TileKind kind, bool amx, int rows, int outputs, int inputs, int firstGroup = 0)
    {
        // The sums are in float32: a few units in the last place of the largest partial sum.
        const double Tolerance = 4e-6;
        SimdModel.Require(kind, amx);
        using var product = new Product(kind, amx, rows, outputs, inputs, new Random(rows * 31 + outputs * 7 + inputs), firstGroup);
        foreach (bool accumulate in new[] { false, true })
        {
            float[] c = product.Run(accumulate);
            for (int row = 0; row < rows; row++)
            {
                for (int output = 0; output < outputs; output++)
                {
                    (double expected, double magnitude) = product.Twin(row, output, accumulate);
                    float actual = c[(output / Gemm.BlockSize * rows + row) * Gemm.BlockSize + output % Gemm.BlockSize];
                    Assert.True(
                        Math.Abs(actual - expected) <= Tolerance * magnitude,
                        $"{kind} ({rows}, {outputs}, {inputs}) at ({row}, {output}): expected {expected}, got {actual}");
                }
            }

            // Rows do not depend on how they are split.
            float[] split = product.Run(accumulate, pieces: 3);
            Assert.Equal(c, split);
        }
    }

    /// <summary>C = A W^T + bias with everything in memory of its own.</summary>
    private sealed class Product : IDisposable
    {
        private readonly TileKind _kind;
        private readonly int _inputs;
        private readonly TileSet _tiles;
        private readonly ReducedWeights _weights;
        private readonly ReducedMatrix _matrix;
        private readonly LinearWeights _linear;
        private readonly float[] _before;
        private readonly byte* _rows;
        private ReducedRows _reduced;

        public Product(
            TileKind kind, bool amx, int rows, int outputs, int inputs, Random random, int firstGroup = 0, bool? emitted = null)
        {
            _kind = kind;
            _inputs = inputs;
            _linear = new LinearWeights(Values(random, outputs * inputs), Values(random, outputs));
            A = [.. Enumerable.Range(0, rows).Select(_ => Values(random, inputs))];
            _before = Values(random, (outputs + Gemm.BlockSize - 1) / Gemm.BlockSize * rows * Gemm.BlockSize);
            _tiles = new TileSet(kind, amx, emitted: emitted);
            _weights = new ReducedWeights(_linear, kind, _tiles.Tiles.StepUnit, firstGroup);
            _matrix = *_weights.Matrices;
            int blocks = (inputs + Gemm.BlockSize - 1) / Gemm.BlockSize;
            _rows = (byte*)NativeMemory.AlignedAlloc((nuint)(ReducedRows.Size(kind, blocks, rows) + 32 * 768), 64);
            _reduced = new ReducedRows(kind, _rows, blocks, rows);
        }

        public float[][] A { get; }

        public float[] Run(bool accumulate, int pieces = 1)
        {
            for (int row = 0; row < A.Length; row++)
            {
                for (int first = 0; first < _inputs; first += Gemm.BlockSize)
                {
                    fixed (float* x = Padded(A[row][first..]))
                        _reduced.Write(first / Gemm.BlockSize, row, x, Math.Min(Gemm.BlockSize, _inputs - first));
                }
            }

            float[] c = [.. _before];
            fixed (float* start = c, bias = (float[])[.. _linear.Bias, .. new float[Gemm.BlockSize]], zeros = new float[Gemm.BlockSize])
            fixed (float* sums = new float[32 * 32])
            {
                for (int piece = 0; piece < pieces; piece++)
                {
                    ReducedGemm.Multiply(
                        _tiles.Tiles, _reduced, _matrix, bias, zeros, (byte*)sums, start, (nint)A.Length * Gemm.BlockSize,
                        A.Length * piece / pieces, A.Length * (piece + 1) / pieces, 0, _matrix.PanelCount, accumulate);
                }
            }

            return c;
        }

        /// <summary>The exact result from what the tile reads, and the sum of magnitudes that its rounding is measured by.</summary>
        public (double Value, double Magnitude) Twin(int row, int output, bool accumulate)
        {
            double sum = _linear.Bias[output], magnitude = Math.Abs(sum);
            for (int k = 0; k < _inputs; k++)
            {
                int block = k / Gemm.BlockSize, column = k % Gemm.BlockSize;
                double a, w;
                byte* panel = _matrix.Start(output / 32, block) + 4 * (output % 32);
                if (_kind == TileKind.BFloat16)
                {
                    a = BFloat16(((ushort*)_reduced.Values(block, row))[column]);
                    w = BFloat16(*(ushort*)(panel + column / 2 * 128 + column % 2 * 2));
                    Assert.True(Math.Abs(a - A[row][k]) <= Math.Abs(A[row][k]) / 256);
                    Assert.True(Math.Abs(w - _linear.Weight[output * _inputs + k]) <= Math.Abs(_linear.Weight[output * _inputs + k]) / 256);
                }
                else
                {
                    float scale = *_reduced.Scale(block, row);
                    a = scale * (double)(_reduced.Values(block, row)[column] - *_reduced.Zero(block, row));
                    w = _matrix.ByteWeight(output, k);
                    Assert.True(Math.Abs(a - A[row][k]) <= 1.01 * scale, "a quantized value is within a step");
                }

                sum += a * w;
                magnitude += Math.Abs(a * w);
                if (_kind == TileKind.Int8)
                    magnitude += 255 * *_reduced.Scale(block, row) * Math.Abs(w); // what the zero point adds and takes away
            }

            if (accumulate)
                sum += _before[(output / Gemm.BlockSize * A.Length + row) * Gemm.BlockSize + output % Gemm.BlockSize];
            return (sum, magnitude + 1);
        }

        public void Dispose()
        {
            _tiles.Dispose();
            _weights.Dispose();
            NativeMemory.AlignedFree(_rows);
        }

        private static double BFloat16(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

        private static float[] Values(Random random, int count) =>
            [.. Enumerable.Range(0, count).Select(_ => (float)Gaussian(random))];
    }
}
