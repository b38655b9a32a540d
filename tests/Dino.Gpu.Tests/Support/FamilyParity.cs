using System.Globalization;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Tests.Support;

/// <summary>
/// Compares the tiny models of <c>Golden/family</c> with their float64 outputs, at every size and from both sets of
/// names.
/// </summary>
internal static class FamilyParity
{
    /// <summary>
    /// What the issue asks for: hidden states and attention too. torch's own float32 is up to 2.8e-6 off, and the RoPE
    /// of transformers up to 3.7e-7 from float64.
    /// </summary>
    public const double Limit = 5e-5;

    /// <summary>
    /// Every golden output of a model: the file, and the weights and interpolation that it was made with.
    /// </summary>
    public static IEnumerable<FamilyCase> Cases(string model)
    {
        VitWeights weights = FamilyModel.Load(model);
        VitWeights original = FamilyModel.LoadOriginal(model);
        bool hasPeriods = weights.Config.PositionKind == PositionKind.Rotary;
        foreach (string path in Directory.GetFiles(FamilyModel.PathOf(model, ""), "*x*.npy").Order(StringComparer.Ordinal))
        {
            string[] parts = Path.GetFileName(path).Split('.');
            int[] size = [.. parts[0].Split('x').Select(side => int.Parse(side, CultureInfo.InvariantCulture))];
            FamilyCase Case(VitWeights of, PositionInterpolation? interpolation) =>
                new($"{model} {parts[0]}.{parts[1]}", of, size[1], size[0], interpolation, Npy.Read(path).Floats);
            switch (parts[1])
            {
                // The same arrays under other names, but for the periods.
                case "last_hidden_state":
                    yield return Case(weights, null);
                    if (!hasPeriods)
                        yield return Case(original, weights.Config.DefaultInterpolation);
                    break;
                case "original":
                    yield return Case(original, PositionInterpolation.Scale);
                    yield return Case(weights, PositionInterpolation.Scale);
                    break;
                case "original_bf16_periods":
                    yield return Case(original, null);
                    break;
            }
        }
    }

    /// <summary>A model under the names of Hugging Face, at its smallest size.</summary>
    public static FamilyCase First(string model) =>
        Cases(model).Where(one => one.Name.EndsWith("last_hidden_state", StringComparison.Ordinal)).MinBy(one => one.Expected.Length)!;

    /// <summary>Checks every case of a model.</summary>
    /// <param name="create">Makes the executor of a model.</param>
    /// <param name="model">Its name.</param>
    /// <returns>The largest error.</returns>
    public static double Check(Func<VitWeights, VitExecutor> create, string model)
    {
        double worst = 0;
        foreach (IGrouping<VitWeights, FamilyCase> cases in Cases(model).GroupBy(one => one.Weights))
        {
            using VitExecutor executor = create(cases.Key);
            foreach (FamilyCase one in cases)
                worst = Math.Max(worst, Check(executor, one));
            // The goldens of periods that are rounded to bfloat16 have no layers.
            if (cases.Any(one => one.Name.EndsWith("last_hidden_state", StringComparison.Ordinal)))
                worst = Math.Max(worst, CheckLayers(executor, model, cases.Key));
        }

        return worst;
    }

    private static double Check(VitExecutor executor, FamilyCase one)
    {
        float[] tokens = one.Run(executor, new ForwardRequest(1, true, false, 0)).Tokens;
        double worst = Tolerance.AssertClose(one.Name, one.Expected, tokens, Limit, one.Shape.HiddenSize);
        Assert.Equal(tokens[..one.Shape.HiddenSize], one.Run(executor, new ForwardRequest(1, false, false, 0)).Tokens);
        return worst;
    }

    /// <summary>Hidden states, attention and rollout, which the goldens have at the first size.</summary>
    private static double CheckLayers(VitExecutor executor, string model, VitWeights weights)
    {
        string size = weights.Config.Kind == ModelKind.DinoV3 ? "64x64" : "70x70";
        int side = int.Parse(size[..2], CultureInfo.InvariantCulture);
        var one = new FamilyCase(model, weights, side, side, weights.Config.DefaultInterpolation, []);
        ForwardOutput output = one.Run(executor, new ForwardRequest(1, true, true, 0b11) { Rollout = 1 });
        float[] attentions = FamilyModel.Golden(model, $"{size}.attentions").Floats;
        double worst = Tolerance.AssertClose(
            $"{model}: hidden states", FamilyModel.Golden(model, $"{size}.hidden_states").Floats, output.HiddenStates, Limit,
            one.Shape.HiddenSize);
        worst = Math.Max(
            worst, Tolerance.AssertClose($"{model}: attention", attentions, output.Attentions, Limit, one.Shape.TokenCount));
        double[] rollout = Reference.Rollout(
            [.. attentions.Chunk(attentions.Length / one.Shape.LayerCount).Select(Reference.Widen)], one.Shape.TokenCount);
        Tolerance.AssertClose($"{model}: rollout", rollout, output[OutputPart.Rollout], Limit);

        // The class token's rows alone, with the last block pruned.
        float[] rows = one.Run(executor, new ForwardRequest(1, false, false, 0b11, classAttentionOnly: true)).Attentions;
        int tokens = one.Shape.TokenCount;
        for (int matrix = 0; matrix < rows.Length / tokens; matrix++)
            Assert.Equal(output.Attentions.AsSpan(matrix * tokens * tokens, tokens), rows.AsSpan(matrix * tokens, tokens));
        return worst;
    }
}

/// <summary>One output of a model.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Weights">The model.</param>
/// <param name="Width">Of the input.</param>
/// <param name="Height">Of the input.</param>
/// <param name="Interpolation">Of the position table; null for the model's own way.</param>
/// <param name="Expected">(tokens, hidden) after the final norm.</param>
internal sealed record FamilyCase(
    string Name, VitWeights Weights, int Width, int Height, PositionInterpolation? Interpolation, float[] Expected)
{
    public VitShape Shape => new(Weights.Config, Width, Height);

    public ForwardOutput Run(VitExecutor executor, in ForwardRequest request)
    {
        ForwardOutput output = ForwardOutput.Allocate(Shape, request);
        executor.Run(Picture().Pixels, InputTables.Of(Weights, Shape, Interpolation), Shape, request, output);
        return output;
    }

    /// <summary>The picture that all of them were made with, squashed to the size of the input.</summary>
    public RgbImage Picture()
    {
        RgbImage decoded = new StbImageDecoder().Decode(File.ReadAllBytes(GoldenData.Image("chelsea.png")), ExifOrientation.Ignore);
        return new Preprocessor(PreprocessPreset.HuggingFace, Width, Height).Apply(decoded);
    }
}
