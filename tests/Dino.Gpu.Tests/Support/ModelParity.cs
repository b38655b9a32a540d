using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Support;

/// <summary>
/// Compares a whole forward pass with the reference, from the input to the output, so that a failure names the first
/// wrong layer. Limits are those of <c>Golden/README.md</c>: about five times torch's own float32 error.
/// </summary>
internal static class ModelParity
{
    /// <summary>Runs one case with every output and checks all that the reference has of it.</summary>
    /// <returns>The largest errors, as a line for the test's output.</returns>
    public static string Check(VitExecutor executor, VitWeights weights, GoldenCase golden)
    {
        VitShape shape = golden.Shape;
        var request = new ForwardRequest(1, allTokens: true, hiddenStates: true, attentionLayers: (1UL << shape.LayerCount) - 1);
        ForwardOutput output = ForwardOutput.Allocate(shape, request);
        executor.Run(golden.Pixels(), golden.Tables(weights), shape, request, output);

        int hidden = shape.HiddenSize;
        int[] rows = Rows(golden, shape);
        double hiddenError = 0;
        double attentionError = 0;
        for (int layer = 0; layer <= shape.LayerCount; layer++)
        {
            ReadOnlySpan<float> state = output.HiddenStates.AsSpan(layer * shape.TokenCount * hidden, shape.TokenCount * hidden);
            if (layer == 0)
            {
                Max(ref hiddenError, TryModel($"{golden.Name}.embeddings") is { } all
                    ? Tolerance.AssertClose($"{golden.Name}: embeddings", all.Floats, state, Tolerance.HiddenState, hidden)
                    : Tolerance.AssertClose(
                        $"{golden.Name}: embeddings (rows)",
                        GoldenData.Model($"{golden.Name}.embedding_rows").Floats,
                        Pick(state, rows, hidden),
                        Tolerance.HiddenState,
                        hidden));
            }

            Max(ref hiddenError, Tolerance.AssertClose(
                $"{golden.Name}: class token after layer {layer}",
                GoldenData.Model(
                    $"{golden.Name}.cls_per_layer").Floats.AsSpan(layer * hidden, hidden), state[..hidden], Tolerance.HiddenState));
            if (TryModel($"{golden.Name}.layer_rows") is { } layerRows)
            {
                Max(ref hiddenError, Tolerance.AssertClose(
                    $"{golden.Name}: hidden state {layer} (rows {string.Join(' ', rows)})",
                    layerRows.Floats.AsSpan(
                        layer * rows.Length * hidden, rows.Length * hidden), Pick(state, rows, hidden), Tolerance.HiddenState, hidden));
            }

            if (layer < shape.LayerCount && ClassAttention(golden, layer, shape) is { } expected)
            {
                Max(ref attentionError, Tolerance.AssertClose(
                    $"{golden.Name}: class-token attention of layer {layer}", expected, ClassRows(
                        output.Attentions, layer, shape), Tolerance.Attention, shape.TokenCount));
            }
        }

        double lastError = TryModel($"{golden.Name}.last_hidden_state") is { } last
            ? Tolerance.AssertClose($"{golden.Name}: last hidden state", last.Floats, output.Tokens, Tolerance.LastHiddenState, hidden)
            : Tolerance.AssertClose(
                $"{golden.Name}: last hidden state (rows)",
                GoldenData.Model($"{golden.Name}.last_hidden_rows").Floats,
                Pick(output.Tokens, rows, hidden),
                Tolerance.LastHiddenState,
                hidden);
        CheckLengths(golden, output.Tokens, hidden);
        return $"{golden.Name}: max error of hidden states {hiddenError:E2}, attention {attentionError:E2}, last hidden state "
            + $"{lastError:E2}";
    }

    /// <summary>
    /// The rows that the reference keeps: those of rows.npy, and for larger grids the last two as well.
    /// </summary>
    private static int[] Rows(GoldenCase golden, VitShape shape)
    {
        int[] rows = GoldenData.Model("rows").Integers;
        return golden.Shape.TokenCount == 197 ? rows : [.. rows, shape.TokenCount - 2, shape.TokenCount - 1];
    }

    private static Npy? TryModel(string name) => File.Exists(GoldenData.PathOf("model", name + ".npy")) ? GoldenData.Model(name) : null;

    private static float[] Pick(ReadOnlySpan<float> values, int[] rows, int columns)
    {
        var picked = new float[rows.Length * columns];
        for (int i = 0; i < rows.Length; i++)
            values.Slice(rows[i] * columns, columns).CopyTo(picked.AsSpan(i * columns));
        return picked;
    }

    /// <summary>(heads, tokens) of the reference for a layer, or null when it keeps none.</summary>
    private static float[]? ClassAttention(GoldenCase golden, int layer, VitShape shape)
    {
        int size = shape.HeadCount * shape.TokenCount;
        if (TryModel($"{golden.Name}.attn_cls_all_layers") is { } all)
            return all.Floats[(layer * size)..((layer + 1) * size)];
        return layer == shape.LayerCount - 1 ? GoldenData.Model($"{golden.Name}.attn_cls_last").Floats : null;
    }

    private static float[] ClassRows(float[] attentions, int layer, VitShape shape)
    {
        int tokens = shape.TokenCount;
        var rows = new float[shape.HeadCount * tokens];
        for (int head = 0; head < shape.HeadCount; head++)
            attentions.AsSpan((layer * shape.HeadCount + head) * tokens * tokens, tokens).CopyTo(rows.AsSpan(head * tokens));
        return rows;
    }

    private static void CheckLengths(GoldenCase golden, float[] tokens, int hidden)
    {
        float[] expected = GoldenData.Model($"{golden.Name}.token_l2").Floats;
        float[] actual = [.. tokens.Chunk(hidden).Select(row => (float)Math.Sqrt(row.Sum(value => (double)value * value)))];
        // A length moves by at most sqrt(hidden) times the largest error of a value; in practice far less.
        Tolerance.AssertClose($"{golden.Name}: token lengths", expected, actual, Tolerance.LastHiddenState * Math.Sqrt(hidden));
    }

    private static void Max(ref double largest, double value) => largest = Math.Max(largest, value);
}
