using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

/// <summary><c>dino weights</c> as a user types it, with what it prints where.</summary>
public sealed class WeightsCommandTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Synth_writes_the_seeded_weights_with_a_config_for_hugging_face()
    {
        string path = _folder["model.safetensors"];
        await RunAsync("synth", "--seed", "0x10", "-o", path);
        TinyModels.AssertEqual(SyntheticWeights.Create(VitConfig.VitS16, 16), Checkpoint.Load(path));
        Assert.Equal(["config.json", "model.safetensors"], Directory.GetFiles(_folder.Root).Select(Path.GetFileName).Order());
        Assert.Empty(_output.ToString());
        Assert.Contains(Checkpoint.Sha256(path), _error.ToString());
    }

    [Fact]
    public async Task Convert_takes_the_branch_and_the_type()
    {
        string path = _folder["student.safetensors"];
        await RunAsync(
            "convert", GoldenData.PathOf("checkpoints", "tiny_dino_full.pth"), "--branch", "student", "--dtype", "f16", "-o", path);
        TinyModels.AssertEqual(SyntheticWeights.Create(TinyModels.Dino), Checkpoint.Load(path), value => (float)(Half)(value + 1));
        Assert.Single(Directory.GetFiles(_folder.Root));
    }

    [Fact]
    public async Task Info_prints_tensors_as_data_and_the_rest_as_notes()
    {
        string path = GoldenData.PathOf("checkpoints", "tiny_hf.bin");
        await RunAsync("info", path);
        Assert.Equal(54, _output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.StartsWith("embeddings.cls_token\tF32\t(1, 1, 48)\t192", _output.ToString());
        Assert.Contains("3 heads of 16", _error.ToString());
    }

    [Fact]
    public async Task Info_of_weights_that_cannot_be_loaded_fails()
    {
        VitWeights weights = SyntheticWeights.Create(TinyModels.Dino);
        weights.Blocks[1].Fc1.Bias[7] = float.NaN;
        string path = _folder["nan.safetensors"];
        File.WriteAllBytes(path, SafetensorsFile.Of(CheckpointLayout.Dino, weights, name => name).ToArray());
        CliResult result = await CliRunner.RunAsync("weights", "info", path);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("blocks.1.mlp.fc1.bias has a value that is not a number", result.Error);
    }

    [Fact]
    public async Task Info_prints_json()
    {
        string path = GoldenData.PathOf("checkpoints", "tiny_hf.bin");
        await RunAsync("info", path, "--json");
        using JsonDocument document = JsonDocument.Parse(_output.ToString());
        Assert.Equal(Checkpoint.Sha256(path), document.RootElement.GetProperty("sha256").GetString());
        Assert.Equal(48, document.RootElement.GetProperty("config").GetProperty("hidden_size").GetInt32());
        Assert.Equal(54, document.RootElement.GetProperty("tensors").GetArrayLength());
        Assert.Empty(_error.ToString());
    }

    [Fact]
    public async Task Pull_fetches_from_the_endpoint()
    {
        byte[] content = File.ReadAllBytes(GoldenData.PathOf("checkpoints", "tiny_dino.pth"));
        using var server = new HubServer(content);
        await RunAsync("pull", "--endpoint", server.Endpoint, "--revision", "main", "-o", _folder["new/model.bin"]);
        Assert.Equal(content, File.ReadAllBytes(_folder["new/model.bin"]));
        Assert.Equal("/facebook/dino-vits16/resolve/main/pytorch_model.bin", server.Requests.First().Address);
        Assert.Contains("100 %", _error.ToString());
        Assert.Empty(_output.ToString());
    }

    [Fact]
    public async Task Pull_fetches_another_model_and_checks_the_digest_that_is_named()
    {
        byte[] content = File.ReadAllBytes(GoldenData.PathOf("checkpoints", "tiny_dino.pth"));
        using var server = new HubServer(content);
        string[] arguments =
        [
            "pull", "--endpoint", server.Endpoint, "--repository", "facebook/dino-vitb8", "--revision", "v1", "--file", "backbone.pth",
            "--out", _folder["vitb8.pth"],
        ];
        await RunAsync([.. arguments, "--sha256", server.AnnouncedHash!]);
        Assert.Equal(content, File.ReadAllBytes(_folder["vitb8.pth"]));
        Assert.Equal("/facebook/dino-vitb8/resolve/v1/backbone.pth", server.Requests.First().Address);
        CliResult other = await CliRunner.RunAsync(["weights", .. arguments, "--sha256", new string('a', 64)]);
        Assert.Contains($"announced the SHA-256 {server.AnnouncedHash}, expected aaaa", string.Join('\n', other.ErrorLines));
        Assert.Equal(1, other.ExitCode);
    }

    [Fact]
    public async Task Info_says_how_pictures_are_prepared()
    {
        File.Copy(GoldenData.PathOf("checkpoints", "tiny_dino.pth"), _folder["a.pth"]);
        File.WriteAllText(_folder["preprocessor_config.json"], """{"size": 48, "resample": 3}""");
        await RunAsync("info", _folder["a.pth"]);
        Assert.Contains("pictures: hf, bicubic, input 48x48", _error.ToString());
    }

    [Fact]
    public async Task Failures_and_wrong_usage_are_errors()
    {
        Assert.Contains("no such file", (await CliRunner.RunAsync("weights", "info", _folder["absent"])).FatalLine());
        Assert.Contains("expected a file", (await CliRunner.RunAsync("weights", "info", "synthetic")).FatalLine());
        Assert.Contains("--seed", (await CliRunner.RunAsync("weights", "synth", "--seed", "zz", "-o", "a")).UsageLine());
        Assert.Contains("-o: required", (await CliRunner.RunAsync("weights", "synth")).UsageLine());
        Assert.Contains("--dtype", (await CliRunner.RunAsync("weights", "convert", "a", "-o", "b", "--dtype", "f8")).UsageLine());
    }

    /// <summary>Names of tensors and files come from elsewhere.</summary>
    [Fact]
    public async Task Info_prints_nothing_that_a_terminal_obeys()
    {
        string path = _folder["evil\e[2J.safetensors"];
        File.WriteAllBytes(path, new SafetensorsFile().Add("x\e[31mx", "F32", [1], new byte[4]).ToArray());
        CliResult result = await CliRunner.RunAsync("weights", "info", path);
        Assert.Equal(1, result.ExitCode); // of another model
        Assert.DoesNotContain('\e', result.Output + result.Error);
        Assert.StartsWith("x?[31mx\tF32\t(1)\t4", result.Output);
    }

    private async Task RunAsync(params string[] arguments)
    {
        CliResult result = await CliRunner.RunAsync(["weights", .. arguments]);
        Assert.True(result.ExitCode == 0, result.Error);
        _output.Write(result.Output);
        _error.Write(result.Error);
    }
}
