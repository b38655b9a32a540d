using System.Text.Json;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Model;
using Dino.Gpu.Tests.Model;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>What a user and the files beside it say of a checkpoint, from the arguments to the rows.</summary>
public sealed class CheckpointOptionTests : IDisposable
{
    private const string Other = """{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "size": 48, "resample": 3}""";

    private static readonly string Chelsea = GoldenData.Image("chelsea.png");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_config_beside_the_weights_counts_for_file_and_folder_and_is_recorded()
    {
        string weights = Model("model");
        await EmbedAsync("plain.npz", "-w", weights);
        _folder.Write("model/preprocessor_config.json", Other);
        await EmbedAsync("file.npz", "-w", weights);
        await EmbedAsync("folder.npz", "-w", _folder.Path("model"));
        Assert.Equal(Values("file.npz"), Values("folder.npz"));
        Assert.NotEqual(Values("plain.npz"), Values("file.npz"));
        Assert.Equal(("hf", 32), Made("plain.npz"));
        Assert.Equal(("hf, bicubic, mean 0.5 0.5 0.5, std 0.5 0.5 0.5", 48), Made("file.npz"));

        // what is made in two ways is not compared, and a picture is prepared as the index was
        CliResult refused = await CliRunner.RunAsync("compare", _folder.Path("plain.npz"), _folder.Path("file.npz"));
        Assert.Contains("preprocessing hf and hf, bicubic, mean 0.5 0.5 0.5, std 0.5 0.5 0.5", refused.FatalLine());
        CliResult found = await CliRunner.RunAsync("search", _folder.Path("file.npz"), Chelsea, "-w", weights, "-d", "cpu");
        Assert.Equal($"{Chelsea}\t1\t1.0000\t{Chelsea}", found.OutputLines[1]);

        // --preprocess dino is the original evaluation, whatever the file says
        await EmbedAsync("dino.npz", "-w", weights, "--preprocess", "dino");
        Assert.Equal(("dino", 32), Made("dino.npz"));
    }

    [Fact]
    public async Task A_run_resumes_only_with_the_config_it_began_with()
    {
        string weights = Model("model"), run = _folder.Path("run");
        string[] arguments = ["embed", Chelsea, "-w", weights, "-d", "cpu", "-o", run];
        Assert.Equal(0, (await CliRunner.RunAsync(arguments)).ExitCode);
        _folder.Write("model/preprocessor_config.json", """{"resample": 3}""");
        Assert.Contains("preprocess was hf, is now hf, bicubic", (await CliRunner.RunAsync(arguments)).FatalLine());
    }

    [Fact]
    public async Task A_config_that_cannot_be_honored_stops_every_command()
    {
        string weights = Model("model");
        _folder.Write("model/preprocessor_config.json", """{"do_pad": true}""");
        foreach (string command in (string[])["embed", "attention", "features", "preprocess"])
        {
            CliResult result = await CliRunner.RunAsync(command, Chelsea, "-w", weights, "-o", _folder.Path("out"));
            Assert.Contains("preprocessor_config.json: 'do_pad' is true, which is not supported", result.FatalLine());
        }

        CliResult info = await CliRunner.RunAsync("weights", "info", weights);
        Assert.Equal(1, info.ExitCode);
        Assert.Contains("'do_pad' is true", info.Error);
    }

    [Fact]
    public async Task Preprocess_shows_what_the_model_of_a_folder_sees()
    {
        string weights = Model("model");
        _folder.Write("model/preprocessor_config.json", Other);
        CliResult result = await CliRunner.RunAsync("preprocess", Chelsea, "-w", weights, "-o", _folder.Path("seen"), "--format", "npy");
        Assert.True(result.ExitCode == 0, result.Error);
        Npy planes = Npy.Read(_folder.Path("seen", "chelsea.npy"));
        Assert.Equal([3, 48, 48], planes.Shape);
        Assert.All(planes.Floats, value => Assert.InRange(value, -1, 1)); // (0..1 - 0.5) / 0.5

        await CliRunner.RunAsync("preprocess", Chelsea, "-w", Model("plain"), "-o", _folder.Path("other"), "--format", "npy");
        Assert.Equal([3, 32, 32], Npy.Read(_folder.Path("other", "chelsea.npy")).Shape); // what it was trained on
    }

    [Fact]
    public async Task The_branch_is_taken_by_every_command_and_recorded()
    {
        string weights = GoldenData.PathOf("checkpoints", "tiny_dino_full.pth");
        await EmbedAsync("teacher.npz", "-w", weights);
        await EmbedAsync("named.npz", "-w", weights, "--branch", "teacher");
        await EmbedAsync("student.npz", "-w", weights, "--branch", "student");
        Assert.Equal(Values("teacher.npz"), Values("named.npz"));
        Assert.NotEqual(Values("teacher.npz"), Values("student.npz"));
        Assert.EndsWith("#student", Table("student.npz").Model!.Weights);
        CliResult found = await CliRunner.RunAsync("search", _folder.Path("student.npz"), Chelsea, "-w", weights, "-d", "cpu");
        Assert.Equal($"{Chelsea}\t1\t1.0000\t{Chelsea}", found.OutputLines[1]); // the branch of the index, without being told
        CliResult refused = await CliRunner.RunAsync("compare", _folder.Path("teacher.npz"), _folder.Path("student.npz"));
        Assert.Contains("weights sha256:", refused.FatalLine());
        CliResult vain = await CliRunner.RunAsync(
            "features", Chelsea, "-w", CliRunner.TinyWeights, "--branch", "student", "-o", _folder.Path("f"));
        Assert.Contains("it has no branch 'student', nor any other", vain.FatalLine());
    }

