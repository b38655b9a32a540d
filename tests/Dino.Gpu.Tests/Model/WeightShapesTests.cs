using System.Globalization;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

/// <summary>
/// Weights from other hands are refused where an array has not the length that the config says: kernels would read past
/// its end.
/// </summary>
public sealed class WeightShapesTests : IDisposable
{
    private static readonly DinoOptions Cpu = new() { Device = "cpu", Threads = 1 };

    private readonly TemporaryFolder _folder = new();

    /// <summary>One model of each family, and what its arrays are called.</summary>
    private static readonly VitConfig[] Families =
    [
        TinyModel.Weights.Config,
        TinyModel.Weights.Config with { Kind = ModelKind.DinoV2, HasLayerScale = true, MlpKind = MlpKind.GatedSilu },
        TinyModel.Weights.Config with { Kind = ModelKind.DinoV2, HasLayerScale = true, RegisterCount = 4 },
        TinyModel.Weights.Config with
        {
            Kind = ModelKind.DinoV3,
            HasLayerScale = true,
            RegisterCount = 4,
            PositionKind = PositionKind.Rotary,
            MlpKind = MlpKind.GatedSilu,
        },
    ];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Every_array_must_have_the_length_that_the_config_says(int family)
    {
        VitWeights weights = SyntheticWeights.Create(Families[family]);
        using (var encoder = DinoEncoder.Create(weights, Cpu))
            Assert.Equal(16, encoder.Embed(TinyModel.Picture(1)).Length);
        SafetensorsWriter.Write(_folder.Path("whole.safetensors"), weights);
        List<(string Name, float[] Values)> arrays = Arrays(weights);
        Assert.True(arrays.Count >= 30, string.Join(", ", arrays.Select(array => array.Name)));
        foreach ((string name, float[] values) in arrays)
        {
            foreach (float[]? found in (float[]?[])[[.. values, 1], values[..^1], null])
            {
                string message = AssertRefused(Changed(weights, name, _ => found));
                Assert.Contains($": {name} {(found is null ? "is null" : $"has {found.Length} values")} ", message);
                Assert.Contains($"(expected {values.Length} values", message);
            }
        }
    }

    [Fact]
    public void Arrays_that_the_config_does_not_tell_of_are_refused()
    {
        VitWeights weights = TinyModel.Weights;
        foreach (string name in (string[])["Registers", "RotaryPeriods"])
            Assert.Contains($"{name} has 16 values (expected 0 values", AssertRefused(Changed(weights, name, _ => new float[16])));
        foreach (string name in (string[])["Blocks[1].LayerScale1", "Blocks[0].LayerScale2"])
            Assert.Contains($"{name} has 16 values (expected null", AssertRefused(Changed(weights, name, _ => new float[16])));
    }

    [Fact]
    public void Blocks_are_as_many_as_the_config_says()
    {
        VitWeights weights = TinyModel.Weights;
        Assert.Contains("Blocks has 1 blocks (expected 2)", AssertRefused(weights.With([weights.Blocks[0]])));
        Assert.Contains("Blocks has 3 blocks (expected 2)", AssertRefused(weights.With([.. weights.Blocks, weights.Blocks[0]])));
        Assert.Contains("Blocks has 0 blocks (expected 2)", AssertRefused(weights.With((IReadOnlyList<BlockWeights>)null!)));
        Assert.Contains("Blocks[1] is null", AssertRefused(weights.With([weights.Blocks[0], null!])));
    }

    public static TheoryData<string, string> WrongSizes { get; } = new()
    {
        { nameof(VitConfig.HiddenSize), "0" },
        { nameof(VitConfig.HiddenSize), "-16" },
        { nameof(VitConfig.LayerCount), "0" },
        { nameof(VitConfig.LayerCount), "-1" },
        { nameof(VitConfig.LayerCount), "1025" },
        { nameof(VitConfig.HeadCount), "0" },
        { nameof(VitConfig.HeadCount), "3" },
        { nameof(VitConfig.MlpSize), "0" },
        { nameof(VitConfig.MlpSize), "2147483647" },
        { nameof(VitConfig.PatchSize), "0" },
        { nameof(VitConfig.TrainedGrid), "0" },
        { nameof(VitConfig.TrainedGrid), "60000" },
        { nameof(VitConfig.RegisterCount), "-1" },
        { nameof(VitConfig.DefaultInputSize), "0" },
        { nameof(VitConfig.DefaultInputSize), "2147483647" },
        { nameof(VitConfig.LayerNormEpsilon), "0" },
        { nameof(VitConfig.LayerNormEpsilon), "-1E-06" },
        { nameof(VitConfig.LayerNormEpsilon), "NaN" },
        { nameof(VitConfig.LayerNormEpsilon), "Infinity" },
        { nameof(VitConfig.Kind), "77" },
        { nameof(VitConfig.MlpKind), "77" },
        { nameof(VitConfig.PositionKind), "77" },
        { nameof(VitConfig.DefaultInterpolation), "77" },
    };

    [Theory]
    [MemberData(nameof(WrongSizes))]
    public void Sizes_that_no_model_has_are_refused(string size, string value)
    {
        VitConfig config = Set(size, value);
        bool isLarge = size == nameof(VitConfig.TrainedGrid) && value == "60000";
        Assert.Contains(isLarge ? "Positions would have" : $": {size} is {value} ", AssertRefused(Of(config)));
        AssertRefusedConfig(config);
    }

    [Fact]
    public void Heads_of_a_model_with_rotations_have_whole_periods()
    {
        VitConfig config = Families[3] with { HeadCount = 8 };
        Assert.Contains("heads of 2 columns (expected a multiple of 4 for RoPE)", AssertRefused(Of(config)));
        AssertRefusedConfig(config);
    }

