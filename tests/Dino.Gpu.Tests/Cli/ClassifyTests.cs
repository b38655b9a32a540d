using System.Text.Json;
using Dino.Gpu.Classification;
using Dino.Gpu.Cli;
using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>
/// <c>dino knn</c> and <c>dino linear</c> on pictures of known classes: colors that the tiny model tells apart though
/// nobody trained it.
/// </summary>
public sealed class ClassifyTests : IDisposable
{
    private static readonly (string Name, int Red, int Green, int Blue)[] Colors = [
        ("blue", 20, 40, 220), ("green", 30, 200, 50), ("red", 220, 30, 20)
    ];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Knn_of_image_folders_and_of_embeddings_are_the_same()
    {
        string train = Pictures("train", 6), test = Pictures("test", 4, seed: 100);
        CliResult images = await RunAsync(
            "knn", train, test, "--k", "1,5,1000", "--json", "--predictions", _folder.Path("p.csv"), "--confusion", _folder.Path("c.png"));
        Assert.Equal(0, images.ExitCode);
        using JsonDocument json = JsonDocument.Parse(images.Output);
        Assert.Equal(18, json.RootElement.GetProperty("train").GetInt32());
        Assert.Equal(12, json.RootElement.GetProperty("test").GetInt32());
        Assert.Equal(["blue", "green", "red"], json.RootElement.GetProperty("classes").EnumerateArray().Select(name => name.GetString()));
        JsonElement[] results = [.. json.RootElement.GetProperty("results").EnumerateArray()];
        Assert.Equal([1, 5, 1000], results.Select(result => result.GetProperty("k").GetInt32()));
        Assert.Equal(1, results[0].GetProperty("top1").GetDouble());

        string[] lines = File.ReadAllLines(_folder.Path("p.csv"));
        Assert.Equal("path,label,predicted,correct,score,predicted2,score2,predicted3,score3", lines[0]);
        Assert.Equal(13, lines.Length);
        Assert.StartsWith($"{Path.Combine(test, "blue", "0.png")},blue,blue,true,1,,,,", lines[1]);
        Assert.True(new StbImageDecoder().Decode(File.ReadAllBytes(_folder.Path("c.png")), ExifOrientation.Ignore).Width > 100);

        // Embedded before, with labels from the folders of the paths, or from a column.
        string trainFile = _folder.Path("train.parquet");
        Assert.Equal(0, (await CliRunner.EmbedTinyAsync(train, "-o", trainFile, "-q")).ExitCode);
        _folder
            .Write("list.csv", "path,kind\n" + string
                .Concat(Directory.GetFiles(test, "*.png", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(path => $"{path},{Path.GetFileName(Path.GetDirectoryName(path))}\n")));
        Assert.Equal(0, (await CliRunner.EmbedTinyAsync(_folder.Path("list.csv"), "-o", _folder.Path("run"), "-q")).ExitCode);
        CliResult embedded = await CliRunner.RunAsync(
            "knn", trainFile, _folder.Path("run"), "--k", "1,5,1000", "--json", "-q", "--device", "cpu");
        Assert.Equal(images.Output, embedded.Output);
        Assert.Empty(embedded.Error);
    }

    [Fact]
    public async Task A_label_column_comes_before_folders()
    {
        string list = _folder
            .Write("list.csv", "path,label,other\n" + string
                .Concat(Directory.GetFiles(Pictures("all", 4), "*.png", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select((path, i) => $"{path},{(path.Contains("red") ? 10 : 9)},{(i == 3 ? "" : "x")}\n")));
        string file = _folder.Path("e.jsonl");
        Assert.Equal(0, (await CliRunner.EmbedTinyAsync(list, "-o", file, "-q")).ExitCode);
        CliResult result = await CliRunner.RunAsync("knn", file, "--split", "0.5", "--k", "3", "--json", "--device", "cpu");
        using JsonDocument json = JsonDocument.Parse(result.Output);
        Assert.Equal(["9", "10"], json.RootElement.GetProperty("classes").EnumerateArray().Select(name => name.GetString())); // as numbers
        Assert.Equal((6, 6), (json.RootElement.GetProperty("train").GetInt32(), json.RootElement.GetProperty("test").GetInt32()));

        Assert.Contains("row 3", (await CliRunner.RunAsync("knn", file, file, "--label-column", "other")).FatalLine());
        Assert.Contains(
            "its columns are 'label', 'other'", (await CliRunner.RunAsync("knn", file, file, "--label-column", "class")).FatalLine());
    }

    [Fact]
    public async Task Linear_learns_saves_and_is_applied_again()
    {
        string train = Pictures("train", 6), test = Pictures("test", 4, seed: 100);
        string probe = _folder.Path("probe.safetensors"), predictions = _folder.Path("p.csv");
        CliResult result = await RunAsync(
            "linear",
            train,
            test,
            "--output",
            "cls",
            "--epochs",
            "20",
            "--lr",
            "0.5",
            "--batch-size",
            "8",
            "--save",
            probe,
            "--predictions",
            predictions,
            "--seed",
            "3");
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("final", result.Output);
        Assert.Contains("100.00 %", result.Output);
        Assert.Equal(20, result.ErrorLines.Count(line => line.StartsWith("dino: epoch ", StringComparison.Ordinal)));
        LinearProbe saved = LinearProbe.Load(probe);
        Assert.Equal(["blue", "green", "red"], saved.ClassNames);
        Assert.Equal(48, saved.Dimension);

        // The same from the library.
        LinearProbe expected = LinearProbe.Train(
            await VectorsAsync(train, saved.ClassNames),
            null,
            new LinearProbeOptions { Device = "cpu", Epochs = 20, LearningRate = 0.5, BatchSize = 8, Seed = 3 });
        Assert.Equal(expected.Weight.ToArray(), saved.Weight.ToArray());

        string again = _folder.Path("again.csv");
        CliResult applied = await RunAsync("linear", "--probe", probe, test, "--predictions", again);
        Assert.Equal(0, applied.ExitCode);
        Assert.Contains("100.00 %", applied.Output);
        Assert.Equal(File.ReadAllText(predictions), File.ReadAllText(again));

        // Pictures that nobody has sorted.
        string flat = Path.GetDirectoryName(_folder.Write("flat/a.png", File.ReadAllBytes(Path.Combine(test, "red", "0.png"))))!;
        CliResult unlabelled = await RunAsync("linear", "--probe", probe, flat, "--unlabelled", "--predictions", again);
        Assert.Equal(0, unlabelled.ExitCode);
        Assert.Empty(unlabelled.Output);
        Assert.Contains($"{Path.Combine(flat, "a.png")},,red,,0.", File.ReadAllText(again));

        // Vectors that were made in another way are refused.
        Assert.Contains("output cls and mean", (await RunAsync("linear", "--probe", probe, test, "--output", "mean", "-q")).FatalLine());
    }

    /// <summary>The original's features of ViT-S, which the tiny model of three blocks does not have.</summary>
    [Fact]
    public async Task Linear_takes_the_last_four_blocks_unless_told_otherwise()
    {
        string train = Pictures("train", 2), probe = _folder.Path("probe.safetensors");
        Assert.Contains("last4", (await RunAsync("linear", train, "--split", "0.5", "-q")).FatalLine());
        Assert.Equal(
            0, (await RunAsync("linear", train, "--split", "0.5", "-q", "--epochs", "1", "--output", "last3", "--save", probe)).ExitCode);
        Assert.Equal(3 * 48, LinearProbe.Load(probe).Dimension);
        Assert.Equal(0, (await RunAsync("linear", "--probe", probe, train, "-q")).ExitCode); // as it was trained, without being told again
    }

    [Fact]
    public async Task Linear_json_has_the_epochs_and_a_seed_gives_the_same_bytes()
    {
        string train = Pictures("train", 5);
        string[] arguments = ["linear", train, "--output", "last2", "--split", "0.6", "--epochs", "3", "--lr", "0.1", "--json", "-q"];
        CliResult result = await RunAsync(arguments);
        using JsonDocument json = JsonDocument.Parse(result.Output);
        JsonElement[] epochs = [.. json.RootElement.GetProperty("epochs").EnumerateArray()];
        Assert.Equal([1, 2, 3], epochs.Select(epoch => epoch.GetProperty("epoch").GetInt32()));
        Assert.Equal(0.05, epochs[0].GetProperty("learningRate").GetDouble(), 1e-12); // 128 of 256
        Assert.True(epochs[0].GetProperty("testLoss").GetDouble() > 0);
        JsonElement[] results = [.. json.RootElement.GetProperty("results").EnumerateArray()];
        Assert.Equal(epochs[2].GetProperty("testTop1").GetDouble(), results[0].GetProperty("top1").GetDouble());
        Assert.Equal((9, 6), (json.RootElement.GetProperty("train").GetInt32(), json.RootElement.GetProperty("test").GetInt32()));
        Assert.Empty(result.Error);
        Assert.Equal(result.Output, (await RunAsync(arguments)).Output);
        Assert.NotEqual(result.Output, (await RunAsync([.. arguments, "--seed", "1"])).Output);
    }

    [Fact]
    public async Task A_broken_image_is_left_out_and_named_once()
    {
        string train = Pictures("train", 3);
        string broken = _folder.Write("train/red/broken.png", [1, 2, 3]);
        CliResult result = await RunAsync("knn", train, Pictures("test", 2, 50), "--k", "1");
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("100.00 %", result.Output);
        Assert.Single(result.ErrorLines, line => line.Contains(broken));
    }

    [Fact]
    public async Task What_cannot_be_judged_is_one_line()
    {
        string train = Pictures("train", 2), test = Pictures("test", 2);
        File.Copy(
            Path.Combine(test, "red", "0.png"), Path.Combine(Directory.CreateDirectory(Path.Combine(test, "zebra")).FullName, "0.png"));
        Assert.Contains("images of classes that " + train + " lacks: 'zebra' (1)", await FatalAsync(train, test));

        Directory.CreateDirectory(Path.Combine(train, "empty"));
        Assert.Contains("no readable image of the class 'empty'", await FatalAsync(train, test));
        Directory.Delete(Path.Combine(train, "empty"));

        string loose = _folder.Write("train/loose.png", File.ReadAllBytes(Path.Combine(test, "red", "0.png")));
        Assert.Contains($"{loose} is of no class: expected {Path.Combine(train, "CLASS", "loose.png")}", await FatalAsync(train, test));
        File.Delete(loose);

        Assert.Contains("found 'red' only", await FatalAsync(Path.Combine(train, "red", "*.png"), test));
        Assert.Contains(
            "no directory", (await RunAsync("knn", train, test, "-q", "--predictions", _folder.Path("nowhere", "p.csv"))).FatalLine());
        Assert.Contains("cannot be compared", await EmbeddedAsync("e.npz", "--output", "mean"));
        Assert.Contains("neither a column 'label' nor paths", await EmbeddedAsync("e.npy"));

        async Task<string> FatalAsync(params string[] inputs) => (await RunAsync(["knn", "-q", .. inputs])).FatalLine();

        async Task<string> EmbeddedAsync(string name, params string[] options)
        {
            Assert.Equal(0, (await CliRunner.EmbedTinyAsync([train, "-o", _folder.Path(name), "-q", .. options])).ExitCode);
            string run = _folder.Path("run-of-" + name.Replace(".", ""));
            Assert.Equal(0, (await CliRunner.EmbedTinyAsync([train, "-o", run, "-q", .. options])).ExitCode);
            return (await RunAsync("knn", train, name == "e.npy" ? _folder.Path(name) : run, "-q")).FatalLine();
        }
    }

    [Theory]
    [InlineData("expected TRAIN and TEST", "knn", "a")]
    [InlineData("expected TEST or --split, found both", "knn", "a", "b", "--split", "0.5")]
    [InlineData("--split: expected a share", "knn", "a", "--split", "1")]
    [InlineData("--k: expected whole numbers", "knn", "a", "b", "--k", "5,0")]
    [InlineData("--temperature: expected a number above 0", "knn", "a", "b", "--temperature", "0")]
    [InlineData("no option '--probe'", "knn", "a", "--probe")]
    [InlineData("--unlabeled: expected TEST", "knn", "a", "b", "--unlabeled")]
    [InlineData("--probe: expected TEST alone", "linear", "--probe", "p", "a", "b")]
    [InlineData("--save keeps", "linear", "--probe", "p", "a", "--save", "q")]
    [InlineData("--lr: expected a number above 0", "linear", "a", "b", "--lr", "nan")]
    [InlineData("--momentum: expected", "linear", "a", "b", "--momentum", "1")]
    [InlineData("--epochs: expected a whole number", "linear", "a", "b", "--epochs", "0")]
    public async Task Wrong_usage_says_what_is_right(string expected, params string[] arguments)
    {
        Assert.Contains(expected, (await CliRunner.RunAsync(arguments)).UsageLine());
    }

    [Fact]
    public async Task Cancelling_leaves_nothing()
    {
        string train = Pictures("train", 3);
        using var cancellation = new CancellationTokenSource();
        CliResult result = await CliRunner.RunAsync(
            [
                "linear", train, "--split", "0.5", "--output", "cls", "--save", _folder.Path("p.safetensors"), "--predictions",
                _folder.Path("p.csv"), "--weights", CliRunner.TinyWeights, "--device", "cpu"
            ],
            TextReader.Null,
            line =>
            {
                if (line.StartsWith("dino: epoch ", StringComparison.Ordinal))
                    cancellation.Cancel();
            },
            cancellation.Token);
        Assert.Equal(130, result.ExitCode);
        Assert.StartsWith(
            "dino: epoch 1/", Assert.Single(result.ErrorLines, line => line.StartsWith("dino: epoch ", StringComparison.Ordinal)));
        Assert.Equal($"dino: {DinoCommandLine.Canceled}", result.ErrorLines[^1]);
        Assert.DoesNotContain(_folder.Files, file => !file.EndsWith(".png", StringComparison.Ordinal));
    }

    private static Task<CliResult> RunAsync(params string[] arguments) =>
        CliRunner.RunAsync([arguments[0], "--weights", CliRunner.TinyWeights, "--device", "cpu", .. arguments[1..]]);

    /// <summary>Noisy pictures of a color a class, in a folder a class.</summary>
    private string Pictures(string name, int count, int seed = 0)
    {
        foreach ((string color, int red, int green, int blue) in Colors)
        {
            string folder = Directory.CreateDirectory(_folder.Path(name, color)).FullName;
            for (int number = 0; number < count; number++)
            {
                var random = new Random(seed + number);
                byte[] pixels = [.. Enumerable.Range(0, 16 * 16).SelectMany(_ => new[] { Noisy(red), Noisy(green), Noisy(blue) })];
                PngFile.Write(Path.Combine(folder, $"{number}.png"), new RgbImage(16, 16, pixels));

                byte Noisy(int value) => (byte)Math.Clamp(value + random.Next(-30, 31), 0, 255);
            }
        }

        return _folder.Path(name);
    }

    private async Task<LabeledVectors> VectorsAsync(string folder, IReadOnlyList<string> classes)
    {
        string file = _folder.Path("library.npy");
        Assert.Equal(0, (await CliRunner.EmbedTinyAsync(folder, "-o", file, "-q")).ExitCode);
        float[] values = Npy.Read(file).Floats;
        int perClass = values.Length / 48 / classes.Count;
        return new LabeledVectors(values, 48, [.. Enumerable.Range(0, values.Length / 48).Select(i => i / perClass)], classes);
    }
}
