using System.Globalization;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Devices;
using Dino.Gpu.Files;
using Spectre.Console;

namespace Dino.Gpu.Cli.Commands;

/// <summary>One <c>dino compare-precision</c>.</summary>
/// <param name="inputs">Images.</param>
/// <param name="settings">How images become vectors; the precision is of no matter.</param>
/// <param name="json">Whether to print JSON.</param>
/// <param name="console">Standard streams.</param>
internal sealed class ComparePrecisionJob(string[] inputs, EmbeddingSourceSettings settings, bool json, CliConsole console)
{
    /// <returns>0, or 3 if some images could not be read.</returns>
    /// <exception cref="DinoException">
    /// The inputs or the model cannot be used, or the device offers float32 alone.
    /// </exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        console.TellsOnce = true; // each precision reads the pictures again
        using InputList list = await InputOptions.SettleAsync(inputs, console, pathColumn: null, cancellation).ConfigureAwait(false);
        console.TellNotes(list.Notes);
        (EmbeddingTable reference, DeviceInfo device, long failed) =
            await EmbedAsync(list, Precision.Float32, cancellation).ConfigureAwait(false);
        Precision[] others = [.. device.Precisions.Where(precision => precision != Precision.Float32)];
        if (others.Length == 0)
            throw new DinoException($"{device.Id} ({device.Name}) computes in fp32 only", "dino devices --verbose lists what others offer");
        var agreement = new PrecisionAgreement(reference);
        var results = new List<PrecisionResult>();
        foreach (Precision precision in others)
        {
            (EmbeddingTable table, _, _) = await EmbedAsync(list, precision, cancellation).ConfigureAwait(false);
            results.Add(agreement.Of(PrecisionSupport.NameOf(precision), table));
        }

        if (json)
            console.WriteJson(results, CommandJson.Default.ListPrecisionResult);
        else
            WriteTable(results, reference.Count);
        return failed > 0 ? ExitCode.SomeImagesFailed : ExitCode.Success;
    }

    private async Task<(EmbeddingTable Table, DeviceInfo Device, long Failed)> EmbedAsync(
        InputList list, Precision precision, CancellationToken cancellation)
    {
        EmbeddingSourceSettings own = settings with
        {
            Embedder = settings.Embedder with { Model = settings.Model with { Precision = precision } },
        };
        using var source = new EmbeddingSource(own, console);
        EmbeddingTable table = await source.EmbedAsync(EmbeddingSource.NameOf(inputs), list, cancellation).ConfigureAwait(false);
        return (table, source.Device!, source.Failed);
    }

    private void WriteTable(List<PrecisionResult> results, int images)
    {
        Table table = TableOutput.OfNumbers(
            "precision", "cosine, mean", "least", "largest difference", "nearest the same", "of the nearest ten");
        foreach (PrecisionResult result in results)
        {
            table.Add(
                result.Precision, Number(result.MeanCosine), Number(result.LeastCosine),
                result.LargestDifference.ToString("G2", CultureInfo.InvariantCulture), Percent(result.Nearest), Percent(result.NearestTen));
        }

        console.Write(table);
        console.Say($"{Quantity.Of(images, "image")}, each beside its vector in fp32");
    }

    private static string Number(double cosine) => cosine.ToString("F6", CultureInfo.InvariantCulture);

    private static string Percent(double? share) => share is { } value ? value.ToString("P1", CultureInfo.InvariantCulture) : "-";
}
