using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

/// <summary>The models that people name: how large they are, where they are, and what is said about them.</summary>
public sealed class PublishedModelTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>
    /// Parameters in millions, without the mask token. Rounded they are those of the papers: 21, 86, 300 and 1100 of
    /// DINOv2, 21, 29, 86, 300 and 840 of DINOv3.
    /// </summary>
    [Theory]
    [InlineData("dino-vits16", 21.665664, 197)]
    [InlineData("dinov2-small", 22.056192, 257)]
    [InlineData("dinov2-base", 86.579712, 257)]
    [InlineData("dinov2-large", 304.367616, 257)]
    [InlineData("dinov2-giant", 1136.479232, 257)]
    [InlineData("dinov2-with-registers-small", 22.057728, 261)]
    [InlineData("dinov3-vits16", 21.596160, 201)]
    [InlineData("dinov3-vits16plus", 28.692480, 201)]
    [InlineData("dinov3-vitb16", 85.659648, 201)]
    [InlineData("dinov3-vitl16", 303.128576, 201)]
    [InlineData("dinov3-vith16plus", 840.591360, 201)]
    public void The_sizes_are_those_of_the_published_models(string name, double millions, int tokens)
    {
        PublishedModel model = PublishedModel.Named(name);
        Assert.Equal(millions, model.ParameterCount / 1e6, tolerance: 5e-7);
        VitConfig config = model.Config;
        int side = config.DefaultInputSize / config.PatchSize;
        Assert.Equal((224, tokens), (config.DefaultInputSize, config.PrefixTokenCount + side * side));
        Assert.Equal(name, PublishedModel.Of(config, config.UsualPreprocessor)!.Name);
        Assert.Equal(model, PublishedModel.Find(model.Repository));
        Assert.Equal(model, PublishedModel.Find(model.Repository["facebook/".Length..]));
    }

    [Theory]
    [InlineData("dinov2-small", "facebook/dinov2-small", "model.safetensors", false)]
    [InlineData("dinov2-with-registers-giant", "facebook/dinov2-with-registers-giant", "model.safetensors", false)]
    [InlineData("dinov3-vith16plus", "facebook/dinov3-vith16plus-pretrain-lvd1689m", "model.safetensors", true)]
    [InlineData("dinov3-vitl16-sat", "facebook/dinov3-vitl16-pretrain-sat493m", "model.safetensors", true)]
    [InlineData("dino-vitb8", "facebook/dino-vitb8", "pytorch_model.bin", false)]
    public void A_name_is_a_repository_and_a_file(string name, string repository, string file, bool isGated)
    {
        PublishedModel model = PublishedModel.Named(name);
        Assert.Equal((repository, isGated), (model.Repository, model.IsGated));
        var options = new WeightsDownloadOptions { Repository = repository };
        Assert.Equal((file, "main"), (options.FileName, options.Revision));
    }

    [Fact]
    public async Task Models_lists_all_of_them()
    {
        CliResult lines = await CliRunner.RunAsync("models");
        Assert.Equal(PublishedModel.All.Select(model => model.Name), lines.OutputLines.Select(line => line.Split('\t')[0]));
        Assert.Contains("dino-vits16\t21.7 M\t224\t197\t9.2\tApache-2.0", lines.OutputLines);
        CliResult json = await CliRunner.RunAsync("models", "--json");
        using JsonDocument document = JsonDocument.Parse(json.Output);
        JsonElement third = document.RootElement.EnumerateArray().Single(one => one.GetProperty("name").GetString() == "dinov3-vits16");
        Assert.True(third.GetProperty("gated").GetBoolean());
        Assert.Equal(4, third.GetProperty("registers").GetInt32());
        Assert.Equal(0, lines.ExitCode + json.ExitCode);
    }

    [Fact]
    public async Task Pull_takes_a_name_and_says_the_license()
    {
        byte[] content = File.ReadAllBytes(FamilyModel.PathOf("dinov2", "model.safetensors"));
        using var server = new HubServer(content);
        CliResult result = await CliRunner.RunAsync(
            "weights", "pull", "dinov2-small", "--endpoint", server.Endpoint, "-o", _folder["a.safetensors"]);
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("facebook/dinov2-small: the license of the weights is Apache-2.0", result.Error);
        Assert.Contains("/facebook/dinov2-small/resolve/main/model.safetensors", result.Error);
        Assert.Equal(content, File.ReadAllBytes(_folder["a.safetensors"]));
    }

    [Fact]
    public async Task A_gated_model_says_what_the_hub_asks_for()
    {
        using var server = new HubServer([1]);
        server.Failures.Enqueue(403);
        CliResult result = await CliRunner.RunAsync(
            "weights", "pull", "dinov3-vits16", "--endpoint", server.Endpoint, "-o", _folder["a.safetensors"]);
        Assert.Contains("the server answered 403", result.Error);
        Assert.Contains(
            "hint: its license is the DINOv3 License: accept it at https://huggingface.co/facebook/dinov3-vits16-pretrain-lvd1689m",
            result.Error);
    }

    [Fact]
    public async Task Satellite_models_get_the_figures_of_their_pictures()
    {
        using var server = new HubServer(File.ReadAllBytes(FamilyModel.PathOf("dinov3", "model.safetensors")));
        var options = new WeightsDownloadOptions
        {
            Endpoint = server.Endpoint,
            Repository = PublishedModel.Named("dinov3-vitl16-sat").Repository,
        };
        await DinoWeights.PullAsync(_folder["model.safetensors"], options, cancellation: TestContext.Current.CancellationToken);
        File.Copy(FamilyModel.PathOf("dinov3", "config.json"), _folder["config.json"]);
        VitWeights weights = Checkpoint.Load(_folder["model.safetensors"]);
        Assert.Equal("fractions, mean 0.43 0.411 0.296, std 0.213 0.156 0.143", weights.Preprocessor!.Difference);
    }

    [Fact]
    public void Satellite_models_are_told_by_their_pictures()
    {
        foreach (string name in (string[])["dinov3-vitl16", "dinov3-vit7b16"])
        {
            PublishedModel web = PublishedModel.Named(name), satellite = PublishedModel.Named(name + "-sat");
            Assert.Equal(satellite, PublishedModel.Of(web.Config, satellite.Pictures! with { InputWidth = 512, InputHeight = 512 }));
            Assert.Equal(web, PublishedModel.Of(web.Config, web.Config.UsualPreprocessor));
            Assert.Equal(web, PublishedModel.Of(web.Config, null));
        }
    }

    /// <summary>One preprocessor_config.json counts for every checkpoint beside it.</summary>
    [Theory]
    [InlineData("dinov3-vitl16-sat", "other.pth", "other.pth is there, whose pictures are not those of dinov3-vitl16-sat")]
    [InlineData("dinov3-vitl16-sat", "preprocessor_config.json", "is for other pictures than those of dinov3-vitl16-sat")]
    [InlineData("dinov3-vitl16", "satellite", "is for other pictures than those of dinov3-vitl16")]
    public async Task A_folder_of_other_pictures_is_refused_before_the_download(string name, string beside, string expected)
    {
        string config = _folder[PreprocessorFile.FileName];
        if (beside == "satellite")
            SafetensorsWriter.WritePreprocessor(config, PublishedModel.Named("dinov3-vitl16-sat").Pictures!);
        else if (beside == PreprocessorFile.FileName)
            SafetensorsWriter.WritePreprocessor(config, PublishedModel.Named(name).Config.UsualPreprocessor!);
        else
            _folder.Write(beside, [1]);
        using var server = new HubServer([1]);
        var options = new WeightsDownloadOptions { Endpoint = server.Endpoint, Repository = PublishedModel.Named(name).Repository };
        WeightsException failure = await Assert.ThrowsAsync<WeightsException>(() => DinoWeights.PullAsync(
            _folder["model.safetensors"], options, cancellation: TestContext.Current.CancellationToken));
        Assert.Contains(expected, failure.Message);
        Assert.StartsWith("name a folder of its own, such as ", failure.Hint);
        Assert.Empty(server.Requests);
        Assert.Single(Directory.EnumerateFileSystemEntries(_folder.Root));
    }

    [Theory]
    [InlineData("there is no model 'dinov9'", "pull", "dinov9")]
    [InlineData("are named, expected one", "pull", "dinov2-small", "--repository", "a/b")]
    [InlineData("the hub has it in several files", "pull", "dinov3-vit7b16")]
    [InlineData("there is no model 'vit'", "synth", "--model", "vit", "-o", "x.safetensors")]
    public async Task What_cannot_be_fetched_is_said(string expected, params string[] arguments)
    {
        CliResult result = await CliRunner.RunAsync(["weights", .. arguments]);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(result.ErrorLines, line => line.StartsWith("dino: error: ", StringComparison.Ordinal) && line.Contains(expected));
    }

    [Theory]
    [InlineData("synthetic:dinov2-small", ModelKind.DinoV2, "synthetic:dinov2-small:0x44494E4F")]
    [InlineData("synthetic:dinov3-vits16plus:0x10", ModelKind.DinoV3, "synthetic:dinov3-vits16plus:0x10")]
    [InlineData("synthetic:dino-vits16:16", ModelKind.Dino, "synthetic:0x10")]
    [InlineData("synthetic", ModelKind.Dino, "synthetic:0x44494E4F")]
    public void Seeded_weights_have_the_sizes_of_a_model(string spec, ModelKind kind, string name)
    {
        var source = WeightSource.Resolve(spec);
        Assert.Equal((kind, name), (source.Model?.Config.Kind ?? ModelKind.Dino, source.SeededName));
    }

    [Theory]
    [InlineData("synthetic:nosuch", "there is no model 'nosuch'", "models: dino-vits16, dino-vits8, ")]
    [InlineData("synthetic:nosuch", "there is no model 'nosuch'", ", dinov3-vit7b16-sat")]
    [InlineData("synthetic:nosuch:7", "there is no model 'nosuch'", ", dinov2-small, ")]
    [InlineData("synthetic:dinov2-smal", "there is no model 'dinov2-smal'", "did you mean synthetic:dinov2-small?")]
    [InlineData("synthetic:dinov2-small:x", "'x' is not a seed", null)]
    [InlineData("synthetic:7x", "'7x' is not a seed", null)]
    public void A_wrong_name_of_seeded_weights_is_told_which_there_are(string spec, string message, string? hint)
    {
        WeightsException failure = Assert.Throws<WeightsException>(() => WeightSource.Resolve(spec));
        Assert.Contains(message, failure.Message);
        if (hint is null)
            Assert.Null(failure.Hint);
        else
            Assert.Contains(hint, failure.Hint);
    }

    [Fact]
    public void Seeded_weights_of_every_kind_load_again()
    {
        foreach (string name in FamilyModel.Names)
        {
            VitWeights weights = SyntheticWeights.Create(FamilyModel.Load(name).Config, 5);
            SafetensorsWriter.Write(_folder["a.safetensors"], weights);
            TinyModels.AssertEqual(weights, Checkpoint.Load(_folder["a.safetensors"]));
            Assert.All(weights.Blocks, block => Assert.InRange(block.LayerScale1!.Average(), 0.3, 0.7));
        }
    }
}
