using System.Runtime.CompilerServices;

namespace Dino.Gpu.Kernels.Simd;

/// <summary>
/// The second product of a training step, and the SGD update while it is in registers. The gradient of a tile of
/// weights, X^T G, goes straight into momentum and weights and is never stored.
/// </summary>
internal static unsafe class ProbeUpdate
{
    /// <summary>v = momentum v + (X^T G + decay w), w = w - rate v, for some inputs and one panel of classes.</summary>
    /// <param name="x">(count, inputs): the batch, row stride <see cref="Gemm.BlockSize"/>.</param>
    /// <param name="g">(count, width): a panel of the gradient of the loss by the logits.</param>
    /// <param name="count">
    /// Examples of the batch. An element is one chain of fused multiply-adds over them in every tile.
    /// </param>
    /// <param name="inputs">Rows of w and v.</param>
    /// <param name="w">(inputs, width)</param>
    /// <param name="v">(inputs, width)</param>
    /// <param name="step">Learning rate, momentum, weight decay.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<TVector>(float* x, float* g, int count, int inputs, float* w, float* v, in ProbeStep step)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        int width = 2 * TVector.Count;
        int tiles = (inputs + TVector.TileRows - 1) / TVector.TileRows;
        for (int tile = 0; tile < tiles; tile++)
        {
            int input = (int)((long)inputs * tile / tiles);
            int rows = (int)((long)inputs * (tile + 1) / tiles) - input;
            ApplyTile<TVector>(rows, x + input, g, count, w + (nint)input * width, v + (nint)input * width, step);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ApplyTile<TVector>(int rows, float* a, float* b, int count, float* w, float* v, in ProbeStep step)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        switch (rows)
        {
            case 1: Tile<TVector, Rows1>(a, b, count, w, v, step); break;
            case 2: Tile<TVector, Rows2>(a, b, count, w, v, step); break;
            case 3: Tile<TVector, Rows3>(a, b, count, w, v, step); break;
            case 4: Tile<TVector, Rows4>(a, b, count, w, v, step); break;
            case 5: Tile<TVector, Rows5>(a, b, count, w, v, step); break;
            case 6: Tile<TVector, Rows6>(a, b, count, w, v, step); break;
            case 7: Tile<TVector, Rows7>(a, b, count, w, v, step); break;
            case 8: Tile<TVector, Rows8>(a, b, count, w, v, step); break;
            case 9: Tile<TVector, Rows9>(a, b, count, w, v, step); break;
            case 10: Tile<TVector, Rows10>(a, b, count, w, v, step); break;
            case 11: Tile<TVector, Rows11>(a, b, count, w, v, step); break;
            case 12: Tile<TVector, Rows12>(a, b, count, w, v, step); break;
            case 13: Tile<TVector, Rows13>(a, b, count, w, v, step); break;
            case 14: Tile<TVector, Rows14>(a, b, count, w, v, step); break;
        }
    }

