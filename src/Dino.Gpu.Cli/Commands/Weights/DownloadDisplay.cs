using System.Globalization;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli.Terminal;
using Spectre.Console;

namespace Dino.Gpu.Cli.Commands;

/// <summary>A download with its progress on stderr: a bar on a terminal, else a line every tenth of the way.</summary>
internal static class DownloadDisplay
{
    /// <inheritdoc cref="WeightsDownload.RunAsync"/>
    public static async Task<WeightsDownloadResult> RunAsync(
        string path, WeightsDownloadOptions options, CliConsole console, CancellationToken cancellation)
    {
        if (console.IsQuiet)
            return await WeightsDownload.RunAsync(path, options, null, cancellation).ConfigureAwait(false);
        if (!console.ErrorIsTerminal || console.ErrorIsJson)
            return await WeightsDownload.RunAsync(path, options, new Lines(console), cancellation).ConfigureAwait(false);

        IAnsiConsole terminal = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(console.Error),
            Ansi = AnsiSupport.Yes,
        });
        return await terminal.Progress()
            .AutoClear(true)
            .Columns(
                new TaskDescriptionColumn(),
                new ProgressBarColumn(),
                new DownloadedColumn(),
                new TransferSpeedColumn(),
                new RemainingTimeColumn())
            .StartAsync(context =>
            {
                ProgressTask task = context.AddTask(Markup.Escape(options.FileName));
                return WeightsDownload.RunAsync(path, options, new Bar(terminal, task), cancellation);
            }).ConfigureAwait(false);
    }

    private sealed class Lines(CliConsole console) : IProgress<WeightsDownloadProgress>
    {
        private long _tenths;

        public void Report(WeightsDownloadProgress value)
        {
            if (value.Retry is { } retry)
                console.Warn(retry);
            long tenths = value.BytesTotal > 0 ? 10 * value.BytesDone / value.BytesTotal : 0;
            if (tenths <= _tenths)
                return;
            _tenths = tenths;
            console.Say(string.Create(CultureInfo.InvariantCulture, $"{10 * tenths} % of {value.BytesTotal / 1e6:F1} MB"));
        }
    }

    private sealed class Bar(IAnsiConsole terminal, ProgressTask task) : IProgress<WeightsDownloadProgress>
    {
        public void Report(WeightsDownloadProgress value)
        {
            if (value.Retry is { } retry)
                terminal.Write(new Text(TerminalText.Line($"dino: warning: {retry}") + "\n"));
            if (value.BytesTotal > 0)
                task.MaxValue = value.BytesTotal;
            task.Value = value.BytesDone;
        }
    }
}
