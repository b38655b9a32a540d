namespace Dino.Gpu.Classification;

/// <summary>Vectors, such as embeddings, each with its known class.</summary>
public sealed class LabeledVectors
{
    private readonly int[] _labels;

    /// <summary>Checks the values and the labels; keeps the values without copying them.</summary>
    /// <param name="values">(count, dimension). They must not change while the object is in use.</param>
    /// <param name="dimension">Values of a vector.</param>
    /// <param name="labels">(count): the class of each, as an index into <paramref name="classNames"/>.</param>
    /// <param name="classNames">All classes, including those without a vector.</param>
    /// <exception cref="ArgumentException">
    /// There are no vectors, the labels do not fit them, or a value is not finite; the message names the vector.
    /// </exception>
    public LabeledVectors(ReadOnlyMemory<float> values, int dimension, IReadOnlyList<int> labels, IReadOnlyList<string> classNames)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(classNames);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dimension);
        _labels = [.. labels];
        if (_labels.Length == 0)
            throw new ArgumentException("No vectors to classify.", nameof(values));
        if (values.Length != (long)dimension * _labels.Length)
        {
            throw new ArgumentException(
                $"{_labels.Length} labels and {values.Length} values, expected {dimension} values a label.", nameof(values));
        }

        for (int i = 0; i < _labels.Length; i++)
        {
            if (_labels[i] < 0 || _labels[i] >= classNames.Count)
            {
                throw new ArgumentException(
                    $"Vector {i} has the class {_labels[i]}, expected 0 to {classNames.Count - 1}.", nameof(labels));
            }
        }

        CheckFinite(values.Span, dimension, nameof(values));
        Values = values;
        Dimension = dimension;
        ClassNames = [.. classNames];
    }

    /// <summary>(count, dimension)</summary>
    public ReadOnlyMemory<float> Values { get; }

    /// <summary>The number of values of a vector.</summary>
    public int Dimension { get; }

    /// <summary>The number of vectors.</summary>
    public int Count => _labels.Length;

    /// <summary>(count)</summary>
    public ReadOnlySpan<int> Labels => _labels;

    /// <summary>The classes; labels are indices into them.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>Copies some of the vectors.</summary>
    /// <param name="indices">The vectors, in their new order.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such vector.</exception>
    public LabeledVectors Select(IReadOnlyList<int> indices)
    {
        ArgumentNullException.ThrowIfNull(indices);
        foreach (int index in indices)
            Arguments.ThrowIfNoIndex(index, Count, nameof(indices));
        float[] values = new float[checked(indices.Count * Dimension)];
        for (int i = 0; i < indices.Count; i++)
            Values.Span.Slice(indices[i] * Dimension, Dimension).CopyTo(values.AsSpan(i * Dimension));
        return new LabeledVectors(values, Dimension, [.. indices.Select(index => _labels[index])], ClassNames);
    }

    /// <summary>
    /// Splits the vectors into two parts with the same shares of the classes. Of the n vectors of a class the first
    /// part gets share * n, rounded; of two or more, each part gets at least one. The split depends only on the seed
    /// and the labels.
    /// </summary>
    /// <param name="share">The share of the first part, between 0 and 1.</param>
    /// <param name="seed">Another seed gives another split.</param>
    /// <returns>Indices of both parts, ascending.</returns>
    public (int[] First, int[] Second) Split(double share, ulong seed)
    {
        if (!(share is > 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(share), share, "Expected a share between 0 and 1.");
        var first = new List<int>();
        var second = new List<int>();
        var random = new SeededValues("split", seed);
        foreach (IGrouping<int, int> group in Enumerable.Range(0, Count).GroupBy(i => _labels[i]).OrderBy(group => group.Key))
        {
            int[] members = [.. group];
            random.Shuffle(members);
            int count = members.Length == 1 ? 1 : Math.Clamp((int)Math.Round(share * members.Length), 1, members.Length - 1);
            first.AddRange(members[..count]);
            second.AddRange(members[count..]);
        }

        first.Sort();
        second.Sort();
        return ([.. first], [.. second]);
    }

    /// <summary>Refuses NaN and infinities, which would make every score meaningless.</summary>
    internal static void CheckFinite(ReadOnlySpan<float> values, int dimension, string parameter) =>
        Arguments.ThrowIfNotFinite(values, dimension, "Vector", parameter);
}
