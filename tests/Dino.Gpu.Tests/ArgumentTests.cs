using Dino.Gpu.Classification;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Pictures;
using Dino.Gpu.Data.Runs;
using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Search;
using Dino.Gpu.Tests.Classification;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests;

/// <summary>Every wrong argument is refused before anything is computed, and the exception names it.</summary>
public sealed class ArgumentTests
{
    private static readonly DinoOptions Cpu = new() { Device = "cpu" };
    private static readonly RgbImage Picture = TinyModel.Picture(1);

    [Fact]
    public void Encoder_names_the_argument_that_is_missing()
    {
        using DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, Cpu);
        using DinoEncoderGroup group = DinoEncoderGroup.Create(TinyModel.Weights, Cpu);
        foreach (IDinoEncoder either in (IDinoEncoder[])[encoder, group])
        {
            AssertNames<ArgumentNullException>("images", () => either.ForwardPrepared(null!, DinoOutputs.ClassToken));
            AssertNames<ArgumentException>("images", () => either.ForwardPrepared([null!], DinoOutputs.ClassToken));
            AssertNames<ArgumentException>("images", () => either.ForwardMultiScale([Picture, null!]));
            AssertNames<ArgumentNullException>("images", () => either.Embed((IReadOnlyList<RgbImage>)null!));
            AssertNames<ArgumentNullException>("paths", () => either.Embed((IReadOnlyList<string>)null!));
            AssertNames<ArgumentNullException>("images", () => either.EmbedMultiScale(null!));
            AssertNames<ArgumentNullException>("images", () => either.Forward((IReadOnlyList<RgbImage>)null!, DinoOutputs.ClassToken));
            AssertNames<ArgumentNullException>("paths", () => either.EmbedManyAsync((IEnumerable<string>)null!));
            AssertNames<ArgumentNullException>("streams", () => either.EmbedManyAsync((IAsyncEnumerable<Stream>)null!));
        }

