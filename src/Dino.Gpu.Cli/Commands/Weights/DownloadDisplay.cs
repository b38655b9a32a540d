using System.Globalization;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli.Terminal;
using Spectre.Console;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Shows a download on stderr: by a bar on a terminal, else by a line for every tenth.</summary>
internal static class DownloadDisplay
{
    /// <summary>Finds the weights. They are downloaded if there are none.</summary>
    /// <exception cref="DinoException">There are none and they cannot be downloaded.</exception>
    public static async Task<string> FindWeightsAsync(string? option, CliConsole console, CancellationToken cancellation)
    {
        if (DinoWeights.Locate(option) is { } found)
            return found;

        string target = DinoWeights.CachePath;
        // Somebody is waiting, so this gives up early. 'dino weights pull' is more patient, and both resume.
        var options = new WeightsDownloadOptions { Attempts = 2 };
        console.Say($"no weights yet: downloading {options.Repository} once, into {target}");
        try
        {
            return (await ShowAsync(console, progress => DinoWeights.PullAsync(target, options, progress, cancellation))
                .ConfigureAwait(false)).Path;
        }
        catch (DinoException failure)
        {
            throw new DinoException(
                $"no weights found, and the download failed: {failure.Message}",
                $"name a checkpoint with --weights FILE or {DinoWeights.EnvironmentVariable}, "
                + "or use --weights synthetic (seeded, without meaning)",
                failure);
        }
    }

    /// <summary>Shows a download on stderr.</summary>
    /// <param name="console">Its stderr is used.</param>
    /// <param name="download">Downloads; its argument hears the progress, and may be null.</param>
    public static async Task<T> ShowAsync<T>(CliConsole console, Func<IProgress<WeightsDownloadProgress>?, Task<T>> download)
    {
        if (console.IsQuiet)
            return await download(null).ConfigureAwait(false);
        if (!console.ErrorIsTerminal || console.ErrorIsJson)
            return await download(new Lines(console)).ConfigureAwait(false);

        IAnsiConsole terminal = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(console.Error),
            Ansi = AnsiSupport.Yes,
        });
        return await terminal.Progress()
            .AutoClear(true)
            .Columns(new ProgressBarColumn(), new DownloadedColumn(), new TransferSpeedColumn(), new RemainingTimeColumn())
            .StartAsync(context => download(new Bar(terminal, context.AddTask("weights")))).ConfigureAwait(false);
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
