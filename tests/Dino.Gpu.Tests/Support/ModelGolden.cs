using System.Globalization;
using Dino.Gpu.Pipeline;

namespace Dino.Gpu.Tests.Support;

/// <summary>
/// Compares one picture's forward pass with the reference data of <c>Golden/model</c>: layer by layer, then attention, then the last hidden state.
/// Any executor will do. The first layer that is off fails, by name, with the worst place and both values.
/// </summary>
internal static class ModelGolden
{
    /// <summary>The pictures of 224x224 whose pixels are stored as PNG, so that no decoder or resize comes in: case name and file stem.</summary>
    public static IReadOnlyList<(string Case, string Stem)> Cases { get; } =
    [
        ("chelsea", "chelsea_png"), ("rocket", "rocket_jpg"), ("rgba", "rgba_png"),
        ("wide", "wide_2000x30_png"), ("one_pixel", "one_pixel_png"), ("gradient_noise", "gradient_noise_420_jpg"),
    ];

    /// <summary>The (224, 224, 3) bytes that the model sees.</summary>
    public static byte[] Pixels(string stem)
    {
        byte[] file = File.ReadAllBytes(GoldenData.PathOf("preprocess", stem + ".bilinear224.png"));
        return StbImageSharp.ImageResult.FromMemory(file, StbImageSharp.ColorComponents.RedGreenBlue).Data;
    }

    /// <summary>Every output of one picture, from a batch of one.</summary>
    public static ForwardOutput RunEverything(VitExecutor executor, byte[] pixels, float[] positions, in VitShape shape)
    {
        var request = new ForwardRequest(1, allTokens: true, hiddenStates: true, attentionLayers: (1UL << shape.LayerCount) - 1);
        return Run(executor, pixels, positions, shape, request);
    }

    public static ForwardOutput Run(VitExecutor executor, byte[] pixels, float[] positions, in VitShape shape, in ForwardRequest request)
    {
        var output = ForwardOutput.Allocate(shape, request);
        executor.Run(pixels, positions, shape, request, output);
        return output;
    }

    /// <summary>Checks <see cref="RunEverything"/>'s output. Interpolated cases keep two token rows more: the last ones of their grid.</summary>
    public static void Check(string name, ForwardOutput output, in VitShape shape)
    {
        int tokens = shape.TokenCount;
        int hidden = shape.HiddenSize;
        int[] rows = Rows(name, tokens);
        ReadOnlySpan<float> states = output.HiddenStates;
        Npy classTokens = GoldenData.Model(name + ".cls_per_layer");
        Npy? layerRows = TryRead(name + ".layer_rows");
        for (int layer = 0; layer <= shape.LayerCount; layer++)
        {
            ReadOnlySpan<float> state = states.Slice(layer * tokens * hidden, tokens * hidden);
            string what = string.Create(CultureInfo.InvariantCulture, $"{name}, hidden state {layer}");
            if (layer == 0)
                CheckRows(what, TryRead(name + ".embeddings") ?? GoldenData.Model(name + ".embedding_rows"), state, rows, Tolerance.HiddenState);
            if (layerRows is null)
                Tolerance.AssertClose(what + ", class token", classTokens.Floats.AsSpan(layer * hidden, hidden), state[..hidden], Tolerance.HiddenState, hidden);
            else
                Tolerance.AssertClose(what, layerRows.Floats.AsSpan(layer * rows.Length * hidden, rows.Length * hidden), Pick(state, rows, hidden), Tolerance.HiddenState, hidden);
        }

        Npy? everyLayer = TryRead(name + ".attn_cls_all_layers");
        for (int layer = everyLayer is null ? shape.LayerCount - 1 : 0; layer < shape.LayerCount; layer++)
        {
            // (heads, tokens): what the class token looks at.
            ReadOnlySpan<float> expected = everyLayer is null
                ? GoldenData.Model(name + ".attn_cls_last").Floats
                : everyLayer.Floats.AsSpan(layer * shape.HeadCount * tokens, shape.HeadCount * tokens);
            float[] actual = new float[shape.HeadCount * tokens];
            for (int head = 0; head < shape.HeadCount; head++)
                Array.Copy(output.Attentions, (layer * shape.HeadCount + head) * tokens * tokens, actual, head * tokens, tokens);
            Tolerance.AssertClose(string.Create(CultureInfo.InvariantCulture, $"{name}, attention {layer}"), expected, actual, Tolerance.Attention, tokens);
        }

        CheckRows(
            name + ", last hidden state", TryRead(name + ".last_hidden_state") ?? GoldenData.Model(name + ".last_hidden_rows"), output.Tokens, rows, Tolerance.LastHiddenState);
    }

    private static int[] Rows(string name, int tokens)
    {
        int[] rows = GoldenData.Model("rows").Integers;
        bool interpolated = name.Contains('_', StringComparison.Ordinal) && name.Any(char.IsAsciiDigit);
        return interpolated ? [.. rows, tokens - 2, tokens - 1] : rows;
    }

    private static void CheckRows(string what, Npy expected, ReadOnlySpan<float> actual, int[] rows, double limit)
    {
        int hidden = expected.Shape[^1];
        Tolerance.AssertClose(what, expected.Floats, expected.Floats.Length == actual.Length ? actual : Pick(actual, rows, hidden), limit, hidden);
    }

    private static float[] Pick(ReadOnlySpan<float> values, int[] rows, int columns)
    {
        float[] picked = new float[rows.Length * columns];
        for (int i = 0; i < rows.Length; i++)
            values.Slice(rows[i] * columns, columns).CopyTo(picked.AsSpan(i * columns));
        return picked;
    }

    private static Npy? TryRead(string name) => File.Exists(GoldenData.PathOf("model", name + ".npy")) ? GoldenData.Model(name) : null;
}
