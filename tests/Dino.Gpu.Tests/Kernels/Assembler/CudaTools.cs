using System.Collections.Concurrent;
using System.Diagnostics;

namespace Dino.Gpu.Tests.Kernels.Assembler;

/// <summary>
/// NVIDIA's assembler and disassembler, where <c>build/gpu/cuda-tools.sh</c> has put them, or on the path. For cards that
/// these do not know yet, newer ones on the path or where CUDA installs them.
/// </summary>
internal static class CudaTools
{
    private static readonly ConcurrentDictionary<string, string> Versions = new(StringComparer.Ordinal);
    private static readonly ConcurrentDictionary<int, string?> Folders = new();

    /// <summary>Where the tools and what they made are kept between runs.</summary>
    public static string Cache => Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } home
            ? home
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
        "dino-gpu");

    /// <summary>What the tools for an architecture say of themselves.</summary>
    public static string Version(int architecture) => Versions.GetOrAdd(
        FolderFor(architecture)!,
        _ => Run(architecture, "ptxas", "--version").Output + Run(architecture, "cuobjdump", "--version").Output);

    /// <summary>Skips the test where there are none that know an architecture.</summary>
    public static void Require(int architecture = 90) =>
        Assert.SkipWhen(FolderFor(architecture) is null, architecture > 90
            ? $"no ptxas and cuobjdump that know sm_{architecture} here; CUDA 12.8 and newer have them"
            : "no ptxas and cuobjdump here; build/gpu/cuda-tools.sh fetches them");

    /// <summary>Runs a tool for an architecture to its end.</summary>
    /// <returns>What it printed, and whether it succeeded.</returns>
    public static (string Output, bool Succeeded) Run(int architecture, string tool, params string[] arguments) =>
        Run(Path.Combine(FolderFor(architecture)!, tool), arguments);

    private static (string Output, bool Succeeded) Run(string path, string[] arguments)
    {
        var start = new ProcessStartInfo(path, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (output + errors.Result, process.ExitCode == 0);
    }

    private static string? FolderFor(int architecture) => Folders.GetOrAdd(architecture, Find);

    private static string? Find(int architecture)
    {
        string?[] folders =
        [
            Environment.GetEnvironmentVariable("DINO_CUDA_TOOLS"), Path.Combine(Cache, "cuda-tools", "bin"),
            .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator),
            .. architecture > 90 ? new[] { "/usr/local/cuda/bin", "/opt/cuda/bin" } : [],
        ];
        return Array.Find(
            folders,
            folder => folder is { Length: > 0 } && Has(folder, "ptxas") && Has(folder, "cuobjdump")
                && Run(Path.Combine(folder, "ptxas"), ["--help"]).Output.Contains($"'sm_{architecture}'", StringComparison.Ordinal));

        static bool Has(string folder, string tool) => File.Exists(Path.Combine(folder, tool));
    }
}
