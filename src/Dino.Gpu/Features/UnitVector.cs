namespace Dino.Gpu.Features;

/// <summary>Scales vectors to length 1 (L2), as torch's <c>normalize</c> does.</summary>
internal static class UnitVector
{
    /// <summary>x / max(|x|, 1e-12), with the sum of squares in double precision.</summary>
    public static void Scale(Span<float> vector)
    {
        double squares = 0;
        foreach (float value in vector)
            squares += (double)value * value;
        double length = Math.Max(Math.Sqrt(squares), 1e-12);
        for (int i = 0; i < vector.Length; i++)
            vector[i] = (float)(vector[i] / length);
    }
}
