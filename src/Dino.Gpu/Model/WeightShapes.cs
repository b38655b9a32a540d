using System.Globalization;

namespace Dino.Gpu.Model;

/// <summary>
/// Whether the arrays of a model have the lengths that its sizes say. Kernels take the sizes on trust: of an array that
/// is too short they would read what lies behind it. Lengths alone are compared, so this costs nothing.
/// </summary>
internal static class WeightShapes
{
    /// <summary>The most blocks of a model.</summary>
    public const int MaxLayers = 1024;

    /// <summary>The longest side of a tensor.</summary>
    public const int MaxSide = 1 << 16;

    /// <summary>Refuses weights that are not those of their config.</summary>
    /// <returns>The same weights.</returns>
    /// <exception cref="WeightsException">The message names the first size or tensor that does not fit.</exception>
    public static VitWeights Require(VitWeights weights) => ProblemOf(weights) is { } problem
        ? throw new WeightsException($"the weights do not fit their VitConfig: {problem}")
        : weights;

    /// <summary>Refuses sizes that no model has.</summary>
    /// <exception cref="WeightsException">The message names the first one.</exception>
    public static void Require(VitConfig config)
    {
        if (ProblemOf(config) is { } problem)
            throw new WeightsException($"no model has such a VitConfig: {problem}");
    }

    /// <summary>Whether a LayerNorm can have this epsilon.</summary>
    public static bool IsEpsilon(double value) => value is > 0 and < 1;

    /// <summary>What is wrong with sizes, in a few words; null if nothing is.</summary>
    public static string? ProblemOf(VitConfig config)
    {
        (string Name, long Value, int Least, int Most)[] sizes =
        [
            (nameof(config.HiddenSize), config.HiddenSize, 1, MaxSide),
            (nameof(config.LayerCount), config.LayerCount, 1, MaxLayers),
            (nameof(config.HeadCount), config.HeadCount, 1, MaxSide),
            (nameof(config.MlpSize), config.MlpSize, 1, MaxSide),
            (nameof(config.PatchSize), config.PatchSize, 1, MaxSide),
            (nameof(config.TrainedGrid), config.TrainedGrid, 1, MaxSide),
            (nameof(config.RegisterCount), config.RegisterCount, 0, MaxSide),
            (nameof(config.TrainedImageSize), (long)config.TrainedGrid * config.PatchSize, 1, Array.MaxLength),
            (nameof(config.DefaultInputSize), config.DefaultInputSize, 1, int.MaxValue / 2), // and a margin
        ];
        foreach ((string name, long value, int least, int most) in sizes)
        {
            if (value < least || value > most)
                return $"{name} is {Text(value)} (expected {least} to {most})";
        }

        return EnumProblem(nameof(config.Kind), config.Kind)
            ?? EnumProblem(nameof(config.MlpKind), config.MlpKind)
            ?? EnumProblem(nameof(config.PositionKind), config.PositionKind)
            ?? EnumProblem(nameof(config.DefaultInterpolation), config.DefaultInterpolation)
            ?? HeadProblem(config)
            ?? (IsEpsilon(config.LayerNormEpsilon)
                ? null
                : $"{nameof(config.LayerNormEpsilon)} is {Text(config.LayerNormEpsilon)} (expected a number above 0 and below 1)")
            ?? TooLarge(nameof(VitWeights.Positions), PositionShape(config))
            ?? TooLarge(nameof(VitWeights.PatchEmbedding), [config.HiddenSize, 3, config.PatchSize, config.PatchSize])
            ?? TooLarge(nameof(BlockWeights.Qkv), [3L * config.HiddenSize, config.HiddenSize])
            ?? TooLarge(nameof(BlockWeights.Fc1), [config.Fc1Size, config.HiddenSize]);
    }

    private static string? ProblemOf(VitWeights weights)
    {
        if (weights.Config is not { } config)
            return "it is null";
        if (ProblemOf(config) is { } wrong)
            return wrong;
        int hidden = config.HiddenSize;
        return LengthProblem(nameof(weights.ClassToken), weights.ClassToken, hidden)
            ?? LengthProblem(nameof(weights.Positions), weights.Positions, PositionShape(config))
            ?? LengthProblem(nameof(weights.Registers), weights.Registers, config.RegisterCount, hidden)
            ?? LengthProblem(
                nameof(weights.RotaryPeriods), weights.RotaryPeriods,
                config.PositionKind == PositionKind.Rotary ? config.HeadSize / 4 : 0)
            ?? LinearProblem(nameof(weights.PatchEmbedding), weights.PatchEmbedding, hidden, config.PatchLength)
            ?? BlockProblem(weights.Blocks, config)
            ?? NormProblem(nameof(weights.Norm), weights.Norm, hidden);
    }

