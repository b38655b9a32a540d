using System.Runtime.InteropServices;
using MathNet.Numerics.LinearAlgebra;
using Lanes = System.Numerics.Vector<double>;

namespace Dino.Gpu.Features;

/// <summary>
/// Finds the principal components of the patches of any number of pictures. Pictures are added one after another. Only
/// the mean and the covariance are kept, in double precision. The sums depend on the order of the patches, but not on
/// how many are added at a time. Not thread-safe.
/// </summary>
public sealed class PatchPcaFit
{
    /// <summary>
    /// Rows of the covariance that a thread works on at a time. With 384 channels they take 48 KiB and stay in its
    /// cache.
    /// </summary>
    private const int RowsAtOnce = 16;

    private readonly double[] _origin; // (channels), near the mean, so that the sums of squares lose no digits
    private readonly double[] _sums; // (channels) of x - origin
    private readonly double[] _products; // (channels, channels) of (x - origin)(x - origin)^T, on and right of the diagonal

    /// <param name="channels">Values of a patch.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not positive, or the covariance is more than an array holds.</exception>
    public PatchPcaFit(int channels)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        if ((long)channels * channels > Array.MaxLength)
        {
            throw new ArgumentOutOfRangeException(
                nameof(channels), channels, $"Their covariance is more than an array holds ({Array.MaxLength} values).");
        }

        _origin = new double[channels];
        _sums = new double[channels];
        _products = new double[channels * channels];
    }

    /// <summary>The number of patches added.</summary>
    public long Count { get; private set; }

    /// <summary>Adds patches.</summary>
    /// <param name="patches">(patches, channels)</param>
    /// <exception cref="ArgumentException">There are no whole patches, or a value is not finite.</exception>
    public void Add(ReadOnlySpan<float> patches)
    {
        int channels = _origin.Length;
        int count = PatchCount(patches, channels);
        Arguments.ThrowIfNotFinite(patches, channels, "Patch", nameof(patches));
        if (Count == 0 && count > 0)
        {
            for (int i = 0; i < channels; i++)
                _origin[i] = patches[i];
        }

        var moved = new double[patches.Length];
        for (int i = 0; i < moved.Length; i++)
        {
            moved[i] = patches[i] - _origin[i % channels];
            _sums[i % channels] += moved[i];
        }

        Parallel.For(0, (channels + RowsAtOnce - 1) / RowsAtOnce, block =>
        {
            int last = Math.Min(channels, (block + 1) * RowsAtOnce);
            for (int patch = 0; patch < count; patch++)
            {
                ReadOnlySpan<double> x = moved.AsSpan(patch * channels, channels);
                for (int row = block * RowsAtOnce; row < last; row++)
                    MultiplyAdd(x[row], x[row..], _products.AsSpan(row * channels + row, channels - row));
            }
        });
        Count += count;
    }

    /// <summary>The components of all patches added so far.</summary>
    /// <param name="components">The number of components, up to the number of channels.</param>
    /// <exception cref="InvalidOperationException">Nothing was added.</exception>
    public PatchPca Solve(int components = 3)
    {
        int channels = _origin.Length;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(components);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(components, channels);
        if (Count == 0)
            throw new InvalidOperationException("There are no patches to find components of.");
        double[] mean = [.. _origin.Zip(_sums, (origin, sum) => origin + sum / Count)];
        Matrix<double> covariance = Matrix<double>.Build.Dense(channels, channels, (row, column) =>
        {
            (int i, int j) = row < column ? (row, column) : (column, row);
            return (_products[i * channels + j] - _sums[i] * _sums[j] / Count) / Count;
        });
        var solved = covariance.Evd(Symmetricity.Symmetric); // eigenvalues ascending
        var axes = new double[components * channels];
        var variances = new double[components];
        for (int component = 0; component < components; component++)
        {
            int column = channels - 1 - component;
            variances[component] = Math.Max(0, solved.EigenValues[column].Real);
            double[] axis = solved.EigenVectors.Column(column).ToArray();
            double sign = axis.MaxBy(Math.Abs) < 0 ? -1 : 1;
            for (int i = 0; i < channels; i++)
                axes[component * channels + i] = sign * axis[i];
        }

        return new PatchPca(mean, axes, variances, covariance.Diagonal().Sum());
    }

    /// <summary>The number of patches in an array.</summary>
    internal static int PatchCount(ReadOnlySpan<float> patches, int channels) => patches.Length % channels == 0
        ? patches.Length / channels
        : throw new ArgumentException($"Expected patches of {channels} values each, got {patches.Length} values.", nameof(patches));

    /// <summary>sums += factor * x.</summary>
    private static void MultiplyAdd(double factor, ReadOnlySpan<double> x, Span<double> sums)
    {
        ReadOnlySpan<Lanes> wideX = MemoryMarshal.Cast<double, Lanes>(x);
        Span<Lanes> wideSums = MemoryMarshal.Cast<double, Lanes>(sums);
        for (int i = 0; i < wideX.Length; i++)
            wideSums[i] += factor * wideX[i];
        for (int i = wideX.Length * Lanes.Count; i < x.Length; i++)
            sums[i] += factor * x[i];
    }
}
