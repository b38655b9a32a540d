using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// <c>benchmarks/gpu/first.sh</c>, which is written for a card: here with stand-ins for what it calls, and with the
/// real command on the emulated card.
/// </summary>
public sealed partial class FirstRunTests : IDisposable
{
    /// <summary>What a tool does that runs the command under it: leaves its own options out.</summary>
    private const string RunDino = "while :; do case \"$1\" in */dino) exec \"$@\" ;; esac; shift || exit 1; done";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>A step that fails, hangs or lacks its tool is told, and the next one runs.</summary>
    [Fact]
    public async Task Every_step_stands_alone()
    {
        RequireBash();
        Script("bundle/dino", """
            case "$*" in
              "devices --json") echo '[]' ;;
              *"--precision bf16 --batches"*) echo broken >&2; exit 3 ;;
              *"--precision fp16 --batches"*) sleep 60 ;;
              *"--precision "*"--batches"*) echo '{"batches": []}' ;;
              embed*) echo "embedded $2" ;;
            esac
            """);
        Script("bundle/Dino.Gpu.Tests", "echo \"$*\"; echo \"devices $DINO_TEST_DEVICES, card $DINO_TEST_CUDA\"");
        Script("tools/nvidia-smi", "echo \"a card\"");
        Script("tools/compute-sanitizer", $"echo \"sanitizer $2\"\n{RunDino}");
        (int code, string summary) = await RunAsync(new() { ["FIRST_LIMIT"] = "4", ["PYTHON"] = "no-python" });
        Assert.Equal(1, code);
        string[] lines = [.. Lines(summary).Select(line => SecondsPattern().Replace(line, " "))];
        Assert.Equal(
            [
                "smi ok", "devices ok", "tests ok", "memcheck-bf16 ok", "memcheck-fp32 ok", "racecheck-bf16 ok", "racecheck-fp32 ok",
                "bench-bf16 failed (exit code 3)", "bench-mma failed (exit code 3)", "bench-fp32 ok",
                "bench-fp16 ended after its limit of 4 s", "bench-tf32 ok",
                "torch skipped: no no-python here", "ncu-products skipped: no ncu here", "ncu-attention skipped: no ncu here",
                "ncu-norm skipped: no ncu here", "ncu-fp32 skipped: no ncu here",
            ],
            lines);
        Assert.Contains("a card", Step("01-smi.log"), StringComparison.Ordinal);
        Assert.Equal("[]\n", Step("02-devices.json"));
        Assert.Contains("*.PortableGemmTests", Step("03-tests.log"), StringComparison.Ordinal);
        Assert.Contains("devices cuda, card real", Step("03-tests.log"), StringComparison.Ordinal);
        Assert.Contains("sanitizer racecheck\nembedded ", Step("06-racecheck-bf16.log"), StringComparison.Ordinal);
        Assert.Equal("{\"batches\": []}\n", Step("10-bench-fp32.json"));
        Assert.True(Directory.Exists(_folder.Path("bundle/Golden/checkpoints"))); // the tests' data, from the source tree
        Assert.True(File.Exists(_folder.Path("out/first.tar.gz")));

        // What no time is left for is told too.
        (code, summary) = await RunAsync(new() { ["FIRST_SECONDS"] = "5" }, "devices");
        Assert.Equal(1, code);
        Assert.EndsWith("  left out: the 5 s are spent", Assert.Single(Lines(summary)), StringComparison.Ordinal);

        // Single steps, in the order of the script.
        (code, summary) = await RunAsync(new() { ["FIRST_PACK"] = "1" }, "devices", "smi");
        Assert.Equal((0, 2), (code, Lines(summary).Length));
        Assert.False(Directory.Exists(_folder.Path("out/steps")));
        Assert.Equal(2, (await RunAsync([], "nothing")).Code);
    }

