using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Dino.Gpu.Ops.Generated;

/// <summary>How a row of weights becomes signed bytes.</summary>
internal static class ByteScale
{
    private const float Largest = 127f;

    /// <summary>Scales that are tried: one that clips the largest weights may serve all others better.</summary>
    private const int Candidates = 16;

    /// <summary>The smallest scale tried, as a share of the one that clips nothing.</summary>
    private const float SmallestShare = 0.5f;

    /// <summary>The value of one step: of several scales that with the smallest sum of squared errors.</summary>
    public static float Of(ReadOnlySpan<float> weights)
    {
        float magnitude = 0;
        foreach (float weight in weights)
            magnitude = Math.Max(magnitude, Math.Abs(weight));
        if (magnitude == 0)
            return 1f;
        float whole = magnitude / Largest;
        float best = whole;
        float least = float.MaxValue;
        for (int i = 0; i < Candidates; i++)
        {
            float scale = whole * (1f - (1f - SmallestShare) * i / Candidates);
            float error = SquaredError(weights, scale);
            if (error < least)
                (least, best) = (error, scale);
        }

        return best;
    }

    /// <summary>The nearest step, at most 127 from zero.</summary>
    public static sbyte Quantize(float weight, float scale) => (sbyte)Math.Clamp(MathF.Round(weight / scale), -Largest, Largest);

    /// <summary>The sum of squared differences that a scale leaves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float SquaredError(ReadOnlySpan<float> weights, float scale)
    {
        Vector512<float> scales = Vector512.Create(scale), limit = Vector512.Create(Largest), sum = Vector512<float>.Zero;
        int i = 0;
        for (; i <= weights.Length - 16; i += 16)
        {
            Vector512<float> value = Vector512.Create(weights[i..]);
            Vector512<float> step = Vector512.MinNative(limit, Vector512.MaxNative(-limit, Vector512.Round(value / scales)));
            Vector512<float> difference = value - step * scales;
            sum += difference * difference;
        }

        float rest = Vector512.Sum(sum);
        for (; i < weights.Length; i++)
        {
            float difference = weights[i] - Quantize(weights[i], scale) * scale;
            rest += difference * difference;
        }

        return rest;
    }
}
