using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Dino.Gpu;

/// <summary>
/// The names under which the library measures itself, for <c>AddMeter</c> and <c>AddSource</c> of OpenTelemetry. Nothing
/// is measured where nobody listens.
/// </summary>
public static class DinoTelemetry
{
    /// <summary>The meter.</summary>
    public const string MeterName = "Dino.Gpu";

    /// <summary>The source of activities: <c>embed</c> for each picture of EmbedAsync, <c>forward</c> for each batch.</summary>
    public const string ActivitySourceName = "Dino.Gpu";

    private const string DeviceTag = "dino.gpu.device";
    private const string ErrorTag = "error.type";
    private const string BusyType = "busy";

    internal static readonly ActivitySource Activities = new(ActivitySourceName, ProductVersion.Current);

    private static readonly Meter Meter = new(MeterName, ProductVersion.Current);

    private static readonly Counter<long> Images =
        Meter.CreateCounter<long>("dino.gpu.images", "{image}", "Pictures that went through the model.");

    private static readonly Counter<long> Batches =
        Meter.CreateCounter<long>("dino.gpu.batches", "{batch}", "Batches that went through the model.");

    private static readonly Counter<long> Errors =
        Meter.CreateCounter<long>("dino.gpu.errors", "{error}", "Pictures and batches that failed, and pictures that were refused.");

    private static readonly Histogram<int> BatchSize = Meter.CreateHistogram<int>(
        "dino.gpu.batch.size", "{image}", "Pictures of a batch.",
        advice: new() { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] });

    private static readonly Histogram<double> BatchDuration =
        Duration("dino.gpu.batch.duration", "From the launch of a batch on the device until its results are there.");

    private static readonly Histogram<double> DecodeDuration =
        Duration("dino.gpu.decode.duration", "Reading, decoding and resizing one picture.");

    private static readonly Histogram<double> QueueDuration =
        Duration("dino.gpu.queue.duration", "From the call of EmbedAsync until the picture is in a batch.");

    private static readonly UpDownCounter<int> QueueLength =
        Meter.CreateUpDownCounter<int>("dino.gpu.queue.length", "{image}", "Pictures that wait to be in a batch.");

    /// <summary>One batch has gone through the model.</summary>
    /// <param name="device">Its id.</param>
    /// <param name="images">Pictures of the batch.</param>
    /// <param name="launched">A timestamp of <see cref="Stopwatch"/>.</param>
    internal static void BatchDone(string device, int images, long launched)
    {
        var tag = new KeyValuePair<string, object?>(DeviceTag, device);
        Images.Add(images, tag);
        Batches.Add(1, tag);
        BatchSize.Record(images, tag);
        BatchDuration.Record(Stopwatch.GetElapsedTime(launched).TotalSeconds, tag);
    }

    /// <summary>A picture or a batch has failed, or a picture was refused.</summary>
    internal static void Failed(Exception failure)
    {
        if (Errors.Enabled)
            Failed(ErrorType(failure));
    }

    /// <summary>Pictures were refused before the encoder was asked, because too many wait.</summary>
    internal static void Busy() => Failed(BusyType);

    /// <summary>Pictures have begun to wait, or do not wait any more.</summary>
    internal static void Waiting(int change) => QueueLength.Add(change);

    /// <summary>A picture that waited is in a batch.</summary>
    internal static void Taken(long arrived) => QueueDuration.Record(Stopwatch.GetElapsedTime(arrived).TotalSeconds);

    /// <summary>Measures how a picture is read and decoded.</summary>
    internal static T Decoding<T>(Func<T> decode)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            T result = decode();
            DecodeDuration.Record(Stopwatch.GetElapsedTime(start).TotalSeconds);
            return result;
        }
        catch (Exception failure)
        {
            Failed(failure);
            throw;
        }
    }

    /// <summary>What OpenTelemetry calls <c>error.type</c>: few values, the same for every failure of a kind.</summary>
    internal static string ErrorType(Exception failure) => failure switch
    {
        ImageException image => image.Reason switch
        {
            ImageFailureReason.NotAnImage => "not_an_image",
            ImageFailureReason.Truncated => "truncated",
            ImageFailureReason.Damaged => "damaged",
            ImageFailureReason.TooLarge => "too_large",
            ImageFailureReason.Unsupported => "unsupported",
            ImageFailureReason.WrongSize => "wrong_size",
            _ => "unreadable",
        },
        DinoBusyException => BusyType,
        DeviceMemoryException => "device_memory",
        DeviceException => "device",
        _ => failure.GetType().FullName!,
    };

    private static void Failed(string type) => Errors.Add(1, new KeyValuePair<string, object?>(ErrorTag, type));

    private static Histogram<double> Duration(string name, string description) => Meter.CreateHistogram<double>(
        name, "s", description,
        advice: new() { HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] });
}
