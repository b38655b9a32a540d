using System.Numerics;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>
/// Training steps of a linear classifier as one kernel for ILGPU's CPU accelerator, with one group of one thread per
/// multiprocessor. A launch runs many steps, and its threads meet in barriers. Each value is computed by one thread in
/// one order, so the number of threads does not change a byte.
/// </summary>
internal static unsafe class Probe
{
    private const float Log2E = 1.44269504f;

    /// <summary>The kernel. <see cref="ProbeLayout"/> describes workspace and parameters.</summary>
    /// <param name="vectors">(examples, dimension)</param>
    /// <param name="labels">(examples)</param>
    /// <param name="order">The examples in the order of training.</param>
    /// <param name="parameters">Bias and weight, see <see cref="ProbeLayout"/>.</param>
    /// <param name="momentum">Momentum, in the same layout.</param>
    /// <param name="workspace">Workspace of the launch.</param>
    /// <param name="outcomes">
    /// (order, 3): sum, margin and rank of each example, before the step that it is part of.
    /// </param>
    /// <param name="scores">(order, classes), if the plan keeps scores.</param>
    /// <param name="counter">Counter of the barrier; zero at the start.</param>
    /// <param name="plan">The work of the launch.</param>
    public static void Kernel<TVector>(
        ArrayView<float> vectors,
        ArrayView<int> labels,
        ArrayView<int> order,
        ArrayView<float> parameters,
        ArrayView<float> momentum,
        ArrayView<float> workspace,
        ArrayView<float> outcomes,
        ArrayView<float> scores,
        ArrayView<int> counter,
        ProbePlan plan)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        Run<TVector>(
            ref vectors[0], ref labels[0], ref order[0], ref parameters[0], ref momentum[0], ref workspace[0], ref outcomes[0],
            ref scores[0], ref counter[0], plan, Grid.IdxX);
    }

    /// <summary>
    /// The work of one thread. It is marked as an intrinsic, so ILGPU leaves the body to the .NET JIT, which knows
    /// vector instructions.
    /// </summary>
    [IntrinsicImplementation]
    private static void Run<TVector>(
        ref float vectors,
        ref int labels,
        ref int order,
        ref float parameters,
        ref float momentum,
        ref float workspace,
        ref float outcomes,
        ref float scores,
        ref int counter,
        ProbePlan plan,
        int thread)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        // ILGPU's CPU buffers are unmanaged or pinned memory, so they do not move.
        var steps = new ProbeSteps<TVector>(
            plan,
            (float*)Unsafe.AsPointer(ref vectors),
            (int*)Unsafe.AsPointer(ref labels),
            (int*)Unsafe.AsPointer(ref order),
            SimdMemory.Align((float*)Unsafe.AsPointer(ref parameters)),
            SimdMemory.Align((float*)Unsafe.AsPointer(ref momentum)),
            SimdMemory.Align((float*)Unsafe.AsPointer(ref workspace)),
            (float*)Unsafe.AsPointer(ref outcomes),
            (float*)Unsafe.AsPointer(ref scores));
        var team = new Team(plan.Threads, thread, (int*)Unsafe.AsPointer(ref counter));
        int batchSize = plan.Layout.BatchSize;
        int end = plan.First + plan.Count;
        int parity = 0;
        steps.Gather(team, plan.First, Math.Min(batchSize, plan.Count), parity);
        for (int first = plan.First; first < end; first += batchSize, parity ^= 1)
        {
            int count = Math.Min(batchSize, end - first);
            team.Wait();
            steps.Logits(team, count, parity);
            if (!steps.DividesRows(team, count))
                team.Wait();
            steps.Losses(team, first, count);
            if (plan.Update != 0)
            {
                team.Wait();
                steps.Update(team, count, parity);
            }

            if (first + count < end)
                steps.Gather(team, first + count, Math.Min(batchSize, end - first - count), parity ^ 1);
        }
    }

    /// <summary>
    /// Computes exp(logits - max), their sum, and the rank of the example's class, for one row. The powers go to the
    /// panels of the gradient.
    /// </summary>
    /// <param name="logits">Logits of one example: block b of 384 classes starts at logits + b * block.</param>
    /// <param name="block">Floats from one block to the next.</param>
    /// <param name="classCount">Classes.</param>
    /// <param name="label">The example's class.</param>
    /// <param name="powers">Powers of one example: panel p starts at powers + p * panel.</param>
    /// <param name="panel">Floats from one panel to the next.</param>
    /// <param name="outcome">(3): sum, margin, rank.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row<TVector>(float* logits, nint block, int classCount, int label, float* powers, nint panel, float* outcome)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        int width = 2 * TVector.Count;
        TVector lowest = TVector.Create(float.NegativeInfinity);
        TVector max = lowest;
        for (int first = 0; first < classCount; first += TVector.Count)
        {
            TVector x = TVector.Load(logits + first / Gemm.BlockSize * block + first % Gemm.BlockSize);
            max = TVector.Max(max, classCount - first < TVector.Count ? TVector.SelectFirst(classCount - first, x, lowest) : x);
        }

        float top = TVector.MaxLane(max);
        TVector shift = TVector.Create(top), scale = TVector.Create(Log2E), sum = TVector.Zero;
        for (int first = 0; first < classCount; first += TVector.Count)
        {
            TVector x = TVector.Load(logits + first / Gemm.BlockSize * block + first % Gemm.BlockSize);
            TVector power = VectorMath.Exp2((x - shift) * scale);
            if (classCount - first < TVector.Count)
                power = TVector.SelectFirst(classCount - first, power, TVector.Zero);
            sum += power;
            TVector.Store(power, powers + first / width * panel + first % width);
        }

        float own = logits[label / Gemm.BlockSize * block + label % Gemm.BlockSize];
        int ahead = 0;
        for (int first = 0; first < classCount; first += Gemm.BlockSize)
        {
            var classes = new ReadOnlySpan<float>(logits + first / Gemm.BlockSize * block, Math.Min(Gemm.BlockSize, classCount - first));
            int before = Math.Clamp(label - first, 0, classes.Length);
            ahead += CountAhead(classes[..before], own, ties: true) + CountAhead(classes[before..], own, ties: false);
        }

        outcome[0] = TVector.Sum(sum);
        outcome[1] = top - own;
        outcome[2] = ahead;
    }

    /// <summary>
    /// Counts values greater than <paramref name="own"/>, and with <paramref name="ties"/> equal ones too.
    /// </summary>
    private static int CountAhead(ReadOnlySpan<float> values, float own, bool ties)
    {
        var limit = new Vector<float>(own);
        Vector<int> counts = Vector<int>.Zero;
        int i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var x = new Vector<float>(values[i..]);
            counts -= ties ? Vector.GreaterThanOrEqual(x, limit) : Vector.GreaterThan(x, limit); // true is -1
        }

        int count = Vector.Sum(counts);
        for (; i < values.Length; i++)
            count += values[i] > own || (ties && values[i] == own) ? 1 : 0;
        return count;
    }
}