    [Fact]
    public async Task Heads_are_said_where_nothing_else_tells()
    {
        string weights = _folder.Path("plain_dino.pth"); // without the config.json that lies beside the file
        File.Copy(GoldenData.PathOf("checkpoints", "variants", "plain_dino.pth"), weights);
        string[] arguments = ["embed", Chelsea, "-w", weights, "-d", "cpu", "-o", _folder.Path("a.npy")];
        Assert.Contains("so the number of heads must be said: --heads N", (await CliRunner.RunAsync(arguments)).FatalLine());
        CliResult result = await CliRunner.RunAsync([.. arguments, "--heads", "2"]);
        Assert.True(result.ExitCode == 0, result.Error);
        CliResult none = await CliRunner.RunAsync([.. arguments, "--heads", "0"]);
        Assert.Contains("--heads: expected a whole number from 1 to 1024", none.UsageLine());
        CliResult info = await CliRunner.RunAsync("weights", "info", weights, "--heads", "4", "--json");
        using JsonDocument json = JsonDocument.Parse(info.Output);
        Assert.Equal(4, json.RootElement.GetProperty("config").GetProperty("head_count").GetInt32());
    }

    [Fact]
    public async Task Keys_outside_the_model_are_one_note()
    {
        string weights = GoldenData.PathOf("checkpoints", "variants", "prefix_backbone.pth");
        CliResult result = await CliRunner.RunAsync(
            "embed", Chelsea, "-w", weights, "--heads", "2", "-d", "cpu", "-o", _folder.Path("a.npy"));
        string note = Assert.Single(result.ErrorLines, line => line.StartsWith("dino: note: ", StringComparison.Ordinal));
        Assert.EndsWith("ignored 3 keys outside the ViT: 'head.weight', 'projector.0.weight', 'criterion.center'", note);
    }

    /// <summary>Finite weights of an absurd size: the model's fault, not the picture's.</summary>
    [Theory]
    [InlineData("a.npy")]
    [InlineData("a.jsonl")]
    [InlineData("run")]
    public async Task A_value_that_is_no_number_ends_the_run(string output)
    {
        VitWeights weights = SyntheticWeights.Create(TinyModels.HuggingFace);
        weights.Norm.Weight.AsSpan().Fill(3e38f);
        SafetensorsWriter.Write(_folder.Path("w.safetensors"), weights);
        CliResult result = await CliRunner.RunAsync(
            "embed", Chelsea, "-w", _folder.Path("w.safetensors"), "-d", "cpu", "-o", _folder.Path(output));
        Assert.Contains("the model made a value that is no finite number of a good image", result.FatalLine());
        Assert.False(File.Exists(_folder.Path(output)));
    }

    [Fact]
    public async Task A_model_of_the_hub_that_is_not_there_says_how_to_fetch_it()
    {
        CliResult result = await CliRunner.RunAsync("embed", Chelsea, "-w", "nobody/no-such-model", "-o", _folder.Path("a.npy"));
        Assert.Contains("nobody/no-such-model: no such file, and no such model in the Hugging Face cache", result.FatalLine());
        Assert.Contains("hint: dino weights pull --repository nobody/no-such-model", result.FatalLine());
    }

    [Fact]
    public async Task A_pipe_as_weights_is_refused_at_once()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("Windows has no named pipes in folders.");
        string pipe = _folder.Fifo("weights.bin");
        CliResult result = await CliRunner.RunAsync("embed", Chelsea, "-w", pipe, "-o", _folder.Path("a.npy"));
        Assert.Contains("not a regular file", result.FatalLine());
        Assert.Contains("not a regular file", (await CliRunner.RunAsync("weights", "info", pipe)).FatalLine());
    }

    /// <summary>tiny_hf.bin with its config.json in a folder of its own.</summary>
    private string Model(string folder)
    {
        foreach (string name in (string[])["config.json", "tiny_hf.bin"])
            _folder.Write($"{folder}/{name}", File.ReadAllBytes(GoldenData.PathOf("checkpoints", name)));
        return _folder.Path(folder, "tiny_hf.bin");
    }

    private async Task EmbedAsync(string output, params string[] arguments)
    {
        CliResult result = await CliRunner.RunAsync(["embed", Chelsea, "-o", _folder.Path(output), "-d", "cpu", .. arguments]);
        Assert.True(result.ExitCode == 0, result.Error);
    }

    private EmbeddingTable Table(string file) =>
        EmbeddingTable.Load(_folder.Path(file), TestContext.Current.CancellationToken);

    private float[] Values(string file) => Table(file).Values.ToArray();

    private (string Preprocess, int Width) Made(string file) => (Table(file).Model!.Preprocess, Table(file).Model!.InputWidth);
}
