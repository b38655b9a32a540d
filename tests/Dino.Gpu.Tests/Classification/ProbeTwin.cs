using Dino.Gpu.Classification;

namespace Dino.Gpu.Tests.Classification;

/// <summary>A linear classifier and its training in double precision, loops and nothing else.</summary>
internal sealed class ProbeTwin
{
    private readonly LabeledVectors _train;
    private readonly double[] _weightVelocity;
    private readonly double[] _biasVelocity;

    public ProbeTwin(LabeledVectors train, ulong seed)
    {
        _train = train;
        Weight = [.. LinearProbe.InitialWeight(train.ClassNames.Count * train.Dimension, seed).Select(value => (double)value)];
        Bias = new double[train.ClassNames.Count];
        _weightVelocity = new double[Weight.Length];
        _biasVelocity = new double[Bias.Length];
    }

    /// <summary>(classes, dimension)</summary>
    public double[] Weight { get; }

    /// <summary>(classes)</summary>
    public double[] Bias { get; }

    public static (ProbeTwin Twin, List<ProbeScore> History) Train(LabeledVectors train, LinearProbeOptions options)
    {
        var twin = new ProbeTwin(train, options.Seed);
        var history = new List<ProbeScore>();
        for (int epoch = 0; epoch < options.Epochs; epoch++)
            history.Add(twin.TrainEpoch(LinearProbe.Order(train.Count, options.Seed, epoch), options, options.LearningRateOf(epoch)));
        return (twin, history);
    }

    /// <summary>Mean cross entropy of some examples, and its gradient.</summary>
    public double Loss(ReadOnlySpan<int> examples, double[] weightGradient, double[] biasGradient, ref int top1, ref int top5)
    {
        double loss = 0;
        foreach (int example in examples)
        {
            double[] logits = Logits(_train.Values.Span.Slice(example * _train.Dimension, _train.Dimension));
            int label = _train.Labels[example];
            double sum = logits.Sum(Math.Exp);
            loss -= Math.Log(Math.Exp(logits[label]) / sum) / examples.Length;
            int rank = Enumerable.Range(0, logits.Length).OrderByDescending(c => logits[c]).ToList().IndexOf(label);
            top1 += rank < 1 ? 1 : 0;
            top5 += rank < 5 ? 1 : 0;
            for (int c = 0; c < logits.Length; c++)
            {
                double g = (Math.Exp(logits[c]) / sum - (c == label ? 1 : 0)) / examples.Length;
                biasGradient[c] += g;
                for (int j = 0; j < _train.Dimension; j++)
                    weightGradient[c * _train.Dimension + j] += g * _train.Values.Span[example * _train.Dimension + j];
            }
        }

        return loss;
    }

    public double[] Logits(ReadOnlySpan<float> vector)
    {
        double[] logits = [.. Bias];
        for (int c = 0; c < logits.Length; c++)
        {
            for (int j = 0; j < vector.Length; j++)
                logits[c] += Weight[c * vector.Length + j] * vector[j];
        }

        return logits;
    }

    private ProbeScore TrainEpoch(int[] order, LinearProbeOptions options, double rate)
    {
        double loss = 0;
        int top1 = 0, top5 = 0;
        for (int first = 0; first < order.Length; first += options.BatchSize)
        {
            int count = Math.Min(options.BatchSize, order.Length - first);
            double[] weightGradient = new double[Weight.Length];
            double[] biasGradient = new double[Bias.Length];
            loss += count * Loss(order.AsSpan(first, count), weightGradient, biasGradient, ref top1, ref top5);
            Step(Weight, weightGradient, _weightVelocity, options, rate);
            Step(Bias, biasGradient, _biasVelocity, options, rate);
        }

        return new ProbeScore(loss / order.Length, (double)top1 / order.Length, (double)top5 / order.Length);
    }

    private static void Step(double[] parameters, double[] gradient, double[] velocity, LinearProbeOptions options, double rate)
    {
        for (int i = 0; i < parameters.Length; i++)
        {
            velocity[i] = options.Momentum * velocity[i] + gradient[i] + options.WeightDecay * parameters[i];
            parameters[i] -= rate * velocity[i];
        }
    }
}
