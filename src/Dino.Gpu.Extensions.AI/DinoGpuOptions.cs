using Dino.Gpu.Checkpoints;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Extensions.AI;

/// <summary>
/// How a program's encoder is loaded, as code or configuration says it. What is not here is in
/// <see cref="DinoOptions"/>; <see cref="Configure"/> reaches it.
/// </summary>
public sealed class DinoGpuOptions
{
    /// <summary>
    /// A checkpoint file, a folder with one, a model in the Hugging Face cache such as <c>facebook/dino-vits16</c>, or
    /// <c>synthetic</c>; null for where <see cref="DinoWeights.Locate(string?)"/> finds one. Nothing is downloaded.
    /// </summary>
    public string? Weights { get; set; }

    /// <summary>The model's name in metadata, results and traces; null for <see cref="Weights"/>.</summary>
    public string? ModelId { get; set; }

    /// <inheritdoc cref="DinoOptions.Device"/>
    public string Device { get; set; } = "auto";

    /// <inheritdoc cref="DinoOptions.Precision"/>
    public Precision Precision { get; set; } = Precision.Float32;

    /// <inheritdoc cref="DinoOptions.BatchSize"/>
    public int? BatchSize { get; set; }

    /// <inheritdoc cref="DinoOptions.Threads"/>
    public int? Threads { get; set; }

    /// <inheritdoc cref="DinoOptions.QueueLimit"/>
    public int QueueLimit { get; set; } = new DinoOptions().QueueLimit;

    /// <inheritdoc cref="DinoOptions.MaxBatchDelay"/>
    public TimeSpan MaxBatchDelay { get; set; }

    /// <summary>Whether embeddings are divided by their length.</summary>
    public bool Normalize { get; set; }

    /// <summary>
    /// Whether the model is loaded and warmed up when the host starts; otherwise by whoever asks for it first.
    /// </summary>
    public bool LoadAtStart { get; set; } = true;

    /// <summary>Decoder of pictures; null for the library's own, which reads JPEG, PNG, BMP, GIF and ICO.</summary>
    public IImageDecoder? Decoder { get; set; }

    /// <summary>Changes what is in no property above, such as the input's size; null for nothing.</summary>
    public Func<DinoOptions, DinoOptions>? Configure { get; set; }

    /// <summary>These options as the encoder takes them.</summary>
    /// <param name="warning">Receives what <see cref="DinoOptions.Warning"/> is told.</param>
    internal DinoOptions ToEncoderOptions(Action<string> warning)
    {
        var options = new DinoOptions
        {
            Device = Device,
            Precision = Precision,
            BatchSize = BatchSize,
            Threads = Threads,
            QueueLimit = QueueLimit,
            MaxBatchDelay = MaxBatchDelay,
            Decoder = Decoder,
            Warning = warning,
        };
        return Configure?.Invoke(options) ?? options;
    }
}
