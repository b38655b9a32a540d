using System.Text;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

/// <summary><c>preprocessor_config.json</c> beside the weights: what it says is done, or refused in one line.</summary>
public sealed class PreprocessorFileTests : IDisposable
{
    /// <summary>Of facebook/dino-vits16.</summary>
    private const string Published = """
        {"do_normalize": true, "do_resize": true, "feature_extractor_type": "ViTFeatureExtractor", "image_mean": [0.485, 0.456, 0.406],
         "image_std": [0.229, 0.224, 0.225], "resample": 2, "size": 224}
        """;

    private const string ImageNet = """
        "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
        """;

    private const string Raw = "mean 0 0 0, std 1 1 1";
    private const string Shorter = "bicubic, shorter side 256 cropped to 224x224";

    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Published, "", 224, 224)]
    [InlineData("{}", "", null, null)]
    [InlineData("""{"size": 384, "resample": 3}""", "bicubic", 384, 384)]
    [InlineData("""{"size": {"height": 240, "width": 320}, "resample": "bilinear"}""", "", 320, 240)]
    [InlineData("""{"size": [48, 48], "image_mean": [0.5, 0.5, 0.5], "image_std": 0.5}""", "mean 0.5 0.5 0.5, std 0.5 0.5 0.5", 48, 48)]
    [InlineData("""{"image_processor_type": "ViTImageProcessor"}""", "mean 0.5 0.5 0.5, std 0.5 0.5 0.5", 224, 224)]
    [InlineData("""{"image_processor_type": "ViTImageProcessorFast", "crop_size": 20, "do_normalize": false}""", Raw, 224, 224)]
    [InlineData("""{"do_rescale": false}""", "scale 1", null, null)]
    [InlineData("""{"rescale_factor": 0.00392156862745098, "do_convert_rgb": null, "do_pad": false, "crop_pct": null}""", "", null, null)]
    [InlineData("""{"do_resize": false, "size": 384}""", "no resize", null, null)]
    [InlineData("""{"do_resize": false, "crop_size": 96, "do_center_crop": true}""", "no resize, center crop", 96, 96)]
    [InlineData("""{"size": 256, "crop_size": 224}""", "256x256 cropped to 224x224", 224, 224)]
    [InlineData("""{"size": 256, "crop_size": 224, "do_center_crop": false}""", "", 256, 256)]
    [InlineData("""{"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "resample": 3}""", Shorter, 224, 224)]
    [InlineData("""{"size": 256, "default_to_square": false, "crop_size": 224, "resample": 3}""", Shorter, 224, 224)]
    [InlineData("""{"image_processor": {"size": 384, "resample": 3}}""", "bicubic", 384, 384)]
    [InlineData("""{"image_processor_type": "DeiTImageProcessor", """ + ImageNet, "bicubic, 256x256 cropped to 224x224", 224, 224)]
    [InlineData("""{"image_processor_type": "BitImageProcessor", "size": 256, """ + ImageNet, Shorter, 224, 224)]
    public void What_it_says_is_read(string json, string difference, int? width, int? height)
    {
        PreprocessorConfig config = Load(json).Preprocessor!;
        Assert.Equal((difference, width, height), (config.Difference, config.InputWidth, config.InputHeight));

        // and comes back from what is written
        PreprocessorConfig again = Load(Encoding.UTF8.GetString(PreprocessorFile.ToJson(config))).Preprocessor!;
        Assert.Equal((difference, width, height), (again.Difference, again.InputWidth, again.InputHeight));
    }

    [Theory]
    [InlineData("""{"resample": 1}""", "resample (lanczos) is '1', expected 2 (bilinear) or 3 (bicubic)")]
    [InlineData("""{"resample": 9}""", "resample is '9', expected 2")]
    [InlineData("""{"resample": true}""", "resample is 'True', expected 2")]
    [InlineData("""{"do_pad": true}""", "'do_pad' is true, which is not supported")]
    [InlineData("""{"do_flip_channel_order": true}""", "'do_flip_channel_order' is true")]
    [InlineData("""{"crop_pct": 0.875}""", "'crop_pct' is 0.875, which is not supported")]
    [InlineData("""{"size": 224, "size_divisor": 32}""", "'size_divisor' is 32, which is not supported")]
    [InlineData("""{"interpolation": "bicubic"}""", "'interpolation' is bicubic, which is not supported")]
    [InlineData("""{"size": 256, "default_to_square": false}""", "size says shortest_edge and nothing is cropped")]
    [InlineData("""{"image_processor_type": "ConvNextImageProcessor"}""", "it is for 'ConvNextImageProcessor', expected one of ViTImage")]
    [InlineData("""{"do_center_crop": true}""", "there is no crop_size")]
    [InlineData("""{"do_center_crop": true, "crop_size": 224}""", "there is a crop_size and no size")]
    [InlineData("""{"crop_size": 256, "size": 224}""", "crop_size 256x256 is larger than size 224x224, which would pad")]
    [InlineData("""{"crop_size": {"shortest_edge": 224}, "size": 256}""", "crop_size is")]
    [InlineData("""{"size": {"shortest_edge": 256}}""", "size says shortest_edge and nothing is cropped")]
    [InlineData("""{"size": {"longest_edge": 256}}""", "expected a height and a width")]
    [InlineData("""{"size": {"height": 256}}""", "expected a height and a width")]
    [InlineData("""{"size": [224, 256]}""", "expected a height and a width")]
    [InlineData("""{"size": 0}""", "size is '0', expected a height and a width of 1 to 65536")]
    [InlineData("""{"size": 1e9}""", "expected a height and a width of 1 to 65536")]
    [InlineData("""{"image_mean": [0.5, 0.5]}""", "image_mean is '[0.5, 0.5]', expected three numbers")]
    [InlineData("""{"image_mean": ["a", 0.5, 0.5]}""", "expected three numbers")]
    [InlineData("""{"image_std": [0.5, 0, 0.5]}""", "image_std has a 0")]
    [InlineData("""{"rescale_factor": 0}""", "rescale_factor is '0', expected a number other than 0")]
    [InlineData("""{"rescale_factor": "x"}""", "rescale_factor is 'x', expected a number")]
    [InlineData("""{"do_resize": 1}""", "do_resize is '1', expected true or false")]
    [InlineData("[]", "expected a JSON object")]
    [InlineData("{", "not valid JSON")]
    [InlineData("""{"size": "\ud800"}""", "not valid JSON")]
    public void What_cannot_be_done_stops_with_one_line(string json, string expected)
    {
        string message = Assert.Throws<WeightsException>(() => Load(json)).Message;
        Assert.StartsWith(_folder["preprocessor_config.json"] + ": ", message);
        Assert.Contains(expected, message);
        Assert.InRange(message.Length, 1, 300 + _folder.Root.Length);
        Assert.DoesNotContain(message, char.IsControl);
        Assert.Equal(message, CheckpointInfo.Read(_folder["a.safetensors"]).Problem);
    }

    /// <summary>Pillow's resize and Hugging Face's crop, step by step.</summary>
    [Theory]
    [InlineData("""{"size": 40, "resample": 3}""", 40, 40, 0, 0, ResizeFilter.Bicubic)]
    [InlineData("""{"size": 43, "crop_size": 32}""", 43, 43, 5, 5, ResizeFilter.Bilinear)]
    [InlineData("""{"size": {"shortest_edge": 37}, "crop_size": 32, "resample": 3}""", 49, 37, 8, 2, ResizeFilter.Bicubic)]
    [InlineData("""{"do_resize": false, "crop_size": 32, "do_center_crop": true}""", 60, 45, 14, 6, ResizeFilter.Bilinear)]
    public void Pictures_are_prepared_as_it_says(string json, int width, int height, int left, int top, ResizeFilter filter)
    {
        RgbImage picture = Picture(60, 45);
        PreprocessorConfig config = Load(json).Preprocessor!;
        int side = config.InputWidth!.Value;
        RgbImage found = new Preprocessor(config, side, side).Apply(picture);
        RgbImage resized = PillowResize.Resize(picture, width, height, filter);
        for (int y = 0; y < side; y++)
        {
            Assert.Equal(
                resized.Pixels.AsSpan(3 * ((top + y) * width + left), 3 * side).ToArray(),
                found.Pixels.AsSpan(3 * y * side, 3 * side).ToArray());
        }
    }

    [Fact]
    public void Other_input_sizes_keep_the_margin_of_the_crop()
    {
        PreprocessorConfig config = Load("""{"size": 256, "crop_size": 224, "resample": 3}""").Preprocessor!;
        RgbImage picture = Picture(60, 45);
        RgbImage found = new Preprocessor(config, 112, 56).Apply(picture);
        RgbImage resized = PillowResize.Resize(picture, 128, 64, ResizeFilter.Bicubic);
        Assert.Equal(resized.Pixels.AsSpan(3 * (4 * 128 + 8), 3 * 112).ToArray(), found.Pixels.AsSpan(0, 3 * 112).ToArray());
    }

    [Fact]
    public void Without_a_resize_other_sizes_are_refused()
    {
        var exact = new Preprocessor(Load("""{"do_resize": false}""").Preprocessor!, 32, 32);
        Assert.Equal(32, exact.Apply(Picture(32, 32)).Width);
        ImageException refusal = Assert.Throws<ImageException>(() => exact.Apply(Picture(33, 32)));
        Assert.StartsWith("33x32 pixels, expected 32x32: ", refusal.Message);
        var cropped = new Preprocessor(Load("""{"do_resize": false, "crop_size": 32}""").Preprocessor!, 32, 32);
        Assert.Equal(32, cropped.Apply(Picture(33, 40)).Height);
        Assert.Contains("expected 32x32 or larger", Assert.Throws<ImageException>(() => cropped.Apply(Picture(31, 40))).Message);
    }

    /// <summary>Another mean and deviation are a linear change of the first layer, so weights can undo them.</summary>
    [Fact]
    public void The_encoder_normalizes_as_it_says()
    {
        PreprocessorConfig half = Load("""
            {"image_mean": [0.5, 0.25, 0.125], "image_std": [0.5, 0.75, 1], "rescale_factor": 0.0078}
            """).Preprocessor!;
        VitWeights weights = SyntheticWeights.Create(TinyModels.HuggingFace);
        using var asked = DinoEncoder.Create(weights.With(half));
        using var folded = DinoEncoder.Create(Folded(half));
        float[] expected = folded.Embed(Picture(60, 45)), found = asked.Embed(Picture(60, 45));
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], found[i], 1e-4f);
        Assert.Equal("hf, scale 0.0078, mean 0.5 0.25 0.125, std 0.5 0.75 1", asked.Preprocessing);

        using var plain = DinoEncoder.Create(weights);
        Assert.Contains(plain.Embed(Picture(60, 45)).Zip(found), pair => Math.Abs(pair.First - pair.Second) > 0.01f);

        // the original evaluation is what it is, whatever lies beside the weights
        var options = new DinoOptions { Preprocess = PreprocessPreset.Dino };
        using var original = DinoEncoder.Create(weights, options);
        using var both = DinoEncoder.Create(weights.With(half), options);
        Assert.Equal(original.Embed(Picture(60, 45)), both.Embed(Picture(60, 45)));
        Assert.Equal("dino", both.Preprocessing);
    }

    [Fact]
    public void The_input_size_is_what_it_says_unless_another_is_asked_for()
    {
        PreprocessorConfig? wide = Load("""{"size": {"height": 48, "width": 56}}""").Preprocessor;
        VitWeights weights = SyntheticWeights.Create(TinyModels.HuggingFace).With(wide);
        using var encoder = DinoEncoder.Create(weights);
        Assert.Equal((56, 48), (encoder.InputWidth, encoder.InputHeight));
        using var other = DinoEncoder.Create(weights, new DinoOptions { InputWidth = 64, InputHeight = 64 });
        Assert.Equal((64, 64), (other.InputWidth, other.InputHeight));
    }

    [Fact]
    public void A_converted_file_says_it_itself_and_must_agree_with_its_folder()
    {
        VitWeights weights = Load("""{"size": 48, "image_mean": 0.5, "image_std": 0.5}""");
        File.Delete(_folder["preprocessor_config.json"]);
        string path = _folder["b.safetensors"];
        SafetensorsWriter.Write(path, weights);
        Assert.Equal(weights.Preprocessor!.Difference, Checkpoint.Load(path).Preprocessor!.Difference);

        _folder.Write("preprocessor_config.json", PreprocessorFile.ToJson(weights.Preprocessor));
        Assert.Equal(48, Checkpoint.Load(path).Preprocessor!.InputWidth);
        _folder.Write("preprocessor_config.json", "{}"u8.ToArray());
        Assert.Contains("prepare pictures in two ways", Assert.Throws<WeightsException>(() => Checkpoint.Load(path)).Message);
    }

    [Fact]
    public void A_converted_model_for_hugging_face_gets_its_files()
    {
        VitWeights weights = Load("""{"size": 48, "resample": 3}""");
        using var folder = new TemporaryFolder();
        string path = folder.Path("model.safetensors");
        Assert.Equal(
            [folder.Path("config.json"), folder.Path("preprocessor_config.json")],
            SafetensorsWriter.WriteModel(path, weights, WeightsDataType.Float32));
        Assert.Equal("bicubic", Checkpoint.Load(path).Preprocessor!.Difference);
    }

    [Fact]
    public void A_pipe_in_its_place_is_refused()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("Windows has no named pipes in folders.");
        TemporaryFolder.MakeFifo(_folder["preprocessor_config.json"]);
        string path = _folder.Write("a.safetensors", SafetensorsFile.Of(CheckpointLayout.Dino, TinyModels.Dino).ToArray());
        Assert.Contains("not a regular file", Assert.Throws<WeightsException>(() => Checkpoint.Load(path)).Message);
    }

    private static VitWeights Folded(PreprocessorConfig config)
    {
        VitWeights weights = SyntheticWeights.Create(TinyModels.HuggingFace);
        PreprocessorConfig standard = PreprocessorConfig.Standard;
        LinearWeights patch = weights.PatchEmbedding;
        int plane = TinyModels.HuggingFace.PatchSize * TinyModels.HuggingFace.PatchSize;
        for (int row = 0; row < patch.Outputs; row++)
        {
            for (int i = 0; i < patch.Inputs; i++)
            {
                int channel = i / plane;
                double zoom = config.Scale * 255 / config.StandardDeviation[channel];
                float weight = patch.Weight[row * patch.Inputs + i];
                patch.Weight[row * patch.Inputs + i] = (float)(weight * zoom * standard.StandardDeviation[channel]);
                double shift = zoom * standard.Mean[channel] - config.Mean[channel] / config.StandardDeviation[channel];
                patch.Bias[row] += (float)(weight * shift);
            }
        }

        return weights;
    }

    private static RgbImage Picture(int width, int height)
    {
        byte[] pixels = new byte[3 * width * height];
        new Random(width).NextBytes(pixels);
        return new RgbImage(width, height, pixels);
    }

    /// <summary>A small model with this file beside it.</summary>
    private VitWeights Load(string json)
    {
        _folder.Write("preprocessor_config.json", Encoding.UTF8.GetBytes(json));
        return Checkpoint.Load(_folder.Write("a.safetensors", SafetensorsFile.Of(CheckpointLayout.Dino, TinyModels.Dino).ToArray()));
    }
}
