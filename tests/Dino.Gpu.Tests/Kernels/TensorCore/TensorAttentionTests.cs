using System.Buffers.Binary;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Ops.TensorCore;
using Dino.Gpu.Tests.Cuda;
using Dino.Gpu.Tests.Support;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Kernels.TensorCore;

/// <summary>
/// The attention's PTX, as ILGPU compiles it, run on the host for every lane against double precision.
/// </summary>
public sealed class TensorAttentionTests
{
    /// <summary>
    /// The model's 197 tokens, a full tile, one short of and one past a tile or a step, and a single token; every size
    /// of a head, those whose rows fill a tile's and those that do not.
    /// </summary>
    [Theory]
    [InlineData(typeof(BFloat16Format), typeof(Head64), 197, 197)]
    [InlineData(typeof(Float16Format), typeof(Head64), 197, 197)]
    [InlineData(typeof(TensorFloat32Format), typeof(Head64), 197, 197)]
    [InlineData(typeof(Float16Format), typeof(Head64), 197, 1)]
    [InlineData(typeof(TensorFloat32Format), typeof(Head64), 197, 1)]
    [InlineData(typeof(Float16Format), typeof(Head64), 64, 64)]
    [InlineData(typeof(Float16Format), typeof(Head64), 63, 63)]
    [InlineData(typeof(BFloat16Format), typeof(Head64), 65, 65)]
    [InlineData(typeof(Float16Format), typeof(Head64), 97, 97)]
    [InlineData(typeof(Float16Format), typeof(Head64), 1, 1)]
    [InlineData(typeof(TensorFloat32Format), typeof(Head64), 32, 32)]
    [InlineData(typeof(TensorFloat32Format), typeof(Head64), 33, 33)]
    [InlineData(typeof(TensorFloat32Format), typeof(Head64), 1, 1)]
    [InlineData(typeof(TensorFloat32Format), typeof(Head16), 65, 65)]
    [InlineData(typeof(TensorFloat32Format), typeof(Head32), 65, 65)]
    [InlineData(typeof(TensorFloat32Format), typeof(Head48), 65, 65)]
    [InlineData(typeof(Float16Format), typeof(Head16), 65, 65)]
    [InlineData(typeof(BFloat16Format), typeof(Head32), 65, 65)]
    [InlineData(typeof(Float16Format), typeof(Head48), 65, 65)]
    [InlineData(typeof(BFloat16Format), typeof(Head80), 65, 65)]
    [InlineData(typeof(Float16Format), typeof(Head96), 65, 65)]
    [InlineData(typeof(BFloat16Format), typeof(Head112), 65, 65)]
    [InlineData(typeof(BFloat16Format), typeof(Head128), 65, 65)]
    [InlineData(typeof(Float16Format), typeof(Head128), 197, 197)]
    [InlineData(typeof(Float16Format), typeof(Head128), 31, 1)]
    public void Attention_is_that_of_double_precision(Type format, Type head, int tokens, int queries)
    {
        const int Images = 2;
        const int Heads = 2;
        int headSize = (int)head.GetProperty(nameof(IHeadSize.Size))!.GetValue(null)!;
        int hidden = Heads * headSize;
        int size = format == typeof(TensorFloat32Format) ? 4 : 2;
        var random = new Random(tokens);
        uint[] bits = [.. Enumerable.Range(0, Images * tokens * 3 * hidden).Select(_ => Encode(random.NextSingle() * 4 - 2, format))];
        float[] values = Array.ConvertAll(bits, value => Decode(value, format));
        int contextStart = (size * bits.Length + 255) / 256 * 256;
        byte[] global = new byte[contextStart + size * Images * tokens * hidden];
        Array.Fill(global, (byte)0xff);
        for (int i = 0; i < bits.Length; i++)
        {
            if (size == 2)
                BinaryPrimitives.WriteUInt16LittleEndian(global.AsSpan(2 * i), (ushort)bits[i]);
            else
                BinaryPrimitives.WriteUInt32LittleEndian(global.AsSpan(4 * i), bits[i]);
        }

        var program = new PtxProgram(
            GpuKernels.Compile(typeof(Attention).GetMethod(nameof(Attention.Kernel))!.MakeGenericMethod(format, head)));
        Assert.Equal([8, 16, 8], program.ParameterSizes);
        using var machine = new PtxMachine(program, global);
        machine.SetAddress(0, 0);
        int[] shape = [tokens, queries, Heads, BitConverter.SingleToInt32Bits((float)(Math.Log2(Math.E) / Math.Sqrt(headSize)))];
        for (int i = 0; i < shape.Length; i++)
            machine.Set(1, 4 * i, shape[i]);
        machine.SetAddress(2, contextStart);
        machine.Run(((queries + Attention.TileRows - 1) / Attention.TileRows, Heads, Images), (Attention.Threads, 1, 1));
        machine.Read(global);
        for (int image = 0; image < Images; image++)
        {
            double[] expected = Reference.Attention(
                [.. values.AsSpan(image * tokens * 3 * hidden, tokens * 3 * hidden)], tokens, Heads, headSize);
            int start = contextStart + size * image * tokens * hidden;
            float[] context = [.. Enumerable.Range(0, queries * hidden).Select(i => Decode(
                size == 2 ? BitConverter.ToUInt16(global, start + 2 * i) : BitConverter.ToUInt32(global, start + 4 * i), format))];
            // Weights and outputs are rounded to the format; values are below 2.
            Tolerance.AssertClose(
                $"{format.Name}, heads of {headSize}, {tokens} tokens", expected.AsSpan(0, queries * hidden), context,
                format == typeof(BFloat16Format) ? 2.0 / 128 : 2.0 / 1024, hidden);
            Assert.True(
                global.AsSpan(
                    start + size * queries * hidden,
                    size * (tokens - queries) * hidden).IndexOfAnyExcept((byte)0xff) < 0, "a query that was not asked for");
        }
    }

