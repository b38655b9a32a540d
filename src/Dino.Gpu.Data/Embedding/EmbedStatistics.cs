using System.Globalization;
using System.Text.Json;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Embedding;

/// <summary>
/// Where the time of a run went, and how fast each of the overlapping stages could be alone: <c>--stats FILE</c>.
/// </summary>
/// <param name="Images">Images of this process, including failed ones.</param>
/// <param name="Failed">Failed images, including those of an earlier process of the run.</param>
/// <param name="Seconds">From the first input to the last row.</param>
/// <param name="ImagesPerSecond">Images divided by seconds.</param>
/// <param name="Workers">Threads that read, decode and resize.</param>
/// <param name="DecodeLimit">Images per second that all workers could load without waiting.</param>
/// <param name="ModelLimit">Images per second that the model could take without waiting.</param>
/// <param name="ShareOfLimit">Share of the time that the slower of the two was busy.</param>
/// <param name="Stages">Seconds of each stage, summed over its threads.</param>
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
    private static readonly Stage[] Loading = [Stage.Read, Stage.Decode, Stage.Resize];

    /// <summary>The statistics of an embedder's work so far.</summary>
    /// <param name="embedder">Has measured its stages.</param>
    /// <param name="images">Images of this process, including failed ones.</param>
    /// <param name="failed">Failed images of the run.</param>
    /// <param name="elapsed">From the first input to the last row.</param>
    public static EmbedStatistics Of(Embedder embedder, long images, long failed, TimeSpan elapsed)
    {
        StageTimes times = embedder.Times;
        double seconds = elapsed.TotalSeconds;
        double rate = images / seconds;
        double decoding = Loading.Sum(times.Seconds) / embedder.Workers;
        double model = times.Seconds(Stage.Model) / embedder.InFlight;
        return new EmbedStatistics(
            images,
            failed,
            Math.Round(seconds, 3),
            Math.Round(rate, 2),
            embedder.Workers,
            Rate(times.Images(Stage.Read), decoding),
            Rate(times.Images(Stage.Model), model),
            Math.Round(Math.Max(decoding, model) / seconds, 3),
            Enum.GetValues<Stage>().ToDictionary(Name, stage => Math.Round(times.Seconds(stage), 3)));

        static string Name(Stage stage) => JsonNamingPolicy.CamelCase.ConvertName(stage.ToString());
    }

    /// <summary>Writes the file.</summary>
    /// <exception cref="DinoException">It cannot be written.</exception>
    public void Save(string path)
    {
        using var file = new AtomicFile(path);
        file.Write([.. JsonSerializer.SerializeToUtf8Bytes(this, EmbedStatisticsJson.Default.EmbedStatistics), (byte)'\n']);
        file.Complete();
    }

    /// <summary>One line for people.</summary>
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
