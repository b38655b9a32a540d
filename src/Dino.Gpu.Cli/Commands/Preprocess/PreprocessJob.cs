using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// One <c>dino preprocess</c>: writes one file per image. It names an image that fails, and continues.
/// </summary>
/// <param name="inputs">Arguments: files, folders, globs, lists, archives, <c>-</c>.</param>
/// <param name="pictures">What is written, and how.</param>
/// <param name="json">Whether to print a summary as JSON.</param>
/// <param name="console">Standard streams.</param>
internal sealed class PreprocessJob(IReadOnlyList<string> inputs, PreparedPictures pictures, bool json, CliConsole console)
{
    /// <returns>0, or 3 when an image failed.</returns>
    /// <exception cref="DinoException">
    /// An input is missing, two images would become one file, an image or a file of another kind would be replaced,
    /// or the directory cannot be written.
    /// </exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        using InputList list = await InputOptions.SettleAsync(inputs, console, pathColumn: null, cancellation).ConfigureAwait(false);
        console.TellNotes(list.Notes);
        var failures = new List<FailedImage>();
        using var progress = new ConsoleProgress(ProgressKind.Auto, console, rowsOnTerminal: false)
        {
            OnFailure = (path, reason) => failures.Add(new FailedImage(JsonLinesWriter.Unicode(path), reason)),
        };
        await Task.Run(() => pictures.Write(list, progress, cancellation), cancellation).ConfigureAwait(false);
        progress.Dispose();
        long failed = progress.Counter.Failed;
        string images = Quantity.Of(list.Count, "image");
        console.Say($"{images}{(failed == 0 ? "" : $", {failed} failed")} -> {pictures.Directory}");
        if (json)
        {
            var written = WrittenImages.Of(pictures.Directory, list.Count, failures, progress.Counter.Elapsed);
            console.WriteJson(written, CommandJson.Readable.WrittenImages);
        }

        return failed == 0 ? ExitCode.Success : ExitCode.SomeImagesFailed;
    }
}
