using Dino.Gpu.Classification;
using Dino.Gpu.Devices;
using Dino.Gpu.Ops.Portable;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Classification;

[Collection(PortableCollection.Name)]
public sealed class LinearProbeTests(TestDevices devices)
{
    /// <summary>
    /// Largest |weight - twin| after a few epochs, relative to the largest weight: some tens of steps, each with a
    /// rounding of 6e-8 of its sums, do not amplify each other because the loss is convex.
    /// </summary>
    private const double Parameters = 2e-6;

    /// <summary>Largest difference of the mean loss.</summary>
    private const double Loss = 2e-6;

    /// <summary>
    /// Vectors, values, classes, batch: below and above a register, a panel, a block of 384; a last batch of its own
    /// size; one example, one batch, one class; enough examples for a tile of each thread, and too few.
    /// </summary>
    public static TheoryData<int, int, int, int> Shapes => new()
    {
        { 1, 1, 1, 128 }, { 5, 3, 2, 2 }, { 60, 17, 5, 16 }, { 131, 48, 10, 128 }, { 64, 385, 33, 20 },
            { 90, 401, 3, 13 }, { 100, 7, 405, 48 },
    };

    public static TheoryData<int, int, int, int, int> SimdShapes
    {
        get
        {
            var data = new TheoryData<int, int, int, int, int>();
            foreach (int width in new[] { 4, 8, 16 })
            {
                foreach (var row in Shapes)
                    data.Add(width, row.Data.Item1, row.Data.Item2, row.Data.Item3, row.Data.Item4);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(SimdShapes))]
    public void Simd_equals_its_twin(int width, int count, int dimension, int classes, int batch)
    {
        SimdModel.Require((SimdWidth)width);
        using DinoDevice device = DinoDevice.Open("cpu", 3);
        using var trainer = SimdProbeTrainer.Create(
            device.Accelerator, dimension, classes, Math.Min(batch, count), (SimdWidth)width, threads: 3);
        AssertEqualsTwin(trainer, Clusters.Create(count, dimension, classes, 1), Options(batch));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void OpenCL_equals_its_twin(int count, int dimension, int classes, int batch)
    {
        using var trainer = ProbeTrainer.Create(devices.Open(TestDevice.OpenCL), dimension, classes, Math.Min(batch, count));
        AssertEqualsTwin(trainer, Clusters.Create(count, dimension, classes, 1), Options(batch));
    }

    [Fact]
    public void Cuda_equals_its_twin()
    {
        using var trainer = ProbeTrainer.Create(devices.Open(TestDevice.Cuda), 385, 33, 20);
        AssertEqualsTwin(trainer, Clusters.Create(64, 385, 33, 1), Options(20));
    }

    /// <summary>Groups of 4x4 threads, each a thread of the system: small.</summary>
    [Fact]
    public void Ilgpus_CPU_device_equals_its_twin()
    {
        DinoDevice device = devices.Open(TestDevice.IlgpuCpu);
        using var trainer = new PortableProbeTrainer(device.Accelerator, PortableKernels.Create(device.Accelerator), 9, 3, 4);
        AssertEqualsTwin(trainer, Clusters.Create(7, 9, 3, 1), Options(4) with { Epochs = 1 });
    }

    /// <summary>
    /// The twin's gradient against differences of its own loss: what everything else is compared with has to be right.
    /// </summary>
    [Fact]
    public void The_gradient_of_the_twin_is_that_of_the_loss()
    {
        LabeledVectors train = Clusters.Create(9, 5, 4, 1);
        var twin = new ProbeTwin(train, 3);
        int[] examples = [0, 3, 4, 8];
        int ignored = 0;
        double[] gradient = new double[twin.Weight.Length];
        double[] biasGradient = new double[twin.Bias.Length];
        twin.Loss(examples, gradient, biasGradient, ref ignored, ref ignored);
        foreach ((double[] parameters, double[] slopes) in new[] { (twin.Weight, gradient), (twin.Bias, biasGradient) })
        {
            for (int i = 0; i < parameters.Length; i++)
            {
                const double H = 1e-5;
                double value = parameters[i];
                parameters[i] = value + H;
                double above = twin.Loss(examples, new double[twin.Weight.Length], new double[twin.Bias.Length], ref ignored, ref ignored);
                parameters[i] = value - H;
                double below = twin.Loss(examples, new double[twin.Weight.Length], new double[twin.Bias.Length], ref ignored, ref ignored);
                parameters[i] = value;
                Assert.Equal((above - below) / (2 * H), slopes[i], 1e-8);
            }
        }
    }

    [Fact]
    public void Learning_rate_falls_along_half_a_cosine()
    {
        var options = new LinearProbeOptions();
        Assert.Equal(0.0005, options.LearningRateOf(0), 1e-15); // 0.001 * 128 / 256
        Assert.Equal(0.00025, options.LearningRateOf(50), 1e-15);
        Assert.Equal(0.0005 * 0.853553390593274, options.LearningRateOf(25), 1e-15); // cos(pi / 4)
        Assert.Equal(1.2336e-7, options.LearningRateOf(99), 1e-11); // CosineAnnealingLR(100) in its last epoch
        Assert.Equal(0.004, (options with { BatchSize = 1024 }).LearningRateOf(0), 1e-15);
    }

    [Fact]
    public void Training_is_the_same_for_every_number_of_threads_and_every_run()
    {
        // Steps large enough for five threads, see SimdProbeTrainer; a last one of 3.
        LabeledVectors train = Clusters.Create(203, 500, 101, 1);
        var options =
            new LinearProbeOptions { Device = "cpu", Epochs = 2, BatchSize = 100, LearningRate = 0.1, WeightDecay = 1e-3, Seed = 5 };
        LinearProbe expected = LinearProbe.Train(train, train, options with { Threads = 1 });
        foreach (int threads in new[] { 1, 2, 3, 5 })
        {
            LinearProbe probe = LinearProbe.Train(train, train, options with { Threads = threads });
            Assert.Equal(expected.Weight.ToArray(), probe.Weight.ToArray());
            Assert.Equal(expected.Bias.ToArray(), probe.Bias.ToArray());
            Assert.Equal(expected.History, probe.History);
        }

        Assert.NotEqual(expected.Weight.ToArray(), LinearProbe.Train(train, null, options with { Seed = 6 }).Weight.ToArray());
    }

    [Fact]
    public void Training_is_the_same_in_many_launches()
    {
        LabeledVectors train = Clusters.Create(100, 20, 5, 1);
        var options = new LinearProbeOptions { Epochs = 2, BatchSize = 16, LearningRate = 0.1 };
        using DinoDevice device = DinoDevice.Open("cpu", 2);
        float[][] weights = [.. new[] { (Operations: 5e10, Examples: 100), (0, 16) }.Select(launch =>
        {
            using var trainer = SimdProbeTrainer.Create(device.Accelerator, 20, 5, 16, threads: 2);
            trainer.OperationsPerLaunch = launch.Operations;
            Assert.Equal(launch.Examples, trainer.ExamplesPerLaunch(train.Count));
            return LinearProbe.Train(trainer, train, train, options, null, CancellationToken.None).Weight.ToArray();
        })];
        Assert.Equal(weights[0], weights[1]);
    }

    [Fact]
    public void Clusters_are_learned_and_shuffled_labels_are_not()
    {
        const int Classes = 10, Count = 1000;
        var options = new LinearProbeOptions { Device = "cpu", Epochs = 10, LearningRate = 0.05 };
        LabeledVectors test = Clusters.Create(Count, 32, Classes, 1, seed: 2);
        var epochs = new List<ProbeEpoch>();
        LinearProbe probe = LinearProbe.Train(Clusters.Create(Count, 32, Classes, 1), test, options, epochs.Add);
        Assert.Equal(epochs, probe.History);
        Assert.Equal(Math.Log(Classes), epochs[0].Train.Loss, 1.0); // near-zero weights guess
        Assert.True(epochs[^1].Train.Loss < epochs[0].Train.Loss);
        Assert.True(epochs[^1].Test!.Top1 > 0.99);

        // What the epochs report is what the finished classifier predicts.
        Predictions predictions = probe.Predict(test.Values, "cpu");
        Assert.Equal(epochs[^1].Test!.Top1, predictions.Accuracy(test.Labels, 1));
        Assert.Equal(epochs[^1].Test!.Top5, predictions.Accuracy(test.Labels, 5));

        LabeledVectors noise = Clusters.Create(Count, 32, Classes, 1, seed: 2, shuffledLabels: true);
        LinearProbe chance = LinearProbe.Train(Clusters.Create(Count, 32, Classes, 1, shuffledLabels: true), noise, options);
        Chance.AssertHolds(chance.History[^1].Test!.Top1, 1.0 / Classes, Count);
    }

    [Fact]
    public void Predict_gives_the_softmax_of_the_twins_logits()
    {
        LabeledVectors train = Clusters.Create(40, 11, 7, 1);
        var options = new LinearProbeOptions { Device = "cpu", Epochs = 2, LearningRate = 0.1 };
        ProbeTwin twin = ProbeTwin.Train(train, options).Twin;
        Predictions predictions = LinearProbe.Train(train, null, options).Predict(train.Values, "cpu");
        for (int i = 0; i < train.Count; i++)
        {
            double[] powers = [.. twin.Logits(train.Values.Span.Slice(i * 11, 11)).Select(Math.Exp)];
            int[] best = [.. Enumerable.Range(0, 7).OrderByDescending(c => powers[c]).Take(5)];
            Assert.Equal(best, predictions.Classes(i).ToArray());
            Assert.Equal(
                best.Select(c => powers[c] / powers.Sum()),
                predictions.Scores(i).ToArray(),
                (left, right) => Math.Abs(left - right) < 1e-6);
        }
    }

    [Fact]
    public void Logits_of_one_value_are_ties_and_the_smaller_class_is_ahead()
    {
        var probe = new LinearProbe(new float[12], new float[6], Clusters.Names(6));
        Assert.Equal([0, 1, 2, 3, 4], probe.Predict(new float[] { 1, 2 }, "cpu").Classes(0).ToArray());
        LabeledVectors train = new(new float[12], 2, [0, 1, 2, 3, 4, 5], Clusters.Names(6));
        using DinoDevice device = DinoDevice.Open("cpu", 1);
        using var trainer = ProbeTrainer.Create(device, 2, 6, 6);
        using ProbeExamples examples = trainer.Load(train.Values, train.Labels);
        ProbeScore score = trainer.Evaluate(examples, CancellationToken.None);
        Assert.Equal(1.0 / 6, score.Top1);
        Assert.Equal(5.0 / 6, score.Top5);
        Assert.Equal(Math.Log(6), score.Loss, 1e-6);
    }

    [Fact]
    public void Divergence_is_an_error()
    {
        LabeledVectors train = Clusters.Create(100, 4, 3, 1);
        var options = new LinearProbeOptions { Device = "cpu", LearningRate = 3e38, BatchSize = 100 };
        Assert.Contains("smaller learning rate", Assert.Throws<DinoException>(() => LinearProbe.Train(train, null, options)).Hint);
    }

    [Fact]
    public void Cancellation_ends_the_training()
    {
        using var source = new CancellationTokenSource();
        LabeledVectors train = Clusters.Create(20, 4, 3, 1);
        int epochs = 0;
        Assert.Throws<OperationCanceledException>(() => LinearProbe.Train(train, null, new LinearProbeOptions { Device = "cpu" }, epoch =>
        {
            if (++epochs == 3)
                source.Cancel();
        }, source.Token));
        Assert.Equal(3, epochs);
    }

    [Fact]
    public void Bad_options_are_refused()
    {
        LabeledVectors train = Clusters.Create(20, 4, 3, 1);
        var options = new LinearProbeOptions { Device = "cpu" };
        Assert.Throws<ArgumentException>(() => LinearProbe.Train(train, null, options with { Epochs = 0 }));
        Assert.Throws<ArgumentException>(() => LinearProbe.Train(train, null, options with { BatchSize = 0 }));
        Assert.Throws<ArgumentException>(() => LinearProbe.Train(train, null, options with { LearningRate = double.NaN }));
        Assert.Throws<ArgumentException>(() => LinearProbe.Train(train, null, options with { Momentum = 1 }));
        Assert.Throws<ArgumentException>(() => LinearProbe.Train(train, null, options with { WeightDecay = -1 }));
        Assert.Throws<ArgumentException>(() => LinearProbe.Train(train, Clusters.Create(20, 5, 3, 1), options));
        Assert.Throws<ArgumentException>(() => LinearProbe.Train(train, Clusters.Create(20, 4, 2, 1), options));
    }

    private static LinearProbeOptions Options(int batch) =>
        new() { Epochs = 3, BatchSize = batch, LearningRate = 0.2, WeightDecay = 1e-3, Seed = 11 };

    private static void AssertEqualsTwin(ProbeTrainer trainer, LabeledVectors train, LinearProbeOptions options)
    {
        LinearProbe probe = LinearProbe.Train(trainer, train, null, options, null, CancellationToken.None);
        (ProbeTwin twin, List<ProbeScore> history) = ProbeTwin.Train(train, options);
        double size = Math.Max(twin.Weight.Max(Math.Abs), 1e-2);
        Tolerance.AssertClose("weight", twin.Weight, probe.Weight, Parameters * size, train.Dimension);
        Tolerance.AssertClose("bias", twin.Bias, probe.Bias, Parameters * size);
        for (int epoch = 0; epoch < history.Count; epoch++)
        {
            Assert.Equal(history[epoch].Loss, probe.History[epoch].Train.Loss, Loss);
            Assert.Equal(history[epoch].Top1, probe.History[epoch].Train.Top1);
            Assert.Equal(history[epoch].Top5, probe.History[epoch].Train.Top5);
        }
    }
}