    /// <summary>
    /// A warp's loads of 32-bit values are single words, which the bank check of ldmatrix does not see.
    /// </summary>
    [Theory]
    [InlineData(128)]
    [InlineData(256)]
    public void Values_of_32_bits_lie_on_different_banks(int pitch)
    {
        for (int fragment = 0; fragment < pitch / 32; fragment++)
        {
            for (int odd = 0; odd < 2; odd++)
                Assert.Equal(
                    32,
                    Enumerable.Range(0, 32).Select(
                        lane => Attention.ValueFragment32(lane, fragment, odd, pitch) / 4 % 32).Distinct().Count());
        }
    }

    /// <summary>
    /// Multiples of 16 of at most 256 bytes; others, and requests for attention maps, are left to float32.
    /// </summary>
    [Theory]
    [InlineData(384, 6, true, true)]
    [InlineData(384, 3, true, false)]
    [InlineData(384, 8, true, true)]
    [InlineData(384, 16, false, false)]
    [InlineData(384, 2, false, false)]
    public void Tensor_cores_take_heads_of_these_sizes(int hidden, int heads, bool half, bool tensorFloat)
    {
        VitShape shape = new(
            new()
            {
                HiddenSize = hidden,
                HeadCount = heads,
                MlpSize = 32,
                PatchSize = 16,
                LayerCount = 1,
                TrainedGrid = 2,
                LayerNormEpsilon = 1e-6
            }, 32, 32);
        ForwardRequest request = default;
        Assert.Equal(!half, TensorCoreOps<BFloat16Format>.UsesFloatAttention(shape, request));
        Assert.Equal(!half, TensorCoreOps<Float16Format>.UsesFloatAttention(shape, request));
        Assert.Equal(!tensorFloat, TensorCoreOps<TensorFloat32Format>.UsesFloatAttention(shape, request));
    }

    private static uint Encode(float value, Type format) =>
        format == typeof(BFloat16Format) ? BFloat16Format.Round(value)
        : format == typeof(Float16Format) ? Float16Format.Round(value)
        : TensorFloat32Format.Round(value);

    private static float Decode(uint bits, Type format) =>
        format == typeof(BFloat16Format) ? BitConverter.UInt32BitsToSingle(bits << 16)
        : format == typeof(Float16Format) ? (float)BitConverter.UInt16BitsToHalf((ushort)bits)
        : BitConverter.UInt32BitsToSingle(bits);
}