/// <summary>One thread's part of each phase of a step. Between phases the threads wait for each other.</summary>
internal readonly unsafe struct ProbeSteps<TVector>(
    ProbePlan plan, float* vectors, int* labels, int* order, float* parameters, float* momentum, float* workspace, float* outcomes,
    float* scores)
    where TVector : unmanaged, IFloatVector<TVector>
{
    private readonly ProbeLayout _layout = plan.Layout;

    /// <summary>Floats from one block of the batch or of the logits to the next.</summary>
    private nint BlockStride => (nint)_layout.BatchSize * Gemm.BlockSize;

    private nint PanelStride => (nint)_layout.BatchSize * _layout.Width;

    /// <summary>Copies the examples of a batch into column blocks. Each thread copies some examples.</summary>
    public void Gather(in Team team, int first, int count, int parity)
    {
        (int start, int end) = team.Share(count);
        for (int i = start; i < end; i++)
        {
            float* source = vectors + (nint)order[first + i] * _layout.Dimension;
            float* target = workspace + _layout.Batch(parity) + (nint)i * Gemm.BlockSize;
            for (int block = 0; block < _layout.Blocks; block++)
            {
                int inputs = _layout.BlockInputs(block);
                new ReadOnlySpan<float>(source + block * Gemm.BlockSize, inputs).CopyTo(
                    new Span<float>(target + block * BlockStride, inputs));
            }
        }
    }

    /// <summary>
    /// Whether a batch has a tile of rows for each thread. Then only one thread uses a row's logits, from the product
    /// to the losses.
    /// </summary>
    public bool DividesRows(in Team team, int count) => team.Size * TVector.TileRows <= count;

    /// <summary>
    /// logits = X W^T + bias. Each thread computes some examples. If there are too few, the threads divide the tiles of
    /// all panels instead.
    /// </summary>
    public void Logits(in Team team, int count, int parity)
    {
        if (DividesRows(team, count))
        {
            (int firstRow, int endRow) = team.Share(count);
            Multiply(parity, firstRow, endRow - firstRow, 0, _layout.Panels);
            return;
        }

        int tiles = (count + TVector.TileRows - 1) / TVector.TileRows;
        (int start, int end) = team.Share(_layout.Panels * tiles);
        while (start < end)
        {
            int panel = start / tiles;
            int next = Math.Min(end, (panel + 1) * tiles);
            int row = (int)((long)count * (start - panel * tiles) / tiles);
            int rows = (int)((long)count * (next - panel * tiles) / tiles) - row;
            Multiply(parity, row, rows, panel, 1);
            start = next;
        }
    }

    /// <summary>Computes the logits of some examples and panels, by blocks of classes and of inputs.</summary>
    private void Multiply(int parity, int row, int rows, int firstPanel, int panels)
    {
        int perBlock = Gemm.BlockSize / _layout.Width;
        for (int panel = firstPanel; panel < firstPanel + panels; panel += perBlock)
        {
            int column = panel * _layout.Width;
            float* c = workspace + _layout.Logits + column / Gemm.BlockSize * BlockStride
                + (nint)row * Gemm.BlockSize + column % Gemm.BlockSize;
            int count = Math.Min(perBlock, firstPanel + panels - panel);
            for (int block = 0; block < _layout.Blocks; block++)
            {
                float* a = workspace + _layout.Batch(parity) + block * BlockStride + (nint)row * Gemm.BlockSize;
                Gemm.Multiply<TVector>(
                    a, parameters + _layout.Panel(block, panel), block == 0 ? parameters + column : null, c, rows,
                    _layout.BlockInputs(block), count, block > 0, false);
            }
        }
    }

    /// <summary>
    /// Computes loss and rank of each example, and gradient = (softmax(logits) - one-hot) / count. Each thread takes
    /// some examples.
    /// </summary>
    public void Losses(in Team team, int first, int count)
    {
        (int start, int end) = team.Share(count);
        float share = 1f / count;
        for (int i = start; i < end; i++)
        {
            float* logits = workspace + _layout.Logits + (nint)i * Gemm.BlockSize;
            float* gradient = workspace + _layout.Gradient + (nint)i * _layout.Width;
            float* outcome = outcomes + (nint)(first + i) * ProbeStep.OutcomeLength;
            int label = labels[order[first + i]];
            Probe.Row<TVector>(logits, BlockStride, _layout.ClassCount, label, gradient, PanelStride, outcome);
            for (int column = 0; column < _layout.ClassCount && plan.KeepScores != 0; column++)
                scores[(nint)(first + i) * _layout.ClassCount + column] =
                    logits[column / Gemm.BlockSize * BlockStride + column % Gemm.BlockSize];
            if (plan.Update == 0)
                continue;

            TVector scale = TVector.Create(share / outcome[0]);
            for (int panel = 0; panel < _layout.Panels; panel++)
            {
                float* g = gradient + panel * PanelStride;
                TVector.Store(TVector.Load(g) * scale, g);
                TVector.Store(TVector.Load(g + TVector.Count) * scale, g + TVector.Count);
            }

            gradient[label / _layout.Width * PanelStride + label % _layout.Width] -= share;
        }
    }

    /// <summary>
    /// Updates the parameters. Each thread takes some inputs of all classes, and the biases of some panels.
    /// </summary>
    public void Update(in Team team, int count, int parity)
    {
        int width = _layout.Width;
        float* gradient = workspace + _layout.Gradient;
        (int start, int end) = team.Share(_layout.Dimension);
        for (int block = start / Gemm.BlockSize; block * Gemm.BlockSize < end; block++)
        {
            int from = Math.Max(start - block * Gemm.BlockSize, 0);
            int to = Math.Min(end - block * Gemm.BlockSize, Gemm.BlockSize);
            float* x = workspace + _layout.Batch(parity) + block * BlockStride + from;
            for (int panel = 0; panel < _layout.Panels; panel++)
            {
                nint place = (nint)(_layout.Panel(block, panel) + (long)from * width);
                ProbeUpdate.Apply<TVector>(
                    x, gradient + panel * PanelStride, count, to - from, parameters + place, momentum + place, plan.Step);
            }
        }

        TVector momentums = TVector.Create(plan.Step.Momentum),
                decay = TVector.Create(plan.Step.WeightDecay),
                rate = TVector.Create(-plan.Step.LearningRate);
        (start, end) = team.Share(_layout.Panels);
        for (int panel = start; panel < end; panel++)
        {
            TVector left = TVector.Zero, right = TVector.Zero;
            for (int i = 0; i < count; i++)
            {
                float* g = gradient + panel * PanelStride + (nint)i * width;
                left += TVector.Load(g);
                right += TVector.Load(g + TVector.Count);
            }

            ProbeUpdate.StepVector(left, parameters + panel * width, momentum + panel * width, momentums, decay, rate);
            ProbeUpdate.StepVector(
                right, parameters + panel * width + TVector.Count, momentum + panel * width + TVector.Count, momentums, decay, rate);
        }
    }
}
