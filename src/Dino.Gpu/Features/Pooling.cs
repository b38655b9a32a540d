using System.Globalization;
using Dino.Gpu.Vit;

namespace Dino.Gpu.Features;

/// <summary>
/// How the tokens of a picture become one vector. It holds the class tokens of the last blocks side by side, the
/// earliest block first, then the pooled patches of the last block, without the registers. All tokens are taken after
/// the final LayerNorm. Sums are in double precision.
/// </summary>
/// <remarks>
/// The original's <c>eval_linear.py</c> takes the last 4 blocks of ViT-S. Of ViT-B it takes 1 block and the mean of the
/// patches, and interleaves the values of the class token with those of the mean. Here the mean follows the class
/// token. <c>eval_copy_detection.py</c> takes the last class token and the generalized mean of the patches.
/// </remarks>
public sealed record Pooling
{
    /// <summary>The exponent of <c>eval_copy_detection.py</c>.</summary>
    public const double DefaultPower = 4;

    /// <summary>All names that <see cref="Parse"/> takes, for messages.</summary>
    public const string Names = "cls, mean, gem, cls+mean, cls+gem, lastN, lastN+mean, lastN+gem";

    /// <summary>A generalized mean raises smaller values to this one, as <c>eval_copy_detection.py</c> does.</summary>
    private const double Smallest = 1e-6;

    /// <summary>The class token of the last block: DINO's embedding.</summary>
    public static Pooling ClassToken { get; } = new();

