using Spectre.Console;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>Where tables go.</summary>
internal static class TableOutput
{
    // A table in a pipe or a log is not folded to the width of a terminal that is not there.
    private const int WidthWithoutTerminal = 240;

    /// <param name="output">Standard output.</param>
    /// <param name="toTerminal">Whether it is a terminal, with its own width and perhaps colors.</param>
    public static IAnsiConsole Create(TextWriter output, bool toTerminal)
    {
        IAnsiConsole ansi = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(output),
            Ansi = toTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = toTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
        });
        if (!toTerminal)
            ansi.Profile.Width = WidthWithoutTerminal;
        return ansi;
    }
}
