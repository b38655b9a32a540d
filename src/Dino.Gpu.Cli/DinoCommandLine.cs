using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Text;
using Dino.Gpu.Cli.Commands;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli;

/// <summary>The command <c>dino</c>: parse, run one command, turn every failure into one line and an exit code.</summary>
internal static class DinoCommandLine
{
    /// <summary>Letters of a line of help: wide enough for two columns, and wrapped in a pipe or a very wide terminal too.</summary>
    private const int HelpWidth = 100;
    private const int LeastHelpWidth = 60;

    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, CliConsole console, CancellationToken cancellation = default)
    {
        var verbose = new Option<bool>("--verbose") { Description = "Say more on stderr: device, times, and where an error came from.", Recursive = true };
        var quiet = new Option<bool>("--quiet", "-q") { Description = "No progress and no summary; errors only.", Recursive = true };
        ParseResult? parsed = null;
        try
        {
            RootCommand root = CreateRoot(console, verbose, quiet);

            // A leading @ means a list of images here, which `embed` reads itself; System.CommandLine would splice in arguments.
            parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
            if (parsed.Action is ParseErrorAction)
                return ReportUsage(root, parsed, arguments, console);

            // Leaving the stream open keeps its owner in charge. On a terminal it is Console.Out, which knows width and colors.
            using var plain = new StreamWriter(console.Output, new UTF8Encoding(false), leaveOpen: true) { AutoFlush = true };
            var invocation = new InvocationConfiguration
            {
                Output = console.OutputIsTerminal ? Console.Out : plain,
                Error = parsed.GetValue(quiet) ? TextWriter.Null : console.Error, // notes of any command; failures go to the console itself
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // signals are Program's
            };
            return await parsed.InvokeAsync(invocation, cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            console.Tell("dino: cancelled");
            return ExitCode.Cancelled;
        }
        catch (IOException failure) when (BrokenPipe.Is(failure))
        {
            // The reader of our stdout has what it wanted, as in `dino embed photos | head -1`.
            return ExitCode.Success;
        }
        catch (Exception failure)
        {
            ReportFailure(failure, parsed?.GetValue(verbose) ?? arguments.Contains(verbose.Name), console);
            return ExitCode.Fatal;
        }
    }

    private static RootCommand CreateRoot(CliConsole console, Option<bool> verbose, Option<bool> quiet)
    {
        var root = new RootCommand("DINO ViT image embeddings, on CUDA, OpenCL or the CPU.")
        {
            EmbedCommand.Create(console, verbose, quiet),
            PreprocessCommand.Create(console),
            AttentionCommand.Create(console, verbose, quiet),
            FeaturesCommand.Create(console, verbose, quiet),
            PcaCommand.Create(console, verbose, quiet),
            IndexCommand.Create(console, verbose, quiet),
            SearchCommand.Create(console, verbose, quiet),
            CompareCommand.Create(console, verbose, quiet),
            DedupCommand.Create(console, verbose, quiet),
            KnnCommand.Create(console, verbose, quiet),
            LinearCommand.Create(console, verbose, quiet),
            DevicesCommand.Create(console),
            WeightsCommand.Create(),
            BenchCommand.Create(console, quiet),
            MergeCommand.Create(console, quiet),
        };
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
        var usual = (HelpAction)help.Action!;
        // A terminal that nobody told its size, as some CI systems and containers make them, is 0 wide, and in a sliver no word of two columns has room.
        usual.MaxWidth = usual.MaxWidth == 0 ? HelpWidth : Math.Clamp(usual.MaxWidth, LeastHelpWidth, HelpWidth);
        help.Action = new HelpWithExamples(usual, new Dictionary<string, string>
        {
            [root.Name] = """
                  dino embed photos -o photos.npy     one row of 384 numbers an image
                  dino devices                        what this machine can run it on
                  dino weights pull                   the real weights, into weights/
                  dino embed --help                   all there is to say about one command
                """,
            ["embed"] = EmbedCommand.Examples,
            ["attention"] = AttentionCommand.Examples,
            ["features"] = FeaturesCommand.Examples,
            ["pca"] = PcaCommand.Examples,
            ["index"] = IndexCommand.Examples,
            ["search"] = SearchCommand.Examples,
            ["compare"] = CompareCommand.Examples,
            ["dedup"] = DedupCommand.Examples,
            ["knn"] = KnnCommand.Examples,
            ["linear"] = LinearCommand.Examples,
            ["devices"] = DevicesCommand.Examples,
            ["bench"] = BenchCommand.Examples,
            ["merge"] = MergeCommand.Examples,
        });
        return root;
    }

    private static int ReportUsage(RootCommand root, ParseResult parsed, IReadOnlyList<string> arguments, CliConsole console)
    {
        if (arguments.Count == 0)
        {
            root.Parse(["--help"]).Invoke(new InvocationConfiguration { Output = console.Error, Error = console.Error });
            return ExitCode.Usage;
        }

        var names = new Stack<string>();
        for (CommandResult? command = parsed.CommandResult; command is not null && command.Command != root; command = command.Parent as CommandResult)
            names.Push(command.Command.Name);
        string path = string.Concat(names.Select(name => name + " "));
        IEnumerable<string> messages = parsed.CommandResult.Command.Subcommands.Count == 0
            ? parsed.Errors.Select(error => error.Message).Distinct()
            : [WhatCommand(parsed, path)];
        console.TellError(MessageText.OneLine(string.Join("; ", messages)), $"run 'dino {path}--help'");
        return ExitCode.Usage;
    }

    /// <summary>Where a command is missing, or is none. The parser says both, and names every word behind it.</summary>
    private static string WhatCommand(ParseResult parsed, string path) => parsed.UnmatchedTokens.FirstOrDefault() switch
    {
        null => $"expected a command: {string.Join(", ", parsed.CommandResult.Command.Subcommands.Select(command => path + command.Name))}",
        ['-', ..] option => $"there is no option '{option}'",
        var unknown => $"there is no command '{path}{unknown}'",
    };

    private static void ReportFailure(Exception failure, bool verbose, CliConsole console)
    {
        string message = failure is DinoException or IOException or UnauthorizedAccessException
            ? MessageText.OneLine(failure.Message)
            : $"unexpected {failure.GetType().Name}: {MessageText.OneLine(failure.Message)}";
        string? hint = (failure as DinoException)?.Hint;
        if (verbose)
            console.Tell(failure.ToString());
        else if (failure is not DinoException)
            hint = "--verbose shows where it happened";
        console.TellError(message, hint);
    }
}
