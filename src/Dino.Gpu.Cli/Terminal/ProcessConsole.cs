using System.Text;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Terminal;

/// <summary>The console of this process.</summary>
internal static class ProcessConsole
{
    private const int LeastWidth = 40;
    private const int MostWidth = 80;

    /// <summary>Opens the standard streams.</summary>
    public static CliConsole Open()
    {
        bool outputIsTerminal = !Console.IsOutputRedirected;
        return new CliConsole
        {
            Input = new StreamReader(StandardFile.IsOpen(0) ? Console.OpenStandardInput() : Stream.Null, Encoding.UTF8),
            Output = StandardOutput.Open(),
            Text = outputIsTerminal ? Console.Out : null, // knows the terminal's colors and the encoding of Windows
            Error = new StandardError(Console.Error),
            OutputIsTerminal = outputIsTerminal,
            Variable = Environment.GetEnvironmentVariable,
            OutputIsNarrow = outputIsTerminal && Console.WindowWidth is > 0 and < LeastWidth,
            ErrorIsTerminal = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb",
            // Some CI systems and containers make terminals that are 0 columns wide.
            Width = outputIsTerminal && Console.WindowWidth > 0 ? Math.Clamp(Console.WindowWidth, LeastWidth, MostWidth) : MostWidth,
        };
    }

    /// <summary>
    /// Shows the cursor, which a progress bar hides: a process that ends at once cannot clean up the bar.
    /// </summary>
    public static void ShowCursor(CliConsole console)
    {
        if (!console.ErrorIsTerminal)
            return;
        try
        {
            using Stream terminal = Console.OpenStandardError(); // not Console.Error: the bar may hold its lock
            terminal.Write("\e[?25h"u8);
        }
        catch (IOException)
        {
            // the terminal is gone, and its cursor with it
        }
    }
}