    private static string? BlockProblem(IReadOnlyList<BlockWeights>? blocks, VitConfig config)
    {
        if (blocks is null || blocks.Count != config.LayerCount)
            return $"{nameof(VitWeights.Blocks)} has {blocks?.Count ?? 0} blocks (expected {config.LayerCount})";
        int hidden = config.HiddenSize;
        for (int layer = 0; layer < blocks.Count; layer++)
        {
            string prefix = $"{nameof(VitWeights.Blocks)}[{layer}].";
            if (blocks[layer] is not { } block)
                return $"{prefix[..^1]} is null (expected a block)";
            string? problem = NormProblem(prefix + nameof(block.Norm1), block.Norm1, hidden)
                ?? LinearProblem(prefix + nameof(block.Qkv), block.Qkv, 3 * hidden, hidden)
                ?? LinearProblem(prefix + nameof(block.Projection), block.Projection, hidden, hidden)
                ?? GainProblem(prefix + nameof(block.LayerScale1), block.LayerScale1, config)
                ?? NormProblem(prefix + nameof(block.Norm2), block.Norm2, hidden)
                ?? LinearProblem(prefix + nameof(block.Fc1), block.Fc1, config.Fc1Size, hidden)
                ?? LinearProblem(prefix + nameof(block.Fc2), block.Fc2, hidden, config.MlpSize)
                ?? GainProblem(prefix + nameof(block.LayerScale2), block.LayerScale2, config);
            if (problem is not null)
                return problem;
        }

        return null;
    }

    private static string? HeadProblem(VitConfig config) => config.HiddenSize % config.HeadCount != 0
        ? $"{nameof(config.HeadCount)} is {config.HeadCount} (expected a divisor of {nameof(config.HiddenSize)}, {config.HiddenSize})"
        : config.PositionKind == PositionKind.Rotary && config.HeadSize % 4 != 0
            ? $"{nameof(config.HeadCount)} is {config.HeadCount}, which makes heads of {config.HeadSize} columns "
                + "(expected a multiple of 4 for RoPE)"
            : null;

    /// <summary>Gains that the config does not tell of would be left out without a word.</summary>
    private static string? GainProblem(string name, float[]? gains, VitConfig config) => config.HasLayerScale
        ? LengthProblem(name, gains, config.HiddenSize)
        : gains is null
            ? null
            : $"{name} has {gains.Length} values (expected null, as {nameof(config.HasLayerScale)} is false)";

    private static string? LinearProblem(string name, LinearWeights? linear, int outputs, int inputs) =>
        LengthProblem($"{name}.{nameof(linear.Weight)}", linear?.Weight, outputs, inputs)
        ?? LengthProblem($"{name}.{nameof(linear.Bias)}", linear?.Bias, outputs);

    private static string? NormProblem(string name, NormWeights? norm, int hidden) =>
        LengthProblem($"{name}.{nameof(norm.Weight)}", norm?.Weight, hidden)
        ?? LengthProblem($"{name}.{nameof(norm.Bias)}", norm?.Bias, hidden);

    private static string? LengthProblem(string name, float[]? values, params ReadOnlySpan<long> shape)
    {
        if (values is null)
            return $"{name} is null (expected {Expected(shape)})";
        return values.LongLength == Product(shape) ? null : $"{name} has {values.Length} values (expected {Expected(shape)})";
    }

    private static string? TooLarge(string name, ReadOnlySpan<long> shape) =>
        Product(shape) <= Array.MaxLength ? null : $"{name} would have {Expected(shape)} (at most {Array.MaxLength} are supported)";

    private static string? EnumProblem<T>(string name, T value)
        where T : struct, Enum =>
        Enum.IsDefined(value) ? null : $"{name} is {value} (expected {string.Join(" or ", Enum.GetNames<T>())})";

    /// <summary>(1 + grid * grid, hidden), or nothing.</summary>
    private static long[] PositionShape(VitConfig config) =>
        config.PositionKind == PositionKind.Table ? [1 + (long)config.TrainedGrid * config.TrainedGrid, config.HiddenSize] : [0];

    /// <summary>Sides are bounded, so that it does not overflow.</summary>
    private static long Product(ReadOnlySpan<long> shape)
    {
        long product = 1;
        foreach (long side in shape)
            product *= side;
        return product;
    }

    private static string Expected(ReadOnlySpan<long> shape) => shape.Length == 1
        ? $"{shape[0]} values"
        : $"{Product(shape)} values, ({string.Join(", ", shape.ToArray())})";

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
}
