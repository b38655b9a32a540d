using Dino.Gpu.Checkpoints;

namespace Dino.Gpu.Classification;

/// <summary>
/// Random numbers that are the same on every machine and in every version. They come from the hash of
/// <see cref="SyntheticWeights"/>, counted up from a name and a seed.
/// </summary>
/// <param name="name">The purpose of the numbers.</param>
/// <param name="seed">Another seed gives other numbers.</param>
internal sealed class SeededValues(string name, ulong seed)
{
    private ulong _state = SyntheticWeights.Key(name, seed);

    /// <summary>Returns a whole number from 0 to <paramref name="end"/> - 1.</summary>
    public int Next(int end) => (int)Math.BigMul(NextBits(), (ulong)end, out _);

    /// <summary>Returns a number from the standard normal distribution (Box and Muller).</summary>
    public double NextNormal()
    {
        double radius = Math.Sqrt(-2 * Math.Log(1 - NextUnit()));
        return radius * Math.Cos(2 * Math.PI * NextUnit());
    }

    /// <summary>Shuffles values. Every order is equally likely (Fisher and Yates).</summary>
    public void Shuffle(Span<int> values)
    {
        for (int last = values.Length - 1; last > 0; last--)
        {
            int other = Next(last + 1);
            (values[last], values[other]) = (values[other], values[last]);
        }
    }

    /// <summary>Returns a number from 0 up to but not including 1, in steps of 2^-53.</summary>
    private double NextUnit() => (NextBits() >> 11) * (1.0 / (1L << 53));

    private ulong NextBits() => SyntheticWeights.Mix(_state += 0x9E3779B97F4A7C15);
}