    [Fact]
    public void Part_that_a_family_does_not_have_is_not_left_out_of_the_file()
    {
        VitConfig first = Families[0];
        foreach ((VitConfig config, string part) in ((VitConfig, string)[])[
            (first with { MlpKind = MlpKind.GatedSilu }, "no gated MLP"),
            (first with { RegisterCount = 4 }, "no registers"),
            (first with { HasLayerScale = true }, "no LayerScale"),
            (first with { PositionKind = PositionKind.Rotary }, "no RoPE"),
            (first with { Kind = ModelKind.DinoV3 }, "no table of positions")])
        {
            AssertRefusedConfig(config, part);
            VitWeights weights = VitWeights.Allocate(config);
            string path = _folder.Path("part.safetensors");
            Assert.Contains(part, Assert.Throws<WeightsException>(() => SafetensorsWriter.Write(path, weights)).Message);
            Assert.False(File.Exists(path));
            using var encoder = DinoEncoder.Create(weights, Cpu); // which has no need of names
        }
    }

    /// <summary>Refused by every door, which say the same.</summary>
    private string AssertRefused(VitWeights weights)
    {
        string path = _folder.Path("wrong.safetensors");
        string message = Assert.Throws<WeightsException>(() => DinoEncoder.Create(weights, Cpu)).Message;
        Assert.Equal(message, Assert.Throws<WeightsException>(() => DinoEncoderGroup.Create(weights, Cpu)).Message);
        Assert.Equal(message, Assert.Throws<WeightsException>(() => SafetensorsWriter.Write(path, weights)).Message);
        Assert.Equal(
            message, Assert.Throws<WeightsException>(() => SafetensorsWriter.WriteConfig(path, weights, WeightsDataType.Float32)).Message);
        Assert.False(File.Exists(path));
        Assert.StartsWith("the weights do not fit their VitConfig: ", message);
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private void AssertRefusedConfig(VitConfig config, string? part = null)
    {
        string path = _folder.Path("config.json");
        string message = Assert.Throws<WeightsException>(() => SyntheticWeights.Create(config)).Message;
        Assert.Equal(message, Assert.Throws<WeightsException>(() => SafetensorsWriter.WriteConfig(path, config)).Message);
        Assert.False(File.Exists(path));
        Assert.Contains(part ?? "no model has such a VitConfig: ", message);
    }

    private static VitConfig Set(string size, string value)
    {
        VitConfig config = TinyModel.Weights.Config with { };
        System.Reflection.PropertyInfo property = typeof(VitConfig).GetProperty(size)!;
        Type type = property.PropertyType;
        property.SetValue(config, type.IsEnum ? Enum.Parse(type, value) : Convert.ChangeType(value, type, CultureInfo.InvariantCulture));
        return config;
    }

    /// <summary>Another config with the arrays of the tiny model.</summary>
    private static VitWeights Of(VitConfig config) => new()
    {
        Config = config,
        ClassToken = TinyModel.Weights.ClassToken,
        Positions = TinyModel.Weights.Positions,
        PatchEmbedding = TinyModel.Weights.PatchEmbedding,
        Blocks = TinyModel.Weights.Blocks,
        Norm = TinyModel.Weights.Norm,
    };

    /// <summary>The arrays by the names of their properties; none that are empty or not there.</summary>
    private static List<(string Name, float[] Values)> Arrays(VitWeights weights)
    {
        var arrays = new List<(string, float[])>();
        Changed(weights, (name, values) =>
        {
            if (values?.Length > 0)
                arrays.Add((name, values));
            return values;
        });
        return arrays;
    }

    private static VitWeights Changed(VitWeights weights, string which, Func<float[], float[]?> change) =>
        Changed(weights, (name, values) => name == which ? change(values ?? []) : values);

    private static VitWeights Changed(VitWeights weights, Func<string, float[]?, float[]?> change)
    {
        float[] Array(string name, float[] values) => change(name, values)!;
        LinearWeights Linear(string name, LinearWeights linear) =>
            new(Array($"{name}.Weight", linear.Weight), Array($"{name}.Bias", linear.Bias));
        NormWeights Norm(string name, NormWeights norm) => new(Array($"{name}.Weight", norm.Weight), Array($"{name}.Bias", norm.Bias));
        return new VitWeights
        {
            Config = weights.Config,
            ClassToken = Array("ClassToken", weights.ClassToken),
            Positions = Array("Positions", weights.Positions),
            Registers = Array("Registers", weights.Registers),
            RotaryPeriods = Array("RotaryPeriods", weights.RotaryPeriods),
            PatchEmbedding = Linear("PatchEmbedding", weights.PatchEmbedding),
            Blocks = [.. weights.Blocks.Select((block, layer) => new BlockWeights
            {
                Norm1 = Norm($"Blocks[{layer}].Norm1", block.Norm1),
                Qkv = Linear($"Blocks[{layer}].Qkv", block.Qkv),
                Projection = Linear($"Blocks[{layer}].Projection", block.Projection),
                LayerScale1 = change($"Blocks[{layer}].LayerScale1", block.LayerScale1),
                Norm2 = Norm($"Blocks[{layer}].Norm2", block.Norm2),
                Fc1 = Linear($"Blocks[{layer}].Fc1", block.Fc1),
                Fc2 = Linear($"Blocks[{layer}].Fc2", block.Fc2),
                LayerScale2 = change($"Blocks[{layer}].LayerScale2", block.LayerScale2),
            })],
            Norm = Norm("Norm", weights.Norm),
        };
    }
}
