using System.Buffers.Binary;
using System.Text.RegularExpressions;
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
        int hidden = Heads * SizeOf(head);
        var random = new Random(tokens);
        uint[] bits = [.. Enumerable.Range(0, Images * tokens * 3 * hidden).Select(_ => Encode(random.NextSingle() * 4 - 2, format))];
        uint[] context = Run(format, head, tokens, queries, Heads, Images, bits);
        for (int image = 0; image < Images; image++)
        {
            // Weights and outputs are rounded to the format; values are below 2.
            Tolerance.AssertClose(
                $"{format.Name}, {head.Name}, {tokens} tokens",
                Expected(format, head, tokens, Heads, bits, image).AsSpan(0, queries * hidden),
                [.. context.AsSpan(image * tokens * hidden, queries * hidden).ToArray().Select(value => Decode(value, format))],
                format == typeof(BFloat16Format) ? 2.0 / 128 : 2.0 / 1024, hidden);
            Assert.True(
                context.AsSpan(image * tokens * hidden + queries * hidden, (tokens - queries) * hidden)
                    .IndexOfAnyExcept(Untouched(format)) < 0, "a query that was not asked for");
        }
    }

    /// <summary>
    /// Steps of 32 keys whose scores rise above the limit of the exponents by a little, by a lot and twice in a row, stay
    /// just below it, fall, or are far from 0 from the start. Only every third query has such scores.
    /// </summary>
    [Theory]
    [InlineData(typeof(BFloat16Format), new[] { 0f, 7, 5, 60, 58, -100, 61 })]
    [InlineData(typeof(Float16Format), new[] { 0f, 5.25f, 5.75f, 11, 17, 23, 29 })]
    [InlineData(typeof(TensorFloat32Format), new[] { 0f, 5.5f, 5.625f, 40, 41, 300, 2 })]
    [InlineData(typeof(BFloat16Format), new[] { -250f, -251, -249, -240, -250, -252, -200 })]
    [InlineData(typeof(Float16Format), new[] { 200f, 190, 60, 0, -60, -200, 201 })]
    public void Rising_scores_are_corrected(Type format, float[] steps)
    {
        const int Tokens = 197;
        uint[] bits = Steps(format, steps);
        uint[] context = Run(format, typeof(Head64), Tokens, Tokens, 1, 1, bits);
        Tolerance.AssertClose(
            $"{format.Name}, {string.Join(' ', steps)}", Expected(format, typeof(Head64), Tokens, 1, bits, 0),
            [.. context.Select(value => Decode(value, format))],
            format == typeof(BFloat16Format) ? 2.0 / 128 : 2.0 / 1024, 64);
    }

    /// <summary>
    /// A warp corrects its outputs if one of its rows needs it. The others must not change, or a token's bytes would
    /// depend on its neighbors'.
    /// </summary>
    [Theory]
    [InlineData(typeof(BFloat16Format))]
    [InlineData(typeof(Float16Format))]
    [InlineData(typeof(TensorFloat32Format))]
    public void Correcting_one_query_leaves_the_others_as_they_are(Type format)
    {
        const int Tokens = 197;
        uint[] bits = Steps(format, [0, 3, 9, 4, 50, 20, 90]);
        uint[] context = Run(format, typeof(Head64), Tokens, Tokens, 1, 1, bits);
        for (int query = 0; query < Tokens; query += 3)
            bits[query * 3 * 64] = 0;
        uint[] level = Run(format, typeof(Head64), Tokens, Tokens, 1, 1, bits);
        for (int query = 0; query < Tokens; query++)
            Assert.Equal(query % 3 != 0, context.AsSpan(query * 64, 64).SequenceEqual(level.AsSpan(query * 64, 64)));
    }

    /// <summary>
    /// A warp corrects in its first step, and later only where a weight would exceed 2^8: steps that rise by 4, or 5.8
    /// powers of 2, correct nothing; one that rises by 9, or 13 powers of 2, corrects once in each of the 13 warps that have
    /// queries, of 16 that run.
    /// </summary>
    [Theory]
    [InlineData(typeof(BFloat16Format), new[] { 0f, 4, 4, 4, -9, 3, 4 }, 16)]
    [InlineData(typeof(Float16Format), new[] { 0f, 4, 9, 4, 13, -50, 8 }, 29)]
    [InlineData(typeof(TensorFloat32Format), new[] { 0f, 9, 18, 17, 27, 20, 31 }, 55)]
    public void Only_what_rises_far_is_corrected(Type format, float[] steps, int corrections)
    {
        int counted = 0;
        Run(format, typeof(Head64), 197, 197, 1, 1, Steps(format, steps), count => counted = count);
        Assert.Equal(corrections, counted);
    }

    /// <summary>
    /// A half warp's loads of two 32-bit values are 128 bytes, which the bank check of ldmatrix does not see.
    /// </summary>
    [Theory]
    [InlineData(128)]
    [InlineData(256)]
    public void Values_of_32_bits_lie_on_different_banks(int pitch)
    {
        for (int piece = 0; piece < pitch / 64; piece++)
        {
            for (int odd = 0; odd < 2; odd++)
            {
                foreach (int half in new[] { 0, 16 })
                    Assert.Equal(
                        16,
                        Enumerable.Range(half, 16).Select(
                            lane => Attention.ValueFragment32(lane, piece, odd, pitch) / 8 % 16).Distinct().Count());
            }
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

    /// <summary>
    /// Queries, keys and values of 197 tokens, one head of 64: random, but for the first column. There every third query
    /// is 8, and the keys of each step of 32 have the same value, which is added to the scores, since 8 / sqrt(64) = 1.
    /// </summary>
    private static uint[] Steps(Type format, float[] steps)
    {
        const int Tokens = 197;
        var random = new Random(7);
        float[] values = [.. Enumerable.Range(0, Tokens * 3 * 64).Select(_ => random.NextSingle() * 2 - 1)];
        for (int token = 0; token < Tokens; token++)
        {
            values[token * 3 * 64] = token % 3 == 0 ? 8 : 0;
            values[token * 3 * 64 + 64] = steps[token / Attention.StepKeys];
        }

        return Array.ConvertAll(values, value => Encode(value, format));
    }

    /// <summary>Runs the kernel on qkv; what it leaves alone stays <see cref="Untouched"/>.</summary>
    /// <param name="format">Of queries, keys, values and results.</param>
    /// <param name="head">The size of a head.</param>
    /// <param name="tokens">Of an image.</param>
    /// <param name="queries">The first of them, whose results are asked for.</param>
    /// <param name="heads">Of a token.</param>
    /// <param name="images">Of the batch.</param>
    /// <param name="qkv">Their bits.</param>
    /// <param name="corrected">Told how many corrections there were, which are then counted by the kernel itself.</param>
    private static uint[] Run(
        Type format, Type head, int tokens, int queries, int heads, int images, uint[] qkv, Action<int>? corrected = null)
    {
        int hidden = heads * SizeOf(head);
        int size = format == typeof(TensorFloat32Format) ? 4 : 2;
        int contextStart = (size * qkv.Length + 255) / 256 * 256;
        int contextBytes = size * images * tokens * hidden;
        byte[] global = new byte[contextStart + contextBytes + sizeof(int)];
        Array.Fill(global, (byte)0xff, 0, contextStart + contextBytes);
        for (int i = 0; i < qkv.Length; i++)
        {
            if (size == 2)
                BinaryPrimitives.WriteUInt16LittleEndian(global.AsSpan(2 * i), (ushort)qkv[i]);
            else
                BinaryPrimitives.WriteUInt32LittleEndian(global.AsSpan(4 * i), qkv[i]);
        }

        string ptx = GpuKernels.Compile(typeof(Attention).GetMethod(nameof(Attention.Kernel))!.MakeGenericMethod(format, head));
        var program = new PtxProgram(corrected is null ? ptx : Counting(ptx, contextBytes));
        Assert.Equal([8, 16, 8], program.ParameterSizes);
        using var machine = new PtxMachine(program, global);
        machine.SetAddress(0, 0);
        int[] shape = [tokens, queries, heads, BitConverter.SingleToInt32Bits((float)(Math.Log2(Math.E) / Math.Sqrt(SizeOf(head))))];
        for (int i = 0; i < shape.Length; i++)
            machine.Set(1, 4 * i, shape[i]);
        machine.SetAddress(2, contextStart);
        machine.Run(((queries + Attention.TileRows - 1) / Attention.TileRows, heads, images), (Attention.Threads, 1, 1));
        machine.Read(global);
        corrected?.Invoke(BitConverter.ToInt32(global, contextStart + contextBytes) / 32);
        return
        [
            .. Enumerable.Range(0, images * tokens * hidden).Select(i => size == 2
                ? BitConverter.ToUInt16(global, contextStart + 2 * i) : BitConverter.ToUInt32(global, contextStart + 4 * i)),
        ];
    }

    /// <summary>The kernel with an atomic sum at the start of a correction, behind the context; every lane adds 1.</summary>
    private static string Counting(string ptx, int offset)
    {
        const string Start = "{ @!inside bra Same;";
        Assert.Contains(Start, ptx, StringComparison.Ordinal);
        string context = Regex.Match(ptx, @"_context_\d+").Value;
        return ptx
            .Replace(".reg .f32 lower;", ".reg .f32 lower; .reg .b64 counter;", StringComparison.Ordinal)
            .Replace(
                Start, $"{Start} ld.param.b64 counter, [{context}]; red.add.global.s32 [counter+{offset}], 1;", StringComparison.Ordinal);
    }

    private static double[] Expected(Type format, Type head, int tokens, int heads, uint[] qkv, int image)
    {
        int length = tokens * 3 * heads * SizeOf(head);
        return Reference.Attention(
            [.. qkv.AsSpan(image * length, length).ToArray().Select(value => Decode(value, format))], tokens, heads, SizeOf(head));
    }

    private static int SizeOf(Type head) => (int)head.GetProperty(nameof(IHeadSize.Size))!.GetValue(null)!;

    private static uint Untouched(Type format) => format == typeof(TensorFloat32Format) ? uint.MaxValue : ushort.MaxValue;

    private static uint Encode(float value, Type format) =>
        format == typeof(BFloat16Format) ? BFloat16Format.Round(value)
        : format == typeof(Float16Format) ? Float16Format.Round(value)
        : TensorFloat32Format.Round(value);

    private static float Decode(uint bits, Type format) =>
        format == typeof(BFloat16Format) ? BitConverter.UInt32BitsToSingle(bits << 16)
        : format == typeof(Float16Format) ? (float)BitConverter.UInt16BitsToHalf((ushort)bits)
        : BitConverter.UInt32BitsToSingle(bits);
}