    /// <summary>The real command, each time in a process of its own, on the emulated card.</summary>
    [Fact]
    public async Task Dry_run_on_the_emulated_card()
    {
        RequireBash();
        Assert.SkipUnless(CudaEmulator.IsUsed, "needs the emulated CUDA device: Linux, a C compiler, and no CUDA card");
        LongTests.RequireEmulated();
        string bundle = AppContext.BaseDirectory;
        SafetensorsWriter.Write(_folder.Path("tiny.safetensors"), SyntheticWeights.Create(TinyModel.Weights.Config with
        {
            HiddenSize = 64,
            MlpSize = 64,
            TrainedGrid = 2,
        }));
        Script("tools/nvidia-smi", "echo \"a card\"");
        Script("tools/compute-sanitizer", RunDino);
        Script("tools/ncu", $"[ \"$1\" = --import ] && exit 0\n{RunDino}");
        // The comparison needs numpy and nothing else: what stands in for torch lies beside the script.
        bool compares = Succeeds("/usr/bin/python3", "-c", "import numpy");
        (int code, string summary) = await RunAsync(
            new()
            {
                ["DOTNET_STARTUP_HOOKS"] = typeof(FirstRunTests).Assembly.Location,
                ["DINO_TEST_CUDA"] = "emulated",
                ["FIRST_WEIGHTS"] = _folder.Path("tiny.safetensors"),
                ["FIRST_BATCHES"] = "1,2",
                ["FIRST_CLASSES"] = "SortedSelectionTests",
                ["FIRST_TORCH_BATCHES"] = "2,1",
                ["FIRST_TORCH_BUDGET"] = "280",
                ["FIRST_LIMIT"] = "300",
                ["FIRST_SECONDS"] = "3600",
                ["PYTHON"] = "/usr/bin/python3",
                ["PYTHONPATH"] = SourceTree.Find("benchmarks", "gpu", "stand_in"),
            },
            bundle,
            []);
        string logs = string.Join('\n', Directory.GetFiles(_folder.Path("out/steps")).Order().Select(File.ReadAllText));
        Assert.True(code == 0, $"{summary}\n{logs}");
        Assert.Equal(17, Lines(summary).Length);
        Assert.All(Lines(summary).Where(line => compares || !line.StartsWith("torch", StringComparison.Ordinal)), line =>
            Assert.EndsWith("ok", line));
        JsonElement device = JsonDocument.Parse(Step("02-devices.json")).RootElement[0];
        Assert.Equal(("cuda:0", true), (device.GetProperty("id").GetString(), device.GetProperty("auto").GetBoolean()));
        Assert.Contains("4 images", Step("04-memcheck-bf16.log"), StringComparison.Ordinal);
        foreach (string bench in new[] { "08-bench-bf16", "09-bench-mma", "10-bench-fp32", "11-bench-fp16", "12-bench-tf32" })
            Assert.Contains("cuda:0", Step($"{bench}.json"), StringComparison.Ordinal);
        if (!compares)
            return;
        Assert.DoesNotContain("left out", Step("13-torch.log"), StringComparison.Ordinal);
        JsonElement accuracy = JsonDocument.Parse(Step("13-torch.json")).RootElement.GetProperty("accuracy");
        Assert.Equal(["dino bf16", "torch sdpa bf16"], accuracy.EnumerateArray().Select(row => row[0].GetString()));
        Assert.All(accuracy.EnumerateArray(), row => Assert.InRange(row[1].GetProperty("cosine").GetDouble(), 0.999, 1.000001));
    }

    /// <summary>The script names the classes whose tests run on a card.</summary>
    [Fact]
    public void Classes_are_those_with_tests_on_a_card()
    {
        string tests = SourceTree.Find("tests", "Dino.Gpu.Tests");
        string[] with =
        [
            .. Directory.GetFiles(tests, "*Tests.cs", SearchOption.AllDirectories)
                .Where(file => file.Split(Path.DirectorySeparatorChar)[^2] is not ("Support" or "Cuda"))
                .Where(file => CudaPattern().IsMatch(File.ReadAllText(file)))
                .Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal)!,
        ];
        string script = File.ReadAllText(SourceTree.Find("benchmarks", "gpu", "first.sh"));
        string list = script[script.IndexOf("classes=(", StringComparison.Ordinal)..];
        string[] named = list[9..list.IndexOf(')', StringComparison.Ordinal)]
            .Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(with, named.Order(StringComparer.Ordinal));
    }

    /// <summary>What a test says that opens a CUDA device by <see cref="TestDevices"/>.</summary>
    [GeneratedRegex(@"\bTestDevice\b(?!\.(OpenCL|IlgpuCpu)\b)|\bTestDevices\.(All|Fast)\b|\bOpenCuda")]
    private static partial Regex CudaPattern();

    [GeneratedRegex(@" +\d+ s +")]
    private static partial Regex SecondsPattern();

    private static bool Succeeds(string program, params string[] arguments)
    {
        if (!File.Exists(program))
            return false;
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    private static void RequireBash() => Assert.SkipUnless(OperatingSystem.IsLinux(), "needs bash and GNU timeout");

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private string Step(string file) => File.ReadAllText(_folder.Path(Path.Combine("out/steps", file)));

    private void Script(string file, string text)
    {
        string path = _folder.Path(file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, "#!/usr/bin/env bash\n" + text + "\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private Task<(int Code, string Summary)> RunAsync(Dictionary<string, string> environment, params string[] steps) =>
        RunAsync(environment, _folder.Path("bundle"), steps);

    private async Task<(int Code, string Summary)> RunAsync(Dictionary<string, string> environment, string bundle, string[] steps)
    {
        var start = new ProcessStartInfo("bash", [SourceTree.Find("benchmarks", "gpu", "first.sh"), bundle, .. steps])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["OUT"] = _folder.Path("out");
        start.Environment["PATH"] = $"{_folder.Path("tools")}:/usr/bin:/bin";
        foreach (string name in new[] { "DINO_TEST_CUDA", "DINO_TEST_DEVICES" })
            start.Environment.Remove(name);
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        TestContext.Current.TestOutputHelper?.WriteLine(output + await errors);
        return (process.ExitCode, output);
    }
}
