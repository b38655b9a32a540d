using System.Runtime.CompilerServices;
using Dino.Gpu.Devices;
using Dino.Gpu.Kernels;

namespace Dino.Gpu.Classification;

/// <summary>
/// A linear classifier on frozen features, the second protocol by which DINO is judged: logits = W x + b. It is trained
/// by SGD with momentum on cross entropy, and the learning rate falls along half a cosine, as in the original's
/// <c>eval_linear.py</c>. Features are not scaled. Thread-safe.
/// </summary>
/// <remarks>
/// Weights start as N(0, 0.01) and biases as 0. Each epoch has its own order of examples. Both follow from the seed,
/// and on the CPU device the result has the same bytes with any number of threads. The original crops and flips the
/// training pictures in every epoch. Here features are computed once, so they cannot vary, but an epoch needs no pass
/// through the model.
/// </remarks>
public sealed class LinearProbe
{
    /// <summary>Standard deviation of the first weights.</summary>
    private const double InitialDeviation = 0.01;

    private readonly float[] _weight;
    private readonly float[] _bias;

    /// <summary>Makes a classifier from its parameters, without copying them.</summary>
    /// <param name="weight">(classes, dimension)</param>
    /// <param name="bias">(classes)</param>
    /// <param name="classNames">The classes.</param>
    /// <exception cref="ArgumentException">The lengths do not fit each other.</exception>
    public LinearProbe(float[] weight, float[] bias, IReadOnlyList<string> classNames)
    {
        ArgumentNullException.ThrowIfNull(weight);
        ArgumentNullException.ThrowIfNull(bias);
        ArgumentNullException.ThrowIfNull(classNames);
        if (bias.Length == 0 || bias.Length != classNames.Count || weight.Length == 0 || weight.Length % bias.Length != 0)
        {
            throw new ArgumentException(
                $"{weight.Length} weights, {bias.Length} biases and {classNames.Count} class names do not make a classifier.",
                nameof(weight));
        }

        _weight = weight;
        _bias = bias;
        ClassNames = [.. classNames];
        Dimension = weight.Length / bias.Length;
    }

    /// <summary>The number of values of a vector.</summary>
    public int Dimension { get; }

    /// <summary>The classes.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>(classes, dimension)</summary>
    public ReadOnlySpan<float> Weight => _weight;

    /// <summary>(classes)</summary>
    public ReadOnlySpan<float> Bias => _bias;

    /// <summary>The epochs of its training; empty for a classifier that was loaded.</summary>
    public IReadOnlyList<ProbeEpoch> History { get; init; } = [];

