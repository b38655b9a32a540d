using Spectre.Console;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>Tables on standard output.</summary>
internal static class TableOutput
{
    // A table in a pipe or a log is not folded to the width of a terminal that is not there.
    private const int WidthWithoutTerminal = 240;

    /// <summary>A table with these headings.</summary>
    public static Table Create(params string[] columns) => new Table().Border(TableBorder.Simple).AddColumns(columns);

    /// <summary>A table whose columns after the first hold numbers.</summary>
    public static Table OfNumbers(string first, params string[] others)
    {
        Table table = Create(first);
        foreach (string name in others)
            table.AddColumn(new TableColumn(name).RightAligned());
        return table;
    }

    /// <summary>A cell with text from anywhere.</summary>
    public static Text Cell(string text) => new(TerminalText.Visible(text));

    /// <summary>Adds a row of text from anywhere.</summary>
    public static void Add(this Table table, params string[] cells) => table.AddRow(cells.Select(Cell));

    /// <summary>Writes the table.</summary>
    public static void Write(this CliConsole console, Table table) => Open(console).Write(table);

    private static IAnsiConsole Open(CliConsole console)
    {
        bool toTerminal = console.OutputIsTerminal;
        IAnsiConsole ansi = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(console.Text),
            Ansi = toTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = toTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
        });
        if (!toTerminal)
            ansi.Profile.Width = WidthWithoutTerminal;
        return ansi;
    }
}
