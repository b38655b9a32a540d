namespace Dino.Gpu.Kernels.Simd;

/// <summary>
/// Where values are in the memory of <see cref="Probe"/>. Parameters are the bias, (panels * width), then the
/// transposed weight in blocks of <see cref="Gemm.BlockSize"/> inputs, each (panels, inputs, width): the order in which
/// both products read it. Momentum has the same layout.
/// </summary>
internal readonly struct ProbeLayout
{
    /// <param name="dimension">Values of an example.</param>
    /// <param name="classCount">Classes.</param>
    /// <param name="batchSize">Most examples of a step.</param>
    /// <param name="width">Classes of a panel: two registers.</param>
    public ProbeLayout(int dimension, int classCount, int batchSize, int width)
    {
        Dimension = dimension;
        ClassCount = classCount;
        BatchSize = batchSize;
        Width = width;
    }

    public int Dimension { get; }

    public int ClassCount { get; }

    public int BatchSize { get; }

    public int Width { get; }

    /// <summary>Panels of classes. In the last panel the columns past the last class stay zero.</summary>
    public int Panels => (ClassCount + Width - 1) / Width;

    /// <summary>Blocks of inputs.</summary>
    public int Blocks => Gemm.Blocks(Dimension);

    /// <summary>Floats of the parameters, and of the momentum.</summary>
    public long ParameterLength => (long)Panels * Width * (1 + Dimension);

    /// <summary>Two batches, (blocks, batch, 384) each: one is used while the next is gathered.</summary>
    public long Batch(int parity) => (long)parity * Blocks * BatchSize * Gemm.BlockSize;

    /// <summary>(blocks of 384 classes, batch, 384)</summary>
    public long Logits => Batch(2);

    /// <summary>(panels, batch, width): the gradient of the loss by the logits.</summary>
    public long Gradient => Logits + (long)Gemm.Blocks(Panels * Width) * BatchSize * Gemm.BlockSize;

    /// <summary>Floats of the workspace.</summary>
    public long WorkspaceLength => Gradient + (long)Panels * BatchSize * Width;

    /// <summary>Inputs of a block: 384, or fewer in the last.</summary>
    public int BlockInputs(int block) => Math.Min(Gemm.BlockSize, Dimension - block * Gemm.BlockSize);

    /// <summary>Where the weights of a panel and a block of inputs begin.</summary>
    public long Panel(int block, int panel) =>
        (long)Panels * Width * (1 + block * Gemm.BlockSize) + (long)panel * BlockInputs(block) * Width;

    /// <summary>Where one weight is.</summary>
    public long Weight(int label, int input) =>
        Panel(input / Gemm.BlockSize, label / Width) + (long)(input % Gemm.BlockSize) * Width + label % Width;
}

/// <summary>The work of one launch of <see cref="Probe"/>.</summary>
/// <param name="Layout">Sizes.</param>
/// <param name="Threads">Groups of the launch, one thread each.</param>
/// <param name="First">The first example, as a place in the order.</param>
/// <param name="Count">The number of examples.</param>
/// <param name="Update">1 to train on the examples, 0 only to score them.</param>
/// <param name="KeepScores">1 to keep the logits.</param>
/// <param name="Step">Learning rate, momentum and weight decay.</param>
internal readonly record struct ProbePlan(
    ProbeLayout Layout, int Threads, int First, int Count, int Update, int KeepScores, ProbeStep Step);