    /// <summary>
    /// Facts about the features, such as the model that made them. Stored in the file, and not used here.
    /// </summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public IReadOnlyDictionary<string, string> Metadata
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            field = value;
        }
    } = new Dictionary<string, string>();

    /// <summary>Trains a classifier.</summary>
    /// <param name="train">The training examples.</param>
    /// <param name="test">
    /// Examples of the same classes to score after each epoch; null for none. They do not influence the training.
    /// </param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="progress">Called after each epoch, on this thread.</param>
    /// <param name="cancellation">Checked several times a second.</param>
    /// <returns>The classifier after the last epoch.</returns>
    /// <exception cref="ArgumentException">
    /// An option is out of its range, or train and test do not fit each other.
    /// </exception>
    /// <exception cref="DinoException">The device cannot be used or has no room, or the training diverged.</exception>
    public static LinearProbe Train(
        LabeledVectors train,
        LabeledVectors? test = null,
        LinearProbeOptions? options = null,
        Action<ProbeEpoch>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        options ??= new LinearProbeOptions();
        options.Validate();
        if (test != null && (test.Dimension != train.Dimension || !test.ClassNames.SequenceEqual(train.ClassNames)))
            throw new ArgumentException("Train and test differ in their classes or in the values of a vector.", nameof(test));
        return OnDevice(options.Device, options.Threads, options.Warning, device =>
        {
            int batchSize = Math.Min(options.BatchSize, train.Count);
            using var trainer = ProbeTrainer.Create(device, train.Dimension, train.ClassNames.Count, batchSize);
            return Train(trainer, train, test, options, progress, cancellation);
        });
    }

    /// <summary>Reads a classifier that <see cref="Save"/> wrote.</summary>
    /// <exception cref="DinoException">The file is no classifier, or is damaged.</exception>
    public static LinearProbe Load(string path) => ProbeFile.Read(path);

    /// <summary>
    /// Writes <c>.safetensors</c> with the tensors <c>weight</c> (classes, dimension) and <c>bias</c> (classes), and
    /// the class names as a JSON list in the metadata. The file is written whole or not at all.
    /// </summary>
    /// <param name="path">Replaced if it exists.</param>
    /// <exception cref="DinoException">The file cannot be written.</exception>
    /// <exception cref="InvalidOperationException">A value of <see cref="Metadata"/> is null.</exception>
    public void Save(string path) => ProbeFile.Write(path, this);

    /// <summary>
    /// Predicts the likeliest classes of vectors, with their probabilities. Opens the device for this call.
    /// </summary>
    /// <param name="vectors">(count, dimension)</param>
    /// <param name="device"><c>auto</c>, <c>cpu</c>, <c>cuda[:N]</c> or <c>opencl[:N]</c>.</param>
    /// <param name="threads">Threads of the CPU device; null for one per core.</param>
    /// <param name="warning">Receives one line for each GPU that <c>auto</c> cannot use and skips.</param>
    /// <exception cref="ArgumentException">Not whole vectors, or a value that is not finite.</exception>
    /// <exception cref="DinoException">The device cannot be used, or has no room.</exception>
    public Predictions Predict(
        ReadOnlyMemory<float> vectors, string device = "auto", int? threads = null, Action<string>? warning = null)
    {
        if (vectors.Length % Dimension != 0)
            throw new ArgumentException($"{vectors.Length} values are not whole vectors of {Dimension}.", nameof(vectors));
        LabeledVectors.CheckFinite(vectors.Span, Dimension, nameof(vectors));
        int count = vectors.Length / Dimension;
        var predictions = new Predictions(count);
        return count == 0 ? predictions : OnDevice(device, threads, warning, opened => Predict(opened, vectors, count, predictions));
    }

    /// <summary>Trains on an open device.</summary>
    internal static LinearProbe Train(
        ProbeTrainer trainer,
        LabeledVectors train,
        LabeledVectors? test,
        LinearProbeOptions options,
        Action<ProbeEpoch>? progress,
        CancellationToken cancellation)
    {
        float[] weight = InitialWeight(train.ClassNames.Count * train.Dimension, options.Seed);
        float[] bias = new float[train.ClassNames.Count];
        trainer.Write(weight, bias);
        using ProbeExamples examples = trainer.Load(train.Values, train.Labels);
        using ProbeExamples? testExamples = test is null ? null : trainer.Load(test.Values, test.Labels);
        var history = new List<ProbeEpoch>(options.Epochs);
        for (int epoch = 0; epoch < options.Epochs; epoch++)
        {
            double rate = options.LearningRateOf(epoch);
            var step = new ProbeStep((float)rate, (float)options.Momentum, (float)options.WeightDecay);
            ProbeScore score = trainer.Train(examples, Order(train.Count, options.Seed, epoch), step, cancellation);
            ProbeScore? testScore = testExamples is null ? null : trainer.Evaluate(testExamples, cancellation);
            if (!double.IsFinite(score.Loss) || (testScore is not null && !double.IsFinite(testScore.Loss)))
            {
                throw new DinoException(
                    $"the training diverged in epoch {epoch + 1} (the loss is not a finite number)",
                    $"try a smaller learning rate than {options.LearningRate}");
            }

            history.Add(new ProbeEpoch(epoch, rate, score, testScore));
            progress?.Invoke(history[^1]);
        }

        trainer.Read(weight, bias);
        return new LinearProbe(weight, bias, train.ClassNames) { History = history };
    }

    /// <summary>The weights that training starts from.</summary>
    internal static float[] InitialWeight(int length, ulong seed)
    {
        var random = new SeededValues("weight", seed);
        float[] weight = new float[length];
        for (int i = 0; i < length; i++)
            weight[i] = (float)(InitialDeviation * random.NextNormal());
        return weight;
    }

    /// <summary>The order of examples in an epoch.</summary>
    internal static int[] Order(int count, ulong seed, int epoch)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        new SeededValues($"epoch {epoch}", seed).Shuffle(order);
        return order;
    }

    private Predictions Predict(DinoDevice device, ReadOnlyMemory<float> vectors, int count, Predictions predictions)
    {
        int batchSize = Math.Min(LinearProbeOptions.ReferenceBatchSize, count);
        using var trainer = ProbeTrainer.Create(device, Dimension, ClassNames.Count, batchSize);
        trainer.Write(_weight, _bias);

        // The logits of a chunk take at most 64 MiB.
        int chunk = Math.Clamp((16 << 20) / ClassNames.Count, 1, count);
        double[] logits = new double[ClassNames.Count];
        for (int first = 0; first < count; first += chunk)
        {
            int length = Math.Min(chunk, count - first);
            using ProbeExamples examples = trainer.Load(vectors.Slice(first * Dimension, length * Dimension), new int[length]);
            float[] scores = trainer.Logits(examples); // (length, classes)
            for (int i = 0; i < length; i++)
            {
                for (int label = 0; label < logits.Length; label++)
                    logits[label] = scores[i * logits.Length + label];
                SetProbabilities(predictions, first + i, logits);
            }
        }

        return predictions;
    }

    private static T OnDevice<T>(string spec, int? threads, Action<string>? warning, Func<DinoDevice, T> work)
    {
        if (!RuntimeFeature.IsDynamicCodeSupported)
            throw DinoDevice.NeedsIlgpu(nameof(LinearProbe));
        using DinoDevice device = DinoDevice.Open(spec, threads, warning: warning);
        try
        {
            return work(device);
        }
        catch (Exception exception) when (exception is not DinoException && DeviceMemoryException.IsCause(exception))
        {
            string? hint = device.Family == KernelFamily.Simd ? null : "use the device cpu";
            throw new DeviceMemoryException(
                $"{device.Info.Id} ({device.Info.Name}) has no room for the vectors and the classifier", hint, exception);
        }
        catch (Exception exception) when (DeviceFailure.IsDriverError(exception))
        {
            throw DeviceFailure.Of(exception).ToException(device.Info);
        }
    }

    private static void SetProbabilities(Predictions predictions, int index, double[] logits)
    {
        double max = logits.Max();
        double sum = 0;
        foreach (double logit in logits)
            sum += Math.Exp(logit - max);
        foreach (ref double score in predictions.Set(index, logits, double.NegativeInfinity))
            score = Math.Exp(score - max) / sum;
    }
}
