using System.Globalization;
using System.Text.Json;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Files;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// Where the time of a run went, and what each of the overlapping stages would allow by itself: <c>--stats FILE</c>.
/// </summary>
/// <param name="Images">Images of this process, failed ones among them.</param>
/// <param name="Failed">Failed images, those of an earlier run among them.</param>
/// <param name="Seconds">From the first input to the last row.</param>
/// <param name="ImagesPerSecond">Images over seconds.</param>
/// <param name="Workers">Threads that read, decode and resize.</param>
/// <param name="DecodeLimit">Images a second of all workers, had they nothing to wait for.</param>
/// <param name="ModelLimit">Images a second of the model, had it nothing to wait for.</param>
/// <param name="ShareOfLimit">Share of the time in which the slower of both was busy.</param>
/// <param name="Stages">Seconds by stage, of all its threads together.</param>
internal sealed record EmbedStatistics(
    long Images,
    long Failed,
    double Seconds,
    double ImagesPerSecond,
    int Workers,
    double DecodeLimit,
    double ModelLimit,
    double ShareOfLimit,
    IReadOnlyDictionary<string, double> Stages)
{
    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
    };

    private static readonly Stage[] Loading = [Stage.Read, Stage.Decode, Stage.Resize];

    public static EmbedStatistics Of(StageTimes times, ProgressCounter counter, int workers, int inFlight)
    {
        double seconds = counter.Elapsed.TotalSeconds;
        double rate = counter.DoneNow / seconds;
        double decoding = Loading.Sum(times.Seconds) / workers;
        double model = times.Seconds(Stage.Model) / inFlight;
        return new EmbedStatistics(
            counter.DoneNow,
            counter.Failed,
            Math.Round(seconds, 3),
            Math.Round(rate, 2),
            workers,
            Rate(times.Images(Stage.Read), decoding),
            Rate(times.Images(Stage.Model), model),
            Math.Round(Math.Max(decoding, model) / seconds, 3),
            Enum.GetValues<Stage>().ToDictionary(Name, stage => Math.Round(times.Seconds(stage), 3)));

        static string Name(Stage stage) => JsonNamingPolicy.CamelCase.ConvertName(stage.ToString());
    }

    /// <exception cref="DinoException">The file cannot be written.</exception>
    public void Save(string path)
    {
        using var file = new AtomicFile(path);
        file.Write([.. JsonSerializer.SerializeToUtf8Bytes(this, Options), (byte)'\n']);
        file.Complete();
    }

    /// <summary>One line.</summary>
    public override string ToString()
    {
        IEnumerable<string> stages = Stages.Select(stage => string.Create(CultureInfo.InvariantCulture, $"{stage.Key} {stage.Value:F1} s"));
        string limits = string.Create(
            CultureInfo.InvariantCulture, $"decoding allows {DecodeLimit:F1} images/s, the model {ModelLimit:F1}");
        string busy = string.Create(CultureInfo.InvariantCulture, $"the slower of them was busy {100 * ShareOfLimit:F0} % of the time");
        return $"{string.Join(", ", stages)}; {limits}, {busy}";
    }

    private static double Rate(long images, double seconds) => seconds > 0 ? Math.Round(images / seconds, 2) : 0;
}
