using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Support;

/// <summary>
/// Parts of chosen layers against the double-precision twin, and against the same parts in another company.
/// </summary>
internal static class LayerTwin
{
    /// <param name="run">One picture through the executor.</param>
    /// <param name="weights">The model.</param>
    /// <param name="shape">The model at this input size.</param>
    /// <param name="expected">The same picture in double precision.</param>
    /// <param name="tokens">(tokens, hidden): the executor's last layer after the final norm.</param>
    public static void Check(
        Func<ForwardRequest, ForwardOutput> run, VitWeights weights, in VitShape shape, ReferenceOutput expected, float[] tokens)
    {
        int layers = shape.LayerCount;
        ulong all = (1UL << layers) - 1;
        ulong last = 1UL << (layers - 1);
        var everything =
            new ForwardRequest(1, true, true, all)
            {
                IntermediateLayers = all,
                ClassTokenLayers = all,
                QueryLayers = all,
                KeyLayers = all,
                ValueLayers = all,
                RotatedQueryLayers = all,
                RotatedKeyLayers = all
            };
        ForwardOutput whole = run(everything);
        int size = shape.TokenCount * shape.HiddenSize;
        for (int layer = 0; layer < layers; layer++)
        {
            double[] normed = Reference.LayerNorm(
                expected.HiddenStates[layer + 1], weights.Norm.Weight, weights.Norm.Bias,
                    weights.Config.LayerNormEpsilon, shape.TokenCount, shape.HiddenSize);
            Tolerance.AssertClose(
                $"intermediate layer {layer}",
                normed,
                Slot(whole, OutputPart.IntermediateLayers, layer, size),
                Tolerance.LastHiddenState,
                shape.HiddenSize);
            Assert.Equal(
                Slot(whole, OutputPart.IntermediateLayers, layer, size)[..shape.HiddenSize],
                Slot(whole, OutputPart.ClassTokens, layer, shape.HiddenSize));
            for (OutputPart part = OutputPart.Queries; part <= OutputPart.Values; part++)
            {
                Tolerance.AssertClose(
                    $"{part} of layer {layer}", Columns(
                        expected.Qkvs[layer], part - OutputPart.Queries, shape.HiddenSize), Slot(whole, part, layer, size),
                    Tolerance.HiddenState, shape.HiddenSize);
            }

            for (OutputPart part = OutputPart.RotatedQueries; part <= OutputPart.RotatedKeys; part++)
            {
                Tolerance.AssertClose(
                    $"{part} of layer {layer}", Columns(
                        expected.Rotated[layer], part - OutputPart.RotatedQueries, shape.HiddenSize), Slot(whole, part, layer, size),
                    Tolerance.HiddenState, shape.HiddenSize);
            }
        }

        // Rollout with the last block pruned, with all of it, and beside everything else.
        float[] rollout = run(new ForwardRequest(1, false, false, 0) { Rollout = 1 })[OutputPart.Rollout];
        Tolerance.AssertClose("rollout", Reference.Rollout(expected.Attentions, shape.TokenCount), rollout, Tolerance.Attention);
        Assert.Equal(1, rollout.Sum(value => (double)value), 1e-5);
        Assert.Equal(rollout, run(new ForwardRequest(1, true, false, 0) { Rollout = 1 })[OutputPart.Rollout]);
        Assert.Equal(rollout, run(everything with { Rollout = 1 })[OutputPart.Rollout]);

        Assert.Equal(tokens, Slot(whole, OutputPart.IntermediateLayers, layers - 1, size));

        // What does not need every token of the last block leaves it pruned, and has the same bytes; memory is taken
        // for what is asked for.
        foreach (ulong queries in new[] { 0UL, last })
        {
            ForwardRequest some =
                new(1, false, false, 0)
                {
                    HiddenStates = 0b10,
                    IntermediateLayers = 0b1,
                    ClassTokenLayers = all,
                    QueryLayers = queries,
                    KeyLayers = last,
                    ValueLayers = 0b1 | last,
                    RotatedQueryLayers = queries,
                    RotatedKeyLayers = last
                };
            Assert.True(some.PruneLastBlock(layers));
            ForwardOutput pruned = run(some);
            Assert.Equal(tokens[..shape.HiddenSize], pruned.Tokens);
            Assert.Equal(Slot(whole, OutputPart.HiddenStates, 1, size), pruned.HiddenStates);
            Assert.Equal(Slot(whole, OutputPart.IntermediateLayers, 0, size), pruned[OutputPart.IntermediateLayers]);
            Assert.Equal(whole[OutputPart.ClassTokens], pruned[OutputPart.ClassTokens]);
            Assert.Equal(queries == 0 ? [] : Slot(whole, OutputPart.Queries, layers - 1, size), pruned[OutputPart.Queries]);
            Assert.Equal(Slot(whole, OutputPart.Keys, layers - 1, size), pruned[OutputPart.Keys]);
            Assert.Equal(
                queries == 0 ? [] : Slot(whole, OutputPart.RotatedQueries, layers - 1, size), pruned[OutputPart.RotatedQueries]);
            Assert.Equal(Slot(whole, OutputPart.RotatedKeys, layers - 1, size), pruned[OutputPart.RotatedKeys]);
            Assert.Equal(
                [.. Slot(whole, OutputPart.Values, 0, size), .. Slot(whole, OutputPart.Values, layers - 1, size)],
                pruned[OutputPart.Values]);
            Assert.Empty(pruned.Attentions);
        }

        Assert.False((everything with { AllTokens = 0, AttentionLayers = 0, HiddenStates = 0 }).PruneLastBlock(layers));
        Assert.False((new ForwardRequest(1, false, false, 0) with { HiddenStates = 1UL << layers }).PruneLastBlock(layers));
    }

    /// <summary>(tokens, hidden): a third of the columns of (tokens, 3 * hidden).</summary>
    private static double[] Columns(double[] qkv, int third, int hidden) =>
        [.. qkv.Chunk(hidden).Where((_, i) => i % 3 == third).SelectMany(columns => columns)];

    private static float[] Slot(ForwardOutput output, OutputPart part, int slot, int size) =>
        output[part][(slot * size)..((slot + 1) * size)];
}
