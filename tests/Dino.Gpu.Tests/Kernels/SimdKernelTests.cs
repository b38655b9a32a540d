using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Dino.Gpu.Kernels.Simd;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Kernels;

/// <summary>Each kernel of the SIMD family against its double-precision twin, for every register width.</summary>
public sealed unsafe class SimdKernelTests
{
    public static TheoryData<int> Widths => [4, 8, 16];

    [Theory]
    [MemberData(nameof(Widths))]
    public void Exp2_is_accurate_to_float_rounding(int width)
    {
        // From the smallest normal result to 1, which is all that a softmax asks for, and some way past it.
        double worst = 0;
        for (float x = -126f; x < 10f; x += 0.00137f)
        {
            double exact = Math.Pow(2, x);
            worst = Math.Max(worst, Math.Abs(Map(width, x, Function.Exp2) - exact) / exact);
        }

        // Half an ulp for the rounding and as much for the last multiply-add: 2^-23.
        Assert.True(worst < 1.2e-7, $"relative error {worst:E2}");
        Assert.True(Map(width, -1e30f, Function.Exp2) < 1.2e-38f);
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Gelu_is_accurate_to_float_rounding(int width)
    {
        for (float x = -12f; x < 12f; x += 0.00053f)
        {
            double exact = Reference.Gelu(x);
            float actual = Map(width, x, Function.Gelu);
            // x (1/2 + y): the sum is rounded to 6e-8 and the rational function to a little more, and both are
            // multiplied by x.
            double limit = 2.4e-7 * Math.Max(0.05, Math.Abs(x));
            Assert.True(Math.Abs(actual - exact) < limit, $"gelu({x:R}): expected {exact:R}, got {actual:R}");
        }

        Assert.Equal(0f, Map(width, 0f, Function.Gelu));
        Assert.Equal(1000f, Map(width, 1000f, Function.Gelu));
        Assert.Equal(0.0, Map(width, -1000f, Function.Gelu), 1e-4);
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Silu_is_accurate_to_float_rounding(int width)
    {
        for (float x = -20f; x < 20f; x += 0.00071f)
        {
            double exact = Reference.Silu(x);
            float actual = Map(width, x, Function.Silu);
            // The power's argument is rounded at up to 29, the power itself to 8e-8.
            double limit = 1.2e-6 * Math.Abs(exact) + 1e-30;
            Assert.True(Math.Abs(actual - exact) < limit, $"silu({x:R}): expected {exact:R}, got {actual:R}");
        }

        Assert.Equal(0f, Map(width, 0f, Function.Silu));
        Assert.Equal(1000f, Map(width, 1000f, Function.Silu));
        Assert.Equal(0.0, Map(width, -1000f, Function.Silu), 1e-30);
    }

    [Theory]
    [CombinatorialShapes]
    public void Gemm_equals_its_twin(int width, int rows, int outputs, int inputs)
    {
        SimdModel.Require((SimdWidth)width);
        var random = new Random(rows * 7919 + outputs * 31 + inputs);
        float[] a = Values(random, rows * inputs);
        float[] w = Values(random, outputs * inputs);
        float[] b = Values(random, outputs);
        float[] residual = Values(random, rows * outputs);
        double[] expected = Reference.Linear(a, w, b, rows, inputs, outputs);
        // A rounding of the running sum for every product; without fused instructions (only four lanes run so) one of
        // the product as well.
        bool fused = Fma.IsSupported || AdvSimd.IsSupported;
        double limit = inputs * (fused ? 6e-8 : 1.2e-7) + 1e-6;

        string shape = $"({rows} x {inputs}) by ({inputs} x {outputs}), {width} lanes";
        Tolerance.AssertClose(
            $"bias, {shape}", expected, Product(width, a, w, b, null, rows, inputs, outputs, gelu: false), limit, outputs);
        Tolerance.AssertClose(
            $"bias and GELU, {shape}",
            Array.ConvertAll(expected, Reference.Gelu),
            Product(width, a, w, b, null, rows, inputs, outputs, gelu: true),
            1.2 * limit,
            outputs);
        double[] added = [.. expected.Zip(residual, (x, y) => x + y)];
        Tolerance.AssertClose(
            $"bias and residual, {shape}", added, Product(width, a, w, b, residual, rows, inputs, outputs, gelu: false), limit, outputs);
    }

    [Theory]
    [CombinatorialShapes]
    public void Gemm_of_small_integers_is_exact(int width, int rows, int outputs, int inputs)
    {
        SimdModel.Require((SimdWidth)width);
        var random = new Random(rows + outputs + inputs);
        float[] a = Integers(random, rows * inputs);
        float[] w = Integers(random, outputs * inputs);
        float[] b = Integers(random, outputs);
        double[] expected = Reference.Linear(a, w, b, rows, inputs, outputs);
        Assert.Equal(expected, Array.ConvertAll(Product(width, a, w, b, null, rows, inputs, outputs, gelu: false), value => (double)value));
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void LayerNorm_equals_its_twin(int width)
    {
        SimdModel.Require((SimdWidth)width);
        foreach (int columns in new[] { 1, 7, 16, 48, 128, 197, 384, 385, 768 })
        {
            foreach (float offset in new[] { 0f, 100f })
            {
                var random = new Random(columns);
                // A mean far from zero is what E[x^2] - E[x]^2 fails on.
                float[] x = [.. Values(random, columns).Select(value => value + offset)];
                float[] weight = Values(random, columns);
                float[] bias = Values(random, columns);
                double[] expected = Reference.LayerNorm(x, weight, bias, 1e-12, 1, columns);
                float[] actual = Normalise(width, x, weight, bias, 1e-12f);
                // One value alone is its own mean: what is left is its rounding, and eps decides what becomes of it.
                double limit = columns == 1 ? 1e-6 : offset == 0 ? 3e-6 : 1e-4;
                Tolerance.AssertClose($"LayerNorm of {columns} columns around {offset}", expected, actual, limit);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Attention_equals_its_twin(int width)
    {
        SimdModel.Require((SimdWidth)width);
        foreach ((int tokens, int headSize) in new[] { (1, 64), (2, 8), (7, 16), (17, 64), (197, 64), (385, 64), (801, 24) })
        {
            var random = new Random(tokens);
            float[] qkv = [.. Values(random, tokens * 3 * headSize).Select(value => 2 * value)];
            double[] probabilities = Reference.AttentionProbabilities(Reference.Widen(qkv), tokens, 1, headSize);
            double[] expected = Reference.Attention(Reference.Widen(qkv), probabilities, tokens, 1, headSize);
            (float[] context, float[] actual) = Attend(width, qkv, tokens, headSize);
            Tolerance.AssertClose($"attention of {tokens} tokens, head size {headSize}", expected, context, 5e-6, headSize);
            Tolerance.AssertClose($"probabilities of {tokens} tokens, head size {headSize}", probabilities, actual, 2e-6, tokens);
            for (int row = 0; row < tokens; row++)
                Assert.Equal(1.0, actual.AsSpan(row * tokens, tokens).ToArray().Sum(value => (double)value), 1e-5);
        }
    }

    private enum Function
    {
        Exp2,
        Gelu,
        Silu,
    }

    private static float[] Values(Random random, int count)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (float)(random.NextDouble() * 2 - 1);
        return values;
    }

    /// <summary>
    /// -8 to 8: sums of 1536 products stay far below 2^24, so every order of summation gives the same.
    /// </summary>
    private static float[] Integers(Random random, int count)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = random.Next(-8, 9);
        return values;
    }

    private static float Map(int width, float x, Function function)
    {
        SimdModel.Require((SimdWidth)width);
        return width switch
        {
            16 => Map<Float16>(x, function),
            8 => Map<Float8>(x, function),
            _ => Map<Float4>(x, function),
        };
    }

    private static float Map<TVector>(float x, Function function)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        // A tile of one row, as the kernels call it.
        float* lanes = stackalloc float[2 * TVector.Count];
        TVector y = TVector.Create(x);
        TVector.Store(y, lanes);
        TVector.Store(y, lanes + TVector.Count);
        if (function == Function.Exp2)
            TVector.Store(VectorMath.Exp2(y), lanes + TVector.Count);
        else if (function == Function.Silu)
            TVector.Store(VectorMath.Silu(y), lanes + TVector.Count);
        else
            Gelu.Apply<TVector>(lanes, 1, 2 * TVector.Count);
        return lanes[2 * TVector.Count - 1];
    }

    private static float[] Product(
        int width, float[] a, float[] w, float[] b, float[]? residual, int rows, int inputs, int outputs, bool gelu) => width switch
        {
            16 => Product<Float16>(a, w, b, residual, rows, inputs, outputs, gelu),
            8 => Product<Float8>(a, w, b, residual, rows, inputs, outputs, gelu),
            _ => Product<Float4>(a, w, b, residual, rows, inputs, outputs, gelu),
        };

    /// <summary>
    /// One section: at most 384 inputs are one block of A, further ones accumulate, as the ops do it.
    /// </summary>
    private static float[] Product<TVector>(
        float[] a, float[] w, float[] b, float[]? residual, int rows, int inputs, int outputs, bool gelu)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        int width = 2 * TVector.Count;
        int panels = (outputs + width - 1) / width;
        var result = new float[rows * outputs];
        using var aBlock = new Memory(rows * Gemm.BlockSize);
        using var cBlock = new Memory(rows * Gemm.BlockSize);
        for (int first = 0; first < outputs; first += Gemm.BlockSize)
        {
            int columns = Math.Min(Gemm.BlockSize, outputs - first);
            int blockPanels = (columns + width - 1) / width;
            for (int row = 0; row < rows && residual != null; row++)
                residual.AsSpan(row * outputs + first, columns).CopyTo(new Span<float>(cBlock.Pointer + row * Gemm.BlockSize, columns));
            for (int input = 0; input < inputs; input += Gemm.BlockSize)
            {
                int k = Math.Min(Gemm.BlockSize, inputs - input);
                for (int row = 0; row < rows; row++)
                    a.AsSpan(row * inputs + input, k).CopyTo(new Span<float>(aBlock.Pointer + row * Gemm.BlockSize, k));
                using var packed = new Memory(blockPanels * width * k);
                using var bias = new Memory(blockPanels * width);
                for (int column = 0; column < columns; column++)
                {
                    bias.Pointer[column] = b[first + column];
                    for (int i = 0; i < k; i++)
                        packed.Pointer[(column / width * k + i) * width + column % width] = w[(first + column) * inputs + input + i];
                }

                Gemm.Multiply<TVector>(
                    aBlock.Pointer, packed.Pointer, input == 0 ? bias.Pointer : null, cBlock.Pointer, rows, k, blockPanels,
                    residual != null || input > 0, gelu && input + k == inputs);
            }

            for (int row = 0; row < rows; row++)
                new ReadOnlySpan<float>(cBlock.Pointer + row * Gemm.BlockSize, columns).CopyTo(result.AsSpan(row * outputs + first));
        }

        return result;
    }

    private static float[] Normalise(int width, float[] x, float[] weight, float[] bias, float epsilon)
    {
        int blocks = (x.Length + Gemm.BlockSize - 1) / Gemm.BlockSize;
        using var input = new Memory(blocks * Gemm.BlockSize, x);
        using var scale = new Memory(blocks * Gemm.BlockSize, weight);
        using var shift = new Memory(blocks * Gemm.BlockSize, bias);
        using var output = new Memory(blocks * Gemm.BlockSize);
        switch (width)
        {
            case 16:
                LayerNorm.Row<Float16>(
                input.Pointer, Gemm.BlockSize, scale.Pointer, shift.Pointer, output.Pointer, Gemm.BlockSize, x.Length, epsilon); break;
            case 8:
                LayerNorm.Row<Float8>(
                input.Pointer, Gemm.BlockSize, scale.Pointer, shift.Pointer, output.Pointer, Gemm.BlockSize, x.Length, epsilon); break;
            default:
                LayerNorm.Row<Float4>(
                input.Pointer, Gemm.BlockSize, scale.Pointer, shift.Pointer, output.Pointer, Gemm.BlockSize, x.Length, epsilon); break;
        }

        return new ReadOnlySpan<float>(output.Pointer, x.Length).ToArray();
    }

    private static (float[] Context, float[] Probabilities) Attend(int width, float[] qkv, int tokens, int headSize) => width switch
    {
        16 => Attend<Float16>(qkv, tokens, headSize),
        8 => Attend<Float8>(qkv, tokens, headSize),
        _ => Attend<Float4>(qkv, tokens, headSize),
    };

    private static (float[] Context, float[] Probabilities) Attend<TVector>(float[] qkv, int tokens, int headSize)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        using var parts = new Memory(3 * tokens * Gemm.BlockSize);
        for (int part = 0; part < 3; part++)
        {
            for (int token = 0; token < tokens; token++)
                qkv.AsSpan((token * 3 + part) * headSize, headSize).CopyTo(
                    new Span<float>(parts.Pointer + (part * tokens + token) * Gemm.BlockSize, headSize));
        }

        // Leftovers of another image must not matter.
        long scratchSize = Attention.ScratchSize(tokens, headSize, 2 * TVector.Count, TVector.TileRows);
        using var scratch = new Memory((int)scratchSize);
        new Span<float>(scratch.Pointer, (int)scratchSize).Fill(float.NaN);
        using var context = new Memory(tokens * headSize);
        using var probabilities = new Memory(tokens * tokens);
        float* query = parts.Pointer;
        float* key = query + tokens * Gemm.BlockSize;
        float* value = key + tokens * Gemm.BlockSize;
        Attention.Head<TVector>(query, key, value, context.Pointer, headSize, 0, tokens, tokens, headSize, scratch.Pointer);
        Attention.Probabilities<TVector>(query, key, probabilities.Pointer, 0, tokens, tokens, headSize, scratch.Pointer);
        return (
            new ReadOnlySpan<float>(context.Pointer, tokens * headSize).ToArray(),
            new ReadOnlySpan<float>(probabilities.Pointer, tokens * tokens).ToArray());
    }

    /// <summary>Model shapes, one, primes, block edges, and M below and above K, for every width.</summary>
    private sealed class CombinatorialShapesAttribute : Xunit.v3.DataAttribute
    {
        private static readonly (int Rows, int Outputs, int Inputs)[] Shapes =
        [
            (1, 1, 1), (1, 384, 384), (7, 7, 7), (13, 33, 385), (14, 385, 48), (15, 64, 197),
                (197, 384, 384), (197, 197, 64), (197, 64, 768),
            (197, 768, 384), (385, 385, 7), (29, 96, 1536),
        ];

        public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(
            System.Reflection.MethodInfo testMethod, Xunit.Sdk.DisposalTracker disposalTracker) =>
            new(
                [
                    .. from width in new[] { 4, 8, 16 } from shape in Shapes select new TheoryDataRow<int, int, int,
                    int>(width, shape.Rows, shape.Outputs, shape.Inputs)
                ]);

        public override bool SupportsDiscoveryEnumeration() => true;
    }

    /// <summary>Unmanaged floats on a cache line, with the slack that loads past the end may touch.</summary>
    private sealed class Memory : IDisposable
    {
        public Memory(int count, float[]? values = null)
        {
            Pointer = (float*)NativeMemory.AlignedAlloc((nuint)(count + 1024) * sizeof(float), 64);
            var span = new Span<float>(Pointer, count + 1024);
            span.Clear();
            values?.CopyTo(span);
        }

        public float* Pointer { get; }

        public void Dispose() => NativeMemory.AlignedFree(Pointer);
    }
}
