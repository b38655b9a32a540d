using System.Diagnostics;

namespace Dino.Gpu.Data.Embedding;

/// <summary>What a run's threads spend their time on.</summary>
internal enum Stage
{
    /// <summary>Reading files.</summary>
    Read,

    /// <summary>Decoding.</summary>
    Decode,

    /// <summary>Resizing to the model's input.</summary>
    Resize,

    /// <summary>The model, with copies to and from the device.</summary>
    Model,

    /// <summary>The model had nothing to do.</summary>
    ModelWaiting,

    /// <summary>Rows into the output.</summary>
    Write,
}

/// <summary>Sums of time by stage over all threads. Thread-safe.</summary>
internal sealed class StageTimes
{
    private readonly long[] _ticks = new long[Enum.GetValues<Stage>().Length];
    private readonly long[] _images = new long[Enum.GetValues<Stage>().Length];

    /// <summary>Seconds of a stage, of all threads together.</summary>
    public double Seconds(Stage stage) => (double)Interlocked.Read(ref _ticks[(int)stage]) / Stopwatch.Frequency;

    /// <summary>Images that went through a stage.</summary>
    public long Images(Stage stage) => Interlocked.Read(ref _images[(int)stage]);

    /// <summary>Counts the time until disposal.</summary>
    public Measurement Measure(Stage stage, int images = 1) => new(this, stage, images, Stopwatch.GetTimestamp());

    /// <summary>A measurement that is running.</summary>
    internal readonly struct Measurement(StageTimes times, Stage stage, int images, long start) : IDisposable
    {
        public void Dispose()
        {
            Interlocked.Add(ref times._ticks[(int)stage], Stopwatch.GetTimestamp() - start);
            Interlocked.Add(ref times._images[(int)stage], images);
        }
    }
}