        AssertNames<ArgumentException>("images", () => encoder.ProfilePrepared([null!], DinoOutputs.ClassToken));
        AssertNames<ArgumentNullException>("weights", () => DinoEncoder.Load(null!));
        AssertNames<ArgumentNullException>("weights", () => DinoEncoderGroup.Load(null!));
        AssertNames<ArgumentNullException>("Device", () => DinoEncoder.Create(TinyModel.Weights, new DinoOptions { Device = null! }));
        AssertNames<ArgumentNullException>("Device", () => DinoEncoderGroup.Create(TinyModel.Weights, new DinoOptions { Device = null! }));
    }

    [Fact]
    public void Numbers_that_are_no_value_of_an_enumeration_are_refused()
    {
        using DinoEncoder encoder = DinoEncoder.Create(TinyModel.Weights, Cpu);
        DinoOutputs all = Enum.GetValues<DinoOutputs>().Aggregate((a, b) => a | b);
        Assert.NotNull(encoder.ForwardPrepared([Picture], all).RotatedKeys);
        AssertNames<ArgumentOutOfRangeException>("outputs", () => encoder.ForwardPrepared([Picture], all + 1));
        AssertNames<ArgumentOutOfRangeException>("outputs", () => encoder.CountOperations((DinoOutputs)(-1)));

        DinoException turned = Assert.Throws<DinoException>(
            () => DinoEncoder.Create(TinyModel.Weights, Cpu with { Orientation = (ExifOrientation)7 }));
        Assert.Equal("the EXIF orientation is 7 (expected Apply or Ignore)", turned.Message);
        DinoException other = Assert.Throws<DinoException>(
            () => DinoEncoder.Create(TinyModel.Weights, Cpu with { Interpolation = (PositionInterpolation)9 }));
        Assert.Equal("the interpolation is 9 (expected Size or Scale or Antialias)", other.Message);

        AssertNames<ArgumentOutOfRangeException>(
            "orientation", () => ImageFile.Decode(GoldenData.Image("chelsea.png"), new StbImageDecoder(), (ExifOrientation)7));
        AssertNames<ArgumentOutOfRangeException>("filter", () => PillowResize.Resize(Picture, 8, 8, (ResizeFilter)2));
        AssertNames<ArgumentOutOfRangeException>("value", () => new NearestNeighborsOptions { Similarity = (Similarity)2 });
        AssertNames<ArgumentOutOfRangeException>("value", () => new Pooling { Patches = (PatchPooling)(-1) });
    }

    [Theory]
    [InlineData(60_000, 60_000)]
    [InlineData(int.MaxValue, 1)]
    [InlineData(1, int.MaxValue)]
    public void Size_that_no_array_holds_is_refused(int width, int height) =>
        AssertNames<ArgumentException>("width", () => PillowResize.Resize(Picture, width, height, ResizeFilter.Bilinear));

    [Fact]
    public void Figures_that_normalize_nothing_are_refused()
    {
        PreprocessorConfig standard = PreprocessorConfig.Standard;
        foreach (PreprocessorConfig wrong in (PreprocessorConfig[])[
            standard with { Mean = null! },
            standard with { Mean = [0, 0] },
            standard with { Mean = [0, 0, double.NaN] },
            standard with { StandardDeviation = null! },
            standard with { StandardDeviation = [0, 0, 0] },
            standard with { Scale = double.NaN }])
        {
            AssertNames<ArgumentException>("config", () => PixelNormalization.CreateTable(wrong));
            AssertNames<ArgumentException>("config", () => PixelNormalization.Normalize(Picture, wrong));
        }
    }

    [Fact]
    public void Lists_of_names_are_checked_before_they_are_read()
    {
        AssertNames<ArgumentNullException>("inputs", () => InputList.Settle(null!));
        AssertNames<ArgumentException>("inputs", () => InputList.Settle([null!]));
        AssertNames<ArgumentException>("folders", () => RunMerge.Merge([null!], "x.npz"));
        AssertNames<ArgumentException>("folders", () => RunMerge.Merge([], "x.npz"));
    }

    /// <summary>What the command line calls standard input and output means nothing to a program.</summary>
    [Fact]
    public void Standard_streams_are_no_names_for_the_library()
    {
        foreach (string name in (string[])["-", "/dev/stdout", ""])
        {
            DinoException failure = Assert.Throws<DinoException>(() => RunMerge.Merge(["nowhere"], name));
            Assert.Contains(name.Length == 0 ? "empty" : $"cannot write '{name}'", failure.Message);
        }

        Assert.Contains("'-'", Assert.Throws<DinoException>(() => InputList.Settle(["-"])).Message);
    }

    [Fact]
    public void Components_are_found_of_finite_patches_only()
    {
        AssertNames<ArgumentOutOfRangeException>("channels", () => new PatchPcaFit(50_000));
        AssertNames<ArgumentOutOfRangeException>("channels", () => new PatchPcaFit(int.MaxValue));
        var fit = new PatchPcaFit(2);
        fit.Add([1, 2, 3, 5]);
        foreach (float wrong in (float[])[float.NaN, float.PositiveInfinity])
            AssertNames<ArgumentException>("patches", () => fit.Add([1, 2, 3, wrong]));
        Assert.Equal(2, fit.Count);
        Assert.All(fit.Solve(2).Axes.ToArray(), value => Assert.True(double.IsFinite(value)));
    }

    [Fact]
    public void Classes_and_vectors_that_are_not_there_are_refused()
    {
        var predictions = new Predictions(2);
        predictions.Set(0, [0.1, 0.9], floor: 0);
        AssertNames<ArgumentException>("predictions", () => ConfusionMatrix.Of(predictions, [0, 1], Clusters.Names(2)));
        predictions.Set(1, [0.8, 0.2], floor: 0);
        AssertNames<ArgumentException>("labels", () => ConfusionMatrix.Of(predictions, [0, 2], Clusters.Names(2)));
        AssertNames<ArgumentException>("labels", () => ConfusionMatrix.Of(predictions, [-1, 0], Clusters.Names(2)));
        AssertNames<ArgumentException>("classNames", () => ConfusionMatrix.Of(predictions, [0, 0], Clusters.Names(1)));
        AssertNames<ArgumentOutOfRangeException>("index", () => predictions.Classes(2).Length);
        AssertNames<ArgumentOutOfRangeException>("index", () => predictions.Scores(-1).Length);

        var matrix = ConfusionMatrix.Of(predictions, [0, 1], Clusters.Names(2));
        AssertNames<ArgumentOutOfRangeException>("truth", () => matrix.Total(-1));
        AssertNames<ArgumentOutOfRangeException>("truth", () => matrix.ClassAccuracy(9));
        AssertNames<ArgumentOutOfRangeException>("predicted", () => matrix[0, 2]);
        LabeledVectors vectors = Clusters.Create(4, 3, 2, noise: 0.1);
        AssertNames<ArgumentOutOfRangeException>("indices", () => vectors.Select([9]));
    }

    [Fact]
    public void Classifier_names_the_vectors_that_are_not_finite()
    {
        LabeledVectors train = Clusters.Create(4, 3, 2, noise: 0.1);
        using var classifier = KnnClassifier.Create(train, new KnnOptions { Device = "cpu" });
        float[] wrong = [1, 2, 3, 4, float.NaN, 6];
        ArgumentException failure = AssertNames<ArgumentException>("vectors", () => classifier.Classify(wrong, 1));
        Assert.Contains("Vector 1 has a value that is not finite", failure.Message);
    }

    [Fact]
    public void Probe_is_saved_only_where_it_can_be_loaded()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Path("probe.safetensors");
        var probe = new LinearProbe([1f, 2f], [0f], ["a"]) { Metadata = new Dictionary<string, string> { ["k"] = null! } };
        AssertNames<ArgumentNullException>("path", () => probe.Save(null!));
        Assert.Contains("'k'", Assert.Throws<InvalidOperationException>(() => probe.Save(path)).Message);
        Assert.False(File.Exists(path));
        Assert.Throws<ArgumentNullException>(() => new LinearProbe([1f, 2f], [0f], ["a"]) { Metadata = null! });
    }

    [Fact]
    public void Maps_are_enlarged_to_what_an_array_holds()
    {
        AssertNames<ArgumentOutOfRangeException>("scale", () => AttentionMap.Upsample([1f], 1, 1, 65_536));
        AssertNames<ArgumentOutOfRangeException>("scale", () => AttentionMap.Upsample([1f], 1, 1, 46_341));
        AssertNames<ArgumentOutOfRangeException>("gridHeight", () => AttentionMap.Upsample([1f, 2f, 3f, 4f], -2, -2, 1));
        AssertNames<ArgumentException>("grid", () => AttentionMap.Upsample([1f], 65_536, 65_536, 1));
        AssertNames<ArgumentOutOfRangeException>("gridHeight", () => new PatchFeatures(new float[4], -2, -2, 1));
        AssertNames<ArgumentException>("values", () => new PatchFeatures([], 1 << 30, 1 << 30, 16)); // 2^64 wraps to 0
        AssertNames<ArgumentException>("values", () => new AttentionMap([], 1 << 30, 1 << 30, 16));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(-0.5f)]
    public void Mask_is_made_of_attention(float wrong)
    {
        AssertNames<ArgumentException>("values", () => AttentionMap.Mask([0.5f, wrong], 0.6));
        Assert.Equal([false, false], AttentionMap.Mask([0f, 0f], 0.6)); // there is no share to keep
    }

    [Theory]
    [InlineData(2)]
    [InlineData(-0.1)]
    [InlineData(double.NaN)]
    public void Overlay_refuses_what_is_no_share(double alpha) =>
        AssertNames<ArgumentOutOfRangeException>("alpha", () => AttentionPicture.Overlay(Picture, Picture, alpha));

    [Fact]
    public void Tensor_keeps_a_shape_of_its_own()
    {
        AssertNames<ArgumentException>("shape", () => new DinoTensor(new float[4], -2, -2));
        AssertNames<ArgumentException>("shape", () => new DinoTensor([], 1 << 30, 1 << 30, 16)); // 2^64 wraps to 0
        int[] shape = [2, 2];
        var tensor = new DinoTensor(new float[4], shape);
        shape[0] = 7;
        Assert.Equal([2, 2], tensor.Shape);
    }

    [Fact]
    public void Pooling_refuses_what_it_cannot_compute()
    {
        Pooling huge = Pooling.Parse("last2147483647")!;
        AssertNames<ArgumentOutOfRangeException>("hidden", () => huge.Length(384));
        AssertNames<ArgumentOutOfRangeException>("hidden", () => (huge with { Patches = PatchPooling.Mean }).Length(1));
    }

    /// <summary>A grid of 4x3 patches.</summary>
    [Theory]
    [InlineData(5)]
    [InlineData(13)]
    [InlineData(24)]
    public void Grid_of_another_width_is_refused(int gridWidth)
    {
        var output = new DinoOutput { Keys = new DinoTensor(new float[13 * 2], 1, 1, 13, 2) };
        Assert.Equal(3, PatchFeatures.Of(output, PatchFeature.Keys, 0, 0, gridWidth: 4).GridHeight);
        AssertNames<ArgumentOutOfRangeException>(
            "gridWidth", () => PatchFeatures.Of(output, PatchFeature.Keys, 0, 0, gridWidth));
    }

    [Fact]
    public void Places_are_told_as_they_were_asked_for()
    {
        var features = new PatchFeatures(new float[4], 2, 2, 1);
        ArgumentException outside = AssertNames<ArgumentOutOfRangeException>("column", () => features[1, -1].Length);
        Assert.Contains("Expected an index from 0 to 1.", outside.Message);
        var output = new DinoOutput { ClassToken = new DinoTensor(new float[4], 2, 2) };
        ArgumentException failure = AssertNames<ArgumentOutOfRangeException>(
            "image", () => Pooling.ClassToken.Apply(output, -1, new float[2]));
        Assert.Contains("Actual value was -1.", failure.Message);
    }

    private static T AssertNames<T>(string parameter, Func<object?> call)
        where T : ArgumentException
    {
        T failure = Assert.Throws<T>(call);
        Assert.Equal(parameter, failure.ParamName);
        return failure;
    }

    private static T AssertNames<T>(string parameter, Action call)
        where T : ArgumentException => AssertNames<T>(parameter, () =>
        {
            call();
            return null;
        });
}
