using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Support;

/// <summary>
/// Checks of a whole forward pass that need no reference data: against the double-precision twin, and against itself.
/// </summary>
internal static class ModelTwin
{
    /// <summary>A model of other sizes, with two layers and positions of 4x4 patches.</summary>
    public static VitConfig TwoLayers(int hidden, int heads, int mlp, int patch) => new()
    {
        HiddenSize = hidden,
        HeadCount = heads,
        MlpSize = mlp,
        PatchSize = patch,
        LayerCount = 2,
        TrainedGrid = 4,
        LayerNormEpsilon = 1e-6,
    };

    /// <summary>
    /// Every output of one random picture equals the double-precision twin's, and the pruned class token equals the
    /// unpruned.
    /// </summary>
    /// <param name="executor">The model on its device.</param>
    /// <param name="weights">The model.</param>
    /// <param name="width">Width of the picture.</param>
    /// <param name="height">Height of the picture.</param>
    /// <param name="scale">Scale of the picture that is the input.</param>
    public static void Check(VitExecutor executor, VitWeights weights, int width, int height, double scale = 1)
    {
        VitShape shape = scale == 1 ? new VitShape(weights.Config, width, height) : VitShape.AtScale(weights.Config, width, height, scale);
        byte[] pixels = RandomPixels(1, width, height);
        float[] positions = weights.Config.PositionKind == PositionKind.Rotary ? [] : PositionTable.Interpolate(
            weights.Positions, weights.Config.TrainedGrid, shape.GridWidth, shape.GridHeight, PositionInterpolation.Size);
        var tables = InputTables.Of(weights, shape, PositionInterpolation.Size);
        ReferenceOutput expected = Reference.Forward(weights, pixels, positions, shape, scale);
        ForwardOutput actual = Run(executor, pixels, tables, shape, new ForwardRequest(1, true, true, (1UL << shape.LayerCount) - 1));
        string name = $"hidden {shape.HiddenSize}, patch {shape.PatchSize}, {width}x{height} at {scale:0.###}";
        int stateSize = shape.TokenCount * shape.HiddenSize;
        for (int layer = 0; layer <= shape.LayerCount; layer++)
        {
            Tolerance.AssertClose(
                $"{name}: hidden state {layer}", expected.HiddenStates[layer], actual.HiddenStates.AsSpan(layer * stateSize, stateSize),
                Tolerance.HiddenState, shape.HiddenSize);
        }

        int attentionSize = shape.HeadCount * shape.TokenCount * shape.TokenCount;
        for (int layer = 0; layer < shape.LayerCount; layer++)
        {
            Tolerance.AssertClose(
                $"{name}: attention {layer}", expected.Attentions[layer], actual.Attentions.AsSpan(layer * attentionSize, attentionSize),
                Tolerance.Attention, shape.TokenCount);
        }

        Tolerance.AssertClose($"{name}: tokens", expected.Tokens, actual.Tokens, Tolerance.LastHiddenState, shape.HiddenSize);
        ForwardOutput pruned = Run(executor, pixels, tables, shape, new ForwardRequest(1, false, false, 0));
        Assert.Equal(actual.Tokens[..shape.HiddenSize], pruned.Tokens);
        ForwardOutput someLayers = Run(executor, pixels, tables, shape, new ForwardRequest(1, false, false, 0b10));
        Assert.Equal(actual.Attentions[attentionSize..(2 * attentionSize)], someLayers.Attentions);
        Assert.Equal(actual.Tokens[..shape.HiddenSize], someLayers.Tokens);
        LayerTwin.Check(request => Run(executor, pixels, tables, shape, request), weights, shape, expected, actual.Tokens);
    }

    /// <summary>
    /// Batches of every size up to <paramref name="images"/>, forwards and backwards, give each picture the bytes it
    /// has alone.
    /// </summary>
    public static void CheckBatches(VitExecutor executor, VitWeights weights, int images)
    {
        int side = weights.Config.TrainedImageSize;
        var shape = new VitShape(weights.Config, side, side);
        var tables = InputTables.Of(weights, shape);
        byte[] pixels = RandomPixels(images, side, side);
        int imageSize = pixels.Length / images;
        int tokens = shape.TokenCount * shape.HiddenSize;
        var alone = new List<float[]>();
        for (int image = 0; image < images; image++)
            alone.Add(
                Run(
                    executor,
                    pixels.AsSpan(image * imageSize, imageSize),
                    tables,
                    shape,
                    new ForwardRequest(1, true, false, 0)).Tokens);

        for (int batch = 1; batch <= images; batch++)
        {
            int[] order = [.. Enumerable.Range(0, batch).Select(i => batch % 2 == 0 ? images - 1 - i : i)];
            byte[] mixed = [.. order.SelectMany(image => pixels.AsSpan(image * imageSize, imageSize).ToArray())];
            float[] all = Run(executor, mixed, tables, shape, new ForwardRequest(batch, true, false, 0)).Tokens;
            float[] classTokens = Run(executor, mixed, tables, shape, new ForwardRequest(batch, false, false, 0)).Tokens;
            for (int i = 0; i < batch; i++)
            {
                Assert.Equal(alone[order[i]], all.AsSpan(i * tokens, tokens));
                Assert.Equal(alone[order[i]].AsSpan(0, shape.HiddenSize), classTokens.AsSpan(i * shape.HiddenSize, shape.HiddenSize));
            }
        }
    }

    private static ForwardOutput Run(
        VitExecutor executor, ReadOnlySpan<byte> pixels, InputTables tables, VitShape shape, ForwardRequest request)
    {
        ForwardOutput output = ForwardOutput.Allocate(shape, request);
        executor.Run(pixels, tables, shape, request, output);
        return output;
    }

    private static byte[] RandomPixels(int images, int width, int height)
    {
        byte[] pixels = new byte[images * width * height * 3];
        new Random(width * height).NextBytes(pixels);
        return pixels;
    }
}