    /// <summary>
    /// Computes one register tile: TRows x 2 accumulators over the whole batch, as in <see cref="Gemm"/>, but with the
    /// rows of A side by side.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Tile<TVector, TRows>(float* a, float* b, int count, float* w, float* v, in ProbeStep step)
        where TVector : unmanaged, IFloatVector<TVector>
        where TRows : struct, IRowCount
    {
        int width = 2 * TVector.Count;
        TVector c0L = TVector.Zero, c0R = TVector.Zero;
        TVector c1L = TVector.Zero, c1R = TVector.Zero;
        TVector c2L = TVector.Zero, c2R = TVector.Zero;
        TVector c3L = TVector.Zero, c3R = TVector.Zero;
        TVector c4L = TVector.Zero, c4R = TVector.Zero;
        TVector c5L = TVector.Zero, c5R = TVector.Zero;
        TVector c6L = TVector.Zero, c6R = TVector.Zero;
        TVector c7L = TVector.Zero, c7R = TVector.Zero;
        TVector c8L = TVector.Zero, c8R = TVector.Zero;
        TVector c9L = TVector.Zero, c9R = TVector.Zero;
        TVector c10L = TVector.Zero, c10R = TVector.Zero;
        TVector c11L = TVector.Zero, c11R = TVector.Zero;
        TVector c12L = TVector.Zero, c12R = TVector.Zero;
        TVector c13L = TVector.Zero, c13R = TVector.Zero;
        for (float* end = b + (nint)count * width; b < end; a += Gemm.BlockSize, b += width)
        {
            TVector bL = TVector.Load(b), bR = TVector.Load(b + TVector.Count), x;
            { x = TVector.Create(a[0]); c0L = TVector.MultiplyAdd(x, bL, c0L); c0R = TVector.MultiplyAdd(x, bR, c0R); }
            if (TRows.Count > 1)
            {
                x = TVector.Create(a[1]);
                c1L = TVector.MultiplyAdd(x, bL, c1L);
                c1R = TVector.MultiplyAdd(x, bR, c1R);
            }

            if (TRows.Count > 2)
            {
                x = TVector.Create(a[2]);
                c2L = TVector.MultiplyAdd(x, bL, c2L);
                c2R = TVector.MultiplyAdd(x, bR, c2R);
            }

            if (TRows.Count > 3)
            {
                x = TVector.Create(a[3]);
                c3L = TVector.MultiplyAdd(x, bL, c3L);
                c3R = TVector.MultiplyAdd(x, bR, c3R);
            }

            if (TRows.Count > 4)
            {
                x = TVector.Create(a[4]);
                c4L = TVector.MultiplyAdd(x, bL, c4L);
                c4R = TVector.MultiplyAdd(x, bR, c4R);
            }

            if (TRows.Count > 5)
            {
                x = TVector.Create(a[5]);
                c5L = TVector.MultiplyAdd(x, bL, c5L);
                c5R = TVector.MultiplyAdd(x, bR, c5R);
            }

            if (TRows.Count > 6)
            {
                x = TVector.Create(a[6]);
                c6L = TVector.MultiplyAdd(x, bL, c6L);
                c6R = TVector.MultiplyAdd(x, bR, c6R);
            }

            if (TRows.Count > 7)
            {
                x = TVector.Create(a[7]);
                c7L = TVector.MultiplyAdd(x, bL, c7L);
                c7R = TVector.MultiplyAdd(x, bR, c7R);
            }

            if (TRows.Count > 8)
            {
                x = TVector.Create(a[8]);
                c8L = TVector.MultiplyAdd(x, bL, c8L);
                c8R = TVector.MultiplyAdd(x, bR, c8R);
            }

            if (TRows.Count > 9)
            {
                x = TVector.Create(a[9]);
                c9L = TVector.MultiplyAdd(x, bL, c9L);
                c9R = TVector.MultiplyAdd(x, bR, c9R);
            }

            if (TRows.Count > 10)
            {
                x = TVector.Create(a[10]);
                c10L = TVector.MultiplyAdd(x, bL, c10L);
                c10R = TVector.MultiplyAdd(x, bR, c10R);
            }

            if (TRows.Count > 11)
            {
                x = TVector.Create(a[11]);
                c11L = TVector.MultiplyAdd(x, bL, c11L);
                c11R = TVector.MultiplyAdd(x, bR, c11R);
            }

            if (TRows.Count > 12)
            {
                x = TVector.Create(a[12]);
                c12L = TVector.MultiplyAdd(x, bL, c12L);
                c12R = TVector.MultiplyAdd(x, bR, c12R);
            }

            if (TRows.Count > 13)
            {
                x = TVector.Create(a[13]);
                c13L = TVector.MultiplyAdd(x, bL, c13L);
                c13R = TVector.MultiplyAdd(x, bR, c13R);
            }

        }

        TVector momentum = TVector.Create(step.Momentum),
                decay = TVector.Create(step.WeightDecay),
                rate = TVector.Create(-step.LearningRate);
        Step(c0L, c0R, w + 0 * width, v + 0 * width, momentum, decay, rate);
        if (TRows.Count > 1) Step(c1L, c1R, w + 1 * width, v + 1 * width, momentum, decay, rate);
        if (TRows.Count > 2) Step(c2L, c2R, w + 2 * width, v + 2 * width, momentum, decay, rate);
        if (TRows.Count > 3) Step(c3L, c3R, w + 3 * width, v + 3 * width, momentum, decay, rate);
        if (TRows.Count > 4) Step(c4L, c4R, w + 4 * width, v + 4 * width, momentum, decay, rate);
        if (TRows.Count > 5) Step(c5L, c5R, w + 5 * width, v + 5 * width, momentum, decay, rate);
        if (TRows.Count > 6) Step(c6L, c6R, w + 6 * width, v + 6 * width, momentum, decay, rate);
        if (TRows.Count > 7) Step(c7L, c7R, w + 7 * width, v + 7 * width, momentum, decay, rate);
        if (TRows.Count > 8) Step(c8L, c8R, w + 8 * width, v + 8 * width, momentum, decay, rate);
        if (TRows.Count > 9) Step(c9L, c9R, w + 9 * width, v + 9 * width, momentum, decay, rate);
        if (TRows.Count > 10) Step(c10L, c10R, w + 10 * width, v + 10 * width, momentum, decay, rate);
        if (TRows.Count > 11) Step(c11L, c11R, w + 11 * width, v + 11 * width, momentum, decay, rate);
        if (TRows.Count > 12) Step(c12L, c12R, w + 12 * width, v + 12 * width, momentum, decay, rate);
        if (TRows.Count > 13) Step(c13L, c13R, w + 13 * width, v + 13 * width, momentum, decay, rate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TVector>(TVector left, TVector right, float* w, float* v, TVector momentum, TVector decay, TVector rate)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        StepVector(left, w, v, momentum, decay, rate);
        StepVector(right, w + TVector.Count, v + TVector.Count, momentum, decay, rate);
    }

    /// <summary>torch's SGD on one register of parameters.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StepVector<TVector>(TVector gradient, float* w, float* v, TVector momentum, TVector decay, TVector rate)
        where TVector : unmanaged, IFloatVector<TVector>
    {
        TVector weight = TVector.Load(w);
        TVector velocity = TVector.MultiplyAdd(momentum, TVector.Load(v), TVector.MultiplyAdd(decay, weight, gradient));
        TVector.Store(velocity, v);
        TVector.Store(TVector.MultiplyAdd(rate, velocity, weight), w);
    }
}
