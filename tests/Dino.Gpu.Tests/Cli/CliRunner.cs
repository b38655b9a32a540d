using System.Text;
using System.Text.RegularExpressions;
using Dino.Gpu.Cli;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>What a command left behind.</summary>
internal sealed partial record CliResult(int ExitCode, byte[] OutputBytes, string Error)
{
    public string Output => Encoding.UTF8.GetString(OutputBytes);

    public string[] OutputLines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>
    /// Without those of progress, which a slow machine writes every few seconds and a fast one never.
    /// </summary>
    public string[] ErrorLines =>
        [.. Error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Where(line => !IsProgress().IsMatch(line))];

    /// <summary>
    /// A failure: nothing on stdout, and on stderr one line that says what, and perhaps one that says what to do.
    /// </summary>
    /// <returns>Both lines.</returns>
    public string FatalLine()
    {
        Assert.Equal(1, ExitCode);
        Assert.Empty(Output);
        AssertError();
        Assert.DoesNotContain("unexpected", ErrorLines[0]);
        return string.Join('\n', ErrorLines);
    }

    /// <summary>Wrong usage: one line that says what is wrong, and one that says what to do.</summary>
    /// <returns>Both lines.</returns>
    public string UsageLine()
    {
        Assert.Equal(2, ExitCode);
        Assert.Empty(Output);
        Assert.Equal(2, ErrorLines.Length);
        AssertError();
        return string.Join('\n', ErrorLines);
    }

    /// <summary>The grammar of every error.</summary>
    private void AssertError()
    {
        Assert.InRange(ErrorLines.Length, 1, 2);
        Assert.StartsWith(CliConsole.ErrorPrefix, ErrorLines[0]);
        Assert.All(ErrorLines.Skip(1), line => Assert.StartsWith(CliConsole.HintPrefix, line));
    }

    [GeneratedRegex(@"^dino: ([^:]+: )?\d+(/\d+)? images?, ([\d.]+ images/s|first batch running for )")]
    private static partial Regex IsProgress();
}

/// <summary>Runs <c>dino</c> inside the test's process.</summary>
internal static class CliRunner
{
    /// <summary>A checkpoint of 17 tokens, hidden 48: reads an image in a millisecond.</summary>
    public static string TinyWeights { get; } = GoldenData.PathOf("checkpoints", "tiny_hf.bin");

    public static Task<CliResult> RunAsync(params string[] arguments) => RunWithInputAsync("", arguments);

    public static Task<CliResult> RunAsync(CancellationToken cancellation, string[] arguments) =>
        RunAsync(arguments, TextReader.Null, null, cancellation);

    public static Task<CliResult> RunWithInputAsync(string input, params string[] arguments) =>
        RunAsync(arguments, new StringReader(input), null, CancellationToken.None);

    /// <summary>With an environment of its own.</summary>
    public static Task<CliResult> RunAsync(IReadOnlyDictionary<string, string> variables, string[] arguments) =>
        RunAsync(arguments, TextReader.Null, null, CancellationToken.None, variables);

    /// <param name="arguments">The command.</param>
    /// <param name="input">Standard input.</param>
    /// <param name="told">Gets each line of stderr, while the command waits.</param>
    /// <param name="cancellation">As Ctrl-C.</param>
    /// <param name="variables">The environment; null for none.</param>
    public static async Task<CliResult> RunAsync(
        string[] arguments,
        TextReader input,
        Action<string>? told,
        CancellationToken cancellation,
        IReadOnlyDictionary<string, string>? variables = null)
    {
        using var output = new MemoryStream();
        var error = new ToldWriter(told);
        var console = new CliConsole
        {
            Input = input,
            Output = output,
            Error = TextWriter.Synchronized(error),
            Variable = name => variables?.GetValueOrDefault(name),
        };
        int exitCode = await DinoCommandLine.RunAsync(arguments, console, cancellation);
        return new CliResult(exitCode, output.ToArray(), error.ToString());
    }

    /// <summary><c>dino embed</c> with the tiny checkpoint on the CPU.</summary>
    public static Task<CliResult> EmbedTinyAsync(params string[] arguments) =>
        RunAsync(["embed", "--weights", TinyWeights, "--device", "cpu", .. arguments]);

    private sealed class ToldWriter(Action<string>? told) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            told?.Invoke(value ?? "");
        }
    }
}
