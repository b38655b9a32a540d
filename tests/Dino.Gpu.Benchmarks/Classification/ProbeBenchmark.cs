using System.Diagnostics;
using System.Globalization;
using Dino.Gpu.Benchmarks.Kernels;
using Dino.Gpu.Classification;
using Dino.Gpu.Devices;
using Dino.Gpu.Kernels;
using Dino.Gpu.Pipeline;

namespace Dino.Gpu.Benchmarks.Classification;

/// <summary>
/// Epochs of a linear probe on the CPU device: examples a second and the share of the machine's multiply-add peak on
/// the same threads, measured before each round. First some steps are checked against loops in double precision.
/// </summary>
internal static class ProbeBenchmark
{
    private const int Rounds = 5;

    /// <summary>Largest difference of a weight after the checked steps.</summary>
    private const double Tolerance = 1e-6;

    public static int Run(string[] args)
    {
        int threads = Arguments.Integer(args, "--threads", Environment.ProcessorCount);
        Console.WriteLine($"{threads} threads, {(int)SimdExecutor.BestWidth} lanes, best of {Rounds}");
        Console.WriteLine("| examples | values | classes | batch | ms/epoch | examples/s | GFLOP/s | share of peak, best | median |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        Measure(50_000, 1536, 100, 128, threads);
        Measure(50_000, 384, 10, 128, threads);
        Measure(20_000, 1536, 1000, 128, threads);
        Measure(20_000, 1536, 1000, 1024, threads);
        return 0;
    }

    private static void Measure(int count, int dimension, int classes, int batch, int threads)
    {
        LabeledVectors data = Create(count, dimension, classes);
        var step = new ProbeStep(0.01f, 0.9f, 0);
        using DinoDevice device = DinoDevice.Open("cpu", threads);
        using var trainer = ProbeTrainer.Create(device, dimension, classes, batch);
        Verify(trainer, data.Select([.. Enumerable.Range(0, 2 * batch)]), step);

        using ProbeExamples examples = trainer.Load(data.Values, data.Labels);
        int[] order = LinearProbe.Order(count, 0, 0);
        double best = double.MaxValue;
        double operations = 4.0 * count * dimension * classes;
        var shares = new List<double>();
        for (int round = 0; round <= Rounds; round++)
        {
            double peak = MachinePeak.Measure(SimdExecutor.BestWidth, threads);
            long start = Stopwatch.GetTimestamp();
            trainer.Train(examples, order, step, CancellationToken.None);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (round == 0)
                continue; // warms up
            best = Math.Min(best, seconds);
            shares.Add(operations / seconds / peak);
        }

        shares.Sort();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {count} | {dimension} | {classes} | {batch} | {1000 * best:F1} | {count / best:F0} | {operations / best / 1e9:F0} | "
                + $"{shares[^1]:P0} | {shares[Rounds / 2]:P0} |"));
    }

    private static LabeledVectors Create(int count, int dimension, int classes)
    {
        var random = new Random(1);
        float[] values = new float[count * dimension];
        foreach (ref float value in values.AsSpan())
            value = 2 * random.NextSingle() - 1;
        return new LabeledVectors(
            values,
            dimension,
            [.. Enumerable.Range(0, count).Select(_ => random.Next(classes))],
            [.. Enumerable.Range(0, classes).Select(i => $"{i}")]);
    }

    /// <summary>Two steps, in double precision.</summary>
    private static void Verify(ProbeTrainer trainer, LabeledVectors data, ProbeStep step)
    {
        int dimension = data.Dimension, classes = data.ClassNames.Count, batch = data.Count / 2;
        float[] initial = LinearProbe.InitialWeight(classes * dimension, 1);
        double[] weight = [.. initial.Select(value => (double)value)];
        double[] bias = new double[classes];
        double[] velocity = new double[weight.Length];
        double[] biasVelocity = new double[classes];
        for (int first = 0; first < data.Count; first += batch)
        {
            double[][] gradients = new double[batch][]; // (batch, classes)
            Parallel.For(0, batch, i =>
            {
                ReadOnlySpan<float> x = data.Values.Span.Slice((first + i) * dimension, dimension);
                double[] powers = new double[classes];
                for (int label = 0; label < classes; label++)
                {
                    double logit = bias[label];
                    for (int j = 0; j < dimension; j++)
                        logit += weight[label * dimension + j] * x[j];
                    powers[label] = Math.Exp(logit);
                }

                double sum = powers.Sum();
                gradients[i] = [.. powers.Select((power, label) => (power / sum - (label == data.Labels[first + i] ? 1 : 0)) / batch)];
            });
            Parallel.For(0, classes, label =>
            {
                double[] slope = new double[dimension];
                double biasSlope = 0;
                for (int i = 0; i < batch; i++)
                {
                    ReadOnlySpan<float> x = data.Values.Span.Slice((first + i) * dimension, dimension);
                    for (int j = 0; j < dimension; j++)
                        slope[j] += gradients[i][label] * x[j];
                    biasSlope += gradients[i][label];
                }

                for (int j = 0; j < dimension; j++)
                {
                    int place = label * dimension + j;
                    velocity[place] = step.Momentum * velocity[place] + slope[j];
                    weight[place] -= step.LearningRate * velocity[place];
                }

                biasVelocity[label] = step.Momentum * biasVelocity[label] + biasSlope;
                bias[label] -= step.LearningRate * biasVelocity[label];
            });
        }

        trainer.Write(initial, new float[classes]);
        using (ProbeExamples examples = trainer.Load(data.Values, data.Labels))
            trainer.Train(examples, [.. Enumerable.Range(0, data.Count)], step, CancellationToken.None);
        float[] actual = new float[weight.Length];
        float[] actualBias = new float[classes];
        trainer.Read(actual, actualBias);
        double worst = Math.Max(
            weight.Zip(actual, (left, right) => Math.Abs(left - right)).Max(), bias.Zip(
                actualBias, (left, right) => Math.Abs(left - right)).Max());
        if (!(worst < Tolerance))
            throw new InvalidOperationException($"two steps with {classes} classes are off by {worst:E2}");
    }
}
