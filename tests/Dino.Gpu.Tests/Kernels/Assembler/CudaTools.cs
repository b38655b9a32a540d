using System.Diagnostics;

namespace Dino.Gpu.Tests.Kernels.Assembler;

/// <summary>
/// NVIDIA's assembler and disassembler, where <c>build/gpu/cuda-tools.sh</c> has put them, or on the path.
/// </summary>
internal static class CudaTools
{
    private static readonly string? Folder = Find();
    private static readonly Lazy<string> Versions = new(() => Run("ptxas", "--version").Output + Run("cuobjdump", "--version").Output);

    /// <summary>Where the tools and what they made are kept between runs.</summary>
    public static string Cache => Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } home
            ? home
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
        "dino-gpu");

    /// <summary>What the tools say of themselves.</summary>
    public static string Version => Versions.Value;

    /// <summary>Skips the test where there are none.</summary>
    public static void Require() => Assert.SkipWhen(Folder is null, "no ptxas and cuobjdump here; build/gpu/cuda-tools.sh fetches them");

    /// <summary>Runs a tool to its end.</summary>
    /// <returns>What it printed, and whether it succeeded.</returns>
    public static (string Output, bool Succeeded) Run(string tool, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(Folder!, tool), arguments)
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

    private static string? Find()
    {
        string?[] folders =
        [
            Environment.GetEnvironmentVariable("DINO_CUDA_TOOLS"), Path.Combine(Cache, "cuda-tools", "bin"),
            .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator),
        ];
        return Array.Find(folders, folder => folder is { Length: > 0 } && Has(folder, "ptxas") && Has(folder, "cuobjdump"));

        static bool Has(string folder, string tool) => File.Exists(Path.Combine(folder, tool));
    }
}