    /// <summary>The number of blocks whose class tokens are used, counted from the last; 0 for none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 0.</exception>
    public int LastBlocks
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    } = 1;

    /// <summary>How the patch tokens of the last block are pooled.</summary>
    /// <exception cref="ArgumentOutOfRangeException">None of the enumeration's values.</exception>
    public PatchPooling Patches
    {
        get;
        init
        {
            Arguments.ThrowIfUndefined(value);
            field = value;
        }
    }

    /// <summary>The outputs that a forward pass must return.</summary>
    public DinoOutputs Outputs =>
        (Patches != PatchPooling.None ? DinoOutputs.LastHiddenState : LastBlocks == 1 ? DinoOutputs.ClassToken : 0)
        | (LastBlocks > 1 ? DinoOutputs.LayerClassTokens : 0);

    /// <summary>The layers of these outputs that a forward pass must return.</summary>
    public DinoLayers Layers
    {
        get
        {
            int blocks = Math.Min(LastBlocks, ForwardRequest.MaxLayers + 1); // no model has more, so a pass refuses them
            return new() { ClassTokens = [.. Enumerable.Range(-blocks, blocks)] };
        }
    }

    /// <summary>
    /// Parses <c>cls</c> (or <c>last4</c> for the last four blocks), <c>mean</c>, <c>gem</c>, or two joined by
    /// <c>+</c>.
    /// </summary>
    /// <returns>Null for anything else.</returns>
    public static Pooling? Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        string[] parts = name.Split('+');
        int blocks = parts[0] == "cls" ? 1 : 0;
        if (parts[0].StartsWith("last", StringComparison.Ordinal)
            && int.TryParse(parts[0].AsSpan(4), NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            blocks = number;
        if (parts.Length > 2 || (parts.Length == 2 && blocks == 0))
            return null;
        PatchPooling? patches = (blocks > 0 ? parts.ElementAtOrDefault(1) : parts[0]) switch
        {
            null => PatchPooling.None,
            "mean" => PatchPooling.Mean,
            "gem" => PatchPooling.GeneralizedMean,
            _ => null,
        };
        return patches is { } known ? new Pooling { LastBlocks = blocks, Patches = known } : null;
    }

    /// <summary>The number of values of a pooled vector.</summary>
    /// <param name="hidden">The number of values of a token.</param>
    /// <exception cref="ArgumentOutOfRangeException">Negative, or the vector is more than an array holds.</exception>
    public int Length(int hidden)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(hidden);
        long tokens = LastBlocks + (Patches == PatchPooling.None ? 0L : 1);
        if (hidden * tokens > Array.MaxLength)
            throw new ArgumentOutOfRangeException(nameof(hidden), hidden, $"{tokens} tokens of this size are more than an array holds.");
        return (int)(hidden * tokens);
    }

    /// <summary>Pools one picture.</summary>
    /// <param name="output">The output of a pass that returned <see cref="Outputs"/> of <see cref="Layers"/>.</param>
    /// <param name="image">The number of the picture in the pass.</param>
    /// <param name="vector">(<see cref="Length"/>)</param>
    /// <exception cref="ArgumentException">
    /// The pass did not return these outputs, or the vector has another length.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such picture in the pass.</exception>
    /// <exception cref="InvalidOperationException">Neither class tokens nor patches are pooled.</exception>
    public void Apply(DinoOutput output, int image, Span<float> vector)
    {
        ArgumentNullException.ThrowIfNull(output);
        if (Outputs == 0)
            throw new InvalidOperationException("Neither class tokens nor patches are pooled.");

        // blocks is (blocks, images, hidden); last is (images, tokens, hidden), or (images, hidden) without patches.
        DinoTensor? blocks = LastBlocks > 1 ? Of(output.LayerClassTokens, DinoOutputs.LayerClassTokens) : null;
        DinoTensor? last = Patches != PatchPooling.None ? Of(output.LastHiddenState, DinoOutputs.LastHiddenState)
            : LastBlocks == 1 ? Of(output.ClassToken, DinoOutputs.ClassToken)
            : null;
        int hidden = (last ?? blocks)!.Shape[^1];
        Arguments.ThrowIfNoIndex(image, last?.Shape[0] ?? blocks!.Shape[1]);
        if (vector.Length != Length(hidden))
            throw new ArgumentException($"The vector has {Length(hidden)} values, got room for {vector.Length}.", nameof(vector));
        if (blocks is not null && blocks.Shape[0] != LastBlocks)
        {
            throw new ArgumentException(
                $"The pass returned class tokens of {blocks.Shape[0]} blocks, expected {LastBlocks}.", nameof(output));
        }

        for (int block = 0; block < blocks?.Shape[0]; block++)
            blocks.Data.AsSpan((block * blocks.Shape[1] + image) * hidden, hidden).CopyTo(vector[(block * hidden)..]);
        if (last is null)
            return;
        int length = last.Data.Length / last.Shape[0];
        ReadOnlySpan<float> all = last.Data.AsSpan(image * length, length);
        if (LastBlocks == 1)
            all[..hidden].CopyTo(vector);
        Span<float> pooled = vector[(LastBlocks * hidden)..];
        if (Patches == PatchPooling.Mean)
            Mean(all[(output.PrefixTokenCount * hidden)..], pooled);
        else if (Patches == PatchPooling.GeneralizedMean)
            GeneralizedMean(all[(output.PrefixTokenCount * hidden)..], pooled);
    }

    /// <summary>The mean of each column.</summary>
    /// <param name="patches">(patches, columns)</param>
    /// <param name="mean">(columns)</param>
    /// <exception cref="ArgumentException">No patches, or not whole ones.</exception>
    public static void Mean(ReadOnlySpan<float> patches, Span<float> mean)
    {
        int count = Count(patches, mean);
        for (int column = 0; column < mean.Length; column++)
        {
            double sum = 0;
            for (int patch = 0; patch < count; patch++)
                sum += patches[patch * mean.Length + column];
            mean[column] = (float)(sum / count);
        }
    }

    /// <summary>
    /// GeM: mean(max(x, 1e-6)^power)^(1 / power) of each column. With power 1 it is the mean of the positive parts; as
    /// the power grows it approaches the maximum.
    /// </summary>
    /// <param name="patches">(patches, columns)</param>
    /// <param name="pooled">(columns)</param>
    /// <param name="power">Above 0.</param>
    /// <exception cref="ArgumentException">No patches, or not whole ones.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The power is not above 0.</exception>
    public static void GeneralizedMean(ReadOnlySpan<float> patches, Span<float> pooled, double power = DefaultPower)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(power);
        int count = Count(patches, pooled);
        for (int column = 0; column < pooled.Length; column++)
        {
            double unit = 1;
            double sum = SumOfPowers(patches, pooled.Length, column, power, unit);
            if (sum is 0 or double.PositiveInfinity && Largest(patches, pooled.Length, column) is var largest && double.IsFinite(largest))
            {
                unit = largest; // a double does not hold the powers, but those of shares of the largest value
                sum = SumOfPowers(patches, pooled.Length, column, power, unit);
            }

            pooled[column] = (float)(unit * Math.Pow(sum / count, 1 / power));
        }
    }

    /// <summary>The sum of (max(x, 1e-6) / unit)^power in a column.</summary>
    private static double SumOfPowers(ReadOnlySpan<float> patches, int columns, int column, double power, double unit)
    {
        double sum = 0;
        for (int i = column; i < patches.Length; i += columns)
            sum += Math.Pow(Math.Max(patches[i], Smallest) / unit, power);
        return sum;
    }

    private static double Largest(ReadOnlySpan<float> patches, int columns, int column)
    {
        double largest = Smallest;
        for (int i = column; i < patches.Length; i += columns)
            largest = Math.Max(largest, patches[i]);
        return largest;
    }

    private static DinoTensor Of(DinoTensor? tensor, DinoOutputs name) =>
        tensor ?? throw new ArgumentException($"The pass did not return {name}.", nameof(tensor));

    /// <summary>The number of patches, each with as many columns as the result.</summary>
    private static int Count(ReadOnlySpan<float> patches, ReadOnlySpan<float> columns) =>
        columns.Length > 0 && patches.Length > 0 && patches.Length % columns.Length == 0
            ? patches.Length / columns.Length
            : throw new ArgumentException($"{patches.Length} values are not one or more patches of {columns.Length}.", nameof(patches));
}
