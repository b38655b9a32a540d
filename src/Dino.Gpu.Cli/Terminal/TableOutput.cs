using Spectre.Console;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>Tables on standard output.</summary>
internal static class TableOutput
{
    // A table in a pipe or a log need not fit a terminal.
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

    /// <summary>A cell. The text may come from a file, so control characters are replaced.</summary>
    public static Text Cell(string text) => new(TerminalText.Visible(text));

    /// <summary>Adds a row of such cells.</summary>
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
