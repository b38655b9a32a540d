using Dino.Gpu.Kernels.Portable;
using Dino.Gpu.Ops.Portable;
using Dino.Gpu.Tests.Support;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Tests.Kernels.Portable;

public sealed class PortableAttentionTests(TestDevices devices) : PortableKernelTest(devices)
{
    /// <summary>
    /// Head sizes below, at and above a tile's columns; token counts below, at and above a tile's keys.
    /// </summary>
    public static TheoryData<TestDevice, int, int, int, int> Shapes
    {
        get
        {
            var data = new TheoryData<TestDevice, int, int, int, int>();
            foreach (TestDevice kind in Enum.GetValues<TestDevice>())
            {
                foreach ((
                        int images,
                        int tokens,
                        int heads,
                        int headSize) in new[] { (1, 1, 1, 8), (2, 5, 2, 8), (1, 16, 1, 3), (1, 37, 1, 24) })
                    data.Add(kind, images, tokens, heads, headSize);
                if (kind != TestDevice.IlgpuCpu)
                {
                    data.Add(kind, 1, 197, 6, 64);
                    data.Add(kind, 2, 65, 3, 16);
                    data.Add(kind, 1, 385, 1, 8);
                    data.Add(kind, 1, 64, 2, 96);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Context_agrees_with_the_twin(TestDevice device, int images, int tokens, int heads, int headSize)
    {
        PortableKernels kernels = Open(device, out Accelerator accelerator);
        float[] qkv = Random(images * tokens * 3 * heads * headSize, 1, 2);
        float[] actual = Run(kernels, accelerator, qkv, images, tokens, tokens, heads, headSize);
        Tolerance.AssertClose("context", Expected(qkv, images, tokens, heads, headSize), actual, 4e-6, heads * headSize);
    }

    /// <summary>
    /// Head sizes with and without 16-byte rows. Shapes that differ in rows alone give the same bits.
    /// </summary>
    [Theory]
    [InlineData(4, 40)]
    [InlineData(8, 40)]
    [InlineData(16, 40)]
    [InlineData(16, 70)]
    public void Every_tile_shape_agrees_with_the_twin(int side, int headSize)
    {
        PortableKernels kernels = Open(TestDevice.OpenCL, side, out Accelerator accelerator);
        float[] qkv = Random(2 * 75 * 3 * 2 * headSize, 1, 2);
        double[] expected = Expected(qkv, 2, 75, 2, headSize);
        float[]? first = null;
        foreach (PortableAttention attention in kernels.Attentions)
        {
            float[] actual = Run(attention, accelerator, qkv, 2, 75, 75, 2, headSize);
            Tolerance.AssertClose($"context, {attention.TileRows} queries", expected, actual, 4e-6, 2 * headSize);
            Assert.Equal(first ??= actual, actual);
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Class_token_query_has_the_bits_of_the_full_attention(TestDevice device)
    {
        (int images, int tokens, int heads, int headSize) = device == TestDevice.IlgpuCpu ? (2, 19, 2, 8) : (3, 197, 6, 64);
        PortableKernels kernels = Open(device, out Accelerator accelerator);
        int hidden = heads * headSize;
        float[] qkv = Random(images * tokens * 3 * hidden, 1, 2);
        float[] all = Run(kernels, accelerator, qkv, images, tokens, tokens, heads, headSize);
        float[] pruned = Run(kernels, accelerator, qkv, images, tokens, 1, heads, headSize);
        for (int image = 0; image < images; image++)
            Assert.Equal(all.AsSpan(image * tokens * hidden, hidden), pruned.AsSpan(image * tokens * hidden, hidden));
        Assert.True(tokens == 1 || pruned[hidden] == 0, "a row that was not asked for was written");
    }

    /// <summary>
    /// Scores in the hundreds, where the largest comes last: the running sums are corrected from nothing to everything.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Late_maximum_corrects_what_was_summed(TestDevice device)
    {
        int tokens = device == TestDevice.IlgpuCpu ? 40 : 150;
        PortableKernels kernels = Open(device, out Accelerator accelerator);
        float[] qkv = Random(tokens * 3 * 4, 1);
        for (int token = 0; token < tokens; token++)
        {
            for (int i = 0; i < 4; i++)
            {
                qkv[token * 12 + i] = 10;
                qkv[token * 12 + 4 + i] = token / 8f - 10;
            }
        }

        float[] actual = Run(kernels, accelerator, qkv, 1, tokens, tokens, 1, 4);
        Tolerance.AssertClose("context", Expected(qkv, 1, tokens, 1, 4), actual, 4e-6, 4);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Probabilities_agree_with_the_twin(TestDevice device, int images, int tokens, int heads, int headSize)
    {
        PortableKernels kernels = Open(device, out Accelerator accelerator);
        int length = tokens * 3 * heads * headSize;
        float[] qkv = Random(images * length, 1, 2);
        using MemoryBuffer1D<float, Stride1D.Dense> deviceQkv = accelerator.Allocate1D(qkv);
        using MemoryBuffer1D<float, Stride1D.Dense> output = accelerator.Allocate1D<float>(images * heads * tokens * tokens);
        kernels.AttentionProbabilities(deviceQkv.View, new AttentionShape(tokens, tokens, heads, headSize), images, output.View);
        double[] expected = [.. Enumerable.Range(0, images).SelectMany(image =>
            Reference.AttentionProbabilities(Reference.Widen(qkv[(image * length)..((image + 1) * length)]), tokens, heads, headSize))];
        Tolerance.AssertClose("probabilities", expected, output.GetAsArray1D(), 4e-6, tokens);
    }

    private static double[] Expected(float[] qkv, int images, int tokens, int heads, int headSize)
    {
        int length = tokens * 3 * heads * headSize;
        return [.. Enumerable.Range(0, images).SelectMany(image =>
            Reference.Attention(qkv[(image * length)..((image + 1) * length)], tokens, heads, headSize))];
    }

    private static float[] Run(
        PortableKernels kernels, Accelerator accelerator, float[] qkv, int images, int tokens, int queries, int heads, int headSize)
    {
        var shape = new AttentionShape(tokens, queries, heads, headSize);
        return Run(
            TileChoice.Choose(kernels.Attentions, shape, images, accelerator.NumMultiprocessors),
            accelerator,
            qkv,
            images,
            tokens,
            queries,
            heads,
            headSize);
    }

    private static float[] Run(
        PortableAttention attention, Accelerator accelerator, float[] qkv, int images, int tokens, int queries, int heads, int headSize)
    {
        using MemoryBuffer1D<float, Stride1D.Dense> deviceQkv = accelerator.Allocate1D(qkv);
        using MemoryBuffer1D<float, Stride1D.Dense> context = accelerator.Allocate1D(new float[images * tokens * heads * headSize]);
        attention.Launch(deviceQkv.View, new AttentionShape(tokens, queries, heads, headSize), images, context.View);
        return context.GetAsArray1D();
    }
}
