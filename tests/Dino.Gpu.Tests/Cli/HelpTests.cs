using System.CommandLine;
using Dino.Gpu.Cli;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>Help on the terminal, and the page that is made of the same definition.</summary>
public sealed class HelpTests
{
    private static readonly RootCommand Root = DinoCommandLine.CreateRoot(
        new CliConsole { Input = TextReader.Null, Output = Stream.Null, Error = TextWriter.Null }, out _, out _);

    public static TheoryData<string> Commands => [.. All(Root, "")];

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Every_page_fits_a_terminal_and_breaks_no_word(string path)
    {
        foreach (string option in new[] { "-h", "--help" })
        {
            CliResult result = await CliRunner.RunAsync([.. path.Split(' ', StringSplitOptions.RemoveEmptyEntries), option]);
            Assert.Equal(0, result.ExitCode);
            Assert.Empty(result.Error);
            Assert.All(result.OutputLines, line => Assert.InRange(line.Length, 0, 80));
            Assert.StartsWith(Find(path).Description!.Split(' ')[0], result.Output);
        }
    }

    /// <summary>Words of a description come out whole and in order, whatever the width.</summary>
    [Theory]
    [InlineData(40)]
    [InlineData(80)]
    public void Every_option_is_on_the_long_page_with_its_whole_description(int width)
    {
        using var output = new StringWriter();
        Command embed = Find("embed");
        new HelpPage(output, width).Write(embed, "dino embed", isShort: false);
        string page = Words(output.ToString());
        foreach (Option option in embed.Options)
        {
            Assert.Contains(HelpText.Label(option), page);
            Assert.Contains(Words(HelpText.Description(option)), page);
        }
    }

    [Fact]
    public async Task Short_help_has_the_ten_options_people_use_and_long_help_has_headings_and_examples()
    {
        CliResult shortHelp = await CliRunner.RunAsync("embed", "-h");
        Assert.Equal(HelpLayout.ShortOptions, shortHelp.OutputLines.Count(line => line.TrimStart().StartsWith('-')));
        Assert.Contains("-o, --out <FILE|DIR>", shortHelp.Output);
        Assert.DoesNotContain("Examples:", shortHelp.Output);
        CliResult longHelp = await CliRunner.RunAsync("embed", "--help");
        foreach (string heading in new[] { "Arguments:", "Output:", "Inputs:", "Failures:", "Long runs:",
            "Model:", "Images:", "General:", "Examples:" })
            Assert.Contains(heading, longHelp.OutputLines);
    }

    /// <summary>An option that nobody gave a place would be missing from the help.</summary>
    [Theory]
    [MemberData(nameof(Commands))]
    public void Every_option_has_a_group_and_a_description(string path)
    {
        Command command = Find(path);
        string[] placed = [.. HelpLayout.Options(command).SelectMany(group => group.Options).Select(option => option.Name)];
        Assert.Equal(placed.Distinct(), placed);
        Assert.All(command.Options.Where(option => !option.Hidden), option => Assert.Contains(option.Name, placed));
        Assert.All(
            command.Options.Concat<Symbol>(command.Arguments), symbol => Assert.EndsWith(".", symbol.Description!.Split(" [default:")[0]));
        string[] listed = [.. HelpLayout.Commands(Root).SelectMany(group => group.Commands).Select(one => one.Name)];
        Assert.Equal(Root.Subcommands.Where(one => !one.Hidden).Select(one => one.Name).Order(), listed.Order());
    }

    [Fact]
    public async Task Help_as_a_command_is_the_long_page()
    {
        Assert.Equal(await OutputAsync("weights", "pull", "--help"), await OutputAsync("help", "weights", "pull"));
        Assert.Equal(await OutputAsync("--help"), await OutputAsync("help"));
        Assert.Equal(await OutputAsync("--version"), await OutputAsync("-V"));

        static async Task<string> OutputAsync(params string[] arguments) => (await CliRunner.RunAsync(arguments)).Output;
    }

    [Fact]
    public async Task Pages_for_man_have_every_command_and_option()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(0, (await CliRunner.RunAsync("docs", "man", folder.Path("man1"))).ExitCode);
        string[] expected = [.. All(Root, "").Select(path => $"{Words("dino " + path).Replace(' ', '-')}.1")];
        Assert.Equal(expected.Order(), Directory.GetFiles(folder.Path("man1")).Select(Path.GetFileName).Order());
        string page = File.ReadAllText(folder.Path("man1/dino-embed.1"));
        Assert.StartsWith(".TH \"DINO-EMBED\" 1\n.SH NAME\ndino\\-embed \\- Turn images", page);
        foreach (Option option in Find("embed").Options)
            Assert.Contains($".TP\n.B {HelpText.Label(option).Replace("-", "\\-")}\n", page);

        // what is not a macro of ours starts with no dot
        foreach (string line in Directory.GetFiles(folder.Path("man1")).SelectMany(File.ReadAllLines).Where(line => line.StartsWith('.')))
            Assert.Matches(@"^\.(TH|SH|PP|TP|B|nf|fi)( |$)", line);
    }

    [Fact]
    public async Task The_committed_reference_is_that_of_the_command_line()
    {
        CliResult result = await CliRunner.RunAsync("docs", "cli");
        Assert.Equal(0, result.ExitCode);
        string page = File.ReadAllText(SourceTree.Find("docs", "cli.md"));
        Assert.True(page == result.Output, "docs/cli.md differs: run 'dino docs cli > docs/cli.md'");
    }

    private static IEnumerable<string> All(Command command, string path)
    {
        yield return path;
        foreach (Command one in command.Subcommands.Where(one => !one.Hidden))
        {
            foreach (string below in All(one, $"{path} {one.Name}".Trim()))
                yield return below;
        }
    }

    private static Command Find(string path)
    {
        Command command = Root;
        foreach (string name in path.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            command = command.Subcommands.Single(one => one.Name == name);
        return command;
    }

    private static string Words(string text) =>
        string.Join(' ', text.Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries));
}
