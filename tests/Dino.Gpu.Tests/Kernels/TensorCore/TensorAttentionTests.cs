using System.Buffers.Binary;
using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Kernels.TensorCore;

/// <summary>The attention's PTX, as ILGPU compiles it, run on the host for every lane against double precision.</summary>
public sealed class TensorAttentionTests
{
    private const int HeadSize = 64;

    /// <summary>The model's 197 tokens, a full tile, one short of and one past a tile, and a single token.</summary>
    [Theory]
    [InlineData(typeof(BFloat16Format), 197, 197)]
    [InlineData(typeof(Float16Format), 197, 197)]
    [InlineData(typeof(Float16Format), 197, 1)]
    [InlineData(typeof(Float16Format), 64, 64)]
    [InlineData(typeof(Float16Format), 63, 63)]
    [InlineData(typeof(BFloat16Format), 65, 65)]
    [InlineData(typeof(Float16Format), 1, 1)]
    public void Attention_IsThatOfDoublePrecision(Type format, int tokens, int queries)
    {
        const int Images = 2;
        const int Heads = 2;
        const int Hidden = Heads * HeadSize;
        bool brain = format == typeof(BFloat16Format);
        var random = new Random(tokens);
        ushort[] bits = [.. Enumerable.Range(0, Images * tokens * 3 * Hidden).Select(_ => (ushort)Encode(random.NextSingle() * 4 - 2, brain))];
        float[] values = Array.ConvertAll(bits, value => Decode(value, brain));
        int contextStart = (2 * bits.Length + 255) / 256 * 256;
        byte[] global = new byte[contextStart + 2 * Images * tokens * Hidden];
        Array.Fill(global, (byte)0xff);
        Buffer.BlockCopy(bits, 0, global, 0, 2 * bits.Length);

        var program = new PtxProgram(TensorPtx.Compile(typeof(Attention).GetMethod(nameof(Attention.Kernel))!.MakeGenericMethod(format)));
        Assert.Equal([8, 12, 8], program.ParameterSizes);
        byte[] parameters = new byte[28];
        int[] shape = [tokens, queries, Heads];
        for (int i = 0; i < shape.Length; i++)
            BinaryPrimitives.WriteInt32LittleEndian(parameters.AsSpan(8 + 4 * i), shape[i]);
        BinaryPrimitives.WriteInt64LittleEndian(parameters.AsSpan(20), contextStart);
        var machine = new PtxMachine(program, parameters, global, Attention.Threads);
        for (int image = 0; image < Images; image++)
        {
            for (int head = 0; head < Heads; head++)
            {
                for (int tile = 0; tile < (queries + Attention.TileRows - 1) / Attention.TileRows; tile++)
                    machine.Run(tile, head, image);
            }

            double[] expected = Reference.Attention([.. values.AsSpan(image * tokens * 3 * Hidden, tokens * 3 * Hidden)], tokens, Heads, HeadSize);
            ushort[] context = new ushort[tokens * Hidden];
            Buffer.BlockCopy(global, contextStart + 2 * image * tokens * Hidden, context, 0, 2 * context.Length);
            // Weights and outputs are rounded to the format; values are below 2.
            Tolerance.AssertClose(
                $"{format.Name}, {tokens} tokens", expected.AsSpan(0, queries * Hidden), Array.ConvertAll(context[..(queries * Hidden)], value => Decode(value, brain)),
                brain ? 2.0 / 128 : 2.0 / 1024, Hidden);
            Assert.All(context[(queries * Hidden)..], value => Assert.Equal(0xffff, value));
        }
    }

    private static uint Encode(float value, bool brain) => brain ? BFloat16Format.Round(value) : Float16Format.Round(value);

    private static float Decode(ushort bits, bool brain) => brain ? BitConverter.UInt32BitsToSingle((uint)bits << 16) : (float)BitConverter.UInt16BitsToHalf(bits);
}
