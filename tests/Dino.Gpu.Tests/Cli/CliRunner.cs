using System.Text;
using Dino.Gpu.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>What a command left behind.</summary>
internal sealed record CliResult(int ExitCode, byte[] OutputBytes, string Error)
{
    public string Output => Encoding.UTF8.GetString(OutputBytes);

    public string[] OutputLines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public string[] ErrorLines => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>The one line of a failure: nothing on stdout, nothing else on stderr.</summary>
    public string FatalLine()
    {
        Assert.Equal(1, ExitCode);
        Assert.Empty(Output);
        string line = Assert.Single(ErrorLines);
        Assert.StartsWith("dino: ", line);
        Assert.DoesNotContain("unexpected", line);
        return line;
    }
}

/// <summary>Runs <c>dino</c> inside the test's process.</summary>
internal static class CliRunner
{
    /// <summary>A checkpoint of 17 tokens, hidden 48: reads an image in a millisecond.</summary>
    public static string TinyWeights { get; } = GoldenData.PathOf("checkpoints", "tiny_hf.bin");

    public static Task<CliResult> RunAsync(params string[] arguments) => RunWithInputAsync("", arguments);

    public static Task<CliResult> RunAsync(CancellationToken cancellation, string[] arguments) => RunAsync("", arguments, cancellation);

    public static Task<CliResult> RunWithInputAsync(string input, params string[] arguments) => RunAsync(input, arguments, CancellationToken.None);

    private static async Task<CliResult> RunAsync(string input, string[] arguments, CancellationToken cancellation)
    {
        using var output = new MemoryStream();
        var error = new StringWriter();
        var console = new CliConsole { Input = new StringReader(input), Output = output, Error = TextWriter.Synchronized(error) };
        int exitCode = await DinoCommandLine.RunAsync(arguments, console, cancellation);
        return new CliResult(exitCode, output.ToArray(), error.ToString());
    }

    /// <summary><c>dino embed</c> with the tiny checkpoint on the CPU.</summary>
    public static Task<CliResult> EmbedTinyAsync(params string[] arguments) =>
        RunAsync(["embed", "--weights", TinyWeights, "--device", "cpu", .. arguments]);
}
