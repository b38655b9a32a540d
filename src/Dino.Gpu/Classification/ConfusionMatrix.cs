namespace Dino.Gpu.Classification;

/// <summary>Counts, for each true class, how often each class was predicted.</summary>
public sealed class ConfusionMatrix
{
    private readonly Dictionary<(int Truth, int Predicted), int> _counts = []; // most of a large matrix is zeros
    private readonly int[] _totals; // (classes)

    private ConfusionMatrix(IReadOnlyList<string> classNames, int count, double top1, double top5)
    {
        ClassNames = classNames;
        Count = count;
        Top1 = top1;
        Top5 = top5;
        _totals = new int[classNames.Count];
    }

    /// <summary>The classes, in the order of rows and columns.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>The number of vectors.</summary>
    public int Count { get; }

    /// <summary>The share of vectors whose class is the first prediction.</summary>
    public double Top1 { get; }

    /// <summary>The share of vectors whose class is among the first five predictions.</summary>
    public double Top5 { get; }

    /// <summary>
    /// The mean of the classes' accuracies. Every class counts the same; classes without vectors do not count.
    /// </summary>
    public double MeanClassAccuracy => Enumerable.Range(0, ClassNames.Count).Where(truth => _totals[truth] > 0).Average(ClassAccuracy);

    /// <summary>The cells that are not zero.</summary>
    public IEnumerable<(int Truth, int Predicted, int Count)> Cells =>
        _counts.Select(cell => (cell.Key.Truth, cell.Key.Predicted, cell.Value));

    /// <summary>The number of vectors of one class for which a class was predicted.</summary>
    /// <param name="truth">The true class.</param>
    /// <param name="predicted">The predicted class.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such class.</exception>
    public int this[int truth, int predicted]
    {
        get
        {
            Arguments.ThrowIfNoIndex(truth, ClassNames.Count);
            Arguments.ThrowIfNoIndex(predicted, ClassNames.Count);
            return _counts.GetValueOrDefault((truth, predicted));
        }
    }

    /// <summary>Counts predictions.</summary>
    /// <param name="predictions">Predictions of a classifier, at least one class for each vector.</param>
    /// <param name="labels">(count): the true classes.</param>
    /// <param name="classNames">The names of the class indices.</param>
    /// <exception cref="ArgumentException">
    /// There is nothing to count, the number of labels differs, a vector has no prediction, or a class has no name.
    /// </exception>
    public static ConfusionMatrix Of(Predictions predictions, ReadOnlySpan<int> labels, IReadOnlyList<string> classNames)
    {
        ArgumentNullException.ThrowIfNull(predictions);
        ArgumentNullException.ThrowIfNull(classNames);
        if (labels.Length == 0)
            throw new ArgumentException("No predictions to count.", nameof(predictions));
        double top1 = predictions.Accuracy(labels, 1);
        double top5 = predictions.Accuracy(labels, Predictions.Depth);
        var matrix = new ConfusionMatrix(classNames, labels.Length, top1, top5);
        for (int i = 0; i < labels.Length; i++)
        {
            if (predictions.Classes(i) is not [int predicted, ..])
                throw new ArgumentException($"Vector {i} has no predicted class.", nameof(predictions));
            if (predicted >= classNames.Count)
                throw new ArgumentException($"{classNames.Count} class names, but class {predicted} was predicted.", nameof(classNames));
            if (labels[i] < 0 || labels[i] >= classNames.Count)
            {
                throw new ArgumentException(
                    $"Vector {i} has the class {labels[i]}, expected 0 to {classNames.Count - 1}.", nameof(labels));
            }

            (int, int) cell = (labels[i], predicted);
            matrix._counts[cell] = matrix._counts.GetValueOrDefault(cell) + 1;
            matrix._totals[labels[i]]++;
        }

        return matrix;
    }

    /// <summary>The number of vectors of a class.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such class.</exception>
    public int Total(int truth)
    {
        Arguments.ThrowIfNoIndex(truth, ClassNames.Count);
        return _totals[truth];
    }

    /// <summary>The share of a class's vectors for which it was predicted; NaN where it has no vectors.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such class.</exception>
    public double ClassAccuracy(int truth) => (double)this[truth, truth] / _totals[truth];
}
