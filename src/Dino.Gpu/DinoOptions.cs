using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu;

/// <summary>Arithmetic of the forward pass.</summary>
public enum Precision
{
    /// <summary>IEEE float32 throughout, on every device.</summary>
    Float32,

    /// <summary>Float32 in memory. Products take 11 bits of the mantissa (TF32), on tensor cores.</summary>
    TensorFloat32,

    /// <summary>
    /// Products of bfloat16 with float32 sums, on tensor cores and on CPUs with AVX512_BF16. LayerNorm, softmax and the
    /// residual stream stay in float32.
    /// </summary>
    BFloat16,

    /// <summary>
    /// Products of float16 with float32 sums, on tensor cores. LayerNorm, softmax and the residual stream stay in
    /// float32.
    /// </summary>
    Float16,

    /// <summary>
    /// Products of bytes with int32 sums, on CPUs with AVX512_VNNI. Activations have a scale for each row and 384 columns,
    /// weights a scale for each output and 384 inputs. Attention is in bfloat16 where the CPU has it, the rest in float32.
    /// </summary>
    Int8,
}

/// <summary>How <see cref="DinoEncoder"/> runs. The defaults do what Hugging Face's processor and model do.</summary>
public sealed record DinoOptions
{
    /// <summary>
    /// <c>auto</c> (CUDA, else an OpenCL GPU, else the CPU; the first that works and computes in
    /// <see cref="Precision"/>), <c>cpu</c>, <c>cuda[:N]</c> or <c>opencl[:N]</c>. <see cref="DinoEncoderGroup"/> also
    /// takes several devices, separated by commas, and <c>cuda:all</c> or <c>opencl:all</c>: those that can be used.
    /// </summary>
    public string Device { get; init; } = "auto";

    /// <summary>
    /// Arithmetic of the forward pass. <see cref="DeviceInfo.Precisions"/> says what a device offers beside float32.
    /// </summary>
    public Precision Precision { get; init; } = Precision.Float32;

    /// <summary>
    /// Model of a training checkpoint, <c>teacher</c> or <c>student</c>; null for the teacher, which DINO evaluates.
    /// </summary>
    public string? Branch { get; init; }

    /// <summary>Attention heads of a block, where neither the checkpoint nor its size tells; else null.</summary>
    public int? Heads { get; init; }

    /// <summary>
    /// How a picture becomes the model's input. <see cref="PreprocessPreset.HuggingFace"/> is the checkpoint's own
    /// <c>preprocessor_config.json</c>, where there is one.
    /// </summary>
    public PreprocessPreset Preprocess { get; init; } = PreprocessPreset.HuggingFace;

    /// <summary>Input width in pixels; null for what the checkpoint says, else the size it was trained on.</summary>
    public int? InputWidth { get; init; }

    /// <summary>Input height in pixels; null for what the checkpoint says, else the size it was trained on.</summary>
    public int? InputHeight { get; init; }

    /// <summary>
    /// How positions are interpolated if the input size is not the trained one; null for the model's own way.
    /// </summary>
    public PositionInterpolation? Interpolation { get; init; }

    /// <summary>Whether the EXIF orientation of a file is applied.</summary>
    public ExifOrientation Orientation { get; init; } = ExifOrientation.Apply;

    /// <summary>Decoder for files and streams; null for the library's own, <see cref="StbImageDecoder"/>.</summary>
    public IImageDecoder? Decoder { get; init; }

    /// <summary>
    /// The most images in one forward pass; larger requests are split. Null chooses: 32 on the CPU, and on a GPU what
    /// fits into its memory.
    /// </summary>
    public int? BatchSize { get; init; }

    /// <summary>
    /// The most pictures of <see cref="IDinoEncoder.EmbedAsync"/> that wait for the model. Further calls end with a
    /// <see cref="DinoBusyException"/> at once. What waits is held by its caller: a path, or the bytes of a file.
    /// </summary>
    public int QueueLimit { get; init; } = 1024;

    /// <summary>
    /// How long a picture of <see cref="IDinoEncoder.EmbedAsync"/> may wait for others although the device is free, at
    /// most a minute. Zero, the default, lets it start at once: while the device is busy, batches fill by themselves.
    /// </summary>
    public TimeSpan MaxBatchDelay { get; init; }

    /// <summary>
    /// The most pictures of <see cref="IDinoEncoder.EmbedAsync"/> that are decoded at the same time, on the thread pool;
    /// null for one a core, less one.
    /// </summary>
    public int? DecodeThreads { get; init; }

    /// <summary>
    /// Receives one line when the encoder departs from its options: when <c>auto</c> or <c>cuda:all</c> skips a GPU
    /// that it cannot use, when a GPU does not run the products that are written for it, when the batch is halved, or
    /// when a <see cref="DinoEncoderGroup"/> continues without a device that failed. It is called on the thread that
    /// opens the device or runs the model.
    /// </summary>
    public Action<string>? Warning { get; init; }

    /// <summary>Threads of the CPU device; null for one per core. Other devices ignore it.</summary>
    public int? Threads { get; init; }

    /// <summary>
    /// Bits of the CPU device's vector registers: 128, 256 or 512; null for the widest of the machine. Vectors of equal
    /// width make equal bytes on every machine whose <see cref="Devices.DeviceInfo.Vectors"/> are equal. Other devices
    /// ignore it.
    /// </summary>
    public int? VectorWidth { get; init; }
}
