namespace Dino.Gpu.Classification;

/// <summary>How often vectors of each class were taken for which class.</summary>
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

    /// <summary>The classes, which rows and columns are in the order of.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>Vectors.</summary>
    public int Count { get; }

    /// <summary>The share of vectors whose class is the likeliest.</summary>
    public double Top1 { get; }

    /// <summary>The share of vectors whose class is among the five likeliest.</summary>
    public double Top5 { get; }

    /// <summary>The mean of the classes' own accuracies, each class counting the same; classes without vectors are left out.</summary>
    public double MeanClassAccuracy => Enumerable.Range(0, ClassNames.Count).Where(truth => _totals[truth] > 0).Average(ClassAccuracy);

    /// <summary>Every cell that is not zero.</summary>
    public IEnumerable<(int Truth, int Predicted, int Count)> Cells => _counts.Select(cell => (cell.Key.Truth, cell.Key.Predicted, cell.Value));

    /// <summary>Vectors of one class that were taken for another, or the same.</summary>
    /// <param name="truth">Their class.</param>
    /// <param name="predicted">The likeliest class.</param>
    public int this[int truth, int predicted] => _counts.GetValueOrDefault((truth, predicted));

    /// <summary>Counts predictions.</summary>
    /// <param name="predictions">Of a classifier, at least one class each.</param>
    /// <param name="labels">(count): the true classes.</param>
    /// <param name="classNames">What both are indices of.</param>
    /// <exception cref="ArgumentException">Nothing to count, or another number of labels.</exception>
    public static ConfusionMatrix Of(Predictions predictions, ReadOnlySpan<int> labels, IReadOnlyList<string> classNames)
    {
        ArgumentNullException.ThrowIfNull(predictions);
        ArgumentNullException.ThrowIfNull(classNames);
        if (labels.Length == 0)
            throw new ArgumentException("No predictions to count.", nameof(predictions));
        var matrix = new ConfusionMatrix(classNames, labels.Length, predictions.Accuracy(labels, 1), predictions.Accuracy(labels, Predictions.Depth));
        for (int i = 0; i < labels.Length; i++)
        {
            (int, int) cell = (labels[i], predictions.Classes(i)[0]);
            matrix._counts[cell] = matrix._counts.GetValueOrDefault(cell) + 1;
            matrix._totals[labels[i]]++;
        }

        return matrix;
    }

    /// <summary>Vectors of a class.</summary>
    public int Total(int truth) => _totals[truth];

    /// <summary>The share of a class's vectors that were taken for it; NaN where it has none.</summary>
    public double ClassAccuracy(int truth) => (double)this[truth, truth] / _totals[truth];
}
