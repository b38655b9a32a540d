using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Outputs;

/// <summary>
/// No command replaces a file that is not of the kind that it writes, and a mistyped input costs no result.
/// </summary>
public sealed class FileKindTests : IDisposable
{
    private static readonly string Gray = GoldenData.Image("gray.png");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("dedup", "k.csv", "--html")]
    [InlineData("search", "k.csv", "k.csv", "--html")]
    [InlineData("knn", "k.csv", "--split", "0.5", "--predictions")]
    [InlineData("knn", "k.csv", "--split", "0.5", "--confusion")]
    [InlineData("linear", "k.csv", "--split", "0.5", "--save")]
    [InlineData("embed", "in", "-o", "new.npy", "--stats")]
    [InlineData("embed", "in", "--format", "npy", "-o")]
    [InlineData("embed", "in", "--format", "npz", "-o")]
    [InlineData("embed", "in", "--format", "csv", "-o")]
    [InlineData("embed", "in", "--format", "jsonl", "-o")]
    [InlineData("embed", "in", "--format", "parquet", "-o")]
    [InlineData("embed", "in", "--format", "safetensors", "-o")]
    [InlineData("weights", "synth", "-o")]
    [InlineData("weights", "convert", "tiny_hf.bin", "-o")]
    [InlineData("weights", "pull", "--endpoint", "http://127.0.0.1:9", "-o")]
    public async Task Files_of_another_kind_stay(params string[] arguments)
    {
        string photo = _folder.Write("photo.jpg", File.ReadAllBytes(GoldenData.Image("rocket.jpg")));
        _folder.Write("in/gray.png", File.ReadAllBytes(Gray));
        _folder.Write("k.csv", "path,e0,e1\na/1.png,1,0\na/2.png,1,0.1\nb/3.png,0,1\nb/4.png,0.1,1\n");
        string[] before = _folder.Files;
        string[] model = arguments[0] == "embed" ? ["-w", CliRunner.TinyWeights, "-d", "cpu"] : [];
        CliResult result = await CliRunner.RunAsync([.. arguments.Select(Place), photo, .. model]);
        Assert.Contains($"cannot write {photo}: {FileKind.NotReplaced}", result.FatalLine());
        Assert.StartsWith("hint: ", result.ErrorLines[^1]);
        Assert.Equal(File.ReadAllBytes(GoldenData.Image("rocket.jpg")), File.ReadAllBytes(photo));
        Assert.Equal(before, _folder.Files);

        string Place(string argument) => argument == "tiny_hf.bin" ? CliRunner.TinyWeights
            : argument is "k.csv" or "in" or "new.npy" ? _folder.Path(argument)
            : argument;
    }

    /// <summary>What a command wrote it replaces, and an empty file is no loss.</summary>
    [Theory]
    [InlineData("o.html", "dedup", "k.csv", "--html")]
    [InlineData("o.csv", "knn", "k.csv", "--split", "0.5", "--predictions")]
    [InlineData("o.png", "knn", "k.csv", "--split", "0.5", "--confusion")]
    [InlineData("o.safetensors", "linear", "k.csv", "--split", "0.5", "--epochs", "1", "--save")]
    [InlineData("o.npz", "index", "k.csv", "-o")]
    [InlineData("o.json", "embed", "in", "-o", "new.npy", "--stats")]
    [InlineData("o.npy", "embed", "in", "--output", "tokens", "-o")]
    [InlineData("o.npz", "embed", "in", "-o")]
    [InlineData("o.csv", "embed", "in", "-o")]
    [InlineData("o.jsonl", "embed", "in", "-o")]
    [InlineData("o.parquet", "embed", "in", "-o")]
    [InlineData("o.safetensors", "embed", "in", "-o")]
    [InlineData("o.safetensors", "weights", "convert", "tiny_hf.bin", "-o")]
    public async Task Own_and_empty_files_are_replaced(string name, params string[] arguments)
    {
        string output = _folder.Write(name, []);
        _folder.Write("in/gray.png", File.ReadAllBytes(Gray));
        _folder.Write("k.csv", "path,e0,e1\na/1.png,1,0\na/2.png,1,0.1\nb/3.png,0,1\nb/4.png,0.1,1\n");
        string[] model = arguments[0] == "embed" ? ["-w", CliRunner.TinyWeights, "-d", "cpu"] : [];
        for (int i = 0; i < 2; i++)
        {
            CliResult result = await CliRunner.RunAsync([.. arguments.Select(Place), output, .. model]);
            Assert.True(result.ExitCode == 0, result.Error);
            Assert.NotEqual(0, new FileInfo(output).Length);
        }

        string Place(string argument) => argument == "tiny_hf.bin" ? CliRunner.TinyWeights
            : argument is "k.csv" or "in" or "new.npy" ? _folder.Path(argument)
            : argument;
    }

    /// <summary>A picture among the inputs, by whatever name.</summary>
    [Theory]
    [InlineData("linked", "--format", "npy", "-o", "x.png")]
    [InlineData("x*.png", "--stats", "x.png")]
    public async Task Embeddings_and_statistics_replace_no_picture_of_the_inputs(params string[] arguments)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege there");
        string picture = _folder.Write("x.png", File.ReadAllBytes(Gray));
        Directory.CreateSymbolicLink(_folder.Path("linked"), ".");
        string[] placed = [.. arguments.Select(argument => argument is "linked" or "x.png" or "x*.png"
            ? _folder.Path(argument) : argument)];
        Assert.Contains(FileKind.NotReplaced, (await CliRunner.EmbedTinyAsync(placed)).FatalLine());
        Assert.Equal(File.ReadAllBytes(Gray), File.ReadAllBytes(picture));
    }

    [Fact]
    public async Task An_index_replaces_no_other_archive()
    {
        string other = _folder.Write("other.npz", "PK\u0003\u0004 my arrays");
        string table = _folder.Write("k.csv", "path,e0,e1\na/1.png,1,0\nb/3.png,0,1\n");
        Assert.Contains(FileKind.NotReplaced, (await CliRunner.RunAsync("index", table, "-o", other)).FatalLine());
    }

    [Theory]
    [InlineData("png")]
    [InlineData("npy")]
    public async Task Preprocess_replaces_what_it_wrote_and_no_other_picture(string format)
    {
        string cat = _folder.Write("pw/cat.jpg", File.ReadAllBytes(GoldenData.Image("rocket.jpg")));
        byte[] other = format == "png" ? File.ReadAllBytes(Gray) : [0x93, .. "NUMPY"u8, 1, 0];
        string unrelated = _folder.Write("pw/cat." + format, other);
        string[] preprocess = ["preprocess", cat, "--format", format, "-q", "-o"];
        Assert.Contains(FileKind.NotReplaced, (await CliRunner.RunAsync([.. preprocess, _folder.Path("pw")])).FatalLine());
        Assert.Equal(other, File.ReadAllBytes(unrelated));
        for (int i = 0; i < 2; i++)
            Assert.Equal(0, (await CliRunner.RunAsync([.. preprocess, _folder.Path("out")])).ExitCode);
        Assert.Contains(FileKind.NotReplaced, (await CliRunner.RunAsync([.. preprocess, _folder.Path("out"), "--size", "32"])).FatalLine());
    }

    /// <summary>A photograph may have the size of what is written.</summary>
    [Fact]
    public async Task Pictures_of_other_programs_stay()
    {
        byte[] photo = File.ReadAllBytes(GoldenData.PathOf("pillow", "png_type2_8bit.png")); // 37x29, RGB
        string unrelated = _folder.Write("pw/cat.png", photo);
        string cat = _folder.Write("cat.jpg", File.ReadAllBytes(GoldenData.Image("rocket.jpg")));
        string table = _folder.Write("k.csv", "path,e0,e1\na/1.png,1,0\na/2.png,1,0.1\nb/3.png,0,1\nb/4.png,0.1,1\n");
        await RefusesAsync("preprocess", cat, "--size", "37x29", "-o", _folder.Path("pw"));
        await RefusesAsync("knn", table, "--split", "0.5", "--confusion", unrelated);
        _folder.Write("maps/gray.pca.png", photo);
        await RefusesAsync("pca", Gray, "-o", _folder.Path("maps"), "-w", CliRunner.TinyWeights, "-d", "cpu");
        Assert.Equal(photo, File.ReadAllBytes(unrelated));
        Assert.Equal(photo, File.ReadAllBytes(_folder.Path("maps", "gray.pca.png")));
    }

    /// <summary>The log of failed images begins with a brace, as other JSON files do.</summary>
    [Theory]
    [InlineData("{\n  \"hidden_size\": 384\n}\n")]
    [InlineData("{\"hidden_size\": 384}\n")]
    [InlineData("{\"path\":\"a.jpg\",\"label\":1}\n")]
    public async Task Json_that_is_no_log_stays(string text)
    {
        string config = _folder.Write("config.json", text);
        CliResult result = await CliRunner.EmbedTinyAsync(Gray, "-o", _folder.Path("x.npy"), "--errors", config);
        Assert.Contains("it is no log of failed images", result.FatalLine());
        Assert.Equal(text, File.ReadAllText(config));
    }

    [Fact]
    public async Task Converted_weights_replace_no_embeddings()
    {
        string embeddings = _folder.Path("e.safetensors");
        Assert.Equal(0, (await CliRunner.EmbedTinyAsync(Gray, "-o", embeddings)).ExitCode);
        byte[] before = File.ReadAllBytes(embeddings);
        await RefusesAsync("weights", "convert", CliRunner.TinyWeights, "-o", embeddings);
        Assert.Equal(before, File.ReadAllBytes(embeddings));
    }

    private static async Task RefusesAsync(params string[] arguments) =>
        Assert.Contains(FileKind.NotReplaced, (await CliRunner.RunAsync(arguments)).FatalLine());

    [Theory]
    [InlineData("attention", "gray.attention-mean.png")]
    [InlineData("pca", "gray.pca.png")]
    [InlineData("features", "gray.tokens-layer2.npy")]
    public async Task Maps_and_features_replace_no_document(string command, string name)
    {
        string document = _folder.Write("out/" + name, "my notes");
        CliResult result = await CliRunner.RunAsync(command, Gray, "-o", _folder.Path("out"), "-w", CliRunner.TinyWeights, "-d", "cpu");
        Assert.Contains(FileKind.NotReplaced, result.FatalLine());
        Assert.Equal("my notes", File.ReadAllText(document));
    }

    [Fact]
    public async Task A_confusion_picture_replaces_no_picture_of_the_inputs()
    {
        foreach (string name in new[] { "cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png" })
            _folder.Write("photos/" + name, File.ReadAllBytes(Gray));
        string picture = _folder.Path("photos", "dog", "1.png");
        string[] knn = [
            "knn", _folder.Path("photos"), "--split", "0.5", "--confusion", picture, "-w", CliRunner.TinyWeights, "-d", "cpu",
            "-q"
        ];
        Assert.Contains(OutputNames.SameFile, (await CliRunner.RunAsync(knn)).FatalLine());
        string table = _folder.Write("k.csv", $"path,e0,e1\n{picture},1,0\ncat/2.png,1,0.1\ncat/3.png,0,1\n");
        Assert.Contains(
            OutputNames.SameFile, (await CliRunner.RunAsync("knn", table, "--split", "0.5", "--confusion", picture, "-q")).FatalLine());
        Assert.Equal(File.ReadAllBytes(Gray), File.ReadAllBytes(picture));
    }

    [Theory]
    [InlineData("embed", "p.npz")]
    [InlineData("index", "p.npz")]
    [InlineData("preprocess", "out")]
    [InlineData("attention", "out")]
    public async Task A_mistyped_input_ends_the_command_before_it_writes(string command, string output)
    {
        _folder.Write("photos/gray.png", File.ReadAllBytes(Gray));
        string result = _folder.Path("p.npz");
        string[] model = command == "preprocess" ? [] : ["-w", CliRunner.TinyWeights, "-d", "cpu"];
        CliResult index = await CliRunner.RunAsync(
            "index", _folder.Path("photos"), "-o", result, "-w", CliRunner.TinyWeights, "-d", "cpu", "-q");
        Assert.Equal(0, index.ExitCode);
        byte[] before = File.ReadAllBytes(result);
        string[] files = _folder.Files;
        string target = _folder.Path(output);
        CliResult failed = await CliRunner.RunAsync([command, _folder.Path("photso"), "-o", target, .. model]);
        Assert.Contains(MissingInput.NoSuchFile, failed.FatalLine());
        Assert.Equal($"hint: did you mean {_folder.Path("photos")}?", failed.ErrorLines[^1]);
        Assert.Equal(before, File.ReadAllBytes(result));
        Assert.Equal(files, _folder.Files);
        Assert.False(Directory.Exists(_folder.Path("out")));
    }

    [Theory]
    [InlineData("nan")]
    [InlineData("skip")]
    public async Task When_every_input_failed_the_result_before_stays(string onError)
    {
        string output = _folder.Path("p.npy"), broken = _folder.Write("broken.png", [1, 2, 3]);
        Assert.Equal(3, (await CliRunner.EmbedTinyAsync(broken, "-o", output, "--on-error", onError)).ExitCode);
        Assert.True(File.Exists(output)); // nothing was there to keep
        Assert.Equal(0, (await CliRunner.EmbedTinyAsync(Gray, "-o", output)).ExitCode);
        byte[] before = File.ReadAllBytes(output);
        CliResult failed = await CliRunner.EmbedTinyAsync(broken, "-o", output, "--on-error", onError);
        Assert.Equal(3, failed.ExitCode);
        Assert.Contains($"{output} stays as it was", failed.Error);
        Assert.Equal(before, File.ReadAllBytes(output));
        Assert.Equal(3, (await CliRunner.EmbedTinyAsync(Gray, broken, "-o", output)).ExitCode);
        Assert.Equal([2, 48], Npy.Read(output).Shape);
    }
}
