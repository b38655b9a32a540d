using System.Diagnostics;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Model;

namespace Dino.Gpu.Tests.ReadMe;

/// <summary>
/// A folder in which blocks run. It has a copy of <c>samples/</c>, the built command as <c>dino</c>, and a narrow
/// model, which is found when a block names no weights. There is no hub to fetch others from.
/// </summary>
internal sealed class DocFolder : IDisposable
{
    private const string Weights = ".narrow.safetensors";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private readonly Support.TemporaryFolder _folder = new();

    public DocFolder()
    {
        foreach (string file in Directory.GetFiles(Support.SourceTree.Find("samples")))
            _folder.Write("samples/" + System.IO.Path.GetFileName(file), File.ReadAllBytes(file));
        SafetensorsWriter.Write(Path(Weights), SyntheticWeights.Create(Narrow, SyntheticWeights.DefaultSeed), WeightsDataType.Float32);
        string command = System.IO.Path.Combine(AppContext.BaseDirectory, "dino.dll");
        string dino = _folder.Write(".bin/dino", $"#!/bin/sh\nexec dotnet '{command}' \"$@\"\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(dino, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>ViT-S/16 but for its width: the same layers, heads and tokens in a fraction of the time.</summary>
    public static VitConfig Narrow { get; } = VitConfig.VitS16 with { HiddenSize = 96, MlpSize = 384 };

    public string Root => _folder.Root;

    public string Path(string name) => _folder.Path(name);

    /// <summary>Starts a program there.</summary>
    public Process Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = Root,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = Path(".bin") + System.IO.Path.PathSeparator + start.Environment["PATH"];
        start.Environment["DINO_WEIGHTS"] = Path(Weights);
        start.Environment["HF_ENDPOINT"] = "http://127.0.0.1:9"; // the discard port: nobody listens
        start.Environment["XDG_CACHE_HOME"] = Path(".cache");
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        Process process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    /// <summary>Runs a program there to its end.</summary>
    /// <returns>Exit code, and everything that it wrote.</returns>
    public async Task<(int ExitCode, string Output)> RunAsync(string program, params string[] arguments)
    {
        using Process process = Start(program, arguments);
        using var deadline = new CancellationTokenSource(Limit);
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(deadline.Token);
            Task<string> error = process.StandardError.ReadToEndAsync(deadline.Token);
            await process.WaitForExitAsync(deadline.Token);
            return (process.ExitCode, await output + await error);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    public void Dispose() => _folder.Dispose();
}
