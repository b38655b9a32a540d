using ILGPU;

namespace Dino.Gpu.Kernels.Portable;

/// <summary>Sizes of one training step of a linear classifier.</summary>
internal readonly struct ProbeShape
{
    public ProbeShape(int first, int count, int dimension, int classCount)
    {
        First = first;
        Count = count;
        Dimension = dimension;
        ClassCount = classCount;
    }

    /// <summary>The first example of the step, as a place in the order.</summary>
    public int First { get; }

    /// <summary>Examples of the step.</summary>
    public int Count { get; }

    /// <summary>Values of an example.</summary>
    public int Dimension { get; }

    /// <summary>Classes.</summary>
    public int ClassCount { get; }
}

/// <summary>The kernels of a training step of a linear classifier, except its two matrix products.</summary>
internal static class Probe
{
    /// <summary>
    /// Copies the examples of a step into a batch and into its transpose. The second product reads the transpose along
    /// the examples.
    /// </summary>
    /// <param name="index">One value of one example.</param>
    /// <param name="vectors">(examples, dimension)</param>
    /// <param name="order">(examples)</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="batch">(count, dimension)</param>
    /// <param name="transposed">(dimension, count)</param>
    public static void GatherKernel(
        Index1D index,
        ArrayView<float> vectors,
        ArrayView<int> order,
        ProbeShape shape,
        ArrayView<float> batch,
        ArrayView<float> transposed)
    {
        int example = index / shape.Dimension;
        int input = index % shape.Dimension;
        float value = vectors[(long)order[shape.First + example] * shape.Dimension + input];
        batch[index] = value;
        transposed[(long)input * shape.Count + example] = value;
    }

    /// <summary>
    /// gradient = (softmax(logits) - one-hot)^T / count. It also stores the values from which the loss and the rank of
    /// each example's class are computed. Each group takes several examples.
    /// </summary>
    /// <param name="logits">(count, classes)</param>
    /// <param name="labels">(examples)</param>
    /// <param name="order">(examples)</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="gradient">(classes, count)</param>
    /// <param name="outcomes">
    /// (examples, 3): the sum of exp(logit - max); max minus the logit of its class; the number of classes ahead of its
    /// class.
    /// </param>
    public static void GradientKernel<TRows>(
        ArrayView<float> logits,
        ArrayView<int> labels,
        ArrayView<int> order,
        ProbeShape shape,
        ArrayView<float> gradient,
        ArrayView<float> outcomes)
        where TRows : struct, IRowShape
    {
        ArrayView<float> maxScratch = SharedMemory.Allocate<float>(TRows.Threads * TRows.Rows);
        ArrayView<float> sumScratch = SharedMemory.Allocate<float>(TRows.Threads * TRows.Rows);
        ArrayView<float> aheadScratch = SharedMemory.Allocate<float>(TRows.Threads * TRows.Rows);
        int row = Grid.IdxX * TRows.Rows + Group.IdxY;

        // Threads past the last example take part in the barriers, with no classes.
        bool inside = row < shape.Count;
        long first = (long)row * shape.ClassCount;
        int count = inside ? shape.ClassCount : 0;
        int label = inside ? labels[order[shape.First + row]] : 0;
        float own = inside ? logits[first + label] : 0f;

        float max = float.MinValue;
        for (int column = Group.IdxX; column < count; column += TRows.Threads)
            max = MaxReduction.Combine(max, logits[first + column]);
        max = GroupReduction.AllReduceRow<TRows, MaxReduction>(max, maxScratch);

        float sum = 0f;
        float ahead = 0f; // whole numbers, exact up to 2^24 classes
        for (int column = Group.IdxX; column < count; column += TRows.Threads)
        {
            float logit = logits[first + column];
            sum += ScalarMath.Exp(logit - max);
            if (logit > own || (logit == own && column < label))
                ahead += 1f;
        }

        sum = GroupReduction.AllReduceRow<TRows, SumReduction>(sum, sumScratch);
        ahead = GroupReduction.AllReduceRow<TRows, SumReduction>(ahead, aheadScratch);
        float share = 1f / shape.Count;
        float scale = share / sum;
        for (int column = Group.IdxX; column < count; column += TRows.Threads)
        {
            float value = ScalarMath.Exp(logits[first + column] - max) * scale;
            gradient[(long)column * shape.Count + row] = column == label ? value - share : value;
        }

        if (inside && Group.IdxX == 0)
        {
            long outcome = 3L * (shape.First + row);
            outcomes[outcome] = sum;
            outcomes[outcome + 1] = max - own;
            outcomes[outcome + 2] = ahead;
        }
    }

    /// <summary>
    /// torch's SGD: velocity = momentum velocity + (gradient + decay parameter), parameter -= rate velocity. It also
    /// sums the gradient of a bias.
    /// </summary>
    /// <param name="index">One parameter: the weights, then the biases.</param>
    /// <param name="weightGradient">(classes, dimension)</param>
    /// <param name="gradient">(classes, count)</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="rate">Learning rate.</param>
    /// <param name="momentum">The share of the last step that the next one repeats.</param>
    /// <param name="decay">Weight decay.</param>
    /// <param name="parameters">(classes, dimension), then (classes)</param>
    /// <param name="velocity">Laid out as the parameters.</param>
    public static void UpdateKernel(
        Index1D index,
        ArrayView<float> weightGradient,
        ArrayView<float> gradient,
        ProbeShape shape,
        float rate,
        float momentum,
        float decay,
        ArrayView<float> parameters,
        ArrayView<float> velocity)
    {
        int weights = shape.ClassCount * shape.Dimension;
        float slope;
        if (index < weights)
        {
            slope = weightGradient[index];
        }
        else
        {
            int label = index - weights;
            long first = (long)label * shape.Count;
            slope = 0f;
            for (int example = 0; example < shape.Count; example++)
                slope += gradient[first + example];
        }

        float parameter = parameters[index];
        float step = momentum * velocity[index] + (slope + decay * parameter);
        velocity[index] = step;
        parameters[index] = parameter - rate * step;
    }
}
