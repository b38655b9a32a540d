using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Dino.Gpu.Cli.Commands;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli;

/// <summary>
/// The command <c>dino</c>: parses, runs one command, and turns every failure into one line and an exit code.
/// </summary>
internal static class DinoCommandLine
{
    /// <summary>As it is typed.</summary>
    public const string Name = "dino";

    /// <summary>Says that a signal ended the command.</summary>
    public const string Canceled = "canceled";

    private const string Verbose = "--verbose";

    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, CliConsole console, CancellationToken cancellation = default)
    {
        console.IsVerbose = arguments.Contains(Verbose); // in case parsing fails
        try
        {
            RootCommand root = CreateRoot(console, out Option<bool> verbose, out Option<bool> quiet);

            // A leading @ names a list of images. System.CommandLine would read arguments from it.
            var configuration = new ParserConfiguration { ResponseFileTokenReplacer = null };
            ParseResult parsed = root.Parse(arguments, configuration);
            IReadOnlyList<(string Variable, string Argument)> variables =
                OptionVariables.Read(parsed, console.Variable, out (string Variable, string Value)? wrong);
            if (variables.Count > 0)
            {
                IEnumerable<string> further = variables.Select(one => one.Argument);
                parsed = root.Parse(OptionVariables.Insert(arguments, parsed, further), configuration);
            }

            if (parsed.Action is ParseErrorAction)
                return ReportUsage(root, parsed, arguments, variables, console);
            if (wrong is { } one && parsed.Action == parsed.CommandResult.Command.Action) // not --help, nor --version
            {
                console.TellError($"{one.Variable}: expected 1 or 0, found '{one.Value}'", $"set {one.Variable}=1, or unset it");
                return ExitCode.Usage;
            }

            console.IsVerbose = parsed.GetValue(verbose);
            console.IsQuiet = parsed.GetValue(quiet);
            var invocation = new InvocationConfiguration
            {
                Output = console.Text,
                Error = console.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // Program handles signals
            };
            return await parsed.InvokeAsync(invocation, cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            console.Tell($"dino: {Canceled}");
            return ExitCode.Canceled;
        }
        catch (IOException failure) when (BrokenPipe.Is(failure))
        {
            // The reader of our output has read enough, as in `dino embed photos | head -1`.
            return ExitCode.Success;
        }
        catch (Exception failure)
        {
            ReportFailure(failure, console);
            return ExitCode.Fatal;
        }
    }

    /// <summary>The whole command line: every command with its options.</summary>
    internal static RootCommand CreateRoot(CliConsole console, out Option<bool> verbose, out Option<bool> quiet)
    {
        quiet = new Option<bool>("--quiet", "-q") { Description = "Print warnings and errors only.", Recursive = true };
        verbose = new Option<bool>(Verbose)
        {
            Description = "Print more on stderr: device, times, and where an error came from.",
            Recursive = true,
        };
        var root = new RootCommand(RootHelp.Description)
        {
            EmbedCommand.Create(console),
            MergeCommand.Create(console),
            IndexCommand.Create(console),
            SearchCommand.Create(console),
            CompareCommand.Create(console),
            DedupCommand.Create(console),
            AttentionCommand.Create(console),
            FeaturesCommand.Create(console),
            PcaCommand.Create(console),
            KnnCommand.Create(console),
            LinearCommand.Create(console),
#if WITH_SERVER
            ServeCommand.Create(console),
#endif
            WeightsCommand.Create(console),
            ModelsCommand.Create(console),
            DevicesCommand.Create(console),
            BenchCommand.Create(console),
            ComparePrecisionCommand.Create(console),
            PreprocessCommand.Create(console),
        };
        root.Subcommands.Add(HelpCommand.Create(root, console));
        root.Subcommands.Add(CompletionCommand.Create(console));
        root.Subcommands.Add(DocsCommand.Create(root, console));
        root.Options.Add(quiet);
        root.Options.Add(verbose);
        foreach (Command command in root.Subcommands.SelectMany(command => command.Subcommands.Append(command)))
        {
            Parsing.CheckOnlyWhatIsThere(command);
            foreach (Option option in command.Options)
                option.Validators.Add(Parsing.RefuseEmpty);
            foreach (Argument argument in command.Arguments)
            {
                argument.Validators.Add(Parsing.RefuseUnknownOptions);
                argument.Validators.Add(Parsing.RefuseEmpty);
            }
        }

        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Description = "Print help: -h the most used options, --help all.";
        help.Action = new ShowHelp(help, console.Width);
        foreach (string foreign in (string[])["/h", "/?", "-?"])
            help.Aliases.Remove(foreign);
        VersionOption version = root.Options.OfType<VersionOption>().Single();
        version.Description = "Print the version.";
        version.Aliases.Add("-V");
        return root;
    }

    private static int ReportUsage(
        RootCommand root,
        ParseResult parsed,
        IReadOnlyList<string> arguments,
        IReadOnlyList<(string Variable, string Argument)> variables,
        CliConsole console)
    {
        if (arguments.Count == 0)
        {
            new HelpPage(console.Error, console.Width).Write(root, Name, isShort: true);
            return ExitCode.Usage;
        }

        (string message, string hint) = UsageErrors.Of(parsed, ShowHelp.Path(parsed));
        if (variables.Count > 0)
            hint += $"; the environment has {string.Join(", ", variables.Select(one => one.Variable))}";
        console.TellError(message, hint);
        return ExitCode.Usage;
    }

    private static void ReportFailure(Exception failure, CliConsole console)
    {
        failure = DecodeMemory.Of(failure);
        bool isExpected = failure is DinoException or IOException or UnauthorizedAccessException;
        string? hint = (failure as DinoException)?.Hint;
        if (console.IsVerbose)
        {
            foreach (string line in failure.ToString().Split('\n'))
                console.Tell(line);
        }
        else if (failure is not DinoException)
        {
            hint = $"{Verbose} shows where it happened";
        }

        console.TellError(isExpected ? failure.Message : $"unexpected {failure.GetType().Name}: {failure.Message}", hint);
    }
}
