using Dino.Gpu.Classification;

namespace Dino.Gpu.Tests.Classification;

/// <summary>Vectors around a seeded center for each class: class i % classes, center + noise * N(0, 1).</summary>
internal static class Clusters
{
    public static LabeledVectors Create(int count, int dimension, int classes, double noise, ulong seed = 1, bool shuffledLabels = false)
    {
        var centers = new SeededValues("centres", 7);
        double[] center = [.. Enumerable.Range(0, classes * dimension).Select(_ => centers.NextNormal())];
        var random = new SeededValues("vectors", seed);
        float[] values = new float[count * dimension];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(center[i / dimension % classes * dimension + i % dimension] + noise * random.NextNormal());
        int[] labels = [.. Enumerable.Range(0, count).Select(i => i % classes)];
        if (shuffledLabels)
            random.Shuffle(labels);
        return new LabeledVectors(values, dimension, labels, Names(classes));
    }

    public static string[] Names(int classes) => [.. Enumerable.Range(0, classes).Select(i => $"class{i:D3}")];
}
